//! A pen for SVG: text, lines and shapes that are legible on light and on dark ground.
//!
//! In: coordinates in CSS pixels and a class for each shape. Out: a document of its own, or
//! the same drawing to stand inside a page. All colours stand in [`style`], here once.

use std::fmt::Write;

use rust_i18n::t;
use unicode_width::UnicodeWidthChar;

/// What a drawing is laid out for. Its text has the same size in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A desktop's page, or a file of its own.
    Wide,
    /// A phone held upright.
    Narrow,
}

/// Which grounds a document is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Themes {
    /// For pictures of pixels, which cannot change.
    Light,
    /// As the reader's system prefers.
    LightAndDark,
}

/// Where a text stands relative to its x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// How wide a mark in a legend is.
pub const MARK: f64 = 26.0;

/// The sizes of text, in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Font {
    /// Bold, 17.
    Title,
    /// 13.
    Body,
    /// 12, in a paler ink.
    Small,
    /// Bold, 12: numbers that matter.
    Strong,
    /// 11: numbers in narrow cells.
    Tiny,
}

impl Font {
    /// Height of the letters' line, in CSS pixels.
    pub fn size(self) -> f64 {
        match self {
            Font::Title => 17.0,
            Font::Body => 13.0,
            Font::Small | Font::Strong => 12.0,
            Font::Tiny => 11.0,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Font::Title => "z-title",
            Font::Body => "z-body",
            Font::Small => "z-small",
            Font::Strong => "z-strong",
            Font::Tiny => "z-tiny",
        }
    }
}

