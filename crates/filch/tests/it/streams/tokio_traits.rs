//! tokio's traits: which type has which, and what they do on streams of every kind.

use crate::tools::{Hand, on_each_flavor};
use filch::fs::File;
use filch::io::{
    BufReader, BufStream, BufWriter, Chain, DuplexStream, Empty, Join, ReadHalf, Repeat,
    SimplexStream, Sink, Take, WriteHalf,
};
use filch::net::unix::pipe;
use filch::net::{TcpListener, TcpStream, UnixStream, tcp, unix};
use filch::process::{ChildStderr, ChildStdin, ChildStdout};
use filch::spawn;
use filch::tokio_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf, TokioIo};
use std::future::poll_fn;
use std::io::{Error, ErrorKind, IoSlice, Result, SeekFrom};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};

/// Every type that tokio 1.54 gives these traits to and that filch has as well. It is enough that this compiles.
#[test]
fn what_has_a_trait_with_tokio_has_it_here() {
    fn reads<T: AsyncRead>() {}
    fn writes<T: AsyncWrite>() {}
    fn has_a_buffer<T: AsyncBufRead>() {}
    fn seeks<T: AsyncSeek>() {}

    reads::<File>();
    reads::<BufReader<TcpStream>>();
    reads::<BufStream<TcpStream>>();
    reads::<BufWriter<TcpStream>>();
    reads::<Chain<TcpStream, UnixStream>>();
    reads::<DuplexStream>();
    reads::<Empty>();
    reads::<Join<TcpStream, Sink>>();
    reads::<ReadHalf<TcpStream>>();
    reads::<Repeat>();
    reads::<SimplexStream>();
    reads::<filch::io::Stdin>();
    reads::<Take<TcpStream>>();
    reads::<tcp::OwnedReadHalf>();
    reads::<tcp::ReadHalf<'_>>();
    reads::<TcpStream>();
    reads::<unix::OwnedReadHalf>();
    reads::<unix::ReadHalf<'_>>();
    reads::<UnixStream>();
    reads::<pipe::Receiver>();
    reads::<ChildStdout>();
    reads::<ChildStderr>();

    writes::<File>();
    writes::<BufReader<TcpStream>>();
    writes::<BufStream<TcpStream>>();
    writes::<BufWriter<TcpStream>>();
    writes::<DuplexStream>();
    writes::<Empty>();
    writes::<Join<Empty, TcpStream>>();
    writes::<SimplexStream>();
    writes::<Sink>();
    writes::<filch::io::Stderr>();
    writes::<filch::io::Stdout>();
    writes::<WriteHalf<TcpStream>>();
    writes::<tcp::OwnedWriteHalf>();
    writes::<tcp::WriteHalf<'_>>();
    writes::<TcpStream>();
    writes::<unix::OwnedWriteHalf>();
    writes::<unix::WriteHalf<'_>>();
    writes::<UnixStream>();
    writes::<pipe::Sender>();
    writes::<ChildStdin>();

    has_a_buffer::<BufReader<TcpStream>>();
    has_a_buffer::<BufStream<TcpStream>>();
    has_a_buffer::<BufWriter<BufReader<TcpStream>>>();
    has_a_buffer::<Chain<BufReader<TcpStream>, Empty>>();
    has_a_buffer::<Empty>();
    has_a_buffer::<Join<BufReader<TcpStream>, Sink>>();
    has_a_buffer::<Take<BufReader<TcpStream>>>();

    // A seek has two calls, between which the wrapper keeps where it leads.
    seeks::<Empty>();
    seeks::<TokioIo<File>>();
    seeks::<TokioIo<BufReader<File>>>();
    seeks::<TokioIo<BufStream<File>>>();
    seeks::<TokioIo<BufWriter<File>>>();

    // In the other direction as well: what libraries of tokio's ask for beside the traits.
    fn is_sent<T: Send + Sync + Unpin + 'static>() {}
    is_sent::<TokioIo<File>>();
    is_sent::<TcpStream>();
    is_sent::<ChildStdin>();
    is_sent::<pipe::Sender>();
}

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

