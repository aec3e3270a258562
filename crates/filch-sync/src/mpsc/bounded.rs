//! The channel whose senders wait for room.

use super::channel::{Rx, Tx, WeakTx, channel as make_channel};
use super::error::{SendError, TryRecvError, TrySendError};
use super::list::List;
use super::turnstile::{Refusal, TakeRoom};
use crate::blocking::block_on;
use crate::lock::foreign;
use crate::semaphore::Semaphore;
use filch_core::coop;
use futures_core::Stream;
use std::fmt;
use std::future::poll_fn;
use std::iter::FusedIterator;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Makes a channel that holds up to `buffer` messages; senders wait when there are as many, in the order in which they
/// came.
///
/// Memory is taken for the messages that wait, not for `buffer`. A `buffer` of more than 2²⁸ − 2 counts as that.
///
/// # Panics
/// If `buffer` is zero, or more than [`Semaphore::MAX_PERMITS`].
///
/// # Examples
///
/// ```
/// use filch_sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::channel(8);
/// # futures_lite::future::block_on(async {
/// sender.send("hello").await.unwrap();
/// drop(sender);
/// assert_eq!(receiver.recv().await, Some("hello"));
/// assert_eq!(receiver.recv().await, None);
/// # });
/// ```
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(
        buffer > 0,
        "mpsc::channel was asked for a buffer of 0 messages: pass 1 or more, or use `rendezvous` to hand messages over one by one, `oneshot` for a single one"
    );
    assert!(
        buffer <= Semaphore::MAX_PERMITS,
        "mpsc::channel was asked for a buffer of {buffer} messages: pass at most Semaphore::MAX_PERMITS (usize::MAX >> 3), or use `mpsc::unbounded_channel`"
    );
    let (tx, rx) = make_channel(buffer);
    (Sender { tx }, Receiver { rx })
}

/// An end that sends, of which there may be many. From [`channel`].
///
/// Dropping the last one ends the channel for the receiver.
///
/// # Examples
///
/// ```
/// use filch_sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::channel(2);
/// let another = sender.clone();
/// # futures_lite::future::block_on(async {
/// sender.send(1).await.unwrap();
/// another.send(2).await.unwrap();
/// assert_eq!((receiver.recv().await, receiver.recv().await), (Some(1), Some(2)));
/// # });
/// ```
pub struct Sender<T> {
    tx: Tx<T, true>,
}

