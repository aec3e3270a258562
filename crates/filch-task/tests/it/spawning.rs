//! spawn and its kin, names, places, lists.

use crate::rig::{Gate, Hand, Rig, panic_of};
use filch_task::{Builder, all_tasks, create_task, current_task, id, spawn, spawn_blocking};
use filch_task::{compute, run_in_executor, spawn_local, to_thread, try_id, yield_now};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::Poll;

#[test]
fn a_task_gives_its_output() {
    let rig = Rig::new();
    assert_eq!(rig.block_on(async { spawn(async { 7 }).await }).expect("it ends"), 7);
    assert_eq!(rig.block_on(async { create_task(async { 8 }).await }).expect("it ends"), 8);
}

#[test]
fn spawning_outside_of_any_runtime_says_what_is_missing() {
    let message = panic_of(|| spawn(async {}));
    assert!(message.contains("there is no filch runtime on this thread"), "{message}");
    assert!(message.contains("enter a runtime first"), "{message}");
}

#[test]
fn a_task_spawned_on_an_ended_runtime_is_cancelled() {
    let mut rig = Rig::new();
    let runtime = rig.runtime();
    rig.end();
    let dropped = Arc::new(());
    let witness = dropped.clone();
    let handle =
        Builder::new().spawn_on(async move { drop(witness) }, runtime).expect("never errs");
    assert_eq!(Arc::strong_count(&dropped), 1);
    let Poll::Ready(Err(error)) = Hand::default().poll(pin!(handle)) else { panic!("it is over") };
    assert!(error.is_cancelled());
}

#[test]
fn a_local_task_needs_a_local_runtime() {
    let rig = Rig::new();
    let message = panic_of(|| rig.run(|| spawn_local(async {})));
    assert!(message.contains("spawn_local was called outside of a LocalRuntime"), "{message}");
}

#[test]
fn a_local_task_may_share_what_is_not_send() {
    let rig = Rig::new();
    rig.runtime().set_home();
    let cell = Rc::new(Cell::new(0));
    let shared = cell.clone();
    let handle = rig.run(|| spawn_local(async move { shared.set(5) }));
    rig.block_on(handle).expect("it ends");
    assert_eq!(cell.get(), 5);
}

#[test]
fn every_way_to_spawn_keeps_the_callers_place_and_the_name() {
    let rig = Rig::new();
    rig.runtime().set_home();
    rig.run(|| {
        let line = line!() + 1;
        let a = spawn(async {});
        let b = create_task(async {});
        let c = spawn_blocking(|| ());
        let d = spawn_local(async {});
        let e = Builder::new().name("e").spawn(async {}).expect("never errs");
        let f = Builder::new().name("f").spawn_blocking(|| ()).expect("never errs");
        let g = Builder::new().name("g").spawn_local(async {}).expect("never errs");
        let h = Builder::new().name("h").spawn_on(async {}, rig.runtime()).expect("never errs");
        for (index, handle) in [a, b, c, d, e, f, g, h].into_iter().enumerate() {
            assert_eq!(handle.spawned_at().file(), file!());
            assert_eq!(handle.spawned_at().line(), line + index as u32);
            let name = "abcdefgh".get(index..=index).filter(|_| index >= 4);
            assert_eq!(handle.name(), name);
        }
    });
    while rig.step() || rig.step_blocking() {}
}

#[test]
fn a_task_knows_its_id_and_nobody_else_has_one() {
    let rig = Rig::new();
    let handle = rig.run(|| spawn(async { (id(), try_id()) }));
    let expected = handle.id();
    assert_eq!(rig.block_on(handle).expect("it ends"), (expected, Some(expected)));
    assert_eq!(rig.block_on(async { try_id() }), None);
    let message = panic_of(id);
    assert!(message.contains("outside of a task"), "{message}");
    assert!(message.contains("try_id"), "{message}");
}

#[test]
fn the_live_tasks_are_listed_in_the_order_of_their_ids() {
    let rig = Rig::new();
    rig.run(|| {
        let gate = Gate::default();
        let a = Builder::new().name("first").spawn(gate.clone()).expect("never errs");
        let b = spawn(gate.clone());
        let call = spawn_blocking(|| ());
        let listed = all_tasks();
        assert_eq!(listed.iter().map(|task| task.id()).collect::<Vec<_>>(), [a.id(), b.id()]);
        assert_eq!(listed[0].name(), Some("first"));
        assert_eq!(listed[1].name(), None);
        assert_eq!(listed[1].spawned_at(), b.spawned_at());
        assert!(!listed[0].is_finished());
        assert!(listed[0].to_string().starts_with(&format!("task {} \"first\" (", a.id())));
        gate.open();
        rig.settle();
        assert!(listed[0].is_finished());
        assert!(all_tasks().is_empty());
        drop(call);
        assert!(rig.step_blocking());
    });
}

#[test]
fn the_current_task_is_the_one_that_asks() {
    let rig = Rig::new();
    let handle = rig.run(|| {
        Builder::new()
            .name("asker")
            .spawn(async {
                yield_now().await;
                let task = current_task().expect("this is a task");
                assert_eq!(all_tasks(), std::slice::from_ref(&task));
                (task.id(), task.name().map(str::to_owned), task.spawned_at())
            })
            .expect("never errs")
    });
    let expected = (handle.id(), Some("asker".to_owned()), handle.spawned_at());
    assert_eq!(rig.block_on(handle).expect("it ends"), expected);
    assert!(rig.block_on(async { current_task() }).is_none());
}

