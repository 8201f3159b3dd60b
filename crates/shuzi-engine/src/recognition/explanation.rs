//! What a network makes of an image on its way, and which of its pixels count.
//!
//! In: a [`Reader`] and a [`DigitImage`]. Out: numbers to be drawn; nothing is decided by them.

use super::reader::{Reader, Scores};
use crate::{
    image::{DigitImage, PIXELS, SIDE},
    network::{InferenceSession, Layer, Shape, softmax::probabilities},
};

/// What one layer gives for an image.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerOutput {
    /// The layer, as it is when reading: batch normalisation is taken into the one before it.
    pub layer: Layer,
    /// Rows, columns and channels.
    pub shape: Shape,
    /// Row by row, the channels of a pixel side by side.
    pub values: Vec<f32>,
}

impl Reader {
    /// What each layer gives for an image; a ReLU that its convolution takes along is shown with it.
    pub fn outputs(&self, image: &DigitImage) -> Vec<LayerOutput> {
        let mut session = InferenceSession::new(&self.network, 1);
        session.logits([&image.0[..]].into_iter());
        let outputs = session.outputs();
        outputs.map(|(layer, shape, values)| LayerOutput { layer, shape, values }).collect()
    }

    /// How much each pixel's ink speaks for `digit` (above 0) or against it: by how much ln p of the digit falls when a square of
    /// 4x4 pixels is wiped out, on the mean over the squares that a pixel lies in (occlusion: Zeiler and Fergus 2014). 0 where
    /// no ink is near.
    ///
    /// # Panics
    ///
    /// If there is no such class.
    pub fn occlusion(&self, image: &DigitImage, digit: u8) -> [f32; PIXELS] {
        const SQUARE: usize = 4;
        const STRIDE: usize = 2;
        assert!(usize::from(digit) < self.classes.count(), "occlusion: digit {digit}");
        let square = |place: (usize, usize)| {
            (0..SQUARE * SQUARE).map(move |i| (place.1 + i / SQUARE) * SIDE + place.0 + i % SQUARE)
        };
        let steps = || (0..=SIDE - SQUARE).step_by(STRIDE);
        let places: Vec<(usize, usize)> = steps()
            .flat_map(|y| steps().map(move |x| (x, y)))
            .filter(|&place| square(place).any(|pixel| image.0[pixel] > 0))
            .collect();
        let wiped = places.iter().map(|&place| {
            let mut wiped = *image;
            square(place).for_each(|pixel| wiped.0[pixel] = 0);
            wiped
        });
        let images: Vec<DigitImage> = std::iter::once(*image).chain(wiped).collect();
        let log_probability = |scores: &Scores| log(probabilities(&scores.logits, 1.0)[usize::from(digit)]);
        let log_probabilities: Vec<f32> = self.score(&images).iter().map(log_probability).collect();
        let (mut sums, mut counts) = ([0.0; PIXELS], [0.0f32; PIXELS]);
        for (&place, without) in places.iter().zip(&log_probabilities[1..]) {
            for pixel in square(place) {
                sums[pixel] += log_probabilities[0] - without;
                counts[pixel] += 1.0;
            }
        }
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum /= count.max(1.0);
        }
        sums
    }
}

fn log(probability: f32) -> f32 {
    probability.max(f32::MIN_POSITIVE).ln()
}
