//! `HyperIo`.

use crate::support::Script;
use crate::support::Step::{Bytes, Claim, Pending};
use filch_io::hyper::HyperIo;
use filch_io::io::{AsyncReadExt, AsyncWriteExt, duplex};
use futures_lite::future::{block_on, poll_fn};
use hyper::rt::{Read, ReadBuf, Write};
use std::mem::MaybeUninit;
use std::pin::Pin;

#[test]
fn hyper_reads_into_uninitialized_memory() {
    let mut stream = HyperIo::new(Script::new([Pending, Bytes(b"abcdef")]));
    let mut memory = [const { MaybeUninit::uninit() }; 4];
    let mut buf = ReadBuf::uninit(&mut memory);
    block_on(poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, buf.unfilled())))
        .expect("a script without errors");
    assert_eq!(buf.filled(), b"abcd");
}

#[test]
fn a_reader_that_claims_too_much_is_an_error_for_hyper_too() {
    let mut stream = HyperIo::new(Script::new([Claim(5)]));
    let mut memory = [const { MaybeUninit::uninit() }; 4];
    let mut buf = ReadBuf::uninit(&mut memory);
    assert!(block_on(poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, buf.unfilled()))).is_err());
    assert!(buf.filled().is_empty());
}

#[test]
fn hyper_shuts_down_by_closing() {
    let mut stream = HyperIo::new(Script::default());
    block_on(poll_fn(|cx| Pin::new(&mut stream).poll_write(cx, b"x")))
        .expect("a script without errors");
    block_on(poll_fn(|cx| Pin::new(&mut stream).poll_shutdown(cx)))
        .expect("a script without errors");
    let script = stream.into_inner();
    assert_eq!((script.written.as_slice(), script.n_closed), (b"x".as_slice(), 1));
}

#[test]
fn what_hyper_hands_out_is_a_stream_again() {
    let (a, mut b) = duplex(100);
    // The inner wrapper has hyper's traits only where it is used as such; the outer gives futures-io back.
    let mut stream = HyperIo::new(OnlyHyper(HyperIo::new(a)));
    block_on(async {
        stream.write_all(b"to b").await?;
        stream.shutdown().await?;
        b.write_all(b"to a").await?;
        b.shutdown().await?;
        let (mut at_a, mut at_b) = (String::new(), String::new());
        stream.read_to_string(&mut at_a).await?;
        b.read_to_string(&mut at_b).await?;
        assert_eq!((at_a.as_str(), at_b.as_str()), ("to a", "to b"));
        std::io::Result::Ok(())
    })
    .expect("a duplex without errors");
}

/// Has hyper's traits and no others.
struct OnlyHyper<T>(T);

impl<T: Read + Unpin> Read for OnlyHyper<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: hyper::rt::ReadBufCursor<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<T: Write + Unpin> Write for OnlyHyper<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
