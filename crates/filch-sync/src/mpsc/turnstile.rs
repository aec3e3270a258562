//! The turnstile of a channel: its word, the senders that wait for room, and the receiver that waits for a message.
//!
//! It knows no messages. Which step on the word goes with which message is the list's matter.

use super::error::SendError;
use super::state::{CLOSED, ENDED, MAX_ROOM, ROOM, RX_WAITS, State, TX_WAIT};
use crate::lock::foreign;
use crate::wait_queue::{End, Entry, Grant, Locked, Seat, Status, WaitQueue, Waitable, Waiter};
use filch_core::coop;
use filch_core::sys::cell::UnsafeCell;
use filch_core::sys::sync::atomic::{AtomicU64, Ordering, Ordering::*};
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

/// The sender has its room.
const GRANTED: Grant = Grant(0);
/// The channel was closed; what room was set aside for the sender is free again.
const REFUSED: Grant = Grant(1);

/// Why a sender was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Full,
    Closed,
}

pub(super) struct Turnstile<const BOUNDED: bool> {
    /// Whatever two threads may disagree about is decided by a step on this word.
    pub(super) word: AtomicU64,
    /// The room there is. Never written.
    pub(super) limit: usize,
    /// The receiver's, while `RX_WAITS` is clear and it has received all that was claimed. Else it belongs to whoever
    /// cleared the bit, until its message is ready, or to whoever made the state final while it was set, for ever.
    /// Empty while `RX_WAITS` is clear and nobody is about to change that.
    rx_waker: UnsafeCell<Option<Waker>>,
    /// The senders that wait for room.
    queue: WaitQueue,
}

// SAFETY: `rx_waker` is reached by one thread at a time, as its comment says; a `Waker` is `Send`.
unsafe impl<const BOUNDED: bool> Send for Turnstile<BOUNDED> {}
// SAFETY: as above.
unsafe impl<const BOUNDED: bool> Sync for Turnstile<BOUNDED> {}

impl<const BOUNDED: bool> Turnstile<BOUNDED> {
    pub(super) fn new(limit: usize, position: u64) -> Self {
        Turnstile {
            word: AtomicU64::new(State::<BOUNDED>::starting_at(position).0),
            limit: limit.min(MAX_ROOM),
            rx_waker: UnsafeCell::new(None),
            queue: WaitQueue::new(),
        }
    }

    #[inline]
    pub(super) fn state(&self) -> State<BOUNDED> {
        // ORDERING: [lap] the block of this position, [closed] what the receiver did before it closed, [senders] all
        // that was sent, [room] what was done under room that is free again.
        State(self.word.load(Acquire))
    }

    /// Takes the waker that the step from `before` made the caller's, if it did.
    ///
    /// # Safety
    /// The caller made the step from `before`, with `Acquire`; and it cleared `RX_WAITS`, its message not being ready
    /// yet, or made the state final.
    #[inline]
    pub(super) unsafe fn take_rx_waker(&self, before: State<BOUNDED>) -> Option<Waker> {
        if !before.is(RX_WAITS) {
            return None;
        }
        // SAFETY: the step found `RX_WAITS`, so the waker is stored, and the caller's by the rule of the field.
        unsafe { self.swap_rx_waker(None) }
    }

    /// # Safety
    /// `rx_waker` is the caller's, by the rule of the field.
    unsafe fn swap_rx_waker(&self, waker: Option<Waker>) -> Option<Waker> {
        // SAFETY: the caller's promise.
        self.rx_waker.with_mut(|stored| unsafe { mem::replace(&mut *stored, waker) })
    }

