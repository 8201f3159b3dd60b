//! The training's curves: accuracy, loss and learning rate over the iterations.
//!
//! In: recorded [`Curves`] of any length, also with losses that are not finite. Out: a
//! drawing of at most about two thousand points: each mini-batch faint, their running mean
//! bold, validation at the end of each epoch, the final test value as a dashed line. The learning
//! rate, which is not measured but set, is one line.

use rust_i18n::t;

use crate::{
    content::Curves,
    numbers::{grouped, nats, percent},
    svg::{Anchor, Drawing, Font, MARK, Room, push_point, width_of},
};

/// Accuracy over the iterations.
pub fn accuracy(curves: &Curves, room: Room) -> Drawing {
    let batches = curves.steps.iter().map(|step| (step.iteration, f64::from(step.batch_accuracy)));
    let epochs = curves.epochs.iter().map(|epoch| (epoch.iteration, f64::from(epoch.mean_batch_accuracy)));
    let series = Series {
        batches: batches.collect(),
        epochs: epochs.collect(),
        validation: validation(curves, |(accuracy, _)| accuracy),
        test: curves.test_accuracy.filter(|accuracy| accuracy.is_finite()),
        first_epoch: curves.steps.first().map_or(0, |step| step.epoch),
        exact: false,
    };
    let scale = accuracy_scale(&series);
    let words = Words {
        id: "accuracy",
        title: t!("report.accuracy_curve").into_owned(),
        description: t!("report.accuracy_curve_description", iterations = grouped(curves.steps.len()))
            .into_owned(),
        axis: t!("report.accuracy_axis").into_owned(),
        test: series.test.map(|accuracy| percent(accuracy, 2)),
    };
    draw(&series, &scale, &words, room)
}

/// Loss over the iterations; logarithmic where it spans more than one and a half decades.
pub fn loss(curves: &Curves, room: Room) -> Drawing {
    let batches = curves.steps.iter().map(|step| (step.iteration, f64::from(step.loss)));
    let epochs = curves.epochs.iter().map(|epoch| (epoch.iteration, f64::from(epoch.mean_loss)));
    let series = Series {
        batches: batches.collect(),
        epochs: epochs.collect(),
        validation: validation(curves, |(_, loss)| loss),
        test: curves.test_loss.filter(|loss| loss.is_finite()),
        first_epoch: curves.steps.first().map_or(0, |step| step.epoch),
        exact: false,
    };
    let scale = loss_scale(&series);
    let axis = if scale.logarithmic { t!("report.loss_axis_log") } else { t!("report.loss_axis") };
    let words = Words {
        id: "loss",
        title: t!("report.loss_curve").into_owned(),
        description: t!("report.loss_curve_description", iterations = grouped(curves.steps.len()))
            .into_owned(),
        axis: axis.into_owned(),
        test: series.test.map(nats),
    };
    draw(&series, &scale, &words, room)
}

/// Learning rate over the iterations.
pub fn learning_rate(curves: &Curves, room: Room) -> Drawing {
    let rates = curves.steps.iter().map(|step| (step.iteration, f64::from(step.learning_rate)));
    let epochs = curves.epochs.iter().map(|epoch| (epoch.iteration, f64::NAN)); // for their borders
    let series = Series {
        batches: rates.collect(),
        epochs: epochs.collect(),
        validation: Vec::new(),
        test: None,
        first_epoch: curves.steps.first().map_or(0, |step| step.epoch),
        exact: true,
    };
    let scale = linear_scale(series.batches.iter().map(|(_, rate)| *rate).fold(0.0, f64::max));
    let words = Words {
        id: "learning-rate",
        title: t!("report.learning_rate_curve").into_owned(),
        description: t!("report.learning_rate_curve_description", iterations = grouped(curves.steps.len()))
            .into_owned(),
        axis: t!("report.learning_rate_axis").into_owned(),
        test: None,
    };
    draw(&series, &scale, &words, room)
}

