//! How labelled pictures were read: whole texts by kind of picture, the mistakes as small pictures, and digit by digit.

use crate::{
    content::{Digits, FactGroup},
    html::{begin, end, open_section, write_facts, write_recipe},
    numbers::{grouped, percent, percent_or_none},
    page,
    rendered::{digit_pictures, files},
    summary::{aligned, summary},
    svg::Escaped,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use rust_i18n::t;
use shuzi_engine::evaluation::{Interval, TextScore};
use std::{borrow::Cow, fmt::Write};

/// Mistakes of each kind that are shown; more would make the page long, not the reader wiser.
pub const SHOWN: usize = 40;

/// What is written in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One digit.
    Single,
    /// Several.
    Line,
    /// None.
    NonDigit,
}

impl Kind {
    /// All, in the order of a report.
    pub const ALL: [Kind; 3] = [Kind::Single, Kind::Line, Kind::NonDigit];

    /// The kind of a picture in which `label` is written.
    pub fn of(label: &str) -> Self {
        match label.len() {
            0 => Kind::NonDigit,
            1 => Kind::Single,
            _ => Kind::Line,
        }
    }

    fn name(self) -> Cow<'static, str> {
        match self {
            Kind::Single => t!("pictures.single"),
            Kind::Line => t!("pictures.lines"),
            Kind::NonDigit => t!("pictures.non-digits"),
        }
    }
}

/// All that a report on pictures shows.
pub struct PicturesReport<'a> {
    /// Heading of the page.
    pub title: String,
    /// As in other reports.
    pub facts: Vec<FactGroup>,
    /// The recipe as its author wrote it; an empty one is left out.
    pub recipe_toml: &'a str,
    /// How well the pictures of each kind were read, in the order of [`Kind::ALL`].
    pub scores: &'a [TextScore; 3],
    /// What else is to say of them, in sentences.
    pub remarks: Vec<String>,
    /// Pictures that were not read as labelled.
    pub mistakes: &'a [Mistake],
    /// The digits of the readings that have as many as their label, if there are any.
    pub digits: Option<Digits<'a>>,
}

/// A picture that was not read as labelled.
pub struct Mistake {
    /// Its path, as its table or folder names it.
    pub path: String,
    /// The digits that are written in it.
    pub label: String,
    /// What was read.
    pub text: String,
    /// A small copy with boxes, as PNG; `None` beyond the first [`SHOWN`] of a kind.
    pub thumbnail: Option<Vec<u8>>,
}

/// The files of a report and their names, as [`super::render`].
pub fn render(report: &PicturesReport, png: bool) -> Vec<(String, Vec<u8>)> {
    let drawings: Vec<_> = report.digits.iter().flat_map(digit_pictures).collect();
    files(&drawings, page(report), png)
}

/// The report for the terminal; ends with a line break.
pub fn summarize(report: &PicturesReport) -> String {
    let mut text = aligned(&table(report), 1);
    for remark in &report.remarks {
        writeln!(text, "{remark}").expect("a string takes all");
    }
    if let Some(digits) = &report.digits {
        let digits_of = t!("pictures.digits", count = grouped(digits.evaluation.count()));
        write!(text, "\n{digits_of}\n{}", summary(digits.evaluation, digits.temperature))
            .expect("a string takes all");
    }
    text
}

/// The kinds of which there are pictures.
fn kinds<'a>(report: &'a PicturesReport) -> impl Iterator<Item = (Kind, &'a TextScore)> {
    Kind::ALL.into_iter().zip(report.scores).filter(|(_, score)| score.count > 0)
}

/// A row of headings, and one for each kind.
fn table(report: &PicturesReport) -> Vec<Vec<String>> {
    let none = || t!("report.none").into_owned();
    let headings = [
        "".into(),
        t!("pictures.count"),
        t!("pictures.right"),
        t!("report.interval"),
        t!("pictures.source-mean"),
        t!("pictures.nothing"),
        t!("pictures.edits"),
    ];
    let row = |(kind, score): (Kind, &TextScore)| {
        let edits = score.error_rate().map(|rate| {
            let (edits, digits) = (grouped(score.edits), grouped(score.digits));
            t!("pictures.edits-value", edits = edits, digits = digits, rate = percent(rate, 1)).into_owned()
        });
        vec![
            kind.name().into_owned(),
            grouped(score.count),
            percent_or_none(score.accuracy()),
            score.interval().map_or_else(none, |Interval { low, high }| {
                t!("report.from_to", low = percent(low, 2), high = percent(high, 2)).into_owned()
            }),
            percent_or_none(score.source_mean()),
            percent_or_none(score.rejected()),
            edits.unwrap_or_else(none),
        ]
    };
    let mut rows = vec![headings.map(Cow::into_owned).to_vec()];
    rows.extend(kinds(report).map(row));
    rows
}

