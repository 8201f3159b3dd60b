//! Connected components: ink that hangs together becomes a piece.
//!
//! In: ink of any size. Out: a [`Piece`] for each component, its soft rim included. Pixels that touch at a corner hang
//! together. Does not ask whether a piece is writing.

use super::Piece;
use crate::image::GrayImage;
use image::Luma;
use imageproc::region_labelling::{Connectivity, connected_components};

/// Everything that hangs together, also across corners, but for specks. Nothing where bounding boxes lie over each other too often:
/// that is hatching, and all its pieces together would take many times the picture's memory.
#[inline(never)]
pub(super) fn find_pieces(ink: &GrayImage) -> Vec<Piece> {
    /// Pixels of the longer side; smaller ones are no strokes.
    const SMALLEST: usize = 4;
    /// How often boxes may cover the picture: a table, its cells, and what is written in them do so three times.
    const LAYERS: usize = 8;
    let components = Components::of(ink);
    let mut boxes: Vec<(u32, BoundingBox)> = (1..).zip(components.bounding_boxes()).collect();
    boxes.retain(|(_, bounds)| bounds.width().max(bounds.height()) >= SMALLEST);
    let area: usize = boxes.iter().map(|(_, bounds)| bounds.width() * bounds.height()).sum();
    if area > LAYERS * ink.width() * ink.height() {
        return vec![];
    }
    boxes.into_iter().filter_map(|(label, bounds)| components.cut_out(ink, label, &bounds)).collect()
}

/// Which component each pixel belongs to.
struct Components {
    width: usize,
    height: usize,
    /// Row by row the component's number, from 1; 0 where there is no firm ink.
    labels: Vec<u32>,
}

/// The smallest rectangle around a component, with its last column and row.
struct BoundingBox {
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
}

impl BoundingBox {
    fn width(&self) -> usize {
        self.right + 1 - self.left
    }

    fn height(&self) -> usize {
        self.bottom + 1 - self.top
    }
}

impl Components {
    fn of(ink: &GrayImage) -> Self {
        /// So much ink carries on to the next pixel; less is the soft rim of a stroke.
        const FIRM: u8 = 64;
        let (width, height) = (ink.width(), ink.height());
        let mask = ink.pixels().iter().map(|&ink| u8::from(ink >= FIRM)).collect();
        let mask =
            image::GrayImage::from_raw(width as u32, height as u32, mask).expect("a byte for each pixel");
        let labels = connected_components(&mask, Connectivity::Eight, Luma([0u8])).into_raw();
        Components { width, height, labels }
    }

    /// In the order of their numbers.
    fn bounding_boxes(&self) -> Vec<BoundingBox> {
        let mut boxes: Vec<BoundingBox> = vec![];
        for (y, row) in self.labels.chunks_exact(self.width).enumerate() {
            for (x, &label) in row.iter().enumerate().filter(|(_, label)| **label > 0) {
                let index = label as usize - 1;
                while boxes.len() <= index {
                    boxes.push(BoundingBox { left: self.width, right: 0, top: y, bottom: y });
                }
                let bounds = &mut boxes[index];
                bounds.left = bounds.left.min(x);
                bounds.right = bounds.right.max(x);
                bounds.bottom = y;
            }
        }
        boxes
    }

    /// The ink of one component with its soft rim; `None` if there is none.
    fn cut_out(&self, ink: &GrayImage, label: u32, bounds: &BoundingBox) -> Option<Piece> {
        let at_border = self.count_at_border(label, bounds);
        let (left, top) = (bounds.left.saturating_sub(1), bounds.top.saturating_sub(1));
        let (right, bottom) = ((bounds.right + 2).min(self.width), (bounds.bottom + 2).min(self.height));
        let mut pixels = vec![0; (right - left) * (bottom - top)];
        for (y, line) in (top..bottom).zip(pixels.chunks_exact_mut(right - left)) {
            for (x, pixel) in (left..right).zip(line) {
                let value = ink.row(y)[x];
                if value > 0 && self.contains(label, x, y) {
                    *pixel = value;
                }
            }
        }
        let ink = GrayImage::new(right - left, bottom - top, pixels);
        Piece { left, top, ink, mass: 0.0, at_border }.part(|_, _| true)
    }

    /// Whether a pixel is firm ink of a component, or beside some.
    fn contains(&self, label: u32, x: usize, y: usize) -> bool {
        let near = |y: usize| &self.labels[y * self.width..][x.saturating_sub(1)..(x + 2).min(self.width)];
        match self.labels[y * self.width + x] {
            0 => (y.saturating_sub(1)..(y + 2).min(self.height)).any(|y| near(y).contains(&label)),
            other => other == label,
        }
    }

    /// Pixels of a component at the picture's border; those in a corner count for both sides.
    fn count_at_border(&self, label: u32, bounds: &BoundingBox) -> usize {
        let is_own = |x: usize, y: usize| self.labels[y * self.width + x] == label;
        let in_row = |y: usize| (bounds.left..=bounds.right).filter(|&x| is_own(x, y)).count();
        let in_column = |x: usize| (bounds.top..=bounds.bottom).filter(|&y| is_own(x, y)).count();
        let (last_column, last_row) = (self.width - 1, self.height - 1);
        let rows = [(bounds.top, 0), (bounds.bottom, last_row)];
        let columns = [(bounds.left, 0), (bounds.right, last_column)];
        let at_rows = rows.iter().filter(|(end, border)| end == border).map(|(_, y)| in_row(*y));
        let at_columns = columns.iter().filter(|(end, border)| end == border).map(|(_, x)| in_column(*x));
        at_rows.chain(at_columns).sum()
    }
}
