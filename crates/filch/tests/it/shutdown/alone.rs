//! What needs a process of its own. Run by the tests of `shutdown`.

use crate::tools::{OnDrop, current_thread, eventually, panic_of, workers};
use filch::runtime::Builder;
use filch::task::{self, yield_now};
use filch::{spawn, to_thread};
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Counts the drops of what it guards.
fn counting(drops: &Arc<AtomicUsize>) -> OnDrop<impl FnMut() + Send + use<>> {
    let drops = drops.clone();
    OnDrop(move || {
        drops.fetch_add(1, SeqCst);
    })
}

#[test]
#[ignore = "run by a test of `shutdown` in a process of its own"]
fn run_drops_leftovers() {
    let drops = Arc::new(AtomicUsize::new(0));
    let output = filch::run(async {
        for n in 0..1000 {
            let guard = counting(&drops);
            spawn(async move {
                let _guard = guard;
                for _ in 0..n % 3 {
                    yield_now().await;
                }
                if n % 7 == 0 {
                    filch::time::sleep(Duration::from_secs(3600)).await;
                }
                pending::<()>().await;
            });
        }
        yield_now().await;
        assert_eq!(drops.load(SeqCst), 0);
        8
    });
    assert_eq!(output, 8);
    assert_eq!(drops.load(SeqCst), 1000, "each once, before `run` returns");
}

#[test]
#[ignore = "run by a test of `shutdown` in a process of its own"]
fn run_inside_a_block_on() {
    let done = Arc::new(AtomicUsize::new(0));
    // Leaves deferred work that takes a while, and a call that still runs then.
    let main = |panics: bool| {
        let (deferred, called) = (counting(&done), counting(&done));
        async move {
            drop(task::defer_async(async move {
                filch::time::sleep(Duration::from_millis(20)).await;
                drop(task::spawn_blocking(move || {
                    let _called = called;
                    thread::sleep(Duration::from_millis(20));
                }));
                drop(deferred);
            }));
            assert!(!panics, "main fails");
        }
    };
    workers(1).block_on(async {
        filch::run(main(false));
        assert_eq!(done.load(SeqCst), 2);
        Builder::new_current_thread().run(main(false));
        assert_eq!(done.load(SeqCst), 4);
        filch::runtime::__private::run_main_local(Builder::new_current_thread(), main(false));
        assert_eq!(done.load(SeqCst), 6);
        assert_eq!(panic_of(|| filch::run(main(true))), "main fails");
        assert_eq!(done.load(SeqCst), 8);
    });
}

/// A call that does not end, on the current runtime. Has begun when this returns.
async fn stubborn_call() {
    let (begun, has_begun) = filch::sync::oneshot::channel();
    let call = move || {
        begun.send(()).expect("it is awaited");
        loop {
            thread::park();
        }
    };
    drop(task::Builder::new().name("stubborn").spawn_blocking(call).expect("there are threads"));
    has_begun.await.expect("it begins");
}

#[test]
#[ignore = "run by a test of `shutdown` in a process of its own"]
fn run_with_a_stubborn_call() {
    let begin = Instant::now();
    filch::run(stubborn_call());
    assert!(begin.elapsed() < Duration::from_secs(7));
}

#[test]
#[ignore = "run by a test of `shutdown` in a process of its own"]
fn shutdown_with_a_stubborn_call() {
    let begin = Instant::now();
    let runtime = Builder::new_multi_thread().name("limited").build().expect("there are threads");
    runtime.block_on(stubborn_call());
    runtime.shutdown_timeout(Duration::from_millis(200));
    assert!(begin.elapsed() < Duration::from_secs(3));
}

#[test]
#[ignore = "run by a test of `shutdown` in a process of its own"]
fn dropped_in_its_own_blocking_call() {
    for make in [|| workers(2), current_thread] {
        let runtime = Arc::new(make());
        let handle = *runtime.handle();
        let (tell, told) = mpsc::channel();
        let last = runtime.clone();
        handle.spawn_blocking(move || {
            eventually(|| Arc::strong_count(&last) == 1);
            let begin = Instant::now();
            drop(last);
            tell.send(begin.elapsed()).expect("the test waits for it");
        });
        drop(runtime);
        let took = told.recv_timeout(Duration::from_secs(20)).expect("it ends");
        assert!(took < Duration::from_secs(3), "it waited for itself: {took:?}");
        eventually(|| handle.n_workers() == 0);
    }
}

#[cfg(target_os = "linux")]
fn n_entries(directory: &str) -> usize {
    std::fs::read_dir(directory).expect("this is Linux").count()
}

#[test]
#[ignore = "run by a test of `shutdown` in a process of its own"]
#[cfg(target_os = "linux")]
fn two_thousand_runtimes() {
    let live_once = |n: usize| {
        let runtime = match n % 4 {
            0 => current_thread(),
            n_workers => workers(n_workers),
        };
        runtime.block_on(async {
            let task = spawn(async { 1 });
            if n % 5 == 0 {
                let (mut one, _two) =
                    filch::net::UnixStream::pair().expect("there are descriptors");
                let read = filch::io::AsyncReadExt::read_u8(&mut one);
                let _ = filch::time::timeout(Duration::from_micros(50), read).await;
            }
            if n % 10 == 0 {
                to_thread(|| ()).await;
            }
            spawn(pending::<()>());
            if n % 3 != 0 {
                task.await.expect("it does not panic");
            }
        });
        if n % 6 == 0 {
            runtime.shutdown_background();
        }
    };
    let n_threads = n_entries("/proc/self/task");
    (0..50).for_each(live_once);
    // A runtime that ends in the background, and a thread that has ended, are there for a moment longer.
    eventually(|| n_entries("/proc/self/task") == n_threads);
    let n_descriptors = n_entries("/proc/self/fd");
    (0..2000).for_each(live_once);
    eventually(|| n_entries("/proc/self/task") == n_threads);
    assert_eq!(n_entries("/proc/self/fd"), n_descriptors);
}

#[test]
#[ignore = "run by a test of `shutdown` in a process of its own"]
#[cfg(not(target_os = "linux"))]
fn two_thousand_runtimes() {
    (0..2000).for_each(|_| drop(workers(2)));
}
