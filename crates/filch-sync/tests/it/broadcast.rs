//! Broadcast channels: exact numbers of missed values, clones and drops, and foreign code.

mod programs;

use crate::tools::{Count, call, poll, poll_n_then_drop, poll_with, ready, unclonable};
use filch_core::coop::{Budget, with_budget};
use filch_sync::broadcast::error::{RecvError, TryRecvError};
use filch_sync::broadcast::{self, Receiver, Sender, WeakSender};
use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, UnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::thread;

/// A value that counts itself and its clones.
#[derive(Debug)]
struct Value {
    n: u64,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    alive: AtomicUsize,
    cloned: AtomicUsize,
}

impl Value {
    fn new(n: u64, counts: &Arc<Counts>) -> Self {
        counts.alive.fetch_add(1, SeqCst);
        Value { n, counts: counts.clone() }
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        self.counts.cloned.fetch_add(1, SeqCst);
        Value::new(self.n, &self.counts)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        let before = self.counts.alive.fetch_sub(1, SeqCst);
        assert_ne!(before, 0, "a value was dropped twice");
    }
}

impl Counts {
    fn alive(&self) -> usize {
        self.alive.load(SeqCst)
    }

    fn cloned(&self) -> usize {
        self.cloned.load(SeqCst)
    }
}

#[test]
fn missed_values_are_counted_exactly_at_each_capacity() {
    for capacity in 1..20 {
        for n_sent in 0..3 * capacity {
            let (sender, mut receiver) = broadcast::channel(capacity);
            for n in 0..n_sent {
                sender.send(n).expect("there is a receiver");
            }
            assert_eq!(receiver.len(), n_sent);
            let missed = n_sent.saturating_sub(capacity);
            if missed != 0 {
                assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(missed as u64)));
            }
            for n in missed..n_sent {
                assert_eq!(receiver.try_recv(), Ok(n), "capacity {capacity}, {n_sent} sent");
            }
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        }
    }
}

#[test]
fn a_receiver_may_lag_twice_in_a_row() {
    for capacity in [1, 2, 3, 5, 8] {
        let (sender, mut receiver) = broadcast::channel(capacity);
        let send = |range: std::ops::Range<u64>| {
            range.for_each(|n| assert_eq!(sender.send(n).expect("there is a receiver"), 1));
        };
        let capacity = capacity as u64;
        send(0..capacity + 3);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(3)));
        send(capacity + 3..2 * capacity + 5);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(capacity + 2)));
        assert_eq!(receiver.try_recv(), Ok(capacity + 5));
    }
}

#[test]
fn the_end_of_the_senders_overwrites_nothing() {
    for capacity in 1..6 {
        let (sender, mut receiver) = broadcast::channel(capacity);
        for n in 0..capacity {
            sender.send(n).expect("there is a receiver");
        }
        drop(sender);
        for n in 0..capacity {
            assert_eq!(receiver.try_recv(), Ok(n));
        }
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    }
}

#[test]
fn a_receiver_that_waits_learns_of_the_end_and_so_do_those_of_a_closed_channel() {
    let (sender, mut receiver) = broadcast::channel::<i32>(1);
    let (count, waker) = Count::new();
    let mut other = receiver.resubscribe();
    let mut waiting = pin!(receiver.recv());
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    let weak = sender.downgrade();
    drop(sender);
    assert_eq!(count.get(), 1);
    assert_eq!(ready(waiting), Err(RecvError::Closed));
    assert!(weak.upgrade().is_none());
    let mut late = other.resubscribe();
    assert_eq!(ready(pin!(late.recv())), Err(RecvError::Closed));
    assert_eq!(ready(pin!(other.recv())), Err(RecvError::Closed));
}

#[test]
fn a_channel_without_receivers_opens_again() {
    let (sender, receiver) = broadcast::channel(2);
    drop(receiver);
    assert_eq!(sender.send(1).expect_err("nobody is there").0, 1);
    ready(pin!(sender.closed()));
    let mut receiver = sender.subscribe();
    assert!(poll(pin!(sender.closed())).is_pending());
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(sender.send(2), Ok(1));
    assert_eq!(ready(pin!(receiver.recv())), Ok(2));
}

