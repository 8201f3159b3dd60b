//! The stream below hyper: what hyper refuses on its own is said as all other errors are, and who still sends hears it.
//!
//! hyper answers what is no HTTP, or has a header beyond its limits, before any code of ours sees it, with a head and no body.
//! No answer of ours begins as such a head does, so it is known by its first lines, and another one is sent in its place. And a
//! connection that is closed while the client still sends is reset by the system, which takes the answer with it; so after a
//! error what still comes is read, for nothing and not for long.

use crate::{api_error::ApiError, guard};
use axum::{
    body::Bytes,
    http::{StatusCode, header::CONTENT_LENGTH},
    response::IntoResponse,
};
use std::{
    io::{self, ErrorKind, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// How long a client that was refused may go on sending.
const PATIENCE: Duration = Duration::from_secs(2);

/// Says why something with this status could not be read.
pub type Refuse = Arc<dyn Fn(StatusCode) -> ApiError + Send + Sync>;

pub struct Wire<S> {
    stream: S,
    refuse: Refuse,
    /// What is still to be written in the place of hyper's answer.
    left: Bytes,
    /// Whether the last answer was a error: then the client may be sending what nobody reads.
    refused: bool,
    lingering: Option<Pin<Box<Sleep>>>,
}

impl<S> Wire<S> {
    pub fn new(stream: S, refuse: Refuse) -> Self {
        Wire { stream, refuse, left: Bytes::new(), refused: false, lingering: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    /// Looks at what hyper writes; whether something else is to be written in its place.
    fn exchanges(&mut self, bytes: &[u8]) -> bool {
        if self.left.is_empty() {
            if let Some(code) = bytes.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2)) {
                self.refused = *code >= b'4';
            }
            if let Some(status) = bare_status(bytes) {
                self.left = in_place_of(bytes, (self.refuse)(status));
            }
        }
        !self.left.is_empty()
    }

    /// Writes what is left in the place of so many bytes.
    fn poll_write_left(&mut self, context: &mut Context<'_>, length: usize) -> Poll<io::Result<usize>> {
        while !self.left.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.left))?;
            if written == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            let _ = self.left.split_to(written);
        }
        Poll::Ready(Ok(length))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.exchanges(bytes) {
            return self.poll_write_left(context, bytes.len());
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(first) = slices.first()
            && self.exchanges(first)
        {
            return self.poll_write_left(context, first.len());
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        }
        if !this.refused {
            return Poll::Ready(Ok(()));
        }
        let lingering = this.lingering.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        let mut space = [MaybeUninit::uninit(); 4096];
        while lingering.as_mut().poll(context).is_pending() {
            let mut read = ReadBuf::uninit(&mut space);
            let end = ready!(Pin::new(&mut this.stream).poll_read(context, &mut read));
            if end.is_err() || read.filled().is_empty() {
                break; // it has hung up, too
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// The status of an answer that hyper has given on its own.
fn bare_status(answer: &[u8]) -> Option<StatusCode> {
    let rest = answer.strip_prefix(b"HTTP/1.1 ")?;
    let end = rest.windows(2).position(|bytes| bytes == b"\r\n")?;
    let is_bare = rest[end..].starts_with(b"\r\nconnection: close\r\ncontent-length: 0\r\n");
    StatusCode::from_bytes(rest.get(..3)?).ok().filter(|_| is_bare)
}

/// The same head with our headers, and the error behind it.
fn in_place_of(bare: &[u8], error: ApiError) -> Bytes {
    let body = error.to_json();
    let mut headers = error.into_response().into_parts().0.headers;
    headers.extend(guard::HEADERS);
    headers.insert(CONTENT_LENGTH, body.len().into());
    let lines: Vec<u8> = headers
        .iter()
        .flat_map(|(name, value)| [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat())
        .collect();
    let begin = bare.windows(2).position(|bytes| bytes == b"\r\n").expect("the first line ends") + 2;
    let rest = bare[begin..].strip_prefix(b"connection: close\r\ncontent-length: 0\r\n").expect("it is bare");
    [&bare[..begin], b"connection: close\r\n", &lines, rest, body.as_bytes()].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    const BARE: &[u8] =
        b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: now\r\n\r\n";

    fn wire(stream: DuplexStream) -> Wire<DuplexStream> {
        Wire::new(stream, Arc::new(|status| ApiError::new(status, "some_code", "some reason")))
    }

    async fn passed_on(answer: &[u8]) -> String {
        let (mut client, stream) = duplex(7); // so that every write is a part
        let answer = answer.to_vec();
        let writing = tokio::spawn(async move { wire(stream).write_all(&answer).await });
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        writing.await.unwrap().unwrap();
        text
    }

    #[tokio::test]
    async fn a_bare_refusal_is_said_in_json_and_all_else_passed_on() {
        let text = passed_on(BARE).await;
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "{\"error\":{\"code\":\"some_code\",\"message\":\"some reason\"}}\n");
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n"), "{head}");
        for line in [
            format!("content-length: {}", body.len()),
            "date: now".into(),
            "x-content-type-options: nosniff".into(),
        ] {
            assert!(head.lines().any(|found| found == line), "{line}: {head}");
        }
        for answer in [
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 ",
            "some bytes of a picture",
        ] {
            assert_eq!(passed_on(answer.as_bytes()).await, answer);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_refused_may_go_on_sending_but_not_for_ever() {
        let start = tokio::time::Instant::now();
        let (mut client, stream) = duplex(1 << 12);
        let closing = tokio::spawn(async move {
            let mut wire = wire(stream);
            wire.write_all(BARE).await.unwrap();
            wire.shutdown().await
        });
        client.write_all(&[0; 1 << 16]).await.unwrap(); // more than the buffers hold
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("some_code"), "{answer}");
        closing.await.unwrap().unwrap();
        assert!(start.elapsed() >= PATIENCE, "the client is still there");
        assert!(client.write_all(b"more").await.is_err(), "and is cut off");

        let (_client, stream) = duplex(1 << 12);
        let mut satisfied = wire(stream);
        satisfied.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let start = tokio::time::Instant::now();
        satisfied.shutdown().await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO, "nobody waits for others");
    }
}
