//! What strangers may make of the server.

use shuzi_engine::decode;
use std::time::Duration;

/// Sizes, numbers and times.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Of one picture.
    pub picture: decode::Limits,
    /// Bytes of all bodies together.
    pub memory: u64,
    /// Connections at the same time.
    pub connections: usize,
    /// Pictures that wait for a thread.
    pub queue: usize,
    /// For a header to come whole, and for the next one on a connection.
    pub header: Duration,
    /// For a body to come whole.
    pub body: Duration,
    /// Between two parts of a body.
    pub body_pause: Duration,
    /// From a whole request to its answer.
    pub answer: Duration,
    /// For a client to take the next part of an answer.
    pub write: Duration,
    /// For what runs when the server is to stop.
    pub stopping: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            picture: decode::Limits { pixels: 32_000_000, bytes: 32_000_000 },
            memory: 256_000_000,
            connections: 1000, // many systems give a process 1,024
            queue: 256,
            header: Duration::from_secs(10),
            body: Duration::from_secs(60),
            body_pause: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            write: Duration::from_secs(30),
            stopping: Duration::from_secs(10),
        }
    }
}
