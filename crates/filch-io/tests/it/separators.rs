//! `read_until_any`.

use crate::support::Step::{Bytes, Fail, Pending};
use crate::support::{Script, kind, poll_and_drop};
use filch_io::io::{AsyncBufReadExt, BufReader};
use futures_lite::future::block_on;
use proptest::prelude::*;
use std::io::ErrorKind;

/// The parts of `bytes`, as they are read through a buffer of `capacity`.
fn parts(bytes: &[u8], separators: &[&[u8]], capacity: usize) -> Vec<Vec<u8>> {
    let mut reader = BufReader::with_capacity(capacity, bytes);
    let mut parts = Vec::new();
    loop {
        let mut part = Vec::new();
        let n = block_on(reader.read_until_any(separators, &mut part)).expect("no error");
        assert_eq!(n, part.len());
        if n == 0 {
            return parts;
        }
        parts.push(part);
    }
}

#[test]
fn whichever_separator_comes_first_ends_a_part() {
    let separators: [&[u8]; 3] = [b"\r\n", b";", b"--"];
    for capacity in 1..30 {
        assert_eq!(
            parts(b"one\r\ntwo;three-four--\r\r\nrest", &separators, capacity),
            [&b"one\r\n"[..], b"two;", b"three-four--", b"\r\r\n", b"rest"]
        );
    }
}

#[test]
fn the_shorter_of_two_separators_is_found() {
    assert_eq!(parts(b"a\r\nb", &[b"\r\n", b"\r"], 8), [&b"a\r"[..], b"\nb"]);
    assert_eq!(parts(b"xabc", &[b"abc", b"b"], 8), [&b"xab"[..], b"c"]);
}

proptest! {
    #[test]
    fn parts_are_the_shortest_that_end_with_a_separator(
        bytes in prop::collection::vec(prop::sample::select(vec![b'a', b'b']), 0..40),
        separators in prop::collection::vec(prop::collection::vec(prop::sample::select(vec![b'a', b'b']), 1..4), 1..4),
        capacity in 1..10_usize,
    ) {
        let separators: Vec<&[u8]> = separators.iter().map(Vec::as_slice).collect();
        let mut expected = vec![Vec::new()];
        for &byte in &bytes {
            let part = expected.last_mut().expect("there is one always");
            part.push(byte);
            if separators.iter().any(|separator| part.ends_with(separator)) {
                expected.push(Vec::new());
            }
        }
        if expected.last().is_some_and(Vec::is_empty) {
            expected.pop();
        }
        prop_assert_eq!(parts(&bytes, &separators, capacity), expected);
    }
}

#[test]
fn a_dropped_read_goes_on_within_a_separator() {
    for n in 0..6 {
        let script = [Bytes(b"a\r"), Pending, Bytes(b"\nb"), Pending, Bytes(b"c\r\n")];
        let mut reader = BufReader::new(Script::new(script));
        let mut part = Vec::new();
        let done = {
            let before = part.len();
            poll_and_drop(reader.read_until_any(&[b"\r\n"], &mut part), n);
            part.len() > before && part.ends_with(b"\r\n")
        };
        if !done {
            block_on(reader.read_until_any(&[b"\r\n"], &mut part)).expect("no error");
        }
        assert_eq!(part, b"a\r\n", "dropped after poll {n}");
        part.clear();
        block_on(reader.read_until_any(&[b"\r\n"], &mut part)).expect("no error");
        assert_eq!(part, b"bc\r\n");
    }
}

#[test]
fn interruptions_are_repeated_and_errors_lose_nothing() {
    let script =
        [Bytes(b"ab"), Fail(ErrorKind::Interrupted), Fail(ErrorKind::TimedOut), Bytes(b"c;")];
    let mut reader = BufReader::new(Script::new(script));
    let mut part = Vec::new();
    let result = block_on(reader.read_until_any(&[b";"], &mut part));
    assert_eq!((kind(result), part.as_slice()), (Some(ErrorKind::TimedOut), b"ab".as_slice()));
    block_on(reader.read_until_any(&[b";"], &mut part)).expect("no error");
    assert_eq!(part, b"abc;");
}

#[test]
#[should_panic(expected = "empty separator")]
fn an_empty_separator_is_refused() {
    drop(b"".as_slice().read_until_any(&[b"a", b""], &mut Vec::new()));
}

#[test]
#[should_panic(expected = "no separator")]
fn no_separator_is_refused() {
    drop(b"".as_slice().read_until_any(&[], &mut Vec::new()));
}
