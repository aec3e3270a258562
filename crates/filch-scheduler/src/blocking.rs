//! Threads for calls that block: started when there is a call and nobody free, ended when idle for a while.
//!
//! Knows nothing about workers. A call is a task that is done at its first poll.

use crate::hook::{self, ThreadHook, ThreadNames};
use filch_core::RuntimeRef;
use filch_core::seam::Blocking;
use filch_core::sys::sync::{Condvar, Mutex, MutexGuard};
use filch_core::sys::thread;
use filch_core::sys::{Duration, Instant};
use filch_core::task::Runnable;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// Threads for calls that block.
#[derive(Clone)]
pub struct BlockingPool(Arc<Pool>);

struct Pool {
    state: Mutex<State>,
    /// Notified once for each call that an idle thread should take.
    work: Condvar,
    /// Notified when a thread has ended.
    progress: Condvar,
    max_threads: usize,
    keep_alive: Duration,
    stack_size: Option<usize>,
    thread_name: ThreadNames,
    on_start: Option<ThreadHook>,
    on_stop: Option<ThreadHook>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Runnable>,
    /// Threads that wait for work, and how many of them were notified and have not seen it.
    n_idle: usize,
    n_notified: usize,
    n_threads: usize,
    /// How many threads were ever started: the next one's number.
    n_started: usize,
    closed: bool,
    runtime: Option<RuntimeRef>,
    /// The calls in progress, by the number of their thread.
    running: HashMap<usize, Running>,
}

struct Running {
    name: Option<String>,
    spawned_at: &'static Location<'static>,
    since: Instant,
}

/// A blocking call that did not end within the grace.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Leftover {
    /// The task's name, if it was given one.
    pub name: Option<String>,
    /// Where the call was made.
    pub spawned_at: &'static Location<'static>,
    /// How long it has been running.
    pub running_for: Duration,
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "blocking call ")?;
        if let Some(name) = &self.name {
            write!(f, "{name:?} ")?;
        }
        write!(f, "({}), running for {:.1?}", self.spawned_at, self.running_for)
    }
}

impl BlockingPool {
    /// A pool without threads, of at most `max_threads`.
    pub fn new(
        max_threads: usize,
        keep_alive: Duration,
        stack_size: Option<usize>,
        thread_name: ThreadNames,
        on_start: Option<ThreadHook>,
        on_stop: Option<ThreadHook>,
    ) -> Self {
        BlockingPool(Arc::new(Pool {
            state: Mutex::default(),
            work: Condvar::new(),
            progress: Condvar::new(),
            max_threads: max_threads.max(1),
            keep_alive,
            stack_size,
            thread_name,
            on_start,
            on_stop,
        }))
    }

    /// Says which runtime the calls belong to, so that they find it.
    pub fn start(&self, runtime: RuntimeRef) {
        self.0.state.lock().runtime = Some(runtime);
    }

    /// Takes no more calls, cancels the queued ones and waits at most `grace` for those that run.
    /// Answers what still runs; it is left alone.
    pub fn shutdown(&self, grace: Duration) -> Vec<Leftover> {
        let pool = &*self.0;
        let queue = {
            let mut state = pool.state.lock();
            state.closed = true;
            pool.work.notify_all();
            std::mem::take(&mut state.queue)
        };
        drop(queue); // Unlocked: dropping a call is user code.
        let begin = Instant::now();
        let mut state = pool.state.lock();
        while state.n_threads != 0 {
            let Some(left) = grace.checked_sub(begin.elapsed()).filter(|left| !left.is_zero())
            else {
                break;
            };
            state = pool.progress.wait_timeout(state, left).0;
        }
        state.leftovers()
    }
}

impl State {
    fn leftovers(&self) -> Vec<Leftover> {
        let running = self.running.values();
        let mut leftovers: Vec<Leftover> = running
            .map(|call| Leftover {
                name: call.name.clone(),
                spawned_at: call.spawned_at,
                running_for: call.since.elapsed(),
            })
            .collect();
        leftovers.sort_by_key(|call| std::cmp::Reverse(call.running_for));
        leftovers
    }
}

