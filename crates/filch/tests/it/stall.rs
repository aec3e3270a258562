//! A worker that is stuck in a poll holds nobody up: neither the tasks behind it, nor timers, nor sockets.
//!
//! `std::thread::sleep` is the work that blocks; nothing is synchronized by it.

use crate::tools::workers;
use crate::watchdog::Watchdog;
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::UnixStream;
use filch::runtime::{Builder, Runtime};
use filch::spawn;
use filch::sync::{Notify, oneshot};
use filch::task::yield_now;
use filch::time::sleep;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fs, thread};

const BLOCKED: Duration = Duration::from_millis(100);
/// What is promised for a child of a blocked task (design 0004).
const SOON: Duration = Duration::from_millis(5);

/// When the children of a task started that blocks its worker right after it spawned them.
struct Stall {
    delays: Vec<Duration>,
    all_before_the_end: bool,
}

/// Spawns `n_children` from a task that then blocks.
async fn stall(n_children: usize, prepare: impl Future<Output = ()> + Send + 'static) -> Stall {
    let has_ended = Arc::new(AtomicBool::new(false));
    let parent = spawn({
        let has_ended = has_ended.clone();
        async move {
            prepare.await;
            let begin = Instant::now();
            let children: Vec<_> = (0..n_children)
                .map(|_| {
                    let has_ended = has_ended.clone();
                    spawn(async move { (begin.elapsed(), !has_ended.load(SeqCst)) })
                })
                .collect();
            thread::sleep(BLOCKED); // The work under test.
            has_ended.store(true, SeqCst);
            children
        }
    });
    let mut stall = Stall { delays: Vec::new(), all_before_the_end: true };
    for child in parent.await.expect("it does not panic") {
        let (delay, in_time) = child.await.expect("it does not panic");
        stall.delays.push(delay);
        stall.all_before_the_end &= in_time;
    }
    stall
}

/// A runtime of `n` workers whose threads can be told from those of others by their name.
fn named_workers(n: usize) -> (Runtime, String) {
    static N_NAMES: AtomicUsize = AtomicUsize::new(0);
    let name = format!("stall{}", N_NAMES.fetch_add(1, SeqCst));
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(n).thread_name(&name).build().expect("there are threads");
    (runtime, name)
}

/// For how long threads of that name wanted to run and could not, because others had the processors: other threads here,
/// or other machines on the same processors.
fn time_kept_waiting(name: &str) -> Duration {
    time_in_run_queues(name) + time_stolen()
}

/// What the hypervisor has given to others, in hundredths of a second. Threads do not see that they waited for it.
fn time_stolen() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let of_all = stat.lines().next().and_then(|line| line.split_whitespace().nth(8)?.parse().ok());
    Duration::from_millis(10) * of_all.unwrap_or(0)
}

/// As [`time_kept_waiting`], for other threads here.
fn time_in_run_queues(name: &str) -> Duration {
    let waited = |thread: PathBuf| {
        let is_ours = fs::read_to_string(thread.join("comm")).ok()?.starts_with(name);
        let schedstat = fs::read_to_string(thread.join("schedstat")).ok().filter(|_| is_ours)?;
        schedstat.split(' ').nth(1)?.parse().ok().map(Duration::from_nanos)
    };
    // Where there is no such list, the machine is taken to be free.
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    threads.filter_map(|thread| waited(thread.path())).sum()
}

/// Runs `test` on a runtime of `n_workers` until it has had a free machine so many times, and gives what it found;
/// nothing if the machine was busy too often to tell: the runtime's threads were kept waiting for longer than `patience`,
/// all together.
fn with_free_machine<R>(
    n_workers: usize,
    n_times: usize,
    patience: Duration,
    test: impl Fn(&Runtime) -> R,
) -> Vec<R> {
    let _watchdog = Watchdog::new();
    let (runtime, name) = named_workers(n_workers);
    let mut found = Vec::new();
    for _ in 0..3 * n_times {
        let before = time_kept_waiting(&name);
        let result = test(&runtime);
        if time_kept_waiting(&name) - before < patience {
            found.push(result);
        }
        if found.len() == n_times {
            return found;
        }
    }
    println!("the machine was free {} times of {}", found.len(), 3 * n_times);
    Vec::new()
}

