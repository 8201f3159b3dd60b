//! Files made to hurt: every one is refused, or read, without a panic and without memory out of
//! proportion. An allocator counts what each reader holds at most.

use crate::allocator::with_peak;
use shuzi_engine::{
    model::{
        Model,
        arrays::{Array, ArrayError},
        npy::{self, Content, NpyError},
        npz::{self, NpzError},
        pickle::PickleError,
        safetensors::{self, SafetensorsError},
    },
    training::{Checkpoint, checkpoint::seal},
};
use std::{
    io::{Cursor, Write},
    path::Path,
};
use zip::{ZipWriter, write::SimpleFileOptions};

/// For a small file: fixed tables of the zip and JSON readers, a header's text.
const SMALL: usize = 1 << 20;

/// Reads `bytes` in every way there is.
fn read_all(bytes: &[u8], most: usize) {
    for (name, peak) in [
        ("npy", with_peak(|| npy::read(bytes).is_ok()).1),
        ("npz", with_peak(|| npz::read(bytes).is_ok()).1),
        ("safetensors", with_peak(|| safetensors::read(bytes).is_ok()).1),
        ("model", with_peak(|| Model::from_bytes(bytes).is_ok()).1),
        ("checkpoint", with_peak(|| Checkpoint::from_bytes(bytes).is_ok()).1),
    ] {
        assert!(peak <= most, "{name} held {peak} bytes for a file of {}", bytes.len());
    }
}

fn fixtures() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "npy" || kind == "npz"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_string(), std::fs::read(path).unwrap()))
        .collect();
    let tensors = [("linear1.weight", [3, 2]), ("linear1.bias", [1, 2])]
        .map(|(name, shape)| (name.to_string(), Array::from_f32(shape.to_vec(), vec![0.25; shape[0] * 2])));
    files.push((
        "small.safetensors".into(),
        safetensors::write(&tensors, &[("format".into(), "shuzi".into())]),
    ));
    files.push(("ours.npy".into(), npy::write_dictionary(&tensors)));
    files.push(("ours.npz".into(), npz::write(&tensors)));
    files
}

#[test]
fn a_file_cut_at_any_byte_is_an_error() {
    for (name, bytes) in fixtures() {
        for end in 0..bytes.len() {
            let cut = &bytes[..end];
            assert!(npy::read(cut).is_err() && npz::read(cut).is_err(), "{name} up to {end}");
            assert!(safetensors::read(cut).is_err(), "{name} up to {end}");
        }
    }
}

#[test]
fn a_longer_file_is_an_error() {
    for (name, mut bytes) in fixtures() {
        bytes.push(0);
        assert!(npy::read(&bytes).is_err() && npz::read(&bytes).is_err(), "{name}");
        assert!(safetensors::read(&bytes).is_err(), "{name}");
    }
}

#[test]
fn a_flipped_byte_is_never_a_panic_nor_a_large_allocation() {
    for (_, mut bytes) in fixtures() {
        for place in 0..bytes.len() {
            let original = bytes[place];
            for change in [0x01, 0x20, 0x80, 0xff] {
                bytes[place] = original ^ change;
                read_all(&bytes, SMALL);
            }
            bytes[place] = original;
        }
    }
}

#[test]
fn files_that_were_found_by_fuzzing_stay_harmless() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for folder in ["npy", "npz", "safetensors", "checkpoint"] {
        for entry in std::fs::read_dir(corpus.join(folder)).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            read_all(&bytes, SMALL + 16 * bytes.len());
        }
    }
}

/// A hash proves nothing about who made it.
#[test]
fn checkpoints_with_a_right_hash_and_any_byte_wrong_stay_harmless() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/checkpoint");
    for name in ["seed-sgd", "seed-every-list"] {
        let bytes = std::fs::read(corpus.join(name)).unwrap();
        assert!(Checkpoint::from_bytes(&bytes).is_ok(), "{name}");
        for place in 0..bytes.len() {
            for change in [0x01, 0x20, 0x80] {
                let mut changed = bytes.clone();
                changed[place] ^= change;
                seal(&mut changed);
                let (_, peak) = with_peak(|| Checkpoint::from_bytes(&changed).is_ok());
                assert!(peak <= SMALL, "{name}: {peak} bytes held, {change:#x} at {place}");
            }
        }
    }
}

