#![doc = include_str!("README.md")]

use super::error::TryRecvError;
use super::list::{First, List, Pop};
use super::state::{CLOSED, ENDED};
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

    /// Waits for a message, and gives what `take` makes of it, or of `None` if none will come.
    #[inline]
    fn poll_take<R>(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&List<T, BOUNDED>, Option<First<'_, T>>) -> R,
    ) -> Poll<R> {
        let list = &self.channel.list;
        let first = loop {
            // SAFETY: `&mut Rx` is the receiver.
            match unsafe { look(list) } {
                Pop::Message(first) => break Some(first),
                Pop::Empty(state) if state.is_final() => break None,
                Pop::Empty(state) => {
                    // Why whatever the budget: with another turn it would wait as well.
                    // SAFETY: `&mut Rx` is the receiver, and found nothing in this state, which is not final.
                    if unsafe { list.turnstile.register(state, cx.waker()) } {
                        return Poll::Pending;
                    } // Else the state has changed.
                }
                Pop::Busy => {
                    // Why not wait: the sender has made its last step on the word, and would not see it.
                    foreign(|| cx.waker().wake_by_ref());
                    return Poll::Pending;
                }
            }
        };
        let budget = ready!(coop::poll_proceed(cx));
        let taken = take(list, first);
        budget.made_progress();
        Poll::Ready(taken)
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
        // SAFETY: as above, and nothing was taken since.
        let message = unsafe { take_one(list, first) };
        unit.spend();
        Some(message)
    }

    #[inline(never)] // Why: so that the path of a message that is there stays short.
    fn poll_recv_slowly(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        // SAFETY: `poll_take` calls it as the receiver.
        self.poll_take(cx, |list, first| first.map(|first| unsafe { take_one(list, first) }))
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
        self.poll_take(cx, |list, first| match first {
            // SAFETY: `poll_take` calls it as the receiver.
            Some(first) => unsafe { take_many(list, first, buffer, limit) },
            None => 0,
        })
    }

    pub(super) fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let list = &self.channel.list;
        loop {
            // SAFETY: `&mut Rx` is the receiver.
            match unsafe { look(list) } {
                // SAFETY: as above, and nothing was taken since.
                Pop::Message(first) => return Ok(unsafe { take_one(list, first) }),
                Pop::Empty(state) if state.is_final() => return Err(TryRecvError::Disconnected),
                Pop::Empty(_) => return Err(TryRecvError::Empty),
                // Why go on: a message behind the one that is being written may have been sent before this call.
                Pop::Busy => {}
            }
        }
    }
}

/// Looks for the first message, and a few times more while it is being written.
///
/// # Safety
/// As for [`List::look`].
#[inline]
unsafe fn look<T, const BOUNDED: bool>(list: &List<T, BOUNDED>) -> Pop<First<'_, T>, BOUNDED> {
    // SAFETY: the caller's promise.
    match unsafe { list.look() } {
        // SAFETY: as above.
        Pop::Busy => unsafe { look_again(list) },
        found => found,
    }
}

/// # Safety
/// As for [`List::look`].
#[cold]
unsafe fn look_again<T, const BOUNDED: bool>(
    list: &List<T, BOUNDED>,
) -> Pop<First<'_, T>, BOUNDED> {
    for _ in 0..N_LOOKS {
        spin_loop();
        // SAFETY: the caller's promise.
        match unsafe { list.look() } {
            Pop::Busy => {}
            found => return found,
        }
    }
    yield_now(); // The sender's thread may be waiting for this core.
    // SAFETY: as above.
    unsafe { list.look() }
}

/// Takes one message.
///
/// # Safety
/// As for [`List::take`].
#[inline]
unsafe fn take_one<T, const BOUNDED: bool>(list: &List<T, BOUNDED>, first: First<'_, T>) -> T {
    list.turnstile.give_back_before_taking(); // Why first: if the waker of a sender panics, the message is still there.
    // SAFETY: the caller's promise.
    unsafe { list.take(first) }
}

/// Takes up to `limit` messages, at least one. Those that are in the buffer stay there if the waker of a sender panics.
///
/// # Safety
/// As for [`List::take`].
#[inline]
unsafe fn take_many<T, const BOUNDED: bool>(
    list: &List<T, BOUNDED>,
    first: First<'_, T>,
    buffer: &mut Vec<T>,
    limit: usize,
) -> usize {
    // SAFETY: the caller's promise.
    buffer.push(unsafe { list.take(first) });
    let mut n = 1;
    while n < limit {
        // SAFETY: as above.
        let Some(first) = (unsafe { list.first() }) else { break };
        // SAFETY: as above; it was seen just now.
        buffer.push(unsafe { list.take(first) });
        n += 1;
    }
    list.turnstile.give_back_received(n);
    n
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
