//! What a runtime promises at its end, and to whom its parts are lent.

use super::RuntimeRef;
use crate::seam::{Hint, Scheduler};
use crate::task::Runnable;
use crate::testing::toy::Toy;
use crate::timer::{TimerCell, TimerState};
use crate::wake_batch::WakeBatch;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Poll, Wake, Waker};
use std::thread;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic_any("wake");
    }
}

/// Runs `f` on a thread that is worker 0 of the runtime.
fn as_worker<R: Send>(runtime: RuntimeRef, f: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            // SAFETY: every caller ends the runtime later, and this thread is joined here.
            let _worker = unsafe { runtime.enter_worker(0) };
            f()
        });
        worker.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    })
}

#[test]
fn the_end_abandons_timers_that_never_left_their_worker() {
    let toy = Toy::new();
    let runtime = toy.runtime();
    let count = Arc::new(Count::default());
    let cell = Arc::new(TimerCell::new(1_000_000_000));
    let waker = Waker::from(count.clone());
    assert!(cell.poll(&waker).is_pending());
    assert!(as_worker(runtime, || runtime.arm(cell.clone())));
    toy.end();
    assert_eq!(count.0.load(SeqCst), 1, "a sleeper was left asleep");
    assert_eq!(cell.poll(&waker), Poll::Ready(TimerState::Abandoned));
    assert!(!runtime.arm(Arc::new(TimerCell::new(1))));
}

#[test]
fn an_urgent_timer_reaches_the_wheel_of_its_own_runtime() {
    let (toy, other) = (Toy::new(), Toy::new());
    let runtime = toy.runtime();
    let parts = runtime.access().expect("it runs");
    parts.buffers.set_park_until(1_000);
    assert!(as_worker(runtime, || {
        let _entered = other.runtime().enter();
        runtime.arm(Arc::new(TimerCell::new(500)))
    }));
    assert_eq!(parts.timers.next_deadline(), Some(500));
    drop(parts);
    toy.end();
    other.end();
}

#[test]
fn a_timer_of_a_task_is_flushed_when_its_poll_ends() {
    let toy = Toy::new();
    let runtime = toy.runtime();
    let parts = runtime.access().expect("it runs");
    parts.buffers.set_park_until(1_000);
    let timers = parts.timers.clone();
    drop(toy.spawn(poll_fn(move |_| {
        assert!(runtime.arm(Arc::new(TimerCell::new(500))));
        assert_eq!(timers.next_deadline(), None, "flushed within the poll");
        Poll::Ready(())
    })));
    let scheduler = toy.scheduler.clone();
    as_worker(runtime, || assert_eq!(scheduler.run_all(), 1));
    assert_eq!(parts.timers.next_deadline(), Some(500));
    drop(parts);
    toy.end();
}

#[test]
fn an_access_kept_beyond_its_worker_is_refused() {
    let toy = Toy::new();
    let runtime = toy.runtime();
    thread::spawn(move || {
        // SAFETY: the runtime ends after this thread was joined.
        let worker = unsafe { runtime.enter_worker(0) };
        let parts = runtime.access().expect("it runs");
        assert_eq!(&*parts.name, "test");
        drop(worker);
        assert!(catch_unwind(AssertUnwindSafe(|| parts.name.len())).is_err());
    })
    .join()
    .expect("the refusal is caught");
    toy.end();
}

#[test]
fn a_waker_that_panics_does_not_stop_the_batch() {
    let toy = Toy::new();
    let count = Arc::new(Count::default());
    let mut wakes = WakeBatch::default();
    wakes.extend([Arc::new(Panics).into(), Waker::from(count.clone()), Arc::new(Panics).into()]);
    assert_eq!(wakes.len(), 3);
    wakes.wake_all();
    assert!(wakes.is_empty());
    wakes.push(Waker::from(count.clone()));
    drop(wakes);
    assert_eq!(count.0.load(SeqCst), 2, "a dropped batch wakes");
    toy.end();
}

#[test]
fn a_batch_reaches_tasks_of_several_runtimes_and_foreign_wakers() {
    let toys = [Toy::new(), Toy::new()];
    let count = Arc::new(Count::default());
    let wakes = Arc::new(std::sync::Mutex::new(WakeBatch::default()));
    for toy in &toys {
        let wakes = wakes.clone();
        drop(toy.spawn(poll_fn(move |cx| {
            wakes.lock().expect("not poisoned").push(cx.waker().clone());
            Poll::<()>::Pending
        })));
        toy.run_all();
    }
    wakes.lock().expect("not poisoned").push(Waker::from(count.clone()));
    let mut batch = std::mem::take(&mut *wakes.lock().expect("not poisoned"));
    as_worker(toys[0].runtime(), || batch.wake_all());
    assert_eq!(toys.each_ref().map(|toy| toy.scheduler.len()), [1, 1]);
    assert_eq!(count.0.load(SeqCst), 1);
    toys.into_iter().for_each(Toy::end);
}

#[test]
fn block_on_returns_after_a_wake_from_another_thread() {
    let toy = Toy::new();
    let _entered = toy.runtime().enter();
    let mut thread = None;
    toy.scheduler.block_on(pin!(poll_fn(|cx| {
        if thread.is_some() {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        thread = Some(thread::spawn(move || waker.wake()));
        Poll::Pending
    })));
    thread.expect("it was polled").join().expect("a wake does not panic");
    drop(_entered);
    toy.end();
}

#[test]
fn many_threads_wake_and_spawn_while_the_runtime_ends() {
    for _ in 0..50 {
        let toy = Toy::new();
        let runtime = toy.runtime();
        let threads = [(); 3].map(|()| {
            thread::spawn(move || {
                let tasks =
                    (0..100).map(|_| crate::task::Spawn::on(runtime).spawn(pending::<()>()));
                let tasks: Vec<_> = tasks.collect();
                tasks.iter().for_each(|task| task.abort());
                tasks.into_iter().for_each(|mut task| {
                    let mut output = None;
                    super::block_on_thread(pin!(async { output = Some((&mut task).await) }));
                    let error = output.expect("awaited").expect_err("it waits for ever");
                    assert!(error.is_cancelled());
                });
            })
        });
        toy.run_all();
        toy.end();
        threads.into_iter().for_each(|thread| thread.join().expect("every task ends"));
    }
}

#[test]
#[should_panic(expected = "drop guards in the reverse order")]
fn guards_dropped_out_of_order_panic() {
    let runtime = {
        let toy = Toy::new();
        let runtime = toy.runtime();
        toy.end();
        runtime
    };
    let first = runtime.enter();
    let _second = runtime.enter();
    drop(first);
}

#[test]
fn a_runnable_can_travel_as_a_pointer() {
    let toy = Toy::new();
    let task = toy.spawn(async {});
    let pointer = toy.scheduler.pop().expect("it was scheduled").into_ptr();
    // SAFETY: made by `into_ptr` above and used once.
    unsafe { Runnable::from_ptr(pointer) }.schedule(Hint::Wake);
    assert_eq!(toy.run_all(), 1);
    assert!(task.is_finished());
    toy.end();
}
