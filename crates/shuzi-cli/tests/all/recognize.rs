//! `shuzi recognize`: pictures in, digits out, and every bad picture named.

use crate::support::{CLEAR, fail, page, png, run, shuzi, succeed};
use std::{
    fs,
    io::{Cursor, Write},
    path::Path,
    process::Stdio,
};
use tempfile::tempdir;

fn with_page(folder: &Path) -> String {
    let (bytes, text) = page(&CLEAR);
    fs::write(folder.join("page.png"), bytes).unwrap();
    text
}

/// Two lines of writing, and what is written.
fn with_two_lines(folder: &Path) -> [String; 2] {
    let (width, height, mut pixels) = drawn(&CLEAR);
    let below: Vec<u64> = CLEAR.iter().rev().copied().collect();
    pixels.extend(drawn(&below).2);
    fs::write(folder.join("two.png"), png(width, 2 * height, &pixels)).unwrap();
    [page(&CLEAR).1, page(&below).1]
}

/// The pixels of a [`page`]: width, height, and row by row.
fn drawn(indices: &[u64]) -> (usize, usize, Vec<u8>) {
    let mut reader = png::Decoder::new(Cursor::new(page(indices).0)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width as usize, info.height as usize, pixels)
}

fn without_confidences(line: &str) -> &str {
    line.split("  (").next().unwrap()
}

fn object(folder: &Path, arguments: &[&str]) -> serde_json::Value {
    let out = succeed(folder, &[&["recognize", "--json"], arguments].concat());
    serde_json::from_str(&out).unwrap()
}

#[test]
fn a_page_is_read_in_words_and_for_programs() {
    let folder = tempdir().unwrap();
    let text = with_page(folder.path());
    let out = succeed(folder.path(), &["recognize", "page.png"]);
    assert!(out.starts_with(&format!("page.png: {text}")) && out.lines().count() == 1, "{out}");
    let object = object(folder.path(), &["page.png"]);
    assert_eq!((object["file"].as_str(), object["text"].as_str()), (Some("page.png"), Some(&text[..])));
    let digits = object["digits"].as_array().unwrap();
    assert_eq!(digits.len(), CLEAR.len());
    for (place, digit) in digits.iter().enumerate() {
        let corner = digit["box"][0].as_u64().unwrap() as usize;
        assert!((20 + place * 84..20 + place * 84 + 84).contains(&corner), "{digit}");
        let probabilities: Vec<f64> =
            digit["probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
        let value = digit["digit"].as_u64().unwrap() as usize;
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-5 && probabilities.len() == 10);
        assert!(probabilities.iter().all(|&p| p <= probabilities[value]), "{digit}");
        assert!((0.9..=1.0).contains(&digit["confidence"].as_f64().unwrap()), "{digit}");
        assert_eq!(digit["rejected"], false);
    }
}

