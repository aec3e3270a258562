//! The lock itself, without the value: the word and the queue of the module's page.
//!
//! **Invariants**, whenever the queue is unlocked: `WAITERS` is set exactly when the queue is not empty; what the word
//! says is held is what the holds, and the granted waiters that are not polled yet, add up to.

use crate::wait_queue::{End, Entry, Grant, Locked, Seat, WaitQueue, Waitable, Waiter};
use filch_core::coop;
use filch_core::sys::sync::atomic::{AtomicUsize, Ordering::*};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

const UPGRADABLE: usize = 1;
pub(super) const READER: usize = 2;
pub(super) const UPGRADABLE_READER: usize = READER | UPGRADABLE;
pub(super) const WRITER: usize = 1 << (usize::BITS - 2);
pub(super) const WAITERS: usize = 1 << (usize::BITS - 1);

/// The most readers a lock can be made for.
pub(super) const MAX_READERS: u32 = u32::MAX >> 3;

/// Whatever the word says of readers is less than the word of a writer.
const _: () = assert!((MAX_READERS as usize) * READER + UPGRADABLE < WRITER);

/// The waiter has what it wants.
const ADMITTED: Grant = Grant(0);

/// What somebody wants of the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Read,
    UpgradableRead,
    Write,
    /// To write, wanted by the upgradable reader, which reads on until then.
    Upgrade,
}

impl Want {
    fn of(seat: Seat) -> Self {
        [Want::Read, Want::UpgradableRead, Want::Write, Want::Upgrade][seat.asked]
    }

    /// Where it waits.
    fn end(self) -> End {
        if self == Want::Upgrade { End::Front } else { End::Back }
    }

    /// What is to be taken from the word if a waiter that was admitted does not want it any more.
    fn given(self) -> usize {
        match self {
            Want::Read => READER,
            Want::UpgradableRead => UPGRADABLE_READER,
            Want::Write => WRITER,
            // The guard that was to be upgraded is still there.
            Want::Upgrade => WRITER - UPGRADABLE_READER,
        }
    }
}

#[derive(Debug)]
pub(super) struct RawRwLock {
    /// What is held, and `WAITERS`.
    pub(super) state: AtomicUsize,
    /// As many readers as there may be, as the word counts them. Never written again.
    full: usize,
    queue: WaitQueue,
}

impl RawRwLock {
    filch_core::const_new! {
        /// `max_readers` is from 1 to `MAX_READERS`.
        pub(super) const fn new(max_readers: u32) -> Self {
            RawRwLock {
                state: AtomicUsize::new(0),
                full: max_readers as usize * READER,
                queue: WaitQueue::new(),
            }
        }
    }

    /// Enters, if that is allowed and nobody was here before.
    #[inline]
    pub(super) fn try_enter(&self, want: Want) -> bool {
        // ORDERING: [rwlock] pairs with the Release in `leave`.
        match want {
            Want::Write => self.state.compare_exchange(0, WRITER, Acquire, Relaxed).is_ok(),
            _ => self
                .state
                .fetch_update(Acquire, Relaxed, |state| self.newcomer(state, want))
                .is_ok(),
        }
    }

