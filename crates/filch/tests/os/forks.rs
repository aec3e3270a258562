//! A fork has the memory of its parent's runtimes and none of their threads: using one panics, and the parent goes on.
//! What the process has beside its runtimes, signals and the care for children, works in a fork as in any process.

use crate::programs::{Ended, Running, argument};
use crate::tools::{OnDrop, eventually, panic_of, workers};
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::UnixStream;
use filch::process::Command;
use filch::runtime::{Builder, Runtime};
use filch::signal::unix::{SignalKind, signal};
use filch::signal::{ShutdownSignal, shutdown_signal};
use filch::time::{Duration, sleep};
use futures_lite::future::{block_on, poll_once};
use std::cell::Cell;
use std::future::pending;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

/// What the tests of this file start.
pub(crate) const PROGRAMS: &[(&str, fn())] = &[
    ("uses its runtime in a fork", uses_its_runtime_in_a_fork),
    ("goes on in a fork", goes_on_in_a_fork),
    ("goes on in the fork of a task", goes_on_in_the_fork_of_a_task),
    ("ends its runtime in a fork", ends_its_runtime_in_a_fork),
    ("is interrupted in a fork", is_interrupted_in_a_fork),
    ("is signaled in a fork of main", is_signaled_in_a_fork_of_main),
    ("is asked to end in a fork", is_asked_to_end_in_a_fork),
    ("inherits a listener", inherits_a_listener),
    ("forks while it listens", forks_while_it_listens),
    ("lets a child go in a fork", lets_a_child_go_in_a_fork),
];

fn runtime() -> Runtime {
    match argument().as_str() {
        "current-thread" => Builder::new_current_thread().build().expect("the system has threads"),
        _ => workers(2),
    }
}

/// Runs `child` in a fork, which ends with the code that it gives, and waits for that. The other threads sleep.
fn fork(child: impl FnOnce() -> i32) -> i32 {
    eventually(others_sleep);
    fork_at_once(child)
}

/// Whether all other threads of this process have begun and sleep, where the system tells.
// Why: a thread that begins takes locks (that of AddressSanitizer's list of threads, for one), and a fork would have them
// as held for ever.
fn others_sleep() -> bool {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return true };
    let own = rustix::thread::gettid().as_raw_pid().to_string();
    threads.flatten().filter(|thread| thread.file_name() != *own).all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The state follows the name in brackets.
        stat.rsplit(')').next().is_none_or(|rest| rest.trim_start().starts_with('S'))
    })
}