#[test]
fn standard_input_is_a_picture_too() {
    let folder = tempdir().unwrap();
    let (bytes, text) = page(&CLEAR);
    let mut child = shuzi(folder.path(), &["recognize", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    let out = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(out.starts_with(&format!("-: {text}")), "{out}");
}

#[test]
fn what_is_not_sure_enough_becomes_a_question_mark() {
    let folder = tempdir().unwrap();
    let text = with_page(folder.path());
    let all = object(folder.path(), &["page.png", "--min-confidence", "1"]);
    assert_eq!(all["text"].as_str().unwrap(), "?".repeat(text.len()));
    assert_eq!(
        object(folder.path(), &["page.png", "--min-confidence", "0.1"])["text"].as_str().unwrap(),
        text
    );
}

#[test]
fn a_folder_is_read_in_the_order_of_names_and_bad_pictures_are_passed_over() {
    let folder = tempdir().unwrap();
    let inside = folder.path().join("pictures");
    fs::create_dir_all(inside.join("more")).unwrap();
    let (bytes, text) = page(&CLEAR);
    fs::write(inside.join("b.png"), &bytes).unwrap();
    fs::write(inside.join("more/c.PNG"), &bytes).unwrap();
    fs::write(inside.join("a.jpg"), &bytes[..bytes.len() / 2]).unwrap(); // a PNG, cut
    fs::write(inside.join("notes.txt"), "none").unwrap();
    let (code, out, error) = run(&mut shuzi(folder.path(), &["recognize", "pictures", "--quiet"]));
    assert_eq!(code, 1, "{error}");
    let lines: Vec<&str> = out.lines().map(without_confidences).collect();
    assert_eq!(lines, [format!("pictures/b.png: {text}"), format!("pictures/more/c.PNG: {text}")]);
    assert!(error.contains("pictures/a.jpg") && error.contains("PNG") && error.contains("1 of 3"), "{error}");
    assert!(error.contains("1 skipped") && error.contains("pictures/notes.txt"), "{error}");
}

#[test]
fn the_reading_can_be_looked_at() {
    let folder = tempdir().unwrap();
    with_page(folder.path());
    succeed(folder.path(), &["recognize", "page.png", "--annotate", "boxes.png", "--explain", "steps.html"]);
    let boxes = fs::read(folder.path().join("boxes.png")).unwrap();
    let mut reader = png::Decoder::new(Cursor::new(boxes)).read_info().unwrap();
    assert_eq!((reader.info().width, reader.info().height), (3 * 84 + 40, 124));
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    let green = pixels.chunks(4).filter(|p| p[1] > p[0].saturating_add(60) && p[1] > p[2].saturating_add(60));
    assert!(green.count() > 300, "boxes are drawn");
    let page = fs::read_to_string(folder.path().join("steps.html")).unwrap();
    assert_eq!(page.matches("data:image/png;base64,").count(), 3 + CLEAR.len());
    assert!(!page.contains("<script") && page.contains("Content-Security-Policy"));
}

#[test]
fn lines_of_writing_stay_apart() {
    let folder = tempdir().unwrap();
    let [first, second] = with_two_lines(folder.path());
    let recognize =
        |arguments: &[&str]| succeed(folder.path(), &[&["recognize", "two.png"], arguments].concat());
    let lines = |arguments: &[&str]| {
        recognize(arguments).lines().map(|line| without_confidences(line).to_owned()).collect::<Vec<_>>()
    };
    let apart = [format!("two.png: {first}"), format!("two.png: {second}")];
    assert_eq!(lines(&[]), apart);
    assert_eq!(lines(&["--lines"]), apart, "the option's name of old");
    assert_eq!(lines(&["--join"]), [format!("two.png: {first}{second}")]);
    let all = recognize(&["--verbose"]);
    assert_eq!(all.matches('%').count(), first.len() + second.len(), "{all}");
    assert_eq!(object(folder.path(), &["two.png"])["text"], format!("{first}\n{second}"));
    assert_eq!(object(folder.path(), &["two.png", "--join"])["text"], format!("{first}{second}"));
    let page = folder.path().join("two.html");
    recognize(&["--explain", "two.html"]);
    assert!(fs::read_to_string(page).unwrap().contains(&format!(">{first}\n{second}</dd>")));
}

#[test]
fn confidences_are_printed_where_they_are_low() {
    let folder = tempdir().unwrap();
    // Half of a digit is no good one.
    let (width, height, mut pixels) = drawn(&[5, 7]);
    pixels[..height / 2 * width].iter_mut().for_each(|pixel| *pixel = 255);
    fs::write(folder.path().join("half.png"), png(width, height, &pixels)).unwrap();
    let read = object(folder.path(), &["half.png", "--single"]);
    let confidence = read["digits"][0]["confidence"].as_f64().unwrap();
    assert!(confidence < 0.9, "{confidence}");
    let out = succeed(folder.path(), &["recognize", "half.png", "--single"]);
    let digit = &read["digits"][0]["digit"];
    let expected = format!("(low confidence: {digit} {:.1}\u{a0}%)", 100.0 * confidence);
    assert!(out.contains(&expected), "{out}");
}

/// What an image of each kind gives, in the order of the names.
fn with_good_and_bad(folder: &Path) -> String {
    let text = with_page(folder);
    let bytes = page(&CLEAR).0;
    fs::write(folder.join("blank.png"), png(90, 90, &[200; 8100])).unwrap();
    fs::write(folder.join("cut.png"), &bytes[..60]).unwrap();
    let mut damaged = bytes.clone();
    damaged[30] ^= 255; // of a checksum
    fs::write(folder.join("damaged.png"), damaged).unwrap();
    fs::write(folder.join("empty.png"), "").unwrap();
    fs::write(folder.join("text.png"), "hello").unwrap();
    fs::write(folder.join("large.png"), png(2000, 1000, &[200; 2_000_000])).unwrap();
    fs::create_dir(folder.join("folder")).unwrap();
    text
}

const GOOD_AND_BAD: [(&str, &str); 9] = [
    ("blank.png", ""),
    ("cut.png", "cut_short"),
    ("damaged.png", "damaged_picture"),
    ("empty.png", "empty"),
    ("folder", "no_pictures"),
    ("large.png", "too_many_pixels"),
    ("missing.png", "not_found"),
    ("page.png", ""),
    ("text.png", "not_a_picture"),
];

#[test]
fn every_picture_has_its_line_of_json() {
    let folder = tempdir().unwrap();
    let text = with_good_and_bad(folder.path());
    let names = GOOD_AND_BAD.map(|(name, _)| name);
    let limits = ["--json", "--max-megapixels", "1"];
    let (code, out, error) = run(&mut shuzi(folder.path(), &[&["recognize"], &names[..], &limits].concat()));
    assert_eq!((code, error.lines().count()), (1, 1), "{error}");
    assert!(error.contains("7 of 9"), "{error}");
    let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), GOOD_AND_BAD.len(), "{out}");
    for (line, (name, code)) in lines.iter().zip(GOOD_AND_BAD) {
        assert_eq!(line["file"], name);
        assert_eq!(line["error"]["code"].as_str().unwrap_or_default(), code, "{line}");
        assert_eq!(line["error"]["message"].is_string(), !code.is_empty(), "{line}");
        let expected = if name == "page.png" { &text } else { "" };
        assert_eq!(line["text"].as_str().unwrap_or_default(), expected, "{line}");
        assert_eq!(line["text"].is_null(), !code.is_empty(), "{line}");
    }
    let tiny = ["recognize", "page.png", "--max-megabytes", "1", "--json"];
    fs::write(folder.path().join("page.png"), [page(&CLEAR).0, vec![0; 1_000_001]].concat()).unwrap();
    let (_, out, _) = run(&mut shuzi(folder.path(), &tiny));
    assert!(out.contains("\"too_many_bytes\""), "{out}");
}

