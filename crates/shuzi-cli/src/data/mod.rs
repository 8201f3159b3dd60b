//! Where labelled images come from: a data set by its name, the user's own pictures and tables, or synthetic digits.

pub mod data_source;
pub mod sources;

pub mod part;
pub mod user_data;

pub mod labels;
pub mod pictures;

pub mod data_sets;
pub mod download;
pub mod set_files;
