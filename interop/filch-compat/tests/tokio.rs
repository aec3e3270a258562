//! What insists on tokio's context, on filch's workers.

use filch::runtime::Runtime;
use filch_compat::tokio::{enter, in_context};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use tokio::runtime::Handle;
use tokio::time::{Duration, Instant, sleep, timeout};

/// A runtime with two workers, so that a task is polled by different threads.
fn run<T>(main: impl Future<Output = T>) -> T {
    peers::watch();
    let runtime = Runtime::builder().worker_threads(2).build().expect("a runtime");
    runtime.block_on(main)
}

fn is_inside() -> bool {
    Handle::try_current().is_ok()
}

#[test]
fn a_sleep_of_tokio_needs_the_context_and_has_it() {
    run(async {
        let without = catch_unwind(|| drop(sleep(Duration::from_millis(1))));
        assert!(without.is_err(), "tokio insists no longer: this crate is not needed");
        let begin = Instant::now();
        in_context(async { sleep(Duration::from_millis(5)).await }).await;
        assert!(Duration::from_millis(5) <= begin.elapsed());
    });
}

#[test]
fn tasks_of_filch_wait_by_timers_of_tokio_side_by_side() {
    run(async {
        let begin = Instant::now();
        let tasks: Vec<_> = (0..50)
            .map(|_| filch::spawn(in_context(async { sleep(Duration::from_millis(50)).await })))
            .collect();
        for task in tasks {
            task.await.expect("it does not panic");
        }
        assert!(begin.elapsed() < 50 * Duration::from_millis(50), "they waited for each other");
    });
}

#[test]
fn sockets_of_tokio_talk_to_sockets_of_filch() {
    run(async {
        let listener = filch::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let server = filch::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut request = [0; 4];
            filch::io::AsyncReadExt::read_exact(&mut stream, &mut request)
                .await
                .expect("four bytes");
            filch::io::AsyncWriteExt::write_all(&mut stream, &request).await.expect("sent");
        });
        let client = in_context(async move {
            let mut stream = tokio::net::TcpStream::connect(address).await.expect("it listens");
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"ping").await.expect("sent");
            let mut answer = Vec::new();
            tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer)
                .await
                .expect("an answer");
            answer
        });
        assert_eq!(filch::spawn(client).await.expect("it does not panic"), b"ping");
        server.await.expect("it does not panic");
    });
}

#[test]
fn tasks_spawned_by_the_library_run() {
    run(async {
        let twice = in_context(async {
            let inner = tokio::spawn(async {
                tokio::task::yield_now().await;
                21
            });
            2 * inner.await.expect("it does not panic")
        });
        assert_eq!(twice.await, 42);
    });
}

#[test]
fn a_timeout_of_tokio_ends_what_filch_would_await_for_ever() {
    run(async {
        let limited = in_context(async {
            timeout(Duration::from_millis(5), std::future::pending::<()>()).await
        });
        assert!(limited.await.is_err());
    });
}

#[test]
fn the_context_is_there_in_each_poll_and_only_there() {
    run(async {
        assert!(!is_inside());
        let mut polls = 0;
        let counted = in_context(poll_fn(|cx| {
            assert!(is_inside());
            polls += 1;
            if polls == 10 {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        let mut counted = std::pin::pin!(counted);
        poll_fn(|cx| {
            let polled = counted.as_mut().poll(cx);
            assert!(!is_inside());
            polled
        })
        .await;
        assert!(!is_inside());
    });
}

#[test]
fn a_panic_inside_leaves_the_context() {
    run(async {
        let task = filch::spawn(in_context(async { panic!("on purpose") }));
        assert!(task.await.expect_err("it panics").is_panic());
        let inside = filch::spawn(async { is_inside() });
        assert!(!inside.await.expect("it does not panic"));
    });
}

#[test]
fn what_is_dropped_is_dropped_inside() {
    struct Asserts;
    impl Drop for Asserts {
        fn drop(&mut self) {
            assert!(is_inside());
        }
    }
    let dropped = || {
        let asserts = Asserts;
        drop(in_context(async move {
            let _asserts = asserts;
        }));
    };
    assert!(catch_unwind(AssertUnwindSafe(dropped)).is_ok());
    assert!(!is_inside());
}

#[test]
fn a_guard_serves_calls_that_do_not_await() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
    ours.set_nonblocking(true).expect("it is open");
    let stream = {
        let _context = enter();
        tokio::net::UnixStream::from_std(ours).expect("it can be watched")
    };
    assert!(!is_inside());
    drop(theirs);
    run(async {
        // Registered already, it needs no context to be awaited.
        stream.readable().await.expect("tokio's reactor runs");
        assert_eq!(stream.try_read(&mut [0; 8]).expect("the other end is closed"), 0);
    });
}
