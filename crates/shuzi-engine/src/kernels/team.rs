//! A team of threads that meets in microseconds, for steps that take tens of them.
//!
//! In: slices cut into pieces and a function. Each piece is given to exactly one thread, so
//! what is computed cannot depend on the number of threads. Knows nothing of what is computed.
//!
//! **Work passes to whoever runs.** Beside other programs a thread may lose its core for milliseconds, the time of
//! hundreds of steps. So the team never waits for a thread to get a core, unless it holds a piece:
//!
//! - Every piece is claimed by the first thread that is free. Each thread has a share that it begins with, because what
//!   it wrote last time is still in its cache; but a share whose owner does not come is done by the others.
//! - The leading thread closes a job when no piece is left, and waits only for helpers that are at one. A helper that
//!   comes later finds the gate closed and touches nothing.
//! - A helper yields between two jobs. If others want its core, it loses it there, and not in the middle of a piece,
//!   where the leader would have to wait for it.
//! - A helper that was away for many jobs has no core of its own. It rests for some times as many, so that it costs
//!   little where it brings little.
//! - Waiting threads spin for some microseconds, helpers yield in between, then they sleep: under a quota of processor
//!   time, every spin would be missing later.
//!
//! There is no clock in all this: a helper measures its absence in jobs.

mod gate;
mod parker;
mod pieces;
mod shares;

use self::{
    gate::Gate,
    parker::Parker,
    pieces::{Pieces, SendPointer},
    shares::{Deal, share},
};
use std::{
    cell::UnsafeCell,
    hint, mem,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{
        AtomicBool, AtomicUsize,
        Ordering::{Relaxed, SeqCst},
    },
    thread,
};

/// The threads, the calling one among them.
pub struct Team<'a> {
    shared: &'a Shared,
    threads: usize,
}

type Job<'a> = &'a (dyn Fn(usize) + Sync);

struct Shared {
    gate: Gate,
    /// Who is inside the gate may read it.
    job: UnsafeCell<Option<Job<'static>>>,
    /// For each thread how many pieces of its share are claimed.
    claimed: Vec<OwnLine<AtomicUsize>>,
    panicked: AtomicBool,
    /// One for each thread.
    parkers: Vec<Parker>,
}

// SAFETY: `job` is the only field that is not Sync by itself. It is written only by the
// leading thread while the gate is closed and nobody is inside, and read only inside.
unsafe impl Sync for Shared {}

/// Alone in its cache line, so that its owner does not wait for the neighbours' owners.
#[repr(align(64))]
struct OwnLine<T>(T);

/// Runs `work` with a team of `threads` threads (the calling one included).
///
/// # Panics
///
/// If `threads` is 0 or above 4,000, or when a job panics.
pub fn with_team<R>(threads: usize, work: impl FnOnce(&mut Team<'_>) -> R) -> R {
    let shared = Shared::new(threads);
    thread::scope(|scope| {
        let mut team = Team { shared: &shared, threads };
        for thread in 1..threads {
            let shared = &shared;
            scope.spawn(move || shared.help(thread));
        }
        work(&mut team) // dropping the team ends the helpers, also after a panic
    })
}

impl Shared {
    fn new(threads: usize) -> Self {
        assert!((1..=4_000).contains(&threads), "with_team: {threads} threads");
        Shared {
            gate: Gate(AtomicUsize::new(0)),
            job: UnsafeCell::new(None),
            claimed: (0..threads).map(|_| OwnLine(AtomicUsize::new(0))).collect(),
            panicked: AtomicBool::new(false),
            parkers: (0..threads).map(|_| Parker::new()).collect(),
        }
    }

    /// Wakes the helpers whose alarm is due in that state of the gate.
    fn wake_helpers(&self, state: usize) {
        for parker in &self.parkers[1..] {
            parker.wake(state / Gate::TURN);
        }
    }

    /// Joins one job after the other, and rests when it has missed many.
    fn help(&self, thread: usize) {
        /// Turns that a helper may miss without having lost its core, because it slept or the leader did short jobs alone.
        const MISSED: usize = 64;
        /// How much longer than it was away a helper rests.
        const REST: usize = 8;
        let mut last_turn = 0;
        loop {
            let has_job = || {
                let state = self.gate.state();
                Gate::is_open(state) && state / Gate::TURN != last_turn
            };
            thread::yield_now();
            if !spin_until(has_job, thread::yield_now) {
                self.parkers[thread].sleep_until(0, has_job);
            }
            let state = self.gate.state();
            if state == Gate::OVER {
                return;
            }
            let turn = state / Gate::TURN;
            let missed = turn.saturating_sub(last_turn);
            if MISSED < missed {
                let alarm = turn + REST * missed;
                self.parkers[thread].sleep_until(alarm, || alarm <= self.gate.state() / Gate::TURN);
                last_turn = alarm;
            } else if self.join_job(thread, state) {
                last_turn = turn;
            }
        }
    }

    /// Works at the job that was open in `state`. False if it is too late, or others came or left at that moment.
    fn join_job(&self, thread: usize, state: usize) -> bool {
        if !self.gate.enter(state) {
            return false;
        }
        // SAFETY: the leader stored the job before it opened the gate, and leaves it in place until
        // nobody is inside.
        let job = unsafe { (*self.job.get()).expect("a job was set") };
        if catch_unwind(AssertUnwindSafe(|| job(thread))).is_err() {
            self.panicked.store(true, SeqCst);
        }
        self.gate.leave();
        self.parkers[0].wake(0);
        true
    }
}

/// Looks at the condition for some 100 microseconds (in Miri, which is slow, a few times), with a `pause` every 2 or 3.
/// False if it does not hold by then.
fn spin_until(condition: impl Fn() -> bool, pause: impl Fn()) -> bool {
    const PAUSES: usize = if cfg!(miri) { 2 } else { 40 };
    const SPINS: usize = if cfg!(miri) { 5 } else { 100 };
    for _ in 0..PAUSES {
        for _ in 0..SPINS {
            if condition() {
                return true;
            }
            hint::spin_loop();
        }
        pause();
    }
    false
}

impl Drop for Team<'_> {
    fn drop(&mut self) {
        self.shared.gate.0.store(Gate::OVER, SeqCst);
        self.shared.wake_helpers(Gate::OVER);
    }
}

