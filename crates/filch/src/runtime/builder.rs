//! A runtime to order: numbers, names, and parts of one's own.

use super::local::LocalRuntime;
use super::owned::{Runtime, RuntimeFlavor};
use super::pool::{self, KEEP_ALIVE, Pools};
use super::wiring::{self, Chosen, Wired};
use super::{depth, global};
use filch_core::coop::Budget;
use filch_core::seam::{Clock, Driver, Scheduler, Timers};
use filch_scheduler::{
    BlockingPool, CurrentThread, MultiThread, PoolSettings, Settings, ThreadHook,
};
use filch_timer::{StockClock, WheelTimers};
use std::env;
use std::fmt;
use std::future::Future;
use std::io;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// What tasks may consume in one poll, in successful operations.
// Why: tokio's number, so that programs that move over yield where they did (design 0011).
const BUDGET: u32 = 128;
/// How many polls may pass before driver and injector are visited.
// Why: a prime, so that it does not fall in step with a program's own rhythm; Go's and tokio's number.
const INTERVAL: u32 = 61;
const MAX_BLOCKING_THREADS: usize = 512;

/// Orders a [`Runtime`]. Mistakes are told by [`build`](Self::build).
///
/// ```
/// let runtime = filch::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
/// assert_eq!(runtime.block_on(async { 1 + 1 }), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Builder {
    flavor: Flavor,
    worker_threads: Option<usize>,
    max_blocking_threads: usize,
    compute_threads: Option<usize>,
    thread_keep_alive: Duration,
    thread_name: Arc<dyn Fn() -> String + Send + Sync>,
    thread_stack_size: Option<usize>,
    on_thread_start: Option<Arc<dyn Fn() + Send + Sync>>,
    on_thread_stop: Option<Arc<dyn Fn() + Send + Sync>>,
    event_interval: u32,
    global_queue_interval: u32,
    coop_budget: u32,
    rng_seed: Option<u64>,
    start_paused: bool,
    starts_lazily: bool,
    handles_ctrl_c: bool,
    name: Box<str>,
    driver: Option<Factory<io::Result<Arc<dyn Driver>>>>,
    driver_name: Option<String>,
    timers: Option<Factory<Arc<dyn Timers>>>,
    clock: Option<Factory<Arc<dyn Clock>>>,
    scheduler: Option<Factory<Arc<dyn Scheduler>>>,
    mistake: Option<String>,
}

type Factory<T> = Box<dyn FnMut() -> T + Send>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavor {
    MultiThread,
    CurrentThread,
}

impl Builder {
    /// A runtime whose tasks run on workers that steal from each other; one per core if nothing else is said.
    pub fn new_multi_thread() -> Self {
        Self::new(Flavor::MultiThread)
    }

    /// A runtime whose tasks run on the thread that calls `block_on`.
    pub fn new_current_thread() -> Self {
        Self::new(Flavor::CurrentThread)
    }

    /// A multi-thread runtime as the environment asks for:
    ///
    /// | variable | sets |
    /// |---|---|
    /// | `FILCH_WORKERS` | [`worker_threads`](Self::worker_threads) |
    /// | `FILCH_DRIVER` | the stock driver: `auto`, `epoll` or `polling`; read by every builder |
    /// | `FILCH_MAX_BLOCKING` | [`max_blocking_threads`](Self::max_blocking_threads) |
    /// | `FILCH_COMPUTE_THREADS` | [`compute_threads`](Self::compute_threads) |
    /// | `FILCH_BUDGET` | [`coop_budget`](Self::coop_budget) |
    /// | `FILCH_SEED` | [`rng_seed`](Self::rng_seed) |
    ///
    /// A value that cannot be read makes [`build`](Self::build) fail.
    pub fn from_env() -> Self {
        let mut builder = Self::new_multi_thread();
        builder.worker_threads = builder.number("FILCH_WORKERS").or(builder.worker_threads);
        builder.max_blocking_threads =
            builder.number("FILCH_MAX_BLOCKING").unwrap_or(builder.max_blocking_threads);
        builder.compute_threads =
            builder.number("FILCH_COMPUTE_THREADS").or(builder.compute_threads);
        builder.coop_budget = builder.number("FILCH_BUDGET").unwrap_or(builder.coop_budget);
        builder.rng_seed = builder.number("FILCH_SEED");
        builder
    }

    fn new(flavor: Flavor) -> Self {
        Builder {
            flavor,
            worker_threads: None,
            max_blocking_threads: MAX_BLOCKING_THREADS,
            compute_threads: None,
            thread_keep_alive: KEEP_ALIVE,
            thread_name: Arc::new(|| "filch".to_owned()),
            thread_stack_size: None,
            on_thread_start: None,
            on_thread_stop: None,
            event_interval: INTERVAL,
            global_queue_interval: INTERVAL,
            coop_budget: BUDGET,
            rng_seed: None,
            start_paused: false,
            starts_lazily: false,
            handles_ctrl_c: true,
            name: "filch".into(),
            driver: None,
            driver_name: env::var("FILCH_DRIVER").ok(),
            timers: None,
            clock: None,
            scheduler: None,
            mistake: None,
        }
    }

