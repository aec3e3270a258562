//! Sockets and the life of their runtimes and descriptors.

use super::{in_time, on_each, runtimes, tcp_pair};
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

#[test]
fn a_socket_waits_no_longer_than_its_runtime_lives() {
    for runtime in runtimes() {
        let (mut client, _server) = runtime.block_on(async {
            let (client, server) = tcp_pair().await;
            let waited = filch::time::timeout(Duration::from_millis(1), client.readable()).await;
            assert!(waited.is_err(), "it waited, so it is registered");
            (client, server)
        });
        drop(runtime);
        let other = filch::runtime::Runtime::new().expect("the stock parts fit");
        let error = other
            .block_on(async { in_time(client.read_u8()).await })
            .expect_err("its runtime has ended");
        assert!(error.to_string().contains("ended"), "{error}");
    }
}

#[test]
fn a_socket_that_never_waited_belongs_to_no_runtime() {
    for runtime in runtimes() {
        let (mut client, mut server) = runtime.block_on(async { tcp_pair().await });
        drop(runtime);
        let other = filch::runtime::Runtime::new().expect("the stock parts fit");
        other.block_on(async {
            // The client waited for its connection; the server's end has not waited for anything yet.
            server.write_all(b"x").await.expect("there is room");
            drop(server);
            let _ = client.read_u8().await;
        });
    }
}

#[test]
fn a_socket_works_under_a_foreign_executor() {
    // Only a runtime with workers of its own looks for events while nobody is in its `block_on`.
    let runtime = filch::runtime::Builder::new_multi_thread().build().expect("the stock parts fit");
    let (mut client, mut server) = runtime.block_on(async { tcp_pair().await });
    let handle = *runtime.handle();
    let reading = std::thread::spawn(move || {
        let _entered = handle.enter();
        futures_lite::future::block_on(client.read_u8())
    });
    let _entered = runtime.enter();
    futures_lite::future::block_on(async {
        filch::time::sleep(Duration::from_millis(2)).await;
        server.write_all(b"x").await
    })
    .expect("there is room");
    assert_eq!(reading.join().expect("no panic").expect("the byte"), b'x');
}

#[test]
fn a_duplicate_outlives_its_socket_without_disturbing_the_next_one() {
    on_each(|| async {
        for _ in 0..20 {
            let (client, mut server) = tcp_pair().await;
            let duplicate = client.as_fd().try_clone_to_owned().expect("below the limit");
            let waited = filch::time::timeout(Duration::from_micros(100), client.readable()).await;
            assert!(waited.is_err(), "it waited, so it is registered");
            drop(client);
            // Most likely gets the number of the dropped socket.
            let quiet = UdpSocket::bind("127.0.0.1:0").await.expect("loopback has free ports");
            server
                .write_all(b"for the duplicate")
                .await
                .expect("the duplicate keeps the connection");
            let disturbed =
                filch::time::timeout(Duration::from_micros(100), quiet.readable()).await;
            assert!(disturbed.is_err(), "nobody sent to this socket");
            drop(duplicate);
        }
    });
}

#[test]
fn descriptors_are_reused_without_confusion() {
    on_each(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let address = listener.local_addr().expect("bound");
        let server = filch::spawn(async move {
            for _ in 0..200 {
                let (mut stream, _) = listener.accept().await.expect("clients connect");
                filch::spawn(async move {
                    let n = stream.read_u32().await.expect("the client writes");
                    stream.write_u32(n + 1).await.expect("the client reads");
                });
            }
        });
        let clients: Vec<_> = (0..4)
            .map(|client| {
                filch::spawn(async move {
                    for round in 0..50 {
                        let mut stream = TcpStream::connect(address).await.expect("it listens");
                        let n = client * 1000 + round;
                        stream.write_u32(n).await.expect("the server reads");
                        assert_eq!(stream.read_u32().await.expect("the server answers"), n + 1);
                    }
                })
            })
            .collect();
        for client in clients {
            in_time(client).await.expect("no panic");
        }
        server.await.expect("no panic");
    });
}

#[test]
fn a_task_that_is_aborted_leaves_its_socket_to_nobody() {
    on_each(|| async {
        let (mut client, mut server) = tcp_pair().await;
        let waiting = filch::spawn(async move { client.read_u8().await });
        filch::task::yield_now().await;
        waiting.abort();
        assert!(waiting.await.expect_err("it was aborted").is_cancelled());
        assert_eq!(server.read(&mut [0]).await.expect("the end"), 0);
    });
}
