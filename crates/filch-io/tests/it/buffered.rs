//! `BufReader`, `BufWriter`, `BufStream`.

use crate::support::Step::{Bytes, Fail, Pending};
use crate::support::{Script, poll_and_drop};
use filch_io::io::{
    AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWriteExt, BufReader, BufStream,
    BufWriter, SeekFrom,
};
use futures_lite::future::block_on;
use futures_lite::io::Cursor;
use std::io::{ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll};

#[test]
fn small_reads_are_served_from_one_large_one() {
    let mut reader = BufReader::new(Script::new([Bytes(b"abcdef"), Fail(ErrorKind::Other)]));
    let mut buf = [0; 4];
    assert_eq!(block_on(reader.read(&mut buf)).expect("the first read is good"), 4);
    assert_eq!(reader.buffer(), b"ef");
    assert_eq!(block_on(reader.read(&mut buf)).expect("still from the buffer"), 2);
}

#[test]
fn large_reads_pass_by_the_buffer() {
    let mut reader = BufReader::with_capacity(2, Script::new([Bytes(b"abcdef")]));
    let mut buf = [0; 4];
    assert_eq!(block_on(reader.read(&mut buf)).expect("no error"), 4);
    assert!(reader.buffer().is_empty());
}

#[test]
#[should_panic(expected = "at least 1 byte")]
fn a_buffer_of_nothing_is_refused() {
    let _ = BufReader::with_capacity(0, Script::default());
}

#[test]
fn seeking_forgets_what_is_buffered() {
    let mut reader = BufReader::with_capacity(4, Cursor::new((0..20).collect::<Vec<u8>>()));
    block_on(async {
        assert_eq!(reader.read_u8().await?, 0);
        assert_eq!(reader.stream_position().await?, 1);
        assert_eq!(reader.seek(SeekFrom::Current(9)).await?, 10);
        assert_eq!(reader.read_u8().await?, 10);
        assert_eq!(reader.seek(SeekFrom::End(-1)).await?, 19);
        assert_eq!(reader.read_u8().await?, 19);
        assert_eq!(reader.rewind().await?, 0);
        assert_eq!(reader.read_u8().await?, 0);
        assert!(reader.seek(SeekFrom::Current(i64::MIN)).await.is_err());
        Result::Ok(())
    })
    .expect("a cursor reads and seeks");
}

/// A cursor whose seeks to a place move at once, but tell so only when they are asked again.
struct Slow {
    cursor: Cursor<Vec<u8>>,
    is_asked: bool,
}

impl AsyncRead for Slow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.cursor).poll_read(cx, buf)
    }
}

