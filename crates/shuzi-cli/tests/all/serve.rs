//! `shuzi serve`, over sockets: equal to `shuzi recognize`, and not to be moved by bad requests, slow clients and signals.
#![cfg(all(feature = "serve", unix))]

use crate::support::{
    CLEAR, fail, page, png,
    serving::{Answer, Server, head},
    succeed,
};
use serde_json::Value;
use std::{
    fs,
    io::{BufReader, Read, Write},
    net::TcpStream,
    process::Command,
    thread,
};
use tempfile::tempdir;

/// A form of files and, first, a field that is none.
fn form(files: &[&[u8]]) -> Vec<u8> {
    let mut body = b"--xyz\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n".to_vec();
    for (number, file) in files.iter().enumerate() {
        let head = format!(
            "--xyz\r\nContent-Disposition: form-data; name=\"p{number}\"; filename=\"../../p.png\"\r\n\
             Content-Type: image/png\r\n\r\n"
        );
        body.extend([head.as_bytes(), file, b"\r\n"].concat());
    }
    body.extend(b"--xyz--\r\n");
    body
}

const FORM: &str = "Content-Type: multipart/form-data; boundary=xyz";

#[test]
fn answers_are_those_of_recognize() {
    let server = Server::start(&[]);
    let (bytes, text) = page(&CLEAR);
    fs::write(server.folder.path().join("page.png"), &bytes).unwrap();
    for (query, arguments) in [
        ("", &[][..]),
        ("?model=small", &["--model", "small"]),
        ("?model=classic&single", &["--model", "classic", "--single"]),
        ("?lines=true&min_confidence=0.99", &["--lines", "--min-confidence", "0.99"]),
        ("?lines=false", &["--join"]),
    ] {
        let answer = server.recognize(query, &bytes);
        assert_eq!(answer.status, 200, "{answer:?}");
        let out = succeed(server.folder.path(), &[&["recognize", "page.png", "--json"], arguments].concat());
        let mut expected: Value = serde_json::from_str(&out).unwrap();
        expected.as_object_mut().unwrap().remove("file");
        assert_eq!(answer.json(), expected, "{query}");
    }
    assert_eq!(server.recognize("", &bytes).json()["text"], text);
    for kind in ["Content-Type: application/octet-stream", "Content-Type: image/jpeg", "X-None: 1"] {
        let answer = server.ask("POST", "/api/recognize", &[kind], &bytes);
        assert_eq!(answer.json()["text"], text, "{kind}: what it is called does not matter");
    }
    let blank = server.recognize("", &png(200, 100, &[200; 20_000])).json();
    assert_eq!((&blank["text"], &blank["digits"]), (&"".into(), &Value::Array(vec![])));
}

#[test]
fn forms_bring_one_picture_or_several() {
    let server = Server::start(&[]);
    let (bytes, _) = page(&CLEAR);
    let (other, _) = page(&CLEAR[..1]);
    let (one, two) = (server.recognize("", &bytes).json(), server.recognize("", &other).json());
    let send = |body: &[u8]| server.ask("POST", "/api/recognize", &[FORM], body);
    assert_eq!(send(&form(&[&bytes])).json(), one);
    assert_eq!(send(&form(&[&bytes, &other])).json(), serde_json::json!({ "pictures": [one, two] }));
    let whole = form(&[&bytes]);
    for (body, status, code) in [
        (form(&[]), 400, "bad_multipart"),
        (b"hello".to_vec(), 400, "bad_multipart"),
        (whole[..whole.len() / 2].to_vec(), 400, "bad_multipart"),
        (form(&[b"hello"]), 415, "not_a_picture"),
        (form(&[&bytes, &bytes[..80]]), 422, "cut_short"),
        (form(&[&b""[..]; 100]), 413, "too_many_parts"),
    ] {
        let answer = send(&body);
        assert_eq!((answer.status, &answer.code()[..]), (status, code), "{answer:?}");
    }
    let message = send(&form(&[&bytes, b""])).json()["error"]["message"].to_string();
    assert!(message.contains("picture 2"), "{message}");
}