/// Shades of a cell: ground and ink on light, ground and ink on dark.
pub type Shade = [&'static str; 4];

/// Cells read right, from few of the row to nearly all.
pub const RIGHT_SHADES: [Shade; 5] = [
    ["#e3effb", "#1b1f24", "#14273f", "#e6edf3"],
    ["#bcd9f5", "#1b1f24", "#173a61", "#e6edf3"],
    ["#86b9ea", "#1b1f24", "#1a4f88", "#ffffff"],
    ["#1f6fc0", "#ffffff", "#1d62ad", "#ffffff"],
    ["#0b4f94", "#ffffff", "#2672cb", "#ffffff"],
];

/// Cells read wrong, from few of the row to many.
pub const WRONG_SHADES: [Shade; 5] = [
    ["#fff0e3", "#1b1f24", "#2e2016", "#e6edf3"],
    ["#ffd9b8", "#1b1f24", "#4c2e15", "#ffffff"],
    ["#ffb676", "#1b1f24", "#764314", "#ffffff"],
    ["#f28534", "#1b1f24", "#a55912", "#ffffff"],
    ["#b44700", "#ffffff", "#ffab5e", "#14171c"],
];

/// A drawing in the making.
pub struct Drawing {
    id: String,
    width: f64,
    height: f64,
    title: String,
    description: String,
    body: String,
}

impl Drawing {
    /// A drawing with its title alone, the margin `padding` around it. `id` must be its own within a page; title and
    /// description are also read to those who do not see it.
    pub fn new(id: &str, width: f64, padding: f64, title: &str, description: &str) -> Self {
        let mut drawing = Drawing {
            id: id.to_owned(),
            width,
            height: 0.0,
            title: title.to_owned(),
            description: description.to_owned(),
            body: String::new(),
        };
        drawing.text(padding, padding + 14.0, Anchor::Start, Font::Title, title);
        drawing
    }

    /// Its width, in CSS pixels.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// Sets the height, once it is known.
    pub fn end_at(&mut self, height: f64) {
        self.height = height;
    }

    /// One line of text on the baseline `y`.
    pub fn text(&mut self, x: f64, y: f64, anchor: Anchor, font: Font, text: &str) {
        self.text_with(x, y, anchor, font, "", text);
    }

    /// [`text`](Self::text) with one more class for its colour.
    pub fn text_with(&mut self, x: f64, y: f64, anchor: Anchor, font: Font, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let (font, gap) = (font.class(), if class.is_empty() { "" } else { " " });
        let (x, y, text) = (Number(x), Number(y), Escaped(text));
        writeln!(self.body, "<text x=\"{x}\" y=\"{y}\"{anchor} class=\"{font}{gap}{class}\">{text}</text>")
            .expect("a string takes all");
    }

    /// One line of text that goes up from `y`, its baseline on `x`.
    pub fn upright_text(&mut self, x: f64, y: f64, font: Font, text: &str) {
        let (x, y, font, text) = (Number(x), Number(y), font.class(), Escaped(text));
        writeln!(
            self.body,
            "<text x=\"{x}\" y=\"{y}\" transform=\"rotate(-90 {x} {y})\" class=\"{font}\">{text}</text>"
        )
        .expect("a string takes all");
    }

    /// A class's mark and its text, side by side from `[left, y]`, the baseline, and below each other where the
    /// drawing ends. `mark` draws one from the middle of its left side, [`MARK`] wide. Returns the baseline below.
    pub fn legend(
        &mut self,
        entries: Vec<(&str, String)>,
        [left, mut y]: [f64; 2],
        mark: impl Fn(&mut Self, &str, [f64; 2]),
    ) -> f64 {
        let mut x = left;
        for (class, text) in entries {
            let width = MARK + 6.0 + width_of(&text, Font::Body);
            if x > left && x + width > self.width() - left {
                (x, y) = (left, y + 21.0);
            }
            mark(self, class, [x, y - 4.5]);
            self.text(x + MARK + 6.0, y, Anchor::Start, Font::Body, &text);
            x += width + 20.0;
        }
        y + 21.0
    }

    /// Lines of text from the baseline `y`, broken at `width`. Returns the baseline below.
    pub fn paragraph(&mut self, x: f64, mut y: f64, width: f64, font: Font, text: &str) -> f64 {
        for line in broken_at(text, font, width) {
            self.text(x, y, Anchor::Start, font, line);
            y += (font.size() * 1.4).round();
        }
        y
    }

    /// A straight line.
    pub fn line(&mut self, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2], class: &str) {
        self.path(&format!("M{} {}L{} {}", Number(x1), Number(y1), Number(x2), Number(y2)), class);
    }

    /// Any path, in SVG's notation.
    pub fn path(&mut self, path: &str, class: &str) {
        writeln!(self.body, "<path class=\"{class}\" d=\"{path}\"/>").expect("a string takes all");
    }

    /// A filled rectangle with corners rounded by `radius`.
    pub fn rectangle(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], radius: f64, class: &str) {
        let [x, y, width, height, radius] = [x, y, width, height, radius].map(Number);
        writeln!(
            self.body,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{radius}\"/>"
        )
        .expect("a string takes all");
    }

    /// A filled circle.
    pub fn circle(&mut self, [x, y]: [f64; 2], radius: f64, class: &str) {
        let [x, y, radius] = [x, y, radius].map(Number);
        writeln!(self.body, "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>")
            .expect("a string takes all");
    }

    /// Cuts all that `draw` draws at the border of a rectangle.
    pub fn within(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], draw: impl FnOnce(&mut Self)) {
        let id = &self.id;
        let [x, y, width, height] = [x, y, width, height].map(Number);
        writeln!(
            self.body,
            "<clipPath id=\"{id}-clip\"><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/></clipPath>\n\
             <g clip-path=\"url(#{id}-clip)\">"
        )
        .expect("a string takes all");
        draw(self);
        self.body.push_str("</g>\n");
    }

    /// The drawing as a file of its own.
    pub fn document(&self, themes: Themes) -> String {
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut text, Some(themes));
        text
    }

    /// The drawing to stand in a page that has [`style`] in its head.
    pub fn write_inline(&self, page: &mut String) {
        self.write(page, None);
    }

    fn write(&self, out: &mut String, style_for: Option<Themes>) {
        let Drawing { id, title, description, body, .. } = self;
        let (width, height) = (Number(self.width), Number(self.height));
        let language = rust_i18n::locale();
        let (language, title, description) = (Escaped(&language), Escaped(title), Escaped(description));
        writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" xml:lang=\"{language}\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">\n\
             <title id=\"{id}-title\">{title}</title>\n<desc id=\"{id}-desc\">{description}</desc>"
        )
        .expect("a string takes all");
        if let Some(themes) = style_for {
            writeln!(out, "<style>{}</style>", style(themes)).expect("a string takes all");
            writeln!(out, "<rect class=\"z-ground\" width=\"{width}\" height=\"{height}\"/>")
                .expect("a string takes all");
        }
        out.push_str(body);
        out.push_str("</svg>\n");
    }
}