/// An `.npy` file of Python objects with this pickle.
fn object_file(pickle: &[u8]) -> Vec<u8> {
    let header = "{'descr': '|O', 'fortran_order': False, 'shape': (), }\n";
    [npy::MAGIC, &[1, 0, header.len() as u8, 0], header.as_bytes(), pickle].concat()
}

fn refusal(pickle: &[u8]) -> PickleError {
    match npy::read(&object_file(pickle)) {
        Err(NpyError::Pickle(error)) => error,
        other => panic!("{:?}: {other:?}", String::from_utf8_lossy(pickle)),
    }
}

const ARRAY: &[u8] = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85C\x01btR";
const OBJECT: &[u8] =
    b"cnumpy\ndtype\n(X\x02\0\0\0O8\x89\x88tR(K\x03X\x01\0\0\0|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb";
const FLOAT: &[u8] =
    b"cnumpy\ndtype\n(X\x02\0\0\0f8\x89\x88tR(K\x03X\x01\0\0\0<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb";

/// The pickle that numpy wraps around a dictionary with these items (instructions for key and
/// value, key and value, …), after instructions that leave nothing on the stack.
fn dictionary(before: &[u8], items: &[u8]) -> Vec<u8> {
    [b"\x80\x03", before, ARRAY, b"(K\x01)", OBJECT, b"\x89]}(", items, b"uatb."].concat()
}

/// Instructions for an array of this shape (instructions for a tuple), element type and data.
fn array(shape: &[u8], element: &[u8], data: &[u8]) -> Vec<u8> {
    [ARRAY, b"(K\x01", shape, element, b"\x89", data, b"tb"].concat()
}

/// Two numbers, 0.0 and 0.0.
const DATA: &[u8] = b"C\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

#[test]
fn the_pickles_of_this_test_are_right_but_for_what_they_mean_to_break() {
    let pickle =
        dictionary(b"", &[b"X\x02\0\0\0w1".as_slice(), &array(b"K\x01K\x02\x86", FLOAT, DATA)].concat());
    let expected = vec![("w1".to_string(), Array::from_f64(vec![1, 2], vec![0.0; 2]))];
    assert_eq!(npy::read(&object_file(&pickle)).unwrap(), Content::Dictionary(expected));
}

#[test]
fn pickles_that_ask_for_code_are_refused_by_name() {
    for (asks, name) in [
        (&b"cos\nsystem\nX\x02\0\0\0id\x85R"[..], "os.system"),
        (b"cposix\nsystem\nX\x02\0\0\0id\x85R", "posix.system"),
        (b"cbuiltins\neval\nX\x03\0\0\x001+1\x85R", "builtins.eval"),
        (b"cbuiltins\ngetattr\n(cnumpy\nndarray\nX\x04\0\0\0dumptR", "builtins.getattr"),
        (b"csubprocess\nPopen\nX\x02\0\0\0id\x85\x81", "subprocess.Popen"),
        (b"\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R", "os.system"),
        (b"cnumpy\nload\nX\x01\0\0\0x\x85R", "numpy.load"),
        (b"cnumpy.core.multiarray\nndarray.dump\n", "numpy.core.multiarray.ndarray.dump"),
        (b"\x8c\x16numpy._core.multiarray\x8c\x06scalar\x93", "numpy._core.multiarray.scalar"),
        (b"c__builtin__\nbytearray\nC\x01a\x85R", "__builtin__.bytearray"),
    ] {
        for pickle in [
            [b"\x80\x04", asks, b"."].concat(),                     // alone
            dictionary(b"", &[b"X\x02\0\0\0w1", asks].concat()),    // as a value
            dictionary(b"", &array(b"K\x01K\x02\x86", asks, DATA)), // as an element type
            dictionary(b"", &array(asks, FLOAT, DATA)),             // as a shape
            [b"\x80\x04cnumpy\ndtype\n(", asks, b"tR."].concat(),   // nested in a call
            [b"\x80\x04", ARRAY, asks, b"b."].concat(),             // as a state
        ] {
            assert_eq!(refusal(&pickle), PickleError::Refused { name: name.to_string() });
        }
    }
    for instruction in
        [&b"i"[..], b"ios\nsystem\n", b"\x81", b"\x92", b"P0\n", b"Q", b"\x82\x01", b"o", b"\x97", b"\x98"]
    {
        let pickle = [b"\x80\x04(", instruction, b"."].concat();
        let error = refusal(&pickle);
        assert!(matches!(error, PickleError::Instruction { .. }), "{instruction:?}: {error:?}");
    }
}

