//! What the blocks of a batch gave, and the step that follows from it: gradients are added in the order of the blocks, the parameters are
//! moved, and the network's statistics follow the batch's.
//!
//! In: blocks, each filled by one thread. Out: a moved network. Does not cut batches; that is for the trainers of
//! [images](super::general) and of [lines](crate::training::lines).

use crate::{
    kernels::{Level, Numbers, product::add_rows, team::Team, zeros},
    network::{Architecture, Network},
    training::{
        optimizer::{SLICES, WeightUpdate},
        statistics::Moments,
    },
};
use std::ops::Range;

/// What a block gave.
pub(in crate::training) struct BlockResult {
    pub examples: usize,
    pub gradient: Numbers,
    /// What batch normalisation has measured.
    pub statistics: Numbers,
    pub loss: f32,
    pub correct: usize,
}

/// What all blocks of a batch gave, made once.
pub(in crate::training) struct BlockResults {
    level: Level,
    pub blocks: Vec<BlockResult>,
    /// Parts of the parameters.
    pieces: Vec<Range<usize>>,
    gradient: Numbers,
    /// What the blocks of a batch have measured.
    moments: Moments,
}

impl BlockResults {
    /// Of so many blocks.
    pub fn new(architecture: &Architecture, level: Level, blocks: usize) -> Self {
        /// Parameters that are moved together.
        const PIECE: usize = 4096;
        let parameters = architecture.parameter_count();
        let pieces = (0..parameters).step_by(PIECE).map(|start| start..parameters.min(start + PIECE));
        let block = || BlockResult {
            examples: 0,
            gradient: zeros(parameters),
            statistics: zeros(architecture.statistic_count()),
            loss: 0.0,
            correct: 0,
        };
        BlockResults {
            level,
            blocks: (0..blocks).map(|_| block()).collect(),
            pieces: pieces.collect(),
            gradient: zeros(parameters),
            moments: Moments::new(architecture),
        }
    }

    /// Adds the gradients of the first `blocks` blocks, moves the parameters, and moves the network's statistics a fraction `rate` of
    /// the way to those of the batch.
    pub fn update(
        &mut self,
        network: &mut Network,
        mut update: WeightUpdate<'_>,
        blocks: usize,
        rate: f64,
        team: &mut Team<'_>,
    ) {
        let (level, pieces, results) = (self.level, &self.pieces, &self.blocks[..blocks]);
        let (_, parameters, _) = network.parts_mut();
        let add = |piece: &Range<usize>, gradient: &mut [f32]| {
            gradient.copy_from_slice(&results[0].gradient[piece.clone()]);
            for result in &results[1..] {
                add_rows(level, gradient, &result.gradient[piece.clone()]);
            }
        };
        if update.needs_norm() {
            // Nothing may move before all gradients are known.
            team.for_each_piece([&mut self.gradient], pieces, |index, [gradient]| {
                add(&pieces[index], gradient);
            });
            update.move_clipped(level, parameters, &mut self.gradient, pieces, team);
        } else {
            let (step, slices) = update.split(parameters, &mut self.gradient);
            team.for_each_piece(slices, pieces, |index, slices: [&mut [f32]; SLICES]| {
                add(&pieces[index], slices[1]);
                step.update(level, slices);
            });
        }
        self.moments.clear();
        add_moments(&mut self.moments, network.architecture(), results);
        self.moments.move_statistics(network, rate);
    }
}

/// Adds what blocks have measured, each weighted by its examples.
pub(in crate::training) fn add_moments(
    moments: &mut Moments,
    architecture: &Architecture,
    results: &[BlockResult],
) {
    for result in results {
        moments.add(architecture, &result.statistics, result.examples);
    }
}
