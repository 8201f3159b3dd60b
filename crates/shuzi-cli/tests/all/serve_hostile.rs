//! What strangers send to `shuzi serve`: pictures that are none, requests that are none, and tricks. Each gets its own 4xx with a
//! code, or a reading where the picture can be read; never a 5xx, and never the end of the server.
#![cfg(all(feature = "serve", unix))]

use crate::support::{
    CLEAR, page,
    serving::{Answer, Server, head},
};
use image::{AnimationDecoder, DynamicImage, Frame, GrayImage, ImageFormat, Luma, LumaA};
use std::io::{BufReader, Cursor, Write};

const POST: &str = "POST /api/recognize HTTP/1.1\r\nHost: localhost\r\n";
const GET: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";
const CLOSE: &str = "Connection: close\r\n\r\n";

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A picture whose first frame is given and whose second is blank.
fn animated_gif(first: &GrayImage) -> Vec<u8> {
    let mut bytes = vec![];
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    let blank = GrayImage::from_pixel(first.width(), first.height(), Luma([255]));
    for frame in [first, &blank] {
        encoder.encode_frame(Frame::new(DynamicImage::from(frame.clone()).into_rgba8())).unwrap();
    }
    drop(encoder);
    let decoder = image::codecs::gif::GifDecoder::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(decoder.into_frames().count(), 2);
    bytes
}

fn animated_png(first: &GrayImage) -> Vec<u8> {
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, first.width(), first.height());
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(first).unwrap();
    writer.write_image_data(&vec![255; first.len()]).unwrap();
    writer.finish().unwrap();
    bytes
}

/// Two colours: ink, and a ground of the same colour that is transparent.
fn palette_with_transparency(picture: &GrayImage) -> Vec<u8> {
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(&[20, 30, 90, 20, 30, 90][..]);
    encoder.set_trns(&[255, 0][..]);
    let indices: Vec<u8> = picture.iter().map(|&light| u8::from(light > 128)).collect();
    encoder.write_header().unwrap().write_image_data(&indices).unwrap();
    bytes
}

/// A JPEG of cyan, magenta, yellow and black, as Photoshop stores it (ITU-T T.81; Adobe's marker says that 255 is no ink):
/// a stroke, a block of 8x8 pixels wide and six high. No encoder at hand writes these four colours, but blocks of one colour are
/// a few bits each.
fn cmyk_jpeg() -> Vec<u8> {
    const COLUMNS: u8 = 7;
    const ROWS: u8 = 10;
    let segment = |marker: u8, content: &[u8]| {
        [&[0xff, marker], &(content.len() as u16 + 2).to_be_bytes()[..], content].concat()
    };
    let components = |rest: &[u8]| (1..=4u8).flat_map(|id| [&[id], rest].concat()).collect::<Vec<u8>>();
    let mut bytes = vec![0xff, 0xd8];
    bytes.extend(segment(0xee, b"Adobe\0\x64\0\0\0\0\0"));
    bytes.extend(segment(0xdb, &[&[0], &[8; 64][..]].concat())); // so a block's first number is its colour, less 128
    bytes
        .extend(segment(0xc0, &[&[8, 0, 8 * ROWS, 0, 8 * COLUMNS, 4], &components(&[0x11, 0])[..]].concat()));
    // A difference of n bits is coded as n in four bits and then itself; the rest of a block, which is zero, as one 0.
    let four_bits = [0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend(segment(0xc4, &[&[0], &four_bits[..], &[0, 1, 2, 3, 4, 5, 6, 7, 8]].concat()));
    bytes.extend(segment(0xc4, &[&[0x10, 1], &[0; 15][..], &[0]].concat()));
    bytes.extend(segment(0xda, &[&[4], &components(&[0])[..], &[0, 63, 0]].concat()));
    let (mut bits, mut before) = (String::new(), [0i32; 4]);
    for (row, column) in (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| (row, column))) {
        let black = if column == 3 && (2..8).contains(&row) { 0 } else { 255 };
        for (color, before) in [255, 255, 255, black].into_iter().zip(&mut before) {
            let difference = color - 128 - *before;
            *before = color - 128;
            let length = (i32::BITS - difference.abs().leading_zeros()) as usize;
            let number = if difference < 0 { difference + (1 << length) - 1 } else { difference };
            bits += &format!("{length:04b}");
            bits += &if length > 0 { format!("{number:0length$b}") } else { String::new() };
            bits.push('0');
        }
    }
    for byte in bits.as_bytes().chunks(8) {
        let byte = byte.iter().fold(0, |byte, bit| 2 * byte + (bit - b'0')) << (8 - byte.len());
        bytes.push(byte);
        bytes.extend((byte == 0xff).then_some(0));
    }
    bytes.extend([0xff, 0xd9]);
    bytes
}

