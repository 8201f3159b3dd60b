//! Gradient checks: every layer's backward against central differences of its forward.

use super::*;
use crate::{dataset::Dataset, image::PIXELS, kernels::Level, preprocess::PixelScale};
use rand::{RngExt, SeedableRng};
use std::ops::Range;

fn small_set(examples: usize) -> Dataset {
    let mut rng = Rng::seed_from_u64(3);
    let images = (0..examples * PIXELS)
        .map(|_| if rng.random_bool(0.2) { rng.random_range(1..=255) } else { 0 })
        .collect();
    Dataset::new(images, (0..examples).map(|i| (i * 3 % 10) as u8).collect()).unwrap()
}

fn small_network() -> Network {
    use LayerKind::{Linear, Relu};
    let architecture =
        Architecture::new(PixelScale::Unit, &[Linear(7), Relu, Linear(5), Relu, Linear(10)]).unwrap();
    // A seed for which no neuron is so near its corner that a central difference steps over it.
    let mut network = Network::random(architecture, InitialWeights::He, &mut Rng::seed_from_u64(3));
    for (i, parameter) in network.parameters.iter_mut().enumerate() {
        *parameter += 0.05 * (i as f32).sin(); // no bias of 0, where ReLU has a corner
    }
    network
}

/// A batch that went forward and backward.
struct Pass {
    shards: [InputShard; 2],
    first_gradient: Vec<f32>,
    blocks: Vec<Block>,
}

fn pass(network: &Network, data: &Dataset, block_size: usize) -> Pass {
    let (architecture, level) = (network.architecture(), Level::detect());
    let shards = [0, 1].map(|half| {
        let mut shard = InputShard::new(architecture, level, half, data.len());
        shard.load(data.images().chunks_exact(PIXELS));
        let weights = &network.parameters[architecture.shard_range(&shard)];
        architecture.forward_shard(weights, &mut shard, std::iter::empty());
        shard
    });
    let width = architecture.first_width();
    let mut first_gradient = vec![f32::NAN; data.len() * width];
    let labels = data.labels().chunks(block_size);
    let blocks = labels.zip(first_gradient.chunks_mut(block_size * width)).enumerate();
    let blocks = blocks.map(|(index, (labels, first_gradient))| {
        let mut block = Block::new(architecture, level, block_size);
        block.set_labels(labels.iter().copied());
        architecture.forward(&network.parameters, shards.each_ref(), index * block_size, &mut block);
        architecture.backward(&network.parameters, &mut block, first_gradient, 1.0 / data.len() as f32);
        block
    });
    let blocks = blocks.collect();
    Pass { shards, first_gradient, blocks }
}

fn mean_loss(network: &Network, data: &Dataset) -> f64 {
    let losses = pass(network, data, 8).blocks;
    let losses: f64 = losses.iter().flat_map(Block::losses).map(|&loss| f64::from(loss)).sum();
    losses / data.len() as f64
}

fn gradient(network: &Network, data: &Dataset, block_size: usize) -> Vec<f32> {
    let Pass { shards, first_gradient, blocks } = pass(network, data, block_size);
    let pass = BatchPass { shards: &shards, blocks: &blocks, first_gradient: &first_gradient };
    let (architecture, level) = (network.architecture(), Level::detect());
    let mut gradient = vec![f32::NAN; network.parameters.len()];
    for tile in architecture.shares(3).concat() {
        let gradient = &mut gradient[tile.range.clone()];
        architecture.gradient(level, &tile, pass, gradient);
    }
    gradient
}

/// The largest difference between `gradient` and central differences, over a sample of the
/// parameters that holds all biases and small layers.
fn largest_gradient_error(network: &Network, data: &Dataset, gradient: &[f32]) -> f64 {
    const H: f32 = 1e-3; // f32 losses are good to 1e-7, so differences to 1e-4; slopes are about 0.1
    let first_layer = network.architecture().linear_layers().next().unwrap().1;
    let sample = (0..first_layer.end).step_by(17).chain(first_layer.end - 7..network.parameters.len());
    sample
        .map(|i| {
            let loss_at = |shift: f32| {
                let mut moved = network.clone();
                moved.parameters[i] += shift;
                mean_loss(&moved, data)
            };
            let numeric = (loss_at(H) - loss_at(-H)) / f64::from(2.0 * H);
            (numeric - f64::from(gradient[i])).abs()
        })
        .fold(0.0, f64::max)
}

