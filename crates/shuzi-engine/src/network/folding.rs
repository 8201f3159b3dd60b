//! Batch normalisation folded into the layers before it, for reading only.
//!
//! Behind a linear layer or a convolution it is one more multiplication and addition for each output, which weights and bias can do:
//! `W·scale` and `b·scale + shift` (Jacob et al. 2018). In: a trained network. Out: one that gives the same but for rounding.

use super::{
    Architecture, Layer, Network,
    batch_norm::{BatchNorm, Normalization},
    chain::Chain,
};
use crate::kernels::zeros;

impl Network {
    /// The same function with batch normalisation taken into the layers before it, where they can take it:
    /// `W·scale` and `b·scale + shift`. For reading only.
    pub fn folded(&self) -> Network {
        let (architecture, sources) = self.architecture.folded();
        let mut parameters = zeros(architecture.parameter_count());
        let mut statistics = zeros(architecture.statistic_count());
        for (index, &(source, norm)) in sources.iter().enumerate() {
            if architecture.layers[index] == Layer::Relu {
                continue; // has no numbers, and may come from a batch normalisation, which has
            }
            let old = &self.parameters[self.architecture.ranges[source].clone()];
            let new = &mut parameters[architecture.ranges[index].clone()];
            new[..old.len()].copy_from_slice(old);
            statistics[architecture.statistics[index].clone()]
                .copy_from_slice(&self.statistics[self.architecture.statistics[source].clone()]);
            let Some(norm) = norm else { continue };
            let Layer::BatchNorm(batch_norm) = self.architecture.layers[norm] else { unreachable!() };
            let channels = batch_norm.channels;
            let (mut scale, mut shift) = (vec![0.0; channels], vec![0.0; channels]);
            let measured = &self.statistics[self.architecture.statistics[norm].clone()];
            let learned = &self.parameters[self.architecture.ranges[norm].clone()];
            let by = Normalization { parameters: learned, statistics: measured };
            batch_norm.scale_and_shift(by, &mut scale, &mut shift);
            for row in new.chunks_exact_mut(channels) {
                row.iter_mut().zip(&scale).for_each(|(weight, scale)| *weight *= scale);
            }
            let bias = new.len() - channels;
            new[bias..].iter_mut().zip(&shift).for_each(|(bias, shift)| *bias += shift);
        }
        Network { architecture, parameters, statistics, quantized: self.quantized.clone() }
    }
}

impl Architecture {
    /// The same layers without batch normalisation where it stands right behind a layer with weights
    /// that can take its place, see [`super::Network::folded`]. With it for each new layer the old one,
    /// and the batch normalisation that went into it.
    pub(super) fn folded(&self) -> (Self, Vec<(usize, Option<usize>)>) {
        let mut chain = Chain::new(self.pixel_scale, self.input);
        let mut sources: Vec<(usize, Option<usize>)> = vec![];
        for (index, &layer) in self.layers.iter().enumerate() {
            let is_added = |index| self.layers.contains(&Layer::Add { from: index });
            let folds = match (layer, sources.last()) {
                (Layer::BatchNorm(_), Some(&(before, None))) if before + 1 == index => {
                    matches!(self.layers[before], Layer::Linear(_) | Layer::Conv(_)) && !is_added(before)
                }
                _ => false,
            };
            if folds {
                let place = sources.len() - 1;
                sources[place].1 = Some(index);
                if let Layer::Conv(conv) = &mut chain.architecture.layers[place] {
                    // It is the last one so far, so only its own range grows.
                    conv.bias = true;
                    chain.architecture.ranges[place].end += conv.outputs();
                }
                if let Layer::BatchNorm(BatchNorm { rectified: true, .. }) = layer {
                    chain.rectify_last();
                    chain.push(Layer::Relu, self.shapes[index]).expect("no larger than before");
                    sources.push((index, None));
                }
                continue;
            }
            let layer = match layer {
                Layer::Add { from } => {
                    let is_from = |&(layer, norm): &(usize, Option<usize>)| norm.unwrap_or(layer) == from;
                    Layer::Add { from: sources.iter().rposition(is_from).expect("an earlier layer") }
                }
                Layer::Relu if index > 0 && !is_added(index - 1) => {
                    chain.rectify_last();
                    layer
                }
                layer => layer,
            };
            chain.push(layer, self.shapes[index]).expect("no larger than before");
            sources.push((index, None));
        }
        (chain.architecture, sources)
    }
}
