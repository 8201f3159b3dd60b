//! Every level against the plain forms, for any shape.

use super::*;
use crate::kernels::packed_bf16;
use proptest::prelude::*;

/// What goes into a convolution and into its gradient.
#[derive(Debug)]
struct Case {
    geometry: Geometry,
    activation: Activation,
    images: usize,
    x: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    dy: Vec<f32>,
}

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7 + seed) as f32 * 0.37).sin()).collect()
}

prop_compose! {
    fn cases()(
        kernel in 1..8usize, stride in 1..4usize, more in [0..9usize, 0..9usize],
        channels in 1..20usize, outputs in 1..70usize, images in 0..4usize, with_bias: bool,
        rectify: bool,
    ) -> Case {
        let (height, width) = (kernel + more[0], kernel + more[1]);
        let geometry = Geometry { height, width, channels, kernel, stride, outputs };
        Case {
            geometry,
            activation: if rectify { Activation::Relu } else { Activation::Identity },
            images,
            x: numbers(images * geometry.input_len(), 1),
            weight: numbers(geometry.weights(), 2),
            bias: if with_bias { numbers(outputs, 3) } else { vec![] },
            dy: numbers(images * geometry.output_len(), 4),
        }
    }
}

impl Case {
    /// With numbers that bfloat16 holds exactly, but for the bias, which stays f32.
    fn rounded(mut self) -> Self {
        for numbers in [&mut self.x, &mut self.weight, &mut self.dy] {
            numbers.iter_mut().for_each(|x| *x = f32::from_bits(x.to_bits() & 0xffff_0000));
        }
        self
    }

    /// The output and the gradient, by the plain forms.
    fn plainly(&self) -> [Vec<f32>; 2] {
        let [mut y, mut dweight] = self.unwritten();
        forward_plain(self.geometry, &self.weight, &self.bias, &self.x, &mut y);
        if self.activation == Activation::Relu {
            y.iter_mut().for_each(|y| *y = y.max(0.0));
        }
        gradient_plain(self.geometry, &self.x, &self.dy, &mut dweight);
        [y, dweight]
    }

    /// Space for the output and the gradient.
    fn unwritten(&self) -> [Vec<f32>; 2] {
        [vec![f32::NAN; self.dy.len()], vec![f32::NAN; self.weight.len()]]
    }

    fn filters<'a>(&'a self, geometry: Geometry, weight: &'a [f32]) -> Filters<'a> {
        Filters { geometry, weight, bias: &self.bias, activation: self.activation }
    }

    /// The output of an even number of channels, packed by twos.
    fn forward_bf16(&self, level: Level, y: &mut [f32]) {
        let Case { geometry, x, weight, .. } = self;
        let (mut x_packed, mut weight_packed) = (vec![0.0; x.len() / 2], vec![0.0; weight.len() / 2]);
        packed_bf16::neighbours(level, x, &mut x_packed);
        packed_bf16::rows(level, weight, geometry.outputs, &mut weight_packed);
        let half = Geometry { channels: geometry.channels / 2, ..*geometry };
        forward_bf16(level, self.filters(half, &weight_packed), &x_packed, y);
    }

    /// The gradient of pixels that are packed by twos.
    fn gradient_bf16(&self, level: Level, dweight: &mut [f32]) {
        let Case { geometry: g, x, dy, .. } = self;
        let packed_row = g.output_width().div_ceil(2) * g.outputs;
        let mut x_packed = vec![0.0; x.len()];
        let mut dy_packed = vec![0.0; self.images * g.output_height() * packed_row];
        packed_bf16::distant(level, x, g.stride * g.channels, &mut x_packed);
        let rows = dy.chunks_exact(g.output_width() * g.outputs);
        for (row, packed) in rows.zip(dy_packed.chunks_exact_mut(packed_row)) {
            packed_bf16::rows(level, row, g.outputs, packed);
        }
        gradient_bf16(level, *g, &x_packed, &dy_packed, dweight);
    }
}

/// Sums of a thousand terms below 1.
fn assert_near(fast: &[f32], plain: &[f32]) {
    for (fast, plain) in fast.iter().zip(plain) {
        assert!((fast - plain).abs() < 1e-3, "{fast} {plain}");
    }
}

proptest! {
    #[test]
    fn convolutions_equal_their_plain_forms(case in cases()) {
        let [y_plain, dweight_plain] = case.plainly();
        for level in Level::all() {
            let [mut y, mut dweight] = case.unwritten();
            forward(level, case.filters(case.geometry, &case.weight), &case.x, &mut y);
            gradient(level, case.geometry, &case.x, &case.dy, &mut dweight);
            assert_near(&y, &y_plain);
            assert_near(&dweight, &dweight_plain);
        }
    }

    #[test]
    fn convolutions_of_packed_bfloat16_equal_their_plain_forms(case in cases()) {
        let case = case.rounded();
        let [y_plain, dweight_plain] = case.plainly();
        for level in Level::all() {
            let [mut y, mut dweight] = case.unwritten();
            if case.geometry.channels % 2 == 0 {
                case.forward_bf16(level, &mut y);
                assert_near(&y, &y_plain);
            }
            case.gradient_bf16(level, &mut dweight);
            assert_near(&dweight, &dweight_plain);
        }
    }
}
