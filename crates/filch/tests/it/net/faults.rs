//! What goes wrong between two ends: peers that vanish, that never read, that end one direction; descriptors with copies.

use super::{in_time, on_each, small_tcp_pair, tcp_pair};
use filch::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use filch::net::{TcpStream, UnixStream};
use futures_lite::future::poll_once;
use std::io::{ErrorKind, Read, Result, Write};
use std::os::fd::AsFd;
use std::pin::pin;
use std::time::{Duration, Instant};

/// Writes until the peer would have to read.
async fn fill(
    mut try_write: impl FnMut(&[u8]) -> Result<usize>,
    writable: impl AsyncFn() -> Result<()>,
) -> Vec<u8> {
    let mut sent = Vec::new();
    loop {
        let chunk: Vec<u8> = (0..8192).map(|n| (n / 7 + sent.len()) as u8).collect();
        match try_write(&chunk) {
            Ok(n) => sent.extend_from_slice(&chunk[..n]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if poll_once(writable()).await.is_none() {
                    return sent; // The driver knows too that there is no room.
                }
            }
            Err(error) => panic!("the peer lives: {error}"),
        }
    }
}

async fn half_close<S: AsyncRead + AsyncWrite + Unpin>(mut near: S, mut far: S, sent: Vec<u8>) {
    near.shutdown().await.expect("an open stream");
    let mut received = Vec::new();
    in_time(far.read_to_end(&mut received)).await.expect("the end comes behind the data");
    assert!(received == sent, "{} bytes of {}", received.len(), sent.len());
    far.write_all(b"got it").await.expect("this direction is open");
    drop(far);
    let mut answer = String::new();
    in_time(near.read_to_string(&mut answer)).await.expect("it is text");
    assert_eq!(answer, "got it");
}

#[test]
fn a_half_close_comes_behind_a_full_buffer() {
    on_each(|| async {
        let (near, far) = small_tcp_pair().await;
        let sent = fill(|chunk| near.try_write(chunk), async || near.writable().await).await;
        half_close(near, far, sent).await;

        let (near, far) = UnixStream::pair().expect("below the limit");
        let sent = fill(|chunk| near.try_write(chunk), async || near.writable().await).await;
        half_close(near, far, sent).await;
    });
}

/// How long a reader and a writer, both of which wait, need to hear that the peer is gone.
async fn time_to_hear(
    reading: impl Future<Output = Result<usize>> + Send + 'static,
    writing: impl Future<Output = Result<()>> + Send + 'static,
    vanish: impl FnOnce(),
) -> Duration {
    let (reading, writing) = (filch::spawn(reading), filch::spawn(writing));
    for _ in 0..10 {
        filch::task::yield_now().await;
    }
    assert!(!reading.is_finished() && !writing.is_finished());
    let begin = Instant::now();
    vanish();
    let read = in_time(reading).await.expect("no panic");
    assert!(!matches!(read, Ok(1..)), "nothing was sent to it: {read:?}");
    let error = in_time(writing).await.expect("no panic").expect_err("nobody reads");
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    begin.elapsed()
}

const PROMPT: Duration = Duration::from_millis(100);

#[test]
fn a_reset_wakes_both_directions_at_once() {
    on_each(|| async {
        let mut shortest = Duration::MAX;
        // The machine may be busy; a runtime that looks only now and then would be late each time.
        for _ in 0..5 {
            let (near, far) = small_tcp_pair().await;
            fill(|chunk| near.try_write(chunk), async || near.writable().await).await;
            let (mut reader, mut writer) = near.into_split();
            let reading = async move { reader.read(&mut [0]).await };
            let writing = async move { writer.write_all(&[0; 20_000_000]).await };
            far.set_zero_linger().expect("an open stream");
            shortest = shortest.min(time_to_hear(reading, writing, || drop(far)).await);
        }
        assert!(shortest < PROMPT, "{shortest:?}");
    });
}

#[test]
fn a_unix_peer_that_vanishes_wakes_both_directions_at_once() {
    on_each(|| async {
        let mut shortest = Duration::MAX;
        for _ in 0..5 {
            let (near, far) = UnixStream::pair().expect("below the limit");
            fill(|chunk| near.try_write(chunk), async || near.writable().await).await;
            let (mut reader, mut writer) = near.into_split();
            let reading = async move { reader.read(&mut [0]).await };
            let writing = async move { writer.write_all(&[0; 20_000_000]).await };
            shortest = shortest.min(time_to_hear(reading, writing, || drop(far)).await);
        }
        assert!(shortest < PROMPT, "{shortest:?}");
    });
}

#[test]
fn data_and_end_in_one_edge_are_both_read_through_a_large_buffer() {
    on_each(|| async {
        let (near, mut far) = tcp_pair().await;
        let mut near = near.into_std().expect("it can always be had");
        let mut buf = [0; 1000];
        {
            let mut waiting = pin!(far.read(&mut buf));
            assert!(poll_once(&mut waiting).await.is_none(), "it waits, so it is registered");
            // No turn of the driver in between, on a runtime of one thread.
            near.write_all(b"short").expect("there is room");
            drop(near);
            assert_eq!(in_time(waiting).await.expect("the data"), 5);
        }
        assert_eq!(in_time(far.read(&mut buf)).await.expect("the end"), 0);

        let (mut near, mut far) = UnixStream::pair().expect("below the limit");
        let mut waiting = pin!(far.read(&mut buf));
        assert!(poll_once(&mut waiting).await.is_none());
        assert_eq!(near.try_write(b"short").expect("there is room"), 5);
        near.shutdown().await.expect("an open stream");
        assert_eq!(in_time(waiting).await.expect("the data"), 5);
        assert_eq!(in_time(far.read(&mut buf)).await.expect("the end"), 0);
    });
}

