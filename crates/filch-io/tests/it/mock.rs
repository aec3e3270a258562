//! Scripted streams.

use crate::support::{counting_waker, kind, poll_once};
use filch_io::io::mock::Builder;
use filch_io::io::{AsyncReadExt, AsyncWriteExt};
use futures_lite::future::{block_on, zip};
use std::future::Future;
use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};

#[test]
fn a_mock_follows_its_script() {
    let mut mock = Builder::new().write(b"ping").read(b"pong").write(b"bye").build();
    block_on(async {
        mock.write_all(b"ping").await?;
        let mut answer = [0; 4];
        mock.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"pong");
        mock.write_all(b"bye").await?;
        assert_eq!(mock.read(&mut [0]).await?, 0, "the end of the script is the end of the stream");
        std::io::Result::Ok(())
    })
    .expect("the script has no errors");
}

#[test]
fn steps_cut_reads_and_writes() {
    let mut mock = Builder::new().read(b"ab").read(b"").read(b"c").write(b"12").write(b"3").build();
    let mut buf = [0; 9];
    assert_eq!(block_on(mock.read(&mut buf)).expect("no error"), 2);
    assert_eq!(block_on(mock.read(&mut buf)).expect("no error"), 1);
    assert_eq!(block_on(mock.write(b"123")).expect("no error"), 2);
    assert_eq!(block_on(mock.write(b"3")).expect("no error"), 1);
}

#[test]
fn a_read_waits_for_the_writes_before_it() {
    let mut mock = Builder::new().write(b"x").read(b"y").build();
    let (count, waker) = counting_waker();
    let mut buf = [0; 1];
    assert!(Pin::new(&mut mock.read(&mut buf)).poll(&mut Context::from_waker(&waker)).is_pending());
    block_on(mock.write_all(b"x")).expect("no error");
    assert_eq!(count.n(), 1);
    assert!(matches!(poll_once(&mut mock.read(&mut buf)), Poll::Ready(Ok(1))));
}

#[test]
fn a_write_does_not_wait_for_the_reads_before_it() {
    let mut mock = Builder::new().read(b"y").write(b"x").build();
    block_on(mock.write_all(b"x")).expect("no error");
    assert_eq!(block_on(mock.read_u8()).expect("no error"), b'y');
}

#[test]
fn errors_come_in_their_place_for_each_mock_of_a_builder() {
    let mut builder = Builder::new();
    builder.read(b"a").read_error(ErrorKind::TimedOut.into());
    builder.write_error(Error::from_raw_os_error(32)).read_error(Error::other("why"));
    for _ in 0..2 {
        let mut mock = builder.build();
        assert_eq!(block_on(mock.read_u8()).expect("no error"), b'a');
        assert_eq!(kind(block_on(mock.read_u8())), Some(ErrorKind::TimedOut));
        assert_eq!(block_on(mock.write(b"x")).unwrap_err().raw_os_error(), Some(32));
        assert_eq!(block_on(mock.read_u8()).unwrap_err().to_string(), "why");
    }
}

#[test]
fn a_handle_adds_to_the_script() {
    let (mock, mut handle) = Builder::new().read(b"1").build_with_handle();
    let (mut read, mut write) = filch_io::io::split(mock);
    let reading = async {
        let mut all = Vec::new();
        read.read_to_end(&mut all).await.expect("no error");
        all
    };
    let acting = async move {
        handle.read(b"2").write(b"now");
        write.write_all(b"now").await.expect("it is expected");
        handle.read(b"3");
    };
    let (all, ()) = block_on(zip(reading, acting));
    assert_eq!(all, b"123");
}

#[test]
#[should_panic(
    expected = "mock stream `server`: unexpected write of b\"pung\\n\": the script expects b\"ping\\n\""
)]
fn another_write_panics() {
    let mut mock = Builder::new().name("server").write(b"ping\n").build();
    let _ = block_on(mock.write(b"pung\n"));
}

#[test]
#[should_panic(expected = "the script expects none")]
fn a_write_too_many_panics() {
    let _ = block_on(Builder::new().read(b"x").build().write(b"y"));
}

#[test]
#[should_panic(expected = "b\"rest\" was not read")]
fn a_script_that_is_not_finished_panics() {
    drop(Builder::new().read(b"rest").build());
}

#[test]
#[should_panic(expected = "b\"late\" was not written")]
fn a_script_of_a_handle_that_is_not_finished_panics() {
    let (mock, mut handle) = Builder::new().build_with_handle();
    handle.write(b"late");
    drop(mock);
}

#[test]
#[should_panic(expected = "the mock stream is dropped")]
fn a_handle_without_a_mock_panics() {
    let (_, mut handle) = Builder::new().build_with_handle();
    handle.read(b"x");
}
