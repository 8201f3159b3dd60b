//! int8 against floats: nearly the same logits, whatever the layers; and no sum that overflows.

use super::*;
use crate::{
    Rng,
    image::PIXELS,
    network::{ConvKind, InitialWeights},
};
use rand::{RngExt, SeedableRng};

fn conv(channels: usize, kernel: usize, stride: usize, padding: usize) -> LayerKind {
    LayerKind::Conv(ConvKind { channels, kernel, stride, padding })
}

fn depthwise(kernel: usize, stride: usize, padding: usize) -> LayerKind {
    LayerKind::DepthwiseConv(DepthwiseKind { kernel, stride, padding })
}

/// A network with random weights, biases and statistics.
fn random(pixel_scale: PixelScale, layers: &[LayerKind]) -> Network {
    let architecture = Architecture::new(pixel_scale, layers).unwrap();
    let mut rng = Rng::seed_from_u64(1);
    let mut network = Network::random(architecture, InitialWeights::He, &mut rng);
    let (_, parameters, statistics) = network.parts_mut();
    parameters.iter_mut().for_each(|parameter| *parameter += rng.random_range(-0.05..0.05));
    statistics.iter_mut().for_each(|statistic| *statistic += rng.random_range(-0.2..0.2));
    network
}

fn images(count: usize) -> Vec<[u8; PIXELS]> {
    let mut rng = Rng::seed_from_u64(2);
    let pixel = |rng: &mut Rng| if rng.random_bool(0.3) { rng.random() } else { 0 };
    (0..count).map(|_| std::array::from_fn(|_| pixel(&mut rng))).collect()
}

fn logits(network: &Network, level: Level, images: &[[u8; PIXELS]]) -> Vec<f32> {
    let ready = InferenceModel::new(network, level, Precision::F32);
    let mut session = InferenceSession::new(&ready, images.len());
    session.logits(images.iter().map(|image| &image[..])).to_vec()
}

fn quantized(network: &Network) -> Network {
    let samples = images(20);
    quantize(network, samples.iter().map(|image| &image[..])).unwrap()
}