    /// Stores `waker` for whoever sends next, unless the state is not `state` any more. Says whether it did.
    ///
    /// # Safety
    /// The caller is the receiver; it received all that was claimed in `state`, which is not final.
    pub(super) unsafe fn register(&self, state: State<BOUNDED>, waker: &Waker) -> bool {
        let idle = State(state.0 & !RX_WAITS);
        let mut former = None;
        if state.is(RX_WAITS) {
            // Relaxed: the waker that is taken back is the receiver's own.
            if !self.step(state, idle, Relaxed) {
                return false;
            }
            // SAFETY: taken back by the step.
            former = unsafe { self.swap_rx_waker(None) };
        }
        let is_same = former.as_ref().is_some_and(|former| former.will_wake(waker));
        let stored = if is_same { former.take() } else { foreign(|| Some(waker.clone())) };
        // SAFETY: `RX_WAITS` is clear, by this thread's step, or by that of a sender whose message was received.
        unsafe { self.swap_rx_waker(stored) };
        // ORDERING: [rx] publishes the waker to whoever takes it.
        let is_registered = self.step(idle, State(idle.0 | RX_WAITS), Release);
        // SAFETY: where the step failed, `RX_WAITS` is still clear, for only the receiver sets it.
        let unused = if is_registered { None } else { unsafe { self.swap_rx_waker(None) } };
        foreign(|| drop((former, unused)));
        is_registered
    }

    /// The receiver does not wait any more: drops its waker, which may keep a task alive.
    ///
    /// # Safety
    /// The caller is the receiver.
    pub(super) unsafe fn unregister(&self) {
        let mut state = self.state();
        while state.is(RX_WAITS) && !state.is_final() {
            if self.step(state, State(state.0 & !RX_WAITS), Relaxed) {
                // SAFETY: taken back by the step.
                let waker = unsafe { self.swap_rx_waker(None) };
                return foreign(|| drop(waker));
            }
            state = self.state();
        }
    }

    fn step(&self, from: State<BOUNDED>, to: State<BOUNDED>, success: Ordering) -> bool {
        self.word.compare_exchange(from.0, to.0, success, Relaxed).is_ok()
    }

    /// The last sender is gone.
    pub(super) fn lose_senders(&self) {
        // ORDERING: [senders] Release: all that was sent is in the list. [rx] Acquire: the waker.
        let before = State(self.word.fetch_or(ENDED, AcqRel));
        self.wake_receiver_at_the_end(before);
    }

    /// The receiver is gone, having closed the channel: no position is claimed any more, with room or without.
    pub(super) fn lose_receiver(&self) {
        self.word.fetch_or(ENDED, Relaxed); // Relaxed: whoever sees it takes nothing by it.
    }

    /// After a step from `before` to a final state.
    fn wake_receiver_at_the_end(&self, before: State<BOUNDED>) {
        if !before.is_final() {
            // SAFETY: the step made the state final.
            if let Some(waker) = unsafe { self.take_rx_waker(before) } {
                foreign(|| waker.wake());
            }
        }
    }

    /// Gives back the room of messages that were received, where it is counted.
    #[inline]
    pub(super) fn give_back_received(&self, n: usize) {
        if BOUNDED {
            self.give_back(n);
        }
    }

    /// Gives back the room of one message that is about to be received, where it is counted.
    ///
    /// If a waker panics, the message stays where it is, and its room is taken again. A sender may have got it meanwhile:
    /// then one message more than the limit has its room, until it is received.
    #[inline]
    pub(super) fn give_back_before_taking(&self) {
        if BOUNDED {
            let before = self.subtract_room(1);
            if before.is(TX_WAIT | CLOSED) {
                self.gave_back_before_taking(before);
            }
        }
    }

