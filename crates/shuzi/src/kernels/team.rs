//! A team of threads that meets in microseconds, for steps that take tens of them.
//!
//! In: slices cut into pieces and a function. Each piece is given to exactly one thread, so
//! what is computed cannot depend on the number of threads. Waiting threads spin for a
//! moment before they sleep. Knows nothing of what is computed.

use std::{
    cell::UnsafeCell,
    hint, mem,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread::{self, Thread},
};

/// How often a waiting thread looks again before it sleeps: some 50 microseconds (in Miri, which is slow, a few times).
const SPINS: usize = if cfg!(miri) { 10 } else { 20_000 };

/// The threads, the calling one among them.
pub struct Team<'a> {
    shared: &'a Shared,
    helpers: Vec<Thread>,
}

type Job<'a> = &'a (dyn Fn(usize) + Sync);

struct Shared {
    /// Counts the jobs; a change tells the helpers to begin.
    job_number: AtomicUsize,
    job: UnsafeCell<Option<Job<'static>>>,
    /// Helpers that are still at the present job.
    working: AtomicUsize,
    asleep: Vec<AtomicBool>,
    /// For each thread the first item of its share that nobody has taken.
    untaken: Vec<OwnLine<AtomicUsize>>,
    panicked: AtomicBool,
    finished: AtomicBool,
}

/// Alone in its cache line, so that its owner does not wait for the neighbours' owners.
#[repr(align(64))]
struct OwnLine<T>(T);

// SAFETY: `job` is the only field that is not Sync by itself. It is written only by the
// leading thread while `working` is 0, and read by helpers only after they have seen the
// new `job_number`, which is stored after it.
unsafe impl Sync for Shared {}

/// Runs `work` with a team of `threads` threads (the calling one included).
///
/// # Panics
///
/// If `threads` is 0, or when a job panics.
pub fn with_team<R>(threads: usize, work: impl FnOnce(&mut Team<'_>) -> R) -> R {
    assert!(threads > 0, "with_team: no thread");
    let shared = Shared {
        job_number: AtomicUsize::new(0),
        job: UnsafeCell::new(None),
        working: AtomicUsize::new(0),
        asleep: (1..threads).map(|_| AtomicBool::new(false)).collect(),
        untaken: (0..threads).map(|_| OwnLine(AtomicUsize::new(0))).collect(),
        panicked: AtomicBool::new(false),
        finished: AtomicBool::new(false),
    };
    thread::scope(|scope| {
        let helpers = (1..threads)
            .map(|thread| {
                let shared = &shared;
                scope.spawn(move || help(shared, thread)).thread().clone()
            })
            .collect();
        let mut team = Team { shared: &shared, helpers };
        work(&mut team) // dropping the team sends the helpers home, also when `work` panics
    })
}

fn help(shared: &Shared, thread: usize) {
    let mut done = 0;
    loop {
        let mut spins = 0;
        while shared.job_number.load(SeqCst) == done {
            spins += 1;
            if spins < SPINS {
                hint::spin_loop();
                continue;
            }
            shared.asleep[thread - 1].store(true, SeqCst);
            while shared.job_number.load(SeqCst) == done {
                thread::park();
            }
            shared.asleep[thread - 1].store(false, SeqCst);
        }
        done += 1;
        if shared.finished.load(SeqCst) {
            return;
        }
        // SAFETY: the leader stored the job before `job_number`, and leaves it in place until
        // `working` is 0 again, which needs this thread.
        let job = unsafe { (*shared.job.get()).expect("a job was set") };
        if catch_unwind(AssertUnwindSafe(|| job(thread))).is_err() {
            shared.panicked.store(true, SeqCst);
        }
        shared.working.fetch_sub(1, SeqCst);
    }
}

impl Drop for Team<'_> {
    fn drop(&mut self) {
        self.shared.finished.store(true, SeqCst);
        self.start();
    }
}

