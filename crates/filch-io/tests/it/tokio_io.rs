//! tokio's traits on our streams, and `TokioIo`.

use crate::support::Script;
use crate::support::Step::{Bytes, Claim, Fail, Pending};
use filch_io::io::mock::Builder;
use filch_io::io::{
    self, AsyncBufReadExt, AsyncReadExt, AsyncSeek as _, AsyncSeekExt, AsyncWriteExt, BufReader,
    SeekFrom, duplex,
};
use filch_io::tokio_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf, TokioIo};
use futures_lite::future::{block_on, poll_fn};
use std::io::{ErrorKind, IoSlice, Result};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// Reads once, into `room` bytes that nobody initialized.
async fn read<R: AsyncRead>(reader: Pin<&mut R>, room: usize) -> Result<Vec<u8>> {
    let mut reader = reader;
    let mut memory = vec![MaybeUninit::uninit(); room];
    let mut buf = ReadBuf::uninit(&mut memory);
    poll_fn(|cx| reader.as_mut().poll_read(cx, &mut buf)).await?;
    Ok(buf.filled().to_vec())
}

async fn write<W: AsyncWrite>(mut writer: Pin<&mut W>, bytes: &[u8]) -> Result<usize> {
    poll_fn(|cx| writer.as_mut().poll_write(cx, bytes)).await
}

async fn shutdown<W: AsyncWrite>(mut writer: Pin<&mut W>) -> Result<()> {
    poll_fn(|cx| writer.as_mut().poll_shutdown(cx)).await
}

#[test]
fn every_stream_has_the_traits_of_tokio() {
    fn reads<T: AsyncRead>() {}
    fn reads_buffered<T: AsyncBufRead>() {}
    fn writes<T: AsyncWrite>() {}
    fn both<T: AsyncRead + AsyncWrite>() {}
    type Stream = io::DuplexStream;

    both::<Stream>();
    both::<io::SimplexStream>();
    both::<io::BufReader<Stream>>();
    both::<io::BufWriter<Stream>>();
    both::<io::BufStream<Stream>>();
    both::<io::Join<io::Empty, io::Sink>>();
    both::<io::mock::Mock>();
    reads::<io::ReadHalf<Stream>>();
    writes::<io::WriteHalf<Stream>>();
    reads_buffered::<io::BufReader<Stream>>();
    reads_buffered::<io::BufStream<Stream>>();
    reads_buffered::<io::Take<io::BufReader<Stream>>>();
    reads_buffered::<io::Chain<io::BufReader<Stream>, io::Empty>>();
    reads::<io::Take<Stream>>();
    reads::<io::Chain<Stream, io::Repeat>>();
    both::<filch_io::net::TcpStream>();
    reads::<filch_io::net::tcp::ReadHalf<'_>>();
    writes::<filch_io::net::tcp::WriteHalf<'_>>();
    reads::<filch_io::net::tcp::OwnedReadHalf>();
    writes::<filch_io::net::tcp::OwnedWriteHalf>();
    #[cfg(unix)]
    {
        both::<filch_io::net::UnixStream>();
        reads::<filch_io::net::unix::ReadHalf<'_>>();
        writes::<filch_io::net::unix::WriteHalf<'_>>();
        reads::<filch_io::net::unix::OwnedReadHalf>();
        writes::<filch_io::net::unix::OwnedWriteHalf>();
    }
    #[cfg(feature = "tls")]
    both::<filch_io::tls::TlsStream<filch_io::net::TcpStream>>();
    // tokio's own blanket implementations go on from there.
    both::<Box<Stream>>();
    both::<Pin<Box<Stream>>>();
    both::<&mut Stream>();
}

#[test]
fn tokio_reads_and_writes_through_memory() {
    let (mut a, mut b) = duplex(10);
    block_on(async {
        assert_eq!(write(pin!(&mut a), b"hello").await?, 5);
        assert_eq!(read(pin!(&mut b), 3).await?, b"hel");
        assert_eq!(read(pin!(&mut b), 100_000).await?, b"lo");
        shutdown(pin!(&mut a)).await?;
        assert_eq!(read(pin!(&mut b), 3).await?, b"", "shutdown is the end");
        Result::Ok(())
    })
    .expect("memory does not fail");
}

#[test]
fn what_is_filled_already_stays() {
    let mut reader = BufReader::new(b"cdef".as_slice());
    let mut memory = *b"ab...";
    let mut buf = ReadBuf::new(&mut memory);
    buf.set_filled(2);
    block_on(poll_fn(|cx| AsyncRead::poll_read(Pin::new(&mut reader), cx, &mut buf)))
        .expect("memory can be read");
    assert_eq!(buf.filled(), b"abcde");
}

#[test]
fn a_reader_that_claims_too_much_is_an_error_for_tokio_too() {
    let mut stream = TokioIo::new(Script::new([Claim(5)]));
    let mut memory = [MaybeUninit::uninit(); 4];
    let mut buf = ReadBuf::uninit(&mut memory);
    let mut poll =
        || Pin::new(&mut stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut buf);
    assert!(matches!(poll(), Poll::Ready(Err(_))));
    assert!(buf.filled().is_empty());
}