#[test]
fn bad_requests_get_a_clear_error_and_never_a_5xx() {
    let server = Server::start(&["--max-megabytes", "1", "--max-megapixels", "1"]);
    let (bytes, _) = page(&CLEAR);
    let post = |query: &str, body: &[u8]| server.recognize(query, body);
    let with = |header: &str| server.ask("POST", "/api/recognize", &[header], &bytes);
    let long = format!("X-Long: {}", "x".repeat(20_000));
    let many = (0..90).map(|i| format!("X-{i}: {}", "y".repeat(200))).collect::<Vec<_>>().join("\r\n");
    let huge = b"P5 70000 70000 255\n";
    for (answer, status, code) in [
        (post("", b""), 400, "empty"),
        (post("", b"hello"), 415, "not_a_picture"),
        (post("", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>"), 415, "not_a_picture"),
        (post("", &bytes[..bytes.len() / 2]), 422, "cut_short"),
        (post("", &[&b"\x89PNG\r\n\x1a\n"[..], &[0; 99]].concat()), 422, "damaged_picture"),
        (post("", huge), 413, "too_many_pixels"),
        (post("", &vec![0; 1_000_001]), 413, "too_many_bytes"),
        (post("", &vec![0; 9_000_000]), 413, "too_many_bytes"),
        (post("?model=none", &bytes), 400, "unknown_model"),
        (post("?model=/etc/passwd", &bytes), 400, "unknown_model"),
        (post("?model=..%2F..%2Fphoto", &bytes), 400, "unknown_model"),
        (post("?colour=1", &bytes), 400, "unknown_parameter"),
        (post("?min_confidence=2", &bytes), 400, "bad_parameter"),
        (post("?single&lines", &bytes), 400, "conflict"),
        (with("Content-Type: text/plain"), 415, "content_type"),
        (with("Content-Type: application/json"), 415, "content_type"),
        (with("Content-Type: multipart/form-data"), 400, "bad_multipart"),
        (with("Content-Encoding: gzip"), 415, "content_encoding"),
        (with(&long), 431, "long_headers"),
        (with(&many), 431, "long_headers"),
        (server.get("/api/recognize"), 405, "wrong_method"),
        (server.ask("DELETE", "/api/models", &[], b""), 405, "wrong_method"),
        (server.ask("POST", "/", &[], b""), 405, "wrong_method"),
        (server.ask("BREW", "/healthz", &[], b""), 405, "wrong_method"),
        (server.ask("OPTIONS", "*", &[], b""), 404, "not_found"),
        (server.get("/api"), 404, "not_found"),
        (server.get("/../Cargo.toml"), 404, "not_found"),
        (server.get("/..%2f..%2fetc%2fpasswd"), 404, "not_found"),
        (server.get("/%2e%2e/%2e%2e/etc/passwd"), 404, "not_found"),
        (server.get("//etc/passwd"), 404, "not_found"),
        (server.get("/index.html%00.png"), 404, "not_found"),
        (server.get("/%c3%28"), 404, "not_found"),
    ] {
        assert_eq!((answer.status, &answer.code()[..]), (status, code), "{answer:?}");
        if status == 405 {
            assert!(answer.header("allow").is_some_and(|allow| allow.contains(['G', 'P'])), "{answer:?}");
        }
    }
    // Headers that are not there yet are no reason to wait.
    let announced = head("POST", "/api/recognize", &["Host: localhost", "Expect: 100-continue"], 1 << 40);
    assert_eq!(server.exchange(announced.as_bytes())[0].code(), "too_many_bytes");
    assert_eq!(post("", &bytes).status, 200, "and still it reads");
}

#[test]
fn only_names_and_pages_of_this_server_may_ask() {
    let server = Server::start(&["--allow-host", "digits.example"]);
    let (bytes, _) = page(&CLEAR[..1]);
    for (host, status) in [
        (&server.address[..], 200),
        ("127.0.0.1", 200),
        ("localhost:1234", 200),
        ("[::1]:8427", 200),
        ("digits.example", 200),
        ("evil.example", 421),
        ("localhost.evil.example:8427", 421),
        ("127.0.0.1.nip.io", 421),
        ("LocalHost", 200),
        ("localhost.", 200),
        ("localhost:", 200),
        ("[0:0:0:0:0:0:0:1]", 200),
        ("[::ffff:127.0.0.1]", 200), // the address by which it was reached
        ("digits.example.:443", 200),
        ("127.1", 421),
        ("0x7f000001", 421),
        ("[::2]", 421),
        ("user@localhost", 400),
        ("user:password@localhost:80", 400),
        ("localhost, localhost", 400),
        ("localhost/", 400),
        ("local host", 400),
        ("[::1", 400),
        ("", 400),
    ] {
        let answer = server.ask_host(host, "GET", "/healthz", &[], b"");
        assert_eq!(answer.status, status, "{host}: {answer:?}");
    }
    let bent = server.get("http://evil.example/healthz");
    assert_eq!((bent.status, &bent.code()[..]), (421, "host"));
    for (origin, status) in [
        ("http://digits.example", 200),
        ("https://digits.example", 200),
        ("http://evil.example", 403),
        ("http://digits.example.evil.example", 403),
        ("http://digits.example:8427", 403),
        ("http://user@digits.example", 403),
        ("http://localhost", 403),
        ("digits.example", 403),
        ("file://", 403),
        ("null", 403),
        ("", 403),
    ] {
        let header = format!("Origin: {origin}");
        let answer = server.ask_host("digits.example", "POST", "/api/recognize", &[&header], &bytes);
        assert_eq!(answer.status, status, "{origin}");
        assert!(status == 200 || answer.code() == "origin", "{answer:?}");
    }
    for (origin, status) in [("http://localhost:1234", 200), ("http://localhost:4321", 403)] {
        let header = format!("Origin: {origin}");
        let answer = server.ask_host("localhost:1234", "POST", "/api/recognize", &[&header], &bytes);
        assert_eq!(answer.status, status, "{origin}: the port belongs to it");
    }
    let two = ["Origin: http://localhost", "Origin: http://evil.example"];
    assert_eq!(server.ask("POST", "/api/recognize", &two, &bytes).code(), "origin");
    let foreign = server.ask("GET", "/api/models", &["Origin: http://evil.example"], b"");
    assert_eq!(
        (foreign.status, foreign.header("access-control-allow-origin")),
        (200, None),
        "but not to read"
    );
}

#[test]
fn the_page_is_kept_by_browsers_and_asked_for_again() {
    let server = Server::start(&[]);
    let first = server.get("/");
    assert_eq!((first.status, first.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(first.header("cache-control"), Some("no-cache"));
    assert_eq!(first.header("x-content-type-options"), Some("nosniff"));
    let body = String::from_utf8_lossy(&first.body).into_owned();
    let has_page = body.contains("main.js");
    assert!(has_page || body.contains("cargo xtask page") && body.contains("/api/openapi.json"), "{body}");
    if !has_page {
        crate::support::skip("this program was built without its page");
    }
    let policy = first.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe-inline"), "{policy}");
    let tag = format!("If-None-Match: {}", first.header("etag").unwrap());
    let again = server.ask("GET", "/", &[&tag], b"");
    assert_eq!((again.status, again.body.len()), (304, 0));
    let head = server.ask("HEAD", "/", &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), first.header("content-length"));
}

#[test]
fn models_health_and_description_are_told() {
    let server = Server::start(&[]);
    let models = succeed(server.folder.path(), &["models", "--json"]);
    assert_eq!(server.get("/api/models").json(), serde_json::from_str::<Value>(&models).unwrap());
    assert_eq!(server.get("/healthz").json()["status"], "ok");
    let described = server.get("/api/openapi.json").json();
    assert_eq!(described["openapi"], "3.1.0");
    assert!(described["paths"]["/api/recognize"]["post"].is_object());
}

#[test]
fn what_happens_is_counted_and_logged() {
    let mut server = Server::start(&[]);
    let (bytes, _) = page(&CLEAR[..1]);
    for _ in 0..3 {
        server.recognize("?model=tiny&min_confidence=0.123", &bytes);
    }
    server.recognize("", b"hello");
    server.get("/secret?token=1");
    let answer = server.get("/metrics");
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let text = String::from_utf8(answer.body).unwrap();
    for line in [
        "shuzi_requests_total{route=\"/api/recognize\",status=\"200\"} 3",
        "shuzi_requests_total{route=\"/api/recognize\",status=\"415\"} 1",
        "shuzi_requests_total{route=\"page\",status=\"404\"} 1",
        "shuzi_recognitions_total{model=\"tiny\"} 3",
        "shuzi_request_seconds_count{route=\"/api/recognize\"} 4",
        "shuzi_queue_length 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    server.signal("-TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    let log = server.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 6, "{log}");
    assert!(!log.contains("0.123") && !log.contains("token"), "{log}");
    assert_eq!((&lines[0]["method"], &lines[0]["path"]), (&"POST".into(), &"/api/recognize".into()));
    assert_eq!((&lines[3]["status"], &lines[3]["error"]), (&415.into(), &"not_a_picture".into()));
    let time = lines[5]["time"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z') && lines[5]["ms"].is_number(), "{log}");
}

#[test]
fn quiet_says_nothing() {
    let mut server = Server::start(&["--quiet"]);
    assert_eq!(server.get("/healthz").status, 200);
    server.signal("-INT");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert_eq!(server.log(), "");
}

#[test]
fn equal_pictures_get_equal_answers_from_many_clients_at_once() {
    let server = Server::start(&["--threads", "2"]);
    let pictures: Vec<Vec<u8>> = CLEAR.iter().map(|&index| page(&[index]).0).collect();
    let expected: Vec<Vec<u8>> = pictures.iter().map(|picture| server.recognize("", picture).body).collect();
    thread::scope(|scope| {
        for client in 0..32 {
            let (server, pictures, expected) = (&server, &pictures, &expected);
            scope.spawn(move || {
                let mut stream = server.connect();
                let mut answers = BufReader::new(stream.try_clone().unwrap());
                for turn in 0..20 {
                    let which = (client + turn) % pictures.len();
                    let picture = &pictures[which];
                    let head = head("POST", "/api/recognize", &["Host: localhost"], picture.len());
                    stream.write_all(&[head.as_bytes(), picture].concat()).unwrap();
                    let answer = Answer::read(&mut answers);
                    assert_eq!((answer.status, &answer.body), (200, &expected[which]));
                }
            });
        }
    });
    let text = String::from_utf8(server.get("/metrics").body).unwrap();
    assert!(text.contains("shuzi_recognitions_total{model=\"photo\"} 643\n"), "{text}");
}

#[test]
fn slow_clients_stop_nobody() {
    let server = Server::start(&[]);
    let (bytes, text) = page(&CLEAR);
    let slow: Vec<TcpStream> = (0..500)
        .map(|number| {
            let mut stream = server.connect();
            let sent = match number % 3 {
                0 => String::new(),
                1 => "POST /api/recognize HTTP/1.1\r\nHost: localh".into(),
                _ => head("POST", "/api/recognize", &["Host: localhost"], 30_000_000) + "P5",
            };
            stream.write_all(sent.as_bytes()).unwrap();
            stream
        })
        .collect();
    for _ in 0..10 {
        assert_eq!(server.recognize("", &bytes).json()["text"], text);
    }
    drop(slow);
}

#[test]
fn told_to_stop_it_finishes_what_runs() {
    let mut server = Server::start(&[]);
    let (bytes, text) = page(&CLEAR);
    let mut idle = server.connect(); // an open connection without a request does not keep it
    let mut stream = server.connect();
    let head = head("POST", "/api/recognize", &["Host: localhost", "Expect: 100-continue"], bytes.len());
    stream.write_all(head.as_bytes()).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    assert_eq!(Answer::read(&mut answers).status, 100, "the request is being read");
    server.signal("-TERM");
    assert_eq!(idle.read(&mut [0]).unwrap(), 0, "hung up");
    assert!(TcpStream::connect(&server.address).is_err(), "nobody new is let in");
    stream.write_all(&bytes).unwrap();
    let answer = Answer::read(&mut answers);
    assert_eq!((answer.status, &answer.json()["text"]), (200, &text.into()));
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
#[cfg(target_os = "linux")] // elsewhere the browser is opened by another program
fn the_browser_is_opened_or_the_user_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let programs = tempdir().unwrap();
    let here = programs.path().to_str().unwrap();
    let none = Server::start_with(&["--open", "--quiet"], &[("PATH", here)]);
    assert_eq!(none.get("/").status, 200);
    assert!(
        none.log().starts_with("warning: no browser") && none.log().contains("xdg-open"),
        "{}",
        none.log()
    );

    // A browser that writes what it was asked to open, through a pipe that waits for it.
    let pipe = programs.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let browser = programs.path().join("xdg-open");
    let write = |script: &str| {
        fs::write(&browser, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
    };
    write(&format!("echo \"$1\" > {}", pipe.display()));
    let server = Server::start_with(&["--open", "--quiet"], &[("PATH", here)]);
    assert_eq!(fs::read_to_string(pipe).unwrap(), format!("http://{}/\n", server.address));

    write("exit 3"); // there is no browser
    let none = Server::start_with(&["--open", "--quiet"], &[("PATH", here)]);
    let mut asked = 0;
    while none.log().is_empty() {
        assert_eq!(none.get("/healthz").status, 200);
        asked += 1;
        assert!(asked < 100_000, "the failure is reported");
    }
    assert!(none.log().contains("xdg-open: exit code 3"), "{}", none.log());
}

#[test]
fn mistakes_on_the_command_line_are_told() {
    let server = Server::start(&[]);
    let (_, port) = server.address.rsplit_once(':').unwrap();
    let folder = server.folder.path();
    for (arguments, expected_code, word) in [
        (&["--port", port][..], 1, "another program"),
        (&["--host", "203.0.113.9"], 1, "203.0.113.9"),
        (&["--host", "somewhere"], 2, "somewhere is no address"),
        (&["--port", "70000"], 2, "70000"),
        (&["--allow-host", "http://a/"], 2, "http://a/"),
        (&["--threads", "0"], 2, "--threads"),
        (&["--threads", "1000000"], 2, "1 to 1024"),
        (&["--port", "70000", "--lang", "zh-CN"], 2, "端口"),
        (&["--max-megabytes", "0"], 2, "--max-megabytes"),
    ] {
        let (code, error) = fail(folder, &[&["serve"], arguments].concat());
        assert!(code == expected_code && error.contains(word), "{arguments:?}: {code}: {error}");
    }
}
