//! The training's curves: accuracy, loss and learning rate over the iterations.
//!
//! In: recorded [`Curves`] of any length, also with losses that are not finite. Out: a
//! drawing of at most about two thousand points: each mini-batch faint, their running mean
//! bold, validation at the end of each epoch, the final test value as a dashed line. The learning
//! rate, which is not measured but set, is one line.

mod points;
mod round;
mod scale;
mod series;

use self::{
    points::{every_nth, extremes, running_mean, smoothing_window},
    round::nice_count,
    scale::{Scale, accuracy_scale, iteration_ticks, linear_scale, loss_scale},
    series::{Series, validation},
};
use rust_i18n::t;

use crate::{
    content::Curves,
    numbers::{grouped, nats, percent},
    svg::{Anchor, Drawing, Font, Layout, MARK, push_point, width_of},
};

/// Accuracy over the iterations.
pub fn accuracy(curves: &Curves, layout: Layout) -> Drawing {
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
    draw(&series, &scale, &words, layout)
}

/// Loss over the iterations; logarithmic where it spans more than one and a half decades.
pub fn loss(curves: &Curves, layout: Layout) -> Drawing {
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
    draw(&series, &scale, &words, layout)
}

/// Learning rate over the iterations.
pub fn learning_rate(curves: &Curves, layout: Layout) -> Drawing {
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
    draw(&series, &scale, &words, layout)
}

struct Words {
    id: &'static str,
    title: String,
    description: String,
    axis: String,
    test: Option<String>,
}

fn draw(series: &Series, scale: &Scale, words: &Words, layout: Layout) -> Drawing {
    let wide = layout == Layout::Wide;
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
        y = draw_legend(&mut drawing, series, words, window, layout, [padding, y]) + 6.0;
    }
    drawing.text(padding, y, Anchor::Start, Font::Small, &words.axis);

    let [left, right] = margins(scale, words, layout);
    let plot = Plot {
        left: padding + left,
        right: width - padding - right,
        top: y + 14.0,
        bottom: y + 14.0 + plot_height,
        last_iteration: series.last_iteration(),
    };
    draw_grid(&mut drawing, &plot, scale);
    draw_iterations(&mut drawing, &plot);
    draw_epochs(&mut drawing, &plot, series);
    let size = [plot.right - plot.left, plot.bottom - plot.top];
    drawing.within([plot.left, plot.top - 4.0], [size[0], size[1] + 8.0], |drawing| {
        draw_series(drawing, &plot, scale, series, window);
    });
    if let (Some(test), Some(value), true) = (series.test, &words.test, wide) {
        let y = plot.y(scale, test).clamp(plot.top + 8.0, plot.bottom - 12.0);
        drawing.text(plot.right + 8.0, y - 2.0, Anchor::Start, Font::Small, &t!("report.curve_test"));
        drawing.text_with(plot.right + 8.0, y + 13.0, Anchor::Start, Font::Strong, "z-test-text", value);
    }
    let y = write_what_is_not_shown(&mut drawing, series, scale, plot.bottom + 64.0, [padding, width]);
    drawing.end_at(y - 20.0 + padding);
    drawing
}

/// What the labels beside the plot take, on its left and right.
fn margins(scale: &Scale, words: &Words, layout: Layout) -> [f64; 2] {
    let width_of = |label: &str| width_of(label, Font::Small);
    let rows = [t!("report.iteration"), t!("report.epoch")];
    let ticks = scale.ticks.iter().map(|(_, label)| width_of(label));
    let left = ticks.chain(rows.iter().map(|name| width_of(name))).fold(0.0, f64::max);
    let right = match &words.test {
        Some(value) if layout == Layout::Wide => {
            width_of(&t!("report.curve_test")).max(crate::svg::width_of(value, Font::Strong)) + 10.0
        }
        _ => 0.0,
    };
    [left + 10.0, right]
}

/// How many values lie outside of the plot or are not finite, from `y` downwards. Gives where the text ends.
fn write_what_is_not_shown(
    drawing: &mut Drawing,
    series: &Series,
    scale: &Scale,
    mut y: f64,
    [padding, width]: [f64; 2],
) -> f64 {
    let values = || series.batches.iter().map(|(_, value)| *value);
    let outside = values().filter(|value| value.is_finite() && !scale.holds(*value)).count();
    let not_finite = values().filter(|value| !value.is_finite()).count();
    for (count, note) in [
        (outside, t!("report.curve_outside", count = grouped(outside))),
        (not_finite, t!("report.curve_not_finite", count = grouped(not_finite))),
    ] {
        if count > 0 {
            y = drawing.paragraph(padding, y, width - 2.0 * padding, Font::Small, &note);
        }
    }
    y
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
    fn width(&self) -> f64 {
        self.right - self.left
    }

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

fn draw_legend(
    drawing: &mut Drawing,
    series: &Series,
    words: &Words,
    window: usize,
    layout: Layout,
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
        Some(_) if layout == Layout::Wide => entries.push(("z-test", t!("report.curve_test").into_owned())),
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

/// The first row under the plot: iterations.
fn draw_iterations(drawing: &mut Drawing, plot: &Plot) {
    let row = plot.bottom + 20.0;
    drawing.text(plot.left - 8.0, row, Anchor::End, Font::Small, &t!("report.iteration"));
    let widest = width_of(&grouped(plot.last_iteration as usize), Font::Small) + 16.0;
    let count = (plot.width() / widest) as usize;
    for tick in iteration_ticks(plot.last_iteration, count.clamp(1, 8)) {
        let (x, label) = (plot.x(tick), grouped(tick as usize));
        let half = width_of(&label, Font::Small) / 2.0;
        // A label at the very end leans inwards, so that it is not cut off; the one at the
        // start has the row's name on its left.
        let x_label = x.clamp(plot.left + half - 4.0, (plot.right - half + 8.0).max(plot.left));
        drawing.line([x, plot.bottom], [x, plot.bottom + 5.0], "z-grid");
        drawing.text(x_label, row, Anchor::Middle, Font::Small, &label);
    }
}

/// The second row: epochs between their borders.
fn draw_epochs(drawing: &mut Drawing, plot: &Plot, series: &Series) {
    let ends: Vec<f64> = series.epochs.iter().map(|(iteration, _)| plot.x(*iteration)).collect();
    if ends.is_empty() {
        return;
    }
    let row = plot.bottom + 40.0;
    drawing.text(plot.left - 8.0, row, Anchor::End, Font::Small, &t!("report.epoch"));
    let narrowest = plot.width() / ends.len() as f64;
    let last = series.first_epoch + ends.len();
    let in_words = |number: usize| t!("report.curve_epoch_number", number = number).into_owned();
    let fits_in_words = width_of(&in_words(last), Font::Small) + 12.0 <= narrowest;
    let number_width = width_of(&last.to_string(), Font::Small) + 10.0;
    let every = nice_count((number_width / narrowest).ceil() as u64) as usize;
    let mut start = plot.left;
    for (number, &end) in (series.first_epoch + 1..).zip(&ends) {
        if number.is_multiple_of(every) {
            if end < plot.right - 1.0 {
                drawing.line([end, plot.top], [end, plot.bottom], "z-border");
            }
            let label = if fits_in_words { in_words(number) } else { number.to_string() };
            let x = if every == 1 { f64::midpoint(start, end) } else { end };
            let half = width_of(&label, Font::Small) / 2.0;
            drawing.text(x.min(plot.right - half + 8.0), row, Anchor::Middle, Font::Small, &label);
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
