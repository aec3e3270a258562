//! TLS: the handshake and its failures, the end of a stream, and streams that become TLS on the way.

use crate::drivers::in_time;
use crate::tools::{Hand, current_thread, on_each_flavor};
use filch::io::codec::{Framed, LinesCodec};
use filch::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufStream,
    DuplexStream, copy, duplex, split,
};
use filch::net::{ConnectError, TcpListener, TcpStream};
use filch::spawn;
use filch::time::{Duration, timeout};
use filch::tls::pki_types::pem::PemObject;
use filch::tls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use filch::tls::rustls::{self, ClientConfig, RootCertStore, ServerConfig};
use filch::tls::{self, TlsAcceptor, TlsConnector, TlsStream};
use std::io::{ErrorKind, Result};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

const AUTHORITY: &[u8] = include_bytes!("../shared/tls/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("../shared/tls/cert.pem");
const KEY: &[u8] = include_bytes!("../shared/tls/key.pem");

fn acceptor() -> TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_slice(CERTIFICATE).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("the key is the certificate's");
    config.alpn_protocols = vec![b"echo".to_vec()];
    Arc::new(config).into()
}

/// A client that trusts the authority of the test, or nobody.
fn connector(trusts: bool) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    if trusts {
        roots
            .add(CertificateDer::from_pem_slice(AUTHORITY).expect("a certificate"))
            .expect("an authority");
    }
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"echo".to_vec()];
    Arc::new(config).into()
}

fn localhost() -> ServerName<'static> {
    "localhost".try_into().expect("a name")
}

/// Two ends that have agreed, over `near` and `far`.
async fn agreed<S>(near: S, far: S) -> Result<(TlsStream<S>, TlsStream<S>)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (connector, acceptor) = (connector(true), acceptor());
    filch::try_join!(connector.connect(localhost(), near), acceptor.accept(far))
}

/// Sends back what comes, and then the end.
async fn echo(stream: impl AsyncRead + AsyncWrite) -> Result<()> {
    let (mut read, mut write) = split(stream);
    copy(&mut read, &mut write).await?;
    write.shutdown().await
}

#[test]
fn an_echo_over_tcp_arrives_whole_and_ends_orderly() {
    on_each_flavor(|runtime| {
        runtime
            .block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                let port = listener.local_addr()?.port();
                let serving = spawn(async move {
                    let (stream, _) = listener.accept().await?;
                    let stream = acceptor().accept(stream).await?;
                    assert_eq!(stream.server_name(), Some("localhost"));
                    echo(stream).await
                });
                let stream = tls::connect(&connector(true), "localhost", port).await?;
                assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"echo"[..]));
                let content: Vec<u8> = (0..=255).cycle().take(300_000).collect();
                let (mut read, mut write) = split(stream);
                let sent = content.clone();
                let writing = spawn(async move {
                    write.write_all(&sent).await?;
                    write.shutdown().await
                });
                let mut back = Vec::new();
                read.read_to_end(&mut back).await?;
                assert!(back == content);
                writing.await.expect("it does not panic")?;
                serving.await.expect("it does not panic")
            })
            .expect("loopback works");
    });
}

#[test]
fn an_address_is_a_name_too() {
    current_thread()
        .block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let port = listener.local_addr()?.port();
            let serving = spawn(async move {
                let (stream, _) = listener.accept().await?;
                acceptor().accept(stream).await.map(drop)
            });
            let stream = tls::connect(&connector(true), "127.0.0.1", port).await?;
            serving.await.expect("it does not panic")?;
            drop(stream);
            Result::Ok(())
        })
        .expect("loopback works");
}

#[test]
fn a_stream_that_is_cut_is_an_error() {
    filch::run(async {
        let (near, far) = duplex(100_000);
        let (client, mut server) = agreed(near, far).await?;
        server.write_all(b"half").await?;
        server.flush().await?;
        drop(server); // Without a word.
        let mut client = client;
        let mut all = Vec::new();
        let error = client.read_to_end(&mut all).await.unwrap_err();
        assert_eq!((error.kind(), all.as_slice()), (ErrorKind::UnexpectedEof, &b"half"[..]));
        let again = client.read(&mut [0]).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::UnexpectedEof);
        Result::Ok(())
    })
    .expect("memory does not fail");
}

