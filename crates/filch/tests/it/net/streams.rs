//! A connection as asyncio has it.

use super::{in_time, on_each, runtimes, small_tcp_pair};
use crate::tools::current_thread;
use filch::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use filch::net::{self, StreamWriter, TcpListener, TcpStream, UnixStream, into_streams};
use filch::task::JoinHandle;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::time::Duration;

#[test]
fn a_client_talks_in_lines_and_parts() {
    on_each(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let port = listener.local_addr().expect("bound").port();
        let server = net::serve(listener, async |stream: TcpStream, _| {
            let (mut reader, mut writer) = into_streams(stream);
            let mut line = String::new();
            while reader.read_line(&mut line).await? != 0 {
                writer.write(line.to_uppercase().as_bytes())?;
                writer.drain().await?;
                line.clear();
            }
            std::io::Result::Ok(())
        });
        let (mut reader, mut writer) =
            net::open_connection("127.0.0.1", port).await.expect("it listens");
        writer.write(b"one\ntwo;three").expect("it is open");
        writer.write(b",four!\n").expect("it is open");
        writer.drain().await.expect("the server reads");
        let mut line = String::new();
        assert_eq!(reader.read_line(&mut line).await.expect("the server answers"), 4);
        assert_eq!(line, "ONE\n");
        let mut part = Vec::new();
        let separators: [&[u8]; 2] = [b",", b";"];
        reader.read_until_any(&separators, &mut part).await.expect("the server answers");
        assert_eq!(part, b"TWO;");
        part.clear();
        reader.read_until_any(&separators, &mut part).await.expect("the server answers");
        assert_eq!(part, b"THREE,");
        let mut rest = [0; 6];
        reader.read_exact(&mut rest).await.expect("the server answers");
        assert_eq!(&rest, b"FOUR!\n");
        writer.write_eof();
        assert_eq!(reader.read(&mut rest).await.expect("the end"), 0);
        assert_eq!(in_time(server.drain()).await.completed, 1);
    });
}

/// More than the small buffers take.
const MUCH: usize = 2_000_000;

fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|n| (n % 251) as u8).collect()
}

#[test]
fn what_the_socket_does_not_take_is_sent_as_the_peer_reads() {
    on_each(|| async {
        let (near, mut far) = small_tcp_pair().await;
        let (_reader, mut writer) = into_streams(near);
        writer.write(&pattern(MUCH)).expect("it is open");
        writer.write(b"end").expect("it is open");
        assert!(writer.write_buffer_size() > 0);
        let waiting = filch::time::timeout(Duration::from_millis(2), writer.drain()).await;
        assert!(waiting.is_err(), "the peer does not read");
        writer.write_eof();
        let mut received = Vec::new();
        let (drained, read) = filch::join!(writer.drain(), far.read_to_end(&mut received));
        drained.expect("the peer reads");
        read.expect("the peer writes");
        let mut expected = pattern(MUCH);
        expected.extend(b"end");
        assert!(received == expected, "{} bytes", received.len());
        writer.flush().await.expect("all is sent");
        assert_eq!(writer.write_buffer_size(), 0);
    });
}

#[test]
fn a_drain_waits_from_the_high_mark_down_to_the_low_one() {
    on_each(|| async {
        let (near, mut far) = UnixStream::pair().expect("below the limit");
        let (_reader, mut writer) = into_streams(near);
        while writer.write_buffer_size() < 1000 {
            writer.write(&[0; 1000]).expect("it is open");
        }
        in_time(writer.drain()).await.expect("it is below the mark");
        writer.set_write_buffer_limits(100, 0);
        let waiting = filch::time::timeout(Duration::from_millis(2), writer.drain()).await;
        assert!(waiting.is_err(), "it is above the mark");
        let reading = filch::spawn(async move {
            let mut buf = vec![0; 10_000_000];
            let _ = far.read_exact(&mut buf).await;
        });
        in_time(writer.drain()).await.expect("the peer reads");
        assert_eq!(writer.write_buffer_size(), 0);
        drop(writer);
        in_time(reading).await.expect("no panic");
    });
}

#[test]
fn a_dropped_writer_sends_everything_first() {
    on_each(|| async {
        let (near, mut far) = small_tcp_pair().await;
        let (mut reader, mut writer) = into_streams(near);
        writer.write(&pattern(MUCH)).expect("it is open");
        drop(writer);
        let mut received = Vec::new();
        in_time(far.read_to_end(&mut received)).await.expect("the end comes behind the data");
        assert!(received == pattern(MUCH), "{} bytes", received.len());
        far.write_all(b"x").await.expect("this direction is open");
        assert_eq!(reader.read_u8().await.expect("it comes"), b'x');
    });
}

