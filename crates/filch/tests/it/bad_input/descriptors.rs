//! Descriptors that cannot be watched.

#![cfg(unix)]

use crate::tools::{Hand, on_each_flavor};
use filch::io::unix::AsyncFd;
use filch::spawn;
use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

/// A number that is no descriptor.
#[derive(Debug)]
struct Closed(RawFd);

impl AsRawFd for Closed {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

fn regular_file() -> File {
    File::open(std::env::current_exe().expect("a test has a path")).expect("it can be read")
}

#[test]
fn a_regular_file_is_refused_and_the_error_says_what_to_do() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let file = regular_file();
            let fd = file.as_raw_fd();
            let error: Error = AsyncFd::new(file).expect_err("it is always ready");
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            assert_eq!(
                error.to_string(),
                format!(
                    "RawSource({fd}) is a regular file or directory, which is always ready; \
                     read it with spawn_blocking"
                )
            );
        });
    });
}

#[test]
fn a_refused_object_is_handed_back() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let file = regular_file();
            let fd = file.as_raw_fd();
            let refused = AsyncFd::try_new(file).expect_err("it is always ready");
            let (file, error) = refused.into_parts();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            assert_eq!(file.as_raw_fd(), fd);
            assert!(file.metadata().is_ok(), "it is still open");
        });
    });
}

#[test]
fn a_closed_descriptor_is_refused() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            // Far above every limit of this process, so that no other test opens it meanwhile.
            for fd in [1 << 29, RawFd::MAX, -1, -2, RawFd::MIN] {
                let refused = AsyncFd::try_new(Closed(fd)).expect_err("it is not open");
                let (Closed(back), error) = refused.into_parts();
                assert_eq!(back, fd);
                let text = error.to_string();
                assert!(
                    text == "Bad file descriptor (os error 9)"
                        || text.ends_with(
                            "is not an open source: it was never opened, or is closed already"
                        ),
                    "{fd}: {text}"
                );
            }
        });
    });
}

#[test]
fn a_descriptor_cannot_be_watched_twice_and_the_first_watch_goes_on() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let (here, mut there) = UnixStream::pair().expect("the system has descriptors");
            here.set_nonblocking(true).expect("a socket can be non-blocking");
            let fd = here.as_raw_fd();
            let first = AsyncFd::new(here).expect("it can be watched");
            let error = AsyncFd::new(Closed(fd)).expect_err("it is watched already");
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            assert_eq!(
                error.to_string(),
                format!("RawSource({fd}) is registered with this driver already")
            );
            let waiter = spawn(async move { first.readable().await.map(drop) });
            std::io::Write::write_all(&mut there, b"x").expect("its buffer is empty");
            waiter.await.expect("it ends").expect("the first watch goes on");
        });
    });
}

#[test]
fn many_refusals_leave_nothing_behind() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            for _ in 0..1000 {
                assert!(AsyncFd::new(Closed(-1)).is_err());
                assert!(AsyncFd::new(regular_file()).is_err());
            }
            let (here, there) = UnixStream::pair().expect("the system has descriptors");
            here.set_nonblocking(true).expect("a socket can be non-blocking");
            let here = AsyncFd::new(here).expect("it can be watched");
            let mut readable = Box::pin(here.readable());
            assert!(Hand::default().poll(&mut readable).is_pending());
            drop(there);
            readable.await.expect("the other end is gone, which is readable").retain_ready();
        });
    });
}
