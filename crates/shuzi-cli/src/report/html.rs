//! A report as one page: no script, nothing loaded, legible on a phone and in the dark.
//!
//! Facts and recipe are other people's text: all of it is escaped, and the page's own policy
//! forbids scripts and the network should that ever fail.

use std::fmt::Write;

use base64::{Engine, prelude::BASE64_STANDARD};
use rust_i18n::t;
use shuzi_engine::{
    classes::Classes,
    evaluation::Evaluation,
    image::{DigitImage, SIDE},
};

use super::{
    Curves, Digits, FactGroup, Report, confusion, curves, grouped, mistakes, nats, percent, percent_or_none,
    png,
    reliability::{self, degrees},
    robustness,
    summary::without_wrong_labels,
    svg::{self, Drawing, Escaped, Room, Themes},
    thing,
};

/// The page of a training or an evaluation, complete.
pub fn page(report: &Report) -> String {
    let mut page = begin(&report.title);
    write_headline(&mut page, report);
    page.push_str("<main>\n");
    if let Some(curves) = report.curves {
        write_curves(&mut page, curves);
    }
    write_digits(&mut page, &report.digits);
    if let Some(corrupted) = report.robustness {
        robustness::write_sections(&mut page, corrupted);
    }
    write_facts(&mut page, &report.facts);
    write_recipe(&mut page, report.recipe_toml);
    end(&mut page);
    page
}

/// A page up to its heading; its header is still open.
pub fn begin(title: &str) -> String {
    let mut page = String::with_capacity(256 * 1024);
    let language = rust_i18n::locale();
    write!(
        page,
        "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{title} · shuzi</title>\n<style>\n{style}\n{drawings}\n</style>\n</head>\n<body>\n\
         <header>\n<p class=\"brand\">shuzi · 数字</p>\n<h1>{title}</h1>\n",
        language = Escaped(&language),
        title = Escaped(title),
        style = include_str!("page.css"),
        drawings = svg::style(Themes::LightAndDark),
    )
    .expect("a string takes all");
    page
}

/// The end of a page whose main part is open.
pub fn end(page: &mut String) {
    page.push_str("</main>\n<footer>");
    push_escaped(page, &t!("report.page_footer"));
    page.push_str("</footer>\n</body>\n</html>\n");
}

fn write_headline(page: &mut String, report: &Report) {
    let Digits { evaluation, temperature, .. } = report.digits;
    let interval = evaluation.interval();
    let accuracy_name = t!("report.accuracy");
    let interval =
        t!("report.page_interval", low = percent(interval.low, 2), high = percent(interval.high, 2));
    let (correct, count) = (evaluation.correct(), evaluation.count());
    let sentence = t!("report.page_correct", correct = grouped(correct), count = grouped(count));
    let (wrong_name, loss_name, error_name) =
        (t!("report.page_wrong"), t!("report.page_loss"), t!("report.page_ece"));
    let without_wrong = without_wrong_labels(evaluation)
        .map(|sentence| format!("<dd class=\"note\">{}</dd>", Escaped(&sentence)));
    let tempered = temperature.map(|temperature| {
        let error = evaluation.at_temperature(temperature).expected_calibration_error();
        t!("report.page_tempered", temperature = degrees(temperature), error = percent(error, 2))
    });
    write!(
        page,
        "<dl class=\"headline\">\n\
         <div class=\"main\"><dt>{accuracy_name}</dt><dd>{accuracy}</dd><dd class=\"note\">{interval}</dd>\
         <dd class=\"note\">{sentence}</dd>{without_wrong}</div>\n\
         <div><dt>{wrong_name}</dt><dd>{wrong}</dd></div>\n<div><dt>{loss_name}</dt><dd>{loss}</dd></div>\n\
         <div><dt>{error_name}</dt><dd>{error}</dd><dd class=\"note\">{tempered}</dd></div>\n</dl>\n</header>\n",
        accuracy_name = Escaped(&accuracy_name),
        accuracy = Escaped(&percent(evaluation.accuracy(), 2)),
        interval = Escaped(&interval),
        sentence = Escaped(&sentence),
        without_wrong = without_wrong.unwrap_or_default(),
        wrong_name = Escaped(&wrong_name),
        wrong = grouped(count - correct),
        loss_name = Escaped(&loss_name),
        loss = Escaped(&nats(evaluation.loss())),
        error_name = Escaped(&error_name),
        error = Escaped(&percent(evaluation.expected_calibration_error(), 2)),
        tempered = Escaped(&tempered.unwrap_or_default()),
    )
    .expect("a string takes all");
}

fn write_curves(page: &mut String, curves: &Curves) {
    open_section(page, "training", &t!("report.page_training"));
    write_drawing(page, &|room| curves::accuracy(curves, room));
    write_drawing(page, &|room| curves::loss(curves, room));
    write_drawing(page, &|room| curves::learning_rate(curves, room));
    page.push_str("</section>\n");
}

/// A drawing as a section of its own.
pub fn write_figure(page: &mut String, draw: &dyn Fn(Room) -> Drawing) {
    page.push_str("<section>\n");
    write_drawing(page, draw);
    page.push_str("</section>\n");
}

