//! The messages of a channel, in a list of blocks: any thread appends, one takes.
//!
//! It neither admits nor wakes: the [`Turnstile`] says who may append, and whom that wakes. It waits for nobody but for the
//! moment in which another thread links a new block.
//!
//! A position is a number that only grows, until it starts again at zero. A sender claims one by a step on the turnstile's
//! word, writes its message there, and marks it as ready. Positions are counted in laps: the last one of each lap stands
//! for no message, and means that the next block is being linked. Whoever claims the last place of a block links the next
//! one *before* it marks its message as ready, so the receiver, which frees a block after the last message in it, leaves
//! none that a sender could still reach.

use super::state::{ENDED, RX_WAITS, State};
use super::turnstile::{Refusal, Turnstile};
use crate::lock::foreign;
use filch_core::sys::cell::UnsafeCell;
use filch_core::sys::sync::atomic::{AtomicBool, AtomicPtr, Ordering::*};
use filch_core::sys::thread::yield_now;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr;
use std::task::Waker;

/// Positions per lap. It divides the number of all positions, so that laps stay whole when those start again; a model
/// does not get that far.
const LAP: u64 = if cfg!(all(test, filch_loom)) {
    3
} else if cfg!(test) {
    4 // So few that every other test meets the end of a block.
} else {
    32
};
/// Messages per block.
const CAPACITY: usize = LAP as usize - 1;

struct Slot<T> {
    /// Written by the sender that claimed it, before `ready`; read by the receiver after.
    value: UnsafeCell<MaybeUninit<T>>,
    ready: AtomicBool,
}

struct Block<T> {
    next: AtomicPtr<Block<T>>,
    slots: [Slot<T>; CAPACITY],
}

impl<T> Block<T> {
    #[cold]
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

    /// # Safety
    /// - The block is alive.
    /// - `place` is below [`CAPACITY`].
    #[inline]
    unsafe fn slot(block: *mut Self, place: usize) -> *const Slot<T> {
        debug_assert!(place < CAPACITY, "the end of a lap stands for no message");
        // SAFETY: the caller's promises: in bounds of an allocation.
        unsafe { (&raw const (*block).slots).cast::<Slot<T>>().add(place) }
    }
}

/// The receiver's side, on a line of its own.
#[repr(align(64))]
struct Head<T> {
    /// The position of the next message.
    position: u64,
    block: *mut Block<T>,
}

// Why in this order: what a sender needs is one cache line, and what the receiver writes with each message is another.
#[repr(C, align(64))]
pub(super) struct List<T, const BOUNDED: bool> {
    pub(super) turnstile: Turnstile<BOUNDED>,
    /// The block of the turnstile's position. Written by the sender that links it, read by all.
    tail: AtomicPtr<Block<T>>,
    /// The receiver's alone.
    head: UnsafeCell<Head<T>>,
}

// SAFETY: messages go from one thread to another, and are never shared.
unsafe impl<T: Send, const BOUNDED: bool> Send for List<T, BOUNDED> {}
// SAFETY: as above; `head` is reached by the receiver only, which is what `pop` asks of its caller.
unsafe impl<T: Send, const BOUNDED: bool> Sync for List<T, BOUNDED> {}
// A message is whole in the list or not in it at all, also when something unwinds.
impl<T, const BOUNDED: bool> UnwindSafe for List<T, BOUNDED> {}
impl<T, const BOUNDED: bool> RefUnwindSafe for List<T, BOUNDED> {}

/// What the receiver found.
#[derive(Debug)]
pub(super) enum Pop<M, const BOUNDED: bool> {
    Message(M),
    /// All that was claimed in this state was received.
    Empty(State<BOUNDED>),
    /// A sender has claimed the next position, and has not written its message yet.
    Busy,
}

/// Where in its block the next message goes: [`CAPACITY`] at the end of a lap.
#[inline]
fn place<const BOUNDED: bool>(state: State<BOUNDED>) -> usize {
    (state.position() % LAP) as usize
}

/// A position that a message must be written to, at once: the receiver waits for nothing else.
#[must_use = "a position that is claimed and not written holds the receiver up for ever"]
pub(super) struct Claim<'a, T> {
    // Why no reference: once the message is ready, the receiver may free the block at any time.
    slot: *const Slot<T>,
    /// The receiver's, if it waits.
    waker: Option<Waker>,
    list: PhantomData<&'a Block<T>>,
}

