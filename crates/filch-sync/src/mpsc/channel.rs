//! What senders and receiver share, and the receiver's half of the protocol, for both kinds of channel.
//!
//! The kinds differ in their [`Room`]: what a message must have before it may be sent.

use super::error::TryRecvError;
use super::list::{List, Pop};
use super::rx_waker::RxWaker;
use crate::notify::Notify;
use filch_core::coop;
use filch_core::sys::sync::Arc;
use filch_core::sys::sync::atomic::{AtomicUsize, Ordering::*};
use filch_core::sys::thread::yield_now;
use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

/// What limits the messages that wait.
pub(super) trait Room: fmt::Debug + Sized {
    /// Lets no message in that does not have its room already.
    fn close<T>(&self, list: &List<T>);

    fn is_closed<T>(&self, list: &List<T>) -> bool;

    /// Closed, and no message has room that is not in the list.
    fn is_final<T>(&self, list: &List<T>) -> bool;

    /// `n` messages were taken out.
    fn give_back(&self, n: usize);
}

#[derive(Debug)]
pub(super) struct Channel<T, R> {
    pub(super) list: List<T>,
    pub(super) room: R,
    pub(super) rx_waker: RxWaker,
    /// Wakes the senders that wait for the receiver's end.
    rx_closed: Notify,
    /// How many `Tx` there are. At zero it stays.
    n_senders: AtomicUsize,
}

pub(super) fn channel<T, R: Room>(room: R) -> (Tx<T, R>, Rx<T, R>) {
    let channel = Arc::new(Channel {
        list: List::new(),
        room,
        rx_waker: RxWaker::new(),
        rx_closed: Notify::new(),
        n_senders: AtomicUsize::new(1),
    });
    (Tx { channel: channel.clone() }, Rx { channel })
}

impl<T, R: Room> Channel<T, R> {
    /// Whether nothing more comes than what is in the list.
    fn is_final(&self) -> bool {
        // ORDERING: [senders] pairs with the drop of a `Tx`: what it sent is in the list.
        self.n_senders.load(Acquire) == 0 || self.room.is_final(&self.list)
    }
}

/// A sender of either kind.
pub(super) struct Tx<T, R: Room> {
    pub(super) channel: Arc<Channel<T, R>>,
}

impl<T, R: Room> Tx<T, R> {
    pub(super) fn is_closed(&self) -> bool {
        self.channel.room.is_closed(&self.channel.list)
    }

    pub(super) async fn closed(&self) {
        // Why first: a close after this line makes it ready, and a close before it is seen.
        let closed = self.channel.rx_closed.notified();
        if !self.is_closed() {
            closed.await;
        }
    }

    pub(super) fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.channel, &other.channel)
    }

    pub(super) fn n_senders(&self) -> usize {
        self.channel.n_senders.load(Relaxed)
    }

    pub(super) fn downgrade(&self) -> WeakTx<T, R> {
        WeakTx { channel: self.channel.clone() }
    }
}

impl<T, R: Room> Clone for Tx<T, R> {
    fn clone(&self) -> Self {
        self.channel.n_senders.fetch_add(1, Relaxed); // Relaxed: there is one already, so nobody can see zero.
        Tx { channel: self.channel.clone() }
    }
}

impl<T, R: Room> Drop for Tx<T, R> {
    fn drop(&mut self) {
        // ORDERING: [senders] Release: what was sent is in the list. Acquire: what all others sent, for the last one.
        if self.channel.n_senders.fetch_sub(1, AcqRel) == 1 {
            self.channel.rx_waker.wake();
        }
    }
}

/// A sender that does not keep the channel open.
pub(super) struct WeakTx<T, R> {
    channel: Arc<Channel<T, R>>,
}

impl<T, R: Room> WeakTx<T, R> {
    pub(super) fn upgrade(&self) -> Option<Tx<T, R>> {
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

    pub(super) fn n_senders(&self) -> usize {
        self.channel.n_senders.load(Relaxed)
    }
}

impl<T, R> Clone for WeakTx<T, R> {
    fn clone(&self) -> Self {
        WeakTx { channel: self.channel.clone() }
    }
}

/// The receiver of either kind. **Invariant:** there is one per channel, so with `&mut Rx` one is the consumer.
pub(super) struct Rx<T, R: Room> {
    pub(super) channel: Arc<Channel<T, R>>,
}

impl<T, R: Room> Rx<T, R> {
    pub(super) fn close(&mut self) {
        self.channel.room.close(&self.channel.list);
        self.channel.rx_closed.notify_waiters();
    }

    pub(super) fn is_closed(&self) -> bool {
        // ORDERING: [senders] as in `Channel::is_final`.
        self.channel.room.is_closed(&self.channel.list) || self.channel.n_senders.load(Acquire) == 0
    }

    pub(super) fn len(&self) -> usize {
        // SAFETY: no `&mut Rx` exists beside `&self`, so nobody pops meanwhile.
        unsafe { self.channel.list.len() }
    }

    fn pop(&mut self) -> Pop<T> {
        // SAFETY: `&mut Rx` is the one consumer.
        unsafe { self.channel.list.pop() }
    }

    /// Takes up to `limit` messages. `None`: none yet. Zero: none will come.
    fn take(&mut self, limit: usize, mut into: impl FnMut(T)) -> Option<usize> {
        let mut n = 0;
        let mut is_final = false;
        while n < limit {
            match self.pop() {
                Pop::Message(message) => {
                    into(message);
                    n += 1;
                }
                Pop::Busy => break,
                Pop::Empty if n == 0 && !is_final && self.channel.is_final() => is_final = true, // Looks once more.
                Pop::Empty if is_final && n == 0 => return Some(0),
                Pop::Empty => break,
            }
        }
        if n == 0 {
            return None;
        }
        self.channel.room.give_back(n);
        Some(n)
    }

    fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        limit: usize,
        mut into: impl FnMut(T),
    ) -> Poll<usize> {
        let budget = ready!(coop::poll_proceed(cx));
        let mut taken = self.take(limit, &mut into);
        if taken.is_none() {
            self.channel.rx_waker.register(cx.waker());
            taken = self.take(limit, into);
        }
        match taken {
            Some(n) => {
                budget.made_progress();
                Poll::Ready(n)
            }
            None => Poll::Pending,
        }
    }

    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut received = None;
        self.poll_take(cx, 1, |message| received = Some(message)).map(|_n| received)
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
        self.poll_take(cx, limit, |message| buffer.push(message))
    }

    pub(super) async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    pub(super) async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        poll_fn(|cx| self.poll_recv_many(cx, buffer, limit)).await
    }

    pub(super) fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let mut received = None;
        loop {
            match self.take(1, |message| received = Some(message)) {
                Some(_) => return received.ok_or(TryRecvError::Disconnected),
                None if self.len() == 0 => return Err(TryRecvError::Empty),
                // Why wait: a message behind the one that is being written may have been sent before this call.
                None => yield_now(),
            }
        }
    }
}

impl<T, R: Room> Drop for Rx<T, R> {
    fn drop(&mut self) {
        self.close();
        let room = &self.channel.room;
        // SAFETY: `&mut Rx` is the one consumer.
        unsafe { self.channel.list.clear(|| room.give_back(1)) };
    }
}
