//! The confusion matrix as a picture: each row a label, each column what it was read as.
//!
//! Right answers are blue and mistakes orange, on scales of their own: on one scale the
//! few mistakes of a good network would not be seen beside the many right answers.

use rust_i18n::t;
use shuzi::{evaluation::Evaluation, image::DIGITS};

use super::{
    grouped, percent,
    svg::{Anchor, Drawing, Font, RIGHT_SHADES, Room, WRONG_SHADES, width_of},
};

/// Draws the matrix; where there is room, with recall and precision at its border.
pub fn draw(evaluation: &Evaluation, room: Room) -> Drawing {
    let wide = room == Room::Wide;
    let (id, padding, cell) = if wide { ("confusion", 24.0, 50.0) } else { ("confusion-narrow", 12.0, 28.6) };
    let side = cell * DIGITS as f64;
    let rows_named = [t!("report.label"), t!("report.precision")];
    let rows_named = if wide { &rows_named[..] } else { &rows_named[..1] };
    let left = rows_named.iter().map(|name| width_of(name, Font::Small)).fold(0.0, f64::max);
    let recall = t!("report.recall");
    let right =
        if wide { width_of(&recall, Font::Small).max(width_of("100.0 %", Font::Small)) + 12.0 } else { 0.0 };
    let width = 2.0 * padding + left + 10.0 + side + right;

    let title = t!("report.confusion");
    let (correct, count) = (grouped(evaluation.correct()), grouped(evaluation.count()));
    let description = t!("report.confusion_description", correct = correct, count = count);
    let mut drawing = Drawing::new(id, width, &title, &description);
    drawing.text(padding, padding + 14.0, Anchor::Start, Font::Title, &title);
    let mut y = padding + 40.0;
    for (name, levels, text) in [
        ("right", RIGHT_SHADES.len(), t!("report.confusion_right")),
        ("wrong", WRONG_SHADES.len(), t!("report.confusion_wrong")),
    ] {
        for level in 0..levels {
            let at = [padding + level as f64 * 11.0, y - 10.0];
            drawing.rectangle(at, [11.0, 12.0], 0.0, &format!("z-{name}{level}"));
        }
        let text_left = padding + 11.0 * levels as f64 + 8.0;
        y = drawing.paragraph(text_left, y, width - padding - text_left, Font::Body, &text) + 3.0;
    }

    let (left, top) = (padding + left + 10.0, y + 36.0);
    let middle_of = |index: usize| (index as f64 + 0.5) * cell;
    drawing.text(left + side / 2.0, top - 28.0, Anchor::Middle, Font::Small, &t!("report.read_as"));
    drawing.text(left - 10.0, top - 9.0, Anchor::End, Font::Small, &t!("report.label"));
    for digit in 0..DIGITS {
        let name = digit.to_string();
        drawing.text(left + middle_of(digit), top - 9.0, Anchor::Middle, Font::Strong, &name);
        drawing.text(left - 10.0, top + middle_of(digit) + 4.0, Anchor::End, Font::Strong, &name);
    }
    let shades = shades(&evaluation.confusion());
    let number_font = if wide { Font::Body } else { Font::Tiny };
    for (label, row) in evaluation.confusion().iter().enumerate() {
        for (prediction, &count) in row.iter().enumerate() {
            let at = [left + prediction as f64 * cell, top + label as f64 * cell];
            let middle = [at[0] + cell / 2.0, at[1] + cell / 2.0 + 4.5];
            let text = if wide { grouped(count) } else { short(count) };
            match &shades[label][prediction] {
                Some(shade) => {
                    drawing.rectangle(
                        [at[0] + 1.0, at[1] + 1.0],
                        [cell - 2.0; 2],
                        3.0,
                        &format!("z-{shade}"),
                    );
                    let class = format!("z-on-{shade}");
                    drawing.text_with(middle[0], middle[1], Anchor::Middle, number_font, &class, &text);
                }
                None => drawing.text(middle[0], middle[1], Anchor::Middle, Font::Small, "0"),
            }
        }
    }

    let mut bottom = top + side;
    if wide {
        drawing.text(left + side + right, top - 9.0, Anchor::End, Font::Small, &recall);
        drawing.text(left - 10.0, bottom + 20.0, Anchor::End, Font::Small, &t!("report.precision"));
        let share = |fraction: Option<f64>| match fraction {
            Some(fraction) => percent(fraction, 1),
            None => t!("report.none").into_owned(),
        };
        for (digit, score) in evaluation.digit_scores().iter().enumerate() {
            let y = top + middle_of(digit) + 4.0;
            drawing.text(left + side + right, y, Anchor::End, Font::Small, &share(score.recall));
            let x = left + middle_of(digit);
            drawing.text(x, bottom + 20.0, Anchor::Middle, Font::Small, &share(score.precision));
        }
        bottom += 26.0;
    }
    drawing.end_at(bottom + padding);
    drawing
}

/// The name of each cell's shade; `None` for an empty cell.
fn shades(confusion: &[[usize; DIGITS]; DIGITS]) -> [[Option<String>; DIGITS]; DIGITS] {
    let share = |label: usize, prediction: usize| {
        confusion[label][prediction] as f64 / confusion[label].iter().sum::<usize>().max(1) as f64
    };
    // At least a hundredth of a row is needed for the strongest orange: a nearly perfect
    // matrix should not look alarming.
    let mut worst = 0.01f64;
    for label in 0..DIGITS {
        for prediction in (0..DIGITS).filter(|&prediction| prediction != label) {
            worst = worst.max(share(label, prediction));
        }
    }
    std::array::from_fn(|label| {
        std::array::from_fn(|prediction| {
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
        })
    })
}

/// A count for a narrow cell: 12345 is "12k".
fn short(count: usize) -> String {
    if count < 10_000 { count.to_string() } else { format!("{}k", count / 1000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mistake_among_many_is_seen() {
        let mut confusion = [[0; DIGITS]; DIGITS];
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
