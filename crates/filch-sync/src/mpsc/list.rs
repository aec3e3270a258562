//! An unbounded queue of messages: any thread pushes, one pops. A list of blocks, each with room for some messages.
//!
//! It wakes nobody and waits for nobody, but for the moment in which another thread links a new block.
//!
//! A position in the queue is a number that only grows. A producer claims one by a compare-and-swap on `tail.index`,
//! writes the message there, and marks it as ready. Positions are counted in laps: the last one of each lap stands for no
//! message, and means that the next block is being linked. Whoever claims the last place of a block links the next one
//! *before* it marks its message as ready, so the consumer, which frees a block after the last message in it, leaves none
//! that a producer could still reach.

use filch_core::sys::cell::UnsafeCell;
use filch_core::sys::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::*};
use filch_core::sys::thread::yield_now;
use std::mem::MaybeUninit;
use std::ptr;

/// Positions per lap. Under test, so few that every other message meets the end of a block.
#[cfg(not(test))]
const LAP: usize = 32;
#[cfg(test)]
const LAP: usize = 3;
/// Messages per block.
const CAPACITY: usize = LAP - 1;

/// In `tail.index`: no message is taken any more. Positions are shifted by one.
const CLOSED: usize = 1;
const STEP: usize = 2;

struct Slot<T> {
    /// Written by the producer that claimed it, before `ready`; read by the consumer after.
    value: UnsafeCell<MaybeUninit<T>>,
    ready: AtomicBool,
}

struct Block<T> {
    next: AtomicPtr<Block<T>>,
    slots: [Slot<T>; CAPACITY],
}

impl<T> Block<T> {
    fn new() -> Box<Self> {
        let mut block = Box::<Self>::new_uninit();
        let this = block.as_mut_ptr();
        // SAFETY: `this` is valid for writes; each field is written in its place, for a block may be large for a stack.
        unsafe {
            (&raw mut (*this).next).write(AtomicPtr::new(ptr::null_mut()));
            for index in 0..CAPACITY {
                let slot = &raw mut (*this).slots[index];
                (&raw mut (*slot).value).write(UnsafeCell::new(MaybeUninit::uninit()));
                (&raw mut (*slot).ready).write(AtomicBool::new(false));
            }
            block.assume_init()
        }
    }
}

/// On a line of its own, for all producers write it.
#[repr(align(64))]
struct Tail<T> {
    /// The next free position, shifted, and `CLOSED`.
    index: AtomicUsize,
    /// The block of that position.
    block: AtomicPtr<Block<T>>,
}

#[repr(align(64))]
struct Head<T> {
    /// The position of the next message.
    index: usize,
    block: *mut Block<T>,
}

pub(super) struct List<T> {
    tail: Tail<T>,
    /// The consumer's alone.
    head: UnsafeCell<Head<T>>,
}

// SAFETY: messages go from one thread to another, and are never shared.
unsafe impl<T: Send> Send for List<T> {}
// SAFETY: as above; `head` is reached by the consumer only, which is what `pop` asks of its caller.
unsafe impl<T: Send> Sync for List<T> {}

/// What the consumer found.
#[derive(Debug)]
pub(super) enum Pop<T> {
    Message(T),
    Empty,
    /// A producer has claimed the next position, and has not written its message yet.
    Busy,
}

impl<T> List<T> {
    pub(super) fn new() -> Self {
        let block = Box::into_raw(Block::new());
        List {
            tail: Tail { index: AtomicUsize::new(0), block: AtomicPtr::new(block) },
            head: UnsafeCell::new(Head { index: 0, block }),
        }
    }

    /// Appends a message, unless the list is closed.
    pub(super) fn push(&self, value: T) -> Result<(), T> {
        let mut spare = None;
        // ORDERING: [lap] who sees an index of a new lap also sees the block of that lap.
        let mut index = self.tail.index.load(Acquire);
        loop {
            if index & CLOSED != 0 {
                return Err(value);
            }
            let offset = index / STEP % LAP;
            if offset == CAPACITY {
                yield_now(); // The next block is being linked, unless the thread that does it was stopped there.
                index = self.tail.index.load(Acquire); // ORDERING: [lap] as above.
                continue;
            }
            let is_last = offset + 1 == CAPACITY;
            if is_last && spare.is_none() {
                spare = Some(Block::new());
            }
            // The block of `index`, or a later one, in which case the index has moved, too, and the claim fails.
            let block = self.tail.block.load(Acquire); // ORDERING: [lap] the block is initialized.
            // ORDERING: [lap] on failure as above; success claims, and publishes nothing.
            match self.tail.index.compare_exchange_weak(index, index + STEP, Acquire, Acquire) {
                Ok(_) => {
                    if is_last {
                        self.link(block, spare.take().expect("made above"));
                    }
                    // SAFETY: the block is freed by the consumer after its last message, thus not before this one.
                    unsafe { write(&(*block).slots[offset], value) };
                    return Ok(());
                }
                Err(actual) => index = actual,
            }
        }
    }

    /// By the producer that claimed the last place of `block`, and has not written it yet.
    fn link(&self, block: *mut Block<T>, next: Box<Block<T>>) {
        let next = Box::into_raw(next);
        self.tail.block.store(next, Release); // ORDERING: [lap] the block is initialized.
        self.tail.index.fetch_add(STEP, Release); // ORDERING: [lap] publishes the block with the index.
        // SAFETY: as in `push`. ORDERING: [message] published by the message that is written next.
        unsafe { (*block).next.store(next, Relaxed) };
    }

