//! A data set from the network into the user's cache: several mirrors, nothing trusted.
//!
//! A file is downloaded beside its place (`.part`, so that a cut transfer goes on where it
//! ended), hashed, and only then renamed into place; an archive is taken apart then. Whatever a mirror does wrong
//! is remembered and told if no mirror does better.

use crate::{
    data::{
        data_sets::{Archive, DataFile, DataSet},
        set_files::{self, SetFiles},
    },
    files, machine,
};
use anyhow::Context;
use flate2::read::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rust_i18n::t;
use shuzi_engine::hash;
use std::{
    fs::{self, File},
    io::{self, IsTerminal, Read, Seek, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};
use zip::ZipArchive;

/// What a network that never answers may cost altogether.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// What a file of bytes that cannot be packed becomes longer by.
const SLACK: u64 = 65_536;

/// A mirror that sends less, for as long as the patience lasts, is given up for the next one.
const LEAST_BYTES_PER_SECOND: u32 = 1000;

/// How often one mirror is asked for one file while it makes no headway.
const TRIES: u32 = 3;

/// One mirror's answer to the wish for a file.
#[derive(Debug)]
enum MirrorError {
    /// No connection, or one that broke; worth another try.
    Network(String),
    /// No answer in time; not worth one.
    Timeout,
    /// Bytes that come too slowly; not worth waiting for.
    Slow,
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

impl MirrorError {
    fn explain(&self, set: &DataSet) -> String {
        match self {
            MirrorError::Network(message) => t!("download.network", message = message),
            MirrorError::Timeout => t!("download.timeout"),
            MirrorError::Slow => t!("download.slow", rate = LEAST_BYTES_PER_SECOND),
            MirrorError::Status(status) => t!("download.status", status = status),
            MirrorError::WebPage => t!("download.web-page"),
            MirrorError::Damaged(message) => t!("download.damaged", message = message),
            MirrorError::Hash(found) => t!("download.hash", set = set.title, found = found),
            MirrorError::Disk(error) => return crate::explain::chain(error),
        }
        .into_owned()
    }
}

/// One download of a data set's files.
struct Download<'a> {
    set: &'a DataSet,
    folder: &'a Path,
    /// The last that served comes first.
    mirrors: Vec<String>,
    patience: Duration,
    began: Instant,
    /// Whether any byte has come: then the network is not dead, and slow is allowed.
    alive: bool,
    quiet: bool,
}

/// How fast a mirror sends a file, over all tries.
struct Pace {
    /// Of the stretch of time that is being measured.
    begin: Instant,
    bytes: usize,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Pace { begin: now, bytes: 0 }
    }

    /// A mirror begins to answer. The time before its first byte does not count.
    fn begin(&mut self, now: Instant) {
        if self.bytes == 0 {
            self.begin = now;
        }
    }

    /// Counts bytes that have come by now. Whether the mirror is to go on: not after a stretch as long as the patience in which too
    /// few came.
    fn is_enough(&mut self, bytes: usize, now: Instant, patience: Duration) -> bool {
        self.bytes += bytes;
        let passed = now.duration_since(self.begin);
        if passed < patience {
            return true;
        }
        let is_enough = self.bytes as f64 >= f64::from(LEAST_BYTES_PER_SECOND) * passed.as_secs_f64();
        *self = Pace::new(now);
        is_enough
    }
}

/// Brings those of a data set's files that are not in `folder` there, from `mirrors` (the known ones
/// if empty).
///
/// # Errors
///
/// If a file could not be had: one message with what each mirror answered, and how to put the
/// files in place by hand.
pub fn fetch(
    set: &'static DataSet,
    folder: &Path,
    mirrors: &[String],
    patience: Duration,
    quiet: bool,
) -> anyhow::Result<SetFiles> {
    files::ensure_writable_folder(folder)?;
    // Two downloads at once would write the same `.part`: the second waits for the first.
    let lock = files::create(&folder.join(".lock"))?;
    lock.lock().with_context(|| t!("files.writing", path = folder.display()).into_owned())?;
    let with_slash = |mirror: &str| format!("{}/", mirror.trim_end_matches('/'));
    let mirrors = match mirrors {
        [] => set.mirrors.iter().map(|mirror| with_slash(mirror)).collect(),
        mirrors => mirrors.iter().map(|mirror| with_slash(mirror)).collect(),
    };
    let began = Instant::now();
    let mut download = Download { set, folder, mirrors, patience, began, alive: false, quiet };
    let missing = || set.files.iter().filter(|file| !is_there(folder, file));
    if missing().next().is_some() {
        machine::check_clock()?;
    }
    match &set.archive {
        Some(archive) if missing().next().is_some() => {
            download.fetch(&archive.file)?;
            take_apart(archive, folder)?;
        }
        Some(_) => {}
        None => missing().try_for_each(|file| download.fetch(file))?,
    }
    set_files::files_of(set, folder)
}

