//! Channels of many receivers: nothing is lost under random programs, foreign code that misbehaves, limits and types.

use crate::tools::{Count, call, poll, poll_with, ready, unclonable};
use filch_core::coop::{Budget, with_budget};
use filch_sync::mpmc::error::{SendError, TryRecvError, TrySendError};
use filch_sync::mpmc::{self, Receiver, Sender, WeakReceiver, WeakSender};
use proptest::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::task::{Context, Poll, Waker};

/// A value that counts its end.
#[derive(Debug)]
pub(crate) struct Value(Arc<AtomicUsize>);

impl Drop for Value {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Two ends of which the random program below uses what all channels have.
pub(crate) trait Ends {
    fn send(&self, value: Value) -> Option<BoxFuture<Result<(), SendError<Value>>>>;
    fn try_send(&self, value: Value) -> Result<(), TrySendError<Value>>;
    /// What comes out for it, where there is such a method.
    fn force_send(&self, value: Value) -> Result<Option<Value>, Value>;
    fn recv(&self) -> Option<BoxFuture<Option<Value>>>;
    fn try_recv(&self) -> Result<Value, TryRecvError>;
    fn close(&self);
    fn drop_sender(&mut self);
    fn drop_receiver(&mut self);
    /// Whether a receiver, and whether a sender, need not wait.
    fn is_ready(&self) -> (bool, bool);
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T>>>;

struct Mpmc {
    sender: Option<Sender<Value>>,
    receiver: Option<Receiver<Value>>,
    /// What the other two cannot tell any more.
    spare: WeakReceiver<Value>,
}

impl Ends for Mpmc {
    fn send(&self, value: Value) -> Option<BoxFuture<Result<(), SendError<Value>>>> {
        let sender = self.sender.clone()?;
        Some(Box::pin(async move { sender.send(value).await }))
    }

    fn try_send(&self, value: Value) -> Result<(), TrySendError<Value>> {
        match &self.sender {
            Some(sender) => sender.try_send(value),
            None => Err(TrySendError::Closed(value)),
        }
    }

    fn force_send(&self, value: Value) -> Result<Option<Value>, Value> {
        match &self.sender {
            Some(sender) => sender.force_send(value).map_err(|error| error.0),
            None => Err(value),
        }
    }

    fn recv(&self) -> Option<BoxFuture<Option<Value>>> {
        let receiver = self.receiver.clone()?;
        Some(Box::pin(async move { receiver.recv().await }))
    }

    fn try_recv(&self) -> Result<Value, TryRecvError> {
        let mut many = Vec::new();
        let receiver = self.receiver.as_ref().ok_or(TryRecvError::Disconnected)?;
        let n = poll(pin!(receiver.recv_many(&mut many, 1)));
        match many.pop() {
            Some(value) => Ok(value),
            None if n.is_ready() => Err(TryRecvError::Disconnected),
            None => receiver.try_recv(),
        }
    }

    fn close(&self) {
        match (&self.sender, &self.receiver) {
            (_, Some(receiver)) => receiver.close(),
            (Some(sender), _) => sender.close(),
            _ => {}
        }
    }

    fn drop_sender(&mut self) {
        self.sender = None;
    }

    fn drop_receiver(&mut self) {
        self.receiver = None;
    }

    fn is_ready(&self) -> (bool, bool) {
        match self.spare.upgrade() {
            Some(receiver) => {
                let is_closed = receiver.is_closed();
                (is_closed || !receiver.is_empty(), is_closed || receiver.capacity() > 0)
            }
            None => (true, true),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send,
    TrySend,
    ForceSend,
    Recv,
    TryRecv,
    Poll(usize),
    Cancel(usize),
    Close,
    DropSender,
    DropReceiver,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => Just(Step::Send),
        6 => Just(Step::TrySend),
        4 => Just(Step::ForceSend),
        12 => Just(Step::Recv),
        6 => Just(Step::TryRecv),
        16 => any::<usize>().prop_map(Step::Poll),
        10 => any::<usize>().prop_map(Step::Cancel),
        1 => Just(Step::Close),
        1 => Just(Step::DropSender),
        1 => Just(Step::DropReceiver),
    ]
}

/// A future and whether it was woken.
struct Task<T> {
    future: BoxFuture<T>,
    waker: Waker,
    count: Arc<Count>,
    n_seen: usize,
}

impl<T> Task<T> {
    fn new(future: BoxFuture<T>) -> Self {
        let (count, waker) = Count::new();
        Task { future, waker, count, n_seen: 0 }
    }

