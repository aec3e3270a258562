//! `split` and `unsplit`.

use crate::support::{Script, counting_waker};
use filch_io::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, duplex, split,
};
use futures_lite::future::{block_on, zip};
use std::io::Result;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

#[test]
fn halves_work_at_the_same_time() {
    let (a, mut b) = duplex(4);
    let (mut reader, mut writer) = split(a);
    let echo = async {
        let mut buf = [0; 3];
        while let Ok(n @ 1..) = b.read(&mut buf).await {
            b.write_all(&buf[..n]).await.expect("the reader lives");
        }
        b.shutdown().await.expect("a duplex closes");
    };
    let send = async {
        writer.write_all(&[9; 1000]).await.expect("the echo lives");
        writer.shutdown().await.expect("a duplex closes");
    };
    let mut all = Vec::new();
    let (_, n) = block_on(zip(zip(echo, send), reader.read_to_end(&mut all)));
    assert_eq!((n.expect("no error"), all), (1000, vec![9; 1000]));
}

#[test]
fn halves_of_one_stream_become_it_again() {
    let (reader, mut writer) = split(Script::default());
    block_on(writer.write_all(b"x")).expect("a script without errors");
    assert!(reader.is_pair_of(&writer) && writer.is_pair_of(&reader));
    assert_eq!(reader.unsplit(writer).written, b"x");
}

#[test]
#[should_panic(expected = "halves of two streams")]
fn halves_of_two_streams_are_refused() {
    let (reader, _) = split(Script::default());
    let (_, writer) = split(Script::default());
    let _ = reader.unsplit(writer);
}

/// While it is read, it has its own write half polled: the worst a foreign stream can do.
struct Reentrant {
    half: Arc<Mutex<Option<WriteHalf<Reentrant>>>>,
    waker: Waker,
}

impl AsyncRead for Reentrant {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<Result<usize>> {
        let mut half = self.half.lock().expect("no panic under this lock");
        let half = Pin::new(half.as_mut().expect("the test put it there"));
        assert!(half.poll_write(&mut Context::from_waker(&self.waker), b"x").is_pending());
        Poll::Ready(Ok(0))
    }
}

impl AsyncWrite for Reentrant {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_half_that_finds_the_stream_in_use_waits_and_is_woken() {
    let (count, waker) = counting_waker();
    let place = Arc::new(Mutex::new(None));
    let (mut reader, writer): (ReadHalf<_>, _) = split(Reentrant { half: place.clone(), waker });
    *place.lock().expect("no panic under this lock") = Some(writer);
    assert_eq!(block_on(reader.read(&mut [0])).expect("no error"), 0);
    assert_eq!(count.n(), 1);
    let writer =
        place.lock().expect("no panic under this lock").take().expect("the test put it there");
    let mut writer = writer;
    assert_eq!(block_on(writer.write(b"x")).expect("no error"), 1);
}
