//! A pollable object of the operating system and its registration with a driver.
//!
//! Knows nothing of what is done with the object: an operation is a closure that is tried until it stops answering
//! `WouldBlock`.
//!
//! # The life of an operation
//! 1. While the source is unregistered, the operation is tried at once. Only the first `WouldBlock` registers it, with
//!    the runtime of that moment; a socket that never has to wait is never registered.
//! 2. Registered, it waits until the slot knows readiness, then tries.
//! 3. `WouldBlock` takes back exactly the readiness that was seen before the try: an event that came meanwhile has
//!    moved the tick on and stays.
//!
//! A refused registration is not remembered: each direction meets the error in its own operation.
//!
//! **Invariant:** the registration ends before the object is closed. The driver may leave the kernel's entry to the
//! close only when no other descriptor can exist: the object was made here and never handed out (`shared`).

use filch_core::coop;
use filch_core::io::{Direction, Interest, Ready, ReadyEvent, Registration};
use filch_core::runtime::RuntimeRef;
use filch_core::seam::RawSource;
use filch_core::sys::sync::Mutex;
use filch_core::sys::sync::atomic::AtomicBool;
use filch_core::sys::sync::atomic::Ordering::Relaxed;
use std::fmt;
use std::future::poll_fn;
use std::io::{ErrorKind, Result};
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};

/// What has a number that a driver can watch.
pub trait AsSource {
    fn as_source(&self) -> RawSource;
}

#[cfg(unix)]
impl<T: std::os::fd::AsRawFd> AsSource for T {
    fn as_source(&self) -> RawSource {
        RawSource(self.as_raw_fd())
    }
}

#[cfg(windows)]
impl<T: std::os::windows::io::AsRawSocket> AsSource for T {
    fn as_source(&self) -> RawSource {
        RawSource(self.as_raw_socket())
    }
}

/// An object with its registration. See the [module page](self).
pub struct Source<T> {
    // Why first: fields drop in this order, and the registration must end before the object is closed.
    link: Link,
    io: T,
}

impl<T: AsSource> Source<T> {
    /// Takes an object that was made here and has no other descriptor.
    pub(crate) fn new(io: T, interest: Interest) -> Self {
        Source { link: Link::new(interest, false), io }
    }

    /// Takes an object that came from outside and may have other descriptors.
    pub(crate) fn from_outside(io: T, interest: Interest) -> Self {
        Source { link: Link::new(interest, true), io }
    }

    /// The object, for operations that do not hand out its descriptor.
    pub(crate) fn io(&self) -> &T {
        &self.io
    }

    /// The object, to be handed out: from here on there may be other descriptors of it.
    pub(crate) fn hand_out(&self) -> &T {
        self.link.shared.store(true, Relaxed);
        &self.io
    }

    /// As [`hand_out`](Self::hand_out), for changing it.
    #[cfg(unix)]
    pub(crate) fn hand_out_mut(&mut self) -> &mut T {
        self.link.shared.store(true, Relaxed);
        &mut self.io
    }

    /// Ends the registration and gives the object back.
    pub(crate) fn into_io(self) -> T {
        self.hand_out();
        self.io
    }

    /// Makes another type of the object, which keeps its descriptor.
    pub(crate) fn map<U>(mut self, interest: Interest, make: impl FnOnce(T) -> U) -> Source<U> {
        debug_assert!(
            self.link.registration().is_none(),
            "a registration has its interest already"
        );
        self.link.interest = interest;
        Source { link: self.link, io: make(self.io) }
    }