impl Team<'_> {
    /// How many threads.
    pub fn threads(&self) -> usize {
        self.helpers.len() + 1
    }

    fn start(&self) {
        self.shared.job_number.fetch_add(1, SeqCst);
        for (helper, asleep) in self.helpers.iter().zip(&self.shared.asleep) {
            if asleep.load(SeqCst) {
                helper.unpark();
            }
        }
    }

    /// Calls `job` with each thread's number, on that thread, and returns when all are done.
    fn run(&mut self, job: Job<'_>) {
        if self.helpers.is_empty() {
            return job(0);
        }
        // SAFETY: the longer life is a pretence; every helper has let go of the job when
        // `working` is 0, and this function does not return or unwind before that.
        let pretended = unsafe { mem::transmute::<Job<'_>, Job<'static>>(job) };
        // SAFETY: no helper reads the job now: `working` was 0 at the end of the last run.
        unsafe { *self.shared.job.get() = Some(pretended) };
        self.shared.working.store(self.helpers.len(), SeqCst);
        self.start();
        let own = catch_unwind(AssertUnwindSafe(|| job(0)));
        let mut spins = 0;
        while self.shared.working.load(SeqCst) > 0 {
            spins += 1;
            if spins < SPINS { hint::spin_loop() } else { thread::yield_now() }
        }
        if let Err(panic) = own {
            resume_unwind(panic);
        }
        assert!(!self.shared.panicked.load(SeqCst), "a thread of the team panicked");
    }

    /// Calls `visit` once for each item, the items shared out among the threads.
    pub fn for_each<T: Send>(&mut self, items: &mut [T], visit: impl Fn(usize, &mut T) + Sync) {
        let (items, count) = (SendPointer(items.as_mut_ptr()), items.len());
        // SAFETY: `index` is inside the slice, and visited by one thread only.
        self.for_each_index(count, |_, index| visit(index, unsafe { &mut *items.at(index) }));
    }

    /// [`for_each`](Self::for_each), with a room that only one thread uses at a time.
    ///
    /// # Panics
    ///
    /// If there are fewer rooms than threads.
    pub fn for_each_in_room<T: Send, R: Send>(
        &mut self,
        items: &mut [T],
        rooms: &mut [R],
        visit: impl Fn(usize, &mut T, &mut R) + Sync,
    ) {
        assert!(self.threads() <= rooms.len(), "for_each_in_room: {} rooms", rooms.len());
        let (items, count) = (SendPointer(items.as_mut_ptr()), items.len());
        let rooms = SendPointer(rooms.as_mut_ptr());
        self.for_each_index(count, |thread, index| {
            // SAFETY: `index` is inside the slice, and visited by one thread only.
            let item = unsafe { &mut *items.at(index) };
            // SAFETY: there are as many rooms as threads, and each uses its own.
            visit(index, item, unsafe { &mut *rooms.at(thread) });
        });
    }

    /// Calls `visit` with a thread's number once for each index below `count`. Each thread begins with its own share; who is
    /// ready goes on with what the others have not begun, for cores are not equally fast.
    fn for_each_index(&mut self, count: usize, visit: impl Fn(usize, usize) + Sync) {
        let threads = self.threads();
        if count <= threads {
            // Nothing to help with, so no need to look.
            return self.run(&|thread| share(count, threads, thread).for_each(|index| visit(thread, index)));
        }
        let untaken = &self.shared.untaken;
        for (thread, untaken) in untaken.iter().enumerate() {
            untaken.0.store(share(count, threads, thread).start, SeqCst);
        }
        self.run(&|thread| {
            for owner in (thread..threads).chain(0..thread) {
                let end = share(count, threads, owner).end;
                loop {
                    let index = untaken[owner].0.fetch_add(1, SeqCst); // given to no other thread
                    if index >= end {
                        break;
                    }
                    visit(thread, index);
                }
            }
        });
    }

    /// [`for_each`](Self::for_each), each item with the next `piece` numbers of `slice`; there may be
    /// fewer for the last.
    ///
    /// # Panics
    ///
    /// If there are more items than pieces.
    pub fn for_each_with_piece<T: Send>(
        &mut self,
        items: &mut [T],
        slice: &mut [f32],
        piece: usize,
        visit: impl Fn(usize, &mut T, &mut [f32]) + Sync,
    ) {
        let (slice, len) = (SendPointer(slice.as_mut_ptr()), slice.len());
        self.for_each(items, |index, item| {
            let start = index * piece;
            assert!(start < len, "for_each_with_piece: piece {index} of {len} numbers");
            // SAFETY: inside the slice, and each index, so each piece, is visited by one thread only.
            let piece = unsafe { std::slice::from_raw_parts_mut(slice.at(start), piece.min(len - start)) };
            visit(index, item, piece);
        });
    }

    /// Calls `visit` once for each range of `pieces`, with that range of each of `slices`
    /// (an empty slice gives an empty piece), the pieces shared out among the threads.
    ///
    /// # Panics
    ///
    /// If the pieces do not follow each other without overlap, inside the slices.
    pub fn for_each_piece<const K: usize>(
        &mut self,
        slices: [&mut [f32]; K],
        pieces: &[Range<usize>],
        visit: impl Fn(usize, [&mut [f32]; K]) + Sync,
    ) {
        let slices = Pieces::new(slices, pieces);
        // SAFETY: each index is visited by one thread only.
        self.for_each_index(pieces.len(), |_, index| visit(index, unsafe { slices.cut(index) }));
    }

    /// [`for_each_piece`](Self::for_each_piece), but with pieces that are dealt out to the threads in
    /// turn, always the same to each, and a thread's share of `items` with its first one.
    ///
    /// # Panics
    ///
    /// As there, or if there are fewer pieces than threads.
    pub fn for_each_dealt_piece<T: Send, const K: usize>(
        &mut self,
        items: &mut [T],
        slices: [&mut [f32]; K],
        pieces: &[Range<usize>],
        visit: impl Fn(usize, &mut [T], [&mut [f32]; K]) + Sync,
    ) {
        let slices = Pieces::new(slices, pieces);
        let (items, count) = (SendPointer(items.as_mut_ptr()), items.len());
        let threads = self.threads();
        assert!(threads <= pieces.len(), "for_each_dealt_piece: {} pieces", pieces.len());
        self.run(&|thread| {
            for index in (thread..pieces.len()).step_by(threads) {
                let share = if index == thread { share(count, threads, thread) } else { 0..0 };
                // SAFETY: inside the slice, and disjoint from the shares of all other threads.
                let items = unsafe { std::slice::from_raw_parts_mut(items.at(share.start), share.len()) };
                // SAFETY: only this thread steps over this index.
                visit(index, items, unsafe { slices.cut(index) });
            }
        });
    }
}

