//! What pixels are: one grey picture of any size, and MNIST's 28x28 digit.
//!
//! Light ink on dark ground everywhere behind this border: 0 is background, 255 full ink.
//! Knows nothing of files, colours, labels or networks.

use image::{ImageBuffer, Luma, Pixel, Rgb, imageops};

/// Width and height of a [`DigitImage`], in pixels.
pub const SIDE: usize = 28;
/// Pixels of a [`DigitImage`].
pub const PIXELS: usize = SIDE * SIDE;
/// How many kinds of digit there are.
pub const DIGITS: usize = 10;
/// The label of an image that shows no digit, in training only: then all ten should be equally probable. No class has it
/// ([`MAX_CLASSES`](crate::classes::MAX_CLASSES)).
pub const NO_DIGIT: u8 = u8::MAX;

/// One digit in MNIST's form: 28x28, row by row from the top, 0 background to 255 ink.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DigitImage(pub [u8; PIXELS]);

impl std::fmt::Debug for DigitImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "DigitImage(")?;
        for row in self.0.chunks_exact(SIDE) {
            let line: String =
                row.iter().map(|&ink| b" .:-=+*%#@"[usize::from(ink) * 9 / 255] as char).collect();
            writeln!(f, "  {line}")?;
        }
        write!(f, ")")
    }
}

impl DigitImage {
    /// Whether its rim is dark, more of it than not: as ink on MNIST's ground, not on paper.
    pub fn has_dark_rim(&self) -> bool {
        let is_rim = |place: &usize| {
            let (row, column) = (place / SIDE, place % SIDE);
            [row, column].iter().any(|&at| at == 0 || at == SIDE - 1)
        };
        let rim = (0..PIXELS).filter(is_rim);
        2 * rim.clone().filter(|&place| self.0[place] < 128).count() > rim.count()
    }
}

/// The label of the largest of some values, the smaller label of equals.
///
/// # Panics
///
/// If there is no value.
#[inline(always)]
pub fn most_probable(values: &[f32]) -> u8 {
    let (mut best, mut largest) = (0, values[0]);
    for (label, &value) in (0..).zip(values) {
        // Selected, not branched: nobody can guess the branch.
        (best, largest) = if value > largest { (label, value) } else { (best, largest) };
    }
    best
}

/// A grey picture of any size, row by row from the top, 0 background to 255 ink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrayImage {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl GrayImage {
    /// A picture from its pixels, row by row.
    ///
    /// # Panics
    ///
    /// If `pixels` does not have `width * height` bytes.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Self {
        assert_eq!(pixels.len(), width * height, "GrayImage::new: bytes for {width}x{height}");
        GrayImage { width, height, pixels }
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All pixels, row by row.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// One row from the left.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub fn row(&self, y: usize) -> &[u8] {
        &self.pixels[y * self.width..][..self.width]
    }
}

/// A picture as it was taken or drawn: any size, grey or in colour, upright, row by row from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    channels: usize,
    pixels: Vec<u8>,
}

impl Picture {
    /// A grey one, 0 black to 255 white.
    ///
    /// # Panics
    ///
    /// If `pixels` does not have `width * height` bytes.
    pub fn gray(width: usize, height: usize, pixels: Vec<u8>) -> Self {
        assert_eq!(pixels.len(), width * height, "Picture::gray: bytes for {width}x{height}");
        Picture { width, height, channels: 1, pixels }
    }

    /// One in colour: red, green and blue of each pixel.
    ///
    /// # Panics
    ///
    /// If `pixels` does not have `width * height * 3` bytes.
    pub fn color(width: usize, height: usize, pixels: Vec<u8>) -> Self {
        assert_eq!(pixels.len(), width * height * 3, "Picture::color: bytes for {width}x{height}");
        Picture { width, height, channels: 3, pixels }
    }

    /// One from red, green, blue and alpha of each pixel, as a browser's canvas has them. Behind what is transparent comes
    /// black or white, whichever the visible stands out from.
    ///
    /// # Panics
    ///
    /// If `pixels` does not have `width * height * 4` bytes.
    pub fn rgba(width: usize, height: usize, pixels: Vec<u8>) -> Self {
        assert_eq!(pixels.len(), 4 * width * height, "Picture::rgba: bytes for {width}x{height}");
        Picture::color(width, height, flatten(pixels))
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Bytes of a pixel: 1 or 3.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// One row from the left.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub fn row(&self, y: usize) -> &[u8] {
        &self.pixels[y * self.width * self.channels..][..self.width * self.channels]
    }

    /// Its own pixels in grey (ITU-R BT.601), if it has as many as a [`DigitImage`].
    pub fn as_digit_image(&self) -> Option<DigitImage> {
        if (self.width, self.height) != (SIDE, SIDE) {
            return None;
        }
        let gray = |pixel: &[u8]| match *pixel {
            [red, green, blue] => {
                let sum = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
                ((sum + 500) / 1000) as u8
            }
            _ => pixel[0],
        };
        let pixels: Vec<u8> = self.pixels.chunks_exact(self.channels).map(gray).collect();
        Some(DigitImage(pixels.try_into().expect("784 pixels")))
    }

