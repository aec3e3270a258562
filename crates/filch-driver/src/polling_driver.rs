//! The portable driver, over the crate `polling`: epoll, kqueue, event ports, `poll` or Windows' completion ports.
//!
//! It waits for edges where the system has them; elsewhere each report must be asked for again.
//! It cannot see a peer's half-close by itself, only that there is something to read.

mod asked;
mod keys;

use self::asked::{Asked, Directions};
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
    /// Used only without edges.
    asked: Asked,
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
            asked: Asked::default(),
            events: Mutex::new(Events::new()),
        }
    }

    fn modify(&self, source: RawSource, key: SlotKey, asked: Directions) -> io::Result<()> {
        let event = asked.event(self.keys.token(key));
        self.poller.modify_with_mode(borrow(source)?, event, self.mode)
    }

    /// What an event makes known.
    fn known(&self, key: SlotKey, event: &Event) -> Ready {
        if self.mode == PollMode::Edge {
            return ready(event);
        }
        match self.asked.answer(key, event, |source, rest| self.modify(source, key, rest)) {
            Ok(()) => ready(event),
            Err(_) => Ready::ALL, // Whoever waits tries, asks again and meets the error.
        }
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
        wakes.prefetch(events.iter().filter_map(|event| self.keys.key(event.key)));
        for event in events.iter() {
            if let Some(key) = self.keys.key(event.key) {
                wakes.deliver(key, self.known(key, &event));
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
        let add = |asked: Directions| {
            // SAFETY: the source is open until `deregister`, which always deletes it, by the caller's promise. One that is
            // closed while the runtime ends is not deleted; the poller knows it by number only and is dropped soon, so
            // the worst is an event under a key that nobody waits for.
            unsafe {
                self.poller.add_with_mode(source.0, asked.event(self.keys.token(key)), self.mode)
            }
        };
        let added = match self.mode {
            PollMode::Edge => add(interest.into()),
            _ => self.asked.ask(source, key, interest, add),
        };
        added.map_err(|error| {
            self.keys.forget(key);
            explain(error, source)
        })
    }

    fn rearm(&self, source: RawSource, key: SlotKey, interest: Interest) -> io::Result<()> {
        match self.mode {
            PollMode::Edge => Ok(()), // Edges need no re-arming.
            _ => self.asked.ask(source, key, interest, |asked| self.modify(source, key, asked)),
        }
    }

    fn deregister(&self, source: RawSource, key: SlotKey, _closing: bool) -> io::Result<()> {
        // Why also when closing: some of the pollers keep a table of their own.
        self.asked.forget(key);
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
