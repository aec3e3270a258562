//! A runtime around the scheduler under test.

use crate::conformance::within_patience;
use crate::runtime::{Living, RuntimeRef, block_on_thread};
use crate::seam::{Hint, Park, Scheduler};
use crate::task::{JoinError, JoinHandle, Runnable, Spawn};
use crate::testing;
use crate::wake_batch::WakeBatch;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Poll, Waker};

pub(super) struct Rig {
    watched: Arc<Watched>,
    runtime: RuntimeRef,
    living: RefCell<Option<Living>>,
}

impl Rig {
    /// Starts the scheduler, runs `check`, ends the runtime.
    pub(super) fn check(scheduler: Arc<dyn Scheduler>, check: impl FnOnce(&Rig) + Send + 'static) {
        Rig::check_to_the_end(scheduler, |rig| {
            check(rig);
            rig.end();
        });
    }

    /// As [`check`](Self::check); the check ends the runtime by itself.
    pub(super) fn check_to_the_end(
        scheduler: Arc<dyn Scheduler>,
        check: impl FnOnce(&Rig) + Send + 'static,
    ) {
        within_patience(move || check(&Rig::start(scheduler)));
    }

    fn start(tested: Arc<dyn Scheduler>) -> Rig {
        let watched = Arc::new(Watched {
            tested: tested.clone(),
            n_in_poll: Arc::default(),
            at_shutdown: OnceLock::new(),
        });
        let parts = testing::parts(watched.clone());
        let park = parts.park.clone();
        let living = Living::open(parts);
        let runtime = living.runtime();
        tested.start(runtime, park).expect("the scheduler starts");
        Rig { watched, runtime, living: RefCell::new(Some(living)) }
    }

    pub(super) fn end(&self) {
        let living = self.living.borrow_mut().take();
        living.expect("a check ends its runtime once").end();
    }

    pub(super) fn runtime(&self) -> RuntimeRef {
        self.runtime
    }

    pub(super) fn n_workers(&self) -> usize {
        self.watched.tested.n_workers()
    }

    pub(super) fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        spawn_on(self.runtime, future)
    }

    pub(super) fn block_on(&self, future: impl Future<Output = ()>) {
        let _entered = self.runtime.enter();
        self.watched.tested.block_on(pin!(future));
    }

    pub(super) fn join<T>(&self, task: JoinHandle<T>) -> Result<T, JoinError> {
        let mut output = None;
        self.block_on(async { output = Some(task.await) });
        output.expect("`block_on` returned before its future was done")
    }

    pub(super) fn join_all<T>(&self, tasks: Vec<JoinHandle<T>>) {
        self.block_on(async {
            for task in tasks {
                assert!(task.await.is_ok(), "a task did not end well");
            }
        });
    }

    /// For tasks to say that they are in a poll.
    pub(super) fn n_in_poll(&self) -> Arc<AtomicUsize> {
        self.watched.n_in_poll.clone()
    }

    /// How many tasks were in a poll when `shutdown` returned.
    pub(super) fn n_in_poll_at_shutdown(&self) -> Option<usize> {
        self.watched.at_shutdown.get().copied()
    }
}

pub(super) fn spawn_on<T: Send + 'static>(
    runtime: RuntimeRef,
    future: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    Spawn::on(runtime).spawn(future)
}

/// Joins a task of a runtime that has ended.
pub(super) fn join_outside<T>(task: JoinHandle<T>) -> Result<T, JoinError> {
    let mut output = None;
    block_on_thread(pin!(async { output = Some(task.await) }));
    output.expect("the future above stores an output")
}

pub(super) fn yield_once() -> impl Future<Output = ()> + Send {
    let mut has_yielded = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Something many may wait for. Waking them all is one batch.
#[derive(Clone)]
pub(super) struct Flag(Arc<Mutex<FlagState>>);

#[derive(Default)]
struct FlagState {
    is_raised: bool,
    waiting: Vec<Waker>,
}

impl Flag {
    pub(super) fn new() -> Self {
        Flag(Arc::default())
    }

    pub(super) fn raise(&self) {
        let waiting = self.with(|state| {
            state.is_raised = true;
            std::mem::take(&mut state.waiting)
        });
        let mut wakes = WakeBatch::default();
        wakes.extend(waiting);
        wakes.wake_all();
    }

    pub(super) async fn wait(self) {
        poll_fn(|cx| {
            self.with(|state| {
                if state.is_raised {
                    return Poll::Ready(());
                }
                if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                    state.waiting.push(cx.waker().clone());
                }
                Poll::Pending
            })
        })
        .await
    }

    pub(super) fn n_waiting(&self) -> usize {
        self.with(|state| state.waiting.len())
    }

    pub(super) fn n_owners(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    fn with<R>(&self, f: impl FnOnce(&mut FlagState) -> R) -> R {
        f(&mut self.0.lock().expect("nobody panics under this lock"))
    }
}

/// The scheduler under test, and a look at the moment its `shutdown` returns.
struct Watched {
    tested: Arc<dyn Scheduler>,
    n_in_poll: Arc<AtomicUsize>,
    at_shutdown: OnceLock<usize>,
}

impl Scheduler for Watched {
    fn start(self: Arc<Self>, _: RuntimeRef, _: Arc<dyn Park>) -> io::Result<()> {
        unreachable!("the rig starts the tested scheduler itself")
    }

    fn schedule(&self, task: Runnable, hint: Hint) {
        self.tested.schedule(task, hint);
    }

    fn schedule_batch(&self, tasks: &mut dyn Iterator<Item = Runnable>) {
        self.tested.schedule_batch(tasks);
    }

    fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>) {
        self.tested.block_on(future);
    }

    fn shutdown(&self) {
        self.tested.shutdown();
        let _ = self.at_shutdown.set(self.n_in_poll.load(SeqCst));
    }

    fn n_workers(&self) -> usize {
        self.tested.n_workers()
    }
}