    /// A copy made smaller so that neither side has more than `most` pixels; a small one stays as large as it is.
    ///
    /// # Panics
    ///
    /// If `most` is 0.
    pub fn shrunk(&self, most: usize) -> Picture {
        fn pixels<P: Pixel<Subpixel = u8> + 'static>(
            picture: &Picture,
            width: usize,
            height: usize,
        ) -> Vec<u8> {
            let (columns, rows) = (picture.width as u32, picture.height as u32);
            let view = ImageBuffer::<P, &[u8]>::from_raw(columns, rows, &picture.pixels).expect("all pixels");
            imageops::thumbnail(&view, width as u32, height as u32).into_raw()
        }
        assert!(most > 0, "Picture::shrunk: to nothing");
        let longest = self.width.max(self.height);
        if longest <= most {
            return self.clone();
        }
        let side = |side: usize| (side * most / longest).max(1);
        let (width, height) = (side(self.width), side(self.height));
        match self.channels {
            1 => Picture::gray(width, height, pixels::<Luma<u8>>(self, width, height)),
            _ => Picture::color(width, height, pixels::<Rgb<u8>>(self, width, height)),
        }
    }
}

/// Red, green, blue and alpha to red, green and blue: behind what is transparent comes black or white, whichever the visible
/// stands out from.
pub(crate) fn flatten(mut pixels: Vec<u8>) -> Vec<u8> {
    let ground = behind(pixels.as_chunks().0);
    let (mut from, mut to) = (0, 0);
    while from < pixels.len() {
        let alpha = u32::from(pixels[from + 3]);
        for channel in 0..3 {
            let mixed = u32::from(pixels[from + channel]) * alpha + ground * (255 - alpha);
            pixels[to + channel] = ((mixed + 127) / 255) as u8;
        }
        (from, to) = (from + 4, to + 3);
    }
    pixels.truncate(to);
    pixels
}

/// What lies behind transparent pixels, black or white: what differs from the visible ones, so that a drawing
/// stands out; but if those are a drawing on a ground of its own, what resembles that ground.
fn behind(pixels: &[[u8; 4]]) -> u32 {
    let mut histogram = [0u64; 256];
    for &[red, green, blue, alpha] in pixels {
        if alpha >= 128 {
            histogram[(2 * usize::from(red) + 5 * usize::from(green) + usize::from(blue)) / 8] += 1;
        }
    }
    let visible: u64 = histogram.iter().sum();
    let share_of_light = histogram[128..].iter().sum::<u64>() as f64 / visible.max(1) as f64;
    let own_ground = visible as f64 > 0.6 * pixels.len() as f64;
    let is_light = share_of_light > 0.5;
    if is_light == own_ground { 255 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_shrunk_in_proportion_to_means() {
        let dots: Vec<u8> = (0..8 * 4).map(|place| if place % 2 == 0 { 100 } else { 200 }).collect();
        let small = Picture::gray(8, 4, dots.clone()).shrunk(4);
        assert_eq!((small.width(), small.height(), small.row(0)), (4, 2, &[150; 4][..]));
        let color = Picture::color(4, 1, [[10, 20, 30]; 4].concat()).shrunk(2);
        assert_eq!((color.width(), color.height(), color.row(0)), (2, 1, &[10, 20, 30, 10, 20, 30][..]));
        let narrow = Picture::gray(1, 32, dots);
        assert_eq!((narrow.shrunk(4).width(), narrow.shrunk(32)), (1, narrow));
    }

    #[test]
    fn a_picture_of_a_digits_size_is_taken_pixel_for_pixel() {
        let pixels: Vec<u8> = (0..PIXELS).map(|place| place as u8).collect();
        let color: Vec<u8> = pixels.iter().flat_map(|&value| [value; 3]).collect();
        for picture in [Picture::gray(SIDE, SIDE, pixels.clone()), Picture::color(SIDE, SIDE, color)] {
            assert_eq!(picture.as_digit_image().unwrap().0[..], pixels);
        }
        assert_eq!(
            Picture::color(SIDE, SIDE, [[255, 0, 0]; PIXELS].concat()).as_digit_image().unwrap().0,
            [76; PIXELS]
        );
        assert_eq!(Picture::gray(PIXELS, 1, pixels).as_digit_image(), None);
    }

    #[test]
    fn the_rim_tells_the_ground() {
        let mut image = DigitImage([255; PIXELS]);
        assert!(!image.has_dark_rim());
        image.0[..2 * SIDE].fill(0); // a side of four and its ends
        assert!(!image.has_dark_rim());
        image.0[PIXELS - 2 * SIDE..].fill(0);
        assert!(image.has_dark_rim());
    }

    #[test]
    fn equal_probabilities_give_the_smaller_digit() {
        assert_eq!(most_probable(&[0.1; DIGITS]), 0);
    }
}
