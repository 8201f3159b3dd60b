//! The confusion matrix as a picture: each row a label, each column what it was read as.
//!
//! Right answers are blue and mistakes orange, on scales of their own: on one scale the
//! few mistakes of a good network would not be seen beside the many right answers.

use rust_i18n::t;
use shuzi_engine::{classes::Classes, evaluation::Evaluation};

use crate::{
    numbers::{grouped, percent, thing},
    svg::{Anchor, Drawing, Font, Layout, RIGHT_SHADES, WRONG_SHADES, shortened, width_of},
};

/// Cells smaller than this hold no number, in CSS pixels.
const SMALLEST_WITH_NUMBER: f64 = 22.0;
/// Rows and columns smaller than this have no name.
const SMALLEST_WITH_NAME: f64 = 11.0;

/// Draws the matrix; if wide, with recall and precision at its border.
pub fn draw(evaluation: &Evaluation, layout: Layout) -> Drawing {
    let sizes = Sizes::new(evaluation.classes(), layout);
    let title = t!("report.confusion");
    let (correct, count) = (grouped(evaluation.correct()), grouped(evaluation.count()));
    let thing = thing(evaluation.classes());
    let description = t!("report.confusion_description", thing = thing, correct = correct, count = count);
    let id = if sizes.wide { "confusion" } else { "confusion-narrow" };
    let mut drawing = Drawing::new(id, sizes.width, sizes.padding, &title, &description);
    let y = draw_legend(&mut drawing, &sizes, sizes.padding + 40.0);

    let corner = [sizes.padding + sizes.left + 10.0, y + 17.0 + sizes.above];
    draw_names(&mut drawing, &sizes, corner);
    draw_cells(&mut drawing, &sizes, corner, &evaluation.confusion());
    let mut bottom = corner[1] + sizes.side();
    if sizes.has_recall {
        draw_recall(&mut drawing, &sizes, corner, evaluation);
    }
    if sizes.has_precision {
        draw_precision(&mut drawing, &sizes, corner, evaluation);
        bottom += 26.0;
    }
    drawing.end_at(bottom + sizes.padding);
    drawing
}

/// What fits, and how large it is, in CSS pixels.
struct Sizes {
    wide: bool,
    names: Vec<String>,
    name_font: Font,
    /// Names that are wider than a column stand upright.
    upright: bool,
    cell: f64,
    padding: f64,
    width: f64,
    /// What the names of rows and columns and the recall take beside and above the cells.
    left: f64,
    above: f64,
    right: f64,
    has_numbers: bool,
    has_names: bool,
    has_precision: bool,
    has_recall: bool,
}

impl Sizes {
    fn new(classes: &Classes, layout: Layout) -> Self {
        let wide = layout == Layout::Wide;
        let (padding, largest, most, most_name) =
            if wide { (24.0, 50.0, 620.0, 150.0) } else { (12.0, 28.6, 286.0, 90.0) };
        let names: Vec<String> =
            classes.names().map(|name| shortened(name, Font::Strong, most_name)).collect();
        let longest_name = names.iter().map(|name| width_of(name, Font::Strong)).fold(0.0, f64::max);
        let names_beside = if wide { longest_name } else { longest_name - 40.0 }.max(0.0);
        let cell = ((most - names_beside) / classes.count() as f64).min(largest);
        let has_names = cell >= SMALLEST_WITH_NAME;
        let (has_precision, has_recall) = (wide && cell >= 45.0, wide && has_names);
        let rows_named = [t!("report.label"), t!("report.precision")];
        let rows_named = if has_precision { &rows_named[..] } else { &rows_named[..1] };
        let left = rows_named.iter().map(|name| width_of(name, Font::Small)).fold(longest_name, f64::max);
        let upright = longest_name > cell - 4.0 && !classes.are_characters();
        let recall = width_of(&t!("report.recall"), Font::Small).max(width_of("100.0 %", Font::Small));
        let right = if has_recall { recall + 12.0 } else { 0.0 };
        Sizes {
            wide,
            name_font: if cell < 16.0 { Font::Tiny } else { Font::Strong },
            upright,
            cell,
            padding,
            width: 2.0 * padding + left + 10.0 + cell * classes.count() as f64 + right,
            left,
            above: if upright { longest_name + 10.0 } else { 19.0 },
            right,
            has_numbers: cell >= SMALLEST_WITH_NUMBER,
            has_names,
            has_precision,
            has_recall,
            names,
        }
    }

