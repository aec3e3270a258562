//! Channels without a buffer: nothing is lost under random programs, foreign code that misbehaves, and types.

use crate::mpmc::{Ends, Program, Step, Value, step};
use crate::tools::{Count, call, poll, poll_with, ready};
use filch_core::coop::{Budget, with_budget};
use filch_sync::rendezvous::error::{SendError, TryRecvError, TrySendError};
use filch_sync::rendezvous::{self, Receiver, Sender};
use proptest::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Waker};

struct Rendezvous {
    sender: Option<Sender<Value>>,
    receiver: Option<Receiver<Value>>,
}

impl Ends for Rendezvous {
    fn send(
        &self,
        value: Value,
    ) -> Option<Pin<Box<dyn Future<Output = Result<(), SendError<Value>>>>>> {
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
        self.try_send(value).map(|()| None).map_err(TrySendError::into_inner)
    }

    fn recv(&self) -> Option<Pin<Box<dyn Future<Output = Option<Value>>>>> {
        let receiver = self.receiver.clone()?;
        Some(Box::pin(async move { receiver.recv().await }))
    }

    fn try_recv(&self) -> Result<Value, TryRecvError> {
        self.receiver.as_ref().ok_or(TryRecvError::Disconnected)?.try_recv()
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

    /// Either end waits for the other one only.
    fn is_ready(&self) -> (bool, bool) {
        (false, false)
    }
}

proptest! {
    #[test]
    fn nothing_is_lost(steps in prop::collection::vec(step(), 0..150)) {
        let (sender, receiver) = rendezvous::channel();
        let is_counted = !steps.iter().any(|step| matches!(step, Step::DropReceiver));
        Program::new(Rendezvous { sender: Some(sender), receiver: Some(receiver) })
            .run(steps, is_counted);
    }
}

fn explode() -> Waker {
    call(|| std::panic::resume_unwind(Box::new("waker")))
}

#[test]
fn a_panicking_waker_leaves_the_channel_usable() {
    let (sender, receiver) = rendezvous::channel();
    let mut recv = Box::pin(receiver.recv());
    assert!(poll_with(recv.as_mut(), &explode()).is_pending());
    let mut send = Box::pin(sender.send(1));
    assert!(catch_unwind(AssertUnwindSafe(|| poll(send.as_mut()))).is_err());
    drop(send);
    assert!(poll(recv.as_mut()).is_pending(), "the value went with its sender");
    let mut send = pin!(sender.send(2));
    assert!(poll(send.as_mut()).is_pending());
    assert_eq!(ready(recv.as_mut()), Some(2));
    assert_eq!(ready(send), Ok(()));
}

#[test]
fn a_panicking_waker_does_not_keep_the_others_from_hearing_of_the_end() {
    let (sender, receiver) = rendezvous::channel();
    let (count, waker) = Count::new();
    let mut sends: Vec<_> = (0..40).map(|n| Box::pin(sender.send(n))).collect();
    for (index, send) in sends.iter_mut().enumerate() {
        let waker = if index == 3 { explode() } else { waker.clone() };
        assert!(poll_with(send.as_mut(), &waker).is_pending());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
    assert_eq!(count.get(), 39);
    for (n, send) in sends.iter_mut().enumerate() {
        assert_eq!(ready(send.as_mut()).expect_err("closed").0, n);
    }
}

#[test]
fn a_waker_may_use_the_channel_that_wakes_it() {
    // More than are woken in one go, so that some still wait when the first ones are woken.
    let (sender, receiver) = rendezvous::channel();
    let waker = {
        let (sender, receiver) = (sender.clone(), receiver.clone());
        call(move || {
            assert!(receiver.try_recv().is_err());
            assert!(sender.try_send(0).is_err());
            let _ = poll(pin!(receiver.recv()));
            let _ = poll(pin!(sender.send(0)));
        })
    };
    let mut sends: Vec<_> = (0..70).map(|n| Box::pin(sender.send(n))).collect();
    for send in &mut sends {
        assert!(poll_with(send.as_mut(), &waker).is_pending());
    }
    receiver.close();
    for send in &mut sends {
        assert!(ready(send.as_mut()).is_err());
    }
}

#[test]
fn without_budget_nothing_passes() {
    let (sender, receiver) = rendezvous::channel();
    let mut send = pin!(sender.send(1));
    assert!(poll(send.as_mut()).is_pending());
    with_budget(Budget::new(0), || {
        let (count, waker) = Count::new();
        assert!(poll_with(pin!(receiver.recv()), &waker).is_pending());
        assert_eq!(count.get(), 1);
    });
    with_budget(Budget::new(1), || {
        assert_eq!(ready(pin!(receiver.recv())), Some(1));
        assert!(poll(send.as_mut()).is_pending(), "all is spent");
    });
    assert_eq!(ready(send), Ok(()));
}

#[test]
fn a_polled_receiver_waits_too() {
    let (sender, mut receiver) = rendezvous::channel();
    let (count, waker) = Count::new();
    let mut cx = Context::from_waker(&waker);
    assert!(receiver.poll_recv(&mut cx).is_pending());
    let mut send = pin!(sender.send(1));
    assert!(poll(send.as_mut()).is_pending());
    assert_eq!(count.get(), 1);
    assert_eq!(
        receiver.poll_recv(&mut cx).map(|value| value.is_some()),
        std::task::Poll::Ready(true)
    );
    assert_eq!(ready(send), Ok(()));
}

#[test]
fn a_value_left_in_the_channel_goes_with_the_last_receiver() {
    let value = Arc::new(());
    let (sender, receiver) = rendezvous::channel();
    let mut recv = Box::pin(receiver.recv());
    assert!(poll(recv.as_mut()).is_pending());
    sender.try_send(value.clone()).expect("a receiver waits");
    drop(recv);
    assert_eq!(Arc::strong_count(&value), 2);
    drop(receiver);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn ends_are_counted() {
    let (sender, receiver) = rendezvous::channel::<i32>();
    let (senders, receivers) = (sender.clone(), receiver.clone());
    assert!(sender.same_channel(&senders) && receiver.same_channel(&receivers));
    assert_eq!((sender.sender_count(), receiver.receiver_count()), (2, 2));
    drop((senders, receivers));
    assert_eq!((receiver.sender_count(), sender.receiver_count()), (1, 1));
    assert!(!sender.is_closed() && !receiver.is_closed());
    drop(receiver);
    assert!(sender.is_closed());
}

#[test]
fn what_can_be_sent_and_shared() {
    fn send_and_sync<T: Send + Sync>() {}
    fn unpin<T: Unpin>() {}
    fn send_value<T: Send>(_: &T) {}
    type Message = std::cell::Cell<i32>;
    send_and_sync::<Sender<Message>>();
    send_and_sync::<Receiver<Message>>();
    unpin::<Receiver<std::marker::PhantomPinned>>();
    let (sender, receiver) = rendezvous::channel();
    send_value(&sender.send(Message::new(1)));
    send_value(&receiver.recv());
    assert_eq!(
        format!("{sender:?} {receiver:?}"),
        "Sender { is_closed: false, .. } Receiver { is_closed: false, .. }"
    );
}