    /// Tries `operation` until it does not answer `WouldBlock`.
    ///
    /// A task that stops polling may get one spurious wake-up; [`run`](Self::run) leaves nothing behind.
    pub(crate) fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut operation: impl FnMut(&T) -> Result<R>,
    ) -> Poll<Result<R>> {
        self.link.poll(self.io.as_source(), cx, direction, || operation(&self.io))
    }

    /// As [`poll`](Self::poll), for an operation that changes the object.
    #[cfg(unix)]
    pub(crate) fn poll_mut<R>(
        &mut self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut operation: impl FnMut(&mut T) -> Result<R>,
    ) -> Poll<Result<R>> {
        let io = &mut self.io;
        self.link.poll(io.as_source(), cx, direction, || operation(io))
    }

    /// As [`poll`](Self::poll) for a transfer of up to `asked` bytes on a byte stream: one that moved fewer has used
    /// the readiness up, so the next try, which would only meet `WouldBlock`, is saved.
    ///
    /// Why the capability: when the peer's end is not reported as an event of its own, it may hide behind the data,
    /// and who waits after a short read would wait for ever. Why not with urgent data: a read ends before it.
    pub(crate) fn poll_transfer(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        asked: usize,
        mut operation: impl FnMut(&T) -> Result<usize>,
    ) -> Poll<Result<usize>> {
        let mut operation = || operation(&self.io);
        loop {
            let unit = ready!(coop::poll_proceed(cx));
            let Some(registration) = self.link.registration() else {
                if let Some(result) = self.link.attempt(self.io.as_source(), None, &mut operation) {
                    unit.made_progress();
                    return Poll::Ready(result);
                }
                continue;
            };
            let seen = ready!(registration.poll_ready(cx, direction))?;
            if let Some(result) = self.link.attempt(self.io.as_source(), Some(seen), &mut operation)
            {
                unit.made_progress();
                if matches!(result, Ok(n) if 0 < n && n < asked)
                    && registration.capabilities().rdhup
                    && registration.ready(direction).is_ok_and(|now| !now.ready.is_priority())
                {
                    registration.clear(seen);
                }
                return Poll::Ready(result);
            }
        }
    }

    /// Takes the readiness of `direction` back when `is_ready` denies it: for objects that are asked more cheaply than
    /// their operation meets `WouldBlock`.
    pub(crate) fn look_again(&self, direction: Direction, is_ready: impl FnOnce(&T) -> bool) {
        let Some(registration) = self.link.registration() else {
            return; // Nothing is known that could be taken back.
        };
        // Why first: what comes after the look is an event of its own, and stays.
        let Ok(seen) = registration.ready(direction) else {
            return; // The next operation meets the error.
        };
        if !is_ready(&self.io) {
            registration.clear(seen);
        }
    }

    /// Tries `operation` until it does not answer `WouldBlock`.
    pub(crate) async fn run<R>(
        &self,
        direction: Direction,
        operation: impl FnMut(&T) -> Result<R>,
    ) -> Result<R> {
        self.run_with(direction.interest(), operation).await
    }

    /// As [`run`](Self::run), waiting for any interest.
    pub(crate) async fn run_with<R>(
        &self,
        interest: Interest,
        mut operation: impl FnMut(&T) -> Result<R>,
    ) -> Result<R> {
        self.link.run(self.io.as_source(), interest, || operation(&self.io)).await
    }

    /// As [`run_with`](Self::run_with), for an operation that changes the object.
    #[cfg(unix)]
    pub(crate) async fn run_mut<R>(
        &mut self,
        interest: Interest,
        mut operation: impl FnMut(&mut T) -> Result<R>,
    ) -> Result<R> {
        let io = &mut self.io;
        self.link.run(io.as_source(), interest, || operation(io)).await
    }

    /// Waits until something of `interest` is ready; registers at once.
    pub(crate) async fn ready(&self, interest: Interest) -> Result<Ready> {
        Ok(self.readiness(interest).await?.ready)
    }

    /// As [`ready`](Self::ready), with what it takes to take that back.
    pub(crate) async fn readiness(&self, interest: Interest) -> Result<ReadyEvent> {
        let event = self.register()?.readiness(interest).await?;
        poll_fn(coop::poll_proceed).await.made_progress();
        Ok(event)
    }

    /// Waits until `direction` is ready; registers at once.
    pub(crate) fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<Result<ReadyEvent>> {
        let unit = ready!(coop::poll_proceed(cx));
        let event = ready!(self.register()?.poll_ready(cx, direction))?;
        unit.made_progress();
        Poll::Ready(Ok(event))
    }

    /// Tries `operation` once, or not at all when it is known that it would answer `WouldBlock`.
    pub(crate) fn try_once<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce(&T) -> Result<R>,
    ) -> Result<R> {
        self.link.try_once(interest, || operation(&self.io))
    }

    /// As [`try_once`](Self::try_once), for an operation that changes the object.
    #[cfg(unix)]
    pub(crate) fn try_once_mut<R>(
        &mut self,
        interest: Interest,
        operation: impl FnOnce(&mut T) -> Result<R>,
    ) -> Result<R> {
        let io = &mut self.io;
        self.link.try_once(interest, || operation(io))
    }

    /// Takes back what `event` promised: the operation would block all the same.
    #[cfg(unix)]
    pub(crate) fn refute(&self, event: ReadyEvent) {
        self.link.refute(event);
    }

    /// Takes readiness back that its user knows to be used up.
    #[cfg(unix)]
    pub(crate) fn clear(&self, event: ReadyEvent) {
        self.link.clear(event);
    }

    /// Makes the source known to the driver of the current runtime, if it is not known to one already.
    #[track_caller]
    pub(crate) fn register(&self) -> Result<&Registration> {
        self.link.register(self.io.as_source())
    }
}

pub(crate) fn is_would_block<R>(result: &Result<R>) -> bool {
    matches!(result, Err(error) if error.kind() == ErrorKind::WouldBlock)
}

