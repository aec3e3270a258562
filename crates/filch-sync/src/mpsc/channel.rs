#![doc = include_str!("README.md")]

use super::error::TryRecvError;
use super::list::{List, Pop};
use super::state::{CLOSED, ENDED, State};
use crate::budget;
use crate::lock::foreign;
use crate::notify::Notify;
use filch_core::coop;
use filch_core::sys::hint::spin_loop;
use filch_core::sys::sync::Arc;
use filch_core::sys::sync::atomic::{AtomicUsize, Ordering::*};
use filch_core::sys::thread::yield_now;
use std::task::{Context, Poll, ready};

/// How often the receiver looks again for a message that is being written.
// Why: writing it is a copy and a store, unless the sender's thread was stopped there.
const N_LOOKS: usize = 16;

pub(super) struct Channel<T, const BOUNDED: bool> {
    pub(super) list: List<T, BOUNDED>,
    /// Wakes the senders that wait for the receiver's end.
    rx_closed: Notify,
    /// How many `Tx` there are. At zero it stays.
    n_senders: AtomicUsize,
    /// How many `WeakTx` there are.
    n_weak: AtomicUsize,
}

pub(super) fn channel<T, const BOUNDED: bool>(limit: usize) -> (Tx<T, BOUNDED>, Rx<T, BOUNDED>) {
    let channel = Arc::new(Channel {
        list: List::new(limit),
        rx_closed: Notify::new(),
        n_senders: AtomicUsize::new(1),
        n_weak: AtomicUsize::new(0),
    });
    (Tx { channel: channel.clone() }, Rx { channel })
}

impl<T, const BOUNDED: bool> Channel<T, BOUNDED> {
    pub(super) fn is_closed(&self) -> bool {
        self.list.turnstile.state().is(CLOSED)
    }

    /// Lets no message in that has no room yet, and tells all senders.
    ///
    /// # Safety
    /// The caller is the receiver.
    unsafe fn close(&self) {
        /// Goes on when the waker of a sender that waits for room panics.
        struct TellOthers<'a>(&'a Notify);
        impl Drop for TellOthers<'_> {
            fn drop(&mut self) {
                self.0.notify_waiters();
            }
        }
        let _others = TellOthers(&self.rx_closed);
        // SAFETY: the caller's promise.
        unsafe { self.list.turnstile.close() };
    }

    pub(super) fn n_senders(&self) -> usize {
        self.n_senders.load(Relaxed)
    }

    pub(super) fn n_weak(&self) -> usize {
        self.n_weak.load(Relaxed)
    }
}

/// A sender of either kind.
pub(super) struct Tx<T, const BOUNDED: bool> {
    pub(super) channel: Arc<Channel<T, BOUNDED>>,
}

impl<T, const BOUNDED: bool> Tx<T, BOUNDED> {
    pub(super) async fn closed(&self) {
        // Why first: a close after this line makes it ready, and a close before it is seen.
        let closed = self.channel.rx_closed.notified();
        if self.channel.is_closed() {
            budget::spend().await;
        } else {
            closed.await;
        }
    }

    pub(super) fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.channel, &other.channel)
    }

    pub(super) fn downgrade(&self) -> WeakTx<T, BOUNDED> {
        WeakTx::new(&self.channel)
    }
}

impl<T, const BOUNDED: bool> Clone for Tx<T, BOUNDED> {
    fn clone(&self) -> Self {
        self.channel.n_senders.fetch_add(1, Relaxed); // Relaxed: there is one already, so nobody can see zero.
        Tx { channel: self.channel.clone() }
    }
}

impl<T, const BOUNDED: bool> Drop for Tx<T, BOUNDED> {
    fn drop(&mut self) {
        // ORDERING: [senders] Release: what was sent is in the list. Acquire: what all others sent, for the last one.
        if self.channel.n_senders.fetch_sub(1, AcqRel) == 1 {
            self.channel.list.turnstile.lose_senders();
        }
    }
}

/// A sender that does not keep the channel open.
pub(super) struct WeakTx<T, const BOUNDED: bool> {
    pub(super) channel: Arc<Channel<T, BOUNDED>>,
}

