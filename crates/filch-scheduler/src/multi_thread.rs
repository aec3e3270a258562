//! The work-stealing scheduler: shared state of its workers, and the ways a task comes in.
//!
//! What a worker does is in `worker`; who sleeps is in [`idle`](crate::idle).

use crate::hook::{self, ThreadHook, ThreadNames};
use crate::idle::{Found, Idle, LastLook};
use crate::injector::Injector;
use crate::local::Remote;
use crate::lookout::Lookout;
use crate::sleeper::Sleeper;
use crate::worker::{self, Worker};
use crossbeam_deque::Worker as Deque;
use crossbeam_utils::CachePadded;
use filch_core::RuntimeRef;
use filch_core::coop::Budget;
use filch_core::seam::{Hint, Park, Scheduler};
use filch_core::sys::sync::Mutex;
use filch_core::sys::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use filch_core::sys::sync::atomic::{AtomicBool, fence};
use filch_core::sys::thread::{self, JoinHandle};
use filch_core::task::Runnable;
use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock, Weak};

/// How a scheduler's threads are made and paced.
#[derive(Clone)]
pub struct Settings {
    /// How many workers; at least one.
    pub n_workers: usize,
    /// Names a worker's thread by its index.
    pub thread_name: ThreadNames,
    /// The stack of a worker's thread in bytes; `None` for the system's default.
    pub stack_size: Option<usize>,
    /// What a task may consume in one poll.
    pub budget: Budget,
    /// The driver is visited at least once in so many polls; at least one.
    pub event_interval: u32,
    /// The injector is visited at least once in so many polls; at least one.
    pub injector_interval: u32,
    /// Seeds the workers' random generators; `None` for a different seed in each process.
    pub seed: Option<u64>,
    /// Called on each worker's thread before it runs a task.
    pub on_start: Option<ThreadHook>,
    /// Called on each worker's thread after its last task.
    pub on_stop: Option<ThreadHook>,
    /// Whether all workers but the first are started with the first task only.
    pub starts_lazily: bool,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("n_workers", &self.n_workers)
            .field("event_interval", &self.event_interval)
            .field("injector_interval", &self.injector_interval)
            .finish_non_exhaustive()
    }
}

/// Several workers that steal from each other. See the [crate page](crate).
pub struct MultiThread {
    pub(crate) settings: Settings,
    pub(crate) injector: Injector,
    pub(crate) remotes: Box<[Remote]>,
    pub(crate) idle: Idle,
    pub(crate) lookout: Lookout,
    sleepers: Box<[CachePadded<Sleeper>]>,
    is_shutdown: AtomicBool,
    park: OnceLock<Arc<dyn Park>>,
    /// The workers' queues until their threads take them.
    queues: Mutex<Vec<Deque<Runnable>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    unstarted: Mutex<Option<Unstarted>>,
    /// Whether there may be something in `unstarted`.
    has_unstarted: AtomicBool,
}

/// What the first task starts. Until then these workers count as parked.
struct Unstarted {
    scheduler: Weak<MultiThread>,
    runtime: RuntimeRef,
    workers: Vec<(usize, Deque<Runnable>, LastLook)>,
}

impl MultiThread {
    /// A scheduler that has not started.
    ///
    /// # Panics
    /// When one of the settings that must be at least one is zero; the facade's builder refuses that with an error.
    pub fn new(settings: Settings) -> Self {
        let n_workers = settings.n_workers;
        assert_ne!(n_workers, 0, "a scheduler needs at least one worker");
        assert_ne!(settings.event_interval, 0, "the driver must be visited");
        assert_ne!(settings.injector_interval, 0, "the injector must be visited");
        let (queues, remotes): (Vec<_>, Vec<_>) = (0..n_workers).map(|_| Remote::new()).unzip();
        MultiThread {
            injector: Injector::new(n_workers),
            remotes: remotes.into(),
            idle: Idle::new(n_workers),
            lookout: Lookout::new(n_workers),
            sleepers: (0..n_workers).map(|_| CachePadded::default()).collect(),
            is_shutdown: AtomicBool::new(false),
            park: OnceLock::new(),
            queues: Mutex::new(queues),
            threads: Mutex::new(Vec::new()),
            unstarted: Mutex::new(None),
            has_unstarted: AtomicBool::new(false),
            settings,
        }
    }

    pub(crate) fn is_shutdown(&self) -> bool {
        // ORDERING: [shutdown] Acquire pairs with the Release in `stop`.
        self.is_shutdown.load(Acquire)
    }

    pub(crate) fn park(&self) -> &dyn Park {
        &**self.park.get().expect("set by `start` before a thread exists")
    }

    /// Queues a task for any worker and makes sure that one comes.
    pub(crate) fn inject(&self, task: Runnable) {
        self.injector.push(task);
        // Why Relaxed: set before anybody knows this scheduler, and cleared by who has started the others.
        if self.has_unstarted.load(Relaxed) {
            self.start_the_rest();
        }
        self.unpark(self.idle.notify_one());
    }

    /// Unparks a worker that was claimed.
    pub(crate) fn unpark(&self, claimed: Option<usize>) {
        if let Some(worker) = claimed {
            self.sleepers[worker].unpark(|| self.park().unpark());
        }
    }

    pub(crate) fn sleeper(&self, worker: usize) -> &Sleeper {
        &self.sleepers[worker]
    }

