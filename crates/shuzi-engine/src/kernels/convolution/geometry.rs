//! The shape of a convolution, and where its windows lie.
//!
//! In: sizes of images, windows and strides. Out: how many numbers there are of everything, and the place of each window.
//! Computes no sums.

/// The shape of a convolution over images that are padded already. Weights are
/// `[kernel, kernel, channels, outputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Rows of an image that goes in.
    pub height: usize,
    /// Pixels of such a row.
    pub width: usize,
    /// Numbers of such a pixel.
    pub channels: usize,
    /// Rows and columns of the window.
    pub kernel: usize,
    /// Pixels that the window moves on.
    pub stride: usize,
    /// Numbers of a pixel that comes out.
    pub outputs: usize,
}

impl Geometry {
    /// Rows of an image that comes out.
    pub fn output_height(self) -> usize {
        (self.height - self.kernel) / self.stride + 1
    }

    /// Pixels of such a row.
    pub fn output_width(self) -> usize {
        (self.width - self.kernel) / self.stride + 1
    }

    /// Numbers of an image that goes in.
    pub fn input_len(self) -> usize {
        self.height * self.width * self.channels
    }

    /// Numbers of an image that comes out.
    pub fn output_len(self) -> usize {
        self.output_pixels() * self.outputs
    }

    pub(in crate::kernels) fn output_pixels(self) -> usize {
        self.output_height() * self.output_width()
    }

    /// Numbers of an input row.
    pub(in crate::kernels) fn row(self) -> usize {
        self.width * self.channels
    }

    /// Numbers of a window's row, which lie side by side.
    pub(in crate::kernels) fn run(self) -> usize {
        self.kernel * self.channels
    }

    /// From a window's first number to behind its last.
    pub(in crate::kernels) fn span(self) -> usize {
        (self.kernel - 1) * self.row() + self.run()
    }

    /// Weights of all outputs.
    pub fn weights(self) -> usize {
        self.kernel * self.run() * self.outputs
    }

    /// How many images these are.
    pub(in crate::kernels) fn images(self, x: &[f32], y: &[f32]) -> usize {
        let images = x.len() / self.input_len();
        assert_eq!(x.len(), images * self.input_len(), "convolution: whole images");
        assert_eq!(y.len(), images * self.output_len(), "convolution: size of the output");
        images
    }
}

/// Where the windows of output pixels begin in the input, pixel after pixel.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Places {
    geometry: Geometry,
    /// Where the present row's windows begin.
    row: usize,
    y: usize,
    x: usize,
}

impl Places {
    /// From output pixel number `first` on, counted over all images.
    pub(in crate::kernels) fn from(geometry: Geometry, first: usize) -> Self {
        let (image, pixel) = (first / geometry.output_pixels(), first % geometry.output_pixels());
        let (y, x) = (pixel / geometry.output_width(), pixel % geometry.output_width());
        let row = image * geometry.input_len() + y * geometry.stride * geometry.row();
        Places { geometry, row, y, x }
    }

    #[inline(always)]
    pub(in crate::kernels) fn next(&mut self) -> usize {
        let g = self.geometry;
        let place = self.row + self.x * g.stride * g.channels;
        self.x += 1;
        if self.x == g.output_width() {
            self.x = 0;
            self.y += 1;
            self.row += g.stride * g.row();
            if self.y == g.output_height() {
                self.row += g.input_len() - self.y * g.stride * g.row();
                self.y = 0;
            }
        }
        place
    }
}
