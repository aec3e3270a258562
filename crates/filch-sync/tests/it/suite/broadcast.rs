//! Broadcast channels.

use super::{BlockOn, Case, on_threads, yield_now};
use filch_sync::broadcast::error::{RecvError, TryRecvError};
use filch_sync::{Notify, broadcast};
use std::sync::Mutex;
use std::thread;

pub(super) const CASES: &[Case] = &[
    ("broadcast_reaches_all_receivers_in_order", broadcast_reaches_all_receivers_in_order),
    ("broadcast_counts_what_slow_receivers_miss", broadcast_counts_what_slow_receivers_miss),
    ("broadcast_reaches_threads_that_block", broadcast_reaches_threads_that_block),
    ("broadcast_merges_several_senders", broadcast_merges_several_senders),
    ("broadcast_starts_where_it_was_subscribed", broadcast_starts_where_it_was_subscribed),
    ("broadcast_ends_after_the_last_value", broadcast_ends_after_the_last_value),
    (
        "broadcast_tells_senders_of_the_last_receivers_end",
        broadcast_tells_senders_of_the_last_receivers_end,
    ),
];

const N_RECEIVERS: usize = 3;
const N_VALUES: usize = 2000;

/// Receivers for as many threads, each to be taken once.
struct Handout<T>(Mutex<Vec<T>>);

impl<T> Handout<T> {
    fn new(all: impl IntoIterator<Item = T>) -> Self {
        Handout(Mutex::new(all.into_iter().collect()))
    }

    fn take(&self) -> T {
        self.0.lock().expect("not poisoned").pop().expect("one for each")
    }
}

fn broadcast_reaches_all_receivers_in_order(block_on: BlockOn<'_>) {
    let (sender, receiver) = broadcast::channel(N_VALUES);
    let receivers = Handout::new((0..N_RECEIVERS).map(|_| receiver.resubscribe()));
    let sender = Handout::new([sender]);
    on_threads(N_RECEIVERS + 1, block_on, |index| {
        let sender = (index == N_RECEIVERS).then(|| sender.take());
        let receiver = (index < N_RECEIVERS).then(|| receivers.take());
        async move {
            if let Some(sender) = sender {
                for n in 0..N_VALUES {
                    assert!(sender.send(n.to_string()).is_ok());
                    if n % 64 == 0 {
                        yield_now().await;
                    }
                }
            }
            if let Some(mut receiver) = receiver {
                for n in 0..N_VALUES {
                    assert_eq!(receiver.recv().await, Ok(n.to_string()));
                }
                assert_eq!(receiver.recv().await, Err(RecvError::Closed));
            }
        }
    });
}

fn broadcast_counts_what_slow_receivers_miss(block_on: BlockOn<'_>) {
    for capacity in [1, 3, 8] {
        let (sender, receiver) = broadcast::channel(capacity);
        let receivers = Handout::new((0..N_RECEIVERS).map(|_| receiver.resubscribe()));
        let sender = Handout::new([sender]);
        on_threads(N_RECEIVERS + 1, block_on, |index| {
            let sender = (index == N_RECEIVERS).then(|| sender.take());
            let receiver = (index < N_RECEIVERS).then(|| receivers.take());
            async move {
                if let Some(sender) = sender {
                    for n in 0..N_VALUES {
                        assert!(sender.send(Box::new(n)).is_ok());
                    }
                }
                if let Some(mut receiver) = receiver {
                    let mut next = 0;
                    loop {
                        match receiver.recv().await {
                            Ok(n) => {
                                assert_eq!(*n, next);
                                next += 1;
                            }
                            Err(RecvError::Lagged(missed)) => next += missed as usize,
                            Err(RecvError::Closed) => break,
                        }
                    }
                    assert_eq!(next, N_VALUES);
                }
            }
        });
    }
}

fn broadcast_reaches_threads_that_block(block_on: BlockOn<'_>) {
    let (sender, receiver) = broadcast::channel(4);
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let mut receiver = receiver.resubscribe();
            thread::spawn(move || {
                assert_eq!(receiver.blocking_recv(), Ok(1));
                assert_eq!(receiver.blocking_recv(), Err(RecvError::Closed));
            })
        })
        .collect();
    block_on(Box::pin(async move {
        assert_eq!(sender.send(1), Ok(3));
        sender.downgrade().upgrade().expect("it is there");
    }));
    drop(receiver);
    for thread in threads {
        thread.join().expect("the thread does not panic");
    }
}

fn broadcast_merges_several_senders(block_on: BlockOn<'_>) {
    let (sender, receiver) = broadcast::channel(3 * N_VALUES);
    let senders = Handout::new([sender.clone(), sender.clone(), sender]);
    let receiver = Handout::new([receiver]);
    on_threads(4, block_on, |index| {
        let sender = (index < 3).then(|| senders.take());
        let receiver = (index == 3).then(|| receiver.take());
        async move {
            if let Some(sender) = sender {
                for n in 0..N_VALUES {
                    assert!(sender.send((index, n)).is_ok());
                }
            }
            if let Some(mut receiver) = receiver {
                let mut next = [0; 3];
                while let Ok((sender, n)) = receiver.recv().await {
                    assert_eq!(n, next[sender], "of sender {sender}");
                    next[sender] += 1;
                }
                assert_eq!(next, [N_VALUES; 3]);
            }
        }
    });
}

fn broadcast_starts_where_it_was_subscribed(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (sender, mut first) = broadcast::channel(4);
        assert_eq!(sender.send(1), Ok(1));
        let mut second = sender.subscribe();
        let mut third = second.resubscribe();
        assert_eq!(sender.receiver_count(), 3);
        assert_eq!(sender.send(2), Ok(3));
        assert_eq!((first.recv().await, first.recv().await), (Ok(1), Ok(2)));
        assert_eq!(second.recv().await, Ok(2));
        assert_eq!(third.recv().await, Ok(2));
        assert_eq!(third.try_recv(), Err(TryRecvError::Empty));
    }));
}

fn broadcast_ends_after_the_last_value(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (sender, mut receiver) = broadcast::channel(2);
        for n in 0..3 {
            assert!(sender.send(n).is_ok());
        }
        drop(sender);
        assert!(receiver.is_closed());
        assert_eq!(receiver.recv().await, Err(RecvError::Lagged(1)));
        assert_eq!((receiver.recv().await, receiver.recv().await), (Ok(1), Ok(2)));
        assert_eq!(receiver.recv().await, Err(RecvError::Closed));
        assert_eq!(receiver.resubscribe().recv().await, Err(RecvError::Closed));
    }));
}

fn broadcast_tells_senders_of_the_last_receivers_end(block_on: BlockOn<'_>) {
    let (sender, receiver) = broadcast::channel::<i32>(2);
    let receivers = Handout::new([receiver.resubscribe(), receiver]);
    let sender = &sender;
    let all_there = Notify::new();
    thread::scope(|scope| {
        for _ in 0..2 {
            let (receiver, all_there) = (receivers.take(), &all_there);
            scope.spawn(move || {
                all_there.notify_one();
                drop(receiver);
            });
        }
        let sender = sender.clone();
        block_on(Box::pin(async move { sender.closed().await }));
    });
    assert_eq!(sender.receiver_count(), 0);
    assert_eq!(sender.send(1).expect_err("nobody is there").0, 1);
}
