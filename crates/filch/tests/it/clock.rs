//! A virtual clock over several workers, and how punctual the real one is.

use crate::random::Random;
use crate::tools::{current_thread, panic_of, workers};
use crate::watchdog::Watchdog;
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::UnixStream;
use filch::runtime::{Builder, Runtime};
use filch::sync::oneshot;
use filch::task::{JoinSet, yield_now};
use filch::time::{Duration, Instant, advance, pause, resume, sleep, sleep_until, timeout};
use filch::{spawn, to_thread};
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::{thread, time};

const HOUR: Duration = Duration::from_secs(3600);
/// How long a source must be quiet before time jumps.
const QUIET: Duration = Duration::from_millis(2);

/// A runtime of each kind with a stopped clock.
fn stopped() -> Vec<Runtime> {
    let mut builders: Vec<_> = [1, 2, 4, 9]
        .map(|n_workers| {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(n_workers);
            builder
        })
        .into();
    builders.push(Builder::new_current_thread());
    let build = |mut builder: Builder| builder.start_paused(true).build();
    builders.into_iter().map(|builder| build(builder).expect("the system has threads")).collect()
}

/// Runs the test on each of them.
fn on_each<F: Future<Output = ()>>(test: impl Fn() -> F) {
    let _watchdog = Watchdog::new();
    for runtime in stopped() {
        runtime.block_on(test());
    }
}

/// Blocks this thread for some real time, and checks that the clock stood still.
#[track_caller]
fn work_while_time_stands_still() {
    let begin = Instant::now();
    thread::sleep(Duration::from_millis(15)); // The work under test.
    assert_eq!(begin.elapsed(), Duration::ZERO, "time jumped during work");
}

#[test]
fn sleeps_of_hours_end_at_once_and_in_order() {
    on_each(|| async {
        let (begin, real) = (Instant::now(), time::Instant::now());
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut sleepers = JoinSet::new();
        for n in 0..200_u32 {
            let (order, hours) = (order.clone(), n * 7 % 50 + 1);
            sleepers.spawn(async move {
                sleep(hours * HOUR).await;
                assert_eq!(begin.elapsed(), hours * HOUR);
                order.lock().expect("nobody panics").push(hours);
            });
        }
        sleepers.join_all().await;
        assert!(order.lock().expect("nobody panics").is_sorted());
        assert_eq!(begin.elapsed(), 50 * HOUR);
        assert!(real.elapsed() < Duration::from_secs(30));
    });
}

#[test]
fn chains_of_sleeps_in_many_tasks_keep_to_one_time() {
    on_each(|| async {
        let begin = Instant::now();
        let mut sleepers = JoinSet::new();
        for n in 1..=20_u32 {
            sleepers.spawn(async move {
                for step in 1..=30 {
                    sleep(Duration::from_secs(u64::from(n))).await;
                    assert_eq!(begin.elapsed(), Duration::from_secs(u64::from(n * step)));
                    if step % 7 == 0 {
                        yield_now().await;
                    }
                }
            });
        }
        sleepers.join_all().await;
    });
}

#[test]
fn time_stands_still_while_a_task_runs() {
    on_each(|| async {
        let long = spawn(sleep(HOUR));
        spawn(async {
            work_while_time_stands_still();
            let (begin, real) = (Instant::now(), time::Instant::now());
            while real.elapsed() < Duration::from_millis(10) {
                yield_now().await;
            }
            assert_eq!(begin.elapsed(), Duration::ZERO);
        })
        .await
        .expect("it does not panic");
        long.await.expect("it does not panic");
    });
}

#[test]
fn time_stands_still_while_tasks_wake_each_other() {
    on_each(|| async {
        let begin = Instant::now();
        let long = spawn(sleep(HOUR));
        for n in 0..500 {
            let (send, receive) = oneshot::channel();
            let passing = spawn(receive);
            spawn(async move { send.send(n) }).await.expect("no panic").expect("it is awaited");
            assert_eq!(passing.await.expect("no panic"), Ok(n));
        }
        assert_eq!(begin.elapsed(), Duration::ZERO);
        long.await.expect("it does not panic");
        assert_eq!(begin.elapsed(), HOUR);
    });
}

#[test]
fn time_stands_still_while_a_blocking_call_runs() {
    on_each(|| async {
        for _ in 0..5 {
            let begin = Instant::now();
            let long = spawn(async move {
                sleep(HOUR).await;
                begin.elapsed()
            });
            to_thread(work_while_time_stands_still).await;
            assert_eq!(begin.elapsed(), Duration::ZERO, "the call was awaited");
            assert_eq!(long.await.expect("it does not panic"), HOUR);
        }
    });
}