/// A PNG's first chunk, with a right checksum.
fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = crate::support::png(1, 1, &[0]);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let mut sum = flate2::Crc::new();
    sum.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.sum().to_be_bytes());
    bytes
}

/// A file with other bytes at a place.
fn altered(mut bytes: Vec<u8>, place: usize, others: &[u8]) -> Vec<u8> {
    bytes[place..][..others.len()].copy_from_slice(others);
    bytes
}

#[test]
fn odd_pictures_are_read_as_what_they_show() {
    let server = Server::start(&[]);
    let (bytes, text) = page(&CLEAR);
    let picture = image::load_from_memory(&bytes).unwrap();
    let gray = picture.to_luma8();
    let deep = DynamicImage::from(picture.to_luma16());
    let behind: DynamicImage =
        image::ImageBuffer::from_fn(gray.width(), gray.height(), |x, y| LumaA([0, 255 - gray[(x, y)][0]]))
            .into();
    let plain = |width, height, light: u8| {
        encoded(&GrayImage::from_pixel(width, height, Luma([light])).into(), ImageFormat::Png)
    };
    for (name, picture, expected) in [
        ("JPEG", encoded(&picture, ImageFormat::Jpeg), &text[..]),
        ("GIF", encoded(&picture.to_rgba8().into(), ImageFormat::Gif), &text),
        ("BMP", encoded(&picture, ImageFormat::Bmp), &text),
        ("TIFF", encoded(&picture, ImageFormat::Tiff), &text),
        ("WebP", encoded(&picture.to_rgb8().into(), ImageFormat::WebP), &text),
        ("PGM", encoded(&picture, ImageFormat::Pnm), &text),
        ("16 bits", encoded(&deep, ImageFormat::Png), &text),
        ("transparent", encoded(&behind, ImageFormat::Png), &text),
        ("palette with transparency", palette_with_transparency(&gray), &text),
        ("animated GIF", animated_gif(&gray), &text),
        ("animated PNG", animated_png(&gray), &text),
        ("CMYK JPEG", cmyk_jpeg(), "1"),
        ("something behind it", [&bytes[..], b"<script>"].concat(), &text),
        ("1x1", plain(1, 1, 0), ""),
        ("1x5000", plain(1, 5000, 0), ""),
        ("5000x1", plain(5000, 1, 255), ""),
        ("all white", plain(300, 200, 255), ""),
        ("all black", plain(300, 200, 0), ""),
        ("all grey", plain(300, 200, 130), ""),
    ] {
        for kind in ["image/png", "image/jpeg", "application/octet-stream"] {
            let kind = format!("Content-Type: {kind}");
            let answer = server.ask("POST", "/api/recognize", &[&kind], &picture);
            assert_eq!(answer.status, 200, "{name}: {answer:?}");
            assert_eq!(answer.json()["text"], expected, "{name}, {kind}");
        }
    }
}

