//! `duplex`.

use crate::support::{counting_waker, kind, poll_and_drop, poll_once};
use filch_core::coop::{Budget, with_budget};
use filch_io::io::{AsyncReadExt, AsyncWriteExt, duplex};
use futures_lite::future::{block_on, zip};
use std::future::Future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll};

#[test]
fn bytes_arrive_in_order_through_a_small_pipe() {
    let content: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let (mut a, mut b) = duplex(7);
    let send = async {
        a.write_all(&content).await.expect("the reader lives");
        a.shutdown().await.expect("a duplex closes");
    };
    let mut all = Vec::new();
    let ((), n) = block_on(zip(send, b.read_to_end(&mut all)));
    assert_eq!((n.expect("no error"), all), (5000, content));
}

#[test]
fn a_full_pipe_makes_its_writer_wait_for_a_read() {
    let (mut a, mut b) = duplex(2);
    assert!(matches!(poll_once(&mut a.write(b"abc")), Poll::Ready(Ok(2))));
    let (count, waker) = counting_waker();
    let mut write = a.write(b"c");
    assert!(Pin::new(&mut write).poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(count.n(), 0);
    block_on(b.read_u8()).expect("there is a byte");
    assert_eq!(count.n(), 1);
    assert!(matches!(poll_once(&mut write), Poll::Ready(Ok(1))));
}

#[test]
fn a_dropped_end_ends_both_directions() {
    let (mut a, b) = duplex(10);
    let (count, waker) = counting_waker();
    let mut buf = [0; 1];
    let mut read = a.read(&mut buf);
    assert!(Pin::new(&mut read).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(b);
    assert_eq!(count.n(), 1);
    assert!(matches!(poll_once(&mut read), Poll::Ready(Ok(0))));
    assert_eq!(kind(block_on(a.write(b"x"))), Some(ErrorKind::BrokenPipe));
}

#[test]
fn what_was_written_before_the_end_is_still_read() {
    let (mut a, mut b) = duplex(10);
    block_on(a.write_all(b"bye")).expect("there is room");
    drop(a);
    let mut all = Vec::new();
    block_on(b.read_to_end(&mut all)).expect("no error");
    assert_eq!(all, b"bye");
}

#[test]
fn reads_and_writes_spend_the_budget() {
    let (mut a, mut b) = duplex(100);
    with_budget(Budget::new(2), || {
        assert!(poll_once(&mut a.write(b"x")).is_ready());
        assert!(poll_once(&mut b.read(&mut [0])).is_ready());
        assert!(poll_once(&mut a.write(b"x")).is_pending());
    });
    with_budget(Budget::new(1), || {
        for _ in 0..3 {
            assert!(poll_once(&mut b.read(&mut [0])).is_pending(), "a wait spends nothing");
        }
        assert!(poll_once(&mut a.write(b"x")).is_ready());
    });
}

#[test]
fn a_dropped_read_or_write_moves_no_byte() {
    let (mut a, mut b) = duplex(1);
    poll_and_drop(b.read(&mut [0]), 3);
    block_on(a.write_all(b"x")).expect("there is room");
    poll_and_drop(a.write(b"y"), 3);
    assert_eq!(block_on(b.read_u8()).expect("there is a byte"), b'x');
    drop(a);
    assert_eq!(block_on(b.read(&mut [0])).expect("no error"), 0);
}

#[test]
#[should_panic(expected = "at least 1")]
fn a_pipe_of_nothing_is_refused() {
    let _ = duplex(0);
}