fn page(report: &PicturesReport) -> String {
    let mut page = begin(&report.title);
    write_headline(&mut page, report);
    open_section(&mut page, "pictures", &t!("pictures.heading"));
    write_table(&mut page, &table(report));
    let mut notes = vec![t!("pictures.note").into_owned()];
    notes.extend(report.remarks.iter().cloned());
    for note in &notes {
        writeln!(page, "<p class=\"note\">{}</p>", Escaped(note)).expect("a string takes all");
    }
    for (kind, score) in kinds(report) {
        write_mistakes(&mut page, report, kind, score);
    }
    if let Some(digits) = &report.digits {
        let digits_of = t!("pictures.digits", count = grouped(digits.evaluation.count()));
        writeln!(page, "<p class=\"note\">{}</p>", Escaped(&digits_of)).expect("a string takes all");
    }
    page.push_str("</section>\n");
    if let Some(digits) = &report.digits {
        page::write_digits(&mut page, digits);
    }
    write_facts(&mut page, &report.facts);
    write_recipe(&mut page, report.recipe_toml);
    end(&mut page);
    page
}

/// How many are right, the first kind in large letters.
fn write_headline(page: &mut String, report: &PicturesReport) {
    page.push_str("<dl class=\"headline\">\n");
    for (place, (kind, score)) in kinds(report).enumerate() {
        let class = if place == 0 { " class=\"main\"" } else { "" };
        let counts =
            t!("report.page_correct", correct = grouped(score.correct), count = grouped(score.count));
        writeln!(
            page,
            "<div{class}><dt>{}</dt><dd>{}</dd><dd class=\"note\">{}</dd></div>",
            Escaped(&kind.name()),
            Escaped(&percent_or_none(score.accuracy())),
            Escaped(&counts)
        )
        .expect("a string takes all");
    }
    page.push_str("</dl>\n</header>\n<main>\n");
}

fn write_table(page: &mut String, rows: &[Vec<String>]) {
    page.push_str("<div class=\"scroll\"><table class=\"kinds\">\n");
    for (place, row) in rows.iter().enumerate() {
        let (tag, scope) = if place == 0 { ("th", " scope=\"col\"") } else { ("td", "") };
        page.push_str(if place == 0 { "<thead><tr>" } else { "<tr>" });
        for (column, cell) in row.iter().enumerate() {
            let (tag, scope) = if column == 0 && place > 0 { ("th", " scope=\"row\"") } else { (tag, scope) };
            write!(page, "<{tag}{scope}>{}</{tag}>", Escaped(cell)).expect("a string takes all");
        }
        page.push_str(if place == 0 { "</tr></thead>\n<tbody>\n" } else { "</tr>\n" });
    }
    page.push_str("</tbody>\n</table></div>\n");
}

fn write_mistakes(page: &mut String, report: &PicturesReport, kind: Kind, score: &TextScore) {
    let count = score.count - score.correct;
    let heading = match count {
        0 => t!("pictures.mistakes-none", kind = kind.name()),
        _ if count <= SHOWN => t!("pictures.mistakes", kind = kind.name(), count = grouped(count)),
        _ => t!("pictures.mistakes-shown", kind = kind.name(), shown = SHOWN, count = grouped(count)),
    };
    write!(page, "<h3>{}</h3>\n<ol class=\"mistakes pictures\">\n", Escaped(&heading))
        .expect("a string takes all");
    for mistake in report.mistakes.iter().filter(|mistake| Kind::of(&mistake.label) == kind) {
        if let Some(thumbnail) = &mistake.thumbnail {
            write_mistake(page, mistake, thumbnail);
        }
    }
    page.push_str("</ol>\n");
}

fn write_mistake(page: &mut String, mistake: &Mistake, thumbnail: &[u8]) {
    let or_none =
        |text: &str| if text.is_empty() { t!("explain.none").into_owned() } else { text.to_owned() };
    let (label, text) = (or_none(&mistake.label), or_none(&mistake.text));
    let words = t!("report.mistake", label = label, prediction = text);
    writeln!(
        page,
        "<li><img src=\"data:image/png;base64,{}\" alt=\"{}\"><p class=\"verdict\"><span class=\"label\">{label}</span> → \
         <span class=\"wrong\">{text}</span></p><small>{}</small></li>",
        BASE64_STANDARD.encode(thumbnail),
        Escaped(&words),
        Escaped(&mistake.path),
        label = Escaped(&label),
        text = Escaped(&text),
    )
    .expect("a string takes all");
}
