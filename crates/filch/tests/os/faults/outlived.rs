//! Objects whose runtime has ended: whoever waits is woken and gets an error, and so does whoever waits later.

use crate::tools::{Hand, current_thread, eventually, workers};
use crate::watchdog::{Watchdog, alone};
use filch::io::unix::AsyncFd;
use filch::io::{Async, AsyncReadExt, AsyncWriteExt, Interest};
use filch::net::unix::pipe;
use filch::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use filch::process::{Child, Command, Stdio};
use filch::runtime::{LocalRuntime, Runtime};
use filch::signal::unix::SignalKind;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::{BufRead, ErrorKind, Read, Result, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

/// Lies between the making of the objects and the first wait.
type Mark = Rc<Gate>;

#[derive(Default)]
struct Gate {
    is_reached: Cell<bool>,
    is_open: Cell<bool>,
}

impl Gate {
    async fn pass(&self) {
        self.is_reached.set(true);
        poll_fn(|_| if self.is_open.get() { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

/// The results of a wait during which the runtime ends, and of the same wait once more.
type Waits = Pin<Box<dyn Future<Output = [Result<()>; 2]>>>;

async fn twice(mark: Mark, mut wait: impl AsyncFnMut() -> Result<()>) -> [Result<()>; 2] {
    mark.pass().await;
    [wait().await, wait().await]
}

/// For what can be awaited only once.
async fn once(mark: Mark, wait: impl Future<Output = Result<()>>) -> [Result<()>; 2] {
    mark.pass().await;
    let result = wait.await;
    let again = result.as_ref().map_err(|error| std::io::Error::other(error.to_string()));
    [again.copied(), result]
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
    ("AsyncFd::async_io", |mark| {
        Box::pin(async {
            let (socket, _peer) = nonblocking_pair();
            let fd = AsyncFd::new(socket).expect("a socket can be watched");
            let read = |mut socket: &std::os::unix::net::UnixStream| socket.read(&mut [0]);
            twice(mark, async || fd.async_io(Interest::READABLE, read).await.map(drop)).await
        })
    }),
    ("AsyncFd::poll_read_ready", |mark| {
        Box::pin(async {
            let (socket, _peer) = nonblocking_pair();
            let fd = AsyncFd::new(socket).expect("a socket can be watched");
            twice(mark, async || poll_fn(|cx| fd.poll_read_ready(cx)).await.map(drop)).await
        })
    }),
    ("Async::readable", |mark| {
        Box::pin(async {
            let (socket, _peer) = nonblocking_pair();
            let object = Async::new(socket).expect("a socket can be watched");
            twice(mark, async || object.readable().await).await
        })
    }),
    ("Async::read_with", |mark| {
        Box::pin(async {
            let (socket, _peer) = nonblocking_pair();
            let object = Async::new(socket).expect("a socket can be watched");
            let read = |mut socket: &std::os::unix::net::UnixStream| socket.read(&mut [0]);
            twice(mark, async || object.read_with(read).await.map(drop)).await
        })
    }),
    ("Async as a stream", |mark| {
        Box::pin(async {
            let (socket, _peer) = nonblocking_pair();
            let mut object = Async::new(socket).expect("a socket can be watched");
            twice(mark, async || object.write_all(&[0; 1_000_000]).await).await
        })
    }),
    ("UdpSocket::readable", |mark| {
        Box::pin(async {
            let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
            twice(mark, async || socket.readable().await).await
        })
    }),
    ("UdpSocket::peek_from", |mark| {
        Box::pin(async {
            let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
            twice(mark, async || socket.peek_from(&mut [0]).await.map(drop)).await
        })
    }),
    ("UnixDatagram::send", |mark| {
        Box::pin(async {
            let (socket, _peer) = UnixDatagram::pair().expect("there are descriptors");
            fill(|bytes| socket.try_send(&bytes[..1000])).await;
            twice(mark, async || socket.send(&[0; 1000]).await.map(drop)).await
        })
    }),
    ("UnixDatagram::recv_from", |mark| {
        Box::pin(async {
            let (socket, _peer) = UnixDatagram::pair().expect("there are descriptors");
            twice(mark, async || socket.recv_from(&mut [0]).await.map(drop)).await
        })
    }),
    ("pipe::Receiver::read", |mark| {
        Box::pin(async {
            let (_sender, mut receiver) = pipe::pipe().expect("there are descriptors");
            twice(mark, async || receiver.read_u8().await.map(drop)).await
        })
    }),
    ("pipe::Receiver::readable", |mark| {
        Box::pin(async {
            let (_sender, receiver) = pipe::pipe().expect("there are descriptors");
            twice(mark, async || receiver.readable().await).await
        })
    }),
    ("pipe::Sender::write", |mark| {
        Box::pin(async {
            let (mut sender, _receiver) = pipe::pipe().expect("there are descriptors");
            twice(mark, async || sender.write_all(&[0; 1_000_000]).await).await
        })
    }),
    ("pipe::Sender::writable", |mark| {
        Box::pin(async {
            let (sender, _receiver) = pipe::pipe().expect("there are descriptors");
            fill(|bytes| sender.try_write(bytes)).await;
            twice(mark, async || sender.writable().await).await
        })
    }),
    ("ChildStdin::write", |mark| {
        Box::pin(async {
            let mut child = idle_child();
            twice(mark, async || {
                let stdin = child.stdin.as_mut().expect("it is piped");
                stdin.write_all(&[0; 1_000_000]).await
            })
            .await
        })
    }),
    ("ChildStdout::read", |mark| {
        Box::pin(async {
            let mut child = idle_child();
            twice(mark, async || {
                child.stdout.as_mut().expect("it is piped").read_u8().await.map(drop)
            })
            .await
        })
    }),
    ("ChildStderr::read", |mark| {
        Box::pin(async {
            let mut child = idle_child();
            twice(mark, async || {
                child.stderr.as_mut().expect("it is piped").read_u8().await.map(drop)
            })
            .await
        })
    }),
    ("Child::wait", |mark| {
        Box::pin(async {
            let mut child = idle_child();
            twice(mark, async || child.wait().await.map(drop)).await
        })
    }),
    ("Child::wait_with_output", |mark| {
        Box::pin(async {
            let child = idle_child();
            once(mark, async { child.wait_with_output().await.map(drop) }).await
        })
    }),
];

/// A child that neither reads nor writes nor ends.
fn idle_child() -> Child {
    let mut command = Command::new("sleep");
    command.arg("1000").kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("there is a `sleep`")
}

fn nonblocking_pair() -> (std::os::unix::net::UnixStream, std::os::unix::net::UnixStream) {
    let pair = std::os::unix::net::UnixStream::pair().expect("there are descriptors");
    pair.0.set_nonblocking(true).expect("it is open");
    pair
}

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

/// Makes the objects inside `runtime`. The next poll begins to wait.
fn prepare(runtime: &Runtime, make: Make) -> Waits {
    let mark = Mark::default();
    let mut waits = make(mark.clone());
    runtime.block_on(poll_fn(|cx| {
        assert!(waits.as_mut().poll(cx).is_pending(), "nothing has happened yet");
        if mark.is_reached.get() { Poll::Ready(()) } else { Poll::Pending }
    }));
    mark.is_open.set(true);
    waits
}

/// Makes the objects inside `runtime` and begins to wait.
fn begin(runtime: &Runtime, make: Make) -> Waits {
    let mut waits = prepare(runtime, make);
    runtime.block_on(poll_fn(|cx| {
        assert!(waits.as_mut().poll(cx).is_pending(), "nothing has happened yet");
        Poll::Ready(())
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
fn a_first_wait_inside_of_a_runtime_that_has_ended_gets_an_error() {
    each(|name, runtime, make| {
        let mut waits = prepare(&runtime, make);
        let handle = *runtime.handle();
        drop(runtime);
        let _entered = handle.enter();
        match Hand::default().poll(&mut waits) {
            Poll::Ready(results) => expect_ended(name, results),
            Poll::Pending => panic!("{name} waits for a runtime that has ended"),
        }
    });
}

#[test]
fn a_first_wait_on_another_runtime_errs_or_belongs_to_that_one() {
    each(|name, runtime, make| {
        let mut waits = prepare(&runtime, make);
        drop(runtime);
        let other = workers(1);
        let hand = Hand::default();
        let first = {
            let _entered = other.enter();
            hand.poll(&mut waits)
        };
        // What was registered at its birth or by its birth errs; all else waits, until this runtime ends as well.
        let results = match first {
            Poll::Ready(results) => {
                drop(other);
                results
            }
            Poll::Pending => {
                drop(other);
                assert!(hand.wakes() > 0, "{name} was left to wait");
                let Poll::Ready(results) = hand.poll(&mut waits) else {
                    panic!("{name} still waits");
                };
                results
            }
        };
        expect_ended(name, results);
    });
}

#[test]
fn a_task_that_ends_with_its_runtime_may_hold_any_object() {
    for (name, make) in EACH {
        let _watchdog = Watchdog::new();
        LocalRuntime::new().expect("there are descriptors").block_on(async {
            let mark = Mark::default();
            mark.is_open.set(true);
            let waits = filch::task::spawn_local(make(mark.clone()));
            while !mark.is_reached.get() {
                filch::task::yield_now().await;
            }
            filch::task::yield_now().await;
            assert!(!waits.is_finished(), "{name}: nothing has happened yet");
        });
    }
}

#[test]
fn an_object_may_be_dropped_after_the_end_of_its_runtime() {
    for start in [prepare, begin] {
        each(|_, runtime, make| {
            let waits = start(&runtime, make);
            drop(runtime);
            drop(waits);
        });
    }
}

#[test]
fn a_signal_is_heard_beyond_the_end_of_every_runtime() {
    // Why this one: by default it is ignored, and nobody else here listens for it.
    let mut urgent =
        filch::signal::unix::signal(SignalKind::from_raw(libc::SIGURG)).expect("it can be caught");
    for runtime in [workers(2), current_thread()] {
        let _watchdog = Watchdog::new();
        let hand = Hand::default();
        let mut heard = Box::pin(urgent.recv());
        {
            let _entered = runtime.enter();
            assert!(hand.poll(&mut heard).is_pending());
        }
        drop(runtime);
        assert!(hand.poll(&mut heard).is_pending(), "an end is no signal");
        hand.wakes();
        raise();
        eventually(|| hand.wakes() > 0);
        assert_eq!(hand.poll(&mut heard), Poll::Ready(Some(())));
        drop(heard);
        // And once more by a wait that begins after the end.
        let mut heard = Box::pin(urgent.recv());
        assert!(hand.poll(&mut heard).is_pending());
        raise();
        eventually(|| hand.wakes() > 0);
        assert_eq!(hand.poll(&mut heard), Poll::Ready(Some(())));
    }
}

fn raise() {
    // SAFETY: no pointers; the signal has a handler, or is ignored.
    assert_eq!(unsafe { libc::raise(libc::SIGURG) }, 0);
}

#[test]
fn a_stdin_that_outlives_its_runtime_errs_and_takes_nothing_from_the_next_one() {
    let _watchdog = Watchdog::new();
    let mut child = alone("faults::outlived::reads_on")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the system has processes");
    let mut stdin = child.stdin.take().expect("it is piped");
    let lines = std::io::BufReader::new(child.stdout.take().expect("it is piped")).lines();
    for line in lines {
        if line.expect("it is text").ends_with("it waits") {
            stdin.write_all(b"words").expect("it reads");
        }
    }
    assert!(child.wait().expect("it is our child").success());
}

#[test]
#[ignore = "run by a test of this file in a process of its own"]
fn reads_on() {
    for runtime in [workers(1), current_thread()] {
        let (mut stdin, mut buf) = (filch::io::stdin(), [0; 5]);
        let hand = Hand::default();
        let mut reading = Box::pin(stdin.read_exact(&mut buf));
        let entered = runtime.enter();
        assert!(hand.poll(&mut reading).is_pending(), "nobody has written");
        drop(entered);
        drop(runtime);
        assert!(hand.wakes() > 0, "it was left to wait");
        let Poll::Ready(Err(error)) = hand.poll(&mut reading) else { panic!("there is no input") };
        assert!(error.to_string().contains("has ended"), "{error}");
        drop(reading);
        println!("it waits");
        let read = workers(1).block_on(async { filch::io::stdin().read_exact(&mut buf).await });
        read.expect("the other end is open");
        assert_eq!(&buf, b"words");
    }
}