    /// Of all cells together.
    fn side(&self) -> f64 {
        self.cell * self.names.len() as f64
    }

    /// Where the middle of a row or column is, from the corner.
    fn middle_of(&self, class: usize) -> f64 {
        (class as f64 + 0.5) * self.cell
    }
}

/// What the two scales of colour mean; where the text ends.
fn draw_legend(drawing: &mut Drawing, sizes: &Sizes, mut y: f64) -> f64 {
    let padding = sizes.padding;
    for (name, levels, text) in [
        ("right", RIGHT_SHADES.len(), t!("report.confusion_right")),
        ("wrong", WRONG_SHADES.len(), t!("report.confusion_wrong")),
    ] {
        for level in 0..levels {
            let at = [padding + level as f64 * 11.0, y - 10.0];
            drawing.rectangle(at, [11.0, 12.0], 0.0, &format!("z-{name}{level}"));
        }
        let text_left = padding + 11.0 * levels as f64 + 8.0;
        y = drawing.paragraph(text_left, y, sizes.width - padding - text_left, Font::Body, &text) + 3.0;
    }
    y
}

/// What the axes are, and each class beside its row and above its column.
fn draw_names(drawing: &mut Drawing, sizes: &Sizes, [left, top]: [f64; 2]) {
    let middle = left + sizes.side() / 2.0;
    drawing.text(middle, top - sizes.above - 9.0, Anchor::Middle, Font::Small, &t!("report.read_as"));
    drawing.text(left - 10.0, top - 9.0, Anchor::End, Font::Small, &t!("report.label"));
    for (class, name) in sizes.names.iter().enumerate().filter(|_| sizes.has_names) {
        let middle = sizes.middle_of(class);
        if sizes.upright {
            drawing.upright_text(left + middle + 4.0, top - 9.0, sizes.name_font, name);
        } else {
            drawing.text(left + middle, top - 9.0, Anchor::Middle, sizes.name_font, name);
        }
        drawing.text(left - 10.0, top + middle + 4.0, Anchor::End, sizes.name_font, name);
    }
}

fn draw_cells(drawing: &mut Drawing, sizes: &Sizes, [left, top]: [f64; 2], confusion: &[Vec<usize>]) {
    let (shades, cell) = (shades(confusion), sizes.cell);
    let number_font = if cell >= 45.0 { Font::Body } else { Font::Tiny };
    let gap = if sizes.has_numbers { 1.0 } else { 0.25 };
    for (label, row) in confusion.iter().enumerate() {
        for (prediction, &count) in row.iter().enumerate() {
            let at = [left + prediction as f64 * cell, top + label as f64 * cell];
            let middle = [at[0] + cell / 2.0, at[1] + cell / 2.0 + 4.5];
            let text = if cell >= 45.0 { grouped(count) } else { short(count) };
            match &shades[label][prediction] {
                Some(shade) => {
                    let (corner, size) = ([at[0] + gap, at[1] + gap], [cell - 2.0 * gap; 2]);
                    drawing.rectangle(corner, size, (cell / 8.0).min(3.0), &format!("z-{shade}"));
                    if sizes.has_numbers {
                        let class = format!("z-on-{shade}");
                        drawing.text_with(middle[0], middle[1], Anchor::Middle, number_font, &class, &text);
                    }
                }
                None if cell >= 28.0 => {
                    drawing.text(middle[0], middle[1], Anchor::Middle, Font::Small, "0");
                }
                None => {}
            }
        }
    }
}

/// How many of each class were found, right of its row.
fn draw_recall(drawing: &mut Drawing, sizes: &Sizes, [left, top]: [f64; 2], evaluation: &Evaluation) {
    let x = left + sizes.side() + sizes.right;
    drawing.text(x, top - 9.0, Anchor::End, Font::Small, &t!("report.recall"));
    for (class, score) in evaluation.class_scores().iter().enumerate() {
        let y = top + sizes.middle_of(class) + 4.0;
        drawing.text(x, y, Anchor::End, Font::Small, &share(score.recall));
    }
}

