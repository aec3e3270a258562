//! The portable driver, over the crate `polling`: epoll, kqueue, event ports, `poll` or Windows' completion ports.
//!
//! It waits for edges where the system has them; elsewhere each report must be asked for again.
//! It cannot see a peer's half-close by itself, only that there is something to read.

mod keys;

use self::keys::Keys;
use crate::refusal::explain;
use crate::source::borrow;
use crate::wait_state::WaitState;
use filch_core::io::{Interest, Ready, SlotKey};
use filch_core::seam::{Capabilities, Driver, Limit, RawSource};
use filch_core::sys::sync::Mutex;
use filch_core::wake_batch::WakeBatch;
use polling::{Event, Events, PollMode, Poller};
use std::fmt;
use std::io;

/// Watches sources by the crate `polling`.
///
/// # Examples
///
/// ```
/// use filch_core::seam::{Driver, Limit};
/// use filch_core::wake_batch::WakeBatch;
/// use filch_driver::Polling;
///
/// let driver = Polling::new()?;
/// driver.unpark();
/// driver.turn(Limit::Forever, &mut WakeBatch::default())?; // Returns at once.
/// # std::io::Result::Ok(())
/// ```
pub struct Polling {
    poller: Poller,
    mode: PollMode,
    state: WaitState,
    keys: Keys,
    /// Filled and emptied within a turn.
    events: Mutex<Events>,
}

impl Polling {
    /// Makes a driver that watches nothing.
    ///
    /// # Errors
    /// When the system refuses a descriptor it needs.
    pub fn new() -> io::Result<Self> {
        let poller = Poller::new()?;
        let mode = if poller.supports_edge() { PollMode::Edge } else { PollMode::Oneshot };
        Ok(Self::with_mode(poller, mode))
    }

    fn with_mode(poller: Poller, mode: PollMode) -> Self {
        Polling {
            poller,
            mode,
            state: WaitState::new(),
            keys: Keys::default(),
            events: Mutex::new(Events::new()),
        }
    }

    fn event(&self, key: SlotKey, interest: Interest) -> Event {
        let token = self.keys.token(key);
        let mut event = Event::new(token, interest.is_readable(), interest.is_writable());
        event.set_priority(interest.is_priority());
        event.with_interrupt()
    }
}

impl Driver for Polling {
    fn turn(&self, limit: Limit, wakes: &mut WakeBatch) -> io::Result<()> {
        let mut events = self.events.lock();
        events.clear();
        self.state.wait_with(limit, |limit| {
            let limit = match limit {
                Limit::Zero => Some(std::time::Duration::ZERO),
                Limit::For(limit) => Some(limit),
                Limit::Forever => None,
            };
            self.poller.wait(&mut events, limit)
        })?;
        for event in events.iter() {
            if let Some(key) = self.keys.key(event.key) {
                wakes.deliver(key, ready(&event));
            }
        }
        Ok(())
    }

    fn unpark(&self) {
        if self.state.notify() {
            // Why the result is dropped: `polling` reports an error only if its own descriptor is broken.
            let _ = self.poller.notify();
        }
    }

    unsafe fn register(
        &self,
        source: RawSource,
        key: SlotKey,
        interest: Interest,
    ) -> io::Result<()> {
        borrow(source)?;
        let event = self.event(key, interest);
        // SAFETY: the source is open and unregistered until `deregister`, which always deletes it, by the caller's
        // promise.
        let added = unsafe { self.poller.add_with_mode(source.0, event, self.mode) };
        added.map_err(|error| {
            self.keys.forget(key);
            explain(error, source)
        })
    }

    fn rearm(&self, source: RawSource, key: SlotKey, interest: Interest) -> io::Result<()> {
        let event = self.event(key, interest);
        self.poller.modify_with_mode(borrow(source)?, event, self.mode)
    }

    fn deregister(&self, source: RawSource, key: SlotKey, _closing: bool) -> io::Result<()> {
        // Why also when closing: some of the pollers keep a table of their own.
        self.keys.forget(key);
        self.poller.delete(borrow(source)?)
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::new();
        capabilities.edge = self.mode == PollMode::Edge;
        // Where there are edges the wait is that of epoll or kqueue, which keep nanoseconds.
        capabilities.nanosecond_wait = self.poller.supports_edge();
        capabilities
    }
}

fn ready(event: &Event) -> Ready {
    let meanings = [
        (event.readable, Ready::READABLE),
        (event.writable, Ready::WRITABLE),
        (event.is_priority(), Ready::PRIORITY),
        (event.is_interrupt(), Ready::READ_CLOSED | Ready::WRITE_CLOSED),
        (event.is_err() == Some(true), Ready::ERROR),
    ];
    let met = meanings.into_iter().filter(|(is_met, _)| *is_met);
    met.fold(Ready::EMPTY, |ready, (_, meaning)| ready | meaning)
}

impl fmt::Debug for Polling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polling")
            .field("poller", &self.poller)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// The whole suite as on systems without edges.
#[cfg(all(test, not(filch_loom)))]
mod oneshot {
    use super::*;

    filch_core::driver_suite!(|| Ok(Polling::with_mode(Poller::new()?, PollMode::Oneshot)));
}
