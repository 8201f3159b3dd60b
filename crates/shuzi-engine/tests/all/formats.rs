//! numpy's and safetensors' files through the public door: what other programs write is read,
//! what is written is read again, exactly.

use crate::support::golden;
use proptest::prelude::*;
use shuzi_engine::model::{
    arrays::{Array, Values},
    npy::{self, Content},
    npz, safetensors,
};
use std::{collections::BTreeMap, path::Path};

/// The 4-3-2 network of `data/make.py`.
fn network() -> Vec<(String, Array)> {
    let array = |start: i32, shape: [usize; 2]| {
        let count = (shape[0] * shape[1]) as i32;
        Array::from_f64(shape.to_vec(), (start..start + count).map(|n| f64::from(n) / 8.0).collect())
    };
    [("w1", array(-5, [4, 3])), ("b1", array(1, [1, 3])), ("w2", array(2, [3, 2])), ("b2", array(-1, [1, 2]))]
        .map(|(name, array)| (name.to_string(), array))
        .into()
}

/// Names, shapes and numbers, whatever their width.
fn plain(arrays: &[(String, Array)]) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    arrays
        .iter()
        .map(|(name, array)| (name.clone(), array.shape().to_vec(), array.clone().into_f32()))
        .collect()
}

#[test]
fn every_file_that_numpy_wrote_is_read() {
    let mut files = 0;
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let arrays = match path.extension().unwrap().to_str().unwrap() {
            "npz" => npz::read(&bytes).unwrap_or_else(|error| panic!("{name}: {error:?}")),
            "npy" => match npy::read(&bytes).unwrap_or_else(|error| panic!("{name}: {error:?}")) {
                Content::Dictionary(arrays) => arrays,
                Content::Array(array) => vec![("w1".to_string(), array)],
            },
            _ => continue,
        };
        assert_eq!(plain(&arrays), plain(&network())[..arrays.len()], "{name}");
        files += 1;
    }
    assert_eq!(files, 26, "two versions of numpy, thirteen files each");
}

/// Shapes of up to four axes, some of them empty.
fn shape() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0usize..5, 0..4)
}

/// Finite numbers of either width.
fn array() -> impl Strategy<Value = Array> {
    let double = shape().prop_flat_map(|shape| {
        let values = prop::collection::vec(-1e300..1e300, shape.iter().product::<usize>());
        values.prop_map(move |values| Array::from_f64(shape.clone(), values))
    });
    prop_oneof![single(), double]
}

fn single() -> impl Strategy<Value = Array> {
    shape().prop_flat_map(|shape| {
        let values = prop::collection::vec(-1e38f32..1e38, shape.iter().product::<usize>());
        values.prop_map(move |values| Array::from_f32(shape.clone(), values))
    })
}

/// Different names, in any order, some of which JSON and Python must quote.
fn named(array: impl Strategy<Value = Array>) -> impl Strategy<Value = Vec<(String, Array)>> {
    let name = prop_oneof!["[a-z]{1,6}[0-9]", "[\"'\\\\\u{1}é数/.]{1,4}"];
    prop::collection::btree_map(name, array, 0..5).prop_map(|map| map.into_iter().rev().collect())
}

proptest! {
    #[test]
    fn an_array_survives_npy(array in array()) {
        prop_assert_eq!(npy::read(&npy::write_array(&array)).unwrap(), Content::Array(array));
    }

    #[test]
    fn arrays_survive_the_tutorials_dictionary(arrays in named(array())) {
        let file = npy::write_dictionary(&arrays);
        prop_assert_eq!(npy::read(&file).unwrap(), Content::Dictionary(arrays));
    }

    #[test]
    fn arrays_survive_npz(arrays in named(array())) {
        let file = npz::write(&arrays);
        prop_assert_eq!(npz::read(&file).unwrap(), arrays.clone());
        prop_assert_eq!(npz::write(&arrays), file, "the same arrays, the same bytes");
    }

    #[test]
    fn tensors_survive_safetensors(
        tensors in named(single()),
        metadata in prop::collection::btree_map(".{0,8}", ".{0,8}", 0..4),
    ) {
        let pairs: Vec<_> = metadata.clone().into_iter().collect();
        let file = safetensors::write(&tensors, &pairs);
        let (found, found_metadata) = safetensors::read(&file).unwrap();
        prop_assert_eq!(found_metadata, metadata);
        // Empty tensors lie where others begin, so only their places order them.
        let by_name = |tensors: Vec<(String, Array)>| tensors.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect::<Vec<_>>();
        prop_assert_eq!(by_name(found), by_name(tensors));
        // The format's own crate is the oracle.
        prop_assert!(::safetensors::SafeTensors::deserialize(&file).is_ok());
    }
}

#[test]
fn tensors_keep_their_order_and_empty_ones_do_not_shuffle() {
    let tensor = |shape: &[usize]| Array::from_f32(shape.to_vec(), vec![0.5; shape.iter().product()]);
    let tensors = [("z", &[2][..]), ("a", &[3]), ("c", &[0]), ("b", &[0, 2]), ("m", &[1])]
        .map(|(name, shape)| (name.to_string(), tensor(shape)));
    let file = safetensors::write(&tensors, &[]);
    for _ in 0..20 {
        let names: Vec<_> = safetensors::read(&file).unwrap().0.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["z", "a", "b", "c", "m"]);
    }
}

#[test]
fn the_reference_files_are_read_alike() {
    let Some(folder) = golden() else { return };
    let read = |name: &str| std::fs::read(folder.join(format!("mlp-32-16-1epoch-{name}"))).unwrap();
    let mut found = vec![];
    for numpy in ["numpy1", "numpy2"] {
        match npy::read(&read(&format!("{numpy}.npy"))).unwrap() {
            Content::Dictionary(arrays) => found.push(arrays),
            Content::Array(_) => panic!("{numpy}: expected a dictionary"),
        }
        found.push(npz::read(&read(&format!("{numpy}.npz"))).unwrap());
    }
    assert_eq!(
        found[0].iter().map(|(_, array)| array.shape().to_vec()).collect::<Vec<_>>(),
        [vec![784, 32], vec![1, 32], vec![32, 16], vec![1, 16], vec![16, 10], vec![1, 10]]
    );
    assert!(matches!(found[0][0].1.values(), Values::F64(_)));
    assert!(found.windows(2).all(|pair| pair[0] == pair[1]));
}
