//! Handles that end their task.

use crate::rig::{Gate, Rig};
use filch_task::{AbortOnDropHandle, spawn};

#[test]
fn a_dropped_abort_on_drop_handle_ends_its_task() {
    let rig = Rig::new();
    let handle = AbortOnDropHandle::new(rig.run(|| spawn(Gate::default())));
    rig.settle();
    let task = handle.abort_handle();
    drop(handle);
    rig.settle();
    assert!(task.is_finished());
}

#[test]
fn a_detached_one_leaves_its_task_alone() {
    let rig = Rig::new();
    let gate = Gate::default();
    let handle = AbortOnDropHandle::new(rig.run(|| spawn(gate.clone()))).detach();
    rig.settle();
    gate.open();
    rig.block_on(handle).expect("it was not aborted");
}

#[test]
fn an_abort_on_drop_handle_gives_the_output() {
    let rig = Rig::new();
    let mut handle = AbortOnDropHandle::new(rig.run(|| spawn(async { 3 })));
    assert_eq!(handle.id(), handle.as_ref().id());
    assert!(!handle.is_finished());
    assert_eq!(rig.block_on(&mut handle).expect("it ends"), 3);
    assert!(handle.is_finished());
}

#[test]
fn an_abort_on_drop_handle_can_abort_early() {
    let rig = Rig::new();
    let handle = AbortOnDropHandle::new(rig.run(|| spawn(Gate::default())));
    handle.abort();
    assert!(rig.block_on(handle).expect_err("it was aborted").is_cancelled());
}
