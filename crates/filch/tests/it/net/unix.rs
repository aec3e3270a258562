//! Unix sockets.

use super::{in_time, on_each, read_into_nothing};
use crate::watchdog::Watchdog;
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{UnixDatagram, UnixListener, UnixSocket, UnixStream};
use futures_lite::future::poll_once;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A path that no other test uses, removed at the end.
pub(super) struct Place(pub(super) PathBuf);

impl Place {
    pub(super) fn new() -> Place {
        static N: AtomicUsize = AtomicUsize::new(0);
        let name =
            format!("filch-test-{}-{}", std::process::id(), N.fetch_add(1, Ordering::Relaxed));
        Place(std::env::temp_dir().join(name))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn bytes_come_back_from_an_echo() {
    on_each(|| async {
        let place = Place::new();
        let listener = UnixListener::bind(&place.0).expect("the path is free");
        let server = filch::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a client connects");
            let (mut reader, mut writer) = stream.into_split();
            filch::io::copy(&mut reader, &mut writer).await.expect("the client lives")
        });
        let mut stream = UnixStream::connect(&place.0).await.expect("it listens");
        assert_eq!(stream.peer_addr().expect("connected").as_pathname(), Some(place.0.as_path()));
        stream.write_all(&[3; 1000]).await.expect("there is room");
        stream.shutdown().await.expect("an open stream");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.expect("the server lives");
        assert_eq!(all, [3; 1000]);
        assert_eq!(server.await.expect("no panic"), 1000);
        let error = UnixListener::bind(&place.0).expect_err("the file stays");
        assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    });
}

#[test]
fn a_read_into_nothing_does_not_wait() {
    on_each(|| async {
        let (near, far) = UnixStream::pair().expect("below the limit");
        read_into_nothing(near, far).await;
    });
}

#[test]
fn a_full_queue_makes_a_connect_wait() {
    on_each(|| async {
        let place = Place::new();
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)
            .expect("below the limit");
        socket
            .bind(&socket2::SockAddr::unix(&place.0).expect("a short path"))
            .expect("the path is free");
        socket.listen(0).expect("it is bound");
        let listener = UnixListener::from_std(socket.into()).expect("an open listener");
        let mut connected = Vec::new();
        let mut waiting = Vec::new();
        while waiting.len() < 5 {
            let path = place.0.clone();
            let mut connecting = Box::pin(async move { UnixStream::connect(path).await });
            match poll_once(&mut connecting).await {
                Some(stream) => connected.push(stream.expect("it listens")),
                None => waiting.push(connecting),
            }
        }
        let waiting: Vec<_> = waiting.into_iter().map(filch::spawn).collect();
        for _ in 0..connected.len() + waiting.len() {
            in_time(listener.accept()).await.expect("all of them connect");
        }
        for client in waiting {
            in_time(client).await.expect("no panic").expect("the queue has room in the end");
        }
    });
}

#[test]
fn a_full_queue_makes_a_send_wait_without_work() {
    let _watchdog = Watchdog::new();
    let runtime = filch::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("the stock parts fit");
    runtime.block_on(async {
        let place = Place::new();
        let target = UnixDatagram::bind(&place.0).expect("the path is free");
        let other = UnixDatagram::unbound().expect("below the limit");
        while other.try_send_to(b"x", &place.0).is_ok() {}
        let socket = UnixDatagram::unbound().expect("below the limit");
        // The clock jumps only when nothing is left to do.
        let wait = Duration::from_secs(10);
        filch::time::timeout(wait, socket.send_to(b"y", &place.0)).await.expect_err("it is full");
        target.recv(&mut [0]).await.expect("it is full");
        assert_eq!(in_time(socket.send_to(b"y", &place.0)).await.expect("there is room"), 1);
    });
}

#[test]
fn a_pair_ends_when_one_end_is_dropped() {
    on_each(|| async {
        let (mut a, b) = UnixStream::pair().expect("below the limit");
        let reading = filch::spawn(async move { a.read(&mut [0]).await });
        filch::task::yield_now().await;
        drop(b);
        assert_eq!(in_time(reading).await.expect("no panic").expect("the end"), 0);
    });
}

#[test]
fn a_full_stream_makes_its_writer_wait() {
    on_each(|| async {
        let (mut a, mut b) = UnixStream::pair().expect("below the limit");
        let sent: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
        let expected = sent.clone();
        let writing = filch::spawn(async move { a.write_all(&sent).await });
        let mut received = Vec::new();
        b.read_to_end(&mut received).await.expect("the peer lives");
        writing.await.expect("no panic").expect("the peer reads");
        assert!(received == expected);
    });
}