#[test]
fn the_last_receiver_of_a_value_takes_it_without_a_clone() {
    let counts = Arc::default();
    let (sender, mut first) = broadcast::channel(4);
    let mut second = sender.subscribe();
    sender.send(Value::new(1, &counts)).expect("there are receivers");
    assert_eq!(first.try_recv().expect("it was sent").n, 1);
    assert_eq!((counts.cloned(), counts.alive()), (1, 1));
    assert_eq!(second.try_recv().expect("it was sent").n, 1);
    assert_eq!((counts.cloned(), counts.alive()), (1, 0));
    drop(first);
    sender.send(Value::new(2, &counts)).expect("there is a receiver");
    assert_eq!(second.try_recv().expect("it was sent").n, 2);
    assert_eq!(counts.cloned(), 1);
}

#[test]
fn a_dropped_receiver_drops_what_only_it_had_not_received() {
    let counts = Arc::default();
    let (sender, mut first) = broadcast::channel(3);
    let second = sender.subscribe();
    for n in 0..5 {
        sender.send(Value::new(n, &counts)).expect("there are receivers");
    }
    assert!(matches!(first.try_recv(), Err(TryRecvError::Lagged(2))));
    assert_eq!(first.try_recv().expect("it is the oldest").n, 2);
    assert_eq!(sender.len(), 3);
    drop(second);
    assert_eq!(counts.alive(), 2);
    assert_eq!(sender.len(), 2);
    drop(first);
    assert_eq!(counts.alive(), 0);
    assert!(sender.is_empty());
    assert_eq!(sender.receiver_count(), 0);
}

#[test]
fn a_receiver_that_lags_keeps_one_value_at_most() {
    let counts = Arc::default();
    let (sender, mut receiver) = broadcast::channel(4);
    for n in 0..1000 {
        sender.send(Value::new(n, &counts)).expect("there is a receiver");
        assert!(counts.alive() <= 5);
    }
    assert!(matches!(receiver.try_recv(), Err(TryRecvError::Lagged(996))));
    assert_eq!(counts.alive(), 4);
    assert_eq!(receiver.len(), 4);
}

#[test]
fn senders_and_receivers_know_their_channel_and_their_number() {
    let (sender, receiver) = broadcast::channel::<i32>(1);
    let (other_sender, other_receiver) = broadcast::channel::<i32>(1);
    let twin = sender.clone();
    assert!(sender.same_channel(&twin) && !sender.same_channel(&other_sender));
    assert!(receiver.same_channel(&receiver.resubscribe()));
    assert!(!receiver.same_channel(&other_receiver));
    let weak = sender.downgrade();
    let weak = [weak.clone(), weak];
    assert_eq!((sender.strong_count(), sender.weak_count()), (2, 2));
    assert_eq!((weak[0].strong_count(), weak[0].weak_count()), (2, 2));
    assert_eq!((receiver.sender_strong_count(), receiver.sender_weak_count()), (2, 2));
    drop((weak, twin));
    assert_eq!((receiver.sender_strong_count(), receiver.sender_weak_count()), (1, 0));
    assert!(!receiver.is_closed());
    drop(sender);
    assert!(receiver.is_closed());
}

#[test]
fn one_wake_up_is_enough_for_many_values() {
    let (sender, mut receiver) = broadcast::channel(64);
    let (count, waker) = Count::new();
    let mut waiting = pin!(receiver.recv());
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    for n in 0..64 {
        sender.send(n).expect("there is a receiver");
    }
    assert_eq!(count.get(), 1);
    assert_eq!(ready(waiting), Ok(0));
}

