//! TCP.

use super::{in_time, on_each, read_into_nothing, tcp_pair};
use filch::io::{AsyncReadExt, AsyncWriteExt, Interest};
use filch::net::{TcpListener, TcpSocket, TcpStream};
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn bytes_come_back_from_an_echo() {
    on_each(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let address = listener.local_addr().expect("it is bound");
        let server = filch::spawn(async move {
            for _ in 0..10 {
                let (mut stream, _) = listener.accept().await.expect("clients connect");
                filch::spawn(async move {
                    let (mut reader, mut writer) = stream.split();
                    filch::io::copy(&mut reader, &mut writer).await.expect("the client lives")
                });
            }
        });
        let clients: Vec<_> = (0..10_u8).map(|n| filch::spawn(ask(address, n))).collect();
        for client in clients {
            client.await.expect("no client panics");
        }
        server.await.expect("the server does not panic");
    });
}

async fn ask(address: std::net::SocketAddr, n: u8) {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let sent = vec![n; 100_000];
    let mut received = Vec::new();
    let (mut reader, mut writer) = stream.split();
    let write = async {
        writer.write_all(&sent).await.expect("the server reads");
        writer.shutdown().await.expect("the stream is open");
    };
    let ((), n_read) = filch::join!(write, reader.read_to_end(&mut received));
    assert_eq!(n_read.expect("the server lives"), sent.len());
    assert!(received == sent);
}

