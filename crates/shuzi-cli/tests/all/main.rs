//! Behaviour of the program through its command line, a file for each subject.
//!
//! One program, because every test program links all of `shuzi-engine` anew.

mod support;

mod bad_input;
mod checkpoints;
mod data;
mod data_sets;
mod download;
mod evaluate;
mod export;
mod export_int8;
mod first_time;
mod interrupt;
mod licenses;
mod page;
mod recognize;
mod serve;
mod serve_hostile;
mod tidy;
mod train;
mod transcripts;
mod user_data;
mod words;