    fn number<T: FromStr>(&mut self, variable: &str) -> Option<T> {
        let value = env::var(variable).ok()?;
        let number = value.trim().parse().ok();
        if number.is_none() {
            self.mistake = Some(format!(
                "the environment variable {variable} must be a number, but is {value:?}"
            ));
        }
        number
    }

    /// How many workers poll tasks. The current-thread flavor has one in any case.
    pub fn worker_threads(&mut self, n: usize) -> &mut Self {
        self.worker_threads = Some(n);
        self
    }

    /// How many threads may run blocking calls at a time; further calls wait. 512 if nothing else is said.
    pub fn max_blocking_threads(&mut self, n: usize) -> &mut Self {
        self.max_blocking_threads = n;
        self
    }

    /// How many threads may run [`compute`](crate::compute) calls at a time; further calls wait. One per core if nothing
    /// else is said.
    pub fn compute_threads(&mut self, n: usize) -> &mut Self {
        self.compute_threads = Some(n);
        self
    }

    /// How long a thread for calls stays without one. 10 s if nothing else is said.
    pub fn thread_keep_alive(&mut self, duration: Duration) -> &mut Self {
        self.thread_keep_alive = duration;
        self
    }

    /// The runtime's name, in reports.
    pub fn name(&mut self, name: impl Into<String>) -> &mut Self {
        self.name = name.into().into();
        self
    }

    /// Names all threads of the runtime.
    pub fn thread_name(&mut self, name: impl Into<String>) -> &mut Self {
        let name = name.into();
        self.thread_name_fn(move || name.clone())
    }

    /// Names each thread of the runtime.
    pub fn thread_name_fn(
        &mut self,
        name: impl Fn() -> String + Send + Sync + 'static,
    ) -> &mut Self {
        self.thread_name = Arc::new(name);
        self
    }

    /// The stack of each thread, in bytes.
    pub fn thread_stack_size(&mut self, bytes: usize) -> &mut Self {
        self.thread_stack_size = Some(bytes);
        self
    }

    /// Called on each thread of the runtime before it does anything else.
    pub fn on_thread_start(&mut self, hook: impl Fn() + Send + Sync + 'static) -> &mut Self {
        self.on_thread_start = Some(Arc::new(hook));
        self
    }

    /// Called on each thread of the runtime when it ends.
    pub fn on_thread_stop(&mut self, hook: impl Fn() + Send + Sync + 'static) -> &mut Self {
        self.on_thread_stop = Some(Arc::new(hook));
        self
    }

    /// A worker looks for events once in so many polls. 61 if nothing else is said.
    ///
    /// After a look that found more events than that, it polls as many tasks first, but at most twice the number given
    /// here.
    pub fn event_interval(&mut self, n_polls: u32) -> &mut Self {
        self.event_interval = n_polls;
        self
    }

    /// A worker looks at the injector at least once in so many polls. 61 if nothing else is said.
    pub fn global_queue_interval(&mut self, n_polls: u32) -> &mut Self {
        self.global_queue_interval = n_polls;
        self
    }

    /// How many operations a task may complete in one poll before it must yield. 128 if nothing else is said.
    pub fn coop_budget(&mut self, n_operations: u32) -> &mut Self {
        self.coop_budget = n_operations;
        self
    }

    /// Seeds the random choices of the workers: which queue to steal from, which branch of `select!` to poll first.
    pub fn rng_seed(&mut self, seed: u64) -> &mut Self {
        self.rng_seed = Some(seed);
        self
    }

    /// Begins with a stopped clock, as by [`time::pause`](crate::time::pause). Works with any number of workers.
    pub fn start_paused(&mut self, paused: bool) -> &mut Self {
        self.start_paused = paused;
        self
    }

    /// Whether [`run`](Self::run) answers Ctrl-C where the program does not, as [`filch::run`](crate::run) tells. It does
    /// if nothing else is said. `block_on` never does.
    pub fn handle_ctrl_c(&mut self, handle: bool) -> &mut Self {
        self.handles_ctrl_c = handle;
        self
    }

    pub(super) fn handles_ctrl_c(&self) -> bool {
        self.handles_ctrl_c
    }

    /// Starts one worker at first, and the others with the first task.
    pub(super) fn start_lazily(&mut self) -> &mut Self {
        self.starts_lazily = true;
        self
    }