/// Reads once behind what `filled` says was there before.
async fn read(
    reader: &mut (impl AsyncRead + Unpin),
    filled: &[u8],
    room: usize,
) -> Result<Vec<u8>> {
    let mut memory = vec![MaybeUninit::uninit(); filled.len() + room];
    let mut buf = ReadBuf::uninit(&mut memory);
    buf.put_slice(filled);
    poll_fn(|cx| Pin::new(&mut *reader).poll_read(cx, &mut buf)).await?;
    assert_eq!(&buf.filled()[..filled.len()], filled, "what was there stays");
    assert!(buf.initialized().len() >= buf.filled().len());
    Ok(buf.filled()[filled.len()..].to_vec())
}

async fn write_parts(writer: &mut (impl AsyncWrite + Unpin), parts: &[&[u8]]) -> Result<usize> {
    let parts: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
    poll_fn(|cx| Pin::new(&mut *writer).poll_write_vectored(cx, &parts)).await
}

async fn flush(writer: &mut (impl AsyncWrite + Unpin)) -> Result<()> {
    poll_fn(|cx| Pin::new(&mut *writer).poll_flush(cx)).await
}

/// What ends the reader's input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Shutdown,
    Drop,
}

/// What holds for every pair of a writer and a reader.
async fn behaves<W, R>(mut writer: W, mut reader: R, end: End) -> Result<()>
where
    W: AsyncWrite + Unpin,
    R: AsyncRead + Unpin,
{
    // A read takes what there is, up to its room, and puts it behind what is there already.
    assert_eq!(poll_fn(|cx| Pin::new(&mut writer).poll_write(cx, b"hello")).await?, 5);
    flush(&mut writer).await?;
    assert_eq!(read(&mut reader, b"ab", 3).await?, b"hel");
    assert_eq!(read(&mut reader, b"", 100_000).await?, b"lo");

    // One that waits has put nothing there.
    let mut memory = [MaybeUninit::uninit(); 10];
    let mut buf = ReadBuf::uninit(&mut memory);
    let mut reading = Box::pin(poll_fn(|cx| Pin::new(&mut reader).poll_read(cx, &mut buf)));
    assert!(Hand::default().poll(&mut reading).is_pending());
    drop(reading);
    assert!(buf.filled().is_empty());

    // Several parts go out in one call where that is promised, and in order in any case.
    let parts: [&[u8]; 4] = [b"", b"one", b"", b"two"];
    let n_written = write_parts(&mut writer, &parts).await?;
    assert!(if writer.is_write_vectored() { n_written == 6 } else { (1..=6).contains(&n_written) });
    flush(&mut writer).await?;
    let mut received = Vec::new();
    while received.len() < n_written {
        received.extend(read(&mut reader, b"", 100).await?);
    }
    assert_eq!(received, b"onetwo"[..n_written]);

    // What is written last comes before the end, which comes again and again.
    assert_eq!(poll_fn(|cx| Pin::new(&mut writer).poll_write(cx, b"last")).await?, 4);
    flush(&mut writer).await?;
    poll_fn(|cx| Pin::new(&mut writer).poll_shutdown(cx)).await?;
    let writer = (end == End::Shutdown).then_some(writer);
    assert_eq!(read(&mut reader, b"", 100).await?, b"last");
    for _ in 0..2 {
        assert_eq!(read(&mut reader, b"ab", 100).await?, b"", "the end");
    }
    if let Some(mut writer) = writer {
        // One with a buffer learns of it when it hands on.
        let late = match poll_fn(|cx| Pin::new(&mut writer).poll_write(cx, b"late")).await {
            Ok(_) => flush(&mut writer).await,
            Err(error) => Err(error),
        };
        assert_eq!(late.expect_err("it was shut down").kind(), ErrorKind::BrokenPipe);
    }
    Ok(())
}

