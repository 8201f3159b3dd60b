//! Pictures as PNG, for where SVG is not accepted.
//!
//! In: a drawing for light ground. Out: PNG bytes, twice as fine as a CSS pixel. Letters come
//! from the fonts in `assets/`, never from the system: the same picture everywhere.

use std::sync::Arc;

use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{Options, Tree, fontdb},
};

/// Pixels for each CSS pixel.
const SCALE: f32 = 2.0;
/// The family's name in the fonts of `assets/`.
const FAMILY: &str = "Noto Sans CJK SC";

/// The terms of the fonts, which come with whatever is built on this crate.
pub const FONT_LICENSE: &str = include_str!("../assets/OFL.txt");

/// Turns SVG into PNG; holds the fonts.
pub(crate) struct Painter {
    options: Options<'static>,
}

impl Painter {
    /// A painter with the program's own fonts.
    pub fn new() -> Self {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(include_bytes!("../assets/NotoSansCJKsc-Regular-subset.otf").to_vec());
        fonts.load_font_data(include_bytes!("../assets/NotoSansCJKsc-Bold-subset.otf").to_vec());
        fonts.set_sans_serif_family(FAMILY);
        let options =
            Options { fontdb: Arc::new(fonts), font_family: FAMILY.to_owned(), ..Options::default() };
        Painter { options }
    }

    /// A drawing's document as PNG.
    ///
    /// # Panics
    ///
    /// If `svg` is not valid: the report writes it itself.
    pub fn paint(&self, svg: &str) -> Vec<u8> {
        let tree = self.read(svg);
        let size = tree.size().to_int_size().scale_by(SCALE).expect("drawings have a size");
        let mut pixels = Pixmap::new(size.width(), size.height()).expect("drawings are small");
        resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
        pixels.encode_png().expect("a PNG in memory takes all")
    }

    /// A drawing over a picture of its size.
    ///
    /// # Panics
    ///
    /// If `svg` is not valid.
    pub fn paint_over(&self, svg: &str, picture: &mut Pixmap) {
        resvg::render(&self.read(svg), Transform::identity(), &mut picture.as_mut());
    }

    fn read(&self, svg: &str) -> Tree {
        Tree::from_str(svg, &self.options).expect("drawings are valid SVG")
    }
}

/// Grey pixels, row by row from the top, as PNG.
///
/// # Panics
///
/// If there are not `width * height` of them.
pub fn gray(width: usize, height: usize, pixels: &[u8]) -> Vec<u8> {
    encode(width as u32, height as u32, ::png::ColorType::Grayscale, pixels)
}

/// Pixels of red, green and blue, row by row from the top, as PNG.
///
/// # Panics
///
/// If there are not `3 * width * height` bytes.
pub fn color(width: u32, height: u32, pixels: &[u8]) -> Vec<u8> {
    encode(width, height, ::png::ColorType::Rgb, pixels)
}

fn encode(width: u32, height: u32, color: ::png::ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(::png::BitDepth::Eight);
    let mut writer = encoder.write_header().expect("a PNG in memory takes all");
    writer.write_image_data(pixels).expect("all pixels are given");
    writer.finish().expect("a PNG in memory takes all");
    bytes
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use resvg::usvg::{Group, Node, Text};

    /// The texts of a drawing, as laid out with the program's fonts.
    pub fn texts(svg: &str) -> (Tree, Vec<Text>) {
        fn collect(group: &Group, texts: &mut Vec<Text>) {
            for node in group.children() {
                match node {
                    Node::Group(group) => collect(group, texts),
                    Node::Text(text) => texts.push((**text).clone()),
                    _ => {}
                }
            }
        }
        let tree = Painter::new().read(svg);
        let mut texts = Vec::new();
        collect(tree.root(), &mut texts);
        (tree, texts)
    }

    fn missing(characters: &str, weight: u16) -> Vec<String> {
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\">\
             <text font-family=\"sans-serif\" font-weight=\"{weight}\">{}</text></svg>",
            super::super::svg::Escaped(characters)
        );
        let (_, texts) = texts(&svg);
        let glyphs = texts.iter().flat_map(|text| text.layouted()).flat_map(|span| &span.positioned_glyphs);
        let drawn: String = glyphs.filter(|glyph| glyph.id.0 != 0).map(|glyph| glyph.text.as_str()).collect();
        let blank = [' ', '\u{a0}'];
        characters.chars().filter(|c| !blank.contains(c) && !drawn.contains(*c)).map(String::from).collect()
    }

    #[test]
    fn the_fonts_have_every_character_of_the_words() {
        let words = [include_str!("../locales/report.yml"), "おきすつなはまやれを"].concat();
        let mut characters: Vec<char> = words.chars().filter(|c| !c.is_control()).collect();
        characters.extend((' '..='~').chain(['\u{a0}']));
        characters.sort_unstable();
        characters.dedup();
        let characters: String = characters.into_iter().collect();
        for weight in [400, 700] {
            assert_eq!(missing(&characters, weight), [""; 0], "see assets/README.md");
            assert_eq!(missing("龘", weight), ["龘"], "the check can fail");
        }
    }
}
