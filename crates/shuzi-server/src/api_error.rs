//! Why a request is not done, as JSON: `{"error": {"code", "message"}}`.
//!
//! For programs, so in English only, and the code does not change when the message does. What a client did is a 4xx; a 5xx says
//! that the server is busy (503, with Retry-After) or wrong (500).

use crate::response;
use axum::{
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde_json::json;
use shuzi_engine::decode::DecodeError;

#[derive(Debug)]
pub struct ApiError {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
}

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        ApiError { status, code, message: message.into() }
    }

    /// The request is not as it should be.
    pub fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub fn too_large(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, code, message)
    }

    /// Nothing is wrong with the request but its time.
    pub fn busy(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
    }

    /// The same of a picture of a form, by its place from 1.
    pub fn of_picture(self, place: usize, count: usize) -> Self {
        let mut message = format!("picture {place} of {count}: {}", self.message);
        if self.code == "too_many_pixels" {
            message += " here; the pixels of all pictures of a request are counted together";
        }
        ApiError { message, ..self }
    }

    /// What clients read.
    pub fn to_json(&self) -> String {
        format!("{}\n", json!({ "error": { "code": self.code, "message": self.message } }))
    }

    /// A mistake of ours.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the server made a mistake; the request is lost",
        )
    }
}

/// The path is there, but not for this method.
pub async fn wrong_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", "this is not for this method; see Allow")
}

impl From<DecodeError> for ApiError {
    fn from(error: DecodeError) -> Self {
        let (code, message) = (error.code(), error.to_string());
        match error {
            DecodeError::Empty => ApiError::bad(code, "the picture is empty"),
            DecodeError::TooManyBytes { .. } | DecodeError::TooManyPixels { .. } => {
                ApiError::too_large(code, message)
            }
            DecodeError::NotAPicture | DecodeError::Unsupported { .. } => ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                code,
                format!("not a picture that is read: {message}"),
            ),
            _ => ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, message),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        /// Seconds. Most pictures take milliseconds, so most queues are short by then.
        const LATER: HeaderValue = HeaderValue::from_static("1");
        let mut response = response::json(self.status, self.to_json());
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, LATER);
        }
        response.extensions_mut().insert(self.code);
        response
    }
}