#[test]
fn a_shutdown_ends_one_direction_only() {
    filch::run(async {
        let (near, far) = duplex(100_000);
        let (mut client, mut server) = agreed(near, far).await?;
        client.write_all(b"last words").await?;
        client.shutdown().await?;
        client.shutdown().await?;
        let error = client.write(b"more").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);

        let mut request = String::new();
        server.read_to_string(&mut request).await?;
        assert_eq!(request, "last words");
        assert_eq!(server.read(&mut [0]).await?, 0, "the end stays");
        server.write_all(b"answer").await?;
        server.shutdown().await?;
        let mut answer = String::new();
        client.read_to_string(&mut answer).await?;
        assert_eq!(answer, "answer");
        Result::Ok(())
    })
    .expect("memory does not fail");
}

#[test]
fn a_read_into_nothing_is_no_end() {
    filch::run(async {
        let (near, far) = duplex(100_000);
        let (mut client, mut server) = agreed(near, far).await?;
        server.write_all(b"x").await?;
        server.flush().await?;
        assert_eq!(client.read(&mut []).await?, 0);
        assert_eq!(client.read_u8().await?, b'x');
        Result::Ok(())
    })
    .expect("memory does not fail");
}

#[test]
fn a_certificate_of_a_stranger_is_refused_on_both_sides() {
    filch::run(async {
        let (near, far) = duplex(100_000);
        let (connector, acceptor) = (connector(false), acceptor());
        let serving = spawn(async move {
            let mut stream = acceptor.accept(far).await?;
            stream.read(&mut [0]).await
        });
        let error = connector.connect(localhost(), near).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        assert_eq!(
            cause,
            Some(&rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer))
        );
        let error = serving.await.expect("it does not panic").unwrap_err();
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        assert!(matches!(cause, Some(rustls::Error::AlertReceived(_))), "{error}");
    });
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    filch::run(async {
        let (near, far) = duplex(100_000);
        let (connector, acceptor) = (connector(true), acceptor());
        let accepting = spawn(async move { acceptor.accept(far).await.map(drop) });
        let error = tls::start_tls(&connector, "example.com", near).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.to_string().contains("not valid for name"), "{error}");
        let _ = accepting.await.expect("it does not panic");
    });
}

#[test]
fn what_cannot_be_a_name_is_refused_before_anything_is_sent() {
    filch::run(async {
        for host in ["", "two words", "-"] {
            let error = tls::connect(&connector(true), host, 1).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{host}");
        }
    });
}

#[test]
fn a_host_where_nobody_listens_is_an_error_with_each_address() {
    filch::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        drop(listener);
        let error = tls::connect(&connector(true), "127.0.0.1", address.port()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let reasons = error.get_ref().and_then(|error| error.downcast_ref::<ConnectError>());
        let tried: Vec<_> = reasons.expect("it tells them").attempts().iter().collect();
        assert!(matches!(tried[..], [(tried, _)] if *tried == address), "{tried:?}");
        Result::Ok(())
    })
    .expect("loopback works");
}

#[test]
fn a_peer_that_talks_something_else_is_an_error() {
    filch::run(async {
        let (near, mut far) = duplex(100_000);
        let accepting = spawn(async move { acceptor().accept(near).await.map(drop) });
        far.write_all(b"GET / HTTP/1.1\r\n\r\n").await?;
        let error = accepting.await.expect("it does not panic").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);

        let (near, far) = duplex(100_000);
        drop(far);
        let error = connector(true).connect(localhost(), near).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe));
        Result::Ok(())
    })
    .expect("memory does not fail");
}

