//! Channels: order, room, ends, and what a cancelled call leaves.

use crate::tools::{Count, block_on, call, poll, poll_n_then_drop, poll_with, ready};
use filch_core::coop::{Budget, with_budget};
use filch_sync::mpsc::error::{SendError, TryRecvError, TrySendError};
use filch_sync::mpsc::{self, Permit, Receiver, Sender};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::thread;

#[test]
fn messages_of_each_sender_arrive_in_order() {
    for buffer in [1, 2, 128] {
        let (sender, mut receiver) = mpsc::channel(buffer);
        thread::scope(|scope| {
            for id in 0..3 {
                let sender = sender.clone();
                scope.spawn(move || {
                    block_on(Box::pin(async move {
                        for n in 0..300 {
                            sender.send((id, n)).await.expect("the receiver is there");
                        }
                    }));
                });
            }
            drop(sender);
            let mut next = [0; 3];
            while let Some((id, n)) = receiver.blocking_recv() {
                assert_eq!(next[id], n);
                next[id] += 1;
            }
            assert_eq!(next, [300; 3]);
        });
    }
}

#[test]
fn unbounded_messages_of_each_sender_arrive_in_order() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    thread::scope(|scope| {
        for id in 0..3 {
            let sender = sender.clone();
            scope.spawn(move || {
                (0..1000).try_for_each(|n| sender.send((id, n))).expect("the receiver is there")
            });
        }
        drop(sender);
        let mut next = [0; 3];
        let mut buffer = Vec::new();
        while ready_or_block(receiver.recv_many(&mut buffer, 7)) != 0 {
            for (id, n) in buffer.drain(..) {
                assert_eq!(next[id], n);
                next[id] += 1;
            }
        }
        assert_eq!(next, [1000; 3]);
    });
}

/// The output of a future that borrows.
fn ready_or_block<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let thread = thread::current();
    let waker = call(move || thread.unpark());
    loop {
        if let std::task::Poll::Ready(output) = poll_with(future.as_mut(), &waker) {
            return output;
        }
        thread::park();
    }
}

#[test]
fn room_is_counted() {
    let (sender, mut receiver) = mpsc::channel(2);
    assert_eq!((sender.capacity(), sender.max_capacity()), (2, 2));
    sender.try_send(1).expect("there is room");
    let permit = sender.try_reserve().expect("there is room");
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
    assert!(matches!(sender.try_reserve(), Err(TrySendError::Full(()))));
    permit.send(2);
    let mut waiting = pin!(sender.send(3));
    assert!(poll(waiting.as_mut()).is_pending());
    assert_eq!((receiver.len(), receiver.capacity()), (2, 0));
    assert_eq!(receiver.try_recv(), Ok(1));
    ready(waiting).expect("the receiver is there");
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(2), Ok(3)));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!((receiver.is_empty(), receiver.capacity(), receiver.max_capacity()), (true, 2, 2));
}

#[test]
fn a_closed_channel_gives_out_what_it_has() {
    let (sender, mut receiver) = mpsc::channel(3);
    sender.try_send(1).expect("there is room");
    let early = sender.try_reserve().expect("there is room");
    let unused = sender.clone().try_reserve_owned().expect("there is room");
    let mut waiting = pin!(sender.send(9));
    assert!(poll(waiting.as_mut()).is_pending());
    receiver.close();
    assert!(receiver.is_closed() && sender.is_closed());
    ready(pin!(sender.closed()));
    assert_eq!(ready(waiting), Err(SendError(9)));
    assert_eq!(sender.try_send(4), Err(TrySendError::Closed(4)));
    assert!(ready(pin!(sender.reserve())).is_err());
    early.send(2);
    assert_eq!(ready(pin!(receiver.recv())), Some(1));
    assert_eq!(ready(pin!(receiver.recv())), Some(2));

    let (count, waker) = Count::new();
    assert!(poll_with(pin!(receiver.recv()), &waker).is_pending(), "a permit is out");
    let sender_again = unused.release();
    assert_eq!(count.get(), 1);
    assert_eq!(ready(pin!(receiver.recv())), None);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    drop(sender_again);
}

#[test]
fn the_last_sender_ends_the_channel() {
    let (sender, mut receiver) = mpsc::channel(1);
    let (weak, twin) = (sender.downgrade(), sender.clone());
    assert!(sender.same_channel(&twin));
    assert_eq!((sender.strong_count(), weak.strong_count()), (2, 2));
    drop(sender);
    weak.upgrade().expect("one is there").try_send(1).expect("there is room");
    let (count, waker) = Count::new();
    assert_eq!(ready(pin!(receiver.recv())), Some(1));
    assert!(poll_with(pin!(receiver.recv()), &waker).is_pending());
    drop(twin);
    assert_eq!(count.get(), 1);
    assert!(weak.upgrade().is_none());
    assert!(receiver.is_closed());
    assert_eq!(ready(pin!(receiver.recv())), None);
}

