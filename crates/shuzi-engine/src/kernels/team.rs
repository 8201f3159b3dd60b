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

use std::{
    cell::UnsafeCell,
    hint, mem,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
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
    beds: Vec<Bed>,
}

// SAFETY: `job` is the only field that is not Sync by itself. It is written only by the
// leading thread while the gate is closed and nobody is inside, and read only inside.
unsafe impl Sync for Shared {}

/// Alone in its cache line, so that its owner does not wait for the neighbours' owners.
#[repr(align(64))]
struct OwnLine<T>(T);

/// Lets helpers into a job while it is open. The job's number, whether it is open and how many helpers are inside are
/// one word, so a helper either enters in time, and the leader waits for it, or not at all.
struct Gate(AtomicUsize);

impl Gate {
    /// The bits below count the helpers inside, the others the turns: after an odd number of them the gate is open.
    const TURN: usize = 1 << 12;
    /// The state after the last job. It counts as open, so that waiting helpers look at it.
    const OVER: usize = usize::MAX;

    fn state(&self) -> usize {
        self.0.load(SeqCst)
    }

    fn is_open(state: usize) -> bool {
        state / Gate::TURN % 2 == 1
    }

    /// Opens or closes the gate.
    fn turn(&self) {
        self.0.fetch_add(Gate::TURN, SeqCst);
    }

    /// Enters if the gate is open and nothing has changed since `state`.
    fn enter(&self, state: usize) -> bool {
        Gate::is_open(state) && self.0.compare_exchange(state, state + 1, SeqCst, SeqCst).is_ok()
    }

    fn leave(&self) {
        self.0.fetch_sub(1, SeqCst);
    }

    fn is_empty(&self) -> bool {
        self.state().is_multiple_of(Gate::TURN)
    }
}

/// Where a thread sleeps until its condition holds; in between it is only woken at the turn of the gate that it chose.
struct Bed {
    /// The turn; while nobody sleeps [`Bed::AWAKE`], which no turn reaches.
    alarm: AtomicUsize,
    mutex: Mutex<()>,
    condvar: Condvar,
}

impl Bed {
    const AWAKE: usize = usize::MAX;

    fn new() -> Self {
        Bed { alarm: AtomicUsize::new(Bed::AWAKE), mutex: Mutex::new(()), condvar: Condvar::new() }
    }

    #[cfg(test)]
    fn is_used(&self) -> bool {
        self.alarm.load(SeqCst) != Bed::AWAKE
    }

