//! `AsyncFd`.

use super::{in_time, on_each};
use filch::io::Interest;
use filch::io::unix::AsyncFd;
use filch::runtime::Builder;
use futures_lite::future::poll_once;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

fn pair() -> (UnixStream, UnixStream) {
    let (a, b) = UnixStream::pair().expect("below the limit");
    a.set_nonblocking(true).expect("an open stream");
    b.set_nonblocking(true).expect("an open stream");
    (a, b)
}

#[test]
fn a_descriptor_is_readable_once_something_was_written() {
    on_each(|| async {
        let (a, mut b) = pair();
        let a = AsyncFd::new(a).expect("a socket can be watched");
        let reading = filch::spawn(async move {
            let mut buf = [0; 10];
            loop {
                let mut guard = a.readable().await.expect("the driver lives");
                if let Ok(result) = guard.try_io(|fd| fd.get_ref().read(&mut buf)) {
                    break result.expect("the peer lives");
                }
            }
        });
        filch::task::yield_now().await;
        b.write_all(b"abc").expect("there is room");
        assert_eq!(in_time(reading).await.expect("no panic"), 3);
    });
}

#[test]
fn a_ready_descriptor_does_not_keep_its_worker() {
    on_each(|| async {
        let (a, _b) = pair();
        let a = AsyncFd::new(a).expect("a socket can be watched");
        let waiting = filch::spawn(async move {
            let other = filch::spawn(async {});
            // The budget gives the other task its turn in between.
            let mut n_waits = 0;
            while !other.is_finished() && n_waits < 1000 {
                drop(a.writable().await.expect("the driver lives"));
                n_waits += 1;
            }
            n_waits
        });
        assert!(waiting.await.expect("no panic") < 1000, "the other task had no turn");
    });
}

#[test]
fn cleared_readiness_waits_for_the_next_event() {
    on_each(|| async {
        let (a, mut b) = pair();
        let a = AsyncFd::with_interest(a, Interest::READABLE).expect("a socket can be watched");
        b.write_all(b"x").expect("there is room");
        let mut guard = a.readable().await.expect("the driver lives");
        assert!(guard.ready().is_readable());
        assert_eq!(a.get_ref().read(&mut [0; 9]).expect("it is there"), 1);
        guard.clear_ready();
        let wait = std::time::Duration::from_millis(2);
        assert!(filch::time::timeout(wait, a.readable()).await.is_err());
        b.write_all(b"y").expect("there is room");
        let n = in_time(a.async_io(Interest::READABLE, |mut a| a.read(&mut [0; 9]))).await;
        assert_eq!(n.expect("the peer lives"), 1);
        let error =
            a.try_io(Interest::READABLE, |mut a| a.read(&mut [0; 9])).expect_err("nothing more");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn urgent_data_alone_makes_nothing_readable() {
    // Why this driver: `polling` takes urgent data for readable.
    let runtime = Builder::new_current_thread().driver(filch_driver::Epoll::new).build();
    runtime.expect("the stock parts fit").block_on(in_time(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let address = listener.local_addr().expect("it is bound");
        let peer = std::net::TcpStream::connect(address).expect("the listener lives");
        let (socket, _) = listener.accept().expect("a client has connected");
        socket.set_nonblocking(true).expect("an open stream");
        let socket = AsyncFd::with_interest(socket, Interest::READABLE | Interest::PRIORITY)
            .expect("a socket can be watched");
        socket2::SockRef::from(&peer).send_out_of_band(b"!").expect("there is room");
        let guard = socket.ready(Interest::PRIORITY).await.expect("the driver lives");
        assert!(guard.ready().is_priority());
        drop(guard);
        assert!(poll_once(socket.readable()).await.is_none());
        (&peer).write_all(b"abc").expect("there is room");
        let guard = socket.readable().await.expect("the driver lives");
        assert!(guard.ready().is_readable());
    }));
}

#[test]
fn a_wait_for_both_directions_tells_all_that_is_ready() {
    on_each(|| async {
        let (a, mut b) = pair();
        b.write_all(b"x").expect("there is room");
        let a = AsyncFd::new(a).expect("a socket can be watched");
        let both = Interest::READABLE | Interest::WRITABLE;
        drop(in_time(a.readable()).await.expect("the driver lives"));
        drop(in_time(a.writable()).await.expect("the driver lives"));
        let mut guard = in_time(a.ready(both)).await.expect("the driver lives");
        assert!(guard.ready().is_readable() && guard.ready().is_writable(), "{:?}", guard.ready());
        guard.clear_ready();
        drop(guard);
        assert!(poll_once(a.ready(both)).await.is_none(), "all of it was taken back");
    });
}

#[test]
fn a_mutable_guard_lends_the_object() {
    on_each(|| async {
        let (a, mut b) = pair();
        let mut a = AsyncFd::new(a).expect("a socket can be watched");
        b.write_all(b"x").expect("there is room");
        let mut guard = a.readable_mut().await.expect("the driver lives");
        let n = guard
            .try_io(|fd| fd.get_mut().read(&mut [0; 9]))
            .expect("it is readable")
            .expect("the peer lives");
        assert_eq!(n, 1);
    });
}

#[test]
fn what_cannot_be_watched_is_refused_and_handed_back() {
    on_each(|| async {
        let file = std::fs::File::open("/proc/self/exe").expect("Linux");
        let fd = file.as_raw_fd();
        let (file, cause) = AsyncFd::try_new(file).expect_err("a regular file").into_parts();
        assert_eq!(file.as_raw_fd(), fd);
        assert!(cause.to_string().contains("regular file"), "{cause}");

        for closed in [-1, 1_000_000 as RawFd] {
            let error = AsyncFd::new(closed).expect_err("not open");
            assert!(
                error.raw_os_error() == Some(9) || error.kind() == ErrorKind::InvalidInput,
                "{error}"
            );
        }
    });
}

#[test]
fn one_descriptor_is_not_watched_twice() {
    on_each(|| async {
        let (a, _b) = pair();
        let fd = a.as_raw_fd();
        let first = AsyncFd::new(a).expect("a socket can be watched");
        assert_eq!(
            AsyncFd::new(fd).expect_err("it is watched already").kind(),
            ErrorKind::AlreadyExists
        );
        drop(first.into_inner());
    });
}

#[test]
fn an_object_given_back_can_be_watched_again() {
    on_each(|| async {
        let (mut a, mut b) = pair();
        for round in 0..3_u8 {
            let fd = AsyncFd::new(a).expect("a socket can be watched");
            b.write_all(&[round]).expect("there is room");
            drop(in_time(fd.readable()).await.expect("the driver lives"));
            a = fd.into_inner();
            assert_eq!(a.read(&mut [0; 9]).expect("it is there"), 1);
        }
    });
}
