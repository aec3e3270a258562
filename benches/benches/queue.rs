//! What a worker's queue, its LIFO slot and the injector cost, without workers: `cargo bench -p benches --bench queue`.

// Why included: the queues are private to the scheduler.
#[allow(dead_code, unreachable_pub, reason = "the bench uses a part of the module")]
#[path = "../../crates/filch-scheduler/src/injector.rs"]
mod injector;
#[allow(dead_code, unreachable_pub, reason = "the bench uses a part of the module")]
#[path = "../../crates/filch-scheduler/src/local.rs"]
mod local;

use criterion::Criterion;
use filch_core::RuntimeRef;
use filch_core::conformance::parts_around;
use filch_core::runtime::Living;
use filch_core::seam::{Hint, Park, Scheduler};
use filch_core::task::{Runnable, Spawn};
use filch_scheduler::idle::Idle;
use std::future::pending;
use std::hint::black_box;
use std::io;
use std::sync::{Arc, Mutex};

/// Keeps what is spawned, for the bench to move around.
#[derive(Default)]
struct Kept(Mutex<Vec<Runnable>>);

impl Kept {
    fn take(&self) -> Vec<Runnable> {
        std::mem::take(&mut *self.0.lock().expect("nobody panics under this lock"))
    }
}

impl Scheduler for Kept {
    fn start(self: Arc<Self>, _: RuntimeRef, _: Arc<dyn Park>) -> io::Result<()> {
        Ok(())
    }

    fn schedule(&self, task: Runnable, _: Hint) {
        self.0.lock().expect("nobody panics under this lock").push(task);
    }

    fn shutdown(&self) {
        drop(self.take());
    }

    fn n_workers(&self) -> usize {
        1
    }
}

fn main() {
    let kept = Arc::new(Kept::default());
    let living = Living::open(parts_around(Arc::clone(&kept) as Arc<dyn Scheduler>));
    let runtime = living.runtime();
    for _ in 0..32 {
        drop(Spawn::on(runtime).spawn(pending::<()>()));
    }
    let mut tasks = kept.take();
    let mut criterion = Criterion::default().configure_from_args();
    bench_local(&mut criterion, &mut tasks);
    bench_injector(&mut criterion, &mut tasks);
    bench_idle(&mut criterion);
    drop(tasks);
    living.end();
    criterion.final_summary();
}

fn bench_local(criterion: &mut Criterion, tasks: &mut Vec<Runnable>) {
    let (queue, remote) = local::Remote::new();
    criterion.bench_function("queue/lifo_in_out", |bencher| {
        bencher.iter(|| {
            let displaced = remote.replace_lifo(tasks.pop().expect("a task"));
            debug_assert!(displaced.is_none());
            tasks.extend(remote.take_lifo());
        });
    });
    criterion.bench_function("queue/push_pop", |bencher| {
        bencher.iter(|| {
            queue.push(tasks.pop().expect("a task"));
            tasks.extend(queue.pop());
        });
    });
    let (thief, _) = local::Remote::new();
    criterion.bench_function("queue/push_32_steal_half", |bencher| {
        bencher.iter(|| {
            tasks.drain(..).for_each(|task| queue.push(task));
            tasks.extend(remote.steal(&thief));
            tasks.extend(std::iter::from_fn(|| thief.pop()));
            tasks.extend(std::iter::from_fn(|| queue.pop()));
        });
    });
}

fn bench_injector(criterion: &mut Criterion, tasks: &mut Vec<Runnable>) {
    let injector = injector::Injector::new(2);
    let (queue, _remote) = local::Remote::new();
    criterion.bench_function("injector/push_32_take_all", |bencher| {
        bencher.iter(|| {
            tasks.drain(..).for_each(|task| injector.push(task));
            while let Some(task) = injector.take(&queue) {
                tasks.push(task);
                tasks.extend(std::iter::from_fn(|| queue.pop()));
            }
        });
    });
}

fn bench_idle(criterion: &mut Criterion) {
    let idle = Idle::new(2);
    criterion.bench_function("idle/notify_nobody_parked", |bencher| {
        bencher.iter(|| black_box(idle.notify_one()));
    });
    criterion.bench_function("idle/park_claim_unpark", |bencher| {
        bencher.iter(|| {
            let look = idle.prepare_park(0, false, false);
            black_box(idle.notify_one());
            if idle.unpark_self(0, look) {
                let _ = black_box(idle.searching_to_running(0));
            }
        });
    });
}