/// Checks that no child waits for the end of its parent, and that half of them start as soon as that.
fn check<F>(n_times: usize, patience: Duration, soon: Duration, stall: impl Fn() -> F)
where
    F: Future<Output = Stall> + Send + 'static,
{
    let stalls = with_free_machine(2, n_times, patience, |runtime| {
        runtime.block_on(async { spawn(stall()).await }).expect("it does not panic")
    });
    for stall in &stalls {
        assert!(
            stall.all_before_the_end,
            "a child waited for its parent's end: {:?}",
            stall.delays
        );
    }
    let mut delays: Vec<_> = stalls.into_iter().flat_map(|stall| stall.delays).collect();
    delays.sort_unstable();
    if let Some(median) = delays.get(delays.len() / 2) {
        println!("children started after {median:?} at the median, {:?} at most", delays.last());
        assert!(*median <= soon, "{delays:?}");
    }
}

#[test]
fn a_child_in_the_slot_of_a_blocked_worker_starts_soon() {
    check(20, SOON, SOON, || stall(1, async {}));
}

#[test]
fn children_in_the_queue_of_a_blocked_worker_start_soon() {
    check(20, SOON, SOON, || stall(8, async {}));
}

#[test]
fn a_child_starts_soon_when_its_parent_ran_for_long_before_it_blocked() {
    let busy = || async {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(30) {
            yield_now().await;
        }
    };
    check(5, 6 * SOON, SOON, move || stall(1, busy()));
}

/// The lookout looks less often by then.
#[test]
fn a_child_starts_soon_when_nobody_was_held_up_for_long() {
    let calm = || async {
        let begin = Instant::now();
        while begin.elapsed() < BLOCKED {
            spawn(async {}).await.expect("it does not panic");
            yield_now().await;
        }
    };
    // Two looks three milliseconds apart, and a wake.
    check(5, 6 * SOON, 2 * SOON, move || stall(1, calm()));
}

#[test]
fn a_child_starts_soon_when_the_other_worker_becomes_idle_afterwards() {
    const OTHER_IS_BUSY: Duration = Duration::from_millis(10);
    let other_is_busy = || async {
        let (begun, has_begun) = oneshot::channel();
        spawn(async move {
            begun.send(()).expect("it is awaited");
            thread::sleep(OTHER_IS_BUSY); // Busy when the child is spawned, idle soon after.
        });
        has_begun.await.expect("it begins");
    };
    check(20, SOON, OTHER_IS_BUSY + SOON, move || stall(1, other_is_busy()));
}

/// Keeps a worker busy with short polls. Returns when it is another worker than the caller's, which it is for some time.
async fn keep_another_busy(time: Duration) {
    let worker = Arc::new(Mutex::new(None));
    let is_seen = Arc::new(AtomicBool::new(false));
    spawn({
        let (worker, is_seen) = (worker.clone(), is_seen.clone());
        async move {
            // Why not from its own beginning: kept off the processors for as long, it would end unseen.
            let mut seen_at = None::<Instant>;
            while seen_at.is_none_or(|seen_at| seen_at.elapsed() < time) {
                *worker.lock().expect("no panic under it") = Some(thread::current().id());
                if is_seen.load(SeqCst) {
                    seen_at.get_or_insert_with(Instant::now);
                }
                yield_now().await;
            }
        }
    });
    let is_another = || {
        let worker = *worker.lock().expect("no panic under it");
        worker.is_some_and(|worker| worker != thread::current().id())
    };
    while !is_another() {
        yield_now().await;
    }
    is_seen.store(true, SeqCst);
}

#[test]
fn children_start_soon_when_the_other_worker_is_never_idle() {
    check(10, SOON, 2 * SOON, || stall(8, keep_another_busy(2 * BLOCKED)));
}