#[test]
fn a_closed_connection_is_closed_in_both_directions() {
    on_each(|| async {
        let (near, mut far) = small_tcp_pair().await;
        let (mut reader, mut writer) = into_streams(near);
        writer.write(&pattern(MUCH)).expect("it is open");
        writer.close();
        assert!(writer.is_closing());
        let error = writer.write(b"more").expect_err("it is closed");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        let mut received = Vec::new();
        let (closed, read) = filch::join!(writer.wait_closed(), far.read_to_end(&mut received));
        closed.expect("the peer reads");
        read.expect("the end");
        assert_eq!(received.len(), MUCH);
        assert_eq!(in_time(reader.read(&mut [0])).await.expect("the end"), 0);
    });
}

#[test]
fn a_broken_connection_is_told_to_whoever_drains() {
    on_each(|| async {
        let (near, far) = small_tcp_pair().await;
        let (_reader, mut writer) = into_streams(near);
        writer.write(&pattern(MUCH)).expect("it is open");
        far.set_zero_linger().expect("an open stream");
        let (drained, ()) = filch::join!(writer.drain(), async { drop(far) });
        let error = drained.expect_err("the peer is gone");
        assert!(
            matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
            "{error}"
        );
        assert_eq!(writer.write(b"x").expect_err("it is known now").kind(), error.kind());
        writer.close();
        assert!(in_time(writer.wait_closed()).await.is_err());
    });
}

/// A connection whose reader waits, in a task of this runtime, for a peer that says nothing and takes nothing.
fn with_waiting_reader() -> (JoinHandle<usize>, StreamWriter<UnixStream>, impl AsFd) {
    let (near, far) = std::os::unix::net::UnixStream::pair().expect("below the limit");
    let near = UnixStream::from_std(near).expect("an open stream");
    let (mut reader, writer) = into_streams(near);
    let reading = filch::spawn(async move { reader.read(&mut [0]).await.expect("the end") });
    (reading, writer, far)
}

#[test]
fn a_close_ends_the_reader_after_a_write_that_failed() {
    on_each(|| async {
        let (reading, mut writer, far) = with_waiting_reader();
        rustix::net::shutdown(&far, rustix::net::Shutdown::Read).expect("an open stream");
        let _ = writer.write(b"x"); // It may be queued.
        in_time(writer.flush()).await.expect_err("nobody takes it");
        writer.close();
        assert!(in_time(writer.wait_closed()).await.is_err());
        assert_eq!(in_time(reading).await.expect("no panic"), 0);
    });
}

#[test]
fn a_close_ends_the_reader_before_and_after_the_writers_runtime_ends() {
    for closes_before in [true, false] {
        for runtime in runtimes() {
            current_thread().block_on(async {
                let (reading, mut writer, _far) = with_waiting_reader();
                filch::task::yield_now().await; // The reader waits here, not in the other runtime.
                {
                    let _inside = runtime.enter();
                    writer.write(&pattern(MUCH)).expect("it is open");
                }
                if closes_before {
                    writer.close();
                }
                filch::to_thread(|| drop(runtime)).await;
                writer.close();
                assert_eq!(in_time(reading).await.expect("no panic"), 0);
            });
        }
    }
}

#[test]
fn a_drain_errs_after_the_runtime_has_ended() {
    for runtime in runtimes() {
        let (writer, _reader, _far) = runtime.block_on(async {
            let (near, far) = small_tcp_pair().await;
            let (reader, mut writer) = into_streams(near);
            writer.write(&pattern(MUCH)).expect("it is open");
            (writer, reader, far)
        });
        drop(runtime);
        let error = futures_lite::future::block_on(writer.drain()).expect_err("it has ended");
        assert!(error.to_string().contains("ended"), "{error}");
    }
}

#[test]
fn many_small_writes_keep_their_order_while_the_peer_reads() {
    on_each(|| async {
        let (near, mut far) = UnixStream::pair().expect("below the limit");
        let (_reader, mut writer) = into_streams(near);
        let writing = filch::spawn(async move {
            for (n, chunk) in pattern(2_000_000).chunks(997).enumerate() {
                writer.write(chunk).expect("the peer lives");
                if n % 5 == 0 {
                    writer.drain().await.expect("the peer reads");
                }
            }
            writer.close();
            writer.wait_closed().await.expect("the peer reads");
        });
        let mut received = Vec::new();
        in_time(far.read_to_end(&mut received)).await.expect("the peer lives");
        in_time(writing).await.expect("no panic");
        assert!(received == pattern(2_000_000), "{} bytes", received.len());
    });
}
