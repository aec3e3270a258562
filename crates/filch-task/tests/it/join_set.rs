//! Sets of tasks.

use crate::rig::{Gate, Hand, Rig, UNITS, panic_of};
use filch_core::coop::{Budget, with_budget};
use filch_task::{JoinSet, all_tasks};
use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

/// A set of `n` tasks, each with the gate that ends it. Task `i` gives `i`.
fn gated(rig: &Rig, n: usize) -> (JoinSet<usize>, Vec<Gate>) {
    let gates: Vec<Gate> = (0..n).map(|_| Gate::default()).collect();
    let tasks = gates.iter().cloned().enumerate().map(|(i, gate)| async move {
        gate.await;
        i
    });
    let set = rig.run(|| tasks.collect());
    rig.settle();
    (set, gates)
}

#[test]
fn an_empty_set_has_nothing_to_join() {
    let rig = Rig::new();
    let mut set = JoinSet::<()>::default();
    assert!(set.is_empty());
    assert!(rig.block_on(set.join_next()).is_none());
    assert!(set.try_join_next().is_none());
    assert!(rig.block_on(set.join_all()).is_empty());
}

#[test]
fn tasks_are_joined_in_the_order_in_which_they_end() {
    let rig = Rig::new();
    let (mut set, gates) = gated(&rig, 4);
    for i in [2, 0, 3, 1] {
        gates[i].open();
        rig.settle();
    }
    for (left, i) in [(3, 2), (2, 0), (1, 3), (0, 1)] {
        let joined = rig.block_on(set.join_next()).expect("there are more").expect("it ends");
        assert_eq!((joined, set.len()), (i, left));
    }
    assert!(rig.block_on(set.join_next()).is_none());
}

#[test]
fn join_all_gives_the_outputs_in_the_order_of_the_ends() {
    let rig = Rig::new();
    let (set, gates) = gated(&rig, 3);
    for i in [1, 2, 0] {
        gates[i].open();
        rig.settle();
    }
    assert_eq!(rig.block_on(set.join_all()), [1, 2, 0]);
}

#[test]
fn join_all_passes_a_panic_on_and_aborts_the_others() {
    let rig = Rig::new();
    let mut set = JoinSet::new();
    rig.run(|| {
        set.spawn(async { panic!("third") });
        set.spawn(Gate::default());
    });
    assert_eq!(panic_of(|| rig.block_on(set.join_all())), "third");
    rig.settle();
    assert!(rig.run(all_tasks).is_empty());
}

#[test]
fn join_all_of_an_aborted_task_says_which_and_what_else_to_do() {
    let rig = Rig::new();
    let mut set = JoinSet::new();
    let task = rig.run(|| set.spawn(Gate::default()));
    task.abort();
    let message = panic_of(|| rig.block_on(set.join_all()));
    assert!(message.contains(&format!("task {} was cancelled", task.id())), "{message}");
    assert!(message.contains("use join_next"), "{message}");
}

#[test]
fn a_join_that_waits_is_woken_once_by_many_ends() {
    let rig = Rig::new();
    let (mut set, gates) = gated(&rig, 100);
    let hand = Hand::default();
    let waker = hand.waker();
    let cx = &mut Context::from_waker(&waker);
    assert!(set.poll_join_next(cx).is_pending());
    assert!(set.poll_join_next(cx).is_pending());
    gates.iter().for_each(Gate::open);
    rig.settle();
    assert_eq!(hand.wakes(), 1);
    for i in 0..100 {
        let Poll::Ready(Some(Ok(joined))) = set.poll_join_next(cx) else { panic!("{i} is done") };
        assert_eq!(joined, i);
    }
    assert!(matches!(set.poll_join_next(cx), Poll::Ready(None)));
    assert_eq!(hand.wakes(), 0);
}

#[test]
fn the_waker_of_the_last_poll_counts() {
    let rig = Rig::new();
    let (mut set, gates) = gated(&rig, 1);
    let (first, last) = (Hand::default(), Hand::default());
    for hand in [&first, &last] {
        assert!(hand.poll(pin!(set.join_next())).is_pending());
    }
    gates[0].open();
    rig.settle();
    assert_eq!((first.wakes(), last.wakes()), (0, 1));
}

#[test]
fn a_dropped_join_loses_no_output() {
    for n_polls in 0..4 {
        let rig = Rig::new();
        let (mut set, gates) = gated(&rig, 3);
        let hand = Hand::default();
        for poll in 0..n_polls {
            assert!(hand.poll(pin!(set.join_next())).is_pending());
            if poll == 1 {
                gates[1].open(); // Complete only when the rig settles, after the joins were dropped.
            }
        }
        gates.iter().for_each(Gate::open);
        let mut joined = rig.block_on(set.join_all());
        joined.sort_unstable();
        assert_eq!(joined, [0, 1, 2]);
    }
}

