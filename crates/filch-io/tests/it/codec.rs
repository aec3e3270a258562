//! Frames over streams.

use crate::support::Step::{Bytes, Fail, Pending};
use crate::support::{Script, poll_and_drop, poll_once};
use filch_core::coop::{Budget, with_budget};
use filch_io::io::codec::{
    Decoder, DelimiterCodec, DelimiterCodecError, Encoder, FrameBuf, Framed, FramedParts,
    FramedRead, FramedWrite, LengthDelimitedCodec, LengthDelimitedCodecError, LinesCodec,
    LinesCodecError,
};
use filch_io::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, duplex, repeat, simplex};
use futures_lite::StreamExt;
use futures_lite::future::{block_on, zip};
use proptest::prelude::*;
use std::fmt::Debug;
use std::io::{Error, ErrorKind, Result};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

/// A reader that gives its bytes in pieces of given sizes, and waits before each.
struct Pieces {
    bytes: Vec<u8>,
    sizes: Vec<usize>,
    at: usize,
    waited: bool,
}

impl Pieces {
    fn new(bytes: &[u8], sizes: &[usize]) -> Self {
        Pieces { bytes: bytes.to_vec(), sizes: sizes.to_vec(), at: 0, waited: false }
    }
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        if !self.waited {
            self.waited = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.waited = false;
        let piece = self.sizes.pop().unwrap_or(usize::MAX).max(1);
        let n = piece.min(self.bytes.len() - self.at).min(buf.len());
        buf[..n].copy_from_slice(&self.bytes[self.at..self.at + n]);
        self.at += n;
        Poll::Ready(Ok(n))
    }
}

/// All answers up to the end, errors as text; each `next` is dropped once before it is awaited.
fn answers<D: Decoder<Item: Debug, Error: Debug>>(reader: Pieces, decoder: D) -> Vec<String> {
    let mut frames = FramedRead::new(reader, decoder);
    let mut answers = Vec::new();
    loop {
        let polled = poll_once(&mut pin!(frames.next()));
        let answer = match polled {
            Poll::Ready(answer) => answer,
            Poll::Pending => block_on(frames.next()),
        };
        match answer {
            Some(answer) => answers.push(format!("{answer:?}")),
            None => return answers,
        }
    }
}

/// The answers are the same however the bytes come.
fn same_in_pieces<D: Decoder<Item: Debug, Error: Debug> + Clone>(
    decoder: &D,
    bytes: &[u8],
    sizes: &[usize],
) -> std::result::Result<(), TestCaseError> {
    let whole = answers(Pieces::new(bytes, &[]), decoder.clone());
    prop_assert_eq!(&answers(Pieces::new(bytes, sizes), decoder.clone()), &whole);
    prop_assert_eq!(&answers(Pieces::new(bytes, &[1; 200]), decoder.clone()), &whole);
    Ok(())
}

fn text_like() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(
        prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'a'), Just(b'\xff'), Just(b';')],
        0..60,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn lines_do_not_depend_on_where_the_stream_was_cut(
        bytes in text_like(),
        sizes in prop::collection::vec(1..20_usize, 0..40),
        max_length in prop_oneof![Just(usize::MAX), 0..8_usize],
    ) {
        same_in_pieces(&LinesCodec::new_with_max_length(max_length), &bytes, &sizes)?;
    }

    #[test]
    fn delimited_frames_do_not_depend_on_where_the_stream_was_cut(
        bytes in text_like(),
        sizes in prop::collection::vec(1..20_usize, 0..40),
        max_length in prop_oneof![Just(usize::MAX), 0..8_usize],
        delimiter in prop::sample::select(vec!["\n", "\r\n", ";;", "a;a", "aaa"]),
    ) {
        same_in_pieces(&DelimiterCodec::new_with_max_length(delimiter, max_length), &bytes, &sizes)?;
    }

    #[test]
    fn frames_with_a_length_do_not_depend_on_where_the_stream_was_cut(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..6),
        sizes in prop::collection::vec(1..20_usize, 0..40),
        cut in 0..6_usize,
    ) {
        let mut codec = LengthDelimitedCodec::builder();
        let codec = codec.length_field_type::<u16>().little_endian().max_frame_length(15);
        let mut bytes = Vec::new();
        for frame in &frames {
            bytes.extend_from_slice(&(frame.len() as u16).to_le_bytes());
            bytes.extend_from_slice(frame);
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        same_in_pieces(&codec.new_codec(), &bytes, &sizes)?;
    }

    #[test]
    fn what_is_encoded_is_decoded(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..10),
        field_length in 2..=8_usize,
        adjustment in -10..=0_isize,
        little in any::<bool>(),
        sizes in prop::collection::vec(1..90_usize, 0..40),
    ) {
        let mut builder = LengthDelimitedCodec::builder();
        builder.length_field_length(field_length).length_adjustment(adjustment);
        if little {
            builder.little_endian();
        }
        let mut bytes = Vec::new();
        for frame in &frames {
            builder.new_codec().encode(frame, &mut bytes).expect("the frame is not too long");
        }
        let expected: Vec<String> =
            frames.iter().map(|frame| format!("{:?}", Result::Ok(frame))).collect();
        prop_assert_eq!(answers(Pieces::new(&bytes, &sizes), builder.new_codec()), expected);
    }

    #[test]
    fn lines_are_those_of_the_standard_library(text in "[a\r\n]{0,40}", sizes in prop::collection::vec(1..9_usize, 0..40)) {
        let expected: Vec<String> =
            std::io::BufRead::lines(text.as_bytes()).map(|line| format!("{:?}", Result::Ok(line.expect("memory can be read")))).collect();
        prop_assert_eq!(answers(Pieces::new(text.as_bytes(), &sizes), LinesCodec::new()), expected);
    }
}

