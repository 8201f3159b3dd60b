//! The page's files over HTTP: compressed where that is welcome, and not again when the browser has them.
//!
//! In: a path and what the browser says it has and takes. Out: the file, 304, or 404.

use crate::{
    api_error::{ApiError, wrong_method},
    server::Server,
    settings::Asset,
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, Method, StatusCode,
        header::{
            ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
        },
    },
    response::{IntoResponse, Response},
};
use std::sync::Arc;

/// Everything that is not of the API.
pub async fn serve(State(server): State<Arc<Server>>, request: Request) -> Response {
    let Some(asset) = (server.page)(request.uri().path()) else {
        return ApiError::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "there is nothing here; see /api/openapi.json",
        )
        .into_response();
    };
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return ([(ALLOW, "GET,HEAD")], wrong_method().await).into_response();
    }
    let (bytes, encoding) = choose(asset, request.headers());
    let tag = server.hashes.tag(bytes);
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    let value = |text: &str| text.try_into().expect("letters");
    headers.insert(ETAG, value(&tag));
    headers.insert(CACHE_CONTROL, value("no-cache")); // keep it, but ask
    if asset.brotli.is_some() {
        headers.insert(VARY, value("accept-encoding"));
    }
    if has_already(request.headers(), &tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        return response;
    }
    headers.insert(CONTENT_TYPE, value(asset.content_type));
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, value(encoding));
    }
    response
}

/// The bytes to send, and how they are packed.
fn choose(asset: Asset, headers: &HeaderMap) -> (&'static [u8], Option<&'static str>) {
    match asset.brotli {
        Some(packed) if accepts_brotli(headers) => (packed, Some("br")),
        _ => (asset.bytes, None),
    }
}

/// Whether `br` is among the encodings, and not with a weight of 0.
fn accepts_brotli(headers: &HeaderMap) -> bool {
    list(headers, ACCEPT_ENCODING).any(|encoding| {
        let (name, weight) = encoding.split_once(';').unwrap_or((encoding, "q=1"));
        let weight = weight.trim().trim_start_matches(['q', 'Q']).trim_start_matches('=');
        name.trim().eq_ignore_ascii_case("br") && weight.parse::<f32>().is_ok_and(|weight| weight > 0.0)
    })
}

fn has_already(headers: &HeaderMap, tag: &str) -> bool {
    list(headers, IF_NONE_MATCH).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

/// The parts of a header with commas.
fn list(headers: &HeaderMap, name: axum::http::HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::{super::etag::Hashes, *};
    use axum::http::HeaderValue;

    #[test]
    fn brotli_is_sent_to_those_who_take_it() {
        let asset = Asset { content_type: "text/plain", bytes: b"plain", brotli: Some(b"packed") };
        for (accepted, expected) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("BR;q=0.5", Some("br")),
            ("br; q=0", None),
            ("br;q=0.000", None),
            ("gzip", None),
            ("", None),
            ("abra", None),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
            assert_eq!(choose(asset, &headers).1, expected, "{accepted}");
        }
        assert_eq!(choose(Asset { brotli: None, ..asset }, &HeaderMap::new()), (&b"plain"[..], None));
    }

    #[test]
    fn each_form_of_a_file_has_a_tag_of_its_own() {
        let hashes = Hashes::default();
        let (plain, packed) = (hashes.tag(b"plain"), hashes.tag(b"packed"));
        assert!(plain != packed && plain == hashes.tag(b"plain") && plain.len() == 34);
        for (known, has) in
            [("*", true), (&*plain, true), (&format!("\"x\", W/{plain}"), true), (&packed, false)]
        {
            let headers = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_str(known).unwrap())]);
            assert_eq!(has_already(&headers, &plain), has, "{known}");
        }
    }
}