/// The style sheet of all drawings.
pub fn style(themes: Themes) -> String {
    let mut style = String::from(
        "text{font-family:system-ui,-apple-system,\"Segoe UI\",\"PingFang SC\",\"Microsoft YaHei\",\"Noto Sans CJK SC\",sans-serif}\
         .z-title{font-size:17px;font-weight:700}.z-body{font-size:13px}.z-small{font-size:12px}\
         .z-strong{font-size:12px;font-weight:700}.z-tiny{font-size:11px}\
         .z-grid,.z-border,.z-batch,.z-dots,.z-mean,.z-validation-line,.z-test,.z-diagonal,.z-whisker{fill:none}\
         .z-grid,.z-border{stroke-width:1}.z-border{stroke-dasharray:1 3}.z-batch{stroke-width:1;stroke-linejoin:round}\
         .z-dots{stroke-width:3;stroke-linecap:round}.z-mean{stroke-width:2.5;stroke-linejoin:round;stroke-linecap:round}\
         .z-validation{stroke-width:1.5}.z-validation-line{stroke-width:1.5}.z-test{stroke-width:1.5;stroke-dasharray:6 4}\
         .z-diagonal,.z-whisker{stroke-width:1.5}.z-diagonal{stroke-dasharray:6 4}\n",
    );
    let ink = |ink: [&str; 9], theme: usize| {
        let [ground, text, pale, grid, border, batch, mean, validation, test] = ink;
        let mut rules = format!(
            ".z-ground{{fill:{ground}}}text{{fill:{text}}}.z-small{{fill:{pale}}}.z-grid{{stroke:{grid}}}\
             .z-border{{stroke:{border}}}.z-batch,.z-dots{{stroke:{batch}}}.z-mean{{stroke:{mean}}}\
             .z-validation{{fill:{validation};stroke:{ground}}}.z-validation-line{{stroke:{validation}}}\
             .z-test{{stroke:{test}}}.z-test-text{{fill:{test}}}.z-diagonal{{stroke:{pale}}}\
             .z-whisker{{stroke:{text}}}.z-count{{fill:{border}}}"
        );
        for (name, shades) in [("right", RIGHT_SHADES), ("wrong", WRONG_SHADES)] {
            for (level, shade) in shades.iter().enumerate() {
                let (ground, ink) = (shade[theme * 2], shade[theme * 2 + 1]);
                write!(rules, ".z-{name}{level}{{fill:{ground}}}.z-on-{name}{level}{{fill:{ink}}}")
                    .expect("a string takes all");
            }
        }
        rules
    };
    style.push_str(&ink(LIGHT, 0));
    if themes == Themes::LightAndDark {
        write!(style, "\n@media (prefers-color-scheme:dark){{{}}}", ink(DARK, 1))
            .expect("a string takes all");
    }
    style
}

/// Ground, text, pale text, grid, borders, batches, mean, validation, test. The three that
/// carry meaning are apart for colour-blind readers too (after Okabe and Ito), and their
/// marks differ: line, circle, dashes.
const LIGHT: [&str; 9] =
    ["#ffffff", "#1b1f24", "#57606a", "#e4e8ec", "#8c959f", "#a9cdf0", "#0b5cad", "#c2410c", "#00734f"];
const DARK: [&str; 9] =
    ["#14171c", "#e6edf3", "#a3adb8", "#2a3038", "#6e7781", "#2c4f78", "#6cb2ff", "#ff9a57", "#43cf9c"];

/// A coordinate: tenths of a pixel are enough, and a drawing is half as large for it.
struct Number(f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = (self.0 * 10.0).round() as i64; // saturates; NaN becomes 0
        write!(f, "{}{}", if tenths < 0 { "-" } else { "" }, tenths.unsigned_abs() / 10)?;
        if tenths % 10 != 0 {
            write!(f, ".{}", tenths.unsigned_abs() % 10)?;
        }
        Ok(())
    }
}

/// Appends a point to a path.
pub fn push_point(path: &mut String, command: char, [x, y]: [f64; 2]) {
    write!(path, "{command}{} {}", Number(x), Number(y)).expect("a string takes all");
}

/// Text made harmless for XML and HTML, between tags and in quoted attributes. Characters
/// that XML forbids are left out.
pub struct Escaped<'a>(pub &'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(character)?,
                '\u{fffe}' | '\u{ffff}' => {}
                control if control.is_control() => {}
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// About how wide a text is, in CSS pixels; rather too wide than too narrow, because the
/// reader's font is not known.
pub fn width_of(text: &str, font: Font) -> f64 {
    let ems: f64 = text.chars().map(ems_of).sum();
    let boldness = if matches!(font, Font::Title | Font::Strong) { 1.06 } else { 1.0 };
    ems * font.size() * boldness
}