impl<T, const BOUNDED: bool> WeakTx<T, BOUNDED> {
    fn new(channel: &Arc<Channel<T, BOUNDED>>) -> Self {
        channel.n_weak.fetch_add(1, Relaxed);
        WeakTx { channel: channel.clone() }
    }

    pub(super) fn upgrade(&self) -> Option<Tx<T, BOUNDED>> {
        let mut n = self.channel.n_senders.load(Relaxed);
        while n != 0 {
            // Relaxed: there is one already, as in `clone`.
            match self.channel.n_senders.compare_exchange_weak(n, n + 1, Relaxed, Relaxed) {
                Ok(_) => return Some(Tx { channel: self.channel.clone() }),
                Err(actual) => n = actual,
            }
        }
        None
    }
}

impl<T, const BOUNDED: bool> Clone for WeakTx<T, BOUNDED> {
    fn clone(&self) -> Self {
        WeakTx::new(&self.channel)
    }
}

impl<T, const BOUNDED: bool> Drop for WeakTx<T, BOUNDED> {
    fn drop(&mut self) {
        self.channel.n_weak.fetch_sub(1, Relaxed);
    }
}

/// The receiver of either kind. **Invariant:** there is one per channel, so with `&mut Rx` one is the receiver.
pub(super) struct Rx<T, const BOUNDED: bool> {
    pub(super) channel: Arc<Channel<T, BOUNDED>>,
}

/// What the receiver found.
enum Taken<const BOUNDED: bool> {
    /// So many messages.
    Some(usize),
    /// None, and none will come.
    End,
    /// None in this state.
    None(State<BOUNDED>),
    /// None: the first one is being written.
    Busy,
}

impl<const BOUNDED: bool> Taken<BOUNDED> {
    fn nothing_in(state: State<BOUNDED>) -> Self {
        if state.is_final() { Taken::End } else { Taken::None(state) }
    }
}

impl<T, const BOUNDED: bool> Rx<T, BOUNDED> {
    pub(super) fn close(&mut self) {
        // SAFETY: `&mut Rx` is the receiver.
        unsafe { self.channel.close() };
    }

    pub(super) fn is_closed(&self) -> bool {
        self.channel.list.turnstile.state().is(CLOSED | ENDED)
    }

    pub(super) fn len(&self) -> usize {
        // SAFETY: no `&mut Rx` exists beside `&self`, so nobody pops meanwhile.
        unsafe { self.channel.list.len() }
    }

    /// Takes one message.
    #[inline]
    fn take_one(&mut self, into: &mut Option<T>) -> Taken<BOUNDED> {
        let list = &self.channel.list;
        // SAFETY: `&mut Rx` is the receiver.
        match unsafe { list.look() } {
            Pop::Message(first) => {
                // Why first: if the waker of a sender panics, the message is still there.
                list.turnstile.give_back_before_taking();
                // SAFETY: as above, and nothing was taken since.
                *into = Some(unsafe { list.take(first) });
                Taken::Some(1)
            }
            Pop::Empty(state) => Taken::nothing_in(state),
            Pop::Busy => Taken::Busy,
        }
    }

    /// Takes up to `limit` messages. Those that are in the buffer stay there if the waker of a sender panics.
    #[inline]
    fn take_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> Taken<BOUNDED> {
        let list = &self.channel.list;
        let mut n = 0;
        let nothing = loop {
            if n == limit {
                break Taken::Some(n);
            }
            // SAFETY: `&mut Rx` is the receiver.
            match unsafe { list.pop() } {
                Pop::Message(message) => {
                    buffer.push(message);
                    n += 1;
                }
                Pop::Empty(state) => break Taken::nothing_in(state),
                Pop::Busy => break Taken::Busy,
            }
        };
        if n == 0 {
            return nothing;
        }
        list.turnstile.give_back_received(n);
        Taken::Some(n)
    }

