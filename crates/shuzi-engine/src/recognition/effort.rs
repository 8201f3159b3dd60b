//! How much a picture may be looked at, whatever is drawn on it.
//!
//! A page of digits needs a small part of it; what needs more is hatching, print or noise, and there a reading ends early. Work is counted, not
//! timed, so the same picture gives the same reading on every machine.

use crate::image::Picture;

/// What is left to spend.
pub struct Effort {
    /// Of ink that is brought into a digit's form.
    pixels: usize,
    /// Images that the network is asked about.
    images: usize,
    is_spent: bool,
}

/// There is not so much left.
pub struct Spent;

impl Effort {
    /// As much as a reading of this picture may need.
    pub fn for_picture(picture: &Picture) -> Self {
        /// So often each pixel: a digit of five pieces belongs to fifteen groups.
        const OFTEN: usize = 16;
        /// A small picture is enlarged.
        const AT_LEAST: usize = 1_000_000;
        /// Pixels for each image.
        const PER_IMAGE: usize = 250;
        const IMAGES_AT_LEAST: usize = 400;
        let area = picture.width() * picture.height();
        Effort {
            pixels: OFTEN * area + AT_LEAST,
            images: area / PER_IMAGE + IMAGES_AT_LEAST,
            is_spent: false,
        }
    }

    /// Spends an image of so many pixels.
    ///
    /// # Errors
    ///
    /// [`Spent`], when the budget is used up.
    pub fn spend(&mut self, pixels: usize) -> Result<(), Spent> {
        if self.images == 0 || self.pixels < pixels {
            self.is_spent = true;
            return Err(Spent);
        }
        (self.images, self.pixels) = (self.images - 1, self.pixels - pixels);
        Ok(())
    }

    /// Spends a strip of an area of so many columns and rows; it costs as many images as digits fit into it.
    ///
    /// # Errors
    ///
    /// [`Spent`], when the budget is used up.
    #[cfg(feature = "lines")]
    pub fn spend_strip(&mut self, width: usize, height: usize) -> Result<(), Spent> {
        /// Images that cost as much as a strip as wide as it is high.
        const IMAGES: usize = 4;
        let images = IMAGES * width.div_ceil(height.max(1));
        if self.images < images {
            self.is_spent = true;
            return Err(Spent);
        }
        self.images -= images;
        Ok(())
    }

    /// Whether more was asked for than there is.
    pub fn is_spent(&self) -> bool {
        self.is_spent
    }
}
