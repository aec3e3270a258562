//! Threads for calls: those of a runtime, and pools of a program's own.

use filch_core::RuntimeRef;
use filch_core::seam::Blocking;
use filch_core::task::{JoinHandle, Runnable, Spawn};
use filch_scheduler::{BlockingPool, Leftover, PoolSettings, ThreadHook};
use filch_task::Call;
use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an idle thread stays, in a runtime's pools and in others.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// The threads of one runtime that are no workers.
#[derive(Clone)]
pub(super) struct Pools {
    pub(super) blocking: BlockingPool,
    pub(super) compute: BlockingPool,
}

impl Pools {
    /// Says which runtime the calls belong to.
    pub(super) fn start(&self, runtime: RuntimeRef) {
        self.blocking.start(runtime);
        self.compute.start(runtime);
    }

    /// Cancels the calls that wait, and gives those that run `grace` in all. Answers what still runs.
    pub(super) fn shutdown(&self, grace: Duration) -> Vec<Leftover> {
        let begin = Instant::now();
        // Why first: no computation begins while a blocking call is waited for.
        self.compute.close();
        let mut left = self.blocking.shutdown(grace);
        left.extend(self.compute.shutdown(grace.saturating_sub(begin.elapsed())));
        left.sort_by_key(|call| Reverse(call.running_for));
        left
    }
}

/// A pool's settings with threads that stand back behind those of this thread's priority, as workers are.
pub(super) fn below_workers(mut settings: PoolSettings, starts_lazily: bool) -> PoolSettings {
    let stand_back = stand_back();
    let hook = settings.on_start.take();
    let on_start: ThreadHook = Arc::new(move |number| {
        if starts_lazily {
            // Why: the first task starts the other workers, which inherit the priority of who spawned it.
            drop(Spawn::on(RuntimeRef::current()).spawn(async {}));
        }
        stand_back();
        hook.iter().for_each(|hook| hook(number)); // Last: the user has the last word.
    });
    settings.on_start = Some(on_start);
    settings
}

