//! Frames, separated parts and proxies over sockets.

use crate::tools::on_each_flavor;
use filch::io::codec::{DelimiterCodec, Framed, FramedRead, FramedWrite, LengthDelimitedCodec};
use filch::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional, simplex,
};
use filch::net::{TcpListener, TcpStream};
use filch::spawn;
use filch::task::JoinSet;
use filch::time::{Duration, timeout};
use std::io::{Error, Result};
use std::net::SocketAddr;

async fn listener() -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn pair() -> Result<(TcpStream, TcpStream)> {
    let (listener, address) = listener().await?;
    let (near, far) = filch::try_join!(TcpStream::connect(address), listener.accept())?;
    Ok((near, far.0))
}

#[test]
fn frames_of_many_clients_arrive_whole() {
    on_each_flavor(|runtime| {
        runtime
            .block_on(async {
                let (listener, address) = listener().await?;
                let serving = spawn(async move {
                    loop {
                        let (stream, _) = listener.accept().await.expect("there are descriptors");
                        spawn(async move {
                            let mut frames = Framed::new(stream, LengthDelimitedCodec::new());
                            while let Some(frame) = frames.next().await {
                                frames.send(frame?).await?;
                            }
                            Result::Ok(())
                        });
                    }
                });
                let mut clients: JoinSet<Result<()>> = JoinSet::new();
                for client in 0..8_u8 {
                    clients.spawn(async move {
                        let stream = TcpStream::connect(address).await?;
                        let mut frames = LengthDelimitedCodec::builder().new_framed(stream);
                        for n in 0..30_usize {
                            let frame = vec![client; n * 701];
                            frames.send(&frame).await?;
                            assert_eq!(frames.next().await.expect("an answer")?, frame);
                        }
                        frames.close().await?;
                        assert!(frames.next().await.is_none());
                        Ok(())
                    });
                }
                for result in clients.join_all().await {
                    result?;
                }
                serving.abort();
                Result::Ok(())
            })
            .expect("loopback works");
    });
}

#[test]
fn a_reader_and_a_writer_of_frames_work_in_two_tasks() {
    on_each_flavor(|runtime| {
        runtime
            .block_on(async {
                let (near, far) = pair().await?;
                let ((_reading, near), (far, _writing)) = (near.into_split(), far.into_split());
                let sending = spawn(async move {
                    let mut parts = FramedWrite::new(near, DelimiterCodec::new("--"));
                    for n in 0..2000 {
                        parts.feed(n.to_string()).await.map_err(Error::other)?;
                    }
                    parts.close().await
                });
                let mut parts = FramedRead::new(far, DelimiterCodec::new("--"));
                for n in 0..2000 {
                    let part = parts.next().await.expect("all come").map_err(Error::other)?;
                    assert_eq!(part, n.to_string().as_bytes());
                }
                assert!(parts.next().await.is_none());
                sending.await.expect("it does not panic")
            })
            .expect("loopback works");
    });
}

#[test]
fn a_frame_that_is_waited_for_may_be_given_up() {
    filch::run(async {
        let (near, mut far) = pair().await?;
        let mut frames = Framed::new(near, LengthDelimitedCodec::new());
        far.write_all(b"\0\0\0\x05he").await?;
        timeout(Duration::from_millis(10), frames.next()).await.expect_err("it is not complete");
        far.write_all(b"llo").await?;
        assert_eq!(frames.next().await.expect("a frame")?, b"hello");
        Result::Ok(())
    })
    .expect("loopback works");
}

#[test]
fn parts_are_read_up_to_any_separator() {
    on_each_flavor(|runtime| {
        runtime
            .block_on(async {
                let (near, mut far) = pair().await?;
                let writing = spawn(async move {
                    for piece in ["GET / HT", "TP/1.1\r", "\nHost: x\n", "\r", "\nrest"] {
                        far.write_all(piece.as_bytes()).await?;
                        filch::task::yield_now().await;
                    }
                    far.shutdown().await
                });
                let mut reader = BufReader::new(near);
                let mut parts = Vec::new();
                loop {
                    let mut part = Vec::new();
                    if reader.read_until_any(&[b"\r\n", b"\n"], &mut part).await? == 0 {
                        break;
                    }
                    parts.push(String::from_utf8(part).expect("text"));
                }
                assert_eq!(parts, ["GET / HTTP/1.1\r\n", "Host: x\n", "\r\n", "rest"]);
                writing.await.expect("it does not panic")
            })
            .expect("loopback works");
    });
}

#[test]
fn a_proxy_hands_on_each_end_by_itself() {
    on_each_flavor(|runtime| {
        runtime
            .block_on(async {
                let ((mut client, mut near), (mut far, mut server)) =
                    filch::try_join!(pair(), pair())?;
                let proxy = spawn(async move { copy_bidirectional(&mut near, &mut far).await });
                let serving = spawn(async move {
                    let mut request = Vec::new();
                    server.read_to_end(&mut request).await?;
                    server.write_all(&request.repeat(2)).await?;
                    server.shutdown().await
                });
                client.write_all(&[5; 100_000]).await?;
                client.shutdown().await?;
                let mut answer = Vec::new();
                client.read_to_end(&mut answer).await?;
                assert!(answer == vec![5; 200_000]);
                serving.await.expect("it does not panic")?;
                assert_eq!(proxy.await.expect("it does not panic")?, (100_000, 200_000));
                Result::Ok(())
            })
            .expect("loopback works");
    });
}

#[test]
fn a_simplex_passes_all_between_two_tasks() {
    on_each_flavor(|runtime| {
        runtime
            .block_on(async {
                let (mut read, mut write) = simplex(13);
                let writing = spawn(async move {
                    for n in 0..5000_u32 {
                        write.write_u32(n).await?;
                    }
                    Result::Ok(())
                });
                for n in 0..5000 {
                    assert_eq!(read.read_u32().await?, n);
                }
                assert_eq!(read.read(&mut [0]).await?, 0, "the writer is gone");
                writing.await.expect("it does not panic")
            })
            .expect("memory does not fail");
    });
}