    #[cold]
    #[inline(never)] // Why: so that the receiver's path keeps nothing for it.
    fn gave_back_before_taking(&self, before: State<BOUNDED>) {
        struct TakeAgain<'a>(&'a AtomicU64);
        impl Drop for TakeAgain<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(ROOM, Relaxed); // Relaxed: nothing was done under it.
            }
        }
        let undo = TakeAgain(&self.word);
        self.gave_back(before, 1);
        mem::forget(undo);
    }

    /// Gives room back of messages that were received, or that will never be sent.
    #[inline]
    pub(super) fn give_back(&self, n: usize) {
        let before = self.subtract_room(n);
        if before.is(TX_WAIT | CLOSED) {
            self.gave_back(before, n);
        }
    }

    #[inline]
    fn subtract_room(&self, n: usize) -> State<BOUNDED> {
        // ORDERING: [room] Release publishes what was done under it to whoever takes it. [rx] Acquire: the waker.
        State(self.word.fetch_sub(n as u64 * ROOM, AcqRel))
    }

    #[cold]
    fn gave_back(&self, before: State<BOUNDED>, n: usize) {
        if before.is(CLOSED) && before.room_in_use() == n {
            self.wake_receiver_at_the_end(before);
        }
        if before.is(TX_WAIT) {
            self.grant_room();
        }
    }

    /// Gives room that is free to those who wait for it.
    fn grant_room(&self) {
        let mut list = self.queue.lock();
        while let Some(seat) = list.seat(End::Front) {
            if list.is_full() {
                list.relieve();
                continue;
            }
            // Closed: `close` answers those who wait, in steps, and none of them may still get in.
            let Some(taken) = self.take_free(seat.key, 0) else { break };
            if taken < seat.key {
                list.set_front_key(seat.key - taken);
                break;
            }
            list.grant_front(GRANTED);
        }
        self.note_waiting(&list);
    }

    #[inline]
    pub(super) fn free_room(&self, state: State<BOUNDED>) -> usize {
        self.limit.saturating_sub(state.room_in_use()) // Why: see `give_back_before_taking`.
    }

    /// Whether `n` more messages may be sent in this state.
    #[inline]
    pub(super) fn admits(&self, state: State<BOUNDED>, n: usize) -> Result<(), Refusal> {
        if state.is(CLOSED) {
            return Err(Refusal::Closed);
        }
        // While senders wait, room that is free is theirs.
        let is_full = state.is(TX_WAIT) || self.free_room(state) < n;
        if BOUNDED && is_full && n != 0 { Err(Refusal::Full) } else { Ok(()) }
    }

    /// Lets nobody in any more, and refuses those who wait.
    ///
    /// # Safety
    /// The caller is the receiver.
    pub(super) unsafe fn close(&self) {
        // SAFETY: the caller's promise. Why first: this step may make the state final, and then the waker is nobody's.
        unsafe { self.unregister() };
        // ORDERING: [closed] publishes what the receiver did before.
        let before = State::<BOUNDED>(self.word.fetch_or(CLOSED, AcqRel));
        if before.is(TX_WAIT) {
            self.refuse_waiting();
        }
    }

    #[cold]
    fn refuse_waiting(&self) {
        let mut list = self.queue.lock();
        while let Some(seat) = list.seat(End::Front) {
            if list.is_full() {
                list.relieve();
                continue;
            }
            // What was set aside for it. Relaxed: nothing was done under room that nobody had.
            self.word.fetch_sub((seat.asked - seat.key) as u64 * ROOM, Relaxed);
            list.grant_front(REFUSED);
        }
        self.note_waiting(&list);
    }

    /// Under the queue's lock: clears `TX_WAIT` if nobody waits.
    fn note_waiting(&self, list: &Locked<'_>) {
        if list.is_empty() {
            self.word.fetch_and(!TX_WAIT, Relaxed); // Relaxed: whoever sees it takes nothing by it.
        }
    }

    /// Takes what is free of `n`, and adds `TX_WAIT` if that is not all. `None`: the channel is closed.
    fn take_free(&self, n: usize, waits: u64) -> Option<usize> {
        let mut state = self.state();
        while !state.is(CLOSED) {
            let taken = n.min(self.free_room(state));
            let waits = if taken < n { waits } else { 0 };
            let next = (state.0 + taken as u64 * ROOM) | waits;
            if next == state.0 {
                // Why no step: nothing was asked, or `TX_WAIT` is set. That changes under the lock only, so whoever gives
                // room back that is not seen here finds it, and comes for the lock.
                return Some(taken);
            }
            // ORDERING: [room] who takes room sees what was done before it was given back.
            match self.word.compare_exchange_weak(state.0, next, AcqRel, Acquire) {
                Ok(_) => return Some(taken),
                Err(actual) => state = State(actual),
            }
        }
        None
    }
}

