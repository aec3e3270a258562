//! Condition.

use super::Case;
use super::basics::Next;
use crate::tools::{Cut, cut_off};
use filch_sync::{Condition, Mutex, OwnedMutexGuard};
use std::cell::Cell;
use std::sync::Arc;

pub(super) const CASES: &[Case] = &[
    ("Condition::wait", || {
        cut_off_wait(|world| {
            Box::pin(async {
                let guard = world.mutex.lock().await;
                drop(world.condition.wait(guard).await);
                world.has_returned.set(true);
            })
        });
        cut_off_wait(|world| {
            Box::pin(async {
                let guard = world.mutex.clone().lock_owned().await;
                drop(world.condition.wait(guard).await);
                world.has_returned.set(true);
            })
        });
    }),
    ("Condition::wait_for", || {
        cut_off_wait(|world| {
            Box::pin(async {
                let guard = world.mutex.lock().await;
                drop(world.condition.wait_for(guard, |is_ready| *is_ready).await);
                world.has_returned.set(true);
            })
        });
    }),
];

struct World {
    mutex: Arc<Mutex<bool>>,
    condition: Arc<Condition>,
    held: Cell<Option<OwnedMutexGuard<bool>>>,
    has_returned: Cell<bool>,
    next: Next,
}

/// One of two is notified while the lock is held, so that it waits a second time, for the lock. If it does not return, the
/// notification is the other one's.
fn cut_off_wait(wait: impl for<'w> Fn(&'w World) -> Cut<'w>) {
    cut_off(
        || World {
            mutex: Arc::new(Mutex::new(false)),
            condition: Arc::new(Condition::new()),
            held: Cell::new(None),
            has_returned: Cell::new(false),
            next: Next::default(),
        },
        wait,
        |world, n| match n {
            0 => {
                let (mutex, condition) = (world.mutex.clone(), world.condition.clone());
                world.next.queue(|| {
                    Box::pin(async move { drop(condition.wait(mutex.lock().await).await) })
                });
                let mut held = world.mutex.clone().try_lock_owned().expect("who waits has no lock");
                *held = true;
                world.held.set(Some(held));
                world.condition.notify_one();
            }
            1 => {}
            _ => drop(world.held.take()),
        },
        |world| {
            drop(world.held);
            assert!(world.mutex.try_lock().is_ok(), "nobody has it");
            if world.has_returned.get() {
                world.next.assert_waiting();
            } else {
                world.next.assert_served();
            }
        },
    );
}

#[test]
fn a_dropped_wait_passes_on_a_notification_of_one_but_not_of_all() {
    use crate::tools::{Count, poll, poll_with};
    use std::pin::pin;

    for of_all in [false, true] {
        let (mutex, condition) = (Mutex::new(()), Condition::new());
        let wait = async || drop(condition.wait(mutex.lock().await).await);
        let mut first = Box::pin(wait());
        assert!(poll(first.as_mut()).is_pending());
        if of_all {
            condition.notify_all();
        } else {
            condition.notify(3);
        }
        let (count, waker) = Count::new();
        let mut late = pin!(wait());
        assert!(poll_with(late.as_mut(), &waker).is_pending());
        drop(first);
        assert_eq!(count.get(), usize::from(!of_all));
    }
}

#[test]
fn a_notification_without_anybody_left_to_have_it_is_gone() {
    use crate::tools::poll;
    use std::pin::pin;

    let (mutex, condition) = (Mutex::new(()), Condition::new());
    let wait = async || drop(condition.wait(mutex.lock().await).await);
    let mut only = Box::pin(wait());
    assert!(poll(only.as_mut()).is_pending());
    condition.notify_one();
    drop(only);
    assert!(poll(pin!(wait())).is_pending());
}
