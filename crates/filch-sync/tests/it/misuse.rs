//! Limits, wrong use and what it says, and what the types promise.

use crate::tools::{poll, ready};
use filch_sync::{
    Event, Mutex, MutexGuard, Notify, OwnedMutexGuard, Semaphore, TryAcquireError, futures, oneshot,
};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;

static MUTEX: Mutex<u32> = Mutex::const_new(1);
static SEMAPHORE: Semaphore = Semaphore::const_new(1);
static NOTIFY: Notify = Notify::const_new();
static EVENT: Event = Event::new();

/// What the panic of `f` says.
#[track_caller]
pub(crate) fn message<R>(f: impl FnOnce() -> R) -> String {
    let Err(panic) = catch_unwind(AssertUnwindSafe(f)) else { panic!("expected a panic") };
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast_ref::<&str>().expect("a message").to_string(),
    }
}

#[test]
fn all_can_be_statics() {
    assert_eq!(*ready(pin!(MUTEX.lock())), 1);
    assert!(ready(pin!(SEMAPHORE.acquire())).is_ok());
    NOTIFY.notify_one();
    ready(pin!(NOTIFY.notified()));
    EVENT.set();
    ready(pin!(EVENT.wait()));
}

#[test]
fn what_can_be_sent_and_shared() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    fn send_value<T: Send>(_: &T) {}
    send::<Mutex<Cell<i32>>>();
    sync::<Mutex<Cell<i32>>>();
    send::<MutexGuard<'_, Cell<i32>>>();
    sync::<MutexGuard<'_, i32>>();
    send::<OwnedMutexGuard<Cell<i32>>>();
    sync::<OwnedMutexGuard<i32>>();
    sync::<Semaphore>();
    sync::<Notify>();
    send::<futures::Notified<'_>>();
    send::<futures::OwnedNotified>();
    send::<oneshot::Sender<Cell<i32>>>();
    sync::<oneshot::Receiver<Cell<i32>>>();
    send_value(&MUTEX.lock());
    send_value(&SEMAPHORE.acquire());
    send_value(&EVENT.wait());
    fn unpin<T: Unpin>() {}
    unpin::<oneshot::Receiver<std::marker::PhantomPinned>>();
}

#[test]
fn too_many_permits_are_refused_by_name() {
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    assert!(message(|| semaphore.add_permits(1)).contains("Semaphore::MAX_PERMITS"));
    assert!(message(|| semaphore.add_permits(usize::MAX)).contains("Semaphore::MAX_PERMITS"));
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
    assert!(
        message(|| Semaphore::new(Semaphore::MAX_PERMITS + 1)).contains("Semaphore::MAX_PERMITS")
    );
    semaphore.close();
    assert!(message(|| semaphore.add_permits(1)).contains("Semaphore::MAX_PERMITS"));
}

#[test]
fn too_many_permits_for_those_who_wait_are_refused_too() {
    let semaphore = Semaphore::new(0);
    let mut waiting = pin!(semaphore.acquire());
    assert!(poll(waiting.as_mut()).is_pending());
    assert!(message(|| semaphore.add_permits(usize::MAX)).contains("Semaphore::MAX_PERMITS"));
    semaphore.add_permits(Semaphore::MAX_PERMITS);
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS - 1);
    drop(ready(waiting));
}

#[test]
fn a_closed_semaphore_is_not_reopened_by_permits_that_are_forgotten_or_added() {
    let semaphore = Semaphore::new(3);
    let permit = semaphore.try_acquire().expect("three are free");
    semaphore.close();
    permit.forget();
    assert_eq!(semaphore.forget_permits(9), 2);
    semaphore.add_permits(1);
    assert!(semaphore.is_closed());
    assert_eq!(semaphore.try_acquire().err(), Some(TryAcquireError::Closed));
    assert!(ready(pin!(semaphore.acquire())).is_err());
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn permits_are_split_merged_and_forgotten() {
    let semaphore = Semaphore::new(5);
    let mut permit = semaphore.try_acquire_many(4).expect("five are free");
    let part = permit.split(3).expect("there are four");
    assert_eq!((permit.num_permits(), part.num_permits()), (1, 3));
    assert!(permit.split(2).is_none());
    assert!(permit.split(usize::MAX).is_none());
    permit.merge(part);
    assert!(std::ptr::eq(permit.semaphore(), &semaphore));
    permit.split(1).expect("there are four").forget();
    drop(permit);
    assert_eq!(semaphore.available_permits(), 4);
    assert_eq!(semaphore.forget_permits(10), 4);
    drop(semaphore.try_acquire_many(0).expect("none are free, and none are asked for"));
}

#[test]
fn permits_of_two_semaphores_are_not_merged() {
    let (one, other) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(1)));
    let mut permit = one.try_acquire().expect("one is free");
    let stranger = other.try_acquire().expect("one is free");
    assert!(message(|| permit.merge(stranger)).contains("two semaphores"));
    drop(permit);
    let mut permit = one.clone().try_acquire_owned().expect("one is free");
    let stranger = other.clone().try_acquire_owned().expect("one is free");
    assert!(message(|| permit.merge(stranger)).contains("two semaphores"));
    drop(permit);
    assert_eq!((one.available_permits(), other.available_permits()), (1, 1));
}

#[test]
fn a_oneshot_polled_too_often_says_so() {
    let (sender, receiver) = oneshot::channel();
    sender.send(1).expect("the receiver is there");
    let mut receiver = pin!(receiver);
    assert_eq!(ready(receiver.as_mut()), Ok(1));
    assert!(receiver.is_terminated());
    assert!(message(|| poll(receiver)).contains("is_terminated"));
}

#[test]
fn all_can_be_printed() {
    let mutex = Mutex::new(5);
    assert_eq!(format!("{mutex:?}"), "Mutex { data: 5 }");
    let guard = mutex.try_lock().expect("nobody holds it");
    assert_eq!(format!("{mutex:?} {guard:?} {guard}"), "Mutex { data: <locked> } 5 5");
    assert_eq!(mutex.try_lock().expect_err("it is held").to_string(), "the lock is held");
    assert_eq!(format!("{:?}", Semaphore::new(3)), "Semaphore { permits: 3, closed: false, .. }");
    let _ = format!("{:?} {:?} {:?}", Notify::new(), Event::new(), oneshot::channel::<i32>());
    let mut mutex = mutex_of(2);
    *mutex.get_mut() += 1;
    assert_eq!(mutex.into_inner(), 3);
}

fn mutex_of(value: i32) -> Mutex<i32> {
    Mutex::from(value)
}

#[test]
fn a_mutex_may_hold_a_value_without_a_size() {
    let mutex: Arc<Mutex<[i32]>> = Arc::new(Mutex::new([1, 2, 3]));
    ready(pin!(mutex.clone().lock_owned()))[1] = 5;
    assert_eq!(ready(pin!(mutex.lock()))[..], [1, 5, 3]);
}
