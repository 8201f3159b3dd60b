//! What a training may start from instead of chance: given weights, and the order of the examples.
//!
//! In: the bytes of a model or of NumPy's files, as the reference program writes them. Out: a [`Network`] that fits, and the
//! indices of the examples of each epoch. Never draws a number.

use super::{Arrays, ModelError, fully_connected::fit, native::read_native};
#[cfg(feature = "numpy")]
use super::{
    fully_connected::tutorial_network,
    npy::{self, Content},
    npz,
};
use crate::network::{Architecture, Network};

/// The weights that a training starts from, from an `.npz` or `.npy` file: `w1,b1,…` or
/// `init_w1,init_b1,…`; a bias that is not there is 0. They must fit `architecture`.
///
/// # Errors
///
/// [`ModelError`]: no such file, or weights of other shapes.
pub fn initial_weights(bytes: &[u8], architecture: &Architecture) -> Result<Network, ModelError> {
    match Arrays::from_bytes(bytes)? {
        Arrays::Native(arrays, metadata) => fit(read_native(arrays, &metadata)?.network, architecture),
        #[cfg(feature = "numpy")]
        Arrays::Numpy(arrays) => {
            let prefix = if arrays.iter().any(|(name, _)| name == "init_w1") { "init_" } else { "" };
            fit(tutorial_network(arrays, prefix, architecture.pixel_scale())?, architecture)
        }
    }
}

/// The order of examples in each epoch, from an `.npz` file's array `order` or an `.npy` file:
/// `[epochs, examples]`.
///
/// # Errors
///
/// [`ModelError`]: no such file, no array `order`, or one that holds no indices.
#[cfg(feature = "numpy")]
pub fn batch_order(bytes: &[u8]) -> Result<Vec<Vec<u32>>, ModelError> {
    let name = || "order".to_string();
    let array = if bytes.starts_with(npz::MAGIC) {
        let mut arrays = npz::read(bytes)?;
        let Some(place) = arrays.iter().position(|(name, _)| name == "order") else {
            return Err(ModelError::Missing { name: name() });
        };
        arrays.swap_remove(place).1
    } else {
        match npy::read(bytes)? {
            Content::Array(array) => array,
            Content::Dictionary(_) => return Err(ModelError::Missing { name: name() }),
        }
    };
    let &[epochs, examples] = array.shape() else {
        let found = array.shape().to_vec();
        return Err(ModelError::Shape { name: name(), found, expected: "[epochs, examples]".into() });
    };
    let found = array.shape().to_vec();
    let shape = |expected: &str| ModelError::Shape { name: name(), found, expected: expected.into() };
    if epochs == 0 || examples == 0 {
        return Err(shape("[epochs, examples] > 0"));
    }
    let indices = array.into_indices().map_err(|_| shape("0, 1, 2, …"))?;
    Ok(indices.chunks_exact(examples).map(<[u32]>::to_vec).collect())
}
