//! The bodies of requests: read whole, within limits of size, time and memory.
//!
//! In: a body as it comes. Out: its bytes, which count against the memory of all bodies until they are dropped.

use crate::{api_error::ApiError, limits::Limits};
use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, StatusCode, header},
};
use http_body_util::BodyExt;
use multer::Multipart;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// What one permit of the memory of all bodies stands for.
const UNIT: usize = 1024;

/// How long a body that is too large is read on for nothing. A client that is answered while it sends sees a broken
/// connection, not the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The memory of all bodies.
pub fn memory(bytes: u64) -> Arc<Semaphore> {
    let units = usize::try_from(bytes).unwrap_or(usize::MAX) / UNIT;
    Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS)))
}

/// Pictures that a request brought.
pub struct Pictures {
    pub pictures: Vec<Bytes>,
    _memory: Memory,
}

/// What kind of body it is, by its headers.
#[derive(Debug, PartialEq)]
pub enum Kind {
    Picture,
    /// Parts of a form, between these words.
    Form(String),
}

impl Kind {
    pub fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let unsupported =
            |code, message: String| Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, code, message));
        if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return unsupported(
                "content_encoding",
                "bodies are not unpacked: send no Content-Encoding".into(),
            );
        }
        let Some(found) = headers.get(header::CONTENT_TYPE) else { return Ok(Kind::Picture) };
        let found = String::from_utf8_lossy(found.as_bytes()).trim().to_string();
        let kind = found.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match &*kind {
            "multipart/form-data" => match multer::parse_boundary(&found) {
                Ok(boundary) => Ok(Kind::Form(boundary)),
                Err(error) => Err(ApiError::bad("bad_multipart", format!("multipart/form-data: {error}"))),
            },
            // The last is what curl calls whatever it sends; the bytes show what they are.
            "" | "application/octet-stream" | "application/x-www-form-urlencoded" => Ok(Kind::Picture),
            _ if kind.starts_with("image/") => Ok(Kind::Picture),
            _ => unsupported(
                "content_type",
                format!(
                    "a picture comes as image/*, application/octet-stream or multipart/form-data, not as {kind:?}"
                ),
            ),
        }
    }
}

/// Reads the pictures of a request.
pub async fn read(
    kind: Kind,
    body: Body,
    expects_continue: bool,
    limits: &Limits,
    memory: &Arc<Semaphore>,
) -> Result<Pictures, ApiError> {
    let mut memory = Memory { all: Arc::clone(memory), held: None };
    let reading = read_whole(body, expects_continue, limits, &mut memory);
    let bytes = match timeout(limits.body, reading).await {
        Ok(bytes) => Bytes::from(bytes?),
        Err(_) => return Err(too_slow()),
    };
    if bytes.is_empty() {
        return Err(ApiError::bad("empty", "there is no body: send a picture"));
    }
    let pictures = match kind {
        Kind::Picture => vec![bytes],
        Kind::Form(boundary) => {
            memory.grow(3 * bytes.len())?; // the form and its parts are copies
            parts(bytes, boundary).await?
        }
    };
    Ok(Pictures { pictures, _memory: memory })
}

fn too_slow() -> ApiError {
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "the body did not come in time")
}

