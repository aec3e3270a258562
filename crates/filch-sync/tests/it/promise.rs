//! Promises: foreign code in wakers, callbacks and values, and what the types promise.

use crate::tools::{Count, call, poll_with, ready};
use filch_core::coop::{Budget, with_budget};
use filch_sync::{Promise, PromiseError, PromiseSetter, TooLate, futures};
use std::cell::Cell;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex};
use std::thread;

fn explode<T>(_: &T) {
    resume_unwind(Box::new("callback"));
}

/// What `f` panics with.
#[track_caller]
fn payload(f: impl FnOnce()) -> &'static str {
    let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("the panic goes on in the caller");
    panic.downcast_ref::<&str>().expect("the panics of these tests are texts")
}

#[test]
fn a_panicking_callback_stops_neither_the_others_nor_those_who_wait() {
    let (setter, promise) = Promise::new();
    let n_calls = Arc::new(AtomicUsize::new(0));
    for index in 0..10 {
        let n_calls = n_calls.clone();
        promise.add_done_callback(move |outcome| {
            n_calls.fetch_add(1, SeqCst);
            if index % 3 == 0 {
                explode(outcome);
            }
        });
    }
    let (count, waker) = Count::new();
    let mut waiting = pin!((&promise).into_future());
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    assert_eq!(payload(|| setter.set(1).expect("nobody else set it")), "callback");
    assert_eq!((n_calls.load(SeqCst), count.get()), (10, 1));
    assert_eq!(ready(waiting).expect("it was set"), 1);
}

#[test]
fn a_panicking_waker_stops_no_callback() {
    let (setter, promise) = Promise::new();
    let called = Arc::new(AtomicUsize::new(0));
    promise.add_done_callback({
        let called = called.clone();
        move |_| {
            called.fetch_add(1, SeqCst);
        }
    });
    promise.add_done_callback(explode);
    let mut waiting = pin!((&promise).into_future());
    let waker = call(|| resume_unwind(Box::new("waker")));
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    assert_eq!(payload(|| setter.set(1).expect("nobody else set it")), "waker");
    assert_eq!(called.load(SeqCst), 1);
    assert_eq!(ready(waiting).expect("it was set"), 1);
}

#[test]
fn the_last_setter_may_be_dropped_by_a_panic_and_callbacks_may_panic_then() {
    let (setter, promise) = Promise::<i32>::new();
    promise.add_done_callback(explode);
    let text = payload(|| {
        let _setter = setter;
        resume_unwind(Box::new("first"));
    });
    assert_eq!(text, "first");
    assert!(matches!(promise.error(), Some(PromiseError::Broken)));
}

#[test]
fn a_callback_may_use_the_promise_and_drop_its_last_handle() {
    let (setter, promise) = Promise::new();
    let (other_setter, other) = Promise::new();
    let log = Arc::new(Mutex::new(Vec::new()));
    let note = {
        let log = log.clone();
        move |text| log.lock().expect("nobody panics").push(text)
    };
    let clone = promise.clone();
    let inner = note.clone();
    promise.add_done_callback(move |outcome| {
        inner("first");
        assert!(clone.cancel().is_err());
        let innermost = inner.clone();
        clone.add_done_callback(move |_| innermost("added meanwhile"));
        other_setter.set(*outcome.as_ref().expect("it was set")).expect("nobody else set it");
        drop(clone);
    });
    let second = note.clone();
    promise.add_done_callback(move |_| second("second"));
    other.add_done_callback(move |_| note("other"));
    drop(promise);
    setter.set(5).expect("nobody else set it");
    assert_eq!(
        *log.lock().expect("nobody panics"),
        ["first", "added meanwhile", "other", "second"]
    );
    assert_eq!(other.result().expect("it is done").expect("it was set"), 5);
}

