//! Replays the fuzzers' corpus (`fuzz/corpus/<target>/`) through the same doors: nothing panics.

#[path = "../../../../fuzz/src/lib.rs"]
mod doors;

use std::{fs, path::Path};

#[test]
fn every_file_of_the_corpus_is_read_or_refused() {
    type Door = fn(&[u8]);
    let doors: [(&str, Door); 9] = [
        ("checkpoint", doors::checkpoint),
        ("csv", doors::csv),
        ("idx", doors::idx),
        ("idx_gzip", doors::idx_gzip),
        ("npy", doors::npy),
        ("npz", doors::npz),
        ("picture", doors::picture),
        ("recipe", doors::recipe),
        ("safetensors", doors::safetensors),
    ];
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut folders: Vec<_> = fs::read_dir(&corpus)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    assert_eq!(folders, doors.map(|(name, _)| name), "a door for each folder");
    for (name, door) in doors {
        let mut count = 0;
        for entry in fs::read_dir(corpus.join(name)).unwrap() {
            door(&fs::read(entry.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 0, "{name} has no files");
    }
}