/// What is drawn, as (iteration, value); values may be anything, also NaN.
struct Series {
    batches: Vec<(u64, f64)>,
    epochs: Vec<(u64, f64)>,
    validation: Vec<(u64, f64)>,
    test: Option<f64>,
    /// Not 0 when only the end of a training was recorded.
    first_epoch: usize,
    /// Set, not measured: no mean is sought behind the single values.
    exact: bool,
}

struct Words {
    id: &'static str,
    title: String,
    description: String,
    axis: String,
    test: Option<String>,
}

fn validation(curves: &Curves, value: impl Fn((f64, f64)) -> f64) -> Vec<(u64, f64)> {
    let points = curves.epochs.iter();
    points
        .filter_map(|epoch| Some((epoch.iteration, value(epoch.validation?))))
        .filter(|(_, value)| value.is_finite())
        .collect()
}

// ---- The picture.

fn draw(series: &Series, scale: &Scale, words: &Words, room: Room) -> Drawing {
    let wide = room == Room::Wide;
    let (width, padding, plot_height) = if wide { (880.0, 24.0, 280.0) } else { (352.0, 12.0, 210.0) };
    let plot_height = if series.exact { plot_height / 2.0 } else { plot_height };
    let id = if wide { words.id.to_owned() } else { format!("{}-narrow", words.id) };
    let mut drawing = Drawing::new(&id, width, padding, &words.title, &words.description);

    // Below the title: legend, name of the upright axis.
    let mut y = padding + 40.0;
    if series.batches.is_empty() && series.epochs.is_empty() {
        let end = drawing.paragraph(padding, y, width - 2.0 * padding, Font::Body, &t!("report.curve_empty"));
        drawing.end_at(end - 12.0 + padding);
        return drawing;
    }
    let window = if series.exact { 1 } else { smoothing_window(series.batches.len()) };
    if !series.exact {
        y = draw_legend(&mut drawing, series, words, window, room, [padding, y]) + 6.0;
    }
    drawing.text(padding, y, Anchor::Start, Font::Small, &words.axis);

    // The plot between its margins.
    let row_names = [t!("report.iteration"), t!("report.epoch")];
    let left = scale
        .ticks
        .iter()
        .map(|(_, label)| label.as_str())
        .chain(row_names.iter().map(AsRef::as_ref))
        .map(|label| width_of(label, Font::Small))
        .fold(0.0, f64::max);
    let test_label = t!("report.curve_test");
    let right = match &words.test {
        Some(value) if wide => width_of(&test_label, Font::Small).max(width_of(value, Font::Strong)) + 10.0,
        _ => 0.0,
    };
    let plot = Plot {
        left: padding + left + 10.0,
        right: width - padding - right,
        top: y + 14.0,
        bottom: y + 14.0 + plot_height,
        last_iteration: last_iteration(series),
    };
    draw_grid(&mut drawing, &plot, scale);
    draw_epochs(&mut drawing, &plot, series, &row_names);
    let size = [plot.right - plot.left, plot.bottom - plot.top];
    drawing.within([plot.left, plot.top - 4.0], [size[0], size[1] + 8.0], |drawing| {
        draw_series(drawing, &plot, scale, series, window);
    });
    if let (Some(test), Some(value), true) = (series.test, &words.test, wide) {
        let y = plot.y(scale, test).clamp(plot.top + 8.0, plot.bottom - 12.0);
        drawing.text(plot.right + 8.0, y - 2.0, Anchor::Start, Font::Small, &test_label);
        drawing.text_with(plot.right + 8.0, y + 13.0, Anchor::Start, Font::Strong, "z-test-text", value);
    }

    // What is not to be seen is said.
    let mut y = plot.bottom + 64.0;
    let outside =
        series.batches.iter().filter(|(_, value)| value.is_finite() && !scale.holds(*value)).count();
    let not_finite = series.batches.iter().filter(|(_, value)| !value.is_finite()).count();
    for (count, note) in [
        (outside, t!("report.curve_outside", count = grouped(outside))),
        (not_finite, t!("report.curve_not_finite", count = grouped(not_finite))),
    ] {
        if count > 0 {
            y = drawing.paragraph(padding, y, width - 2.0 * padding, Font::Small, &note);
        }
    }
    drawing.end_at(y - 20.0 + padding);
    drawing
}

