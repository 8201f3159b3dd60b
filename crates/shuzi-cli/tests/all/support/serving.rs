//! `shuzi serve` as another process, and what it answers.

use super::shuzi;
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::{TempDir, tempdir};

/// The program, serving on a port of its own until it is dropped.
pub struct Server {
    pub child: Child,
    pub folder: TempDir,
    pub address: String,
}

impl Server {
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    pub fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = tempdir().unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = shuzi(folder.path(), &[&["serve", "--port", "0"], arguments].concat());
        command.stdout(Stdio::piped()).stderr(log).envs(environment.iter().copied());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let address = address.unwrap_or_else(|| panic!("{line:?}: {}", log_of(folder.path()))).to_string();
        Server { child, folder, address }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap(); // a defect fails, it does not hang
        stream
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        self.ask_host("localhost", method, path, headers, body)
    }

    pub fn ask_host(&self, host: &str, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut stream = self.connect();
        let host = format!("Host: {host}");
        let head = head(method, path, &[&[&host, "Connection: close"], headers].concat(), body.len());
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        Answer::read(&mut BufReader::new(stream))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    pub fn recognize(&self, query: &str, picture: &[u8]) -> Answer {
        self.ask("POST", &format!("/api/recognize{query}"), &["Content-Type: image/png"], picture)
    }

    /// Sends bytes as they are, and takes all answers until the server hangs up.
    pub fn exchange(&self, bytes: &[u8]) -> Vec<Answer> {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        Answer::all(stream)
    }

    /// The same, and says that no more will come.
    pub fn exchange_cut(&self, bytes: &[u8]) -> Vec<Answer> {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        Answer::all(stream)
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    pub fn log(&self) -> String {
        log_of(self.folder.path())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}

fn log_of(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap()
}

pub fn head(method: &str, path: &str, headers: &[&str], length: usize) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    headers.iter().for_each(|header| head += &format!("{header}\r\n"));
    head + &format!("Content-Length: {length}\r\n\r\n")
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn read(from: &mut impl BufRead) -> Self {
        let mut lines = vec![];
        loop {
            let mut line = String::new();
            assert!(from.read_line(&mut line).unwrap() > 0, "cut: {lines:?}");
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_string()),
            }
        }
        let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines[1..]
            .iter()
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_string()))
            .collect();
        let mut answer = Answer { status, headers, body: vec![] };
        let length = answer.header("content-length").map_or(0, |length| length.parse::<u64>().unwrap());
        from.take(length).read_to_end(&mut answer.body).unwrap();
        assert!(answer.body.len() as u64 == length || answer.body.is_empty(), "cut: {answer:?}"); // or a HEAD
        answer
    }

    /// Everything that still comes.
    pub fn all(mut from: impl Read) -> Vec<Self> {
        let (mut bytes, mut answers) = (vec![], vec![]);
        from.read_to_end(&mut bytes)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&bytes)));
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            answers.push(Answer::read(&mut rest));
        }
        answers
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| &value[..])
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of an error, after a look at the rest of it.
    pub fn code(&self) -> String {
        let object = self.json();
        let word =
            |name: &str| object["error"][name].as_str().unwrap_or_else(|| panic!("{object}")).to_string();
        assert!(
            word("message").len() > 10 && self.header("content-type") == Some("application/json"),
            "{object}"
        );
        assert!(!word("message").contains("/tmp") && !word("message").contains(".rs"), "{object}");
        word("code")
    }
}
