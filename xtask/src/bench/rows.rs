//! The published table: which figures of which workload stand in it, and what each of them means.

/// One figure of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    /// Wall time per operation, ns.
    Wall,
    /// CPU time of all threads per operation, ns.
    Cpu,
    /// CPU time of all threads over the whole run, µs.
    CpuTotal,
    /// A number that the workload reports under this name; the second word is its unit.
    Named(&'static str, &'static str),
}

/// One workload of the table.
pub(crate) struct Row {
    pub(crate) group: &'static str,
    pub(crate) workload: &'static str,
    pub(crate) what: &'static str,
    /// The first one is the one that the picture shows and the verdict is about.
    pub(crate) figures: &'static [Figure],
}

use Figure::{Cpu, CpuTotal, Named, Wall};

const P50: Figure = Named("p50_us", "p50, µs");
const P99: Figure = Named("p99_us", "p99, µs");
const RATE: Figure = Named("per_s", "requests/s");
const BYTES: Figure = Named("bytes", "bytes");
/// Why: everybody's task has the same buffer in it.
const OWN_BYTES: Figure = Named("own_bytes", "bytes, buffer apart");
const TIMES: &[Figure] = &[Wall, Cpu];
/// Where a sleeping thread is woken for each operation, CPU time is the fairer figure.
const CPU_FIRST: &[Figure] = &[Cpu, Wall];

impl Figure {
    /// Reads it from a cell's output.
    pub(crate) fn of(self, fields: &[(String, f64)]) -> Option<f64> {
        let field =
            |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
        match self {
            Wall => Some(field("wall_ns")? / field("ops")?),
            Cpu => Some(field("cpu_ns")? / field("ops")?),
            CpuTotal => Some(field("cpu_ns")? / 1e3),
            Named(name, _) => field(name),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Wall => "wall, ns",
            Cpu => "CPU, ns",
            CpuTotal => "CPU, µs",
            Named(_, name) => name,
        }
    }

    pub(crate) fn key(self) -> &'static str {
        match self {
            Wall => "wall_ns_per_op",
            Cpu => "cpu_ns_per_op",
            CpuTotal => "cpu_us",
            Named(key, _) => key,
        }
    }

    pub(crate) fn more_is_better(self) -> bool {
        self == RATE
    }
}

const TASKS: &str = "Tasks";
const LOCKS: &str = "Locks and signals";
const CHANNELS: &str = "Channels";
const TIMERS: &str = "Timers";
const BLOCKING: &str = "Blocking and stalls";
const NET: &str = "Network";
const FILES: &str = "Files";
const PROCESSES: &str = "Processes";
const REST: &str = "Memory and idleness";