#[test]
fn a_line_that_is_too_long_is_kept_at_first_and_skipped_then() {
    let script = Script::new([Bytes(b"ok\nmuch too l"), Bytes(b"ong"), Bytes(b"er\nfine\n")]);
    let mut lines = FramedRead::new(script, LinesCodec::new_with_max_length(4));
    assert_eq!(block_on(lines.next()).expect("a line").expect("short"), "ok");
    let error = block_on(lines.next()).expect("an error").unwrap_err();
    assert!(matches!(error, LinesCodecError::MaxLineLengthExceeded), "{error}");
    assert_eq!(&**lines.read_buffer(), b"much too l", "the error has lost nothing");
    assert_eq!(block_on(lines.next()).expect("a line").expect("short"), "fine");
    assert!(block_on(lines.next()).is_none());
}

#[test]
fn a_line_without_end_does_not_fill_the_memory() {
    let mut lines =
        FramedRead::new(repeat(b'x').take(1 << 26), LinesCodec::new_with_max_length(100));
    assert!(block_on(lines.next()).expect("an error").is_err());
    assert!(block_on(lines.next()).is_none(), "the rest of the line is the rest of the stream");
    assert!(Vec::from(lines.read_buffer().clone()).capacity() < 100_000);
}

#[test]
fn a_line_that_is_not_text_does_not_end_the_lines() {
    let mut lines = FramedRead::new(b"a\n\xff\nb".as_slice(), LinesCodec::new());
    assert_eq!(block_on(lines.next()).expect("a line").expect("text"), "a");
    let error = block_on(lines.next()).expect("an error").unwrap_err();
    assert!(matches!(error, LinesCodecError::Io(error) if error.kind() == ErrorKind::InvalidData));
    assert_eq!(block_on(lines.next()).expect("a line").expect("text"), "b");
}

#[test]
fn a_frame_that_claims_too_much_ends_the_frames_and_costs_nothing() {
    let bytes = [0xff, 0xff, 0xff, 0xff, b'x', b'y'];
    let mut frames = FramedRead::new(bytes.as_slice(), LengthDelimitedCodec::new());
    let error = block_on(frames.next()).expect("an error").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert_eq!(error.to_string(), "frame of 4294967295 bytes is longer than the limit of 8388608");
    assert!(error.get_ref().is_some_and(|error| error.is::<LengthDelimitedCodecError>()));
    assert!(block_on(frames.next()).is_none(), "a loop over the frames ends");
    assert!(block_on(frames.next()).is_none());
    assert_eq!(&**frames.read_buffer(), bytes, "nothing is lost");
}

#[test]
fn a_claim_within_the_limit_is_not_allocated_before_the_bytes_come() {
    let mut codec = LengthDelimitedCodec::builder();
    let codec = codec.max_frame_length(usize::MAX).new_codec();
    let script = Script::new([Bytes(&[0x7f, 0xff, 0xff, 0xff]), Bytes(b"few"), Pending]);
    let mut frames = FramedRead::new(script, codec);
    poll_and_drop(frames.next(), 1);
    assert_eq!(&**frames.read_buffer(), b"few");
    assert!(Vec::from(frames.read_buffer().clone()).capacity() < 100_000);
    let error = block_on(frames.next()).expect("an error").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert!(error.to_string().contains("after 3 of 2147483647 bytes"), "{error}");
}