#[test]
fn gradients_of_the_whole_network_match_central_differences() {
    let (network, data) = (small_network(), small_set(11));
    let error = largest_gradient_error(&network, &data, &gradient(&network, &data, 4));
    assert!(error < 1e-3, "{error}");
}

#[test]
fn the_gradient_check_can_fail() {
    let (network, data) = (small_network(), small_set(11));
    let mut wrong = gradient(&network, &data, 4);
    let last = wrong.len() - 1;
    wrong[last] = -wrong[last]; // the sign of one bias
    let error = largest_gradient_error(&network, &data, &wrong);
    assert!(error > 1e-2, "{error}");
}

#[test]
fn linear_gradients_match_central_differences() {
    const H: f32 = 1e-2; // the loss is quadratic: only rounding remains
    let linear = Linear { inputs: 3, outputs: 2 };
    let mut parameters: Vec<f32> = (0..linear.parameter_count()).map(|i| (i as f32 * 0.7).sin()).collect();
    let mut x = [0.5, -1.0, 2.0, 1.5, 0.25, -0.5];
    let loss = |parameters: &[f32], x: &[f32]| {
        let mut y = [0.0; 4];
        linear.forward(Level::detect(), parameters, x, &mut y);
        (y.iter().map(|y| y * y / 2.0).sum::<f32>(), y) // so ∂loss/∂y = y
    };
    let dy = loss(&parameters, &x).1;
    let (mut dx, mut gradient) = ([0.0; 6], [0.0; 8]);
    linear.backward(Level::detect(), &parameters, &dy, &mut dx);
    linear.gradient(Level::detect(), [(&x[..], &dy[..])].into_iter(), 0..4, &mut gradient);
    for i in 0..parameters.len() {
        let old = parameters[i];
        parameters[i] = old + H;
        let above = loss(&parameters, &x).0;
        parameters[i] = old - H;
        let below = loss(&parameters, &x).0;
        parameters[i] = old;
        assert!(((above - below) / (2.0 * H) - gradient[i]).abs() < 1e-3, "parameter {i}");
    }
    for i in 0..x.len() {
        let old = x[i];
        x[i] = old + H;
        let above = loss(&parameters, &x).0;
        x[i] = old - H;
        let below = loss(&parameters, &x).0;
        x[i] = old;
        assert!(((above - below) / (2.0 * H) - dx[i]).abs() < 1e-3, "input {i}");
    }
}

#[test]
fn relu_gradients_match_central_differences() {
    const H: f32 = 1e-3; // linear on both sides of 0, and no x is nearer to 0 than that
    let (x, dy) = ([-2.0, -0.5, 0.5, 2.0], [1.0, 2.0, 3.0, 4.0]);
    let mut dx = [0.0; 4];
    relu::backward(Level::detect(), &x, &dy, &mut dx);
    for i in 0..x.len() {
        let y_at = |shift: f32| {
            let mut y = [0.0];
            relu::forward(Level::detect(), &[x[i] + shift], &mut y);
            y[0]
        };
        assert!(((y_at(H) - y_at(-H)) / (2.0 * H) * dy[i] - dx[i]).abs() < 1e-2, "{i}");
    }
}

#[test]
fn relu_lets_the_gradient_through_at_zero_and_keeps_a_nan() {
    let (mut y, mut dx) = ([0.0; 2], [0.0; 1]);
    relu::forward(Level::detect(), &[0.0, f32::NAN], &mut y);
    relu::backward(Level::detect(), &[0.0], &[1.0], &mut dx);
    assert!(y[0] == 0.0 && y[1].is_nan() && dx[0] == 1.0);
}

