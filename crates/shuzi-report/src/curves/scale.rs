//! Scales of the axes: from where to where, and where their ticks are.

use super::{
    points::{running_mean, smoothing_window},
    round::{nice_count, nice_step},
    series::Series,
};

/// The upright axis.
pub(super) struct Scale {
    pub low: f64,
    pub high: f64,
    pub logarithmic: bool,
    /// Value and label, from below.
    pub ticks: Vec<(f64, String)>,
}

impl Scale {
    /// 0 at the lower end, 1 at the upper.
    pub fn fraction(&self, value: f64) -> f64 {
        if self.logarithmic {
            if value <= 0.0 {
                return -1.0; // far below
            }
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    pub fn holds(&self, value: f64) -> bool {
        const ROUNDING: f64 = 1e-9;
        (-ROUNDING..=1.0 + ROUNDING).contains(&self.fraction(value))
    }
}

/// From 0 to 100 %; when nearly all of the training happens high up, only that part, so
/// that the last percents, where good networks differ, can be seen.
pub(super) fn accuracy_scale(series: &Series) -> Scale {
    let mut floor = quantile(&series.batches, 0.05).unwrap_or(0.0);
    for value in series.validation.iter().map(|(_, value)| *value).chain(series.test) {
        floor = floor.min(value);
    }
    if series.batches.is_empty() {
        floor = series.epochs.iter().map(|(_, value)| *value).fold(1.0, f64::min).min(floor);
    }
    let low = [0.98, 0.95, 0.9, 0.8].into_iter().find(|low| *low <= floor).unwrap_or(0.0);
    let step = match 1.0 - low {
        range if range < 0.03 => 0.005,
        range if range < 0.06 => 0.01,
        range if range < 0.15 => 0.02,
        range if range < 0.25 => 0.05,
        _ => 0.2,
    };
    let count = ((1.0 - low) / step).round() as usize;
    let decimals = usize::from(step < 0.01);
    let ticks = (0..=count).map(|tick| low + tick as f64 * step);
    let ticks = ticks.map(|value| (value, format!("{:.decimals$}", value * 100.0))).collect();
    Scale { low, high: 1.0, logarithmic: false, ticks }
}

pub(super) fn loss_scale(series: &Series) -> Scale {
    let mean = running_mean(&series.batches, smoothing_window(series.batches.len()));
    let calm = || {
        let epochs = if series.batches.is_empty() { series.epochs.as_slice() } else { &[] };
        let points = mean.iter().chain(&series.validation).chain(epochs);
        points.map(|(_, value)| *value).chain(series.test).filter(|value| value.is_finite())
    };
    // Single batches may stand out; the axis is for the other ninety-nine of a hundred.
    let high = calm().chain(quantile(&series.batches, 0.99)).fold(0.0, f64::max);
    let low = calm()
        .chain(quantile(&series.batches, 0.02))
        .filter(|value| *value > 0.0)
        .fold(f64::INFINITY, f64::min)
        .max(high * 1e-8);
    if low.is_finite() && high > low && (high / low).log10() > 1.5 {
        logarithmic_scale(low, high)
    } else {
        linear_scale(high)
    }
}

/// From 0 up to a round number not below `high`.
pub(super) fn linear_scale(high: f64) -> Scale {
    let high = if high > 0.0 { high } else { 1.0 };
    let step = nice_step(high / 5.0);
    let count = (high / step - 1e-9).ceil().max(1.0) as usize;
    let ticks = (0..=count).map(|tick| tick as f64 * step);
    let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    let ticks = ticks.map(|value| (value, number(value, decimals))).collect();
    Scale { low: 0.0, high: count as f64 * step, logarithmic: false, ticks }
}

/// From and to 1, 2 or 5 times a power of ten, with ticks as close as they can be read.
pub(super) fn logarithmic_scale(low: f64, high: f64) -> Scale {
    let steps: Vec<(f64, bool)> = (low.log10().floor() as i32 - 1..=high.log10().ceil() as i32)
        .flat_map(|power| [(1.0, true), (2.0, false), (5.0, false)].map(|(m, d)| (m * 10f64.powi(power), d)))
        .collect();
    let first = steps.iter().rposition(|(value, _)| *value <= low * (1.0 + 1e-9)).unwrap_or(0);
    let last = steps.iter().position(|(value, _)| *value >= high * (1.0 - 1e-9)).unwrap_or(steps.len() - 1);
    let (low, high) = (steps[first].0, steps[last].0);
    let decades = (high / low).log10();
    let every = (decades / 8.0).ceil().max(1.0) as i32; // of the powers of ten
    let ticks = steps[first..=last]
        .iter()
        .filter(|(value, decade)| {
            let power = value.log10().round() as i32;
            if decades > 3.5 { *decade && power % every == 0 } else { true }
        })
        .map(|(value, _)| (*value, number(*value, (-value.log10().floor()).clamp(0.0, 12.0) as usize)))
        .collect();
    Scale { low, high, logarithmic: true, ticks }
}

pub(super) fn number(value: f64, decimals: usize) -> String {
    if value != 0.0 && !(1e-4..1e5).contains(&value) {
        format!("{value:.0e}")
    } else {
        format!("{value:.decimals$}")
    }
}

/// At most `count` + 1 round iterations from 0 on.
pub(super) fn iteration_ticks(last: u64, count: usize) -> impl Iterator<Item = u64> {
    let step = nice_count(last.div_ceil(count as u64));
    (0..=last / step).map(move |tick| tick * step)
}

/// The value below which a `part` of the finite values lie.
pub(super) fn quantile(points: &[(u64, f64)], part: f64) -> Option<f64> {
    let mut values: Vec<f64> = points.iter().map(|(_, value)| *value).filter(|v| v.is_finite()).collect();
    let place = (values.len().checked_sub(1)? as f64 * part).round() as usize;
    Some(*values.select_nth_unstable_by(place, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(values: &[f64]) -> Vec<(u64, f64)> {
        values.iter().enumerate().map(|(index, value)| (index as u64, *value)).collect()
    }

    #[test]
    fn ticks_are_round_and_cover_the_values() {
        for high in [1e-7, 0.003, 0.02, 0.7, 1.0, 2.302, 9.9, 12.0, 3.4e38, 0.0] {
            let scale = linear_scale(high);
            assert!(scale.high >= high && (2..=8).contains(&scale.ticks.len()), "{high}: {:?}", scale.ticks);
        }
        for (low, high) in [(0.01, 2.3), (1e-6, 2.0), (0.004, 0.3), (0.5, 3e30), (1.0, 100.0)] {
            let scale = logarithmic_scale(low, high);
            assert!(scale.holds(low) && scale.holds(high), "{low} to {high}");
            assert!((2..=13).contains(&scale.ticks.len()), "{low} to {high}: {:?}", scale.ticks);
        }
        assert_eq!(iteration_ticks(1997, 8).collect::<Vec<_>>(), [0, 500, 1000, 1500]);
        assert_eq!(iteration_ticks(0, 8).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn a_wide_span_of_losses_is_logarithmic() {
        let series = |values: &[f64]| Series {
            batches: numbered(values),
            epochs: Vec::new(),
            validation: Vec::new(),
            test: None,
            first_epoch: 0,
            exact: false,
        };
        assert!(loss_scale(&series(&[2.3, 1.0, 0.1, 0.01])).logarithmic);
        assert!(!loss_scale(&series(&[2.3, 1.0, 0.5, 0.2])).logarithmic);
        for odd in [&[][..], &[0.0; 9], &[f64::NAN], &[f64::INFINITY, 1.0], &[0.7; 9]] {
            let scale = loss_scale(&series(odd));
            assert!(scale.high > scale.low && scale.high.is_finite(), "{odd:?}");
        }
    }

    #[test]
    fn a_good_training_is_shown_where_it_happens() {
        let series = |value: f64| Series {
            batches: numbered(&[value; 50]),
            epochs: Vec::new(),
            validation: Vec::new(),
            test: Some(value),
            first_epoch: 0,
            exact: false,
        };
        assert_eq!(accuracy_scale(&series(0.991)).low, 0.98);
        assert_eq!(accuracy_scale(&series(0.5)).low, 0.0);
    }
}
