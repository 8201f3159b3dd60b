//! Which examples of a source are meant.

/// Which part of a source.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Training,
    Test,
    /// Both, where one's own digits are looked at.
    All,
}

impl Part {
    /// The same in every language.
    pub fn name(self) -> &'static str {
        match self {
            Part::Training => "training",
            Part::Test => "test",
            Part::All => "all",
        }
    }
}
