//! **Property:** one outcome, which all see; a callback is called once; the last setter that goes breaks the promise.

use super::*;
use crate::model::{assert_rejected, block_on, check, thread};
use filch_core::sys::sync::atomic::{AtomicUsize, Ordering::*};

fn joined<R>(thread: thread::JoinHandle<R>) -> R {
    thread.join().expect("the thread does not panic")
}

#[test]
fn the_last_of_two_setters_breaks_the_promise() {
    check(|| {
        let (setter, promise) = Promise::<i32>::new();
        let other = setter.clone();
        let thread = thread::spawn(move || drop(other));
        drop(setter);
        assert!(matches!(block_on((&promise).into_future()), Err(PromiseError::Broken)));
        joined(thread);
    });
}

#[test]
fn a_setter_that_goes_does_not_break_what_another_one_sets() {
    check(|| {
        let (setter, promise) = Promise::new();
        let other = setter.clone();
        let thread = thread::spawn(move || other.set(1).expect("nobody else sets it"));
        drop(setter);
        assert_eq!(block_on(promise.into_future()).expect("it was set"), 1);
        joined(thread);
    });
}

#[test]
fn one_of_two_outcomes_is_kept_and_both_sides_agree() {
    check(|| {
        let (setter, promise) = Promise::new();
        let thread = thread::spawn(move || setter.set(Box::new(1)).is_ok());
        let is_cancelled = promise.cancel().is_ok();
        assert!(promise.is_done(), "who comes too late finds an outcome");
        assert_eq!(promise.is_cancelled(), is_cancelled);
        assert_ne!(joined(thread), is_cancelled);
    });
}

#[test]
fn a_callback_is_called_once_or_removed() {
    check(|| {
        let (setter, promise) = Promise::new();
        let thread = thread::spawn(move || setter.set(1).expect("nobody else sets it"));
        let n_calls = Arc::new(AtomicUsize::new(0));
        let id = promise.add_done_callback({
            let n_calls = n_calls.clone();
            move |outcome| {
                assert!(outcome.is_ok());
                n_calls.fetch_add(1, Relaxed);
            }
        });
        let is_removed = promise.remove_done_callback(id);
        joined(thread);
        assert_eq!(n_calls.load(Relaxed), usize::from(!is_removed));
    });
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_count_in_two_steps() {
    check(|| {
        let (setter, promise) = Promise::<i32>::new();
        let other = setter.clone();
        let drop_in_two_steps = |setter: PromiseSetter<i32>| {
            let shared = setter.shared().clone();
            std::mem::forget(setter);
            let n = shared.n_setters.load(Relaxed) - 1;
            shared.n_setters.store(n, Relaxed);
            if n == 0 {
                let _ = shared.complete((), |()| Err(PromiseError::Broken));
            }
        };
        let thread = thread::spawn(move || drop_in_two_steps(other));
        drop_in_two_steps(setter);
        assert!(block_on(promise.into_future()).is_err());
        joined(thread);
    });
}

#[test]
fn a_count_in_two_steps_is_rejected() {
    assert_rejected("promise::loom_tests::broken_count_in_two_steps");
}
