//! What browsers know the page's files by.

use shuzi_engine::hash;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// The hash of each file that was asked for, by where its bytes lie.
#[derive(Default)]
pub struct Hashes(Mutex<HashMap<usize, String>>);

impl Hashes {
    /// What a browser knows these bytes by.
    pub fn tag(&self, bytes: &'static [u8]) -> String {
        let mut hashes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = || hash::sha256(bytes)[..32].to_string();
        hashes.entry(bytes.as_ptr() as usize).or_insert_with(|| format!("\"{}\"", hash())).clone()
    }
}
