//! Pictures and a page as named files.

use crate::{
    confusion,
    content::Digits,
    png, reliability,
    svg::{self, Themes},
};

/// The pictures of digits, by name.
pub fn digit_pictures(digits: &Digits) -> [(&'static str, svg::Drawing); 2] {
    let Digits { evaluation, temperature, .. } = digits;
    [
        ("confusion", confusion::draw(evaluation, svg::Layout::Wide)),
        ("reliability", reliability::draw(evaluation, *temperature, svg::Layout::Wide)),
    ]
}

/// Pictures and a page as files; with `png` each picture twice.
pub fn files(pictures: &[(&str, svg::Drawing)], page: String, png: bool) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for (name, picture) in pictures {
        files.push((format!("{name}.svg"), picture.document(Themes::LightAndDark).into_bytes()));
    }
    files.push(("report.html".to_owned(), page.into_bytes()));
    if png {
        let painter = png::Painter::new();
        for (name, picture) in pictures {
            files.push((format!("{name}.png"), painter.paint(&picture.document(Themes::Light))));
        }
    }
    files
}
