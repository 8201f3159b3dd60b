//! Behaviour of the library through its public door, a file for each subject.
//!
//! One program, because every test program links all of the library anew. `tests/memory` and `tests/allocations.rs` are their own,
//! because they bring an allocator that counts.

mod support;

mod c_header;
mod corpus;
mod ctc;
mod formats;
mod golden;
mod recognition;
mod reference;
mod strips;
mod tidy;
