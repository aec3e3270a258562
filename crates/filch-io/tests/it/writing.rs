//! `AsyncWriteExt`.

use crate::support::Step::{Bytes, Claim, Fail, Pending};
use crate::support::{Script, kind};
use filch_io::io::{AsyncWriteExt, empty, sink};
use futures_lite::future::block_on;
use std::io::{ErrorKind, IoSlice};

#[test]
fn write_all_goes_on_after_short_writes() {
    let mut writer =
        Script::new([Bytes(b"1"), Pending, Fail(ErrorKind::Interrupted), Bytes(b"22")]);
    block_on(writer.write_all(b"abcdef")).expect("it takes all in the end");
    assert_eq!(writer.written, b"abcdef");
}

#[test]
fn a_writer_that_takes_nothing_is_an_error() {
    let result = block_on(Script::new([Bytes(b"")]).write_all(b"x"));
    assert_eq!(kind(result), Some(ErrorKind::WriteZero));
}

#[test]
fn a_writer_that_claims_too_much_is_an_error() {
    assert_eq!(kind(block_on(Script::new([Claim(3)]).write(b"ab"))), Some(ErrorKind::Other));
    assert_eq!(kind(block_on(Script::new([Claim(3)]).write_all(b"ab"))), Some(ErrorKind::Other));
    assert_eq!(kind(block_on(Script::new([Claim(3)]).write_u16(1))), Some(ErrorKind::Other));
}

#[test]
fn numbers_leave_in_both_orders() {
    let mut writer = Script::default();
    block_on(async {
        writer.write_u16(0x0102).await?;
        writer.write_u16_le(0x0102).await?;
        writer.write_i8(-1).await?;
        writer.write_u128(5).await
    })
    .expect("a script without errors");
    assert_eq!(writer.written[..5], [1, 2, 2, 1, 0xFF]);
    assert_eq!(writer.written[5..], 5_u128.to_be_bytes());
}

#[test]
fn shutdown_closes_and_flush_flushes() {
    let mut writer = Script::default();
    block_on(writer.flush()).expect("a script without errors");
    block_on(writer.shutdown()).expect("a script without errors");
    assert_eq!((writer.n_flushed, writer.n_closed), (1, 1));
}

#[test]
fn vectored_writes_count_all_buffers() {
    let slices = [IoSlice::new(b"ab"), IoSlice::new(b"cde")];
    assert_eq!(block_on(sink().write_vectored(&slices)).expect("a sink takes all"), 5);
    assert_eq!(block_on(empty().write_vectored(&slices)).expect("a sink takes all"), 5);
}
