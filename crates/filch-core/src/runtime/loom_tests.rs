//! Nobody uses the parts of a runtime that has ended, every task ends with it, and no armed timer is overslept.

use super::{Access, Shell};
use crate::runtime::{Armed, TimerBuffers, block_on_thread};
use crate::seam::Timers;
use crate::sys::sync::atomic::Ordering::{Acquire, Relaxed};
use crate::sys::sync::atomic::{AtomicBool, AtomicU64};
use crate::sys::thread;
use crate::testing::ListTimers;
use crate::testing::model::{Count, ModelRuntime, assert_rejected, check};
use crate::timer::{NEVER, TimerCell};
use crate::wake_batch::WakeBatch;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// A task that waits for ever, and its waker.
fn waiting_task(runtime: &ModelRuntime) -> (crate::task::JoinHandle<()>, Waker) {
    let kept = Arc::new(Mutex::new(None));
    let keeper = kept.clone();
    let task = runtime.spawn(poll_fn(move |cx| {
        *keeper.lock().expect("not poisoned") = Some(cx.waker().clone());
        Poll::<()>::Pending
    }));
    assert_eq!(runtime.scheduler.run_all(), 1);
    let waker = kept.lock().expect("not poisoned").take().expect("the task was polled");
    (task, waker)
}

fn is_canceled(task: crate::task::JoinHandle<()>) -> bool {
    match pin!(task).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output.is_err_and(|error| error.is_cancelled()),
        Poll::Pending => false,
    }
}

/// A wake on a foreign thread reaches the scheduler while it is there, or the end; the task ends in both cases.
#[test]
fn a_foreign_wake_during_the_end_meets_no_dropped_part() {
    check(3, || {
        let runtime = ModelRuntime::new();
        let (task, waker) = waiting_task(&runtime);
        let waking = thread::spawn(move || waker.wake());
        runtime.end();
        assert!(is_canceled(task));
        waking.join().expect("the thread only wakes");
        runtime.free();
    });
}

/// Two foreign threads, one wakes and one spawns.
#[test]
fn a_foreign_spawn_during_the_end_is_canceled() {
    check(2, || {
        let runtime = ModelRuntime::new();
        let (task, waker) = waiting_task(&runtime);
        let name = runtime.runtime();
        let spawning = thread::spawn(move || crate::task::Spawn::on(name).spawn(async {}));
        let waking = thread::spawn(move || waker.wake());
        runtime.end();
        let spawned = spawning.join().expect("a spawn does not panic");
        waking.join().expect("the thread only wakes");
        assert!(is_canceled(task) && is_canceled(spawned));
        runtime.free();
    });
}

/// An access that was granted is good until it is dropped.
#[test]
fn the_end_waits_for_whoever_has_access() {
    check(3, || {
        let runtime = ModelRuntime::new();
        let (shell, name) = (runtime.shell, runtime.runtime());
        let visiting = thread::spawn(move || {
            name.access().map(|parts| parts.name.len());
            assert!(name.access().is_none_or(|parts| parts.origin <= std::time::Instant::now()));
        });
        shell.close();
        drop(shell.take_parts());
        visiting.join().expect("a visit does not panic");
        runtime.free();
    });
}

impl Shell {
    /// As `enter`, without the fence between the count and the look.
    fn enter_without_fence(&'static self) -> Option<Access> {
        self.visitors[0].fetch_add(1, Relaxed);
        let access = Access::new(self, Some(0));
        (self.state.load(Acquire) & super::CLOSED == 0).then_some(access)
    }
}

#[test]
#[ignore = "run by `an_access_without_its_fence_is_rejected`"]
fn broken_access_without_its_fence() {
    check(3, || {
        let runtime = ModelRuntime::new();
        let shell = runtime.shell;
        let visiting = thread::spawn(move || {
            let parts = shell.enter_without_fence()?;
            Some(parts.name.len())
        });
        shell.close();
        drop(shell.take_parts());
        visiting.join().expect("a visit does not panic");
        runtime.free();
    });
}

