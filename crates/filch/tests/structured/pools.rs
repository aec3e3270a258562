//! Threads for calls that block and for work that computes.

use crate::sanitizer::forget;
use crate::tools::{Witness, current_thread, eventually, on_each_flavor, panic_of, workers};
use crate::watchdog::{Watchdog, run_alone};
use filch::runtime::{Builder, Handle, Pool, Runtime};
use filch::sync::oneshot;
use filch::task::{run_in_executor, yield_now};
use filch::time::{Instant, sleep};
use filch::{compute, spawn, to_thread};
use std::collections::HashSet;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// A call that says when it has begun and goes on until it is released.
struct Held {
    begun: mpsc::Receiver<()>,
    release: mpsc::Sender<()>,
}

impl Held {
    fn new() -> (Held, impl FnOnce() + Send + 'static) {
        let (begin, begun) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let call = move || {
            begin.send(()).expect("the test waits for it");
            let _ = released.recv();
        };
        (Held { begun, release }, call)
    }

    fn wait_until_begun(&self) {
        self.begun.recv().expect("it begins");
    }

    fn release(self) {
        drop(self.release);
    }
}

fn with_compute_threads(n: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).compute_threads(n).max_blocking_threads(1);
    builder.build().expect("the system has threads")
}

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn thread_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

#[test]
fn a_computation_runs_on_a_thread_of_its_own_inside_the_runtime() {
    on_each_flavor(|runtime| {
        let (name, there, child) = runtime.block_on(async {
            compute(|| (thread_name(), Handle::current(), spawn(async { 1 }))).await
        });
        assert_eq!(name, "filch-compute");
        assert_eq!(there, *runtime.handle());
        assert_eq!(runtime.block_on(child).expect("it does not panic"), 1);
    });
}

#[test]
fn a_panic_of_a_computation_goes_on_in_the_awaiter() {
    on_each_flavor(|runtime| {
        let message =
            panic_of(|| runtime.block_on(async { compute(|| panic!("no digits")).await }));
        assert_eq!(message, "no digits");
        assert_eq!(runtime.block_on(async { compute(|| 2).await }), 2, "the thread lives");
    });
}

#[test]
fn a_computation_starts_when_it_is_polled() {
    let runtime = with_compute_threads(1);
    let witness = Witness::default();
    let captured = witness.clone();
    let _entered = runtime.enter();
    drop(compute(move || captured.n_alive()));
    assert_eq!(witness.n_alive(), 0, "it was dropped without being polled");
}

/// Makes a call inside `runtime` and polls it once: it starts.
fn start<F: Future>(runtime: &Runtime, make: impl FnOnce() -> F) -> Pin<Box<F>> {
    let _entered = runtime.enter();
    let mut call = Box::pin(make());
    poll_once(call.as_mut());
    call
}

#[test]
fn computations_begin_in_the_order_in_which_they_came() {
    let _watchdog = Watchdog::new();
    let runtime = with_compute_threads(1);
    let order = Arc::new(Mutex::new(Vec::new()));
    let (held, call) = Held::new();
    let first = start(&runtime, || compute(call));
    held.wait_until_begun();
    let calls: Vec<_> = (0..100)
        .map(|i| {
            let order = order.clone();
            let call = move || order.lock().expect("no panic under it").push(i);
            start(&runtime, || compute(call))
        })
        .collect();
    held.release();
    runtime.block_on(async {
        first.await;
        for call in calls {
            call.await;
        }
    });
    assert_eq!(*order.lock().expect("no panic under it"), (0..100).collect::<Vec<_>>());
}

#[test]
fn as_many_computations_run_at_a_time_as_the_builder_says() {
    let _watchdog = Watchdog::new();
    let runtime = with_compute_threads(3);
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let calls: Vec<_> = (0..500)
        .map(|_| {
            let (running, most) = (running.clone(), most.clone());
            runtime.spawn(compute(move || {
                most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                thread::yield_now();
                running.fetch_sub(1, SeqCst);
            }))
        })
        .collect();
    runtime.block_on(async {
        for call in calls {
            call.await.expect("it does not panic");
        }
    });
    assert!((1..=3).contains(&most.load(SeqCst)), "{most:?}");
}