impl<T> Sender<T> {
    /// Sends a message, and waits for room before.
    ///
    /// # Errors
    /// If the receiver is gone or closed the channel: the message comes back.
    ///
    /// # Cancel safety
    /// A dropped call has not sent; the message is dropped with it, and the place in the queue is lost. Where that is too
    /// much, [`reserve`](Self::reserve) first.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc::{self, error::SendError};
    ///
    /// let (sender, receiver) = mpsc::channel(1);
    /// # futures_lite::future::block_on(async {
    /// sender.send(1).await.unwrap();
    /// drop(receiver);
    /// assert_eq!(sender.send(2).await, Err(SendError(2)));
    /// # });
    /// ```
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        let Err(value) = self.send_at_once(value) else { return Ok(()) };
        let taken = self.take_room(1).await.ok();
        let Some(claim) = taken.and_then(|()| self.list().claim_with_room()) else {
            return Err(SendError(value));
        };
        claim.write(value);
        Ok(())
    }

    /// Sends a message, if there is room and the budget allows it.
    // Why: most messages go this way, and nothing of theirs is kept for a later poll.
    #[inline]
    fn send_at_once(&self, value: T) -> Result<(), T> {
        let Some(unit) = coop::unit() else { return Err(value) };
        let Ok(claim) = self.list().claim() else { return Err(value) };
        unit.spend();
        claim.write(value);
        Ok(())
    }

    /// Sends a message if there is room.
    ///
    /// # Errors
    /// If there is no room, or if the receiver is gone or closed the channel: the message comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc::{self, error::TrySendError};
    ///
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    /// # assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        match self.list().claim() {
            Ok(claim) => {
                claim.write(value);
                Ok(())
            }
            Err(refusal) => Err(refused(refusal, value)),
        }
    }

    /// Blocks the thread until there is room, and sends. For threads that are not part of a runtime.
    ///
    /// # Errors
    /// If the receiver is gone or closed the channel: the message comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// let thread = std::thread::spawn(move || (0..3).try_for_each(|n| sender.blocking_send(n)));
    /// # futures_lite::future::block_on(async {
    /// for n in 0..3 {
    ///     assert_eq!(receiver.recv().await, Some(n));
    /// }
    /// # });
    /// thread.join().unwrap().unwrap();
    /// ```
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        block_on(self.send(value))
    }

    /// Waits for room for one message, and keeps it.
    ///
    /// # Errors
    /// If the receiver is gone or closed the channel.
    ///
    /// # Cancel safety
    /// A dropped call keeps no room; the place in the queue is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// # futures_lite::future::block_on(async {
    /// let permit = sender.reserve().await.unwrap();
    /// assert!(sender.try_send("too many").is_err());
    /// permit.send("prepared when there was room for it");
    /// # assert!(receiver.recv().await.is_some());
    /// # });
    /// ```
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        self.take_room(1).await?;
        Ok(Permit { sender: self })
    }

    /// Keeps room for one message, if there is room.
    ///
    /// # Errors
    /// If there is no room, or if the receiver is gone or closed the channel.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// let permit = sender.try_reserve().unwrap();
    /// assert!(sender.try_reserve().is_err());
    /// permit.send(1);
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.try_take_room(1)?;
        Ok(Permit { sender: self })
    }

    /// Waits for room for `n` messages together, and keeps it.
    ///
    /// # Errors
    /// If the receiver is gone or closed the channel, or if `n` is more than [`max_capacity`](Self::max_capacity).
    ///
    /// # Cancel safety
    /// A dropped call keeps no room, also if some was set aside for it; the place in the queue is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(2);
    /// # futures_lite::future::block_on(async {
    /// for (n, permit) in sender.reserve_many(2).await.unwrap().enumerate() {
    ///     permit.send(n);
    /// }
    /// assert_eq!((receiver.recv().await, receiver.recv().await), (Some(0), Some(1)));
    /// # });
    /// ```
    pub async fn reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        if n > self.max_capacity() {
            return Err(SendError(()));
        }
        self.take_room(n).await?;
        Ok(PermitIterator { sender: self, n })
    }

    /// Keeps room for `n` messages, if there is room for all of them.
    ///
    /// # Errors
    /// If there is no room for as many, or if the receiver is gone or closed the channel.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(2);
    /// assert!(sender.try_reserve_many(3).is_err());
    /// let mut permits = sender.try_reserve_many(2).unwrap();
    /// permits.next().unwrap().send("one");
    /// drop(permits); // The other room is free again.
    /// assert_eq!(sender.capacity(), 1);
    /// # assert_eq!(receiver.try_recv(), Ok("one"));
    /// ```
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        if n > self.max_capacity() {
            return Err(TrySendError::Full(()));
        }
        self.try_take_room(n)?;
        Ok(PermitIterator { sender: self, n })
    }

    /// Waits for room for one message; the permit holds the sender and has no lifetime.
    ///
    /// # Errors
    /// If the receiver is gone or closed the channel.
    ///
    /// # Cancel safety
    /// A dropped call keeps no room, and drops the sender.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// # futures_lite::future::block_on(async {
    /// let permit = sender.reserve_owned().await.unwrap();
    /// let sender = permit.send(1);
    /// assert_eq!(receiver.recv().await, Some(1));
    /// # drop(sender);
    /// # });
    /// ```
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        self.take_room(1).await?;
        Ok(OwnedPermit { sender: Some(self) })
    }

    /// Keeps room for one message, if there is room; the permit holds the sender and has no lifetime.
    ///
    /// # Errors
    /// If there is no room, or if the receiver is gone or closed the channel: the sender comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc::{self, error::TrySendError};
    ///
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// let permit = sender.clone().try_reserve_owned().unwrap();
    /// let Err(TrySendError::Full(sender)) = sender.try_reserve_owned() else { panic!() };
    /// permit.send(1);
    /// # assert_eq!(receiver.try_recv(), Ok(1));
    /// # drop(sender);
    /// ```
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.list().turnstile.try_take_room(1) {
            Ok(()) => Ok(OwnedPermit { sender: Some(self) }),
            Err(refusal) => Err(refused(refusal, self)),
        }
    }

    /// Waits until the receiver is gone or closed the channel.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, receiver) = mpsc::channel::<i32>(1);
    /// # futures_lite::future::block_on(async {
    /// drop(receiver);
    /// sender.closed().await;
    /// # });
    /// ```
    pub async fn closed(&self) {
        self.tx.closed().await;
    }

    /// Whether the receiver is gone or closed the channel.
    pub fn is_closed(&self) -> bool {
        self.tx.channel.is_closed()
    }

    /// The messages for which there is room at this moment.
    pub fn capacity(&self) -> usize {
        free_room(self.list())
    }

    /// The messages for which there is room when none wait.
    pub fn max_capacity(&self) -> usize {
        self.list().turnstile.limit
    }

    /// Whether both send to one receiver.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.same_channel(&other.tx)
    }

    /// A sender that does not keep the channel open.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel::<i32>(1);
    /// let weak = sender.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(sender);
    /// assert!(weak.upgrade().is_none());
    /// assert!(receiver.blocking_recv().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { tx: self.tx.downgrade() }
    }

    /// How many senders there are, weak ones aside.
    pub fn strong_count(&self) -> usize {
        self.tx.channel.n_senders()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.tx.channel.n_weak()
    }

    pub(super) fn list(&self) -> &List<T, true> {
        &self.tx.channel.list
    }

    fn take_room(&self, n: usize) -> TakeRoom<'_> {
        self.list().turnstile.take_room(n)
    }

    fn try_take_room(&self, n: usize) -> Result<(), TrySendError<()>> {
        self.list().turnstile.try_take_room(n).map_err(|refusal| refused(refusal, ()))
    }
}