#[test]
fn streams_of_every_kind_read_write_and_end_alike() {
    on_each_flavor(|runtime| {
        let all = async {
            let (near, far) = tcp_pair().await?;
            behaves(near, far, End::Shutdown).await?;
            let (near, far) = tcp_pair().await?;
            let ((_read, near), (far, _write)) = (near.into_split(), far.into_split());
            behaves(near, far, End::Shutdown).await?;
            let (mut near, mut far) = tcp_pair().await?;
            let ((_read, near), (far, _write)) = (near.split(), far.split());
            behaves(near, far, End::Shutdown).await?;
            let (near, far) = tcp_pair().await?;
            let ((_read, near), (far, _write)) = (filch::io::split(near), filch::io::split(far));
            behaves(near, far, End::Shutdown).await?;

            let (near, far) = UnixStream::pair()?;
            behaves(near, far, End::Shutdown).await?;
            let (near, far) = UnixStream::pair()?;
            let ((_read, near), (far, _write)) = (near.into_split(), far.into_split());
            behaves(near, far, End::Shutdown).await?;
            let (mut near, mut far) = UnixStream::pair()?;
            let ((_read, near), (far, _write)) = (near.split(), far.split());
            behaves(near, far, End::Shutdown).await?;

            let (near, far) = pipe::pipe()?;
            behaves(near, far, End::Drop).await?;

            let (near, far) = filch::io::duplex(100);
            behaves(near, far, End::Shutdown).await?;
            let (far, near) = filch::io::simplex(100);
            behaves(near, far, End::Shutdown).await?;

            let (near, far) = UnixStream::pair()?;
            behaves(BufWriter::new(near), BufWriter::new(far), End::Shutdown).await?;
            let (near, far) = UnixStream::pair()?;
            behaves(BufStream::new(near), BufStream::new(far), End::Shutdown).await?;
            let (near, far) = UnixStream::pair()?;
            let far = filch::io::join(far, filch::io::sink());
            behaves(filch::io::join(filch::io::empty(), near), far, End::Shutdown).await?;
            let (near, far) = UnixStream::pair()?;
            behaves(TokioIo::new(near), TokioIo::new(far), End::Shutdown).await
        };
        runtime.block_on(Box::pin(all)).expect("sockets work");
    });
}

#[test]
fn what_a_buffered_writer_keeps_goes_out_by_flush_and_by_shutdown() {
    on_each_flavor(|runtime| {
        let both = async {
            let (near, mut far) = UnixStream::pair()?;
            let mut writer = BufWriter::new(near);
            write_parts(&mut writer, &[b"kept"]).await?;
            let mut byte = [0];
            let nothing = far.try_read(&mut byte).expect_err("it is in the buffer");
            assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
            flush(&mut writer).await?;
            assert_eq!(read(&mut far, b"", 100).await?, b"kept");
            write_parts(&mut writer, &[b"as ", b"well"]).await?;
            poll_fn(|cx| Pin::new(&mut writer).poll_shutdown(cx)).await?;
            assert_eq!(read_to_end(far).await?, b"as well");
            Result::Ok(())
        };
        runtime.block_on(both).expect("sockets work");
    });
}

#[test]
fn a_buffered_reader_shows_what_it_has_and_what_was_consumed_is_gone() {
    on_each_flavor(|runtime| {
        let reading = async {
            let (mut near, far) = UnixStream::pair()?;
            let mut reader = BufReader::new(far);
            write_parts(&mut near, &[b"line\nrest"]).await?;
            let shown =
                poll_fn(|cx| Pin::new(&mut reader).poll_fill_buf(cx).map_ok(<[u8]>::to_vec));
            assert_eq!(shown.await?, b"line\nrest");
            AsyncBufRead::consume(Pin::new(&mut reader), 5);
            assert_eq!(read(&mut reader, b"", 2).await?, b"re");
            drop(near);
            assert_eq!(read_to_end(&mut reader).await?, b"st");
            let shown =
                poll_fn(|cx| Pin::new(&mut reader).poll_fill_buf(cx).map_ok(<[u8]>::to_vec));
            assert_eq!(shown.await?, b"", "the end");
            Result::Ok(())
        };
        runtime.block_on(reading).expect("sockets work");
    });
}

async fn seek(file: &mut (impl AsyncSeek + Unpin), to: SeekFrom) -> Result<u64> {
    // As tokio's `seek` does: it waits for what may be under way, begins, and waits.
    poll_fn(|cx| Pin::new(&mut *file).poll_complete(cx)).await?;
    Pin::new(&mut *file).start_seek(to)?;
    poll_fn(|cx| Pin::new(&mut *file).poll_complete(cx)).await
}