    pub(super) fn enter(&self, want: Want) -> Enter<'_> {
        Enter { raw: self, want, waiter: None }
    }

    /// The word with `want` granted to somebody who did not wait. An upgrade's turn is always now.
    #[inline]
    fn newcomer(&self, state: usize, want: Want) -> Option<usize> {
        if state & WAITERS == 0 || want == Want::Upgrade { self.first(state, want) } else { None }
    }

    /// The word with `want` granted to somebody whose turn it is.
    #[inline]
    fn first(&self, state: usize, want: Want) -> Option<usize> {
        let (waiters, held) = (state & WAITERS, state & !WAITERS);
        let held = match want {
            Want::Read if held < self.full => held + READER,
            Want::UpgradableRead if held < self.full && held & UPGRADABLE == 0 => {
                held + UPGRADABLE_READER
            }
            Want::Write if held == 0 => WRITER,
            Want::Upgrade if held == UPGRADABLE_READER => WRITER,
            _ => return None,
        };
        Some(held | waiters)
    }

    /// Takes `part` of what the caller holds from the word, and lets in who may go then.
    #[inline]
    pub(super) fn leave(&self, part: usize) {
        // ORDERING: [rwlock] publishes what was done under the lock to whoever enters next.
        let before = self.state.fetch_sub(part, Release);
        if before & WAITERS != 0 {
            self.left_with_waiters(part, (before & !WAITERS) - part);
        }
    }

    #[cold]
    fn left_with_waiters(&self, part: usize, held: usize) {
        let is_one_of_many = part == READER && held > UPGRADABLE_READER;
        let was_full = held + part >= self.full;
        if !is_one_of_many || was_full {
            self.admit_waiters();
        }
    }

    /// Lets in the first waiters, as many as may go.
    fn admit_waiters(&self) {
        let mut list = self.queue.lock();
        while let Some(seat) = list.seat(End::Front) {
            if list.is_full() {
                list.relieve();
            } else if self.admit(Want::of(seat)) {
                list.grant_front(ADMITTED);
            } else {
                break;
            }
        }
        self.note_waiters(&list);
    }

    /// Under the queue's lock: gives the first waiter what it wants, if that is allowed.
    fn admit(&self, want: Want) -> bool {
        // ORDERING: [rwlock] pairs with the Release in `leave`; the waiter sees it through its grant.
        self.state.fetch_update(Acquire, Relaxed, |state| self.first(state, want)).is_ok()
    }

    /// Under the queue's lock: clears `WAITERS` if nobody waits.
    fn note_waiters(&self, list: &Locked<'_>) {
        if list.is_empty() {
            self.state.fetch_and(!WAITERS, Relaxed); // Relaxed: whoever sees it takes nothing by it.
        }
    }
}

// SAFETY: `queue` is a plain field; no method replaces the `Locked` it is lent.
unsafe impl Waitable for RawRwLock {
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn enter(&self, _list: &mut Locked<'_>, seat: Seat) -> Entry {
        let want = Want::of(seat);
        let mut state = self.state.load(Relaxed);
        loop {
            let entered = self.newcomer(state, want);
            let next = entered.unwrap_or(state | WAITERS);
            // ORDERING: [rwlock] pairs with the Release in `leave`.
            match self.state.compare_exchange_weak(state, next, Acquire, Relaxed) {
                Ok(_) if entered.is_some() => return Entry::Granted(ADMITTED),
                Ok(_) => return Entry::Queue(want.end(), 0),
                Err(actual) => state = actual,
            }
        }
    }

    fn left(&self, list: &mut Locked<'_>) {
        self.note_waiters(list);
    }

    fn forward(&self, grant: Option<Grant>, seat: Seat) {
        match grant {
            Some(_admitted) => self.leave(Want::of(seat).given()),
            // Those behind it may go, if it was the one that held them up.
            None if self.state.load(Relaxed) & WAITERS != 0 => self.admit_waiters(),
            None => {}
        }
    }
}

pin_project_lite::pin_project! {
    /// Waits until it is let in.
    #[derive(Debug)]
    pub(super) struct Enter<'a> {
        raw: &'a RawRwLock,
        want: Want,
        // Why an option: a lock that is free is taken without making a waiter.
        #[pin]
        waiter: Option<Waiter<&'a RawRwLock>>,
    }
}

impl Enter<'_> {
    #[cold]
    fn poll_waiter(self: Pin<&mut Self>, waker: &Waker) -> Poll<()> {
        let mut this = self.project();
        if this.waiter.is_none() {
            this.waiter.set(Some(Waiter::new(*this.raw, *this.want as usize)));
        }
        let waiter = this.waiter.into_ref().as_pin_ref().expect("set above");
        waiter.poll(Some(waker)).map(|_admitted| ())
    }
}

impl Future for Enter<'_> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let budget = ready!(coop::poll_proceed(cx));
        if self.waiter.is_some() || !self.raw.try_enter(self.want) {
            ready!(self.poll_waiter(cx.waker()));
        }
        budget.made_progress();
        Poll::Ready(())
    }
}
