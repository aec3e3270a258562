//! Connecting by name: resolvers, and the race of addresses.

use super::{in_time, on_each};
use filch::io::AsyncReadExt;
use filch::net::{self, Connect, ConnectError, Resolver, TcpListener, TcpSocket, lookup_host_with};
use filch::runtime::{Builder, Runtime};
use filch::time::Instant;
use std::future::Future;
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

/// Knows one host.
struct Book(Vec<SocketAddr>);

impl Resolver for Book {
    async fn resolve(&self, host: &str, _port: u16) -> Result<Vec<SocketAddr>> {
        match host {
            "host" => Ok(self.0.clone()),
            _ => Err(Error::new(ErrorKind::NotFound, format!("{host} is not in the book"))),
        }
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

/// An address that refuses.
async fn dead() -> SocketAddr {
    listener().await.1
}

/// An address that never answers: its queue is full. It lives as long as the sockets.
fn silent() -> (SocketAddr, Vec<socket2::Socket>) {
    use socket2::{Domain, SockAddr, Socket, Type};
    let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("below the limit");
    let listener = socket();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    listener.bind(&SockAddr::from(any)).expect("loopback has free ports");
    listener.listen(0).expect("it is bound");
    let address = listener.local_addr().expect("it is bound");
    let mut sockets = vec![listener];
    loop {
        let client = socket();
        let connected = client.connect_timeout(&address, Duration::from_millis(100));
        sockets.push(client);
        if connected.is_err() {
            return (address.as_socket().expect("an address of IPv4"), sockets);
        }
    }
}

fn in_virtual_time(test: impl Future<Output = ()>) {
    let runtime: Runtime =
        Builder::new_current_thread().start_paused(true).build().expect("the stock parts fit");
    runtime.block_on(test);
}

#[test]
fn a_silent_address_is_overtaken_after_its_head_start() {
    let (silent, _sockets) = silent();
    in_virtual_time(async {
        let (_listener, address) = listener().await;
        let begin = Instant::now();
        let connect = Connect::new().resolver(Book(vec![silent, address]));
        let stream = connect.connect("host:1").await.expect("one of them answers");
        assert_eq!(stream.peer_addr().expect("it is connected"), address);
        let took = begin.elapsed();
        let expected = Duration::from_millis(250)..Duration::from_millis(260);
        assert!(expected.contains(&took), "{took:?}");
    });
}

#[test]
fn an_address_that_refuses_hands_over_at_once() {
    in_virtual_time(async {
        let (_listener, address) = listener().await;
        let begin = Instant::now();
        let book = Book(vec![dead().await, dead().await, address]);
        let stream = Connect::new().resolver(book).connect("host:1").await;
        assert_eq!(stream.expect("the last one").peer_addr().expect("connected"), address);
        assert!(begin.elapsed() < Duration::from_millis(250), "{:?}", begin.elapsed());
    });
}

#[test]
fn the_head_start_can_be_set() {
    let (silent, _sockets) = silent();
    in_virtual_time(async {
        let (_listener, address) = listener().await;
        let connect = Connect::new()
            .resolver(Book(vec![silent, address]))
            .attempt_delay(Duration::from_secs(3));
        let begin = Instant::now();
        connect.connect(("host", 1)).await.expect("one of them answers");
        assert!(Duration::from_secs(3) <= begin.elapsed(), "{:?}", begin.elapsed());

        let patient =
            Connect::new().resolver(Book(vec![silent, address])).attempt_delay(Duration::MAX);
        let waiting =
            filch::time::timeout(Duration::from_secs(10), patient.connect("host:1")).await;
        assert!(waiting.is_err(), "the silent one has not failed");
    });
}

#[test]
fn the_error_names_every_address_and_its_reason() {
    on_each(|| async {
        let addresses = vec![dead().await, dead().await, dead().await];
        let connect = Connect::new().resolver(Book(addresses.clone()));
        let error = in_time(connect.connect("host:1")).await.expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let text = error.to_string();
        assert!(addresses.iter().all(|address| text.contains(&address.to_string())), "{text}");
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ConnectError>());
        let attempts = inner.expect("it says more").attempts();
        let tried: Vec<_> = attempts.iter().map(|(address, _)| *address).collect();
        assert_eq!(tried, addresses);
        assert!(attempts.iter().all(|(_, error)| error.kind() == ErrorKind::ConnectionRefused));
    });
}

#[test]
fn the_connection_that_loses_is_closed() {
    on_each(|| async {
        let ((one, address_one), (two, address_two)) = (listener().await, listener().await);
        let connect = Connect::new()
            .resolver(Book(vec![address_one, address_two]))
            .attempt_delay(Duration::ZERO);
        let winner = connect.connect("host:1").await.expect("both listen");
        let loser = if winner.peer_addr().expect("connected") == address_one { two } else { one };
        // It may have lost before it was begun.
        let accepted = filch::time::timeout(Duration::from_millis(5), loser.accept()).await;
        if let Ok(accepted) = accepted {
            let (mut stream, _) = accepted.expect("the listener lives");
            let read = in_time(stream.read(&mut [0])).await;
            assert!(!matches!(read, Ok(1..)), "{read:?}");
        }
    });
}

#[test]
fn a_connect_can_be_dropped_after_any_poll() {
    let (silent, _sockets) = silent();
    on_each(|| async {
        let (listener, address) = listener().await;
        for n_polls in 0..4 {
            let connect = Connect::new()
                .resolver(Book(vec![silent, silent, address]))
                .attempt_delay(Duration::from_millis(1));
            let mut connecting = Box::pin(connect.connect("host:1"));
            for _ in 0..n_polls {
                let _ = futures_lite::future::poll_once(&mut connecting).await;
                filch::time::sleep(Duration::from_millis(1)).await;
            }
            drop(connecting);
            let stream = in_time(connect.connect("host:1")).await.expect("one of them answers");
            drop(stream);
        }
        drop(listener);
    });
}

#[test]
fn sockets_are_set_up_before_they_connect() {
    on_each(|| async {
        let (_listener, address) = listener().await;
        let from = SocketAddr::from(([127, 0, 0, 2], 0));
        let connect = Connect::new().prepare(move |socket: &TcpSocket| {
            socket.set_nodelay(true)?;
            socket.bind(from)
        });
        let stream = connect.connect(address).await.expect("it listens");
        assert!(stream.nodelay().expect("an open stream"));
        assert_eq!(stream.local_addr().expect("connected").ip(), from.ip());

        let refusing = Connect::new().prepare(|_| Err(Error::other("not today")));
        let error = refusing.connect(address).await.expect_err("it was refused here");
        assert!(error.to_string().contains("not today"), "{error}");
    });
}

#[test]
fn another_resolver_finds_other_hosts() {
    on_each(|| async {
        let (_listener, address) = listener().await;
        let book = Book(vec![address]);
        let found: Vec<_> = lookup_host_with(&book, "host:1").await.expect("in the book").collect();
        assert_eq!(found, [address]);
        let error = Connect::new().resolver(&book).connect("nobody:1").await.expect_err("no one");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let numbers: Vec<_> =
            lookup_host_with(&book, "127.0.0.1:80").await.expect("no lookup").collect();
        assert_eq!(numbers, [SocketAddr::from(([127, 0, 0, 1], 80))]);
        let nowhere = Connect::new().resolver(Book(Vec::new())).connect("host:1").await;
        assert_eq!(nowhere.expect_err("no address").kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_host_is_connected_to_by_name() {
    on_each(|| async {
        let (_listener, address) = listener().await;
        // The name may stand for `::1` first, where nobody listens.
        let stream = net::connect(("localhost", address.port())).await.expect("it listens");
        assert_eq!(stream.peer_addr().expect("connected"), address);
    });
}
