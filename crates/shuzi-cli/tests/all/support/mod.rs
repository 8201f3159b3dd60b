//! What the tests of the program share: the program in clean surroundings, and a web server
//! with prepared answers.

#![allow(dead_code, reason = "each test uses its part")]

#[path = "../../../../shuzi-engine/tests/support/mod.rs"]
mod requirements;
#[cfg(all(feature = "serve", unix))]
pub mod serving;

#[allow(unused_imports, reason = "each test uses its part")]
pub use requirements::{golden, mnist, skip};

use shuzi_engine::{
    dataset::synthetic,
    image::{DigitImage, SIDE},
};
use std::{
    fs,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

/// The program, run in `folder`, with no data, no cache and no proxy but what the test sets.
pub fn shuzi(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shuzi"));
    command.current_dir(folder).args(arguments).env_clear();
    command.env("HOME", folder.join("home")).env("LANG", "C");
    command
}

/// Runs it, and gives exit code, standard output and standard error.
pub fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    (status.code().unwrap_or(-1), String::from_utf8(stdout).unwrap(), String::from_utf8_lossy(&stderr).into())
}

/// Runs it, and insists that it ends well: standard output.
pub fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let (code, out, error) = run(&mut shuzi(folder, arguments));
    assert_eq!(code, 0, "{arguments:?}: {error}");
    out
}

/// The one JSON object on standard output.
pub fn json(folder: &Path, arguments: &[&str]) -> serde_json::Value {
    let out = succeed(folder, &[arguments, &["--json", "--quiet"]].concat());
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
}

/// Runs it, and insists that it fails in order: exit code and standard error.
pub fn fail(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let (code, out, error) = run(&mut shuzi(folder, arguments));
    assert!(code == 1 || code == 2, "{arguments:?}: exit code {code}: {out}{error}");
    assert!(!error.contains("panicked") && !error.is_empty(), "{arguments:?}: {error}");
    (code, error)
}

/// The names in a folder, in order.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// An IDX file: its magic number, dimensions and bytes.
pub fn idx(magic: u32, dimensions: &[u32], bytes: &[u8]) -> Vec<u8> {
    let header: Vec<u8> = [&[magic], dimensions].concat().into_iter().flat_map(u32::to_be_bytes).collect();
    [header, bytes.to_vec()].concat()
}

/// A grey PNG.
pub fn png(width: usize, height: usize, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    bytes
}

/// Synthetic digits with their labels, in the order in which a folder of pictures is read: by label.
pub fn digits(count: u64) -> Vec<(DigitImage, u8)> {
    let mut digits: Vec<_> = (0..count).map(|index| synthetic::draw(77, index)).collect();
    digits.sort_by_key(|(_, label)| *label);
    digits
}

pub fn table(digits: &[(DigitImage, u8)]) -> String {
    let line = |(image, label): &(DigitImage, u8)| {
        let pixels: Vec<String> = image.0.iter().map(u8::to_string).collect();
        format!("{label},{}\n", pixels.join(","))
    };
    digits.iter().map(line).collect()
}

/// Writes a picture for each digit: `LABEL/NUMBER.png`.
pub fn pictures(folder: &Path, digits: &[(DigitImage, u8)], picture: impl Fn(&DigitImage) -> Vec<u8>) {
    for (number, (image, label)) in digits.iter().enumerate() {
        let folder = folder.join(label.to_string());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{number:04}.png")), picture(image)).unwrap();
    }
}

pub fn as_it_is(image: &DigitImage) -> Vec<u8> {
    png(SIDE, SIDE, &image.0)
}

/// Dark on white, three times as large, off the middle.
pub fn on_paper(image: &DigitImage) -> Vec<u8> {
    let (width, height) = (3 * SIDE + 30, 3 * SIDE + 10);
    let mut pixels = vec![240; width * height];
    for y in 0..3 * SIDE {
        for x in 0..3 * SIDE {
            pixels[(y + 8) * width + x + 25] -= image.0[y / 3 * SIDE + x / 3] / 5 * 4;
        }
    }
    png(width, height, &pixels)
}

/// Dark synthetic digits side by side on white, each three times as large as MNIST's.
pub fn page(indices: &[u64]) -> (Vec<u8>, String) {
    let (side, height) = (3 * SIDE, 3 * SIDE + 40);
    let width = side * indices.len() + 40;
    let mut pixels = vec![255u8; width * height];
    let mut text = String::new();
    for (place, &index) in indices.iter().enumerate() {
        let (image, label) = synthetic::draw(5, index);
        for y in 0..side {
            for x in 0..side {
                pixels[(y + 20) * width + 20 + place * side + x] -= image.0[y / 3 * SIDE + x / 3];
            }
        }
        text.push(char::from(b'0' + label));
    }
    (png(width, height, &pixels), text)
}

