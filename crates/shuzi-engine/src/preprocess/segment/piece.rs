//! A piece of ink: what hangs together, with its place in the picture.
//!
//! In: ink in a bounding box. Out: [`Piece`]s, cut into parts or joined to one. Knows nothing of writing.

use crate::image::GrayImage;

/// Ink that hangs together.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Column of its left end, in pixels of the ink.
    pub left: usize,
    /// Row of its upper end.
    pub top: usize,
    /// Its ink, in its bounding box.
    pub ink: GrayImage,
    /// How much ink: pixels, soft ones in part.
    pub mass: f32,
    /// Pixels of it that lie at the picture's border.
    pub at_border: usize,
}

impl Piece {
    /// Columns.
    pub fn width(&self) -> usize {
        self.ink.width()
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.ink.height()
    }

    /// The column behind its right end.
    pub fn right(&self) -> usize {
        self.left + self.width()
    }

    /// The row below its lower end.
    pub fn bottom(&self) -> usize {
        self.top + self.height()
    }

    /// The longer side.
    pub fn size(&self) -> usize {
        self.width().max(self.height())
    }

    /// What of it is inside, by column and row, in its bounding box; `None` if that is nothing.
    pub fn part(&self, inside: impl Fn(usize, usize) -> bool) -> Option<Piece> {
        let (width, height) = (self.width(), self.height());
        let mut pixels = vec![0u8; width * height];
        let (mut left, mut right, mut top, mut bottom) = (width, 0, height, 0);
        for y in 0..height {
            for (x, &ink) in self.ink.row(y).iter().enumerate() {
                if ink > 0 && inside(x, y) {
                    pixels[y * width + x] = ink;
                    (left, right) = (left.min(x), right.max(x + 1));
                    (top, bottom) = (top.min(y), y + 1);
                }
            }
        }
        if left >= right {
            return None;
        }
        let rows = (top..bottom).flat_map(|y| pixels[y * width..][left..right].iter().copied());
        let ink = GrayImage::new(right - left, bottom - top, rows.collect());
        let mass = ink.pixels().iter().map(|&ink| f32::from(ink)).sum::<f32>() / 255.0;
        Some(Piece { left: self.left + left, top: self.top + top, ink, mass, at_border: self.at_border })
    }

    /// Several pieces as one.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn union<'a>(pieces: impl Iterator<Item = &'a Piece> + Clone) -> Piece {
        let ends = |of: fn(&Piece) -> usize| pieces.clone().map(of);
        let left = ends(|p| p.left).min().expect("a piece");
        let top = ends(|p| p.top).min().expect("a piece");
        let width = ends(Piece::right).max().expect("a piece") - left;
        let height = ends(Piece::bottom).max().expect("a piece") - top;
        let mut pixels = vec![0u8; width * height];
        for piece in pieces.clone() {
            for y in 0..piece.height() {
                let line = &mut pixels[(piece.top - top + y) * width + piece.left - left..][..piece.width()];
                line.iter_mut().zip(piece.ink.row(y)).for_each(|(old, &new)| *old = (*old).max(new));
            }
        }
        Piece {
            left,
            top,
            ink: GrayImage::new(width, height, pixels),
            mass: pieces.clone().map(|p| p.mass).sum(),
            at_border: pieces.clone().map(|p| p.at_border).sum(),
        }
    }
}
