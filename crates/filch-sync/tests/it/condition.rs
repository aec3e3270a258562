//! Condition: foreign code, more waiters than are woken in one go, and random programs against a model.

use crate::foreign_code::{explode, panics};
use crate::tools::{Count, call, poll, poll_with, ready, unclonable};
use filch_core::coop::{Budget, with_budget};
use filch_sync::{Condition, Mutex, MutexGuard, OwnedMutexGuard};
use proptest::prelude::*;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex as StdMutex};
use std::task::Poll;

static MUTEX: Mutex<Vec<i32>> = Mutex::new(Vec::new());
static CONDITION: Condition = Condition::new();

/// More than are woken in one go.
const MANY: usize = 100;

type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A wait that was not polled yet. The mutex must be free.
fn wait(mutex: &Arc<Mutex<()>>, condition: &Arc<Condition>) -> Waiting {
    let guard = mutex.clone().try_lock_owned().expect("nobody holds it");
    let condition = condition.clone();
    Box::pin(async move { drop(condition.wait(guard).await) })
}

fn begin(mutex: &Arc<Mutex<()>>, condition: &Arc<Condition>) -> Waiting {
    let mut waiting = wait(mutex, condition);
    assert!(poll(waiting.as_mut()).is_pending());
    waiting
}

fn new() -> (Arc<Mutex<()>>, Arc<Condition>) {
    (Arc::default(), Arc::default())
}

#[test]
fn a_condition_can_be_a_static() {
    let mut waiting = pin!(async {
        CONDITION.wait_for(MUTEX.lock().await, |values| values.len() == 2).await.pop()
    });
    for value in 0..2 {
        assert!(poll(waiting.as_mut()).is_pending());
        MUTEX.blocking_lock().push(value);
        CONDITION.notify_one();
    }
    assert_eq!(ready(waiting), Some(1));
}

#[test]
fn the_waits_can_be_sent_if_the_guards_can() {
    fn send<F: Future + Send>(future: F) -> F {
        future
    }
    let (mutex, condition) = new();
    drop(send(condition.wait(mutex.try_lock().expect("it is free"))));
    drop(send(condition.wait(mutex.clone().try_lock_owned().expect("it is free"))));
    drop(send(condition.wait_for(mutex.try_lock().expect("it is free"), |()| true)));
    assert!(mutex.try_lock().is_ok(), "waits that were not polled have dropped their guards");
}

#[test]
fn a_guard_of_a_value_without_a_size_is_taken() {
    let mutex: Arc<Mutex<[i32]>> = Arc::new(Mutex::new([1, 2]));
    let condition = Condition::new();
    let guard: MutexGuard<'_, [i32]> = ready(pin!(mutex.lock()));
    drop(ready(pin!(condition.wait_for(guard, |values| values.len() == 2))));
    let guard: OwnedMutexGuard<[i32]> = ready(pin!(mutex.clone().lock_owned()));
    drop(ready(pin!(condition.wait_for(guard, |values| values.len() == 2))));
}

#[test]
fn all_are_notified_but_not_who_comes_meanwhile() {
    let (mutex, condition) = new();
    let late = Arc::new(StdMutex::new(Vec::new()));
    let begin_late = {
        let (mutex, condition, late) = (mutex.clone(), condition.clone(), late.clone());
        call(move || late.lock().expect("no panic").push(begin(&mutex, &condition)))
    };
    for notify in [Condition::notify_all, |condition: &Condition| condition.notify(2 * MANY)] {
        let mut waiting = Vec::new();
        for _ in 0..MANY {
            let mut one = wait(&mutex, &condition);
            assert!(poll_with(one.as_mut(), &begin_late).is_pending());
            waiting.push(one);
        }
        notify(&condition);
        for mut one in waiting {
            ready(one.as_mut());
        }
        let late = std::mem::take(&mut *late.lock().expect("no panic"));
        assert_eq!(late.len(), MANY);
        for mut one in late {
            assert!(poll(one.as_mut()).is_pending());
        }
    }
}

#[test]
fn a_panicking_waker_leaves_a_condition_usable() {
    let (mutex, condition) = new();
    let (count, counting) = Count::new();
    let mut waiting = Vec::new();
    for index in 0..MANY {
        let mut one = wait(&mutex, &condition);
        let waker = if index % 10 == 0 { explode() } else { counting.clone() };
        assert!(poll_with(one.as_mut(), &waker).is_pending());
        waiting.push(one);
    }
    panics(|| condition.notify_all());
    assert_eq!(count.get(), MANY - MANY / 10);
    for mut one in waiting {
        ready(one.as_mut());
    }
}