/// As [`fork`], whatever the other threads do.
fn fork_at_once(child: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the other threads of these programs hold no locks that the child will need: they sleep, are the watchdog's,
    // or hold only what a fork is to cope with.
    match unsafe { libc::fork() } {
        0 => {
            // One that hangs ends by itself: the watchdog is the parent's.
            // SAFETY: it takes no pointers.
            unsafe { libc::alarm(60) };
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

/// Sends a signal to this process, with which no other thread has to do.
fn send(number: i32) {
    // SAFETY: no pointers.
    assert_eq!(unsafe { libc::kill(libc::getpid(), number) }, 0);
}

/// Runs a program that forks, and answers what both processes have written.
#[track_caller]
fn expect_success(name: &str) -> String {
    let Ended { code, stdout, stderr } = Running::start(name, "").end();
    assert_eq!(code, Ok(0), "{stderr}");
    stdout
}

fn is_interrupted_in_a_fork() {
    filch::run(async {}); // It starts what hears of signals.
    let code = fork(|| {
        filch::run(async {
            let _dropped = OnDrop(|| println!("main dropped"));
            send(libc::SIGINT);
            pending::<()>().await;
        });
        0
    });
    assert_eq!(code, -libc::SIGINT);
}

#[test]
fn ctrl_c_ends_main_in_a_fork_too() {
    assert_eq!(expect_success("is interrupted in a fork"), "main dropped\n");
}

fn is_signaled_in_a_fork_of_main() {
    filch::run(async {
        let mut requests = signal(SignalKind::terminate()).expect("SIGTERM can be caught");
        let listens_elsewhere = || {
            let other = signal(SignalKind::hangup());
            send(libc::SIGTERM);
            drop(other);
        };
        let runs_elsewhere = || {
            let interrupted = async {
                send(libc::SIGINT);
                pending::<()>().await;
            };
            let own = thread::spawn(|| filch::run(interrupted));
            own.join().expect("it does not end");
        };
        let children: [(i32, &dyn Fn()); 4] = [
            (libc::SIGINT, &|| send(libc::SIGINT)),
            (libc::SIGTERM, &|| send(libc::SIGTERM)),
            (libc::SIGTERM, &listens_elsewhere),
            (libc::SIGINT, &runs_elsewhere),
        ];
        for (number, child) in children {
            let code = fork(|| {
                child();
                0
            });
            assert_eq!(code, -number);
        }
        assert_eq!(poll_once(requests.recv()).await, None, "the parent has got none");
        send(libc::SIGTERM);
        requests.recv().await;
    });
}

#[test]
fn what_the_parent_listens_for_has_its_usual_effect_in_a_fork() {
    expect_success("is signaled in a fork of main");
}

fn is_asked_to_end_in_a_fork() {
    let inherited = signal(SignalKind::terminate()).expect("SIGTERM can be caught");
    let code = fork(|| {
        filch::run(async {
            let asked = shutdown_signal();
            filch::pin!(asked);
            assert!(poll_once(&mut asked).await.is_none());
            send(libc::SIGTERM);
            match asked.await {
                Ok(ShutdownSignal::Terminate) => 7,
                _ => 1,
            }
        })
    });
    assert_eq!(code, 7);
    drop(inherited);
}

#[test]
fn a_fork_hears_that_it_is_asked_to_end() {
    expect_success("is asked to end in a fork");
}

fn inherits_a_listener() {
    let listen = || signal(SignalKind::user_defined1()).expect("SIGUSR1 can be caught");
    let inherited = Cell::new(Some(listen()));
    let code = fork(|| {
        let mut inherited = inherited.take().expect("the child has a copy");
        let mut own = listen();
        let message = panic_of(|| block_on(inherited.recv()));
        assert!(message.contains("used after a fork"), "{message}");
        drop(inherited);
        send(libc::SIGUSR1);
        block_on(own.recv()).map_or(1, |()| 7)
    });
    assert_eq!(code, 7);
    let mut inherited = inherited.take().expect("the parent has its own");
    send(libc::SIGUSR1);
    assert_eq!(block_on(inherited.recv()), Some(()));
}

#[test]
fn a_listener_that_is_used_in_a_fork_says_so_and_does_not_disturb_another() {
    expect_a_panic("inherits a listener", "");
}

fn forks_while_it_listens() {
    let is_over = AtomicBool::new(false);
    let listen = |kind| signal(kind).expect("it can be caught");
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                drop(listen(SignalKind::user_defined1())); // Holds the table's lock most of the time.
            }
        });
        let _over = OnDrop(|| is_over.store(true, Relaxed)); // Also when an assertion fails.
        for _ in 0..100 {
            let code = fork_at_once(|| {
                let mut own = listen(SignalKind::user_defined2());
                send(libc::SIGUSR2);
                block_on(own.recv()).map_or(1, |()| 7)
            });
            assert_eq!(code, 7);
        }
    });
}

#[test]
fn a_fork_does_not_wait_for_a_listener_of_its_parents() {
    expect_success("forks while it listens");
}

/// Starts a child that ends when the other end of the stream is closed, and lets it go.
fn let_a_child_go() -> (i32, std::os::unix::net::UnixStream) {
    let (stdin, end) = std::os::unix::net::UnixStream::pair().expect("there are descriptors");
    let child = Command::new("cat").stdin(OwnedFd::from(stdin)).spawn().expect("there is a cat");
    let pid = child.id().expect("its end is not known");
    (i32::try_from(pid).expect("process numbers are small"), end)
}

/// Whether there is a process of this number, a zombie included.
fn exists(pid: i32) -> bool {
    // SAFETY: no pointers, and no signal.
    unsafe { libc::kill(pid, 0) == 0 }
}

fn lets_a_child_go_in_a_fork() {
    let (pid, end) = let_a_child_go(); // It starts what reaps.
    let code = fork(|| {
        filch::run(async {
            let (pid, end) = let_a_child_go();
            drop(end);
            eventually(|| !exists(pid));
            7
        })
    });
    assert_eq!(code, 7);
    assert!(exists(pid), "the parent's child is not the fork's affair");
    drop(end);
    eventually(|| !exists(pid));
}

#[test]
fn a_child_that_is_dropped_in_a_fork_is_reaped() {
    expect_success("lets a child go in a fork");
}
