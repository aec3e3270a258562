//! Threads for calls that block or compute: started when there is a call and nobody free, ended when idle for a while.
//!
//! Knows nothing about workers. A call is a task that is done at its first poll. Calls begin in the order in which they
//! came. A pool belongs to one runtime, or to none and takes the calls of all.

use crate::hook::{self, ThreadHook, ThreadNames};
use crate::spin::Spin;
use filch_core::RuntimeRef;
use filch_core::seam::Blocking;
use filch_core::sys::sync::atomic::Ordering::{Relaxed, Release};
use filch_core::sys::sync::atomic::{AtomicBool, AtomicUsize};
use filch_core::sys::sync::{Condvar, Mutex, MutexGuard};
use filch_core::sys::thread;
use filch_core::sys::{Duration, Instant};
use filch_core::task::Runnable;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// How often a thread looks whether it is called before it waits: about 25 µs on the reference machine (design 0020).
// Why: whoever awaits a call sleeps at first, and asks for the next one only after it was woken; half as many looks found
// that in no run. A sleep and its end take 18 µs of two processors, so that a vain look costs little more.
const N_LOOKS: u32 = 600;

/// Threads for calls.
#[derive(Clone)]
pub struct BlockingPool(Arc<Pool>);

/// How many threads a pool has and how they are made.
#[derive(Clone)]
pub struct PoolSettings {
    /// What one of the pool's calls is called in a report.
    pub call: Arc<str>,
    /// How many calls run at a time; at least one.
    pub max_threads: usize,
    /// How long a thread stays without a call.
    pub keep_alive: Duration,
    /// The stack of a thread in bytes; `None` for the system's default.
    pub stack_size: Option<usize>,
    /// Names a thread by its number.
    pub thread_name: ThreadNames,
    /// Called on each thread before its first call.
    pub on_start: Option<ThreadHook>,
    /// Called on each thread after its last call.
    pub on_stop: Option<ThreadHook>,
}

struct Pool {
    state: Mutex<State>,
    /// Notified once for each call that an idle thread should take.
    work: Condvar,
    /// Tells the thread that looks to come for a call.
    is_called: AtomicBool,
    /// Notified when a thread has ended.
    progress: Condvar,
    /// It belongs to no runtime: each call brings its own.
    is_shared: bool,
    settings: PoolSettings,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Call>,
    /// Threads that wait for work, and how many of them were notified and have not seen it.
    n_idle: usize,
    n_notified: usize,
    /// The right to look for a call a moment longer before waiting; away while a thread does.
    spin: Option<Spin>,
    /// That thread was not called yet; called or not, it looks at the queue when it is back.
    has_looker: bool,
    /// Threads that take calls, and those that have taken their last one.
    n_threads: usize,
    n_ending: usize,
    /// How many threads were ever started: the next one's number.
    n_started: usize,
    closed: bool,
    runtime: Option<RuntimeRef>,
    /// The calls in progress, by the number of their thread.
    running: HashMap<usize, Running>,
}

/// A call on its way through a pool.
struct Call {
    task: Runnable,
    /// Declared last: dropped when the task has ended and whoever awaits it was woken.
    guest: Option<Guest>,
}

/// The stay of a call in a pool that is not its runtime's. Meanwhile a virtual clock of that runtime does not jump.
struct Guest {
    of: RuntimeRef,
    /// [`Parts::calls_elsewhere`](filch_core::runtime::Parts::calls_elsewhere); `None` when the runtime has ended.
    calls: Option<Arc<AtomicUsize>>,
}

struct Running {
    name: Option<String>,
    spawned_at: &'static Location<'static>,
    since: Instant,
}

/// A call that did not end within the grace.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Leftover {
    /// What the pool calls it.
    call: Arc<str>,
    /// The task's name, if it was given one.
    pub name: Option<String>,
    /// Where the call was made.
    pub spawned_at: &'static Location<'static>,
    /// How long it has been running.
    pub running_for: Duration,
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.call)?;
        if let Some(name) = &self.name {
            write!(f, "{name:?} ")?;
        }
        write!(f, "({}), running for {:.1?}", self.spawned_at, self.running_for)
    }
}