#[test]
fn what_lies_behind_urgent_data_is_read_as_well() {
    on_each(|| async {
        let (mut near, mut far) = tcp_pair().await;
        let mut buf = [0; 100];
        for _ in 0..20 {
            let mut waiting = pin!(far.read(&mut buf));
            assert!(poll_once(&mut waiting).await.is_none(), "it waits, so it is registered");
            near.write_all(b"before").await.expect("there is room");
            socket2::SockRef::from(&near).send_out_of_band(b"!").expect("there is room");
            near.write_all(b"behind").await.expect("there is room");
            let mut n = in_time(waiting).await.expect("the peer lives");
            while n < 12 {
                n += in_time(far.read(&mut buf)).await.expect("the peer lives");
            }
            assert_eq!(n, 12);
        }
    });
}

#[test]
#[cfg(target_os = "linux")]
fn what_lies_behind_a_descriptor_that_was_sent_is_read_as_well() {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    use std::io::IoSlice;
    on_each(|| async {
        let (near, mut far) = UnixStream::pair().expect("below the limit");
        let mut buf = [0; 100];
        for _ in 0..20 {
            let mut waiting = pin!(far.read(&mut buf));
            assert!(poll_once(&mut waiting).await.is_none(), "it waits, so it is registered");
            for byte in [b"a", b"b", b"c"] {
                let descriptors = [near.as_fd()];
                let mut space =
                    [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
                let mut ancillary = SendAncillaryBuffer::new(&mut space);
                assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
                let sent =
                    sendmsg(&near, &[IoSlice::new(byte)], &mut ancillary, SendFlags::empty());
                assert_eq!(sent.expect("there is room"), 1);
            }
            let mut n = in_time(waiting).await.expect("the peer lives");
            while n < 3 {
                n += in_time(far.read(&mut buf)).await.expect("the peer lives");
            }
            assert_eq!(n, 3);
        }
    });
}

#[test]
fn a_write_to_a_peer_that_never_reads_can_be_given_up_without_a_loss() {
    on_each(|| async {
        let (mut near, mut far) = small_tcp_pair().await;
        let mut sent = 0_usize;
        let mut n_given_up = 0;
        while n_given_up < 3 {
            let chunk: Vec<u8> = (sent..sent + 100_000).map(|n| (n % 251) as u8).collect();
            let write = near.write(&chunk);
            match filch::time::timeout(Duration::from_millis(10), write).await {
                Ok(n) => sent += n.expect("the peer lives"),
                Err(_) => n_given_up += 1,
            }
        }
        near.shutdown().await.expect("an open stream");
        let mut received = Vec::new();
        in_time(far.read_to_end(&mut received)).await.expect("the peer lives");
        assert_eq!(received.len(), sent);
        assert!(received.iter().enumerate().all(|(n, byte)| usize::from(*byte) == n % 251));
    });
}

#[test]
fn readiness_that_a_copy_has_used_up_is_waited_for_again() {
    on_each(|| async {
        let (mut near, mut far) = tcp_pair().await;
        let copy = far.as_fd().try_clone_to_owned().expect("below the limit");
        let mut copy = std::net::TcpStream::from(copy);
        for round in 0..20_u8 {
            let mut buf = [0; 9];
            let mut waiting = pin!(far.read(&mut buf));
            assert!(poll_once(&mut waiting).await.is_none(), "nothing was sent");
            near.write_all(b"stolen").await.expect("there is room");
            let mut stolen = [0; 6];
            let mut n = 0;
            // The copy shares the mode, so it does not block either.
            while n < stolen.len() {
                match copy.read(&mut stolen[n..]) {
                    Ok(m) => n += m,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
            }
            let spurious = filch::time::timeout(Duration::from_millis(1), &mut waiting).await;
            assert!(spurious.is_err(), "there is nothing to read");
            near.write_all(&[round]).await.expect("there is room");
            assert_eq!(in_time(waiting).await.expect("the peer lives"), 1);
            assert_eq!(buf[0], round);
        }
    });
}

#[test]
fn two_tasks_that_wait_for_one_stream_are_both_woken() {
    on_each(|| async {
        let (near, mut far) = tcp_pair().await;
        let near = std::sync::Arc::new(near);
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let near = std::sync::Arc::clone(&near);
                filch::spawn(async move { near.peek(&mut [0; 1]).await })
            })
            .collect();
        for _ in 0..10 {
            filch::task::yield_now().await;
        }
        far.write_all(b"x").await.expect("there is room");
        for one in waiting {
            assert_eq!(in_time(one).await.expect("no panic").expect("the byte"), 1);
        }
    });
}

#[test]
fn two_tasks_that_read_from_one_stream_lose_nothing() {
    const N: usize = 200;
    on_each(|| async {
        let (near, mut far) = tcp_pair().await;
        let near = std::sync::Arc::new(near);
        let reading: Vec<_> = (0..2)
            .map(|_| {
                let near = std::sync::Arc::clone(&near);
                filch::spawn(async move { read_all(&near).await })
            })
            .collect();
        for n in 0..N {
            far.write_all(&[n as u8]).await.expect("they read");
        }
        drop(far);
        let mut all = Vec::new();
        for one in reading {
            all.extend(in_time(one).await.expect("no panic"));
        }
        all.sort_unstable();
        assert_eq!(all, (0..N).map(|n| n as u8).collect::<Vec<_>>());
    });
}

async fn read_all(stream: &TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        stream.readable().await.expect("the driver lives");
        match stream.try_read_buf(&mut all) {
            Ok(0) => return all,
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}
