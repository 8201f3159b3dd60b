//! Downloading MNIST from servers that misbehave in every way they do in real life.

use crate::support::{Answer, Request, Server, packed_mnist, run, shuzi};
use std::{fs, io::Write, path::Path};

fn fetch(folder: &Path, mirrors: &[&str]) -> (i32, String, String) {
    fetch_within(folder, "2", mirrors)
}

fn fetch_within(folder: &Path, seconds: &str, mirrors: &[&str]) -> (i32, String, String) {
    let mut arguments = vec!["data", "fetch", "--to", "cache", "--timeout", seconds];
    for mirror in mirrors {
        arguments.extend(["--mirror", mirror]);
    }
    run(&mut shuzi(folder, &arguments))
}

/// What lies in the cache, without the lock.
fn cached(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("cache")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != ".lock");
    names.sort();
    names
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The file that a request asks for, as the folder has it.
fn file(folder: &Path, request: &Request) -> Option<Vec<u8>> {
    fs::read(folder.join(request.target.rsplit('/').next()?)).ok()
}

#[test]
fn each_bad_answer_is_told_and_leaves_nothing_in_the_cache() {
    type Bad = fn(&Request) -> Answer;
    let cases: [(&str, Bad, &str); 10] = [
        ("404", |_| Answer::Status(404, vec![]), "HTTP status 404"),
        ("403", |_| Answer::Status(403, b"no".to_vec()), "HTTP status 403"),
        ("500", |_| Answer::Status(500, vec![]), "HTTP status 500"),
        ("page", |_| Answer::Page, "a web page in place of the file"),
        ("hash", |_| Answer::Status(200, gzip(b"not MNIST")), "other data than MNIST's"),
        ("no gzip", |_| Answer::Status(200, b"\x1f\x8bnot gzip".to_vec()), "damaged data"),
        ("bomb", |_| Answer::Status(200, gzip(&vec![0; 100 << 20])), "other data than MNIST's"),
        ("large", |_| Answer::Status(200, vec![b'x'; 60 << 20]), "more than 47105552 bytes"),
        ("circle", |_| Answer::Redirect("/again".into()), "HTTP status 310"),
        ("silence", |_| Answer::Silence, "no answer in time"),
    ];
    for (name, answer, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::new(answer);
        let (code, out, err) = fetch(folder.path(), &[&server.url]);
        assert_eq!((code, out.as_str()), (1, ""), "{name}: {err}");
        assert!(err.contains(expected), "{name}: {err}");
        assert!(err.contains("By hand: put train-images-idx3-ubyte.gz"), "{name}: {err}");
        assert!(cached(folder.path()).is_empty(), "{name}: {:?}", cached(folder.path()));
    }
}

#[test]
fn every_mirrors_answer_is_in_the_one_message() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, page) = (Server::new(|_| Answer::Status(404, vec![])), Server::new(|_| Answer::Page));
    let nobody = "http://127.0.0.1:1/"; // a port that nobody listens on
    let (code, _, err) = fetch(folder.path(), &[&missing.url, nobody, &page.url]);
    assert_eq!(code, 1);
    for (url, answer) in [(&*missing.url, "404"), (nobody, "no connection"), (&*page.url, "web page")] {
        let line = err
            .lines()
            .find(|line| line.starts_with("  ") && line.contains(url))
            .unwrap_or_else(|| panic!("{url}: {err}"));
        assert!(line.contains(answer), "{line}");
    }
    assert_eq!(missing.count(), 2, "packed and raw, each asked for once");
}

#[test]
fn a_network_that_swallows_everything_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let silent = Server::new(|_| Answer::Silence);
    let (code, _, err) = fetch_within(folder.path(), "0.5", &[&silent.url, &silent.url, &silent.url]);
    assert!(code == 1 && err.matches("no answer in time").count() == 3, "{err}");
    assert_eq!(silent.count(), 3);
}

#[test]
fn a_mirror_that_trickles_is_given_up_for_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let body = vec![b'x'; 1 << 20];
    let whole = body.clone();
    for slow in [
        Server::new({
            let body = body.clone();
            move |_| Answer::Trickle(body.clone())
        }),
        Server::new(move |_| Answer::ByteByByte(body.clone())),
    ] {
        let next = Server::new(|_| Answer::Status(404, vec![]));
        let (code, _, err) = fetch_within(folder.path(), "0.5", &[&slow.url, &next.url]);
        assert!(code == 1 && err.contains("less than 1000 bytes a second"), "{err}");
        assert_eq!(next.count(), 2, "packed and raw");
    }
    // The next one goes on behind the bytes that came.
    let good = Server::new(move |_| Answer::Range(whole.clone()));
    let (_, _, err) = fetch(folder.path(), &[&good.url]);
    assert!(good.requests.lock().unwrap()[0].range_start > Some(1), "{err}");
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(|_| Answer::Status(200, gzip(b"not MNIST")));
    fs::create_dir(folder.path().join("cache")).unwrap();
    for name in [".lock", "train-images-idx3-ubyte.gz.part"] {
        fs::write(folder.path().join("other"), "precious").unwrap();
        let link = folder.path().join("cache").join(name);
        std::os::unix::fs::symlink("../other", &link).unwrap();
        let (code, _, err) = fetch(folder.path(), &[&server.url]);
        assert!(code == 1 && err.contains(name) && err.contains("symbolic link"), "{err}");
        assert_eq!(fs::read_to_string(folder.path().join("other")).unwrap(), "precious", "{name}");
        fs::remove_file(link).unwrap();
    }
}

