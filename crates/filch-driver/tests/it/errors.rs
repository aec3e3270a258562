//! What the drivers say when the system says no.

use crate::subprocess::ignored_test;
use filch_core::io::{Interest, SlotKey};
use filch_core::seam::{Driver, RawSource};
use filch_driver::{Choice, stock};
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::Arc;

const KEY: SlotKey = SlotKey::from_raw(0);

fn drivers() -> Vec<Arc<dyn Driver>> {
    let choices = [Choice::Auto, Choice::Epoll, Choice::Polling];
    choices.into_iter().filter_map(|choice| stock(choice).ok()).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn a_regular_file_is_refused_with_advice() {
    let file = std::fs::File::open("/proc/self/exe").expect("the test program can be read");
    for driver in drivers() {
        // SAFETY: the file is open, and refused.
        let refused =
            unsafe { driver.register(RawSource(file.as_raw_fd()), KEY, Interest::READABLE) };
        let error = refused.expect_err("epoll watches no files");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("spawn_blocking"), "{error}");
    }
}

#[test]
fn a_source_that_was_never_opened_is_refused() {
    for driver in drivers() {
        // SAFETY: there is no such source; both drivers promise an error, not a wrong watch.
        let refused = unsafe { driver.register(RawSource(-1), KEY, Interest::BOTH) };
        assert_eq!(refused.expect_err("-1 is no source").kind(), ErrorKind::InvalidInput);
        let refused = driver.deregister(RawSource(-1), KEY, false);
        assert_eq!(refused.expect_err("-1 is no source").kind(), ErrorKind::InvalidInput);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_closed_descriptor_is_refused_by_the_system() {
    const FAR_BEYOND: i32 = i32::MAX; // No process may open as many.
    for driver in drivers() {
        // SAFETY: there is no such source; both drivers promise an error, not a wrong watch.
        let refused = unsafe { driver.register(RawSource(FAR_BEYOND), KEY, Interest::BOTH) };
        let error = refused.expect_err("nobody opened it");
        assert!(error.to_string().contains("Bad file descriptor"), "{error}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn registering_twice_is_refused_with_its_reason() {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a socket");
    let source = RawSource(socket.as_raw_fd());
    for driver in drivers() {
        // SAFETY: the socket is open until it is deregistered; epoll promises an error for the second time.
        let (first, second) = unsafe {
            (
                driver.register(source, KEY, Interest::BOTH),
                driver.register(source, KEY, Interest::BOTH),
            )
        };
        first.expect("an open socket can be watched");
        let error = second.expect_err("it is watched already");
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("registered"), "{error}");
        driver.deregister(source, KEY, false).expect("it is watched");
    }
}

#[test]
#[ignore = "uses up all descriptors; run by the test below"]
fn a_driver_without_descriptors() {
    let mut open = Vec::new();
    let out_of_descriptors = loop {
        match std::fs::File::open("/dev/null") {
            Ok(file) => open.push(file),
            Err(error) => break error,
        }
    };
    for n_free in 0..6 {
        for choice in [Choice::Epoll, Choice::Polling] {
            match stock(choice) {
                Ok(driver) => driver.unpark(),
                Err(error) if error.kind() == ErrorKind::Unsupported => {}
                Err(error) => {
                    assert_eq!(error.raw_os_error(), out_of_descriptors.raw_os_error());
                    assert!(n_free < 4, "four descriptors are enough for {choice:?}");
                }
            }
        }
        open.pop();
    }
}

#[test]
fn a_driver_that_gets_no_descriptor_is_an_error_and_leaks_none() {
    let status = ignored_test("errors::a_driver_without_descriptors", "ulimit -n 64;").status();
    assert!(status.expect("a shell").success());
}
