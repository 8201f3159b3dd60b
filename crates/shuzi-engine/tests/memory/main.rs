//! The library keeps to the memory it documents, whatever it is given: an allocator counts what the thread of each test holds.

#[path = "../support/allocator.rs"]
mod allocator;

mod decode_memory;
mod formats_hostile;
mod reading_budget;
