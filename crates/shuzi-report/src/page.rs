//! The page of a training or an evaluation: which sections it has, in which order.

use std::fmt::Write;

use rust_i18n::t;
use shuzi_engine::{classes::Classes, evaluation::Evaluation};

use crate::{
    confusion,
    content::{Curves, Digits, Report},
    curves,
    html::{begin, end, open_section, write_drawing, write_facts, write_figure, write_recipe},
    mistakes,
    numbers::{grouped, nats, percent, percent_or_none, thing},
    reliability::{self, degrees},
    robustness,
    summary::without_wrong_labels,
    svg::Escaped,
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
    write_drawing(page, &|layout| curves::accuracy(curves, layout));
    write_drawing(page, &|layout| curves::loss(curves, layout));
    write_drawing(page, &|layout| curves::learning_rate(curves, layout));
    page.push_str("</section>\n");
}

/// All that is to say of digits: which were taken for which, how surely, the worst mistakes, wrong labels.
pub fn write_digits(page: &mut String, digits: &Digits) {
    write_figure(page, &|layout| confusion::draw(digits.evaluation, layout));
    write_figure(page, &|layout| reliability::draw(digits.evaluation, digits.temperature, layout));
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