impl Team<'_> {
    /// How many threads.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Calls `job` with the number of each thread that comes before the leader is done, and returns when all of these are.
    fn run(&mut self, job: Job<'_>) {
        let Shared { gate, parkers, panicked, .. } = self.shared;
        if self.threads == 1 {
            return job(0);
        }
        // SAFETY: the longer life is a pretence; every helper has let go of the job when nobody is inside
        // the closed gate, and this function does not return or unwind before that.
        let pretended = unsafe { mem::transmute::<Job<'_>, Job<'static>>(job) };
        // SAFETY: no helper reads the job now: the gate is closed, and nobody was inside at the end of the last run.
        unsafe { *self.shared.job.get() = Some(pretended) };
        gate.turn();
        self.shared.wake_helpers(gate.state());
        let own = catch_unwind(AssertUnwindSafe(|| job(0)));
        gate.turn();
        let is_done = || gate.is_empty();
        if !spin_until(is_done, || ()) {
            parkers[0].sleep_until(0, is_done);
        }
        if let Err(panic) = own {
            resume_unwind(panic);
        }
        assert!(!panicked.load(SeqCst), "a thread of the team panicked");
    }

    /// Calls `visit` with a thread's number once for each index below `count`. Each thread begins with its own share; who is
    /// ready goes on with what the others have not claimed, for cores are not equally fast, and not always there.
    fn for_each_index(&mut self, deal: Deal, count: usize, visit: impl Fn(usize, usize) + Sync) {
        let (threads, claimed) = (self.threads, &self.shared.claimed);
        for claimed in claimed {
            claimed.0.store(0, Relaxed); // before the gate opens, so all who enter see it
        }
        self.run(&|thread| {
            for owner in (thread..threads).chain(0..thread) {
                let (claimed, piece) = (&claimed[owner].0, |place| deal.piece(count, threads, owner, place));
                // Looks before it claims: a claim takes the line away from its owner.
                while piece(claimed.load(Relaxed)).is_some()
                    && let Some(index) = piece(claimed.fetch_add(1, Relaxed))
                {
                    visit(thread, index); // given to no other thread
                }
            }
        });
    }

    /// Calls `visit` once for each item, the items shared out among the threads.
    pub fn for_each<T: Send>(&mut self, items: &mut [T], visit: impl Fn(usize, &mut T) + Sync) {
        let (items, count) = (SendPointer(items.as_mut_ptr()), items.len());
        // SAFETY: `index` is inside the slice, and visited by one thread only.
        self.for_each_index(Deal::Together, count, |_, index| visit(index, unsafe { &mut *items.at(index) }));
    }

    /// [`for_each`](Self::for_each), with a workspace that only one thread uses at a time.
    ///
    /// # Panics
    ///
    /// If there are fewer workspaces than threads.
    pub fn for_each_with_workspace<T: Send, R: Send>(
        &mut self,
        items: &mut [T],
        workspaces: &mut [R],
        visit: impl Fn(usize, &mut T, &mut R) + Sync,
    ) {
        assert!(self.threads <= workspaces.len(), "for_each_with_workspace: {} workspaces", workspaces.len());
        let (items, count) = (SendPointer(items.as_mut_ptr()), items.len());
        let workspaces = SendPointer(workspaces.as_mut_ptr());
        self.for_each_index(Deal::Together, count, |thread, index| {
            // SAFETY: `index` is inside the slice, and visited by one thread only.
            let item = unsafe { &mut *items.at(index) };
            // SAFETY: there are as many workspaces as threads, and each uses its own.
            visit(index, item, unsafe { &mut *workspaces.at(thread) });
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
        self.for_each_index(Deal::Together, pieces.len(), |_, index| {
            // SAFETY: each index is visited by one thread only.
            visit(index, unsafe { slices.cut(index) });
        });
    }

    /// [`for_each_piece`](Self::for_each_piece), but with pieces that are dealt out to the threads in
    /// turn, and the share of `items` of each thread with its first one.
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
        let threads = self.threads;
        assert!(threads <= pieces.len(), "for_each_dealt_piece: {} pieces", pieces.len());
        self.for_each_index(Deal::InTurn, pieces.len(), |_, index| {
            let share = if index < threads { share(count, threads, index) } else { 0..0 };
            // SAFETY: inside the slice, and disjoint from the shares of all other indices.
            let items = unsafe { std::slice::from_raw_parts_mut(items.at(share.start), share.len()) };
            // SAFETY: each index is visited by one thread only.
            visit(index, items, unsafe { slices.cut(index) });
        });
    }
}

#[cfg(test)]
mod tests;