impl AsyncSeek for Slow {
    fn poll_seek(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<Result<u64>> {
        let at = Pin::new(&mut self.cursor).poll_seek(cx, to);
        if let SeekFrom::Current(_) = to {
            return at;
        }
        self.is_asked = !self.is_asked;
        if self.is_asked { Poll::Pending } else { at }
    }
}

#[test]
fn a_seek_that_was_given_up_leaves_the_former_place_or_the_asked_one() {
    for to in [SeekFrom::Start(15), SeekFrom::End(-5)] {
        for n in 0..3 {
            let cursor = Cursor::new((0..20).collect());
            let mut reader = BufReader::with_capacity(4, Slow { cursor, is_asked: false });
            assert_eq!(block_on(reader.read_u8()).expect("a cursor reads"), 0);
            poll_and_drop(reader.seek(to), n);
            let mut rest = Vec::new();
            block_on(reader.read_to_end(&mut rest)).expect("a cursor reads");
            let (former, asked): (Vec<u8>, Vec<u8>) = ((1..20).collect(), (15..20).collect());
            assert!(rest == former || rest == asked, "{to:?}, dropped after poll {n}: {rest:?}");
        }
    }
}

#[test]
fn small_writes_leave_as_one_large_one() {
    let mut writer = BufWriter::with_capacity(4, Script::default());
    block_on(async {
        writer.write_all(b"ab").await?;
        writer.write_all(b"c").await?;
        assert!(writer.get_ref().written.is_empty());
        writer.write_all(b"de").await?;
        assert_eq!(writer.get_ref().written, b"abc");
        writer.write_all(b"long enough").await?;
        assert_eq!(writer.get_ref().written, b"abcdelong enough");
        writer.write_all(b"x").await?;
        writer.shutdown().await
    })
    .expect("a script without errors");
    assert_eq!(writer.buffer(), b"");
    let script = writer.into_inner();
    assert_eq!((script.written.as_slice(), script.n_closed), (b"abcdelong enoughx".as_slice(), 1));
}

#[test]
fn a_flush_that_was_broken_off_sends_no_byte_twice() {
    for n in 0..4 {
        let steps = [Bytes(b"1"), Pending, Bytes(b"1"), Pending, Bytes(b"1")];
        let mut writer = BufWriter::new(Script::new(steps));
        block_on(writer.write_all(b"abcdef")).expect("it is buffered");
        poll_and_drop(writer.flush(), n);
        block_on(writer.flush()).expect("a script without errors");
        assert_eq!(writer.into_inner().written, b"abcdef", "dropped after poll {n}");
    }
}

#[test]
fn after_a_failed_write_the_rest_is_kept() {
    let mut writer = BufWriter::new(Script::new([Bytes(b"12"), Fail(ErrorKind::TimedOut)]));
    block_on(writer.write_all(b"abcd")).expect("it is buffered");
    assert!(block_on(writer.flush()).is_err());
    assert_eq!(writer.buffer(), b"cd");
    block_on(writer.flush()).expect("the script is over");
    assert_eq!(writer.into_inner().written, b"abcd");
}

#[test]
fn a_writer_without_buffer_passes_everything_through() {
    let mut writer = BufWriter::with_capacity(0, Script::default());
    block_on(writer.write_all(b"ab")).expect("a script without errors");
    assert_eq!(writer.get_ref().written, b"ab");
}

#[test]
fn a_buffered_stream_reads_and_writes() {
    let mut stream = BufStream::new(Script::new([Bytes(b"in")]));
    let mut buf = [0; 2];
    block_on(stream.read_exact(&mut buf)).expect("a script without errors");
    block_on(stream.write_all(b"out")).expect("it is buffered");
    assert!(stream.get_ref().written.is_empty());
    block_on(stream.flush()).expect("a script without errors");
    assert_eq!((&buf, stream.into_inner().written.as_slice()), (b"in", b"out".as_slice()));
}

#[test]
fn a_reader_and_a_writer_become_a_buffered_stream_with_what_they_hold() {
    let mut writer = BufWriter::new(BufReader::new(Script::new([Bytes(b"input")])));
    let mut buf = [0; 5];
    block_on(writer.get_mut().read_exact(&mut buf[..2])).expect("a script without errors");
    block_on(writer.write_all(b"out")).expect("it is buffered");
    let mut stream = BufStream::from(writer);
    block_on(stream.read_exact(&mut buf[2..])).expect("it is buffered");
    assert!(stream.get_ref().written.is_empty());
    block_on(stream.flush()).expect("a script without errors");
    assert_eq!((&buf, stream.get_ref().written.as_slice()), (b"input", b"out".as_slice()));

    let mut reader = BufReader::new(BufWriter::new(Script::new([Bytes(b"input")])));
    block_on(reader.read_exact(&mut buf[..2])).expect("a script without errors");
    block_on(reader.get_mut().write_all(b"out")).expect("it is buffered");
    let mut stream = BufStream::from(reader);
    block_on(stream.read_exact(&mut buf[2..])).expect("it is buffered");
    block_on(stream.flush()).expect("a script without errors");
    assert_eq!((&buf, stream.into_inner().written.as_slice()), (b"input", b"out".as_slice()));
}