#[test]
fn errors_pass_and_interruptions_are_repeated() {
    let script = [Pending, Fail(ErrorKind::Interrupted), Bytes(b"ab"), Fail(ErrorKind::TimedOut)];
    let mut stream = TokioIo::new(Script::new(script));
    assert_eq!(block_on(read(pin!(&mut stream), 9)).expect("no error"), b"ab");
    let error = block_on(read(pin!(&mut stream), 9)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[test]
fn writers_say_whether_several_buffers_go_out_at_once() {
    let (mut a, b) = duplex(10);
    assert!(AsyncWrite::is_write_vectored(&a));
    let bufs = [IoSlice::new(b"ab"), IoSlice::new(b"c")];
    let n = block_on(poll_fn(|cx| AsyncWrite::poll_write_vectored(Pin::new(&mut a), cx, &bufs)));
    assert_eq!(n.expect("there is room"), 3);
    assert!(AsyncWrite::is_write_vectored(&io::BufWriter::new(b)));
    assert!(!AsyncWrite::is_write_vectored(&Builder::new().build()));
}

/// Has tokio's traits and no others.
struct OnlyTokio<T>(TokioIo<T>);

impl<T: io::AsyncRead + Unpin> AsyncRead for OnlyTokio<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<T: io::AsyncBufRead + Unpin> AsyncBufRead for OnlyTokio<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<&[u8]>> {
        AsyncBufRead::poll_fill_buf(Pin::new(&mut self.get_mut().0), cx)
    }

    fn consume(mut self: Pin<&mut Self>, n: usize) {
        AsyncBufRead::consume(Pin::new(&mut self.0), n);
    }
}

impl<T: io::AsyncWrite + Unpin> AsyncWrite for OnlyTokio<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.0), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl<T: io::AsyncSeek + Unpin> AsyncSeek for OnlyTokio<T> {
    fn start_seek(mut self: Pin<&mut Self>, to: SeekFrom) -> Result<()> {
        Pin::new(&mut self.0).start_seek(to)
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<u64>> {
        Pin::new(&mut self.0).poll_complete(cx)
    }
}

#[test]
fn a_stream_of_tokios_is_a_stream_of_ours() {
    let (a, mut b) = duplex(100);
    let mut a = TokioIo::new(OnlyTokio(TokioIo::new(a)));
    block_on(async {
        a.write_all(b"to b").await?;
        a.shutdown().await?;
        b.write_all(b"line\nrest").await?;
        b.shutdown().await?;
        let (mut at_a, mut at_b) = (String::new(), String::new());
        b.read_to_string(&mut at_b).await?;
        a.read_to_string(&mut at_a).await?;
        assert_eq!((at_a.as_str(), at_b.as_str()), ("line\nrest", "to b"));
        let mut lines = TokioIo::new(OnlyTokio(TokioIo::new(b"line\nrest".as_slice()))).lines();
        assert_eq!(lines.next_line().await?.as_deref(), Some("line"));
        Result::Ok(())
    })
    .expect("memory does not fail");
}

/// A stream whose seeks take a while.
struct Slow {
    at: u64,
    steps: u32,
}

impl io::AsyncSeek for Slow {
    fn poll_seek(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<Result<u64>> {
        self.steps += 1;
        if self.steps % 3 != 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match to {
            SeekFrom::Start(at) => self.at = at,
            SeekFrom::Current(by) => self.at = self.at.saturating_add_signed(by),
            SeekFrom::End(_) => return Poll::Ready(Err(ErrorKind::Unsupported.into())),
        }
        Poll::Ready(Ok(self.at))
    }
}

#[test]
fn seeks_go_through_in_both_directions() {
    let mut stream = TokioIo::new(OnlyTokio(TokioIo::new(Slow { at: 0, steps: 0 })));
    block_on(async {
        assert_eq!(stream.seek(SeekFrom::Start(7)).await?, 7);
        assert_eq!(stream.seek(SeekFrom::Current(-2)).await?, 5);
        assert!(stream.seek(SeekFrom::End(0)).await.is_err());
        assert_eq!(stream.stream_position().await?, 5);
        Result::Ok(())
    })
    .expect("all other seeks succeed");
}

#[test]
fn a_seek_that_was_given_up_does_not_answer_for_another() {
    for polls in 0..6 {
        let mut stream = TokioIo::new(OnlyTokio(TokioIo::new(Slow { at: 0, steps: 0 })));
        for _ in 0..polls {
            let mut cx = Context::from_waker(Waker::noop());
            if Pin::new(&mut stream).poll_seek(&mut cx, SeekFrom::Start(9)).is_ready() {
                break;
            }
        }
        let at = block_on(stream.seek(SeekFrom::Start(4))).expect("it succeeds");
        assert_eq!(at, 4, "given up after poll {polls}");
    }
}