/// Puts the files of an archive in `folder` into it, packed as they are, and removes the archive.
fn take_apart(archive: &Archive, folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(archive.file.name);
    let damaged = || t!("download.archive", path = path.display()).into_owned();
    let mut zip = ZipArchive::new(files::open_to_read(&path)?).with_context(damaged)?;
    for file in archive.members.iter().filter(|file| !is_there(folder, file)) {
        let name = format!("{}.gz", file.name);
        let goal = folder.join(&name);
        let member = zip.by_name(&format!("{}/{name}", archive.folder)).with_context(damaged)?;
        let mut member = member.take(file.most_bytes + SLACK);
        files::replace(&goal, |target| io::copy(&mut member, target).map(drop))
            .with_context(|| t!("files.writing", path = goal.display()).into_owned())?;
    }
    drop(zip);
    files::remove([path]);
    Ok(())
}

fn is_there(folder: &Path, file: &DataFile) -> bool {
    [file.name.to_string(), format!("{}.gz", file.name)].iter().any(|name| folder.join(name).is_file())
}

impl Download<'_> {
    /// Asks one mirror after the other for `file`.
    fn fetch(&mut self, file: &DataFile) -> anyhow::Result<()> {
        let mut answers = vec![];
        for (place, mirror) in self.mirrors.clone().into_iter().enumerate() {
            match self.fetch_from(&mirror, self.mirrors.len() - place, file) {
                Ok(()) => {
                    self.mirrors.swap(0, place);
                    return Ok(());
                }
                Err(MirrorError::Disk(error)) => return Err(error),
                Err(failure) => {
                    answers.push(format!("  {mirror}{}: {}", packed_name(file), failure.explain(self.set)));
                }
            }
        }
        let names = self.set.files.map(|file| format!("{}.gz", file.name)).join(", ");
        let message = t!(
            "download.failed",
            file = file.name,
            answers = answers.join("\n"),
            names = names,
            folder = self.folder.display()
        );
        Err(anyhow::Error::msg(message.into_owned()))
    }

    /// Asks one mirror, again where that may help: packed first, then raw if its bytes are known.
    fn fetch_from(&mut self, mirror: &str, mirrors_left: usize, file: &DataFile) -> Result<(), MirrorError> {
        let packed = packed_name(file);
        match self.fetch_url(&format!("{mirror}{packed}"), &packed, mirrors_left, file) {
            Err(MirrorError::Status(404)) if file.unpacked.is_some() => {
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
        file: &DataFile,
    ) -> Result<(), MirrorError> {
        let goal = self.folder.join(name);
        let part = self.folder.join(format!("{name}.part"));
        let (mut tries, mut began_afresh) = (0, false);
        let mut pace = Pace::new(Instant::now());
        loop {
            let length_before = length(&part);
            began_afresh |= length_before == 0;
            let failure = match self.transfer(url, &part, mirrors_left, file, &mut pace) {
                Ok(()) => match put_in_place(&part, &goal, file) {
                    Ok(()) => return Ok(()),
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            };
            let worth_another_try = match &failure {
                MirrorError::Network(_) if !self.alive => false, // no network at all, most likely
                MirrorError::Network(_) | MirrorError::Status(408 | 429 | 500..) => {
                    tries = if length(&part) > length_before { 0 } else { tries + 1 };
                    tries < TRIES
                }
                MirrorError::Timeout => length(&part) > length_before,
                // What lay there from before may have been the bad part: once more from the start.
                MirrorError::Damaged(_) | MirrorError::Hash(_) => !began_afresh,
                MirrorError::Slow | MirrorError::Status(_) | MirrorError::WebPage | MirrorError::Disk(_) => {
                    false
                }
            };
            if matches!(failure, MirrorError::Damaged(_) | MirrorError::Hash(_) | MirrorError::WebPage) {
                let _ = fs::remove_file(&part); // of no use to anyone
            }
            if !worth_another_try {
                return Err(failure);
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
        file: &DataFile,
        pace: &mut Pace,
    ) -> Result<(), MirrorError> {
        let have = length(part);
        let mut response = self.ask(url, have, mirrors_left)?;
        self.alive = true;
        let start = check_answer(&response, part, have)?;
        let target = files::continue_behind(part, start).map_err(MirrorError::Disk)?;
        let length = response.body().content_length().map(|rest| start + rest);
        let bar = self.progress_bar(url, length);
        pace.begin(Instant::now());
        let limit = file.most_bytes + SLACK; // packed files are smaller than raw ones
        let (mut total, mut target) = (start, target);
        let body = response.body_mut().as_reader();
        receive(body, &mut total, limit, |bytes, total| {
            target.write_all(bytes).map_err(|error| disk(part, error))?;
            bar.set_position(total);
            if pace.is_enough(bytes.len(), Instant::now(), self.patience) {
                Ok(())
            } else {
                Err(MirrorError::Slow)
            }
        })?;
        bar.finish_and_clear();
        match length {
            Some(length) if total < length => {
                Err(MirrorError::Network(t!("download.cut", found = total, expected = length).into()))
            }
            _ => target.sync_all().map_err(|error| disk(part, error)),
        }
    }

    /// Asks a mirror for a file from byte `have` on.
    fn ask(
        &self,
        url: &str,
        have: u64,
        mirrors_left: usize,
    ) -> Result<ureq::http::Response<ureq::Body>, MirrorError> {
        let stage = self.stage_patience(mirrors_left);
        if stage < Duration::from_millis(10) {
            return Err(MirrorError::Timeout);
        }
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
        request.call().map_err(failure)
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

/// What a file is called where it is served.
fn packed_name(file: &DataFile) -> String {
    if file.name.ends_with(".zip") { file.name.into() } else { format!("{}.gz", file.name) }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Where the bytes of a partial answer begin: `Content-Range: bytes START-END/TOTAL`.
fn range_start(headers: &ureq::http::HeaderMap) -> Option<u64> {
    headers.get("content-range")?.to_str().ok()?.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

/// Where the bytes of an answer begin in the file: behind those that were there, or at 0.
fn check_answer(
    response: &ureq::http::Response<ureq::Body>,
    part: &Path,
    have: u64,
) -> Result<u64, MirrorError> {
    let status = response.status().as_u16();
    let resumed = status == 206 && range_start(response.headers()) == Some(have);
    match status {
        200 | 206 => {}
        416 => {
            let _ = fs::remove_file(part); // more than the mirror has: begin anew
            return Err(MirrorError::Network("416".into()));
        }
        _ => return Err(MirrorError::Status(status)),
    }
    let kind = response.headers().get("content-type");
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
        return Err(MirrorError::WebPage);
    }
    if status == 206 && !resumed {
        let _ = fs::remove_file(part);
        return Err(MirrorError::Network("Content-Range".into()));
    }
    Ok(if resumed { have } else { 0 })
}

/// Hands on what comes, with how much there is then in `total`, until it ends or there is more than `limit`.
fn receive(
    mut body: impl Read,
    total: &mut u64,
    limit: u64,
    mut keep: impl FnMut(&[u8], u64) -> Result<(), MirrorError>,
) -> Result<(), MirrorError> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = body.read(&mut buffer).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => MirrorError::Timeout,
            _ => MirrorError::Network(error.to_string()),
        })?;
        if count == 0 {
            return Ok(());
        }
        if *total == 0 && buffer[..count].trim_ascii_start().starts_with(b"<") {
            return Err(MirrorError::WebPage);
        }
        *total += count as u64;
        if *total > limit {
            return Err(MirrorError::Damaged(t!("download.too-large", limit = limit).into()));
        }
        keep(&buffer[..count], *total)?;
    }
}

/// That a file cannot be written.
fn disk(path: &Path, error: io::Error) -> MirrorError {
    let context = t!("files.writing", path = path.display()).into_owned();
    MirrorError::Disk(anyhow::Error::new(error).context(context))
}

fn failure(error: ureq::Error) -> MirrorError {
    match error {
        ureq::Error::Timeout(_) => MirrorError::Timeout,
        // Asking again does not make a wrong address right.
        ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => MirrorError::Status(310),
        ureq::Error::StatusCode(status) => MirrorError::Status(status),
        other => MirrorError::Network(other.to_string()),
    }
}

/// Renames a complete file into place, if it holds the bytes that are expected.
fn put_in_place(part: &Path, goal: &PathBuf, file: &DataFile) -> Result<(), MirrorError> {
    let disk = |error| disk(goal, error);
    let hash = hash_to_check(file, File::open(part).map_err(disk)?);
    let (found, expected) = hash.map_err(|error| MirrorError::Damaged(error.to_string()))?;
    if Some(&*found) != expected {
        return Err(MirrorError::Hash(found));
    }
    fs::rename(part, goal).map_err(disk)?;
    files::sync_folder(goal.parent().unwrap_or(Path::new("."))).map_err(disk)
}

/// SHA-256 by which a file can be checked, and the one that it should have: of its unpacked bytes, raw or gzip, where that is
/// known, else of itself; the second is not known of a file that was unpacked or came in an archive.
pub fn hash_to_check(file: &DataFile, mut opened: File) -> io::Result<(String, Option<&'static str>)> {
    let mut start = [0; 2];
    let read = opened.read(&mut start)?;
    opened.rewind()?;
    let is_gzip = start[..read] == [0x1f, 0x8b];
    let is_packed = is_gzip || file.name.ends_with(".zip");
    let (reader, expected): (Box<dyn Read>, _) = match file.unpacked {
        Some(_) if is_gzip => (Box::new(MultiGzDecoder::new(opened)), file.unpacked),
        Some(_) => (Box::new(opened), file.unpacked),
        None => (Box::new(opened), file.packed.filter(|_| is_packed)),
    };
    Ok((hash::sha256_of(reader.take(file.most_bytes + SLACK))?, expected))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{BufRead, BufReader},
        net::TcpListener,
    };
    use zip::{ZipWriter, write::SimpleFileOptions};

    fn sha256(bytes: &[u8]) -> &'static str {
        hash::sha256(bytes).leak()
    }

    fn gzip(bytes: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::new(level));
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Serves these bodies under these names, as long as the test runs, and everything else as missing.
    fn serve(bodies: Vec<(String, Vec<u8>)>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for mut stream in listener.incoming().map(Result::unwrap) {
                let lines: Vec<String> = BufReader::new(&stream)
                    .lines()
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty())
                    .collect();
                let name = lines[0].split(' ').nth(1).unwrap().trim_start_matches('/').to_string();
                let found = bodies.iter().find(|(served, _)| *served == name);
                let (status, body) = found.map_or(("404 Not Found", &[][..]), |(_, body)| ("200 OK", body));
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(&[head.as_bytes(), body].concat());
            }
        });
        url
    }

    const NAMES: [&str; 4] =
        ["a-images-idx3-ubyte", "a-labels-idx1-ubyte", "b-images-idx3-ubyte", "b-labels-idx1-ubyte"];

    /// A data set of these files.
    fn set(files: [DataFile; 4], archive: Option<Archive>) -> &'static DataSet {
        let [title, folder] = ["Trifles", "trifles"];
        Box::leak(Box::new(DataSet {
            name: folder,
            title,
            names: &[],
            files,
            archive,
            mirrors: &[],
            folder,
            first_label: 0,
            is_transposed: false,
        }))
    }

    fn file(name: &'static str, packed: Option<&'static str>) -> DataFile {
        DataFile { name, packed, unpacked: None, most_bytes: 1000 }
    }

    fn get(set: &'static DataSet, folder: &Path, mirror: &str) -> anyhow::Result<SetFiles> {
        fetch(set, folder, &[mirror.to_string()], Duration::from_secs(5), true)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.filter(|name| name != ".lock").collect();
        names.sort();
        names
    }

    #[test]
    fn a_mirror_that_is_too_slow_is_given_up_after_the_patience() {
        let (start, patience) = (Instant::now(), Duration::from_secs(15));
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut trickle = Pace::new(start);
        assert!((1..15).all(|second| trickle.is_enough(1, after(second), patience)));
        assert!(!trickle.is_enough(1, after(15), patience));
        let mut modem = Pace::new(start);
        assert!((1..1000).all(|second| modem.is_enough(1100, after(second), patience)));
        let mut late = Pace::new(start);
        late.begin(after(14));
        assert!(late.is_enough(1, after(16), patience), "what it took to answer does not count");
        late.begin(after(28));
        assert!(!late.is_enough(1, after(30), patience), "what it took to answer again does");
        let mut stops = Pace::new(start);
        assert!(stops.is_enough(10_000_000, after(15), patience));
        assert!(!stops.is_enough(1, after(30), patience), "what came before does not count for ever");
    }

    #[test]
    fn packed_files_are_known_by_their_own_hash() {
        let bodies = NAMES.map(|name| (format!("{name}.gz"), gzip(&name.as_bytes().repeat(20), 9)));
        let mut place = 0;
        let files = NAMES.map(|name| {
            place += 1;
            file(name, Some(sha256(&bodies[place - 1].1)))
        });
        let (trifles, folder) = (set(files, None), tempfile::tempdir().unwrap());
        // The same bytes packed otherwise cannot be told from others, and raw ones are not asked for.
        let mut repacked = bodies.to_vec();
        repacked[0].1 = gzip(&NAMES[0].as_bytes().repeat(20), 0);
        repacked.push((NAMES[0].into(), NAMES[0].as_bytes().repeat(20)));
        let error = get(trifles, folder.path(), &serve(repacked)).unwrap_err().to_string();
        assert!(error.contains("other data than Trifles's"), "{error}");
        assert!(names(folder.path()).is_empty());
        let error =
            get(trifles, folder.path(), &serve(vec![(NAMES[0].into(), vec![1])])).unwrap_err().to_string();
        assert!(error.contains("404") && error.contains("a-images-idx3-ubyte.gz"), "{error}");
        let found = get(trifles, folder.path(), &serve(bodies.to_vec())).unwrap();
        assert!(found.set == trifles && found.paths[3].ends_with("b-labels-idx1-ubyte.gz"));
        assert_eq!(names(folder.path()).len(), 4);
        let opened = || File::open(&found.paths[0]).unwrap();
        assert_eq!(
            hash_to_check(&files[0], opened()).unwrap(),
            (files[0].packed.unwrap().into(), files[0].packed)
        );
        fs::write(&found.paths[0], b"unpacked").unwrap();
        assert_eq!(hash_to_check(&files[0], opened()).unwrap().1, None, "nothing is known of raw bytes");
    }

    /// A zip of these members, each a `.gz` of its own name.
    fn zip(members: &[&str]) -> Vec<u8> {
        let mut zip = ZipWriter::new(io::Cursor::new(vec![]));
        for name in members {
            zip.start_file(format!("inside/{name}.gz"), SimpleFileOptions::default()).unwrap();
            zip.write_all(&gzip(name.as_bytes(), 6)).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn archive(bytes: &[u8]) -> Option<Archive> {
        const MEMBERS: [DataFile; 5] = {
            let [a, b, c, d] = NAMES;
            let none = DataFile { name: "", packed: None, unpacked: None, most_bytes: 1000 };
            [
                DataFile { name: a, ..none },
                DataFile { name: b, ..none },
                DataFile { name: c, ..none },
                DataFile { name: d, ..none },
                DataFile { name: "of-another-set", ..none },
            ]
        };
        let file =
            DataFile { name: "all.zip", packed: Some(sha256(bytes)), unpacked: None, most_bytes: 10_000 };
        Some(Archive { file, folder: "inside", members: &MEMBERS })
    }

    #[test]
    fn an_archive_is_taken_apart_and_removed() {
        let bytes = zip(&[&NAMES[..], &["of-another-set", "unknown"]].concat());
        let trifles = set(NAMES.map(|name| file(name, None)), archive(&bytes));
        let folder = tempfile::tempdir().unwrap();
        let others = serve(vec![("all.zip".into(), zip(&NAMES))]);
        let error = get(trifles, folder.path(), &others).unwrap_err().to_string();
        assert!(error.contains("other data than Trifles's") && names(folder.path()).is_empty(), "{error}");
        let found = get(trifles, folder.path(), &serve(vec![("all.zip".into(), bytes)])).unwrap();
        let mut expected = [&NAMES[..], &["of-another-set"]].concat();
        expected.sort_unstable();
        assert_eq!(
            names(folder.path()),
            expected.iter().map(|name| format!("{name}.gz")).collect::<Vec<_>>()
        );
        assert_eq!(fs::read(&found.paths[1]).unwrap(), gzip(NAMES[1].as_bytes(), 6));
        get(trifles, folder.path(), "http://127.0.0.1:1").expect("what is there is not asked for");
    }

    #[test]
    fn an_archive_that_lacks_a_file_is_told() {
        let bytes = zip(&NAMES);
        let trifles = set(NAMES.map(|name| file(name, None)), archive(&bytes));
        let folder = tempfile::tempdir().unwrap();
        let error = get(trifles, folder.path(), &serve(vec![("all.zip".into(), bytes)])).unwrap_err();
        assert!(error.to_string().contains("all.zip"), "{error:#}");
    }
}
