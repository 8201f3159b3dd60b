//! Several models on the same images: a table, who reads better, and where they disagree.
//!
//! In: what each model is and said. Out: text for the terminal, and one page with a picture of the
//! accuracies and the images on which the models disagree. Models are called A, B, C … throughout;
//! each is compared with the first.

use std::fmt::Write;

use rust_i18n::t;
use shuzi_engine::{
    dataset::Dataset,
    evaluation::{Comparison, Evaluation, disagreements},
};

use crate::{
    content::FactGroup,
    html,
    numbers::{grouped, nats, percent, percent_or_none},
    reliability::degrees,
    rendered,
    summary::aligned,
    svg::{Anchor, Drawing, Escaped, Font, Layout, shortened, width_of},
};

/// The most images that are shown; more would make the page long, not the reader wiser.
const SHOWN: usize = 60;

/// All that a comparison shows.
pub struct ComparisonReport<'a> {
    /// Heading of the page.
    pub title: String,
    /// Data, timing, machine: plain text, in this order.
    pub facts: Vec<FactGroup>,
    /// The models; each is compared with the first.
    pub models: &'a [Contender],
    /// What each of them said of `images`.
    pub evaluations: &'a [Evaluation],
    /// The images that were evaluated, in the same order.
    pub images: &'a Dataset,
}

/// A model that is compared.
pub struct Contender {
    /// As the user called it.
    pub name: String,
    /// Such as 784–32–16–10.
    pub layers: String,
    /// How many weights and biases.
    pub parameters: usize,
    /// Size of its file.
    pub bytes: usize,
    /// As its record has it.
    pub temperature: Option<f64>,
    /// Equal for equal networks; an ensemble has none.
    pub weights_sha256: Option<String>,
}

impl Contender {
    /// All of these as one.
    pub fn ensemble(members: &[Contender]) -> Contender {
        Contender {
            name: t!("report.compare_ensemble").into(),
            layers: t!("report.compare_mean", count = members.len()).into(),
            parameters: members.iter().map(|member| member.parameters).sum(),
            bytes: members.iter().map(|member| member.bytes).sum(),
            temperature: None,
            weights_sha256: None,
        }
    }
}

/// The files of a comparison and their names: `comparison.svg`, `report.html`, and with `png` also
/// the picture as PNG.
pub fn render(report: &ComparisonReport, png: bool) -> Vec<(String, Vec<u8>)> {
    rendered::files(&[("comparison", accuracies(report, Layout::Wide))], page(report), png)
}

/// The comparison as text for the terminal; ends with a line break.
pub fn summary(report: &ComparisonReport) -> String {
    let mut text = table(report);
    for index in 1..report.models.len() {
        text.push('\n');
        for sentence in verdict(report, index) {
            writeln!(text, "{sentence}").expect("a string takes all");
        }
    }
    text
}

/// A, B, C …; after Z comes A2.
fn mark(index: usize) -> String {
    let letter = char::from(b'A' + (index % 26) as u8);
    if index < 26 { letter.to_string() } else { format!("{letter}{}", index / 26 + 1) }
}

/// What the table says of a model.
struct Row {
    mark: String,
    name: String,
    layers: String,
    parameters: String,
    bytes: String,
    accuracy: String,
    interval: String,
    loss: String,
    error: String,
    /// The error with the temperature of its record, if there is one.
    tempered: String,
}

fn row(report: &ComparisonReport, index: usize) -> Row {
    let (model, evaluation) = (&report.models[index], &report.evaluations[index]);
    let interval = evaluation.interval();
    let (low, high) = (percent(interval.low, 2), percent(interval.high, 2));
    let tempered = model.temperature.zip(tempered_error(report, index)).map(|(temperature, error)| {
        t!("report.page_tempered", temperature = degrees(temperature), error = percent(error, 2)).into_owned()
    });
    Row {
        mark: mark(index),
        name: model.name.clone(),
        layers: model.layers.clone(),
        parameters: grouped(model.parameters),
        bytes: grouped(model.bytes),
        accuracy: percent(evaluation.accuracy(), 2),
        interval: t!("report.from_to", low = low, high = high).into_owned(),
        loss: nats(evaluation.loss()),
        error: percent(evaluation.expected_calibration_error(), 2),
        tempered: tempered.unwrap_or_default(),
    }
}

