//! Channels without a buffer.

use super::{BlockOn, Case, is_pending, on_threads};
use filch_sync::rendezvous;
use filch_sync::rendezvous::error::{TryRecvError, TrySendError};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex};
use std::thread;

pub(super) const CASES: &[Case] = &[
    ("rendezvous_waits_for_the_receiver", rendezvous_waits_for_the_receiver),
    ("rendezvous_passes_between_threads", rendezvous_passes_between_threads),
    ("rendezvous_serves_senders_in_turn", rendezvous_serves_senders_in_turn),
    ("rendezvous_tries_only_who_waits", rendezvous_tries_only_who_waits),
    ("rendezvous_close_gives_values_back", rendezvous_close_gives_values_back),
    ("rendezvous_blocks_threads_too", rendezvous_blocks_threads_too),
];

fn rendezvous_waits_for_the_receiver(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (sender, receiver) = rendezvous::channel();
        let mut send = pin!(sender.send(1));
        assert!(is_pending(send.as_mut()));
        assert_eq!(receiver.recv().await, Some(1));
        assert_eq!(send.await, Ok(()));

        let mut recv = pin!(receiver.recv());
        assert!(is_pending(recv.as_mut()));
        let mut send = pin!(sender.send(2));
        assert!(is_pending(send.as_mut()), "the receiver was told, and has not taken it yet");
        assert_eq!(recv.await, Some(2));
        assert_eq!(send.await, Ok(()));
    }));
}

fn rendezvous_passes_between_threads(block_on: BlockOn<'_>) {
    const N: usize = 300;
    let (sender, receiver) = rendezvous::channel();
    let ends = Mutex::new(vec![
        (Some(sender.clone()), None),
        (Some(sender), None),
        (None, Some(receiver.clone())),
        (None, Some(receiver)),
    ]);
    let sum = Arc::new(AtomicUsize::new(0));
    on_threads(4, block_on, |_| {
        let ends = ends.lock().expect("no panic").pop().expect("one for each thread");
        let sum = sum.clone();
        async move {
            match ends {
                (Some(sender), _) => {
                    for n in 0..N {
                        sender.send(n).await.expect("receivers are there");
                    }
                }
                (_, Some(receiver)) => {
                    while let Some(n) = receiver.recv().await {
                        sum.fetch_add(n, SeqCst);
                    }
                }
                _ => unreachable!("each thread has one end"),
            }
        }
    });
    assert_eq!(sum.load(SeqCst), N * (N - 1));
}

fn rendezvous_serves_senders_in_turn(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (sender, receiver) = rendezvous::channel();
        let mut sends: Vec<_> = (0..50).map(|n| Box::pin(sender.send(n))).collect();
        assert!(sends.iter_mut().all(|send| is_pending(send.as_mut())));
        for n in 0..50 {
            assert_eq!(receiver.recv().await, Some(n));
        }
        for send in sends {
            assert_eq!(send.await, Ok(()));
        }
    }));
}

fn rendezvous_tries_only_who_waits(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (sender, receiver) = rendezvous::channel();
        assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        {
            let mut send = pin!(sender.send(2));
            assert!(is_pending(send.as_mut()));
            assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
            assert_eq!(receiver.try_recv(), Ok(2));
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
            assert_eq!(send.await, Ok(()));
        }
        let mut recv = pin!(receiver.recv());
        assert!(is_pending(recv.as_mut()));
        assert_eq!(sender.try_send(4), Ok(()));
        assert_eq!(sender.try_send(5), Err(TrySendError::Full(5)), "one receiver, one value");
        assert_eq!(recv.await, Some(4));
    }));
}

fn rendezvous_close_gives_values_back(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (sender, receiver) = rendezvous::channel();
        let mut send = pin!(sender.send(1));
        assert!(is_pending(send.as_mut()));
        receiver.close();
        sender.closed().await;
        assert_eq!(receiver.recv().await, None);
        assert_eq!(send.await.expect_err("closed").0, 1);
        assert_eq!(sender.send(2).await.expect_err("closed").0, 2);
        assert_eq!(sender.try_send(3), Err(TrySendError::Closed(3)));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));

        let (sender, receiver) = rendezvous::channel::<i32>();
        let mut recv = pin!(receiver.recv());
        assert!(is_pending(recv.as_mut()));
        drop(sender);
        assert_eq!(recv.await, None);
    }));
}

fn rendezvous_blocks_threads_too(block_on: BlockOn<'_>) {
    let (sender, receiver) = rendezvous::channel();
    let thread = thread::spawn(move || {
        (0..100).try_for_each(|n| sender.blocking_send(n)).expect("the receiver is there")
    });
    block_on(Box::pin(async move {
        for n in 0..50 {
            assert_eq!(receiver.recv().await, Some(n));
        }
        let others = thread::spawn(move || std::iter::from_fn(|| receiver.blocking_recv()).count());
        assert_eq!(others.join().expect("the thread does not panic"), 50);
    }));
    thread.join().expect("the thread does not panic");
}
