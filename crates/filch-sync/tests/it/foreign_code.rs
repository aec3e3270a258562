//! Wakers that panic, and wakers that use the primitive which wakes them.

use crate::tools::{Count, call, poll, poll_with, ready, unclonable};
use filch_sync::{Event, Mutex, Notify, Semaphore, oneshot};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex as StdMutex};
use std::task::Waker;

pub(crate) fn explode() -> Waker {
    call(|| std::panic::resume_unwind(Box::new("waker")))
}

#[track_caller]
pub(crate) fn panics(f: impl FnOnce()) {
    let panic =
        catch_unwind(AssertUnwindSafe(f)).expect_err("the waker's panic goes on in its caller");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"waker"));
}

#[test]
fn a_panicking_waker_does_not_keep_others_from_being_woken() {
    let notify = Arc::new(Notify::new());
    let (count, counting) = Count::new();
    // More than are woken in one go.
    let futures: Vec<_> = (0..100)
        .map(|index| {
            let mut future = Box::pin(notify.clone().notified_owned());
            let waker = if index % 10 == 0 { explode() } else { counting.clone() };
            assert!(poll_with(future.as_mut(), &waker).is_pending());
            future
        })
        .collect();
    panics(|| notify.notify_waiters());
    assert_eq!(count.get(), 90);
    for mut future in futures {
        ready(future.as_mut());
    }
}

#[test]
fn a_panicking_waker_leaves_a_semaphore_usable() {
    let semaphore = Semaphore::new(0);
    let mut first = pin!(semaphore.acquire());
    let mut second = pin!(semaphore.acquire());
    assert!(poll_with(first.as_mut(), &explode()).is_pending());
    let (count, waker) = Count::new();
    assert!(poll_with(second.as_mut(), &waker).is_pending());
    panics(|| semaphore.add_permits(3));
    assert_eq!(count.get(), 1);
    assert_eq!(semaphore.available_permits(), 1);
    drop(ready(first));
    drop(ready(second));
    assert_eq!(semaphore.available_permits(), 3);
}

#[test]
fn a_panicking_waker_leaves_a_mutex_usable() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().expect("nobody holds it");
    let mut waiting = pin!(mutex.lock());
    assert!(poll_with(waiting.as_mut(), &explode()).is_pending());
    panics(|| drop(guard));
    drop(ready(waiting));
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn a_panicking_waker_does_not_take_the_value_of_a_oneshot() {
    let (sender, receiver) = oneshot::channel();
    let mut receiver = pin!(receiver);
    assert!(poll_with(receiver.as_mut(), &explode()).is_pending());
    panics(|| sender.send(1).expect("the receiver is there"));
    assert_eq!(ready(receiver), Ok(1));
}

#[test]
fn a_waker_that_cannot_be_cloned_loses_no_grant() {
    let mutex = Mutex::new(());
    let held = mutex.try_lock().expect("nobody holds it");
    let mut woken = Box::pin(mutex.lock());
    assert!(poll(woken.as_mut()).is_pending());
    let mut next = pin!(mutex.lock());
    let (count, waker) = Count::new();
    assert!(poll_with(next.as_mut(), &waker).is_pending());
    drop(held);

    // The first waiter was woken and finds the lock taken, so that it must queue again, and panics.
    let held = mutex.try_lock().expect("a lock that is free is taken by who comes first");
    assert!(catch_unwind(AssertUnwindSafe(|| poll_with(woken.as_mut(), &unclonable()))).is_err());
    drop(woken);
    drop(held);
    assert_eq!(count.get(), 1);
    drop(ready(next));
}

#[test]
fn a_waker_that_cannot_be_cloned_leaves_a_queued_waiter_as_it_was() {
    let semaphore = Semaphore::new(0);
    let mut waiting = Box::pin(semaphore.acquire());
    assert!(catch_unwind(AssertUnwindSafe(|| poll_with(waiting.as_mut(), &unclonable()))).is_err());
    drop(waiting);
    semaphore.add_permits(1);
    assert!(semaphore.try_acquire().is_ok(), "it was never queued");
}