/// Where the data stand in the drawing.
struct Plot {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    last_iteration: u64,
}

impl Plot {
    fn x(&self, iteration: u64) -> f64 {
        let fraction = iteration as f64 / self.last_iteration.max(1) as f64;
        self.left + fraction.min(1.0) * (self.right - self.left)
    }

    fn y(&self, scale: &Scale, value: f64) -> f64 {
        // Far outside is as good as just outside, and keeps the coordinates small.
        let fraction = scale.fraction(value).clamp(-0.1, 1.1);
        self.bottom - fraction * (self.bottom - self.top)
    }
}

fn last_iteration(series: &Series) -> u64 {
    let points = series.batches.iter().chain(&series.epochs).chain(&series.validation);
    points.map(|(iteration, _)| *iteration).max().unwrap_or(0)
}

fn draw_legend(
    drawing: &mut Drawing,
    series: &Series,
    words: &Words,
    window: usize,
    room: Room,
    place: [f64; 2],
) -> f64 {
    let mut entries: Vec<(&str, String)> = Vec::new();
    if series.batches.is_empty() {
        entries.push(("z-mean", t!("report.curve_epoch_mean").into_owned()));
    } else {
        let batch = if dotted(series.batches.len()) { "z-dots" } else { "z-batch" };
        entries.push((batch, t!("report.curve_batch").into_owned()));
        if window > 1 {
            entries.push(("z-mean", t!("report.curve_mean", count = window).into_owned()));
        }
    }
    if !series.validation.is_empty() {
        entries.push(("z-validation", t!("report.curve_validation").into_owned()));
    }
    match &words.test {
        Some(_) if room == Room::Wide => entries.push(("z-test", t!("report.curve_test").into_owned())),
        Some(value) => entries.push(("z-test", t!("report.curve_test_value", value = value).into_owned())),
        None => {}
    }
    drawing.legend(entries, place, |drawing, class, [x, middle]| match class {
        "z-validation" => drawing.circle([x + MARK / 2.0, middle], 4.5, class),
        "z-dots" => {
            let dots = [0.15, 0.5, 0.85].map(|part| format!("M{} {middle}h0", x + MARK * part));
            drawing.path(&dots.concat(), class);
        }
        "z-batch" => {
            let mut path = String::new();
            for (place, up) in [2.0, -3.0, 1.0, -2.0, 3.0, -4.0, 2.0, -1.0, 3.0].into_iter().enumerate() {
                let command = if place == 0 { 'M' } else { 'L' };
                push_point(&mut path, command, [x + MARK * place as f64 / 8.0, middle + up]);
            }
            drawing.path(&path, class);
        }
        _ => drawing.line([x, middle], [x + MARK, middle], class),
    })
}

fn draw_grid(drawing: &mut Drawing, plot: &Plot, scale: &Scale) {
    for (value, label) in &scale.ticks {
        let y = plot.y(scale, *value);
        drawing.line([plot.left, y], [plot.right, y], "z-grid");
        drawing.text(plot.left - 8.0, y + 4.0, Anchor::End, Font::Small, label);
    }
}

