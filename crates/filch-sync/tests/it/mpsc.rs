//! Channels: order, room, ends, and what a cancelled call leaves.

mod conservation;
mod foreign_code;

use crate::tools::{Count, block_on, call, poll, poll_with, ready};
use filch_core::coop::{Budget, with_budget};
use filch_sync::mpsc::error::{SendError, TryRecvError, TrySendError};
use filch_sync::mpsc::{self, Permit, Receiver, Sender};
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::task::Poll;
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
        if let Poll::Ready(output) = poll_with(future.as_mut(), &waker) {
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
    let sender = permit.send(value.clone());
    assert_eq!(Arc::strong_count(&value), 1, "nobody could receive it");
    assert_eq!((sender.capacity(), sender.strong_count()), (40, 2));
}

#[test]
fn a_message_whose_room_was_granted_comes_back_when_the_receiver_is_gone() {
    let (sender, mut receiver) = mpsc::channel(1);
    sender.try_send(1).expect("there is room");
    let mut waiting = pin!(sender.send(2));
    assert!(poll(waiting.as_mut()).is_pending());
    let permits = sender.reserve_many(1);
    assert_eq!(receiver.try_recv(), Ok(1));
    drop(receiver);
    assert_eq!(ready(waiting), Err(SendError(2)));
    assert!(ready(pin!(permits)).is_err());
    assert_eq!(sender.capacity(), 1);
}

#[test]
fn no_message_outlives_the_receiver_while_its_sender_lives() {
    // Who waits for the answer holds the sender, so that the request must be dropped with the receiver.
    for round in 0..2_000 {
        let (value, request) = (Arc::new(()), Arc::new(()));
        let (bounded, bounded_receiver) = mpsc::channel(1);
        let (unbounded, unbounded_receiver) = mpsc::unbounded_channel();
        let permit = bounded.clone().try_reserve_owned().expect("there is room");
        let mut waiting = Box::pin(bounded.send(value.clone()));
        assert!(poll(waiting.as_mut()).is_pending());
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = unbounded.send(request.clone());
                drop(permit.send(value.clone()));
            });
            if round % 2 == 0 {
                thread::yield_now();
            }
            drop(unbounded_receiver);
            drop(bounded_receiver);
        });
        assert!(ready(waiting.as_mut()).is_err());
        drop(waiting);
        assert_eq!((Arc::strong_count(&value), Arc::strong_count(&request)), (1, 1));
        assert_eq!((bounded.capacity(), unbounded.strong_count()), (1, 1));
    }
}

#[test]
fn hearing_that_a_channel_is_closed_spends_budget() {
    let (sender, receiver) = mpsc::channel::<i32>(1);
    let (unbounded, unbounded_receiver) = mpsc::unbounded_channel::<i32>();
    drop((receiver, unbounded_receiver));
    with_budget(Budget::new(2), || {
        ready(pin!(sender.closed()));
        ready(pin!(unbounded.closed()));
        let (count, waker) = Count::new();
        assert!(poll_with(pin!(sender.closed()), &waker).is_pending());
        assert!(poll_with(pin!(unbounded.closed()), &waker).is_pending());
        assert_eq!(count.get(), 2, "each asked for another poll");
    });
}

struct Fragile(bool, Arc<AtomicUsize>);

impl Drop for Fragile {
    fn drop(&mut self) {
        self.1.fetch_add(1, SeqCst);
        assert!(!self.0, "a message panics");
    }
}