#[test]
fn shares_cover_every_parameter_once() {
    for outputs in [1, 10, 33, 2000] {
        let kinds = [LayerKind::Linear(outputs), LayerKind::Relu, LayerKind::Linear(10)];
        let architecture = Architecture::new(PixelScale::Raw, &kinds).unwrap();
        for parts in [1, 2, 3, 8, 100] {
            let mut end = 0;
            for tile in architecture.shares(parts).concat() {
                assert_eq!(tile.range.start, end);
                end = tile.range.end;
            }
            assert_eq!(end, architecture.parameter_count());
        }
    }
}

#[test]
fn layers_that_make_no_network_are_refused() {
    use LayerKind::{Linear, Relu};
    for (layers, expected) in [
        (vec![], ArchitectureError::FirstLayer),
        (vec![Relu, Linear(10)], ArchitectureError::FirstLayer),
        (vec![Linear(10), Relu], ArchitectureError::LastLayer),
        (vec![Linear(1)], ArchitectureError::LastLayer),
        (vec![Linear(256)], ArchitectureError::LastLayer),
        (vec![Linear(0), Linear(10)], ArchitectureError::Width { layer: 0, width: 0 }),
        (vec![Linear(usize::MAX), Linear(10)], ArchitectureError::Width { layer: 0, width: usize::MAX }),
        (vec![Linear(10); 257], ArchitectureError::TooManyLayers { found: 257 }),
    ] {
        assert_eq!(Architecture::new(PixelScale::Unit, &layers).unwrap_err(), expected);
    }
}

/// A network with every layer that there is but ReLU, whose corner is tested above.
fn network_of_all_layers(pool: LayerKind) -> Network {
    use LayerKind::*;
    let conv = |channels, kernel, stride, padding| Conv(ConvKind { channels, kernel, stride, padding });
    let depthwise = |kernel, stride, padding| DepthwiseConv(DepthwiseKind { kernel, stride, padding });
    let kinds = [
        conv(5, 5, 2, 0),
        Crop(9),
        AveragePool(2),
        BatchNorm,
        Residual(vec![conv(7, 3, 1, 1), BatchNorm, depthwise(3, 1, 1), conv(5, 1, 1, 0), BatchNorm]),
        depthwise(3, 2, 1),
        Dropout(0.2),
        conv(6, 2, 1, 1),
        pool,
        Residual(vec![Dropout(0.1)]),
        Flatten,
        Linear(9),
        BatchNorm,
        Linear(10),
    ];
    network_of(&kinds)
}

fn network_of(kinds: &[LayerKind]) -> Network {
    let architecture = Architecture::new(PixelScale::Unit, kinds).unwrap();
    let mut network = Network::random(architecture, InitialWeights::He, &mut Rng::seed_from_u64(5));
    for (i, parameter) in network.parameters.iter_mut().enumerate() {
        *parameter += 0.05 * (i as f32).sin(); // no bias of 0, no scale of 1
    }
    network
}

/// A block that went forward and backward in training, and the gradient.
fn whole_pass(network: &Network, data: &Dataset, level: Level) -> (Block, Vec<f32>) {
    let architecture = network.architecture();
    let mut block = Block::new(architecture, level, data.len()).with_label_smoothing(0.1);
    block.set_labels(data.labels().iter().copied());
    block.set_pixels(data.images().chunks_exact(PIXELS), architecture.pixel_scale().factor());
    let mut gradient = vec![f32::NAN; network.parameters.len()];
    let weight = 1.0 / data.len() as f32;
    let mut prepared = vec![Prepared::default(); architecture.layers.len()];
    for (index, prepared) in prepared.iter_mut().enumerate() {
        architecture.prepare(index, level, Precision::F32, &network.parameters, prepared);
    }
    let weights = Weights { parameters: &network.parameters, prepared: &prepared };
    architecture.forward_and_backward(weights, &mut block, weight, 7, &mut gradient);
    (block, gradient)
}

fn whole_loss(network: &Network, data: &Dataset) -> f64 {
    let (block, _) = whole_pass(network, data, Level::detect());
    block.losses().iter().map(|&loss| f64::from(loss)).sum::<f64>() / data.len() as f64
}

