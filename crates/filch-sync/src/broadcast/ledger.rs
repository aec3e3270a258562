//! What a channel does under its lock: where values go, who lags, and which cells are left behind.
//!
//! **Invariant:** every value in the ring has a claim of each receiver that lags, and of each other one that stands at its
//! position or below.

use super::cell::{Cell, Former, Released};
use super::channel::{Channel, Place, WOKEN, next_index};
use crate::wait_queue::{End, Locked};
use filch_core::sys::sync::atomic::Ordering::*;
use std::collections::BTreeMap;
use std::ptr::NonNull;

/// What only the holder of the lock touches.
pub(super) struct Ledger<T> {
    pub(super) n_receivers: usize,
    /// Of those, the ones that stand at an overwritten position.
    pub(super) n_lagging: usize,
    /// The slot of the tail; also that of the oldest position, once the ring is full.
    pub(super) index: usize,
    /// Overwritten cells, by the position at which somebody still stands.
    kept: BTreeMap<u64, Kept<T>>,
    /// Cells that nobody stands at, and no slot points to.
    spare: Vec<NonNull<Cell<T>>>,
    /// All cells there are, in the blocks in which they were made.
    blocks: Vec<NonNull<[Cell<T>]>>,
}

/// An overwritten cell and the number of receivers that have not let go of it.
struct Kept<T> {
    cell: NonNull<Cell<T>>,
    n_standing: usize,
}

/// A channel whose lock is held.
pub(super) struct Held<'a, T> {
    list: Locked<'a>,
    channel: &'a Channel<T>,
}

impl<'a, T> Held<'a, T> {
    /// `list` is the locked queue of `channel`.
    pub(super) fn new(channel: &'a Channel<T>, list: Locked<'a>) -> Self {
        Held { list, channel }
    }

    pub(super) fn ledger(&mut self) -> &mut Ledger<T> {
        // SAFETY: the lock is held, and the borrow of `self` excludes another reference that was made here.
        self.channel.ledger.with_mut(|ledger| unsafe { &mut *ledger })
    }

    /// The oldest position that was not overwritten.
    pub(super) fn oldest(&self) -> u64 {
        // Relaxed: written under the lock.
        self.channel.tail.load(Relaxed).saturating_sub(self.channel.capacity() as u64)
    }

    /// Puts a value at the tail. Gives the one that was overwritten, unless somebody stands there.
    pub(super) fn put(&mut self, value: T) -> Option<T> {
        let channel = self.channel;
        let position = channel.tail.load(Relaxed); // Relaxed: written under the lock.
        let index = self.ledger().index;
        let cell = channel.cell(index);
        let mut n_standing = self.ledger().n_standing(cell.n_claims());
        if n_standing != 0 {
            n_standing = self.ledger().n_standing(cell.overwrite());
        }
        let former = if n_standing == 0 {
            // SAFETY: the lock is held, and nobody stands at this cell: those who have claims on its value lag.
            unsafe { cell.put(value, position, self.ledger().n_receivers) }
        } else {
            self.keep(cell, position - channel.capacity() as u64, n_standing);
            self.put_elsewhere(value, position, index);
            None
        };
        self.ledger().index = next_index(index, channel.capacity());
        channel.tail.store(position + 1, Release); // ORDERING: [tail] publishes what was sent.
        former
    }

    /// Leaves the cell of `position` to those who stand there, who lag from now on.
    #[cold]
    pub(super) fn keep(&mut self, cell: &Cell<T>, position: u64, n_standing: usize) {
        let ledger = self.ledger();
        ledger.kept.insert(position, Kept { cell: NonNull::from(cell), n_standing });
        ledger.n_lagging += n_standing;
    }

    /// Puts a value into a cell that nobody stands at, and that cell into the slot.
    #[cold]
    fn put_elsewhere(&mut self, value: T, position: u64, index: usize) {
        let ledger = self.ledger();
        let other = ledger.spare_cell();
        // SAFETY: cells are freed with the channel; the lock is held, and nobody stands at a spare cell, which is empty.
        let _nothing = unsafe { other.as_ref().put(value, position, ledger.n_receivers) };
        // ORDERING: [slot] Release, and after `put`: who sees the cell here sees its stamp, and never that of the value
        // it had before. Somebody who lags may be at that value's position, and would read it without a claim.
        self.channel.slots[index].store(other.as_ptr(), Release);
    }

