//! A wake is never lost, a task is touched by one side at a time, and everything is dropped and freed exactly once.

use super::cold::{Cold, ColdWord};
use super::raw::{Header, layout_of};
use super::state::{Snapshot, State, Suspended};
use super::{JoinError, JoinHandle, Runnable, Spawn};
use crate::scope::{Reason, Request, Scope, Surroundings, Urgency};
use crate::seam::Hint;
use crate::sys::cell::UnsafeCell;
use crate::sys::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::sys::sync::atomic::{AtomicU64, AtomicUsize};
use crate::sys::thread;
use crate::testing::model::{Allocations, Count, ModelRuntime, assert_rejected, check};
use crate::timer::TimerCell;
use std::any::Any;
use std::future::Future;
use std::pin::{Pin, pin};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// A future of a size no other allocation has, done once `goal` notes have come.
struct Notes {
    board: Arc<Board>,
    goal: usize,
    /// Tells a task's memory from all other memory.
    _size: [u8; 1013],
}

/// What wakers write and polls read, without any order of its own.
#[derive(Default)]
struct Board {
    notes: [AtomicUsize; 2],
    n_drops: std::sync::atomic::AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

impl Board {
    fn note(&self, index: usize, value: usize) {
        self.notes[index].store(value, Relaxed);
    }

    fn n_notes(&self) -> usize {
        self.notes.iter().map(|note| note.load(Relaxed)).sum()
    }

    fn n_drops(&self) -> usize {
        self.n_drops.load(Relaxed)
    }

    fn waker(&self) -> Waker {
        self.waker.lock().expect("not poisoned").clone().expect("the task was polled")
    }

    fn forget_waker(&self) {
        drop(self.waker.lock().expect("not poisoned").take());
    }
}

impl Future for Notes {
    type Output = usize;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let n_notes = self.board.n_notes();
        if n_notes >= self.goal {
            return Poll::Ready(n_notes);
        }
        let mut waker = self.board.waker.lock().expect("not poisoned");
        waker.get_or_insert_with(|| cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        self.board.n_drops.fetch_add(1, Relaxed);
    }
}

/// A task and all that a model looks at.
struct Rig {
    runtime: ModelRuntime,
    board: Arc<Board>,
    cells: Allocations,
}

impl Rig {
    fn new() -> Self {
        let cells = Allocations::watch(layout_of::<Notes>().0);
        Rig { runtime: ModelRuntime::new(), board: Arc::default(), cells }
    }

    fn future(&self, goal: usize) -> Notes {
        Notes { board: self.board.clone(), goal, _size: [0; 1013] }
    }

    fn spawn(&self, goal: usize) -> JoinHandle<usize> {
        self.runtime.spawn(self.future(goal))
    }

    fn spawn_claimable(&self, goal: usize) -> JoinHandle<usize> {
        Spawn::on(self.runtime.runtime()).member_of(Surroundings::EMPTY).spawn(self.future(goal))
    }

    /// A task that waits, and its waker.
    fn suspended(&self, goal: usize) -> (JoinHandle<usize>, Waker) {
        self.suspended_by(Rig::spawn, goal)
    }

    fn suspended_by(
        &self,
        spawn: fn(&Self, usize) -> JoinHandle<usize>,
        goal: usize,
    ) -> (JoinHandle<usize>, Waker) {
        let task = spawn(self, goal);
        assert_eq!(self.runtime.scheduler.run_all(), 1);
        (task, self.board.waker())
    }

