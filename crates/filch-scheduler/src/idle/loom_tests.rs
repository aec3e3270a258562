//! Property: a task that was injected is run, although workers park at any moment.
//!
//! The injector is a stand-in no stronger than crossbeam's: a count, pushed with Release and looked at with Acquire.
//! What unparking does is modelled by the claim itself: a claimed worker looks again, an unclaimed one sleeps for ever.

use super::{Found, Idle};
use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use loom::thread;
use std::process::Command;

#[derive(Default)]
struct Injector(AtomicUsize);

impl Injector {
    fn push(&self) {
        self.0.fetch_add(1, Release);
    }

    fn is_empty(&self) -> bool {
        self.0.load(Acquire) == 0
    }

    fn take(&self) -> bool {
        let mut n = self.0.load(Relaxed);
        while n != 0 {
            match self.0.compare_exchange(n, n - 1, AcqRel, Relaxed) {
                Ok(_) => return true,
                Err(actual) => n = actual,
            }
        }
        false
    }
}

/// What a worker ended as.
#[derive(PartialEq)]
enum End {
    Ran,
    /// Parked; if its bit is gone by the end of the model, it was claimed and would be running.
    Asleep,
}

/// One round of a worker: search, run one task if there is one, else park with a last look.
fn work(idle: &Idle, injector: &Injector, worker: usize) -> End {
    loop {
        let searching = idle.running_to_searching(worker);
        if injector.take() {
            if searching
                && idle.searching_to_running(worker) == Found::WasLast
                && !injector.is_empty()
            {
                let _ = idle.notify_one();
            }
            return End::Ran;
        }
        let look = idle.prepare_park(worker, searching, false);
        if injector.is_empty() {
            std::mem::forget(look);
            return End::Asleep;
        }
        if idle.unpark_self(worker, look) {
            let _ = idle.searching_to_running(worker);
        }
    }
}

/// No task may wait while nobody runs, searches or was claimed.
fn check(idle: &Idle, injector: &Injector, ends: &[End], claimed: usize) {
    let n_asleep = ends.iter().filter(|end| **end == End::Asleep).count();
    if !injector.is_empty() {
        let n_claimed =
            n_asleep - idle.load().map(|word| word.parked().count_ones() as usize).sum::<usize>();
        let is_running = ends.contains(&End::Ran);
        assert!(n_claimed + claimed > 0 || is_running, "a task waits beside sleeping workers");
    }
}

fn model(f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(f);
}

#[test]
fn a_task_injected_while_the_only_worker_parks_is_not_left_behind() {
    model(|| {
        let shared = Arc::new((Idle::new(1), Injector::default()));
        let there = Arc::clone(&shared);
        let worker = thread::spawn(move || work(&there.0, &there.1, 0));
        shared.1.push();
        let claimed = shared.0.notify_one().is_some();
        let end = worker.join().unwrap();
        if end == End::Asleep {
            assert!(claimed, "the worker sleeps, the task waits and nobody was claimed");
        }
    });
}

#[test]
fn two_parking_workers_and_a_submitter() {
    model(|| {
        let shared = Arc::new((Idle::new(2), Injector::default()));
        let workers = [0, 1].map(|index| {
            let there = Arc::clone(&shared);
            thread::spawn(move || work(&there.0, &there.1, index))
        });
        shared.1.push();
        let claimed = usize::from(shared.0.notify_one().is_some());
        let ends = workers.map(|worker| worker.join().unwrap());
        check(&shared.0, &shared.1, &ends, claimed);
    });
}

#[test]
fn a_claimed_worker_is_claimed_once() {
    model(|| {
        let idle = Arc::new(Idle::new(1));
        let look = idle.prepare_park(0, false, false);
        let there = Arc::clone(&idle);
        let other = thread::spawn(move || there.claim_any().is_some());
        let ours = idle.claim_any().is_some();
        let theirs = other.join().unwrap();
        assert!(ours ^ theirs);
        assert!(idle.unpark_self(0, look));
    });
}

/// The protocol without the fence of `notify_one`: what the models above must be able to find.
#[test]
#[ignore = "run by a_model_without_the_submit_fence_is_rejected"]
fn broken_submit_without_its_fence() {
    model(|| {
        let shared = Arc::new((Idle::new(1), Injector::default()));
        let there = Arc::clone(&shared);
        let worker = thread::spawn(move || work(&there.0, &there.1, 0));
        shared.1.push();
        let claimed = shared.0.invite_one().is_some();
        if worker.join().unwrap() == End::Asleep {
            assert!(claimed);
        }
    });
}

/// The protocol without the last look.
#[test]
#[ignore = "run by a_model_without_the_last_look_is_rejected"]
fn broken_park_without_its_last_look() {
    model(|| {
        let shared = Arc::new((Idle::new(1), Injector::default()));
        let there = Arc::clone(&shared);
        let worker = thread::spawn(move || {
            if there.1.take() {
                return End::Ran;
            }
            std::mem::forget(there.0.prepare_park(0, false, false));
            End::Asleep
        });
        shared.1.push();
        let claimed = shared.0.notify_one().is_some();
        if worker.join().unwrap() == End::Asleep {
            assert!(claimed);
        }
    });
}

fn is_rejected(broken: &str) {
    let test = format!("idle::loom_tests::{broken}");
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args(["--ignored", "--exact", &test]).output().unwrap();
    assert!(!output.status.success(), "loom accepted {broken}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("running 1 test"),
        "{broken} was not run"
    );
}

#[test]
fn a_model_without_the_submit_fence_is_rejected() {
    is_rejected("broken_submit_without_its_fence");
}

#[test]
fn a_model_without_the_last_look_is_rejected() {
    is_rejected("broken_park_without_its_last_look");
}