#[cfg(target_os = "linux")] // elsewhere names are Unicode
#[test]
fn a_name_that_is_no_text_has_its_line_too() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let folder = tempdir().unwrap();
    let (bytes, text) = page(&CLEAR);
    fs::write(folder.path().join(OsStr::from_bytes(b"\xff.png")), bytes).unwrap();
    for form in ["--json", "--csv"] {
        let out = succeed(folder.path(), &["recognize", ".", form]);
        assert!(out.contains("\u{fffd}.png") && out.contains(&text), "{out}");
    }
}

#[test]
fn a_table_has_a_row_for_each_line_of_writing() {
    let folder = tempdir().unwrap();
    let text = with_good_and_bad(folder.path());
    let [first, second] = with_two_lines(folder.path());
    let arguments = ["recognize", "--csv", "blank.png", "damaged.png", "page.png", "two.png"];
    let (code, out, error) = run(&mut shuzi(folder.path(), &arguments));
    assert_eq!(code, 1, "{error}");
    let mut table = csv::Reader::from_reader(out.as_bytes());
    let columns = ["file", "line", "text", "confidence", "partial", "error", "message"];
    assert_eq!(table.headers().unwrap(), &columns[..]);
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    let short: Vec<_> = rows.iter().map(|row| [&row[0], &row[1], &row[2], &row[5]]).collect();
    let expected = [
        ["blank.png", "", "", ""],
        ["damaged.png", "", "", "damaged_picture"],
        ["page.png", "1", &text, ""],
        ["two.png", "1", &first, ""],
        ["two.png", "2", &second, ""],
    ];
    assert_eq!(short, expected);
    for row in &rows {
        let confidence: Option<f32> = (!row[3].is_empty()).then(|| row[3].parse().unwrap());
        assert_eq!(confidence.is_some_and(|p| (0.0..=1.0).contains(&p)), !row[2].is_empty(), "{row:?}");
    }
    assert!(rows[1][6].contains("damaged.png"), "{rows:?}");
}

