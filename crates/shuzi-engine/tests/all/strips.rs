//! Strips drawn with the strokes of real people, from the files that `SHUZI_HANDWRITING` names.

use crate::support::folder_with;
use shuzi_engine::dataset::strips::{Hands, draw, signs};
use std::fs;

const FILES: [&str; 5] = [
    "pendigits/pendigits_orig_train.npz",
    "unipen/unipen_digits.npz",
    "unipen/unipen_numbers.npz",
    "unipen/unipen_symbols.npz",
    "omniglot/omniglot_strokes.npz",
];

#[test]
fn people_write_every_sign_and_are_split() {
    let Some(folder) = folder_with("SHUZI_HANDWRITING", &FILES) else { return };
    let bytes = FILES.map(|name| fs::read(folder.join(name)).unwrap());
    let files: Vec<(&str, &[u8])> = FILES.into_iter().zip(bytes.iter().map(Vec::as_slice)).collect();
    let hands = Hands::from_files(&files).unwrap();
    let writers = hands.writers();
    assert!(writers > 200, "{writers}");

    let (training, held_out) = hands.clone().split(10, 1);
    assert_eq!(training.writers() + held_out.writers(), writers);
    assert!((writers / 20..writers / 5).contains(&held_out.writers()), "{}", held_out.writers());
    assert_ne!(draw(&training, 1, 3), draw(&held_out, 1, 3));

    let mut counts = [0; signs::SIGNS];
    for index in 0..2000 {
        let drawn = draw(&held_out, 1, index);
        assert!(signs::columns_needed(&drawn.labels) <= drawn.strip.width / 4, "{index}");
        drawn.labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
    }
    assert!(counts.iter().all(|&count| count >= 40), "{counts:?}");

    let error = Hands::from_files(&[("cut.npz", &bytes[0][..1000])]).unwrap_err();
    assert_eq!(error.to_string(), "cut.npz");
}