impl BlockingPool {
    /// A pool without threads, of the runtime that [`start`](Self::start) will name.
    ///
    /// # Panics
    /// When `max_threads` is zero; the facade's builder refuses that with an error.
    pub fn new(settings: PoolSettings) -> Self {
        Self::with(settings, false)
    }

    /// A pool without threads, for the calls of all runtimes. Each call runs inside the runtime it belongs to.
    ///
    /// # Panics
    /// When `max_threads` is zero.
    pub fn shared(settings: PoolSettings) -> Self {
        Self::with(settings, true)
    }

    fn with(settings: PoolSettings, is_shared: bool) -> Self {
        assert_ne!(settings.max_threads, 0, "a pool needs at least one thread");
        BlockingPool(Arc::new(Pool {
            state: Mutex::new(State { spin: Some(Spin::new(N_LOOKS)), ..State::default() }),
            work: Condvar::new(),
            is_called: AtomicBool::new(false),
            progress: Condvar::new(),
            is_shared,
            settings,
        }))
    }

    /// Says which runtime the calls belong to, so that they find it.
    pub fn start(&self, runtime: RuntimeRef) {
        self.0.state.lock().runtime = Some(runtime);
    }

    /// Takes no more calls and cancels the queued ones. Those that run go on; a thread ends with its call.
    pub fn close(&self) {
        let queue = {
            let mut state = self.0.state.lock();
            state.closed = true;
            self.0.call_looker(&mut state);
            self.0.work.notify_all();
            std::mem::take(&mut state.queue)
        };
        drop(queue); // Unlocked: dropping a call is user code.
    }

    /// [Closes](Self::close) the pool and waits at most `grace` for the calls that run.
    /// Answers what still runs; it is left alone.
    pub fn shutdown(&self, grace: Duration) -> Vec<Leftover> {
        self.close();
        let pool = &*self.0;
        let begin = Instant::now();
        let mut state = pool.state.lock();
        while state.has_threads() {
            let Some(left) = grace.checked_sub(begin.elapsed()).filter(|left| !left.is_zero())
            else {
                break;
            };
            state = pool.progress.wait_timeout(state, left).0;
        }
        state.leftovers(&pool.settings.call)
    }

    /// How many calls wait for a thread.
    pub fn n_queued(&self) -> usize {
        self.0.state.lock().queue.len()
    }

    /// How many calls run.
    pub fn n_running(&self) -> usize {
        self.0.state.lock().running.len()
    }

    /// How many threads there are, idle ones included.
    pub fn n_threads(&self) -> usize {
        let state = self.0.state.lock();
        state.n_threads + state.n_ending
    }
}

impl State {
    fn has_threads(&self) -> bool {
        self.n_threads + self.n_ending != 0
    }

    /// A thread takes no more calls: from here on another one may start.
    fn begin_to_end(&mut self) {
        self.n_threads -= 1;
        self.n_ending += 1;
    }