    /// As [`Channel::catch_up`].
    pub(super) fn catch_up(&mut self, place: &mut Place) -> (u64, Former<T>) {
        let oldest = self.oldest();
        if place.next >= oldest {
            return (0, Former(None));
        }
        let ledger = self.ledger();
        let value = if place.lags { None } else { ledger.let_go(place.next) };
        ledger.n_lagging -= 1;
        let missed = oldest - place.next;
        *place = Place { next: oldest, index: ledger.index, lags: false };
        (missed, Former(value))
    }

    /// Ends a receiver that does not lag. Moves the values out that nobody else wants; says whether it was the last one.
    pub(super) fn remove_receiver(&mut self, place: &mut Place, values: &mut Vec<T>) -> bool {
        let channel = self.channel;
        while place.next < channel.tail.load(Relaxed) {
            // SAFETY: the receiver stands here, and does not read. Nothing is overwritten under the lock.
            let Released { value, .. } = unsafe { channel.cell(place.index).release() };
            values.extend(value);
            place.advance(channel.capacity());
        }
        let ledger = self.ledger();
        ledger.n_receivers -= 1;
        ledger.n_receivers == 0
    }

    pub(super) fn len(&mut self) -> usize {
        let capacity = self.channel.capacity();
        let n_kept = self.channel.tail.load(Relaxed).min(capacity as u64) as usize;
        let tail = self.ledger().index;
        // The claims on later values are never fewer, for whoever stands before the one stands before the other.
        let (mut n_received, mut end) = (0, n_kept);
        while n_received < end {
            let middle = n_received.midpoint(end);
            let index = (tail + (capacity - n_kept) + middle) % capacity;
            if self.channel.cell(index).n_claims() == 0 {
                n_received = middle + 1;
            } else {
                end = middle;
            }
        }
        n_kept - n_received
    }

    pub(super) fn is_empty(&mut self) -> bool {
        let index = self.ledger().index.checked_sub(1).unwrap_or(self.channel.capacity() - 1);
        self.channel.cell(index).n_claims() == 0
    }

    /// Unlocks, and wakes all who have something to look at.
    pub(super) fn wake(self) {
        let Held { mut list, channel } = self;
        while let Some(seat) = list.seat(End::Front) {
            if !channel.has_news(seat) {
                break; // It came after what was sent, and so did those behind it.
            }
            if list.is_full() {
                list.relieve();
            } else {
                list.grant_front(WOKEN);
            }
        }
    }
}

impl<T> Ledger<T> {
    pub(super) fn new() -> Self {
        Ledger {
            n_receivers: 0,
            n_lagging: 0,
            index: 0,
            kept: BTreeMap::new(),
            spare: Vec::new(),
            blocks: Vec::new(),
        }
    }

    /// How many receivers stand at the oldest position, if there are so many claims on it.
    fn n_standing(&self, n_claims: usize) -> usize {
        n_claims - self.n_lagging // Those who lag have a claim on all that was not overwritten.
    }

    /// A receiver leaves the overwritten position where it stood. Gives the value, if it was the last one there.
    pub(super) fn let_go(&mut self, position: u64) -> Option<T> {
        let kept = self.kept.get_mut(&position).expect("a receiver stood there");
        kept.n_standing -= 1;
        if kept.n_standing != 0 {
            return None;
        }
        let cell = kept.cell;
        self.kept.remove(&position);
        self.spare.push(cell);
        // SAFETY: cells are freed with the channel; all who could touch the value have let go, under the lock.
        unsafe { cell.as_ref().take() }
    }

    pub(super) fn spare_cell(&mut self) -> NonNull<Cell<T>> {
        match self.spare.pop() {
            Some(cell) => cell,
            None => self.add_block(1).next().expect("the block has one cell"),
        }
    }

    pub(super) fn add_block(
        &mut self,
        n_cells: usize,
    ) -> impl Iterator<Item = NonNull<Cell<T>>> + use<T> {
        let block: Box<[Cell<T>]> = (0..n_cells).map(|_| Cell::new()).collect();
        let block = NonNull::from(Box::leak(block));
        self.blocks.push(block);
        // SAFETY: the cells of the block are in one allocation, and `n` is less than their number.
        (0..n_cells).map(move |n| unsafe { block.cast::<Cell<T>>().add(n) })
    }
}

impl<T> Drop for Ledger<T> {
    fn drop(&mut self) {
        for block in &self.blocks {
            // SAFETY: leaked in `add_block`, and dropped here only. The channel is gone, and with it all who saw a cell.
            drop(unsafe { Box::from_raw(block.as_ptr()) });
        }
    }
}