    /// Takes the driver that `make` makes instead of the stock one, which is then not started.
    pub fn driver<D: Driver>(
        &mut self,
        mut make: impl FnMut() -> io::Result<D> + Send + 'static,
    ) -> &mut Self {
        self.driver =
            Some(Box::new(move || make().map(|driver| Arc::new(driver) as Arc<dyn Driver>)));
        self
    }

    /// Takes the timers that `make` makes instead of the wheel.
    pub fn timers<T: Timers>(&mut self, mut make: impl FnMut() -> T + Send + 'static) -> &mut Self {
        self.timers = Some(Box::new(move || Arc::new(make())));
        self
    }

    /// Takes the clock that `make` makes instead of the system's.
    pub fn clock<C: Clock>(&mut self, mut make: impl FnMut() -> C + Send + 'static) -> &mut Self {
        self.clock = Some(Box::new(move || Arc::new(make())));
        self
    }

    /// Takes the scheduler that `make` makes. Blocking calls, the list of tasks and the end of the runtime stay.
    pub fn scheduler<S: Scheduler>(
        &mut self,
        mut make: impl FnMut() -> S + Send + 'static,
    ) -> &mut Self {
        self.scheduler = Some(Box::new(move || Arc::new(make())));
        self
    }

    /// Does nothing: all parts are always enabled. For programs that come from tokio.
    pub fn enable_all(&mut self) -> &mut Self {
        self
    }

    /// Does nothing: all parts are always enabled. For programs that come from tokio.
    pub fn enable_io(&mut self) -> &mut Self {
        self
    }

    /// Does nothing: all parts are always enabled. For programs that come from tokio.
    pub fn enable_time(&mut self) -> &mut Self {
        self
    }

    /// Makes and starts the runtime.
    ///
    /// # Errors
    /// When a number that must be at least one is zero, an environment variable cannot be read, no driver is there, or
    /// the system has no threads or file descriptors to spare. Threads that were started are joined then.
    pub fn build(&mut self) -> io::Result<Runtime> {
        let flavor = match (&self.scheduler, self.flavor) {
            (Some(_), _) => RuntimeFlavor::Custom,
            (None, Flavor::MultiThread) => RuntimeFlavor::MultiThread,
            (None, Flavor::CurrentThread) => RuntimeFlavor::CurrentThread,
        };
        let (wired, scheduler) = self.wire()?;
        Ok(Runtime::from_wired(wired, scheduler, flavor))
    }

    /// Makes a runtime and runs `future` on it, as [`filch::run`](crate::run) does: `asyncio.Runner`.
    ///
    /// # Panics
    /// When the runtime cannot be built, inside a task, and when `future` panics.
    ///
    /// # Examples
    /// ```
    /// use filch::runtime::Builder;
    ///
    /// let answer = Builder::from_env().worker_threads(2).handle_ctrl_c(false).run(async { 42 });
    /// assert_eq!(answer, 42);
    /// ```
    #[track_caller]
    pub fn run<F: Future>(&mut self, future: F) -> F::Output {
        depth::check_may_block("Builder::run");
        global::run_with(self, future)
    }

    /// Makes a current-thread runtime that stays on this thread.
    ///
    /// # Errors
    /// As [`build`](Self::build); also when a scheduler or several workers were asked for.
    pub fn build_local(&mut self) -> io::Result<LocalRuntime> {
        if self.scheduler.is_some() || self.flavor == Flavor::MultiThread {
            return Err(invalid(
                "a LocalRuntime needs the current-thread scheduler; \
                                begin with Builder::new_current_thread() and set no other scheduler",
            ));
        }
        let (wired, scheduler) = self.wire()?;
        Ok(LocalRuntime::from_wired(wired, scheduler))
    }

    fn wire(&mut self) -> io::Result<(Wired, Arc<dyn Scheduler>)> {
        self.check()?;
        let scheduler = self.make_scheduler();
        let clock = self.make_clock()?;
        let wired = wiring::wire(Chosen {
            scheduler: Arc::clone(&scheduler),
            driver: self.make_driver()?,
            timers: self
                .timers
                .as_mut()
                .map_or_else(|| Arc::new(WheelTimers::new()) as Arc<dyn Timers>, |make| make()),
            clock,
            pools: self.make_pools(),
            budget: Budget::new(self.coop_budget),
            name: self.name.clone(),
        })?;
        Ok((wired, scheduler))
    }