#[test]
fn a_waker_may_use_the_primitive_that_wakes_it() {
    let (notify, semaphore, mutex) =
        (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)), Arc::new(Mutex::new(0)));
    let reenter = {
        let (notify, semaphore, mutex) = (notify.clone(), semaphore.clone(), mutex.clone());
        move || {
            notify.notify_one();
            notify.notify_waiters();
            semaphore.add_permits(1);
            semaphore.close();
            if let Ok(mut count) = mutex.try_lock() {
                *count += 1;
            }
        }
    };
    let waker = call(reenter);
    let guard = mutex.try_lock().expect("nobody holds it");
    let mut futures: Vec<Pin<Box<dyn Future<Output = ()>>>> = vec![
        Box::pin(notify.notified()),
        Box::pin(async { drop(semaphore.acquire().await) }),
        Box::pin(async { drop(mutex.lock().await) }),
    ];
    for future in &mut futures {
        assert!(poll_with(future.as_mut(), &waker).is_pending());
    }
    drop(guard);
    for future in &mut futures {
        ready(future.as_mut());
    }
    assert_eq!(*mutex.try_lock().expect("nobody holds it"), 3, "one for each wake-up");
}

#[test]
fn dropping_a_waker_may_use_the_primitive_that_held_it() {
    struct OnDrop(Arc<Semaphore>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.add_permits(1);
        }
    }
    let semaphore = Arc::new(Semaphore::new(0));
    let waker = || {
        let on_drop = OnDrop(semaphore.clone());
        call(move || drop(on_drop.0.clone()))
    };
    let mut waiting = Box::pin(semaphore.acquire_many(2));
    assert!(poll_with(waiting.as_mut(), &waker()).is_pending());
    assert!(
        poll_with(waiting.as_mut(), &waker()).is_pending(),
        "the first waker was dropped, and gave one permit"
    );
    drop(waiting);
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn a_wake_up_of_all_is_one_instant_also_for_those_woken_later() {
    let notify = Arc::new(Notify::new());
    // Far behind those who are woken in one go with the first.
    let last = Arc::new(StdMutex::new(Box::pin(notify.clone().notified_owned())));
    let look = {
        let (notify, last) = (notify.clone(), last.clone());
        call(move || {
            ready(last.lock().expect("no panic").as_mut());
            assert!(poll(pin!(notify.notified())).is_pending(), "who comes now was not meant");
        })
    };
    let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(notify.notified())).collect();
    assert!(poll_with(waiting[0].as_mut(), &look).is_pending());
    for wait in &mut waiting[1..] {
        assert!(poll(wait.as_mut()).is_pending());
    }
    assert!(poll(last.lock().expect("no panic").as_mut()).is_pending());
    notify.notify_waiters();
    for mut wait in waiting {
        ready(wait.as_mut());
    }
}

#[test]
fn who_waits_after_an_event_was_cleared_is_not_woken_with_those_before() {
    let event = Arc::new(Event::new());
    let late = Arc::new(StdMutex::new(Vec::new()));
    let begin_late = {
        let (event, late) = (event.clone(), late.clone());
        call(move || {
            event.clear();
            let event = event.clone();
            let mut waiting = Box::pin(async move { event.wait().await });
            assert!(poll(waiting.as_mut()).is_pending());
            late.lock().expect("no panic").push(waiting);
        })
    };
    let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(event.wait())).collect();
    for wait in &mut waiting {
        assert!(poll_with(wait.as_mut(), &begin_late).is_pending());
    }
    event.set();
    for mut wait in waiting {
        ready(wait.as_mut());
    }
    let mut late = std::mem::take(&mut *late.lock().expect("no panic"));
    assert!(late.iter_mut().all(|wait| poll(wait.as_mut()).is_pending()));
    event.set();
    for mut wait in late {
        ready(wait.as_mut());
    }
}

#[test]
fn a_panicking_waker_does_not_keep_an_event_from_being_set() {
    let event = Event::new();
    let mut waiting = pin!(event.wait());
    assert!(poll_with(waiting.as_mut(), &explode()).is_pending());
    panics(|| event.set());
    assert!(event.is_set());
    ready(waiting);
}