/// A drawing twice, of which the style sheet shows the one that fits: shrunk to a phone's
/// width the wide one could not be read.
fn write_drawing(page: &mut String, draw: &dyn Fn(Room) -> Drawing) {
    for (class, room) in [("wide", Room::Wide), ("narrow", Room::Narrow)] {
        write!(page, "<figure class=\"{class}\">").expect("a string takes all");
        draw(room).write_inline(page);
        page.push_str("</figure>\n");
    }
}

/// All that is to say of digits: which were taken for which, how surely, the worst mistakes, wrong labels.
pub fn write_digits(page: &mut String, digits: &Digits) {
    write_figure(page, &|room| confusion::draw(digits.evaluation, room));
    write_figure(page, &|room| reliability::draw(digits.evaluation, digits.temperature, room));
    write_scores(page, digits.evaluation);
    mistakes::write_section(page, digits);
    mistakes::write_wrong_labels(page, digits);
}

fn write_scores(page: &mut String, evaluation: &Evaluation) {
    let classes = evaluation.classes();
    let heading = if classes.are_digits() { t!("report.page_digits") } else { t!("report.page_classes") };
    open_section(page, "digits", &heading);
    let note = t!("report.page_digits_note", thing = thing(classes));
    let named = if classes.are_characters() { "" } else { " class=\"named\"" };
    write!(
        page,
        "<p class=\"note\">{}</p>\n<div class=\"scroll\"><table{named}>\n<thead><tr>",
        Escaped(&note)
    )
    .expect("a string takes all");
    for heading in [
        thing(classes).into(),
        t!("report.images"),
        t!("report.precision"),
        t!("report.recall"),
        t!("report.often_read_as"),
    ] {
        write!(page, "<th scope=\"col\">{}</th>", Escaped(&heading)).expect("a string takes all");
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    let confusion = evaluation.confusion();
    for (class, (name, score)) in classes.names().zip(evaluation.class_scores()).enumerate() {
        write!(page, "<tr><th scope=\"row\">{}</th>", Escaped(name)).expect("a string takes all");
        for cell in [
            grouped(score.count),
            percent_or_none(score.precision),
            percent_or_none(score.recall),
            often_read_as(classes, class, &confusion[class]),
        ] {
            write!(page, "<td>{}</td>", Escaped(&cell)).expect("a string takes all");
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n</section>\n");
}

/// What `class` is most often taken for, the first of equals.
fn often_read_as(classes: &Classes, class: usize, row: &[usize]) -> String {
    let others = (0..row.len()).rev().filter(|&other| other != class && row[other] > 0);
    match others.max_by_key(|&other| row[other]) {
        Some(other) => {
            let name = classes.name(other as u8);
            t!("report.often_read_as_value", digit = name, count = grouped(row[other])).into_owned()
        }
        None => t!("report.none").into_owned(),
    }
}

/// An image of 28x28 as the beginning of an item of a list.
pub fn write_image(page: &mut String, image: &DigitImage, words: &str) {
    let picture = BASE64_STANDARD.encode(png::gray(SIDE, SIDE, &image.0));
    let words = Escaped(words);
    write!(
        page,
        "<li><img src=\"data:image/png;base64,{picture}\" width=\"{SIDE}\" height=\"{SIDE}\" alt=\"{words}\">"
    )
    .expect("a string takes all");
}

/// What a list's class is extended by, so that bars have room for names.
pub fn named(classes: &Classes) -> &'static str {
    if classes.are_characters() { "" } else { " named" }
}

/// How probable a reading is, as a bar of a `class`, which may be empty.
pub fn write_probability(page: &mut String, name: &str, probability: f32, class: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    let probability = f64::from(probability);
    let (width, percent) = ((probability * 100.0).clamp(0.0, 100.0), percent(probability, 1));
    let name = Escaped(name);
    write!(
        page,
        "<div class=\"probability\"><b>{name}</b><i><u{class} style=\"width:{width:.1}%\"></u></i>\
         <span>{percent}</span></div>"
    )
    .expect("a string takes all");
}

/// Facts, group by group.
pub fn write_facts(page: &mut String, facts: &[FactGroup]) {
    if facts.is_empty() {
        return;
    }
    open_section(page, "facts", &t!("report.page_facts"));
    page.push_str("<div class=\"facts\">\n");
    for group in facts {
        write!(page, "<div><h3>{}</h3>\n<dl>\n", Escaped(&group.heading)).expect("a string takes all");
        for (name, value) in &group.facts {
            writeln!(page, "<dt>{}</dt><dd>{}</dd>", Escaped(name), Escaped(value))
                .expect("a string takes all");
        }
        page.push_str("</dl></div>\n");
    }
    page.push_str("</div>\n</section>\n");
}

/// A recipe as its author wrote it; an empty one is left out.
pub fn write_recipe(page: &mut String, toml: &str) {
    if toml.is_empty() {
        return;
    }
    open_section(page, "recipe", &t!("report.page_recipe"));
    // A line break right after <pre> is not part of it.
    write!(page, "<pre tabindex=\"0\">\n{}</pre>\n</section>\n", Escaped(toml)).expect("a string takes all");
}

/// The beginning of a section with a heading.
pub fn open_section(page: &mut String, id: &str, heading: &str) {
    write!(page, "<section id=\"{id}\">\n<h2>{}</h2>\n", Escaped(heading)).expect("a string takes all");
}

fn push_escaped(page: &mut String, text: &str) {
    write!(page, "{}", Escaped(text)).expect("a string takes all");
}