#[test]
fn a_message_that_panics_in_its_drop_keeps_no_other() {
    let n_dropped = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = mpsc::unbounded_channel();
    for n in 0..100 {
        assert!(sender.send(Fragile(n == 40, n_dropped.clone())).is_ok());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
    assert_eq!(n_dropped.load(SeqCst), 100);
}

#[test]
fn a_message_that_panics_in_its_drop_keeps_no_room() {
    let n_dropped = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = mpsc::channel(100);
    let permits: Vec<_> =
        (0..50).map(|_| sender.clone().try_reserve_owned().expect("there is room")).collect();
    for n in 0..50 {
        assert!(sender.try_send(Fragile(n == 20, n_dropped.clone())).is_ok());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
    assert_eq!(n_dropped.load(SeqCst), 50);
    assert_eq!(sender.capacity(), 50);

    // Nobody can receive these, so that they are dropped at once.
    for (n, permit) in permits.into_iter().enumerate() {
        let message = Fragile(n == 20, n_dropped.clone());
        let sent = catch_unwind(AssertUnwindSafe(|| drop(permit.send(message))));
        assert_eq!(sent.is_err(), n == 20);
    }
    assert_eq!((n_dropped.load(SeqCst), sender.capacity()), (100, 100));
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
fn each_message_received_wakes_the_sender_whose_turn_it_is() {
    let (sender, mut receiver) = mpsc::channel(1);
    sender.try_send(0).expect("there is room");
    let mut waiting: Vec<_> = (1..4).map(|n| (n, Box::pin(sender.send(n)), Count::new())).collect();
    for (_, future, (_, waker)) in &mut waiting {
        assert!(poll_with(future.as_mut(), waker).is_pending());
    }
    for index in 0..3 {
        assert_eq!(receiver.try_recv(), Ok(index));
        let woken: Vec<_> = waiting.iter().map(|(_, _, (count, _))| count.get()).collect();
        assert_eq!(woken, [[1, 0, 0], [1, 1, 0], [1, 1, 1]][index], "one per message, in turn");
        ready(waiting[index].1.as_mut()).expect("the receiver is there");
    }
}

#[test]
fn a_sender_that_comes_does_not_take_the_room_of_one_that_waits() {
    let (sender, mut receiver) = mpsc::channel(2);
    sender.try_send(1).expect("there is room");
    sender.try_send(2).expect("there is room");
    let mut many = pin!(sender.reserve_many(2));
    assert!(poll(many.as_mut()).is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)), "it is set aside");
    assert!(sender.try_reserve_many(0).is_ok(), "nothing is always there");
    assert_eq!(receiver.try_recv(), Ok(2));
    assert_eq!(ready(many).expect("the receiver is there").len(), 2);
    assert_eq!(sender.capacity(), 2);
}

#[test]
fn no_sender_sleeps_while_there_is_room() {
    // One place, senders that give up at any time: whoever stays gets through.
    let (sender, mut receiver) = mpsc::channel(1);
    thread::scope(|scope| {
        for id in 0..2 {
            let sender = sender.clone();
            scope.spawn(move || {
                for n in 0..1000 {
                    for n_polls in 0..n % 3 {
                        let mut leaving = Box::pin(sender.reserve());
                        for _ in 0..n_polls {
                            if poll(leaving.as_mut()).is_ready() {
                                break;
                            }
                        }
                    }
                    sender.blocking_send((id, n)).expect("the receiver is there");
                }
            });
        }
        drop(sender);
        let mut n_received = [0; 2];
        while let Some((id, n)) = receiver.blocking_recv() {
            assert_eq!(n, n_received[id]);
            n_received[id] += 1;
        }
        assert_eq!(n_received, [1000; 2]);
    });
    assert_eq!(receiver.capacity(), 1);
}

#[test]
fn room_granted_to_a_dropped_send_lets_a_closed_channel_end() {
    let (sender, mut receiver) = mpsc::channel(1);
    sender.try_send(1).expect("there is room");
    let mut leaving = Box::pin(sender.send(2));
    assert!(poll(leaving.as_mut()).is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    receiver.close();
    let (count, waker) = Count::new();
    assert!(poll_with(pin!(receiver.recv()), &waker).is_pending(), "it may still be sent");
    drop(leaving);
    assert_eq!(count.get(), 1);
    assert_eq!(ready(pin!(receiver.recv())), None);
}

#[test]
fn a_receiver_without_budget_still_gets_its_messages() {
    // A task that selects between a branch that is always ready and a receiver, each poll with one unit of budget.
    let (sender, mut receiver) = mpsc::channel(8);
    let always = filch_sync::Semaphore::new(1);
    (0..8).try_for_each(|n| sender.try_send(n)).expect("there is room");
    let (count, waker) = Count::new();
    let mut received = Vec::new();
    for round in 0..16 {
        with_budget(Budget::new(1), || {
            if round % 2 == 0 {
                drop(ready(pin!(always.acquire())));
            }
            let n_woken = count.get();
            match poll_with(pin!(receiver.recv()), &waker) {
                Poll::Ready(message) => received.extend(message),
                Poll::Pending => assert_eq!(count.get(), n_woken + 1, "it is polled again"),
            }
        });
    }
    assert_eq!(received, (0..8).collect::<Vec<_>>());
}

#[test]
fn what_is_counted_never_wraps_around_while_others_send() {
    for n_each in [31, 62, 1000] {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        thread::scope(|scope| {
            for _ in 0..2 {
                let sender = sender.clone();
                scope
                    .spawn(move || (0..n_each).try_for_each(|n| sender.send(n)).expect("received"));
            }
            drop(sender);
            let mut n_received = 0;
            while n_received < 2 * n_each {
                let len = receiver.len();
                assert!(len + n_received <= 2 * n_each, "{len} wait after {n_received}");
                assert!(receiver.len() >= len, "messages vanish");
                n_received += usize::from(receiver.try_recv().is_ok());
            }
            assert_eq!((receiver.len(), receiver.is_empty()), (0, true));
        });
    }
}

#[test]
fn ends_are_counted() {
    let (sender, receiver) = mpsc::channel::<i32>(1);
    let weak = sender.downgrade();
    let (second, weak_too) = (sender.clone(), weak.clone());
    assert_eq!((sender.strong_count(), sender.weak_count()), (2, 2));
    assert_eq!((weak.strong_count(), weak.weak_count()), (2, 2));
    assert_eq!((receiver.sender_strong_count(), receiver.sender_weak_count()), (2, 2));
    drop((second, weak_too));
    assert_eq!((receiver.sender_strong_count(), receiver.sender_weak_count()), (1, 1));

    let permit = sender.try_reserve_owned().expect("there is room");
    assert_eq!(receiver.sender_strong_count(), 1, "a permit holds its sender");
    let sender = permit.release();
    let (other, _receiver) = mpsc::channel::<i32>(1);
    let permit = sender.clone().try_reserve_owned().expect("there is room");
    assert!(permit.same_channel_as_sender(&sender));
    assert!(!permit.same_channel_as_sender(&other));
    assert!(!permit.same_channel(&other.try_reserve_owned().expect("there is room")));

    let (sender, receiver) = mpsc::unbounded_channel::<i32>();
    let weak = sender.downgrade();
    assert_eq!((weak.strong_count(), weak.weak_count()), (1, 1));
    assert_eq!((receiver.sender_strong_count(), sender.weak_count()), (1, 1));
    drop(weak);
    assert_eq!((sender.strong_count(), receiver.sender_weak_count()), (1, 0));
}

#[test]
fn a_large_message_fits() {
    const SIZE: usize = 1 << 20;
    // Several copies by value, in a build that is not optimized; none of a block of them.
    let receive = || {
        let (sender, mut receiver) = mpsc::channel::<[u8; SIZE]>(1);
        sender.try_send([7; SIZE]).expect("there is room");
        assert_eq!(receiver.try_recv().expect("it was sent")[SIZE - 1], 7);
    };
    let thread = thread::Builder::new().stack_size(16 * SIZE).spawn(receive);
    thread.expect("a thread can be started").join().expect("the stack is large enough");
}

#[test]
fn a_large_buffer_costs_nothing() {
    let (sender, mut receiver) = mpsc::channel(filch_sync::Semaphore::MAX_PERMITS);
    assert_eq!(sender.max_capacity(), (1 << 28) - 2);
    assert_eq!(sender.capacity(), sender.max_capacity());
    for n in 0..100 {
        sender.try_send(n).expect("there is room");
    }
    let all = sender.try_reserve_many(sender.capacity()).expect("there is room");
    assert_eq!(sender.try_send(100), Err(TrySendError::Full(100)));
    drop(all);
    assert_eq!(sender.capacity(), sender.max_capacity() - 100);
    assert_eq!(receiver.len(), 100);
    assert_eq!(receiver.try_recv(), Ok(0));
    assert!(sender.try_reserve_many(usize::MAX).is_err());
    assert!(ready(pin!(sender.reserve_many(usize::MAX))).is_err());
}

#[test]
#[should_panic(expected = "use `rendezvous` to hand messages over one by one, `oneshot`")]
fn a_buffer_of_nothing_is_refused() {
    let _ = mpsc::channel::<i32>(0);
}

#[test]
#[should_panic(expected = "pass at most Semaphore::MAX_PERMITS (usize::MAX >> 3)")]
fn a_buffer_beyond_the_limit_is_refused() {
    let _ = mpsc::channel::<i32>(filch_sync::Semaphore::MAX_PERMITS + 1);
}

#[test]
fn a_receiver_that_is_gone_keeps_no_task_alive() {
    let (sender, mut receiver) = mpsc::channel::<i32>(1);
    let (count, waker) = Count::new();
    assert!(poll_with(pin!(receiver.recv()), &waker).is_pending());
    drop((receiver, waker));
    assert_eq!((Arc::strong_count(&count), count.get()), (1, 0));
    drop(sender);
}

#[test]
fn the_waker_of_the_last_poll_is_woken() {
    let (sender, mut receiver) = mpsc::channel(1);
    let ((first, waker), (second, other)) = (Count::new(), Count::new());
    assert!(poll_with(pin!(receiver.recv()), &waker).is_pending());
    assert!(poll_with(pin!(receiver.recv()), &waker).is_pending());
    assert!(poll_with(pin!(receiver.recv()), &other).is_pending());
    sender.try_send(1).expect("there is room");
    assert_eq!((first.get(), second.get()), (0, 1));
    assert_eq!(receiver.try_recv(), Ok(1));
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
    send_and_sync::<mpsc::PermitIterator<'_, Message>>();
    send_and_sync::<mpsc::OwnedPermit<Message>>();
    send_and_sync::<mpsc::WeakSender<Message>>();

    fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
    unwind_safe::<Sender<Message>>();
    unwind_safe::<Receiver<Message>>();
    unwind_safe::<mpsc::UnboundedSender<Message>>();
    unwind_safe::<mpsc::UnboundedReceiver<Message>>();

    fn debug<T: std::fmt::Debug>() {}
    struct Plain;
    debug::<Sender<Plain>>();
    debug::<Receiver<Plain>>();
    debug::<SendError<Plain>>();
    debug::<TrySendError<Plain>>();
}
