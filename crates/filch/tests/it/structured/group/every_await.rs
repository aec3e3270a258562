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
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;

/// The parent is polled less often than this before it is done.
const POLLS: usize = 24;

/// What the test knows of the children.
#[derive(Clone, Default)]
struct Notes {
    witness: Witness,
    n_failed: Arc<AtomicUsize>,
}

impl Notes {
    fn fail(&self) -> Result<(), Oops> {
        self.n_failed.fetch_add(1, SeqCst);
        Err(Oops(0))
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

/// Stays in one poll for a while.
fn work() {
    for n in 0..2_000 {
        black_box(n);
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
        spawn(Box::pin(async {
            for _ in 0..10 {
                work();
                yield_now().await;
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
async fn after_polls<F: Future>(n: usize, future: F, act: impl FnOnce()) -> F::Output {
    let mut future = Box::pin(future);
    let (mut n_polls, mut act) = (0, Some(act));
    poll_fn(move |cx| {
        if n_polls == n
            && let Some(act) = act.take()
        {
            act();
        }
        n_polls += 1;
        future.as_mut().poll(cx)
    })
    .await
}

/// Polls `future` `n` times at most, and drops it.
async fn drop_after_polls<F: Future>(n: usize, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut n_polls = 0;
    let end = poll_fn(|cx| {
        if n_polls == n {
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
    let parent = parent(cast, notes);
    match way {
        0 => {
            drop_after_polls(n, parent).await;
            None
        }
        1 => {
            let scope = CancelScope::new();
            let end = after_polls(n, scope.run(parent), || drop(scope.cancel())).await;
            Some(end.map_or(0, n_errors))
        }
        2 => Some(timeout(ms(n as u64 / 2), parent).await.map_or(0, n_errors)),
        3 => {
            let outer = TaskGroup::scope_of::<usize, (), _>(async |tg| {
                let task = tg.create_task(async move { Err::<(), _>(n_errors(parent.await)) });
                turns(n).await;
                drop(tg.cancel());
                task.await;
                Ok(())
            });
            Some(outer.await.err().map_or(0, |error| error.errors().sum()))
        }
        4 => {
            // A task that is aborted.
            let task = filch::spawn(parent);
            turns(n).await;
            task.abort();
            let _ = task.await;
            None
        }
        _ => {
            // The parent is a child of a group that is dropped.
            let outer = TaskGroup::scope(async |tg| {
                tg.spawn(async move { drop(parent.await) }).await;
                Ok(())
            });
            drop_after_polls(1 + n % 2, async {
                turns(n).await;
                outer.await
            })
            .await;
            None
        }
    }
}

const WAYS: usize = 6;

fn check(runtime: &Runtime, way: usize, n: usize, cast: Cast) {
    let notes = Notes::default();
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
    for runtime in stopped() {
        for cast in CASTS {
            for way in 0..WAYS {
                (0..POLLS).for_each(|n| check(&runtime, way, n, cast));
            }
        }
    }
}

#[test]
fn on_real_workers() {
    let _watchdog = Watchdog::new();
    let runtime = workers(2);
    for cast in CASTS {
        for way in 0..WAYS {
            (0..POLLS).for_each(|n| check(&runtime, way, n, cast));
        }
    }
}
