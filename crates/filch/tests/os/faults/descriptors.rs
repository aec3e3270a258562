//! A process at its limit of descriptors: a runtime starts or says why not, and leaves nothing behind.

use crate::tools::{Hand, current_thread, panic_of};
use crate::watchdog::run_alone;
use filch::io::AsyncReadExt;
use filch::process::Command;
use filch::runtime::{Builder, Runtime};
use filch::signal::unix::{SignalKind, signal};
use futures_lite::future::poll_once;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, WaitOptions, getrlimit, setrlimit, wait};
use std::fs::File;
use std::future::poll_fn;
use std::io::{Error, Result};
use std::os::fd::AsFd;

/// Few, so that they are soon used up.
const LIMIT: u64 = 64;

/// Files in the way of whoever wants a descriptor.
struct Hoard(Vec<File>);

impl Hoard {
    /// Takes every descriptor that is left.
    fn new() -> Hoard {
        let mut hoard = Hoard(Vec::new());
        hoard.fill();
        hoard
    }

    /// Takes what is left, and tells how many that were.
    fn fill(&mut self) -> usize {
        let before = self.0.len();
        while let Ok(file) = File::open("/dev/null") {
            self.0.push(file);
        }
        self.0.len() - before
    }

    fn free(&mut self, n: usize) {
        self.0.truncate(self.0.len() - n);
    }
}

fn lower_the_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(LIMIT), maximum }).expect("it is lowered");
}

fn is_too_many(error: &Error) -> bool {
    error.raw_os_error() == Some(Errno::MFILE.raw_os_error())
}

const BUILDERS: [fn() -> Result<Runtime>; 4] = [
    || Builder::new_multi_thread().worker_threads(2).build(),
    || Builder::new_current_thread().build(),
    || Builder::new_multi_thread().worker_threads(2).driver(filch_driver::Polling::new).build(),
    || Builder::new_current_thread().driver(filch_driver::Polling::new).build(),
];

#[test]
#[ignore = "run by a test of this file in a process of its own"]
fn builds_at_the_limit() {
    // What the process makes once and keeps is made before.
    drop(BUILDERS.map(|build| build().expect("there are descriptors")));
    lower_the_limit();
    let mut hoard = Hoard::new();
    for build in BUILDERS {
        let mut n_refused = 0;
        for n_free in 0.. {
            hoard.free(n_free);
            match build() {
                Ok(runtime) => {
                    let sum = runtime.block_on(async { filch::spawn(async { 1 }).await });
                    assert_eq!(sum.expect("it does not panic"), 1);
                    drop(runtime);
                    assert_eq!(hoard.fill(), n_free, "the runtime has closed what it opened");
                    break;
                }
                Err(error) => {
                    assert!(is_too_many(&error), "{error}");
                    assert_eq!(hoard.fill(), n_free, "a refused runtime leaves nothing open");
                    n_refused += 1;
                }
            }
        }
        assert!(n_refused > 0, "a runtime needs a descriptor");
    }
}

#[test]
fn a_runtime_that_finds_no_descriptor_says_so_and_leaves_nothing_behind() {
    run_alone("faults::descriptors::builds_at_the_limit", &[]);
}

#[test]
#[ignore = "run by a test of this file in a process of its own"]
fn runs_at_the_limit() {
    lower_the_limit();
    let mut hoard = Hoard::new();
    let sentence = panic_of(|| filch::run(async {}));
    assert!(sentence.starts_with("filch cannot start a runtime: "), "{sentence}");
    assert!(sentence.contains("Too many open files"), "{sentence}");
    let sentence = panic_of(|| filch::spawn(async {}));
    assert!(sentence.contains("global runtime needs"), "{sentence}");
    assert!(sentence.contains("Too many open files"), "{sentence}");
    // Neither is for ever.
    hoard.free(20);
    assert_eq!(filch::run(async { 1 }), 1);
    let task = filch::spawn(async { 2 });
    assert_eq!(filch::block_on(task).expect("it does not panic"), 2);
}

#[test]
fn run_and_the_global_runtime_say_that_no_descriptor_is_left_and_may_be_tried_again() {
    run_alone("faults::descriptors::runs_at_the_limit", &[]);
}

#[test]
#[ignore = "run by a test of this file in a process of its own"]
fn accepts_at_the_limit() {
    let runtime = current_thread();
    runtime.block_on(async {
        let listener = filch::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let clients = [(); 2].map(|()| std::net::TcpStream::connect(address).expect("it listens"));
        lower_the_limit();
        let mut hoard = Hoard::new();
        let accept = || poll_fn(|cx| listener.poll_accept(cx));
        let mut waiting = [(); 2].map(|()| (Box::pin(accept()), Hand::default()));
        for (accepting, hand) in &mut waiting {
            assert!(hand.poll(accepting).is_pending(), "no descriptor");
        }
        hoard.free(10);
        for (accepting, hand) in &mut waiting {
            while hand.wakes() == 0 {
                filch::time::sleep(filch::time::Duration::from_millis(1)).await;
            }
            accepting.await.expect("there are descriptors");
        }
        drop(clients);
    });
}

