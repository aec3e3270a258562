//! No event is missed by a wait, none reaches the wrong registration, and no waker is lost or leaked.

use super::{Direction, Interest, IoSlot, Place, Ready, ReadyEvent, Wait};
use crate::sys::cell::UnsafeCell;
use crate::sys::thread;
use crate::task::JoinHandle;
use crate::testing::model::{Count, ModelRuntime, assert_rejected, check};
use crate::wake_batch::WakeBatch;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

/// A filch task that waits, its waker, and how to see that it was woken.
struct Sleeper {
    runtime: ModelRuntime,
    task: JoinHandle<()>,
    waker: Waker,
}

impl Sleeper {
    fn new() -> Self {
        let runtime = ModelRuntime::new();
        let kept = Arc::new(Mutex::new(None));
        let keeper = kept.clone();
        let task = runtime.spawn(poll_fn(move |cx| {
            keeper.lock().expect("not poisoned").get_or_insert_with(|| cx.waker().clone());
            Poll::<()>::Pending
        }));
        assert_eq!(runtime.scheduler.run_all(), 1);
        let waker = kept.lock().expect("not poisoned").take().expect("the task was polled");
        Sleeper { runtime, task, waker }
    }

    fn was_woken(&self) -> bool {
        self.runtime.scheduler.len() == 1
    }

    /// The slot first, for it may hold a waker of the task.
    fn end(self, slot: Arc<IoSlot>) {
        drop(Arc::into_inner(slot).expect("every thread has ended"));
        drop((self.task, self.waker));
        self.runtime.end_and_free();
    }
}

fn deliver(slot: &IoSlot, generation: u32) {
    let mut wakes = WakeBatch::default();
    slot.deliver(generation, Ready::READABLE, &mut wakes);
    wakes.wake_all();
}

fn delivering(slot: &Arc<IoSlot>, generation: u32) -> thread::JoinHandle<()> {
    let slot = slot.clone();
    thread::spawn(move || deliver(&slot, generation))
}

fn join(thread: thread::JoinHandle<()>) {
    thread.join().expect("the thread does not panic");
}

/// An event and a wait by a filch task, which stands in the direction's own word.
#[test]
fn an_event_is_seen_by_a_wait_or_wakes_it() {
    check(3, || {
        let (slot, sleeper) = (Arc::new(IoSlot::default()), Sleeper::new());
        let event = delivering(&slot, 0);
        let wait = slot.wait(0, Interest::READABLE, &sleeper.waker);
        join(event);
        match wait {
            Wait::Ready(event) => assert!(event.ready.is_readable()),
            Wait::Placed(_) => assert!(sleeper.was_woken(), "an event was missed"),
            Wait::Stale => panic!("nobody ended the registration"),
        }
        sleeper.end(slot);
    });
}

/// What was done before an event is seen by who sees its readiness.
#[test]
fn readiness_hands_over_what_came_before() {
    check(3, || {
        let shared = Arc::new((IoSlot::default(), UnsafeCell::new(0)));
        let its = shared.clone();
        let event = thread::spawn(move || {
            // SAFETY: read only by who saw the readiness.
            its.1.with_mut(|data| unsafe { *data = 1 });
            deliver(&its.0, 0);
        });
        let seen = shared.0.ready(0, Direction::Read).expect("nobody ends the registration");
        if seen.ready.is_readable() {
            // SAFETY: the readiness was seen.
            assert_eq!(shared.1.with(|data| unsafe { *data }), 1);
        }
        join(event);
    });
}

/// The same task polls again while an event takes its first waker out.
#[test]
fn a_task_that_polls_again_misses_no_event() {
    check(3, || {
        let (slot, sleeper) = (Arc::new(IoSlot::default()), Sleeper::new());
        let event = delivering(&slot, 0);
        let waits = [(); 2].map(|()| slot.wait_polled(0, Interest::READABLE, &sleeper.waker));
        join(event);
        let is_ready = waits.iter().any(|wait| matches!(wait, Wait::Ready(_)));
        assert!(is_ready || sleeper.was_woken(), "an event was missed");
        sleeper.end(slot);
    });
}

/// A foreign waker stands in the list; by a poll function, or by a future that leaves.
#[test]
fn an_event_is_seen_by_a_foreign_wait_or_wakes_it() {
    for polled in [false, true] {
        check(3, move || {
            let (slot, count) = (Arc::new(IoSlot::default()), Count::new());
            let event = delivering(&slot, 0);
            let waker = count.waker();
            let wait = if polled {
                slot.wait_polled(0, Interest::READABLE, &waker)
            } else {
                slot.wait(0, Interest::READABLE, &waker)
            };
            join(event);
            drop(waker);
            let is_placed = matches!(wait, Wait::Placed(_));
            assert!(!is_placed || count.n_wakes() == 1, "an event was missed");
            if !polled || is_placed {
                assert_eq!(count.n_wakers(), 0, "a waker was left behind");
            }
        });
    }
}