#[test]
fn time_stands_still_while_a_blocking_call_is_queued() {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).max_blocking_threads(1).start_paused(true);
    let _watchdog = Watchdog::new();
    builder.build().expect("the system has threads").block_on(async {
        let begin = Instant::now();
        let long = spawn(sleep(HOUR));
        let calls: Vec<_> =
            (0..5).map(|_| spawn(to_thread(work_while_time_stands_still))).collect();
        for call in calls {
            call.await.expect("it does not panic");
        }
        assert_eq!(begin.elapsed(), Duration::ZERO);
        long.await.expect("it does not panic");
    });
}

#[test]
fn time_stands_still_while_the_future_of_block_on_runs() {
    on_each(|| async {
        let begin = Instant::now();
        let long = spawn(async move {
            sleep(HOUR).await;
            begin.elapsed()
        });
        for _ in 0..3 {
            work_while_time_stands_still();
            yield_now().await;
        }
        assert_eq!(begin.elapsed(), Duration::ZERO);
        assert_eq!(long.await.expect("it does not panic"), HOUR);
    });
}

#[test]
fn time_stands_still_while_another_thread_runs_in_block_on() {
    let _watchdog = Watchdog::new();
    for runtime in stopped() {
        let begin = runtime.block_on(async { Instant::now() });
        let long = runtime.spawn(async { sleep(HOUR).await });
        thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| {
                    runtime.handle().block_on(async {
                        let begin = Instant::now();
                        work_while_time_stands_still();
                        // The other one may be done by now, so that nothing but this one holds the time.
                        yield_now().await;
                        assert_eq!(begin.elapsed(), Duration::ZERO);
                    });
                });
            }
        });
        runtime.block_on(long).expect("it does not panic");
        assert!(runtime.block_on(async move { begin.elapsed() }) >= HOUR);
    }
}

#[test]
fn a_jump_waits_until_sources_are_quiet() {
    on_each(|| async {
        let (mut one, _two) = UnixStream::pair().expect("there are descriptors");
        for _ in 0..5 {
            let (begin, real) = (Instant::now(), time::Instant::now());
            timeout(HOUR, one.read_u8()).await.expect_err("nothing was sent");
            assert_eq!(begin.elapsed(), HOUR);
            assert!(real.elapsed() >= QUIET, "time jumped after {:?}", real.elapsed());
        }
    });
}

#[test]
fn a_jump_waits_until_sources_are_quiet_though_threads_come_and_go() {
    let _watchdog = Watchdog::new();
    for runtime in stopped() {
        for _ in 0..5 {
            let woken = runtime.spawn(async {
                let (mut one, _two) = UnixStream::pair().expect("there are descriptors");
                let real = time::Instant::now();
                timeout(HOUR, one.read_u8()).await.expect_err("nothing was sent");
                real.elapsed()
            });
            thread::scope(|threads| {
                threads.spawn(|| {
                    // Each of these parks a root, which makes the driver's holder look anew.
                    for _ in 0..100 {
                        runtime.handle().block_on(yield_now());
                        thread::yield_now();
                    }
                });
                let took = runtime.block_on(woken).expect("it does not panic");
                assert!(took >= QUIET, "time jumped after {took:?}");
            });
        }
    }
}

#[test]
fn peers_in_one_process_talk_without_a_jump() {
    on_each(|| async {
        let (mut one, mut two) = UnixStream::pair().expect("there are descriptors");
        let begin = Instant::now();
        let echo = spawn(async move {
            while let Ok(byte) = two.read_u8().await {
                two.write_all(&[byte]).await.expect("the peer lives");
            }
        });
        for n in 0..100 {
            one.write_all(&[n]).await.expect("the peer lives");
            let answer = timeout(HOUR, one.read_u8()).await.expect("it answers at once");
            assert_eq!(answer.expect("the peer lives"), n);
        }
        assert_eq!(begin.elapsed(), Duration::ZERO);
        drop(one);
        echo.await.expect("it does not panic");
    });
}

#[test]
fn without_timers_a_stopped_clock_waits_for_other_threads() {
    on_each(|| async {
        let begin = Instant::now();
        let (send, receive) = oneshot::channel();
        let thread = thread::spawn(move || {
            thread::sleep(Duration::from_millis(5));
            send.send(()).expect("it is awaited");
        });
        receive.await.expect("it is sent");
        assert_eq!(begin.elapsed(), Duration::ZERO);
        thread.join().expect("it does not panic");
    });
}

