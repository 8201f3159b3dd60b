//! A line of JSON on standard error for each request.
//!
//! A thread of its own writes, so that a slow reader of standard error delays no answer; when it is far behind, lines are lost
//! rather than kept.

use serde::Serialize;
use std::{
    io::{self, Write},
    sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    thread,
    time::{Duration, SystemTime},
};

pub struct Log(SyncSender<Entry>);

enum Entry {
    Line(Line),
    /// Notify when everything before is written.
    Flush(SyncSender<()>),
}

/// What is logged of a request. Never its query, body or headers.
pub struct Line {
    pub time: SystemTime,
    pub method: String,
    pub path: String,
    pub status: u16,
    pub took: Duration,
    /// Of the answer's body.
    pub bytes: u64,
    /// Why it was refused.
    pub error: Option<&'static str>,
}

impl Log {
    pub fn to_standard_error() -> io::Result<Self> {
        const WAITING: usize = 4096;
        let (sender, entries) = sync_channel(WAITING);
        thread::Builder::new().name("log".into()).spawn(move || write(&entries))?;
        Ok(Log(sender))
    }

    pub fn write(&self, line: Line) {
        let _ = self.0.try_send(Entry::Line(line)); // lost if nobody reads
    }

    /// Waits until everything is written, but not for ever.
    pub fn finish(&self) {
        let (sender, written) = sync_channel(1);
        if self.0.try_send(Entry::Flush(sender)).is_ok() {
            let _ = written.recv_timeout(Duration::from_secs(1));
        }
    }
}

fn write(entries: &Receiver<Entry>) {
    let mut out = io::BufWriter::new(io::stderr());
    loop {
        let entry = match entries.try_recv() {
            Ok(entry) => entry,
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => {
                let _ = out.flush(); // nobody is left to tell when standard error is closed
                match entries.recv() {
                    Ok(entry) => entry,
                    Err(_) => return,
                }
            }
        };
        match entry {
            Entry::Line(line) => {
                let _ = writeln!(out, "{}", line.to_json());
            }
            Entry::Flush(sender) => {
                let _ = out.flush();
                let _ = sender.send(());
            }
        }
    }
}

/// A line as it is written.
#[derive(Serialize)]
struct Written<'a> {
    time: String,
    method: &'a str,
    path: &'a str,
    status: u16,
    ms: f64,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

/// The nearest time that a date can be written of: from 1970 to 9999.
fn within_dates(time: SystemTime) -> SystemTime {
    const TO_9999: Duration = Duration::from_secs(253_402_300_799);
    time.clamp(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + TO_9999)
}

impl Line {
    fn to_json(&self) -> String {
        let written = Written {
            time: humantime::format_rfc3339_millis(within_dates(self.time)).to_string(),
            method: start(&self.method),
            path: start(&self.path),
            status: self.status,
            ms: (self.took.as_secs_f64() * 1e5).round() / 100.0,
            bytes: self.bytes,
            error: self.error,
        };
        serde_json::to_string(&written).expect("text and numbers")
    }
}

/// As much of a path or method as is logged.
fn start(text: &str) -> &str {
    /// Characters.
    const MOST: usize = 200;
    text.char_indices().nth(MOST).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_whatever_the_clock_says() {
        let (epoch, year) = (SystemTime::UNIX_EPOCH, Duration::from_secs(31_557_600));
        for (time, expected) in
            [(epoch - year, "1970-01-01T00:00:00.000Z"), (epoch + 9000 * year, "9999-12-31T23:59:59.000Z")]
        {
            let line = Line { time, ..line() };
            assert!(line.to_json().contains(expected), "{}", line.to_json());
        }
    }

    fn line() -> Line {
        Line {
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
            method: "GET".into(),
            path: format!("/\"\n{}", "x".repeat(300)),
            status: 404,
            took: Duration::from_micros(1234),
            bytes: 7,
            error: Some("not_found"),
        }
    }

    #[test]
    fn a_line_is_one_line_of_json() {
        let text = line().to_json();
        assert!(!text.contains('\n') && text.len() < 400, "{text}");
        for part in
            ["\"2023-11-14T22:13:20.123Z\"", "\"ms\":1.23", "\"status\":404", "\"error\":\"not_found\""]
        {
            assert!(text.contains(part), "{text}");
        }
    }
}
