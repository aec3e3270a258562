//! Random load until time is up: runtimes of every size, tasks that wait, spawn, panic and are aborted, shutdowns.
//! `soak connections` is the other load: one runtime, thousands of connections.
//!
//! Every task holds a ticket, so that after each round the ledger must balance: what was spawned is done, canceled
//! or panicked. The seed is printed first and with every failure; `--seed` repeats a round's choices, though not the
//! machine's timing.

mod acts;
mod chance;
mod connections;
#[path = "../../src/descriptors.rs"]
mod descriptors;
mod ledger;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use acts::Round;
use chance::Chance;
use connections::Plan;
use ledger::Ledger;
use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, waitid};

/// A round lasts a fraction of a second; one that lasts longer than this has lost a wake-up.
const ROUND_LIMIT: Duration = Duration::from_secs(60);
/// What may still run after a shutdown that does not wait: blocking closures of some milliseconds.
const TAIL_LIMIT: Duration = Duration::from_secs(10);

/// The seed of the round under way, for whoever reports a failure.
static SEED: AtomicU64 = AtomicU64::new(0);

const USAGE: &str = "\
usage: soak [--seconds N] [--seed S]
       soak connections [--idle N] [--busy N] [--seconds N] [--seed S]";

/// What the command line asks for.
enum Load {
    Random {
        time: Duration,
    },
    Connections(Plan),
    /// The other process of the connections.
    Server {
        workers: usize,
    },
}

fn main() -> ExitCode {
    let (load, seed) = match arguments() {
        Ok(arguments) => arguments,
        Err(what) => {
            eprintln!("soak: {what}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    acts::fail_on_unplanned_panics(|what| fail(what));
    match load {
        Load::Random { time } => random(time, seed, &watched(seed)),
        Load::Connections(plan) => connections::run(plan, Chance::new(seed), &watched(seed)),
        Load::Server { workers } => connections::serve(workers),
    }
    ExitCode::SUCCESS
}

fn arguments() -> Result<(Load, u64), String> {
    let mut args = std::env::args().skip(1).peekable();
    let kind = args.next_if(|word| !word.starts_with('-')).unwrap_or_default();
    if kind == "serve" {
        let workers = args.next().and_then(|workers| workers.parse().ok());
        return Ok((Load::Server { workers: workers.unwrap_or(1) }, 0));
    }
    let is_connections = kind == "connections";
    if !(is_connections || kind.is_empty()) {
        return Err(format!("no load `{kind}`"));
    }
    let now =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64);
    let (mut seconds, mut seed) = (if is_connections { 60 } else { 30 }, now);
    let (mut idle, mut busy) = (10_000, 1000);
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("`{name}` wants a value"))?;
        let number = value.parse().map_err(|_| format!("`{value}` is not a number"))?;
        match name.as_str() {
            "--seconds" => seconds = number,
            "--seed" => seed = number,
            "--idle" if is_connections => idle = number as usize,
            "--busy" if is_connections => busy = number as usize,
            _ => return Err(format!("no option `{name}`")),
        }
    }
    let time = Duration::from_secs(seconds);
    let load = match is_connections {
        true => Load::Connections(Plan { idle, busy, time }),
        false => Load::Random { time },
    };
    Ok((load, seed))
}

/// Round after round until time is up.
fn random(time: Duration, mut seed: u64, rounds: &AtomicU64) {
    let ledger = Arc::new(Ledger::default());
    let begin = Instant::now();
    while begin.elapsed() < time {
        SEED.store(seed, Relaxed);
        round(Chance::new(seed), &ledger);
        seed = Chance::new(seed).number();
        rounds.fetch_add(1, Relaxed);
    }
    expect_no_child();
    println!("soak: {} rounds, {ledger}", rounds.load(Relaxed));
}

/// Every process that was started was awaited, by its owner or by whoever takes over from owners that are gone.
fn expect_no_child() {
    const LOOK: WaitIdOptions =
        WaitIdOptions::EXITED.union(WaitIdOptions::NOHANG).union(WaitIdOptions::NOWAIT);
    let begin = Instant::now();
    while waitid(WaitId::All, LOOK).err() != Some(Errno::CHILD) {
        if begin.elapsed() > TAIL_LIMIT {
            fail("a process runs or waits to be awaited after all rounds");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// One runtime from birth to death.
fn round(mut chance: Chance, ledger: &Arc<Ledger>) {
    let workers = chance.below(9) as usize;
    let is_virtual = chance.one_in(4);
    let runtime = build(workers, is_virtual);
    let round = Arc::new(Round::new(Arc::clone(ledger)));
    let to_the_end = chance.one_in(2);
    let root = acts::root(Arc::clone(&round), chance.fork(), to_the_end);
    runtime.block_on(root);
    match chance.below(3) {
        0 => drop(runtime),
        1 => runtime.shutdown_timeout(Duration::from_millis(chance.below(1000))),
        _ => runtime.shutdown_background(),
    }
    balance(ledger, workers);
    round.check_permits().unwrap_or_else(|what| fail(&what));
}

/// A runtime with this many workers; 0 stands for the current thread. A virtual clock jumps when nothing else happens.
fn build(workers: usize, is_virtual: bool) -> filch::runtime::Runtime {
    let mut builder = match workers {
        0 => filch::runtime::Builder::new_current_thread(),
        _ => filch::runtime::Builder::new_multi_thread(),
    };
    if workers > 0 {
        builder.worker_threads(workers);
    }
    builder
        .enable_all()
        .start_paused(is_virtual)
        .build()
        .unwrap_or_else(|error| fail(&format!("build with {workers} workers: {error}")))
}

/// Waits until nothing is open: at once after a shutdown that waits, soon after one that does not.
fn balance(ledger: &Ledger, workers: usize) {
    let begin = Instant::now();
    while ledger.open() != 0 {
        if begin.elapsed() > TAIL_LIMIT {
            fail(&format!(
                "{} tasks are open after the shutdown of {workers} workers: {ledger}",
                ledger.open()
            ));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Says the seed. What it returns must move on, else the run fails.
fn watched(seed: u64) -> Arc<AtomicU64> {
    println!("soak: seed {seed}");
    SEED.store(seed, Relaxed);
    let progress = Arc::default();
    watch(Arc::clone(&progress));
    progress
}

/// A thread that fails the run when nothing moves on.
fn watch(progress: Arc<AtomicU64>) {
    std::thread::spawn(move || {
        let mut seen = (progress.load(Relaxed), Instant::now());
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let current = progress.load(Relaxed);
            if current != seen.0 {
                seen = (current, Instant::now());
            } else if seen.1.elapsed() > ROUND_LIMIT {
                show_stacks();
                fail("a round does not end");
            }
        }
    });
}

/// Where every thread stands, when there is a debugger.
fn show_stacks() {
    let id = std::process::id().to_string();
    let _ = std::process::Command::new("gdb")
        .args(["-batch", "-p", &id, "-ex", "thread apply all bt 25"])
        .status();
}

fn fail(what: &str) -> ! {
    eprintln!("soak: FAILED: {what}\nsoak: repeat with --seed {}", SEED.load(Relaxed));
    std::process::exit(1)
}