#[test]
fn an_access_without_its_fence_is_rejected() {
    assert_rejected("runtime::shell::loom_tests::broken_access_without_its_fence", "panicked");
}

/// The thread that blocks is polled after a wake and sees what came before it, however the wake falls between its steps.
#[test]
fn a_blocked_thread_does_not_miss_a_wake() {
    check(3, || {
        let is_raised = Arc::new(AtomicBool::new(false));
        let mut raising = None;
        block_on_thread(pin!(poll_fn(|cx| {
            raising.get_or_insert_with(|| {
                let (is_raised, waker) = (is_raised.clone(), cx.waker().clone());
                thread::spawn(move || {
                    is_raised.store(true, Relaxed);
                    waker.wake_by_ref();
                    waker // Dropped after the join: loom does not see the order that std's `Arc` makes.
                })
            });
            if is_raised.load(Relaxed) { Poll::Ready(()) } else { Poll::Pending }
        })));
        drop(raising.expect("it was polled").join().expect("the thread only wakes"));
    });
}

/// What a worker arms, and a thread that is about to wait for good: one of the two sees the other.
fn park_meets_arm(
    arm: fn(&TimerBuffers, &ListTimers) -> Armed,
    park: fn(&TimerBuffers, &ListTimers),
) {
    check(3, move || {
        let buffers = Arc::new(TimerBuffers::new(1));
        let timers = Arc::new(ListTimers::default());
        let (its_buffers, its_timers) = (buffers.clone(), timers.clone());
        let arming = thread::spawn(move || arm(&its_buffers, &its_timers));
        park(&buffers, &timers);
        let is_seen = timers.next_deadline() == Some(5);
        let armed = arming.join().expect("the thread only arms");
        assert!(is_seen || armed == Armed::Urgent, "a timer is overslept");
    });
}

fn arm_one(buffers: &TimerBuffers, timers: &ListTimers) -> Armed {
    buffers.push(0, Arc::new(TimerCell::new(5)), timers)
}

fn arm_another_first(buffers: &TimerBuffers, timers: &ListTimers) -> Armed {
    let _ = buffers.push(0, Arc::new(TimerCell::new(9)), timers);
    arm_one(buffers, timers)
}

fn publish_and_look(buffers: &TimerBuffers, timers: &ListTimers) {
    buffers.set_park_until(NEVER);
    buffers.drain_all(timers);
}

#[test]
fn a_fresh_timer_is_seen_by_the_parker_or_urgent() {
    park_meets_arm(arm_one, publish_and_look);
}

#[test]
fn a_timer_behind_another_is_seen_by_the_parker_or_urgent() {
    park_meets_arm(arm_another_first, publish_and_look);
}

/// The buffer was marked before, and emptied since.
#[test]
fn a_timer_in_a_drained_buffer_is_seen_by_the_parker_or_urgent() {
    let arm = |buffers: &TimerBuffers, timers: &ListTimers| {
        let _ = buffers.push(0, Arc::new(TimerCell::new(9)), timers);
        buffers.drain(0, timers);
        arm_one(buffers, timers)
    };
    park_meets_arm(arm, publish_and_look);
}

#[test]
#[ignore = "run by `a_parker_that_looks_before_it_publishes_is_rejected`"]
fn broken_parker_looks_before_it_publishes() {
    park_meets_arm(arm_one, |buffers, timers| {
        buffers.drain_all(timers);
        buffers.set_park_until(NEVER);
    });
}

#[test]
fn a_parker_that_looks_before_it_publishes_is_rejected() {
    let name = "runtime::shell::loom_tests::broken_parker_looks_before_it_publishes";
    assert_rejected(name, "a timer is overslept");
}

