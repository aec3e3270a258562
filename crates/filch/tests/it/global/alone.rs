//! What needs a process of its own. Run by the tests of `global`.

use crate::tools::{eventually, panic_of};
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream, UnixStream};
use filch::runtime::{Handle, Runtime};
use filch::task::all_tasks;
use filch::time::{Instant, sleep, timeout};
use filch::{spawn, to_thread};
use std::future::pending;
use std::thread;
use std::time::Duration;

#[test]
#[ignore = "run by a test of `global` in a process of its own"]
fn plain_thread() {
    assert!(Handle::try_current().is_err(), "looking starts nothing");
    assert_eq!(filch::block_on(async { spawn(async { 2 }).await }).expect("it runs"), 2);
    let task = spawn(async {
        sleep(Duration::from_millis(1)).await;
        Handle::current()
    });
    let at = futures_lite::future::block_on(task).expect("it runs");
    assert_eq!(at, Handle::current(), "there is one for all");
    let there = thread::spawn(Handle::current).join().expect("it does not panic");
    assert_eq!(at, there);
    assert!(Handle::try_current().is_err(), "it is no default: `run` would take precedence");
    assert_eq!(futures_lite::future::block_on(to_thread(|| 4)), 4);
}

#[cfg(target_os = "linux")]
fn n_threads_of_ours() -> usize {
    let threads = std::fs::read_dir("/proc/self/task").expect("this is Linux");
    let names = threads.map(|thread| thread.expect("the list can be read").path().join("comm"));
    names.filter(|name| std::fs::read(name).is_ok_and(|name| name.starts_with(b"filch"))).count()
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "run by a test of `global` in a process of its own"]
fn one_thread_at_first() {
    filch::block_on(sleep(Duration::from_millis(1)));
    let answered = filch::block_on(async {
        let (mut one, mut two) = UnixStream::pair().expect("there are descriptors");
        one.write_all(b"x").await.expect("there is room");
        two.read_u8().await.expect("it was written")
    });
    assert_eq!(answered, b'x');
    assert_eq!(n_threads_of_ours(), 1, "it knows time and sockets");
    assert_eq!(Handle::current().n_workers(), 3);
    let tasks: Vec<_> = (0..100).map(|n| spawn(async move { n })).collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(filch::block_on(task).expect("it runs"), n);
    }
    eventually(|| n_threads_of_ours() == 4); // With the lookout.
}

#[test]
#[ignore = "run by a test of `global` in a process of its own"]
fn foreign_executor() {
    let listener =
        futures_lite::future::block_on(TcpListener::bind("127.0.0.1:0")).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let server = thread::spawn(move || {
        futures_lite::future::block_on(async {
            let (mut stream, _) = listener.accept().await?;
            let mut buffer = [0; 4];
            stream.read_exact(&mut buffer).await?;
            stream.write_all(&buffer).await
        })
    });
    futures_lite::future::block_on(async {
        let begin = Instant::now();
        sleep(Duration::from_millis(3)).await;
        assert!(begin.elapsed() >= Duration::from_millis(3));
        let mut stream = TcpStream::connect(address).await?;
        timeout(Duration::from_millis(2), stream.read_u8())
            .await
            .expect_err("it waits for a question");
        stream.write_all(b"abcd").await?;
        let mut buffer = [0; 4];
        stream.read_exact(&mut buffer).await?;
        assert_eq!(&buffer, b"abcd");
        std::io::Result::Ok(())
    })
    .expect("loopback works");
    server.join().expect("it does not panic").expect("loopback works");
}

#[test]
#[ignore = "run by a test of `global` in a process of its own"]
fn thread_inside_run() {
    let inside = filch::run(async {
        let here = Handle::current();
        let found = thread::spawn(move || {
            assert_eq!(Handle::try_current(), Ok(here));
            let task = spawn(async { Handle::current() });
            let at = futures_lite::future::block_on(task).expect("it runs");
            let nested = filch::block_on(async { Handle::current() });
            (at, nested)
        });
        assert_eq!(found.join().expect("it does not panic"), (here, here));
        // What was entered counts more than the default.
        let other = Runtime::new().expect("there are threads");
        let handle = *other.handle();
        let found = thread::spawn(move || {
            let _entered = other.enter();
            Handle::current()
        });
        assert_eq!(found.join().expect("it does not panic"), handle);
        here
    });
    assert!(Handle::try_current().is_err(), "the default ends with `run`");
    assert_ne!(Handle::current(), inside, "what is left is the global one");
    let task = inside.spawn(async {});
    assert!(futures_lite::future::block_on(task).expect_err("it has ended").is_cancelled());
}

#[test]
#[ignore = "run by a test of `global` in a process of its own"]
fn run_inside_a_blocking_call() {
    filch::run(async {
        let outer = Handle::current();
        let in_thread = || thread::spawn(Handle::current).join().expect("it does not panic");
        to_thread(move || {
            let inner = filch::run(async {
                spawn(pending::<()>());
                assert_eq!(all_tasks().len(), 1, "the outer's tasks are not listed");
                (Handle::current(), in_thread())
            });
            assert_ne!(inner.0, outer);
            assert_eq!(inner.0, inner.1, "the latest default counts");
            assert_eq!((Handle::current(), in_thread()), (outer, outer), "and then the one before");
        })
        .await;
    });
}

#[test]
#[ignore = "run by a test of `global` in a process of its own"]
fn run_that_panics() {
    let message = panic_of(|| {
        filch::run(async {
            spawn(pending::<()>());
            panic!("no luck")
        })
    });
    assert_eq!(message, "no luck");
    assert!(Handle::try_current().is_err());
    assert_eq!(filch::run(async { 1 }), 1);
}

#[test]
#[ignore = "run by a test of `global` in a process of its own"]
fn ordered_by_the_environment() {
    filch::run(async {
        assert_eq!(Handle::current().n_workers(), 3);
        // With a single thread for them, calls run one after another.
        let begin = std::time::Instant::now();
        let calls = [(); 3].map(|()| filch::task::spawn_blocking(move || begin.elapsed()));
        let mut times = Vec::new();
        for call in calls {
            times.push((call.await.expect("it does not panic"), begin.elapsed()));
        }
        assert!(times.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    });
}
