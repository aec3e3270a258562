#![doc = include_str!("README.md")]

use super::cell::{Cell, Former, Released};
use super::error::{SendError, TryRecvError};
use super::ledger::{Held, Ledger};
use crate::lock::foreign;
use crate::notify::Notify;
use crate::wait_queue::{End, Entry, Grant, Locked, Seat, WaitQueue, Waitable};
use filch_core::sys::cell::UnsafeCell;
use filch_core::sys::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering::*};
use std::cmp::Ordering;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

/// Something to look at: a value, or the end of the channel.
pub(super) const WOKEN: Grant = Grant(0);

pub(super) struct Channel<T> {
    /// The cell of position p is that of slot p modulo the capacity. Written under the lock.
    pub(super) slots: Box<[AtomicPtr<Cell<T>>]>,
    /// Written under the lock.
    pub(super) tail: AtomicU64,
    /// Set under the lock when the last sender is gone, and never cleared.
    is_closed: AtomicBool,
    /// Its lock protects the ledger.
    queue: WaitQueue,
    pub(super) ledger: UnsafeCell<Ledger<T>>,
    /// Strong ones.
    pub(super) n_senders: AtomicUsize,
    pub(super) n_weak_senders: AtomicUsize,
    /// Tells of the last receiver's end.
    deserted: Notify,
}

// SAFETY: values are moved in by one thread, read by many at once, and taken or dropped by any: `Send` and `Sync`. The
// pointers are to cells that belong to the channel.
unsafe impl<T: Send + Sync> Send for Channel<T> {}
// SAFETY: as above; the README tells who touches a value, and the queue's lock protects the ledger.
unsafe impl<T: Send + Sync> Sync for Channel<T> {}

impl<T> UnwindSafe for Channel<T> {}
impl<T> RefUnwindSafe for Channel<T> {} // Foreign code runs when the channel is whole, whether it panics or not.

/// Where a receiver stands.
#[derive(Debug)]
pub(super) struct Place {
    /// The position that it receives next.
    pub(super) next: u64,
    /// The slot of that position.
    pub(super) index: usize,
    /// It lags, and has let go of the cell that was overwritten before its eyes.
    pub(super) lags: bool,
}

/// What a receiver sees at its place.
enum Look<'a, T> {
    Value(&'a Cell<T>),
    /// Nothing was sent yet.
    Nothing,
    /// Something newer, or a cell on its way to another slot.
    Other,
}

impl<T> Channel<T> {
    #[track_caller]
    pub(super) fn new(capacity: usize) -> Self {
        assert!(
            capacity > 0,
            "broadcast::channel was asked for a capacity of 0 values: pass 1 or more"
        );
        let max = isize::MAX as usize / size_of::<Cell<T>>();
        assert!(
            capacity <= max,
            "broadcast::channel was asked for a capacity of {capacity} values: pass {max} or less, which is what fits into \
             the address space"
        );
        let mut ledger = Ledger::new();
        let block = ledger.add_block(capacity);
        Channel {
            slots: block.map(|cell| AtomicPtr::new(cell.as_ptr())).collect(),
            tail: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
            queue: WaitQueue::new(),
            ledger: UnsafeCell::new(ledger),
            n_senders: AtomicUsize::new(1),
            n_weak_senders: AtomicUsize::new(0),
            deserted: Notify::new(),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn lock(&self) -> Held<'_, T> {
        Held::new(self, self.queue.lock())
    }

    /// The cell of a slot, as far as the caller has learned about it.
    #[inline]
    pub(super) fn cell(&self, index: usize) -> &Cell<T> {
        // ORDERING: [slot] pairs with `Held::put_elsewhere`: who sees a cell here sees it made, and its stamp.
        let cell = self.slots[index].load(Acquire);
        // SAFETY: a slot points to a cell, and cells are freed with the channel.
        unsafe { &*cell }
    }

    /// The position of the next value.
    pub(super) fn tail(&self) -> u64 {
        self.tail.load(Acquire) // ORDERING: [tail] who sees a position sees what was sent before it.
    }
}

/// What senders do.
impl<T> Channel<T> {
    /// Gives the number of receivers that will see the value, or miss it.
    pub(super) fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let mut held = self.lock();
        let n_receivers = held.ledger().n_receivers;
        if n_receivers == 0 {
            drop(held);
            return Err(SendError(value));
        }
        let former = Former(held.put(value));
        held.wake();
        drop(former);
        Ok(n_receivers)
    }

    /// The last sender is gone.
    pub(super) fn close(&self) {
        let held = self.lock();
        // ORDERING: [closed] Release: who sees it sees the tail that will not move any more.
        self.is_closed.store(true, Release);
        held.wake();
    }

    pub(super) fn n_receivers(&self) -> usize {
        self.lock().ledger().n_receivers
    }

    /// How many values some receiver has not received.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether every receiver has received the last value.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Waits until there is no receiver.
    pub(super) async fn deserted(&self) {
        loop {
            // Why first: an end after this line makes it ready, and one before it is seen.
            let deserted = self.deserted.notified();
            if self.n_receivers() == 0 {
                return crate::budget::spend().await;
            }
            deserted.await;
            if self.n_receivers() == 0 {
                return;
            }
        }
    }
}

/// What receivers do.
impl<T> Channel<T> {
    /// A place at the tail.
    pub(super) fn subscribe(&self) -> Place {
        let mut held = self.lock();
        let ledger = held.ledger();
        ledger.n_receivers += 1;
        Place { next: self.tail.load(Relaxed), index: ledger.index, lags: false }
    }

