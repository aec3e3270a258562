//! `AsyncReadExt` and `AsyncBufReadExt`.

use crate::support::Step::{Bytes, Claim, Fail, Pending};
use crate::support::{Script, kind, poll_and_drop, poll_once};
use filch_io::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use futures_lite::future::block_on;
use std::io::ErrorKind;
use std::task::Poll;

#[test]
fn an_interrupted_read_is_repeated() {
    let mut reader =
        Script::new([Fail(ErrorKind::Interrupted), Bytes(b"ab"), Fail(ErrorKind::Interrupted)]);
    let mut all = Vec::new();
    assert_eq!(block_on(reader.read_to_end(&mut all)).expect("it ends well"), 2);
    assert_eq!(all, b"ab");
}

#[test]
fn a_reader_that_claims_too_much_is_an_error() {
    let claims = |n| Script::new([Claim(n)]);
    let mut buf = [7; 4];
    assert_eq!(kind(block_on(claims(5).read(&mut buf))), Some(ErrorKind::Other));
    assert_eq!(kind(block_on(claims(usize::MAX).read_exact(&mut buf))), Some(ErrorKind::Other));
    assert_eq!(kind(block_on(claims(9).read_u64())), Some(ErrorKind::Other));
    assert_eq!(kind(block_on(claims(1 << 40).take(3).read(&mut buf))), Some(ErrorKind::Other));
    assert_eq!(kind(block_on(BufReader::new(claims(1 << 20)).fill_buf())), Some(ErrorKind::Other));
    assert_eq!(kind(block_on(claims(5).chain(claims(0)).read(&mut buf))), Some(ErrorKind::Other));
    assert_eq!(buf, [7; 4]);

    let mut all = vec![1, 2];
    assert_eq!(kind(block_on(claims(1 << 20).read_to_end(&mut all))), Some(ErrorKind::Other));
    assert_eq!(all, [1, 2], "no invented byte is shown");
}

#[test]
fn a_claim_within_the_room_shows_only_zeroes() {
    let mut all = Vec::with_capacity(64);
    block_on(Script::new([Claim(40)]).read_to_end(&mut all))
        .expect("a count that fits is believed");
    assert_eq!(all, [0; 40]);
}

#[test]
fn a_panicking_reader_leaves_no_invented_bytes() {
    struct Panics;
    impl filch_io::io::AsyncRead for Panics {
        fn poll_read(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            _: &mut [u8],
        ) -> std::task::Poll<std::io::Result<usize>> {
            panic!("on purpose")
        }
    }
    let mut all = Vec::with_capacity(100);
    all.push(1);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        block_on(Panics.read_to_end(&mut all))
    }));
    assert!(caught.is_err());
    assert_eq!(all, [1]);
}

#[test]
fn read_exact_fills_from_short_reads() {
    let mut reader = Script::new([Bytes(b"a"), Pending, Bytes(b"bc"), Bytes(b"defg")]);
    let mut buf = [0; 5];
    assert_eq!(block_on(reader.read_exact(&mut buf)).expect("there is enough"), 5);
    assert_eq!(&buf, b"abcde");
    assert_eq!(kind(block_on(reader.read_exact(&mut buf))), Some(ErrorKind::UnexpectedEof));
}

#[test]
fn read_exact_of_nothing_does_not_touch_the_reader() {
    let mut reader = Script::new([Fail(ErrorKind::Other)]);
    assert_eq!(block_on(reader.read_exact(&mut [])).expect("nothing to do"), 0);
}

#[test]
fn numbers_arrive_in_both_orders() {
    let mut bytes: &[u8] = &[1, 2, 1, 2, 0xFF, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F];
    block_on(async {
        assert_eq!(bytes.read_u16().await?, 0x0102);
        assert_eq!(bytes.read_u16_le().await?, 0x0201);
        assert_eq!(bytes.read_i8().await?, -1);
        assert_eq!(bytes.read_f64_le().await?, 1.0);
        assert_eq!(kind(bytes.read_u8().await), Some(ErrorKind::UnexpectedEof));
        std::io::Result::Ok(())
    })
    .expect("the bytes are there");
}

#[test]
fn read_to_end_of_a_well_sized_vector_does_not_grow_it() {
    let content = vec![5; 10_000];
    let mut all = Vec::with_capacity(content.len());
    let before = all.capacity();
    block_on(content.as_slice().read_to_end(&mut all)).expect("a slice cannot err");
    assert_eq!(all, content);
    assert_eq!(all.capacity(), before);
}

#[test]
fn read_to_end_goes_on_after_a_drop() {
    for n in 0..5 {
        let mut reader =
            Script::new([Bytes(b"a"), Pending, Bytes(b"b"), Pending, Bytes(b"c"), Pending]);
        let mut all = b"-".to_vec();
        poll_and_drop(reader.read_to_end(&mut all), n);
        block_on(reader.read_to_end(&mut all)).expect("it ends well");
        assert_eq!(all, b"-abc", "dropped after poll {n}");
    }
}

#[test]
fn read_to_string_hands_the_string_back_untouched() {
    for steps in
        [vec![Bytes(b"ok"), Bytes(b"\xFF")], vec![Bytes(b"ok"), Fail(ErrorKind::ConnectionReset)]]
    {
        let mut text = String::from("before");
        assert!(block_on(Script::new(steps).read_to_string(&mut text)).is_err());
        assert_eq!(text, "before");
    }
    let mut text = String::from("before");
    poll_and_drop(Script::new([Bytes(b"x"), Pending]).read_to_string(&mut text), 1);
    assert_eq!(text, "before");
}