    /// Looks a few times more, after the message was being written.
    #[cold]
    fn take_again(&mut self, take: &mut impl FnMut(&mut Self) -> Taken<BOUNDED>) -> Taken<BOUNDED> {
        for _ in 0..N_LOOKS {
            spin_loop();
            match take(self) {
                Taken::Busy => {}
                taken => return taken,
            }
        }
        yield_now(); // The sender's thread may be waiting for this core.
        take(self)
    }

    #[inline]
    fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&mut Self) -> Taken<BOUNDED>,
    ) -> Poll<usize> {
        let budget = ready!(coop::poll_proceed(cx));
        let n = match take(self) {
            Taken::Some(n) => n,
            nothing => ready!(self.poll_take_more(cx, nothing, &mut take)),
        };
        budget.made_progress();
        Poll::Ready(n)
    }

    /// Waits, if nothing was taken and there may still be something.
    #[inline(never)] // Why: so that the path of a message that is there stays short.
    fn poll_take_more(
        &mut self,
        cx: &mut Context<'_>,
        mut taken: Taken<BOUNDED>,
        take: &mut impl FnMut(&mut Self) -> Taken<BOUNDED>,
    ) -> Poll<usize> {
        loop {
            match taken {
                Taken::Some(n) => return Poll::Ready(n),
                Taken::End => return Poll::Ready(0),
                Taken::None(state) => {
                    // SAFETY: `&mut Rx` is the receiver, and found nothing in this state, which is not final.
                    if unsafe { self.channel.list.turnstile.register(state, cx.waker()) } {
                        return Poll::Pending;
                    }
                    taken = take(self); // The state has changed.
                }
                Taken::Busy => {
                    taken = self.take_again(take);
                    if matches!(taken, Taken::Busy) {
                        // Why not wait: the sender has made its last step on the word, and would not see it.
                        foreign(|| cx.waker().wake_by_ref());
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    #[inline]
    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        match self.take_at_once() {
            Some(message) => Poll::Ready(Some(message)),
            None => self.poll_recv_slowly(cx),
        }
    }

    /// Takes one message, if it is there and the budget allows it.
    #[inline]
    fn take_at_once(&mut self) -> Option<T> {
        let unit = coop::unit()?;
        let list = &self.channel.list;
        // SAFETY: `&mut Rx` is the receiver.
        let first = unsafe { list.first() }?;
        list.turnstile.give_back_before_taking(); // As in `take_one`.
        unit.spend();
        // SAFETY: as above, and nothing was taken since.
        Some(unsafe { list.take(first) })
    }

    #[inline(never)] // Why: as for `poll_take_more`.
    fn poll_recv_slowly(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut received = None;
        self.poll_take(cx, |rx| rx.take_one(&mut received)).map(|_n| received)
    }

    pub(super) fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        if limit == 0 {
            return Poll::Ready(0);
        }
        self.poll_take(cx, |rx| rx.take_many(buffer, limit))
    }

    pub(super) fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let mut received = None;
        let mut take = |rx: &mut Self| rx.take_one(&mut received);
        let mut taken = take(self);
        // Why go on: a message behind the one that is being written may have been sent before this call.
        while let Taken::Busy = taken {
            taken = self.take_again(&mut take);
        }
        match taken {
            Taken::None(_) => Err(TryRecvError::Empty),
            _message_or_end => received.ok_or(TryRecvError::Disconnected),
        }
    }
}

impl<T, const BOUNDED: bool> Drop for Rx<T, BOUNDED> {
    fn drop(&mut self) {
        /// Goes on when the waker of a sender panics.
        struct Messages<'a, T, const BOUNDED: bool>(&'a List<T, BOUNDED>);
        impl<T, const BOUNDED: bool> Drop for Messages<'_, T, BOUNDED> {
            fn drop(&mut self) {
                self.0.turnstile.lose_receiver(); // From here on nothing is claimed that would not be dropped here.
                // SAFETY: made by the receiver.
                unsafe { self.0.clear(|| self.0.turnstile.give_back_received(1)) };
            }
        }
        let _messages = Messages(&self.channel.list);
        // SAFETY: `&mut Rx` is the receiver.
        unsafe { self.channel.close() };
    }
}
