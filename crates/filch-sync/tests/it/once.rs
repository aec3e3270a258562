//! OnceCell and SetOnce: foreign code, statics, drops, and what can be sent.

use crate::foreign_code::{explode, panics};
use crate::tools::{Count, call, poll, poll_with, ready};
use filch_core::coop::{Budget, with_budget};
use filch_sync::{OnceCell, SetError, SetOnce, SetOnceError};
use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;

static CELL: OnceCell<String> = OnceCell::const_new();
static SET_ONCE: SetOnce<String> = SetOnce::const_new();
static MADE: OnceCell<&str> = OnceCell::const_new_with("made");
static SET: SetOnce<&str> = SetOnce::const_new_with("set");

/// More than are woken in one go.
const MANY: usize = 100;

#[test]
fn cells_can_be_statics() {
    assert_eq!(ready(pin!(CELL.get_or_init(async || "value".to_owned()))), "value");
    SET_ONCE.set("value".to_owned()).expect("nobody else sets it");
    assert_eq!(SET_ONCE.blocking_wait(), "value");
    assert_eq!((MADE.get(), SET.get()), (Some(&"made"), Some(&"set")));
    assert_eq!(MADE.set("again"), Err(SetError::AlreadyInitializedError("again")));
    assert_eq!(ready(pin!(MADE.get_or_init(async || unreachable!("it is made")))), &"made");
    assert_eq!(SET.set("again"), Err(SetOnceError("again")));
}

#[test]
fn cells_are_shared_if_their_values_can_be_sent_and_shared() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<OnceCell<Cell<i32>>>();
    send::<SetOnce<Cell<i32>>>();
    sync::<OnceCell<i32>>();
    sync::<SetOnce<i32>>();
    fn send_value<T: Send>(_: &T) {}
    send_value(&CELL.get_or_init(async || String::new()));
    send_value(&SET_ONCE.wait());
}

#[test]
fn a_value_is_dropped_once() {
    let value = Arc::new(());
    let cell = SetOnce::new();
    cell.set(value.clone()).expect("nobody else sets it");
    drop(cell.set(value.clone()));
    assert_eq!(Arc::strong_count(&value), 2, "what came too late was handed back and dropped");
    drop(cell.clone());
    drop(cell);
    let mut cell = OnceCell::from(value.clone());
    drop(cell.take());
    assert_eq!(Arc::strong_count(&value), 1);
    cell.set(value.clone()).expect("it was taken");
    drop(cell.into_inner());
    drop(OnceCell::new_with(Some(value.clone())));
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_panicking_waker_leaves_the_value_in_place() {
    let cell = OnceCell::new();
    let mut waiting: Vec<_> = (0..MANY).map(|_| Box::pin(cell.wait())).collect();
    let (count, counting) = Count::new();
    for (index, wait) in waiting.iter_mut().enumerate() {
        let waker = if index % 10 == 0 { explode() } else { counting.clone() };
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
    }
    panics(|| cell.set(1).expect("nobody else sets it"));
    assert_eq!(count.get(), 90);
    for mut wait in waiting {
        assert_eq!(ready(wait.as_mut()), &1);
    }
    assert_eq!(cell.set(2), Err(SetError::AlreadyInitializedError(2)));
    assert_eq!(ready(pin!(cell.get_or_init(async || unreachable!("there is a value")))), &1);
}

#[test]
fn a_panicking_waker_of_one_who_wants_to_make_the_value_leaves_it_in_place() {
    let cell = OnceCell::new();
    let mut making = Box::pin(cell.get_or_init(std::future::pending));
    assert!(poll(making.as_mut()).is_pending());
    let mut waiting: Vec<_> = (0..MANY).map(|_| Box::pin(cell.get_or_init(async || 1))).collect();
    for wait in &mut waiting {
        assert!(poll_with(wait.as_mut(), &explode()).is_pending());
    }
    panics(|| drop(making));
    for mut wait in waiting {
        assert!(matches!(poll_caught(wait.as_mut()), None | Some(1)));
    }
    assert_eq!(cell.get(), Some(&1));
    assert_eq!(ready(pin!(cell.wait())), &1);
}

/// The output if it is ready; a panic of the waker of another one goes on here, and is taken for not ready.
fn poll_caught<'a>(future: std::pin::Pin<&mut impl Future<Output = &'a i32>>) -> Option<i32> {
    let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll(future)));
    match polled {
        Ok(std::task::Poll::Ready(value)) => Some(*value),
        Ok(std::task::Poll::Pending) => panic!("somebody has made the value"),
        Err(_) => None,
    }
}

#[test]
fn a_waker_may_use_the_cell_that_wakes_it() {
    let cell = Arc::new(SetOnce::new());
    let waker = {
        let cell = cell.clone();
        call(move || {
            assert_eq!(cell.set(*cell.get().expect("it is set") + 1), Err(SetOnceError(2)))
        })
    };
    let mut waiting = pin!(cell.wait());
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    cell.set(1).expect("nobody else sets it");
    assert_eq!(ready(waiting), &1);
}

#[test]
fn a_value_may_use_its_cell_when_it_is_compared_or_cloned() {
    struct Nosy(Arc<SetOnce<i32>>);
    impl PartialEq for Nosy {
        fn eq(&self, other: &Self) -> bool {
            drop(self.0.set(1));
            self.0.get() == other.0.get()
        }
    }
    impl Clone for Nosy {
        fn clone(&self) -> Self {
            drop(self.0.set(2));
            Nosy(self.0.clone())
        }
    }
    let cell = OnceCell::from(Nosy(Arc::default()));
    assert!(cell == cell.clone());
    assert_eq!(cell.get().expect("it has a value").0.get(), Some(&2));
}

#[test]
fn a_value_that_is_there_costs_budget() {
    with_budget(Budget::new(4), || {
        let (cell, set_once) = (OnceCell::new(), SetOnce::from(1));
        ready(pin!(cell.get_or_init(async || 1)));
        ready(pin!(cell.get_or_init(async || 2)));
        ready(pin!(cell.wait()));
        ready(pin!(set_once.wait()));
        let (count, waker) = Count::new();
        assert!(poll_with(pin!(cell.get_or_init(async || 3)), &waker).is_pending());
        assert!(poll_with(pin!(cell.wait()), &waker).is_pending());
        assert!(poll_with(pin!(set_once.wait()), &waker).is_pending());
        assert_eq!(count.get(), 3);
    });
}

#[test]
fn cells_and_their_errors_can_be_printed() {
    assert_eq!(format!("{:?}", OnceCell::from(1)), "OnceCell { value: Some(1) }");
    assert_eq!(format!("{:?}", SetOnce::<i32>::new()), "SetOnce { value: None }");
    assert_eq!(SetOnceError(1).to_string(), "the value was set before");
    let error = SetError::AlreadyInitializedError(1);
    assert_eq!(error.to_string(), "the cell has a value already");
    let error = SetError::InitializingError(1);
    assert_eq!(error.to_string(), "somebody is making the value of the cell");
}
