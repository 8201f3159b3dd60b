//! What batch normalisation measures: means and variances of many images, as sums.
//!
//! In: the statistics of ghost batches, each with its number of images. Out: the network's statistics, moved some of
//! the way in each training step, or replaced by a pass of their own over some thousands of examples, which changes
//! no weight ([`measure`]).

use super::{epoch::Epoch, step::StepExecutor};
use crate::{
    kernels::team::Team,
    network::{Architecture, Network},
};

/// Measures a network's statistics anew, by the batches of an epoch, until enough images are.
pub(super) fn measure(
    network: &mut Network,
    mut batches: Epoch<'_>,
    executor: &mut StepExecutor,
    team: &mut Team<'_>,
) {
    /// Enough for means and variances to a percent.
    const ENOUGH: usize = 5_000;
    let mut moments = Moments::new(network.architecture());
    while moments.images < ENOUGH {
        let Some(batch) = batches.next(team) else { break };
        executor.measure(network, batch, &mut moments, team);
    }
    moments.replace_statistics(network);
}

/// Means and mean squares of images measured so far, as sums.
pub(super) struct Moments {
    /// Laid out as a network's statistics.
    sums: Vec<f64>,
    images: usize,
}

impl Moments {
    /// Of no image.
    pub fn new(architecture: &Architecture) -> Self {
        Moments { sums: vec![0.0; architecture.statistic_count()], images: 0 }
    }

    /// How many images were measured.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.sums.fill(0.0);
        self.images = 0;
    }

    /// Adds the means and mean squares of so many images, given their means and variances.
    pub fn add(&mut self, architecture: &Architecture, statistics: &[f32], images: usize) {
        for range in architecture.statistic_ranges() {
            let (mean, variance) = statistics[range.clone()].split_at(range.len() / 2);
            let (means, squares) = self.sums[range.clone()].split_at_mut(range.len() / 2);
            let images = images as f64;
            for i in 0..mean.len() {
                let mean = f64::from(mean[i]);
                means[i] += images * mean;
                squares[i] += images * (f64::from(variance[i]) + mean * mean);
            }
        }
        self.images += images;
    }

    /// Replaces the network's statistics by those of the images.
    pub fn replace_statistics(&self, network: &mut Network) {
        self.move_statistics(network, 1.0);
    }

    /// Moves the network's statistics a fraction `rate` of the way to those of the images.
    pub fn move_statistics(&self, network: &mut Network, rate: f64) {
        let (architecture, _, statistics) = network.parts_mut();
        for range in architecture.statistic_ranges() {
            let (means, squares) = self.sums[range.clone()].split_at(range.len() / 2);
            let (mean, variance) = statistics[range.clone()].split_at_mut(range.len() / 2);
            for i in 0..mean.len() {
                let [measured, square] = [means[i], squares[i]].map(|sum| sum / self.images as f64);
                let measured_variance = (square - measured * measured).max(0.0);
                mean[i] = (f64::from(mean[i]) + rate * (measured - f64::from(mean[i]))) as f32;
                let old = f64::from(variance[i]);
                variance[i] = (old + rate * (measured_variance - old)) as f32;
            }
        }
    }
}
