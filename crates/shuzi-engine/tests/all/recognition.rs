//! From pictures to digits with the shipped model, on pages that our own synthetic writer fills.

use proptest::prelude::*;
use shuzi_engine::{
    dataset::synthetic,
    image::{DigitImage, PIXELS, Picture, SIDE},
    kernels::Level,
    model::Model,
    network::Layer,
    recognition::{Options, Reader, Reading, Wording, recognize},
};
use std::sync::OnceLock;

/// The model that `shuzi recognize` takes.
fn reader() -> &'static Reader {
    static READER: OnceLock<Reader> = OnceLock::new();
    READER.get_or_init(|| {
        let model = Model::from_bytes(include_bytes!("../../../shuzi/models/photo.safetensors"))
            .expect("it is tested");
        Reader::new(&model, Level::detect())
    })
}

fn text(reading: &Reading) -> String {
    reading.text(Wording::default())
}

/// Synthetic digits that the reader is sure of when each is alone on a page: what is done to pages is tested here, not how well
/// handwriting is known.
fn digits() -> &'static [(u8, [u8; PIXELS])] {
    static DIGITS: OnceLock<Vec<(u8, [u8; PIXELS])>> = OnceLock::new();
    DIGITS.get_or_init(|| {
        let drawn = (0..300).map(|index| synthetic::draw(11, index));
        let is_sure = |image: &[u8; PIXELS], label: u8| {
            let mut page = Page::new(130, 130, |_, _| 240);
            page.write(image, 23, 23, 3, 0.1);
            let reading = page.read();
            matches!(&reading.digits[..], [only] if only.digit == label && only.confidence > 0.995)
        };
        drawn
            .filter(|(image, label)| is_sure(&image.0, *label))
            .map(|(image, label)| (label, image.0))
            .collect()
    })
}

/// A grey page, 0 black to 255 white, that is written on.
#[derive(Clone)]
struct Page {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Page {
    fn new(width: usize, height: usize, light: impl Fn(usize, usize) -> u8) -> Self {
        let pixels = (0..width * height).map(|i| light(i % width, i / width)).collect();
        Page { width, height, pixels }
    }

    /// Writes a digit `scale` times as large as it is, in ink that lets so much light through.
    fn write(&mut self, digit: &[u8; PIXELS], left: usize, top: usize, scale: usize, ink: f32) {
        for y in 0..SIDE * scale {
            for x in 0..SIDE * scale {
                let part = f32::from(digit[y / scale * SIDE + x / scale]) / 255.0;
                let pixel = &mut self.pixels[(top + y) * self.width + left + x];
                *pixel = (f32::from(*pixel) * (1.0 - part * (1.0 - ink))) as u8;
            }
        }
    }

    fn picture(&self) -> Picture {
        Picture::gray(self.width, self.height, self.pixels.clone())
    }

    fn read(&self) -> Reading {
        recognize(reader(), &self.picture(), Options::default())
    }

    fn read_text(&self) -> String {
        text(&self.read())
    }

    /// Each pixel four times.
    fn doubled(&self) -> Page {
        Page::new(2 * self.width, 2 * self.height, |x, y| self.pixels[y / 2 * self.width + x / 2])
    }