#[test]
fn calls_and_states_of_anything_but_arrays_are_refused() {
    for pickle in [
        &b"\x80\x03cnumpy\nndarray\n)R."[..],
        b"\x80\x03cnumpy\ndtype\nK\x01\x85R.",
        b"\x80\x03K\x01)R.",
        b"\x80\x03}}b.",
        b"\x80\x03]N\x85b.",
        b"\x80\x03cnumpy\nndarray\n}b.",
        b"\x80\x03c_codecs\nencode\nX\x01\0\0\0aX\x03\0\0\0hex\x86R.",
    ] {
        let error = refusal(pickle);
        assert!(
            matches!(error, PickleError::Call { .. }),
            "{:?}: {error:?}",
            String::from_utf8_lossy(pickle)
        );
    }
    let twice = [b"\x80\x03", ARRAY, b"(K\x01)", OBJECT, b"\x89]tb(K\x01)", OBJECT, b"\x89]tb."].concat();
    assert!(matches!(refusal(&twice), PickleError::Call { .. }), "an array is built once");
}

#[test]
fn arrays_in_a_pickle_that_are_not_what_they_claim_are_refused() {
    let key = b"X\x02\0\0\0w1".as_slice();
    let entry = |shape: &[u8], element: &[u8], data: &[u8]| {
        refusal(&dictionary(b"", &[key, &array(shape, element, data)].concat()))
    };
    for (shape, why) in [
        (&b"K\x01K\x03\x86"[..], "too long"),
        (b"K\x01K\x01\x86", "too short"),
        (b"K\0\x85", "empty"),
        (b")", "a single number"),
        (b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\x02\x86", "more than there is memory"),
        (b"(\x8a\x05\0\0\0\0\x01\x8a\x05\0\0\0\0\x01\x8a\x05\0\0\0\0\x01t", "2^96 is 0 in 64 bits"),
        (b"(K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x02t", "more axes than any weight"),
    ] {
        let error = entry(shape, FLOAT, DATA);
        assert!(matches!(error, PickleError::Array { ref name, .. } if name == "w1"), "{why}: {error:?}");
    }
    for (shape, why) in [
        (&b"J\xff\xff\xff\xffK\x02\x86"[..], "a negative axis"),
        (b"X\x01\0\0\x002\x85", "a text as an axis"),
        (b"N\x85", "nothing as an axis"),
        (b"\x88K\x02\x86", "true as an axis"),
        (b"K\x02", "a number as a shape"),
        (b"]", "a list as a shape"),
    ] {
        assert_eq!(entry(shape, FLOAT, DATA), PickleError::NotADictionary, "{why}");
    }
    let objects = entry(b"K\x02\x85", OBJECT, DATA);
    assert!(
        matches!(objects, PickleError::Array { source: ArrayError::ElementType { ref found }, .. } if found == "O8"),
        "objects inside: {objects:?}"
    );
    assert_eq!(entry(b"K\x02\x85", FLOAT, b"X\x01\0\0\0a"), PickleError::NotADictionary, "text as data");
    assert_eq!(entry(b"K\x02\x85", FLOAT, b"]"), PickleError::NotADictionary, "a list as data");
    for value in [&b"K\x01"[..], b"}", b"N", ARRAY] {
        let pickle = dictionary(b"", &[key, value].concat());
        assert_eq!(refusal(&pickle), PickleError::NotADictionary);
    }
    let numbered = dictionary(b"", &[b"K\x01", array(b"K\x02\x85", FLOAT, DATA).as_slice()].concat());
    assert_eq!(refusal(&numbered), PickleError::NotADictionary, "a key that is no text");
    let one = [key, &array(b"K\x02\x85", FLOAT, DATA)].concat();
    let twice = dictionary(b"", &[one.as_slice(), &one].concat());
    assert_eq!(refusal(&twice), PickleError::Twice { name: "w1".into() });
}

#[test]
fn pickles_whose_bytes_lie_about_themselves_are_refused() {
    for pickle in [
        &b""[..],
        b"\x80",
        b"\x80\x06}.",
        b"\x80\x01}.",
        b"}\x80\x03.",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff}.",
        b"\x80\x04\x95\x0a\0\0\0\0\0\0\0}.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xffa.",
        b"\x80\x04B\xff\xff\xff\xffa.",
        b"\x80\x04\x96\xff\xff\xff\xff\xff\xff\xff\x7fa.",
        b"\x80\x04\x8a\xff\x01.",
        b"\x80\x04h\xff.",
        b"\x80\x04j\xff\xff\xff\xff.",
        b"\x80\x04t.",
        b"\x80\x04}}.",
        b"\x80\x04(}.",
        b"\x80\x04\x8c\x02\xff\xfe.",
    ] {
        let (_, peak) = with_peak(|| refusal(pickle));
        assert!(peak < 1 << 16, "{pickle:?} held {peak}");
    }
    let good = dictionary(b"", b"");
    npy::read(&object_file(&good)).unwrap();
    assert!(npy::read(&object_file(&[good.as_slice(), b"."].concat())).is_err(), "bytes behind the end");
    let many = "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }\n";
    let many = [npy::MAGIC, &[1, 0, many.len() as u8, 0], many.as_bytes(), &good].concat();
    assert!(npy::read(&many).is_err(), "an array of many objects");
}