    fn poll(&mut self) -> Option<T> {
        self.n_seen = self.count.get();
        match poll_with(self.future.as_mut(), &self.waker) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    fn is_woken(&self) -> bool {
        self.count.get() != self.n_seen
    }
}

/// Runs random programs: each value that was made is received, returned, or dropped, once, and nobody sleeps for ever.
pub(crate) struct Program<E> {
    ends: E,
    sends: Vec<Task<Result<(), SendError<Value>>>>,
    recvs: Vec<Task<Option<Value>>>,
    n_made: usize,
    n_dropped: Arc<AtomicUsize>,
    /// Of which `send` said that they were sent.
    n_sent: usize,
    n_received: usize,
}

impl<E: Ends> Program<E> {
    pub(crate) fn new(ends: E) -> Self {
        Program {
            ends,
            sends: Vec::new(),
            recvs: Vec::new(),
            n_made: 0,
            n_dropped: Arc::default(),
            n_sent: 0,
            n_received: 0,
        }
    }

    pub(crate) fn run(mut self, steps: Vec<Step>, is_counted: bool) {
        for step in steps {
            self.step(step);
        }
        self.settle();
        let (receiver_is_ready, sender_is_ready) = self.ends.is_ready();
        assert!(self.recvs.is_empty() || !receiver_is_ready, "a receiver sleeps beside a value");
        assert!(self.sends.is_empty() || !sender_is_ready, "a sender sleeps beside room for it");
        self.recvs.clear();
        self.sends.clear();
        while self.ends.try_recv().is_ok() {
            self.n_received += 1;
        }
        if is_counted {
            assert_eq!(self.n_sent, self.n_received, "what was sent was received");
        }
        drop(self.ends);
        assert_eq!(self.n_dropped.load(SeqCst), self.n_made);
    }

    fn make(&mut self) -> Value {
        self.n_made += 1;
        Value(self.n_dropped.clone())
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Send => {
                let value = self.make();
                if let Some(future) = self.ends.send(value) {
                    self.sends.push(Task::new(future));
                    self.poll_send(self.sends.len() - 1);
                }
            }
            Step::TrySend => {
                let value = self.make();
                self.n_sent += usize::from(self.ends.try_send(value).is_ok());
            }
            Step::ForceSend => {
                let value = self.make();
                if let Ok(oldest) = self.ends.force_send(value) {
                    self.n_sent += 1;
                    self.n_received += usize::from(oldest.is_some());
                }
            }
            Step::Recv => {
                if let Some(future) = self.ends.recv() {
                    self.recvs.push(Task::new(future));
                    self.poll_recv(self.recvs.len() - 1);
                }
            }
            Step::TryRecv => self.n_received += usize::from(self.ends.try_recv().is_ok()),
            Step::Poll(which) => self.with_one(which, Self::poll_send, Self::poll_recv),
            Step::Cancel(which) => self.with_one(which, Self::cancel_send, |this, index| {
                drop(this.recvs.remove(index));
            }),
            Step::Close => self.ends.close(),
            Step::DropSender => self.ends.drop_sender(),
            Step::DropReceiver => self.ends.drop_receiver(),
        }
    }

    fn with_one(&mut self, which: usize, send: fn(&mut Self, usize), recv: fn(&mut Self, usize)) {
        let n = self.sends.len() + self.recvs.len();
        match which.checked_rem(n) {
            Some(index) if index < self.sends.len() => send(self, index),
            Some(index) => recv(self, index - self.sends.len()),
            None => {}
        }
    }

