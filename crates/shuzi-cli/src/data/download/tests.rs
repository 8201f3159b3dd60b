use super::*;
use shuzi_engine::hash;
use std::{
    fs::File,
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
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
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
fn packed_files_are_known_by_their_own_hash() {
    let bodies = NAMES.map(|name| (format!("{name}.gz"), gzip(&name.as_bytes().repeat(20), 9)));
    let mut place = 0;
    let files = NAMES.map(|name| {
        place += 1;
        file(name, Some(sha256(&bodies[place - 1].1)))
    });
    let (trifles, folder) = (set(files, None), tempfile::tempdir().unwrap());
    // The same bytes packed otherwise cannot be distinguished from others, and raw ones are not asked for.
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
    let file = DataFile { name: "all.zip", packed: Some(sha256(bytes)), unpacked: None, most_bytes: 10_000 };
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
    assert_eq!(names(folder.path()), expected.iter().map(|name| format!("{name}.gz")).collect::<Vec<_>>());
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