/// The registration, if there is one; ends with this.
struct Link {
    // Why std's cell: it is written once, before any task waits; the waiting is `IoSlot`'s, which is checked.
    registration: OnceLock<Registration>,
    /// Held while the driver is asked, so that only one task asks.
    asking: Mutex<()>,
    interest: Interest,
    /// There may be other descriptors of the object. Never unset.
    shared: AtomicBool,
}

impl Link {
    fn new(interest: Interest, shared: bool) -> Self {
        Link {
            registration: OnceLock::new(),
            asking: Mutex::new(()),
            interest,
            shared: AtomicBool::new(shared),
        }
    }

    #[inline]
    fn registration(&self) -> Option<&Registration> {
        self.registration.get()
    }

    #[track_caller]
    fn register(&self, source: RawSource) -> Result<&Registration> {
        match self.registration() {
            Some(registration) => Ok(registration),
            None => self.register_first(source),
        }
    }

    #[cold]
    #[track_caller]
    fn register_first(&self, source: RawSource) -> Result<&Registration> {
        let runtime = RuntimeRef::current(); // Not under the lock: it may start the global runtime.
        let _asking = self.asking.lock();
        if let Some(registration) = self.registration.get() {
            return Ok(registration);
        }
        // SAFETY: the object is owned beside this link and closed only after the link was dropped, which ends the
        // registration; the lock and the look before exclude a second registration of this source. An object whose
        // number is not its own (`AsyncFd` of a bare number) breaks the rule of its own constructor, not ours: what is
        // at stake for drivers is whose readiness is reported, and generations keep that to this slot.
        let registration = unsafe { Registration::new(runtime, source, self.interest) }?;
        Ok(self.registration.get_or_init(|| registration))
    }
    /// Tries `operation` until it does not answer `WouldBlock`.
    fn poll<R>(
        &self,
        source: RawSource,
        cx: &mut Context<'_>,
        direction: Direction,
        mut operation: impl FnMut() -> Result<R>,
    ) -> Poll<Result<R>> {
        loop {
            let unit = ready!(coop::poll_proceed(cx));
            let seen = match self.registration() {
                Some(registration) => Some(ready!(registration.poll_ready(cx, direction))?),
                None => None,
            };
            if let Some(result) = self.attempt(source, seen, &mut operation) {
                unit.made_progress();
                return Poll::Ready(result);
            }
        }
    }

    /// As [`poll`](Self::poll), leaving nothing behind when dropped.
    async fn run<R>(
        &self,
        source: RawSource,
        interest: Interest,
        mut operation: impl FnMut() -> Result<R>,
    ) -> Result<R> {
        loop {
            let seen = match self.registration() {
                Some(registration) => Some(registration.readiness(interest).await?),
                None => None,
            };
            let unit = poll_fn(coop::poll_proceed).await;
            if let Some(result) = self.attempt(source, seen, &mut operation) {
                unit.made_progress();
                return result;
            }
        }
    }

    /// Tries `operation` once, or not at all when it is known that it would answer `WouldBlock`.
    fn try_once<R>(&self, interest: Interest, operation: impl FnOnce() -> Result<R>) -> Result<R> {
        let Some(registration) = self.registration() else {
            return operation();
        };
        let [read, write] = [Direction::Read, Direction::Write].map(|way| registration.ready(way));
        let seen = [read?, write?];
        if !seen.iter().any(|event| event.ready.intersects(interest.mask())) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let result = operation();
        if is_would_block(&result) {
            for mut event in seen {
                event.ready = event.ready.intersection(interest.mask());
                registration.refute(event);
            }
        }
        result
    }

    /// Tries once. `None` says that the operation has to wait.
    fn attempt<R>(
        &self,
        source: RawSource,
        seen: Option<ReadyEvent>,
        operation: &mut impl FnMut() -> Result<R>,
    ) -> Option<Result<R>> {
        loop {
            return match operation() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => match seen {
                    Some(event) => {
                        self.refute(event);
                        None
                    }
                    None => self.register(source).err().map(Err),
                },
                result => Some(result),
            };
        }
    }

    /// Takes everything back that `event` promised: the operation would block all the same.
    fn refute(&self, event: ReadyEvent) {
        if let Some(registration) = self.registration() {
            registration.refute(event);
        }
    }

    /// Takes back what `event` promised, as its user says. What is closed stays closed.
    #[cfg(unix)]
    fn clear(&self, event: ReadyEvent) {
        if let Some(registration) = self.registration() {
            if event.ready.is_error() {
                registration.clear_error(event);
            }
            registration.clear(event);
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(registration) = self.registration.take() {
            let closing = !self.shared.load(Relaxed);
            // Why ignored: the registration has ended all the same, and there is nobody to tell.
            let _ = registration.deregister(closing);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("io", &self.io)
            .field("registration", &self.link.registration.get())
            .finish()
    }
}