#[test]
fn many_waiters_are_all_woken_and_leave_in_any_order() {
    const N_WAITERS: usize = 10_000;
    let (sender, receiver) = broadcast::channel(1);
    let (count, waker) = Count::new();
    let mut waiting: Vec<_> = (0..N_WAITERS)
        .map(|_| {
            let mut receiver = receiver.resubscribe();
            let mut waiting = Box::pin(async move { receiver.recv().await });
            assert!(poll_with(waiting.as_mut(), &waker).is_pending());
            waiting
        })
        .collect();
    let mut random = 1_u64;
    for _ in 0..N_WAITERS / 2 {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        drop(waiting.swap_remove((random >> 33) as usize % waiting.len()));
    }
    sender.send(1).expect("there are receivers");
    assert_eq!(count.get(), N_WAITERS / 2);
    // All lag, each at its own position or at the same one, and come back in any order.
    sender.send(2).expect("there are receivers");
    for waiting in &mut waiting {
        assert_eq!(ready(waiting.as_mut()), Err(RecvError::Lagged(1)));
    }
}

#[test]
fn a_panicking_waker_does_not_keep_the_others_from_being_woken() {
    let (sender, first) = broadcast::channel(1);
    let (count, counting) = Count::new();
    let mut waiting: Vec<_> = (0..50)
        .map(|index| {
            let mut receiver = first.resubscribe();
            let mut waiting = Box::pin(async move { receiver.recv().await });
            let panicking = call(|| panic!("a waker panics"));
            let waker = if index % 5 == 0 { &panicking } else { &counting };
            assert!(poll_with(waiting.as_mut(), waker).is_pending());
            waiting
        })
        .collect();
    assert!(catch_unwind(AssertUnwindSafe(|| sender.send(1))).is_err());
    assert_eq!(count.get(), 40);
    for waiting in &mut waiting {
        assert_eq!(ready(waiting.as_mut()), Ok(1), "the value was sent all the same");
    }
    assert_eq!(sender.send(2), Ok(1), "only the first receiver is left");
}

#[test]
fn a_waker_that_cannot_be_cloned_leaves_the_receiver_as_it_was() {
    let (sender, mut receiver) = broadcast::channel(1);
    let polled = catch_unwind(AssertUnwindSafe(|| {
        let _ = poll_with(pin!(receiver.recv()), &unclonable());
    }));
    assert!(polled.is_err());
    sender.send(1).expect("there is a receiver");
    assert_eq!(receiver.try_recv(), Ok(1));
}

#[test]
fn a_waker_may_use_the_channel() {
    let (sender, mut receiver) = broadcast::channel(8);
    let weak = sender.downgrade();
    let waker = call(move || {
        let sender = weak.upgrade().expect("it is sending");
        drop(sender.subscribe());
        sender.send(2).expect("there is a receiver");
    });
    let mut waiting = Box::pin(receiver.recv());
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    sender.send(1).expect("there is a receiver");
    assert_eq!(ready(waiting.as_mut()), Ok(1));
    drop(waiting);
    assert_eq!(receiver.try_recv(), Ok(2));
}

/// A value whose clone and drop call a function.
struct Hooked<C: Fn(), D: Fn()>(Arc<(C, D)>);

impl<C: Fn(), D: Fn()> Clone for Hooked<C, D> {
    fn clone(&self) -> Self {
        (self.0.0)();
        Hooked(self.0.clone())
    }
}

impl<C: Fn(), D: Fn()> Drop for Hooked<C, D> {
    fn drop(&mut self) {
        (self.0.1)();
    }
}

#[test]
fn a_clone_that_panics_counts_as_received() {
    let n_dropped = Arc::new(AtomicUsize::new(0));
    let value = |panics: bool| {
        let n_dropped = n_dropped.clone();
        let count = move || {
            n_dropped.fetch_add(1, SeqCst);
        };
        Hooked(Arc::new((move || assert!(!panics, "a clone panics"), count)))
    };
    let (sender, mut receiver) = broadcast::channel(4);
    let mut other = sender.subscribe();
    sender.send(value(true)).unwrap_or_else(|_| unreachable!());
    sender.send(value(false)).unwrap_or_else(|_| unreachable!());
    assert!(catch_unwind(AssertUnwindSafe(|| receiver.try_recv())).is_err());
    assert_eq!(receiver.len(), 1);
    assert!(receiver.try_recv().is_ok());
    assert!(other.try_recv().is_ok(), "it is the last one, and clones nothing");
    assert!(other.try_recv().is_ok());
    assert_eq!(n_dropped.load(SeqCst), 3, "two values and the clone of one");
    assert!(sender.is_empty());
}

