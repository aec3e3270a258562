//! What the user brings along fails: hooks that panic, a driver that cannot wait, a clock that will not jump.

use crate::tools::{Witness, current_thread, eventually, panic_of, workers};
use crate::watchdog::Watchdog;
use filch::core::WakeBatch;
use filch::core::io::{Interest, SlotKey};
use filch::core::seam::{Capabilities, Clock, Driver, Limit, RawSource};
use filch::runtime::{Builder, Runtime};
use filch::time::sleep;
use filch::{spawn, to_thread};
use std::future::pending;
use std::io;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

#[test]
fn hooks_that_panic_cost_neither_tasks_nor_calls() {
    let _watchdog = Watchdog::new();
    for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        let runtime = builder
            .worker_threads(2)
            .max_blocking_threads(1)
            .thread_name_fn(|| panic!("no name"))
            .on_thread_start(|| panic!("no start"))
            .on_thread_stop(|| panic!("no stop"))
            .build()
            .expect("the hooks are called later");
        let outputs = runtime.block_on(async {
            let task = spawn(async { 1 });
            (task.await.expect("it runs"), to_thread(|| 2).await, to_thread(|| 3).await)
        });
        assert_eq!(outputs, (1, 2, 3));
        let report = runtime.shutdown(Duration::from_secs(60));
        assert!(report.is_clean() && report.waited < Duration::from_secs(30), "{report}");
    }
}

/// A driver that refuses to wait.
struct Tired;

impl Driver for Tired {
    fn turn(&self, limit: Limit, _: &mut WakeBatch) -> io::Result<()> {
        if limit == Limit::Zero { Ok(()) } else { Err(io::Error::other("too tired")) }
    }

    fn unpark(&self) {}

    unsafe fn register(&self, _: RawSource, _: SlotKey, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn rearm(&self, _: RawSource, _: SlotKey, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&self, _: RawSource, _: SlotKey, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
    }
}

#[test]
fn a_block_on_whose_driver_cannot_wait_panics_each_time() {
    let _watchdog = Watchdog::new();
    let runtime = Builder::new_current_thread().driver(|| Ok(Tired)).build().expect("no thread");
    for _ in 0..3 {
        let message = panic_of(|| runtime.block_on(pending::<()>()));
        assert!(message.starts_with("the driver cannot wait for events: too tired"), "{message}");
        assert_eq!(runtime.block_on(async { 1 }), 1, "what needs no wait goes on");
    }
}

#[test]
fn a_worker_whose_driver_cannot_wait_ends_the_process_with_a_sentence() {
    let _watchdog = Watchdog::new();
    let output = Command::new(std::env::current_exe().expect("a test has a path"))
        .args(["--ignored", "--exact", "broken::a_tired_driver", "--nocapture"])
        .output()
        .expect("the system has processes");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{stderr}");
    assert!(stderr.contains("the driver cannot wait for events: too tired"), "{stderr}");
    assert!(stderr.contains("so its tasks can never run; the process is aborted"), "{stderr}");
}

#[test]
#[ignore = "ends the process; run by a test in one of its own"]
fn a_tired_driver() {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).driver(|| Ok(Tired)).build().expect("it can start");
    runtime.block_on(runtime.spawn(pending::<()>())).expect("this is never reached");
}

/// A clock that stands still and cannot be moved.
struct Stubborn(Instant);

impl Clock for Stubborn {
    fn now(&self) -> Instant {
        self.0
    }

    fn is_virtual(&self) -> bool {
        true
    }
}

#[test]
fn a_clock_that_refuses_to_jump_is_not_asked_without_pause() {
    let _watchdog = Watchdog::new();
    let mut builder = Builder::new_current_thread();
    let runtime = builder.clock(|| Stubborn(Instant::now())).build().expect("there is one");
    let (ended, has_ended) = filch::sync::oneshot::channel();
    let alarm = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50)); // The time under test.
        let _ = ended.send(());
    });
    let begin = cpu_time();
    runtime.block_on(async {
        drop(spawn(sleep(Duration::from_secs(1))));
        has_ended.await.expect("the alarm rings");
    });
    assert!(cpu_time() - begin < Duration::from_millis(25), "{:?}", cpu_time() - begin);
    alarm.join().expect("it does not panic");
}

/// What this thread has used.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let time = text.split(' ').next().and_then(|time| time.parse().ok());
    Duration::from_nanos(time.unwrap_or_default())
}

#[test]
fn a_shutdown_that_would_wait_for_itself_says_so_and_ends_the_runtime() {
    let _watchdog = Watchdog::new();
    type End = fn(Runtime);
    let ends: [(&str, End); 2] = [
        ("shutdown", |runtime| drop(runtime.shutdown(Duration::MAX))),
        ("shutdown_timeout", |runtime| runtime.shutdown_timeout(Duration::MAX)),
    ];
    for (name, end) in ends {
        let check = move |message: String| {
            let sentence = "was called inside a task or a blocking call of the runtime, which it would wait for; \
                            use `shutdown_background` there";
            assert_eq!(message, format!("Runtime::{name} {sentence}"));
        };
        for make in [|| workers(2), current_thread] {
            let (tell, told) = mpsc::channel();
            let witness = Witness::default();
            let (runtime, captured) = (make(), witness.clone());
            let handle = *runtime.handle();
            handle.spawn(async move {
                let _captured = captured;
                pending::<()>().await;
            });
            handle.spawn_blocking(move || {
                tell.send(panic_of(|| end(runtime))).expect("the test waits for it");
            });
            check(told.recv().expect("the panic was caught"));
            eventually(|| witness.n_alive() == 0);
        }
        let (tell, told) = mpsc::channel();
        let runtime = workers(1);
        let handle = *runtime.handle();
        handle.spawn(async move {
            tell.send(panic_of(|| end(runtime))).expect("the test waits for it");
        });
        check(told.recv().expect("the panic was caught"));
        eventually(|| handle.n_workers() == 0);
    }
}