/// The table for the terminal.
fn table(report: &ComparisonReport) -> String {
    let headings = [
        "".into(),
        t!("report.model"),
        t!("report.parameters"),
        t!("report.bytes"),
        t!("report.accuracy"),
        t!("report.interval"),
        t!("report.loss"),
        t!("report.ece"),
        t!("report.ece_tempered"),
    ];
    let mut rows = vec![headings.map(|heading| heading.into_owned()).to_vec()];
    for index in 0..report.models.len() {
        let Row { mark, name, parameters, bytes, accuracy, interval, loss, error, .. } = row(report, index);
        let tempered = percent_or_none(tempered_error(report, index));
        rows.push(vec![mark, name, parameters, bytes, accuracy, interval, loss, error, tempered]);
    }
    if report.models.iter().all(|model| model.temperature.is_none()) {
        rows.iter_mut().for_each(|row| row.truncate(row.len() - 1));
    }
    aligned(&rows, 2)
}

fn tempered_error(report: &ComparisonReport, index: usize) -> Option<f64> {
    let temperature = report.models[index].temperature?;
    Some(report.evaluations[index].at_temperature(temperature).expected_calibration_error())
}

/// How model `index` differs from the first: what was counted, and what follows.
fn verdict(report: &ComparisonReport, index: usize) -> Vec<String> {
    /// What happens by chance less often is not put down to chance.
    const SIGNIFICANT: f64 = 0.05;
    let (first, other) = (mark(0), mark(index));
    if report.models[index].weights_sha256.is_some()
        && report.models[index].weights_sha256 == report.models[0].weights_sha256
    {
        return vec![t!("report.compare_same", other = other, first = first).into_owned()];
    }
    let comparison = Comparison::new(&report.evaluations[0], &report.evaluations[index]);
    let Comparison { only_first, only_second } = comparison;
    if only_first + only_second == 0 {
        return vec![t!("report.compare_equal", other = other, first = first).into_owned()];
    }
    let counted = t!(
        "report.compare_counts",
        other = other,
        first = first,
        only_other = grouped(only_second),
        only_first = grouped(only_first)
    );
    let p = comparison.p_value();
    let follows = if p < SIGNIFICANT {
        let better = if only_second > only_first { other } else { first };
        t!("report.compare_better", better = better, p = probability(p))
    } else {
        t!("report.compare_undecided", p = probability(p))
    };
    vec![counted.into_owned(), follows.into_owned()]
}

/// A probability as papers have it.
fn probability(p: f64) -> String {
    match p {
        p if p < 1e-300 => "< 1e-300".to_owned(),
        p if p < 1e-3 => format!("{p:.1e}"),
        p => format!("{p:.3}"),
    }
}

// ---- The page.

fn page(report: &ComparisonReport) -> String {
    let mut page = html::begin(&report.title);
    page.push_str("</header>\n<main>\n");
    write_table(&mut page, report);
    html::write_figure(&mut page, &|layout| accuracies(report, layout));
    write_disagreements(&mut page, report);
    html::write_facts(&mut page, &report.facts);
    html::end(&mut page);
    page
}

