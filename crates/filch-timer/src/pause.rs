//! Time at the test's command: [`pause`], [`resume`], [`advance`], over the clock of the runtime.
//!
//! While the clock stands still, the runtime moves it by itself: when all tasks wait, it jumps to the next deadline.
//! That jump is decided where the workers park; here the clock is only told what the program wants.

use filch_core::runtime::{Access, RuntimeRef};
use filch_core::wake_batch::WakeBatch;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::task::Poll;
use std::time::Duration;

/// Stops the runtime's clock.
///
/// From here on time passes by [`advance`], and by jumps to the next deadline whenever every task waits.
///
/// # Panics
/// When the clock stands still already, when it is of a kind that cannot be stopped, or outside of a runtime.
#[track_caller]
pub fn pause() {
    let parts = parts("pause");
    let at = Location::caller();
    assert!(
        !parts.clock.is_virtual(),
        "the clock was paused twice, the second time at {at}: call `resume` in between"
    );
    assert!(
        parts.clock.pause(),
        "`pause`, at {at}, needs a clock that can stop: build the runtime with the stock one"
    );
    parts.park.unpark(); // Whoever waits there for a deadline would wait for the system's time.
}

/// Lets the runtime's clock run on from where it stands.
///
/// # Panics
/// When the clock is not paused, or outside of a runtime.
#[track_caller]
pub fn resume() {
    let parts = parts("resume");
    assert!(
        parts.clock.resume(),
        "`resume`, at {}, needs a paused clock: call `pause` first",
        Location::caller()
    );
    parts.park.unpark(); // Whoever waits there waits without a deadline.
}

/// Moves a paused clock on by `duration`, fires what is due by then, and lets the woken tasks go first.
///
/// All timers up to the target fire together: a task they wake sees the clock at the target, not at its own deadline.
///
/// # Panics
/// When the clock is not paused, or outside of a runtime.
///
/// # Cancel safety
/// The clock moves at the first poll. Dropped after that, only the yielding is left out.
#[track_caller]
pub fn advance(duration: Duration) -> impl Future<Output = ()> + Send + Sync {
    let at = Location::caller();
    let mut has_moved = false;
    poll_fn(move |cx| {
        if has_moved {
            return Poll::Ready(());
        }
        has_moved = true;
        move_clock(duration, at);
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

fn move_clock(duration: Duration, at: &Location<'_>) {
    let parts = parts("advance");
    assert!(
        parts.clock.advance(duration),
        "`advance`, at {at}, needs a paused clock: call `pause` first"
    );
    parts.park.flush_all_timers();
    let mut wakes = WakeBatch::default();
    parts.timers.expire(parts.nanoseconds(parts.clock.now()), &mut wakes);
    drop(parts); // Unheld before the tasks are woken: that may run user code.
    wakes.wake_all();
}

/// The parts of the runtime the calling thread works for.
#[track_caller]
fn parts(function: &str) -> Access {
    match RuntimeRef::current().access() {
        Some(parts) => parts,
        None => panic!(
            "`{function}` was called on a runtime that has ended: call it from one of its tasks"
        ),
    }
}