impl<T> Claim<'_, T> {
    /// Writes the message, and wakes the receiver if it waits for it.
    #[inline]
    pub(super) fn write(self, message: T) {
        // SAFETY: whoever claimed the slot is alone with it until it is ready, and till then its block is alive: the
        // receiver frees it after its last message. Storing that it is ready is the last touch.
        unsafe {
            (*self.slot).value.with_mut(|cell| (*cell).write(message));
            (*self.slot).ready.store(true, Release); // ORDERING: [message] pairs with `List::first`.
        }
        if let Some(waker) = self.waker {
            foreign(|| waker.wake());
        }
    }
}

/// The first message, which is there. From [`List::look`].
#[must_use = "a message that is seen and not taken stays the first one"]
pub(super) struct First<'a, T> {
    // Why no reference: taking the last message of a block frees it.
    slot: *const Slot<T>,
    place: usize,
    list: PhantomData<&'a Block<T>>,
}

impl<T, const BOUNDED: bool> List<T, BOUNDED> {
    pub(super) fn new(limit: usize) -> Self {
        Self::starting_at(0, limit)
    }

    /// A list whose first message gets `position`, which is the first one of a lap.
    fn starting_at(position: u64, limit: usize) -> Self {
        let block = Box::into_raw(Block::new());
        List {
            turnstile: Turnstile::new(limit, position),
            tail: AtomicPtr::new(block),
            head: UnsafeCell::new(Head { position, block }),
        }
    }

