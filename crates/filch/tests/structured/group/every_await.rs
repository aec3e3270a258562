//! Ends after every poll: whatever ends a group, and whenever, nobody outlives it and no error is lost.
//!
//! The same parent with the same children is run once for each place where it can be ended. Each child's future holds a
//! witness, and each child that fails counts itself; in the end no witness is left, and whoever awaited the group has as many
//! errors as were counted.

use super::{HOUR, Oops, ms, stopped};
use crate::tools::{Witness, workers};
use crate::watchdog::Watchdog;
use filch::TaskGroup;
use filch::runtime::Runtime;
use filch::task::{CancelScope, GroupError, yield_now};
use filch::time::{sleep, timeout};
use std::future::{Future, poll_fn};
use std::hint::spin_loop;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

/// The parent is over before it is polled this often, which is checked on the virtual clock.
const POLLS: usize = 24;

/// What the test knows of the children.
#[derive(Clone)]
struct Notes {
    witness: Witness,
    n_failed: Arc<AtomicUsize>,
    busy: Arc<Busy>,
    /// Which of the busy children is this parent's.
    number: usize,
    /// Whether the end waits until a child is in a poll.
    seeks_poll: bool,
}

impl Notes {
    fn new(busy: &Arc<Busy>, seeks_poll: bool) -> Self {
        let (witness, n_failed) = (Witness::default(), Arc::default());
        let number = busy.n_spawned.load(SeqCst);
        Notes { witness, n_failed, busy: Arc::clone(busy), number, seeks_poll }
    }

    fn fail(&self) -> Result<(), Oops> {
        self.n_failed.fetch_add(1, SeqCst);
        Err(Oops(0))
    }

    /// The last thing before an end. One that waits keeps its thread meanwhile, so that the other one polls the busy child.
    fn meet(&self) {
        let is_in_poll = || self.busy.n_in_poll.load(SeqCst) != 0;
        while self.seeks_poll && !is_in_poll() && self.busy.alive.n_alive() != 0 {
            thread::yield_now();
        }
        self.busy.n_met.fetch_add(usize::from(is_in_poll()), SeqCst);
    }

    /// As [`meet`](Self::meet), after `n` turns, for a parent that is another task.
    async fn meet_after(&self, n: usize) {
        turns(n).await;
        while self.seeks_poll && self.busy.n_spawned.load(SeqCst) == self.number {
            thread::yield_now();
        }
        self.meet();
    }
}

/// Of children that are in a poll most of the time: one for each parent.
struct Busy {
    n_turns: usize,
    /// How long each poll lasts.
    stay: Duration,
    alive: Witness,
    n_spawned: AtomicUsize,
    n_in_poll: AtomicUsize,
    /// How often a child was in a poll just before an end.
    n_met: AtomicUsize,
}

impl Busy {
    fn new(n_turns: usize, stay: Duration) -> Arc<Self> {
        let [n_spawned, n_in_poll, n_met] = [const { AtomicUsize::new(0) }; 3];
        Arc::new(Busy { n_turns, stay, alive: Witness::default(), n_spawned, n_in_poll, n_met })
    }

    async fn turn(&self) {
        self.n_in_poll.fetch_add(1, SeqCst);
        let begin = Instant::now();
        while begin.elapsed() < self.stay {
            spin_loop();
        }
        self.n_in_poll.fetch_sub(1, SeqCst);
        yield_now().await;
    }
}

/// Which children a parent has besides those that never fail.
#[derive(Clone, Copy, Debug)]
enum Cast {
    /// Nobody fails.
    Peaceful,
    /// Two fail after some turns.
    Failing,
    /// One panics when it is dropped.
    Fragile,
    /// An inner group fails as well.
    Nested,
}

const CASTS: [Cast; 4] = [Cast::Peaceful, Cast::Failing, Cast::Fragile, Cast::Nested];

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a panic in a drop");
    }
}

async fn turns(n: usize) {
    for _ in 0..n {
        yield_now().await;
    }
}

/// The group under test. Its children wait, are queued, are in a poll, end and fail at the same time.
async fn parent(cast: Cast, notes: Notes) -> Result<(), GroupError<Oops>> {
    let scope = TaskGroup::scope_of::<Oops, _, _>(async |tg| {
        let spawn = |child: Pin<Box<dyn Future<Output = Result<(), Oops>> + Send>>| {
            let witness = notes.witness.clone();
            tg.create_task(async move {
                let result = child.await;
                drop(witness);
                result
            })
        };
        spawn(Box::pin(async {
            sleep(ms(7)).await;
            Ok(())
        }));
        let busy = notes.busy.clone();
        let alive = busy.alive.clone();
        busy.n_spawned.fetch_add(1, SeqCst);
        spawn(Box::pin(async move {
            let _alive = alive;
            for _ in 0..busy.n_turns {
                busy.turn().await;
            }
            Ok(())
        }));
        let inner = notes.clone();
        spawn(Box::pin(async move {
            let _ = nested(matches!(cast, Cast::Nested), inner).await;
            Ok(())
        }));
        match cast {
            Cast::Peaceful | Cast::Nested => {}
            Cast::Failing => {
                for n in [5, 6] {
                    let notes = notes.clone();
                    spawn(Box::pin(async move {
                        turns(n).await;
                        notes.fail()
                    }));
                }
            }
            Cast::Fragile => {
                spawn(Box::pin(async {
                    let _bomb = Bomb;
                    sleep(HOUR).await;
                    Ok(())
                }));
                let notes = notes.clone();
                spawn(Box::pin(async move {
                    sleep(ms(3)).await;
                    notes.fail()
                }));
            }
        }
        turns(4).await;
        spawn(Box::pin(async { Ok(()) })).await;
        sleep(ms(3)).await;
        turns(2).await;
        Ok(())
    });
    scope.await
}