#[test]
fn a_pickle_cannot_make_much_of_little() {
    let megabyte = vec![b'a'; 1 << 20];
    let text = [b"X\0\0\x10\0", megabyte.as_slice(), b"q\0"].concat(); // 2^20 letters, remembered as 0
    let mut encoded = [b"\x80\x03(", text.as_slice()].concat();
    for _ in 0..10_000 {
        encoded.extend(b"c_codecs\nencode\nh\0X\x06\0\0\0latin1\x86R");
    }
    encoded.extend(b"t.");

    let data = [b"B\0\0\x10\0", megabyte.as_slice()].concat();
    let mut shared = [b"X\x01\0\0\0a", array(b"J\0\0\x02\0\x85", FLOAT, &data).as_slice(), b"q\x01"].concat();
    for number in 0..2_000u32 {
        shared.extend(b"X\x04\0\0\0");
        shared.extend(format!("{number:04}").bytes());
        shared.extend(b"h\x01"); // the same megabyte under another name
    }
    let shared = dictionary(b"", &shared);

    let mut doubling = b"\x80\x03()q\0".to_vec();
    for _ in 0..10_000 {
        doubling.extend(b"h\0h\0\x86q\0"); // a pair of what was
    }
    doubling.extend(b"t.");
    let mut dictionaries = b"\x80\x03(}q\0".to_vec();
    for _ in 0..10_000 {
        dictionaries.extend(b"}(K\x01h\0K\x02h\0uq\0");
    }
    dictionaries.extend(b"t.");
    let nested = [b"\x80\x03", b"]".repeat(1 << 20).as_slice(), &b"a".repeat((1 << 20) - 1), b"."].concat();
    let marks = [b"\x80\x03", b"(".repeat(1 << 20).as_slice(), b"."].concat();
    let numbers = [b"\x80\x03", b"N".repeat(1 << 22).as_slice(), b"."].concat();
    let memo = [b"\x80\x04N", b"\x94".repeat(1 << 22).as_slice(), b"."].concat();

    for (name, pickle) in [
        ("encoded", encoded),
        ("shared", shared),
        ("doubling", doubling),
        ("dictionaries", dictionaries),
        ("nested", nested),
        ("marks", marks),
        ("numbers", numbers),
        ("memo", memo),
    ] {
        let file = object_file(&pickle);
        let (result, peak) = with_peak(|| npy::read(&file).is_ok());
        assert!(!result, "{name}");
        let most = (16 << 20) + 4 * file.len();
        assert!(peak < most, "{name}: {} bytes made it hold {peak}", file.len());
    }
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(vec![]));
    for (name, bytes) in members {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn archives_that_are_no_arrays_are_refused() {
    let one = npy::write_array(&Array::from_f32(vec![1], vec![1.0]));
    let objects = npy::write_dictionary(&[]);
    npz::read(&zip(&[("a.npy", &one), ("b.npy", &one)])).unwrap();
    assert!(matches!(npz::read(&zip(&[("a.txt", &one)])), Err(NpzError::Member { .. })));
    assert!(matches!(npz::read(&zip(&[("a.npy/", b"")])), Err(NpzError::Member { .. })));
    assert!(matches!(npz::read(&zip(&[("a.npy", &objects)])), Err(NpzError::Pickle { .. })));
    assert!(matches!(npz::read(&zip(&[("a.npy", &one[..one.len() - 1])])), Err(NpzError::Npy { .. })));
    // Not even the beginning of a pickle is looked at inside an archive.
    let hostile = object_file(b"\x80\x03cos\nsystem\nX\x02\0\0\0id\x85R.");
    assert!(matches!(npz::read(&zip(&[("a.npy", &hostile)])), Err(NpzError::Pickle { .. })));
}

#[test]
fn a_member_that_comes_twice_is_refused() {
    let one = npy::write_array(&Array::from_f32(vec![1], vec![1.0]));
    let mut archive = zip(&[("a.npy", &one), ("b.npy", &one)]);
    while let Some(place) = archive.windows(5).position(|window| window == b"b.npy") {
        archive[place] = b'a';
    }
    assert!(matches!(npz::read(&archive), Err(NpzError::Twice)));
}

#[test]
fn archives_that_hide_something_are_refused() {
    let one = npy::write_array(&Array::from_f32(vec![1], vec![1.0]));
    let archive = zip(&[("a.npy", &one)]);
    npz::read(&archive).unwrap();
    assert!(npz::read(&[b"#!/bin/sh\n", archive.as_slice()].concat()).is_err(), "a script before it");
    let mut other_name = archive.clone();
    let place = other_name.windows(5).position(|window| window == b"a.npy").unwrap();
    other_name[place] = b'b'; // the member says b, the directory says a
    assert!(npz::read(&other_name).is_err());
}

#[test]
fn zip_bombs_stop_at_the_limit() {
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({},), }}\n", 1u64 << 40);
    let mut archive = ZipWriter::new(Cursor::new(vec![]));
    for name in ["a.npy", "b.npy"] {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(&[npy::MAGIC, &[1, 0, header.len() as u8, 0], header.as_bytes()].concat()).unwrap();
        for _ in 0..(npz::MAX_UNPACKED >> 20) + 1 {
            archive.write_all(&[0; 1 << 20]).unwrap();
        }
    }
    let bomb = archive.finish().unwrap().into_inner();
    let (result, peak) = with_peak(|| npz::read(&bomb));
    assert!(matches!(result, Err(NpzError::TooLarge)), "{result:?}");
    assert!(peak as u64 <= 3 * npz::MAX_UNPACKED + SMALL as u64, "{peak}"); // a growing Vec is there twice, once half

    let one = npy::write_array(&Array::from_f32(vec![], vec![1.0]));
    let mut archive = ZipWriter::new(Cursor::new(vec![]));
    for number in 0..50_000 {
        archive.start_file(format!("{number}.npy"), SimpleFileOptions::default()).unwrap();
        if number == 0 {
            archive.write_all(&one).unwrap();
        }
    }
    let many = archive.finish().unwrap().into_inner();
    let (result, peak) = with_peak(|| npz::read(&many));
    assert!(matches!(result, Err(NpzError::TooMany { found: 50_000 })), "{result:?}");
    assert!(peak < SMALL, "{peak}");
}