#[test]
fn a_stopped_clock_does_not_jump_to_timers_that_are_gone() {
    on_each(|| async {
        let begin = Instant::now();
        for hours in [1, 2, 1 << 20] {
            let mut gone = pin!(sleep(Duration::from_secs(3600 * hours)));
            let is_pending = poll_fn(|cx| Poll::Ready(gone.as_mut().poll(cx).is_pending()));
            assert!(is_pending.await);
            sleep(Duration::from_millis(1)).await; // It reaches the wheel.
        }
        sleep(Duration::from_secs(3600 * 3)).await;
        let (send, receive) = oneshot::channel();
        let thread = thread::spawn(move || {
            thread::sleep(Duration::from_millis(5));
            send.send(()).expect("it is awaited");
        });
        receive.await.expect("it is sent");
        assert_eq!(begin.elapsed(), Duration::from_secs(3600 * 3) + Duration::from_millis(3));
        thread.join().expect("it does not panic");
    });
}

#[test]
fn an_advance_ends_the_sleeps_it_passes() {
    on_each(|| async {
        let begin = Instant::now();
        // What is held back by this call can be advanced to but not jumped over.
        let (go, may_go) = oneshot::channel::<()>();
        let call = spawn(to_thread(move || may_go.blocking_recv()));
        let short = spawn(sleep(HOUR));
        let long = spawn(sleep_until(begin + 3 * HOUR));
        advance(HOUR / 2).await;
        yield_now().await;
        assert!(!short.is_finished());
        advance(HOUR / 2).await;
        short.await.expect("it does not panic");
        assert!(!long.is_finished());
        advance(3 * HOUR).await;
        long.await.expect("it does not panic");
        go.send(()).expect("the call waits");
        call.await.expect("it does not panic").expect("it was sent");
        assert!(begin.elapsed() >= 4 * HOUR);
    });
}

#[test]
fn a_running_clock_can_be_paused_and_resumed() {
    let _watchdog = Watchdog::new();
    for runtime in [workers(2), workers(1), current_thread()] {
        runtime.block_on(async {
            // Armed by the real time, and waited for by a worker that must be told.
            let long = spawn(sleep(HOUR));
            let short = spawn(sleep(Duration::from_millis(3)));
            yield_now().await;
            pause();
            let (begin, real) = (Instant::now(), time::Instant::now());
            long.await.expect("it does not panic");
            short.await.expect("it does not panic");
            assert!(begin.elapsed() > HOUR / 2 && real.elapsed() < HOUR / 60);

            resume();
            let (begin, real) = (Instant::now(), time::Instant::now());
            sleep(Duration::from_millis(3)).await;
            assert!(begin.elapsed() >= Duration::from_millis(3));
            assert!(real.elapsed() >= Duration::from_millis(3), "time runs by itself again");
        });
    }
}

#[test]
fn a_clock_is_stopped_once_and_moved_only_while_it_stands() {
    workers(1).block_on(async {
        assert!(panic_of(resume).contains("call `pause` first"));
        let error = spawn(advance(HOUR)).await.expect_err("the clock runs");
        assert!(error.to_string().contains("call `pause` first"), "{error}");
        pause();
        assert!(panic_of(pause).contains("call `resume` in between"));
        resume();
    });
}

#[test]
fn a_runtime_that_ends_under_a_stopped_clock_does_not_hang() {
    let _watchdog = Watchdog::new();
    for runtime in stopped() {
        runtime.spawn(async { sleep(HOUR).await });
        runtime.spawn(pending::<()>());
        runtime.block_on(yield_now());
    }
}

#[test]
fn real_sleeps_are_never_early() {
    let _watchdog = Watchdog::new();
    let mut random = Random::new(7);
    for runtime in [workers(2), current_thread()] {
        runtime.block_on(async {
            let mut sleepers = JoinSet::new();
            for _ in 0..100 {
                let durations = [(); 2].map(|()| Duration::from_nanos(random.below(5_000_000)));
                sleepers.spawn(async move {
                    for duration in durations {
                        let begin = time::Instant::now();
                        sleep(duration).await;
                        assert!(begin.elapsed() >= duration);
                    }
                });
            }
            sleepers.join_all().await;
        });
    }
}

#[test]
fn real_sleeps_are_a_little_late_at_the_median() {
    let _watchdog = Watchdog::new();
    let nap = Duration::from_millis(1);
    for runtime in [workers(2), current_thread()] {
        let mut late: Vec<_> = runtime.block_on(async {
            let mut late = Vec::new();
            for _ in 0..100 {
                let begin = time::Instant::now();
                sleep(nap).await;
                late.push(begin.elapsed() - nap);
            }
            late
        });
        late.sort_unstable();
        println!("{:?}: sleep(1 ms) is late by {:?} at the median", runtime.flavor(), late[50]);
        assert!(late[50] <= Duration::from_millis(5), "{:?}", late[50]);
    }
}