/// What holds for a file, and for one with buffers.
async fn is_a_file(file: impl AsyncRead + AsyncWrite + AsyncSeek) -> Result<()> {
    let mut file = pin!(file);
    let written = write_parts(&mut file, &[b"hello, ", b"world"]).await?;
    if written < 12 {
        assert!(!file.is_write_vectored());
        write_parts(&mut file, &[&b"hello, world"[written..]]).await?;
    }
    flush(&mut file).await?;
    assert_eq!(read(&mut file, b"", 100).await?, b"", "the end");
    assert_eq!(seek(&mut file, SeekFrom::Start(7)).await?, 7);
    assert_eq!(read(&mut file, b"ab", 2).await?, b"wo");
    assert_eq!(seek(&mut file, SeekFrom::Current(-1)).await?, 8);
    assert_eq!(read(&mut file, b"", 100).await?, b"orld");
    assert_eq!(seek(&mut file, SeekFrom::End(-5)).await?, 7);
    assert_eq!(write_parts(&mut file, &[b"W"]).await?, 1);
    assert_eq!(seek(&mut file, SeekFrom::Start(0)).await?, 0);
    assert_eq!(read_to_end(&mut file).await?, b"hello, World");
    let error = seek(&mut file, SeekFrom::Current(-100)).await.expect_err("before the begin");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(seek(&mut file, SeekFrom::Current(0)).await?, 12, "it has not moved");
    assert_eq!(poll_fn(|cx| file.as_mut().poll_write(cx, b"!")).await?, 1);
    poll_fn(|cx| file.as_mut().poll_shutdown(cx)).await?;
    assert_eq!(seek(&mut file, SeekFrom::Start(0)).await?, 0);
    assert_eq!(read_to_end(&mut file).await?, b"hello, World!");
    Ok(())
}

#[test]
fn a_file_is_read_written_and_sought() {
    let path = std::env::temp_dir().join(format!("filch-tokio-traits-{}", std::process::id()));
    let create = async || {
        File::options().read(true).write(true).create(true).truncate(true).open(&path).await
    };
    on_each_flavor(|runtime| {
        let all = async {
            is_a_file(TokioIo::new(create().await?)).await?;
            is_a_file(TokioIo::new(BufStream::new(create().await?))).await?;
            is_a_file(TokioIo::new(BufReader::new(create().await?))).await?;
            is_a_file(TokioIo::new(BufWriter::new(create().await?))).await?;
            let mut file = create().await?;
            write_and_end(&mut file, b"through the file itself").await?;
            drop(file);
            assert_eq!(read_to_end(File::open(&path).await?).await?, b"through the file itself");
            Result::Ok(())
        };
        runtime.block_on(Box::pin(all)).expect("the folder can be written");
    });
    std::fs::remove_file(&path).expect("it is there");
}

#[test]
fn an_error_is_told_as_it_is() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let (mut near, far) = pipe::pipe().expect("there are descriptors");
            drop(far);
            let error = write_and_end(&mut near, b"to nobody").await.expect_err("nobody reads");
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            let script =
                || filch::io::mock::Builder::new().read_error(Error::other("as told")).build();
            let error = read_to_end(script()).await.expect_err("the script says so");
            assert_eq!(error.to_string(), "as told");
        });
    });
}

#[test]
fn streams_without_content_behave() {
    on_each_flavor(|runtime| {
        let all = async {
            assert_eq!(read(&mut filch::io::empty(), b"ab", 10).await?, b"");
            assert_eq!(read(&mut filch::io::repeat(7), b"ab", 3).await?, [7; 3]);
            assert_eq!(write_parts(&mut filch::io::sink(), &[b"one", b"two"]).await?, 6);
            assert_eq!(seek(&mut filch::io::empty(), SeekFrom::Start(9)).await?, 0);
            let taken = filch::io::AsyncReadExt::take(filch::io::repeat(1), 5);
            assert_eq!(read_to_end(taken).await?, [1; 5]);
            let both = filch::io::AsyncReadExt::chain(b"one".as_slice(), b"two".as_slice());
            assert_eq!(read_to_end(both).await?, b"onetwo");
            Result::Ok(())
        };
        runtime.block_on(all).expect("memory does not fail");
    });
}
