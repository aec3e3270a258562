//! Servers: start, limit, drain, close.

use super::unix::Place;
use super::{in_time, on_each, runtimes};
use crate::tools::Witness;
use filch::io::{self, AsyncReadExt, AsyncWriteExt};
use filch::net::{self, Server, TcpListener, TcpStream, UnixListener, UnixStream};
use filch::sync::{Semaphore, SetOnce};
use std::future::pending;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("it listens")
}

async fn echo(stream: TcpStream, _peer: SocketAddr) -> io::Result<u64> {
    let (mut reader, mut writer) = stream.into_split();
    io::copy(&mut reader, &mut writer).await
}

/// Handles a connection until its client ends it.
async fn hold(mut stream: TcpStream) {
    let _ = stream.read(&mut [0]).await;
}

/// Waits for what other tasks bring about.
async fn until(condition: impl Fn() -> bool) {
    in_time(async {
        while !condition() {
            filch::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// Lets a server of its own answer a client. By then the driver has told other servers of what came to them before.
async fn answer_another_client() {
    let (listener, address) = listener().await;
    let server = net::serve(listener, echo);
    let mut client = connect(address).await;
    client.write_all(b"x").await.expect("the server reads");
    assert_eq!(in_time(client.read_u8()).await.expect("the server answers"), b'x');
    drop(client);
    in_time(server.drain()).await;
}

#[test]
fn each_connection_is_handled() {
    on_each(|| async {
        let (listener, address) = listener().await;
        let server = net::serve(listener, echo);
        let clients: Vec<_> = (0..20_u8)
            .map(|n| {
                filch::spawn(async move {
                    let mut stream = connect(address).await;
                    stream.write_all(&[n; 10]).await.expect("the server reads");
                    stream.shutdown().await.expect("an open stream");
                    let mut all = Vec::new();
                    stream.read_to_end(&mut all).await.expect("the server answers");
                    assert_eq!(all, [n; 10]);
                })
            })
            .collect();
        for client in clients {
            in_time(client).await.expect("no panic");
        }
        let report = in_time(server.drain()).await;
        assert_eq!((report.accepted, report.completed, report.active), (20, 20, 0), "{report}");
    });
}

#[test]
fn a_unix_listener_is_served_too() {
    on_each(|| async {
        let place = Place::new();
        let listener = UnixListener::bind(&place.0).expect("the path is free");
        let server = net::serve(listener, |mut stream: UnixStream, _peer| async move {
            stream.write_all(b"welcome").await
        });
        let mut stream = UnixStream::connect(&place.0).await.expect("it listens");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("it is text");
        assert_eq!(text, "welcome");
        assert_eq!(in_time(server.drain()).await.completed, 1);
    });
}

#[test]
fn never_more_are_handled_than_the_limit_says() {
    on_each(|| async {
        let (listener, address) = listener().await;
        let (active, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (now, peak) = (Arc::clone(&active), Arc::clone(&most));
        let server = Server::builder().limit(2).serve(listener, move |mut stream: TcpStream, _| {
            let (now, peak) = (Arc::clone(&now), Arc::clone(&peak));
            async move {
                peak.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                filch::time::sleep(Duration::from_millis(2)).await;
                now.fetch_sub(1, SeqCst);
                stream.write_all(b"x").await
            }
        });
        let clients: Vec<_> = (0..8)
            .map(|_| filch::spawn(async move { connect(address).await.read_u8().await }))
            .collect();
        for client in clients {
            in_time(client).await.expect("no panic").expect("each is served");
        }
        assert_eq!(most.load(SeqCst), 2);
        assert_eq!(in_time(server.drain()).await.accepted, 8);
    });
}

#[test]
fn a_higher_limit_lets_those_in_who_wait() {
    on_each(|| async {
        let (listener, address) = listener().await;
        let server =
            Server::builder().limit(1).serve(listener, async |stream, _| hold(stream).await);
        let (first, second) = (connect(address).await, connect(address).await);
        until(|| server.report().active == 1).await;
        answer_another_client().await;
        assert_eq!(server.report().accepted, 1, "the second one waits in the queue");
        server.limit(2);
        until(|| server.report().active == 2).await;
        server.limit(1);
        let third = connect(address).await;
        drop(first);
        until(|| server.report().active == 1).await;
        drop(second);
        until(|| server.report().accepted == 3).await;
        drop(third);
        assert_eq!(in_time(server.drain()).await.completed, 3);
    });
}

#[test]
fn a_drain_waits_for_those_who_are_served_and_refuses_others() {
    on_each(|| async {
        let (listener, address) = listener().await;
        let server = net::serve(listener, async |stream, _| hold(stream).await);
        let client = connect(address).await;
        until(|| server.report().active == 1).await;
        let mut draining = Box::pin(server.drain());
        let waited = filch::time::timeout(Duration::from_millis(5), &mut draining).await;
        assert!(waited.is_err(), "one is served");
        let error = TcpStream::connect(address).await.expect_err("it accepts no more");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        drop(draining); // The wait is dropped, and the server goes on ending.
        drop(client);
        let report = in_time(server.wait()).await;
        assert_eq!((report.accepted, report.completed), (1, 1), "{report}");
        in_time(server.drain()).await; // Once more is no harm.
    });
}

#[test]
fn clients_are_closed_and_the_server_goes_on() {
    on_each(|| async {
        let (listener, address) = listener().await;
        let witness = Witness::default();
        let kept = witness.clone();
        let server = net::serve(listener, move |stream: TcpStream, _| {
            let kept = kept.clone();
            async move {
                let _kept = kept;
                let _stream = stream;
                std::future::pending::<()>().await;
            }
        });
        let mut clients = [connect(address).await, connect(address).await];
        until(|| witness.n_alive() == 3).await;
        server.close_clients();
        for client in &mut clients {
            let read = in_time(client.read(&mut [0])).await;
            assert!(!matches!(read, Ok(1..)), "{read:?}");
        }
        until(|| witness.n_alive() == 1).await;
        let _third = connect(address).await;
        until(|| server.report().active == 1).await;
        let report = in_time(server.shutdown(Duration::from_millis(1))).await;
        assert_eq!((report.accepted, report.canceled, report.active), (3, 3, 0), "{report}");
        until(|| witness.n_alive() == 0).await;
    });
}

#[test]
fn a_shutdown_gives_a_grace_and_no_more() {
    let runtime = filch::runtime::Builder::new_current_thread()
        .start_paused(true)
        .build()
        .expect("the stock parts fit");
    runtime.block_on(async {
        let (listener, address) = listener().await;
        let server = net::serve(listener, async |stream, _| hold(stream).await);
        let _client = connect(address).await;
        until(|| server.report().active == 1).await;
        let begin = filch::time::Instant::now();
        let report = server.shutdown(Duration::from_secs(5)).await;
        assert_eq!((report.active, report.canceled), (0, 1), "{report}");
        let took = begin.elapsed();
        assert!((Duration::from_secs(5)..Duration::from_secs(6)).contains(&took), "{took:?}");
    });
}

#[test]
fn a_handler_that_fails_ends_its_own_connection_only() {
    on_each(|| async {
        let (listener, address) = listener().await;
        let server =
            net::serve(listener, async |mut stream: TcpStream, _| match stream.read_u8().await? {
                b'p' => panic!("no {}", "way"),
                b'e' => Err(io::Error::other("not today")),
                byte => stream.write_all(&[byte]).await,
            });
        for byte in *b"xpexpe" {
            let mut client = connect(address).await;
            client.write_all(&[byte]).await.expect("the server reads");
            let read = in_time(client.read(&mut [0])).await;
            assert_eq!(matches!(read, Ok(1)), byte == b'x', "{read:?}");
        }
        let report = in_time(server.drain()).await;
        assert_eq!((report.completed, report.failed, report.panicked), (2, 2, 2), "{report}");
        let panic = report.failures.iter().find(|failure| failure.is_panic).expect("there are two");
        assert_eq!(panic.message, "no way");
        assert!(panic.peer.starts_with("127.0.0.1:"), "{panic}");
        assert!(report.to_string().contains("failed: not today"), "{report}");
    });
}

#[test]
fn a_report_keeps_the_latest_failures_only() {
    on_each(|| async {
        let (listener, address) = listener().await;
        let server = net::serve(listener, async |mut stream: TcpStream, _| {
            let n = stream.read_u8().await?;
            Err::<(), _>(io::Error::other(format!("number {n}")))
        });
        for n in 0..100 {
            let mut client = connect(address).await;
            client.write_all(&[n]).await.expect("the server reads");
            let _ = client.read(&mut [0]).await;
        }
        let report = in_time(server.drain()).await;
        assert_eq!(report.failed, 100);
        assert!(report.failures.len() < 50, "{}", report.failures.len());
        assert_eq!(report.failures.last().expect("some are kept").message, "number 99");
    });
}

#[test]
fn a_server_ends_with_its_runtime_and_whoever_waits_is_told() {
    for runtime in runtimes() {
        let (server, _client) = runtime.block_on(async {
            let (listener, address) = listener().await;
            let server = net::serve(listener, async |stream, _| hold(stream).await);
            let client = connect(address).await;
            until(|| server.report().active == 1).await;
            (server, client)
        });
        drop(runtime);
        let report = futures_lite::future::block_on(server.drain());
        assert_eq!((report.active, report.canceled), (0, 1), "{report}");
    }
}

#[test]
fn a_broken_listener_ends_its_server() {
    struct Broken;
    impl net::Accept for Broken {
        type Stream = ();
        type Address = ();
        async fn accept(&self) -> io::Result<((), ())> {
            Err(io::Error::other("unplugged"))
        }
    }
    on_each(|| async {
        let server = net::serve(Broken, async |(), ()| {});
        let report = in_time(server.wait()).await;
        assert_eq!(report.accept_error.as_deref(), Some("unplugged"));
    });
}

#[test]
fn a_client_that_is_just_being_accepted_is_closed_with_the_others() {
    /// Closes its server while it accepts a client.
    struct Closing(Arc<SetOnce<Server>>);
    impl net::Accept for Closing {
        type Stream = ();
        type Address = ();
        async fn accept(&self) -> io::Result<((), ())> {
            let server = self.0.wait().await;
            server.stop();
            server.close_clients();
            Ok(((), ()))
        }
    }
    on_each(|| async {
        let itself = Arc::new(SetOnce::new());
        let listener = Closing(Arc::clone(&itself));
        let server = net::serve(listener, async |(), ()| pending::<()>().await);
        itself.set(server.clone()).expect("it is set once");
        let report = in_time(server.wait()).await;
        assert_eq!((report.accepted, report.canceled), (1, 1), "{report}");
    });
}

#[test]
fn servers_are_closed_at_any_moment_without_losing_count() {
    let mut random = crate::random::Random::new(5);
    for runtime in runtimes() {
        for _ in 0..20 {
            let (n_clients, n_steps) = (random.below(5), random.below(6));
            runtime.block_on(in_time(async {
                let (listener, address) = listener().await;
                let gate = Arc::new(Semaphore::new(0));
                let seen = Arc::clone(&gate);
                let server = net::serve(listener, move |stream: TcpStream, _| {
                    seen.add_permits(1);
                    hold(stream)
                });
                let clients: Vec<_> = (0..n_clients)
                    .map(|_| filch::spawn(async move { TcpStream::connect(address).await }))
                    .collect();
                for _ in 0..n_steps {
                    filch::task::yield_now().await;
                }
                let report = server.shutdown(Duration::from_millis(n_steps % 3)).await;
                for client in clients {
                    let _ = client.await.expect("no panic");
                }
                assert_eq!(report.active, 0);
                assert_eq!(report.accepted, report.completed + report.canceled, "{report}");
                assert!(gate.available_permits() as u64 <= report.accepted, "{report}");
            }));
        }
    }
}

#[test]
fn a_limit_of_zero_is_refused() {
    on_each(|| async {
        let (listener, _) = listener().await;
        let server = net::serve(listener, echo);
        let message = crate::tools::panic_of(|| server.limit(0));
        assert!(message.contains("at least 1"), "{message}");
        in_time(server.drain()).await;
    });
}
