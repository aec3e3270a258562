//! What is still asked of each source, for pollers that forget a whole source with each report.
//!
//! The seam lets a report use up only the directions it speaks of, so what is left is asked for again at once.
//! Makes no system call itself: the caller's runs under the lock, so that the poller and this table agree.

use filch_core::io::{Interest, SlotKey};
use filch_core::seam::RawSource;
use filch_core::sys::sync::Mutex;
use polling::Event;
use std::collections::HashMap;
use std::io;

/// A table of requests.
#[derive(Debug, Default)]
pub(super) struct Asked(Mutex<HashMap<SlotKey, (RawSource, Directions)>>);

/// The directions asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Directions {
    read: bool,
    write: bool,
    priority: bool,
}

impl Directions {
    /// As the poller wants it.
    pub(super) fn event(self, token: usize) -> Event {
        let mut event = Event::new(token, self.read, self.write);
        event.set_priority(self.priority);
        event.with_interrupt()
    }
}

impl From<Interest> for Directions {
    fn from(interest: Interest) -> Self {
        Directions {
            read: interest.is_readable(),
            write: interest.is_writable(),
            priority: interest.is_priority(),
        }
    }
}

impl Asked {
    /// Adds a request; `tell` gets all that is asked of the source. When it fails, the source is forgotten.
    pub(super) fn ask(
        &self,
        source: RawSource,
        key: SlotKey,
        interest: Interest,
        tell: impl FnOnce(Directions) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut table = self.0.lock();
        let (_, asked) = table.entry(key).or_insert((source, Directions::default()));
        let more = Directions::from(interest);
        asked.read |= more.read;
        asked.write |= more.write;
        asked.priority |= more.priority;
        let told = tell(*asked);
        if told.is_err() {
            table.remove(&key);
        }
        told
    }

    /// Takes back what `event` answers; `tell` gets what is left, if anything is.
    ///
    /// Call it before the event is delivered: whoever asks again before this is woken by the delivery, and whoever asks
    /// after this is heard.
    pub(super) fn answer(
        &self,
        key: SlotKey,
        event: &Event,
        tell: impl FnOnce(RawSource, Directions) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut table = self.0.lock();
        let Some((source, asked)) = table.get_mut(&key) else { return Ok(()) };
        let ends_all = event.is_interrupt() || event.is_err() == Some(true);
        asked.read &= !(event.readable || ends_all);
        asked.write &= !(event.writable || ends_all);
        asked.priority &= !(event.is_priority() || ends_all);
        if *asked == Directions::default() { Ok(()) } else { tell(*source, *asked) }
    }

    /// Takes all requests for a source back.
    pub(super) fn forget(&self, key: SlotKey) {
        self.0.lock().remove(&key);
    }
}
