//! The reliability diagram: accuracy against confidence, and how many images stand behind it.
//!
//! A network for MNIST is more than 99.9 % sure of most images, so that on plain axes nearly all
//! of them would fall into one bar. Both axes therefore count nines: from 90 to 99 % is as far as
//! from 99 to 99.9 %. The end of both is 100 %, where no image is read wrong.

use std::borrow::Cow;

use rust_i18n::t;
use shuzi_engine::evaluation::{CALIBRATION_BINS, ConfidenceBin, Evaluation, wilson_interval};

use crate::{
    numbers::{grouped, nats, percent},
    svg::{Anchor, Drawing, Font, Layout, MARK, width_of},
};

/// Where the bins end, in percent, the last one apart, which ends at 100; so many as fit.
const WIDE_ENDS: [f64; 12] = [50.0, 80.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.8, 99.9, 99.95, 99.98, 99.99];
const NARROW_ENDS: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 99.99];
/// The marks of the upright axis, in percent.
const TICKS: [f64; 7] = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0];

/// Draws the accuracy of each bin of confidence; with a temperature also what it makes of them.
pub fn draw(evaluation: &Evaluation, temperature: Option<f64>, layout: Layout) -> Drawing {
    let wide = layout == Layout::Wide;
    let (id, width, padding, plot_height) =
        if wide { ("reliability", 880.0, 24.0, 300.0) } else { ("reliability-narrow", 352.0, 12.0, 220.0) };
    let ends = if wide { &WIDE_ENDS[..] } else { &NARROW_ENDS };
    let fractions: Vec<f64> = ends.iter().map(|end| end / 100.0).collect();
    let tempered = temperature.map(|temperature| evaluation.at_temperature(temperature));

    let title = t!("report.reliability");
    let error = percent(evaluation.expected_calibration_error(), 2);
    let description = t!("report.reliability_description", error = error);
    let mut drawing = Drawing::new(id, width, padding, &title, &description);
    let y = draw_legend(&mut drawing, temperature, [padding, padding + 40.0]);
    drawing.text(padding, y + 6.0, Anchor::Start, Font::Small, &t!("report.reliability_axis"));

    let names = [t!("report.confidence"), t!("report.images"), t!("report.wrong")];
    let left = TICKS.iter().map(|tick| width_of(&label(*tick), Font::Small));
    let left = left.chain(names.iter().map(|name| width_of(name, Font::Small))).fold(0.0, f64::max);
    let plot = Plot {
        left: padding + left + 10.0,
        right: width - padding - 10.0,
        top: y + 22.0,
        bottom: y + 22.0 + plot_height,
    };
    for tick in TICKS {
        let y = plot.y(tick / 100.0);
        drawing.line([plot.left, y], [plot.right, y], "z-grid");
        drawing.text(plot.left - 8.0, y + 4.0, Anchor::End, Font::Small, &label(tick));
    }
    let bins = evaluation.confidence_bins(&fractions);
    for bin in &bins {
        draw_bin(&mut drawing, &plot, &fractions, bin);
    }
    drawing.line([plot.left, plot.bottom], [plot.right, plot.top], "z-diagonal");
    for bin in tempered.iter().flat_map(|tempered| tempered.confidence_bins(&fractions)) {
        let [left, right] = plot.sides(&fractions, &bin);
        let inside = f64::min(8.0, (right - left) / 2.0); // the circle stays with its bin
        let x = plot.x(bin.confidence).max(left + inside).min(right - inside);
        drawing.circle([x, plot.y(bin.accuracy())], 4.5, "z-validation");
    }
    draw_confidences(&mut drawing, &plot, ends, &names[0]);
    let mut y = draw_counts(&mut drawing, &plot, &fractions, &bins, [&names[1], &names[2]], wide);
    for note in notes(evaluation, temperature.zip(tempered.as_ref())) {
        y = drawing.paragraph(padding, y, width - 2.0 * padding, Font::Body, &note) + 4.0;
    }
    drawing.end_at(y - 18.0 + padding);
    drawing
}

/// The axis of confidence, from 0 to 100 % with the bins' ends.
fn draw_confidences(drawing: &mut Drawing, plot: &Plot, ends: &[f64], name: &str) {
    let y = plot.bottom + 20.0;
    drawing.text(plot.left - 8.0, y, Anchor::End, Font::Small, name);
    let mut free = 0.0; // no label stands on the one before
    for end in [0.0].iter().chain(ends).chain(&[100.0]) {
        let (x, label) = (plot.x(end / 100.0), label(*end));
        let half = width_of(&label, Font::Small) / 2.0;
        drawing.line([x, plot.bottom], [x, plot.bottom + 5.0], "z-grid");
        if x - half >= free {
            drawing.text(x, y, Anchor::Middle, Font::Small, &label);
            free = x + half;
        }
    }
}

/// What the picture says, in sentences.
fn notes(evaluation: &Evaluation, tempered: Option<(f64, &Evaluation)>) -> Vec<Cow<'static, str>> {
    let error = percent(evaluation.expected_calibration_error(), 2);
    let mut notes = vec![t!("report.reliability_ece", error = error, bins = CALIBRATION_BINS)];
    if let Some((temperature, tempered)) = tempered {
        let error = percent(tempered.expected_calibration_error(), 2);
        notes.push(t!(
            "report.reliability_tempered",
            temperature = degrees(temperature),
            error = error,
            loss = nats(evaluation.loss()),
            tempered = nats(tempered.loss())
        ));
    }
    notes.push(t!("report.reliability_reading"));
    notes
}

