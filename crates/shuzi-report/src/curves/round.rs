//! Round numbers: 1, 2 or 5 times a power of ten.

/// 1, 2 or 5 times a power of ten, not below `step`.
pub(super) fn nice_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let multiple = [1.0, 2.0, 5.0].into_iter().find(|multiple| step <= multiple * power * (1.0 + 1e-9));
    multiple.unwrap_or(10.0) * power
}

/// 1, 2 or 5 times a power of ten, not below `count`.
pub(super) fn nice_count(count: u64) -> u64 {
    nice_step(count.max(1) as f64).round() as u64
}
