//! A runtime with nothing to do does nothing.

use crate::tools::{current_thread, workers};
use crate::watchdog::run_alone;
use filch::runtime::{Builder, Runtime};
use filch::time::sleep;
use filch::{spawn, to_thread};
use std::collections::BTreeMap;
use std::future::pending;
use std::time::{Duration, Instant};
use std::{fs, thread};

/// How long the runtimes are watched.
const WATCHED: Duration = Duration::from_millis(1500);

#[test]
fn an_idle_runtime_wakes_nobody() {
    run_alone("idle::alone", &[]);
}

/// The voluntary context switches of every other thread, and what they cost in nanoseconds.
fn switches_and_time() -> BTreeMap<String, (String, u64, u64)> {
    let own = fs::read_link("/proc/thread-self").expect("this is Linux");
    let own = own.file_name().expect("a thread has a number").to_owned();
    let threads = fs::read_dir("/proc/self/task").expect("this is Linux");
    let threads = threads.map(|thread| thread.expect("the list can be read"));
    threads
        .filter(|thread| thread.file_name() != own)
        .map(|thread| {
            let read = |file| fs::read_to_string(thread.path().join(file)).expect("it lives");
            let status = read("status");
            let line =
                status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            let n_switches =
                line.and_then(|n| n.trim().parse().ok()).expect("there is such a line");
            let schedstat = read("schedstat");
            let time = schedstat.split(' ').next().and_then(|time| time.parse().ok());
            let name = read("comm").trim().to_owned();
            let thread = thread.file_name().to_string_lossy().into_owned();
            (thread, (name, n_switches, time.expect("it begins with a number")))
        })
        .collect()
}

/// A worker that wakes up for one task at a time leaves nothing waiting.
#[test]
fn a_task_that_only_sleeps_is_not_watched_closely() {
    run_alone("idle::one_sleeper", &[]);
}

#[test]
#[ignore = "run by a test of `idle` in a process of its own"]
fn one_sleeper() {
    let runtime = workers(2);
    let n_looks = || -> u64 {
        let threads = switches_and_time().into_values();
        threads.filter(|(name, ..)| name.ends_with("lookout")).map(|(_, n, _)| n).sum()
    };
    warm_up(&runtime);
    thread::sleep(Duration::from_millis(500)); // Until the lookout rests.
    let (before, begin) = (n_looks(), Instant::now());
    let sleeper = runtime.spawn(async {
        for _ in 0..300 {
            sleep(Duration::from_millis(1)).await;
        }
    });
    runtime.block_on(sleeper).expect("it does not panic");
    let (n, lasted) = (n_looks() - before, begin.elapsed());
    assert_ne!(before, 0, "there is no lookout");
    // Seldom is every 8 ms; closely would be every one.
    assert!(u128::from(n) <= lasted.as_millis() / 4, "{n} looks in {lasted:?}");
}

/// Uses everything once, so that nothing is left to be started, and leaves a sleep behind.
fn warm_up(runtime: &Runtime) {
    runtime.block_on(async {
        let tasks: Vec<_> = (0..100).map(|_| spawn(sleep(Duration::from_micros(200)))).collect();
        for task in tasks {
            task.await.expect("it does not panic");
        }
        to_thread(|| ()).await;
        spawn(sleep(Duration::from_secs(60)));
        spawn(pending::<()>());
    });
}

#[test]
#[ignore = "run by a test of `idle` in a process of its own"]
fn alone() {
    let mut polling = Builder::new_multi_thread();
    polling.worker_threads(2).driver(filch_driver::Polling::new);
    let mut paused = Builder::new_multi_thread();
    let runtimes =
        [workers(1), workers(2), workers(4), polling.build().expect("there are threads")];
    runtimes.iter().for_each(warm_up);
    let paused = paused.worker_threads(3).start_paused(true).build().expect("there are threads");
    paused.spawn(pending::<()>());
    let single = current_thread();
    warm_up(&single);
    thread::spawn(move || single.block_on(async { sleep(Duration::from_secs(60)).await }));

    thread::sleep(Duration::from_millis(500)); // Until the lookouts rest and the threads of the calls wait.
    let before = switches_and_time();
    thread::sleep(WATCHED); // What is measured is what happens meanwhile.
    let after = switches_and_time();
    let mut n_switches = 0;
    let mut time = 0;
    for (thread, (name, n, nanoseconds)) in &after {
        let (_, n_before, nanoseconds_before) = &before[thread];
        if n != n_before {
            println!("{name}: {} switches", n - n_before);
        }
        n_switches += n - n_before;
        time += nanoseconds - nanoseconds_before;
    }
    assert!(after.len() >= 16, "these are not all threads: {after:?}");
    assert!(n_switches <= 2, "{n_switches} switches in {WATCHED:?}");
    assert!(time < 1_000_000, "{time} ns of CPU in {WATCHED:?}");
}