#[test]
fn a_refused_connection_is_an_error() {
    on_each(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let address = listener.local_addr().expect("it is bound");
        drop(listener);
        let error = TcpStream::connect(address).await.expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn connect_goes_on_to_the_next_address() {
    on_each(|| async {
        let dead = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let dead_address = dead.local_addr().expect("it is bound");
        drop(dead);
        let alive = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let addresses = [dead_address, alive.local_addr().expect("it is bound")];
        let stream =
            TcpStream::connect(addresses.as_slice()).await.expect("the second one listens");
        assert_eq!(stream.peer_addr().expect("it is connected"), addresses[1]);
    });
}

#[test]
fn an_empty_list_of_addresses_is_an_error() {
    on_each(|| async {
        let error = TcpStream::connect(Vec::new()).await.expect_err("there is nowhere to go");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn halves_in_two_tasks_wake_each_their_own() {
    on_each(|| async {
        let (client, server) = tcp_pair().await;
        let (mut reader, mut writer) = client.into_split();
        let (mut far_reader, mut far_writer) = server.into_split();
        let reading =
            filch::spawn(async move { (reader.read_u8().await.expect("a byte comes"), reader) });
        // Fills both buffers, so that the writer has to wait while the reader does.
        let sent = 20_000_000;
        let writing = filch::spawn(async move {
            writer.write_all(&vec![1; sent]).await.expect("the peer reads in the end");
            writer
        });
        filch::task::yield_now().await;
        far_writer.write_u8(7).await.expect("the peer reads");
        let (byte, reader) = reading.await.expect("no panic");
        assert_eq!(byte, 7);
        let mut received = vec![0; sent];
        far_reader.read_exact(&mut received).await.expect("all of it comes");
        let writer = writing.await.expect("no panic");
        let whole = reader.reunite(writer).expect("halves of one stream");
        drop(whole);
        assert_eq!(far_reader.read(&mut [0]).await.expect("the end"), 0);
    });
}

#[test]
fn halves_of_two_streams_are_handed_back() {
    on_each(|| async {
        let (a, b) = tcp_pair().await;
        let ((read_a, write_a), (_read_b, write_b)) = (a.into_split(), b.into_split());
        assert!(!read_a.is_pair_of(&write_b));
        let error = read_a.reunite(write_b).expect_err("two streams");
        assert!(error.0.reunite(write_a).is_ok());
    });
}

#[test]
fn a_dropped_write_half_ends_the_direction_and_a_forgotten_one_does_not() {
    on_each(|| async {
        let (client, mut server) = tcp_pair().await;
        let (_reader, writer) = client.into_split();
        drop(writer);
        assert_eq!(server.read(&mut [0]).await.expect("the end"), 0);

        let (client, mut server) = tcp_pair().await;
        let (mut reader, writer) = client.into_split();
        writer.forget();
        server.write_all(b"x").await.expect("the peer reads");
        assert_eq!(reader.read_u8().await.expect("the byte"), b'x');
        let waiting = filch::time::timeout(Duration::from_millis(5), server.read_u8()).await;
        assert!(waiting.is_err(), "the direction is open, so the read waits");
    });
}

#[test]
fn data_and_end_in_one_event_are_both_seen_after_a_short_read() {
    on_each(|| async {
        let (client, mut server) = tcp_pair().await;
        // Makes the server's end wait once, so that it is registered.
        let waiting = filch::spawn(async move {
            let mut first = [0; 1];
            server.read_exact(&mut first).await.expect("the first byte");
            let mut buf = [0; 100];
            let n = server.read(&mut buf).await.expect("the data");
            let end = server.read(&mut buf).await.expect("the end");
            (n, end)
        });
        filch::task::yield_now().await;
        let mut client = client.into_std().expect("it can always be had");
        client.write_all(b"1").expect("there is room");
        client.write_all(b"three").expect("there is room");
        drop(client);
        let (n, end) = in_time(waiting).await.expect("no panic");
        assert!((1..=5).contains(&n));
        assert!(n < 5 || end == 0);
    });
}

#[test]
fn peeked_bytes_are_read_again() {
    on_each(|| async {
        let (mut client, mut server) = tcp_pair().await;
        let peeking = filch::spawn(async move {
            let mut buf = [0; 10];
            let n = server.peek(&mut buf).await.expect("bytes come");
            assert_eq!(&buf[..n], b"abc");
            let m = server.read(&mut buf).await.expect("they are still there");
            assert_eq!(n, m);
        });
        filch::task::yield_now().await;
        client.write_all(b"abc").await.expect("there is room");
        peeking.await.expect("no panic");
    });
}

#[test]
fn a_read_into_nothing_does_not_wait() {
    on_each(|| async {
        let (near, far) = tcp_pair().await;
        read_into_nothing(near, far).await;
    });
}

#[test]
fn trying_without_waiting_says_would_block() {
    on_each(|| async {
        let (client, mut server) = tcp_pair().await;
        let mut buf = [0; 10];
        assert_eq!(
            client.try_read(&mut buf).expect_err("nothing yet").kind(),
            ErrorKind::WouldBlock
        );
        server.write_all(b"abc").await.expect("there is room");
        client.readable().await.expect("the driver lives");
        assert_eq!(client.try_read(&mut buf).expect("it is readable"), 3);
        assert_eq!(
            client.try_read(&mut buf).expect_err("nothing more").kind(),
            ErrorKind::WouldBlock
        );
        assert_eq!(
            client.try_read(&mut buf).expect_err("nothing more").kind(),
            ErrorKind::WouldBlock
        );
        client.writable().await.expect("the driver lives");
        assert_eq!(client.try_write(b"x").expect("there is room"), 1);
        let ready =
            server.ready(Interest::READABLE | Interest::WRITABLE).await.expect("the driver lives");
        assert!(ready.is_readable() || ready.is_writable());
    });
}

#[test]
fn readable_comes_again_for_each_event() {
    on_each(|| async {
        let (client, mut server) = tcp_pair().await;
        for round in 0..50_u8 {
            let read = async {
                let mut buf = [0; 10];
                loop {
                    client.readable().await.expect("the driver lives");
                    match client.try_read(&mut buf) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        result => break buf[result.expect("the peer lives") - 1],
                    }
                }
            };
            let (byte, written) =
                filch::join!(read, server.write_all(std::slice::from_ref(&round)));
            written.expect("there is room");
            assert_eq!(byte, round);
        }
    });
}

#[test]
fn many_tasks_accept_from_one_listener() {
    on_each(|| async {
        let listener =
            Arc::new(TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports"));
        let address = listener.local_addr().expect("it is bound");
        let accepting: Vec<_> = (0..5)
            .map(|_| {
                let listener = Arc::clone(&listener);
                filch::spawn(async move { listener.accept().await.map(drop) })
            })
            .collect();
        filch::task::yield_now().await;
        let mut streams = Vec::new();
        for _ in 0..5 {
            streams.push(TcpStream::connect(address).await.expect("five accept"));
        }
        for accept in accepting {
            in_time(accept).await.expect("no panic").expect("each gets one");
        }
    });
}

#[test]
fn a_dropped_accept_loses_no_connection() {
    on_each(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let address = listener.local_addr().expect("it is bound");
        for n_polls in 0..4 {
            let mut accept = Box::pin(listener.accept());
            for _ in 0..n_polls {
                let polled = filch::time::timeout(Duration::ZERO, accept.as_mut()).await;
                assert!(polled.is_err(), "nobody has connected");
            }
            drop(accept);
            let stream = TcpStream::connect(address).await.expect("it listens");
            let (_, peer) = in_time(listener.accept()).await.expect("it is in the queue");
            assert_eq!(peer, stream.local_addr().expect("it is connected"));
        }
    });
}

#[test]
fn a_blocking_stream_of_std_is_made_non_blocking() {
    on_each(|| async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let mut peer = std::net::TcpStream::connect(listener.local_addr().expect("it is bound"))
            .expect("it listens");
        let (accepted, _) = listener.accept().expect("one has connected");
        let mut stream = TcpStream::from_std(accepted).expect("an open stream");
        let read = filch::spawn(async move { stream.read_u8().await });
        filch::task::yield_now().await;
        peer.write_all(b"x").expect("there is room");
        assert_eq!(in_time(read).await.expect("no panic").expect("the byte"), b'x');

        let listener = TcpListener::from_std(listener).expect("an open listener");
        let accepting = filch::spawn(async move { listener.accept().await });
        filch::task::yield_now().await;
        drop(
            std::net::TcpStream::connect(peer.peer_addr().expect("it is connected"))
                .expect("it listens"),
        );
        in_time(accepting).await.expect("no panic").expect("one has connected");
    });
}

#[test]
fn a_stream_of_std_comes_back_out() {
    on_each(|| async {
        let (client, mut server) = tcp_pair().await;
        let waited = filch::time::timeout(Duration::from_millis(2), client.readable()).await;
        assert!(waited.is_err(), "it waited, so it is registered");
        let mut client = client.into_std().expect("it can always be had");
        client.set_nonblocking(false).expect("an open stream");
        server.write_all(b"x").await.expect("there is room");
        let mut buf = [0];
        client.read_exact(&mut buf).expect("the byte is there or comes");
        assert_eq!(&buf, b"x");
        let mut again = TcpStream::from_std(client).expect("an open stream");
        server.write_all(b"y").await.expect("there is room");
        assert_eq!(again.read_u8().await.expect("it is registered anew"), b'y');
    });
}

#[test]
fn options_are_kept() {
    on_each(|| async {
        let (client, _server) = tcp_pair().await;
        client.set_nodelay(true).expect("an open stream");
        assert!(client.nodelay().expect("an open stream"));
        client.set_linger(Some(Duration::from_secs(3))).expect("an open stream");
        assert_eq!(client.linger().expect("an open stream"), Some(Duration::from_secs(3)));
        client.set_linger(None).expect("an open stream");
        client.set_ttl(42).expect("an open stream");
        assert_eq!(client.ttl().expect("an open stream"), 42);
        assert!(client.take_error().expect("an open stream").is_none());
        client.set_quickack(true).expect("an open stream");
        client.quickack().expect("an open stream");

        let socket = TcpSocket::new_v4().expect("the limit is not reached");
        socket.set_reuseaddr(true).expect("an open socket");
        socket.set_keepalive(true).expect("an open socket");
        assert!(
            socket.reuseaddr().expect("an open socket")
                && socket.keepalive().expect("an open socket")
        );
        socket.set_tos_v4(8).expect("an open socket");
        assert_eq!(socket.tos_v4().expect("an open socket"), 8);
        assert_eq!(socket.device().expect("an open socket"), None);
        assert!(socket.take_error().expect("an open socket").is_none());
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("loopback has free ports");
        let listener = socket.listen(7).expect("it is bound");
        let address = listener.local_addr().expect("it is bound");
        let socket = TcpSocket::new_v4().expect("the limit is not reached");
        let (connected, accepted) = filch::join!(socket.connect(address), listener.accept());
        assert_eq!(connected.expect("it listens").peer_addr().expect("it is connected"), address);
        accepted.expect("one has connected");
    });
}

#[test]
fn vectored_writes_keep_their_order() {
    on_each(|| async {
        let (mut client, mut server) = tcp_pair().await;
        let n = client
            .write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")])
            .await;
        assert_eq!(n.expect("there is room"), 5);
        drop(client);
        let mut all = String::new();
        server.read_to_string(&mut all).await.expect("it is text");
        assert_eq!(all, "abcde");
    });
}

#[test]
fn vectored_writes_of_any_length_arrive_whole() {
    on_each(|| async {
        // Little is put together before it is written, more is not.
        for lengths in
            [vec![], vec![0, 0], vec![1024], vec![1000, 24], vec![1000, 25], vec![1, 40_000, 1]]
        {
            let (mut client, mut server) = tcp_pair().await;
            let mut byte = 0_u8;
            let mut next = || {
                byte = byte.wrapping_add(1);
                byte
            };
            let parts: Vec<Vec<u8>> = lengths
                .iter()
                .map(|length| std::iter::repeat_with(&mut next).take(*length).collect())
                .collect();
            let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
            let n = client.write_vectored(&slices).await.expect("there is room");
            let whole = parts.concat();
            assert!(n > 0 || whole.is_empty());
            client.write_all(&whole[n..]).await.expect("the peer reads");
            drop(client);
            let mut all = Vec::new();
            server.read_to_end(&mut all).await.expect("the end comes");
            assert_eq!(all, whole);
        }
    });
}

#[test]
fn shutting_down_twice_is_no_error() {
    on_each(|| async {
        let (mut client, mut server) = tcp_pair().await;
        client.shutdown().await.expect("an open stream");
        client.shutdown().await.expect("it is shut down already");
        assert_eq!(server.read(&mut [0]).await.expect("the end"), 0);
        server.write_all(b"still open").await.expect("the other direction is");
        drop(server);
        let mut all = String::new();
        client.read_to_string(&mut all).await.expect("it is text");
        assert_eq!(all, "still open");
        client.shutdown().await.expect("a closed connection is shut down too");
    });
}

#[test]
fn a_ready_stream_does_not_keep_its_worker() {
    on_each(|| async {
        let (mut client, mut server) = tcp_pair().await;
        server.write_all(&[0; 1000]).await.expect("there is room");
        let reading = filch::spawn(async move {
            let other = filch::spawn(async {});
            // One byte at a time, and ready each time. The budget gives the other task its turn in between.
            let mut n_read = 0;
            while !other.is_finished() && n_read < 1000 {
                client.read_u8().await.expect("there are a thousand");
                n_read += 1;
            }
            n_read
        });
        assert!(reading.await.expect("no panic") < 1000, "the other task had no turn");
    });
}
