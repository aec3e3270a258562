//! Property: a worker that was claimed wakes up, wherever it was about to sleep, and however often it came back on its
//! own before; and the end of the scheduler finds every worker.
//!
//! The driver is modelled by its own promise: an unpark makes the current or the next wait return.

use super::Sleeper;
use crate::idle::Idle;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use loom::sync::atomic::{AtomicBool, AtomicUsize, fence};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use std::process::Command;

struct Model {
    idle: Idle,
    sleeper: Sleeper,
    /// Tasks in the injector. Pushed with Release and looked at with Acquire, as crossbeam's.
    n_queued: AtomicUsize,
    is_shutdown: AtomicBool,
    driver: (Mutex<bool>, Condvar),
}

impl Model {
    fn new() -> Arc<Self> {
        Arc::new(Model {
            idle: Idle::new(1),
            sleeper: Sleeper::default(),
            n_queued: AtomicUsize::new(0),
            is_shutdown: AtomicBool::new(false),
            driver: (Mutex::new(false), Condvar::new()),
        })
    }

    fn inject(&self) {
        self.n_queued.fetch_add(1, Release);
        if self.idle.notify_one().is_some() {
            self.sleeper.unpark(|| self.unpark_driver());
        }
    }

    fn unpark_driver(&self) {
        *self.driver.0.lock().unwrap() = true;
        self.driver.1.notify_one();
    }

    fn wait_in_driver(&self) {
        let mut notified = self.driver.0.lock().unwrap();
        while !*notified {
            notified = self.driver.1.wait(notified).unwrap();
        }
        *notified = false;
    }

    fn is_shutdown(&self) -> bool {
        self.is_shutdown.load(Acquire)
    }

    /// The worker's way to sleep and back, as in `Worker::park`. Answers whether it comes back searching.
    fn park(&self, searching: bool, in_driver: bool, clear_too_late: bool) -> bool {
        self.sleeper.set_in_driver(in_driver);
        let look = self.idle.prepare_park(0, searching, in_driver);
        if clear_too_late {
            self.sleeper.clear();
        }
        if self.n_queued.load(Acquire) == 0 && !self.is_shutdown() {
            if in_driver {
                self.wait_in_driver();
            } else {
                self.sleeper.sleep(|| self.is_shutdown());
            }
        }
        let was_claimed = self.idle.unpark_self(0, look);
        if !clear_too_late {
            self.sleeper.clear();
        }
        was_claimed
    }

    /// Runs `n_tasks`, sleeping in between: in the driver, then on its thread, in turn. Hangs if one is lost.
    fn work(&self, n_tasks: usize, clear_too_late: bool) {
        self.sleeper.set_thread();
        let (mut searching, mut in_driver, mut n_run) = (false, false, 0);
        while n_run < n_tasks {
            if self.n_queued.load(Acquire) != 0 {
                self.n_queued.fetch_sub(1, Relaxed);
                n_run += 1;
                if std::mem::take(&mut searching) {
                    let _ = self.idle.searching_to_running(0);
                }
                continue;
            }
            searching = self.park(searching, in_driver, clear_too_late);
            in_driver = !in_driver;
        }
    }
}

fn check(f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(f);
}

fn two_tasks_come_to_a_worker_that_parks(clear_too_late: bool) {
    check(move || {
        let model = Model::new();
        let there = Arc::clone(&model);
        let worker = thread::spawn(move || there.work(2, clear_too_late));
        model.inject();
        model.inject();
        worker.join().unwrap();
    });
}

#[test]
fn a_claimed_worker_wakes_up() {
    two_tasks_come_to_a_worker_that_parks(false);
}

#[test]
fn a_worker_claimed_by_two_threads_wakes_up() {
    check(|| {
        let model = Model::new();
        let [there, elsewhere] = [(); 2].map(|()| Arc::clone(&model));
        let worker = thread::spawn(move || there.work(2, false));
        let submitter = thread::spawn(move || elsewhere.inject());
        model.inject();
        submitter.join().unwrap();
        worker.join().unwrap();
    });
}

fn the_end_comes_to_a_worker_that_parks(with_fence: bool) {
    check(move || {
        let model = Model::new();
        let there = Arc::clone(&model);
        let worker = thread::spawn(move || {
            there.sleeper.set_thread();
            let mut searching = false;
            while !there.is_shutdown() {
                searching = there.park(searching, false, false);
            }
        });
        if with_fence {
            model.is_shutdown.store(true, Release);
            fence(SeqCst); // As in `MultiThread::stop`.
        }
        model.sleeper.rouse();
        if !with_fence {
            model.is_shutdown.store(true, Release);
        }
        worker.join().unwrap();
    });
}

#[test]
fn the_end_finds_a_worker_that_is_about_to_sleep() {
    the_end_comes_to_a_worker_that_parks(true);
}

/// The worker clears what was said to it after its bit is set, when a claim may have come.
#[test]
#[ignore = "run by a_model_that_clears_too_late_is_rejected"]
fn broken_clearing_after_the_bit_is_set() {
    two_tasks_come_to_a_worker_that_parks(true);
}

/// The worker is roused before it can see that the end has come.
#[test]
#[ignore = "run by a_model_that_rouses_too_early_is_rejected"]
fn broken_end_that_rouses_before_it_stores() {
    the_end_comes_to_a_worker_that_parks(false);
}

fn is_rejected(broken: &str) {
    let test = format!("sleeper::loom_tests::{broken}");
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args(["--ignored", "--exact", &test]).output().unwrap();
    assert!(!output.status.success(), "loom accepted {broken}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("running 1 test"),
        "{broken} was not run"
    );
}

#[test]
fn a_model_that_clears_too_late_is_rejected() {
    is_rejected("broken_clearing_after_the_bit_is_set");
}

#[test]
fn a_model_that_rouses_too_early_is_rejected() {
    is_rejected("broken_end_that_rouses_before_it_stores");
}