/// Slices that are cut into disjoint pieces.
struct Pieces<'p, const K: usize> {
    /// Each with whether it is empty, and so are its pieces.
    slices: [(SendPointer<f32>, bool); K],
    pieces: &'p [Range<usize>],
}

impl<'p, const K: usize> Pieces<'p, K> {
    fn new(slices: [&'p mut [f32]; K], pieces: &'p [Range<usize>]) -> Self {
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
    unsafe fn cut(&self, index: usize) -> [&'p mut [f32]; K] {
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

/// The neighbouring items that a thread takes first: what it wrote last time is still near it.
fn share(items: usize, threads: usize, thread: usize) -> Range<usize> {
    items * thread / threads..items * (thread + 1) / threads
}

/// A pointer that may cross threads: each thread uses its own places behind it.
struct SendPointer<T>(*mut T);

// SAFETY: the team gives each place behind the pointer to one thread only, as `&mut T`.
unsafe impl<T: Send> Sync for SendPointer<T> {}

impl<T> SendPointer<T> {
    /// # Safety
    ///
    /// `index` must be inside the slice that the pointer came from.
    unsafe fn at(&self, index: usize) -> *mut T {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(index) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_visited_once() {
        const ROUNDS: usize = if cfg!(miri) { 3 } else { 50 };
        for threads in [1, 2, 3, 8] {
            let mut items = vec![0; 101];
            with_team(threads, |team| {
                for _ in 0..ROUNDS {
                    team.for_each(&mut items, |index, item| *item += index);
                }
            });
            assert!(
                items.iter().enumerate().all(|(index, &item)| item == ROUNDS * index),
                "{threads} threads"
            );
        }
    }

    #[test]
    fn pieces_cover_their_ranges_in_every_slice() {
        let (mut a, mut b, mut none, mut items) = (vec![0.0; 10], vec![0.0; 10], vec![], [7; 5]);
        with_team(3, |team| {
            let slices = [&mut a[..], &mut b, &mut none];
            let pieces = [0..3, 3..4, 6..8, 8..10];
            team.for_each_dealt_piece(&mut items, slices, &pieces, |index, items, [a, b, none]| {
                assert!(none.is_empty());
                a.fill(index as f32 + 1.0);
                b.fill(-1.0);
                items.fill(index);
            });
        });
        assert_eq!(a, [1.0, 1.0, 1.0, 2.0, 0.0, 0.0, 3.0, 3.0, 4.0, 4.0]);
        assert_eq!(b.iter().sum::<f32>(), -8.0);
    }

    #[test]
    #[should_panic(expected = "for_each_piece")]
    fn overlapping_pieces_are_refused() {
        with_team(2, |team| team.for_each_piece([&mut [0.0; 4]], &[0..3, 2..4], |_, _| {}));
    }

    #[test]
    fn a_panic_in_a_job_reaches_the_caller_and_no_thread_is_left_behind() {
        for culprit in [0, 1] {
            let result = catch_unwind(|| {
                with_team(2, |team| team.for_each(&mut [0, 1], |index, _| assert_ne!(index, culprit)));
            });
            assert!(result.is_err());
        }
    }

    #[test]
    fn helpers_that_fell_asleep_wake_up() {
        let mut sum = [0; 4];
        with_team(4, |team| {
            for _ in 0..3 {
                thread::sleep(std::time::Duration::from_millis(5)); // longer than they spin
                team.for_each(&mut sum, |_, item| *item += 1);
            }
        });
        assert_eq!(sum, [3; 4]);
    }
}
