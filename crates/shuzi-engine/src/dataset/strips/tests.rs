use super::*;
use crate::preprocess::strip::STRIP_HEIGHT;

fn all(hands: &Hands, seed: u64, count: u64) -> impl Iterator<Item = LabelledStrip> {
    (0..count).map(move |index| draw(hands, seed, index))
}

#[test]
fn a_strip_depends_on_seed_and_index_only() {
    let hands = Hands::synthetic();
    let forwards: Vec<_> = all(&hands, 7, 40).collect();
    let backwards: Vec<_> = (0..40).rev().map(|index| draw(&hands.clone(), 7, index)).collect();
    assert!(forwards.iter().eq(backwards.iter().rev()));
    assert_ne!(draw(&hands, 7, 0), draw(&hands, 8, 0));
    assert_ne!(draw(&hands, 7, 0), draw(&hands, 7, 1));
}

#[test]
fn labels_fit_the_width() {
    let mut longest = 0;
    for (index, LabelledStrip { strip, labels }) in all(&Hands::synthetic(), 1, 3000).enumerate() {
        assert_eq!(strip.pixels.len(), strip.width * STRIP_HEIGHT, "{index}");
        assert!(
            (16..=512).contains(&strip.width) && strip.width.is_multiple_of(4),
            "{index}: {}",
            strip.width
        );
        assert!(signs::columns_needed(&labels) <= strip.width / 4, "{index}: {labels:?} in {}", strip.width);
        longest = longest.max(labels.len());
    }
    assert!(longest >= 15, "{longest}");
}

#[test]
fn every_sign_occurs_and_empty_strips_too() {
    let (mut counts, mut empty, mut single) = ([0; signs::SIGNS], 0, 0);
    for LabelledStrip { labels, .. } in all(&Hands::synthetic(), 2, 3000) {
        labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
        empty += usize::from(labels.is_empty());
        single += usize::from(labels.len() == 1 && labels[0] < 10);
    }
    assert!(counts.iter().all(|&count| count >= 60), "{counts:?}");
    assert!((100..300).contains(&empty) && (300..700).contains(&single), "{empty} {single}");
}

#[test]
fn ink_is_brighter_than_the_background() {
    let (mut bright, mut faint, mut count) = (0, 0, 0);
    for LabelledStrip { strip, .. } in all(&Hands::synthetic(), 3, 1000).filter(|s| s.labels.len() > 1) {
        let most = strip.pixels.iter().max().unwrap() - 128;
        let least = 128 - strip.pixels.iter().min().unwrap();
        bright += usize::from(most > least);
        count += 1;
        faint += usize::from(most < 40);
    }
    assert!(faint * 100 <= count, "{faint} of {count}");
    assert!(bright * 100 >= count * 95, "{bright} of {count}");
}

/// FNV-1a of the first strips: fails when anything changes what is drawn, on this machine or another. Record the new value on purpose
/// only.
#[test]
fn the_bytes_are_the_same_on_every_machine() {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for drawn in all(&Hands::synthetic(), 1, 300) {
        for byte in drawn.strip.pixels.into_iter().chain(drawn.labels) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    assert_eq!(hash, 13_719_061_433_971_964_740);
}
