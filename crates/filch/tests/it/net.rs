//! Sockets, descriptors and names, on every flavor with every stock driver.

mod async_fd;
mod async_object;
mod connect;
mod faults;
mod life;
mod limit;
mod names;
mod pipe;
mod serve;
mod streams;
mod tcp;
mod udp;
mod unix;

use crate::drivers::{in_time, on_each, runtimes};
use filch::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use futures_lite::future::poll_once;
use std::io::IoSliceMut;

/// Two connected TCP streams.
async fn tcp_pair() -> (filch::net::TcpStream, filch::net::TcpStream) {
    let listener =
        filch::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let address = listener.local_addr().expect("it is bound");
    let client = filch::spawn(async move { filch::net::TcpStream::connect(address).await });
    let (server, peer) = listener.accept().await.expect("a client connects");
    let client = client.await.expect("connecting does not panic").expect("the listener lives");
    assert_eq!(client.local_addr().expect("it is connected"), peer);
    (client, server)
}

/// Two connected TCP streams of which the first can send little that the second has not read.
async fn small_tcp_pair() -> (filch::net::TcpStream, filch::net::TcpStream) {
    let (near, far) = tcp_pair().await;
    socket2::SockRef::from(&near).set_send_buffer_size(32 * 1024).expect("an open stream");
    socket2::SockRef::from(&far).set_recv_buffer_size(32 * 1024).expect("an open stream");
    (near, far)
}

/// Reads into nothing, of which nothing is to be waited for.
async fn read_into_nothing(
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
) {
    assert!(poll_once(reader.read(&mut [0])).await.is_none(), "nothing has come");
    assert!(matches!(poll_once(reader.read(&mut [])).await, Some(Ok(0))));
    let mut no_room = [IoSliceMut::new(&mut [])];
    assert!(matches!(poll_once(reader.read_vectored(&mut no_room)).await, Some(Ok(0))));
    writer.write_all(b"x").await.expect("there is room");
    assert_eq!(reader.read_u8().await.expect("it comes"), b'x');
}