/// Room is counted in bounded channels only.
impl Turnstile<true> {
    /// Takes room for `n` messages, if it is free.
    pub(super) fn try_take_room(&self, n: usize) -> Result<(), Refusal> {
        let mut state = self.state();
        loop {
            self.admits(state, n)?;
            // ORDERING: [room] who takes room sees what was done before it was given back.
            match self.word.compare_exchange_weak(
                state.0,
                state.0 + n as u64 * ROOM,
                AcqRel,
                Acquire,
            ) {
                Ok(_) => return Ok(()),
                Err(actual) => state = State(actual),
            }
        }
    }

    /// Takes room for `n` messages, when it is free and those who came before have theirs.
    pub(super) fn take_room(&self, n: usize) -> TakeRoom<'_> {
        TakeRoom { turnstile: self, n, waiter: None }
    }
}

pin_project! {
    /// From [`Turnstile::take_room`].
    pub(super) struct TakeRoom<'a> {
        turnstile: &'a Turnstile<true>,
        n: usize,
        // Why an option: whoever finds room needs no place in the queue.
        #[pin]
        waiter: Option<Waiter<&'a Turnstile<true>>>,
    }
}

impl TakeRoom<'_> {
    /// Whether there is nothing for it, by what can be seen without the lock.
    fn must_wait(&self) -> bool {
        match &self.waiter {
            Some(waiter) => waiter.status() == Status::Waiting,
            None => self.turnstile.admits(self.turnstile.state(), self.n) == Err(Refusal::Full),
        }
    }

    #[cold]
    fn poll_queued(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError<()>>> {
        let mut this = self.project();
        if this.waiter.is_none() {
            this.waiter.set(Some(Waiter::new(*this.turnstile, *this.n)));
        }
        let waiter = this.waiter.into_ref().as_pin_ref().expect("set above");
        let grant = ready!(waiter.poll(Some(cx.waker())));
        Poll::Ready(if grant == GRANTED { Ok(()) } else { Err(SendError(())) })
    }
}

impl Future for TakeRoom<'_> {
    type Output = Result<(), SendError<()>>;

    #[inline(never)] // Why: so that `Sender::send`, which seldom gets here, stays short.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Why whatever the budget: with another turn it would wait as well.
        if !self.must_wait() {
            drop(ready!(coop::poll_proceed(cx)));
        }
        let taken = if self.waiter.is_none() && self.turnstile.try_take_room(self.n).is_ok() {
            Ok(())
        } else {
            ready!(self.poll_queued(cx))
        };
        if let Some(unit) = coop::unit() {
            unit.spend();
        }
        Poll::Ready(taken)
    }
}

// SAFETY: `queue` is a plain field; no method replaces the `Locked` it is lent.
unsafe impl Waitable for Turnstile<true> {
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn enter(&self, list: &mut Locked<'_>, seat: Seat) -> Entry {
        // Room that is free while others wait is about to be given to them.
        let taken = if list.is_empty() { self.take_free(seat.asked, TX_WAIT) } else { Some(0) };
        match taken {
            None => Entry::Granted(REFUSED),
            Some(taken) if taken == seat.asked => Entry::Granted(GRANTED),
            Some(taken) => Entry::Queue(End::Back, seat.asked - taken),
        }
    }

    fn left(&self, list: &mut Locked<'_>) {
        self.note_waiting(list);
    }

    fn forward(&self, grant: Option<Grant>, seat: Seat) {
        let had = match grant {
            Some(GRANTED) => seat.asked,
            Some(_refused) => 0,
            None => seat.asked - seat.key, // Some room may have been set aside for it.
        };
        if had != 0 {
            self.give_back(had);
        }
    }
}

impl<const BOUNDED: bool> fmt::Debug for Turnstile<BOUNDED> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().fmt(f)
    }
}