fn safetensors_file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn safetensors_headers_that_lie_are_refused() {
    let tensor = |begin: u64, end: u64, shape: &str| {
        format!(r#"{{"dtype":"F32","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
    };
    let (first, second) = (tensor(0, 4, "[1]"), tensor(4, 8, "[1]"));
    let good = format!(r#"{{"a":{first},"b":{second}}}"#);
    safetensors::read(&safetensors_file(&good, &[0; 8])).unwrap();
    for (header, length, why) in [
        (format!(r#"{{"a":{first},"b":{first}}}"#), 4, "overlap"),
        (format!(r#"{{"a":{first},"b":{}}}"#, tensor(2, 6, "[1]")), 6, "partial overlap"),
        (format!(r#"{{"a":{first},"b":{}}}"#, tensor(8, 12, "[1]")), 12, "a hole"),
        (format!(r#"{{"b":{second}}}"#), 8, "a hole before the first"),
        (good.clone(), 9, "bytes behind the last"),
        (good.clone(), 7, "bytes missing"),
        (format!(r#"{{"a":{}}}"#, tensor(4, 0, "[1]")), 4, "an end before its begin"),
        (format!(r#"{{"a":{}}}"#, tensor(0, 4, "[2]")), 4, "a shape too large"),
        (format!(r#"{{"a":{}}}"#, tensor(0, 4, "[4611686018427387905]")), 4, "a product that wraps"),
        (format!(r#"{{"a":{}}}"#, tensor(0, 4, "[-1]")), 4, "a negative axis"),
        (format!(r#"{{"a":{}}}"#, tensor(0, 4, "[1.0]")), 4, "an axis that is no integer"),
        (format!(r#"{{"a":{}}}"#, tensor(0, 4, "[1,1,1,1,1,1,1,1,1]")), 4, "too many axes"),
        (format!(r#"{{"a":{first},"a":{first}}}"#), 4, "a name twice"),
        (format!(r#"{{"a":{first},"\u0061":{first}}}"#), 4, "a name twice, spelt in two ways"),
        (format!(r#"{{"__metadata__":{{}},"a":{first},"__metadata__":{{}}}}"#), 4, "metadata twice"),
        (format!(r#"{{"__metadata__":{{"k":"1","k":"2"}},"a":{first}}}"#), 4, "a key twice"),
        (format!(r#"{{"__metadata__":{{"k":1}},"a":{first}}}"#), 4, "a number in the metadata"),
        (format!(r#" {{"a":{first}}}"#), 4, "a blank before the brace"),
        (format!("[{first}]"), 4, "a list"),
        ("[".repeat(100_000), 0, "deep nesting"),
        (r#"{"a":"#.repeat(50_000), 0, "deep nesting of objects"),
    ] {
        let file = safetensors_file(&header, &vec![0; length]);
        let (result, peak) = with_peak(|| safetensors::read(&file));
        assert!(result.is_err(), "{why}");
        assert!(peak < SMALL, "{why}: {peak}");
    }
    assert!(matches!(
        safetensors::read(&safetensors_file(&format!(r#"{{"a":{first},"a":{first}}}"#), &[0; 4])),
        Err(SafetensorsError::Twice { ref name }) if name == "a"
    ));
    for claim in [9u64, 1 << 20, 1 << 40, u64::MAX] {
        let (result, peak) =
            with_peak(|| safetensors::read(&[&claim.to_le_bytes()[..], b"{}      "].concat()));
        assert!(result.is_err() && peak < SMALL, "a header of {claim} bytes");
    }
    let long = format!("{{{}}}", " ".repeat(2 << 20));
    assert!(matches!(
        safetensors::read(&safetensors_file(&long, &[])),
        Err(SafetensorsError::HeaderTooLong { .. })
    ));
}

#[test]
fn tensors_that_are_not_finite_or_of_another_type_are_named() {
    for (kind, bytes) in [
        ("F16", vec![0x00, 0x7e]),  // not a number
        ("F16", vec![0x00, 0xfc]),  // minus infinity
        ("BF16", vec![0xc0, 0x7f]), // not a number
        ("BF16", vec![0x80, 0xff]), // minus infinity
        ("F32", f32::NAN.to_le_bytes().to_vec()),
        ("F32", f32::NEG_INFINITY.to_le_bytes().to_vec()),
        ("F64", f64::NAN.to_le_bytes().to_vec()),
        ("F64", f64::INFINITY.to_le_bytes().to_vec()),
    ] {
        let data = [vec![0; bytes.len()], bytes].concat();
        let header =
            format!(r#"{{"bias":{{"dtype":"{kind}","shape":[2],"data_offsets":[0,{}]}}}}"#, data.len());
        let result = safetensors::read(&safetensors_file(&header, &data));
        assert!(
            matches!(result, Err(SafetensorsError::NotFinite { ref name, index: 1, .. }) if name == "bias"),
            "{kind}: {result:?}"
        );
    }
    for kind in ["F8_E5M2", "I64", "U8", "BOOL"] {
        let header = format!(r#"{{"bias":{{"dtype":"{kind}","shape":[0],"data_offsets":[0,0]}}}}"#);
        let result = safetensors::read(&safetensors_file(&header, &[]));
        assert!(
            matches!(result, Err(SafetensorsError::ElementType { ref name, ref found }) if name == "bias" && found == kind),
            "{kind}: {result:?}"
        );
    }
}
