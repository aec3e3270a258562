//! Mutex, semaphore, notify, event and oneshot, cut off before and after they were granted something.

use crate::tools::{Count, Cut, cut_off, poll, poll_n_then_drop, poll_with, ready};
use filch_core::coop::{Budget, with_budget};
use filch_sync::{Event, Mutex, Notify, Semaphore, oneshot};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::sync::Arc;

use super::Case;

pub(super) const CASES: &[Case] = &[
    ("Mutex::lock", || cut_off_lock(|mutex| Box::pin(async { drop(mutex.lock().await) }))),
    ("Mutex::lock_owned", || {
        cut_off_lock(|mutex| Box::pin(async { drop(mutex.clone().lock_owned().await) }));
    }),
    ("Semaphore::acquire", || {
        cut_off_acquire(|semaphore| Box::pin(async { drop(semaphore.acquire().await) }));
    }),
    ("Semaphore::acquire_many", || {
        cut_off_acquire(|semaphore| Box::pin(async { drop(semaphore.acquire_many(3).await) }));
    }),
    ("Semaphore::acquire_owned", || {
        cut_off_acquire(|semaphore| {
            Box::pin(async { drop(semaphore.clone().acquire_owned().await) })
        });
    }),
    ("Semaphore::acquire_many_owned", || {
        cut_off_acquire(|semaphore| {
            Box::pin(async { drop(semaphore.clone().acquire_many_owned(3).await) })
        });
    }),
    ("Event::wait", cut_off_event_wait),
    ("oneshot::Sender::closed", cut_off_sender_closed),
];

/// One who waits behind the call that is cut off.
#[derive(Default)]
pub(super) struct Next(RefCell<Option<(Cut<'static>, Arc<Count>)>>);

impl Next {
    /// Begins to wait, unless somebody does already.
    pub(super) fn queue(&self, future: impl FnOnce() -> Cut<'static>) {
        if self.0.borrow().is_none() {
            let (mut future, (count, waker)) = (future(), Count::new());
            assert!(poll_with(future.as_mut(), &waker).is_pending());
            *self.0.borrow_mut() = Some((future, count));
        }
    }

    /// Whoever waits was woken, and is ready.
    pub(super) fn assert_served(self) {
        if let Some((mut future, count)) = self.0.into_inner() {
            assert!(count.get() > 0, "the next one was not woken");
            ready(future.as_mut());
        }
    }

    /// Whoever waits still does.
    pub(super) fn assert_waiting(self) {
        if let Some((mut future, _count)) = self.0.into_inner() {
            assert!(poll(future.as_mut()).is_pending());
        }
    }
}

/// Cuts off a call that waits for something to be given back, which `make` holds, and will give it back itself. Behind it
/// another one waits, who must get it, whether the call had it before or not.
pub(super) fn cut_off_before_next<P>(
    make: impl Fn() -> (P, Box<dyn Any>),
    call: impl for<'p> Fn(&'p P) -> Cut<'p>,
    next: impl Fn(&P) -> Cut<'static>,
    check: impl Fn(P),
) {
    struct World<P> {
        primitive: P,
        held: Cell<Option<Box<dyn Any>>>,
        next: Next,
    }
    cut_off(
        || {
            let (primitive, held) = make();
            World { primitive, held: Cell::new(Some(held)), next: Next::default() }
        },
        |world| call(&world.primitive),
        |world, _| {
            if let Some(held) = world.held.take() {
                world.next.queue(|| next(&world.primitive));
                drop(held);
            }
        },
        |world| {
            drop(world.held);
            world.next.assert_served();
            check(world.primitive);
        },
    );
}

fn cut_off_lock(lock: impl for<'p> Fn(&'p Arc<Mutex<()>>) -> Cut<'p>) {
    cut_off_before_next(
        || {
            let mutex = Arc::new(Mutex::new(()));
            let held = mutex.clone().try_lock_owned().expect("nobody holds it");
            (mutex, Box::new(held))
        },
        lock,
        |mutex| {
            let mutex = mutex.clone();
            Box::pin(async move { drop(mutex.lock().await) })
        },
        |mutex| assert!(mutex.try_lock().is_ok()),
    );
}