/// The two rows under the plot: iterations, and epochs between their borders.
fn draw_epochs(
    drawing: &mut Drawing,
    plot: &Plot,
    series: &Series,
    [iteration, epoch]: &[impl AsRef<str>; 2],
) {
    let (first_row, second_row) = (plot.bottom + 20.0, plot.bottom + 40.0);
    drawing.text(plot.left - 8.0, first_row, Anchor::End, Font::Small, iteration.as_ref());
    let room = plot.right - plot.left;
    let widest = width_of(&grouped(plot.last_iteration as usize), Font::Small) + 16.0;
    for tick in iteration_ticks(plot.last_iteration, ((room / widest) as usize).clamp(1, 8)) {
        let (x, label) = (plot.x(tick), grouped(tick as usize));
        let half = width_of(&label, Font::Small) / 2.0;
        // A label at the very end leans inwards, so that it is not cut off; the one at the
        // start has the row's name on its left.
        let x_label = x.clamp(plot.left + half - 4.0, (plot.right - half + 8.0).max(plot.left));
        drawing.line([x, plot.bottom], [x, plot.bottom + 5.0], "z-grid");
        drawing.text(x_label, first_row, Anchor::Middle, Font::Small, &label);
    }

    let ends: Vec<f64> = series.epochs.iter().map(|(iteration, _)| plot.x(*iteration)).collect();
    if ends.is_empty() {
        return;
    }
    drawing.text(plot.left - 8.0, second_row, Anchor::End, Font::Small, epoch.as_ref());
    let narrowest = room / ends.len() as f64;
    let last = series.first_epoch + ends.len();
    let spelled_out = t!("report.curve_epoch_number", number = last);
    let spelled_out = width_of(&spelled_out, Font::Small) + 12.0 <= narrowest;
    let number_width = width_of(&last.to_string(), Font::Small) + 10.0;
    let every = nice_count((number_width / narrowest).ceil() as u64) as usize;
    let mut start = plot.left;
    for (index, &end) in ends.iter().enumerate() {
        let number = series.first_epoch + index + 1;
        if number.is_multiple_of(every) {
            if end < plot.right - 1.0 {
                drawing.line([end, plot.top], [end, plot.bottom], "z-border");
            }
            let label = if spelled_out {
                t!("report.curve_epoch_number", number = number).into_owned()
            } else {
                number.to_string()
            };
            let x = if every == 1 { f64::midpoint(start, end) } else { end };
            let half = width_of(&label, Font::Small) / 2.0;
            let x = x.min(plot.right - half + 8.0);
            drawing.text(x, second_row, Anchor::Middle, Font::Small, &label);
        }
        start = end;
    }
}

fn draw_series(drawing: &mut Drawing, plot: &Plot, scale: &Scale, series: &Series, window: usize) {
    let at = |&(iteration, value): &(u64, f64)| [plot.x(iteration), plot.y(scale, value)];

    let batches = &series.batches;
    if series.exact {
        // Drawn below, as the mean.
    } else if dotted(batches.len()) {
        let mut dots = String::new();
        for point in batches.iter().filter(|(_, value)| value.is_finite()) {
            push_point(&mut dots, 'M', at(point));
            dots.push_str("h0");
        }
        drawing.path(&dots, "z-dots");
    } else {
        let budget = (2.0 * (plot.right - plot.left)) as usize;
        drawing.path(&polyline(&extremes(batches, budget.min(2000)), at), "z-batch");
    }

    let mean = if series.exact {
        every_nth(batches, 400)
    } else if batches.is_empty() {
        series.epochs.clone()
    } else if window > 1 {
        every_nth(&running_mean(batches, window), 400)
    } else {
        Vec::new()
    };
    if mean.len() == 1 {
        drawing.circle(at(&mean[0]), 3.0, "z-validation");
    }
    drawing.path(&polyline(&mean, at), "z-mean");

    if let Some(test) = series.test {
        let y = plot.y(scale, test);
        drawing.line([plot.left, y], [plot.right, y], "z-test");
    }
    if series.validation.len() <= 60 {
        for point in &series.validation {
            drawing.circle(at(point), 4.5, "z-validation");
        }
    } else {
        drawing.path(&polyline(&every_nth(&series.validation, 400), at), "z-validation-line");
    }
}

/// So few points that each can be seen.
fn dotted(count: usize) -> bool {
    count <= 400
}

/// A line through the points, with a gap where a value is not finite.
fn polyline(points: &[(u64, f64)], at: impl Fn(&(u64, f64)) -> [f64; 2]) -> String {
    let mut path = String::with_capacity(points.len() * 10);
    let mut command = 'M';
    for point in points {
        if point.1.is_finite() {
            push_point(&mut path, command, at(point));
            command = 'L';
        } else {
            command = 'M';
        }
    }
    path
}