/// What lowers a thread's priority below the present one of this thread.
// Why no error: a system that refuses leaves the thread as fast as the others.
#[cfg(target_os = "linux")]
fn stand_back() -> impl Fn() + Send + Sync {
    use rustix::process::{getpriority_process, setpriority_process};
    /// How much nicer.
    // Why: the kernel weighs a thread 110 against 1024 then (`sched_prio_to_weight`), a tenth of a contended core.
    const STEP: i32 = 10;
    const NICEST: i32 = 19;
    // Linux keeps a priority per thread; "this process" means the calling thread.
    let ours = getpriority_process(None);
    move || {
        if let Ok(ours) = ours {
            // Why not relative to the new thread's: one that was started by a compute call has stood back already.
            let _ = setpriority_process(None, (ours + STEP).min(NICEST));
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn stand_back() -> impl Fn() + Send + Sync {
    || {}
}

/// A program's own threads for calls that block, so many at a time: for a disk that serves eight readers, a library
/// that allows one caller, work that must not starve other work.
///
/// It is a handle: clones are the same pool. A pool belongs to no runtime, a call does: to that of whoever makes it, in
/// which it runs and whose virtual clock does not jump meanwhile. It inherits context values. The end of that runtime
/// neither cancels the call nor waits for it; a call made later is canceled.
///
/// Calls begin in the order in which they came. Threads start when there is a call and nobody free, and end when idle
/// for a while. When the last handle is dropped, calls that wait are canceled, and those that run finish undisturbed;
/// [`shutdown`](Self::shutdown) waits for them.
///
/// # Deadlock
/// A call that waits for another call of its pool holds a thread meanwhile. When all threads are held so, nothing goes
/// on. Await such calls in a task, which holds no thread, or give the inner ones a pool of their own.
/// [`n_queued`](Self::n_queued) shows it: it grows and [`n_running`](Self::n_running) stays at the limit.
///
/// # Examples
/// ```
/// use filch::runtime::Pool;
/// use filch::task::run_in_executor;
///
/// let disk = Pool::new("disk", 2);
/// filch::run(async move {
///     let length = run_in_executor(&disk, || "a long read".len()).await;
///     assert_eq!(length, 11);
///     let task = disk.spawn(|| 1);
///     assert_eq!(disk.run(|| 2).await + task.await.expect("the call does not panic"), 3);
/// });
/// ```
#[derive(Clone)]
pub struct Pool(Arc<Owned>);

/// Closes the pool when the last handle is dropped. Its threads hold the inner one only.
struct Owned {
    name: Box<str>,
    max_threads: usize,
    calls: BlockingPool,
}

impl Pool {
    /// A pool of at most `max_threads` threads, none of which is started yet.
    ///
    /// # Panics
    /// When `max_threads` is zero.
    #[track_caller]
    pub fn new(name: &str, max_threads: usize) -> Pool {
        Pool::builder(name, max_threads).build()
    }

    /// The beginning of a pool to order.
    ///
    /// # Panics
    /// When `max_threads` is zero.
    #[track_caller]
    pub fn builder(name: &str, max_threads: usize) -> PoolBuilder {
        assert_ne!(
            max_threads, 0,
            "the pool {name:?} was given 0 threads, so that none of its calls could run; give it at least 1"
        );
        let thread_name = name.to_owned();
        PoolBuilder {
            name: name.into(),
            settings: PoolSettings {
                call: format!("call in pool {name:?}").into(),
                max_threads,
                keep_alive: KEEP_ALIVE,
                stack_size: None,
                thread_name: Arc::new(move |number| format!("{thread_name}-{number}")),
                on_start: None,
                on_stop: None,
            },
        }
    }

    /// Runs a call on one of the pool's threads and gives its result. It starts when the future is first polled.
    ///
    /// # Panics
    /// As [`run_in_executor`](crate::task::run_in_executor).
    ///
    /// # Cancel safety
    /// As [`run_in_executor`](crate::task::run_in_executor).
    #[track_caller]
    pub fn run<F, R>(&self, call: F) -> Call<F, R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        crate::task::run_in_executor(self, call)
    }

    /// Starts a call on one of the pool's threads. When the pool was shut down, the handle answers "canceled".
    ///
    /// # Panics
    /// As [`spawn_blocking`](crate::task::spawn_blocking).
    #[track_caller]
    pub fn spawn<F, R>(&self, call: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        Spawn::on(RuntimeRef::current()).spawn_blocking_on(&*self.0, call)
    }

    /// Takes no more calls, cancels those that wait and blocks this thread for at most `grace` until those that run have
    /// ended. Answers what still runs; it is left alone.
    ///
    /// All handles are of the same pool, so this ends it for every one of them. Called by one of the pool's own calls it
    /// waits in vain and names that call.
    pub fn shutdown(&self, grace: Duration) -> Vec<Leftover> {
        self.0.calls.shutdown(grace)
    }

    /// The pool's name, which its threads and reports bear.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How many calls run at a time.
    pub fn max_threads(&self) -> usize {
        self.0.max_threads
    }

    /// How many calls run.
    pub fn n_running(&self) -> usize {
        self.0.calls.n_running()
    }

    /// How many calls wait for a thread.
    pub fn n_queued(&self) -> usize {
        self.0.calls.n_queued()
    }

    /// How many threads there are, idle ones included.
    pub fn n_threads(&self) -> usize {
        self.0.calls.n_threads()
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.calls.close();
    }
}

impl Blocking for Owned {
    fn submit(&self, task: Runnable) -> Result<(), Runnable> {
        self.calls.submit(task)
    }

    fn n_busy(&self) -> usize {
        self.calls.n_busy()
    }
}

impl From<&Pool> for Arc<dyn Blocking> {
    fn from(pool: &Pool) -> Self {
        Arc::clone(&pool.0) as Arc<dyn Blocking>
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("name", &self.0.name)
            .field("max_threads", &self.0.max_threads)
            .field("calls", &self.0.calls)
            .finish()
    }
}

/// Orders a [`Pool`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct PoolBuilder {
    name: Box<str>,
    settings: PoolSettings,
}

impl PoolBuilder {
    /// How long a thread stays without a call. 10 s if nothing else is said.
    pub fn keep_alive(mut self, duration: Duration) -> Self {
        self.settings.keep_alive = duration;
        self
    }

    /// The stack of each thread, in bytes.
    pub fn thread_stack_size(mut self, bytes: usize) -> Self {
        self.settings.stack_size = Some(bytes);
        self
    }

    /// Called on each thread before its first call. A panic in it is reported and costs neither thread nor call.
    pub fn on_thread_start(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.settings.on_start = Some(Arc::new(move |_| hook()));
        self
    }

    /// Called on each thread after its last call.
    pub fn on_thread_stop(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.settings.on_stop = Some(Arc::new(move |_| hook()));
        self
    }

    /// Makes the pool. Starts no thread.
    pub fn build(self) -> Pool {
        Pool(Arc::new(Owned {
            name: self.name,
            max_threads: self.settings.max_threads,
            calls: BlockingPool::shared(self.settings),
        }))
    }
}