fn cut_off_acquire(acquire: impl for<'p> Fn(&'p Arc<Semaphore>) -> Cut<'p>) {
    cut_off_before_next(
        || {
            let semaphore = Arc::new(Semaphore::new(3));
            let held = semaphore.clone().try_acquire_many_owned(3).expect("all are free");
            (semaphore, Box::new(held))
        },
        acquire,
        |semaphore| {
            let semaphore = semaphore.clone();
            Box::pin(async move { drop(semaphore.acquire_many(3).await) })
        },
        |semaphore| assert_eq!(semaphore.available_permits(), 3),
    );
}

fn cut_off_event_wait() {
    cut_off(
        || (Arc::new(Event::new()), Next::default()),
        |(event, _)| Box::pin(event.wait()),
        |(event, next), n| {
            let waiting = event.clone();
            next.queue(|| Box::pin(async move { waiting.wait().await }));
            if n == 1 {
                event.set();
            }
        },
        |(event, next)| {
            if event.is_set() {
                event.clear();
                next.assert_served();
            } else {
                next.assert_waiting();
            }
        },
    );
}

fn cut_off_sender_closed() {
    cut_off(
        || {
            let (sender, receiver) = oneshot::channel();
            (Mutex::new(sender), Cell::new(Some(receiver)))
        },
        |(sender, _)| Box::pin(async { sender.lock().await.closed().await }),
        |(_, receiver), n| {
            if n == 1 {
                drop(receiver.take());
            }
        },
        |(sender, receiver)| {
            let sender = sender.into_inner();
            match receiver.take() {
                Some(receiver) => {
                    sender.send(1).expect("the receiver is there");
                    assert_eq!(ready(pin!(receiver)), Ok(1));
                }
                None => assert_eq!(sender.send(1), Err(1)),
            }
        },
    );
}

/// More polls than any function here needs to be ready or queued.
const N_POLLS: usize = 4;

#[test]
fn a_cancelled_lock_leaves_the_mutex_free() {
    for n in 0..N_POLLS {
        let mutex = Arc::new(Mutex::new(()));
        drop(poll_n_then_drop(n, mutex.lock()));
        drop(poll_n_then_drop(n, mutex.clone().lock_owned()));
        let held = mutex.try_lock().expect("cancelled locks hold nothing");
        assert!(poll_n_then_drop(n, mutex.lock()).is_none());
        assert!(poll_n_then_drop(n, mutex.clone().lock_owned()).is_none());
        drop(held);
        assert!(mutex.try_lock().is_ok(), "after {n} polls");
    }
}

#[test]
fn a_lock_dropped_after_it_was_woken_wakes_the_next() {
    for n in 1..N_POLLS {
        let mutex = Mutex::new(());
        let held = mutex.try_lock().expect("nobody holds it");
        let mut first = Box::pin(mutex.lock());
        for _ in 0..n {
            assert!(poll(first.as_mut()).is_pending());
        }
        let (count, waker) = Count::new();
        let mut second = pin!(mutex.lock());
        assert!(poll_with(second.as_mut(), &waker).is_pending());
        drop(held);
        assert_eq!(count.get(), 0, "the first one was woken");
        drop(first);
        assert_eq!(count.get(), 1, "and passed that on");
        drop(ready(second));
        assert!(mutex.try_lock().is_ok());
    }
}

#[test]
fn a_lock_handed_over_to_a_dropped_waiter_is_free() {
    let mutex = Mutex::new(());
    let mut waiting = Box::pin(mutex.lock());
    let mut held = Some(mutex.try_lock().expect("nobody holds it"));
    assert!(poll(waiting.as_mut()).is_pending());
    let mut n_bypasses = 0;
    loop {
        held.take();
        match mutex.try_lock() {
            Ok(guard) => held = Some(guard),
            Err(_) => break, // It belongs to the waiter, which was not polled yet.
        }
        n_bypasses += 1;
        assert!(n_bypasses < 100, "a waiter is not passed over for ever");
        assert!(poll(waiting.as_mut()).is_pending());
    }
    let (count, waker) = Count::new();
    let mut next = pin!(mutex.lock());
    assert!(poll_with(next.as_mut(), &waker).is_pending());
    drop(waiting);
    assert_eq!(count.get(), 1);
    drop(ready(next));
}

