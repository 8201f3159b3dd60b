//! A training step asks for no memory after the first of its epoch: a counting allocator shows it.

use shuzi::{
    Processor,
    dataset::synthetic,
    recipe::Recipe,
    training::{Event, Examples, initial_network, split, train},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::{alloc::System, ops::ControlFlow};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations so far, by all threads.
fn allocations() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}

#[test]
fn steps_after_the_first_allocate_nothing() {
    let before = allocations();
    drop(std::hint::black_box(vec![0u8; 1000]));
    assert!(allocations() > before, "allocations are counted");

    let data = synthetic::generate(1000, 1, 2);
    let split = split(&data, 0, 0);
    for name in ["classic", "mlp"] {
        let mut recipe = Recipe::built_in(name).unwrap();
        recipe.training.epochs = 2;
        for threads in [1, 2] {
            let mut network = initial_network(&recipe);
            let (mut after_first, mut later_steps) = (0, 0);
            let examples = Examples::shuffled(&data, &split);
            train(
                &recipe.training,
                &mut network,
                examples,
                None,
                Processor::with_threads(threads),
                |event| {
                    if let Event::Step(step) = event {
                        if step.iteration == 0 {
                            after_first = allocations();
                        } else {
                            later_steps += 1;
                            assert_eq!(allocations(), after_first, "{name}, {threads} threads, {step:?}");
                        }
                    }
                    ControlFlow::Continue(())
                },
            )
            .unwrap();
            assert!(later_steps >= 6);
        }
    }
}
