//! The only code that opens files: reading with limits, writing that loses nothing, folders.

mod folders;
mod paths;
mod read;
mod write;

pub use folders::{
    Entries, create_folder, create_new_folder, ensure_folder, ensure_writable_folder, entries, files_below,
    lock_folder, numbered, remove, remove_empty_folder, remove_unfinished,
};
pub use read::{TooLarge, open_to_read, read, read_standard_input, read_start, read_text_if_there};
pub use write::{continue_behind, create, replace, sync_folder, write_atomically};
