//! `shuzi recognize`: pictures in, digits out, and every bad picture told by its name.

mod support;

use std::{fs, io::Write, path::Path, process::Stdio};
use support::{CLEAR, fail, page, png, run, shuzi, succeed};
use tempfile::tempdir;

fn with_page(folder: &Path) -> String {
    let (bytes, text) = page(&CLEAR);
    fs::write(folder.join("page.png"), bytes).unwrap();
    text
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
    assert!(out.starts_with(&format!("page.png: {text}  (")), "{out}");
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
        assert_eq!(digit["confidence"].as_f64(), Some(probabilities[value]));
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
    let lines: Vec<&str> = out.lines().map(|line| line.split("  (").next().unwrap()).collect();
    assert_eq!(lines, [format!("pictures/b.png: {text}"), format!("pictures/more/c.PNG: {text}")]);
    assert!(error.contains("pictures/a.jpg") && error.contains("PNG") && error.contains("1 of 3"), "{error}");
}

#[test]
fn the_reading_can_be_looked_at() {
    let folder = tempdir().unwrap();
    with_page(folder.path());
    succeed(folder.path(), &["recognize", "page.png", "--annotate", "boxes.png", "--explain", "steps.html"]);
    let boxes = fs::read(folder.path().join("boxes.png")).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(boxes)).read_info().unwrap();
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
        (&["cut.png"], 1, &["cut.png", "damaged"]),
        (&["missing.png"], 1, &["missing.png"]),
        (&["nothing"], 2, &["nothing"]),
        (&[], 2, &["IMAGE"]),
        (&["page.png", "page.png", "--annotate", "out.png"], 2, &["--annotate", "2"]),
        (&["page.png", "--min-confidence", "2"], 2, &["2", "0 to 1"]),
        (&["page.png", "--single", "--lines"], 2, &["--lines"]),
        (&["page.png", "--max-megabytes", "0"], 2, &["--max-megabytes"]),
        (&["page.png", "--model", "none"], 2, &["none"]),
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
        ("path,label\nnone.png,1\n", 1, &["line 2", "none.png", "1 of 1"]),
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