#[test]
fn datagrams_arrive_whole() {
    on_each(|| async {
        let (place_a, place_b) = (Place::new(), Place::new());
        let a = UnixDatagram::bind(&place_a.0).expect("the path is free");
        let b = UnixDatagram::bind(&place_b.0).expect("the path is free");
        let receiving = filch::spawn(async move {
            let mut buf = [0; 10];
            let (n, sender) = b.recv_from(&mut buf).await.expect("one comes");
            (n, sender.as_pathname().map(ToOwned::to_owned))
        });
        filch::task::yield_now().await;
        a.send_to(b"abc", &place_b.0).await.expect("there is room");
        let (n, sender) = in_time(receiving).await.expect("no panic");
        assert_eq!((n, sender.as_deref()), (3, Some(place_a.0.as_path())));

        let (a, b) = UnixDatagram::pair().expect("below the limit");
        a.send(b"x").await.expect("there is room");
        assert_eq!(b.recv(&mut [0; 2]).await.expect("it comes"), 1);
    });
}

#[test]
fn an_abstract_name_needs_no_file() {
    on_each(|| async {
        let name = Place::new().0.display().to_string();
        let listener = UnixListener::bind(format!("\0{name}")).expect("the name is free");
        let address = listener.local_addr().expect("it is bound");
        assert_eq!(address.as_abstract_name(), Some(name.as_bytes()));
        assert!(address.as_pathname().is_none() && !address.is_unnamed());
        let (stream, accepted) =
            filch::join!(UnixStream::connect_addr(&address), listener.accept());
        let stream = stream.expect("it listens");
        let peer = stream.peer_addr().expect("it is connected");
        assert_eq!(peer.as_abstract_name(), Some(name.as_bytes()));
        assert!(accepted.expect("one has connected").1.is_unnamed());
        let error = UnixListener::bind_addr(&address).expect_err("the name is taken");
        assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
        drop(listener);
        UnixListener::bind_addr(&address).expect("the name is free again");
    });
}

#[test]
fn the_peer_is_known_by_its_credentials() {
    on_each(|| async {
        let (a, b) = UnixStream::pair().expect("below the limit");
        let id = |what| {
            let id = std::process::Command::new("id").arg(what).output().expect("there is `id`");
            String::from_utf8_lossy(&id.stdout).trim().parse::<u32>().expect("a number")
        };
        let peer = a.peer_cred().expect("a Unix stream");
        assert_eq!((peer.uid(), peer.gid()), (id("-u"), id("-g")));
        assert_eq!(peer.pid(), i32::try_from(std::process::id()).ok());
        assert_eq!(b.peer_cred().expect("a Unix stream"), peer);
    });
}

#[test]
fn a_client_may_have_a_name() {
    on_each(|| async {
        let (server, client) = (Place::new(), Place::new());
        let socket = UnixSocket::new_stream().expect("below the limit");
        socket.bind(&server.0).expect("the path is free");
        let listener = socket.listen(5).expect("it is bound");
        let socket = UnixSocket::new_stream().expect("below the limit");
        socket.bind(&client.0).expect("the path is free");
        let (stream, accepted) = filch::join!(socket.connect(&server.0), listener.accept());
        stream.expect("it listens");
        let (_, peer) = accepted.expect("one has connected");
        assert_eq!(peer.as_pathname(), Some(client.0.as_path()));

        let socket = UnixSocket::new_datagram().expect("below the limit");
        let error = socket.connect(&server.0).await.expect_err("it is for datagrams");
        assert!(error.to_string().contains("new_stream"), "{error}");
        let socket = UnixSocket::new_stream().expect("below the limit");
        let error = socket.datagram().expect_err("it is for streams");
        assert!(error.to_string().contains("new_datagram"), "{error}");
        let socket = UnixSocket::new_datagram().expect("below the limit");
        socket.datagram().expect("it is for datagrams");
    });
}

#[test]
fn a_queue_that_others_have_filled_makes_a_sender_wait() {
    on_each(|| async {
        let place = Place::new();
        let receiver = UnixDatagram::bind(&place.0).expect("the path is free");
        let other = UnixDatagram::unbound().expect("below the limit");
        let mut n_sent = 0;
        while other.try_send_to(b"other", &place.0).is_ok() {
            n_sent += 1;
        }
        let sender = UnixDatagram::unbound().expect("below the limit");
        let path = place.0.clone();
        let sending = filch::spawn(async move { sender.send_to(b"mine", path).await });
        filch::task::yield_now().await;
        let mut buf = Vec::with_capacity(100);
        for _ in 0..n_sent {
            buf.clear();
            in_time(receiver.recv_buf(&mut buf)).await.expect("it is there");
            assert_eq!(buf, b"other");
        }
        assert_eq!(in_time(sending).await.expect("no panic").expect("there is room"), 4);
        let (n, sender) = receiver.recv_buf_from(&mut buf).await.expect("it has come");
        assert_eq!((n, buf.as_slice()), (4, b"othermine".as_slice()));
        assert!(sender.is_unnamed());
    });
}
