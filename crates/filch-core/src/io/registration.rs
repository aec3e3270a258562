//! A registered source: the link between a socket, its slot and its runtime's driver.
//!
//! Does not own the source. Whoever does must end the registration before it closes the source.

use super::ready::{Direction, Interest, Ready};
use super::slot::{IoSlot, Place, ReadyEvent, Wait};
use super::slots::SlotKey;
use crate::runtime::RuntimeRef;
use crate::seam::{Capabilities, RawSource};
use crate::wake_batch::WakeBatch;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// One source, known to one runtime's driver.
pub struct Registration {
    runtime: RuntimeRef,
    source: RawSource,
    key: SlotKey,
    slot: &'static IoSlot,
    capabilities: Capabilities,
}

impl Registration {
    /// Makes `source` known to the driver of `runtime`.
    ///
    /// # Errors
    /// When the driver refuses the source (a regular file, a closed descriptor, too many watches) and when the
    /// runtime has ended. Nothing is left behind then.
    ///
    /// # Safety
    /// - `source` is open, and stays open until [`deregister`](Self::deregister) has returned.
    /// - It is not registered with this driver already.
    pub unsafe fn new(
        runtime: RuntimeRef,
        source: RawSource,
        interest: Interest,
    ) -> io::Result<Registration> {
        let parts = runtime.access().ok_or_else(runtime_ended)?;
        let slots = runtime.slots();
        let key = slots.take();
        // SAFETY:
        // - open until `deregister` by the caller's promise; that leaves the driver out only when the runtime is ending;
        // - not registered by the caller's promise; the key is fresh.
        if let Err(error) = unsafe { parts.driver.register(source, key, interest) } {
            slots.give_back(key, &mut WakeBatch::default());
            return Err(error);
        }
        let capabilities = parts.driver.capabilities();
        Ok(Registration { runtime, source, key, slot: slots.slot(key.index()), capabilities })
    }

    /// The runtime whose driver watches the source.
    pub fn runtime(&self) -> RuntimeRef {
        self.runtime
    }

    /// What the driver that watches the source can do.
    pub fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// What is known about `direction`, without waiting.
    ///
    /// # Errors
    /// When the runtime of the registration has ended.
    pub fn ready(&self, direction: Direction) -> io::Result<ReadyEvent> {
        self.slot.ready(self.key.generation(), direction).ok_or_else(runtime_ended)
    }

    /// Waits until `direction` is ready. Every task that waits is woken, not only the last one.
    ///
    /// A task that stops waiting may get one spurious wake-up; use [`readiness`](Self::readiness) to wait in a future
    /// that leaves its place when dropped.
    ///
    /// # Errors
    /// When the runtime of the registration has ended.
    pub fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<ReadyEvent>> {
        match self.slot.wait_polled(self.key.generation(), direction.interest(), cx.waker()) {
            Wait::Ready(event) => Poll::Ready(Ok(event)),
            Wait::Stale => Poll::Ready(Err(runtime_ended())),
            Wait::Placed(_) => match self.rearm(direction.interest()) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            },
        }
    }

    /// Waits until any direction of `interest` is ready.
    pub fn readiness(&self, interest: Interest) -> Readiness<'_> {
        Readiness { registration: self, interest, read: None, write: None }
    }

    /// Says that the operation met `WouldBlock`: nothing of what `event` promised holds.
    pub fn refute(&self, event: ReadyEvent) {
        self.slot.refute(self.key.generation(), event);
    }

    /// Says that what `event` promised is used up. What is closed stays closed.
    pub fn clear(&self, event: ReadyEvent) {
        self.slot.clear(self.key.generation(), event);
    }

    /// Says that the pending error was fetched.
    pub fn clear_error(&self, event: ReadyEvent) {
        self.slot.clear_error(self.key.generation(), event);
    }

    /// Ends the registration. `closing` says that the descriptor is about to be closed and was never handed out in any
    /// form, so that the kernel forgets it by itself.
    ///
    /// # Errors
    /// When the driver could not forget the source. The registration has ended all the same.
    pub fn deregister(self, closing: bool) -> io::Result<()> {
        let Some(parts) = self.runtime.access() else {
            return Ok(()); // The runtime's driver went with it.
        };
        let result = parts.driver.deregister(self.source, self.key, closing);
        drop(parts); // Why: a waker is foreign code, and the runtime's end waits for accesses.
        let mut wakes = WakeBatch::default();
        self.runtime.slots().give_back(self.key, &mut wakes);
        wakes.wake_all();
        result
    }

    /// A oneshot driver reports nothing more until it is asked again.
    fn rearm(&self, interest: Interest) -> io::Result<()> {
        if self.capabilities.edge {
            return Ok(());
        }
        let parts = self.runtime.access().ok_or_else(runtime_ended)?;
        parts.driver.rearm(self.source, self.key, interest)
    }
}

fn runtime_ended() -> io::Error {
    io::Error::other("the filch runtime this source was registered with has ended")
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("source", &self.source)
            .field("slot", self.slot)
            .finish()
    }
}

/// Waits until a source is ready. From [`Registration::readiness`].
///
/// # Cancel safety
/// Dropped, it leaves its place; no readiness is lost.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Readiness<'a> {
    registration: &'a Registration,
    interest: Interest,
    read: Option<Place>,
    write: Option<Place>,
}

impl Readiness<'_> {
    fn poll_direction(
        &mut self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<ReadyEvent>> {
        let slot = self.registration.slot;
        let generation = self.registration.key.generation();
        let interest = self.interest.within(direction);
        let place = match direction {
            Direction::Read => &mut self.read,
            Direction::Write => &mut self.write,
        };
        if let Some(Place::Listed(listed)) = place {
            let event = self.registration.ready(direction)?;
            let is_answer = event.ready.intersects(interest.mask());
            if !is_answer && slot.still_listed(listed, cx.waker()) {
                return Poll::Pending;
            }
        }
        place.take().into_iter().for_each(|place| slot.leave(place));
        match slot.wait(generation, interest, cx.waker()) {
            Wait::Ready(event) => Poll::Ready(Ok(event)),
            Wait::Stale => Poll::Ready(Err(runtime_ended())),
            Wait::Placed(found) => {
                *place = Some(found);
                Poll::Pending
            }
        }
    }
}

impl Future for Readiness<'_> {
    type Output = io::Result<ReadyEvent>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let wanted: Ready = this.interest.mask();
        for direction in [Direction::Read, Direction::Write] {
            if this.interest.within(direction).is_empty() {
                continue;
            }
            if let Poll::Ready(result) = this.poll_direction(cx, direction) {
                let event = result?;
                // Why another look: the other direction may be ready too.
                let slot = this.registration.slot;
                let all = slot.known(this.registration.key.generation(), wanted);
                return Poll::Ready(Ok(all.filter(|all| !all.ready.is_empty()).unwrap_or(event)));
            }
        }
        match this.registration.rearm(this.interest) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl Drop for Readiness<'_> {
    fn drop(&mut self) {
        let slot = self.registration.slot;
        self.read.take().into_iter().chain(self.write.take()).for_each(|place| slot.leave(place));
    }
}
