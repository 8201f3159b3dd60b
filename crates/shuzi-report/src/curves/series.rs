//! What the three charts have in common: values over iterations.

use crate::content::Curves;

/// What is drawn, as (iteration, value); values may be anything, also NaN.
pub(super) struct Series {
    pub batches: Vec<(u64, f64)>,
    pub epochs: Vec<(u64, f64)>,
    pub validation: Vec<(u64, f64)>,
    pub test: Option<f64>,
    /// Not 0 when only the end of a training was recorded.
    pub first_epoch: usize,
    /// Set, not measured: no mean is sought behind the single values.
    pub exact: bool,
}

impl Series {
    pub fn last_iteration(&self) -> u64 {
        let points = self.batches.iter().chain(&self.epochs).chain(&self.validation);
        points.map(|(iteration, _)| *iteration).max().unwrap_or(0)
    }
}

/// The values after each epoch that are finite.
pub(super) fn validation(curves: &Curves, value: impl Fn((f64, f64)) -> f64) -> Vec<(u64, f64)> {
    let points = curves.epochs.iter();
    points
        .filter_map(|epoch| Some((epoch.iteration, value(epoch.validation?))))
        .filter(|(_, value)| value.is_finite())
        .collect()
}
