//! tokio's traits on sockets.

use crate::tools::on_each_flavor;
use filch::net::{TcpListener, TcpStream, UnixStream};
use filch::spawn;
use filch::tokio_io::{AsyncRead, AsyncWrite, ReadBuf};
use std::future::poll_fn;
use std::io::Result;
use std::mem::MaybeUninit;
use std::pin::Pin;

/// Reads to the end by tokio's trait alone, into memory that nobody initialized.
async fn read_to_end(mut reader: impl AsyncRead + Unpin) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut memory = [const { MaybeUninit::uninit() }; 3000];
    loop {
        let mut buf = ReadBuf::uninit(&mut memory);
        poll_fn(|cx| Pin::new(&mut reader).poll_read(cx, &mut buf)).await?;
        if buf.filled().is_empty() {
            return Ok(all);
        }
        all.extend_from_slice(buf.filled());
    }
}

/// Writes all and shuts down, by tokio's trait alone.
async fn write_and_end(mut writer: impl AsyncWrite + Unpin, bytes: &[u8]) -> Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let n = poll_fn(|cx| Pin::new(&mut writer).poll_write(cx, rest)).await?;
        rest = &rest[n..];
    }
    poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx)).await?;
    poll_fn(|cx| Pin::new(&mut writer).poll_shutdown(cx)).await
}

async fn passes<W, R>(writer: W, reader: R) -> Result<()>
where
    W: AsyncWrite + Unpin + Send + 'static,
    R: AsyncRead + Unpin + Send + 'static,
{
    let content: Vec<u8> = (0..=255).cycle().take(500_000).collect();
    let sent = content.clone();
    let writing = spawn(async move { write_and_end(writer, &sent).await });
    assert!(read_to_end(reader).await? == content);
    writing.await.expect("it does not panic")
}

async fn tcp_pair() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (near, far) = filch::try_join!(TcpStream::connect(address), listener.accept())?;
    Ok((near, far.0))
}

#[test]
fn sockets_and_their_halves_pass_all() {
    on_each_flavor(|runtime| {
        runtime
            .block_on(async {
                let (near, far) = tcp_pair().await?;
                passes(near, far).await?;
                let (near, far) = tcp_pair().await?;
                let ((_read, near), (far, _write)) = (near.into_split(), far.into_split());
                passes(near, far).await?;
                let (near, far) = tcp_pair().await?;
                let (_read, near) = filch::io::split(near);
                passes(near, filch::io::BufReader::new(far)).await?;
                let (near, far) = UnixStream::pair()?;
                passes(filch::io::BufWriter::new(near), far).await
            })
            .expect("sockets work");
    });
}

#[test]
fn a_read_that_waits_adds_nothing() {
    on_each_flavor(|runtime| {
        runtime
            .block_on(async {
                let (near, mut far) = UnixStream::pair()?;
                let writing = spawn(async move {
                    for _ in 0..100 {
                        filch::task::yield_now().await;
                        poll_fn(|cx| Pin::new(&mut far).poll_write(cx, b"x")).await?;
                    }
                    Result::Ok(())
                });
                assert_eq!(read_to_end(near).await?, [b'x'; 100]);
                writing.await.expect("it does not panic")
            })
            .expect("sockets work");
    });
}
