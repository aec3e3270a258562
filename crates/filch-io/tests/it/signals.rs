//! Signals, under a foreign executor. Each test has a signal of its own: dispositions belong to the process.

use crate::support::{counting_waker, kind};
use filch_core::coop::{Budget, with_budget};
use filch_io::signal::ctrl_c;
use filch_io::signal::unix::{SignalKind, signal};
use futures_lite::future::block_on;
use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

fn raise(number: i32) {
    // SAFETY: no pointers; every signal raised in this file has a handler at that moment.
    assert_eq!(unsafe { libc::kill(libc::getpid(), number) }, 0);
}

#[test]
fn every_listener_receives_a_signal() {
    let kind = SignalKind::user_defined1();
    let mut listeners =
        [signal(kind), signal(kind)].map(|listener| listener.expect("SIGUSR1 can be caught"));
    raise(kind.as_raw_value());
    for listener in &mut listeners {
        assert_eq!(block_on(listener.recv()), Some(()));
    }
}

#[test]
fn a_storm_of_signals_is_received_at_least_once_and_then_ends() {
    let mut listener = signal(SignalKind::window_change()).expect("SIGWINCH can be caught");
    for _ in 0..100_000 {
        raise(libc::SIGWINCH);
    }
    block_on(listener.recv());
    raise(libc::SIGWINCH);
    block_on(listener.recv());
}

#[test]
fn a_signal_between_two_waits_is_not_lost() {
    let mut listener = signal(SignalKind::io()).expect("SIGIO can be caught");
    crate::support::poll_and_drop(listener.recv(), 1);
    raise(libc::SIGIO);
    block_on(listener.recv());
    let (count, waker) = counting_waker();
    assert!(listener.poll_recv(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(count.n(), 0);
}

#[test]
fn signals_spend_the_budget() {
    let mut listener = signal(SignalKind::alarm()).expect("SIGALRM can be caught");
    let (count, waker) = counting_waker();
    let poll = with_budget(Budget::new(0), || listener.poll_recv(&mut Context::from_waker(&waker)));
    assert_eq!((poll, count.n()), (Poll::Pending, 1));
}

static N_FORMER: AtomicUsize = AtomicUsize::new(0);

extern "C" fn former(_: i32) {
    N_FORMER.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn the_last_drop_puts_the_former_handler_back() {
    let handler = former as extern "C" fn(i32) as libc::sighandler_t;
    // SAFETY: the handler only adds to an atomic.
    unsafe { libc::signal(libc::SIGUSR2, handler) };
    let mut listener = signal(SignalKind::user_defined2()).expect("SIGUSR2 can be caught");
    let other = signal(SignalKind::user_defined2()).expect("SIGUSR2 can be caught");
    drop(other);
    raise(libc::SIGUSR2);
    block_on(listener.recv());
    assert_eq!(N_FORMER.load(Ordering::Relaxed), 0);
    drop(listener);
    // `raise` proper: a signal to the own thread is handled before the call returns.
    // SAFETY: the signal's handler is the one above.
    assert_eq!(unsafe { libc::raise(libc::SIGUSR2) }, 0);
    assert_eq!(N_FORMER.load(Ordering::Relaxed), 1);
}

#[test]
fn what_cannot_be_caught_is_refused() {
    for number in [
        libc::SIGKILL,
        libc::SIGSTOP,
        libc::SIGSEGV,
        libc::SIGILL,
        libc::SIGFPE,
        0,
        -1,
        1000,
        i32::MAX,
    ] {
        assert_eq!(
            kind(signal(SignalKind::from_raw(number))),
            Some(ErrorKind::InvalidInput),
            "{number}"
        );
    }
}

#[test]
#[ignore = "the program of `a_second_ctrl_c_ends_the_program`"]
fn waits_for_ctrl_c() {
    println!("ready");
    block_on(ctrl_c()).expect("SIGINT can be caught");
    println!("caught");
    std::thread::sleep(std::time::Duration::from_secs(60));
}

#[test]
fn a_second_ctrl_c_ends_the_program() {
    let mut program = Command::new(std::env::current_exe().expect("a test has a path"))
        .args(["--ignored", "--exact", "--nocapture", "signals::waits_for_ctrl_c"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("this very program can be started");
    let pid = i32::try_from(program.id()).expect("process numbers are small");
    let lines = BufReader::new(program.stdout.take().expect("it is piped")).lines();
    for line in lines {
        let line = line.expect("it is text");
        if line.contains("ready") {
            // Why a loop: the handler is installed a moment after the line, and a signal before that ends the program.
            wait_for_handler(pid);
        }
        if line.contains("ready") || line.contains("caught") {
            if line.contains("caught") {
                wait_for_no_handler(pid);
            }
            // SAFETY: no pointers.
            assert_eq!(unsafe { libc::kill(pid, libc::SIGINT) }, 0);
        }
    }
    let status = program.wait().expect("it is our child");
    assert_eq!(status.signal(), Some(libc::SIGINT));
}

fn catches_sigint(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("Linux tells");
    u64::from_str_radix(mask.trim(), 16).expect("it is a mask") & (1 << (libc::SIGINT - 1)) != 0
}

fn wait_for_handler(pid: i32) {
    while !catches_sigint(pid) {
        std::thread::yield_now();
    }
}

fn wait_for_no_handler(pid: i32) {
    while catches_sigint(pid) {
        std::thread::yield_now();
    }
}