#[test]
fn a_cancelled_acquire_keeps_no_permit() {
    for n in 0..N_POLLS {
        let semaphore = Arc::new(Semaphore::new(2));
        drop(poll_n_then_drop(n, semaphore.acquire()));
        drop(poll_n_then_drop(n, semaphore.acquire_many(2)));
        drop(poll_n_then_drop(n, semaphore.clone().acquire_owned()));
        drop(poll_n_then_drop(n, semaphore.clone().acquire_many_owned(2)));
        assert!(poll_n_then_drop(n, semaphore.acquire_many(3)).is_none(), "two were set aside");
        assert_eq!(semaphore.available_permits(), 2, "after {n} polls");
    }
}

#[test]
fn permits_set_aside_for_a_dropped_acquire_go_to_the_next() {
    let semaphore = Semaphore::new(2);
    let mut many = Box::pin(semaphore.acquire_many(3));
    assert!(poll(many.as_mut()).is_pending());
    let (count, waker) = Count::new();
    let mut one = pin!(semaphore.acquire());
    assert!(poll_with(one.as_mut(), &waker).is_pending());
    drop(many);
    assert_eq!(count.get(), 1);
    assert_eq!(semaphore.available_permits(), 1);
    drop(ready(one));
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn permits_granted_to_a_dropped_acquire_go_to_the_next() {
    let semaphore = Semaphore::new(0);
    let mut first = Box::pin(semaphore.acquire_many(2));
    assert!(poll(first.as_mut()).is_pending());
    let (count, waker) = Count::new();
    let mut second = pin!(semaphore.acquire_many(2));
    assert!(poll_with(second.as_mut(), &waker).is_pending());
    semaphore.add_permits(2);
    assert_eq!(count.get(), 0);
    drop(first);
    assert_eq!(count.get(), 1);
    assert_eq!(ready(second).expect("never closed").num_permits(), 2);
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn a_cancelled_notified_passes_its_wake_up_on() {
    for n in 1..N_POLLS {
        for last in [false, true] {
            let notify = Arc::new(Notify::new());
            let mut futures: Vec<_> =
                (0..3).map(|_| Box::pin(notify.clone().notified_owned())).collect();
            let counts: Vec<_> = futures
                .iter_mut()
                .map(|future| {
                    let (count, waker) = Count::new();
                    for _ in 0..n {
                        assert!(poll_with(future.as_mut(), &waker).is_pending());
                    }
                    count
                })
                .collect();
            if last {
                notify.notify_last()
            } else {
                notify.notify_one()
            }
            let woken =
                |counts: &[Arc<Count>]| counts.iter().map(|count| count.get()).collect::<Vec<_>>();
            assert_eq!(woken(&counts), if last { [0, 0, 1] } else { [1, 0, 0] });
            drop(futures.remove(if last { 2 } else { 0 }));
            assert_eq!(woken(&counts), if last { [0, 1, 1] } else { [1, 1, 0] });
            drop(futures);
            assert!(poll(pin!(notify.notified())).is_ready(), "with nobody left it is kept");
            assert!(poll(pin!(notify.notified())).is_pending(), "once");
        }
    }
}

#[test]
fn a_cancelled_notified_takes_no_kept_wake_up() {
    let notify = Notify::new();
    assert!(poll_n_then_drop(0, notify.notified()).is_none());
    assert!(poll_n_then_drop(2, notify.notified()).is_none());
    notify.notify_one();
    assert!(poll_n_then_drop(0, notify.notified()).is_none());
    assert!(poll(pin!(notify.notified())).is_ready());
}

#[test]
fn a_wake_up_of_all_is_not_passed_on() {
    let notify = Notify::new();
    let mut waiting = Box::pin(notify.notified());
    assert!(poll(waiting.as_mut()).is_pending());
    notify.notify_waiters();
    drop(waiting);
    assert!(poll(pin!(notify.notified())).is_pending());
}

#[test]
fn a_wake_up_of_one_after_that_of_all_is_kept() {
    let notify = Notify::new();
    let mut notified = pin!(notify.notified());
    notify.notify_waiters();
    notify.notify_one();
    assert!(poll(notified.as_mut()).is_ready());
    assert!(poll(pin!(notify.notified())).is_ready(), "the first one was ready without it");
}

#[test]
fn an_enabled_notified_holds_a_place_without_a_waker() {
    let notify = Notify::new();
    let mut first = pin!(notify.notified());
    let mut second = pin!(notify.notified());
    assert!(!first.as_mut().enable());
    assert!(!first.as_mut().enable());
    assert!(poll(second.as_mut()).is_pending());
    notify.notify_one();
    assert!(poll(second.as_mut()).is_pending());
    assert!(first.as_mut().enable());
    assert!(poll(first.as_mut()).is_ready());
    assert!(poll(first.as_mut()).is_ready(), "once woken it stays so");
}

#[test]
fn a_wake_up_that_enable_has_taken_is_not_passed_on() {
    let notify = Notify::new();
    for is_queued in [false, true] {
        let mut taken = Box::pin(notify.notified());
        if is_queued {
            assert!(!taken.as_mut().enable());
        }
        notify.notify_one();
        assert!(taken.as_mut().enable());
        drop(taken);
        assert!(poll(pin!(notify.notified())).is_pending());
    }
}

#[test]
fn a_cancelled_wait_for_an_event_changes_nothing() {
    for n in 0..N_POLLS {
        let event = Event::new();
        assert!(poll_n_then_drop(n, event.wait()).is_none());
        event.set();
        poll_n_then_drop(n, event.wait());
        assert!(poll(pin!(event.wait())).is_ready());
    }
}

#[test]
fn a_cancelled_wait_for_a_value_keeps_it_in_the_channel() {
    for n in 0..N_POLLS {
        let (mut sender, mut receiver) = oneshot::channel();
        assert!(poll_n_then_drop(n, &mut receiver).is_none());
        assert!(poll_n_then_drop(n, sender.closed()).is_none());
        sender.send("value").expect("the receiver is there");
        assert_eq!(ready(pin!(receiver)), Ok("value"));
    }
}

#[test]
fn a_dropped_receiver_drops_the_value_and_its_waker() {
    let value = Arc::new(());
    let (sender, mut receiver) = oneshot::channel();
    let (count, waker) = Count::new();
    assert!(poll_with(pin!(&mut receiver), &waker).is_pending());
    sender.send(value.clone()).expect("the receiver is there");
    assert_eq!(count.get(), 1);
    drop(receiver);
    assert_eq!(Arc::strong_count(&value), 1);

    let (sender, mut receiver) = oneshot::channel::<i32>();
    assert!(poll_with(pin!(&mut receiver), &waker).is_pending());
    drop(receiver);
    drop(waker);
    assert_eq!(
        Arc::strong_count(&count),
        1,
        "the sender, which is still there, does not keep the task alive"
    );
    drop(sender);
}

#[test]
fn a_task_without_budget_yields_and_loses_nothing() {
    with_budget(Budget::new(3), || {
        let (mutex, semaphore, notify) = (Mutex::new(()), Semaphore::new(1), Notify::new());
        notify.notify_one();
        drop(ready(pin!(mutex.lock())));
        drop(ready(pin!(semaphore.acquire())));
        ready(pin!(notify.notified()));

        let (sender, receiver) = oneshot::channel();
        sender.send(1).expect("the receiver is there");
        let (count, waker) = Count::new();
        assert!(poll_with(pin!(mutex.lock()), &waker).is_pending());
        assert!(poll_with(pin!(semaphore.acquire()), &waker).is_pending());
        notify.notify_one();
        assert!(poll_with(pin!(notify.notified()), &waker).is_pending());
        let event = Event::new();
        event.set();
        assert!(poll_with(pin!(event.wait()), &waker).is_pending());
        let mut receiver = pin!(receiver);
        assert!(poll_with(receiver.as_mut(), &waker).is_pending());
        assert_eq!(count.get(), 5, "each asked for another poll");

        with_budget(Budget::UNLIMITED, || {
            assert_eq!(ready(receiver), Ok(1));
            ready(pin!(notify.notified()));
            ready(pin!(event.wait()));
        });
        assert!(mutex.try_lock().is_ok());
        assert_eq!(semaphore.available_permits(), 1);
        drop(mutex.blocking_lock());
    });
}

#[test]
fn a_pending_operation_costs_no_budget() {
    with_budget(Budget::new(1), || {
        let semaphore = Semaphore::new(0);
        let mut waiting = pin!(semaphore.acquire());
        for _ in 0..5 {
            assert!(poll(waiting.as_mut()).is_pending());
        }
        semaphore.add_permits(1);
        assert!(ready(waiting).is_ok());
    });
}