#[test]
#[ignore = "run by `a_mark_without_its_fence_is_rejected`"]
fn broken_mark_without_its_fence() {
    let arm = |buffers: &TimerBuffers, timers: &ListTimers| {
        buffers.push_without_fence(0, Arc::new(TimerCell::new(5)), timers)
    };
    park_meets_arm(arm, publish_and_look);
}

#[test]
fn a_mark_without_its_fence_is_rejected() {
    let name = "runtime::shell::loom_tests::broken_mark_without_its_fence";
    assert_rejected(name, "a timer is overslept");
}

/// The lookout empties a worker's buffer, or finds it empty, between two timers of that worker; another thread is about to
/// wait.
#[test]
fn a_timer_armed_while_the_buffer_is_emptied_is_not_overslept() {
    check(2, || {
        let buffers = Arc::new(TimerBuffers::new(1));
        let timers = Arc::new(ListTimers::default());
        let (its_buffers, its_timers) = (buffers.clone(), timers.clone());
        let arming = thread::spawn(move || arm_another_first(&its_buffers, &its_timers));
        let (its_buffers, its_timers) = (buffers.clone(), timers.clone());
        let emptying = thread::spawn(move || {
            its_buffers.drain_all(&*its_timers);
            its_buffers.drain_all(&*its_timers);
            its_timers.next_deadline() == Some(5) && its_buffers.would_oversleep(5)
        });
        publish_and_look(&buffers, &timers);
        let is_seen = timers.next_deadline() == Some(5);
        let is_urgent = arming.join().expect("the thread only arms") == Armed::Urgent;
        let unparks = emptying.join().expect("the thread only empties");
        assert!(is_seen || is_urgent || unparks, "a timer is overslept");
    });
}

/// Timers whose next deadline is one word without a lock: the weakest a swapped part may be.
struct WordTimers(AtomicU64);

impl Timers for WordTimers {
    fn arm(&self, cells: &mut Vec<Arc<TimerCell>>) {
        for cell in cells.drain(..) {
            self.0.store(cell.deadline().expect("it has not fired"), Relaxed);
        }
    }

    fn next_deadline(&self) -> Option<u64> {
        Some(self.0.load(Relaxed)).filter(|deadline| *deadline != NEVER)
    }

    fn expire(&self, _: u64, _: &mut WakeBatch) {}

    fn abandon(&self, _: &mut WakeBatch) {}
}

/// A foreign thread arms directly: the parker sees the timer, or the foreign thread that it must unpark.
#[test]
fn a_foreign_timer_is_seen_by_the_parker_or_unparks_it() {
    check(3, || {
        let buffers = Arc::new(TimerBuffers::new(1));
        let timers = Arc::new(WordTimers(AtomicU64::new(NEVER)));
        let (its_buffers, its_timers) = (buffers.clone(), timers.clone());
        let arming = thread::spawn(move || {
            its_timers.arm(&mut vec![Arc::new(TimerCell::new(5))]);
            its_buffers.would_oversleep(5)
        });
        buffers.set_park_until(NEVER);
        let is_seen = timers.next_deadline() == Some(5);
        let unparks = arming.join().expect("the thread only arms");
        assert!(is_seen || unparks, "a timer is overslept");
    });
}

/// A joiner's waker that is foreign is called, also when the end completes the task.
#[test]
fn a_joiner_of_a_canceled_task_is_woken() {
    check(2, || {
        let runtime = ModelRuntime::new();
        let (mut task, waker) = waiting_task(&runtime);
        let count = Count::new();
        let joining = {
            let count = count.clone();
            thread::spawn(move || {
                let is_done =
                    pin!(&mut task).poll(&mut Context::from_waker(&count.waker())).is_ready();
                (task, is_done)
            })
        };
        drop(waker);
        runtime.end();
        let (task, is_done) = joining.join().expect("a poll does not panic");
        assert!(is_done || count.n_wakes() == 1, "the joiner was not woken");
        drop(task);
        runtime.free();
    });
}
