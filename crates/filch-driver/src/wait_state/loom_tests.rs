//! Property: whoever publishes something and unparks is seen by a turn that ends, whatever the interleaving.
//!
//! The bell stands in for the eventfd: it keeps a ring until a wait collects it. A lost unpark leaves the turning
//! thread in its wait for ever, which loom reports as a deadlock.

use super::*;
use filch_core::sys::sync::atomic::{AtomicUsize, Ordering};
use filch_core::sys::sync::{Arc, Condvar, Mutex};
use filch_core::sys::thread;

/// What a driver waits for.
struct Bell {
    has_rung: Mutex<bool>,
    rings: Condvar,
}

impl Bell {
    fn new() -> Self {
        Bell { has_rung: Mutex::new(false), rings: Condvar::new() }
    }

    fn ring(&self) {
        *self.has_rung.lock() = true;
        self.rings.notify_one();
    }

    fn wait(&self, limit: Limit) {
        let mut has_rung = self.has_rung.lock();
        while limit != Limit::Zero && !*has_rung {
            has_rung = self.rings.wait(has_rung);
        }
        *has_rung = false;
    }
}

fn check(builder: &mut loom::model::Builder, f: impl Fn() + Sync + Send + 'static) {
    builder.preemption_bound = Some(3);
    builder.check(f);
}

/// `n_unparkers` threads each publish one thing and unpark; the model's thread turns until it has seen all of it.
fn turns_until_all_is_seen(n_unparkers: usize, notify: fn(&WaitState) -> bool) {
    check(&mut loom::model::Builder::new(), move || {
        let (state, bell) = (Arc::new(WaitState::new()), Arc::new(Bell::new()));
        let published = Arc::new(AtomicUsize::new(0));
        let unparkers: Vec<_> = (0..n_unparkers)
            .map(|_| {
                let (state, bell, published) =
                    (Arc::clone(&state), Arc::clone(&bell), Arc::clone(&published));
                thread::spawn(move || {
                    // Relaxed on both sides: the unpark alone must carry it over.
                    published.fetch_add(1, Ordering::Relaxed);
                    if notify(&state) {
                        bell.ring();
                    }
                })
            })
            .collect();
        while published.load(Ordering::Relaxed) != n_unparkers {
            state.wait_with(Limit::Forever, |limit| bell.wait(limit));
        }
        unparkers.into_iter().for_each(|unparker| unparker.join().expect("it does not panic"));
    });
}

#[test]
fn one_unpark_is_heard() {
    turns_until_all_is_seen(1, WaitState::notify);
}

#[test]
fn two_unparks_are_heard() {
    turns_until_all_is_seen(2, WaitState::notify);
}

/// Rings only if it sees somebody wait, and forgets to leave word otherwise.
fn broken_notify(state: &WaitState) -> bool {
    state.0.compare_exchange(WAITING, NOTIFIED, AcqRel, Relaxed).is_ok()
}

#[test]
#[ignore = "broken on purpose; run by the test below"]
fn broken_unpark_without_word() {
    turns_until_all_is_seen(1, broken_notify);
}

#[test]
fn loom_rejects_an_unpark_that_leaves_no_word() {
    let name = "wait_state::loom_tests::broken_unpark_without_word";
    let program = std::env::current_exe().expect("the test knows its own path");
    let run = std::process::Command::new(program)
        .args(["--ignored", "--exact", name])
        .output()
        .expect("the test can run itself");
    assert!(!run.status.success(), "loom did not find the lost unpark");
    let said =
        String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(said.contains("running 1 test"), "the broken model did not run: {said}");
}