#[test]
fn a_picture_that_is_cut_short_is_read_only_if_asked_and_marked() {
    let folder = tempdir().unwrap();
    let [first, _] = with_two_lines(folder.path());
    // A PGM is as long as its pixels, so that the cut is below the first line.
    let (width, height, pixels) = drawn(&CLEAR);
    let mut bytes = format!("P5 {width} {} 255\n", 2 * height).into_bytes();
    bytes.extend(pixels);
    fs::write(folder.path().join("cut.pgm"), bytes).unwrap();
    let recognize = |more: &[&str]| {
        run(&mut shuzi(folder.path(), &[&["recognize", "cut.pgm", "two.png"], more].concat()))
    };
    let (code, out, error) = recognize(&[]);
    assert!(code == 1 && !out.contains("cut.pgm") && out.lines().count() == 2, "{out}");
    assert!(error.contains("cut.pgm") && error.contains("cut short"), "{error}");
    let (code, out, error) = recognize(&["--partial"]);
    assert!(out.starts_with(&format!("cut.pgm: {first}  (cut short)")), "{out}");
    assert_eq!((code, out.matches("cut short").count(), out.lines().count()), (1, 1, 3), "{out}");
    assert!(error.contains("1 of 2"), "{error}");
    let (code, out, _) = recognize(&["--partial", "--json"]);
    let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((code, lines.len()), (1, 2));
    assert_eq!((&lines[0]["text"], &lines[0]["partial"]), (&first[..].into(), &true.into()));
    assert!(lines[1]["partial"].is_null());
    let (_, out, _) = recognize(&["--partial", "--csv"]);
    assert!(out.lines().nth(1).unwrap().contains(",true,,") && out.matches("true").count() == 1, "{out}");
}

#[test]
fn what_a_folder_has_besides_pictures_is_named_at_the_end() {
    let folder = tempdir().unwrap();
    let inside = folder.path().join("inside");
    fs::create_dir(&inside).unwrap();
    fs::write(inside.join("page.png"), page(&CLEAR).0).unwrap();
    for name in ["a.txt", "b.txt", "c.txt", "d.txt", "e.txt", "f.pdf", "g.pdf", ".DS_Store", "Thumbs.db"] {
        fs::write(inside.join(name), "x").unwrap();
    }
    let (code, _, error) = run(&mut shuzi(folder.path(), &["recognize", "inside"]));
    assert_eq!(code, 0, "what is no picture is no failure: {error}");
    assert!(error.contains("7 skipped") && error.contains("inside/a.txt, inside/b.txt"), "{error}");
    assert!(error.contains("inside/e.txt and 2 more") && !error.contains("DS_Store"), "{error}");
    fs::write(inside.join("phone.HEIC"), b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").unwrap();
    let (code, out, error) = run(&mut shuzi(folder.path(), &["recognize", "inside"]));
    assert_eq!((code, out.lines().count()), (1, 1), "a picture that is not read is: {error}");
    assert!(error.contains("inside/phone.HEIC") && error.contains("heif-convert"), "{error}");
    assert_eq!(error.matches("phone.HEIC").count(), 1, "{error}");
    let (_, out, _) = run(&mut shuzi(folder.path(), &["recognize", "inside", "--json"]));
    assert!(out.contains("inside/phone.HEIC") && out.lines().count() == 2, "{out}");
}

#[test]
fn many_pictures_are_looked_at_in_a_folder() {
    let folder = tempdir().unwrap();
    let inside = folder.path().join("in");
    fs::create_dir_all(inside.join("more")).unwrap();
    let bytes = page(&CLEAR).0;
    for name in ["a.png", "A.jpg", "more/a.png", "b.png"] {
        fs::write(inside.join(name), &bytes).unwrap();
    }
    let recognize = |arguments: &[&str]| succeed(folder.path(), &[&["recognize"], arguments].concat());
    recognize(&["in", "--annotate", "boxes/", "--explain", "steps"]);
    let names = |name: &str| crate::support::names(&folder.path().join(name));
    let lower = |names: Vec<String>| names.iter().map(|name| name.to_lowercase()).collect::<Vec<_>>();
    assert_eq!(names("boxes").len(), 4);
    assert_eq!(lower(names("boxes")), ["a.png", "a-2.png", "a-3.png", "b.png"]);
    assert_eq!(lower(names("steps")), ["a.html", "a-2.html", "a-3.html", "b.html"]);
    recognize(&["in/a.png", "in/b.png", "--annotate", "in"]);
    assert_eq!(fs::read(inside.join("a.png")).unwrap(), bytes, "the picture itself stays");
    assert_eq!(lower(names("in")), ["a.jpg", "a-2.png", "a.png", "b-2.png", "b.png", "more"]);
    recognize(&["in/a.png", "--annotate", "one/"]);
    assert_eq!(names("one"), ["a.png"]);
}

#[test]
fn the_page_of_a_photo_is_small() {
    let folder = tempdir().unwrap();
    // Grain, which no lossless format makes small.
    let (width, height, pixels) = drawn(&CLEAR);
    let (pixels, height) = (pixels.repeat(6), 6 * height);
    let (mut large, mut state) = (vec![0; 9 * width * height], 1_u32);
    for (at, pixel) in large.iter_mut().enumerate() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let light = pixels[at / (3 * width) / 3 * width + at % (3 * width) / 3];
        *pixel = light.saturating_sub((state >> 26) as u8);
    }
    fs::write(folder.path().join("photo.png"), png(3 * width, 3 * height, &large)).unwrap();
    succeed(folder.path(), &["recognize", "photo.png", "--explain", "photo.html"]);
    let page = fs::read_to_string(folder.path().join("photo.html")).unwrap();
    assert!(page.contains("data:image/jpeg;base64,") && page.len() < 1_000_000, "{} bytes", page.len());
}