    fn poll_send(&mut self, index: usize) {
        if let Some(sent) = self.sends[index].poll() {
            self.n_sent += usize::from(sent.is_ok());
            drop(self.sends.remove(index));
        }
    }

    /// A value that was taken before its sender was dropped counts as sent.
    fn cancel_send(&mut self, index: usize) {
        let n_before = self.n_dropped.load(SeqCst);
        drop(self.sends.remove(index));
        let n_dropped = self.n_dropped.load(SeqCst) - n_before;
        assert!(n_dropped <= 1);
        self.n_sent += 1 - n_dropped;
    }

    fn poll_recv(&mut self, index: usize) {
        if let Some(received) = self.recvs[index].poll() {
            self.n_received += usize::from(received.is_some());
            drop(self.recvs.remove(index));
        }
    }

    /// Polls those that were woken, as an executor does, until none is.
    fn settle(&mut self) {
        loop {
            if let Some(index) = self.sends.iter().position(Task::is_woken) {
                self.poll_send(index);
            } else if let Some(index) = self.recvs.iter().position(Task::is_woken) {
                self.poll_recv(index);
            } else {
                return;
            }
        }
    }
}

fn run((sender, receiver): (Sender<Value>, Receiver<Value>), steps: Vec<Step>) {
    let spare = receiver.downgrade();
    // What the last receiver drops was neither received nor returned; which that is the program does not know.
    let is_counted = !steps.iter().any(|step| matches!(step, Step::DropReceiver));
    Program::new(Mpmc { sender: Some(sender), receiver: Some(receiver), spare })
        .run(steps, is_counted);
}

proptest! {
    #[test]
    fn nothing_is_lost_in_a_bounded_channel(
        capacity in 1..4usize,
        steps in prop::collection::vec(step(), 0..150),
    ) {
        run(mpmc::channel(capacity), steps);
    }

    #[test]
    fn nothing_is_lost_in_an_unbounded_channel(steps in prop::collection::vec(step(), 0..150)) {
        run(mpmc::unbounded_channel(), steps);
    }
}

fn explode() -> Waker {
    call(|| std::panic::resume_unwind(Box::new("waker")))
}

#[test]
fn a_panicking_waker_leaves_the_channel_usable() {
    let (sender, receiver) = mpmc::channel(1);
    let mut recv = pin!(receiver.recv());
    assert!(poll_with(recv.as_mut(), &explode()).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| sender.try_send(1))).is_err());
    assert_eq!(ready(recv), Some(1), "it was sent all the same");
    assert_eq!(sender.try_send(2), Ok(()));
    assert_eq!(receiver.try_recv(), Ok(2));
}

#[test]
fn a_panicking_waker_does_not_keep_the_others_from_hearing_of_the_end() {
    let (sender, receiver) = mpmc::channel(1);
    sender.try_send(0).expect("there is room");
    let (count, waker) = Count::new();
    let mut sends: Vec<_> = (0..40).map(|n| Box::pin(sender.send(n))).collect();
    for (index, send) in sends.iter_mut().enumerate() {
        let waker = if index == 3 { explode() } else { waker.clone() };
        assert!(poll_with(send.as_mut(), &waker).is_pending());
    }
    let mut closed = pin!(sender.closed());
    assert!(poll_with(closed.as_mut(), &waker).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| receiver.close())).is_err());
    assert_eq!(count.get(), 40);
    assert!(receiver.is_closed());
    ready(closed);
    for send in &mut sends {
        assert!(ready(send.as_mut()).is_err());
    }
    assert_eq!(receiver.try_recv(), Ok(0));

    let (sender, receiver) = mpmc::channel::<i32>(1);
    let mut recvs: Vec<_> = (0..40).map(|_| Box::pin(receiver.recv())).collect();
    let (count, waker) = Count::new();
    for (index, recv) in recvs.iter_mut().enumerate() {
        let waker = if index == 3 { explode() } else { waker.clone() };
        assert!(poll_with(recv.as_mut(), &waker).is_pending());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(sender))).is_err());
    assert_eq!(count.get(), 39);
    for recv in &mut recvs {
        assert_eq!(ready(recv.as_mut()), None);
    }
}

