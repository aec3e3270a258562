//! The workloads, each written once for every runtime.
//!
//! A workload takes a started runtime and a scale, which multiplies its repetitions but never its shape
//! (1000 tasks stay 1000 tasks). It warms up first and starts its clocks after that.

mod bare;
mod blocking;
mod channels;
mod fs;
mod load;
mod memory;
mod net;
mod process;
mod sync;
mod tasks;
mod timers;
mod wake;

use crate::channels::Channels;
use crate::report::Report;
use crate::rt::Rt;

/// A workload for one runtime.
type Workload<R> = fn(&R, f64) -> Report;

/// A workload's name, and a function of the workers and the scale that starts the runtime and does the work.
pub(crate) type Row = (&'static str, Box<dyn FnOnce(usize, f64) -> Report>);

/// The rows of a runtime: all of them, in the order of the published table.
pub(crate) fn of_runtime<R: Rt + fs::Files>() -> Vec<Row> {
    rows::<R>(&[
        ("spawn_join", tasks::spawn_join),
        ("spawn_join_100k", tasks::spawn_join_100k),
        ("group_spawn", tasks::group_spawn),
        ("join_set", tasks::join_set),
        ("gather_100k", tasks::gather_100k),
        ("spawn_detached", tasks::spawn_detached),
        ("spawn_outside", tasks::spawn_outside),
        ("spawn_outside_one", tasks::spawn_outside_one),
        ("chained_spawn", tasks::chained_spawn),
        ("yield_many", tasks::yield_many),
        ("yield_one", tasks::yield_one),
        ("cpu_chunks", tasks::cpu_chunks),
        ("fib_27", tasks::fib_27),
        ("pingpong_cell_1", wake::pingpong_cell_1),
        ("pingpong_cell_100", wake::pingpong_cell_100),
        ("idle_wake", wake::idle_wake),
        ("mutex_free", sync::mutex_free),
        ("mutex_contended", sync::mutex_contended),
        ("mutex_held", sync::mutex_held),
        ("semaphore_2", sync::semaphore_2),
        ("event_ping", sync::event_ping),
        ("mpsc_1_1", channels::mpsc_1_1::<R, R::Channels>),
        ("mpsc_4_1", channels::mpsc_4_1::<R, R::Channels>),
        ("broadcast_4", channels::broadcast_4::<R, R::Channels>),
        ("pingpong_chan_100", channels::pingpong_chan_100::<R, R::Channels>),
        ("pingpong_oneshot", sync::pingpong_oneshot),
        ("timer_cancel", timers::timer_cancel),
        ("timeout_wrap", timers::timeout_wrap),
        ("timer_100k", timers::timer_100k),
        ("timer_sleep_1ms", timers::timer_sleep_1ms),
        ("blocking_one", blocking::blocking_one),
        ("blocking_burst", blocking::blocking_burst),
        ("blocked_1", blocking::blocked_1),
        ("blocked_2", blocking::blocked_2),
        ("blocked_lifo", blocking::blocked_lifo),
        ("fs_seq", fs::fs_seq),
        ("fs_whole", fs::fs_whole),
        ("echo_1", net::echo_1),
        ("echo_64", net::echo_64),
        ("echo_1000", net::echo_1000),
        ("churn", net::churn),
        ("http_64", net::http_64),
        ("process_spawn", process::process_spawn),
        ("process_spawn_8", process::process_spawn_8),
        ("mem_task", memory::mem_task),
        ("mem_task_256", memory::mem_task_256),
        ("mem_sleep", memory::mem_sleep),
        ("mem_conn", memory::mem_conn),
        ("idle_cpu", timers::idle_cpu),
    ])
}

/// The rows of a library that has channels only, on the runtime `R`.
pub(crate) fn of_channels<R: Rt, C: Channels>() -> Vec<Row> {
    rows::<R>(&[
        ("mpsc_1_1", channels::mpsc_1_1::<R, C>),
        ("mpsc_4_1", channels::mpsc_4_1::<R, C>),
        ("pingpong_chan_100", channels::pingpong_chan_100::<R, C>),
    ])
}

/// The rows whose work is done by hand, without what they are about.
pub(crate) fn by_hand() -> Vec<Row> {
    vec![
        ("mutex_free", Box::new(bare::mutex_free)),
        ("echo_64", Box::new(bare::net::echo_64)),
        ("echo_1000", Box::new(bare::net::echo_1000)),
        ("churn", Box::new(bare::net::churn)),
        ("process_spawn", Box::new(bare::process_spawn)),
    ]
}

fn rows<R: Rt>(workloads: &[(&'static str, Workload<R>)]) -> Vec<Row> {
    let row = |&(name, workload): &(&'static str, Workload<R>)| -> Row {
        (name, Box::new(move |workers, scale| workload(&R::start(workers), scale)))
    };
    workloads.iter().map(row).collect()
}

/// `full` repetitions at scale 1, and never none.
fn scaled(full: usize, scale: f64) -> usize {
    ((full as f64 * scale) as usize).max(1)
}

/// How much of a run the warm-up before it repeats.
const WARM_UP: f64 = 0.1;