#[test]
fn a_child_in_the_slot_starts_soon_when_the_other_worker_is_never_idle() {
    check(10, SOON, 2 * SOON, || stall(1, keep_another_busy(2 * BLOCKED)));
}

#[test]
fn children_start_soon_when_all_workers_but_one_are_blocked() {
    let stalls = with_free_machine(4, 5, 4 * SOON, |runtime| {
        runtime.block_on(async {
            let stalls: Vec<_> = (0..3).map(|_| spawn(stall(4, async {}))).collect();
            let mut ended = Vec::new();
            for stall in stalls {
                ended.push(stall.await.expect("it does not panic"));
            }
            ended
        })
    });
    // A stall may begin behind another one, but its children never wait behind it.
    assert!(stalls.iter().flatten().all(|stall| stall.all_before_the_end));
}

/// Runs a task that sleeps and one that echoes beside a task that blocks, and tells how far they came meanwhile.
async fn go_on_beside(
    blocking: impl FnOnce() + Send + 'static,
    first_yield_for: Duration,
) -> (usize, usize) {
    let is_over = Arc::new(AtomicBool::new(false));
    let ticking = spawn({
        let is_over = is_over.clone();
        async move {
            let mut n_ticks = 0;
            while !is_over.load(SeqCst) {
                sleep(Duration::from_millis(1)).await;
                n_ticks += 1;
            }
            n_ticks
        }
    });
    let (mut one, mut two) = UnixStream::pair().expect("there are descriptors");
    let peer = {
        let is_over = is_over.clone();
        // A foreign peer: what it sends is noticed by the driver only.
        let mut two = {
            two.write_all(b"x").await.expect("there is room");
            let two = two.into_std().expect("it is registered nowhere else");
            two.set_nonblocking(false).expect("it is a socket");
            two
        };
        thread::spawn(move || {
            use std::io::{Read, Write};
            let mut byte = [0];
            while !is_over.load(SeqCst) && two.read_exact(&mut byte).is_ok() {
                thread::sleep(Duration::from_millis(1)); // Leaves the processors to others.
                if two.write_all(&byte).is_err() {
                    break;
                }
            }
        })
    };
    let echoing = spawn({
        let is_over = is_over.clone();
        async move {
            let mut n_echoes = 0;
            while !is_over.load(SeqCst) {
                let Ok(byte) = one.read_u8().await else { break };
                n_echoes += 1;
                if one.write_all(&[byte]).await.is_err() {
                    break; // The peer saw the end first.
                }
            }
            n_echoes
        }
    });
    let blocked = spawn(async move {
        let begin = Instant::now();
        while begin.elapsed() < first_yield_for {
            yield_now().await;
        }
        blocking();
        is_over.store(true, SeqCst);
    });
    blocked.await.expect("it does not panic");
    let n_ticks = ticking.await.expect("it does not panic");
    let n_echoes = echoing.await.expect("it does not panic");
    peer.join().expect("it does not panic");
    (n_ticks, n_echoes)
}

fn check_that_others_go_on(first_yield_for: Duration) {
    for (n_ticks, n_echoes) in with_free_machine(2, 3, 20 * SOON, |runtime| {
        runtime.block_on(go_on_beside(blocked_for_300_ms, first_yield_for))
    }) {
        assert!(n_ticks >= 20 && n_echoes >= 20, "{n_ticks} ticks and {n_echoes} echoes in 300 ms");
    }
}

fn blocked_for_300_ms() {
    thread::sleep(Duration::from_millis(300)); // The work under test.
}

#[test]
fn timers_and_sockets_go_on_beside_a_blocked_worker() {
    check_that_others_go_on(Duration::ZERO);
}

#[test]
fn timers_and_sockets_go_on_beside_a_worker_that_is_blocked_after_it_ran_for_long() {
    check_that_others_go_on(Duration::from_millis(150));
}