// ---- Fewer and calmer points.

/// Over how many mini-batches the mean runs: about a fortieth of the training.
fn smoothing_window(count: usize) -> usize {
    if count < 8 { 1 } else { nice_count((count / 40).max(3) as u64) as usize }
}

/// The mean of the finite values in a window around each point. At the ends the window
/// shrinks on both sides, so that the curve neither lags nor bends.
fn running_mean(points: &[(u64, f64)], window: usize) -> Vec<(u64, f64)> {
    let mut sums = Vec::with_capacity(points.len() + 1);
    let (mut sum, mut count) = (0.0, 0u32);
    sums.push((sum, count));
    for (_, value) in points {
        if value.is_finite() {
            sum += value;
            count += 1;
        }
        sums.push((sum, count));
    }
    let mean_around = |index: usize| {
        let half = (window / 2).min(index).min(points.len() - 1 - index);
        let ((low, before), (high, after)) = (sums[index - half], sums[index + half + 1]);
        (high - low) / f64::from(after - before) // no finite value: NaN, a gap
    };
    points.iter().enumerate().map(|(index, (iteration, _))| (*iteration, mean_around(index))).collect()
}

/// At most about `budget` points that keep the outline: of each stretch the lowest and the
/// highest, in their order.
fn extremes(points: &[(u64, f64)], budget: usize) -> Vec<(u64, f64)> {
    if points.len() <= budget {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil((budget / 2).max(1));
    let mut kept = Vec::with_capacity(budget + 2);
    for points in points.chunks(stretch) {
        let finite = || points.iter().enumerate().filter(|(_, (_, value))| value.is_finite());
        let lowest = finite().min_by(|a, b| a.1.1.total_cmp(&b.1.1));
        let highest = finite().max_by(|a, b| a.1.1.total_cmp(&b.1.1));
        match (lowest, highest) {
            (Some((low, _)), Some((high, _))) if low == high => kept.push(points[low]),
            (Some((low, _)), Some((high, _))) => {
                kept.extend([points[low.min(high)], points[low.max(high)]]);
            }
            _ => kept.push((points[0].0, f64::NAN)), // a gap stays a gap
        }
    }
    kept
}

/// At most about `budget` points at even distances, and always the last.
fn every_nth(points: &[(u64, f64)], budget: usize) -> Vec<(u64, f64)> {
    let step = points.len().div_ceil(budget).max(1);
    let mut kept: Vec<_> = points.iter().copied().step_by(step).collect();
    if let Some(last) = points.last()
        && !(points.len() - 1).is_multiple_of(step)
    {
        kept.push(*last);
    }
    kept
}

// ---- Scales.

/// The upright axis.
struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
    /// Value and label, from below.
    ticks: Vec<(f64, String)>,
}

