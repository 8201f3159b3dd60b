//! What `--data` asks for.

use crate::data::data_sets::{self, DataSet};
use rust_i18n::t;
use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

/// How many synthetic digits are drawn for training when no number is given: as many as MNIST has.
pub const SYNTHETIC_COUNT: usize = 60_000;
/// How many can be asked for; beyond some, they are drawn while the training goes on.
const MAX_SYNTHETIC: usize = 1_000_000_000;

/// What the user asked for with `--data`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataSource {
    /// Nothing: the best that can be had.
    Auto,
    /// This one or nothing.
    Set(&'static DataSet),
    /// What lies here: the files of a data set in a folder, or the user's own pictures or table.
    Folder(PathBuf),
    /// So many synthetic digits.
    Synthetic(usize),
}

impl FromStr for DataSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(DataSource::Auto),
            "synthetic" => Ok(DataSource::Synthetic(SYNTHETIC_COUNT)),
            _ => match text.strip_prefix("synthetic:") {
                Some(count) => match count.parse() {
                    Ok(count) if (1..=MAX_SYNTHETIC).contains(&count) => Ok(DataSource::Synthetic(count)),
                    _ => Err(t!("data.synthetic-count", count = count, max = MAX_SYNTHETIC).into()),
                },
                None => match data_sets::by_name(text) {
                    Some(set) => Ok(DataSource::Set(set)),
                    None => match data_sets::suggestion(text).filter(|_| !Path::new(text).exists()) {
                        Some(suggestion) => Err(suggestion),
                        None => Ok(DataSource::Folder(text.into())),
                    },
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_sources_are_understood() {
        for (text, expected) in [
            ("mnist", Ok(DataSource::Set(&data_sets::MNIST))),
            ("emnist-letters", Ok(DataSource::Set(data_sets::ALL[4]))),
            ("synthetic", Ok(DataSource::Synthetic(SYNTHETIC_COUNT))),
            ("synthetic:100", Ok(DataSource::Synthetic(100))),
            ("some/folder", Ok(DataSource::Folder("some/folder".into()))),
        ] {
            assert_eq!(text.parse(), expected);
        }
        for wrong in ["synthetic:", "synthetic:0", "synthetic:-1", "synthetic:99999999999999999999", "fasion"]
        {
            assert!(wrong.parse::<DataSource>().is_err(), "{wrong}");
        }
    }
}
