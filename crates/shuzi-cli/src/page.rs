//! The page that `shuzi serve` shows, as files inside the program.
//!
//! In: a path of the page. Out: its bytes, if there is such a file. A list, not a folder: no path leads out of it.

/// A file of the page.
#[derive(Clone, Copy)]
pub struct Asset {
    pub content_type: &'static str,
    pub bytes: &'static [u8],
    /// The same, compressed.
    pub brotli: Option<&'static [u8]>,
}

/// The file at a path that begins with `/`.
pub fn asset(path: &str) -> Option<Asset> {
    let page = Asset { content_type: "text/html; charset=utf-8", bytes: PAGE.as_bytes(), brotli: None };
    (path == "/").then_some(page)
}

const PAGE: &str = r#"<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>shuzi</title>
<h1>shuzi</h1>
<p>Send a picture to <code>/api/recognize</code>; all else is in <a href="/api/openapi.json">/api/openapi.json</a>.</p>
<p lang="zh-CN">把图片发送到 <code>/api/recognize</code>；其余接口见 <a href="/api/openapi.json">/api/openapi.json</a>。</p>
</html>
"#;