    /// Takes the first message.
    ///
    /// # Safety
    /// The caller is the one consumer.
    pub(super) unsafe fn pop(&self) -> Pop<T> {
        self.head.with_mut(|head| {
            // SAFETY: the consumer's alone.
            let head = unsafe { &mut *head };
            let offset = head.index % LAP;
            // SAFETY: the consumer frees a block when it leaves it, so this one is alive; the loan ends before that.
            let slot = unsafe { &(*head.block).slots[offset] };
            // ORDERING: [message] pairs with `write`.
            if !slot.ready.load(Acquire) {
                return if self.end() == head.index { Pop::Empty } else { Pop::Busy };
            }
            // SAFETY: ready, so it is written; the head moves on, so it is read once.
            let value = slot.value.with(|value| unsafe { (*value).assume_init_read() });
            head.index += 1;
            if offset + 1 == CAPACITY {
                // SAFETY: all messages of the block are taken, so no producer is left in it; it came from a `Box`. The
                // next one was linked before the last message was ready.
                unsafe {
                    let next = (*head.block).next.load(Relaxed);
                    drop(Box::from_raw(head.block));
                    head.block = next;
                }
                head.index += 1;
            }
            Pop::Message(value)
        })
    }

    /// Drops all messages that are ready.
    ///
    /// # Safety
    /// The caller is the one consumer.
    pub(super) unsafe fn clear(&self, mut taken: impl FnMut()) {
        /// Goes on when the drop of a message panics.
        struct Rest<'a, T, F: FnMut()>(&'a List<T>, &'a mut F);
        impl<T, F: FnMut()> Drop for Rest<'_, T, F> {
            fn drop(&mut self) {
                // SAFETY: the promise of `clear`'s caller.
                while let Pop::Message(message) = unsafe { self.0.pop() } {
                    (self.1)();
                    drop(message);
                }
            }
        }
        let rest = Rest(self, &mut taken);
        // SAFETY: the caller's promise.
        while let Pop::Message(message) = unsafe { rest.0.pop() } {
            (rest.1)();
            drop(message);
        }
    }

    /// How many messages wait or are being written.
    ///
    /// # Safety
    /// The caller is the one consumer.
    pub(super) unsafe fn len(&self) -> usize {
        // SAFETY: the consumer's alone.
        let start = self.head.with(|head| unsafe { (*head).index });
        messages_before(self.end()) - messages_before(start)
    }

    fn end(&self) -> usize {
        // ORDERING: [claim] who sees `CLOSED` or a claim sees all claims before it, for each is a step on the one word.
        self.tail.index.load(Acquire) / STEP
    }

    /// Lets no message in any more.
    pub(super) fn close(&self) {
        self.tail.index.fetch_or(CLOSED, AcqRel); // ORDERING: [claim] as in `end`.
    }

    pub(super) fn is_closed(&self) -> bool {
        self.tail.index.load(Acquire) & CLOSED != 0 // ORDERING: [claim] as in `end`.
    }
}

/// # Safety
/// The caller has claimed the slot, and its block is alive.
unsafe fn write<T>(slot: &Slot<T>, value: T) {
    // SAFETY: whoever claimed the slot is alone with it until it is ready.
    slot.value.with_mut(|cell| unsafe { (*cell).write(value) });
    slot.ready.store(true, Release); // ORDERING: [message] pairs with `pop`.
}

/// The positions before `index` that stand for a message: one in each lap does not.
fn messages_before(index: usize) -> usize {
    index - index / LAP
}

impl<T> Drop for List<T> {
    fn drop(&mut self) {
        /// Freed also when the drop of a message panics.
        struct LastBlock<'a, T>(&'a List<T>);
        impl<T> Drop for LastBlock<'_, T> {
            fn drop(&mut self) {
                // SAFETY: the list is being dropped, so nobody else is here; the block came from a `Box`.
                self.0.head.with_mut(|head| unsafe { drop(Box::from_raw((*head).block)) });
            }
        }
        let last = LastBlock(self);
        // SAFETY: the list is being dropped, so nobody else is the consumer.
        unsafe { last.0.clear(|| {}) };
    }
}

impl<T> std::fmt::Debug for List<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("List").field("is_closed", &self.is_closed()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_in_order_across_blocks() {
        let list = List::new();
        for round in 0..10 {
            for n in 0..round {
                list.push((round, n)).expect("not closed");
            }
            // SAFETY: this thread is the one consumer.
            unsafe {
                assert_eq!(list.len(), round);
                for n in 0..round {
                    assert!(matches!(list.pop(), Pop::Message(message) if message == (round, n)));
                }
                assert!(matches!(list.pop(), Pop::Empty));
                assert_eq!(list.len(), 0);
            }
        }
    }

    #[test]
    fn a_closed_list_keeps_what_it_has() {
        let list = List::new();
        list.push(1).expect("not closed");
        list.close();
        assert_eq!(list.push(2), Err(2));
        // SAFETY: this thread is the one consumer.
        unsafe {
            assert!(matches!(list.pop(), Pop::Message(1)));
            assert!(matches!(list.pop(), Pop::Empty));
        }
    }
}