#[test]
fn computations_and_calls_that_block_do_not_wait_for_each_other() {
    let _watchdog = Watchdog::new();
    let runtime = with_compute_threads(1);
    let ((one, blocks), (two, computes)) = (Held::new(), Held::new());
    let blocking = runtime.spawn(to_thread(blocks));
    one.wait_until_begun();
    assert_eq!(runtime.block_on(async { compute(|| 1).await }), 1);
    one.release();
    let computing = runtime.spawn(compute(computes));
    two.wait_until_begun();
    assert_eq!(runtime.block_on(async { to_thread(|| 2).await }), 2);
    two.release();
    runtime.block_on(async {
        blocking.await.expect("it does not panic");
        computing.await.expect("it does not panic");
    });
}

#[test]
fn a_call_is_taken_back_with_its_future_while_it_waits_and_goes_on_when_it_runs() {
    let _watchdog = Watchdog::new();
    let runtime = with_compute_threads(1);
    let pool = Pool::new("one", 1);
    let _entered = runtime.enter();
    type Boxed = Pin<Box<dyn Future<Output = ()>>>;
    type Call = Box<dyn FnOnce() + Send>;
    let lanes: [&dyn Fn(Call) -> Boxed; 3] =
        [&|call| Box::pin(to_thread(call)), &|call| Box::pin(compute(call)), &|call| {
            Box::pin(run_in_executor(&pool, call))
        }];
    for lane in lanes {
        let (held, call) = Held::new();
        let (tell, told) = mpsc::channel();
        let mut running = lane(Box::new(move || {
            call();
            tell.send(()).expect("the test waits for it");
        }));
        assert!(!poll_once(running.as_mut()));
        held.wait_until_begun();
        let witness = Witness::default();
        let captured = witness.clone();
        let mut waiting = lane(Box::new(move || panic!("{captured:?} was taken back")));
        assert!(!poll_once(waiting.as_mut()));
        drop((waiting, running));
        held.release();
        told.recv().expect("a call that runs goes on");
        eventually(|| witness.n_alive() == 0);
    }
}

#[test]
fn zero_compute_threads_are_refused() {
    for builder in [&mut Builder::new_multi_thread(), &mut Builder::new_current_thread()] {
        let error = builder.compute_threads(0).build().expect_err("there would be none");
        assert_eq!(error.to_string(), "compute_threads must be at least 1, but is 0");
    }
}

#[test]
fn the_environment_says_how_many_computations_run_at_a_time() {
    let alone = "pools::compute_threads_from_the_environment";
    run_alone(alone, &[("FILCH_COMPUTE_THREADS", "2")]);
}

#[test]
#[ignore = "run by a test in a process of its own"]
fn compute_threads_from_the_environment() {
    let text = format!("{:?}", Builder::from_env());
    assert!(text.contains("compute_threads: Some(2)"), "{text}");
    filch::run(async {
        let names = Arc::new(Mutex::new(HashSet::new()));
        let calls: Vec<_> = (0..100)
            .map(|_| {
                let names = names.clone();
                spawn(compute(move || {
                    names.lock().expect("no panic under it").insert(thread::current().id());
                }))
            })
            .collect();
        for call in calls {
            call.await.expect("it does not panic");
        }
        assert!((1..=2).contains(&names.lock().expect("no panic under it").len()));
    });
}

/// How nice the kernel thinks this thread is.
#[cfg(target_os = "linux")]
fn niceness() -> i32 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("this is Linux");
    let (_, fields) = stat.rsplit_once(')').expect("the name stands between parentheses");
    fields.split_whitespace().nth(16).expect("the 19th field").parse().expect("a number")
}