    fn start_worker(
        self: &Arc<Self>,
        index: usize,
        queue: Deque<Runnable>,
        is_searching: bool,
        runtime: RuntimeRef,
    ) -> io::Result<()> {
        let scheduler = Arc::clone(self);
        let mut thread = thread::Builder::new().name(hook::name(&self.settings.thread_name, index));
        if let Some(size) = self.settings.stack_size {
            thread = thread.stack_size(size);
        }
        self.start_thread(thread, move || {
            scheduler.sleepers[index].set_thread();
            Worker::new(scheduler, index, queue, is_searching).run(runtime);
        })
    }

    fn start_lookout(self: &Arc<Self>) -> io::Result<()> {
        let scheduler = Arc::clone(self);
        let name = format!("{}-lookout", hook::name(&self.settings.thread_name, 0));
        self.start_thread(thread::Builder::new().name(name), move || Lookout::run(&scheduler))
    }

    fn start_thread(
        &self,
        thread: thread::Builder,
        life: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let mut threads = self.threads.lock();
        // Why: `stop` has come to fetch the threads to join, or will find this one.
        if !self.is_shutdown() {
            threads.push(thread.spawn(life)?);
        }
        Ok(())
    }

    fn start_threads(self: &Arc<Self>, runtime: RuntimeRef) -> io::Result<()> {
        let mut queues = std::mem::take(&mut *self.queues.lock());
        if self.settings.starts_lazily {
            self.put_off(queues.split_off(1), runtime);
        }
        let is_complete = queues.len() == self.settings.n_workers;
        for (index, queue) in queues.into_iter().enumerate() {
            self.start_worker(index, queue, false, runtime)?;
        }
        if is_complete && 1 < self.settings.n_workers { self.start_lookout() } else { Ok(()) }
    }

    /// Puts the workers with these queues, all but the first, off until there is a task.
    fn put_off(self: &Arc<Self>, queues: Vec<Deque<Runnable>>, runtime: RuntimeRef) {
        let has_unstarted = !queues.is_empty();
        let park = |index| self.idle.prepare_park(index, false, false);
        let workers = (1..).zip(queues).map(|(index, queue)| (index, queue, park(index))).collect();
        *self.unstarted.lock() =
            Some(Unstarted { scheduler: Arc::downgrade(self), runtime, workers });
        self.has_unstarted.store(has_unstarted, Relaxed);
    }

    /// Starts what was put off. Whoever claims one of these workers meanwhile need not unpark it: it begins by searching.
    #[cold]
    fn start_the_rest(&self) {
        let Some(unstarted) = self.unstarted.lock().take() else { return };
        let scheduler = unstarted.scheduler.upgrade().expect("whoever calls its method holds it");
        for (index, queue, look) in unstarted.workers {
            let was_claimed = self.idle.unpark_self(index, look);
            let started = scheduler.start_worker(index, queue, was_claimed, unstarted.runtime);
            if let Err(error) = started {
                self.do_without(index, was_claimed, &error);
            }
        }
        if let Err(error) = scheduler.start_lookout() {
            eprintln!("filch: there is no thread to look after stuck workers: {error}");
        }
        self.has_unstarted.store(false, Relaxed);
    }

    /// A worker could not be started. Whoever relied on it gets another one.
    fn do_without(&self, worker: usize, was_claimed: bool, error: &io::Error) {
        eprintln!(
            "filch: there is no thread for worker {worker}, the others go on without it: {error}"
        );
        if was_claimed && self.idle.searching_to_running(worker) == Found::WasLast {
            self.unpark(self.idle.notify_one());
        }
    }

    /// Ends the loops of all threads and joins them.
    fn stop(&self) {
        // ORDERING: [shutdown] Release pairs with `is_shutdown`.
        self.is_shutdown.store(true, Release);
        // ORDERING: [shutdown] pairs with [park] in `Idle::prepare_park`: a worker that goes to sleep sees the end, or its
        // thread is seen here.
        fence(SeqCst);
        self.sleepers.iter().for_each(|sleeper| sleeper.rouse());
        if let Some(park) = self.park.get() {
            park.unpark();
        }
        self.lookout.stop();
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            // Why ignored: a worker never unwinds, and a lookout that did has said so.
            let _ = thread.join();
        }
    }
}

impl Scheduler for MultiThread {
    fn start(self: Arc<Self>, runtime: RuntimeRef, park: Arc<dyn Park>) -> io::Result<()> {
        if self.park.set(park).is_err() {
            return Err(io::Error::other(
                "this scheduler was started before; make one for each runtime",
            ));
        }
        self.start_threads(runtime).inspect_err(|_| self.stop())
    }

    #[inline]
    fn schedule(&self, task: Runnable, hint: Hint) {
        if let Some(task) = worker::push_local(self, task, hint) {
            self.inject(task);
        }
    }

    fn schedule_batch(&self, tasks: &mut dyn Iterator<Item = Runnable>) {
        worker::push_batch(self, tasks);
    }

    fn shutdown(&self) {
        self.stop();
        self.queues.lock().clear();
        while let Some(task) = self.injector.take_one() {
            drop(task);
        }
    }

    fn n_workers(&self) -> usize {
        self.settings.n_workers
    }
}

impl fmt::Debug for MultiThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultiThread")
            .field("idle", &self.idle)
            .field("injector", &self.injector)
            .finish()
    }
}
