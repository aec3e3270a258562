//! tokio's traits on the pipes of children and on the standard streams.

use super::{in_time, on_each, sh};
use crate::watchdog::{Watchdog, alone};
use filch::process::{ChildStdin, Command, Stdio};
use filch::tokio_io::{AsyncRead, AsyncWrite, ReadBuf};
use futures_lite::future::poll_once;
use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, Result, Write as _};
use std::mem::MaybeUninit;
use std::pin::Pin;

/// Reads once, into memory that nobody initialized.
async fn read(reader: &mut (impl AsyncRead + Unpin), room: usize) -> Result<Vec<u8>> {
    let mut memory = vec![MaybeUninit::uninit(); room];
    let mut buf = ReadBuf::uninit(&mut memory);
    poll_fn(|cx| Pin::new(&mut *reader).poll_read(cx, &mut buf)).await?;
    Ok(buf.filled().to_vec())
}

/// Reads as much as was asked for, or up to the end.
async fn read_all(reader: &mut (impl AsyncRead + Unpin), n: usize) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    while all.len() < n {
        match read(reader, n - all.len()).await? {
            bytes if bytes.is_empty() => break,
            bytes => all.extend(bytes),
        }
    }
    Ok(all)
}

async fn write(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let n = poll_fn(|cx| Pin::new(&mut *writer).poll_write(cx, rest)).await?;
        rest = &rest[n..];
    }
    poll_fn(|cx| Pin::new(&mut *writer).poll_flush(cx)).await
}

async fn shut_down(writer: &mut (impl AsyncWrite + Unpin)) -> Result<()> {
    poll_fn(|cx| Pin::new(&mut *writer).poll_shutdown(cx)).await
}

fn piped(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped())
}

#[test]
fn a_child_is_talked_to_and_shutdown_is_the_end_of_its_input() {
    on_each(|| async {
        let mut child = piped(&mut sh("cat; echo end >&2")).spawn().expect("there is a shell");
        let mut stdin = child.stdin.take().expect("it is piped");
        let mut stdout = child.stdout.take().expect("it is piped");
        let mut stderr = child.stderr.take().expect("it is piped");

        write(&mut stdin, b"hello").await.expect("cat reads");
        assert_eq!(read_all(&mut stdout, 3).await.expect("cat writes"), b"hel", "up to its room");
        assert_eq!(read(&mut stdout, 100).await.expect("cat writes"), b"lo", "what there is");
        assert!(poll_once(read(&mut stdout, 100)).await.is_none(), "there is no more");

        assert!(stdin.is_write_vectored());
        let parts = [IoSlice::new(b"three"), IoSlice::new(b""), IoSlice::new(b" parts")];
        let n = poll_fn(|cx| Pin::new(&mut stdin).poll_write_vectored(cx, &parts)).await;
        assert_eq!(n.expect("cat reads"), 11);
        assert_eq!(read_all(&mut stdout, 11).await.expect("cat writes"), b"three parts");

        assert!(poll_once(read(&mut stderr, 100)).await.is_none(), "cat waits for more");
        shut_down(&mut stdin).await.expect("it was open");
        assert_eq!(read(&mut stdout, 100).await.expect("cat has ended"), b"", "the end");
        assert_eq!(read_all(&mut stderr, 100).await.expect("it can be read"), b"end\n");
        let error = write(&mut stdin, b"late").await.expect_err("it was shut down");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        shut_down(&mut stdin).await.expect("twice is no error");
        assert!(child.wait().await.expect("it is ours").success());
    });
}

#[test]
fn more_than_a_pipe_holds_goes_through_a_child() {
    on_each(|| async {
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|i| i.to_le_bytes()[1]).collect();
        let mut child = piped(&mut Command::new("cat")).spawn().expect("there is a cat");
        let mut stdin = child.stdin.take().expect("it is piped");
        let sent = bytes.clone();
        let writing = filch::spawn(async move {
            write(&mut stdin, &sent).await?;
            shut_down(&mut stdin).await
        });
        let mut stdout = child.stdout.take().expect("it is piped");
        let received = read_all(&mut stdout, 2_000_000).await;
        assert!(received.expect("cat writes") == bytes);
        writing.await.expect("no panic").expect("cat reads");
        assert!(child.wait().await.expect("it is ours").success());
    });
}

#[test]
fn a_write_that_waits_learns_that_the_child_has_gone() {
    on_each(|| async {
        let mut child = piped(&mut sh("read line")).spawn().expect("there is a shell");
        let mut stdin: ChildStdin = child.stdin.take().expect("it is piped");
        // The shell reads the line, ends, and leaves the rest.
        let mut bytes = vec![b'x'; 1_000_000];
        bytes[0] = b'\n';
        let error = in_time(write(&mut stdin, &bytes)).await.expect_err("nobody reads");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        assert!(child.wait().await.expect("it is ours").success());
    });
}

#[test]
fn the_standard_streams_have_the_traits_too() {
    let _watchdog = Watchdog::new();
    let mut child = alone("process::tokio_traits::repeats_its_input")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the system has processes");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(b"some words").expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains("<some words>"), "{stdout}");
    assert!(stderr.contains("10 bytes"), "{stderr}");
}

#[test]
#[ignore = "run by a test of this file in a process of its own"]
fn repeats_its_input() {
    let runtime = crate::tools::workers(2);
    let repeated = runtime.block_on(async {
        let mut stdin = filch::io::stdin();
        let mut words = read_all(&mut stdin, 4).await?;
        assert_eq!(words, b"some", "a small buffer is filled, and the rest stays");
        words.extend(read_all(&mut stdin, 100).await?);
        assert_eq!(read(&mut stdin, 100).await?, b"", "the end comes again");
        let mut stdout = filch::io::stdout();
        write(&mut stdout, b"<").await?;
        write(&mut stdout, &words).await?;
        write(&mut stdout, b">\n").await?;
        shut_down(&mut stdout).await?;
        let mut stderr = filch::io::stderr();
        write(&mut stderr, format!("{} bytes\n", words.len()).as_bytes()).await?;
        shut_down(&mut stderr).await
    });
    repeated.expect("the pipes are open");
}
