//! Slices cut into disjoint pieces, which threads may have at the same time.
//!
//! In: slices and ranges, which are checked once. Out: each piece as a slice of its own. That no two threads ask for the same
//! one is the caller's promise.

use std::ops::Range;

/// Slices that are cut into disjoint pieces.
pub(super) struct Pieces<'p, const K: usize> {
    /// Each with whether it is empty, and so are its pieces.
    slices: [(SendPointer<f32>, bool); K],
    pieces: &'p [Range<usize>],
}

impl<'p, const K: usize> Pieces<'p, K> {
    pub fn new(slices: [&'p mut [f32]; K], pieces: &'p [Range<usize>]) -> Self {
        let mut end = 0;
        for piece in pieces {
            assert!(end <= piece.start && piece.start <= piece.end, "for_each_piece: {piece:?} after {end}");
            end = piece.end;
        }
        let slices = slices.map(|slice| {
            assert!(slice.is_empty() || end <= slice.len(), "for_each_piece: {end} of {}", slice.len());
            (SendPointer(slice.as_mut_ptr()), slice.is_empty())
        });
        Pieces { slices, pieces }
    }

    /// One piece of each slice.
    ///
    /// # Safety
    ///
    /// At most once at a time for each index.
    pub unsafe fn cut(&self, index: usize) -> [&'p mut [f32]; K] {
        let piece = &self.pieces[index];
        self.slices.each_ref().map(|(slice, empty)| {
            if *empty {
                return <&mut [f32]>::default();
            }
            // SAFETY: inside the slice, and disjoint from all other pieces, which `new` has
            // checked; the caller promises that nobody else has this one.
            unsafe { std::slice::from_raw_parts_mut(slice.at(piece.start), piece.len()) }
        })
    }
}

/// A pointer that may cross threads: each thread uses its own places behind it.
pub(super) struct SendPointer<T>(pub *mut T);

// SAFETY: the team gives each place behind the pointer to one thread only, as `&mut T`.
unsafe impl<T: Send> Sync for SendPointer<T> {}

impl<T> SendPointer<T> {
    /// # Safety
    ///
    /// `index` must be inside the slice that the pointer came from.
    pub unsafe fn at(&self, index: usize) -> *mut T {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(index) }
    }
}