fn write_table(page: &mut String, report: &ComparisonReport) {
    html::open_section(page, "models", &t!("report.compare_models"));
    page.push_str("<div class=\"scroll\"><table class=\"models\">\n<thead><tr>");
    for heading in [
        "".into(),
        t!("report.model"),
        t!("report.parameters"),
        t!("report.bytes"),
        t!("report.accuracy"),
        t!("report.loss"),
        t!("report.ece"),
    ] {
        write!(page, "<th scope=\"col\">{}</th>", Escaped(&heading)).expect("a string takes all");
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for index in 0..report.models.len() {
        let row = row(report, index);
        write!(page, "<tr><th scope=\"row\">{}</th>", row.mark).expect("a string takes all");
        for [value, note] in [
            [row.name, row.layers],
            [row.parameters, String::new()],
            [row.bytes, String::new()],
            [row.accuracy, row.interval],
            [row.loss, String::new()],
            [row.error, row.tempered],
        ] {
            let (value, note) = (Escaped(&value), Escaped(&note));
            write!(page, "<td>{value}<small>{note}</small></td>").expect("a string takes all");
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n");
    for index in 1..report.models.len() {
        let sentences = verdict(report, index);
        let sentences: Vec<_> = sentences.iter().map(|text| Escaped(text).to_string()).collect();
        writeln!(page, "<p class=\"finding\">{}</p>", sentences.join("<br>")).expect("a string takes all");
    }
    write!(page, "<p class=\"note\">{}</p>\n</section>\n", Escaped(&t!("report.compare_note")))
        .expect("a string takes all");
}

fn write_disagreements(page: &mut String, report: &ComparisonReport) {
    let images = disagreements(report.evaluations);
    let shown = images.len().min(SHOWN);
    let count = grouped(images.len());
    let sentence = match (images.len(), shown) {
        (0, _) => t!("report.disagreements_none"),
        (all, shown) if all == shown => t!("report.disagreements_all", count = count),
        _ => t!("report.disagreements_shown", shown = shown, count = count),
    };
    html::open_section(page, "disagreements", &t!("report.disagreements"));
    writeln!(page, "<p class=\"note\">{}</p>", Escaped(&sentence)).expect("a string takes all");
    if shown > 0 {
        let named = html::named(report.evaluations[0].classes());
        writeln!(page, "<ol class=\"mistakes{named}\">").expect("a string takes all");
        for &index in &images[..shown] {
            write_disagreement(page, report, index);
        }
        page.push_str("</ol>\n");
    }
    page.push_str("</section>\n");
}

fn write_disagreement(page: &mut String, report: &ComparisonReport, index: usize) {
    let label = report.evaluations[0].label(index);
    let classes = report.evaluations[0].classes();
    let words = t!("report.disagreement", label = classes.name(label));
    html::write_image(page, &report.images.image(index), &words);
    let (words, place) = (Escaped(&words), t!("report.mistake_image", index = index));
    write!(page, "<p class=\"verdict plain\">{words}<small>{}</small></p>", Escaped(&place))
        .expect("a string takes all");
    for (model, evaluation) in report.evaluations.iter().enumerate() {
        let (mark, prediction) = (mark(model), evaluation.prediction(index));
        let class = if prediction == label { "label" } else { "wrong" };
        let name = Escaped(classes.name(prediction));
        let confidence = evaluation.confidence(index);
        let (width, percent) = ((confidence * 100.0).clamp(0.0, 100.0), percent(confidence, 1));
        write!(
            page,
            "<div class=\"probability reading\"><span>{mark}</span><b class=\"{class}\">{name}</b>\
             <i><u class=\"{class}\" style=\"width:{width:.1}%\"></u></i><span>{percent}</span></div>"
        )
        .expect("a string takes all");
    }
    page.push_str("</li>\n");
}

// ---- The picture.

/// The accuracies with their intervals, one under the other.
fn accuracies(report: &ComparisonReport, layout: Layout) -> Drawing {
    const ROW: f64 = 46.0;
    let wide = layout == Layout::Wide;
    let (id, width, padding) =
        if wide { ("comparison", 880.0, 24.0) } else { ("comparison-narrow", 352.0, 12.0) };
    let title = t!("report.compare_picture");
    let description = t!("report.compare_picture_description", count = report.models.len());
    let mut drawing = Drawing::new(id, width, padding, &title, &description);
    let end = drawing.paragraph(
        padding,
        padding + 38.0,
        width - 2.0 * padding,
        Font::Small,
        &t!("report.compare_picture_axis"),
    );

    let intervals: Vec<_> = report.evaluations.iter().map(Evaluation::interval).collect();
    let lowest = intervals.iter().map(|interval| interval.low).fold(1.0, f64::min);
    let highest = intervals.iter().map(|interval| interval.high).fold(0.0, f64::max);
    let axis = Axis::around(lowest, highest, if wide { 8.0 } else { 4.0 });
    let (left, right) = (padding + 16.0, width - padding - 16.0);
    let x = |accuracy: f64| left + (accuracy - axis.low) / (axis.high - axis.low) * (right - left);
    let top = end + 4.0;
    let bottom = top + ROW * report.models.len() as f64 + 8.0;
    for tick in axis.ticks() {
        drawing.line([x(tick), top], [x(tick), bottom], "z-grid");
        let label = percent(tick, axis.decimals);
        drawing.text(x(tick), bottom + 18.0, Anchor::Middle, Font::Small, &label);
    }
    for (index, (model, interval)) in report.models.iter().zip(&intervals).enumerate() {
        let evaluation = &report.evaluations[index];
        let (y, accuracy) = (top + ROW * (index as f64 + 0.5) + 14.0, evaluation.accuracy());
        let value = percent(accuracy, 2);
        let space = right - left - width_of(&value, Font::Strong) - 20.0;
        let name = format!("{}  {}", mark(index), model.name);
        drawing.text(left, y - 14.0, Anchor::Start, Font::Body, &shortened(&name, Font::Body, space));
        drawing.text(right, y - 14.0, Anchor::End, Font::Strong, &value);
        drawing.line([x(interval.low), y], [x(interval.high), y], "z-mean");
        for end in [interval.low, interval.high] {
            drawing.line([x(end), y - 5.0], [x(end), y + 5.0], "z-mean");
        }
        drawing.circle([x(accuracy), y], 5.0, "z-validation");
    }
    drawing.end_at(bottom + 18.0 + padding);
    drawing
}

/// A level axis of accuracies.
struct Axis {
    low: f64,
    high: f64,
    step: f64,
    /// Of its labels in percent.
    decimals: usize,
}

impl Axis {
    /// About the stretch, in at most so many round steps.
    fn around(low: f64, high: f64, steps: f64) -> Self {
        const STEPS: [f64; 9] = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05];
        let fits = |step: &f64| (high / step).ceil() - (low / step).floor() <= steps;
        let step = STEPS.into_iter().find(fits).unwrap_or(0.2);
        let decimals = if step < 0.001 { 2 } else { usize::from(step < 0.01) };
        Axis {
            low: (low / step).floor() * step,
            high: ((high / step).ceil() * step).min(1.0),
            step,
            decimals,
        }
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let count = ((self.high - self.low) / self.step).round() as usize;
        (0..=count).map(|tick| (self.low + tick as f64 * self.step).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_holds_the_intervals_in_round_steps() {
        for (low, high) in [(0.9575, 0.9651), (0.0, 1.0), (0.99, 1.0), (0.985_99, 0.986_01), (0.2, 0.3)] {
            let axis = Axis::around(low, high, 8.0);
            assert!(axis.low <= low && high <= axis.high, "{low} to {high}");
            let ticks: Vec<f64> = axis.ticks().collect();
            assert!((2..=9).contains(&ticks.len()), "{low} to {high}: {ticks:?}");
            assert!((ticks[ticks.len() - 1] - axis.high).abs() < 1e-9);
        }
    }

    #[test]
    fn models_have_marks_of_their_own() {
        assert_eq!([0, 25, 26, 53].map(mark), ["A", "Z", "A2", "B3"]);
    }
}
