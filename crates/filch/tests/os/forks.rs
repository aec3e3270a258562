//! A fork has the memory of its parent's runtimes and none of their threads: using one panics, and the parent goes on.

use crate::programs::{Ended, Running, argument};
use crate::tools::{panic_of, workers};
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::UnixStream;
use filch::runtime::{Builder, Runtime};
use filch::time::{Duration, sleep};
use std::cell::Cell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

/// What the tests of this file start.
pub(crate) const PROGRAMS: &[(&str, fn())] = &[
    ("uses its runtime in a fork", uses_its_runtime_in_a_fork),
    ("goes on in a fork", goes_on_in_a_fork),
    ("goes on in the fork of a task", goes_on_in_the_fork_of_a_task),
    ("ends its runtime in a fork", ends_its_runtime_in_a_fork),
];

fn runtime() -> Runtime {
    match argument().as_str() {
        "current-thread" => Builder::new_current_thread().build().expect("the system has threads"),
        _ => workers(2),
    }
}

/// Runs `child` in a fork, which ends with the code that it gives, and waits for that.
fn fork(child: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the other threads of these programs hold no locks that the child will need: they sleep, or are the
    // watchdog's.
    match unsafe { libc::fork() } {
        0 => {
            let code = child();
            // SAFETY: ends the process.
            unsafe { libc::_exit(code) }
        }
        child => {
            let mut status = 0;
            // SAFETY: the status is written to.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            if libc::WIFEXITED(status) {
                libc::WEXITSTATUS(status)
            } else {
                -libc::WTERMSIG(status)
            }
        }
    }
}

fn uses_its_runtime_in_a_fork() {
    let runtime = runtime();
    let handle = *runtime.handle();
    runtime.block_on(async {
        let (mut ours, mut theirs) = UnixStream::pair().expect("the system has descriptors");
        let mut buf = [0; 1];
        filch::select! {
            biased;
            _ = ours.read(&mut buf) => unreachable!("nothing was written"),
            () = sleep(Duration::from_millis(1)) => {} // It is registered.
        }
        let code = fork(|| {
            let on_another_thread = || {
                thread::scope(|scope| {
                    let there = scope.spawn(|| handle.block_on(async {}));
                    there.join().unwrap_or_else(|payload| resume_unwind(payload));
                });
            };
            for message in [
                panic_of(|| filch::spawn(async {})),
                panic_of(|| filch::task::spawn_blocking(|| {})),
                panic_of(on_another_thread),
            ] {
                assert!(message.contains("used after a fork"), "{message}");
            }
            let own = thread::spawn(|| {
                filch::run(async {
                    sleep(Duration::from_millis(1)).await;
                    filch::spawn(async { 7 }).await.expect("it does not panic")
                })
            });
            own.join().expect("a runtime of its own works")
        });
        assert_eq!(code, 7);
        let (read, written) = filch::join!(ours.read(&mut buf), theirs.write_all(b"x"));
        assert_eq!((read.expect("it is ours"), buf), (1, *b"x"));
        written.expect("it is read");
        let code = fork(|| {
            drop((ours, theirs));
            0
        });
        assert_eq!(code, 0);
    });
}

/// Runs a program that a panic is to end, or to abort, in a child.
#[track_caller]
fn expect_a_panic(name: &str, flavor: &str) {
    let Ended { code, stderr, .. } = Running::start(name, flavor).end();
    assert_eq!(code, Ok(0), "{flavor}: {stderr}");
    assert!(stderr.contains("used after a fork"), "{flavor}: {stderr}");
}

#[test]
fn a_runtime_that_is_used_in_a_fork_says_so_and_the_parent_goes_on() {
    for flavor in ["multi-thread", "current-thread"] {
        expect_a_panic("uses its runtime in a fork", flavor);
    }
}

fn goes_on_in_a_fork() {
    let code = Cell::new(None);
    let waited = AssertUnwindSafe(|| {
        runtime().block_on(async {
            // SAFETY: as in `fork`.
            let child = unsafe { libc::fork() };
            if child == 0 {
                pending::<()>().await;
            }
            sleep(Duration::from_millis(1)).await;
            code.set(Some(child));
        });
    });
    if catch_unwind(waited).is_err() {
        // SAFETY: ends the process, which is the child.
        unsafe { libc::_exit(101) };
    }
    let mut status = 0;
    // SAFETY: the status is written to.
    unsafe { libc::waitpid(code.take().expect("the parent went on"), &mut status, 0) };
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 101);
}

fn goes_on_in_the_fork_of_a_task() {
    let runtime = runtime();
    let task = runtime.spawn(async {
        // SAFETY: as in `fork`.
        let child = unsafe { libc::fork() };
        if child == 0 {
            pending::<()>().await;
        }
        sleep(Duration::from_millis(1)).await;
        child
    });
    let child = runtime.block_on(task).expect("the parent goes on");
    let mut status = 0;
    // SAFETY: the status is written to.
    unsafe { libc::waitpid(child, &mut status, 0) };
    assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGABRT);
}

#[test]
fn a_fork_inside_async_code_panics_where_it_would_wait() {
    for flavor in ["multi-thread", "current-thread"] {
        expect_a_panic("goes on in a fork", flavor);
    }
    expect_a_panic("goes on in the fork of a task", "multi-thread");
}

fn ends_its_runtime_in_a_fork() {
    let runtime = runtime();
    runtime.spawn_blocking(|| {
        loop {
            thread::park();
        }
    });
    let tick = runtime.spawn(async { sleep(Duration::from_millis(1)).await });
    runtime.block_on(tick).expect("it does not panic");
    let runtime = Cell::new(Some(runtime));
    let code = fork(|| {
        drop(runtime.take());
        7
    });
    assert_eq!(code, 7);
    let runtime = runtime.take().expect("the parent has its own");
    runtime.block_on(sleep(Duration::from_millis(1)));
    runtime.shutdown(Duration::ZERO);
}

#[test]
fn a_runtime_is_not_ended_by_a_fork_that_drops_it() {
    for flavor in ["multi-thread", "current-thread"] {
        let ended = Running::start("ends its runtime in a fork", flavor).end();
        assert_eq!((ended.code, &*ended.stderr), (Ok(0), ""), "{flavor}");
    }
}