/// How many of those that were read as a class are of it, below its column.
fn draw_precision(drawing: &mut Drawing, sizes: &Sizes, [left, top]: [f64; 2], evaluation: &Evaluation) {
    let y = top + sizes.side() + 20.0;
    drawing.text(left - 10.0, y, Anchor::End, Font::Small, &t!("report.precision"));
    for (class, score) in evaluation.class_scores().iter().enumerate() {
        let x = left + sizes.middle_of(class);
        drawing.text(x, y, Anchor::Middle, Font::Small, &share(score.precision));
    }
}

fn share(fraction: Option<f64>) -> String {
    match fraction {
        Some(1.0) => percent(1.0, 0), // "100.0 %" is as wide as a column
        Some(fraction) => percent(fraction, 1),
        None => t!("report.none").into_owned(),
    }
}

/// The name of each cell's shade; `None` for an empty cell.
fn shades(confusion: &[Vec<usize>]) -> Vec<Vec<Option<String>>> {
    let classes = 0..confusion.len();
    let counts: Vec<usize> = confusion.iter().map(|row| row.iter().sum()).collect();
    let share =
        |label: usize, prediction: usize| confusion[label][prediction] as f64 / counts[label].max(1) as f64;
    // At least a hundredth of a row is needed for the strongest orange: a nearly perfect
    // matrix should not look alarming.
    let mut worst = 0.01f64;
    for label in classes.clone() {
        for prediction in classes.clone().filter(|&prediction| prediction != label) {
            worst = worst.max(share(label, prediction));
        }
    }
    let shade = |label: usize, prediction: usize| {
        let share = share(label, prediction);
        if share == 0.0 {
            None
        } else if label == prediction {
            let level = [0.5, 0.8, 0.95, 0.98].iter().filter(|limit| share >= **limit).count();
            Some(format!("right{level}"))
        } else {
            // The square root spreads the small ones.
            let level = ((share / worst).sqrt() * WRONG_SHADES.len() as f64) as usize;
            Some(format!("wrong{}", level.min(WRONG_SHADES.len() - 1)))
        }
    };
    classes
        .clone()
        .map(|label| classes.clone().map(|prediction| shade(label, prediction)).collect())
        .collect()
}

/// A count for a narrow cell: 12345 is "12k".
fn short(count: usize) -> String {
    if count < 10_000 { count.to_string() } else { format!("{}k", count / 1000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of so many classes with names of so many letters; each is read right but the first.
    fn evaluation(classes: usize, letters: usize) -> Evaluation {
        let names = (0..classes).map(|class| format!("{:m<letters$}", format!("{class}-")));
        let names = Classes::new(names.collect()).unwrap();
        let probabilities =
            (0..classes).flat_map(|label| (0..classes).map(move |class| f32::from(class == label.max(1))));
        let labels = (0..classes).map(|label| label as u8).collect();
        Evaluation::new(names, labels, probabilities.collect(), vec![0.0; classes])
    }

    #[test]
    fn any_number_of_classes_with_any_names_fits() {
        for layout in [Layout::Wide, Layout::Narrow] {
            for (classes, letters) in
                [(2, 2), (2, 64), (10, 11), (10, 64), (26, 3), (26, 20), (62, 3), (255, 4), (255, 64)]
            {
                let drawing = draw(&evaluation(classes, letters), layout);
                let most = if layout == Layout::Wide { 900.0 } else { 420.0 };
                assert!(drawing.width() < most, "{classes} of {letters}: {}", drawing.width());
                let svg = drawing.document(super::super::svg::Themes::Light);
                assert_eq!(svg.matches("<rect class=\"z-right").count(), classes - 1 + RIGHT_SHADES.len());
                let sizes = svg.match_indices(" width=\"").map(|(place, key)| {
                    svg[place + key.len()..].split('"').next().unwrap().parse::<f64>().unwrap()
                });
                assert!(sizes.into_iter().all(|size| size > 0.0), "{classes} of {letters}");
            }
        }
    }

    #[test]
    fn one_mistake_among_many_is_seen() {
        let mut confusion = vec![vec![0; 10]; 10];
        for (digit, row) in confusion.iter_mut().enumerate() {
            row[digit] = 5000;
        }
        confusion[4][9] = 1;
        let shades = shades(&confusion);
        assert_eq!(shades[4][9].as_deref(), Some("wrong0"));
        assert_eq!(shades[4][4].as_deref(), Some("right4"));
        assert_eq!(shades[9][4], None);
    }
}