/// A group in a child. What it fails with is nobody's error but its own.
async fn nested(fails: bool, notes: Notes) -> Result<(), GroupError<Oops>> {
    let scope = TaskGroup::scope_of::<Oops, _, _>(async |tg| {
        let witness = notes.witness.clone();
        tg.spawn(async move {
            sleep(ms(5)).await;
            drop(witness);
        });
        let witness = notes.witness.clone();
        tg.create_task(async move {
            turns(3).await;
            drop(witness);
            if fails { Err(Oops(7)) } else { Ok(()) }
        });
        turns(1).await;
        Ok(())
    });
    scope.await
}

/// Polls `future` to its end, and calls `act` after `n` polls that left it pending.
async fn after_polls<F: Future>(
    n: usize,
    notes: &Notes,
    future: F,
    act: impl FnOnce(),
) -> F::Output {
    let mut future = Box::pin(future);
    let (mut n_polls, mut act) = (0, Some(act));
    poll_fn(move |cx| {
        if n_polls == n
            && let Some(act) = act.take()
        {
            notes.meet();
            act();
        }
        n_polls += 1;
        future.as_mut().poll(cx)
    })
    .await
}

/// Polls `future` `n` times at most, and drops it.
async fn drop_after_polls<F: Future>(n: usize, notes: &Notes, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut n_polls = 0;
    let end = poll_fn(|cx| {
        if n_polls == n {
            notes.meet();
            return Poll::Ready(None);
        }
        n_polls += 1;
        future.as_mut().poll(cx).map(Some)
    });
    let end = end.await;
    drop(future);
    end
}

fn n_errors(result: Result<(), GroupError<Oops>>) -> usize {
    result.err().map_or(0, |error| error.errors().count())
}

/// Each way to end the parent, at moment `n`. The answer says how many errors somebody got to see; `None`: nobody asks.
async fn end_by(way: usize, n: usize, cast: Cast, notes: Notes) -> Option<usize> {
    let parent = parent(cast, notes.clone());
    match way {
        0 => {
            drop_after_polls(n, &notes, parent).await;
            None
        }
        1 => {
            let scope = CancelScope::new();
            let end = after_polls(n, &notes, scope.run(parent), || drop(scope.cancel())).await;
            Some(end.map_or(0, n_errors))
        }
        BY_THE_CLOCK => Some(timeout(ms(n as u64 / 2), parent).await.map_or(0, n_errors)),
        3 => {
            let outer = TaskGroup::scope_of::<usize, (), _>(async |tg| {
                let task = tg.create_task(async move { Err::<(), _>(n_errors(parent.await)) });
                notes.meet_after(n).await;
                drop(tg.cancel());
                task.await;
                Ok(())
            });
            Some(outer.await.err().map_or(0, |error| error.errors().sum()))
        }
        4 => {
            // A task that is aborted.
            let task = filch::spawn(parent);
            notes.meet_after(n).await;
            task.abort();
            let _ = task.await;
            None
        }
        _ => {
            // The parent is a child of a group that is dropped.
            let mut outer = Box::pin(TaskGroup::scope(async |tg| {
                tg.spawn(async move { drop(parent.await) }).await;
                Ok(())
            }));
            let polled = poll_fn(|cx| Poll::Ready(outer.as_mut().poll(cx))).await;
            assert!(polled.is_pending());
            notes.meet_after(n).await;
            None
        }
    }
}

const WAYS: usize = 6;
/// The way whose moment nobody can choose.
const BY_THE_CLOCK: usize = 2;

fn check(runtime: &Runtime, way: usize, n: usize, cast: Cast, notes: Notes) {
    let inside = notes.clone();
    let task = runtime.spawn(async move {
        let witness = inside.witness.clone();
        let n_seen = end_by(way, n, cast, inside).await;
        // One is held here.
        (n_seen, witness.n_alive() - 1)
    });
    let (n_seen, n_left) = runtime.block_on(task).expect("no panic gets this far");
    let case = format!("way {way}, moment {n}, {cast:?}");
    assert_eq!(n_left, 0, "somebody outlives the group: {case}");
    if let Some(n_seen) = n_seen {
        assert_eq!(n_seen, notes.n_failed.load(SeqCst), "an error is lost: {case}");
    }
}

#[test]
fn on_the_virtual_clock() {
    let _watchdog = Watchdog::new();
    let busy = Busy::new(10, Duration::ZERO);
    for runtime in stopped() {
        for cast in CASTS {
            let notes = Notes::new(&busy, false);
            let over = async move {
                drop_after_polls(POLLS - 1, &notes, parent(cast, notes.clone())).await.is_some()
            };
            let is_over = runtime.block_on(runtime.spawn(over)).expect("it does not panic");
            assert!(is_over, "{cast:?} takes more polls than are tested");
            for way in 0..WAYS {
                (0..POLLS).for_each(|n| check(&runtime, way, n, cast, Notes::new(&busy, false)));
            }
        }
    }
}

#[test]
fn on_real_workers() {
    let _watchdog = Watchdog::new();
    let runtime = workers(2);
    let busy = Busy::new(50, Duration::from_micros(100));
    for way in 0..WAYS {
        let n_met_before = busy.n_met.load(SeqCst);
        for cast in CASTS {
            for seeks_poll in [false, true] {
                (0..POLLS).for_each(|n| {
                    check(&runtime, way, n, cast, Notes::new(&busy, seeks_poll));
                });
            }
        }
        let n_met = busy.n_met.load(SeqCst) - n_met_before;
        let is_met = 10 <= n_met || way == BY_THE_CLOCK;
        assert!(is_met, "way {way} came upon a child in a poll {n_met} times only");
    }
}