fn refused<V>(refusal: Refusal, value: V) -> TrySendError<V> {
    match refusal {
        Refusal::Full => TrySendError::Full(value),
        Refusal::Closed => TrySendError::Closed(value),
    }
}

/// Sends what nobody waits for to hear whether it was sent.
fn send_with_room<T>(list: &List<T, true>, value: T) {
    match list.claim_with_room() {
        Some(claim) => claim.write(value),
        None => foreign(|| drop(value)),
    }
}

fn free_room<T>(list: &List<T, true>) -> usize {
    list.turnstile.free_room(list.turnstile.state())
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, "Sender", self.list())
    }
}

fn debug<T>(f: &mut fmt::Formatter<'_>, name: &str, list: &List<T, true>) -> fmt::Result {
    f.debug_struct(name)
        .field("capacity", &free_room(list))
        .field("max_capacity", &list.turnstile.limit)
        .field("state", &list.turnstile)
        .finish()
}

/// A [`Sender`] that does not keep the channel open. From [`Sender::downgrade`].
///
/// # Examples
///
/// ```
/// use filch_sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::channel(1);
/// let weak = sender.downgrade();
/// weak.upgrade().expect("a sender is there").try_send(1).unwrap();
/// assert_eq!(receiver.try_recv(), Ok(1));
/// ```
pub struct WeakSender<T> {
    tx: WeakTx<T, true>,
}

impl<T> WeakSender<T> {
    /// A sender, unless the last one is gone.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.tx.upgrade().map(|tx| Sender { tx })
    }

    /// How many senders there are, weak ones aside.
    pub fn strong_count(&self) -> usize {
        self.tx.channel.n_senders()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.tx.channel.n_weak()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        WeakSender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}

/// Room for one message, given back on drop. From [`Sender::reserve`].
///
/// # Examples
///
/// ```
/// use filch_sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::channel::<i32>(1);
/// drop(sender.try_reserve().unwrap());
/// sender.try_reserve().expect("the room is free again").send(1);
/// assert_eq!(receiver.try_recv(), Ok(1));
/// ```
#[must_use = "room that is given back at once is not used"]
pub struct Permit<'a, T> {
    sender: &'a Sender<T>,
}