#[test]
fn one_sleep_ends_in_time_though_the_worker_that_held_the_driver_is_blocked() {
    let was_in_time = with_free_machine(2, 10, SOON, |runtime| {
        runtime.block_on(async {
            // Wakes the holder of the driver, which is then blocked; nobody else has anything to do.
            let blocked = spawn(async {
                sleep(Duration::from_millis(2)).await;
                blocked_for_300_ms();
                Instant::now()
            });
            let slept = spawn(async {
                sleep(Duration::from_millis(20)).await;
                Instant::now()
            });
            slept.await.expect("it does not panic") < blocked.await.expect("it does not panic")
        })
    });
    assert!(was_in_time.into_iter().all(|in_time| in_time), "the sleep ended with the block");
}

#[test]
fn one_sleep_ends_in_time_though_its_worker_ran_for_long_and_is_blocked() {
    let was_in_time = with_free_machine(2, 5, 20 * SOON, |runtime| {
        runtime.block_on(async {
            let begin = Instant::now();
            let slept = spawn(async move {
                sleep(Duration::from_millis(250)).await;
                Instant::now()
            });
            // One task that is woken again and again leaves nothing in a queue to be noticed.
            let blocked = spawn(async move {
                while begin.elapsed() < Duration::from_millis(200) {
                    yield_now().await;
                }
                blocked_for_300_ms();
                Instant::now()
            });
            slept.await.expect("it does not panic") < blocked.await.expect("it does not panic")
        })
    });
    assert!(was_in_time.into_iter().all(|in_time| in_time), "the sleep ended with the block");
}

#[test]
fn a_single_worker_catches_up_after_a_block() {
    let _watchdog = Watchdog::new();
    workers(1).block_on(async {
        let slept = spawn(sleep(Duration::from_millis(5)));
        spawn(async { thread::sleep(Duration::from_millis(20)) }).await.expect("it does not panic");
        slept.await.expect("it does not panic");
    });
}

#[test]
fn one_sleep_ends_in_time_beside_slow_polls_of_the_worker_that_held_the_driver() {
    let _watchdog = Watchdog::new();
    let runtime = workers(2);
    let in_time = runtime.block_on(async {
        // They wake each other, so that nothing is ever queued: whoever looks finds neither a stuck worker nor work.
        let bells = [(); 2].map(|()| Arc::new(Notify::new()));
        let slow = [0, 1].map(|mine| {
            let bells = bells.clone();
            spawn(async move {
                if mine == 0 {
                    sleep(Duration::from_millis(2)).await; // Wakes the holder of the driver.
                    bells[0].notify_one();
                }
                for _ in 0..29 {
                    bells[mine].notified().await;
                    thread::sleep(Duration::from_micros(700)); // Slow, but not stuck.
                    bells[1 - mine].notify_one();
                }
                Instant::now()
            })
        });
        let slept = spawn(async {
            sleep(Duration::from_millis(5)).await;
            Instant::now()
        });
        let slept = slept.await.expect("it does not panic");
        let [one, other] = slow;
        slept < one.await.expect("it does not panic").max(other.await.expect("it does not panic"))
    });
    assert!(in_time, "the sleep of 5 ms ended with the slow tasks");
}

#[test]
fn a_flood_from_outside_does_not_hold_up_a_sleep() {
    let _watchdog = Watchdog::new();
    let runtime = workers(1);
    let is_over = Arc::new(AtomicBool::new(false));
    let slept = runtime.spawn({
        let is_over = is_over.clone();
        async move {
            sleep(Duration::from_millis(5)).await;
            is_over.store(true, SeqCst);
        }
    });
    // Each task ends when the next one is in the injector: the worker never parks, and its own queue stays empty.
    let [n_begun, n_spawned] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let begin = Instant::now();
    for n in 1.. {
        if is_over.load(SeqCst) {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "the sleep did not end");
        let (begun, spawned, is_over) = (n_begun.clone(), n_spawned.clone(), is_over.clone());
        drop(runtime.spawn(async move {
            begun.store(n, SeqCst);
            while spawned.load(SeqCst) <= n && !is_over.load(SeqCst) {
                thread::yield_now();
            }
        }));
        n_spawned.store(n, SeqCst);
        while n_begun.load(SeqCst) < n {
            thread::yield_now();
        }
    }
    runtime.block_on(slept).expect("it does not panic");
}
