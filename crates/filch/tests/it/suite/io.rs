//! Sockets: one peer is served by what the other one runs on.

use super::Cell;
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use filch::sync::oneshot;
use filch::task::{JoinSet, yield_now};
use filch::time::{Duration, Instant, timeout};
use filch::{spawn, to_thread};
use std::io::{ErrorKind, Result, Write};

/// Sends back what comes, until the peer is done.
async fn echo(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin) -> Result<()> {
    let mut buffer = [0; 512];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..n]).await?;
    }
}

/// Asks so many times, with longer and longer questions.
async fn ask(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, n_times: usize) -> Result<()> {
    for n in 1..=n_times {
        let question = vec![n as u8; n * 37 % 1000 + 1];
        stream.write_all(&question).await?;
        let mut answer = vec![0; question.len()];
        stream.read_exact(&mut answer).await?;
        assert_eq!(answer, question);
    }
    Ok(())
}

async fn tcp_pair() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (client, server) = filch::join!(TcpStream::connect(address), listener.accept());
    let (client, (server, _)) = (client?, server?);
    // Why: an answer in two parts would wait for the other side's delayed acknowledgment.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok((client, server))
}

pub(super) fn tcp_echoes(cell: Cell) {
    cell.run(async {
        let (client, server) = tcp_pair().await?;
        let server = spawn(echo(server));
        ask(client, 50).await?;
        server.await.expect("it does not panic")
    })
    .expect("loopback works");
}

pub(super) fn unix_sockets_echo(cell: Cell) {
    cell.run(async {
        let (client, server) = UnixStream::pair()?;
        let server = spawn(echo(server));
        spawn(ask(client, 50)).await.expect("it does not panic")?;
        server.await.expect("it does not panic")
    })
    .expect("pairs work");
}

pub(super) fn udp_answers(cell: Cell) {
    cell.run(async {
        let (one, two) =
            (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
        let (at_one, at_two) = (one.local_addr()?, two.local_addr()?);
        let answering = spawn(async move {
            let mut buffer = [0; 16];
            let (n, from) = two.recv_from(&mut buffer).await?;
            two.send_to(&buffer[..n], from).await
        });
        one.send_to(b"datagram", at_two).await?;
        let mut buffer = [0; 16];
        let (n, from) = one.recv_from(&mut buffer).await?;
        assert_eq!((&buffer[..n], from), (&b"datagram"[..], at_two));
        assert_eq!(answering.await.expect("it does not panic")?, 8);
        assert_ne!(at_one, at_two);
        Result::Ok(())
    })
    .expect("loopback works");
}

pub(super) fn fifty_connections_echo_at_once(cell: Cell) {
    cell.run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("there are descriptors");
                spawn(echo(stream));
            }
        });
        let mut clients = JoinSet::new();
        for _ in 0..50 {
            clients.spawn(async move { ask(TcpStream::connect(address).await?, 20).await });
        }
        for answered in clients.join_all().await {
            answered?;
        }
        server.abort();
        Result::Ok(())
    })
    .expect("loopback works");
}

pub(super) fn a_read_waits_for_its_bytes(cell: Cell) {
    cell.run(async {
        let (mut one, mut two) = UnixStream::pair()?;
        let begin = Instant::now();
        for n in 0..50 {
            let reading = spawn(async move {
                let byte = one.read_u8().await;
                (one, byte)
            });
            for _ in 0..n % 3 {
                yield_now().await;
            }
            two.write_all(&[n]).await?;
            let (back, byte) = reading.await.expect("it does not panic");
            assert_eq!(byte?, n);
            one = back;
        }
        assert!(!cell.is_virtual() || begin.elapsed().is_zero(), "nobody slept");
        Result::Ok(())
    })
    .expect("pairs work");
}

pub(super) fn a_closed_connection_reads_as_its_end(cell: Cell) {
    cell.run(async {
        let (mut client, server) = tcp_pair().await?;
        let closing = spawn(async move {
            yield_now().await;
            drop(server);
        });
        let error = client.read_u8().await.expect_err("nothing was sent");
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        closing.await.expect("it does not panic");
        Result::Ok(())
    })
    .expect("loopback works");
}

pub(super) fn a_read_may_be_given_up(cell: Cell) {
    cell.run(async {
        let (mut one, mut two) = UnixStream::pair()?;
        let begin = Instant::now();
        let patience = Duration::from_millis(5);
        timeout(patience, one.read_u8()).await.expect_err("nothing was sent");
        assert!(begin.elapsed() >= patience);
        two.write_all(b"x").await?;
        assert_eq!(one.read_u8().await?, b'x', "what comes later is not lost");
        Result::Ok(())
    })
    .expect("pairs work");
}

pub(super) fn a_foreign_thread_writes_to_a_task(cell: Cell) {
    cell.run(async {
        let (mut here, there) = UnixStream::pair()?;
        let mut there = there.into_std()?;
        there.set_nonblocking(false)?;
        let (go, may_go) = oneshot::channel();
        let writing = to_thread(move || {
            may_go.blocking_recv().expect("it is let go");
            there.write_all(b"from afar")
        });
        let reading = async {
            let mut buffer = [0; 9];
            go.send(()).expect("the thread waits");
            here.read_exact(&mut buffer).await?;
            Result::Ok(buffer)
        };
        let (wrote, read) = filch::join!(writing, reading);
        wrote?;
        assert_eq!(&read?, b"from afar");
        Result::Ok(())
    })
    .expect("pairs work");
}