#[test]
fn bad_pictures_get_a_code_of_their_own() {
    let server = Server::start(&[]);
    let (bytes, _) = page(&CLEAR);
    let picture = image::load_from_memory(&bytes).unwrap();
    let of = |format| match format {
        ImageFormat::Gif | ImageFormat::WebP => encoded(&picture.to_rgba8().into(), format),
        _ => encoded(&picture, format),
    };
    let [bmp, gif, jpeg, tiff] =
        [ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::Jpeg, ImageFormat::Tiff].map(of);
    let frame = jpeg.windows(2).position(|bytes| bytes == b"\xff\xc0").unwrap();
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    for (name, picture, status, code) in [
        ("text", b"hello, world".to_vec(), 415, "not_a_picture"),
        ("HTML", b"<html><img src=x></html>".to_vec(), 415, "not_a_picture"),
        ("SVG", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(), 415, "not_a_picture"),
        ("PDF", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3".to_vec(), 415, "not_a_picture"),
        ("zip", b"PK\x03\x04\x14\0\0\0\x08\0".to_vec(), 415, "not_a_picture"),
        ("program", b"\x7fELF\x02\x01\x01\0".to_vec(), 415, "not_a_picture"),
        ("icon", b"\0\0\x01\0\x01\0\x10\x10\0\0".to_vec(), 415, "not_a_picture"),
        ("AVIF", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1".to_vec(), 415, "not_a_picture"),
        ("zeros", vec![0; 5000], 415, "not_a_picture"),
        ("nothing", vec![], 400, "empty"),
        ("half a PNG", half(&bytes), 422, "cut_short"),
        ("half a BMP", half(&bmp), 422, "cut_short"),
        ("half a GIF", half(&gif), 422, "cut_short"),
        ("half a TIFF", half(&tiff), 422, "cut_short"),
        ("half a JPEG", half(&jpeg), 422, "cut_short"),
        ("half a WebP", half(&of(ImageFormat::WebP)), 422, "cut_short"),
        ("half a PGM", half(&of(ImageFormat::Pnm)), 422, "cut_short"),
        ("the head of a JPEG", jpeg[..frame].to_vec(), 422, "cut_short"),
        ("nothing but PNG's name", b"\x89PNG\r\n\x1a\n".to_vec(), 422, "cut_short"),
        ("a wrong checksum", altered(bytes.clone(), 30, b"\0\0"), 422, "damaged_picture"),
        ("PNG of no size", png_claiming(0, 0), 422, "damaged_picture"),
        ("PNG of 60,000 x 60,000", png_claiming(60_000, 60_000), 413, "too_many_pixels"),
        ("PNG of all there is", png_claiming(0x7fff_ffff, 0x7fff_ffff), 413, "too_many_pixels"),
        ("GIF of 65,535 x 65,535", altered(gif, 6, &[0xff; 4]), 413, "too_many_pixels"),
        (
            "JPEG of 60,000 x 60,000",
            altered(jpeg, frame + 5, &[0xea, 0x60, 0xea, 0x60]),
            413,
            "too_many_pixels",
        ),
        (
            "BMP of 60,000 x 60,000",
            altered(bmp, 18, &[0x60, 0xea, 0, 0, 0x60, 0xea, 0, 0]),
            413,
            "too_many_pixels",
        ),
        ("PGM of 60,000 x 60,000", b"P5 60000 60000 255\n".to_vec(), 413, "too_many_pixels"),
        ("PGM of a great many pixels", b"P5 4294967295 4294967295 255\n".to_vec(), 413, "too_many_pixels"),
        (
            "PGM of more pixels than a number can hold",
            b"P5 99999999999999999999 1 255\n".to_vec(),
            422,
            "damaged_picture",
        ),
        ("PGM of less than nothing", b"P5 -5 5 255\n".to_vec(), 422, "damaged_picture"),
    ] {
        let answer = server.recognize("", &picture);
        assert_eq!((answer.status, &answer.code()[..]), (status, code), "{name}: {answer:?}");
    }
    assert_eq!(server.recognize("", &bytes).status, 200, "and still it reads");
}

#[test]
fn what_is_no_http_gets_json_too() {
    let server = Server::start(&[]);
    let long = |length| "x".repeat(length);
    let lines = |count| (0..count).map(|line| format!("X-{line}: y\r\n")).collect::<String>();
    for (sent, status, code) in [
        ("\x16\x03\x01\x02\0\x01\0\x01\u{1}\x03\x03".into(), 400, "bad_http"), // TLS
        ("hello\r\n\r\n".into(), 400, "bad_http"),
        ("GET /\r\n\r\n".into(), 400, "bad_http"),
        ("SSH-2.0-OpenSSH_9.9\r\n".into(), 400, "bad_http"),
        (GET.replace("1.1", "1.2") + CLOSE, 400, "bad_http"),
        (GET.replace("1.1", "2.0") + CLOSE, 400, "bad_http"),
        (GET.replace("/healthz", "/\0") + CLOSE, 400, "bad_http"),
        (GET.replace("/healthz", "/a b") + CLOSE, 400, "bad_http"),
        (format!("{GET}No colon\r\n{CLOSE}"), 400, "bad_http"),
        (format!("{GET}Space : before\r\n{CLOSE}"), 400, "bad_http"),
        (format!("{GET}X: a\r\n folded\r\n{CLOSE}"), 400, "bad_http"),
        (format!("{GET}X: a\rb\r\n{CLOSE}"), 400, "bad_http"),
        (format!("{GET}X: a\0b\r\n{CLOSE}"), 400, "bad_http"),
        (format!("{GET}X\0: b\r\n{CLOSE}"), 400, "bad_http"),
        (format!("{POST}Content-Length: -1\r\n{CLOSE}"), 400, "bad_http"),
        (format!("{POST}Content-Length: +5\r\n{CLOSE}hello"), 400, "bad_http"),
        (format!("{POST}Content-Length: 0x5\r\n{CLOSE}hello"), 400, "bad_http"),
        (format!("{POST}Content-Length: 5, 5\r\n{CLOSE}hello"), 400, "bad_http"),
        (format!("{POST}Content-Length:\r\n{CLOSE}"), 400, "bad_http"),
        (format!("{POST}Content-Length: {}\r\n{CLOSE}", "9".repeat(30)), 400, "bad_http"),
        (format!("{POST}Content-Length: 5\r\nContent-Length: 6\r\n{CLOSE}hello!"), 400, "bad_http"),
        (format!("{POST}Transfer-Encoding: gzip\r\n{CLOSE}"), 400, "bad_http"),
        (format!("{POST}Transfer-Encoding: chunked, gzip\r\n{CLOSE}0\r\n\r\n"), 400, "bad_http"),
        (format!("{POST}Transfer-Encoding: xchunked\r\n{CLOSE}0\r\n\r\n"), 400, "bad_http"),
        (
            format!("{POST}Transfer-Encoding: chunked\r\n{CLOSE}0\r\n\r\n").replace("1.1", "1.0"),
            400,
            "bad_http",
        ),
        (format!("{GET}{}{CLOSE}", lines(99)), 431, "long_headers"), // and two more
        (format!("{GET}{}{CLOSE}", lines(50_000)), 431, "long_headers"),
        (format!("{GET}X: {}\r\n{CLOSE}", long(17_000)), 431, "long_headers"),
        (format!("{GET}X: {}\r\n{CLOSE}", long(1 << 20)), 431, "long_headers"),
        (GET.replace("healthz", &long(1 << 20)) + CLOSE, 431, "long_headers"), // whatever it is that does not end
        (GET.replace("healthz", &long(9000)) + CLOSE, 414, "long_address"),
        (GET.replace("healthz", &format!("healthz?{}", long(9000))) + CLOSE, 414, "long_address"),
        (GET.replace("healthz", &long(65_535)) + CLOSE, 414, "long_address"),
        ("GET /healthz HTTP/1.1\r\n".to_string() + CLOSE, 400, "bad_host"),
        ("GET /healthz HTTP/1.0\r\n\r\n".into(), 400, "bad_host"),
        (format!("{GET}Host: localhost\r\n{CLOSE}"), 400, "bad_host"),
        (GET.replace("/healthz", "http://user@localhost/healthz") + CLOSE, 400, "bad_host"),
        (GET.replace("/healthz", "http://evil.example/healthz") + CLOSE, 421, "host"),
        (GET.replace("/healthz", "healthz") + CLOSE, 421, "host"),
        (GET.replace("GET /healthz", "CONNECT evil.example:443") + CLOSE, 421, "host"),
        (GET.replace("GET /healthz", "CONNECT localhost:443") + CLOSE, 404, "not_found"),
        (GET.replace("GET /healthz", "OPTIONS *") + CLOSE, 404, "not_found"),
    ] {
        let start: String = sent.chars().take(120).collect();
        let answers = server.exchange(sent.as_bytes());
        assert_eq!(answers.len(), 1, "{start}");
        let found = (answers[0].status, &answers[0].code()[..]);
        assert_eq!(found, (status, code), "{start}");
        for name in ["content-security-policy", "x-content-type-options", "date"] {
            assert!(answers[0].header(name).is_some(), "{start}: {answers:?}");
        }
    }
    let preface = server.exchange(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(preface.is_empty(), "who speaks HTTP/2 without asking understands no answer");
    assert_eq!(server.get("/healthz").status, 200, "and still it serves");

    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    let counted = metrics
        .lines()
        .any(|line| line.starts_with("shuzi_requests_total{route=\"unreadable\",status=\"400\"}"));
    assert!(counted, "{metrics}");
}

#[test]
fn what_hyper_refuses_is_logged() {
    let mut server = Server::start(&[]);
    assert_eq!(server.exchange(b"hello\r\n\r\n").len(), 1);
    server.signal("-TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    let line: serde_json::Value = serde_json::from_str(server.log().trim()).unwrap();
    assert_eq!(
        (&line["status"], &line["error"], &line["path"]),
        (&400.into(), &"bad_http".into(), &"-".into())
    );
}

#[test]
fn a_body_ends_where_its_length_says_and_nothing_is_smuggled_behind_it() {
    let server = Server::start(&[]);
    let chunked = format!("{POST}Transfer-Encoding: chunked\r\n{CLOSE}");
    let hidden = format!("{GET}\r\n");
    let long = "x".repeat(100_000);
    for (sent, code) in [
        (format!("{chunked}-5\r\nhello\r\n0\r\n\r\n{hidden}"), "body_cut"),
        (format!("{chunked}ZZ\r\nhello\r\n0\r\n\r\n{hidden}"), "body_cut"),
        (format!("{chunked}0x5\r\nhello\r\n0\r\n\r\n{hidden}"), "body_cut"),
        (format!("{chunked}3\r\nhello\r\n0\r\n\r\n{hidden}"), "body_cut"),
        (format!("{chunked}FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n{hidden}"), "body_cut"),
        (format!("{chunked}5\nhello\n0\n\n{hidden}"), "body_cut"),
        (format!("{chunked}5;{long}\r\nhello\r\n0\r\n\r\n{hidden}"), "body_cut"),
        (format!("{chunked}5\r\nhello\r\n0\r\nX: {long}\r\n\r\n{hidden}"), "body_cut"),
        // Chunks go before a length, and the connection ends (RFC 9112, 6.1).
        (format!("{POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"), "empty"),
        (format!("{POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{hidden}"), "empty"),
        (format!("{POST}Content-Length: 5\r\nContent-Length: 5\r\n{CLOSE}hello{hidden}"), "not_a_picture"),
    ] {
        let start: String = sent.chars().take(160).collect();
        let answers = server.exchange(sent.as_bytes());
        assert_eq!((answers.len(), &answers[0].code()[..]), (1, code), "{start}: {answers:?}");
        assert_eq!(answers[0].status / 100, 4, "{start}: {answers:?}");
    }
    for cut in [
        format!("{chunked}5\r\nhello\r\n"),
        format!("{chunked}FFFFFFFFFFFFFFF\r\nhello\r\n"),
        format!("{POST}Content-Length: 999999\r\n{CLOSE}hello"),
    ] {
        assert_eq!(server.exchange_cut(cut.as_bytes())[0].code(), "body_cut", "{cut}");
    }
}

#[test]
fn requests_behind_one_another_are_answered_in_their_order() {
    let server = Server::start(&[]);
    let (bytes, text) = page(&CLEAR);
    let post = format!("{POST}Content-Length: {}\r\n\r\n", bytes.len());
    let picture = [post.as_bytes(), &bytes].concat();
    let get = format!("{GET}\r\n");
    let sent = [get.as_bytes(), &picture, get.as_bytes(), &picture, b"hello\r\n\r\n"].concat();
    let answers = server.exchange(&sent);
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 400]);
    assert_eq!(
        (&answers[1].json()["text"], &answers[3].json()["text"]),
        (&text[..].into(), &text[..].into())
    );
    assert_eq!((&answers[2].json()["status"], &answers[4].code()[..]), (&"ok".into(), "bad_http"));
}

#[test]
fn who_asks_before_sending_is_context_to_go_on_or_why_not() {
    let server = Server::start(&[]);
    let (bytes, text) = page(&CLEAR);
    let expect = ["Host: localhost", "Expect: 100-continue", "Connection: close"];
    let mut stream = server.connect();
    stream.write_all(head("POST", "/api/recognize", &expect, bytes.len()).as_bytes()).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    assert_eq!(Answer::read(&mut answers).status, 100);
    stream.write_all(&bytes).unwrap();
    assert_eq!(Answer::read(&mut answers).json()["text"], text);
    for (path, header, length, status, code) in [
        ("/api/recognize", "X: y", 1 << 40, 413, "too_many_bytes"),
        ("/api/recognize", "Content-Type: text/plain", 999, 415, "content_type"),
        ("/api/recognize?model=none", "X: y", 999, 400, "unknown_model"),
        ("/api/recognize", "Origin: http://evil.example", 999, 403, "origin"),
        ("/healthz", "X: y", 999, 405, "wrong_method"),
    ] {
        let head = head("POST", path, &[&expect[..], &[header]].concat(), length);
        let answers = server.exchange(head.as_bytes());
        let found = (answers.len(), answers[0].status, &answers[0].code()[..]);
        assert_eq!(found, (1, status, code), "{path}, {header}: not a byte of the body is waited for");
    }
}

#[test]
fn who_sends_much_to_a_wrong_place_still_hears_why() {
    let server = Server::start(&[]);
    let much = vec![b'x'; 20_000_000];
    for (host, path, status) in
        [("localhost", "/none", 404), ("localhost", "/healthz", 405), ("evil.example", "/api/recognize", 421)]
    {
        assert_eq!(server.ask_host(host, "POST", path, &[], &much).status, status, "{host}{path}");
    }
}

#[test]
fn every_method_on_every_path_has_an_answer() {
    let server = Server::start(&[]);
    let paths = [
        "/api/recognize",
        "/api/models",
        "/api/openapi.json",
        "/healthz",
        "/metrics",
        "/",
        "/index.html",
        "/main.js",
        "/none",
        "/api/",
        "/api/recognize/",
    ];
    let mut missing = vec!["/none", "/api/", "/api/recognize/"];
    if server.get("/main.js").status == 404 {
        crate::support::skip("this program was built without its page");
        missing.push("/main.js");
    }
    let methods = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get",
        "A-B",
    ];
    for path in paths {
        for method in methods {
            let answer = server.ask(method, path, &[], b"");
            let context = format!("{method} {path}: {answer:?}");
            assert!([200, 400, 404, 405].contains(&answer.status), "{context}");
            assert_eq!(answer.status == 405, answer.header("allow").is_some(), "{context}");
            let is_read =
                ["GET", "HEAD"].contains(&method) && !missing.contains(&path) && path != "/api/recognize";
            assert_eq!(answer.status == 200, is_read, "{context}");
            if answer.status != 200 && method != "HEAD" {
                answer.code();
            }
        }
    }
}

#[test]
fn no_path_leads_to_the_disk() {
    let server = Server::start(&[]);
    for path in [
        "/../Cargo.toml",
        "/../../../../../../../../etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/%252e%252e%252f%252e%252e%252fetc%252fpasswd",
        "/..%c0%af..%c0%afetc/passwd",
        "/..%5c..%5cwindows%5cwin.ini",
        "/..\\..\\windows\\win.ini",
        "/....//....//etc/passwd",
        "/..;/..;/etc/passwd",
        "/main.js/../../etc/passwd",
        "/./main.js",
        "//main.js",
        "//etc/passwd",
        "/etc/passwd",
        "/proc/self/environ",
        "/main.js%00.png",
        "/%00",
        "/%",
        "/%zz",
        "/main.js/",
        "/MAIN.JS",
        "/C:/windows/win.ini",
        "/file:///etc/passwd",
        "/~root",
        "/.git/config",
        "/api/../api/models",
    ] {
        let answer = server.get(path);
        assert_eq!((answer.status, &answer.code()[..]), (404, "not_found"), "{path}: {answer:?}");
    }
}

#[test]
fn bad_forms_and_wrong_kinds_of_bodies_are_refused() {
    let server = Server::start(&[]);
    let (bytes, text) = page(&CLEAR);
    let part = |disposition: &str, content: &[u8]| {
        [b"--b\r\nContent-Disposition: ", disposition.as_bytes(), b"\r\n\r\n", content, b"\r\n"].concat()
    };
    let file = part("form-data; name=\"p\"; filename=\"p.jpg\"", &bytes);
    let form = |parts: &[&[u8]]| [&parts.concat()[..], b"--b--\r\n"].concat();
    const KIND: &str = "multipart/form-data; boundary=b";
    let good = form(&[&file]);
    let send = |kind: &str, body: &[u8]| {
        server.ask("POST", "/api/recognize", &[&format!("Content-Type: {kind}")], body)
    };
    let quoted = send("Multipart/Form-Data; charset=utf-8; boundary=\"b\"", &good);
    assert_eq!(quoted.json()["text"], text);
    let two = send(KIND, &form(&[&file, &file]));
    assert_eq!(two.json()["pictures"][1]["text"], text);
    for (kind, body, status, code) in [
        (KIND, form(&[]), 400, "bad_multipart"),
        (KIND, form(&[&part("form-data; name=\"p\"", &bytes)]), 400, "bad_multipart"), // no file's name
        (KIND, form(&[&part("form-data; name=\"p\"; filename=\"p.png\"", b"")]), 400, "empty"),
        (KIND, form(&[&part("attachment", &bytes)]), 400, "bad_multipart"),
        (KIND, [&b"--b\r\n"[..], &vec![b'x'; 1 << 20], b"\r\n\r\n--b--\r\n"].concat(), 400, "bad_multipart"),
        (KIND, file.clone(), 400, "bad_multipart"), // no end
        (KIND, bytes.clone(), 400, "bad_multipart"),
        (KIND, vec![], 400, "empty"),
        ("multipart/form-data", good.clone(), 400, "bad_multipart"),
        ("multipart/form-data; boundary=", good.clone(), 400, "bad_multipart"),
        ("multipart/form-data; boundary=other", good.clone(), 400, "bad_multipart"),
        ("multipart/form-data; boundary=\"b", good.clone(), 400, "bad_multipart"),
        ("multipart/mixed; boundary=b", good.clone(), 415, "content_type"),
        ("application/json", b"{\"picture\": \"aGVsbG8=\"}".to_vec(), 415, "content_type"),
        ("text/html", bytes.clone(), 415, "content_type"),
        ("imagepng", bytes.clone(), 415, "content_type"),
        ("\u{e9}", bytes.clone(), 415, "content_type"),
        ("image/svg+xml", b"<svg/>".to_vec(), 415, "not_a_picture"),
    ] {
        let answer = send(kind, &body);
        assert_eq!((answer.status, &answer.code()[..]), (status, code), "{kind}: {answer:?}");
    }
}

/// A form of so many times the same picture.
fn form_of(picture: &[u8], count: usize) -> Vec<u8> {
    let part = b"--b\r\nContent-Disposition: form-data; name=\"p\"; filename=\"p.png\"\r\n\r\n";
    [[&part[..], picture, b"\r\n"].concat().repeat(count), b"--b--\r\n".to_vec()].concat()
}

/// Sends a form of heavy pictures and waits until the first of them is read.
fn send_heavy_form(server: &Server, count: usize) -> std::net::TcpStream {
    let heavy = page(&(0..60).collect::<Vec<_>>()).0;
    let body = form_of(&heavy, count);
    let headers = ["Host: localhost", "Connection: close", "Content-Type: multipart/form-data; boundary=b"];
    let mut stream = server.connect();
    stream.write_all(head("POST", "/api/recognize", &headers, body.len()).as_bytes()).unwrap();
    stream.write_all(&body).unwrap();
    while pictures_read(server) == 0 {}
    stream
}

/// How many pictures the server has read.
fn pictures_read(server: &Server) -> usize {
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    let line =
        metrics.lines().find_map(|line| line.strip_prefix("shuzi_recognitions_total{model=\"photo\"} "));
    line.map_or(0, |count| count.parse().unwrap())
}

#[test]
fn a_small_picture_waits_for_one_of_a_form_and_not_for_all() {
    const COUNT: usize = 30;
    let server = Server::start(&["--threads", "1"]);
    let mut form = BufReader::new(send_heavy_form(&server, COUNT));
    let (bytes, text) = page(&CLEAR);
    let before = pictures_read(&server);
    assert_eq!(server.recognize("", &bytes).json()["text"], text);
    let between = pictures_read(&server) - before;
    assert!(between < 10, "{between} pictures of the form came first");
    let answer = Answer::read(&mut form).json();
    assert_eq!(answer["pictures"].as_array().unwrap().len(), COUNT, "the form is answered all the same");
}

#[test]
fn the_pictures_of_a_client_that_has_gone_are_not_read() {
    const COUNT: usize = 30;
    let server = Server::start(&["--threads", "1"]);
    drop(send_heavy_form(&server, COUNT));
    let (bytes, _) = page(&CLEAR);
    // Each of these would let one of the form pass.
    for _ in 0..COUNT {
        assert_eq!(server.recognize("", &bytes).status, 200);
    }
    let of_the_form = pictures_read(&server) - COUNT;
    assert!(of_the_form < 10, "{of_the_form} pictures of the form were read for nobody");
}

#[test]
fn the_pixels_of_a_form_are_counted_together() {
    let server = Server::start(&["--max-megapixels", "1"]);
    let picture = crate::support::png(800, 500, &vec![255; 400_000]);
    let send = |count| {
        let kind = "Content-Type: multipart/form-data; boundary=b";
        server.ask("POST", "/api/recognize", &[kind], &form_of(&picture, count))
    };
    assert_eq!(send(2).json()["pictures"].as_array().unwrap().len(), 2);
    let refused = send(3);
    assert_eq!((refused.status, &refused.code()[..]), (413, "too_many_pixels"));
    let message = refused.json()["error"]["message"].to_string();
    assert!(message.contains("picture 3 of 3") && message.contains("together"), "{message}");
}
