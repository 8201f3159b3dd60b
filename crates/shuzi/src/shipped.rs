//! The weights inside the library, by the features that it is built with. How each was made: `models/README.md`.

/// The models inside the library, which its features choose: the name of each, and its file (safetensors).
pub const MODEL_FILES: &[(&str, &[u8])] = &[
    #[cfg(feature = "small")]
    ("small", include_bytes!("../models/small.safetensors")),
    #[cfg(feature = "photo")]
    ("photo", include_bytes!("../models/photo.safetensors")),
    #[cfg(feature = "tiny")]
    ("tiny", include_bytes!("../models/tiny.safetensors")),
    #[cfg(feature = "micro")]
    ("micro", include_bytes!("../models/micro.safetensors")),
    #[cfg(feature = "classic")]
    ("classic", include_bytes!("../models/classic.safetensors")),
];

/// The model that is meant where digits of 28x28 pixels are read and none is named.
pub const DEFAULT_MODEL: &str = "small";

/// The model of [`Reader::pretrained`](crate::Reader::pretrained): it knows what is no digit.
pub const PICTURE_MODEL: &str = "photo";

/// The line network that belongs to [`PICTURE_MODEL`]: it reads lines of digits as a whole (safetensors).
#[cfg(feature = "lines")]
pub const LINES_FILE: &[u8] = include_bytes!("../models/lines.safetensors");

/// The names of the models inside the library, which its features choose.
///
/// ```
/// # #[cfg(feature = "photo")]
/// assert!(shuzi::model_names().any(|name| name == "photo"));
/// ```
pub fn model_names() -> impl Iterator<Item = &'static str> {
    MODEL_FILES.iter().map(|(name, _)| *name)
}

/// The file of a model inside the library.
pub(crate) fn bytes(name: &str) -> Option<&'static [u8]> {
    MODEL_FILES.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}