#[test]
fn a_waker_that_cannot_be_cloned_loses_no_value() {
    let (sender, receiver) = mpmc::unbounded_channel();
    let mut first = Box::pin(receiver.recv());
    assert!(poll(first.as_mut()).is_pending());
    let mut second = pin!(receiver.recv());
    let (count, waker) = Count::new();
    assert!(poll_with(second.as_mut(), &waker).is_pending());
    sender.try_send(1).expect("never full");
    assert_eq!(receiver.try_recv(), Ok(1));
    // The first was woken, finds nothing, and panics as it queues again.
    assert!(catch_unwind(AssertUnwindSafe(|| poll_with(first.as_mut(), &unclonable()))).is_err());
    sender.try_send(2).expect("never full");
    drop(first);
    assert_eq!(count.get(), 1);
    assert_eq!(ready(second), Some(2));
}

#[test]
fn a_waker_may_use_the_channel_that_wakes_it() {
    let (sender, receiver) = mpmc::channel(2);
    let waker = {
        let (sender, receiver) = (sender.clone(), receiver.clone());
        call(move || {
            assert_eq!(sender.try_send(2), Ok(()));
            assert_eq!(ready(pin!(receiver.recv())), Some(1));
            assert_eq!((sender.len(), receiver.is_closed()), (1, false));
            receiver.close();
        })
    };
    let mut recv = pin!(receiver.recv());
    assert!(poll_with(recv.as_mut(), &waker).is_pending());
    sender.try_send(1).expect("there is room");
    assert_eq!(ready(recv), Some(2));
    assert!(receiver.is_closed());
}

#[test]
fn the_drop_of_a_value_may_use_its_channel() {
    struct OnDrop(Sender<Option<OnDrop>>, Arc<AtomicUsize>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            assert!(self.0.try_send(None).is_err(), "the last receiver is gone");
            self.1.fetch_add(1, SeqCst);
        }
    }
    let n_dropped = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = mpmc::unbounded_channel();
    for _ in 0..3 {
        assert!(sender.try_send(Some(OnDrop(sender.clone(), n_dropped.clone()))).is_ok());
    }
    drop(receiver);
    assert_eq!(n_dropped.load(SeqCst), 3);
    assert_eq!(sender.sender_count(), 1);
}

#[test]
fn a_value_that_panics_in_its_drop_keeps_no_other() {
    struct Fragile(bool, Arc<AtomicUsize>);
    impl Drop for Fragile {
        fn drop(&mut self) {
            self.1.fetch_add(1, SeqCst);
            assert!(!self.0, "a value panics");
        }
    }
    let n_dropped = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = mpmc::channel(100);
    for n in 0..100 {
        assert!(sender.try_send(Fragile(n == 40, n_dropped.clone())).is_ok());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
    assert_eq!((n_dropped.load(SeqCst), sender.capacity()), (100, 100));
}

#[test]
fn ends_are_counted() {
    let (sender, receiver) = mpmc::channel::<i32>(1);
    let (senders, receivers) = ([sender.clone(), sender.clone()], receiver.clone());
    assert_eq!((sender.sender_count(), receiver.sender_count()), (3, 3));
    assert_eq!((sender.receiver_count(), receiver.receiver_count()), (2, 2));
    assert!(sender.same_channel(&senders[0]) && receiver.same_channel(&receivers));
    let (other, other_receiver) = mpmc::channel::<i32>(1);
    assert!(!sender.same_channel(&other) && !receiver.same_channel(&other_receiver));
    let (weak_sender, weak_receiver) = (sender.downgrade(), receiver.downgrade());
    drop((senders, sender));
    assert!(receiver.is_closed());
    assert!(weak_sender.upgrade().is_none());
    assert!(weak_receiver.upgrade().is_some());
    drop((receiver, receivers));
    assert!(weak_receiver.clone().upgrade().is_none());
}

#[test]
fn a_forced_value_finds_no_oldest_while_room_is_promised() {
    let (sender, receiver) = mpmc::channel(1);
    sender.try_send(1).expect("there is room");
    let mut promised = pin!(sender.send(2));
    assert!(poll(promised.as_mut()).is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(sender.force_send(3), Ok(None));
    ready(promised).expect("a receiver is there");
    assert_eq!((receiver.len(), sender.capacity()), (2, 0));
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(3), Ok(2)));
    assert_eq!((receiver.len(), sender.capacity()), (0, 1));
}

