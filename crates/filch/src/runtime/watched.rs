//! A test's runtime, watched: a panic that nobody observed fails the test, and tasks that outlive it are told.
//!
//! When the body has ended, tasks that can run get a chance to end by themselves; what waits for something then (time, a
//! source, a channel, a call on another thread) is alive. The clock of a paused test does not jump meanwhile. Deferred and
//! shielded work is no leak: the end of the runtime awaits it.

use super::builder::Builder;
use super::global::{build, build_local};
use super::owned::RuntimeFlavor;
use filch_core::RuntimeRef;
use filch_core::runtime::UnobservedPanics;
use filch_core::sys::thread;
use filch_core::task::AbortHandle;
use filch_task::yield_now;
use std::env::{self, VarError};
use std::future::Future;
use std::process::Termination;
use std::time::{Duration, Instant};

/// How often a task that can run is let run after the body's end, and for how long at least.
// Why both: rounds alone pass quickly beside a worker that has lost its processor in mid-poll; time alone would be few
// polls on a busy machine.
const ROUNDS: u32 = 128;
const CHANCE: Duration = Duration::from_millis(100);
/// The environment variable that says what [`Leaks::Default`] means.
const VARIABLE: &str = "FILCH_TEST_LEAKS";

/// What becomes of a test whose tasks outlive it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaks {
    /// What the environment says, else `Warn`.
    Default,
    /// Nothing.
    Allow,
    /// They are listed on stderr.
    Warn,
    /// It fails, and they are listed.
    Fail,
}

/// What `#[filch::test]` expands to. A test's runtime is not the process default: others run beside it.
///
/// # Panics
/// When the runtime cannot be built, a task panicked unobserved, or tasks outlive the body and `leaks` refuses that.
#[track_caller]
pub fn run_test<F: Future<Output: Termination>>(
    builder: Builder,
    leaks: Leaks,
    body: F,
) -> F::Output {
    let leaks = leaks.resolve();
    let runtime = build(builder);
    let is_here = runtime.flavor() == RuntimeFlavor::CurrentThread;
    let panics = runtime.handle().runtime_ref().unobserved_panics();
    let (output, alive) = runtime.block_on(watch(is_here, body));
    drop(runtime); // First: it drops the tasks, which may panic or hold handles of those that did.
    judge(output, leaks, &panics, &alive)
}

/// What `#[filch::test(flavor = "local")]` expands to.
///
/// # Panics
/// As [`run_test`].
#[track_caller]
pub fn run_test_local<F: Future<Output: Termination>>(
    builder: Builder,
    leaks: Leaks,
    body: F,
) -> F::Output {
    let leaks = leaks.resolve();
    let runtime = build_local(builder);
    let panics = runtime.handle().runtime_ref().unobserved_panics();
    let (output, alive) = runtime.block_on(watch(true, body));
    drop(runtime);
    judge(output, leaks, &panics, &alive)
}

impl Leaks {
    #[track_caller]
    fn resolve(self) -> Leaks {
        if self != Leaks::Default {
            return self;
        }
        match env::var(VARIABLE) {
            Err(VarError::NotPresent) => Leaks::Warn,
            Ok(value) if value == "allow" => Leaks::Allow,
            Ok(value) if value == "warn" => Leaks::Warn,
            Ok(value) if value == "fail" => Leaks::Fail,
            other => panic!(
                "the environment variable {VARIABLE} must be \"fail\", \"warn\" or \"allow\", but is {:?}",
                other.unwrap_or_else(|_| "not Unicode".to_owned())
            ),
        }
    }
}

/// Runs a test's body, then waits until no task can run. Answers which tasks are alive then.
/// `is_here` says whether this thread is the one that runs them.
async fn watch<F: Future>(is_here: bool, body: F) -> (F::Output, Vec<String>) {
    let output = body.await;
    let runtime = RuntimeRef::current();
    let begin = Instant::now();
    let (mut n_rounds, mut n_quiet) = (0, 0);
    // Why twice quiet: a task that was seen waiting may have been woken by one that was looked at later.
    while n_quiet < 2 && (n_rounds < ROUNDS || begin.elapsed() < CHANCE) {
        let is_quiet = !runtime.tasks().iter().any(AbortHandle::is_runnable);
        n_quiet = if is_quiet { n_quiet + 1 } else { 0 };
        n_rounds += 1;
        if !is_here {
            thread::yield_now(); // To the workers.
        }
        yield_now().await;
    }
    (output, runtime.tasks_without_grace().iter().map(describe).collect())
}

/// Fails the test if something is wrong with what it left behind.
#[track_caller]
fn judge<T: Termination>(
    output: T,
    leaks: Leaks,
    panics: &UnobservedPanics,
    alive: &[String],
) -> T {
    let mut faults = Vec::new();
    let first: Vec<String> = panics.first().iter().map(ToString::to_string).collect();
    if !first.is_empty() {
        let what = "panicked and nobody looked: await what `spawn` gave you, or what holds it";
        faults.push(list(panics.count(), what, &first));
    }
    if !alive.is_empty() {
        let what = "outlived the test: await or abort them, or spawn them in a TaskGroup";
        let leaked = list(alive.len(), what, alive);
        match leaks {
            Leaks::Allow => {}
            Leaks::Fail => faults.push(leaked),
            Leaks::Default | Leaks::Warn => {
                let test = thread::current();
                eprintln!("filch: test {}: {leaked}", test.name().unwrap_or_default());
            }
        }
    }
    if faults.is_empty() {
        return output;
    }
    let _ = output.report(); // Tells an error that the body returned, so that it is not lost.
    panic!("{}", faults.join("\n"))
}

/// How many tasks did what, and which they are.
fn list(n: usize, what: &str, tasks: &[String]) -> String {
    let s = if n == 1 { "" } else { "s" };
    let list = tasks.iter().fold(String::new(), |list, task| list + "\n  " + task);
    let rest = n - tasks.len();
    let rest = if rest == 0 { String::new() } else { format!("\n  and {rest} more") };
    format!("{n} task{s} {what}{list}{rest}")
}

/// A task, for a person.
fn describe(task: &AbortHandle) -> String {
    let (id, place) = (task.id(), task.spawned_at());
    match task.name() {
        Some(name) => format!("task {id} {name:?} ({place})"),
        None => format!("task {id} ({place})"),
    }
}
