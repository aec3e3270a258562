//! `copy`, `copy_buf`, `copy_bidirectional`.

use crate::support::Step::{Bytes, Claim, Fail, Pending};
use crate::support::{Script, counting_waker, kind};
use filch_core::coop::{Budget, with_budget};
use filch_io::io::{
    AsyncReadExt, AsyncWriteExt, BufReader, BufWriter, copy, copy_bidirectional,
    copy_bidirectional_with_sizes, copy_buf, duplex, join, repeat, sink,
};
use futures_lite::future::{block_on, zip};
use std::future::Future;
use std::io::ErrorKind;
use std::pin::pin;
use std::task::Context;

#[test]
fn a_copy_counts_what_it_copied() {
    let mut reader =
        Script::new([Bytes(b"ab"), Pending, Fail(ErrorKind::Interrupted), Bytes(b"c")]);
    let mut writer = Script::new([Bytes(b"1"), Pending]);
    assert_eq!(block_on(copy(&mut reader, &mut writer)).expect("no error"), 3);
    assert_eq!(writer.written, b"abc");
}

#[test]
fn a_waiting_copy_flushes_its_writer() {
    let mut writer = BufWriter::new(Script::default());
    crate::support::poll_and_drop(copy(&mut Script::new([Bytes(b"ab"), Pending]), &mut writer), 1);
    assert_eq!(writer.get_ref().written, b"ab");
}

#[test]
fn copy_reports_liars_and_full_writers() {
    assert_eq!(
        kind(block_on(copy(&mut Script::new([Claim(1 << 30)]), &mut sink()))),
        Some(ErrorKind::Other)
    );
    let mut full = Script::new([Bytes(b"")]);
    assert_eq!(kind(block_on(copy(&mut b"x".as_slice(), &mut full))), Some(ErrorKind::WriteZero));
}

#[test]
fn a_copy_between_two_ready_ends_yields() {
    for units in [1, 2, 10] {
        let (count, waker) = counting_waker();
        let (mut reader, mut writer) = (repeat(1), sink());
        let mut copy = pin!(copy(&mut reader, &mut writer));
        for polls in 1..20 {
            let poll = with_budget(Budget::new(units), || {
                copy.as_mut().poll(&mut Context::from_waker(&waker))
            });
            assert!(poll.is_pending());
            assert!(count.n() >= polls, "a yield wakes its task");
        }
    }
}

#[test]
fn a_copy_makes_progress_on_the_smallest_budget() {
    let mut reader = repeat(1).take(100_000);
    let mut writer = sink();
    let mut copy = pin!(copy(&mut reader, &mut writer));
    let (_, waker) = counting_waker();
    let done = (0..1000).any(|_| {
        with_budget(Budget::new(1), || copy.as_mut().poll(&mut Context::from_waker(&waker)))
            .is_ready()
    });
    assert!(done);
}

#[test]
fn copy_buf_loses_nothing_when_dropped() {
    for n in 0..6 {
        let mut reader =
            BufReader::new(Script::new([Bytes(b"abc"), Pending, Bytes(b"def"), Pending]));
        let mut writer = Script::new([Bytes(b"1"), Pending, Bytes(b"1"), Pending, Pending]);
        crate::support::poll_and_drop(copy_buf(&mut reader, &mut writer), n);
        block_on(copy_buf(&mut reader, &mut writer)).expect("no error");
        assert_eq!(writer.written, b"abcdef", "dropped after poll {n}");
    }
}

#[test]
fn a_proxy_copies_both_ways_and_hands_on_the_ends() {
    let (mut client, mut near) = duplex(3);
    let (mut far, mut server) = duplex(3);
    let proxy = async { copy_bidirectional(&mut near, &mut far).await.expect("both ends behave") };
    let serve = async {
        let mut request = String::new();
        server.read_to_string(&mut request).await.expect("the request is text");
        assert_eq!(request, "a long request");
        server.write_all(b"reply").await.expect("the client reads");
        server.shutdown().await.expect("a duplex closes");
    };
    let ask = async {
        client.write_all(b"a long request").await.expect("the server reads");
        client.shutdown().await.expect("a duplex closes");
        let mut reply = String::new();
        client.read_to_string(&mut reply).await.expect("the reply is text");
        reply
    };
    let (counts, (reply, ())) = block_on(zip(proxy, zip(ask, serve)));
    assert_eq!((counts, reply.as_str()), ((14, 5), "reply"));
}