#[rustfmt::skip] // A workload is a row.
pub(crate) const ROWS: &[Row] = &[
    Row { group: TASKS, workload: "spawn_join", figures: TIMES, what: "1e6 no-op tasks spawned from a worker in batches of 1000, all handles joined" },
    Row { group: TASKS, workload: "spawn_join_100k", figures: TIMES, what: "5 batches of 1e5, all handles joined" },
    Row { group: TASKS, workload: "group_spawn", figures: TIMES, what: "1e6 no-op children in task groups of 1000 (tokio: a JoinSet; smol: handles joined in order)" },
    Row { group: TASKS, workload: "join_set", figures: TIMES, what: "1e6 no-op tasks in sets of 1000, joined in the order in which they end (smol has no set: in the order of their spawns)" },
    Row { group: TASKS, workload: "gather_100k", figures: TIMES, what: "5 times 1e5 tasks, their outputs gathered in order" },
    Row { group: TASKS, workload: "spawn_detached", figures: TIMES, what: "1e6 detached no-ops in batches of 1000, a counter ends a batch" },
    Row { group: TASKS, workload: "spawn_outside", figures: TIMES, what: "3e5 spawned from a foreign thread in batches of 1000, joined there" },
    Row { group: TASKS, workload: "spawn_outside_one", figures: CPU_FIRST, what: "a foreign thread spawns one task and blocks for it, round trip" },
    Row { group: TASKS, workload: "chained_spawn", figures: TIMES, what: "each task spawns the next, 1e6 deep" },
    Row { group: TASKS, workload: "yield_many", figures: TIMES, what: "1000 tasks × 2000 yields" },
    Row { group: TASKS, workload: "yield_one", figures: TIMES, what: "one task yields 1e6 times, nothing else runs" },
    Row { group: TASKS, workload: "cpu_chunks", figures: TIMES, what: "200 rounds of 64 tasks with 50 µs of work each, joined (ideal on two workers: 25 000 ns)" },
    Row { group: TASKS, workload: "fib_27", figures: TIMES, what: "fib(27), one task per node, no cutoff; per spawn" },
    Row { group: TASKS, workload: "pingpong_cell_1", figures: TIMES, what: "one pair over a runtime-neutral waker cell, round trip" },
    Row { group: TASKS, workload: "pingpong_cell_100", figures: TIMES, what: "100 pairs over neutral cells, round trip" },
    Row { group: TASKS, workload: "idle_wake", figures: &[P50, Cpu], what: "a foreign thread wakes a task, all workers parked: latency" },
    Row { group: LOCKS, workload: "mutex_free", figures: TIMES, what: "one task locks 5e6 times (bare: a compare-exchange to lock, another to unlock)" },
    Row { group: LOCKS, workload: "mutex_contended", figures: TIMES, what: "8 tasks × 2e5 locks, nothing awaited inside" },
    Row { group: LOCKS, workload: "mutex_held", figures: TIMES, what: "8 tasks × 1e5 locks, one yield while held" },
    Row { group: LOCKS, workload: "semaphore_2", figures: TIMES, what: "a semaphore of 2, 1000 tasks × 200 acquires, one yield while held" },
    Row { group: LOCKS, workload: "event_ping", figures: TIMES, what: "one pair over Notify (smol: an event and a flag), round trip" },
    Row { group: CHANNELS, workload: "mpsc_1_1", figures: TIMES, what: "a channel of 128, one sender, 2e6 messages" },
    Row { group: CHANNELS, workload: "mpsc_4_1", figures: TIMES, what: "a channel of 128, four senders, 2e6 messages" },
    Row { group: CHANNELS, workload: "broadcast_4", figures: TIMES, what: "broadcast to 4 receivers, 1e6 messages in bursts of 64, per message sent (smol: async-broadcast)" },
    Row { group: CHANNELS, workload: "pingpong_chan_100", figures: TIMES, what: "100 pairs over two channels of 1, round trip" },
    Row { group: CHANNELS, workload: "pingpong_oneshot", figures: TIMES, what: "batches of 1000: spawn a pair, oneshot there and back, per pair (smol: a channel of 1)" },
    Row { group: TIMERS, workload: "timer_cancel", figures: TIMES, what: "2 tasks each create, poll once and drop 5e5 sleeps (a yield every 64)" },
    Row { group: TIMERS, workload: "timeout_wrap", figures: TIMES, what: "2 tasks × 5e5 timeouts around a future ready after one yield" },
    Row { group: TIMERS, workload: "timer_100k", figures: &[Cpu, P50, P99], what: "1e5 tasks sleep 1 to 1000 ms: CPU per sleep, lateness" },
    Row { group: TIMERS, workload: "timer_sleep_1ms", figures: &[P50, Cpu], what: "one task sleeps 1 ms 500 times: lateness, CPU per sleep" },
    Row { group: BLOCKING, workload: "blocking_one", figures: CPU_FIRST, what: "spawn_blocking round trips in sequence" },
    Row { group: BLOCKING, workload: "blocking_burst", figures: TIMES, what: "20 bursts of 1000 no-ops, per call" },
    Row { group: BLOCKING, workload: "blocked_1", figures: &[P99], what: "1 of 2 workers blocked 500 ms: lateness of 100 tasks ticking every 1 ms" },
    Row { group: BLOCKING, workload: "blocked_2", figures: &[P99], what: "2 of 2 workers blocked 500 ms: the same" },
    Row { group: BLOCKING, workload: "blocked_lifo", figures: &[P50], what: "a task spawns another, then blocks 100 ms: delay of the other" },
    Row { group: NET, workload: "echo_1", figures: &[Cpu, RATE, P99], what: "64-byte TCP echo, 1 connection; server CPU per request" },
    Row { group: NET, workload: "echo_64", figures: &[RATE, Cpu, P99], what: "64 connections (bare: a thread per worker, each with an epoll of its own)" },
    Row { group: NET, workload: "echo_1000", figures: &[RATE, Cpu, P99], what: "1000 connections (bare: the same)" },
    Row { group: NET, workload: "churn", figures: &[RATE, Cpu, P99], what: "64 clients at a time: each connects, sends 64 bytes, gets them back and is hung up on; per connection (bare: the same)" },
    Row { group: NET, workload: "http_64", figures: &[RATE, Cpu, P99], what: "hyper's hello over HTTP/1.1, 64 connections kept alive, loaded by `wrk -t1 -c64`; server CPU per request" },
    Row { group: FILES, workload: "fs_seq", figures: TIMES, what: "reads of 4 KiB of one open cached file of 1 MiB" },
    Row { group: FILES, workload: "fs_whole", figures: TIMES, what: "open, read and close of a cached file of 4 KiB" },
    Row { group: PROCESSES, workload: "process_spawn", figures: CPU_FIRST, what: "spawns `true` and awaits its end, one after another; CPU of the parent (bare: a thread that blocks)" },
    Row { group: PROCESSES, workload: "process_spawn_8", figures: CPU_FIRST, what: "8 tasks do so at a time" },
    Row { group: REST, workload: "mem_task", figures: &[BYTES], what: "resident bytes per parked task, 32 bytes of state" },
    Row { group: REST, workload: "mem_task_256", figures: &[BYTES], what: "the same, 296 bytes of state" },
    Row { group: REST, workload: "mem_sleep", figures: &[BYTES], what: "resident bytes per pending boxed sleep, the box included" },
    Row { group: REST, workload: "mem_conn", figures: &[OWN_BYTES, BYTES], what: "resident bytes of the server per idle TCP connection: its task with a buffer of 1 KiB, and what the runtime keeps for the socket; 10 000 of them, each has echoed once" },
    Row { group: REST, workload: "idle_cpu", figures: &[CpuTotal], what: "CPU in 2 s with one 10 s sleep pending" },
];

/// The workloads to run: `only` these, or all when it is empty.
pub(crate) fn workloads(only: &[String]) -> Vec<&'static str> {
    let wanted = |name: &str| only.is_empty() || only.iter().any(|other| other == name);
    ROWS.iter().map(|row| row.workload).filter(|name| wanted(name)).collect()
}

/// The program that loads a workload, when that is none of ours.
pub(crate) fn needs(workload: &str) -> Option<&'static str> {
    (workload == "http_64").then_some("wrk")
}

pub(crate) fn is_workload(name: &str) -> bool {
    ROWS.iter().any(|row| row.workload == name)
}
