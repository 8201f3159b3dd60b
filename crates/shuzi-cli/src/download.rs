//! MNIST from the network into the user's cache: several mirrors, nothing trusted.
//!
//! A file is downloaded beside its place (`.part`, so that a cut transfer goes on where it
//! ended), unpacked and hashed, and only then renamed into place. Whatever a mirror does wrong
//! is remembered and told if no mirror does better.

use crate::files::{self, MNIST, MnistFile, MnistFiles};
use anyhow::Context;
use flate2::read::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rust_i18n::t;
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, IsTerminal, Read, Seek, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// Where MNIST can be had, in the order in which it is tried. Never the original site, which
/// refuses programs.
pub const MIRRORS: [&str; 3] = [
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
];

/// What a network that never answers may cost altogether.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// How often one mirror is asked for one file while it makes no headway.
const TRIES: u32 = 3;

/// One mirror's answer to the wish for a file.
#[derive(Debug)]
enum Refusal {
    /// No connection, or one that broke; worth another try.
    Network(String),
    /// No answer in time; not worth one.
    Timeout,
    /// An HTTP status that is not success.
    Status(u16),
    /// A web page in place of the file.
    WebPage,
    /// Bytes that do not unpack, or are too many.
    Damaged(String),
    /// Bytes with another hash.
    Hash(String),
    /// The disk, not the mirror.
    Disk(anyhow::Error),
}

impl Refusal {
    fn explain(&self) -> String {
        match self {
            Refusal::Network(message) => t!("download.network", message = message),
            Refusal::Timeout => t!("download.timeout"),
            Refusal::Status(status) => t!("download.status", status = status),
            Refusal::WebPage => t!("download.web-page"),
            Refusal::Damaged(message) => t!("download.damaged", message = message),
            Refusal::Hash(found) => t!("download.hash", found = found),
            Refusal::Disk(error) => return crate::explain::chain(error),
        }
        .into_owned()
    }
}

/// One download of the four files.
struct Download<'a> {
    folder: &'a Path,
    /// The last that served comes first.
    mirrors: Vec<String>,
    patience: Duration,
    began: Instant,
    /// Whether any byte has come: then the network is not dead, and slow is allowed.
    alive: bool,
    quiet: bool,
}

/// Brings those of MNIST's files that are not in `folder` there, from `mirrors` (the known ones
/// if empty).
///
/// # Errors
///
/// If a file could not be had: one message with what each mirror answered, and how to put the
/// files in place by hand.
pub fn fetch_mnist(
    folder: &Path,
    mirrors: &[String],
    patience: Duration,
    quiet: bool,
) -> anyhow::Result<MnistFiles> {
    files::ensure_writable_folder(folder)?;
    // Two downloads at once would write the same `.part`: the second waits for the first.
    let lock = files::create(&folder.join(".lock"))?;
    lock.lock().with_context(|| t!("files.writing", path = folder.display()).into_owned())?;
    let with_slash = |mirror: &str| format!("{}/", mirror.trim_end_matches('/'));
    let mirrors = match mirrors {
        [] => MIRRORS.map(with_slash).to_vec(),
        mirrors => mirrors.iter().map(|mirror| with_slash(mirror)).collect(),
    };
    let began = Instant::now();
    let mut download = Download { folder, mirrors, patience, began, alive: false, quiet };
    for file in &MNIST {
        if !is_there(folder, file) {
            download.fetch(file)?;
        }
    }
    files::mnist_in(folder)
}

fn is_there(folder: &Path, file: &MnistFile) -> bool {
    [file.name.to_string(), format!("{}.gz", file.name)].iter().any(|name| folder.join(name).is_file())
}

