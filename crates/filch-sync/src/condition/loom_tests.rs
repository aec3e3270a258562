//! **Property:** a waiter that is there when the value changes is woken, and a notification of one reaches one who lives to
//! return with it.

use super::*;
use crate::Mutex;
use crate::model::{Arc, assert_rejected, block_on, check_to, poll, thread};

struct Shared {
    mutex: Mutex<usize>,
    condition: Condition,
}

fn shared() -> Arc<Shared> {
    Arc::new(Shared { mutex: Mutex::new(0), condition: Condition::new() })
}

fn joined<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().expect("the thread does not panic")
}

/// Adds `n` and notifies one waiter, after the lock.
fn add(shared: &Shared, n: usize) {
    *block_on(shared.mutex.lock()) += n;
    shared.condition.notify_one();
}

/// Waits for one and takes it.
async fn take(shared: &Shared) {
    let guard = shared.mutex.lock().await;
    *shared.condition.wait_for(guard, |count| *count > 0).await -= 1;
}

#[test]
fn a_change_while_somebody_starts_to_wait_is_seen() {
    check_to(3, || {
        let shared = shared();
        let thread = thread::spawn({
            let shared = shared.clone();
            move || add(&shared, 1)
        });
        block_on(take(&shared));
        joined(thread);
    });
}

/// Unlocks first and is queued then.
async fn broken_take(shared: &Shared) {
    let mut guard = shared.mutex.lock().await;
    while *guard == 0 {
        drop(guard);
        shared.condition.notified(()).await.arrived();
        guard = shared.mutex.lock().await;
    }
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_wait_that_unlocks_first() {
    check_to(3, || {
        let shared = shared();
        let thread = thread::spawn({
            let shared = shared.clone();
            move || add(&shared, 1)
        });
        block_on(broken_take(&shared));
        joined(thread);
    });
}

#[test]
fn a_wait_that_unlocks_first_is_rejected() {
    assert_rejected("condition::loom_tests::broken_wait_that_unlocks_first");
}

/// Two wait for one change; the first is polled once more, and leaves. If it returned, it passes on what it knows.
fn the_first_of_two_leaves<F: Future<Output = ()> + Send + 'static>(
    wait: impl Fn(Arc<Shared>) -> F + Send + Sync + 'static,
) {
    check_to(2, move || {
        let shared = shared();
        let mut waiting = Box::pin(wait(shared.clone()));
        assert!(poll(waiting.as_mut()).is_pending());
        let leaving = thread::spawn({
            let shared = shared.clone();
            move || {
                let has_returned = poll(waiting.as_mut()).is_ready();
                drop(waiting);
                if has_returned {
                    shared.condition.notify_one();
                }
            }
        });
        let adding = thread::spawn({
            let shared = shared.clone();
            move || {
                let mut count = block_on(shared.mutex.lock());
                *count += 1;
                // Under the lock, so that who is notified finds it taken.
                shared.condition.notify_one();
            }
        });
        block_on(take(&shared));
        joined(leaving);
        joined(adding);
    });
}

#[test]
fn a_dropped_wait_passes_its_notification_on() {
    the_first_of_two_leaves(async |shared: Arc<Shared>| {
        let guard = shared.mutex.lock().await;
        drop(shared.condition.wait(guard).await);
    });
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_wait_that_owes_nothing_while_it_locks() {
    the_first_of_two_leaves(async |shared: Arc<Shared>| {
        let guard = shared.mutex.lock().await;
        shared.condition.notified(guard).await.arrived();
        drop(shared.mutex.lock().await);
    });
}

#[test]
fn a_wait_that_owes_nothing_while_it_locks_is_rejected() {
    assert_rejected("condition::loom_tests::broken_wait_that_owes_nothing_while_it_locks");
}

#[test]
fn all_are_notified() {
    check_to(2, || {
        let shared = shared();
        let thread = thread::spawn({
            let shared = shared.clone();
            move || {
                let guard = block_on(shared.mutex.lock());
                drop(block_on(shared.condition.wait_for(guard, |count| *count > 0)));
            }
        });
        let adding = thread::spawn({
            let shared = shared.clone();
            move || {
                *block_on(shared.mutex.lock()) += 1;
                shared.condition.notify_all();
            }
        });
        let guard = block_on(shared.mutex.lock());
        drop(block_on(shared.condition.wait_for(guard, |count| *count > 0)));
        joined(thread);
        joined(adding);
    });
}