#[test]
#[cfg(target_os = "linux")]
fn computations_stand_back_behind_the_workers() {
    let _watchdog = Watchdog::new();
    let runtime = with_compute_threads(2);
    runtime.block_on(async {
        let ours = spawn(async { niceness() }).await.expect("it does not panic");
        // Started by a thread that has stood back already.
        let nested = compute(|| Handle::current().block_on(compute(niceness))).await;
        assert_eq!((compute(niceness).await, nested), ((ours + 10).min(19), (ours + 10).min(19)));
        assert_eq!(to_thread(niceness).await, ours, "a call that blocks is as urgent as a task");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn the_workers_that_a_computation_would_start_first_do_not_stand_back() {
    run_alone("pools::lazy_workers_and_a_computation", &[("FILCH_WORKERS", "3")]);
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "run by a test in a process of its own"]
fn lazy_workers_and_a_computation() {
    filch::block_on(async {
        let ours = niceness();
        compute(|| drop(spawn(async {}))).await;
        let threads = std::fs::read_dir("/proc/self/task").expect("this is Linux");
        let stats = threads.map(|thread| thread.expect("the list can be read").path().join("stat"));
        for stat in stats.filter_map(|stat| std::fs::read_to_string(stat).ok()) {
            let (name, fields) = stat.rsplit_once(')').expect("the name stands in parentheses");
            let nice: i32 = fields
                .split_whitespace()
                .nth(16)
                .expect("the 19th field")
                .parse()
                .expect("a number");
            assert!(nice == ours || name.contains("compute"), "{stat}");
        }
    });
}

#[test]
fn a_thread_without_computations_ends_after_its_time() {
    let _watchdog = Watchdog::new();
    let (stop, stopped) = mpsc::channel();
    let runtime = Builder::new_current_thread()
        .thread_keep_alive(Duration::from_millis(1))
        .on_thread_stop(move || stop.send(thread_name()).expect("the test waits for it"))
        .build()
        .expect("the system has threads");
    for n in 0..3 {
        assert_eq!(runtime.block_on(async { compute(move || n).await }), n);
        assert_eq!(stopped.recv().expect("it ends"), "filch-compute");
    }
}

/// Runs for a while during which a virtual clock could jump, if it were not for the caller.
fn work_while_time_stands_still() {
    let begin = Instant::now();
    thread::sleep(Duration::from_millis(15)); // The work under test.
    assert_eq!(begin.elapsed(), Duration::ZERO, "time jumped during work");
}

#[test]
fn time_stands_still_while_a_call_runs_or_waits_wherever_it_does() {
    let _watchdog = Watchdog::new();
    let mut builders = [Builder::new_multi_thread(), Builder::new_current_thread()];
    builders[0].worker_threads(2);
    for builder in &mut builders {
        let runtime =
            builder.compute_threads(1).start_paused(true).build().expect("it has threads");
        let pool = Pool::new("one", 1);
        runtime.block_on(async {
            let begin = Instant::now();
            let long = spawn(sleep(HOUR));
            let mut calls = Vec::new();
            for _ in 0..3 {
                calls.push(spawn(compute(work_while_time_stands_still)));
            }
            for call in calls.drain(..) {
                call.await.expect("it does not panic");
            }
            for _ in 0..3 {
                calls.push(spawn(run_in_executor(&pool, work_while_time_stands_still)));
            }
            for call in calls {
                call.await.expect("it does not panic");
            }
            assert_eq!(begin.elapsed(), Duration::ZERO);
            long.await.expect("it does not panic");
            assert_eq!(begin.elapsed(), HOUR, "nothing is left that keeps time from passing");
        });
    }
}

#[test]
fn a_shutdown_names_the_computation_that_does_not_end_and_cancels_those_that_wait() {
    let _watchdog = Watchdog::new();
    let runtime = with_compute_threads(1);
    let (held, call) = Held::new();
    let running = start(&runtime, || compute(call));
    held.wait_until_begun();
    let mut waiting = start(&runtime, || compute(|| ()));
    let report = runtime.shutdown(Duration::ZERO);
    assert_eq!(report.blocking.len(), 1, "{report}");
    assert!(report.to_string().contains("compute call ("), "{report}");
    let message = panic_of(|| poll_once(waiting.as_mut()));
    assert!(message.contains("the runtime ended before the compute call of"), "{message}");
    held.release();
    futures_lite::future::block_on(running);
}

#[test]
fn a_pool_runs_calls_inside_the_runtime_of_each_caller() {
    let _watchdog = Watchdog::new();
    let pool = Pool::builder("disk", 1).build();
    let (one, two) = (workers(1), current_thread());
    for runtime in [&one, &two, &one] {
        let inside = || (thread_name(), Handle::current());
        let expected = ("disk-0".to_owned(), *runtime.handle());
        let (first, second, third) = runtime.block_on(async {
            let spawned = pool.spawn(inside).await.expect("it does not panic");
            (pool.run(inside).await, run_in_executor(&pool, inside).await, spawned)
        });
        assert_eq!([first, second, third], [expected.clone(), expected.clone(), expected]);
    }
    assert_eq!((pool.name(), pool.max_threads(), pool.n_threads()), ("disk", 1, 1));
}

#[test]
fn a_panic_on_a_pool_comes_out_where_it_is_awaited() {
    on_each_flavor(|runtime| {
        let pool = Pool::new("clumsy", 1);
        let message = panic_of(|| runtime.block_on(async { pool.run(|| panic!("no disk")).await }));
        assert_eq!(message, "no disk");
        let spawned = runtime.block_on(async { pool.spawn(|| panic!("no disk")).await });
        assert!(spawned.expect_err("it panicked").is_panic());
        assert_eq!(runtime.block_on(async { pool.run(|| 1).await }), 1);
    });
}

#[test]
fn a_future_of_a_pool_may_outlive_the_handle_and_move_into_a_task() {
    let _watchdog = Watchdog::new();
    let runtime = workers(2);
    let entered = runtime.enter();
    let call = Pool::new("short", 1).run(|| 7);
    drop(entered);
    assert_eq!(runtime.block_on(runtime.spawn(call)).expect("it does not panic"), 7);
}

#[test]
fn the_last_handle_cancels_what_waits_and_lets_finish_what_runs() {
    let _watchdog = Watchdog::new();
    let runtime = workers(1);
    let pool = Pool::new("dropped", 1);
    let other = pool.clone();
    let _entered = runtime.enter();
    let (held, call) = Held::new();
    let running = pool.spawn(call);
    held.wait_until_begun();
    let witness = Witness::default();
    let captured = witness.clone();
    let waiting = pool.spawn(move || drop(captured));
    assert_eq!((pool.n_running(), pool.n_queued()), (1, 1));
    drop(pool);
    assert_eq!(witness.n_alive(), 1, "there is another handle");
    drop(other);
    assert_eq!(witness.n_alive(), 0);
    assert!(runtime.block_on(waiting).expect_err("it never ran").is_cancelled());
    held.release();
    runtime.block_on(running).expect("it was left alone");
}

#[test]
fn a_pool_that_was_shut_down_says_so() {
    let _watchdog = Watchdog::new();
    let runtime = workers(1);
    let pool = Pool::new("closed", 1);
    let _entered = runtime.enter();
    let (held, call) = Held::new();
    let running = pool.spawn(call);
    held.wait_until_begun();
    let left = pool.shutdown(Duration::ZERO);
    assert_eq!(left.len(), 1);
    assert!(left[0].to_string().starts_with("call in pool \"closed\" ("), "{}", left[0]);
    held.release();
    runtime.block_on(running).expect("it was left alone");
    assert!(pool.clone().shutdown(Duration::MAX).is_empty());
    assert_eq!(pool.n_threads(), 0);
    let late = pool.spawn(|| ());
    assert!(runtime.block_on(late).expect_err("it is closed").is_cancelled());
    let message = panic_of(|| runtime.block_on(pool.run(|| ())));
    assert!(message.starts_with("the pool was shut down, or the runtime ended"), "{message}");
    assert!(message.contains("pools.rs:"), "{message}");
}

#[test]
fn a_refused_call_may_own_its_runtime() {
    let _watchdog = Watchdog::new();
    let pool = Pool::new("closed", 1);
    assert!(pool.shutdown(Duration::ZERO).is_empty());
    let runtime = workers(1);
    let handle = *runtime.handle();
    let begin = std::time::Instant::now();
    let entered = handle.enter();
    let refused = pool.spawn(move || drop(runtime));
    drop(entered);
    assert!(begin.elapsed() < Duration::from_secs(3), "the runtime waited for its own visitor");
    let error = futures_lite::future::block_on(refused).expect_err("the pool is closed");
    assert!(error.is_cancelled());
}

#[test]
fn a_pool_of_zero_threads_is_refused() {
    let message = panic_of(|| Pool::new("none", 0));
    assert!(message.contains("the pool \"none\" was given 0 threads"), "{message}");
}

#[test]
fn a_pool_full_of_calls_that_wait_for_each_other_shows_it() {
    let _watchdog = Watchdog::new();
    let runtime = workers(1);
    let pool = Pool::new("full", 2);
    let _entered = runtime.enter();
    let (answer, answered) = mpsc::channel();
    let both_run = Arc::new(Barrier::new(2));
    for _ in 0..2 {
        let (outer, both_run, answer) = (pool.clone(), both_run.clone(), answer.clone());
        let pool = pool.clone();
        outer.spawn(move || {
            both_run.wait();
            let inner = pool.spawn(|| ());
            let result = Handle::current().block_on(inner);
            answer.send(result.is_err()).expect("the test waits for it");
        });
    }
    eventually(|| (pool.n_running(), pool.n_queued()) == (2, 2));
    assert!(pool.shutdown(Duration::MAX).is_empty(), "what they wait for is canceled");
    assert_eq!((answered.recv(), answered.recv()), (Ok(true), Ok(true)));
}

#[test]
fn a_pools_threads_are_made_as_the_builder_says() {
    let _watchdog = Watchdog::new();
    let runtime = workers(1);
    let (tell, told) = mpsc::channel();
    let stop = tell.clone();
    let pool = Pool::builder("brief", 1)
        .keep_alive(Duration::from_millis(1))
        .thread_stack_size(256 * 1024)
        .on_thread_start(move || tell.send("start").expect("the test waits for it"))
        .on_thread_stop(move || stop.send("stop").expect("the test waits for it"))
        .build();
    for _ in 0..2 {
        runtime.block_on(async { pool.run(|| ()).await });
        assert_eq!((told.recv(), told.recv()), (Ok("start"), Ok("stop")));
        eventually(|| pool.n_threads() == 0);
    }
}

#[test]
fn a_call_that_keeps_its_runtime_entered_costs_the_pool_nothing() {
    let _watchdog = Watchdog::new();
    let (one, two) = (workers(1), workers(1));
    let pool = Pool::new("kept", 1);
    for _ in 0..3 {
        one.block_on(async {
            pool.run(|| forget(Handle::current().enter())).await;
            assert_eq!(pool.run(Handle::current).await, Handle::current());
        });
        two.block_on(async { assert_eq!(pool.run(Handle::current).await, Handle::current()) });
    }
    assert!(pool.shutdown(Duration::MAX).is_empty());
}

#[test]
fn the_end_of_a_runtime_does_not_wait_for_the_calls_of_a_pool() {
    let _watchdog = Watchdog::new();
    let pool = Pool::new("longer", 1);
    let runtime = workers(1);
    let (held, call) = Held::new();
    let running = start(&runtime, || pool.run(call));
    held.wait_until_begun();
    let mut waiting = start(&runtime, || pool.run(|| Handle::current().spawn(async {})));
    let report = runtime.shutdown(Duration::MAX);
    assert!(report.is_clean(), "{report}");
    assert!(!poll_once(waiting.as_mut()));
    held.release();
    futures_lite::future::block_on(async {
        running.await;
        let spawned = waiting.await;
        assert!(spawned.await.expect_err("its runtime has ended").is_cancelled());
    });
}

#[test]
fn one_pool_serves_many_runtimes_and_no_call_is_lost() {
    let _watchdog = Watchdog::new();
    let pool = Pool::builder("busy", 3).keep_alive(Duration::from_nanos(1)).build();
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let pool = pool.clone();
            thread::spawn(move || {
                for round in 0..20 {
                    let sum = workers(1).block_on(async {
                        let calls: Vec<_> = (0..20).map(|n| pool.spawn(move || n)).collect();
                        let mut sum = pool.run(move || round).await;
                        for call in calls {
                            sum += call.await.expect("it does not panic");
                        }
                        sum
                    });
                    assert_eq!(sum, round + 190);
                }
            })
        })
        .collect();
    callers.into_iter().for_each(|caller| caller.join().expect("it does not panic"));
    eventually(|| pool.n_threads() == 0);
}

#[test]
fn a_foreign_thread_spawns_and_waits_for_the_result() {
    on_each_flavor(|runtime| {
        let handle = *runtime.handle();
        let (tell, told) = oneshot::channel();
        let thread = thread::spawn(move || {
            let task = handle.spawn(async {
                yield_now().await;
                Handle::current()
            });
            let there = handle.block_on(task).expect("it does not panic");
            tell.send(there).expect("the test waits for it");
        });
        assert_eq!(runtime.block_on(told).expect("it is sent"), *runtime.handle());
        thread.join().expect("it does not panic");
    });
}

#[test]
fn a_foreign_thread_that_waits_for_a_task_learns_of_the_end_of_its_runtime() {
    let _watchdog = Watchdog::new();
    for round in 0..50 {
        for runtime in [workers(2), current_thread()] {
            let handle = *runtime.handle();
            let (begun, has_begun) = mpsc::channel();
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    let begun = begun.clone();
                    thread::spawn(move || {
                        let task = handle.spawn(pending::<()>());
                        begun.send(()).expect("the test waits for it");
                        let error = handle.block_on(task).expect_err("it never ends by itself");
                        assert!(error.is_cancelled(), "{error}");
                        // Spawned during the end, it may still run; in any case it is told.
                        let _ = handle.block_on(handle.spawn(async {}));
                    })
                })
                .collect();
            // Why in some rounds only: the end meets a thread that spawns, and one that waits.
            if round % 2 == 0 {
                (0..3).for_each(|_| has_begun.recv().expect("it begins"));
            }
            drop(runtime);
            threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
        }
    }
}