#[test]
fn a_waker_may_drop_the_last_handles() {
    let (setter, promise) = Promise::<Arc<()>>::new();
    let value = Arc::new(());
    let held: Arc<Mutex<Option<Promise<Arc<()>>>>> = Arc::new(Mutex::new(Some(promise.clone())));
    let waker = call({
        let held = held.clone();
        move || drop(held.lock().expect("nobody panics").take())
    });
    let mut waiting = Box::pin(promise.into_future());
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    setter.set(value.clone()).expect("nobody else set it");
    assert!(held.lock().expect("nobody panics").is_none());
    drop((setter, waiting));
    assert_eq!(Arc::strong_count(&value), 1);
}

/// A promise that its own value can reach, until it is taken out.
type Slot = Arc<Mutex<Option<Promise<Meddler>>>>;

/// Uses the promise it is kept in, wherever it can.
struct Meddler {
    slot: Slot,
    n_meddled: Arc<AtomicUsize>,
}

impl Meddler {
    fn meddle(&self) {
        let promise = self.slot.lock().expect("nobody panics").clone();
        if let Some(promise) = promise {
            self.n_meddled.fetch_add(1, SeqCst);
            promise.add_done_callback(|outcome| assert!(outcome.is_ok()));
            assert!(promise.is_done() && promise.cancel().is_err());
        }
    }
}

impl Clone for Meddler {
    fn clone(&self) -> Self {
        self.meddle();
        Meddler { slot: Slot::default(), n_meddled: self.n_meddled.clone() }
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.meddle();
    }
}

#[test]
fn a_value_may_use_its_promise_while_it_is_cloned_or_dropped() {
    let (setter, promise) = Promise::new();
    let (slot, n_meddled) = (Slot::default(), Arc::new(AtomicUsize::new(0)));
    *slot.lock().expect("nobody panics") = Some(promise.clone());
    let meddler = || Meddler { slot: slot.clone(), n_meddled: n_meddled.clone() };
    assert!(setter.set(meddler()).is_ok());
    drop(setter.set(meddler()).expect_err("it has an outcome"));
    assert!(ready(pin!((&promise).into_future())).is_ok());
    assert!(promise.result().expect("it is done").is_ok());
    assert!(promise.blocking_wait().is_ok());
    assert_eq!(n_meddled.load(SeqCst), 4, "one drop, three clones");
    let last = slot.lock().expect("nobody panics").take();
    drop(last);
}

#[test]
fn values_are_dropped_once_with_the_last_handle() {
    let value = Arc::new(());
    let (setter, promise) = Promise::new();
    setter.set(value.clone()).expect("nobody else set it");
    assert!(setter.set(value.clone()).is_err());
    let other = promise.clone().into_future();
    assert_eq!(Arc::strong_count(&value), 2, "one here and one there");
    drop((setter, promise));
    assert_eq!(Arc::strong_count(&value), 2);
    drop(other);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_callback_that_is_removed_is_dropped_and_only_from_its_own_promise() {
    let kept = Arc::new(());
    let (_setter, promise) = Promise::<i32>::new();
    let (_other_setter, other) = Promise::<i32>::new();
    let in_callback = kept.clone();
    let id = promise.add_done_callback(move |_| drop(in_callback));
    let other_id = other.add_done_callback(|_| {});
    assert_ne!(id, other_id);
    assert!(!other.remove_done_callback(id));
    assert_eq!(Arc::strong_count(&kept), 2);
    assert!(promise.remove_done_callback(id));
    assert_eq!(Arc::strong_count(&kept), 1);
    assert!(!promise.remove_done_callback(id));
}

#[test]
fn callbacks_are_called_once_while_threads_add_remove_and_complete() {
    for _ in 0..200 {
        let (setter, promise) = Promise::new();
        let (n_calls, n_removed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for index in 0..20 {
                        let n_calls = n_calls.clone();
                        let id = promise.add_done_callback(move |_| {
                            n_calls.fetch_add(1, SeqCst);
                        });
                        if index % 2 == 0 && promise.remove_done_callback(id) {
                            n_removed.fetch_add(1, SeqCst);
                        }
                    }
                });
            }
            scope.spawn(|| setter.set(1).expect("nobody else sets it"));
        });
        assert_eq!(n_calls.load(SeqCst) + n_removed.load(SeqCst), 40);
    }
}