    #[inline]
    fn look(&self, place: &Place) -> Look<'_, T> {
        let cell = self.cell(place.index);
        match cell.stamp().cmp(&(place.next + 1)) {
            Ordering::Equal => Look::Value(cell),
            Ordering::Less => Look::Nothing,
            Ordering::Greater => Look::Other,
        }
    }

    /// The value at `place`, which moves on.
    #[inline]
    pub(super) fn try_recv(&self, place: &mut Place) -> Result<T, TryRecvError>
    where
        T: Clone,
    {
        loop {
            match self.look(place) {
                Look::Value(cell) => return Ok(Reading { channel: self, cell, place }.read()),
                Look::Nothing => {
                    // ORDERING: [closed] Acquire: the tail below is the last one.
                    if !self.is_closed.load(Acquire) {
                        return Err(TryRecvError::Empty);
                    }
                    if self.tail.load(Relaxed) == place.next {
                        return Err(TryRecvError::Closed);
                    }
                }
                Look::Other => {
                    let (missed, _kept) = self.catch_up(place);
                    if missed != 0 {
                        return Err(TryRecvError::Lagged(missed));
                    }
                }
            }
        }
    }

    /// Gives the claim on the value in `cell`, at `place`, up, and moves on. Gives the value, if nobody else wants it.
    ///
    /// # Safety
    /// The receiver stands at `place`, saw this cell there, and does not read it any more.
    #[inline]
    unsafe fn pass(&self, cell: &Cell<T>, place: &mut Place) -> Former<T> {
        // SAFETY: the caller's promise.
        let Released { value, is_overwritten } = unsafe { cell.release() };
        if is_overwritten {
            let kept = self.pass_overwritten(place);
            return Former(value.or_else(|| kept.into_inner()));
        }
        place.advance(self.capacity());
        Former(value)
    }

    #[cold]
    fn pass_overwritten(&self, place: &mut Place) -> Former<T> {
        let mut held = self.lock();
        let value = held.ledger().let_go(place.next);
        place.advance(self.capacity());
        if place.next < held.oldest() {
            place.lags = true;
        } else {
            held.ledger().n_lagging -= 1;
        }
        Former(value)
    }

    /// Moves a receiver that lags to the oldest position there is. Says how many it missed.
    #[cold]
    fn catch_up(&self, place: &mut Place) -> (u64, Former<T>) {
        self.lock().catch_up(place)
    }

    /// Passes all there is, and ends.
    pub(super) fn unsubscribe(&self, place: &mut Place) {
        let mut values = Vec::new(); // Dropped when all is done: a drop is foreign code, and may panic.
        // Most of the claims are given up without the lock.
        let until = self.tail();
        while place.next < until {
            match self.look(place) {
                // SAFETY: the receiver stands at `place`, and does not read.
                Look::Value(cell) => values.extend(unsafe { self.pass(cell, place) }.into_inner()),
                Look::Nothing | Look::Other => {
                    values.extend(self.catch_up(place).1.into_inner());
                }
            }
        }
        let mut held = self.lock();
        values.extend(held.catch_up(place).1.into_inner());
        let is_last = held.remove_receiver(place, &mut values);
        drop(held);
        if is_last {
            self.deserted.notify_waiters();
        }
        foreign(|| drop(values));
    }
}

impl Place {
    #[inline]
    pub(super) fn advance(&mut self, capacity: usize) {
        self.next += 1;
        self.index = next_index(self.index, capacity);
    }

    /// How many values were sent since the one this receiver received last.
    pub(super) fn n_behind(&self, tail: u64) -> u64 {
        tail - self.next
    }

    /// What a waiter keeps of its position. Why the low bits are enough: the receiver looked a moment ago.
    pub(super) fn seat(&self) -> usize {
        self.next as usize
    }
}

/// Why not a remainder: capacities are no powers of two, and a division takes longer than all the rest of a receive.
#[inline]
pub(super) fn next_index(index: usize, capacity: usize) -> usize {
    if index + 1 == capacity { 0 } else { index + 1 }
}

/// A receiver that reads what it stands at. It moves on when this is dropped, also if a clone panics.
struct Reading<'a, T> {
    channel: &'a Channel<T>,
    cell: &'a Cell<T>,
    place: &'a mut Place,
}

impl<T: Clone> Reading<'_, T> {
    #[inline]
    fn read(self) -> T {
        // SAFETY: the receiver stands at `place`, saw its value in this cell, and gives its claim up when this is dropped.
        unsafe {
            match self.cell.take_last() {
                Some(value) => value,
                None => self.cell.with_value(|value| foreign(|| value.clone())),
            }
        }
    }
}

impl<T> Drop for Reading<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: as in `read`, and it is not read any more.
        drop(unsafe { self.channel.pass(self.cell, self.place) });
    }
}

// SAFETY: `queue` is a plain field; no method replaces the `Locked` it is lent.
unsafe impl<T> Waitable for Channel<T> {
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn enter(&self, _list: &mut Locked<'_>, seat: Seat) -> Entry {
        if self.has_news(seat) { Entry::Granted(WOKEN) } else { Entry::Queue(End::Back, 0) }
    }

    fn left(&self, _list: &mut Locked<'_>) {}

    fn forward(&self, _grant: Option<Grant>, _seat: Seat) {} // Everybody was woken.
}

impl<T> Channel<T> {
    /// Under the lock: whether there is anything to look at for who waits in this seat.
    pub(super) fn has_news(&self, seat: Seat) -> bool {
        // Relaxed: both are written under the lock.
        self.tail.load(Relaxed) as usize != seat.asked || self.is_closed.load(Relaxed)
    }
}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("capacity", &self.capacity())
            .field("n_senders", &self.n_senders)
            .field("is_closed", &self.is_closed)
            .finish_non_exhaustive()
    }
}