    /// Claims a position and room for one message.
    #[inline]
    pub(super) fn claim(&self) -> Result<Claim<'_, T>, Refusal> {
        self.claim_if(|state| {
            self.turnstile.admits(state, 1).map(|()| State::<BOUNDED>::ROOM_OF_ONE)
        })
    }

    /// Claims a position for a message that has its room. `None`: the receiver is gone, and the room is given back.
    pub(super) fn claim_with_room(&self) -> Option<Claim<'_, T>> {
        let admit = |state: State<BOUNDED>| {
            if state.is(ENDED) { Err(Refusal::Closed) } else { Ok(0) }
        };
        let claim = self.claim_if(admit).ok();
        if claim.is_none() {
            self.turnstile.give_back(1);
        }
        claim
    }

    /// What [`claim_with_room`](Self::claim_with_room) would be without its look at the receiver.
    #[cfg(all(test, filch_loom))]
    pub(super) fn claim_unseen(&self) -> Claim<'_, T> {
        self.claim_if(|_state| Ok(0)).unwrap_or_else(|_| unreachable!("it refuses nobody"))
    }

    /// Claims a position, and takes the room that `admit` says.
    #[inline]
    fn claim_if(
        &self,
        admit: impl Fn(State<BOUNDED>) -> Result<u64, Refusal>,
    ) -> Result<Claim<'_, T>, Refusal> {
        let state = self.turnstile.state();
        let room = admit(state)?;
        if place(state) + 1 < CAPACITY {
            if let Ok(claim) = self.claim_from(state, room) {
                return Ok(claim);
            }
        }
        self.claim_slowly(admit)
    }

    /// As [`claim_if`](Self::claim_if), also at the end of a block, and when others send as well.
    #[cold]
    fn claim_slowly(
        &self,
        admit: impl Fn(State<BOUNDED>) -> Result<u64, Refusal>,
    ) -> Result<Claim<'_, T>, Refusal> {
        let mut spare = None;
        let mut state = self.turnstile.state();
        loop {
            let room = admit(state)?;
            if place(state) == CAPACITY {
                yield_now(); // The next block is being linked, unless the thread that does it was stopped there.
                state = self.turnstile.state();
                continue;
            }
            let is_last = place(state) + 1 == CAPACITY;
            if is_last && spare.is_none() {
                spare = Some(Block::new());
            }
            match self.claim_from(state, room) {
                Ok(claim) => {
                    if is_last {
                        self.link(spare.take().expect("made above"));
                    }
                    return Ok(claim);
                }
                Err(actual) => state = actual,
            }
        }
    }

    /// Claims the next position, which is not the end of a lap, if the state is still `state`. Else gives the actual one.
    #[inline]
    fn claim_from(&self, state: State<BOUNDED>, room: u64) -> Result<Claim<'_, T>, State<BOUNDED>> {
        // The block of this position, or a later one, in which case the word has changed, too, and the claim fails.
        let block = self.tail.load(Acquire); // ORDERING: [lap] the block is initialized.
        let next = (state.0.wrapping_add(State::<BOUNDED>::STEP) + room) & !RX_WAITS;
        // ORDERING: [rx] Acquire: the waker. [room] Release and [lap] Acquire as in `Turnstile::state`.
        match self.turnstile.word.compare_exchange_weak(state.0, next, AcqRel, Acquire) {
            Ok(_) => {
                // SAFETY: this step cleared `RX_WAITS`, and the message is not ready.
                let waker = unsafe { self.turnstile.take_rx_waker(state) };
                // SAFETY: the claim did not fail, so `block` is the one of this position, which is not the end of a lap;
                // it is alive until the message is ready.
                let slot = unsafe { Block::slot(block, place(state)) };
                Ok(Claim { slot, waker, list: PhantomData })
            }
            Err(actual) => Err(State(actual)),
        }
    }

    /// By the sender that claimed the last place of a block, and has not written it yet.
    #[cold]
    fn link(&self, next: Box<Block<T>>) {
        let next = Box::into_raw(next);
        let block = self.tail.load(Relaxed); // Relaxed: who claims the last place is the next to store it.
        self.tail.store(next, Release); // ORDERING: [lap] the block is initialized.
        // ORDERING: [lap] publishes the block with the position.
        self.turnstile.word.fetch_add(State::<BOUNDED>::STEP, Release);
        // SAFETY: as in `Claim::write`. ORDERING: [message] published by the message that is written next.
        unsafe { (*block).next.store(next, Relaxed) };
    }

    /// Takes the first message.
    ///
    /// # Safety
    /// The caller is the one receiver.
    #[inline]
    pub(super) unsafe fn pop(&self) -> Pop<T, BOUNDED> {
        // SAFETY: the caller's promise.
        match unsafe { self.look() } {
            // SAFETY: as above.
            Pop::Message(first) => Pop::Message(unsafe { self.take(first) }),
            Pop::Empty(state) => Pop::Empty(state),
            Pop::Busy => Pop::Busy,
        }
    }

    /// Says what [`pop`](Self::pop) would find.
    ///
    /// # Safety
    /// The caller is the one receiver.
    #[inline]
    pub(super) unsafe fn look(&self) -> Pop<First<'_, T>, BOUNDED> {
        // SAFETY: the caller's promise.
        if let Some(first) = unsafe { self.first() } {
            return Pop::Message(first);
        }
        let state = self.turnstile.state();
        // SAFETY: the receiver's alone.
        let position = self.head.with(|head| unsafe { (*head).position });
        if state.position() == position { Pop::Empty(state) } else { Pop::Busy }
    }

    /// The first message, if it is there.
    ///
    /// # Safety
    /// The caller is the one receiver.
    #[inline]
    pub(super) unsafe fn first(&self) -> Option<First<'_, T>> {
        self.head.with(|head| {
            // SAFETY: the receiver's alone.
            let head = unsafe { &*head };
            let place = (head.position % LAP) as usize;
            // SAFETY: the receiver frees a block when it leaves it, so this one is alive; and then the head skips the end
            // of the lap.
            let slot = unsafe { Block::slot(head.block, place) };
            // SAFETY: as above. ORDERING: [message] pairs with `Claim::write`.
            let is_ready = unsafe { (*slot).ready.load(Acquire) };
            is_ready.then_some(First { slot, place, list: PhantomData })
        })
    }

    /// Takes the first message.
    ///
    /// # Safety
    /// The caller is the one receiver, and took none since it saw this one as the first of this list.
    #[inline]
    pub(super) unsafe fn take(&self, first: First<'_, T>) -> T {
        // SAFETY: ready, so it is written; the block is alive, as in `first`; the head moves on, so it is read once.
        let message = unsafe { (*first.slot).value.with(|value| (*value).assume_init_read()) };
        self.head.with_mut(|head| {
            // SAFETY: the receiver's alone.
            let head = unsafe { &mut *head };
            head.position += 1;
            if first.place + 1 == CAPACITY {
                // SAFETY: all messages of the block are taken, and the next one was linked before the last was ready.
                unsafe { head.leave_block() };
                head.position = (head.position + 1) & State::<BOUNDED>::POSITIONS;
            }
        });
        message
    }

    /// Drops all messages that were claimed, also those that are being written, and calls `taken` before each drop.
    ///
    /// # Safety
    /// The caller is the one receiver.
    pub(super) unsafe fn clear(&self, taken: impl Fn()) {
        /// Goes on when the drop of a message panics.
        struct Rest<'a, T, const BOUNDED: bool, F: Fn()>(&'a List<T, BOUNDED>, F);
        impl<T, const BOUNDED: bool, F: Fn()> Rest<'_, T, BOUNDED, F> {
            fn drop_all(&self) {
                loop {
                    // SAFETY: the promise of `clear`'s caller.
                    match unsafe { self.0.pop() } {
                        Pop::Message(message) => {
                            (self.1)();
                            foreign(|| drop(message));
                        }
                        Pop::Empty(_) => return,
                        // Why not leave it: nobody comes after the receiver, and who sent it may wait for its drop.
                        Pop::Busy => yield_now(),
                    }
                }
            }
        }
        impl<T, const BOUNDED: bool, F: Fn()> Drop for Rest<'_, T, BOUNDED, F> {
            fn drop(&mut self) {
                self.drop_all();
            }
        }
        Rest(self, taken).drop_all();
    }

    /// How many messages wait or are being written.
    ///
    /// # Safety
    /// The caller is the one receiver.
    pub(super) unsafe fn len(&self) -> usize {
        // SAFETY: the receiver's alone.
        let start = self.head.with(|head| unsafe { (*head).position });
        let end = self.turnstile.state().position();
        let n_positions = end.wrapping_sub(start) & State::<BOUNDED>::POSITIONS;
        let n_ends_of_laps = (start % LAP + n_positions) / LAP;
        (n_positions - n_ends_of_laps) as usize
    }
}

