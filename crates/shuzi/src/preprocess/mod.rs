//! The one stretch that training and recognition share: from ink to what the network sees.

use serde::{Deserialize, Serialize};

/// What a pixel's byte is multiplied by on its way into the network. Background stays 0,
/// which the first layer skips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PixelScale {
    /// 1: numbers from 0 to 255, as the tutorial has them.
    Raw,
    /// 1/255: numbers from 0 to 1.
    Unit,
}

impl PixelScale {
    /// The factor.
    pub fn factor(self) -> f32 {
        match self {
            PixelScale::Raw => 1.0,
            PixelScale::Unit => 1.0 / 255.0,
        }
    }
}
