//! Pipes.

use super::unix::Place;
use super::{in_time, on_each, read_into_nothing};
use crate::tools::Hand;
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::unix::pipe::{OpenOptions, Receiver, Sender, pipe};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// A pipe with a name.
fn fifo() -> Place {
    let place = Place::new();
    let made = std::process::Command::new("mkfifo").arg(&place.0).status();
    assert!(made.expect("there is `mkfifo`").success());
    place
}

#[test]
fn a_full_pipe_makes_its_sender_wait() {
    on_each(|| async {
        let (mut sender, mut receiver) = pipe().expect("below the limit");
        let sent: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
        let expected = sent.clone();
        let sending = filch::spawn(async move { sender.write_all(&sent).await });
        let mut received = Vec::new();
        in_time(receiver.read_to_end(&mut received)).await.expect("the sender lives");
        sending.await.expect("no panic").expect("the receiver reads");
        assert!(received == expected);
    });
}

#[test]
fn a_read_into_nothing_does_not_wait() {
    on_each(|| async {
        let (sender, receiver) = pipe().expect("below the limit");
        read_into_nothing(receiver, sender).await;
    });
}

#[test]
fn trying_without_waiting_says_would_block() {
    on_each(|| async {
        let (sender, receiver) = pipe().expect("below the limit");
        let mut buf = [0; 9];
        assert_eq!(receiver.try_read(&mut buf).expect_err("none").kind(), ErrorKind::WouldBlock);
        sender.writable().await.expect("the driver lives");
        assert_eq!(sender.try_write(b"abc").expect("there is room"), 3);
        receiver.readable().await.expect("the driver lives");
        assert_eq!(receiver.try_read(&mut buf).expect("it is there"), 3);
        assert_eq!(sender.try_write(b"def").expect("there is room"), 3);
        receiver.readable().await.expect("the driver lives");
        let mut kept = b"abc".to_vec();
        assert_eq!(receiver.try_read_buf(&mut kept).expect("it is there"), 3);
        assert_eq!(kept, b"abcdef");
        assert_eq!(receiver.try_read(&mut buf).expect_err("none").kind(), ErrorKind::WouldBlock);
        // Why more than once: the event of a write may come late, when what was written has been read.
        let mut n_late = 0;
        while filch::time::timeout(Duration::from_millis(1), receiver.readable()).await.is_ok() {
            n_late += 1;
            assert!(n_late <= 2, "nothing more comes");
            let error = receiver.try_read(&mut buf).expect_err("none");
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
        while sender.try_write(&[0; 4096]).is_ok() {}
        let mut n_late = 0; // As above: there is room after each read.
        while filch::time::timeout(Duration::from_millis(1), sender.writable()).await.is_ok() {
            n_late += 1;
            assert!(n_late <= 2, "it is full");
            let error = sender.try_write(&[0; 4096]).expect_err("it is full");
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
    });
}

#[test]
fn an_end_that_is_dropped_wakes_the_other() {
    on_each(|| async {
        let (sender, mut receiver) = pipe().expect("below the limit");
        let reading = filch::spawn(async move { receiver.read(&mut [0]).await });
        filch::task::yield_now().await;
        drop(sender);
        assert_eq!(in_time(reading).await.expect("no panic").expect("the end"), 0);

        let (mut sender, receiver) = pipe().expect("below the limit");
        let writing = filch::spawn(async move { sender.write_all(&[0; 1_000_000]).await });
        filch::task::yield_now().await;
        drop(receiver);
        let error = in_time(writing).await.expect("no panic").expect_err("nobody reads");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_fifo_connects_those_who_open_it() {
    on_each(|| async {
        let place = fifo();
        let error = OpenOptions::new().open_sender(&place.0).expect_err("nobody reads");
        assert_eq!(error.raw_os_error(), Some(libc::ENXIO));
        let mut receiver = OpenOptions::new().open_receiver(&place.0).expect("a FIFO");
        let mut sender = OpenOptions::new().open_sender(&place.0).expect("somebody reads");
        sender.write_all(b"abc").await.expect("there is room");
        drop(sender);
        let mut text = String::new();
        in_time(receiver.read_to_string(&mut text)).await.expect("it is text");
        assert_eq!(text, "abc");
    });
}

#[test]
fn the_second_sender_of_a_fifo_is_waited_for_like_the_first() {
    on_each(|| async {
        let place = fifo();
        let mut receiver = OpenOptions::new().open_receiver(&place.0).expect("a FIFO");
        for round in 0..3_u8 {
            let mut sender = OpenOptions::new().open_sender(&place.0).expect("somebody reads");
            let hand = Hand::default();
            let mut buf = [0; 9];
            {
                let mut reading = Box::pin(receiver.read(&mut buf));
                assert!(hand.poll(&mut reading).is_pending(), "nothing was sent");
                hand.wakes(); // The first registration tells of what was before.
                assert!(hand.poll(&mut reading).is_pending(), "nothing was sent");
                assert_eq!(hand.wakes(), 0, "it waits and does not spin");
                sender.write_all(&[round]).await.expect("there is room");
                assert_eq!(in_time(reading).await.expect("the byte"), 1);
            }
            assert_eq!(buf[0], round);
            drop(sender);
            assert_eq!(in_time(receiver.read(&mut buf)).await.expect("the end"), 0);
        }
    });
}

#[test]
fn a_fifo_opened_both_ways_needs_no_other_end() {
    on_each(|| async {
        let place = fifo();
        let mut sender =
            OpenOptions::new().read_write(true).open_sender(&place.0).expect("its own reader");
        sender.write_all(b"early").await.expect("there is room");
        let mut receiver =
            OpenOptions::new().read_write(true).open_receiver(&place.0).expect("a FIFO");
        drop(sender);
        let mut buf = [0; 5];
        receiver.read_exact(&mut buf).await.expect("it is there");
        assert_eq!(&buf, b"early");
        let waiting = filch::time::timeout(Duration::from_millis(1), receiver.read(&mut buf)).await;
        assert!(waiting.is_err(), "it is a sender itself, so there is no end");
    });
}

#[test]
fn what_is_no_pipe_or_the_wrong_end_is_refused() {
    on_each(|| async {
        let file = std::fs::File::open("/proc/self/exe").expect("Linux");
        assert_eq!(Receiver::from_file(file).expect_err("a file").kind(), ErrorKind::InvalidInput);
        let error = OpenOptions::new().open_receiver("/dev/null").expect_err("a device");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let (sender, receiver) = pipe().expect("below the limit");
        let fd = sender.into_nonblocking_fd().expect("it can always be had");
        assert_eq!(
            Receiver::from_owned_fd(fd).expect_err("to write").kind(),
            ErrorKind::InvalidInput
        );
        let fd = receiver.into_blocking_fd().expect("it can always be had");
        assert_eq!(Sender::from_owned_fd(fd).expect_err("to read").kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_pipe_goes_out_and_comes_back_in() {
    on_each(|| async {
        let (sender, receiver) = pipe().expect("below the limit");
        let waited = filch::time::timeout(Duration::from_millis(1), receiver.readable()).await;
        assert!(waited.is_err(), "it waited, so it is registered");
        let mut sender = std::fs::File::from(sender.into_blocking_fd().expect("it can be had"));
        let fd: OwnedFd = receiver.into_blocking_fd().expect("it can be had");
        let mut blocking = std::fs::File::from(fd);
        sender.write_all(b"x").expect("there is room");
        assert_eq!(blocking.read(&mut [0; 9]).expect("it is there"), 1);
        let mut receiver = Receiver::from_file(blocking).expect("a pipe to read from");
        sender.write_all(b"y").expect("there is room");
        assert_eq!(in_time(receiver.read_u8()).await.expect("it is there"), b'y');
    });
}