/// For each layer with parameters the root mean square of the differences between its gradient and central
/// differences, as a fraction of the gradient's own.
fn gradient_errors(network: &Network, data: &Dataset, gradient: &[f32]) -> Vec<f64> {
    const H: f32 = 2e-3;
    let ranges = network.architecture().ranges.iter().filter(|range| !range.is_empty());
    let error = |range: &Range<usize>| {
        let (mut errors, mut squares) = (0.0, 0.0);
        for i in range.clone().step_by(range.len().div_ceil(100)) {
            let loss_at = |shift: f32| {
                let mut moved = network.clone();
                moved.parameters[i] += shift;
                whole_loss(&moved, data)
            };
            let numeric = (loss_at(H) - loss_at(-H)) / f64::from(2.0 * H);
            errors += (numeric - f64::from(gradient[i])).powi(2);
            squares += numeric.powi(2);
        }
        (errors / squares).sqrt()
    };
    ranges.map(error).collect()
}

#[test]
fn gradients_through_every_layer_match_central_differences() {
    // Max pooling has corners: a difference that steps over one is wrong by itself.
    for (pool, tolerance) in [(LayerKind::AveragePool(2), 2e-3), (LayerKind::MaxPool(2), 0.2)] {
        let (network, data) = (network_of_all_layers(pool), small_set(6));
        for level in Level::all() {
            let (_, gradient) = whole_pass(&network, &data, level);
            let errors = gradient_errors(&network, &data, &gradient);
            assert!(errors.iter().all(|&error| error < tolerance), "{level}: {errors:?}");
        }
    }
}

/// Batch normalisation takes a ReLU right behind it along; the oracle has a layer that does nothing in between.
#[test]
fn relu_inside_batch_normalisation_is_relu_behind_it() {
    use LayerKind::*;
    let conv = |channels, kernel, stride, padding| Conv(ConvKind { channels, kernel, stride, padding });
    let network = |between: &[LayerKind]| {
        let normalised = [&[BatchNorm], between, &[Relu]].concat();
        let inner = [&[conv(7, 3, 1, 1)][..], &normalised, &[conv(5, 1, 1, 0)], &normalised].concat();
        let kinds = [
            &[conv(5, 5, 2, 0)][..],
            &normalised,
            &[Residual(inner), AveragePool(2)],
            &normalised,
            &[Linear(9)],
            &normalised,
            &[Linear(10)],
        ]
        .concat();
        network_of(&kinds)
    };
    let ([mut taken_along, mut behind], data) = ([network(&[]), network(&[Dropout(0.0)])], small_set(6));
    for level in Level::all() {
        let [(fast, gradient), (plain, expected)] =
            [&taken_along, &behind].map(|network| whole_pass(network, &data, level));
        assert!(fast.losses() == plain.losses() && gradient == expected, "{level}");
    }
    let (block, _) = whole_pass(&taken_along, &data, Level::detect());
    for network in [&mut taken_along, &mut behind] {
        network.statistics.copy_from_slice(block.measured());
    }
    assert_eq!(read_layer_by_layer(&taken_along, &data), read_layer_by_layer(&behind, &data));
    check_fold(&taken_along, &data, (5, 1));
    let last = Architecture::new(PixelScale::Unit, &[Linear(10), BatchNorm, Relu]);
    assert_eq!(last.unwrap_err(), ArchitectureError::LastLayer);
}

#[test]
fn the_gradient_check_of_every_layer_can_fail() {
    let (network, data) = (network_of_all_layers(LayerKind::AveragePool(2)), small_set(6));
    let (_, gradient) = whole_pass(&network, &data, Level::detect());
    let layers = gradient_errors(&network, &data, &gradient).len();
    let ranges = network.architecture().ranges.clone();
    for (place, range) in ranges.into_iter().filter(|range| !range.is_empty()).enumerate() {
        let mut wrong = gradient.clone();
        wrong[range].iter_mut().for_each(|g| *g *= 1.05);
        let errors = gradient_errors(&network, &data, &wrong);
        assert!(errors[place] > 0.04 && errors.len() == layers, "{place}: {errors:?}");
    }
}

