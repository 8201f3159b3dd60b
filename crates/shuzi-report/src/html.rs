//! What pages are made of: no script, nothing loaded, legible on a phone and in the dark.
//!
//! Facts and recipe are other people's text: all of it is escaped, and the page's own policy
//! forbids scripts and the network should that ever fail.

use std::fmt::Write;

use base64::{Engine, prelude::BASE64_STANDARD};
use rust_i18n::t;
use shuzi_engine::{
    classes::Classes,
    image::{DigitImage, SIDE},
};

use crate::{
    content::FactGroup,
    numbers::percent,
    png,
    svg::{self, Drawing, Escaped, Layout, Themes},
};

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

/// A drawing as a section of its own.
pub fn write_figure(page: &mut String, draw: &dyn Fn(Layout) -> Drawing) {
    page.push_str("<section>\n");
    write_drawing(page, draw);
    page.push_str("</section>\n");
}

/// A drawing twice, of which the style sheet shows the one that fits: shrunk to a phone's
/// width the wide one could not be read.
pub fn write_drawing(page: &mut String, draw: &dyn Fn(Layout) -> Drawing) {
    for (class, layout) in [("wide", Layout::Wide), ("narrow", Layout::Narrow)] {
        write!(page, "<figure class=\"{class}\">").expect("a string takes all");
        draw(layout).write_inline(page);
        page.push_str("</figure>\n");
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

/// What a list's class is extended by, so that bars leave space for names.
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