impl<T> Permit<'_, T> {
    /// Sends the message. Never waits, and never fails: a receiver that closed the channel still gets it. If the receiver is
    /// gone, the message is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// let permit = sender.try_reserve().unwrap();
    /// receiver.close();
    /// permit.send("in time");
    /// assert_eq!(receiver.blocking_recv(), Some("in time"));
    /// assert_eq!(receiver.blocking_recv(), None);
    /// ```
    pub fn send(self, value: T) {
        let sender = self.sender;
        std::mem::forget(self);
        send_with_room(sender.list(), value);
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.sender.list().turnstile.give_back(1);
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// Room for some messages, as many permits. What is left of it is given back on drop. From [`Sender::reserve_many`].
///
/// # Examples
///
/// ```
/// use filch_sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::channel(3);
/// let permits = sender.try_reserve_many(3).unwrap();
/// assert_eq!(permits.len(), 3);
/// for (permit, word) in permits.zip(["one", "two", "three"]) {
///     permit.send(word);
/// }
/// assert_eq!(receiver.len(), 3);
/// # receiver.close();
/// ```
#[must_use = "room that is given back at once is not used"]
pub struct PermitIterator<'a, T> {
    sender: &'a Sender<T>,
    n: usize,
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.n = self.n.checked_sub(1)?;
        Some(Permit { sender: self.sender })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.n, Some(self.n))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> Drop for PermitIterator<'_, T> {
    fn drop(&mut self) {
        if self.n != 0 {
            self.sender.list().turnstile.give_back(self.n);
        }
    }
}

impl<T> fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitIterator").field("n", &self.n).finish_non_exhaustive()
    }
}

/// Room for one message and the sender to send it with. From [`Sender::reserve_owned`].
///
/// # Examples
///
/// ```
/// use filch_sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::channel(1);
/// let permit = sender.try_reserve_owned().unwrap();
/// std::thread::spawn(move || permit.send("from afar"));
/// assert_eq!(receiver.blocking_recv(), Some("from afar"));
/// ```
#[must_use = "room that is given back at once is not used"]
pub struct OwnedPermit<T> {
    /// `None` only when it is being consumed.
    sender: Option<Sender<T>>,
}

impl<T> OwnedPermit<T> {
    /// Sends the message, and gives the sender back. Never waits, and never fails: a receiver that closed the channel
    /// still gets it. If the receiver is gone, the message is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(2);
    /// let sender = sender.try_reserve_owned().unwrap().send(1);
    /// sender.try_send(2).unwrap();
    /// assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Ok(2)));
    /// ```
    pub fn send(mut self, value: T) -> Sender<T> {
        let sender = self.take();
        send_with_room(sender.list(), value);
        sender
    }

    /// Gives the room and the sender back.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, _receiver) = mpsc::channel::<i32>(1);
    /// let sender = sender.try_reserve_owned().unwrap().release();
    /// assert_eq!(sender.capacity(), 1);
    /// ```
    pub fn release(mut self) -> Sender<T> {
        let sender = self.take();
        sender.list().turnstile.give_back(1);
        sender
    }

    /// Whether both are for one receiver.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.sender().same_channel(other.sender())
    }

    /// Whether both are for one receiver.
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.sender().same_channel(sender)
    }

    fn sender(&self) -> &Sender<T> {
        self.sender.as_ref().expect(HAS_SENDER)
    }

    fn take(&mut self) -> Sender<T> {
        self.sender.take().expect(HAS_SENDER)
    }
}

const HAS_SENDER: &str = "a permit has its sender until it is consumed";

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(sender) = &self.sender {
            sender.list().turnstile.give_back(1);
        }
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").finish_non_exhaustive()
    }
}

/// The end that receives. From [`channel`].
///
/// Dropping it closes the channel and drops the messages that wait.
///
/// # Examples
///
/// ```
/// use filch_sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::channel(2);
/// sender.try_send(1).unwrap();
/// sender.try_send(2).unwrap();
/// drop(sender);
/// # futures_lite::future::block_on(async {
/// let mut sum = 0;
/// while let Some(n) = receiver.recv().await {
///     sum += n;
/// }
/// assert_eq!(sum, 3);
/// # });
/// ```
pub struct Receiver<T> {
    rx: Rx<T, true>,
}