impl Scale {
    /// 0 at the lower end, 1 at the upper.
    fn fraction(&self, value: f64) -> f64 {
        if self.logarithmic {
            if value <= 0.0 {
                return -1.0; // far below
            }
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    fn holds(&self, value: f64) -> bool {
        const ROUNDING: f64 = 1e-9;
        (-ROUNDING..=1.0 + ROUNDING).contains(&self.fraction(value))
    }
}

/// From 0 to 100 %; when nearly all of the training happens high up, only that part, so
/// that the last percents, where good networks differ, can be seen.
fn accuracy_scale(series: &Series) -> Scale {
    let mut floor = quantile(&series.batches, 0.05).unwrap_or(0.0);
    for value in series.validation.iter().map(|(_, value)| *value).chain(series.test) {
        floor = floor.min(value);
    }
    if series.batches.is_empty() {
        floor = series.epochs.iter().map(|(_, value)| *value).fold(1.0, f64::min).min(floor);
    }
    let low = [0.98, 0.95, 0.9, 0.8].into_iter().find(|low| *low <= floor).unwrap_or(0.0);
    let step = match 1.0 - low {
        range if range < 0.03 => 0.005,
        range if range < 0.06 => 0.01,
        range if range < 0.15 => 0.02,
        range if range < 0.25 => 0.05,
        _ => 0.2,
    };
    let count = ((1.0 - low) / step).round() as usize;
    let decimals = usize::from(step < 0.01);
    let ticks = (0..=count).map(|tick| low + tick as f64 * step);
    let ticks = ticks.map(|value| (value, format!("{:.decimals$}", value * 100.0))).collect();
    Scale { low, high: 1.0, logarithmic: false, ticks }
}

fn loss_scale(series: &Series) -> Scale {
    let mean = running_mean(&series.batches, smoothing_window(series.batches.len()));
    let calm = || {
        let epochs = if series.batches.is_empty() { series.epochs.as_slice() } else { &[] };
        let points = mean.iter().chain(&series.validation).chain(epochs);
        points.map(|(_, value)| *value).chain(series.test).filter(|value| value.is_finite())
    };
    // Single batches may stand out; the axis is for the other ninety-nine of a hundred.
    let high = calm().chain(quantile(&series.batches, 0.99)).fold(0.0, f64::max);
    let low = calm()
        .chain(quantile(&series.batches, 0.02))
        .filter(|value| *value > 0.0)
        .fold(f64::INFINITY, f64::min)
        .max(high * 1e-8);
    if low.is_finite() && high > low && (high / low).log10() > 1.5 {
        logarithmic_scale(low, high)
    } else {
        linear_scale(high)
    }
}

/// From 0 up to a round number not below `high`.
fn linear_scale(high: f64) -> Scale {
    let high = if high > 0.0 { high } else { 1.0 };
    let step = nice_step(high / 5.0);
    let count = (high / step - 1e-9).ceil().max(1.0) as usize;
    let ticks = (0..=count).map(|tick| tick as f64 * step);
    let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    let ticks = ticks.map(|value| (value, number(value, decimals))).collect();
    Scale { low: 0.0, high: count as f64 * step, logarithmic: false, ticks }
}

/// From and to 1, 2 or 5 times a power of ten, with ticks as close as they can be read.
fn logarithmic_scale(low: f64, high: f64) -> Scale {
    let steps: Vec<(f64, bool)> = (low.log10().floor() as i32 - 1..=high.log10().ceil() as i32)
        .flat_map(|power| [(1.0, true), (2.0, false), (5.0, false)].map(|(m, d)| (m * 10f64.powi(power), d)))
        .collect();
    let first = steps.iter().rposition(|(value, _)| *value <= low * (1.0 + 1e-9)).unwrap_or(0);
    let last = steps.iter().position(|(value, _)| *value >= high * (1.0 - 1e-9)).unwrap_or(steps.len() - 1);
    let (low, high) = (steps[first].0, steps[last].0);
    let decades = (high / low).log10();
    let every = (decades / 8.0).ceil().max(1.0) as i32; // of the powers of ten
    let ticks = steps[first..=last]
        .iter()
        .filter(|(value, decade)| {
            let power = value.log10().round() as i32;
            if decades > 3.5 { *decade && power % every == 0 } else { true }
        })
        .map(|(value, _)| (*value, number(*value, (-value.log10().floor()).clamp(0.0, 12.0) as usize)))
        .collect();
    Scale { low, high, logarithmic: true, ticks }
}

fn number(value: f64, decimals: usize) -> String {
    if value != 0.0 && !(1e-4..1e5).contains(&value) {
        format!("{value:.0e}")
    } else {
        format!("{value:.decimals$}")
    }
}

/// 1, 2 or 5 times a power of ten, not below `step`.
fn nice_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let multiple = [1.0, 2.0, 5.0].into_iter().find(|multiple| step <= multiple * power * (1.0 + 1e-9));
    multiple.unwrap_or(10.0) * power
}

/// 1, 2 or 5 times a power of ten, not below `count`.
fn nice_count(count: u64) -> u64 {
    nice_step(count.max(1) as f64).round() as u64
}

/// At most `count` + 1 round iterations from 0 on.
fn iteration_ticks(last: u64, count: usize) -> impl Iterator<Item = u64> {
    let step = nice_count(last.div_ceil(count as u64));
    (0..=last / step).map(move |tick| tick * step)
}

/// The value below which a `part` of the finite values lie.
fn quantile(points: &[(u64, f64)], part: f64) -> Option<f64> {
    let mut values: Vec<f64> = points.iter().map(|(_, value)| *value).filter(|v| v.is_finite()).collect();
    let place = (values.len().checked_sub(1)? as f64 * part).round() as usize;
    Some(*values.select_nth_unstable_by(place, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(values: &[f64]) -> Vec<(u64, f64)> {
        values.iter().enumerate().map(|(index, value)| (index as u64, *value)).collect()
    }

    #[test]
    fn thinning_keeps_the_outline_and_the_gaps() {
        let mut values = vec![0.5; 10_000];
        (values[1234], values[5678]) = (9.0, -9.0);
        values[8000..8100].fill(f64::NAN);
        let kept = extremes(&numbered(&values), 1000);
        assert!(kept.len() <= 1002, "{}", kept.len());
        for expected in [9.0, -9.0] {
            assert!(kept.iter().any(|(_, value)| *value == expected));
        }
        assert!(kept.iter().any(|(_, value)| value.is_nan()));
        assert!(kept.is_sorted_by_key(|(iteration, _)| *iteration));
    }

    #[test]
    fn the_running_mean_leaves_a_straight_line_alone() {
        let line = numbered(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        assert_eq!(running_mean(&line, 4), line);
        let gap = running_mean(&numbered(&[1.0, f64::NAN, 3.0]), 3);
        assert_eq!(gap[1].1, 2.0);
        assert!(running_mean(&numbered(&[f64::INFINITY]), 3)[0].1.is_nan());
    }

    #[test]
    fn ticks_are_round_and_cover_the_values() {
        for high in [1e-7, 0.003, 0.02, 0.7, 1.0, 2.302, 9.9, 12.0, 3.4e38, 0.0] {
            let scale = linear_scale(high);
            assert!(scale.high >= high && (2..=8).contains(&scale.ticks.len()), "{high}: {:?}", scale.ticks);
        }
        for (low, high) in [(0.01, 2.3), (1e-6, 2.0), (0.004, 0.3), (0.5, 3e30), (1.0, 100.0)] {
            let scale = logarithmic_scale(low, high);
            assert!(scale.holds(low) && scale.holds(high), "{low} to {high}");
            assert!((2..=13).contains(&scale.ticks.len()), "{low} to {high}: {:?}", scale.ticks);
        }
        assert_eq!(iteration_ticks(1997, 8).collect::<Vec<_>>(), [0, 500, 1000, 1500]);
        assert_eq!(iteration_ticks(0, 8).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn a_wide_span_of_losses_is_logarithmic() {
        let series = |values: &[f64]| Series {
            batches: numbered(values),
            epochs: Vec::new(),
            validation: Vec::new(),
            test: None,
            first_epoch: 0,
            exact: false,
        };
        assert!(loss_scale(&series(&[2.3, 1.0, 0.1, 0.01])).logarithmic);
        assert!(!loss_scale(&series(&[2.3, 1.0, 0.5, 0.2])).logarithmic);
        for odd in [&[][..], &[0.0; 9], &[f64::NAN], &[f64::INFINITY, 1.0], &[0.7; 9]] {
            let scale = loss_scale(&series(odd));
            assert!(scale.high > scale.low && scale.high.is_finite(), "{odd:?}");
        }
    }

    #[test]
    fn a_good_training_is_shown_where_it_happens() {
        let series = |value: f64| Series {
            batches: numbered(&[value; 50]),
            epochs: Vec::new(),
            validation: Vec::new(),
            test: Some(value),
            first_epoch: 0,
            exact: false,
        };
        assert_eq!(accuracy_scale(&series(0.991)).low, 0.98);
        assert_eq!(accuracy_scale(&series(0.5)).low, 0.0);
    }
}
