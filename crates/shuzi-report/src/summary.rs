//! An evaluation as text for the terminal: accuracy, loss, calibration, digit by digit, confusion
//! matrix.
//!
//! Columns stand under each other also where a Chinese character takes two cells.

use rust_i18n::t;
use shuzi_engine::evaluation::Evaluation;
use unicode_width::UnicodeWidthStr;

use crate::{
    numbers::{grouped, nats, percent, percent_or_none, thing},
    reliability::degrees,
};

/// The evaluation in words and tables, in the language that is set; ends with a line break. A
/// temperature is the one that the model's record has.
pub fn summary(evaluation: &Evaluation, temperature: Option<f64>) -> String {
    let interval = evaluation.interval();
    let accuracy = t!(
        "report.summary_accuracy",
        value = percent(evaluation.accuracy(), 2),
        low = percent(interval.low, 2),
        high = percent(interval.high, 2),
        correct = grouped(evaluation.correct()),
        count = grouped(evaluation.count())
    );
    let without_wrong = without_wrong_labels(evaluation)
        .map(|sentence| format!("          {sentence}\n"))
        .unwrap_or_default();
    let loss = t!("report.summary_loss", value = nats(evaluation.loss()));
    let error = percent(evaluation.expected_calibration_error(), 2);
    let calibration = match temperature {
        None => t!("report.summary_ece", value = error),
        Some(temperature) => t!(
            "report.summary_ece_tempered",
            value = error,
            temperature = degrees(temperature),
            tempered = percent(evaluation.at_temperature(temperature).expected_calibration_error(), 2)
        ),
    };

    let heading = t!("report.summary_confusion");
    format!(
        "{accuracy}\n{without_wrong}{loss}\n{calibration}\n\n{}\n{heading}\n{}",
        aligned(&scores_by_class(evaluation), 0),
        aligned(&confusion_matrix(evaluation), 0)
    )
}

/// Precision and recall of each class, under their headings.
fn scores_by_class(evaluation: &Evaluation) -> Vec<Vec<String>> {
    let thing = thing(evaluation.classes()).into();
    let headings = [thing, t!("report.images"), t!("report.precision"), t!("report.recall")];
    let mut rows = vec![headings.map(|heading| heading.into_owned()).to_vec()];
    for (name, score) in evaluation.classes().names().zip(evaluation.class_scores()) {
        let (precision, recall) = (percent_or_none(score.precision), percent_or_none(score.recall));
        rows.push(vec![name.to_string(), grouped(score.count), precision, recall]);
    }
    rows
}

/// A row for each label, a column for each class that was read.
fn confusion_matrix(evaluation: &Evaluation) -> Vec<Vec<String>> {
    let names = || evaluation.classes().names().map(str::to_string);
    let mut rows = vec![std::iter::once(String::new()).chain(shortened(names().collect())).collect()];
    for (label, row) in names().zip(&evaluation.confusion()) {
        let counts = row.iter().map(|&count| if count == 0 { ".".to_owned() } else { count.to_string() });
        rows.push(std::iter::once(label).chain(counts).collect());
    }
    rows
}

/// Names for the heads of narrow columns.
fn shortened(names: Vec<String>) -> impl Iterator<Item = String> {
    const MOST: usize = 5;
    names.into_iter().map(|name| match name.width() {
        0..=MOST => name,
        _ => name.chars().take(MOST - 1).chain(['…']).collect(),
    })
}

/// The accuracy without labels that are known to be wrong, in words, where there are such.
pub fn without_wrong_labels(evaluation: &Evaluation) -> Option<String> {
    let wrong = evaluation.known_wrong_labels();
    (!wrong.is_empty()).then(|| {
        let accuracy = percent(evaluation.without(wrong).accuracy(), 2);
        t!("mistakes.without-wrong-labels", value = accuracy, count = wrong.len()).into_owned()
    })
}

/// A table whose columns end under each other, two cells apart; the first `words` of them begin so.
pub fn aligned(rows: &[Vec<String>], words: usize) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width_of = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width_of).collect();
    let mut text = String::new();
    for row in rows {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // `{:>width$}` counts characters, not the cells that they take.
            let padding = std::iter::repeat_n(' ', width - cell.width());
            text.push_str("  ");
            if column < words {
                text.push_str(cell);
                text.extend(padding);
            } else {
                text.extend(padding);
                text.push_str(cell);
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_cells() {
        let rows = [["数字", "recall"], ["7", "98.10 %"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(aligned(&rows, 0), "  数字   recall\n     7  98.10 %\n");
        assert_eq!(aligned(&rows, 1), "  数字   recall\n  7     98.10 %\n");
    }
}
