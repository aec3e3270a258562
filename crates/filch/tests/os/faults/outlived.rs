//! Objects whose runtime has ended: whoever waits is woken and gets an error, and so does whoever waits later.

use crate::tools::{Hand, current_thread, workers};
use crate::watchdog::Watchdog;
use filch::io::unix::AsyncFd;
use filch::io::{AsyncReadExt, AsyncWriteExt, Interest};
use filch::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use filch::runtime::Runtime;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::{ErrorKind, Result};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

/// Set when everything is made and the first wait begins.
type Mark = Rc<Cell<bool>>;

/// The results of a wait during which the runtime ends, and of the same wait once more.
type Waits = Pin<Box<dyn Future<Output = [Result<()>; 2]>>>;

async fn twice(mark: Mark, mut wait: impl AsyncFnMut() -> Result<()>) -> [Result<()>; 2] {
    mark.set(true);
    [wait().await, wait().await]
}

/// Makes the objects and waits.
type Make = fn(Mark) -> Waits;

/// Everything that waits for a descriptor.
const EACH: &[(&str, Make)] = &[
    ("TcpListener::accept", |mark| {
        Box::pin(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            twice(mark, async || listener.accept().await.map(drop)).await
        })
    }),
    ("TcpListener::poll_accept", |mark| {
        Box::pin(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            twice(mark, async || poll_fn(|cx| listener.poll_accept(cx)).await.map(drop)).await
        })
    }),
    ("TcpStream::read", |mark| {
        Box::pin(async {
            let (mut stream, _peer) = tcp_pair().await;
            twice(mark, async || stream.read_u8().await.map(drop)).await
        })
    }),
    ("TcpStream::peek", |mark| {
        Box::pin(async {
            let (stream, _peer) = tcp_pair().await;
            twice(mark, async || stream.peek(&mut [0]).await.map(drop)).await
        })
    }),
    ("TcpStream::readable", |mark| {
        Box::pin(async {
            let (stream, _peer) = tcp_pair().await;
            twice(mark, async || stream.readable().await).await
        })
    }),
    ("TcpStream::write", |mark| {
        Box::pin(async {
            let (mut stream, _peer) = tcp_pair().await;
            fill(|bytes| stream.try_write(bytes)).await;
            twice(mark, async || stream.write_all(&[0; 100_000]).await).await
        })
    }),
    ("TcpStream::ready", |mark| {
        Box::pin(async {
            let (stream, _peer) = tcp_pair().await;
            twice(mark, async || stream.ready(Interest::READABLE).await.map(drop)).await
        })
    }),
    ("the halves of a TcpStream", |mark| {
        Box::pin(async {
            let (stream, _peer) = tcp_pair().await;
            let (mut read, _write) = stream.into_split();
            twice(mark, async || read.read_u8().await.map(drop)).await
        })
    }),
    ("UdpSocket::recv_from", |mark| {
        Box::pin(async {
            let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
            twice(mark, async || socket.recv_from(&mut [0]).await.map(drop)).await
        })
    }),
    ("UnixListener::accept", |mark| {
        Box::pin(async {
            let path = std::env::temp_dir().join(format!("filch-outlived-{}", std::process::id()));
            let _ = std::fs::remove_file(&path);
            let listener = UnixListener::bind(&path).expect("the folder can be written");
            let _ = std::fs::remove_file(&path);
            twice(mark, async || listener.accept().await.map(drop)).await
        })
    }),
    ("UnixStream::read", |mark| {
        Box::pin(async {
            let (mut stream, _peer) = UnixStream::pair().expect("there are descriptors");
            twice(mark, async || stream.read_u8().await.map(drop)).await
        })
    }),
    ("UnixStream::writable", |mark| {
        Box::pin(async {
            let (stream, _peer) = UnixStream::pair().expect("there are descriptors");
            fill(|bytes| stream.try_write(bytes)).await;
            twice(mark, async || stream.writable().await).await
        })
    }),
    ("UnixDatagram::recv", |mark| {
        Box::pin(async {
            let (socket, _peer) = UnixDatagram::pair().expect("there are descriptors");
            twice(mark, async || socket.recv(&mut [0]).await.map(drop)).await
        })
    }),
    ("AsyncFd::readable", |mark| {
        Box::pin(async {
            let (socket, _peer) =
                std::os::unix::net::UnixStream::pair().expect("there are descriptors");
            let fd = AsyncFd::new(socket).expect("a socket can be watched");
            twice(mark, async || fd.readable().await.map(drop)).await
        })
    }),
];

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let client = TcpStream::connect(address).await.expect("it listens");
    (client, listener.accept().await.expect("a client has connected").0)
}

/// Writes until nothing more fits.
async fn fill(mut write: impl FnMut(&[u8]) -> Result<usize>) {
    while write(&[0; 100_000]).is_ok() {}
    let error = write(&[0; 100_000]).expect_err("it is full");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

/// Makes the objects inside `runtime` and begins to wait.
fn begin(runtime: &Runtime, make: Make) -> Waits {
    let mark = Mark::default();
    let mut waits = make(mark.clone());
    runtime.block_on(poll_fn(|cx| {
        assert!(waits.as_mut().poll(cx).is_pending(), "nothing has happened yet");
        if mark.get() { Poll::Ready(()) } else { Poll::Pending }
    }));
    waits
}

fn each(test: impl Fn(&str, Runtime, Make)) {
    for (name, make) in EACH {
        for runtime in [workers(2), current_thread()] {
            let _watchdog = Watchdog::new();
            test(name, runtime, *make);
        }
    }
}

fn expect_ended(name: &str, results: [Result<()>; 2]) {
    for (result, when) in results.into_iter().zip(["at the end", "after it"]) {
        let Err(error) = result else { panic!("{name} succeeds {when}") };
        assert!(error.to_string().contains("has ended"), "{name} {when}: {error}");
    }
}

#[test]
fn whoever_waits_when_the_runtime_ends_is_woken_and_gets_an_error() {
    each(|name, runtime, make| {
        let mut waits = begin(&runtime, make);
        let hand = Hand::default();
        assert!(hand.poll(&mut waits).is_pending(), "{name}");
        assert_eq!(hand.wakes(), 0, "{name}");
        drop(runtime);
        assert!(hand.wakes() > 0, "{name} was left to wait");
        match hand.poll(&mut waits) {
            Poll::Ready(results) => expect_ended(name, results),
            Poll::Pending => panic!("{name} still waits"),
        }
    });
}

#[test]
fn whoever_waits_after_the_end_of_the_runtime_gets_an_error_on_another_one() {
    let other = workers(1);
    each(|name, runtime, make| {
        let waits = begin(&runtime, make);
        drop(runtime);
        expect_ended(name, other.block_on(waits));
    });
}

#[test]
fn an_object_may_be_dropped_after_the_end_of_its_runtime() {
    each(|_, runtime, make| {
        let waits = begin(&runtime, make);
        drop(runtime);
        drop(waits);
    });
}