/// A temperature to three significant digits.
pub fn degrees(temperature: f64) -> String {
    let decimals = (2.0 - temperature.log10().floor()).clamp(0.0, 9.0) as usize;
    format!("{temperature:.decimals$}")
}

/// Where the data stand in the drawing.
struct Plot {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Plot {
    fn x(&self, confidence: f64) -> f64 {
        self.left + nines(confidence) * (self.right - self.left)
    }

    fn y(&self, accuracy: f64) -> f64 {
        self.bottom - nines(accuracy) * (self.bottom - self.top)
    }

    /// From where to where a bin stands.
    fn sides(&self, ends: &[f64], bin: &ConfidenceBin) -> [f64; 2] {
        let low = bin.place.checked_sub(1).map_or(0.0, |before| ends[before]);
        let high = ends.get(bin.place).copied().unwrap_or(1.0);
        [self.x(low), self.x(high)]
    }
}

/// The place of a fraction on an axis of nines: 0 at 0, 1 at 1.
fn nines(fraction: f64) -> f64 {
    const LAST: f64 = 4.35; // 99.99 % is at 4; what is beyond is one more bin
    (-(1.0 - fraction).max(0.0).log10() / LAST).min(1.0)
}

/// 99.95 as it is, without zeros at its end.
fn label(percent: f64) -> String {
    percent.to_string()
}

/// A bar up to the accuracy, and its interval.
fn draw_bin(drawing: &mut Drawing, plot: &Plot, ends: &[f64], bin: &ConfidenceBin) {
    let [left, right] = plot.sides(ends, bin);
    let top = plot.y(bin.accuracy());
    drawing.rectangle([left + 2.0, top], [right - left - 4.0, plot.bottom - top], 2.0, "z-right2");
    let interval = wilson_interval(bin.correct, bin.count);
    let (middle, low, high) = (f64::midpoint(left, right), plot.y(interval.low), plot.y(interval.high));
    drawing.line([middle, low], [middle, high], "z-whisker");
    for end in [low, high] {
        drawing.line([middle - 4.0, end], [middle + 4.0, end], "z-whisker");
    }
}

fn draw_legend(drawing: &mut Drawing, temperature: Option<f64>, place: [f64; 2]) -> f64 {
    let mut entries = vec![
        ("z-right2", t!("report.reliability_bar").into_owned()),
        ("z-diagonal", t!("report.reliability_diagonal").into_owned()),
    ];
    if let Some(temperature) = temperature {
        let text = t!("report.reliability_circle", temperature = degrees(temperature)).into_owned();
        entries.push(("z-validation", text));
    }
    drawing.legend(entries, place, |drawing, class, [x, middle]| match class {
        "z-right2" => drawing.rectangle([x + 4.0, middle - 6.0], [MARK - 8.0, 12.0], 2.0, class),
        "z-diagonal" => drawing.line([x, middle], [x + MARK, middle], class),
        _ => drawing.circle([x + MARK / 2.0, middle], 4.5, class),
    })
}

/// Under the plot: how many images each bin holds, as a bar and as a number, and how many of them
/// were read wrong. Returns the baseline below.
fn draw_counts(
    drawing: &mut Drawing,
    plot: &Plot,
    ends: &[f64],
    bins: &[ConfidenceBin],
    [images, wrong]: [&str; 2],
    wide: bool,
) -> f64 {
    const HEIGHT: f64 = 44.0;
    let ground = plot.bottom + 40.0 + HEIGHT;
    let rows = [ground + 18.0, ground + 36.0];
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(1);
    drawing.line([plot.left, ground], [plot.right, ground], "z-grid");
    for (name, y) in [images, wrong].into_iter().zip(rows) {
        drawing.text(plot.left - 8.0, y, Anchor::End, Font::Small, name);
    }
    let font = if wide { Font::Body } else { Font::Tiny };
    for bin in bins {
        let [left, right] = plot.sides(ends, bin);
        let height = (HEIGHT * bin.count as f64 / most as f64).max(1.0);
        drawing.rectangle([left + 2.0, ground - height], [right - left - 4.0, height], 1.0, "z-count");
        for (count, y) in [bin.count, bin.count - bin.correct].into_iter().zip(rows) {
            drawing.text(f64::midpoint(left, right), y, Anchor::Middle, font, &grouped(count));
        }
    }
    rows[1] + 30.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_goes_by_nines_from_nothing_to_all() {
        assert_eq!([nines(0.0), nines(1.0)], [0.0, 1.0]);
        let step = nines(0.99) - nines(0.9);
        assert!((nines(0.999) - nines(0.99) - step).abs() < 1e-9);
        assert!((nines(0.9999) - nines(0.999) - step).abs() < 1e-9);
        assert!(nines(0.9999) < 1.0 && nines(f64::NAN).is_finite());
    }

    #[test]
    fn temperatures_have_three_digits() {
        for (temperature, text) in [(1.0, "1.00"), (1.2345, "1.23"), (0.03456, "0.0346"), (12.34, "12.3")] {
            assert_eq!(degrees(temperature), text);
        }
    }
}
