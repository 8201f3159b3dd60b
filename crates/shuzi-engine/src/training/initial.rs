//! The network that a training starts from.
//!
//! In: a [`Recipe`], whose seed draws the weights, and where training goes on from another network that one. Out: a
//! [`Network`] before its first step.

use super::random::{Purpose, generator};
use crate::{network::Network, recipe::Recipe};

/// The network that a recipe starts from.
///
/// # Panics
///
/// If the recipe was changed and not [checked](Recipe::check).
pub fn initial_network(recipe: &Recipe) -> Network {
    let architecture = recipe.architecture().expect("a checked recipe");
    let mut rng = generator(recipe.training.seed, Purpose::InitialWeights, 0);
    Network::random(architecture, recipe.network.initial_weights, &mut rng)
}

/// The network that a recipe goes on to from another one, which has other classes: output `i` of its last layer with weights is
/// output `kept[i]` of that one, or begins at random. Everything before it is that one's.
///
/// # Panics
///
/// If the recipe was changed and not [checked](Recipe::check), or its layers differ in more than the outputs.
pub fn network_for_new_classes(recipe: &Recipe, from: &Network, kept: &[Option<u8>]) -> Network {
    let architecture = recipe.architecture().expect("a checked recipe");
    let mut rng = generator(recipe.training.seed, Purpose::InitialWeights, 0);
    from.with_classes(architecture, kept, recipe.network.initial_weights, &mut rng)
}