#[test]
fn what_bad_mirrors_lack_comes_from_a_good_one() {
    let Some(mnist) = packed_mnist() else { return };
    let folder = tempfile::tempdir().unwrap();
    let bad = [Server::new(|_| Answer::Page), Server::new(|_| Answer::Status(200, gzip(b"something else")))];
    let good = Server::new(move |request| match file(&mnist, request) {
        Some(body) => Answer::Status(200, body),
        None => Answer::Status(404, vec![]),
    });
    let (code, out, err) = fetch(folder.path(), &[&bad[0].url, &bad[1].url, &good.url]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("MNIST is in cache"), "{out}");
    assert_eq!(cached(folder.path()).len(), 4);
    assert_eq!((bad[0].count(), good.count()), (1, 4), "a mirror that served is asked first");
    let verified = run(&mut shuzi(folder.path(), &["data", "verify", "--data", "cache", "--json"]));
    assert!(verified.1.contains("\"sound\":true"), "{verified:?}");
    let (code, ..) = fetch(folder.path(), &["http://127.0.0.1:1/"]);
    assert_eq!(code, 0, "what is there is not asked for");
}

#[test]
fn a_cut_transfer_goes_on_where_it_ended() {
    let Some(mnist) = packed_mnist() else { return };
    for ranges_are_known in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let mnist = mnist.clone();
        let server = Server::new(move |request| {
            let Some(body) = file(&mnist, request) else { return Answer::Status(404, vec![]) };
            let half = body.len() / 2;
            match request.range_start {
                None if request.number == 0 => Answer::Cut(body, half),
                Some(start) if ranges_are_known => {
                    assert_eq!(start, half);
                    Answer::Range(body)
                }
                _ => Answer::Status(200, body),
            }
        });
        let (code, _, err) = fetch(folder.path(), &[&server.url]);
        assert_eq!(code, 0, "{err}");
        assert_eq!((cached(folder.path()).len(), server.count()), (4, 5));
    }
}

#[test]
fn a_part_from_an_earlier_time_that_is_wrong_is_thrown_away() {
    let Some(mnist) = packed_mnist() else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("cache")).unwrap();
    fs::write(folder.path().join("cache/train-images-idx3-ubyte.gz.part"), b"rubbish").unwrap();
    let server = Server::new(move |request| match (file(&mnist, request), request.range_start) {
        (Some(body), Some(_)) => Answer::Range(body),
        (Some(body), None) => Answer::Status(200, body),
        (None, _) => Answer::Status(404, vec![]),
    });
    let (code, _, err) = fetch(folder.path(), &[&server.url]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(cached(folder.path()).len(), 4);
}

#[test]
fn an_error_that_passes_is_waited_out() {
    let Some(mnist) = packed_mnist() else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(move |request| match file(&mnist, request) {
        Some(body) if request.number > 1 => Answer::Status(200, body),
        _ => Answer::Status(503, vec![]),
    });
    let (code, _, err) = fetch(folder.path(), &[&server.url]);
    assert_eq!(code, 0, "{err}");
}

#[test]
fn two_downloads_at_once_do_not_disturb_each_other() {
    let Some(mnist) = packed_mnist() else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(move |request| match file(&mnist, request) {
        Some(body) => Answer::Status(200, body),
        None => Answer::Status(404, vec![]),
    });
    std::thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| fetch(folder.path(), &[&server.url]).0));
        assert_eq!(both.map(|thread| thread.join().unwrap()), [0, 0]);
    });
    assert_eq!((cached(folder.path()).len(), server.count()), (4, 4));
}

#[test]
fn the_proxy_of_the_surroundings_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Server::new(|_| Answer::Status(404, vec![]));
    let arguments = ["data", "fetch", "--to", "cache", "--mirror", "http://mnist.example/files"];
    let (code, ..) = run(shuzi(folder.path(), &arguments).env("HTTP_PROXY", &proxy.url));
    assert_eq!(code, 1);
    let requests = proxy.requests.lock().unwrap();
    assert!(requests[0].target.contains("mnist.example"), "{requests:?}");
}

#[test]
fn without_data_and_network_training_goes_on_with_synthetic_digits() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Server::new(|_| Answer::Status(404, vec![]));
    let mirror = ["--mirror", &missing.url];
    let quick = ["train", "--epochs", "1", "--hidden", "4", "--json", "--quiet"];
    let (code, out, err) = run(&mut shuzi(folder.path(), &[&quick[..], &mirror].concat()));
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("\"data\":\"synthetic:60000\""), "{out}");
    assert_eq!(err.matches("warning: ").count(), 1, "{err}");
    assert!(err.contains("HTTP status 404") && err.contains("mnist_data"), "{err}");
    let (code, _, err) =
        run(&mut shuzi(folder.path(), &[&quick[..], &mirror, &["--data", "mnist"]].concat()));
    assert_eq!(code, 1);
    assert!(err.contains("MNIST was not found"), "{err}");
}
