//! Numbers as people read them, in the language that is set.

use rust_i18n::t;
use shuzi_engine::classes::Classes;

/// What is classified, in a word: a digit, or a class.
pub fn thing(classes: &Classes) -> String {
    if classes.are_digits() { t!("report.digit") } else { t!("report.class") }.into_owned()
}

/// [`thing`] of several.
pub fn things(classes: &Classes) -> String {
    if classes.are_digits() { t!("report.digits") } else { t!("report.classes") }.into_owned()
}

/// A fraction in percent. Only a full 1 is "100 %": what rounds up to it is not all.
pub fn percent(fraction: f64, decimals: usize) -> String {
    let scale = 10f64.powi(decimals as i32);
    let mut value = (fraction * 100.0 * scale).round() / scale;
    if fraction < 1.0 && value >= 100.0 {
        value = 100.0 - 1.0 / scale;
    }
    t!("report.percent", value = format!("{value:.decimals$}")).into_owned()
}

/// [`percent`] with two decimals, or a dash where there is none.
pub fn percent_or_none(fraction: Option<f64>) -> String {
    fraction.map_or_else(|| t!("report.none").into_owned(), |fraction| percent(fraction, 2))
}

/// A loss with its unit, to four significant digits where it is small.
pub fn nats(loss: f64) -> String {
    let value = match loss.abs() {
        size if size >= 1000.0 || (size > 0.0 && size < 1e-3) => format!("{loss:.3e}"),
        size if size >= 1.0 => format!("{loss:.3}"),
        _ => format!("{loss:.4}"),
    };
    t!("report.nats", value = value).into_owned()
}

/// A count with its thousands set apart: 10,000.
pub fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (count, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(count), text);
        }
    }

    #[test]
    fn only_all_of_them_is_a_hundred_percent() {
        for (fraction, start) in [(1.0, "100.00"), (0.99999, "99.99"), (0.9607, "96.07"), (0.0, "0.00")] {
            let text = percent(fraction, 2);
            assert!(text.starts_with(start), "{fraction}: {text}");
        }
    }
}