impl<T> Head<T> {
    /// # Safety
    /// The block's last message was taken, and the block came from a `Box`.
    #[cold]
    unsafe fn leave_block(&mut self) {
        // SAFETY: with its last message taken nobody but the receiver reaches the block; the next one was linked before
        // that message was ready.
        unsafe {
            let next = (*self.block).next.load(Relaxed);
            drop(Box::from_raw(self.block));
            self.block = next;
        }
    }
}

impl<T, const BOUNDED: bool> Drop for List<T, BOUNDED> {
    fn drop(&mut self) {
        /// Freed also when the drop of a message panics.
        struct LastBlock<'a, T, const BOUNDED: bool>(&'a List<T, BOUNDED>);
        impl<T, const BOUNDED: bool> Drop for LastBlock<'_, T, BOUNDED> {
            fn drop(&mut self) {
                // SAFETY: the list is being dropped, so nobody else is here; the block came from a `Box`.
                self.0.head.with_mut(|head| unsafe { drop(Box::from_raw((*head).block)) });
            }
        }
        let last = LastBlock(self);
        // SAFETY: the list is being dropped, so nobody else is the receiver.
        unsafe { last.0.clear(|| {}) };
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    fn send<const BOUNDED: bool>(list: &List<i32, BOUNDED>, n: i32) {
        list.claim().unwrap_or_else(|refusal| panic!("refused: {refusal:?}")).write(n);
    }

    fn pop<const BOUNDED: bool>(list: &List<i32, BOUNDED>) -> Option<i32> {
        // SAFETY: this thread is the one receiver.
        match unsafe { list.pop() } {
            Pop::Message(n) => Some(n),
            Pop::Empty(_) => None,
            Pop::Busy => panic!("nobody else sends"),
        }
    }

    /// Sends and receives across several ends of blocks, with up to nine messages in the list.
    fn cross_blocks<const BOUNDED: bool>(position: u64) {
        let list = List::<_, BOUNDED>::starting_at(position, usize::MAX);
        for round in 0..10 {
            for n in 0..round {
                send(&list, n);
                // SAFETY: this thread is the one receiver.
                assert_eq!(unsafe { list.len() }, n as usize + 1);
            }
            for n in 0..round {
                // SAFETY: as above.
                assert_eq!(unsafe { list.len() }, (round - n) as usize);
                assert_eq!(pop(&list), Some(n));
            }
            assert_eq!(pop(&list), None);
        }
    }

    #[test]
    #[cfg(all(not(filch_shuttle), target_pointer_width = "64"))] // Other atomics have other sizes.
    fn sender_and_receiver_have_a_line_each() {
        use std::mem::offset_of;
        assert_eq!(offset_of!(List<u8, true>, tail) + 8, 64, "what a sender needs is one line");
        assert_eq!(offset_of!(List<u8, true>, head), 64, "what the receiver writes is another");
    }

    #[test]
    fn messages_come_out_in_order_across_blocks() {
        cross_blocks::<true>(0);
        cross_blocks::<false>(0);
    }

    #[test]
    fn messages_come_out_in_order_where_positions_start_again() {
        cross_blocks::<true>(State::<true>::POSITIONS + 1 - 4 * LAP);
        cross_blocks::<false>(State::<false>::POSITIONS + 1 - 4 * LAP);
    }

    #[test]
    fn room_is_taken_with_the_position() {
        let list = List::<_, true>::new(2);
        send(&list, 1);
        list.turnstile.try_take_room(1).expect("there is room");
        assert!(matches!(list.claim(), Err(Refusal::Full)));
        list.claim_with_room().expect("the receiver is there").write(2);
        assert_eq!((pop(&list), pop(&list), pop(&list)), (Some(1), Some(2), None));
        assert!(matches!(list.claim(), Err(Refusal::Full)), "it was not given back");
        list.turnstile.give_back(2);
        send(&list, 3);
    }
}
