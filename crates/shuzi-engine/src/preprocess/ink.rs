//! Where a picture has ink: from a photo or drawing to ink on an empty ground.
//!
//! In: a [`Picture`]. Out: [`Ink`], a [`GrayImage`] that is 0 where there is none to 255 for full ink; nothing when
//! nothing is written there.
//!
//! 1. **Size**: large pictures are shrunk, for strokes of a photo are wide; tiny ones are enlarged and framed.
//! 2. **Ground.** What the picture would be without ink: in a coarse grid of cells, each with the lighter half of its
//!    pixels, everything dark that is narrower than a third of the picture is filled (a morphological closing; an
//!    opening where ink is light). So shadows, light from one side and the edge of the table belong to the ground.
//! 3. **Contrast** of each pixel against its ground, in the colour where it is strongest: any pen's colour counts, and in a
//!    shadow half the light is the same contrast.
//! 4. **Polarity**: dark ink or light, in each colour whichever is rare among what lies around it.
//! 5. **Threshold**: the contrast halfway up the edges, the sharper the more they count (after Kittler, Illingworth and
//!    Föglein 1985, "Threshold selection based on a simple image statistic"): however little ink there is on the page.
//! 6. **Ruled lines** go.

mod contrast;
mod ground;
mod planes;
mod polarity;

use self::{contrast::Contrast, planes::Planes, polarity::Polarity};
use super::{rules::without_rules, stroke::stroke_width};
use crate::image::{GrayImage, Picture};

/// Fewer pixels along the longer side show no digit.
const LEAST: usize = 8;
/// Ink that stands out so far needs no smoothing.
const CLEAR: f64 = 2.0;
/// Ink that stands out less is the ground's own texture.
const HARDLY_CLEAR: f64 = 1.0;
/// Pictures are not halved below this shorter side, in pixels.
const GRAINY: usize = 80;

/// What is written in a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Ink {
    /// How much ink there is at each place, 0 to 255; 128 at the edge of a stroke.
    pub image: GrayImage,
    /// How many pixels of the picture are one of the ink, along each side; below 1 where a tiny picture was enlarged.
    pub scale: f32,
    /// Pixels of the ink, on each side, that lie around the picture.
    pub frame: usize,
    /// How far ink stands out from its ground, 0 to 255.
    pub contrast: u8,
    /// Whether it is darker than its ground.
    pub is_dark: bool,
}

/// Finds what is written: nothing in an empty picture; twice, the likelier first, where both polarities may be meant.
pub fn find_inks(picture: &Picture) -> Vec<Ink> {
    let mut planes = Planes::of(picture);
    if planes.width < 3 || planes.height < 3 || picture.width().max(picture.height()) < LEAST {
        return vec![]; // too small for a stroke on a ground
    }
    let mut found = inks_of(&planes);
    // Noise and the grain of paper fade in means over more pixels, and strokes do so much later.
    while found.first().is_none_or(|found| found.clarity < CLEAR)
        && planes.width.min(planes.height) >= 2 * GRAINY
    {
        planes = planes.halved();
        let halved = inks_of(&planes);
        let clarity = |inks: &[Found]| inks.first().map_or(0.0, |found| found.clarity);
        if clarity(&halved) > clarity(&found) {
            found = halved;
        }
    }
    found.retain(|found| found.clarity >= HARDLY_CLEAR);
    if let Some(factor) = found.first().and_then(|found| enlargement(picture, &found.ink)) {
        let enlarged = inks_of(&Planes::enlarged(picture, factor, 0.0));
        if !enlarged.is_empty() {
            found = enlarged;
        }
    }
    found.into_iter().map(|found| found.ink).collect()
}

/// How often the pixels of a picture should be enlarged for its strokes to have an inside and two edges.
fn enlargement(picture: &Picture, ink: &Ink) -> Option<usize> {
    /// Pixels.
    const STROKE: f32 = 3.0;
    const MOST: usize = 4;
    const LARGE: usize = 400;
    if ink.scale != 1.0 {
        return None;
    }
    let longer = picture.width().max(picture.height());
    let wanted = (STROKE / stroke_width(&ink.image)).ceil() as usize;
    let factor = wanted.min(MOST).min(LARGE / longer);
    (factor > 1).then_some(factor)
}

/// Ink, and how it was found.
struct Found {
    ink: Ink,
    /// How far its threshold is above the ground's median, in standard deviations of the ground.
    clarity: f64,
}

/// What is written: twice, the likelier first, where both polarities may be meant.
#[inline(never)] // or it stands three times in what browsers load
fn inks_of(planes: &Planes) -> Vec<Found> {
    let polarities: Vec<Polarity> = planes.iter().map(Polarity::of).collect();
    let dark: Vec<bool> = polarities.iter().map(|polarity| polarity.is_dark).collect();
    let likely = ink_of(planes, &dark);
    let is_certain = likely.is_some() && polarities.iter().any(|polarity| polarity.is_certain);
    let other = || ink_of(planes, &dark.iter().map(|is_dark| !is_dark).collect::<Vec<_>>());
    let unlikely = if is_certain { None } else { other() };
    likely.into_iter().chain(unlikely).collect()
}

/// What is written, if it is dark in these channels and light in the others.
#[inline(never)]
fn ink_of(planes: &Planes, dark: &[bool]) -> Option<Found> {
    let contrast = Contrast::new(planes, dark);
    let noise = contrast.noise();
    let threshold = contrast.threshold()?;
    let clarity = (threshold - noise.level) / noise.deviation.max(1.0);
    let image = contrast.above(threshold, noise);
    let ink = Ink {
        image: without_rules(image),
        scale: planes.scale,
        frame: planes.frame,
        contrast: (2.0 * threshold).min(255.0) as u8,
        is_dark: 2 * dark.iter().filter(|is_dark| **is_dark).count() > dark.len(),
    };
    Some(Found { ink, clarity })
}

#[cfg(test)]
mod tests;
