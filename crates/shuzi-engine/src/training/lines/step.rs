//! A step of a line training: strips are drawn, sorted by width, cut into blocks, and each block goes forward and back on one thread.
//! What follows from their gradients is in [`results`](super::super::step::results).

use super::Draw;
use crate::{
    dataset::strips::LabelledStrip,
    kernels::{Level, Processor, team::Team},
    network::{
        Architecture, Block, Network, Precision, Prepared, Weights,
        ctc::{self, CtcWorkspace},
        line_model::{WIDTH_STEP, load},
    },
    recipe::TrainingRecipe,
    training::{
        Optimizer,
        random::{Purpose, key},
        statistics::Moments,
        step::results::{BlockResult, BlockResults, add_moments},
    },
};
use std::collections::BTreeMap;

/// Everything a step writes to, made once.
pub(super) struct LineExecutor {
    level: Level,
    /// What the processor multiplies, if it can do as it is asked.
    precision: Precision,
    seed: u64,
    batch_size: usize,
    /// Strips of a block, at most.
    block_size: usize,
    /// For each layer its weights.
    prepared: Vec<Prepared>,
    /// One for each thread.
    workspaces: Vec<Workspace>,
    /// The strips of a batch, by width.
    strips: Vec<Option<LabelledStrip>>,
    /// What each block of the batch gave.
    results: BlockResults,
}

/// What a thread works with.
#[derive(Default)]
struct Workspace {
    /// By width, made when such strips come.
    blocks: BTreeMap<usize, (Architecture, Block)>,
    ctc: CtcWorkspace,
}

impl LineExecutor {
    pub fn new(recipe: &TrainingRecipe, architecture: &Architecture, processor: Processor) -> Self {
        let batch_size = recipe.batch_size.of(usize::MAX);
        let block_size = recipe.ghost_batch.min(batch_size);
        LineExecutor {
            level: processor.level,
            precision: recipe.precision.available(processor.level),
            seed: recipe.seed,
            batch_size,
            block_size,
            prepared: vec![Prepared::default(); architecture.layers().len()],
            workspaces: (0..processor.threads).map(|_| Workspace::default()).collect(),
            strips: vec![],
            results: BlockResults::new(architecture, processor.level, batch_size.div_ceil(block_size)),
        }
    }

    /// The batch's mean loss; leaves its gradient behind.
    pub fn forward_backward(
        &mut self,
        network: &Network,
        draw: &impl Draw,
        step: u64,
        team: &mut Team<'_>,
    ) -> f32 {
        let weight = 1.0 / self.batch_size as f32;
        let key = key(self.seed, Purpose::Dropout, step);
        self.for_each_block(
            network,
            draw,
            step,
            team,
            |weights, architecture, block, strips, ctc, result| {
                architecture.forward_in_training(weights, block, key);
                result.loss = write_loss_gradients(architecture, block, strips, weight, ctc);
                architecture.backward_from_logits(weights, block, key, &mut result.gradient);
            },
        );
        self.results.blocks.iter().map(|result| result.loss).sum::<f32>() * weight
    }

    /// Moves the weights by the gradient of the batch that went forward and back last, and lets the network's statistics follow it.
    pub fn update(&mut self, network: &mut Network, optimizer: &mut Optimizer, team: &mut Team<'_>) {
        /// How far the statistics go towards those of a batch in a step.
        const MOMENTUM: f64 = 0.05;
        let blocks = self.results.blocks.len();
        self.results.update(network, optimizer.begin_update(), blocks, MOMENTUM, team);
    }

    /// Adds what batch normalisation measures of a batch to `moments`.
    pub fn measure(
        &mut self,
        network: &Network,
        draw: &impl Draw,
        batch: u64,
        moments: &mut Moments,
        team: &mut Team<'_>,
    ) {
        self.for_each_block(network, draw, batch, team, |weights, architecture, block, _, _, _| {
            architecture.forward_in_training(weights, block, batch);
        });
        add_moments(moments, network.architecture(), &self.results.blocks);
    }

    /// Draws a batch, and calls `work` for each of its blocks, loaded.
    fn for_each_block(
        &mut self,
        network: &Network,
        draw: &impl Draw,
        batch: u64,
        team: &mut Team<'_>,
        work: impl Fn(
            Weights<'_>,
            &Architecture,
            &mut Block,
            &[Option<LabelledStrip>],
            &mut CtcWorkspace,
            &mut BlockResult,
        ) + Sync,
    ) {
        let LineExecutor { level, precision, block_size, .. } = *self;
        let architecture = network.architecture();
        team.for_each(&mut self.prepared, |layer, prepared| {
            architecture.prepare(layer, level, precision, network.parameters(), prepared);
        });
        let first = batch.wrapping_mul(self.batch_size as u64);
        self.strips.clear();
        self.strips.resize_with(self.batch_size, || None);
        team.for_each(&mut self.strips, |index, strip| *strip = Some(draw(first.wrapping_add(index as u64))));
        self.strips.sort_by_key(|strip| strip.as_ref().map(|strip| strip.strip.width)); // stable
        let strips = &self.strips;
        let weights = Weights { parameters: network.parameters(), prepared: &self.prepared };
        let results = &mut self.results.blocks;
        team.for_each_with_workspace(results, &mut self.workspaces, |index, result, workspace| {
            let strips = &strips[index * block_size..strips.len().min((index + 1) * block_size)];
            let widest = strips.iter().flatten().map(|strip| strip.strip.width).max();
            let width = widest.expect("a block has strips").next_multiple_of(2 * WIDTH_STEP);
            let Workspace { blocks, ctc } = workspace;
            let (architecture, block) = blocks.entry(width).or_insert_with(|| {
                let architecture = architecture.with_width(width);
                let block = Block::new(&architecture, level, block_size).with_precision(precision);
                (architecture, block)
            });
            load(strips.iter().flatten().map(|strip| &strip.strip), width, block.pixels_mut(strips.len()));
            result.examples = strips.len();
            work(weights, architecture, block, strips, ctc, result);
            result.statistics.copy_from_slice(block.measured());
        });
    }
}

/// Fills ∂loss/∂logits of each strip of a block, and gives the sum of their losses. Steps behind a strip's end count nothing.
fn write_loss_gradients(
    architecture: &Architecture,
    block: &mut Block,
    strips: &[Option<LabelledStrip>],
    weight: f32,
    ctc: &mut CtcWorkspace,
) -> f32 {
    let (classes, all_steps) = (architecture.classes(), architecture.steps());
    let columns = architecture.input().width / all_steps;
    let (logits, gradients) = block.logits_and_gradient();
    let sizes = logits.chunks_exact(all_steps * classes).zip(gradients.chunks_exact_mut(all_steps * classes));
    let mut sum = 0.0;
    for (strip, (logits, gradient)) in strips.iter().flatten().zip(sizes) {
        let end = strip.strip.width.div_ceil(columns) * classes;
        gradient[end..].fill(0.0);
        sum +=
            ctc::loss_and_gradient(&logits[..end], classes, &strip.labels, weight, &mut gradient[..end], ctc);
    }
    sum
}
