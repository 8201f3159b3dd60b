//! Every piece is visited once, whoever comes, however late.

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
        assert!(items.iter().enumerate().all(|(index, &item)| item == ROUNDS * index), "{threads} threads");
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
            while !team.shared.parkers[1..].iter().all(Parker::is_asleep) {
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
        let (helper_has_one, parkers) = (AtomicBool::new(false), &team.shared.parkers);
        team.for_each(&mut visits, |_, visits| {
            let is_met = || match thread::current().id() == leader {
                true => helper_has_one.load(SeqCst),
                false => parkers[0].is_asleep(),
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
            let (mut items, mut workspaces) = (vec![0; count], [0; 3]);
            team.for_each(&mut items, |index, item| *item += index);
            team.for_each_with_workspace(&mut items, &mut workspaces, |index, item, workspace| {
                *item += index;
                *workspace += 1;
            });
            assert!(items.iter().enumerate().all(|(index, &item)| item == 2 * index));
            assert_eq!(workspaces, [count, 0, 0]);
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