#[test]
fn a_clone_may_overwrite_the_value_it_is_made_of() {
    #[derive(Debug)]
    struct Sends(u32, WeakSender<Sends>, Arc<()>);
    impl Clone for Sends {
        fn clone(&self) -> Self {
            let sender = self.1.upgrade().expect("it is there");
            for n in 1..4 {
                sender.send(Sends(self.0 + n, self.1.clone(), self.2.clone())).expect("received");
            }
            Sends(self.0, self.1.clone(), self.2.clone())
        }
    }
    let alive = Arc::new(());
    let (sender, mut receiver) = broadcast::channel(1);
    let other = sender.subscribe();
    sender.send(Sends(0, sender.downgrade(), alive.clone())).expect("there are receivers");
    assert_eq!(receiver.try_recv().expect("it was sent").0, 0);
    assert_eq!(receiver.len(), 3);
    assert!(matches!(receiver.try_recv(), Err(TryRecvError::Lagged(2))));
    drop(other);
    assert_eq!(receiver.try_recv().expect("it is the last one").0, 3);
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn a_drop_may_use_the_channel() {
    struct Sends(u32, WeakSender<Arc<Sends>>);
    impl Drop for Sends {
        fn drop(&mut self) {
            if let Some(sender) = self.1.upgrade().filter(|_| self.0 != 0) {
                drop(sender.send(Arc::new(Sends(self.0 - 1, self.1.clone()))));
            }
        }
    }
    let (sender, receiver) = broadcast::channel(2);
    for _ in 0..5 {
        drop(sender.send(Arc::new(Sends(2, sender.downgrade()))));
    }
    drop(receiver);
    assert!(sender.is_empty());
}

#[test]
fn a_value_that_panics_in_its_drop_keeps_no_other() {
    let n_dropped = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = broadcast::channel(10);
    for n in 0..10 {
        let n_dropped = n_dropped.clone();
        let panic = move || {
            n_dropped.fetch_add(1, SeqCst);
            assert_ne!(n, 4, "a drop panics");
        };
        sender.send(Hooked(Arc::new((|| {}, panic)))).unwrap_or_else(|_| unreachable!());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
    assert_eq!(n_dropped.load(SeqCst), 10);
    assert_eq!(sender.receiver_count(), 0);
}

#[test]
fn an_overwritten_value_that_panics_in_its_drop_leaves_the_channel_whole() {
    let (sender, mut receiver) = broadcast::channel(1);
    let value = |panics: bool| Hooked(Arc::new((|| {}, move || assert!(!panics, "a drop panics"))));
    let mut lagging = receiver.resubscribe();
    for panics in [false, true] {
        sender.send(value(panics)).unwrap_or_else(|_| unreachable!());
    }
    // Both stood at the first value, and lag; nobody has a claim on the second one but they.
    assert!(catch_unwind(AssertUnwindSafe(|| sender.send(value(false)))).is_err());
    for receiver in [&mut receiver, &mut lagging] {
        assert!(matches!(receiver.try_recv(), Err(TryRecvError::Lagged(2))));
        assert!(receiver.try_recv().is_ok());
    }
}

#[test]
fn without_budget_nothing_is_received_and_nothing_lost() {
    let (sender, mut receiver) = broadcast::channel(2);
    sender.send(1).expect("there is a receiver");
    with_budget(Budget::new(0), || {
        let (count, waker) = Count::new();
        assert!(poll_with(pin!(receiver.recv()), &waker).is_pending());
        assert_eq!(count.get(), 1);
    });
    with_budget(Budget::new(1), || {
        assert_eq!(ready(pin!(receiver.recv())), Ok(1));
        assert!(poll(pin!(receiver.recv())).is_pending());
        assert!(!filch_core::coop::has_budget_remaining());
    });
}

#[test]
fn a_canceled_recv_leaves_the_value_to_the_next() {
    for n in 0..3 {
        let (sender, mut receiver) = broadcast::channel(2);
        assert!(poll_n_then_drop(n, receiver.recv()).is_none());
        sender.send(n).expect("there is a receiver");
        assert_eq!(ready(pin!(receiver.recv())), Ok(n));
    }
}

#[test]
fn a_large_value_fits() {
    let (sender, mut receiver) = broadcast::channel::<[u8; 1 << 16]>(1);
    sender.send([7; 1 << 16]).expect("there is a receiver");
    assert_eq!(receiver.try_recv().expect("it was sent")[65535], 7);
}

#[test]
#[should_panic(expected = "pass 1 or more")]
fn a_capacity_of_nothing_is_refused() {
    let _ = broadcast::channel::<i32>(0);
}

#[test]
#[should_panic(expected = "or less, which is what fits into the address space")]
fn a_capacity_beyond_the_address_space_is_refused() {
    let _ = Sender::<i32>::new(usize::MAX / 2);
}

#[test]
fn what_can_be_sent_and_shared() {
    fn send_and_sync<T: Send + Sync>() {}
    fn unpin<T: Unpin>() {}
    fn unwind_safe<T: UnwindSafe>() {}
    unwind_safe::<(Sender<Cell<i32>>, WeakSender<Cell<i32>>, Receiver<Cell<i32>>)>();
    send_and_sync::<Sender<i32>>();
    send_and_sync::<WeakSender<i32>>();
    send_and_sync::<Receiver<i32>>();
    unpin::<Receiver<std::marker::PhantomPinned>>();
    fn is_send(future: impl Future + Send) -> impl Future {
        future
    }
    let (_sender, mut receiver) = broadcast::channel::<i32>(1);
    drop(is_send(receiver.recv()));
}

#[test]
fn errors_say_what_happened() {
    assert_eq!(RecvError::Lagged(3).to_string(), "the receiver missed 3 values");
    assert_eq!(TryRecvError::Empty.to_string(), "the channel is empty");
    assert_eq!(RecvError::Closed.to_string(), "the channel is closed");
    assert_eq!(broadcast::error::SendError(1).to_string(), "the channel has no receiver");
}

/// Senders, receivers that read, lag, are dropped and made again, all at once: no value is lost or dropped twice.
#[test]
fn nothing_is_lost_among_threads() {
    const N_ROUNDS: u64 = 4000;
    for capacity in [1, 2, 5, 64] {
        let counts = Arc::<Counts>::default();
        let (sender, receiver) = broadcast::channel(capacity);
        let senders = [sender.clone(), sender];
        thread::scope(|scope| {
            for _ in 0..2 {
                let mut receiver = receiver.resubscribe();
                scope.spawn(move || {
                    let mut n_received = 0;
                    loop {
                        match receiver.blocking_recv() {
                            Ok(_) => n_received += 1,
                            Err(RecvError::Lagged(n)) => n_received += n,
                            Err(RecvError::Closed) => break,
                        }
                    }
                    assert_eq!(n_received, 2 * N_ROUNDS);
                });
            }
            scope.spawn(|| {
                // One that comes and goes.
                let mut coming = receiver.resubscribe();
                while !coming.is_closed() {
                    for _ in 0..7 {
                        drop(coming.try_recv());
                    }
                    coming = coming.resubscribe();
                }
            });
            for sender in senders {
                let counts = counts.clone();
                scope.spawn(move || {
                    for n in 0..N_ROUNDS {
                        sender.send(Value::new(n, &counts)).expect("there are receivers");
                    }
                });
            }
        });
        drop(receiver);
        assert_eq!(counts.alive(), 0);
    }
}
