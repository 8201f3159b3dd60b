//! A mirror's answer: is it the file, or the rest of it, and nothing else; and its bytes, as they come.

use super::mirror_error::MirrorError;
use rust_i18n::t;
use std::{
    fs,
    io::{self, Read},
    path::Path,
};

/// Where the bytes of a partial answer begin: `Content-Range: bytes START-END/TOTAL`.
pub(super) fn range_start(headers: &ureq::http::HeaderMap) -> Option<u64> {
    headers.get("content-range")?.to_str().ok()?.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

/// Where the bytes of an answer begin in the file: behind those that were there, or at 0.
pub(super) fn check_answer(
    response: &ureq::http::Response<ureq::Body>,
    part: &Path,
    have: u64,
) -> Result<u64, MirrorError> {
    let status = response.status().as_u16();
    let resumed = status == 206 && range_start(response.headers()) == Some(have);
    match status {
        200 | 206 => {}
        416 => {
            let _ = fs::remove_file(part); // more than the mirror has: begin anew
            return Err(MirrorError::Network("416".into()));
        }
        _ => return Err(MirrorError::Status(status)),
    }
    let kind = response.headers().get("content-type");
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
        return Err(MirrorError::WebPage);
    }
    if status == 206 && !resumed {
        let _ = fs::remove_file(part);
        return Err(MirrorError::Network("Content-Range".into()));
    }
    Ok(if resumed { have } else { 0 })
}

/// Hands on what comes, with how much there is then in `total`, until it ends or there is more than `limit`.
pub(super) fn receive(
    mut body: impl Read,
    total: &mut u64,
    limit: u64,
    mut keep: impl FnMut(&[u8], u64) -> Result<(), MirrorError>,
) -> Result<(), MirrorError> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = body.read(&mut buffer).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => MirrorError::Timeout,
            _ => MirrorError::Network(error.to_string()),
        })?;
        if count == 0 {
            return Ok(());
        }
        if *total == 0 && buffer[..count].trim_ascii_start().starts_with(b"<") {
            return Err(MirrorError::WebPage);
        }
        *total += count as u64;
        if *total > limit {
            return Err(MirrorError::Damaged(t!("download.too-large", limit = limit).into()));
        }
        keep(&buffer[..count], *total)?;
    }
}