#[test]
fn the_peer_of_a_buffered_stream_is_told_why_it_is_refused() {
    filch::run(async {
        let (near, far) = duplex(100_000);
        let accepting = spawn(async move { acceptor().accept(far).await.map(drop) });
        let client = connector(false).connect(localhost(), BufStream::new(near));
        assert_eq!(client.await.unwrap_err().kind(), ErrorKind::InvalidData);
        let error = accepting.await.expect("it does not panic").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    });
}

#[test]
fn a_refusal_does_not_wait_for_a_peer_that_does_not_read() {
    filch::run(async {
        let (near, mut far) = duplex(100);
        far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("there is room");
        let client = connector(true).connect(localhost(), BufStream::new(near));
        assert_eq!(in_time(client).await.unwrap_err().kind(), ErrorKind::InvalidData);
        drop(far);
    });
}

#[test]
fn a_handshake_goes_on_with_a_flush_that_had_to_wait() {
    filch::run(async {
        let (near, far) = duplex(100);
        let serving =
            spawn(async move { echo(acceptor().accept(BufStream::new(far)).await?).await });
        let mut client =
            in_time(connector(true).connect(localhost(), BufStream::new(near))).await?;
        client.write_all(b"x").await?;
        client.shutdown().await?;
        let mut back = Vec::new();
        in_time(client.read_to_end(&mut back)).await?;
        assert_eq!(back, b"x");
        serving.await.expect("it does not panic")
    })
    .expect("memory does not fail");
}

#[test]
fn a_read_leaves_a_flush_to_its_writer() {
    filch::run(async {
        let (near, far) = duplex(4096);
        let (client, mut server) = agreed(BufStream::new(near), BufStream::new(far)).await?;
        let (mut read, mut write) = split(client);
        write.write_all(&[7; 5000]).await?;
        let (reader, writer) = (Hand::default(), Hand::default());
        assert!(writer.poll(&mut write.flush()).is_pending(), "there is no room");
        let mut byte = [0];
        assert!(reader.poll(&mut read.read(&mut byte)).is_pending(), "nothing has come");
        server.get_mut().0.read_exact(&mut [0; 4096]).await?;
        assert_eq!(writer.wakes(), 1);
        Result::Ok(())
    })
    .expect("memory does not fail");
}

#[test]
fn a_plain_stream_becomes_tls() {
    on_each_flavor(|runtime| {
        runtime
            .block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                let address = listener.local_addr()?;
                let serving = spawn(async move {
                    let (stream, _) = listener.accept().await?;
                    let mut plain = BufReader::new(stream);
                    plain.write_all(b"220 ready\r\n").await?;
                    let mut line = String::new();
                    plain.read_line(&mut line).await?;
                    assert_eq!(line, "STARTTLS\r\n");
                    plain.write_all(b"220 go ahead\r\n").await?;
                    let mut lines = Framed::new(acceptor().accept(plain).await?, LinesCodec::new());
                    while let Some(line) = lines.next().await {
                        let line = line.map_err(std::io::Error::other)?;
                        lines.send(line.to_uppercase()).await.map_err(std::io::Error::other)?;
                    }
                    lines.close().await
                });
                let mut plain = BufReader::new(TcpStream::connect(address).await?);
                let mut line = String::new();
                plain.read_line(&mut line).await?;
                plain.write_all(b"STARTTLS\r\n").await?;
                plain.read_line(&mut line).await?;
                assert_eq!(line, "220 ready\r\n220 go ahead\r\n");
                assert_eq!(plain.buffer(), b"", "nobody slipped in anything");
                let stream = tls::start_tls(&connector(true), "localhost", plain).await?;
                let mut lines = Framed::new(stream, LinesCodec::new());
                lines.send("secret").await.map_err(std::io::Error::other)?;
                let answer = lines.next().await.expect("an answer");
                assert_eq!(answer.map_err(std::io::Error::other)?, "SECRET");
                lines.close().await?;
                assert!(lines.next().await.is_none());
                serving.await.expect("it does not panic")
            })
            .expect("loopback works");
    });
}

