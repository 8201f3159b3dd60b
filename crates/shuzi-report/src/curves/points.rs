//! Fewer and calmer points: means over a window, and thinning that keeps what can be seen.

use super::round::nice_count;

/// Over how many mini-batches the mean runs: about a fortieth of the training.
pub(super) fn smoothing_window(count: usize) -> usize {
    if count < 8 { 1 } else { nice_count((count / 40).max(3) as u64) as usize }
}

/// The mean of the finite values in a window around each point. At the ends the window
/// shrinks on both sides, so that the curve neither lags nor bends.
pub(super) fn running_mean(points: &[(u64, f64)], window: usize) -> Vec<(u64, f64)> {
    let mut sums = Vec::with_capacity(points.len() + 1);
    let (mut sum, mut count) = (0.0, 0u32);
    sums.push((sum, count));
    for (_, value) in points {
        if value.is_finite() {
            sum += value;
            count += 1;
        }
        sums.push((sum, count));
    }
    let mean_around = |index: usize| {
        let half = (window / 2).min(index).min(points.len() - 1 - index);
        let ((low, before), (high, after)) = (sums[index - half], sums[index + half + 1]);
        (high - low) / f64::from(after - before) // no finite value: NaN, a gap
    };
    points.iter().enumerate().map(|(index, (iteration, _))| (*iteration, mean_around(index))).collect()
}

/// At most about `budget` points that keep the outline: of each stretch the lowest and the
/// highest, in their order.
pub(super) fn extremes(points: &[(u64, f64)], budget: usize) -> Vec<(u64, f64)> {
    if points.len() <= budget {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil((budget / 2).max(1));
    let mut kept = Vec::with_capacity(budget + 2);
    for points in points.chunks(stretch) {
        let finite = || points.iter().enumerate().filter(|(_, (_, value))| value.is_finite());
        let lowest = finite().min_by(|a, b| a.1.1.total_cmp(&b.1.1));
        let highest = finite().max_by(|a, b| a.1.1.total_cmp(&b.1.1));
        match (lowest, highest) {
            (Some((low, _)), Some((high, _))) if low == high => kept.push(points[low]),
            (Some((low, _)), Some((high, _))) => {
                kept.extend([points[low.min(high)], points[low.max(high)]]);
            }
            _ => kept.push((points[0].0, f64::NAN)), // a gap stays a gap
        }
    }
    kept
}

/// At most about `budget` points at even distances, and always the last.
pub(super) fn every_nth(points: &[(u64, f64)], budget: usize) -> Vec<(u64, f64)> {
    let step = points.len().div_ceil(budget).max(1);
    let mut kept: Vec<_> = points.iter().copied().step_by(step).collect();
    if let Some(last) = points.last()
        && !(points.len() - 1).is_multiple_of(step)
    {
        kept.push(*last);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(values: &[f64]) -> Vec<(u64, f64)> {
        values.iter().enumerate().map(|(index, value)| (index as u64, *value)).collect()
    }

    #[test]
    fn thinning_keeps_the_outline_and_the_gaps() {
        let mut values = vec![0.5; 10_000];
        (values[1234], values[5678]) = (9.0, -9.0);
        values[8000..8100].fill(f64::NAN);
        let kept = extremes(&numbered(&values), 1000);
        assert!(kept.len() <= 1002, "{}", kept.len());
        for expected in [9.0, -9.0] {
            assert!(kept.iter().any(|(_, value)| *value == expected));
        }
        assert!(kept.iter().any(|(_, value)| value.is_nan()));
        assert!(kept.is_sorted_by_key(|(iteration, _)| *iteration));
    }

    #[test]
    fn the_running_mean_leaves_a_straight_line_alone() {
        let line = numbered(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        assert_eq!(running_mean(&line, 4), line);
        let gap = running_mean(&numbered(&[1.0, f64::NAN, 3.0]), 3);
        assert_eq!(gap[1].1, 2.0);
        assert!(running_mean(&numbered(&[f64::INFINITY]), 3)[0].1.is_nan());
    }
}
