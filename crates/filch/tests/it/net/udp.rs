//! UDP.

use super::{in_time, on_each};
use filch::net::UdpSocket;
use std::io::ErrorKind;
use std::time::Duration;

async fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.expect("loopback has free ports")
}

#[test]
fn datagrams_arrive_whole_and_with_their_sender() {
    on_each(|| async {
        let (a, b) = (socket().await, socket().await);
        let (address_a, address_b) =
            (a.local_addr().expect("bound"), b.local_addr().expect("bound"));
        let receiving = filch::spawn(async move {
            let mut buf = [0; 100];
            let (peeked, _) = b.peek_from(&mut buf).await.expect("one comes");
            let (n, sender) = b.recv_from(&mut buf).await.expect("it is still there");
            assert_eq!(peeked, n);
            b.send_to(&buf[..n], sender).await.expect("there is room");
            sender
        });
        a.send_to(b"hello", address_b).await.expect("there is room");
        assert_eq!(in_time(receiving).await.expect("no panic"), address_a);
        let mut buf = [0; 3];
        let n = a.recv(&mut buf).await.expect("the answer");
        assert_eq!((n, &buf), (3, b"hel"), "what does not fit is lost");
        assert_eq!(a.try_recv(&mut buf).expect_err("no more").kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn a_connected_socket_sends_and_receives() {
    on_each(|| async {
        let (a, b) = (socket().await, socket().await);
        a.connect(b.local_addr().expect("bound")).await.expect("an address");
        b.connect(a.local_addr().expect("bound")).await.expect("an address");
        assert_eq!(a.peer_addr().expect("connected"), b.local_addr().expect("bound"));
        a.send(b"x").await.expect("there is room");
        let mut buf = [0; 2];
        assert_eq!(b.recv(&mut buf).await.expect("it comes"), 1);
    });
}

#[test]
fn after_a_refusal_the_socket_waits_again() {
    on_each(|| async {
        let (a, gone) = (socket().await, socket().await);
        a.connect(gone.local_addr().expect("bound")).await.expect("an address");
        drop(gone);
        let mut buf = [0; 1];
        // Registered first, so that the refusal arrives as an event.
        assert!(filch::time::timeout(Duration::from_millis(1), a.recv(&mut buf)).await.is_err());
        a.send(b"x").await.expect("the refusal comes later");
        let error = in_time(a.recv(&mut buf)).await.expect_err("nobody is there");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let waiting = filch::time::timeout(Duration::from_millis(5), a.recv(&mut buf)).await;
        assert!(waiting.is_err(), "the error was fetched, so there is nothing to report");
    });
}

#[test]
fn many_tasks_receive_from_one_socket() {
    on_each(|| async {
        let receiver = std::sync::Arc::new(socket().await);
        let address = receiver.local_addr().expect("bound");
        let receiving: Vec<_> = (0..4)
            .map(|_| {
                let receiver = std::sync::Arc::clone(&receiver);
                filch::spawn(async move { receiver.recv(&mut [0; 1]).await })
            })
            .collect();
        let sender = socket().await;
        for _ in 0..4 {
            sender.send_to(b"x", address).await.expect("there is room");
        }
        for one in receiving {
            assert_eq!(in_time(one).await.expect("no panic").expect("one each"), 1);
        }
    });
}

#[test]
fn peeking_and_asking_for_the_sender_take_nothing_away() {
    on_each(|| async {
        let (a, b) = (socket().await, socket().await);
        let address_a = a.local_addr().expect("bound");
        b.connect(address_a).await.expect("an address");
        assert_eq!(b.try_peek_sender().expect_err("none").kind(), ErrorKind::WouldBlock);
        a.send_to(b"hello", b.local_addr().expect("bound")).await.expect("there is room");
        assert_eq!(in_time(b.peek_sender()).await.expect("one comes"), address_a);
        assert_eq!(b.try_peek_sender().expect("it is still there"), address_a);
        let mut buf = [0; 9];
        assert_eq!(b.peek(&mut buf).await.expect("it is still there"), 5);
        assert_eq!(b.try_peek(&mut buf).expect("it is still there"), 5);
        assert_eq!(b.try_peek_from(&mut buf).expect("it is still there"), (5, address_a));
        let mut all = b">".to_vec();
        assert_eq!(b.recv_buf(&mut all).await.expect("it is still there"), 5);
        assert_eq!(all, b">hello");
        assert_eq!(b.try_recv_buf(&mut all).expect_err("none").kind(), ErrorKind::WouldBlock);
        assert_eq!(all, b">hello");
    });
}

#[test]
fn socket_options_are_kept() {
    on_each(|| async {
        let socket = socket().await;
        socket.set_tos_v4(16).expect("an open socket");
        assert_eq!(socket.tos_v4().expect("an open socket"), 16);
        assert_eq!(socket.device().expect("an open socket"), None);
        socket.set_multicast_ttl_v4(3).expect("an open socket");
        assert_eq!(socket.multicast_ttl_v4().expect("an open socket"), 3);
        let group = std::net::Ipv4Addr::new(239, 1, 2, 3);
        let interface = std::net::Ipv4Addr::LOCALHOST;
        socket.join_multicast_v4(group, interface).expect("loopback has multicast");
        socket.leave_multicast_v4(group, interface).expect("it is a member");
        if let Ok(six) = UdpSocket::bind("[::1]:0").await {
            six.set_tclass_v6(32).expect("an open socket");
            assert_eq!(six.tclass_v6().expect("an open socket"), 32);
        }
    });
}
