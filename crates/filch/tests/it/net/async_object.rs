//! `Async`.

use super::{in_time, on_each};
use filch::io::{Async, AsyncReadExt, AsyncWriteExt};
use std::io::ErrorKind;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::Arc;

fn pair() -> (Async<UnixStream>, Async<UnixStream>) {
    let (a, b) = UnixStream::pair().expect("below the limit");
    (
        Async::new(a).expect("a socket can be watched"),
        Async::new(b).expect("a socket can be watched"),
    )
}

#[test]
fn an_object_that_reads_and_writes_does_so_asynchronously() {
    on_each(|| async {
        let (mut a, mut b) = pair();
        let sent: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
        let expected = sent.clone();
        let writing = filch::spawn(async move {
            a.write_all(&sent).await.expect("the peer reads");
            a.flush().await.expect("the peer reads");
        });
        let mut received = vec![0; expected.len()];
        in_time(b.read_exact(&mut received)).await.expect("all of it comes");
        writing.await.expect("no panic");
        assert!(received == expected);
        assert_eq!(b.read(&mut [0]).await.expect("the end"), 0);
    });
}

#[test]
fn any_operation_is_tried_until_it_does_not_block() {
    on_each(|| async {
        let (a, b) = UnixDatagram::pair().expect("below the limit");
        let (a, b) = (Async::new(a).expect("a socket"), Async::new(b).expect("a socket"));
        let receiving = filch::spawn(async move {
            let mut buf = [0; 9];
            a.read_with(|a| a.recv(&mut buf)).await.expect("the peer lives")
        });
        filch::task::yield_now().await;
        b.writable().await.expect("the driver lives");
        assert_eq!(b.write_with(|b| b.send(b"abc")).await.expect("there is room"), 3);
        assert_eq!(in_time(receiving).await.expect("no panic"), 3);
    });
}

#[test]
fn two_tasks_share_one_object() {
    on_each(|| async {
        let (a, mut b) = pair();
        let a = Arc::new(a);
        let reading: Vec<_> = (0..2)
            .map(|_| {
                let a = Arc::clone(&a);
                filch::spawn(async move { (&*a).read_u8().await })
            })
            .collect();
        filch::task::yield_now().await;
        b.write_all(b"x").await.expect("there is room");
        b.write_all(b"y").await.expect("there is room");
        for one in reading {
            in_time(one).await.expect("no panic").expect("a byte for each");
        }
        (&*a).write_all(b"z").await.expect("there is room");
        assert_eq!(b.read_u8().await.expect("it comes"), b'z');
    });
}

#[test]
fn an_object_comes_back_out_and_a_file_does_not_go_in() {
    on_each(|| async {
        let (a, _b) = pair();
        let a = a.into_inner().expect("it can always be had");
        let error = Async::new(a.try_clone().expect("below the limit"))
            .expect("its number is watched by nobody")
            .get_ref()
            .set_nonblocking(true);
        error.expect("an open stream");
        drop(a);
        let file = std::fs::File::open("/proc/self/exe").expect("Linux");
        let error = Async::new(file).expect_err("a regular file");
        assert!(error.to_string().contains("regular file"), "{error}");
    });
}

#[test]
fn a_wait_errs_after_its_runtime_has_ended() {
    for runtime in super::runtimes() {
        let (a, _b) = runtime.block_on(async { pair() });
        drop(runtime);
        let other = filch::runtime::Runtime::new().expect("the stock parts fit");
        let error = other.block_on(async { in_time(a.readable()).await }).expect_err("it ended");
        assert!(error.to_string().contains("ended"), "{error}");
        assert_ne!(error.kind(), ErrorKind::WouldBlock);
    }
}