/// A poll function that finds its direction full wakes the oldest waiter, while an event comes.
#[test]
fn an_event_that_meets_a_full_direction_wakes_everybody() {
    check(2, || {
        let slot = Arc::new(IoSlot::default());
        let wait = |waker: &Waker| slot.wait_polled(0, Interest::READABLE, waker);
        let there: Vec<_> = (0..32).map(|_| Count::new()).collect();
        for count in &there {
            assert!(matches!(wait(&count.waker()), Wait::Placed(_)));
        }
        let event = delivering(&slot, 0);
        let last = Count::new();
        let is_placed = matches!(wait(&last.waker()), Wait::Placed(_));
        join(event);
        assert!(there.iter().all(|count| count.n_wakes() == 1), "an event was missed");
        assert!(!is_placed || last.n_wakes() == 1, "an event was missed");
    });
}

/// Two waiters of one direction, one in the word and one in the list: both see the event or are woken.
#[test]
fn an_event_reaches_both_waiters() {
    check(2, || {
        let (slot, sleeper) = (Arc::new(IoSlot::default()), Sleeper::new());
        let count = Count::new();
        let event = delivering(&slot, 0);
        let second = {
            let (slot, waker) = (slot.clone(), count.waker());
            thread::spawn(move || {
                matches!(slot.wait(0, Interest::READABLE, &waker), Wait::Placed(_))
            })
        };
        let is_placed = matches!(slot.wait(0, Interest::READABLE, &sleeper.waker), Wait::Placed(_));
        let second_is_placed = second.join().expect("a wait does not panic");
        join(event);
        assert!(!is_placed || sleeper.was_woken(), "an event was missed by the task");
        assert!(!second_is_placed || count.n_wakes() == 1, "an event was missed by the other");
        sleeper.end(slot);
    });
}

/// A waiter that leaves while an event comes hinders neither the event nor another waiter.
#[test]
fn a_waiter_that_leaves_takes_nobody_with_it() {
    check(2, || {
        let (slot, stays, leaves) = (Arc::new(IoSlot::default()), Count::new(), Count::new());
        let Wait::Placed(place) = slot.wait(0, Interest::READABLE, &leaves.waker()) else {
            panic!("nothing happened yet")
        };
        let Wait::Placed(_) = slot.wait(0, Interest::READABLE, &stays.waker()) else {
            panic!("nothing happened yet")
        };
        let event = delivering(&slot, 0);
        slot.leave(place);
        join(event);
        assert_eq!(stays.n_wakes(), 1, "an event was missed");
        assert_eq!((stays.n_wakers(), leaves.n_wakers()), (0, 0), "a waker was left behind");
    });
}

/// An ended registration's late event is dropped, and its waiter is woken or told.
#[test]
fn a_late_event_does_not_reach_the_next_registration() {
    check(2, || {
        let (slot, sleeper) = (Arc::new(IoSlot::default()), Sleeper::new());
        let late = delivering(&slot, 0);
        let retiring = {
            let slot = slot.clone();
            thread::spawn(move || {
                let mut wakes = WakeBatch::default();
                assert!(slot.retire(0, &mut wakes));
                wakes.wake_all();
            })
        };
        let wait = slot.wait(0, Interest::READABLE, &sleeper.waker);
        join(late);
        join(retiring);
        if let Wait::Placed(_) = wait {
            assert!(sleeper.was_woken(), "the end of the registration was missed");
        }
        let event = slot.ready(1, Direction::Read).expect("the slot is the next registration's");
        assert!(event.ready.is_empty(), "a late event reached the next registration");
        assert!(slot.ready(0, Direction::Read).is_none());
        sleeper.end(slot);
    });
}

/// What a task clears is what it saw: an event that comes meanwhile stays.
fn clear_meets_event(clear: impl Fn(&IoSlot, ReadyEvent) + Send + Sync + 'static) {
    check(3, move || {
        let slot = Arc::new(IoSlot::default());
        deliver(&slot, 0);
        let seen = slot.ready(0, Direction::Read).expect("nobody ends the registration");
        let event = delivering(&slot, 0);
        clear(&slot, seen);
        join(event);
        let now = slot.ready(0, Direction::Read).expect("nobody ends the registration");
        assert!(now.ready.is_readable(), "a clear swallowed an event");
    });
}

#[test]
fn a_clear_swallows_no_later_event() {
    clear_meets_event(|slot, event| slot.clear(0, event));
}

#[test]
#[ignore = "run by `a_clear_that_ignores_the_tick_is_rejected`"]
fn broken_clear_ignores_the_tick() {
    clear_meets_event(|slot, event| {
        slot.update(|word| Some(word.without(event.ready)));
    });
}

#[test]
fn a_clear_that_ignores_the_tick_is_rejected() {
    let name = "io::slot::loom_tests::broken_clear_ignores_the_tick";
    assert_rejected(name, "a clear swallowed an event");
}

#[test]
#[ignore = "run by `a_wait_without_its_second_look_is_rejected`"]
fn broken_wait_without_its_second_look() {
    check(3, || {
        let (slot, count) = (Arc::new(IoSlot::default()), Count::new());
        let event = delivering(&slot, 0);
        let first = slot.ready(0, Direction::Read).expect("nobody ends the registration");
        if first.ready.is_empty() {
            let _place = Place::Listed(slot.place_listed(Direction::Read, &count.waker()));
            join(event);
            assert_eq!(count.n_wakes(), 1, "an event was missed");
        } else {
            join(event);
        }
    });
}

#[test]
fn a_wait_without_its_second_look_is_rejected() {
    let name = "io::slot::loom_tests::broken_wait_without_its_second_look";
    assert_rejected(name, "an event was missed");
}