    fn check(&self) -> io::Result<()> {
        if let Some(mistake) = &self.mistake {
            return Err(invalid(mistake));
        }
        if self.worker_threads == Some(0) {
            return Err(invalid(
                "worker_threads must be at least 1, but is 0; \
                                for a runtime without threads of its own use Builder::new_current_thread()",
            ));
        }
        let at_least_one = [
            ("max_blocking_threads", self.max_blocking_threads),
            ("compute_threads", self.compute_threads.unwrap_or(1)),
            ("event_interval", self.event_interval as usize),
            ("global_queue_interval", self.global_queue_interval as usize),
            ("coop_budget", self.coop_budget as usize),
        ];
        match at_least_one.iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(invalid(&format!("{name} must be at least 1, but is 0"))),
            None => Ok(()),
        }
    }

    fn make_scheduler(&mut self) -> Arc<dyn Scheduler> {
        if let Some(make) = &mut self.scheduler {
            return make();
        }
        let budget = Budget::new(self.coop_budget);
        if self.flavor == Flavor::CurrentThread {
            return Arc::new(CurrentThread::new(budget, self.event_interval));
        }
        let n_workers = self.worker_threads.unwrap_or_else(n_cores);
        let name = Arc::clone(&self.thread_name);
        Arc::new(MultiThread::new(Settings {
            n_workers,
            thread_name: Arc::new(move |_| name()),
            stack_size: self.thread_stack_size,
            budget,
            event_interval: self.event_interval,
            injector_interval: self.global_queue_interval,
            seed: self.rng_seed,
            on_start: Some(worker_start_hook(self.on_thread_start.clone())),
            on_stop: plain_hook(self.on_thread_stop.clone()),
            starts_lazily: self.starts_lazily,
        }))
    }

    fn make_clock(&mut self) -> io::Result<Arc<dyn Clock>> {
        let clock = match &mut self.clock {
            Some(make) => make(),
            None => Arc::new(StockClock::new()),
        };
        if self.start_paused && !clock.pause() {
            return Err(invalid(
                "start_paused needs a clock that can be paused, and the one given cannot",
            ));
        }
        Ok(clock)
    }

    fn make_driver(&mut self) -> io::Result<Arc<dyn Driver>> {
        match &mut self.driver {
            Some(make) => make(),
            None => stock_driver(self.driver_name.as_deref().unwrap_or_default()),
        }
    }

    fn make_pools(&self) -> Pools {
        let settings = |word: &'static str, call: &str, max_threads| {
            let name = Arc::clone(&self.thread_name);
            PoolSettings {
                call: call.into(),
                max_threads,
                keep_alive: self.thread_keep_alive,
                stack_size: self.thread_stack_size,
                thread_name: Arc::new(move |_| format!("{}-{word}", name())),
                on_start: plain_hook(self.on_thread_start.clone()),
                on_stop: plain_hook(self.on_thread_stop.clone()),
            }
        };
        let n_compute = self.compute_threads.unwrap_or_else(n_cores);
        let compute = settings("compute", "compute call", n_compute);
        Pools {
            blocking: BlockingPool::new(settings(
                "blocking",
                "blocking call",
                self.max_blocking_threads,
            )),
            compute: BlockingPool::new(pool::below_workers(compute, self.starts_lazily)),
        }
    }
}

/// As the process found it when it first asked: the system reads several files for each answer.
fn n_cores() -> usize {
    static N_CORES: OnceLock<usize> = OnceLock::new();
    *N_CORES.get_or_init(|| thread::available_parallelism().map_or(1, usize::from))
}

#[cfg(any(feature = "epoll", feature = "polling"))]
fn stock_driver(name: &str) -> io::Result<Arc<dyn Driver>> {
    let choice = name
        .parse()
        .map_err(|error| invalid(&format!("the environment variable FILCH_DRIVER: {error}")))?;
    filch_driver::stock(choice)
}

#[cfg(not(any(feature = "epoll", feature = "polling")))]
fn stock_driver(_: &str) -> io::Result<Arc<dyn Driver>> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "no driver: enable feature `epoll` or `polling` of the crate `filch`, or call Builder::driver",
    ))
}

fn plain_hook(hook: Option<Arc<dyn Fn() + Send + Sync>>) -> Option<ThreadHook> {
    hook.map(|hook| Arc::new(move |_| hook()) as ThreadHook)
}

fn worker_start_hook(hook: Option<Arc<dyn Fn() + Send + Sync>>) -> ThreadHook {
    Arc::new(move |_| {
        sharpen_timers();
        hook.iter().for_each(|hook| hook());
    })
}

/// Asks the kernel not to delay this thread's timeouts.
// Why: its default slack of 50 µs doubles how late a sleep is: 88 µs, 47 without.
#[cfg(target_os = "linux")]
fn sharpen_timers() {
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

#[cfg(not(target_os = "linux"))]
fn sharpen_timers() {}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message.to_owned())
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("flavor", &self.flavor)
            .field("worker_threads", &self.worker_threads)
            .field("max_blocking_threads", &self.max_blocking_threads)
            .field("compute_threads", &self.compute_threads)
            .field("coop_budget", &self.coop_budget)
            .field("start_paused", &self.start_paused)
            .finish_non_exhaustive()
    }
}
