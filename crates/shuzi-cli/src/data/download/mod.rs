//! A data set from the network into the user's cache: several mirrors, nothing trusted.
//!
//! A file is downloaded beside its place (`.part`, so that a cut transfer goes on where it
//! ended), hashed, and only then renamed into place; an archive is taken apart then. Whatever a mirror does wrong
//! is remembered and reported if no mirror does better.

mod answer;
mod check;
mod mirror_error;
mod pace;
#[cfg(test)]
mod tests;

pub use self::check::hash_to_check;

use self::{
    answer::{check_answer, receive},
    check::{SLACK, put_in_place},
    mirror_error::{MirrorError, disk},
    pace::Pace,
};
use crate::{
    data::{
        data_sets::{Archive, DataFile, DataSet},
        set_files::{self, SetFiles},
    },
    files, machine,
};
use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rust_i18n::t;
use std::{
    fs,
    io::{self, IsTerminal, Read, Write},
    path::Path,
    thread,
    time::{Duration, Instant},
};
use zip::ZipArchive;

/// What a network that never answers may cost altogether.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// How often one mirror is asked for one file while it makes no headway.
const TRIES: u32 = 3;

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
            unpack(archive, folder)?;
        }
        Some(_) => {}
        None => missing().try_for_each(|file| download.fetch(file))?,
    }
    set_files::files_of(set, folder)
}

/// Puts the files of an archive in `folder` into it, packed as they are, and removes the archive.
fn unpack(archive: &Archive, folder: &Path) -> anyhow::Result<()> {
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

    fn stage_patience(&self, mirrors_left: usize) -> Duration {
        if self.alive {
            return self.patience;
        }
        pace::stage_patience(self.patience, self.began.elapsed(), mirrors_left)
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
        let mut response = self.request(url, have, mirrors_left)?;
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

    /// Requests a file of a mirror from byte `have` on.
    fn request(
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
        Ok(request.call()?)
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
