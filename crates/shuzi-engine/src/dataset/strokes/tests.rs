use super::*;
use std::io::{Cursor, Write};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// A `.npy` file.
fn npy(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes(), data].concat()
}

fn u16s(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn u32s(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// The arrays of a file with a one of two strokes and a line that says 7.
fn arrays() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("xy", npy("<i2", "(4, 2)", &u16s(&[0, 0, 0, 1000, 5, 6, 65_535, 8]))),
        ("stroke_len", npy("<u2", "(3,)", &u16s(&[2, 1, 1]))),
        ("n_strokes", npy("<u2", "(2,)", &u16s(&[2, 1]))),
        ("label", npy("<u4", "(2,)", &u32s(&[49, 0]))),
        ("text", npy("<U2", "(2,)", &u32s(&[0, 0, 55, 0]))),
        ("writer", npy("<u2", "(2,)", &u16s(&[3, 4]))),
        ("source", npy("<u2", "(2,)", &u16s(&[0, 9]))),
        ("sources", npy("<U3", "(1,)", &u32s(&[97, 112, 97]))),
        ("flag", npy("|u1", "(2,)", &[2, 0])),
    ]
}

fn file(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(vec![]));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in arrays {
        archive.start_file(format!("{name}.npy"), options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn samples_are_read_as_they_were_written() {
    let strokes = Strokes::from_npz(&file(&arrays())).unwrap();
    let [one, line] = strokes.samples().collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((one.label, one.writer, one.source, one.flag), (Some('1'), 3, "apa", 2));
    assert_eq!(one.strokes().collect::<Vec<_>>(), [&[[0, 0], [0, 1000]][..], &[[5, 6]]]);
    assert_eq!((line.label, line.text, line.source), (None, Some("7"), ""));
    assert_eq!(line.strokes().collect::<Vec<_>>(), [[[-1, 8]]]);
    assert_eq!((strokes.len(), strokes.is_empty()), (2, false));
}

#[test]
fn what_does_not_fit_is_refused() {
    let with = |name: &'static str, bytes: Vec<u8>| {
        let mut arrays = arrays();
        arrays.iter_mut().find(|array| array.0 == name).unwrap().1 = bytes;
        Strokes::from_npz(&file(&arrays)).map(|_| ()).unwrap_err().to_string()
    };
    let cases = [
        ("xy", npy("<i2", "(8,)", &[0; 16]), "array xy is <i2 of shape [8], expected <i2"),
        ("xy", npy("<f4", "(2, 2)", &[0; 16]), "array xy is <f4 of shape [2, 2], expected <i2"),
        ("xy", npy("<i2", "(5, 2)", &[0; 16]), "array xy is damaged"),
        ("xy", npy("<i2", "(9223372036854775807, 2)", &[0; 16]), "array xy is damaged"),
        ("stroke_len", npy("<u2", "(3,)", &u16s(&[2, 1, 9])), "array xy has 4 entries, 12 were expected"),
        ("stroke_len", npy("<u2", "(3,)", &u16s(&[4, 0, 0])), "array stroke_len has a zero at 1"),
        ("n_strokes", npy("<u2", "(1,)", &u16s(&[3])), "array label has 2 entries, 1 were expected"),
        ("flag", npy("|u1", "(3,)", &[0; 3]), "array flag has 3 entries, 2 were expected"),
        ("text", npy("<U0", "(2,)", &[]), "array text is damaged"),
        ("sources", npy("|S3", "(1,)", &[0; 3]), "array sources is |S3 of shape [1], expected <U"),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(with(name, bytes), expected);
    }
    let mut without = arrays();
    without.retain(|array| array.0 != "writer");
    assert_eq!(Strokes::from_npz(&file(&without)).unwrap_err().to_string(), "there is no array writer");
}

#[test]
fn damaged_bytes_are_an_error_or_other_numbers() {
    let bytes = file(&arrays());
    for length in 0..bytes.len() {
        assert!(Strokes::from_npz(&bytes[..length]).is_err(), "{length}");
    }
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x55;
        if let Ok(strokes) = Strokes::from_npz(&damaged) {
            strokes.samples().for_each(|sample| assert!(sample.strokes().count() > 0));
        }
    }
}