#[test]
fn a_panicking_waker_of_a_lock_does_not_lose_the_wait() {
    let (mutex, condition) = new();
    let mut waiting = wait(&mutex, &condition);
    let mut locking = pin!(mutex.lock());
    assert!(poll_with(locking.as_mut(), &explode()).is_pending());
    panics(|| assert!(poll(waiting.as_mut()).is_pending()));
    drop(waiting);
    drop(ready(locking));
    let mut next = begin(&mutex, &condition);
    condition.notify_one();
    ready(next.as_mut());
}

#[test]
fn a_waker_that_cannot_be_cloned_is_not_queued_and_frees_the_lock() {
    let (mutex, condition) = new();
    let mut waiting = wait(&mutex, &condition);
    let panicked = catch_unwind(AssertUnwindSafe(|| poll_with(waiting.as_mut(), &unclonable())));
    assert!(panicked.is_err());
    assert!(mutex.try_lock().is_ok());
    let mut next = begin(&mutex, &condition);
    condition.notify_one();
    ready(next.as_mut());
}

#[test]
fn a_predicate_may_use_the_condition_and_may_panic() {
    let (mutex, condition) = new();
    let mut other = begin(&mutex, &condition);
    let guard = mutex.try_lock().expect("it is free");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        poll(pin!(condition.wait_for(guard, |()| {
            condition.notify_one();
            std::panic::resume_unwind(Box::new("predicate"));
        })))
        .is_ready()
    }));
    assert!(panicked.is_err());
    assert!(mutex.try_lock().is_ok(), "the panic has dropped the guard");
    ready(other.as_mut());
}

#[test]
fn a_value_that_is_ready_costs_budget_and_a_notification_is_not_lost_for_lack_of_it() {
    let (mutex, condition) = new();
    with_budget(Budget::new(1), || {
        let guard = mutex.try_lock().expect("it is free");
        drop(ready(pin!(condition.wait_for(guard, |()| true))));
        let guard = mutex.try_lock().expect("it is free");
        let (count, waker) = Count::new();
        assert!(poll_with(pin!(condition.wait_for(guard, |()| true)), &waker).is_pending());
        assert_eq!(count.get(), 1, "it asked for another poll");
        assert!(mutex.try_lock().is_ok());

        let mut waiting = begin(&mutex, &condition);
        condition.notify_one();
        assert!(poll(waiting.as_mut()).is_pending());
        let mut next = begin(&mutex, &condition);
        drop(waiting);
        with_budget(Budget::UNLIMITED, || ready(next.as_mut()));
    });
}

#[derive(Clone, Debug)]
enum Step {
    Wait,
    Poll(usize),
    Drop(usize),
    Notify(usize),
    NotifyAll,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Wait),
        4 => any::<usize>().prop_map(Step::Poll),
        4 => any::<usize>().prop_map(Step::Drop),
        3 => (0..4usize).prop_map(Step::Notify),
        1 => Just(Step::NotifyAll),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    Waits,
    /// Will return; if it is dropped before, another one will.
    OneOfSome,
    /// Will return; so will all others.
    OneOfAll,
}

fn notify(waiters: &mut [(Waiting, Expected)], n: usize, how: Expected) {
    let waiting = waiters.iter_mut().filter(|(_, expected)| *expected == Expected::Waits);
    waiting.take(n).for_each(|(_, expected)| *expected = how);
}

proptest! {
    #[test]
    fn each_notification_reaches_one_who_lives(steps in proptest::collection::vec(step(), 1..60)) {
        let (mutex, condition) = new();
        // In the order in which they began to wait.
        let mut waiters: Vec<(Waiting, Expected)> = Vec::new();
        for step in steps {
            match step {
                Step::Wait => waiters.push((begin(&mutex, &condition), Expected::Waits)),
                Step::Poll(which) => if let Some(index) = which.checked_rem(waiters.len()) {
                    let (waiting, expected) = &mut waiters[index];
                    let returns = *expected != Expected::Waits;
                    prop_assert_eq!(poll(waiting.as_mut()), if returns { Poll::Ready(()) } else { Poll::Pending });
                    if returns {
                        drop(waiters.remove(index));
                    }
                },
                Step::Drop(which) => if let Some(index) = which.checked_rem(waiters.len()) {
                    if waiters.remove(index).1 == Expected::OneOfSome {
                        notify(&mut waiters, 1, Expected::OneOfSome);
                    }
                },
                Step::Notify(n) => {
                    condition.notify(n);
                    notify(&mut waiters, n, Expected::OneOfSome);
                }
                Step::NotifyAll => {
                    condition.notify_all();
                    notify(&mut waiters, usize::MAX, Expected::OneOfAll);
                }
            }
        }
        for (mut waiting, expected) in waiters {
            prop_assert_eq!(poll(waiting.as_mut()).is_ready(), expected != Expected::Waits);
        }
    }
}
