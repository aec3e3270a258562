//! What a task costs without a scheduler: its queue is a vector of this thread.
//!
//! `cargo bench -p benches --bench task_cell` measures time. For instruction counts, run the program under
//! `valgrind --tool=cachegrind` with `--loop <name> <times>`.

use criterion::Criterion;
use filch_core::conformance::parts_around;
use filch_core::runtime::{Living, RuntimeRef};
use filch_core::seam::{Hint, Park, Scheduler};
use filch_core::task::{JoinHandle, Runnable, Spawn};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

thread_local! {
    static QUEUE: RefCell<VecDeque<Runnable>> = const { RefCell::new(VecDeque::new()) };
}

/// Queues on the calling thread.
struct ThreadQueue;

impl Scheduler for ThreadQueue {
    fn start(self: Arc<Self>, _: RuntimeRef, _: Arc<dyn Park>) -> io::Result<()> {
        Ok(())
    }

    fn schedule(&self, task: Runnable, _: Hint) {
        QUEUE.with_borrow_mut(|queue| queue.push_back(task));
    }

    fn shutdown(&self) {
        drop(QUEUE.take());
    }

    fn n_workers(&self) -> usize {
        1
    }
}

fn run_all() {
    while let Some(task) = QUEUE.with_borrow_mut(VecDeque::pop_front) {
        if let Some(again) = task.run() {
            again.schedule(Hint::Yield);
        }
    }
}

fn join<T>(task: JoinHandle<T>) -> T {
    match pin!(task).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output.expect("the task ends well"),
        Poll::Pending => panic!("the task is not complete"),
    }
}

/// A task that waits for ever, and its waker.
fn waiting(runtime: RuntimeRef) -> (JoinHandle<()>, Waker) {
    let kept = Arc::new(Mutex::new(None));
    let keeper = kept.clone();
    let task = Spawn::on(runtime).spawn(poll_fn(move |cx| {
        if let Ok(mut kept) = keeper.try_lock() {
            kept.get_or_insert_with(|| cx.waker().clone());
        }
        Poll::<()>::Pending
    }));
    run_all();
    let waker = kept.lock().expect("nobody panics under this lock").clone();
    (task, waker.expect("the task was polled"))
}

/// A task that yields for ever.
fn yielding(runtime: RuntimeRef) -> JoinHandle<()> {
    Spawn::on(runtime).spawn(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    }))
}

/// A name, and what to do once.
type Measurement = (&'static str, Box<dyn FnMut()>);

fn measurements(runtime: RuntimeRef) -> Vec<Measurement> {
    let (waits, waker) = waiting(runtime);
    let cloned = waker.clone();
    let yields = yielding(runtime);
    let mut yielder = QUEUE.with_borrow_mut(VecDeque::pop_front);
    vec![
        (
            "spawn_run_join",
            Box::new(move || {
                let task = Spawn::on(runtime).spawn(async { black_box(1) });
                run_all();
                black_box(join(task));
            }),
        ),
        (
            "spawn_run_detached",
            Box::new(move || {
                drop(Spawn::on(runtime).spawn(async { black_box(()) }));
                run_all();
            }),
        ),
        (
            "wake_run_suspend",
            Box::new(move || {
                let _ = &waits;
                waker.wake_by_ref();
                run_all();
            }),
        ),
        (
            "yield",
            Box::new(move || {
                let _ = &yields;
                yielder = yielder.take().and_then(Runnable::run);
            }),
        ),
        ("waker_clone_drop", Box::new(move || drop(black_box(cloned.clone())))),
    ]
}

fn main() {
    let living = Living::open(parts_around(Arc::new(ThreadQueue)));
    {
        // SAFETY: the guard is dropped before `end`, and there is no other worker.
        let _worker = unsafe { living.runtime().enter_worker(0) };
        let mut measurements = measurements(living.runtime());
        let mut arguments = std::env::args().skip_while(|argument| argument != "--loop").skip(1);
        if let (Some(name), Some(times)) = (arguments.next(), arguments.next()) {
            let times: usize = times.parse().expect("--loop takes a name and a number");
            let found = measurements.iter_mut().find(|(other, _)| *other == name);
            let (_, once) = found.expect("--loop takes the name of a measurement");
            (0..times).for_each(|_| once());
        } else {
            let mut criterion = Criterion::default().configure_from_args();
            for (name, once) in &mut measurements {
                criterion.bench_function(name, |bencher| bencher.iter(&mut *once));
            }
            criterion.final_summary();
        }
    }
    living.end();
}
