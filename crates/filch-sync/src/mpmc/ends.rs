//! The ends of a channel, which are counted: without senders it is closed, without receivers it is closed and emptied.
//!
//! The public types of each channel are made of these.

use super::channel::{Channel, Finally, Room, poll_take};
use super::error::TryRecvError;
use crate::budget;
use crate::wait_queue::Waiter;
use filch_core::sys::sync::Arc;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

pub(crate) fn channel<T, R: Room<T>>(room: R) -> (Tx<T, R>, Rx<T, R>) {
    let channel = Arc::new(Channel::new(room));
    (Tx { channel: channel.clone() }, Rx { channel, place: None })
}

/// A sender.
pub(crate) struct Tx<T, R: Room<T>> {
    pub(crate) channel: Arc<Channel<T, R>>,
}

impl<T, R: Room<T>> Tx<T, R> {
    /// Waits until the channel is closed.
    pub(crate) async fn closed(&self) {
        // Why first: a close after this line makes it ready, and a close before it is seen.
        let ended = self.channel.ended.notified();
        if self.channel.is_closed() {
            return budget::spend().await;
        }
        ended.await;
    }

    pub(crate) fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.channel, &other.channel)
    }

    pub(crate) fn downgrade(&self) -> Weak<T, R> {
        Weak { channel: self.channel.clone() }
    }
}

impl<T, R: Room<T>> Clone for Tx<T, R> {
    fn clone(&self) -> Self {
        self.channel.n_senders.add();
        Tx { channel: self.channel.clone() }
    }
}

impl<T, R: Room<T>> Drop for Tx<T, R> {
    fn drop(&mut self) {
        if self.channel.n_senders.subtract() {
            self.channel.close();
        }
    }
}

/// Of either end, one that does not count.
pub(crate) struct Weak<T, R> {
    pub(crate) channel: Arc<Channel<T, R>>,
}

impl<T, R: Room<T>> Weak<T, R> {
    pub(crate) fn upgrade_to_sender(&self) -> Option<Tx<T, R>> {
        self.channel.n_senders.try_add().then(|| Tx { channel: self.channel.clone() })
    }

    pub(crate) fn upgrade_to_receiver(&self) -> Option<Rx<T, R>> {
        let channel = &self.channel;
        channel.n_receivers.try_add().then(|| Rx { channel: channel.clone(), place: None })
    }
}

impl<T, R> Clone for Weak<T, R> {
    fn clone(&self) -> Self {
        Weak { channel: self.channel.clone() }
    }
}

/// A waiter that keeps its channel alive.
type OwnedWaiter<T, R> = Waiter<Arc<Channel<T, R>>>;

/// A receiver.
pub(crate) struct Rx<T, R: Room<T>> {
    pub(crate) channel: Arc<Channel<T, R>>,
    /// Where `poll_recv` waits, from its first call on: there is no future to do so.
    place: Option<Pin<Box<OwnedWaiter<T, R>>>>,
}

impl<T, R: Room<T>> Rx<T, R> {
    pub(crate) async fn recv(&self) -> Option<T> {
        let waiter = pin!(Waiter::new(&*self.channel, 0));
        let waiter = waiter.into_ref();
        let mut received = None;
        poll_fn(|cx| poll_take(waiter, cx, 1, |value| received = Some(value))).await;
        received
    }

    pub(crate) async fn recv_many(&self, buffer: &mut Vec<T>, limit: usize) -> usize {
        if limit == 0 {
            return 0;
        }
        let waiter = pin!(Waiter::new(&*self.channel, 0));
        let waiter = waiter.into_ref();
        poll_fn(|cx| poll_take(waiter, cx, limit, |value| buffer.push(value))).await
    }

    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut received = None;
        match self.channel.take(1, |value| received = Some(value)) {
            Some(_) => received.ok_or(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let Rx { channel, place } = self;
        let place = place.get_or_insert_with(|| Box::pin(Waiter::new(channel.clone(), 0)));
        let mut received = None;
        poll_take(place.as_ref(), cx, 1, |value| received = Some(value)).map(|_n| received)
    }

    pub(crate) fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.channel, &other.channel)
    }

    pub(crate) fn downgrade(&self) -> Weak<T, R> {
        Weak { channel: self.channel.clone() }
    }
}

impl<T, R: Room<T>> Clone for Rx<T, R> {
    fn clone(&self) -> Self {
        self.channel.n_receivers.add();
        Rx { channel: self.channel.clone(), place: None }
    }
}

impl<T, R: Room<T>> Drop for Rx<T, R> {
    fn drop(&mut self) {
        let Rx { channel, place } = self;
        let _then_this = Finally(|| {
            if channel.n_receivers.subtract() {
                let _then_values = Finally(|| channel.clear());
                channel.close();
            }
        });
        *place = None; // Before this one is gone: it may pass something on.
    }
}