impl Download<'_> {
    /// Asks one mirror after the other for `file`.
    fn fetch(&mut self, file: &MnistFile) -> anyhow::Result<()> {
        let mut answers = vec![];
        for (place, mirror) in self.mirrors.clone().into_iter().enumerate() {
            match self.fetch_from(&mirror, self.mirrors.len() - place, file) {
                Ok(()) => {
                    self.mirrors.swap(0, place);
                    return Ok(());
                }
                Err(Refusal::Disk(error)) => return Err(error),
                Err(refusal) => answers.push(format!("  {mirror}{}.gz: {}", file.name, refusal.explain())),
            }
        }
        let names = MNIST.map(|file| format!("{}.gz", file.name)).join(", ");
        let message = t!(
            "download.failed",
            file = file.name,
            answers = answers.join("\n"),
            names = names,
            folder = self.folder.display()
        );
        Err(anyhow::Error::msg(message.into_owned()))
    }

    /// Asks one mirror, again where that may help: packed first, then raw.
    fn fetch_from(&mut self, mirror: &str, mirrors_left: usize, file: &MnistFile) -> Result<(), Refusal> {
        let packed = format!("{}.gz", file.name);
        match self.fetch_url(&format!("{mirror}{packed}"), &packed, mirrors_left, file) {
            Err(Refusal::Status(404)) => {
                self.fetch_url(&format!("{mirror}{}", file.name), file.name, mirrors_left, file)
            }
            other => other,
        }
    }

    fn fetch_url(
        &mut self,
        url: &str,
        name: &str,
        mirrors_left: usize,
        file: &MnistFile,
    ) -> Result<(), Refusal> {
        let goal = self.folder.join(name);
        let part = self.folder.join(format!("{name}.part"));
        let (mut tries, mut began_afresh) = (0, false);
        loop {
            let length_before = length(&part);
            began_afresh |= length_before == 0;
            let refusal = match self.transfer(url, &part, mirrors_left, file) {
                Ok(()) => match put_in_place(&part, &goal, file) {
                    Ok(()) => return Ok(()),
                    Err(refusal) => refusal,
                },
                Err(refusal) => refusal,
            };
            let worth_another_try = match &refusal {
                Refusal::Network(_) if !self.alive => false, // no network at all, most likely
                Refusal::Network(_) | Refusal::Status(408 | 429 | 500..) => {
                    tries = if length(&part) > length_before { 0 } else { tries + 1 };
                    tries < TRIES
                }
                Refusal::Timeout => length(&part) > length_before,
                // What lay there from before may have been the bad part: once more from the start.
                Refusal::Damaged(_) | Refusal::Hash(_) => !began_afresh,
                Refusal::Status(_) | Refusal::WebPage | Refusal::Disk(_) => false,
            };
            if matches!(refusal, Refusal::Damaged(_) | Refusal::Hash(_) | Refusal::WebPage) {
                let _ = fs::remove_file(&part); // of no use to anyone
            }
            if !worth_another_try {
                return Err(refusal);
            }
            thread::sleep(Duration::from_millis(200) * 2u32.pow(tries));
        }
    }

    /// How long each stage of a request (name, connection, answer) may take.
    fn stage_patience(&self, mirrors_left: usize) -> Duration {
        if self.alive {
            return self.patience;
        }
        self.patience.saturating_sub(self.began.elapsed()) / (2 * mirrors_left as u32)
    }

    /// Moves what is missing of a file into `part`.
    fn transfer(
        &mut self,
        url: &str,
        part: &Path,
        mirrors_left: usize,
        file: &MnistFile,
    ) -> Result<(), Refusal> {
        let stage = self.stage_patience(mirrors_left);
        if stage < Duration::from_millis(10) {
            return Err(Refusal::Timeout);
        }
        let have = length(part);
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_resolve(Some(stage))
            .timeout_connect(Some(stage))
            .timeout_recv_response(Some(stage))
            .timeout_per_read(Some(stage))
            .user_agent(concat!("shuzi/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let mut request = agent.get(url).header("Accept-Encoding", "identity");
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
        }
        let mut response = request.call().map_err(refusal)?;
        self.alive = true;
        let status = response.status().as_u16();
        let resumed = status == 206 && range_start(response.headers()) == Some(have);
        match status {
            200 | 206 => {}
            416 => {
                let _ = fs::remove_file(part); // more than the mirror has: begin anew
                return Err(Refusal::Network("416".into()));
            }
            _ => return Err(Refusal::Status(status)),
        }
        let is_page = response
            .headers()
            .get("content-type")
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        if is_page {
            return Err(Refusal::WebPage);
        }
        if status == 206 && !resumed {
            let _ = fs::remove_file(part);
            return Err(Refusal::Network("Content-Range".into()));
        }
        let disk = |error: io::Error| {
            let context = t!("files.writing", path = part.display()).into_owned();
            Refusal::Disk(anyhow::Error::new(error).context(context))
        };
        let mut target = OpenOptions::new().create(true).append(true).open(part).map_err(disk)?;
        let start = if resumed { have } else { 0 };
        target.set_len(start).map_err(disk)?;
        let length = response.body().content_length().map(|rest| start + rest);
        let limit = file.bytes + 65_536; // packed files are smaller than raw ones
        let bar = self.progress_bar(url, length);
        let mut body = response.body_mut().as_reader();
        let (mut total, mut buffer) = (start, vec![0; 64 * 1024]);
        loop {
            let count = body.read(&mut buffer).map_err(|error| match error.kind() {
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Refusal::Timeout,
                _ => Refusal::Network(error.to_string()),
            })?;
            if count == 0 {
                break;
            }
            if total == 0 && buffer[..count].trim_ascii_start().starts_with(b"<") {
                return Err(Refusal::WebPage);
            }
            total += count as u64;
            if total > limit {
                return Err(Refusal::Damaged(t!("download.too-large", limit = limit).into()));
            }
            target.write_all(&buffer[..count]).map_err(disk)?;
            bar.set_position(total);
        }
        bar.finish_and_clear();
        match length {
            Some(length) if total < length => {
                Err(Refusal::Network(t!("download.cut", found = total, expected = length).into()))
            }
            _ => target.sync_all().map_err(disk),
        }
    }

    fn progress_bar(&self, url: &str, length: Option<u64>) -> ProgressBar {
        if self.quiet {
            return ProgressBar::hidden();
        }
        if !io::stderr().is_terminal() {
            let _ = writeln!(io::stderr(), "{}", t!("download.begin", url = url));
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        let style =
            ProgressStyle::with_template("{msg} {bar:24} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
        bar.set_style(style.expect("a sound template"));
        bar.with_message(url.rsplit('/').next().unwrap_or(url).to_string())
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Where the bytes of a partial answer begin: `Content-Range: bytes START-END/TOTAL`.
fn range_start(headers: &ureq::http::HeaderMap) -> Option<u64> {
    headers.get("content-range")?.to_str().ok()?.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

fn refusal(error: ureq::Error) -> Refusal {
    match error {
        ureq::Error::Timeout(_) => Refusal::Timeout,
        // Asking again does not make a wrong address right.
        ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => Refusal::Status(310),
        ureq::Error::StatusCode(status) => Refusal::Status(status),
        other => Refusal::Network(other.to_string()),
    }
}

/// Renames a complete file into place, if it unpacks to the bytes that are expected.
fn put_in_place(part: &Path, goal: &PathBuf, file: &MnistFile) -> Result<(), Refusal> {
    let disk = |error: io::Error| {
        let context = t!("files.writing", path = goal.display()).into_owned();
        Refusal::Disk(anyhow::Error::new(error).context(context))
    };
    let unpacked = unpacked_hash(File::open(part).map_err(disk)?, file.bytes);
    let found = unpacked.map_err(|error| Refusal::Damaged(error.to_string()))?;
    if found != file.sha256 {
        return Err(Refusal::Hash(found));
    }
    fs::rename(part, goal).map_err(disk)?;
    files::sync_folder(goal.parent().unwrap_or(Path::new("."))).map_err(disk)
}

/// SHA-256 of a file's unpacked bytes, raw or gzip, reading at most one more than `limit`.
pub fn unpacked_hash(mut file: File, limit: u64) -> io::Result<String> {
    let mut start = [0; 2];
    let read = file.read(&mut start)?;
    file.rewind()?;
    let mut reader: Box<dyn Read> =
        if start[..read] == [0x1f, 0x8b] { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut reader = reader.by_ref().take(limit + 1);
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