/// Networks that together have every kind of layer, by what they show.
fn networks() -> [(&'static str, PixelScale, Vec<LayerKind>); 4] {
    use LayerKind::*;
    let residual = Residual(vec![depthwise(3, 1, 1), BatchNorm, Relu, conv(8, 1, 1, 0), BatchNorm]);
    [
        ("as the tutorial's", PixelScale::Raw, vec![Linear(32), Relu, Linear(16), Relu, Linear(10)]),
        ("one layer", PixelScale::Unit, vec![Linear(10)]),
        (
            "convolutions",
            PixelScale::Unit,
            vec![
                Crop(24),
                conv(20, 3, 2, 1),
                BatchNorm,
                Relu,
                conv(8, 3, 1, 0),
                MaxPool(2),
                BatchNorm, // behind a pooling, where no layer takes it in
                Relu,
                Crop(3),
                Flatten,
                Linear(12),
                BatchNorm,
                Dropout(0.1),
                Relu,
                Linear(10),
            ],
        ),
        (
            "residuals",
            PixelScale::Unit,
            vec![
                conv(8, 5, 2, 0),
                BatchNorm,
                Relu,
                residual.clone(),
                Relu,
                residual.clone(),
                MaxPool(2),
                residual,
                Residual(vec![Residual(vec![conv(8, 3, 1, 1)]), BatchNorm]),
                depthwise(4, 1, 3),
                AveragePool(2),
                conv(10, 1, 1, 0),
                GlobalAveragePool,
            ],
        ),
    ]
}

#[test]
fn every_layer_gives_nearly_the_same_in_int8() {
    let images = images(30);
    for (name, scale, layers) in networks() {
        let network = random(scale, &layers);
        let quantized = quantized(&network);
        let [floats, integers] =
            [&network, &quantized].map(|network| logits(network, Level::detect(), &images));
        let largest = floats.iter().fold(0.0, |most: f32, logit| logit.abs().max(most));
        let mean =
            floats.iter().zip(&integers).map(|(a, b)| (a - b).abs()).sum::<f32>() / floats.len() as f32;
        assert!(mean < 0.01 * largest, "{name}: {mean} of {largest}");
        assert!(mean > 0.0, "{name}: read by floats");
        for level in Level::all() {
            assert_eq!(logits(&quantized, level, &images), integers, "{name}: {level}");
        }
        // Its parameters are the same as floats.
        let architecture = quantized.architecture().clone();
        let as_floats = Network::new(architecture.clone(), quantized.parameters(), &[]);
        for (a, b) in logits(&as_floats, Level::detect(), &images).iter().zip(&integers) {
            assert!((a - b).abs() < 2e-3 * largest, "{name}: {a} and {b}, largest {largest}");
        }
        assert_eq!(Architecture::new(PixelScale::Raw, &architecture.kinds()), Ok(architecture), "{name}");
        assert_eq!(quantize(&quantized, std::iter::empty()), Ok(quantized.clone()), "{name}: once is enough");
    }
}

#[test]
fn the_numbers_of_a_layer_that_gives_nothing_are_no_obstacle() {
    let mut network =
        random(PixelScale::Unit, &[LayerKind::Linear(8), LayerKind::Relu, LayerKind::Linear(10)]);
    for parameters in [0..785 * 8, 785 * 8..network.parameters().len()] {
        network.parts_mut().1[parameters].fill(0.0);
        let images = images(3);
        let (floats, integers) =
            (logits(&network, Level::Plain, &images), logits(&quantized(&network), Level::Plain, &images));
        floats.iter().zip(integers).for_each(|(a, b)| assert!((a - b).abs() < 1e-3, "{a} and {b}"));
    }
}

#[test]
fn layers_that_there_are_not_are_refused() {
    use LayerKind::*;
    let image = [0; PIXELS];
    let refusal = |layers: &[LayerKind]| {
        quantize(&random(PixelScale::Unit, layers), [&image[..]].into_iter()).unwrap_err()
    };
    let of_pixels = [Crop(20), Residual(vec![conv(1, 1, 1, 0)]), Linear(10)];
    assert_eq!(refusal(&of_pixels), QuantizationError::Residual { layer: 2 });
    let of_logits = [Linear(10), Residual(vec![Linear(10)])];
    assert_eq!(refusal(&of_logits), QuantizationError::Residual { layer: 2 });
    let kinds = [conv(10, 28, 1, 0), BatchNorm];
    let architecture = Architecture::new(PixelScale::Raw, &kinds).unwrap();
    let quantized = QuantizedNetwork {
        weights: vec![0; 7840],
        shifts: vec![0; 10],
        biases: vec![0; 10],
        fraction_bits: 0,
    };
    assert_eq!(Network::from_quantized(architecture, quantized), Err(QuantizationError::Layer { layer: 1 }));
}

#[test]
fn a_residual_that_outgrows_all_bounds_is_refused() {
    let layers = [
        LayerKind::Linear(4),
        LayerKind::Residual(vec![LayerKind::Linear(4), LayerKind::Relu, LayerKind::Linear(4)]),
        LayerKind::Linear(10),
    ];
    let mut network = random(PixelScale::Unit, &layers);
    network.parts_mut().1[785 * 4..785 * 4 + 2 * 20].iter_mut().for_each(|weight| *weight *= 1e9);
    let image = [0; PIXELS];
    assert!(matches!(quantize(&network, [&image[..]].into_iter()), Err(QuantizationError::Range { .. })));
}

#[test]
fn sums_that_may_overflow_are_refused() {
    let of = |width: usize, shift: u8| {
        let layers = [LayerKind::Linear(width), LayerKind::Linear(10)];
        let architecture = Architecture::new(PixelScale::Raw, &layers).unwrap();
        let (weights, outputs) = architecture.weights_and_outputs();
        let quantized = QuantizedNetwork {
            weights: vec![127; weights],
            shifts: vec![shift; outputs],
            biases: vec![i16::MIN; outputs],
            fraction_bits: 0,
        };
        Network::from_quantized(architecture, quantized)
    };
    // The second layer sums 127·2¹⁵ so many times: 516 stay below 2³¹, 517 do not, nor do they with half of 2³⁰.
    assert!(of(515, 0).is_ok());
    assert_eq!(of(517, 0), Err(QuantizationError::Overflow { layer: 1, output: 0 }));
    assert_eq!(of(515, 30), Err(QuantizationError::Overflow { layer: 1, output: 0 }));
    assert_eq!(of(1, 31), Err(QuantizationError::Shift { index: 0, found: 31 }));
    // The largest image gives what 64 bits would: 784·127·255 − 2¹⁵ is above 2¹⁵, and so is the other sum.
    let logits = logits(&of(515, 0).unwrap(), Level::detect(), &[[255; PIXELS]]);
    assert_eq!(logits, [32767.0; 10]);
}

#[test]
fn a_large_weight_is_counted_in_less_where_it_would_overflow() {
    let layers = [LayerKind::Linear(2000), LayerKind::Relu, LayerKind::Linear(10)];
    let mut network = random(PixelScale::Unit, &layers);
    let second = 785 * 2000;
    network.parts_mut().1[second..second + 20_000].fill(0.01); // all as large as the largest
    let images = images(10);
    let (floats, integers) =
        (logits(&network, Level::Plain, &images), logits(&quantized(&network), Level::Plain, &images));
    // The products of 2,000 numbers of 15 bits leave 5 bits for the weights.
    let largest = floats.iter().fold(0.0, |most: f32, logit| logit.abs().max(most));
    floats.iter().zip(integers).for_each(|(a, b)| assert!((a - b).abs() < 0.04 * largest, "{a} and {b}"));
}
