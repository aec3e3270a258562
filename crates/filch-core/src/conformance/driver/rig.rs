//! What the checks of a driver stand on: slots, sockets that talk to each other, and a clock that gives up.
//!
//! Plays the part of tasks and of the runtime: it waits as a [`Registration`](crate::io::Registration) does.

use super::Make;
use crate::io::{Direction, Interest, IoSlots, Ready, SlotKey};
use crate::seam::{Driver, Limit, RawSource};
use crate::sys::sync::Mutex;
use crate::sys::{Duration, Instant, thread};
use crate::wake_batch::WakeBatch;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};

/// After this long, what should have happened counts as lost.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Slots that no rig uses. They are never freed, as those of a runtime.
static SLOTS: Mutex<Vec<&'static IoSlots>> = Mutex::new(Vec::new());

/// A driver and slots for it to fill.
#[derive(Clone)]
pub(super) struct Rig {
    pub(super) driver: Arc<dyn Driver>,
    slots: Arc<Borrowed>,
}

struct Borrowed(&'static IoSlots);

impl Drop for Borrowed {
    fn drop(&mut self) {
        SLOTS.lock().push(self.0);
    }
}

impl Rig {
    #[track_caller]
    pub(super) fn new(make: Make<'_>) -> Rig {
        let driver = make().expect("the driver can be made");
        let idle = SLOTS.lock().pop();
        let slots = idle.unwrap_or_else(|| Box::leak(Box::default()));
        Rig { driver, slots: Arc::new(Borrowed(slots)) }
    }

    /// One turn. Answers how many events were reported.
    #[track_caller]
    pub(super) fn turn(&self, limit: Limit) -> usize {
        let mut wakes = WakeBatch::for_slots(self.slots.0);
        self.driver.turn(limit, &mut wakes).expect("a turn meets no error");
        wakes.n_events()
    }

    /// How long a turn takes in which nothing happens.
    pub(super) fn time_of_turn(&self, limit: Limit) -> Duration {
        let start = Instant::now();
        self.turn(limit);
        start.elapsed()
    }

    /// Registers `source` under a fresh key.
    pub(super) fn try_watch<S: Source>(
        &self,
        source: S,
        interest: Interest,
    ) -> io::Result<Watch<S>> {
        let key = self.slots.0.take();
        // SAFETY: the source is open; the watch keeps it open and deregisters it. Each source gets one watch.
        match unsafe { self.driver.register(raw(&source), key, interest) } {
            Ok(()) => Ok(Watch { rig: self.clone(), key, source: Some(source) }),
            Err(error) => {
                self.slots.0.give_back(key, &mut WakeBatch::default());
                Err(error)
            }
        }
    }

    #[track_caller]
    pub(super) fn watch<S: Source>(&self, source: S, interest: Interest) -> Watch<S> {
        self.try_watch(source, interest).expect("an open socket can be watched")
    }

    /// A key whose generation is ahead of its slot's: what is reported under it counts, but reaches nobody.
    pub(super) fn key_ahead(&self, by: u32) -> SlotKey {
        let key = self.slots.0.take();
        SlotKey::new(key.index(), key.generation().wrapping_add(by))
    }

    /// What the slot of `key` knows, whatever its generation.
    pub(super) fn slot_knows_something(&self, key: SlotKey) -> bool {
        let slot = self.slots.0.slot(key.index());
        let event = slot.ready(slot.generation(), Direction::Read);
        event.is_some_and(|event| !event.ready.is_empty())
    }

    /// Gives the slot of [`key_ahead`](Self::key_ahead) back.
    pub(super) fn give_back(&self, key: SlotKey) {
        let generation = self.slots.0.slot(key.index()).generation();
        let key = SlotKey::new(key.index(), generation);
        self.slots.0.give_back(key, &mut WakeBatch::default());
    }
}

/// A registered source. Dropped, it is deregistered and closed.
pub(super) struct Watch<S: Source> {
    rig: Rig,
    key: SlotKey,
    source: Option<S>,
}

impl<S: Source> Watch<S> {
    pub(super) fn source(&self) -> &S {
        self.source.as_ref().expect("it is taken out only by `end`, which ends the watch")
    }

    /// What is known at present.
    pub(super) fn known(&self, direction: Direction) -> Ready {
        let slot = self.rig.slots.0.slot(self.key.index());
        let event = slot.ready(self.key.generation(), direction);
        event.expect("the slot is this watch's").ready
    }

    /// Forgets what is known, as after `WouldBlock`. What is closed stays known.
    pub(super) fn forget(&self, direction: Direction) {
        let slot = self.rig.slots.0.slot(self.key.index());
        let generation = self.key.generation();
        let event = slot.ready(generation, direction).expect("the slot is this watch's");
        slot.clear(generation, event);
        slot.clear_error(generation, event);
    }

    /// Asks again where the driver must be asked.
    #[track_caller]
    pub(super) fn rearm(&self, interest: Interest) {
        if !self.rig.driver.capabilities().edge {
            let rearmed = self.rig.driver.rearm(raw(self.source()), self.key, interest);
            rearmed.expect("a watched source can be re-armed");
        }
    }

    /// Waits until `direction` is ready.
    #[track_caller]
    pub(super) fn wait(&self, direction: Direction) -> Ready {
        self.wait_until(direction, |ready| !ready.is_empty())
    }

    /// Waits until `is_enough` of what is known of `direction`.
    #[track_caller]
    pub(super) fn wait_until(
        &self,
        direction: Direction,
        is_enough: impl Fn(Ready) -> bool,
    ) -> Ready {
        let start = Instant::now();
        loop {
            let ready = self.known(direction);
            if is_enough(ready) {
                return ready;
            }
            let left = PATIENCE.saturating_sub(start.elapsed());
            assert!(!left.is_zero(), "the driver has not reported {direction:?}, only {ready:?}");
            self.rearm(direction.interest());
            self.rig.turn(Limit::For(left));
        }
    }

    /// Whether turns that do not wait leave `direction` as it is: unknown.
    pub(super) fn stays_quiet(&self, direction: Direction) -> bool {
        (0..3).for_each(|_| _ = self.rig.turn(Limit::Zero));
        self.known(direction).is_empty()
    }

    /// Ends the watch and hands the source back.
    #[track_caller]
    pub(super) fn end(mut self, closing: bool) -> S {
        let source = self.source.take().expect("only `end` takes it");
        let ended = self.rig.driver.deregister(raw(&source), self.key, closing);
        self.rig.slots.0.give_back(self.key, &mut WakeBatch::default());
        ended.expect("a watched source can be deregistered");
        source
    }
}

impl<S: Source> Drop for Watch<S> {
    fn drop(&mut self) {
        if let Some(source) = self.source.take() {
            // Why the result is dropped: a check that fails already must not panic twice.
            let _ = self.rig.driver.deregister(raw(&source), self.key, false);
            self.rig.slots.0.give_back(self.key, &mut WakeBatch::default());
        }
    }
}

#[cfg(unix)]
pub(super) use std::os::fd::AsRawFd as Source;
#[cfg(windows)]
pub(super) use std::os::windows::io::AsRawSocket as Source;

/// The source as a driver takes it.
pub(super) fn raw(source: &impl Source) -> RawSource {
    #[cfg(unix)]
    return RawSource(source.as_raw_fd());
    #[cfg(windows)]
    return RawSource(source.as_raw_socket());
}

/// Two connected sockets that do not block.
#[track_caller]
pub(super) fn pair() -> (TcpStream, TcpStream) {
    let make = || {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let near = TcpStream::connect(listener.local_addr()?)?;
        let (far, _) = listener.accept()?;
        for socket in [&near, &far] {
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true)?;
        }
        io::Result::Ok((near, far))
    };
    make().expect("two sockets can be connected over loopback")
}

/// Runs `work` on a thread of its own, which is left behind if `work` does not end.
#[track_caller]
pub(super) fn in_time<R: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> R + Send + 'static,
) -> R {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(work()));
    match receiver.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{what} has not ended in {PATIENCE:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => panic!("{what} has panicked; see above"),
    }
}
