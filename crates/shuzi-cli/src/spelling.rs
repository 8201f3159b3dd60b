//! Names that were mistyped: which known one was meant.

use rust_i18n::t;

/// A line that asks whether the name most like `name` was meant, if one is like it at all.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    const ALIKE: f64 = 0.75;
    let likeness = |known: &'a str| (strsim::jaro_winkler(&name.to_lowercase(), known), known);
    let (likeness, nearest) = known.into_iter().map(likeness).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (likeness >= ALIKE).then(|| format!("\n  {}", t!("usage.did-you-mean", suggestion = nearest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_alike_is_suggested() {
        let known = ["small", "photo", "tiny", "micro", "classic", "default"];
        for (name, expected) in [
            ("smal", Some("small")),
            ("foto", Some("photo")),
            ("Clasic", Some("classic")),
            ("tinny", Some("tiny")),
            ("defualt", Some("default")),
            ("runs/classic-1", None),
            ("mnist", None),
            ("", None),
        ] {
            let suggestion = did_you_mean(name, known);
            let matches = match expected {
                Some(word) => suggestion.as_ref().is_some_and(|line| line.contains(word)),
                None => suggestion.is_none(),
            };
            assert!(matches, "{name}: {suggestion:?}");
        }
    }
}
