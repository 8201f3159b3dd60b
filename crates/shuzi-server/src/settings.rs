//! What a server is made from.

use crate::limits::Limits;
use shuzi_engine::Processor;

/// What a server is made from.
pub struct Settings {
    /// What strangers may make of it.
    pub limits: Limits,
    /// Names besides the local ones that it has, see [`is_host_name`](crate::is_host_name).
    pub hosts: Vec<String>,
    /// What it computes with.
    pub processor: Processor,
    /// What `GET /api/models` answers: the models of [`shuzi::MODEL_FILES`] as JSON.
    pub models: String,
    /// The page's file at a path that begins with `/`, if there is one.
    pub page: fn(&str) -> Option<Asset>,
    /// Whether each request becomes a line of JSON on standard error.
    pub log: bool,
}

/// A file of the page.
#[derive(Clone, Copy)]
pub struct Asset {
    /// Such as `text/html; charset=utf-8`.
    pub content_type: &'static str,
    /// The file.
    pub bytes: &'static [u8],
    /// The same, compressed by Brotli.
    pub brotli: Option<&'static [u8]>,
}
