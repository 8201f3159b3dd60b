//! What a client asks of a picture: `?model=small&lines=0&min_confidence=0.9`.
//!
//! In: the query of an address. Out: the same choices as those of `shuzi recognize`, checked; a model is one of those inside the
//! program, never a path.

use crate::api_error::ApiError;
use shuzi::{DEFAULT_MODEL, PICTURE_MODEL, model_names};
use shuzi_engine::recognition::{Options, Wording};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueryParameters {
    pub model: &'static str,
    pub options: Options,
    pub wording: Wording,
}

impl QueryParameters {
    pub fn parse(query: &str) -> Result<Self, ApiError> {
        let mut parameters = QueryParameters {
            model: PICTURE_MODEL,
            options: Options::default(),
            wording: Wording::default(),
        };
        let mut seen = vec![];
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "model" => parameters.model = model(&value)?,
                "single" => parameters.options.single = switch(&name, &value)?,
                "lines" => parameters.wording.lines = switch(&name, &value)?,
                "min_confidence" => parameters.wording.min_confidence = probability(&value)?,
                _ => {
                    let message =
                        format!("unknown parameter {name:?}; there are model, single, lines, min_confidence");
                    return Err(ApiError::bad("unknown_parameter", message));
                }
            }
            if seen.contains(&name) {
                return Err(ApiError::bad("repeated_parameter", format!("{name} is given twice")));
            }
            seen.push(name);
        }
        let asks_for_lines = parameters.wording.lines && seen.iter().any(|name| name == "lines");
        if parameters.options.single && asks_for_lines {
            return Err(ApiError::bad("conflict", "single and lines exclude each other"));
        }
        Ok(parameters)
    }
}

fn model(name: &str) -> Result<&'static str, ApiError> {
    let wanted = if name == "default" { DEFAULT_MODEL } else { name };
    model_names().find(|known| *known == wanted).ok_or_else(|| {
        let names = model_names().collect::<Vec<_>>().join(", ");
        ApiError::bad("unknown_model", format!("there is no model {name:?}; there are default, {names}"))
    })
}

/// `?single`, `?single=true` or `?single=1`, and their opposites.
fn switch(name: &str, value: &str) -> Result<bool, ApiError> {
    match value {
        "" | "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(ApiError::bad("bad_parameter", format!("{name} is true or false, not {value:?}"))),
    }
}

fn probability(value: &str) -> Result<f32, ApiError> {
    let probability = value.parse().ok().filter(|p| (0.0..=1.0).contains(p));
    probability.ok_or_else(|| {
        ApiError::bad("bad_parameter", format!("min_confidence is from 0 to 1, not {value:?}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_query_a_picture_is_read_as_by_recognize() {
        let parameters = QueryParameters::parse("").unwrap();
        assert_eq!((parameters.model, parameters.options), ("photo", Options::default()));
        assert_eq!(parameters.wording, Wording::default());
    }

    #[test]
    fn every_choice_can_be_made() {
        let parameters = QueryParameters::parse("model=default&lines=0&min_confidence=0.5&single=0").unwrap();
        assert_eq!(parameters.model, "small");
        assert_eq!(parameters.wording, Wording { min_confidence: 0.5, lines: false });
        assert!(QueryParameters::parse("single=true").unwrap().options.single);
    }

    #[test]
    fn what_is_unknown_is_refused() {
        for (query, code) in [
            ("model=../photo", "unknown_model"),
            ("model=%2Fetc%2Fpasswd", "unknown_model"),
            ("model=", "unknown_model"),
            ("modell=small", "unknown_parameter"),
            ("%ff=%ff", "unknown_parameter"),
            ("single=yes", "bad_parameter"),
            ("min_confidence=1.1", "bad_parameter"),
            ("min_confidence=NaN", "bad_parameter"),
            ("min_confidence=", "bad_parameter"),
            ("lines&lines=0", "repeated_parameter"),
            ("single&lines", "conflict"),
        ] {
            assert_eq!(QueryParameters::parse(query).unwrap_err().code, code, "{query}");
        }
    }
}