    fn leftovers(&self, word: &Arc<str>) -> Vec<Leftover> {
        let running = self.running.values();
        let mut leftovers: Vec<Leftover> = running
            .map(|call| Leftover {
                call: Arc::clone(word),
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
    fn submit(&self, task: Runnable) -> Result<(), Runnable> {
        let guest = self.0.is_shared.then(|| Guest::of(task.runtime()));
        let mut state = self.0.state.lock();
        if state.closed {
            return Err(task);
        }
        state.queue.push_back(Call { task, guest });
        if self.0.call_looker(&mut state) {
            return Ok(());
        }
        if state.n_idle > state.n_notified {
            state.n_notified += 1;
            drop(state);
            self.0.work.notify_one();
        } else if state.n_threads < self.0.settings.max_threads {
            self.start_thread(state);
        }
        Ok(())
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
        let runtime = state.runtime;
        drop(state);
        let pool = Arc::clone(&self.0);
        let settings = &pool.settings;
        let mut builder = thread::Builder::new().name(hook::name(&settings.thread_name, number));
        if let Some(size) = settings.stack_size {
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
    fn run_thread(&self, number: usize, runtime: Option<RuntimeRef>) {
        let _entered = runtime.map(RuntimeRef::enter);
        hook::call(self.settings.on_start.as_ref(), number);
        while let Some(call) = self.next_call(number) {
            call.run();
        }
        hook::call(self.settings.on_stop.as_ref(), number);
        self.state.lock().n_ending -= 1;
        self.progress.notify_all();
    }

    /// Waits for a call, the one before, if any, having ended; `None` when the thread should end.
    fn next_call(&self, number: usize) -> Option<Call> {
        let mut state = self.state.lock();
        state.running.remove(&number);
        if state.queue.is_empty() && !state.closed {
            state = self.look_longer(state);
        }
        loop {
            if let Some(call) = state.queue.pop_front() {
                state.running.insert(number, Running::from(&call.task));
                return Some(call);
            }
            if state.closed {
                state.begin_to_end();
                return None;
            }
            state = self.wait(state)?;
        }
    }

    /// Looks a moment longer whether there is a call, where that has paid off.
    fn look_longer<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        // Why not beside others: they come back for what is called meanwhile, and may need this thread's processor.
        let may_look = state.running.is_empty();
        let Some(mut spin) = state.spin.take_if(|spin| may_look && spin.is_due()) else {
            return state;
        };
        state.has_looker = true;
        // Why Relaxed, here and where it is set: it saves time only; what counts is seen under the lock.
        self.is_called.store(false, Relaxed);
        drop(state);
        spin.look_for(|| self.is_called.load(Relaxed));
        let mut state = self.state.lock();
        state.has_looker = false;
        state.spin = Some(spin);
        state
    }

    /// Has the thread that looks come back, if there is one that was not called yet.
    fn call_looker(&self, state: &mut State) -> bool {
        let has_looker = std::mem::take(&mut state.has_looker);
        if has_looker {
            self.is_called.store(true, Relaxed);
        }
        has_looker
    }

    /// Waits until notified, or gives the lock back when nobody did for too long.
    fn wait<'a>(&'a self, mut state: MutexGuard<'a, State>) -> Option<MutexGuard<'a, State>> {
        state.n_idle += 1;
        loop {
            let (back, timed_out) = self.work.wait_timeout(state, self.settings.keep_alive);
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
                state.begin_to_end(); // Why here: a call that comes before the thread is gone needs another one.
                return None;
            }
        }
        state.n_idle -= 1;
        Some(state)
    }
}

impl Call {
    fn run(self) {
        let Call { task, guest } = self;
        let Some(guest) = guest else { return run_once(task) };
        // Why contained: a call that keeps a guard of its own makes ours panic.
        hook::contain(|| {
            let _entered = guest.of.enter();
            run_once(task);
        });
    }
}

fn run_once(task: Runnable) {
    let again = task.run();
    debug_assert!(again.is_none(), "a call is done at its first poll");
}

impl Guest {
    fn of(runtime: RuntimeRef) -> Self {
        let calls = runtime.access().map(|parts| Arc::clone(&parts.calls_elsewhere));
        calls.iter().for_each(|calls| {
            calls.fetch_add(1, Relaxed);
        });
        Guest { of: runtime, calls }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // ORDERING: [elsewhere] Release: a clock that sees the call gone sees whom its end has woken.
        self.calls.iter().for_each(|calls| {
            calls.fetch_sub(1, Release);
        });
    }
}

impl From<&Runnable> for Running {
    fn from(task: &Runnable) -> Self {
        Running {
            name: task.name().map(str::to_owned),
            spawned_at: task.spawned_at(),
            since: Instant::now(),
        }
    }
}

impl fmt::Debug for PoolSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolSettings")
            .field("max_threads", &self.max_threads)
            .field("keep_alive", &self.keep_alive)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for BlockingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state.lock();
        f.debug_struct("BlockingPool")
            .field("n_threads", &(state.n_threads + state.n_ending))
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
        BlockingPool::new(settings(max_threads, keep_alive, hook))
    }

    fn settings(
        max_threads: usize,
        keep_alive: Duration,
        hook: Option<ThreadHook>,
    ) -> PoolSettings {
        PoolSettings {
            call: "blocking call".into(),
            max_threads,
            keep_alive,
            stack_size: None,
            thread_name: Arc::new(|index| format!("blocking-{index}")),
            on_start: hook.clone(),
            on_stop: hook,
        }
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
            while state.has_threads() {
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
        assert_eq!(pool.n_threads(), 0);
    }

    #[test]
    fn a_thread_that_looks_longer_takes_the_next_call_and_ends_with_its_pool() {
        let pool = pool(8, NEVER, None);
        pool.0.state.lock().spin = Some(Spin::new(u32::MAX));
        let runtime = runtime_around(&pool);
        // Whether it looks after a call; else it waits.
        let looks_after_call = || {
            assert_eq!(join(call(&runtime, || 1)).ok(), Some(1));
            loop {
                let state = pool.0.state.lock();
                if state.has_looker || state.n_idle == 1 {
                    break state.has_looker;
                }
                drop(state);
                thread::yield_now();
            }
        };
        assert!((0..100).any(|_| looks_after_call()), "nobody ever looks");
        assert!(looks_after_call(), "a look that found something is repeated");
        assert_eq!(pool.0.state.lock().n_started, 1);
        runtime.end();
        assert!(pool.shutdown(Duration::from_secs(10)).is_empty());
        assert_eq!(pool.n_threads(), 0, "it still looks");
    }

    #[test]
    fn nobody_looks_longer_beside_a_call_that_runs() {
        let pool = pool(8, NEVER, None);
        pool.0.state.lock().spin = Some(Spin::new(u32::MAX));
        let runtime = runtime_around(&pool);
        let (end, may_end) = mpsc::channel::<()>();
        let running = call(&runtime, move || {
            let _ = may_end.recv();
        });
        for n in 0..100 {
            assert_eq!(join(call(&runtime, move || n)).ok(), Some(n));
            assert!(pool.0.state.lock().spin.is_some());
        }
        drop(end);
        assert!(join(running).is_ok());
        runtime.end();
        assert!(pool.shutdown(NEVER).is_empty());
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
        for max_threads in [1, 2] {
            let pool = pool(max_threads, Duration::from_nanos(1), None);
            let runtime = runtime_around(&pool);
            for round in 0..2000 {
                let calls: Vec<_> = (0..3).map(|n| call(&runtime, move || n)).collect();
                let outputs = calls.into_iter().map(|call| join(call).ok());
                assert_eq!(outputs.collect::<Vec<_>>(), [Some(0), Some(1), Some(2)], "{round}");
            }
            runtime.end();
            assert!(pool.shutdown(NEVER).is_empty());
        }
    }

    #[test]
    fn a_thread_that_is_about_to_end_keeps_no_other_from_starting() {
        let (tell, told) = mpsc::channel();
        let (release, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let mut settings = settings(1, Duration::from_nanos(1), None);
        settings.on_stop = Some(Arc::new(move |number| {
            tell.send(number).expect("the test waits for it");
            let _ = held.lock().recv();
        }));
        let pool = BlockingPool::new(settings);
        let runtime = runtime_around(&pool);
        assert_eq!(join(call(&runtime, || 1)).ok(), Some(1));
        assert_eq!(told.recv(), Ok(0), "its time is over");
        assert_eq!(join(call(&runtime, || 2)).ok(), Some(2));
        assert_eq!(pool.n_threads(), 2, "the first one is still in its hook");
        drop(release);
        runtime.end();
        assert!(pool.shutdown(NEVER).is_empty());
        assert_eq!(pool.n_threads(), 0);
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
        assert_eq!((pool.n_busy(), pool.n_threads()), (0, 0));
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
        assert_eq!(pool.n_threads(), 0);
    }
}