#[test]
fn other_classes_get_a_last_layer_of_their_own_and_keep_what_is_known() {
    use LayerKind::{BatchNorm, GlobalAveragePool, Linear, Relu};
    let conv = |channels| LayerKind::Conv(ConvKind { channels, kernel: 3, stride: 2, padding: 0 });
    for last in [vec![Linear(10)], vec![Linear(10), BatchNorm], vec![conv(10), GlobalAveragePool]] {
        let kinds = [&[conv(4), BatchNorm, Relu][..], &last].concat();
        let network = network_of(&kinds);
        let of_three = |kind: &LayerKind| match *kind {
            Linear(10) => Linear(3),
            ref kind if *kind == conv(10) => conv(3),
            ref kind => kind.clone(),
        };
        let kinds: Vec<LayerKind> = kinds.iter().map(of_three).collect();
        let architecture = Architecture::new(network.architecture().pixel_scale(), &kinds).unwrap();
        let rng = &mut Rng::seed_from_u64(5);
        let other = network.with_classes(architecture, &[Some(7), None, Some(2)], InitialWeights::He, rng);
        let places = network.architecture().tensors().into_iter().zip(other.architecture().tensors());
        for (before, after) in places {
            let (old, new) = (network.tensor(&before), other.tensor(&after));
            if before.shape == after.shape {
                assert_eq!(old, new, "{}", after.name);
                continue;
            }
            for (old, new) in old.chunks_exact(10).zip(new.chunks_exact(3)) {
                assert_eq!((new[0], new[2]), (old[7], old[2]), "{}", after.name);
                let is_drawn = after.name.ends_with("weight") && !after.name.starts_with("batch_norm");
                assert!(!is_drawn || old.iter().all(|old| *old != new[1]), "{}: begins anew", after.name);
            }
        }
    }
}

#[test]
fn a_fold_changes_no_reading() {
    let (mut network, data) = (network_of_all_layers(LayerKind::MaxPool(2)), small_set(6));
    let (block, _) = whole_pass(&network, &data, Level::detect());
    network.statistics.copy_from_slice(block.measured());
    check_fold(&network, &data, (4, 1)); // not behind the pooling
}

/// A network that is folded reads as it does layer by layer; so many batch normalisations were and are in it.
fn check_fold(network: &Network, data: &Dataset, norms: (usize, usize)) {
    let count = |network: &Network| {
        let layers = network.architecture().layers();
        layers.iter().filter(|layer| matches!(layer, Layer::BatchNorm(_))).count()
    };
    assert_eq!((count(network), count(&network.folded())), norms);
    for (whole, folded) in read_layer_by_layer(network, data).iter().zip(&read_in_f32(network, data)) {
        assert!((whole - folded).abs() < 1e-5, "{whole} {folded}");
    }
}

/// The oracle: nothing is folded, and all images are one block.
fn read_layer_by_layer(network: &Network, data: &Dataset) -> Vec<f32> {
    let architecture = network.architecture();
    let mut block = Block::new(architecture, Level::detect(), data.len());
    block.set_labels(data.labels().iter().copied());
    block.set_pixels(data.images().chunks_exact(PIXELS), architecture.pixel_scale().factor());
    architecture.read(network, &[], &mut block);
    architecture.score(&mut block);
    block.probabilities().to_vec()
}

/// What a network says of all images, read in blocks that are not all full.
fn read_with(ready: &InferenceModel, data: &Dataset) -> Vec<f32> {
    let mut session = InferenceSession::new(ready, 4);
    let examples: Vec<_> = (0..data.len()).map(|index| data.example(index)).collect();
    examples
        .chunks(4)
        .flat_map(|block| session.evaluate(block.iter().copied()).probabilities().to_vec())
        .collect()
}

fn read_in_f32(network: &Network, data: &Dataset) -> Vec<f32> {
    read_with(&InferenceModel::new(network, Level::detect(), Precision::F32), data)
}