impl<T> Receiver<T> {
    /// Waits for a message. `None` when no message waits, and none will come.
    ///
    /// # Cancel safety
    /// A dropped call has received nothing; the message is there for the next one.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(4);
    /// sender.try_send(1).unwrap();
    /// drop(sender);
    /// # futures_lite::future::block_on(async {
    /// assert_eq!(receiver.recv().await, Some(1));
    /// assert_eq!(receiver.recv().await, None);
    /// # });
    /// ```
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| self.rx.poll_recv(cx)).await
    }

    /// Waits for at least one message, and appends up to `limit` of those that wait. Gives their number: zero when none
    /// will come, or if `limit` is zero.
    ///
    /// # Cancel safety
    /// A dropped call has received nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(4);
    /// (0..3).try_for_each(|n| sender.try_send(n)).unwrap();
    /// let mut buffer = Vec::new();
    /// # futures_lite::future::block_on(async {
    /// assert_eq!(receiver.recv_many(&mut buffer, 2).await, 2);
    /// assert_eq!(receiver.recv_many(&mut buffer, 2).await, 1);
    /// assert_eq!(buffer, [0, 1, 2]);
    /// # });
    /// # drop(sender);
    /// ```
    pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        poll_fn(|cx| self.rx.poll_recv_many(cx, buffer, limit)).await
    }

    /// Takes a message if one waits.
    ///
    /// # Errors
    /// [`Empty`](TryRecvError::Empty) if one may still come, [`Disconnected`](TryRecvError::Disconnected) if not.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc::{self, error::TryRecvError};
    ///
    /// let (sender, mut receiver) = mpsc::channel(4);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.try_send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.rx.try_recv()
    }

    /// Blocks the thread until a message comes. For threads that are not part of a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(4);
    /// std::thread::spawn(move || sender.try_send(1));
    /// assert_eq!(receiver.blocking_recv(), Some(1));
    /// assert_eq!(receiver.blocking_recv(), None);
    /// ```
    pub fn blocking_recv(&mut self) -> Option<T> {
        block_on(self.recv())
    }

    /// Blocks the thread until there is at least one message, and appends up to `limit`, as
    /// [`recv_many`](Self::recv_many). For threads that are not part of a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(4);
    /// (0..3).try_for_each(|n| sender.try_send(n)).unwrap();
    /// let mut buffer = Vec::new();
    /// assert_eq!(receiver.blocking_recv_many(&mut buffer, 10), 3);
    /// # drop(sender);
    /// ```
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        block_on(self.recv_many(buffer, limit))
    }

    /// As [`recv`](Self::recv), for use in a `poll` function. The waker of the last call is woken.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(4);
    /// sender.try_send(1).unwrap();
    /// # futures_lite::future::block_on(async {
    /// assert_eq!(std::future::poll_fn(|cx| receiver.poll_recv(cx)).await, Some(1));
    /// # });
    /// ```
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.rx.poll_recv(cx)
    }

    /// As [`recv_many`](Self::recv_many), for use in a `poll` function. The waker of the last call is woken.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(4);
    /// (0..3).try_for_each(|n| sender.try_send(n)).unwrap();
    /// let mut buffer = Vec::new();
    /// # futures_lite::future::block_on(async {
    /// let n = std::future::poll_fn(|cx| receiver.poll_recv_many(cx, &mut buffer, 10)).await;
    /// assert_eq!(n, 3);
    /// # });
    /// ```
    pub fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        self.rx.poll_recv_many(cx, buffer, limit)
    }

    /// Lets no message in that has no room yet. Those that wait, and those with a permit, can still be received.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(4);
    /// sender.try_send(1).unwrap();
    /// receiver.close();
    /// assert!(sender.try_send(2).is_err());
    /// # futures_lite::future::block_on(async {
    /// assert_eq!(receiver.recv().await, Some(1));
    /// assert_eq!(receiver.recv().await, None);
    /// # });
    /// ```
    pub fn close(&mut self) {
        self.rx.close();
    }

    /// Whether the channel was closed, or the last sender is gone.
    pub fn is_closed(&self) -> bool {
        self.rx.is_closed()
    }

    /// Whether no message waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        self.rx.len()
    }

    /// How many senders there are, weak ones aside.
    pub fn sender_strong_count(&self) -> usize {
        self.rx.channel.n_senders()
    }

    /// How many weak senders there are.
    pub fn sender_weak_count(&self) -> usize {
        self.rx.channel.n_weak()
    }

    /// The messages for which there is room at this moment.
    pub fn capacity(&self) -> usize {
        free_room(&self.rx.channel.list)
    }

    /// The messages for which there is room when none wait.
    pub fn max_capacity(&self) -> usize {
        self.rx.channel.list.turnstile.limit
    }
}