#[test]
fn read_to_string_joins_a_character_that_came_in_pieces() {
    let mut text = String::from("> ");
    let n =
        block_on(Script::new([Bytes(b"\xC3"), Pending, Bytes(b"\xA4")]).read_to_string(&mut text));
    assert_eq!((n.expect("it is valid"), text.as_str()), (2, "> ä"));
}

#[test]
fn take_ends_at_its_limit_and_leaves_the_rest() {
    let mut reader: &[u8] = b"abcdef";
    let mut all = Vec::new();
    let mut taken = reader.by_ref().take(4);
    block_on(taken.read_to_end(&mut all)).expect("a slice cannot err");
    assert_eq!((all.as_slice(), taken.limit()), (b"abcd".as_slice(), 0));
    assert_eq!(reader, b"ef");
}

#[test]
fn take_limits_lines_too() {
    let mut lines = b"one\ntwo\n".take(5).lines();
    assert_eq!(block_on(lines.next_line()).expect("no error").as_deref(), Some("one"));
    assert_eq!(block_on(lines.next_line()).expect("no error").as_deref(), Some("t"));
    assert_eq!(block_on(lines.next_line()).expect("no error"), None);
}

#[test]
fn chain_goes_on_with_the_second_reader() {
    let mut all = Vec::new();
    let mut both = Script::new([Bytes(b"ab"), Pending]).chain(Script::new([Bytes(b"cd")]));
    block_on(both.read_to_end(&mut all)).expect("it ends well");
    assert_eq!(all, b"abcd");
    let mut lines = b"a\nb".chain(b"c\nd".as_slice()).lines();
    let mut seen = Vec::new();
    while let Some(line) = block_on(lines.next_line()).expect("no error") {
        seen.push(line);
    }
    assert_eq!(seen, ["a", "bc", "d"]);
}

#[test]
fn lines_lose_their_ends_and_nothing_else() {
    let mut lines = b"a\r\n\nb\rc\n\r\nlast".lines();
    let mut seen = Vec::new();
    while let Some(line) = block_on(lines.next_line()).expect("no error") {
        seen.push(line);
    }
    assert_eq!(seen, ["a", "", "b\rc", "", "last"]);
}

#[test]
fn a_line_survives_dropped_futures() {
    for n in 0..5 {
        let steps = [Bytes(b"he"), Pending, Bytes(b"l"), Pending, Bytes(b"lo\nx"), Pending];
        let mut lines = BufReader::new(Script::new(steps)).lines();
        for _ in 0..n {
            let mut line = lines.next_line();
            if let std::task::Poll::Ready(line) = crate::support::poll_once(&mut line) {
                assert_eq!(line.expect("no error").as_deref(), Some("hello"));
                break;
            }
        }
        if n < 3 {
            assert_eq!(block_on(lines.next_line()).expect("no error").as_deref(), Some("hello"));
        }
        assert_eq!(block_on(lines.next_line()).expect("no error").as_deref(), Some("x"));
    }
}

#[test]
fn after_a_line_that_is_not_text_comes_the_next() {
    let mut lines = b"\xFF\nfine\n".lines();
    assert_eq!(kind(block_on(lines.next_line())), Some(ErrorKind::InvalidData));
    assert_eq!(block_on(lines.next_line()).expect("no error").as_deref(), Some("fine"));
}

#[test]
fn read_line_keeps_the_end_and_what_was_there() {
    let mut reader: &[u8] = b"one\ntwo";
    let mut line = String::from("> ");
    assert_eq!(block_on(reader.read_line(&mut line)).expect("no error"), 4);
    assert_eq!(line, "> one\n");
    assert_eq!(block_on(reader.read_line(&mut line)).expect("no error"), 3);
    assert_eq!(block_on(reader.read_line(&mut line)).expect("no error"), 0);
    assert_eq!(line, "> one\ntwo");
}

#[test]
fn read_line_hands_back_the_string_when_bytes_are_not_text() {
    let mut line = String::from("before");
    assert_eq!(
        kind(block_on(b"\xC3\n".as_slice().read_line(&mut line))),
        Some(ErrorKind::InvalidData)
    );
    assert_eq!(line, "before");
}

#[test]
fn segments_have_no_delimiter() {
    let mut parts = AsyncBufReadExt::split(b"a,,b".as_slice(), b',');
    let mut seen = Vec::new();
    while let Some(part) = block_on(parts.next_segment()).expect("no error") {
        seen.push(part);
    }
    assert_eq!(seen, [b"a".to_vec(), b"".to_vec(), b"b".to_vec()]);
}

#[test]
fn fill_buf_and_consume_show_what_is_buffered() {
    let mut reader =
        BufReader::new(Script::new([Pending, Fail(ErrorKind::Interrupted), Bytes(b"abc")]));
    assert_eq!(block_on(reader.fill_buf()).expect("no error"), b"abc");
    reader.consume(2);
    assert_eq!(block_on(reader.fill_buf()).expect("no error"), b"c");
    reader.consume(100);
    assert_eq!(block_on(reader.fill_buf()).expect("no error"), b"");
}

#[test]
fn fill_buf_reads_the_end_once() {
    let mut reader = BufReader::new(Script::new([Bytes(b""), Pending, Bytes(b"more")]));
    assert!(matches!(poll_once(&mut reader.fill_buf()), Poll::Ready(Ok(b""))));
    assert_eq!(block_on(reader.fill_buf()).expect("no error"), b"more");
}