#[test]
fn try_join_next_gives_what_has_ended_and_does_not_wait() {
    let rig = Rig::new();
    let (mut set, gates) = gated(&rig, 2);
    assert!(set.try_join_next().is_none());
    gates[1].open();
    rig.settle();
    assert_eq!(set.try_join_next().expect("one has ended").expect("it ends"), 1);
    assert!(set.try_join_next().is_none());
    assert_eq!(set.len(), 1);
}

#[test]
fn a_task_is_joined_with_its_id() {
    let rig = Rig::new();
    let mut set = JoinSet::new();
    let good = rig.run(|| set.spawn(async { 1 }));
    let joined = rig.block_on(set.join_next_with_id()).expect("one").expect("it ends");
    assert_eq!(joined, (good.id(), 1));
    let bad = rig.run(|| set.spawn(async { panic!("bad") }));
    rig.settle();
    let error = set.try_join_next_with_id().expect("one").expect_err("it panicked");
    assert_eq!(error.id(), bad.id());
    assert!(error.is_panic());
}

#[test]
fn abort_all_joins_every_task_as_cancelled() {
    let rig = Rig::new();
    let (mut set, gates) = gated(&rig, 3);
    gates[0].open();
    rig.settle();
    set.abort_all();
    assert_eq!(set.len(), 3);
    assert_eq!(rig.block_on(set.join_next()).expect("one").expect("it had ended"), 0);
    for _ in 0..2 {
        let error = rig.block_on(set.join_next()).expect("one").expect_err("aborted");
        assert!(error.is_cancelled());
    }
    assert!(set.is_empty());
}

#[test]
fn shutdown_leaves_an_empty_set_and_dropped_futures() {
    let rig = Rig::new();
    let witness = Arc::new(());
    let mut set = JoinSet::new();
    for _ in 0..10 {
        let held = witness.clone();
        rig.run(|| {
            set.spawn(async move {
                Gate::default().await;
                drop(held);
            })
        });
    }
    rig.block_on(set.shutdown());
    assert!(set.is_empty());
    assert_eq!(Arc::strong_count(&witness), 1);
}

#[test]
fn a_dropped_set_aborts_its_tasks() {
    let rig = Rig::new();
    let (set, _gates) = gated(&rig, 10);
    assert_eq!(rig.run(all_tasks).len(), 10);
    drop(set);
    rig.settle();
    assert!(rig.run(all_tasks).is_empty());
}

#[test]
fn detached_tasks_go_on() {
    let rig = Rig::new();
    let mut set = JoinSet::new();
    let (gate, done) = (Gate::default(), Arc::new(AtomicBool::new(false)));
    let (opened, told) = (gate.clone(), done.clone());
    rig.run(|| {
        set.spawn(async move {
            opened.await;
            told.store(true, Relaxed);
        })
    });
    rig.settle();
    set.detach_all();
    assert!(set.is_empty());
    drop(set);
    gate.open();
    rig.settle();
    assert!(done.load(Relaxed));
}

#[test]
fn a_key_left_by_a_detached_task_is_not_taken_for_its_successor() {
    let rig = Rig::new();
    let mut set = JoinSet::new();
    rig.run(|| set.spawn(async { 1 }));
    rig.settle(); // Its key is reported.
    set.detach_all();
    let gate = Gate::default();
    let opened = gate.clone();
    rig.run(|| {
        set.spawn(async move {
            opened.await;
            2
        })
    });
    rig.settle();
    let hand = Hand::default();
    assert!(set.try_join_next().is_none());
    assert!(hand.poll(pin!(set.join_next())).is_pending());
    gate.open();
    rig.settle();
    assert_eq!(hand.wakes(), 1);
    assert_eq!(rig.block_on(set.join_next()).expect("one").expect("it ends"), 2);
}

#[test]
fn a_set_is_used_again_and_again() {
    let rig = Rig::new();
    let mut set = JoinSet::new();
    let mut sum = 0;
    for round in 0..100 {
        for i in 0..round % 7 {
            rig.run(|| set.spawn(async move { i }));
        }
        if round % 3 == 0 {
            rig.settle();
        }
        while set.len() > 3 {
            sum += rig.block_on(set.join_next()).expect("not empty").expect("it ends");
        }
    }
    sum += rig.block_on(set.join_all()).into_iter().sum::<usize>();
    assert_eq!(sum, (0..100).flat_map(|round| 0..round % 7).sum());
}