#[test]
fn a_promise_spends_budget_when_it_is_done_and_not_before() {
    let (setter, promise) = Promise::new();
    with_budget(Budget::new(1), || {
        let mut waiting = pin!((&promise).into_future());
        for _ in 0..5 {
            assert!(poll_with(waiting.as_mut(), std::task::Waker::noop()).is_pending());
        }
        setter.set(5).expect("nobody else set it");
        assert_eq!(ready(waiting).expect("it was set"), 5);
        let (count, waker) = Count::new();
        assert!(poll_with(pin!((&promise).into_future()), &waker).is_pending());
        assert!(poll_with(pin!(promise.clone().into_future()), &waker).is_pending());
        assert_eq!(count.get(), 2, "each asked for another poll");
        assert_eq!(promise.blocking_wait().expect("it was set"), 5);
    });
}

#[test]
fn what_can_be_sent_and_shared() {
    fn send_sync<T: Send + Sync>() {}
    fn send_sync_value<T: Send + Sync>(_: &T) {}
    send_sync::<Promise<i32>>();
    send_sync::<PromiseSetter<i32>>();
    send_sync::<futures::OwnedPromiseFuture<i32>>();
    send_sync::<PromiseError>();
    let (_setter, promise) = Promise::<i32>::new();
    send_sync_value(&(&promise).into_future());
    // A value that is not `Send` stays on its thread, and is no less welcome there.
    let (setter, promise) = Promise::new();
    setter.set(std::rc::Rc::new(Cell::new(1))).expect("nobody else set it");
    assert_eq!(ready(pin!(promise.into_future())).expect("it was set").get(), 1);
}

#[test]
fn all_can_be_printed() {
    let (setter, promise) = Promise::<i32>::new();
    promise.add_done_callback(|_| {});
    assert_eq!(format!("{promise:?}"), "Promise { outcome: <pending>, n_callbacks: 1 }");
    assert_eq!(format!("{setter:?}"), "PromiseSetter { promise: <pending> }");
    let _ = format!("{:?} {:?}", (&promise).into_future(), promise.clone().into_future());
    setter.set(1).expect("nobody else set it");
    assert_eq!(format!("{promise:?}"), "Promise { outcome: Ok(1), n_callbacks: 0 }");
    let late = setter.set(2).expect_err("it has an outcome");
    assert_eq!((late.to_string().as_str(), late), ("the promise is done already", TooLate(2)));
    assert_eq!(format!("{late:?}"), "TooLate { .. }");
    let broken = PromiseError::Broken;
    assert_eq!(broken.to_string(), "the promise was broken: its setters are gone");
    assert!(broken.source().is_none());
    let failed = PromiseError::Failed(Arc::from(Box::<dyn Error + Send + Sync>::from("no disk")));
    assert_eq!(failed.to_string(), "what was promised failed");
    let canceled = PromiseError::Cancelled("why not".into());
    assert_eq!(canceled.to_string(), "the promise was canceled: why not");
}

#[test]
fn a_setter_in_a_static_makes_one_promise_for_all() {
    static SETTER: PromiseSetter<i32> = PromiseSetter::new();
    thread::scope(|scope| {
        let waiting: Vec<_> =
            (0..4).map(|_| scope.spawn(|| SETTER.promise().blocking_wait())).collect();
        SETTER.set(7).expect("nobody else sets it");
        for thread in waiting {
            assert_eq!(thread.join().expect("it waits and ends").expect("it was set"), 7);
        }
    });
    assert!(SETTER.is_done());
}

#[test]
fn a_setter_that_is_dropped_before_anybody_asked_breaks_no_promise() {
    let setter = PromiseSetter::<i32>::new();
    assert!(!setter.is_done());
    drop(setter);
    let setter = PromiseSetter::<i32>::new();
    let promise = setter.promise();
    drop(setter);
    assert!(matches!(promise.error(), Some(PromiseError::Broken)));
}