impl Blocking for BlockingPool {
    fn submit(&self, task: Runnable) {
        let mut state = self.0.state.lock();
        if state.closed {
            drop(state);
            drop(task); // Unlocked: canceling a call drops what it captured.
            return;
        }
        state.queue.push_back(task);
        if state.n_idle > state.n_notified {
            state.n_notified += 1;
            drop(state);
            self.0.work.notify_one();
        } else if state.n_threads < self.0.max_threads {
            self.start_thread(state);
        }
    }

    fn n_busy(&self) -> usize {
        let state = self.0.state.lock();
        state.queue.len() + state.running.len()
    }
}

impl BlockingPool {
    fn start_thread(&self, mut state: MutexGuard<'_, State>) {
        let number = state.n_started;
        state.n_started += 1;
        state.n_threads += 1;
        let runtime = state.runtime.expect("the pool is started before the runtime takes calls");
        drop(state);
        let pool = Arc::clone(&self.0);
        let mut builder = thread::Builder::new().name(hook::name(&pool.thread_name, number));
        if let Some(size) = pool.stack_size {
            builder = builder.stack_size(size);
        }
        if builder.spawn(move || pool.run_thread(number, runtime)).is_err() {
            self.give_up_thread();
        }
    }

    /// The system has no thread for us. With others alive the call waits for one of them; without, it is canceled.
    fn give_up_thread(&self) {
        let mut state = self.0.state.lock();
        state.n_threads -= 1;
        let orphans =
            if state.n_threads == 0 { std::mem::take(&mut state.queue) } else { VecDeque::new() };
        drop(state);
        drop(orphans);
    }
}

impl Pool {
    fn run_thread(&self, number: usize, runtime: RuntimeRef) {
        let _entered = runtime.enter();
        hook::call(self.on_start.as_ref(), number);
        while let Some(task) = self.next_call(number) {
            let again = task.run();
            debug_assert!(again.is_none(), "a blocking call is done at its first poll");
            self.state.lock().running.remove(&number);
        }
        hook::call(self.on_stop.as_ref(), number);
        let mut state = self.state.lock();
        state.n_threads -= 1;
        drop(state);
        self.progress.notify_all();
    }

    /// Waits for a call; `None` when the thread should end.
    fn next_call(&self, number: usize) -> Option<Runnable> {
        let mut state = self.state.lock();
        loop {
            if let Some(task) = state.queue.pop_front() {
                let name = task.name().map(str::to_owned);
                let running =
                    Running { name, spawned_at: task.spawned_at(), since: Instant::now() };
                state.running.insert(number, running);
                return Some(task);
            }
            if state.closed {
                return None;
            }
            state = self.wait(state)?;
        }
    }

    /// Waits until notified, or gives the lock back when nobody did for too long.
    fn wait<'a>(&'a self, mut state: MutexGuard<'a, State>) -> Option<MutexGuard<'a, State>> {
        state.n_idle += 1;
        loop {
            let (back, timed_out) = self.work.wait_timeout(state, self.keep_alive);
            state = back;
            if state.n_notified != 0 {
                state.n_notified -= 1; // Why: the wait may end without a notification; only a counted one is work.
                break;
            }
            if state.closed {
                break;
            }
            if timed_out {
                state.n_idle -= 1;
                return None;
            }
        }
        state.n_idle -= 1;
        Some(state)
    }
}

