//! How well whole texts are read: the digits of a picture, all of them or none.

use super::{Interval, wilson_interval};
use std::collections::BTreeMap;

/// How well the texts of pictures were read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextScore {
    /// Pictures.
    pub count: usize,
    /// Those whose whole text was read right.
    pub correct: usize,
    /// Those in which nothing was read.
    pub empty: usize,
    /// Digits to insert, delete or replace to come from what was read to what is written (Levenshtein 1966).
    pub edits: usize,
    /// Digits that are written.
    pub digits: usize,
    /// Of each source, how many are right and how many there are.
    sources: BTreeMap<String, (usize, usize)>,
}

impl TextScore {
    /// Counts a picture: what is written in it, what was read, and whom it is from if that is known.
    pub fn add(&mut self, label: &str, text: &str, source: Option<&str>) {
        let is_right = usize::from(text == label);
        self.count += 1;
        self.correct += is_right;
        self.empty += usize::from(text.is_empty());
        self.edits += strsim::levenshtein(text, label);
        self.digits += label.len();
        if let Some(source) = source {
            let (right, count) = self.sources.entry(source.to_string()).or_default();
            *right += is_right;
            *count += 1;
        }
    }

    /// The fraction of pictures whose whole text was read right, 0..=1; `None` without any.
    pub fn accuracy(&self) -> Option<f64> {
        fraction(self.correct, self.count)
    }

    /// 95 % interval of the accuracy (Wilson 1927).
    pub fn interval(&self) -> Option<Interval> {
        (self.count > 0).then(|| wilson_interval(self.correct, self.count))
    }

    /// The mean accuracy over sources, each of which counts alike; `None` where none is known.
    pub fn source_mean(&self) -> Option<f64> {
        let sum: f64 = self.sources.values().map(|&(right, count)| right as f64 / count as f64).sum();
        (!self.sources.is_empty()).then(|| sum / self.sources.len() as f64)
    }

    /// The fraction of pictures in which nothing was read, 0..=1.
    pub fn rejected(&self) -> Option<f64> {
        fraction(self.empty, self.count)
    }

    /// Edits for each digit that is written; may exceed 1. `None` where none is.
    pub fn error_rate(&self) -> Option<f64> {
        fraction(self.edits, self.digits)
    }
}

fn fraction(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_count_as_a_whole_and_sources_alike() {
        let mut score = TextScore::default();
        for (label, text, source) in
            [("12", "12", "a"), ("345", "35", "b"), ("6", "", "b"), ("78", "78", "b"), ("90", "911", "b")]
        {
            score.add(label, text, Some(source));
        }
        assert_eq!((score.count, score.correct, score.empty, score.edits, score.digits), (5, 2, 1, 4, 10));
        assert_eq!(
            (score.accuracy(), score.rejected(), score.error_rate()),
            (Some(0.4), Some(0.2), Some(0.4))
        );
        assert_eq!(score.source_mean(), Some((1.0 + 0.25) / 2.0));
        assert_eq!(score.interval(), Some(wilson_interval(2, 5)));
    }

    #[test]
    fn where_no_digit_is_written_reading_none_is_right() {
        let mut score = TextScore::default();
        assert_eq!((score.accuracy(), score.interval(), score.source_mean()), (None, None, None));
        score.add("", "", None);
        score.add("", "7", None);
        assert_eq!((score.correct, score.edits), (1, 1));
        assert_eq!((score.error_rate(), score.source_mean()), (None, None));
    }
}