#[test]
fn a_frame_that_was_refused_is_read_once_it_is_allowed() {
    let mut builder = LengthDelimitedCodec::builder();
    let mut frames = builder.max_frame_length(3).new_read(b"\0\0\0\x04four".as_slice());
    assert!(block_on(frames.next()).expect("an error").is_err());
    frames.decoder_mut().set_max_frame_length(4);
    assert_eq!(block_on(frames.next()).expect("a frame").expect("allowed"), b"four");
    assert!(block_on(frames.next()).is_none());
}

#[test]
fn heads_are_read_as_the_builder_says() {
    let decode = |builder: &mut filch_io::io::codec::Builder, bytes: &[u8]| {
        builder.new_codec().decode(&mut FrameBuf::from(bytes.to_vec())).expect("a good frame")
    };
    let builder = LengthDelimitedCodec::builder;
    assert_eq!(decode(builder().length_field_length(3), b"\0\0\x02hi").unwrap(), b"hi");
    assert_eq!(decode(builder().length_field_type::<u8>(), b"\x02hi").unwrap(), b"hi");
    // The length counts its own two bytes as well.
    let mut counts_itself = builder();
    counts_itself.length_field_length(2).length_adjustment(-2);
    assert_eq!(decode(&mut counts_itself, b"\0\x04hi").unwrap(), b"hi");
    // The head is part of the frame: a byte of another kind, the length, and both are kept.
    let mut kept = builder();
    kept.length_field_offset(1).length_field_length(2).length_adjustment(3).num_skip(0);
    assert_eq!(decode(&mut kept, b"\x09\0\x02hi more").unwrap(), b"\x09\0\x02hi");
    // Two bytes follow the length, and are not counted; all is skipped.
    let mut tail = builder();
    tail.length_field_length(1).num_skip(3);
    assert_eq!(decode(&mut tail, b"\x02??hi").unwrap(), b"hi");
    assert_eq!(decode(&mut tail, b"\x02?"), None, "the head is not complete");
}