#[test]
fn reading_in_bfloat16_is_close_to_reading_in_f32() {
    let (mut network, data) = (network_of_all_layers(LayerKind::MaxPool(2)), small_set(6));
    let (block, _) = whole_pass(&network, &data, Level::detect());
    network.statistics.copy_from_slice(block.measured());
    let exact = read_in_f32(&network, &data);
    let rounded = read_with(&InferenceModel::new(&network, Level::detect(), Precision::Bf16), &data);
    for (exact, rounded) in exact.iter().zip(&rounded) {
        assert!((exact - rounded).abs() < 0.02, "{exact} {rounded}");
    }
    assert_eq!(exact != rounded, Level::detect().has_bf16());
    let oracle = InferenceModel::new(&network, Level::Plain, Precision::Bf16);
    let plain = InferenceModel::new(&network, Level::Plain, Precision::F32);
    assert_eq!(read_with(&oracle, &data), read_with(&plain, &data), "without such instructions it is f32");
}

#[test]
fn layers_that_do_not_fit_are_told_with_what_goes_in() {
    use LayerKind::*;
    let conv = |channels, kernel, stride, padding| Conv(ConvKind { channels, kernel, stride, padding });
    let shape = |height, channels| Shape { height, width: height, channels };
    for (layers, expected) in [
        (
            vec![conv(4, 5, 1, 0), MaxPool(25)],
            ArchitectureError::Window { layer: 1, window: 25, input: shape(24, 4) },
        ),
        (vec![conv(4, 31, 1, 1)], ArchitectureError::Window { layer: 0, window: 31, input: shape(30, 1) }),
        (vec![conv(4, 3, 0, 0)], ArchitectureError::Stride { layer: 0, stride: 0, padding: 0 }),
        (vec![conv(4, 3, 1, 3)], ArchitectureError::Stride { layer: 0, stride: 1, padding: 3 }),
        (vec![conv(0, 3, 1, 0)], ArchitectureError::Width { layer: 0, width: 0 }),
        (vec![conv(4, 3, 1, 0), Dropout(1.0)], ArchitectureError::Dropout { layer: 1, probability: 1.0 }),
        (
            vec![conv(4, 5, 1, 0), Residual(vec![conv(4, 3, 1, 0)])],
            ArchitectureError::Residual { layer: 1, input: shape(24, 4), output: shape(22, 4) },
        ),
        (vec![Residual(vec![Linear(784)]), Linear(10)], ArchitectureError::FirstLayer),
        (vec![conv(10, 3, 1, 0)], ArchitectureError::LastLayer),
        (
            vec![conv(4, 3, 1, 1), MaxPoolRows(2), Flatten, Linear(10)],
            ArchitectureError::RowsAlone { layer: 1 },
        ),
        (
            vec![conv(4, 3, 1, 1), Linear(16_384), Linear(16_384)],
            ArchitectureError::TooLarge { layer: 1, found: 4 * 784 + 40 + 16_384 * (4 * 784 + 2) },
        ),
    ] {
        let error = Architecture::new(PixelScale::Unit, &layers).unwrap_err();
        match expected {
            ArchitectureError::TooLarge { .. } => {
                assert!(matches!(error, ArchitectureError::TooLarge { .. }), "{error:?}");
            }
            expected => assert_eq!(error, expected),
        }
    }
    let global = [conv(10, 3, 1, 0), GlobalAveragePool];
    assert_eq!(
        Architecture::new(PixelScale::Unit, &global).unwrap().shapes()[1],
        Shape { height: 1, width: 1, channels: 10 }
    );
}

#[test]
fn dropout_keeps_the_mean_and_draws_anew_for_each_key() {
    let x = vec![1.0; 10_000];
    let drop = |key| {
        let mut y = x.clone();
        dropout::apply(Level::detect(), 0.25, key, &mut y);
        y
    };
    let y = drop(1);
    let kept = y.iter().filter(|&&y| y == 1.0 / 0.75).count();
    assert_eq!(kept, y.iter().filter(|&&y| y != 0.0).count());
    assert!((7_350..7_650).contains(&kept), "{kept}"); // 3.5 standard deviations
    let equal = y.iter().zip(drop(2)).filter(|(a, b)| **a == *b).count();
    assert!((6_050..6_450).contains(&equal), "{equal}"); // 0.75² + 0.25² of them
    assert_eq!(y, drop(1));
}
