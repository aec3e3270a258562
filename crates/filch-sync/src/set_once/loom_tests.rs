//! **Property:** one of those who set the value does, whoever is told that it comes too late or waits finds the value whole.

use super::*;
use crate::model::{Arc, assert_rejected, block_on, check, check_to, thread};

fn joined<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().expect("the thread does not panic")
}

#[test]
fn a_value_set_while_somebody_starts_to_wait_is_seen() {
    check(|| {
        let cell = Arc::new(SetOnce::new());
        let thread = thread::spawn({
            let cell = cell.clone();
            move || cell.set(5).expect("nobody else sets it")
        });
        assert_eq!(block_on(cell.wait()), &5);
        joined(thread);
    });
}

/// Two set a value; each finds one there afterwards.
fn two_set(set: fn(&SetOnce<usize>, usize) -> Result<(), SetOnceError<usize>>) {
    check_to(2, move || {
        let cell = Arc::new(SetOnce::new());
        let thread = thread::spawn({
            let cell = cell.clone();
            move || {
                let is_set = set(&cell, 1).is_ok();
                assert!(cell.get().is_some());
                is_set
            }
        });
        let is_set = set(&cell, 2).is_ok();
        let value = *cell.get().expect("who comes too late finds the value");
        assert_ne!(is_set, joined(thread));
        assert_eq!(value, if is_set { 2 } else { 1 });
    });
}

#[test]
fn one_of_two_sets_the_value() {
    two_set(SetOnce::set);
}

/// Says that the value is there before it is.
fn broken_set(cell: &SetOnce<usize>, value: usize) -> Result<(), SetOnceError<usize>> {
    if cell.is_set.swap(true, AcqRel) {
        return Err(SetOnceError(value));
    }
    // SAFETY: none: this is the mistake.
    cell.value.with_mut(|place| unsafe { *place = Some(value) });
    Ok(())
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_set_of_the_flag_first() {
    two_set(broken_set);
}

#[test]
fn a_set_of_the_flag_first_is_rejected() {
    assert_rejected("set_once::loom_tests::broken_set_of_the_flag_first");
}