#[test]
fn blank_paper_has_no_digit() {
    let folder = tempdir().unwrap();
    for (name, width, height) in [("blank.png", 200, 100), ("dot.png", 1, 1), ("thin.png", 1, 5000)] {
        fs::write(folder.path().join(name), png(width, height, &vec![200; width * height])).unwrap();
        assert_eq!(succeed(folder.path(), &["recognize", name]), format!("{name}: no digit\n"));
    }
    let out = succeed(folder.path(), &["recognize", "blank.png", "--lang", "zh-CN"]);
    assert_eq!(out, "blank.png：没有数字\n");
}

#[test]
fn bad_pictures_and_options_are_told_clearly() {
    let folder = tempdir().unwrap();
    with_page(folder.path());
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("empty.png", b"");
    write("text.png", b"hello");
    write("cut.png", &page(&CLEAR).0[..60]);
    fs::create_dir(folder.path().join("nothing")).unwrap();
    for (arguments, expected_code, words) in [
        (&["empty.png"][..], 1, &["empty.png", "empty"][..]),
        (&["text.png"], 1, &["text.png", "PNG, JPEG"]),
        (&["cut.png"], 1, &["cut.png", "cut short"]),
        (&["missing.png"], 1, &["missing.png"]),
        (&["nothing"], 1, &["no picture in nothing"]),
        (&[], 2, &["IMAGE"]),
        (&["page.png", "page.png", "--annotate", "out.png"], 2, &["--annotate", "2"]),
        (&["missing.png", "--annotate", "out.jpg"], 2, &["--annotate out.jpg", ".png"]),
        (&["missing.png", "--explain", "out.png"], 2, &["--explain out.png", ".html"]),
        (&["missing.png", "--explain", "out"], 2, &["--explain out", ".html"]),
        (&["page.png", "page.png", "--explain", "out.htm"], 2, &["--explain out.htm", ".html"]),
        (&["page.png", "--annotate", "./page.png"], 2, &["--annotate", "./page.png"]),
        (&["page.png", "--json", "--csv"], 2, &["--json", "--csv"]),
        (&["page.png", "--lines", "--join"], 2, &["--join"]),
        (&["page.png", "--min-confidence", "2"], 2, &["2", "0 to 1"]),
        (&["page.png", "--single", "--lines"], 2, &["--lines"]),
        (&["page.png", "--max-megabytes", "0"], 2, &["--max-megabytes"]),
        (&["page.png", "--model", "none"], 2, &["none"]),
        (&["page.png", "--model", "foto"], 2, &["foto", "did you mean photo?"]),
        (&["page.png", "--annotate", "no/such/out.png"], 1, &["no/such"]),
    ] {
        let (code, error) = fail(folder.path(), &[&["recognize"], arguments].concat());
        assert_eq!(code, expected_code, "{arguments:?}: {error}");
        assert!(words.iter().all(|word| error.contains(word)), "{arguments:?}: {error}");
    }
}

