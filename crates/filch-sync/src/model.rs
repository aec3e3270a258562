//! How the loom models of this crate are run, and how the broken ones are seen to fail.

use std::future::Future;
use std::pin::Pin;
use std::process::Command;
use std::task::{Context, Poll, Waker};

pub(crate) use crate::blocking::block_on;
pub(crate) use loom::sync::Arc;
pub(crate) use loom::thread;

/// Explores `model` with up to three preemptions.
pub(crate) fn check(model: impl Fn() + Send + Sync + 'static) {
    check_to(3, model);
}

/// Explores `model` with up to `preemptions` preemptions.
pub(crate) fn check_to(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Runs the ignored test `name` of this binary in a process of its own, for a failing model may abort, and wants it to
/// fail.
#[track_caller]
pub(crate) fn assert_rejected(name: &str) {
    let output = Command::new(std::env::current_exe().expect("a running test has a file"))
        .args(["--ignored", "--exact", name])
        .output()
        .expect("the file of this test can be run");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("running 1 test"), "there is no test {name}");
    assert!(!output.status.success(), "the model accepts {name}");
}

/// Polls once, with a waker that does nothing.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