    fn sleep_until(&self, alarm: usize, condition: impl Fn() -> bool) {
        let mut guard = self.mutex.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            // The alarm first: who makes the condition hold looks at the alarm afterwards, so one sees the other.
            self.alarm.store(alarm, SeqCst);
            if condition() {
                self.alarm.store(Bed::AWAKE, SeqCst);
                return;
            }
            guard = self.condvar.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Wakes the sleeper if its turn has come. To be called after what makes its condition hold.
    fn wake(&self, turn: usize) {
        if self.alarm.load(SeqCst) <= turn {
            let _guard = self.mutex.lock().unwrap_or_else(PoisonError::into_inner);
            self.alarm.store(Bed::AWAKE, SeqCst);
            self.condvar.notify_all();
        }
    }
}

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
            beds: (0..threads).map(|_| Bed::new()).collect(),
        }
    }

    /// Wakes the helpers whose alarm is due in that state of the gate.
    fn wake_helpers(&self, state: usize) {
        for bed in &self.beds[1..] {
            bed.wake(state / Gate::TURN);
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
                self.beds[thread].sleep_until(0, has_job);
            }
            let state = self.gate.state();
            if state == Gate::OVER {
                return;
            }
            let turn = state / Gate::TURN;
            let missed = turn.saturating_sub(last_turn);
            if MISSED < missed {
                let alarm = turn + REST * missed;
                self.beds[thread].sleep_until(alarm, || alarm <= self.gate.state() / Gate::TURN);
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
        self.beds[0].wake(0);
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

/// Which pieces are the share of a thread.
#[derive(Clone, Copy)]
enum Deal {
    /// Neighbouring ones.
    Together,
    /// Dealt like cards.
    InTurn,
}

impl Deal {
    /// The piece at `place` of the share of `owner`.
    fn piece(self, pieces: usize, threads: usize, owner: usize, place: usize) -> Option<usize> {
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

impl Team<'_> {
    /// How many threads.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Calls `job` with the number of each thread that comes before the leader is done, and returns when all of these are.
    fn run(&mut self, job: Job<'_>) {
        let Shared { gate, beds, panicked, .. } = self.shared;
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
            beds[0].sleep_until(0, is_done);
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
        assert!(self.threads <= rooms.len(), "for_each_in_room: {} rooms", rooms.len());
        let (items, count) = (SendPointer(items.as_mut_ptr()), items.len());
        let rooms = SendPointer(rooms.as_mut_ptr());
        self.for_each_index(Deal::Together, count, |thread, index| {
            // SAFETY: `index` is inside the slice, and visited by one thread only.
            let item = unsafe { &mut *items.at(index) };
            // SAFETY: there are as many rooms as threads, and each uses its own.
            visit(index, item, unsafe { &mut *rooms.at(thread) });
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
                while !team.shared.beds[1..].iter().all(Bed::is_used) {
                    thread::yield_now();
                }
                team.for_each(&mut sum, |_, item| *item += 1);
            }
        });
        assert_eq!(sum, [3; 4]);
    }

    #[test]
    fn a_leader_that_sleeps_wakes_when_the_last_helper_is_done() {
        let leader = thread::current().id();
        let mut visits = [0; 2];
        with_team(2, |team| {
            let (helper_has_one, beds) = (AtomicBool::new(false), &team.shared.beds);
            team.for_each(&mut visits, |_, visits| {
                let is_met = || match thread::current().id() == leader {
                    true => helper_has_one.load(SeqCst),
                    false => beds[0].is_used(),
                };
                helper_has_one.fetch_or(thread::current().id() != leader, SeqCst);
                while !is_met() {
                    thread::yield_now();
                }
                *visits += 1;
            });
        });
        assert_eq!(visits, [1; 2]);
    }

    #[test]
    fn a_helper_that_missed_many_jobs_rests_comes_back_and_goes_home() {
        let leader = thread::current().id();
        with_lone_leader(2, |shared, team| {
            for _ in 0..100 {
                team.for_each(&mut [0; 2], |_, _| ());
            }
            thread::scope(|scope| {
                let helper = scope.spawn(|| shared.help(1)); // a hundred jobs too late
                let helped = AtomicBool::new(false);
                while !helped.load(SeqCst) {
                    team.for_each(&mut [0; 2], |_, _| {
                        helped.fetch_or(thread::current().id() != leader, SeqCst);
                    });
                    thread::yield_now();
                }
                shared.gate.0.store(Gate::OVER, SeqCst);
                shared.wake_helpers(Gate::OVER);
                assert!(helper.join().is_ok());
            });
        });
    }

    #[test]
    fn a_team_ends_while_its_helpers_rest() {
        const TEAMS: usize = if cfg!(miri) { 2 } else { 100 };
        for jobs in 0..TEAMS {
            with_team(3, |team| {
                for _ in 0..10 * jobs {
                    team.for_each(&mut [0], |_, _| ()); // too short for helpers, so they miss many
                }
            });
        }
    }

    /// A team whose helpers are only the calls of [`Shared::join_job`] that a test makes.
    fn with_lone_leader(threads: usize, test: impl FnOnce(&Shared, &mut Team<'_>)) {
        let shared = Shared::new(threads);
        test(&shared, &mut Team { shared: &shared, threads });
    }

    #[test]
    fn a_leader_whose_helpers_never_come_does_everything_alone() {
        with_lone_leader(3, |_, team| {
            for count in [0, 1, 2, 3, 10] {
                let (mut items, mut rooms) = (vec![0; count], [0; 3]);
                team.for_each(&mut items, |index, item| *item += index);
                team.for_each_in_room(&mut items, &mut rooms, |index, item, room| {
                    *item += index;
                    *room += 1;
                });
                assert!(items.iter().enumerate().all(|(index, &item)| item == 2 * index));
                assert_eq!(rooms, [count, 0, 0]);
            }
            let (mut slice, mut items) = ([0.0; 8], [0; 3]);
            let pieces = [0..2, 2..4, 4..6, 6..8];
            team.for_each_dealt_piece(&mut items, [&mut slice], &pieces, |index, items, [piece]| {
                items.iter_mut().for_each(|item| *item += 1);
                piece.fill(index as f32);
            });
            assert_eq!(slice, [0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
            assert_eq!(items, [1; 3]);
        });
    }

    #[test]
    fn a_helper_that_comes_late_finds_the_rest_or_a_closed_gate() {
        with_lone_leader(2, |shared, team| {
            let (mut visitors, first_state) = ([9; 5], AtomicUsize::new(0));
            let indices = SendPointer(visitors.as_mut_ptr());
            // The helper comes while the leader is at the first piece.
            team.for_each_index(Deal::InTurn, 5, |thread, index| {
                // SAFETY: `index` is inside the array, and visited once.
                unsafe { *indices.at(index) = thread };
                if thread == 0 {
                    let state = shared.gate.state();
                    first_state.fetch_max(state, SeqCst);
                    assert!(shared.join_job(1, state));
                    assert!(shared.join_job(1, state), "the job is still open, and has nothing more to do");
                }
            });
            assert_eq!(visitors, [0, 1, 1, 1, 1]);
            // The helper lost its core between the look at the gate and the step through it.
            let late = first_state.load(SeqCst);
            assert!(!shared.join_job(1, late), "the job is over");
            assert!(!shared.join_job(1, shared.gate.state()), "no job is open");
            let mut visits = [0; 5];
            team.for_each(&mut visits, |_, visits| {
                assert!(!shared.join_job(1, late), "another job is open");
                *visits += 1;
            });
            assert_eq!(visits, [1; 5]);
        });
    }

    /// Helpers come at any time with any state of the gate that they have ever seen, and dawdle everywhere.
    #[test]
    fn every_item_is_visited_once_when_helpers_come_and_go_at_random() {
        const JOBS: usize = if cfg!(miri) { 30 } else { 3_000 };
        fn dawdle(random: &AtomicUsize) -> usize {
            const MULTIPLIER: usize = 0x9e37_79b1; // odd, so all numbers come in turn
            let drawn = random.fetch_add(MULTIPLIER, Relaxed) >> 7;
            match drawn % 16 {
                0 => thread::yield_now(),
                spins => (0..spins).for_each(|_| hint::spin_loop()),
            }
            drawn
        }
        let random = AtomicUsize::new(1);
        with_lone_leader(4, |shared, team| {
            thread::scope(|scope| {
                for thread in 1..4 {
                    let random = &random;
                    scope.spawn(move || {
                        let mut states = [0; 3];
                        while shared.gate.state() != Gate::OVER {
                            let drawn = dawdle(random);
                            states[drawn % states.len()] = shared.gate.state();
                            let state = states[dawdle(random) % states.len()];
                            if state != Gate::OVER {
                                shared.join_job(thread, state);
                            }
                        }
                    });
                }
                for job in 0..JOBS {
                    let mut visits = vec![0; job % 13];
                    team.for_each(&mut visits, |_, visits| {
                        dawdle(&random);
                        *visits += 1;
                    });
                    assert!(visits.iter().all(|&visits| visits == 1), "job {job}: {visits:?}");
                }
                shared.gate.0.store(Gate::OVER, SeqCst);
            });
        });
    }
}