#[test]
fn every_way_to_spawn_keeps_the_place_and_the_name() {
    let rig = Rig::new();
    rig.runtime().set_home();
    let mut set = JoinSet::new();
    let runtime = rig.runtime();
    let tasks = rig.run(|| {
        let line = line!() + 1;
        let a = set.spawn(async { 0 });
        let b = set.spawn_on(async { 1 }, runtime);
        let c = set.spawn_local(async { 2 });
        let d = set.spawn_blocking(|| 3);
        let e = set.spawn_blocking_on(|| 4, runtime);
        let f = set.build_task().name("f").spawn(async { 5 }).expect("never errs");
        let g = set.build_task().name("g").spawn_on(async { 6 }, runtime).expect("never errs");
        let h = set.build_task().name("h").spawn_local(async { 7 }).expect("never errs");
        let i = set.build_task().name("i").spawn_blocking(|| 8).expect("never errs");
        let j = set.build_task().name("j").spawn_blocking_on(|| 9, runtime).expect("never errs");
        let tasks = [a, b, c, d, e, f, g, h, i, j];
        for (index, task) in tasks.iter().enumerate() {
            assert_eq!(task.spawned_at().file(), file!());
            assert_eq!(task.spawned_at().line(), line + index as u32);
            assert_eq!(task.name(), "abcdefghij".get(index..=index).filter(|_| index >= 5));
        }
        tasks
    });
    let mut joined = rig.block_on(set.join_all());
    joined.sort_unstable();
    assert_eq!(joined, (0..tasks.len()).collect::<Vec<_>>());
}

#[test]
fn joining_spends_the_budget_once_per_task() {
    let rig = Rig::new();
    let n = 3 * UNITS as usize;
    let (mut set, gates) = gated(&rig, n);
    gates.iter().for_each(Gate::open);
    rig.settle();
    let hand = Hand::default();
    let mut n_joined = 0;
    with_budget(Budget::new(UNITS), || {
        while let Poll::Ready(joined) = hand.poll(pin!(set.join_next())) {
            joined.expect("there are more").expect("it ends");
            n_joined += 1;
        }
    });
    assert_eq!((n_joined, hand.wakes()), (UNITS, 1));
    assert_eq!(set.len(), n - n_joined as usize);
}

#[test]
fn a_set_on_an_ended_runtime_joins_its_tasks_as_cancelled() {
    let mut rig = Rig::new();
    let (mut set, _gates) = gated(&rig, 2);
    let runtime = rig.runtime();
    rig.end();
    set.spawn_on(async { 3 }, runtime);
    for _ in 0..3 {
        assert!(set.try_join_next().expect("it has ended").expect_err("aborted").is_cancelled());
    }
}

#[test]
fn threads_that_end_tasks_at_once_lose_none() {
    const N: usize = 1000;
    let rig = Rig::new();
    let (mut set, gates) = gated(&rig, N);
    // The gates are opened on other threads, the tasks run and are joined here: reports race with joins.
    let opened = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                while let Some(gate) = gates.get(opened.fetch_add(1, Relaxed)) {
                    gate.open();
                }
            });
        }
        let mut seen = [false; N];
        while !set.is_empty() {
            rig.step();
            if let Some(joined) = set.try_join_next() {
                assert!(!std::mem::replace(&mut seen[joined.expect("it ends")], true));
            }
        }
        assert!(seen.into_iter().all(|seen| seen));
    });
}

thread_local! {
    static RIG: RefCell<Option<Rc<Rig>>> = const { RefCell::new(None) };
}

/// A waker that polls a task whenever it is cloned, woken or dropped: the report of the task's end needs the lock.
fn stepping_waker() -> Waker {
    fn step() {
        let rig = RIG.with_borrow(Option::clone);
        rig.map(|rig| rig.step());
    }
    fn clone(_: *const ()) -> RawWaker {
        step();
        RawWaker::new(std::ptr::null(), &TABLE)
    }
    fn call(_: *const ()) {
        step();
    }
    static TABLE: RawWakerVTable = RawWakerVTable::new(clone, call, call, call);
    // SAFETY: the table's functions ignore the data.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) }
}

#[test]
fn a_foreign_waker_is_never_called_under_the_lock() {
    let rig = Rc::new(Rig::new());
    RIG.set(Some(rig.clone()));
    let (mut set, gates) = gated(&rig, 5);
    let (waker, other) = (stepping_waker(), Hand::default().waker());
    let cx = &mut Context::from_waker(&waker);
    assert!(set.poll_join_next(cx).is_pending());
    // A wake: the first end wakes the waker, which makes the second end.
    gates[..2].iter().for_each(Gate::open);
    rig.step();
    assert_eq!((0..2).filter(|_| set.try_join_next().is_some()).count(), 2);
    // A clone: the waker is stored only after the task it ended was reported.
    gates[2].open();
    assert!(set.poll_join_next(cx).is_ready());
    // A drop: it takes the place of another, then gives it up.
    assert!(set.poll_join_next(cx).is_pending());
    gates[3].open();
    assert!(set.poll_join_next(&mut Context::from_waker(&other)).is_pending());
    assert!(set.try_join_next().is_some());
    RIG.set(None);
}

#[test]
fn a_set_is_send_and_sync_when_its_outputs_are_send() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<JoinSet<std::cell::Cell<u8>>>();
}
