//! Reading strips of any width with a trained line network: made ready once, then strip after strip goes forward.
//!
//! In: a network whose layers do not depend on the width, and a [`Strip`]. Out: logits for each step (column), of the signs and the
//! blank. Equal weights serve every width; only shapes and buffers are made for each.

use super::{Architecture, Block, InferenceModel, Network, Precision};
use crate::{
    kernels::Level,
    preprocess::strip::{STRIP_HEIGHT, Strip},
};
/// Widths are rounded up to a multiple of this, so that few buffers serve all.
pub const WIDTH_STEP: usize = 16;

/// A trained line network in the form that it reads by.
#[derive(Clone, Debug)]
pub struct LineModel(InferenceModel);

/// Buffers for strips on their way forward, as wide as the last one needed.
#[derive(Debug, Default)]
pub struct LineSession {
    buffers: Option<(Architecture, Block)>,
}

impl LineModel {
    /// Makes `network` ready to be read with, multiplying numbers of this `precision`.
    pub fn new(network: &Network, level: Level, precision: Precision) -> Self {
        LineModel(InferenceModel::new(network, level, precision))
    }

    /// The classes of each step, the blank included.
    pub fn classes(&self) -> usize {
        self.0.classes()
    }

    /// Columns of a strip that make a step.
    pub fn columns_per_step(&self) -> usize {
        let architecture = self.0.network.architecture();
        architecture.input().width / architecture.steps()
    }

    /// The logits of a strip, `[steps, classes]`.
    pub fn logits<'a>(&self, strip: &Strip, session: &'a mut LineSession) -> &'a [f32] {
        let InferenceModel { network, prepared, level, .. } = &self.0;
        let width = strip.width.next_multiple_of(WIDTH_STEP);
        let buffers = session.buffers.take().filter(|(architecture, _)| architecture.input().width == width);
        let (architecture, block) = session.buffers.insert(buffers.unwrap_or_else(|| {
            let architecture = network.architecture().with_width(width);
            let block = Block::for_reading_pictures(&architecture, *level);
            (architecture, block)
        }));
        load(std::iter::once(strip), width, block.pixels_mut(1));
        architecture.read(network, prepared, block);
        let steps = strip.width.div_ceil(self.columns_per_step());
        &block.logits()[..steps * architecture.classes()]
    }
}

/// Writes strips as numbers, each `[STRIP_HEIGHT, width]`; behind its end a strip goes on as paper.
///
/// # Panics
///
/// If one is wider, or there are not as many as fit.
pub fn load<'a>(strips: impl Iterator<Item = &'a Strip>, width: usize, pixels: &mut [f32]) {
    /// The byte of paper, and what a byte's distance from it is multiplied by.
    const PAPER: f32 = 128.0;
    const SCALE: f32 = 1.0 / 60.0;
    let mut outputs = pixels.chunks_exact_mut(STRIP_HEIGHT * width);
    for strip in strips {
        let output = outputs.next().expect("load: too many strips");
        assert!(strip.width <= width, "load: width");
        for (to, from) in output.chunks_exact_mut(width).zip(strip.pixels.chunks_exact(strip.width)) {
            let (ink, paper) = to.split_at_mut(strip.width);
            ink.iter_mut().zip(from).for_each(|(to, &byte)| *to = (f32::from(byte) - PAPER) * SCALE);
            paper.fill(0.0);
        }
    }
    assert!(outputs.next().is_none(), "load: too few strips");
}