/// Digits that anybody reads.
pub const CLEAR: [u64; 3] = [2, 20, 8];

/// MNIST in the form the mirrors have it, or a word that the test skips.
pub fn packed_mnist() -> Option<PathBuf> {
    let folder = mnist()?;
    if !folder.join("train-images-idx3-ubyte.gz").is_file() {
        skip("SHUZI_DATA has no .gz files");
        return None;
    }
    Some(folder)
}

/// A request that came in.
#[derive(Clone, Debug)]
pub struct Request {
    pub target: String,
    /// The first byte asked for.
    pub range_start: Option<usize>,
    /// How many requests came before this one.
    pub number: usize,
}

/// What the server does with a request.
pub enum Answer {
    /// A status, with a body.
    Status(u16, Vec<u8>),
    /// A web page with status 200.
    Page,
    /// A body, of which only so many bytes come before the connection is cut.
    Cut(Vec<u8>, usize),
    /// The part of a body that was asked for, with status 206.
    Range(Vec<u8>),
    /// A way round in a circle.
    Redirect(String),
    /// A body, a byte whenever the other side has waited for a hundredth of a second.
    Trickle(Vec<u8>),
    /// A byte of a body, and then the connection is cut; asked for the rest, the next byte.
    ByteByByte(Vec<u8>),
    /// Nothing, until the other side hangs up.
    Silence,
}

/// A server on a port of its own that answers every request by a function.
pub struct Server {
    pub url: String,
    pub requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub fn new(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(vec![]));
        let (seen, answer, count) = (Arc::clone(&requests), Arc::new(answer), Arc::new(AtomicUsize::new(0)));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer, count) = (Arc::clone(&seen), Arc::clone(&answer), Arc::clone(&count));
                thread::spawn(move || {
                    let Some((target, range_start)) = read_request(&stream) else { return };
                    let request = Request { target, range_start, number: count.fetch_add(1, SeqCst) };
                    seen.lock().unwrap().push(request.clone());
                    // The other side may have hung up: that is its affair.
                    let _ = write_answer(stream, answer(&request), request.range_start);
                });
            }
        });
        Server { url, requests }
    }

    /// How many requests came.
    pub fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

fn read_request(stream: &TcpStream) -> Option<(String, Option<usize>)> {
    let mut lines = BufReader::new(stream).lines();
    let target = lines.next()?.ok()?.split(' ').nth(1)?.to_string();
    let mut range_start = None;
    for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            range_start = range.split('-').next()?.parse().ok();
        }
    }
    Some((target, range_start))
}

/// Whether the other side has ended the connection, by the time the stream waits for it.
fn hangs_up(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => ![ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()),
    }
}

fn write_answer(mut stream: TcpStream, answer: Answer, range_start: Option<usize>) -> std::io::Result<()> {
    let head = |status: u16, length: usize, more: &str| {
        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n")
    };
    match answer {
        Answer::Status(status, body) => {
            stream.write_all(head(status, body.len(), "").as_bytes())?;
            stream.write_all(&body)
        }
        Answer::Page => {
            let body = b"<!DOCTYPE html><title>Please log in</title>";
            stream.write_all(head(200, body.len(), "").as_bytes())?;
            stream.write_all(body)
        }
        Answer::Cut(body, sent) => {
            stream.write_all(head(200, body.len(), "").as_bytes())?;
            stream.write_all(&body[..sent])
        }
        Answer::Range(body) => {
            let start = range_start.unwrap_or(0);
            let range = format!("Content-Range: bytes {start}-{}/{}\r\n", body.len() - 1, body.len());
            stream.write_all(head(206, body.len() - start, &range).as_bytes())?;
            stream.write_all(&body[start..])
        }
        Answer::Trickle(body) => {
            stream.write_all(head(200, body.len(), "").as_bytes())?;
            stream.set_read_timeout(Some(Duration::from_millis(10)))?;
            for byte in body {
                if hangs_up(&mut stream) {
                    break;
                }
                stream.write_all(&[byte])?;
            }
            Ok(())
        }
        Answer::ByteByByte(body) => {
            let start = range_start.unwrap_or(0);
            let range = format!("Content-Range: bytes {start}-{}/{}\r\n", body.len() - 1, body.len());
            stream.write_all(head(206, body.len() - start, &range).as_bytes())?;
            stream.write_all(&body[start..=start])
        }
        Answer::Redirect(to) => stream.write_all(head(302, 0, &format!("Location: {to}\r\n")).as_bytes()),
        Answer::Silence => {
            while !hangs_up(&mut stream) {}
            Ok(())
        }
    }
}