#[test]
fn a_dropped_receiver_drops_what_waits() {
    let value = Arc::new(());
    let (sender, receiver) = mpsc::channel(40);
    let permit = sender.clone().try_reserve_owned().expect("there is room");
    for _ in 0..35 {
        sender.try_send(value.clone()).expect("there is room");
    }
    drop(receiver);
    assert_eq!(Arc::strong_count(&value), 1);
    assert_eq!(sender.try_send(value.clone()).expect_err("closed").into_inner(), value);
    drop(permit.send(value.clone()));
    drop(sender);
    assert_eq!(Arc::strong_count(&value), 1, "with the last sender goes what nobody could receive");
}

#[test]
fn a_message_that_panics_in_its_drop_keeps_no_other() {
    struct Message(bool, Arc<AtomicUsize>);
    impl Drop for Message {
        fn drop(&mut self) {
            self.1.fetch_add(1, SeqCst);
            assert!(!self.0, "a message panics");
        }
    }
    let n_dropped = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = mpsc::unbounded_channel();
    for n in 0..100 {
        assert!(sender.send(Message(n == 40, n_dropped.clone())).is_ok());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
    assert_eq!(n_dropped.load(SeqCst), 100);
}

#[test]
fn a_cancelled_call_loses_no_message_and_no_room() {
    for n in 0..4 {
        let (sender, mut receiver) = mpsc::channel(1);
        assert!(poll_n_then_drop(n, receiver.recv()).is_none());
        assert!(poll_n_then_drop(n, receiver.recv_many(&mut Vec::new(), 3)).is_none());
        assert!(poll_n_then_drop(n, sender.closed()).is_none());
        drop(poll_n_then_drop(n, sender.reserve()));
        sender.try_send(1).expect("there is room");
        assert!(poll_n_then_drop(n, sender.send(2)).is_none());
        assert!(poll_n_then_drop(n, sender.reserve()).is_none());
        assert!(poll_n_then_drop(n, sender.clone().reserve_owned()).is_none());
        assert_eq!(ready(pin!(receiver.recv())), Some(1));
        assert_eq!(sender.capacity(), 1);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn room_granted_to_a_dropped_send_goes_to_the_next() {
    let (sender, mut receiver) = mpsc::channel(1);
    sender.try_send(1).expect("there is room");
    let mut first = Box::pin(sender.send(2));
    assert!(poll(first.as_mut()).is_pending());
    let (count, waker) = Count::new();
    let mut second = pin!(sender.send(3));
    assert!(poll_with(second.as_mut(), &waker).is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    drop(first);
    assert_eq!(count.get(), 1);
    ready(second).expect("the receiver is there");
    assert_eq!(receiver.try_recv(), Ok(3));
}

#[test]
fn without_budget_nothing_is_received_and_nothing_lost() {
    let (sender, mut receiver) = mpsc::channel(2);
    sender.try_send(1).expect("there is room");
    with_budget(Budget::new(0), || {
        let (count, waker) = Count::new();
        assert!(poll_with(pin!(receiver.recv()), &waker).is_pending());
        assert!(poll_with(pin!(sender.send(2)), &waker).is_pending());
        assert_eq!(count.get(), 2);
    });
    assert_eq!(ready(pin!(receiver.recv())), Some(1));
    assert_eq!(sender.capacity(), 2);
}

#[test]
fn one_wake_up_is_enough_for_many_messages() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let (count, waker) = Count::new();
    assert!(poll_with(pin!(receiver.recv()), &waker).is_pending());
    for n in 0..10 {
        sender.send(n).expect("the receiver is there");
    }
    assert_eq!(count.get(), 1);
}

#[test]
fn a_large_message_fits() {
    let (sender, mut receiver) = mpsc::channel::<[u8; 1 << 16]>(1);
    sender.try_send([7; 1 << 16]).expect("there is room");
    assert_eq!(receiver.try_recv().expect("it was sent")[65535], 7);
}

#[test]
#[should_panic(expected = "pass 1 or more")]
fn a_buffer_of_nothing_is_refused() {
    let _ = mpsc::channel::<i32>(0);
}

#[test]
fn what_can_be_sent_and_shared() {
    fn send_and_sync<T: Send + Sync>() {}
    type Message = std::cell::Cell<i32>;
    send_and_sync::<Sender<Message>>();
    send_and_sync::<Receiver<Message>>();
    send_and_sync::<Permit<'_, Message>>();
    send_and_sync::<mpsc::UnboundedSender<Message>>();
    send_and_sync::<mpsc::UnboundedReceiver<Message>>();
}
