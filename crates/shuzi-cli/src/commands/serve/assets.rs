//! The page's files as the server gives them; without the page, a word on that instead.

use crate::page;
use rust_i18n::t;
use shuzi_server::Asset;
use std::sync::LazyLock;

/// The file at a path that begins with `/`. A list, not a folder: no path leads out of it.
pub fn asset(path: &str) -> Option<Asset> {
    let name = path.strip_prefix('/')?;
    let name = if name.is_empty() { "index.html" } else { name };
    if !page::is_built() && name == "index.html" {
        let content_type = "text/html; charset=utf-8";
        return Some(Asset { content_type, bytes: WITHOUT_PAGE.as_bytes(), brotli: None });
    }
    let (name, bytes, packed) = page::FILES.iter().find(|(found, ..)| *found == name)?;
    let content_type = match name.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    };
    Some(Asset { content_type, bytes, brotli: Some(packed) })
}

/// What the server shows in the place of a page that was not built, in both languages.
static WITHOUT_PAGE: LazyLock<String> = LazyLock::new(|| {
    let paragraphs = ["en", "zh-CN"].map(|language| {
        let (missing, api) = (t!("page.missing", locale = language), t!("page.api", locale = language));
        format!("<p lang=\"{language}\">{missing}</p>\n<p lang=\"{language}\">{api}</p>\n")
    });
    let head = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
                <meta name=\"viewport\" content=\"width=device-width\">\n<title>shuzi</title>\n<h1>shuzi</h1>\n";
    format!("{head}{}</html>\n", paragraphs.concat())
});