#[test]
fn a_length_less_than_what_it_counts_is_an_error() {
    let mut builder = LengthDelimitedCodec::builder();
    let mut codec = builder.length_field_length(1).length_adjustment(-2).new_codec();
    let error = codec.decode(&mut FrameBuf::from(vec![1, 2, 3])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}

#[test]
fn a_frame_that_does_not_fit_its_length_is_not_written_in_part() {
    let mut frames =
        LengthDelimitedCodec::builder().length_field_type::<u8>().new_write(Script::default());
    block_on(frames.feed("good")).expect("it is short");
    let error = block_on(frames.feed([0; 256])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(frames.write_buffer(), b"\x04good");
}

#[test]
fn a_dropped_next_loses_nothing() {
    for n in 0..8 {
        let script =
            Script::new([Bytes(b"on"), Pending, Bytes(b"e\ntw"), Pending, Pending, Bytes(b"o\n")]);
        let mut lines = FramedRead::new(script, LinesCodec::new());
        let mut all = Vec::new();
        for polls in [n, 8, 8] {
            let mut next = pin!(lines.next());
            for _ in 0..polls {
                if let Poll::Ready(line) = poll_once(&mut next) {
                    all.extend(line.map(|line| line.expect("text")));
                    break;
                }
            }
        }
        while let Some(line) = block_on(lines.next()) {
            all.push(line.expect("text"));
        }
        assert_eq!(all, ["one", "two"], "dropped after poll {n}");
    }
}

#[test]
fn lines_behind_bytes_that_somebody_else_took_are_found() {
    let mut codec = LinesCodec::new();
    let mut bytes = FrameBuf::from(b"not a line".to_vec());
    assert!(codec.decode(&mut bytes).expect("text").is_none());
    bytes.extend_from_slice(b", but a head;one\ntwo\nthree\n");
    bytes.advance(b"not a line, but a head;".len());
    for line in ["one", "two", "three"] {
        assert_eq!(codec.decode(&mut bytes).expect("text").as_deref(), Some(line));
    }
}

#[test]
fn lines_in_a_buffer_that_was_changed_or_replaced_are_found() {
    let mut codec = LinesCodec::new();
    let mut bytes = FrameBuf::from(b"one;two;".to_vec());
    assert!(codec.decode(&mut bytes).expect("text").is_none());
    bytes[3] = b'\n';
    assert_eq!(codec.decode(&mut bytes).expect("text").as_deref(), Some("one"));
    assert!(codec.decode(&mut bytes).expect("text").is_none());
    bytes = FrameBuf::from(b"a\nb\nand the rest of it".to_vec());
    assert_eq!(codec.decode(&mut bytes).expect("text").as_deref(), Some("a"));
}

#[test]
fn an_error_of_the_reader_ends_a_loop_and_loses_nothing() {
    let script = Script::new([Bytes(b"on"), Fail(ErrorKind::TimedOut), Bytes(b"e\n")]);
    let mut lines = FramedRead::new(script, LinesCodec::new());
    let error = block_on(lines.next()).expect("an error").unwrap_err();
    assert!(matches!(error, LinesCodecError::Io(error) if error.kind() == ErrorKind::TimedOut));
    assert!(block_on(lines.next()).is_none());
    assert_eq!(block_on(lines.next()).expect("a line").expect("text"), "one");
}

#[test]
fn a_reader_that_has_more_later_is_asked_again() {
    let script = Script::new([Bytes(b"one\n"), Bytes(b""), Bytes(b"two\n")]);
    let mut lines = FramedRead::new(script, LinesCodec::new());
    assert_eq!(block_on(lines.next()).expect("a line").expect("text"), "one");
    assert!(block_on(lines.next()).is_none());
    assert_eq!(block_on(lines.next()).expect("a line").expect("text"), "two");
}

#[test]
fn a_dropped_send_tears_no_frame() {
    let large = "x".repeat(5000);
    for n in 0..30 {
        let (mut reader, writer) = simplex(700);
        let mut frames = FramedWrite::new(writer, LinesCodec::new());
        let write = async {
            for _ in 0..4 {
                let mut polls = 0;
                let mut sending = pin!(frames.send(&large));
                std::future::poll_fn(|cx| {
                    polls += 1;
                    if polls > n { Poll::Ready(()) } else { sending.as_mut().poll(cx).map(drop) }
                })
                .await;
            }
            frames.close().await.expect("the reader lives");
        };
        let mut all = String::new();
        let read = async { reader.read_to_string(&mut all).await.expect("text") };
        block_on(zip(write, read));
        assert!(all.lines().all(|line| line == large), "given up after poll {n}");
        assert!(all.is_empty() || all.ends_with('\n'));
    }
}

#[test]
fn a_full_buffer_makes_feed_wait() {
    let mut frames = FramedWrite::new(Script::new([Pending]), LinesCodec::new());
    block_on(frames.feed("x".repeat(10_000))).expect("it only goes to the buffer");
    assert!(poll_once(&mut pin!(frames.feed("y"))).is_pending());
    block_on(frames.feed("z")).expect("the writer takes all");
    assert_eq!(frames.write_buffer(), b"z\n");
    assert_eq!(frames.get_ref().n_flushed, 0, "only `flush` and `send` flush");
    block_on(frames.send("end")).expect("the writer takes all");
    assert_eq!(frames.get_ref().n_flushed, 1);
    assert!(frames.get_ref().written.ends_with(b"x\nz\nend\n"));
}

#[test]
fn an_error_of_the_writer_keeps_what_it_did_not_take() {
    let script = Script::new([Bytes(b"12"), Fail(ErrorKind::TimedOut)]);
    let mut frames = FramedWrite::new(script, LinesCodec::new());
    assert!(matches!(block_on(frames.send("abc")), Err(LinesCodecError::Io(_))));
    assert_eq!(frames.write_buffer(), b"c\n");
    block_on(frames.flush()).expect("it works again");
    assert_eq!(frames.get_ref().written, b"abc\n");
}

#[test]
fn two_ends_talk_in_frames() {
    let (a, b) = duplex(5);
    let mut a = LengthDelimitedCodec::new().framed(a);
    let mut b = Framed::new(b, LengthDelimitedCodec::new());
    let asking = async {
        for n in 0..20_usize {
            a.send(vec![n as u8; n]).await.expect("b lives");
            assert_eq!(a.next().await.expect("an answer").expect("whole").len(), 2 * n);
        }
        a.close().await.expect("a duplex closes");
        assert!(a.next().await.is_none());
    };
    let answering = async {
        while let Some(frame) = b.next().await {
            b.send(frame.expect("whole").repeat(2)).await.expect("a lives");
        }
        b.close().await.expect("a duplex closes");
    };
    block_on(zip(asking, answering));
}

#[test]
fn a_stream_changes_its_protocol_without_loss() {
    let (mut a, b) = duplex(100);
    block_on(a.write_all(b"hello\n\0\x02hi")).expect("there is room");
    let mut lines = Framed::new(b, LinesCodec::new());
    assert_eq!(block_on(lines.next()).expect("a line").expect("text"), "hello");
    block_on(lines.feed("go on")).expect("there is room");
    let parts = lines.into_parts();
    assert_eq!((&*parts.read_buf, &*parts.write_buf), (&b"\0\x02hi"[..], &b"go on\n"[..]));
    let codec = LengthDelimitedCodec::builder().length_field_length(2).new_codec();
    let mut next = FramedParts::new(parts.io, codec);
    (next.read_buf, next.write_buf) = (parts.read_buf, parts.write_buf);
    let mut frames = Framed::from_parts(next);
    assert_eq!(block_on(frames.next()).expect("a frame").expect("whole"), b"hi");
    block_on(frames.send("x")).expect("there is room");
    let mut answer = [0; 9];
    block_on(a.read_exact(&mut answer)).expect("all has come");
    assert_eq!(&answer, b"go on\n\0\x01x");
}

#[test]
fn frames_that_came_together_spend_the_budget_one_by_one() {
    let mut lines = FramedRead::new(b"1\n2\n3\n4\n5\n".as_slice(), LinesCodec::new());
    with_budget(Budget::new(3), || {
        let mut n = 0;
        while poll_once(&mut pin!(lines.next())).is_ready() {
            n += 1;
        }
        assert_eq!(n, 4, "the first comes with a read, which spends what its reader spends");
    });
    let (a, b) = duplex(10);
    let (mut a, mut b) = (Framed::new(a, LinesCodec::new()), Framed::new(b, LinesCodec::new()));
    block_on(a.send("one")).expect("there is room");
    with_budget(Budget::new(1), || {
        assert!(poll_once(&mut pin!(b.next())).is_ready(), "one unit is enough for one frame");
    });
}

#[test]
fn framed_readers_are_streams() {
    let lines = FramedRead::new(b"a\nb".as_slice(), LinesCodec::new());
    let lines: Vec<String> = block_on(lines.map(|line| line.expect("text")).collect());
    assert_eq!(lines, ["a", "b"]);
}

#[test]
fn delimiters_are_written_and_read() {
    let mut parts = Framed::new(duplex(100).0, DelimiterCodec::new("\r\n"));
    block_on(parts.feed("one")).expect("there is room");
    block_on(parts.feed(b"two")).expect("there is room");
    assert_eq!(parts.write_buffer(), b"one\r\ntwo\r\n");
    let mut read = FramedRead::new(b"a\rb\r\nc".as_slice(), DelimiterCodec::new(b"\r\n"));
    assert_eq!(block_on(read.next()).expect("a part").expect("short"), b"a\rb");
    assert_eq!(block_on(read.next()).expect("a part").expect("short"), b"c");
    let codec = DelimiterCodec::new_with_max_length("\r\n", 2);
    let mut read = FramedRead::new(b"abc\r\nde\r\n".as_slice(), codec);
    assert!(matches!(block_on(read.next()), Some(Err(DelimiterCodecError::MaxLengthExceeded))));
    assert_eq!(block_on(read.next()).expect("a part").expect("short"), b"de");
}

#[test]
#[should_panic(expected = "empty delimiter")]
fn an_empty_delimiter_is_refused() {
    let _ = DelimiterCodec::new("");
}

#[test]
fn a_codec_of_ones_own_may_panic_without_harm() {
    struct Panics;
    impl Encoder<bool> for Panics {
        type Error = Error;
        fn encode(&mut self, good: bool, bytes: &mut Vec<u8>) -> Result<()> {
            bytes.extend_from_slice(b"half");
            assert!(good, "it was told to");
            bytes.extend_from_slice(b" whole");
            Ok(())
        }
    }
    let mut frames = FramedWrite::new(Script::default(), Panics);
    block_on(frames.feed(true)).expect("it is good");
    let feeding = std::panic::AssertUnwindSafe(|| block_on(frames.feed(false)));
    assert!(std::panic::catch_unwind(feeding).is_err());
    assert_eq!(frames.write_buffer(), b"half whole");
}

#[test]
fn a_buffer_takes_from_the_front_and_appends_at_the_end() {
    let mut buf = FrameBuf::new();
    buf.extend_from_slice(b"hello");
    buf[0] = b'j';
    assert_eq!(buf.split_to(2), b"je");
    buf.advance(1);
    for n in 0..5000 {
        buf.extend_from_slice(&[n as u8; 7]);
        buf.advance(6);
    }
    assert_eq!(buf.len(), 5002);
    buf.clear();
    assert!(buf.is_empty());
    assert_eq!(format!("{:?}", FrameBuf::from(b"a\n".to_vec())), r"FrameBuf(a\n)");
}

#[test]
#[should_panic(expected = "cannot take 2 bytes from a buffer of 1")]
fn more_than_there_is_cannot_be_taken() {
    FrameBuf::from(vec![1]).advance(2);
}
