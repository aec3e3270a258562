//! **Property:** a wake-up is received once or kept, whoever receives it sees what was done before, and all who are there
//! at a `notify_waiters` go on.

use super::*;
use crate::model::{Arc, assert_rejected, block_on, check, check_to, poll, thread};
use loom::cell::UnsafeCell;

fn joined<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().expect("the thread does not panic")
}

#[test]
fn a_wake_up_publishes_what_was_done_before() {
    check(|| {
        let shared = Arc::new((Notify::new(), UnsafeCell::new(0)));
        let thread = thread::spawn({
            let shared = shared.clone();
            move || {
                // SAFETY: the other thread reads after the wake-up.
                shared.1.with_mut(|value| unsafe { *value = 1 });
                shared.0.notify_one();
            }
        });
        block_on(shared.0.notified());
        // SAFETY: the other thread wrote before the wake-up.
        shared.1.with(|value| assert_eq!(unsafe { *value }, 1));
        joined(thread);
    });
}

#[test]
fn two_wake_ups_reach_two_waiters() {
    check_to(2, || {
        let notify = Arc::new(Notify::new());
        let waiting = thread::spawn({
            let notify = notify.clone();
            move || {
                block_on(notify.notified());
                notify.notify_last();
            }
        });
        let waking = thread::spawn({
            let notify = notify.clone();
            move || notify.notify_one()
        });
        block_on(notify.notified());
        notify.notify_one();
        joined(waiting);
        joined(waking);
    });
}

#[test]
fn a_dropped_notified_passes_its_wake_up_on() {
    check_to(2, || {
        let notify = Arc::new(Notify::new());
        let leaving = thread::spawn({
            let notify = notify.clone();
            move || {
                let mut notified = Box::pin(notify.notified());
                let woken = poll(notified.as_mut()).is_ready();
                drop(notified);
                if woken {
                    notify.notify_one();
                }
            }
        });
        let waking = thread::spawn({
            let notify = notify.clone();
            move || notify.notify_one()
        });
        block_on(notify.notified());
        joined(leaving);
        joined(waking);
        assert_eq!(notify.state.load(Relaxed), 0);
    });
}

#[test]
fn all_who_are_there_go_on() {
    check_to(2, || {
        let notify = Arc::new(Notify::new());
        let first = notify.notified();
        let thread = thread::spawn({
            let notify = notify.clone();
            move || notify.notify_waiters()
        });
        let waiting = thread::spawn({
            let notified = notify.notified();
            // SAFETY: the `Notify` lives until this thread is joined.
            let notified =
                unsafe { std::mem::transmute::<Notified<'_>, Notified<'static>>(notified) };
            move || block_on(notified)
        });
        block_on(first);
        let mut later = Box::pin(notify.notified());
        assert!(
            poll(later.as_mut()).is_pending(),
            "it was made after the wake-up, for the first one has received it"
        );
        drop(later);
        joined(thread);
        joined(waiting);
        assert_eq!(notify.state.load(Relaxed), GENERATION);
    });
}

#[test]
fn a_wake_up_of_one_and_one_of_all_are_both_received() {
    check_to(2, || {
        let notify = Arc::new(Notify::new());
        let mut waiting = Box::pin(notify.notified());
        assert!(poll(waiting.as_mut()).is_pending());
        let one = thread::spawn({
            let notify = notify.clone();
            move || notify.notify_one()
        });
        notify.notify_waiters();
        joined(one);
        assert!(poll(waiting.as_mut()).is_ready());
        drop(waiting);
        let state = notify.state.load(Relaxed);
        assert!(
            state == GENERATION || state == GENERATION | KEPT,
            "the wake-up of one went to the waiter or is kept"
        );
    });
}

#[test]
fn an_event_set_while_somebody_starts_to_wait_is_seen() {
    check(|| {
        let event = Arc::new(crate::Event::new());
        let thread = thread::spawn({
            let event = event.clone();
            move || {
                event.set();
                event.clear();
                event.set();
            }
        });
        block_on(event.wait());
        joined(thread);
    });
}

/// A wake-up that looks at the word and writes it in two steps.
fn broken_notify_one(notify: &Notify) {
    let state = notify.state.load(Relaxed);
    if state & WAITERS == 0 {
        notify.state.store(state | KEPT, Release);
    } else {
        notify.notify_one();
    }
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_notify_one_in_two_steps() {
    check(|| {
        let notify = Arc::new(Notify::new());
        let thread = thread::spawn({
            let notify = notify.clone();
            move || broken_notify_one(&notify)
        });
        block_on(notify.notified());
        joined(thread);
    });
}

#[test]
fn a_notify_one_in_two_steps_is_rejected() {
    assert_rejected("notify::loom_tests::broken_notify_one_in_two_steps");
}

/// Two wake-ups, each announcing something, the first of them kept.
fn two_announce(notify_one: fn(&Notify)) {
    let shared = Arc::new((Notify::new(), loom::sync::atomic::AtomicUsize::new(1)));
    shared.0.notify_one();
    let thread = thread::spawn({
        let shared = shared.clone();
        move || {
            shared.1.store(2, Relaxed);
            notify_one(&shared.0);
        }
    });
    while shared.1.load(Relaxed) < 2 {
        block_on(shared.0.notified());
    }
    joined(thread);
}

#[test]
fn a_wake_up_is_published_also_when_one_is_kept() {
    check(|| two_announce(Notify::notify_one));
}

/// A wake-up that is not written when one is kept already: it publishes nothing.
fn lazy_notify_one(notify: &Notify) {
    if notify.state.load(Relaxed) & KEPT == 0 {
        notify.notify_one();
    }
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_notify_one_that_is_not_written_twice() {
    check(|| two_announce(lazy_notify_one));
}

#[test]
fn a_notify_one_that_is_not_written_twice_is_rejected() {
    assert_rejected("notify::loom_tests::broken_notify_one_that_is_not_written_twice");
}