#[test]
fn without_budget_nothing_is_received_and_nothing_lost() {
    let (sender, mut receiver) = mpmc::channel(2);
    sender.try_send(1).expect("there is room");
    with_budget(Budget::new(0), || {
        let (count, waker) = Count::new();
        assert!(poll_with(pin!(receiver.recv()), &waker).is_pending());
        assert!(poll_with(pin!(receiver.recv_many(&mut Vec::new(), 2)), &waker).is_pending());
        assert!(poll_with(pin!(sender.send(2)), &waker).is_pending());
        assert!(receiver.poll_recv(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(count.get(), 4, "each asked for another poll");
    });
    with_budget(Budget::new(2), || {
        ready(pin!(sender.send(2))).expect("there is room");
        assert_eq!(ready(pin!(receiver.recv())), Some(1));
        assert!(poll(pin!(receiver.recv())).is_pending(), "all is spent");
    });
    let (sender, _receiver) = mpmc::unbounded_channel();
    with_budget(Budget::new(1), || {
        ready(pin!(sender.send(1))).expect("a receiver is there");
        assert!(poll(pin!(sender.send(2))).is_pending());
    });
}

#[test]
fn nothing_is_asked_for_and_nothing_comes() {
    let (sender, receiver) = mpmc::channel(1);
    sender.try_send(1).expect("there is room");
    assert_eq!(ready(pin!(receiver.recv_many(&mut Vec::new(), 0))), 0);
    assert_eq!(receiver.len(), 1);
}

#[test]
fn a_large_value_fits() {
    let (sender, receiver) = mpmc::channel::<[u8; 1 << 16]>(1);
    sender.try_send([7; 1 << 16]).expect("there is room");
    assert_eq!(receiver.try_recv().expect("it was sent")[65535], 7);
    let (sender, receiver) = mpmc::channel(usize::MAX >> 3);
    assert_eq!(sender.try_send(()), Ok(()));
    assert_eq!((receiver.len(), receiver.max_capacity()), (1, usize::MAX >> 3));
    let (sender, receiver) = mpmc::unbounded_channel::<()>();
    assert_eq!((sender.capacity(), receiver.max_capacity()), (usize::MAX, usize::MAX));
}

#[test]
#[should_panic(expected = "pass 1 or more, or hand values over with rendezvous::channel")]
fn room_for_nothing_is_refused() {
    let _ = mpmc::channel::<i32>(0);
}

#[test]
#[should_panic(expected = "the limit is Semaphore::MAX_PERMITS")]
fn too_much_room_is_refused() {
    let _ = mpmc::channel::<i32>(usize::MAX);
}

#[test]
fn what_can_be_sent_and_shared() {
    fn send_and_sync<T: Send + Sync>() {}
    fn unpin<T: Unpin>() {}
    fn send_value<T: Send>(_: &T) {}
    type Message = std::cell::Cell<i32>;
    send_and_sync::<Sender<Message>>();
    send_and_sync::<Receiver<Message>>();
    send_and_sync::<WeakSender<Message>>();
    send_and_sync::<WeakReceiver<Message>>();
    unpin::<Receiver<std::marker::PhantomPinned>>();
    let (sender, receiver) = mpmc::channel(1);
    send_value(&sender.send(Message::new(1)));
    send_value(&receiver.recv());
    assert_eq!(format!("{sender:?}"), "Sender { len: 0, is_closed: false, .. }");
    assert_eq!(format!("{receiver:?}"), "Receiver { len: 0, is_closed: false, .. }");
}
