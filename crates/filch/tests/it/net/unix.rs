//! Unix sockets.

use super::{in_time, on_each};
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A path that no other test uses, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
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
        let clients: Vec<_> = (0..5)
            .map(|_| {
                let path = place.0.clone();
                filch::spawn(async move { UnixStream::connect(path).await })
            })
            .collect();
        filch::time::sleep(Duration::from_millis(5)).await;
        for _ in 0..5 {
            in_time(listener.accept()).await.expect("five connect");
        }
        for client in clients {
            in_time(client).await.expect("no panic").expect("the queue has room in the end");
        }
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