#[test]
fn a_yield_lets_the_tasks_behind_go_first() {
    let rig = Rig::new();
    let turns = Arc::new(AtomicUsize::new(0));
    let handles: Vec<_> = rig.run(|| {
        let spawn_one = |_| {
            let turns = turns.clone();
            spawn(async move {
                let first = turns.fetch_add(1, Relaxed);
                yield_now().await;
                (first, turns.fetch_add(1, Relaxed))
            })
        };
        (0..3).map(spawn_one).collect()
    });
    for (index, handle) in handles.into_iter().enumerate() {
        assert_eq!(rig.block_on(handle).expect("it ends"), (index, index + 3));
    }
}

#[test]
fn a_yield_is_pending_once_and_wakes_once() {
    let hand = Hand::default();
    let mut future = pin!(yield_now());
    assert!(hand.poll(future.as_mut()).is_pending());
    assert_eq!(hand.wakes(), 1);
    assert!(hand.poll(future.as_mut()).is_ready());
    assert_eq!(hand.wakes(), 0);
}

#[test]
fn to_thread_starts_at_its_first_poll_and_gives_the_result() {
    let rig = Rig::new();
    let mut future = pin!(rig.run(|| to_thread(|| 9)));
    assert_eq!(rig.n_calls(), 0);
    assert!(Hand::default().poll(future.as_mut()).is_pending());
    assert_eq!(rig.n_calls(), 1);
    assert_eq!(rig.block_on(future), 9);
}

#[test]
fn a_panic_in_to_thread_goes_on_in_the_awaiter() {
    let rig = Rig::new();
    let message = panic_of(|| rig.block_on(async { to_thread(|| panic!("no disk")).await }));
    assert_eq!(message, "no disk");
}

#[test]
fn a_dropped_to_thread_takes_its_call_back() {
    let rig = Rig::new();
    let captured = Arc::new(());
    let capture = captured.clone();
    {
        let mut future = pin!(rig.run(|| to_thread(move || panic!("it ran with {capture:?}"))));
        assert!(Hand::default().poll(future.as_mut()).is_pending());
    }
    assert!(rig.step_blocking());
    assert_eq!(Arc::strong_count(&captured), 1, "dropped without being run");
}

#[test]
fn a_call_that_runs_does_not_notice_that_its_to_thread_is_dropped() {
    let rig = Rig::new();
    type Boxed = Pin<Box<dyn Future<Output = usize> + Send>>;
    let future = Arc::new(Mutex::new(None::<Boxed>));
    let own = future.clone();
    let called = Arc::new(AtomicUsize::new(0));
    let count = called.clone();
    let mut call: Boxed = Box::pin(rig.run(|| {
        to_thread(move || {
            drop(own.lock().expect("no panic under it").take());
            count.fetch_add(1, Relaxed)
        })
    }));
    assert!(Hand::default().poll(Pin::new(&mut call)).is_pending());
    *future.lock().expect("no panic under it") = Some(call);
    assert!(rig.step_blocking());
    assert_eq!(called.load(Relaxed), 1);
}

#[test]
fn a_computation_starts_at_its_first_poll_and_gives_the_result() {
    let rig = Rig::new();
    let mut future = pin!(rig.run(|| compute(|| 9)));
    assert_eq!(rig.n_calls(), 0);
    assert!(Hand::default().poll(future.as_mut()).is_pending());
    assert_eq!(rig.n_calls(), 1);
    assert_eq!(rig.block_on(future), 9);
}

#[test]
fn an_executor_is_anything_that_takes_calls() {
    let rig = Rig::new();
    let pool = rig.pool();
    let mut future = pin!(rig.run(|| run_in_executor(pool, || 9)));
    assert_eq!(rig.n_calls(), 0);
    assert!(Hand::default().poll(future.as_mut()).is_pending());
    assert_eq!(rig.n_calls(), 1);
    assert_eq!(rig.block_on(future), 9);
}

#[test]
fn a_to_thread_that_its_runtime_leaves_behind_says_so() {
    let mut rig = Rig::new();
    let mut future = Box::pin(rig.run(|| to_thread(|| 9)));
    assert!(Hand::default().poll(future.as_mut()).is_pending());
    rig.end();
    let message = panic_of(|| Hand::default().poll(future.as_mut()));
    assert!(message.contains("the runtime ended before the to_thread call of"), "{message}");
    assert!(message.contains(file!()), "{message}");
    let message = panic_of(|| Hand::default().poll(future.as_mut()));
    assert!(message.contains("await it once"), "{message}");
}

#[test]
fn a_panicking_task_leaves_the_queue_alive() {
    let rig = Rig::new();
    let bad = rig.run(|| spawn(async { panic!("mine") }));
    let good = rig.run(|| spawn(async { 1 }));
    assert!(catch_unwind(AssertUnwindSafe(|| rig.settle())).is_ok());
    let error = rig.block_on(bad).expect_err("it panicked");
    assert!(error.is_panic());
    assert!(error.to_string().ends_with("panicked with message \"mine\""), "{error}");
    assert_eq!(rig.block_on(good).expect("it ends"), 1);
}
