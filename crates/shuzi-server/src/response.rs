//! Answers that no browser keeps.

use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};

/// An answer for programs.
pub fn json(status: StatusCode, json: impl Into<Body>) -> Response {
    let mut response = text("application/json", json);
    *response.status_mut() = status;
    response
}

/// An answer of some type.
pub fn text(content_type: &'static str, text: impl Into<Body>) -> Response {
    let fresh = HeaderValue::from_static("no-store");
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(content_type)), (CACHE_CONTROL, fresh)];
    (headers, text.into()).into_response()
}
