//! `shuzi data verify` and `shuzi data show`. What `fetch` does is in `download.rs`.

mod support;

use std::fs;
use support::{fail, mnist, succeed};
use tempfile::tempdir;

#[test]
fn mnist_is_verified_and_a_changed_byte_is_found() {
    let Some(mnist) = mnist() else { return };
    let folder = tempdir().unwrap();
    let out = succeed(folder.path(), &["data", "verify", "--data", mnist.to_str().unwrap(), "--json"]);
    let object: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(object["sound"], true);
    assert_eq!(object["sets"][0]["count"], 60_000);
    // LeCun's page gives no histogram; these are counted by every program that reads the files.
    assert_eq!(
        object["sets"][1]["histogram"],
        serde_json::json!([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
    );
    let words = succeed(folder.path(), &["data", "verify", "--data", mnist.to_str().unwrap()]);
    assert!(
        words.contains("60000")
            && words.contains("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db")
    );

    for entry in fs::read_dir(&mnist).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if name.contains("ubyte") {
            fs::copy(entry.path(), folder.path().join(&name)).unwrap();
        }
    }
    let labels = folder.path().join("t10k-labels-idx1-ubyte.gz");
    let unpacked = {
        let mut bytes = vec![];
        let file = fs::File::open(&labels).unwrap();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(file), &mut bytes).unwrap();
        bytes
    };
    fs::remove_file(&labels).unwrap();
    let changed = [&unpacked[..8], &[(unpacked[8] + 1) % 10], &unpacked[9..]].concat();
    fs::write(folder.path().join("t10k-labels-idx1-ubyte"), changed).unwrap();
    let (code, out, error) =
        support::run(&mut support::shuzi(folder.path(), &["data", "verify", "--data", "."]));
    assert_eq!(code, 1);
    let wrong = out.lines().skip_while(|line| !line.contains("t10k-labels")).nth(1).unwrap();
    assert!(wrong.contains("WRONG") && !error.is_empty(), "{out}{error}");
    assert_eq!(out.matches("WRONG").count(), 1, "{out}");
}

#[test]
fn a_sheet_is_a_picture_that_the_seed_decides() {
    let folder = tempdir().unwrap();
    let sheet = |name: &str, seed: &str| {
        succeed(
            folder.path(),
            &["data", "show", "--data", "synthetic:500", "--seed", seed, "--out", name, "--quiet"],
        );
        let bytes = fs::read(folder.path().join(name)).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert!(pixels.contains(&255) && pixels.contains(&0));
        bytes
    };
    assert_eq!(sheet("a.png", "1"), sheet("b.png", "1"));
    assert_ne!(sheet("a.png", "1"), sheet("c.png", "2"));
}

#[test]
fn without_mnist_verify_says_where_it_looked() {
    let folder = tempdir().unwrap();
    let (code, error) = fail(folder.path(), &["data", "verify"]);
    assert!(code == 1 && error.contains("mnist_data") && error.contains("shuzi data fetch"), "{error}");
}
