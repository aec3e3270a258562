//! `duplex`, `simplex`, `join`.

use crate::support::{counting_waker, kind, poll_and_drop, poll_once};
use filch_core::coop::{Budget, with_budget};
use filch_io::io::{
    AsyncReadExt, AsyncWriteExt, IoSlice, IoSliceMut, SimplexStream, duplex, join, simplex, split,
};
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

#[test]
fn several_buffers_pass_in_one_call() {
    let (mut a, mut b) = duplex(5);
    let bufs = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cdef")];
    assert_eq!(block_on(a.write_vectored(&bufs)).expect("there is room"), 5);
    assert!(poll_once(&mut a.write_vectored(&bufs)).is_pending());
    let (mut one, mut two) = ([0; 1], [0; 9]);
    let mut bufs = [IoSliceMut::new(&mut []), IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
    assert_eq!(block_on(b.read_vectored(&mut bufs)).expect("there are bytes"), 5);
    assert_eq!((&one, &two[..4]), (b"a", &b"bcde"[..]));
    assert_eq!(block_on(a.write_vectored(&[])).expect("nothing is to be done"), 0);
}

#[test]
fn a_simplex_ends_with_either_half() {
    let (mut read, mut write) = simplex(3);
    assert!(matches!(poll_once(&mut write.write(b"abcd")), Poll::Ready(Ok(3))));
    drop(write);
    let mut all = Vec::new();
    block_on(read.read_to_end(&mut all)).expect("no error");
    assert_eq!(all, b"abc");

    let (read, mut write) = simplex(3);
    block_on(write.write_all(b"abc")).expect("there is room");
    let (count, waker) = counting_waker();
    let mut waiting = write.write(b"d");
    assert!(Pin::new(&mut waiting).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(read);
    assert_eq!(count.n(), 1);
    assert_eq!(kind(block_on(waiting)), Some(ErrorKind::BrokenPipe));
}

#[test]
fn a_simplex_that_is_put_together_goes_on() {
    let (read, mut write) = simplex(9);
    block_on(write.write_all(b"abc")).expect("there is room");
    let mut whole = read.unsplit(write);
    block_on(whole.write_all(b"def")).expect("there is room");
    block_on(whole.shutdown()).expect("memory closes");
    let mut all = String::new();
    block_on(whole.read_to_string(&mut all)).expect("no error");
    assert_eq!(all, "abcdef");
}

#[test]
fn a_half_of_another_stream_does_not_end_it() {
    let (read, mut write) = split(SimplexStream::new_unsplit(9));
    drop(read);
    block_on(write.write_all(b"x")).expect("it is a stream of its own");
}

#[test]
fn a_simplex_in_two_tasks_passes_all() {
    let (mut read, mut write) = simplex(11);
    let content: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let sent = content.clone();
    let writing = std::thread::spawn(move || block_on(write.write_all(&sent)));
    let mut all = Vec::new();
    block_on(read.read_to_end(&mut all)).expect("no error");
    writing.join().expect("it does not panic").expect("the reader lives");
    assert!(all == content);
}

#[test]
fn a_reader_and_a_writer_make_one_stream() {
    let (mut read, write) = simplex(9);
    let mut stream = join(b"from here".as_slice(), write);
    let (mut word, mut rest) = ([0; 5], String::new());
    block_on(async {
        stream.write_all(b"to there").await?;
        stream.read_exact(&mut word).await?;
        stream.shutdown().await?;
        read.read_to_string(&mut rest).await
    })
    .expect("memory does not fail");
    assert_eq!((&word, rest.as_str()), (b"from ", "to there"));
    assert_eq!(stream.into_inner().0, b"here");
}
