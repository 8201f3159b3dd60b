//! Augmentation of one image, kind by kind; what it may cost is a small part of a training step.

use divan::{Bencher, black_box, counter::ItemsCount};
use rand::SeedableRng;
use shuzi_engine::{
    Rng,
    dataset::synthetic,
    kernels::Level,
    preprocess::augment::{Augmentation, Elastic, Erase},
};

fn main() {
    divan::main();
}

const OFF: Augmentation = Augmentation {
    shift: 0.0,
    rotation: 0.0,
    scale: 0.0,
    stretch: 0.0,
    shear: 0.0,
    thickness: 0.0,
    elastic: None,
    erase: None,
    degradation: 0.0,
};
const AFFINE: Augmentation =
    Augmentation { shift: 2.0, rotation: 12.0, scale: 0.1, stretch: 0.1, shear: 0.1, ..OFF };
const ELASTIC: Augmentation = Augmentation { elastic: Some(Elastic { strength: 1.5, grid: 5 }), ..AFFINE };
const ERASE: Option<Erase> = Some(Erase { probability: 0.5, size: 6 });

const KINDS: [(&str, Augmentation); 8] = [
    ("off", OFF),
    ("shift", Augmentation { shift: 2.0, ..OFF }),
    ("thickness", Augmentation { thickness: 0.4, ..OFF }),
    ("erase", Augmentation { erase: ERASE, ..OFF }),
    ("degradation", Augmentation { degradation: 0.2, ..OFF }),
    ("affine", AFFINE),
    ("affine, elastic", ELASTIC),
    ("all", Augmentation { thickness: 0.4, erase: ERASE, ..ELASTIC }),
];

/// A thousand images, each with a generator of its own as in training.
#[divan::bench(args = KINDS.map(|(name, _)| name), consts = [0, 1, 2])]
fn apply<const LEVEL: usize>(bencher: Bencher, kind: &str) {
    let (_, augmentation) = KINDS.into_iter().find(|(name, _)| *name == kind).expect("a kind");
    let levels = Level::all();
    let Some(&level) = levels.get(LEVEL) else { return };
    let data = synthetic::generate(1000, 1, 2);
    let mut out = [0; 784];
    bencher.counter(ItemsCount::new(data.len())).bench_local(|| {
        for (index, image) in data.images().as_chunks().0.iter().enumerate() {
            augmentation.apply(level, image, &mut Rng::seed_from_u64(index as u64), &mut out);
            black_box(&out);
        }
    });
}

/// The generators alone.
#[divan::bench]
fn generators(bencher: Bencher) {
    bencher.counter(ItemsCount::new(1000usize)).bench_local(|| {
        for index in 0..1000 {
            black_box(Rng::seed_from_u64(black_box(index)));
        }
    });
}