    fn with_margin(&self, margin: usize) -> Page {
        let light = self.pixels[0];
        Page::new(self.width + 2 * margin, self.height + 2 * margin, |x, y| {
            let inside =
                (margin..margin + self.width).contains(&x) && (margin..margin + self.height).contains(&y);
            if inside { self.pixels[(y - margin) * self.width + x - margin] } else { light }
        })
    }
}

/// A line of digits on even paper, and its text.
fn line(chosen: &[usize], scale: usize) -> (Page, String) {
    let mut page = Page::new((SIDE * scale + 10) * chosen.len() + 40, SIDE * scale + 60, |_, _| 240);
    let mut text = String::new();
    for (place, index) in chosen.iter().enumerate() {
        let (label, image) = &digits()[index % digits().len()];
        page.write(image, 20 + place * (SIDE * scale + 10), 30, scale, 0.1);
        text.push(char::from(b'0' + label));
    }
    (page, text)
}

#[test]
fn lines_are_read_in_any_light() {
    let (mut right, mut count) = (0, 0);
    for start in 0..12 {
        let chosen: Vec<usize> = (0..6).map(|i| 31 * start + 7 * i).collect();
        let (page, text) = line(&chosen, 3);
        let shade = |light: &dyn Fn(f32, f32) -> f32| {
            let mut shaded = page.clone();
            for (i, pixel) in shaded.pixels.iter_mut().enumerate() {
                let (x, y) = (i % page.width, i / page.width);
                let part = light(x as f32 / page.width as f32, y as f32 / page.height as f32);
                *pixel = (f32::from(*pixel) * part) as u8;
            }
            shaded
        };
        let negative = Page { pixels: page.pixels.iter().map(|light| 255 - light).collect(), ..page.clone() };
        let from_one_side = shade(&|x, _| 0.35 + 0.6 * x);
        let in_shadow = shade(&|x, y| if x + y < 0.8 { 0.45 } else { 1.0 });
        for read in [&page, &negative, &from_one_side, &in_shadow] {
            right += usize::from(read.read_text() == text);
            count += 1;
        }
    }
    assert!(right * 20 >= count * 19, "{right} of {count}");
}

#[test]
fn forms_are_read_as_if_they_were_blank() {
    const CELL: usize = SIDE * 3 + 10;
    type IsPrinted<'a> = &'a dyn Fn(usize, usize) -> bool;
    let (mut wrong, mut count) = (vec![], 0);
    for start in 0..6 {
        let chosen: Vec<usize> = (0..5).map(|i| 17 * start + 5 * i).collect();
        let (page, text) = line(&chosen, 3);
        // Digits stand in the middle of their cells, or reach over the wall at their left.
        for aside in [5, 22] {
            let (left, right_end, top, bottom) = (15 + aside, 15 + aside + 5 * CELL, 34, page.height - 34);
            let wall = |x: usize| (left..right_end + 3).contains(&x) && (x - left) % CELL < 3;
            let inside =
                |x: usize, y: usize| (left..right_end + 3).contains(&x) && (top..bottom + 3).contains(&y);
            let ends = |y: usize| y < top + 3 || y >= bottom;
            let cells = |x: usize, y: usize| inside(x, y) && (wall(x) || ends(y));
            let boxes = |x: usize, y: usize| {
                let place = (x.max(left) - left) % CELL;
                inside(x, y) && x < right_end && place > 3 && (ends(y) || !(7..CELL - 3).contains(&place))
            };
            let comb = |x: usize, y: usize| inside(x, y) && (wall(x) && y > page.height - 60 || y >= bottom);
            let base_line = |x: usize, y: usize| (20..page.width - 20).contains(&x) && y.abs_diff(bottom) < 2;
            let forms: [(&str, IsPrinted); 4] =
                [("cells", &cells), ("boxes", &boxes), ("comb", &comb), ("base line", &base_line)];
            for (name, form) in forms {
                let light = |x: usize, y: usize| {
                    page.pixels[y * page.width + x].min(if form(x, y) { 80 } else { 255 })
                };
                let read = Page::new(page.width, page.height, light).read_text();
                if read != text {
                    wrong.push((name, aside, text.clone(), read));
                }
                count += 1;
            }
        }
    }
    assert!(wrong.len() * 20 <= count, "{wrong:?} of {count}");
}

#[test]
fn an_empty_form_yields_no_digit() {
    let walls = |x: usize, y: usize| {
        let inside = (30..334).contains(&x) && (40..123).contains(&y);
        inside && ((x - 30) % 60 < 3 || !(43..120).contains(&y))
    };
    let page = Page::new(364, 160, |x, y| if walls(x, y) { 70 } else { 235 });
    assert_eq!(page.read_text(), "");
}

#[test]
fn lines_stand_below_each_other() {
    let (scale, mut page) = (3, Page::new(500, 420, |_, _| 235));
    let mut labels = vec![];
    for place in 0..8 {
        let (label, image) = &digits()[9 * place + 2];
        page.write(image, 30 + place % 4 * 110, 40 + place / 4 * 180, scale, 0.1);
        labels.push(*label);
    }
    let reading = page.read();
    assert_eq!(reading.digits.iter().map(|digit| digit.digit).collect::<Vec<_>>(), labels);
    assert_eq!(reading.digits.iter().map(|digit| digit.line).collect::<Vec<_>>(), [0, 0, 0, 0, 1, 1, 1, 1]);
}

#[test]
fn boxes_are_where_the_digits_are() {
    let mut page = Page::new(300, 200, |_, _| 255);
    let (_, image) = &digits()[0];
    page.write(image, 150, 60, 4, 0.0);
    let reading = page.read();
    let area = reading.digits[0].area;
    // Its ink is 20 pixels high or wide, in 28.
    assert!((150..200).contains(&area.left) && (60..110).contains(&area.top), "{area:?}");
    assert!((76..=86).contains(&area.width.max(area.height)), "{area:?}");
}

#[test]
fn one_digit_may_be_asked_for() {
    let (page, _) = line(&[3, 4, 5], 3);
    let single = Options { single: true, ..Options::default() };
    let reading = recognize(reader(), &page.picture(), single);
    assert_eq!((reading.digits.len(), text(&reading).len()), (1, 1), "however improbable");
}

#[test]
fn tiny_pictures_are_read_up_to_their_border() {
    let (mut right, mut all) = (0, 0);
    for (label, image) in digits() {
        // Its 20x20 box, without a margin.
        let pixels = (0..400).map(|i| 255 - image[(i / 20 + 4) * 28 + i % 20 + 4]).collect();
        let reading = recognize(reader(), &Picture::gray(20, 20, pixels), Options::default());
        right += usize::from(text(&reading) == label.to_string());
        all += 1;
    }
    assert!(20 * right >= 19 * all, "{right} of {all}");
}

#[test]
fn the_last_layer_gives_the_logits() {
    for (label, image) in &digits()[..5] {
        let image = DigitImage(*image);
        let outputs = reader().outputs(&image);
        assert!(outputs.iter().all(|output| output.values.len() == output.shape.len()));
        let logits = &outputs.last().unwrap().values;
        let probabilities = reader().probabilities(&[image]).remove(0);
        for (a, b) in [(usize::from(*label), 0), (3, 7)] {
            // Differences of logits are those of the logarithms, times the temperature of 0.51.
            let difference = 0.51 * (probabilities[a].ln() - probabilities[b].ln());
            assert!((logits[a] - logits[b] - difference).abs() < 1e-3, "{logits:?} {probabilities:?}");
        }
        let rectified = outputs.iter().filter(|output| output.layer == Layer::Relu);
        assert!(
            rectified.clone().count() > 2 && rectified.flat_map(|output| &output.values).all(|&y| y >= 0.0)
        );
    }
}

#[test]
fn wiping_a_digit_out_speaks_against_it() {
    for (label, image) in &digits()[..10] {
        let image = DigitImage(*image);
        let relevance = reader().occlusion(&image, *label);
        let sum: f32 = relevance.iter().sum();
        assert!(sum > 0.0, "the ink of a {label} speaks for it: {sum}");
        assert!(relevance[0] == 0.0 && relevance[PIXELS - 1] == 0.0, "no ink is near the corners");
    }
    assert!(reader().occlusion(&DigitImage([0; PIXELS]), 0).iter().all(|&r| r == 0.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn blank_paper_never_yields_a_digit(
        width in 1..300usize, height in 1..300usize, light in 0..=255u8, noise in 0..5u8, seed in any::<u64>(),
        slope in 0..60usize,
    ) {
        let speck = |x: usize, y: usize| {
            ((x * 7919 + y) as u64 ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(9) as u8 % (noise + 1)
        };
        let shade = |x: usize| (x * slope / width) as u8;
        let page = Page::new(width, height, |x, y| light.saturating_sub(shade(x)).saturating_sub(speck(x, y)));
        prop_assert_eq!(page.read_text(), "");
    }

    #[test]
    fn a_margin_changes_nothing(chosen in prop::collection::vec(0..400usize, 1..5), margin in 1..80usize) {
        let (page, _) = line(&chosen, 3);
        prop_assert_eq!(page.with_margin(margin).read_text(), page.read_text());
    }

    #[test]
    fn twice_the_size_changes_nothing(chosen in prop::collection::vec(0..400usize, 1..5)) {
        let (page, _) = line(&chosen, 3);
        prop_assert_eq!(page.doubled().read_text(), page.read_text());
    }
}