async fn read_whole(
    mut body: Body,
    expects_continue: bool,
    limits: &Limits,
    memory: &mut Memory,
) -> Result<Vec<u8>, ApiError> {
    let limit = limits.picture.bytes;
    let announced = body.size_hint().lower();
    if announced > limit {
        if !expects_continue {
            discard(body).await;
        }
        return Err(too_large(limit));
    }
    let mut bytes = vec![];
    loop {
        let frame = timeout(limits.body_pause, body.frame()).await.map_err(|_| too_slow())?;
        let Some(frame) = frame else { return Ok(bytes) };
        let frame = frame.map_err(|_| {
            ApiError::bad("body_cut", "the body ends before its length, or its chunks are damaged")
        })?;
        let Ok(data) = frame.into_data() else { continue }; // trailers
        if (bytes.len() + data.len()) as u64 > limit {
            drop(bytes);
            discard(body).await;
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(&data);
        memory.grow(bytes.capacity())?;
    }
}

fn too_large(limit: u64) -> ApiError {
    ApiError::too_large("too_many_bytes", format!("at most {limit} bytes are read"))
}

/// Reads on for nothing, but not for long.
async fn discard(mut body: Body) {
    let reading = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = timeout(PATIENCE, reading).await; // either way it is enough
}

/// A share of the memory of all bodies.
struct Memory {
    all: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Memory {
    /// Holds so many bytes from now on.
    fn grow(&mut self, bytes: usize) -> Result<(), ApiError> {
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = bytes.div_ceil(UNIT).saturating_sub(held);
        if more == 0 {
            return Ok(());
        }
        let more =
            u32::try_from(more).ok().and_then(|more| Arc::clone(&self.all).try_acquire_many_owned(more).ok());
        let more =
            more.ok_or_else(|| ApiError::busy("memory", "too many pictures are coming in; try again"))?;
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        Ok(())
    }
}

/// The files of a form; what is no file is passed over.
async fn parts(bytes: Bytes, boundary: String) -> Result<Vec<Bytes>, ApiError> {
    /// More parts are not read: each takes time on the thread that all connections share.
    const MOST: usize = 100;
    let bad = |error: multer::Error| ApiError::bad("bad_multipart", format!("multipart/form-data: {error}"));
    let mut form = Multipart::new(Body::from(bytes).into_data_stream(), boundary);
    let (mut files, mut count) = (vec![], 0);
    while let Some(part) = form.next_field().await.map_err(bad)? {
        count += 1;
        if count > MOST {
            return Err(ApiError::too_large("too_many_parts", format!("at most {MOST} parts are read")));
        }
        if part.file_name().is_some() {
            files.push(part.bytes().await.map_err(bad)?);
        }
    }
    if files.is_empty() {
        return Err(ApiError::bad("bad_multipart", "multipart/form-data: there is no file in it"));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use hyper::body::Frame;
    use std::{
        convert::Infallible,
        pin::Pin,
        task::{Context, Poll},
    };

    /// A body whose parts come one in so many seconds; after the last one it goes on for ever, or ends.
    struct Slow {
        parts: Vec<&'static [u8]>,
        seconds: u64,
        ends: bool,
        pause: Pin<Box<tokio::time::Sleep>>,
    }

    impl Slow {
        fn body(seconds: u64, parts: &[&'static [u8]], ends: bool) -> Body {
            let parts = parts.iter().rev().copied().collect();
            let pause = Box::pin(tokio::time::sleep(Duration::from_secs(seconds)));
            Body::new(Slow { parts, seconds, ends, pause })
        }
    }

    impl HttpBody for Slow {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            std::task::ready!(self.pause.as_mut().poll(context));
            let next = tokio::time::Instant::now() + Duration::from_secs(self.seconds);
            self.pause.as_mut().reset(next);
            match self.parts.pop() {
                Some(part) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(part))))),
                None if self.ends => Poll::Ready(None),
                None => Poll::Pending,
            }
        }
    }

    fn limits() -> Limits {
        Limits { picture: shuzi_engine::decode::Limits { pixels: 100, bytes: 4096 }, ..Limits::default() }
    }

    async fn outcome(body: Body, memory: &Arc<Semaphore>) -> Result<usize, &'static str> {
        match read(Kind::Picture, body, false, &limits(), memory).await {
            Ok(pictures) => Ok(pictures.pictures[0].len()),
            Err(error) => Err(error.code),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_that_stall_or_trickle_are_given_up() {
        let memory = memory(1 << 20);
        assert_eq!(outcome(Slow::body(1, &[b"ab", b"c"], true), &memory).await, Ok(3));
        assert_eq!(outcome(Slow::body(1, &[b"ab"], false), &memory).await, Err("body_too_slow"));
        assert_eq!(outcome(Slow::body(1, &[&b"a"[..]; 1000], true), &memory).await, Err("body_too_slow"));
        assert_eq!(memory.available_permits(), 1024, "all memory is given back");
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_are_limited_whether_they_announce_their_length_or_not() {
        let memory = memory(1 << 20);
        let large: &[u8] = &[7; 3000];
        assert_eq!(outcome(Body::from(large), &memory).await, Ok(3000));
        assert_eq!(outcome(Body::from(vec![7; 4097]), &memory).await, Err("too_many_bytes"));
        assert_eq!(
            outcome(Slow::body(1, &[&[7; 3000], &[7; 3000]], false), &memory).await,
            Err("too_many_bytes")
        );
        assert_eq!(outcome(Body::empty(), &memory).await, Err("empty"));
    }

    #[tokio::test(start_paused = true)]
    async fn all_bodies_together_have_so_much_memory() {
        let memory = memory(6000);
        let first = read(Kind::Picture, Body::from(vec![7; 4000]), false, &limits(), &memory).await.unwrap();
        assert_eq!(outcome(Body::from(vec![7; 4000]), &memory).await, Err("memory"));
        drop(first);
        assert_eq!(outcome(Body::from(vec![7; 4000]), &memory).await, Ok(4000));
    }

    #[test]
    fn the_kind_is_read_off_the_headers() {
        let kind = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))]);
            Kind::of(&headers).map_err(|error| error.code)
        };
        assert_eq!(Kind::of(&HeaderMap::new()).unwrap(), Kind::Picture);
        for picture in [
            "image/png",
            "IMAGE/JPEG; q=1",
            "application/octet-stream",
            "application/x-www-form-urlencoded",
            "",
        ] {
            assert_eq!(kind(picture), Ok(Kind::Picture), "{picture}");
        }
        assert_eq!(kind("multipart/form-data; boundary=xyz"), Ok(Kind::Form("xyz".into())));
        assert_eq!(kind("multipart/form-data"), Err("bad_multipart"));
        assert_eq!(kind("application/json"), Err("content_type"));
        let packed = HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))]);
        assert_eq!(Kind::of(&packed).unwrap_err().code, "content_encoding");
    }
}