fn ems_of(character: char) -> f64 {
    match character {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | 'I' => 0.3,
        ' ' | '\u{a0}' | 'f' | 't' | 'r' | '-' | '(' | ')' | '"' | '/' => 0.38,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.92,
        'A'..='Z' => 0.68,
        _ if character.width() == Some(2) => 1.0,
        _ => 0.58,
    }
}

/// Breaks a text into lines: after a space, or between two wide characters, as Chinese does,
/// but never before a closing mark.
fn broken_at(text: &str, font: Font, width: f64) -> Vec<&str> {
    let mut lines = Vec::new();
    let (mut start, mut chance, mut previous) = (0, None, ' ');
    for (at, character) in text.char_indices() {
        let wide = |character: char| character.width() == Some(2);
        let closing = "，。；：）、".contains(character);
        if at > start && (previous == ' ' || (wide(previous) || wide(character)) && !closing) {
            chance = Some(at);
        }
        let end = at + character.len_utf8();
        if let Some(at) = chance
            && width_of(&text[start..end], font) > width
        {
            lines.push(text[start..at].trim_end());
            (start, chance) = (at, None);
        }
        previous = character;
    }
    lines.push(&text[start..]);
    lines
}

/// A name without its middle, if it is too wide: folders begin alike and end apart.
pub fn shortened(name: &str, font: Font, width: f64) -> String {
    if width_of(name, font) <= width {
        return name.to_owned();
    }
    let characters: Vec<char> = name.chars().collect();
    let cut = |kept: usize| {
        let (start, end) = (kept / 4, kept - kept / 4);
        let start: String = characters[..start].iter().collect();
        let end: String = characters[characters.len() - end..].iter().collect();
        t!("report.cut", start = start, end = end).into_owned()
    };
    (0..characters.len()).rev().map(cut).find(|text| width_of(text, font) <= width).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_end() {
        let name = "B  a/very/long/way/to/the/folder/of/a/run/model.safetensors";
        let short = shortened(name, Font::Body, 200.0);
        assert!(width_of(&short, Font::Body) <= 200.0 && short.starts_with("B  "), "{short}");
        assert!(short.ends_with("model.safetensors"), "{short}");
        assert_eq!(shortened("A  classic", Font::Body, 200.0), "A  classic");
    }

    #[test]
    fn markup_in_a_text_is_escaped() {
        let text = Escaped("<script>\"&'\u{0}\u{1b}[1m\n").to_string();
        assert_eq!(text, "&lt;script&gt;&quot;&amp;&#39;[1m\n");
    }

    #[test]
    fn coordinates_are_short() {
        for (value, text) in [(0.0, "0"), (-0.04, "0"), (-0.5, "-0.5"), (12.25, "12.3"), (f64::NAN, "0")] {
            assert_eq!(Number(value).to_string(), text);
        }
    }

    #[test]
    fn long_text_is_broken_where_its_language_allows() {
        assert_eq!(broken_at("one two three", Font::Body, 60.0), ["one two", "three"]);
        assert_eq!(broken_at("识别为，标签", Font::Body, 40.0), ["识别", "为，标", "签"]);
        assert_eq!(broken_at("unbreakable", Font::Body, 10.0), ["unbreakable"]);
        assert_eq!(broken_at("", Font::Body, 10.0), [""]);
    }

    /// WCAG 2.2, relative luminance and contrast.
    fn contrast(a: &str, b: &str) -> f64 {
        let luminance = |colour: &str| {
            let channel = |at: usize| {
                let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
                if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_text_has_the_contrast_that_wcag_asks_for() {
        assert!(contrast("#777777", "#888888") < 4.5); // the check can fail
        let mut pairs = Vec::new();
        for shade in RIGHT_SHADES.iter().chain(&WRONG_SHADES) {
            pairs.extend([(shade[0], shade[1]), (shade[2], shade[3])]);
        }
        for theme in [LIGHT, DARK] {
            pairs.extend([theme[1], theme[2], theme[8]].map(|ink| (theme[0], ink)));
        }
        for (ground, ink) in pairs {
            assert!(contrast(ground, ink) >= 4.5, "{ink} on {ground}: {:.2}", contrast(ground, ink));
        }
        for theme in [LIGHT, DARK] {
            for mark in &theme[6..] {
                assert!(contrast(theme[0], mark) >= 3.0, "{mark}"); // graphics need less than text
            }
        }
    }
}