/// The messages, until the channel is closed and empty.
impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, "Receiver", &self.rx.channel.list)
    }
}

#[cfg(all(test, not(any(filch_loom, filch_shuttle))))]
mod tests {
    use super::*;
    use filch_core::coop::{Budget, has_budget_remaining, with_budget};
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::{Wake, Waker};

    fn poll<F: Future>(future: F) -> Poll<F::Output> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn each_message_spends_one_unit_on_either_side() {
        let (sender, mut receiver) = channel(4);
        with_budget(Budget::new(2), || {
            assert_eq!(poll(sender.send(1)), Poll::Ready(Ok(())));
            assert!(has_budget_remaining());
            assert_eq!(poll(sender.send(2)), Poll::Ready(Ok(())));
            assert_eq!(poll(sender.send(3)), Poll::Pending);
        });
        with_budget(Budget::new(1), || {
            assert_eq!(poll(receiver.recv()), Poll::Ready(Some(1)));
            assert_eq!(poll(receiver.recv()), Poll::Pending);
        });
        assert_eq!(receiver.try_recv(), Ok(2));
    }

    #[test]
    fn without_budget_what_would_wait_waits() {
        let (sender, mut receiver) = channel(1);
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(wakes.clone());
        let mut cx = Context::from_waker(&waker);

        let mut receiving = Box::pin(receiver.recv());
        with_budget(Budget::new(0), || assert!(receiving.as_mut().poll(&mut cx).is_pending()));
        assert_eq!(wakes.0.load(Relaxed), 0, "there is nothing to come back for");
        sender.try_send(1).expect("there is room");
        assert_eq!(wakes.0.load(Relaxed), 1);
        with_budget(Budget::new(0), || assert!(receiving.as_mut().poll(&mut cx).is_pending()));
        assert_eq!(wakes.0.load(Relaxed), 2, "there is a message, so it comes back");
        drop(receiving);

        let mut sending = Box::pin(sender.send(2));
        with_budget(Budget::new(0), || {
            assert!(sending.as_mut().poll(&mut cx).is_pending());
            assert!(sending.as_mut().poll(&mut cx).is_pending());
        });
        assert_eq!(wakes.0.load(Relaxed), 2, "there is no room to come back for");
        assert_eq!(receiver.try_recv(), Ok(1));
        assert_eq!(wakes.0.load(Relaxed), 3);
        with_budget(Budget::new(0), || assert!(sending.as_mut().poll(&mut cx).is_pending()));
        assert_eq!(wakes.0.load(Relaxed), 4, "the room is there, so it comes back");
        with_budget(Budget::new(1), || {
            assert_eq!(sending.as_mut().poll(&mut cx), Poll::Ready(Ok(())));
            assert!(!has_budget_remaining());
        });
        assert_eq!(receiver.try_recv(), Ok(2));

        with_budget(Budget::new(0), || {
            assert!(pin!(sender.send(3)).poll(&mut cx).is_pending());
        });
        assert_eq!(wakes.0.load(Relaxed), 5, "there is room, so it comes back");
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn what_waits_spends_nothing() {
        let (sender, mut receiver) = channel(1);
        with_budget(Budget::new(1), || {
            assert_eq!(poll(receiver.recv()), Poll::Pending);
            sender.try_send(1).expect("there is room");
            assert_eq!(poll(sender.send(2)), Poll::Pending);
            assert!(has_budget_remaining());
        });
        assert_eq!(receiver.try_recv(), Ok(1));
        with_budget(Budget::UNLIMITED, || {
            assert_eq!(poll(sender.send(2)), Poll::Ready(Ok(())));
            assert_eq!(poll(receiver.recv()), Poll::Ready(Some(2)));
            assert!(has_budget_remaining());
        });
    }
}