#[test]
fn labelled_pictures_are_scored() {
    let folder = tempdir().unwrap();
    let text = with_page(folder.path());
    let (bytes, label) = page(&CLEAR[..1]);
    fs::write(folder.path().join("one.png"), bytes).unwrap();
    fs::write(folder.path().join("blank.png"), png(90, 90, &[200; 8100])).unwrap();
    let wrong = "9".repeat(text.len());
    let table = format!(
        "path,label,source,ambiguous,task\npage.png,{text},a,0,\none.png,{label},a,,\nblank.png,,b,0,\n\
         blank.png,a blank sheet,b,0,nondigit\npage.png,{wrong},b,0,\npage.png,1,b,1,\n"
    );
    fs::write(folder.path().join("labels.csv"), table).unwrap();
    let arguments = ["evaluate", "--data", ".", "--labels", "labels.csv", "--out", "report", "--quiet"];
    let out = succeed(folder.path(), &[&arguments[..], &["--json"]].concat());
    let object: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&object["count"], &object["ambiguous"]), (&5.into(), &1.into()), "{out}");
    for (kind, count, correct) in [("single", 1, 1), ("lines", 2, 1), ("non_digits", 2, 2)] {
        assert_eq!(
            (&object[kind]["count"], &object[kind]["correct"]),
            (&count.into(), &correct.into()),
            "{kind}"
        );
    }
    assert_eq!(object["lines"]["source_mean"], 0.5);
    assert_eq!(object["mistakes"][0]["text"], text);
    let report = fs::read_to_string(folder.path().join("report/report.html")).unwrap();
    assert!(
        report.contains("id=\"pictures\"") && report.contains(&format!("<span class=\"label\">{wrong}<")),
        "the mistake is shown"
    );
    let words = succeed(folder.path(), &[&arguments[..], &["--lang", "zh-CN"]].concat());
    assert!(words.contains("多个数字"), "{words}");
}

#[test]
fn bad_labels_are_told_with_their_line() {
    let folder = tempdir().unwrap();
    with_page(folder.path());
    for (table, expected_code, words) in [
        ("path\npage.png\n", 1, &["line 1", "label"][..]),
        ("path,label\npage.png,x\n", 1, &["labels.csv, line 2", "x"]),
        ("path,label\n\r\n\npage.png,x\n", 1, &["labels.csv, line 4", "x"]),
        ("path,label\npage.png,1\n\n\npage.png\n", 1, &["labels.csv, line 5", "1 columns, expected 2"]),
        ("path,label\npage.png,1\n,1\n", 1, &["line 3", "path"]),
        ("path,label,ambiguous\npage.png,1,2\n", 1, &["line 2", "ambiguous"]),
        ("path,label\npage.png,1,2\n", 1, &["line 2"]),
        ("path,label\n", 1, &["labels.csv", "no picture"]),
        ("", 1, &["labels.csv", "path"]),
        ("path,label\nnone.png,1\n", 1, &["line 2", "none.png", "the picture could not be read"]),
    ] {
        fs::write(folder.path().join("labels.csv"), table).unwrap();
        let arguments = ["evaluate", "--data", ".", "--labels", "labels.csv", "--out", "report", "--quiet"];
        let (code, error) = fail(folder.path(), &arguments);
        assert_eq!(code, expected_code, "{table}: {error}");
        assert!(words.iter().all(|word| error.contains(word)), "{table}: {error}");
    }
    for arguments in [
        &["evaluate", "--labels", "labels.csv"][..],
        &["evaluate", "--max-megapixels", "3"],
        &["evaluate", "small", "photo", "--data", ".", "--labels", "labels.csv"],
        &["evaluate", "--data", ".", "--labels", "labels.csv", "--predictions", "-"],
    ] {
        assert_eq!(fail(folder.path(), arguments).0, 2, "{arguments:?}");
    }
}
