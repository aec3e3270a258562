//! Waiting for a moment: [`sleep`], [`sleep_until`].
//!
//! A [`Sleep`] belongs to the runtime it was made in, wherever it is polled. It is armed by the first poll that finds it
//! pending, so one that is never polled costs nothing; a later deadline is one store, an earlier one arms anew.

use crate::instant::Instant;
use filch_core::coop;
use filch_core::runtime::RuntimeRef;
use filch_core::timer::{TimerCell, TimerState};
use filch_core::wake_batch::WakeBatch;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// A sleep made for at least this long is taken to be pending at its first poll.
// Why: reading the clock costs a quarter of arming a timer. If that long did pass before the first poll, the timer fires
// at the driver's next turn.
const SURELY_AHEAD: Duration = Duration::from_millis(1);

/// Waits until `duration` has passed, counted from this call. `Duration::MAX` means for ever.
///
/// # Panics
/// When there is no runtime and the facade crate is not linked, so that none could be started.
///
/// # Examples
/// ```ignore
/// filch::time::sleep(Duration::from_millis(100)).await;
/// ```
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    let runtime = RuntimeRef::current();
    let deadline = Instant::from_std(runtime.now()) + duration;
    Sleep { deadline, runtime, cell: None, must_look: duration < SURELY_AHEAD }
}

/// Waits until `deadline`.
///
/// # Panics
/// When there is no runtime and the facade crate is not linked, so that none could be started.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { deadline, runtime: RuntimeRef::current(), cell: None, must_look: true }
}

/// Waits for a moment. From [`sleep`] and [`sleep_until`].
///
/// # Panics
/// A poll panics when the runtime the sleep was made in ended before the deadline.
///
/// # Cancel safety
/// Safe: dropping it only ends the wait.
#[must_use = "futures do nothing unless you `.await` or poll them"]
#[derive(Debug)]
pub struct Sleep {
    deadline: Instant,
    runtime: RuntimeRef,
    /// Set by the first poll that finds the sleep pending.
    cell: Option<Arc<TimerCell>>,
    /// The first poll has to ask the clock.
    must_look: bool,
}

impl Sleep {
    /// When the wait ends.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the deadline has passed, polled or not.
    pub fn is_elapsed(&self) -> bool {
        self.cell.as_ref().is_some_and(|cell| cell.is_elapsed()) || self.now() >= self.deadline
    }

    /// Waits until `deadline` instead, also when the former wait is over. A task that waits is woken for the new
    /// deadline, also if nobody polls in between.
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.get_mut();
        this.deadline = deadline;
        if this.move_cell() {
            return;
        }
        this.must_look = true;
        if let Some(cell) = this.cell.take() {
            // Whoever waits must arm the earlier deadline: it is woken as if its time had come, and finds out.
            cell.fire(u64::MAX, &mut WakeBatch::default());
            cell.cancel();
        }
    }

    /// What the clock of the sleep's runtime says.
    pub(crate) fn now(&self) -> Instant {
        Instant::from_std(self.runtime.now())
    }

    /// Lets an armed cell wait for the present deadline; `false` if there is none that can.
    fn move_cell(&self) -> bool {
        let Some(cell) = &self.cell else { return false };
        let Some(parts) = self.runtime.access() else { return false }; // The next poll will tell of the end.
        cell.reset_later(parts.nanoseconds(self.deadline.into_std()))
    }

    /// The first poll: arms a timer, unless the deadline has passed.
    fn arm(&mut self, cx: &mut Context<'_>) -> Poll<TimerState> {
        let Some(parts) = self.runtime.access() else { return Poll::Ready(TimerState::Abandoned) };
        let deadline = self.deadline.into_std();
        if (self.must_look || parts.clock.is_virtual()) && parts.clock.now() >= deadline {
            return Poll::Ready(TimerState::Elapsed);
        }
        let deadline = parts.nanoseconds(deadline);
        drop(parts); // Unheld before the waker is cloned: user code may wait for the runtime's end.
        let cell = Arc::new(TimerCell::with_waker(deadline, cx.waker().clone()));
        let is_armed = self.runtime.arm(Arc::clone(&cell));
        self.cell = Some(cell);
        if is_armed { Poll::Pending } else { Poll::Ready(TimerState::Abandoned) }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let unit = ready!(coop::poll_proceed(cx));
        let this = self.get_mut();
        let state = match &this.cell {
            Some(cell) => cell.poll(cx.waker()),
            None => this.arm(cx),
        };
        match ready!(state) {
            TimerState::Elapsed => unit.made_progress(),
            TimerState::Abandoned => ended(),
        }
        Poll::Ready(())
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(cell) = &self.cell {
            cell.cancel();
        }
    }
}

#[cold]
fn ended() -> ! {
    panic!(
        "a sleep was polled after the runtime it was made in had ended, so its deadline never comes; \
         make it inside the runtime that awaits it"
    )
}
