//! How robust a network is: its accuracy on images that were corrupted in known ways.
//!
//! In: a network, labelled images, a seed. Out: a [`Robustness`]: accuracy under each of fifteen
//! [`Corruption`]s, those of MNIST-C (Mu and Gilmer 2019), and along each [`Sweep`], from images as they
//! are to images that nobody reads. Images are corrupted on their way into the network, a block at a time,
//! so that no corrupted data set ever lies in memory. For reporting: nothing is chosen by it.

mod corruptions;
mod sweeps;

pub use self::{corruptions::Corruption, sweeps::Sweep};
use crate::{
    Processor, Rng,
    dataset::Dataset,
    image::{PIXELS, most_probable},
    kernels::{Level, team::with_team},
    network::{InferenceModel, InferenceSession, Network, Precision},
};
use rand::SeedableRng;

/// How often a network is right on corrupted images.
#[derive(Clone, Debug, PartialEq)]
pub struct Robustness {
    /// Accuracy on the images as they are, 0..=1.
    pub clean: f64,
    /// Under each corruption, in the order of [`Corruption::ALL`].
    pub corruptions: [f64; Corruption::ALL.len()],
    /// Amount and accuracy along each sweep, in the order of [`Sweep::ALL`].
    pub sweeps: [Vec<(f64, f64)>; Sweep::ALL.len()],
}

impl Robustness {
    /// The mean accuracy under the fifteen corruptions.
    pub fn mean_corruption_accuracy(&self) -> f64 {
        self.corruptions.iter().sum::<f64>() / self.corruptions.len() as f64
    }

    /// Puts an accuracy in its place; that of images as they are into each sweep too.
    fn record(&mut self, condition: Condition, accuracy: f64) {
        match condition {
            Condition::Clean => {
                self.clean = accuracy;
                for sweep in Sweep::ALL {
                    let unknown =
                        |&amount: &f64| (amount, if amount == sweep.identity() { accuracy } else { 0.0 });
                    self.sweeps[sweep as usize] = sweep.amounts().iter().map(unknown).collect();
                }
            }
            Condition::Corruption(corruption) => self.corruptions[corruption as usize] = accuracy,
            Condition::Sweep(sweep, amount) => {
                let points = &mut self.sweeps[sweep as usize];
                let point =
                    points.iter_mut().find(|point| point.0 == amount).expect("an amount of the sweep");
                point.1 = accuracy;
            }
        }
    }
}

/// What is done to the images of one measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Condition {
    /// The image as it is.
    Clean,
    /// As MNIST-C does.
    Corruption(Corruption),
    /// By an amount of a sweep.
    Sweep(Sweep, f64),
}

impl Condition {
    /// All that [`measure`] looks at, in its order; what leaves images as they are stands only once, first.
    pub fn all() -> Vec<Condition> {
        let corruptions = Corruption::ALL.map(Condition::Corruption);
        let sweeps = Sweep::ALL.iter().flat_map(|&sweep| {
            let amounts = sweep.amounts().iter().filter(move |&&amount| amount != sweep.identity());
            amounts.map(move |&amount| Condition::Sweep(sweep, amount))
        });
        [Condition::Clean].into_iter().chain(corruptions).chain(sweeps).collect()
    }

    /// Writes image number `index` as it is when corrupted. Each image has a generator of its own, made from
    /// the seed, the condition and the index; not from a sweep's amount, so that an image that is pushed
    /// further is pushed the same way.
    pub fn apply(self, level: Level, image: &[u8; PIXELS], seed: u64, index: usize, out: &mut [u8; PIXELS]) {
        let generator = |kind: usize| {
            let key = seed.rotate_left(32) ^ (kind as u64) << 56 ^ index as u64;
            Rng::seed_from_u64(key)
        };
        match self {
            Condition::Clean => *out = *image,
            Condition::Corruption(corruption) => {
                corruption.apply(level, image, &mut generator(1 + corruption as usize), out);
            }
            Condition::Sweep(sweep, amount) => {
                sweep.apply(amount, level, image, &mut generator(101 + sweep as usize), out);
            }
        }
    }
}

/// Reads every image of `data` once for each of [`Condition::all`], and calls `after_each` when one is done. The
/// result does not depend on how many threads there are.
///
/// # Panics
///
/// If there is no thread.
pub fn measure(
    network: &Network,
    data: &Dataset,
    seed: u64,
    processor: Processor,
    mut after_each: impl FnMut(),
) -> Robustness {
    let Processor { threads, level } = processor;
    let network = InferenceModel::new(network, level, Precision::F32);
    let block_size = network.block_size();
    let workspace = || (InferenceSession::new(&network, block_size), vec![[0; PIXELS]; block_size]);
    let mut workspaces: Vec<_> = (0..threads).map(|_| workspace()).collect();
    let mut correct_of_block = vec![0; data.len().div_ceil(block_size)];
    let mut robustness =
        Robustness { clean: 0.0, corruptions: Default::default(), sweeps: Default::default() };
    with_team(threads, |team| {
        for condition in Condition::all() {
            team.for_each_with_workspace(
                &mut correct_of_block,
                &mut workspaces,
                |block, correct, (session, corrupted)| {
                    let first = block * block_size;
                    let corrupted = &mut corrupted[..block_size.min(data.len() - first)];
                    for (index, out) in (first..).zip(corrupted.iter_mut()) {
                        condition.apply(level, &data.image(index).0, seed, index, out);
                    }
                    let examples =
                        corrupted.iter().enumerate().map(|(i, image)| (&image[..], data.labels()[first + i]));
                    let classes = data.classes().count();
                    let answers = session.evaluate(examples.clone()).probabilities().chunks_exact(classes);
                    *correct =
                        answers.zip(examples).filter(|(p, (_, label))| most_probable(p) == *label).count();
                },
            );
            let accuracy = correct_of_block.iter().sum::<usize>() as f64 / data.len() as f64;
            robustness.record(condition, accuracy);
            after_each();
        }
    });
    robustness
}

#[cfg(test)]
mod tests;