impl fmt::Debug for BlockingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state.lock();
        f.debug_struct("BlockingPool")
            .field("n_threads", &state.n_threads)
            .field("n_idle", &state.n_idle)
            .field("n_queued", &state.queue.len())
            .field("n_running", &state.running.len())
            .finish()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::testing::runtime_around;
    use filch_core::runtime::{Living, block_on_thread};
    use filch_core::task::{JoinError, JoinHandle, Spawn};
    use std::pin::pin;
    use std::sync::mpsc;

    const NEVER: Duration = Duration::MAX;

    fn pool(max_threads: usize, keep_alive: Duration, hook: Option<ThreadHook>) -> BlockingPool {
        let names: ThreadNames = Arc::new(|index| format!("blocking-{index}"));
        BlockingPool::new(max_threads, keep_alive, None, names, hook.clone(), hook)
    }

    fn call<T: Send + 'static>(
        runtime: &Living,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        Spawn::on(runtime.runtime()).spawn_blocking(call)
    }

    fn join<T>(task: JoinHandle<T>) -> Result<T, JoinError> {
        let mut output = None;
        block_on_thread(pin!(async { output = Some(task.await) }));
        output.expect("the future above stores an output")
    }

    impl BlockingPool {
        /// Waits until no thread is left, which is announced each time one ends.
        fn wait_until_empty(&self) {
            let mut state = self.0.state.lock();
            while state.n_threads != 0 {
                state = self.0.progress.wait(state);
            }
        }

        fn wait_until_idle(&self, n_idle: usize) {
            while self.0.state.lock().n_idle != n_idle {
                thread::yield_now();
            }
        }
    }

    #[test]
    fn an_idle_thread_takes_the_next_call() {
        let pool = pool(8, NEVER, None);
        let runtime = runtime_around(&pool);
        for n in 0..20 {
            assert_eq!(join(call(&runtime, move || n)).ok(), Some(n));
            pool.wait_until_idle(1);
        }
        assert_eq!(pool.0.state.lock().n_started, 1);
        runtime.end();
        assert!(pool.shutdown(NEVER).is_empty());
        assert_eq!(pool.0.state.lock().n_threads, 0);
    }

    #[test]
    fn a_thread_without_calls_ends_after_its_time() {
        let pool = pool(8, Duration::from_millis(1), None);
        let runtime = runtime_around(&pool);
        for n in 0..3 {
            assert_eq!(join(call(&runtime, move || n)).ok(), Some(n));
            pool.wait_until_empty();
            let state = pool.0.state.lock();
            assert_eq!((state.n_idle, state.n_notified, state.n_threads), (0, 0, 0));
        }
        runtime.end();
        assert!(pool.shutdown(NEVER).is_empty());
    }

    #[test]
    fn no_call_is_lost_to_a_thread_whose_time_is_over() {
        let pool = pool(2, Duration::from_nanos(1), None);
        let runtime = runtime_around(&pool);
        for round in 0..2000 {
            let calls: Vec<_> = (0..3).map(|n| call(&runtime, move || n)).collect();
            let outputs = calls.into_iter().map(|call| join(call).ok());
            assert_eq!(outputs.collect::<Vec<_>>(), [Some(0), Some(1), Some(2)], "round {round}");
        }
        runtime.end();
        assert!(pool.shutdown(NEVER).is_empty());
    }

    #[test]
    fn a_shutdown_cancels_what_waits_and_names_what_runs() {
        let pool = pool(1, NEVER, None);
        let runtime = runtime_around(&pool);
        let (begun, has_begun) = mpsc::channel();
        let (end, may_end) = mpsc::channel::<()>();
        let running = call(&runtime, move || {
            begun.send(()).expect("it is awaited");
            let _ = may_end.recv();
        });
        let queued = call(&runtime, || ());
        has_begun.recv().expect("it begins");
        assert_eq!(pool.n_busy(), 2);
        let left = pool.shutdown(Duration::ZERO);
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].spawned_at.file(), file!());
        assert!(join(queued).is_err_and(|error| error.is_cancelled()));
        assert!(join(call(&runtime, || ())).is_err_and(|error| error.is_cancelled()), "too late");
        drop(end);
        assert!(join(running).is_ok(), "it was left alone");
        assert!(pool.shutdown(NEVER).is_empty());
        assert_eq!((pool.n_busy(), pool.0.state.lock().n_threads), (0, 0));
        runtime.end();
    }

    #[test]
    fn a_hook_that_panics_costs_neither_a_call_nor_a_thread() {
        let hook: ThreadHook = Arc::new(|index| assert_eq!(index, usize::MAX, "the user's"));
        let pool = pool(1, NEVER, Some(hook));
        let runtime = runtime_around(&pool);
        assert_eq!(join(call(&runtime, || 1)).ok(), Some(1));
        assert_eq!(join(call(&runtime, || 2)).ok(), Some(2));
        runtime.end();
        assert!(pool.shutdown(NEVER).is_empty());
        assert_eq!(pool.0.state.lock().n_threads, 0);
    }
}
