//! Lines of writing with what they say: what a line reader is trained on, drawn from a seed.
//!
//! In: [`Hands`] (pen strokes of real people, or our own stroke models; images of digits beside them), a seed and an index. Out: a [`LabelledStrip`]. A text is chosen and
//! written sign by sign; the strip is cut around it; paper, forms and neighbouring lines are drawn; a camera takes the picture;
//! [`preprocess::strip`](crate::preprocess::strip) brings it to 32 rows, as it does in recognition.
//!
//! Each strip has a generator of its own, seeded from the seed and its index, and uses IEEE arithmetic without the machine's `sin` or `exp`:
//! the same bytes on any machine, whoever draws them in whatever order.

mod camera;
mod forms;
mod hands;
mod layout;
mod models;
mod paper;
mod path;
mod pen;
mod random;
mod scans;
mod sheet;

mod text;
mod writing;

#[cfg(feature = "numpy")]
pub use self::hands::HandsError;
pub use self::hands::{HANDWRITING_FILES, Hands};
use self::{
    forms::Form,
    layout::{Crop, Layout},
    path::Path,
    pen::Pen,
    random::chance,
    sheet::{Ground, Plane, Sheet},
    text::Content,
    writing::{Manner, Writing},
};
pub use crate::signs;
use crate::{
    Rng,
    dataset::synthetic::{example_rng, spread},
    image::Picture,
    preprocess::strip::{Strip, strip_of_width},
};

/// A strip and what is written on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledStrip {
    /// What the line reader sees. From 16 to 512 columns, a multiple of 4.
    pub strip: Strip,
    /// The [`signs`] from left to right. CTC finds room for them, with a blank between equal ones, in a quarter of the columns.
    pub labels: Vec<u8>,
}

/// How often a line is made of images of digits where there are any.
const SCANS_SHARE: f32 = 0.12;
/// Keeps the generators of strips apart from those of digits, and of pictures.
const STRIPS: u64 = 0x0073_7472_6970_7300;
const PICTURES: u64 = 0x0070_6963_7475_7265;

/// Strip number `index` of the endless row that belongs to `seed`: the same bytes for the same hands, seed and index.
pub fn draw(hands: &Hands, seed: u64, index: u64) -> LabelledStrip {
    let shot = shoot(hands, &mut example_rng(spread(seed ^ STRIPS), index), Crop::random);
    let strip = strip_of_width(&shot.gray, shot.width, shot.height, shot.columns);
    LabelledStrip { strip, labels: shot.labels }
}

/// The same as a picture with paper around the line, and its [`signs`]: what a reader that finds the ink itself is tested on.
pub fn draw_picture(hands: &Hands, seed: u64, index: u64) -> (Picture, Vec<u8>) {
    let shot = shoot(hands, &mut example_rng(spread(seed ^ PICTURES), index), Crop::wide);
    (Picture::gray(shot.width, shot.height, shot.gray), shot.labels)
}

/// A line as a camera took it.
struct Shot {
    gray: Vec<u8>,
    width: usize,
    height: usize,
    /// Columns of its strip.
    columns: usize,
    labels: Vec<u8>,
}

fn shoot(hands: &Hands, rng: &mut Rng, crop: impl Fn(&mut Rng) -> Crop) -> Shot {
    let content = if hands.scans().is_some() && chance(rng, SCANS_SHARE) {
        Content::Scans
    } else {
        Content::random(rng)
    };
    let ground = Ground::random(&content, rng);
    let (form, pen, crop) = (Form::random(ground, rng), Pen::random(ground, rng), crop(rng));
    let manner = Manner::random(form.cell(rng), crop.least_step(), rng);
    let mut writing = Writing::new(&content, hands, &manner, rng);
    let layout = Layout::new(&writing, &crop, rng);

    let is_coarse = if writing.scans.is_empty() { pen.soft } else { chance(rng, 0.6) };
    let size = [layout.columns, layout.rows(ground, is_coarse, rng)];
    let mut sheet = Sheet::new(ground, size, &pen, layout.height, rng);
    paper::fill(&mut sheet, rng);
    form.print(&mut sheet, &layout, &writing.walls, rng);
    if !writing.scans.is_empty() {
        writing.path = Path::default(); // their bounding boxes
    }
    layout.apply(&mut writing.path, sheet.fineness);
    if !writing.labels.is_empty() && chance(rng, 0.06) {
        forms::underline(&mut writing, &layout, sheet.fineness, rng);
    }
    pen.draw(&writing.path, sheet.fineness * layout.height, &mut sheet.ink, rng);
    for (scan, digits) in writing.scans.iter().zip(hands.scans().into_iter().cycle()) {
        scan.draw(digits, (&layout, sheet.fineness), &mut sheet.ink);
    }
    if chance(rng, forms::neighbours_share(ground, writing.labels.is_empty())) {
        forms::neighbours(&mut sheet, &layout, &pen, hands, rng);
    }
    if matches!(content, Content::Blank) && chance(rng, 0.25) {
        forms::clutter(&mut sheet, rng);
    }
    pen.finish(&mut sheet.ink, &mut sheet.spare, rng);
    let gray = camera::shoot(&mut sheet, pen.soft, rng);
    let Plane { width, height, .. } = sheet.paper;
    Shot { gray, width, height, columns: layout.columns, labels: writing.labels }
}

#[cfg(test)]
mod tests;