#[test]
fn a_client_that_says_nothing_may_be_given_up() {
    filch::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut silent = TcpStream::connect(listener.local_addr()?).await?;
        let (stream, _) = listener.accept().await?;
        let acceptor = acceptor();
        let accepting = timeout(Duration::from_millis(20), acceptor.accept(stream));
        accepting.await.expect_err("nobody speaks");
        assert_eq!(silent.read(&mut [0]).await?, 0, "the connection is closed");
        Result::Ok(())
    })
    .expect("loopback works");
}

#[test]
fn a_handshake_may_be_dropped_after_each_poll() {
    let mut done = false;
    for n in 0.. {
        let (near, far) = duplex(700);
        let (connector, acceptor) = (connector(true), acceptor());
        let mut connecting = Some(Box::pin(connector.connect(localhost(), near)));
        let mut accepting = pin!(acceptor.accept(far));
        let hand = Hand::default();
        let mut server = None;
        for _ in 0..n {
            let Some(connect) = &mut connecting else { break };
            if hand.poll(connect).is_ready() {
                done = true;
                break;
            }
            if server.is_none() {
                if let Poll::Ready(result) = hand.poll(&mut accepting) {
                    server = Some(result);
                }
            }
        }
        connecting.take(); // The client goes away, in the handshake or after it.
        let ended = filch::block_on(async {
            match server {
                Some(result) => result,
                None => accepting.await,
            }
        });
        match ended {
            // The server could not know yet, but its next read does.
            Ok(mut stream) => {
                let error = filch::block_on(stream.read(&mut [0])).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "dropped after poll {n}");
            }
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe),
                "dropped after poll {n}: {error}"
            ),
        }
        if done {
            break;
        }
    }
    assert!(done, "the last round is a whole handshake");
}

/// A stream that moves a single byte at a time, waits before each, and is interrupted now and then.
struct Hard(DuplexStream, u32);

impl Hard {
    fn is_hard(&mut self, cx: &mut Context<'_>) -> Option<Poll<Result<usize>>> {
        self.1 = self.1.wrapping_add(1);
        match self.1 % 5 {
            0 => {
                cx.waker().wake_by_ref();
                Some(Poll::Pending)
            }
            1 => Some(Poll::Ready(Err(ErrorKind::Interrupted.into()))),
            _ => None,
        }
    }
}

impl AsyncRead for Hard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        let end = buf.len().min(1);
        match self.is_hard(cx) {
            Some(answer) => answer,
            None => Pin::new(&mut self.0).poll_read(cx, &mut buf[..end]),
        }
    }
}

impl AsyncWrite for Hard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        let end = buf.len().min(1);
        match self.is_hard(cx) {
            Some(answer) => answer,
            None => Pin::new(&mut self.0).poll_write(cx, &buf[..end]),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

#[test]
fn a_stream_of_single_bytes_and_interruptions_carries_tls() {
    filch::run(async {
        // Why not smaller: in a handshake neither side reads while it has something to send.
        let (near, far) = duplex(4096);
        let serving = spawn(async move { echo(acceptor().accept(Hard(far, 2)).await?).await });
        let client = connector(true).connect(localhost(), Hard(near, 0)).await?;
        let (mut read, mut write) = split(client);
        let writing = async {
            write.write_all(&[7; 5000]).await?;
            write.shutdown().await
        };
        let mut back = Vec::new();
        let (wrote, n) = filch::join!(writing, read.read_to_end(&mut back));
        wrote?;
        assert_eq!(n?, 5000);
        serving.await.expect("it does not panic")
    })
    .expect("memory does not fail");
}

/// A writer that takes nothing any more.
#[derive(Debug)]
struct Full(DuplexStream);

impl AsyncRead for Full {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Full {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<Result<usize>> {
        Poll::Ready(Ok(0))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_stream_that_takes_nothing_is_an_error() {
    filch::run(async {
        let (near, _far) = duplex(100);
        let error = connector(true).connect(localhost(), Full(near)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WriteZero);
    });
}