#[test]
fn a_proxy_with_small_buffers_copies_too() {
    let ((mut client, mut near), (mut far, mut server)) = (duplex(10), duplex(10));
    block_on(async {
        client.write_all(b"ab").await?;
        client.shutdown().await?;
        server.write_all(b"cde").await?;
        server.shutdown().await?;
        assert_eq!(copy_bidirectional_with_sizes(&mut near, &mut far, 1, 2).await?, (2, 3));
        let (mut there, mut back) = (String::new(), String::new());
        server.read_to_string(&mut there).await?;
        client.read_to_string(&mut back).await?;
        assert_eq!((there.as_str(), back.as_str()), ("ab", "cde"));
        std::io::Result::Ok(())
    })
    .expect("all ends behave");
}

#[test]
fn an_error_of_either_side_ends_a_proxy() {
    for (one, other) in [
        (vec![Bytes(b"ab"), Fail(ErrorKind::ConnectionReset)], vec![Pending]),
        (vec![Pending], vec![Bytes(b"ab"), Fail(ErrorKind::ConnectionReset)]),
    ] {
        let mut one = join(Script::new(one), Script::default());
        let mut other = join(Script::new(other), Script::default());
        let result = block_on(copy_bidirectional(&mut one, &mut other));
        assert_eq!(kind(result), Some(ErrorKind::ConnectionReset));
    }
    let mut deaf = join(b"x".as_slice(), Script::new([Fail(ErrorKind::BrokenPipe)]));
    let mut other = join(b"y".as_slice(), Script::default());
    assert_eq!(
        kind(block_on(copy_bidirectional(&mut deaf, &mut other))),
        Some(ErrorKind::BrokenPipe)
    );
}

#[test]
fn the_end_of_one_direction_lets_the_other_go_on() {
    let (mut client, mut near) = duplex(100);
    let (mut far, mut server) = duplex(100);
    let mut proxy = pin!(copy_bidirectional(&mut near, &mut far));
    let (_, waker) = counting_waker();
    let mut cx = Context::from_waker(&waker);
    block_on(client.shutdown()).expect("a duplex closes");
    assert!(proxy.as_mut().poll(&mut cx).is_pending());
    assert_eq!(block_on(server.read(&mut [0])).expect("no error"), 0, "the end is handed on");
    for byte in *b"late" {
        block_on(server.write_all(&[byte])).expect("there is room");
        assert!(proxy.as_mut().poll(&mut cx).is_pending());
        assert_eq!(block_on(client.read_u8()).expect("it has come"), byte);
    }
    drop(server);
    assert_eq!(block_on(proxy).expect("both ends behave"), (0, 4));
}

#[test]
fn a_busy_direction_does_not_starve_the_other() {
    for units in [1, 2, 16] {
        let mut busy = join(repeat(1), Script::default());
        let mut other = join(Script::new([Bytes(b"few")]), sink());
        let (_, waker) = counting_waker();
        {
            let mut proxy = pin!(copy_bidirectional(&mut busy, &mut other));
            for _ in 0..8 {
                let poll = || proxy.as_mut().poll(&mut Context::from_waker(&waker));
                assert!(with_budget(Budget::new(units), poll).is_pending());
            }
        }
        assert_eq!(busy.writer().written, b"few", "with {units} units each turn");

        let mut busy = join(repeat(1), sink());
        let mut other = join(Script::new([Bytes(b"few")]), Script::default());
        {
            let mut proxy = pin!(copy_bidirectional(&mut other, &mut busy));
            for _ in 0..8 {
                let poll = || proxy.as_mut().poll(&mut Context::from_waker(&waker));
                assert!(with_budget(Budget::new(units), poll).is_pending());
            }
        }
        assert!(!other.writer().written.is_empty(), "with {units} units each turn");
    }
}

#[test]
#[should_panic(expected = "0 bytes")]
fn a_proxy_without_buffer_is_refused() {
    drop(copy_bidirectional_with_sizes(&mut Script::default(), &mut Script::default(), 0, 1));
}
