//! Classes: what a data set is labelled with and a network distinguishes, each with a name.
//!
//! In: the names, from a data set or a model file. Out: [`Classes`], checked once. A label is the place of its class
//! among the names, from 0. Without a word on it they are the ten digits.

use std::{fmt, sync::Arc};

/// There may be so many classes: a label is a byte, and its last value is [`NO_DIGIT`](crate::image::NO_DIGIT).
pub const MAX_CLASSES: usize = 255;

/// A name may have so many characters.
pub const MAX_NAME: usize = 64;

const DIGIT_NAMES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// The names of the classes, in the order of the labels; the ten digits by default. Copies share the names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    /// `None` for the digits.
    names: Option<Arc<[String]>>,
}

/// Names that are none of classes.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClassesError {
    /// Too few to distinguish, or too many for a byte.
    #[error("{found} classes, expected 2 to {MAX_CLASSES}")]
    Count {
        /// How many there are.
        found: usize,
    },
    /// Empty, too long, or with characters that cannot be printed.
    #[error("class {place} is called {found:?}, expected 1 to {MAX_NAME} characters that can be printed")]
    Name {
        /// The class, from 0.
        place: usize,
        /// Its name, cut off where it is too long.
        found: String,
    },
    /// Two classes of the same name.
    #[error("two classes are called {name:?}")]
    Twice {
        /// Their name.
        name: String,
    },
    /// Text that is no JSON list of names.
    #[error("the classes are not a JSON list of names")]
    Json,
}

impl Classes {
    /// Classes of these names, in the order of their labels.
    ///
    /// # Errors
    ///
    /// [`ClassesError`]: fewer than 2 or more than 255 names, or one that is empty, too long, or there twice.
    pub fn new(names: Vec<String>) -> Result<Self, ClassesError> {
        if !(2..=MAX_CLASSES).contains(&names.len()) {
            return Err(ClassesError::Count { found: names.len() });
        }
        for (place, name) in names.iter().enumerate() {
            let is_padded = name.trim() != name;
            if name.is_empty() || is_padded || name.chars().count() > MAX_NAME || name.contains(unprintable) {
                return Err(ClassesError::Name { place, found: name.chars().take(MAX_NAME).collect() });
            }
            if names[..place].contains(name) {
                return Err(ClassesError::Twice { name: name.clone() });
            }
        }
        let are_digits = names == DIGIT_NAMES;
        Ok(Classes { names: (!are_digits).then(|| names.into()) })
    }

    /// The ten digits.
    pub fn digits() -> Self {
        Classes { names: None }
    }

    /// Whether they are the ten digits.
    pub fn are_digits(&self) -> bool {
        self.names.is_none()
    }

    /// How many: 2 to [`MAX_CLASSES`].
    pub fn count(&self) -> usize {
        self.names.as_ref().map_or(DIGIT_NAMES.len(), |names| names.len())
    }

    /// All names, in the order of the labels.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        (0..self.count()).map(|label| self.name(label as u8))
    }

    /// The name of the class with this label.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn name(&self, label: u8) -> &str {
        match &self.names {
            None => DIGIT_NAMES[usize::from(label)],
            Some(names) => &names[usize::from(label)],
        }
    }

    /// The label of the class of this name, if there is one.
    pub fn label(&self, name: &str) -> Option<u8> {
        self.names().position(|other| other == name).map(|label| label as u8)
    }

    /// Whether every name is one character, so that names side by side make a word.
    pub fn are_characters(&self) -> bool {
        self.names().all(|name| name.chars().count() == 1)
    }

    /// The names as a JSON list.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.names().collect::<Vec<_>>()).expect("names can be written")
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    ///
    /// [`ClassesError`]: no JSON list of names, or names that [`new`](Self::new) refuses.
    pub fn from_json(text: &str) -> Result<Self, ClassesError> {
        Classes::new(serde_json::from_str(text).map_err(|_| ClassesError::Json)?)
    }
}

/// Control characters, and marks that turn the direction of the text around them.
fn unprintable(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// All names where they are few, else the first and the last: `0, 1, 2, …, 9`.
impl fmt::Display for Classes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.names().collect();
        match names[..] {
            [first, second, third, .., last] if names.len() > 5 => {
                write!(f, "{first}, {second}, {third}, …, {last}")
            }
            _ => f.write_str(&names.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(names: &[&str]) -> Result<Classes, ClassesError> {
        Classes::new(names.iter().map(|name| name.to_string()).collect())
    }

    #[test]
    fn labels_are_places_among_the_names() {
        let fruit = classes(&["apple", "お", "T-shirt/top"]).unwrap();
        assert_eq!((fruit.count(), fruit.name(1), fruit.label("T-shirt/top")), (3, "お", Some(2)));
        assert_eq!((fruit.label("pear"), fruit.are_digits(), fruit.are_characters()), (None, false, false));
        assert_eq!(Classes::from_json(&fruit.to_json()).unwrap(), fruit);
        assert_eq!(fruit.to_string(), "apple, お, T-shirt/top");
    }

    #[test]
    fn ten_digits_by_name_are_the_digits() {
        let digits = classes(&DIGIT_NAMES).unwrap();
        assert_eq!(digits, Classes::default());
        assert!(digits.are_digits() && digits.are_characters());
        assert_eq!((digits.name(7), digits.label("7"), digits.count()), ("7", Some(7), 10));
        assert_eq!(digits.to_string(), "0, 1, 2, …, 9");
        assert_eq!(digits.to_json(), r#"["0","1","2","3","4","5","6","7","8","9"]"#);
    }

    #[test]
    fn names_that_nobody_could_read_are_refused() {
        let many: Vec<String> = (0..=MAX_CLASSES).map(|number| number.to_string()).collect();
        assert!(Classes::new(many[1..].to_vec()).is_ok());
        assert_eq!(Classes::new(many), Err(ClassesError::Count { found: 256 }));
        assert_eq!(classes(&["only"]), Err(ClassesError::Count { found: 1 }));
        assert_eq!(classes(&["a", "b", "a"]), Err(ClassesError::Twice { name: "a".into() }));
        let long = "x".repeat(MAX_NAME);
        assert!(classes(&["a", &long]).is_ok());
        for name in ["", " ", "a ", "a\nb", "\u{1b}[31m", "\u{202e}abc", &(long + "x")] {
            assert!(matches!(classes(&["a", name]), Err(ClassesError::Name { place: 1, .. })), "{name:?}");
        }
        for json in ["", "{}", "[1, 2]", r#"["a""#, "null"] {
            assert_eq!(Classes::from_json(json), Err(ClassesError::Json), "{json}");
        }
    }
}
