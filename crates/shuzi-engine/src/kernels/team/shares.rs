//! Which pieces of a job are the share of a thread: the ones that it begins with.
//!
//! In: how many pieces and threads there are. Out: the piece at each place of a share. Every piece is in one share.

use std::ops::Range;

/// Which pieces are the share of a thread.
#[derive(Clone, Copy)]
pub(super) enum Deal {
    /// Neighbouring ones.
    Together,
    /// Dealt like cards.
    InTurn,
}

impl Deal {
    /// The piece at `place` of the share of `owner`.
    pub fn piece(self, pieces: usize, threads: usize, owner: usize, place: usize) -> Option<usize> {
        let (piece, end) = match self {
            Deal::Together => {
                let share = share(pieces, threads, owner);
                (share.start + place, share.end)
            }
            Deal::InTurn => (owner + place * threads, pieces),
        };
        (piece < end).then_some(piece)
    }
}

/// The neighbouring items that a thread takes first: what it wrote last time is still near it.
pub(super) fn share(items: usize, threads: usize, thread: usize) -> Range<usize> {
    items * thread / threads..items * (thread + 1) / threads
}
