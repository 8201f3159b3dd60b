//! What is kept of a training: averaged weights, with statistics that suit them, in numbers of the recipe's size.
//!
//! In: the state of a training after an epoch, or the network at its end. Out: the network that a recipe keeps. The
//! network that learns is left as it is.

use super::{Examples, epoch::Batches, state::State, statistics, step::StepExecutor};
use crate::{
    dataset::synthetic,
    kernels::team::Team,
    network::{Network, Storage, quantize},
    recipe::{Statistics, TrainingRecipe},
};

/// The network that the recipe would keep if training ended now, unless it is the one that learns: with the
/// average of the weights, statistics measured with what is kept, and rounded.
pub(super) fn network_to_keep(
    recipe: &TrainingRecipe,
    state: &State,
    batches: &mut Batches<'_>,
    executor: &mut StepExecutor,
    team: &mut Team<'_>,
) -> Option<Network> {
    let State { network, optimizer, epoch, .. } = state;
    let has_statistics = network.architecture().statistic_count() > 0;
    let has_other_weights = optimizer.average().is_some();
    let measures = has_statistics && (has_other_weights || recipe.statistics == Statistics::Clean);
    if !has_other_weights && !measures && recipe.storage != Storage::F16 {
        return None;
    }
    let mut kept = match optimizer.average() {
        None => network.clone(),
        Some(average) => Network::new(network.architecture().clone(), average, network.statistics()),
    };
    if measures {
        let batches = match recipe.statistics {
            Statistics::Clean => batches.clean_epoch(*epoch),
            Statistics::AsTrained => batches.epoch(*epoch, 0),
        };
        statistics::measure(&mut kept, batches, executor, team);
    }
    kept.round_to(recipe.storage);
    Some(kept)
}

/// A trained network in the numbers that its recipe stores.
pub(super) fn stored(mut network: Network, storage: Storage, examples: Examples<'_>) -> Network {
    match storage {
        Storage::I8 => quantized(&network, examples),
        storage => {
            network.round_to(storage);
            network
        }
    }
}

/// The network in int8; as it is, if its numbers are too far apart, as those of a training gone astray may be.
fn quantized(network: &Network, examples: Examples<'_>) -> Network {
    const SAMPLES: usize = 500;
    let quantized = match examples {
        Examples::Kept { data, indices, .. } => {
            let samples = indices.iter().take(SAMPLES);
            quantize(network, samples.map(|&index| data.example(index as usize).0))
        }
        Examples::Drawn { seed, count } => {
            let samples = synthetic::generate_range(0..count.min(SAMPLES), seed, 1);
            quantize(network, (0..samples.len()).map(|index| samples.example(index).0))
        }
    };
    quantized.unwrap_or_else(|_| network.clone())
}
