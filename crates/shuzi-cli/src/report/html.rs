//! The report as one page: no script, nothing loaded, legible on a phone and in the dark.
//!
//! Facts and recipe are other people's text: all of it is escaped, and the page's own policy
//! forbids scripts and the network should that ever fail.

use std::fmt::Write;

use rust_i18n::t;
use shuzi::{evaluation::Evaluation, image::DIGITS};

use super::{
    Curves, Report, confusion, curves, grouped, mistakes, nats, percent, percent_or_none,
    svg::{self, Drawing, Escaped, Room, Themes},
};

/// The page, complete.
pub fn page(report: &Report) -> String {
    let mut page = String::with_capacity(256 * 1024);
    let language = rust_i18n::locale();
    write!(
        page,
        "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{title} · shuzi</title>\n<style>\n{style}\n{drawings}\n</style>\n</head>\n<body>\n",
        language = Escaped(&language),
        title = Escaped(&report.title),
        style = include_str!("page.css"),
        drawings = svg::style(Themes::LightAndDark),
    )
    .expect("a string takes all");
    write_headline(&mut page, report);
    page.push_str("<main>\n");
    if let Some(curves) = report.curves {
        write_curves(&mut page, curves);
    }
    write_confusion(&mut page, report.evaluation);
    write_digits(&mut page, report.evaluation);
    mistakes::write_section(&mut page, report);
    write_facts(&mut page, report);
    if !report.recipe_toml.is_empty() {
        open_section(&mut page, "recipe", &t!("report.page_recipe"));
        // A line break right after <pre> is not part of it.
        let recipe = Escaped(report.recipe_toml);
        write!(page, "<pre tabindex=\"0\">\n{recipe}</pre>\n</section>\n").expect("a string takes all");
    }
    page.push_str("</main>\n<footer>");
    push_escaped(&mut page, &t!("report.page_footer"));
    page.push_str("</footer>\n</body>\n</html>\n");
    page
}

fn write_headline(page: &mut String, report: &Report) {
    let evaluation = report.evaluation;
    let interval = evaluation.interval();
    let accuracy_name = t!("report.accuracy");
    let interval =
        t!("report.page_interval", low = percent(interval.low, 2), high = percent(interval.high, 2));
    let (correct, count) = (evaluation.correct(), evaluation.count());
    let sentence = t!("report.page_correct", correct = grouped(correct), count = grouped(count));
    let (wrong_name, loss_name) = (t!("report.page_wrong"), t!("report.page_loss"));
    write!(
        page,
        "<header>\n<p class=\"brand\">shuzi · 数字</p>\n<h1>{title}</h1>\n<dl class=\"headline\">\n\
         <div class=\"main\"><dt>{accuracy_name}</dt><dd>{accuracy}</dd><dd class=\"note\">{interval}</dd>\
         <dd class=\"note\">{sentence}</dd></div>\n\
         <div><dt>{wrong_name}</dt><dd>{wrong}</dd></div>\n<div><dt>{loss_name}</dt><dd>{loss}</dd></div>\n\
         </dl>\n</header>\n",
        title = Escaped(&report.title),
        accuracy_name = Escaped(&accuracy_name),
        accuracy = Escaped(&percent(evaluation.accuracy(), 2)),
        interval = Escaped(&interval),
        sentence = Escaped(&sentence),
        wrong_name = Escaped(&wrong_name),
        wrong = grouped(count - correct),
        loss_name = Escaped(&loss_name),
        loss = Escaped(&nats(evaluation.loss())),
    )
    .expect("a string takes all");
}

fn write_curves(page: &mut String, curves: &Curves) {
    open_section(page, "training", &t!("report.page_training"));
    write_drawing(page, &|room| curves::accuracy(curves, room));
    write_drawing(page, &|room| curves::loss(curves, room));
    page.push_str("</section>\n");
}

fn write_confusion(page: &mut String, evaluation: &Evaluation) {
    page.push_str("<section>\n");
    write_drawing(page, &|room| confusion::draw(evaluation, room));
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

fn write_digits(page: &mut String, evaluation: &Evaluation) {
    open_section(page, "digits", &t!("report.page_digits"));
    let note = t!("report.page_digits_note");
    write!(page, "<p class=\"note\">{}</p>\n<table>\n<thead><tr>", Escaped(&note))
        .expect("a string takes all");
    for heading in [
        t!("report.digit"),
        t!("report.images"),
        t!("report.precision"),
        t!("report.recall"),
        t!("report.often_read_as"),
    ] {
        write!(page, "<th scope=\"col\">{}</th>", Escaped(&heading)).expect("a string takes all");
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    let confusion = evaluation.confusion();
    for (digit, score) in evaluation.digit_scores().iter().enumerate() {
        write!(page, "<tr><th scope=\"row\">{digit}</th>").expect("a string takes all");
        for cell in [
            grouped(score.count),
            percent_or_none(score.precision),
            percent_or_none(score.recall),
            often_read_as(digit, &confusion[digit]),
        ] {
            write!(page, "<td>{}</td>", Escaped(&cell)).expect("a string takes all");
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n</section>\n");
}

/// The digit that `digit` is most often taken for, the smaller of equals.
fn often_read_as(digit: usize, row: &[usize; DIGITS]) -> String {
    let others = (0..DIGITS).rev().filter(|&other| other != digit && row[other] > 0);
    match others.max_by_key(|&other| row[other]) {
        Some(other) => {
            t!("report.often_read_as_value", digit = other, count = grouped(row[other])).into_owned()
        }
        None => t!("report.none").into_owned(),
    }
}

fn write_facts(page: &mut String, report: &Report) {
    if report.facts.is_empty() {
        return;
    }
    open_section(page, "facts", &t!("report.page_facts"));
    page.push_str("<div class=\"facts\">\n");
    for group in &report.facts {
        write!(page, "<div><h3>{}</h3>\n<dl>\n", Escaped(&group.heading)).expect("a string takes all");
        for (name, value) in &group.facts {
            writeln!(page, "<dt>{}</dt><dd>{}</dd>", Escaped(name), Escaped(value))
                .expect("a string takes all");
        }
        page.push_str("</dl></div>\n");
    }
    page.push_str("</div>\n</section>\n");
}

fn open_section(page: &mut String, id: &str, heading: &str) {
    write!(page, "<section id=\"{id}\">\n<h2>{}</h2>\n", Escaped(heading)).expect("a string takes all");
}

fn push_escaped(page: &mut String, text: &str) {
    write!(page, "{}", Escaped(text)).expect("a string takes all");
}
