use super::*;

fn error(pickle: &[u8]) -> PickleError {
    read_dictionary(pickle).unwrap_err()
}

#[test]
fn names_that_are_not_arrays_are_refused_by_name() {
    for (pickle, name) in [
        (&b"\x80\x03cos\nsystem\nX\x02\0\0\0id\x85R."[..], "os.system"),
        (b"cbuiltins\neval\n.", "builtins.eval"),
        (b"\x80\x04\x8c\x02os\x8c\x05popen\x93.", "os.popen"),
        (b"\x80\x04\x8c\x05numpy\x8c\x04load\x93.", "numpy.load"),
        (b"cnumpy.core.multiarray\nscalar\n.", "numpy.core.multiarray.scalar"),
    ] {
        assert_eq!(error(pickle), PickleError::Refused { name: name.into() });
    }
}

#[test]
fn calls_other_than_those_that_make_arrays_are_refused() {
    for pickle in [
        &b"cnumpy\nndarray\n)R."[..],                                   // the class itself
        b"cnumpy\ndtype\nK\x01\x85R.",                                  // a dtype of a number
        b"K\x01)R.",                                                    // a number
        b"}}b.",                                                        // the state of a dictionary
        b"c_codecs\nencode\nX\x01\0\0\0aX\x03\0\0\0rot\x86R.",          // another codec
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\ndtype\n\x85R.", // of another class
    ] {
        assert!(matches!(error(pickle), PickleError::Call { .. }), "{pickle:?}: {:?}", error(pickle));
    }
}

#[test]
fn nonsense_is_an_error() {
    for pickle in [
        &b""[..],
        b"\x80",
        b".",
        b"t.",
        b"(a.",
        b"h\x07.",
        b"q\0.",
        b"X\xff\xff\xff\xffab.",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffa.",
        b"\x8a\x09\0\0\0\0\0\0\0\0\0.",
        b"(K\x01u.",
        b"]}(K\x01u.",
        b"N.",
        b"i.",
        b"\x8c\x01\xff.",
    ] {
        read_dictionary(pickle).unwrap_err();
    }
}

#[test]
fn repetition_and_nesting_cost_no_more_than_their_bytes() {
    let mut billion_laughs = b"(]q\0".to_vec();
    for _ in 0..5_000 {
        billion_laughs.extend(b"(h\0h\0h\0h\0h\0h\0h\0h\0tq\0"); // eight of what was, five thousand times over
    }
    billion_laughs.extend(b"t.");
    assert_eq!(error(&billion_laughs), PickleError::NotADictionary);
    let nested = [&b"]".repeat(40_000)[..], &b"a".repeat(39_999), b"."].concat();
    assert_eq!(error(&nested), PickleError::NotADictionary);
    assert_eq!(error(&b"N".repeat(MAX_INSTRUCTIONS + 1)), PickleError::TooLong);
}
