//! No picture takes more than so much time and memory, whatever is drawn on it.
//!
//! Documented in docs/method.md: a second of one core for each megapixel and 0.2 more, 8 bytes for each pixel and 64 MB more.
//! Time is the processor's for this thread, so that what else runs on the machine does not count.

use crate::allocator::with_peak;
use proptest::prelude::*;
use shuzi_engine::{
    image::Picture,
    kernels::Level,
    model::Model,
    recognition::{Cancel, Cancelled, LineReader, MOST_DIGITS, Options, Reader, recognize, recognize_until},
};
use std::sync::OnceLock;

/// Seconds that the processor has spent on this thread; without such a clock always 0.
fn processor_seconds() -> f64 {
    #[cfg(target_os = "linux")]
    {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the clock exists on Linux, and `time` is written.
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    }
    #[cfg(not(target_os = "linux"))]
    0.0
}

/// Digit by digit, and by whole lines.
fn readers() -> &'static [Reader; 2] {
    static READERS: OnceLock<[Reader; 2]> = OnceLock::new();
    READERS.get_or_init(|| {
        let model = Model::from_bytes(include_bytes!("../../../shuzi/models/photo.safetensors")).unwrap();
        let lines = include_bytes!("../../../shuzi/models/lines.safetensors");
        let level = Level::detect();
        let lines = LineReader::from_bytes(lines, level).unwrap();
        let reader = Reader::new(&model, level);
        [reader.clone(), reader.with_lines(lines)]
    })
}

/// Reads a picture of which some pixels are inked, and holds it to its budget.
fn check(name: &str, width: usize, height: usize, inked: impl Fn(usize, usize) -> bool) {
    let pixels = (0..width * height).map(|i| if inked(i % width, i / width) { 0 } else { 255 }).collect();
    let picture = Picture::gray(width, height, pixels);
    for (by_lines, reader) in readers().iter().enumerate() {
        let before = processor_seconds();
        let (reading, peak) = with_peak(|| recognize(reader, &picture, Options::default()));
        let seconds = processor_seconds() - before;
        let pixels = (width * height) as f64;
        assert!(reading.digits.len() <= MOST_DIGITS, "{name}, {by_lines}: {} digits", reading.digits.len());
        assert!(peak as f64 <= 8.0 * pixels + 64e6, "{name}, {by_lines}: {peak} bytes");
        assert!(seconds <= pixels * 1e-6 + 0.2, "{name}, {by_lines}: {seconds} s for {width}x{height}");
    }
}

/// Ink of a kind: hatching, rings, dots, boxes, waves, combs, noise.
fn inked(kind: u8, period: usize, width: usize, seed: u64) -> impl Fn(usize, usize) -> bool {
    move |x, y| {
        let on = |place: usize| place % period < width;
        let random = || ((x * 7919 + y) as u64 ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        match kind {
            0 => on(x + y),
            1 => on(x + y) && (x + 2000 - y) % 211 > 3,
            2 => on(x + y) || on(x + 2000 - y),
            3 => on(((x as f64 - 500.0).hypot(y as f64 - 500.0)) as usize),
            4 => on(x) && on(y),
            5 => on(x) && on(y) && !((2..width.saturating_sub(2)).contains(&(x % period)) && y % period > 1),
            6 => on(y + (30.0 * (x as f64 / 40.0).sin() + 40.0) as usize),
            7 => on(x + 7 * (y / period) % period) && on(y + 11 * (x / period) % period),
            8 => y % (3 * period) < 3 || y % (3 * period) < period && on(x),
            _ => random() % (period as u64 + 1) == 0,
        }
    }
}

#[test]
fn a_tall_stroke_among_specks_stays_inside_the_budget() {
    check("tall", 1000, 1000, |x, y| {
        x.abs_diff(500) < 10 || x.abs_diff(500) > 20 && x % 14 < 6 && y % 14 < 6
    });
}

#[test]
fn hatching_and_specks_yield_no_digit() {
    // The large ones among ../shared/faults, drawn again.
    for (period, width) in [(8, 3), (12, 3)] {
        let pixels = (0..1600 * 1600).map(|i| if (i % 1600 + i / 1600) % period < width { 0 } else { 255 });
        let reading =
            recognize(&readers()[0], &Picture::gray(1600, 1600, pixels.collect()), Options::default());
        assert_eq!(reading.text(Default::default()), "", "diagonals, {period}");
    }
    let specks = (0..1600 * 1600).map(|i| if i % 1600 % 8 < 4 && i / 1600 % 8 < 4 { 0 } else { 255 });
    let reading = recognize(&readers()[0], &Picture::gray(1600, 1600, specks.collect()), Options::default());
    assert_eq!(reading.text(Default::default()), "");
}

#[test]
fn a_reading_ends_when_it_is_cancelled() {
    let picture = Picture::gray(100, 100, vec![255; 10_000]);
    let cancel = Cancel::default();
    assert!(recognize_until(&readers()[0], &picture, Options::default(), &cancel).is_ok());
    cancel.cancel();
    assert_eq!(recognize_until(&readers()[0], &picture, Options::default(), &cancel), Err(Cancelled));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_picture_exceeds_its_budget(kind in 0..10u8, period in 4..48usize, part in 0.1..0.9f64, seed in any::<u64>()) {
        let width = ((period as f64 * part) as usize).max(1);
        check(&format!("{kind} {period} {width}"), 1000, 1000, inked(kind, period, width, seed));
    }

    #[test]
    fn no_small_or_narrow_picture_does(
        kind in 0..10u8, period in 4..24usize, part in 0.1..0.9f64, columns in 8..400usize, rows in 8..400usize,
        seed in any::<u64>(),
    ) {
        let width = ((period as f64 * part) as usize).max(1);
        check(&format!("{kind} {period} {width}"), columns, rows, inked(kind, period, width, seed));
    }
}
