//! The verbs, one file or folder each: what is asked on the command line, the work, and what is answered.

pub mod completions;
pub mod data;
pub mod evaluate;
pub mod export;
mod facts;
pub mod manual;
pub mod models;
#[cfg(feature = "page")]
pub mod page;
pub mod recognize;
#[cfg(feature = "serve")]
pub mod serve;
pub mod train;
