//! The Linux driver: epoll, edge-triggered, one system call per turn.
//!
//! It does not go through `polling`, whose wait on Linux makes five calls and which cannot ask for `EPOLLRDHUP`
//! (design 0007). It does not set the thread's timer slack, on which depends how late a wait ends; the thread that turns
//! may.
//!
//! An eventfd of its own ends a wait. It is registered edge-triggered and never read: each write is an edge.

mod wait;

use self::wait::{EpollWait, Events};
use crate::refusal::explain;
use crate::source::borrow;
use crate::wait_state::WaitState;
use filch_core::io::{Interest, Ready, SlotKey};
use filch_core::seam::{Capabilities, Driver, Limit, RawSource};
use filch_core::sys::sync::Mutex;
use filch_core::wake_batch::WakeBatch;
use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::io::retry_on_intr;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The key of the bell and of the timer. No slot has it.
const BELL: u64 = u64::MAX;

/// Events one turn takes. More stay in the kernel until the next turn.
// Why: about as many as a worker polls before its next turn. What a turn takes waits behind one worker, and for as long as
// the system keeps that one off its processor; what is left in the kernel waits, in its order, for whoever comes first.
const N_EVENTS: usize = 64;

/// Watches sources by epoll.
///
/// # Examples
///
/// ```
/// use filch_core::seam::{Driver, Limit};
/// use filch_core::wake_batch::WakeBatch;
/// use filch_driver::Epoll;
///
/// let driver = Epoll::new()?;
/// driver.unpark();
/// driver.turn(Limit::Forever, &mut WakeBatch::default())?; // Returns at once.
/// # std::io::Result::Ok(())
/// ```
pub struct Epoll {
    epoll: OwnedFd,
    bell: OwnedFd,
    wait: EpollWait,
    state: WaitState,
    /// Filled and emptied within a turn; the lock makes a second thread that turns wait its turn.
    events: Mutex<Events>,
}

impl Epoll {
    /// Makes a driver that watches nothing.
    ///
    /// # Errors
    /// When the system refuses one of the two descriptors it needs (three before Linux 5.11).
    pub fn new() -> io::Result<Self> {
        Self::with_wait(EpollWait::choose)
    }

    fn with_wait(
        choose: impl FnOnce(BorrowedFd<'_>, epoll::EventData) -> io::Result<EpollWait>,
    ) -> io::Result<Self> {
        let key = epoll::EventData::new_u64(BELL);
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let wait = choose(epoll.as_fd(), key)?;
        epoll::add(&epoll, &bell, key, epoll::EventFlags::IN | epoll::EventFlags::ET)?;
        Ok(Epoll {
            epoll,
            bell,
            wait,
            state: WaitState::new(),
            events: Mutex::new(Events::with_capacity(N_EVENTS)),
        })
    }
}

impl Driver for Epoll {
    fn turn(&self, limit: Limit, wakes: &mut WakeBatch) -> io::Result<()> {
        let mut events = self.events.lock();
        let waited = self
            .state
            .wait_with(limit, |limit| self.wait.wait(self.epoll.as_fd(), &mut events, limit));
        match waited {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            waited => waited?,
        }
        let events = events.iter().filter(|(key, _)| *key != BELL);
        let events = events.map(|(key, flags)| (SlotKey::from_raw(key), flags));
        wakes.prefetch(events.clone().map(|(key, _)| key));
        for (key, flags) in events {
            wakes.deliver(key, ready(flags));
        }
        Ok(())
    }

    fn unpark(&self) {
        if self.state.notify() {
            // Why again after `EINTR`: a ring that is lost is a wait that does not end.
            // Why the result is dropped: the counter would overflow, and the write fail, after 2^64 rings.
            let _ = retry_on_intr(|| rustix::io::write(&self.bell, &1_u64.to_ne_bytes()));
        }
    }

    unsafe fn register(
        &self,
        source: RawSource,
        key: SlotKey,
        interest: Interest,
    ) -> io::Result<()> {
        let data = epoll::EventData::new_u64(key.to_raw());
        epoll::add(&self.epoll, borrow(source)?, data, flags(interest))
            .map_err(|error| explain(error.into(), source))
    }

    fn rearm(&self, _source: RawSource, _key: SlotKey, _interest: Interest) -> io::Result<()> {
        Ok(()) // Edges need no re-arming.
    }

    fn deregister(&self, source: RawSource, _key: SlotKey, closing: bool) -> io::Result<()> {
        if closing {
            return Ok(()); // The close that follows is the kernel's cue.
        }
        Ok(epoll::delete(&self.epoll, borrow(source)?)?)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().with_edge().with_rdhup().with_nanosecond_wait()
    }
}

fn flags(interest: Interest) -> epoll::EventFlags {
    let mut flags = epoll::EventFlags::ET;
    if interest.is_readable() {
        flags |= epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
    }
    if interest.is_writable() {
        flags |= epoll::EventFlags::OUT;
    }
    if interest.is_priority() {
        flags |= epoll::EventFlags::PRI;
    }
    flags
}

fn ready(flags: epoll::EventFlags) -> Ready {
    // A hang-up ends both directions. An error wakes both but need not end them: a UDP socket outlives it.
    const MEANING: [(epoll::EventFlags, Ready); 7] = [
        (epoll::EventFlags::IN, Ready::READABLE),
        (epoll::EventFlags::OUT, Ready::WRITABLE),
        (epoll::EventFlags::RDHUP, Ready::READ_CLOSED),
        (epoll::EventFlags::HUP, Ready::READ_CLOSED),
        (epoll::EventFlags::HUP, Ready::WRITE_CLOSED),
        (epoll::EventFlags::ERR, Ready::ERROR),
        (epoll::EventFlags::PRI, Ready::PRIORITY),
    ];
    let met = MEANING.iter().filter(|(flag, _)| flags.contains(*flag));
    met.fold(Ready::EMPTY, |ready, (_, meaning)| ready | *meaning)
}

impl fmt::Debug for Epoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Epoll").field("fd", &self.epoll.as_raw_fd()).finish_non_exhaustive()
    }
}

/// The whole suite on the way a turn waits on older kernels, which the machine of a test rarely has.
#[cfg(all(test, not(filch_loom)))]
mod with_a_timer {
    use super::*;

    filch_core::driver_suite!(|| Epoll::with_wait(EpollWait::with_timer));
}
