//! Why a mirror did not give a file, and how that is said.

use super::pace::LEAST_BYTES_PER_SECOND;
use crate::data::data_sets::DataSet;
use rust_i18n::t;
use std::{io, path::Path};

/// One mirror's answer to the wish for a file.
#[derive(Debug)]
pub(super) enum MirrorError {
    /// No connection, or one that broke; worth another try.
    Network(String),
    /// No answer in time; not worth one.
    Timeout,
    /// Bytes that come too slowly; not worth waiting for.
    Slow,
    /// An HTTP status that is not success.
    Status(u16),
    /// A web page in place of the file.
    WebPage,
    /// Bytes that do not unpack, or are too many.
    Damaged(String),
    /// Bytes with another hash.
    Hash(String),
    /// The disk, not the mirror.
    Disk(anyhow::Error),
}

impl MirrorError {
    pub fn explain(&self, set: &DataSet) -> String {
        match self {
            MirrorError::Network(message) => t!("download.network", message = message),
            MirrorError::Timeout => t!("download.timeout"),
            MirrorError::Slow => t!("download.slow", rate = LEAST_BYTES_PER_SECOND),
            MirrorError::Status(status) => t!("download.status", status = status),
            MirrorError::WebPage => t!("download.web-page"),
            MirrorError::Damaged(message) => t!("download.damaged", message = message),
            MirrorError::Hash(found) => t!("download.hash", set = set.title, found = found),
            MirrorError::Disk(error) => return crate::explain::chain(error),
        }
        .into_owned()
    }
}

/// An error of the request itself.
impl From<ureq::Error> for MirrorError {
    fn from(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Timeout(_) => MirrorError::Timeout,
            // Asking again does not make a wrong address right.
            ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => MirrorError::Status(310),
            ureq::Error::StatusCode(status) => MirrorError::Status(status),
            other => MirrorError::Network(other.to_string()),
        }
    }
}

/// That a file cannot be written.
pub(super) fn disk(path: &Path, error: io::Error) -> MirrorError {
    let context = t!("files.writing", path = path.display()).into_owned();
    MirrorError::Disk(anyhow::Error::new(error).context(context))
}