#[test]
fn each_task_that_polls_for_a_connection_at_the_limit_goes_on_when_there_is_room() {
    run_alone("faults::descriptors::accepts_at_the_limit", &[]);
}

#[test]
#[ignore = "run by a test of this file in a process of its own"]
fn works_at_the_limit() {
    let runtime = current_thread();
    lower_the_limit();
    let mut hoard = Hoard::new();
    runtime.block_on(async {
        let error = filch::net::TcpListener::bind("127.0.0.1:0").await.expect_err("no descriptor");
        assert!(is_too_many(&error), "{error}");
        let error = filch::net::TcpStream::connect("127.0.0.1:1").await.expect_err("no descriptor");
        assert!(is_too_many(&error), "{error}");
        let error = filch::net::UnixStream::pair().expect_err("no descriptor");
        assert!(is_too_many(&error), "{error}");
        let error = filch::net::unix::pipe::pipe().expect_err("no descriptor");
        assert!(is_too_many(&error), "{error}");
        let error = filch::fs::read("/proc/self/comm").await.expect_err("no descriptor");
        assert!(is_too_many(&error), "{error}");
        // What needs none goes on.
        filch::time::sleep(filch::time::Duration::from_millis(1)).await;
        assert_eq!(filch::to_thread(|| 1).await, 1);
    });
    assert_eq!(hoard.fill(), 0, "nothing was closed that was open before");
    hoard.free(10);
    let bound = runtime.block_on(filch::net::TcpListener::bind("127.0.0.1:0"));
    drop(bound.expect("there is room again"));
    assert_eq!(hoard.fill(), 10);
}

#[test]
fn sockets_say_that_no_descriptor_is_left_and_tasks_go_on() {
    run_alone("faults::descriptors::works_at_the_limit", &[]);
}

#[test]
#[ignore = "run by a test of this file in a process of its own"]
fn starts_children_at_the_limit() {
    let runtime = current_thread();
    // What the process makes once and keeps is made before.
    drop(signal(SignalKind::child()).expect("there are descriptors"));
    lower_the_limit();
    let mut hoard = Hoard::new();
    let (mut n_refused, mut n_done) = (0, 0);
    for n_free in 0..12 {
        // Without a descriptor of its own a child's end is learned by a signal.
        let status = runtime.block_on(Command::new("true").status());
        assert!(status.expect("this needs no descriptor").success());
        hoard.free(n_free);
        match runtime.block_on(Command::new("echo").arg("hi").output()) {
            Ok(output) => {
                assert_eq!(output.stdout, b"hi\n");
                n_done += 1;
            }
            Err(error) => {
                assert!(is_too_many(&error), "{error}");
                assert_eq!(n_done, 0, "it was possible with fewer");
                n_refused += 1;
            }
        }
        assert_eq!(hoard.fill(), n_free, "nothing is left open");
        let child = wait(WaitOptions::NOHANG);
        assert!(matches!(child, Err(Errno::CHILD)), "no child is left: {child:?}");
    }
    assert!(n_refused > 0 && n_done > 0);
}

#[test]
fn children_are_refused_or_awaited_and_leave_nothing_behind() {
    run_alone("faults::descriptors::starts_children_at_the_limit", &[]);
}

/// How many descriptors the `epoll` descriptors of this process watch.
fn n_watched() -> usize {
    let infos = std::fs::read_dir("/proc/self/fdinfo").expect("Linux");
    let infos = infos.flatten().flat_map(|info| std::fs::read_to_string(info.path()));
    infos.map(|info| info.lines().filter(|line| line.starts_with("tfd:")).count()).sum()
}

#[test]
#[ignore = "run by a test of this file in a process of its own"]
fn drops_sockets_with_copies() {
    for build in BUILDERS {
        let runtime = build().expect("there are descriptors");
        runtime.block_on(async {
            let before = n_watched();
            let (mut near, far) = filch::net::UnixStream::pair().expect("below the limit");
            let copy = near.as_fd().try_clone_to_owned().expect("below the limit");
            assert!(poll_once(near.read(&mut [0])).await.is_none(), "it waits, so it is watched");
            assert_eq!(n_watched(), before + 1);
            drop(near);
            assert_eq!(n_watched(), before, "the copy is nobody's affair here");

            let (near, _far) = filch::net::UnixStream::pair().expect("below the limit");
            let near = near.into_std().expect("it is open");
            let object = filch::io::Async::new(near).expect("a socket can be watched");
            assert_eq!(n_watched(), before + 1);
            let near = object.into_inner().expect("it has one");
            assert_eq!(n_watched(), before, "it left its runtime, and is open");
            drop((near, copy, far));
        });
    }
}

#[test]
fn a_dropped_socket_is_watched_no_longer_although_it_has_a_copy() {
    run_alone("faults::descriptors::drops_sockets_with_copies", &[]);
}