    /// Ends the runtime; afterwards nothing may be left.
    fn end(self) {
        self.board.forget_waker();
        self.runtime.end_and_free();
        assert_eq!(self.board.n_drops(), 1, "the future was not dropped once");
        assert_eq!(self.cells.n_live(), 0, "the task was not freed once");
    }
}

fn poll_join(task: &mut JoinHandle<usize>, waker: &Waker) -> Poll<Result<usize, JoinError>> {
    pin!(task).poll(&mut Context::from_waker(waker))
}

fn output(mut task: JoinHandle<usize>) -> Option<Result<usize, JoinError>> {
    match poll_join(&mut task, Waker::noop()) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// What was written before a wake is seen by the poll it causes; two wakes and a poll that runs meanwhile.
#[test]
fn a_poll_sees_what_came_before_each_wake() {
    for spawn in [Rig::spawn, Rig::spawn_claimable] {
        check(3, move || {
            let rig = Rig::new();
            let (task, waker) = rig.suspended_by(spawn, 2);
            let threads = [0, 1].map(|index| {
                let (board, waker) = (rig.board.clone(), waker.clone());
                thread::spawn(move || {
                    board.note(index, 1);
                    if index == 0 { waker.wake() } else { waker.wake_by_ref() }
                })
            });
            drop(waker);
            rig.runtime.scheduler.run_all();
            threads.into_iter().for_each(|thread| thread.join().expect("the thread only wakes"));
            rig.runtime.scheduler.run_all();
            assert_eq!(output(task).expect("a wake was lost").expect("it ends well"), 2);
            rig.end();
        });
    }
}

/// More wakes than the count can hold: those taken back still lead to a poll that sees what came before them.
#[test]
fn a_wake_beyond_the_limit_is_not_lost() {
    check(2, || {
        let rig = Rig::new();
        let (task, waker) = rig.suspended(6);
        let threads = [0, 1].map(|index| {
            let (board, waker) = (rig.board.clone(), waker.clone());
            thread::spawn(move || {
                for value in 1..=3 {
                    board.note(index, value);
                    if value == 3 { waker.clone().wake() } else { waker.wake_by_ref() }
                }
            })
        });
        drop(waker);
        rig.runtime.scheduler.run_all();
        threads.into_iter().for_each(|thread| thread.join().expect("the thread only wakes"));
        rig.runtime.scheduler.run_all();
        assert_eq!(output(task).expect("a wake was lost").expect("it ends well"), 6);
        rig.end();
    });
}

/// A poll hands the future to the next poll, which may be on another thread.
#[test]
fn a_suspended_future_is_handed_to_the_thread_that_wakes_and_polls_it() {
    check(3, || {
        let rig = Rig::new();
        let (task, waker) = rig.suspended(1);
        waker.wake_by_ref();
        let runnable = rig.runtime.scheduler.pop().expect("it was woken");
        let poller = thread::spawn(move || runnable.run());
        rig.board.note(0, 1);
        waker.wake();
        // Scheduled here when the poll above was over; else the poller keeps it.
        let here = rig.runtime.scheduler.pop();
        here.map(Runnable::run);
        let again = poller.join().expect("a run does not panic");
        again.map(Runnable::run);
        assert_eq!(output(task).expect("a wake was lost").expect("it ends well"), 1);
        rig.end();
    });
}

/// Whoever is last frees: a waker that wakes, a handle that detaches, the poll that completes.
#[test]
fn a_completing_task_is_freed_once() {
    check(3, || {
        let rig = Rig::new();
        let (task, waker) = rig.suspended(1);
        rig.board.note(0, 1);
        waker.wake_by_ref();
        rig.board.forget_waker();
        let waking = thread::spawn(move || waker.wake());
        let detaching = thread::spawn(move || drop(task));
        rig.runtime.scheduler.run_all();
        waking.join().expect("the thread only wakes");
        detaching.join().expect("the thread only detaches");
        assert_eq!(rig.cells.n_live(), 0, "the task was not freed by its last holder");
        rig.end();
    });
}

/// An abort meets a poll that completes or suspends: the output is there or "canceled", never neither.
#[test]
fn an_abort_during_a_poll_ends_the_task() {
    for goal in [1, 2] {
        check(3, move || {
            let rig = Rig::new();
            let (task, waker) = rig.suspended(goal);
            let (abort, board) = (task.abort_handle(), rig.board.clone());
            let aborting = thread::spawn(move || abort.abort());
            let waking = thread::spawn(move || {
                board.note(0, 1);
                waker.wake();
            });
            rig.runtime.scheduler.run_all();
            aborting.join().expect("the thread only aborts");
            waking.join().expect("the thread only wakes");
            rig.runtime.scheduler.run_all();
            match output(task).expect("the abort was lost") {
                Ok(notes) => assert_eq!((notes, goal), (1, 1)),
                Err(error) => assert!(error.is_cancelled()),
            }
            rig.end();
        });
    }
}

/// A handle that changes its waker while the task completes: the last waker is woken, or the output is seen.
#[test]
fn the_last_waker_of_a_joiner_is_woken() {
    check(3, || {
        let rig = Rig::new();
        let mut task = rig.spawn(0);
        let runnable = rig.runtime.scheduler.pop().expect("it was scheduled");
        let completing = thread::spawn(move || assert!(runnable.run().is_none()));
        let counts = [Count::new(), Count::new()];
        let wakers = counts.each_ref().map(|count| count.waker());
        let is_done = wakers.iter().any(|waker| poll_join(&mut task, waker).is_ready());
        completing.join().expect("a run does not panic");
        drop(wakers);
        if !is_done {
            assert_eq!(counts[1].n_wakes(), 1, "the last waker was not woken");
            assert!(output(task).expect("it is complete").is_ok());
        } else {
            drop(task);
        }
        assert_eq!(counts.each_ref().map(|count| count.n_wakers()), [0, 0], "a waker leaked");
        rig.end();
    });
}

/// A handle that leaves a waker and goes while the task completes: waker and output are dropped once.
#[test]
fn a_joiner_that_goes_leaves_nothing_behind() {
    check(3, || {
        let rig = Rig::new();
        let mut task = rig.spawn(0);
        let runnable = rig.runtime.scheduler.pop().expect("it was scheduled");
        let completing = thread::spawn(move || assert!(runnable.run().is_none()));
        let count = Count::new();
        let _ = poll_join(&mut task, &count.waker());
        drop(task);
        completing.join().expect("a run does not panic");
        assert_eq!(count.n_wakers(), 0, "the waker leaked");
        assert_eq!(rig.cells.n_live(), 0, "the task was not freed by its last holder");
        rig.end();
    });
}

/// A claim meets a poll, a wake and a runnable in a queue: the future is touched by one of them at a time.
#[test]
fn a_claim_excludes_polls_and_discards_the_runnable() {
    for goal in [1, 2] {
        check(3, move || {
            let rig = Rig::new();
            let task = rig.spawn_claimable(goal);
            assert_eq!(rig.runtime.scheduler.run_all(), 1);
            let (waker, board) = (rig.board.waker(), rig.board.clone());
            rig.board.forget_waker();
            let handle = task.abort_handle();
            let claiming = thread::spawn(move || handle.claim());
            let waking = thread::spawn(move || {
                board.note(0, 1);
                waker.wake();
            });
            rig.runtime.scheduler.run_all();
            let was_claimed = claiming.join().expect("a claim does not panic");
            waking.join().expect("the thread only wakes");
            rig.runtime.scheduler.run_all();
            match output(task) {
                Some(Ok(notes)) => assert_eq!((notes, goal), (1, 1)),
                Some(Err(error)) => assert!(was_claimed && error.is_cancelled()),
                None => assert!(!was_claimed && goal == 2, "a wake or a claim was lost"),
            }
            rig.end();
        });
    }
}

/// A claim and the drop of a runnable, both of which end the task, and a waker that outlives both.
#[test]
fn a_claim_and_a_dropped_runnable_end_a_task_once() {
    check(3, || {
        let rig = Rig::new();
        let task = rig.spawn_claimable(1);
        let runnable = rig.runtime.scheduler.pop().expect("it was scheduled");
        let handle = task.abort_handle();
        let claiming = thread::spawn(move || handle.claim());
        drop(runnable);
        claiming.join().expect("a claim does not panic");
        assert!(output(task).expect("it has ended").is_err_and(|error| error.is_cancelled()));
        rig.end();
    });
}

/// Two that first need the word make one, whose parts both use, and which is freed with the task.
#[test]
fn whoever_first_needs_the_cold_word_installs_it_for_all() {
    check(3, || {
        let cold = Allocations::watch(size_of::<Cold>());
        let word = Arc::new(ColdWord::new(None));
        let its_word = word.clone();
        let there = thread::spawn(move || {
            let cold = its_word.get_or_install();
            cold.request().make(&Reason::from_static("there"), Urgency::Notice);
            std::ptr::from_ref(cold).addr()
        });
        if let Some(seen) = word.get() {
            assert_eq!(seen.name(), None, "what is seen is complete");
        }
        let here = word.get_or_install();
        here.request().make(&Reason::from_static("here"), Urgency::Now);
        let address = there.join().expect("the thread only asks");
        assert_eq!(address, std::ptr::from_ref(here).addr(), "there are two");
        assert!(here.request().is_urgent());
        assert_eq!(cold.n_live(), 1, "the one that came too late is not freed");
        drop(word);
        assert_eq!(cold.n_live(), 0, "it was not freed with its word");
    });
}

/// Keeps a reference to its task, as the waker of a timer that is to abort it does.
fn timer_of(task: &super::AbortHandle) -> Arc<TimerCell> {
    struct Aborts(super::AbortHandle);
    impl std::task::Wake for Aborts {
        fn wake(self: Arc<Self>) {
            self.0.abort();
        }
    }
    Arc::new(TimerCell::with_waker(7, Waker::from(Arc::new(Aborts(task.clone())))))
}

/// A cancel with a grace meets the task's own end: no timer is left that would keep the task's memory.
fn a_grace_meets_the_end(set_force: fn(&Cold, &Arc<TimerCell>) -> bool) {
    check(3, move || {
        let rig = Rig::new();
        let (task, waker) = rig.suspended(1);
        rig.board.note(0, 1);
        waker.wake();
        rig.board.forget_waker();
        let handle = task.abort_handle();
        let asking = thread::spawn(move || {
            let timer = timer_of(&handle);
            handle.cancel(&Reason::from_static("asked"), Urgency::Notice);
            let is_set = handle.header().use_cold().is_some_and(|cold| set_force(cold, &timer));
            if !is_set {
                timer.cancel();
            }
            timer
        });
        rig.runtime.scheduler.run_all();
        let timer = asking.join().expect("the thread only asks");
        assert_eq!(output(task).expect("it has ended").expect("nobody aborted it"), 1);
        assert!(timer.is_canceled(), "a timer is left that nobody needs");
        assert_eq!(rig.cells.n_live(), 0, "the timer keeps the task");
        rig.end();
    });
}

#[test]
fn a_grace_that_meets_the_end_of_its_task_leaves_no_timer() {
    a_grace_meets_the_end(Cold::set_force);
}

#[test]
#[ignore = "run by `a_grace_that_looks_before_it_acts_is_rejected`"]
fn broken_grace_looks_before_it_acts() {
    a_grace_meets_the_end(Cold::set_force_in_two_steps);
}

#[test]
fn a_grace_that_looks_before_it_acts_is_rejected() {
    assert_rejected("task::loom_tests::broken_grace_looks_before_it_acts", "a timer is left");
}

/// A notice and its force meet a task that ends or goes on: it ends once, with its output or the reason.
#[test]
fn a_notice_and_its_force_meet_a_task_that_ends() {
    for goal in [1, 2] {
        check(2, move || {
            let rig = Rig::new();
            let (task, waker) = rig.suspended(goal);
            let (handle, board) = (task.abort_handle(), rig.board.clone());
            let asking = thread::spawn(move || {
                let reason = Reason::from_static("asked");
                handle.cancel(&reason, Urgency::Notice);
                handle.cancel(&reason, Urgency::Now);
            });
            let waking = thread::spawn(move || {
                board.note(0, 1);
                waker.wake();
            });
            rig.runtime.scheduler.run_all();
            asking.join().expect("the thread only asks");
            waking.join().expect("the thread only wakes");
            rig.runtime.scheduler.run_all();
            match output(task).expect("the force was lost") {
                Ok(notes) => assert_eq!((notes, goal), (1, 1)),
                Err(error) => assert_eq!(error.reason().map(Reason::as_str), Some("asked")),
            }
            rig.end();
        });
    }
}

/// A scope that is opened while its task is told hears of it.
#[test]
fn a_scope_that_opens_during_a_notice_is_told() {
    struct Told(Request);
    impl Scope for Told {
        fn as_any(&self) -> &dyn Any {
            self
        }

        fn request(&self) -> &Request {
            &self.0
        }
        fn cancel(&self, reason: &Reason, urgency: Urgency) {
            self.0.make(reason, urgency);
        }
        fn poll_ended(&self, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
    check(3, || {
        let cold = Arc::new(Cold::default());
        let scope: Arc<dyn Scope> = Arc::new(Told(Request::new()));
        let (its_cold, its_scope) = (cold.clone(), scope.clone());
        let opening = thread::spawn(move || its_cold.keep(&its_scope));
        cold.notify(&Reason::from_static("asked"));
        opening.join().expect("the thread only opens a scope");
        assert!(scope.request().is_made(), "the notice was lost");
    });
}

/// The first step of a runtime's end meets a poll that ends its task, and a spawn: the wait for what remains is woken, and
/// nothing remains.
#[test]
fn a_sweep_waits_for_what_ends_beside_it() {
    for goal in [1, 2] {
        check(2, move || {
            let rig = Rig::new();
            let (task, waker) = rig.suspended(goal);
            rig.board.note(0, 1);
            rig.board.forget_waker();
            let scheduler = rig.runtime.scheduler.clone();
            let running = thread::spawn(move || {
                waker.wake();
                scheduler.run_all();
            });
            let count = Count::new();
            let (remains, is_settled) = rig.runtime.sweep(&count.waker());
            running.join().expect("a run does not panic");
            rig.runtime.scheduler.run_all();
            assert!(remains.is_settled(), "something remains");
            assert!(is_settled || count.n_wakes() == 1, "the wait was not woken");
            assert!(output(task).is_some(), "the task was not asked to end");
            drop(remains);
            rig.end();
        });
    }
}

/// As `Runnable::run`, with the steps before and after the poll for a model to get wrong.
fn run_with(
    runnable: Runnable,
    before: impl FnOnce(&State) -> Snapshot,
    after: impl FnOnce(&State, Snapshot) -> Snapshot,
) {
    let task: NonNull<Header> = runnable.into_ptr().cast();
    // SAFETY: the runnable keeps the task alive.
    let state = unsafe { &task.as_ref().state };
    let seen = before(state);
    // SAFETY: we hold the runnable.
    match unsafe { Header::poll(task) } {
        // SAFETY: the output is stored and the runnable given up.
        Poll::Ready(()) => unsafe { Header::complete(task, false) },
        Poll::Pending => {
            let seen = after(state, seen);
            if state.suspend(seen) == Suspended::Woken {
                // SAFETY: the state says that the runnable still exists.
                unsafe { Runnable::from_raw(task) }.schedule(Hint::Yield);
            }
        }
    }
}

#[test]
#[ignore = "run by `a_poll_that_covers_later_wakes_is_rejected`"]
fn broken_poll_covers_later_wakes() {
    check(3, || {
        let rig = Rig::new();
        let (task, waker) = rig.suspended(1);
        waker.wake_by_ref();
        let board = rig.board.clone();
        let waking = thread::spawn(move || {
            board.note(0, 1);
            waker.wake();
        });
        while let Some(runnable) = rig.runtime.scheduler.pop() {
            // The broken step: what the poll covers is looked up when it is over.
            run_with(runnable, State::load, |state, _| state.load());
        }
        waking.join().expect("the thread only wakes");
        rig.runtime.scheduler.run_all();
        assert!(output(task).is_some(), "a wake was lost");
        rig.end();
    });
}

#[test]
fn a_poll_that_covers_later_wakes_is_rejected() {
    assert_rejected("task::loom_tests::broken_poll_covers_later_wakes", "a wake was lost");
}

#[test]
#[ignore = "run by `a_poll_that_a_claim_does_not_see_is_rejected`"]
fn broken_poll_without_the_running_flag() {
    check(3, || {
        let rig = Rig::new();
        let task = rig.spawn_claimable(1);
        let runnable = rig.runtime.scheduler.pop().expect("it was scheduled");
        let handle = task.abort_handle();
        let claiming = thread::spawn(move || handle.claim());
        // The broken step: `start_poll` is left out.
        run_with(runnable, State::load, |_, seen| seen);
        claiming.join().expect("a claim does not panic");
    });
}

#[test]
fn a_poll_that_a_claim_does_not_see_is_rejected() {
    assert_rejected(
        "task::loom_tests::broken_poll_without_the_running_flag",
        "Causality violation",
    );
}

/// A count of wakes alone, with the order of the wake as a parameter.
fn wake_hands_over(order: crate::sys::sync::atomic::Ordering) {
    check(3, move || {
        let word = Arc::new((AtomicU64::new(1), UnsafeCell::new(0)));
        let its_word = word.clone();
        let waking = thread::spawn(move || {
            // SAFETY: the poll reads only what a counted wake has handed over.
            its_word.1.with_mut(|data| unsafe { *data = 1 });
            its_word.0.fetch_add(1, order);
        });
        let seen = word.0.load(Acquire);
        if seen == 2 {
            // SAFETY: the wake is counted.
            assert_eq!(word.1.with(|data| unsafe { *data }), 1);
        }
        word.0.fetch_sub(seen, AcqRel);
        waking.join().expect("the thread only wakes");
    });
}

#[test]
fn a_wake_hands_over_what_came_before() {
    wake_hands_over(AcqRel);
}

#[test]
#[ignore = "run by `a_wake_without_release_is_rejected`"]
fn broken_wake_without_release() {
    wake_hands_over(Relaxed);
}

#[test]
fn a_wake_without_release_is_rejected() {
    assert_rejected("task::loom_tests::broken_wake_without_release", "Causality violation");
}
