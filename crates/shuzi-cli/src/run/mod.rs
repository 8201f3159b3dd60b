//! A run while it goes on, and what it leaves: its folder, checkpoints, metrics, what is shown, and how it is interrupted.

pub mod checkpoints;
pub mod folder;
pub mod interrupt;
pub mod metrics;
pub mod progress;
