//! Channels of many receivers.

use super::{BlockOn, Case, is_pending, on_threads, yield_now};
use filch_sync::mpmc::error::{TryRecvError, TrySendError};
use filch_sync::mpmc::{self, Receiver, Sender};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex};
use std::thread;

pub(super) const CASES: &[Case] = &[
    ("mpmc_each_value_goes_to_one_receiver", mpmc_each_value_goes_to_one_receiver),
    ("mpmc_keeps_the_order_of_each_sender", mpmc_keeps_the_order_of_each_sender),
    ("mpmc_makes_senders_wait", mpmc_makes_senders_wait),
    ("mpmc_close_gives_out_what_is_there", mpmc_close_gives_out_what_is_there),
    ("mpmc_receivers_in_tasks_and_threads", mpmc_receivers_in_tasks_and_threads),
    ("mpmc_force_send_drops_the_oldest", mpmc_force_send_drops_the_oldest),
    ("mpmc_last_receiver_refuses_senders", mpmc_last_receiver_refuses_senders),
];

/// Two senders and two receivers, each on a thread of its own.
fn two_by_two(ends: (Sender<usize>, Receiver<usize>), block_on: BlockOn<'_>) {
    const N: usize = 500;
    let (sender, receiver) = ends;
    let ends = Mutex::new(vec![
        (Some(sender.clone()), None),
        (Some(sender), None),
        (None, Some(receiver.clone())),
        (None, Some(receiver)),
    ]);
    let (n_received, sum) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    on_threads(4, block_on, |_| {
        let ends = ends.lock().expect("no panic").pop().expect("one for each thread");
        let (n_received, sum) = (n_received.clone(), sum.clone());
        async move {
            match ends {
                (Some(sender), _) => {
                    for n in 0..N {
                        sender.send(n).await.expect("receivers are there");
                    }
                }
                (_, Some(receiver)) => {
                    while let Some(n) = receiver.recv().await {
                        n_received.fetch_add(1, SeqCst);
                        sum.fetch_add(n, SeqCst);
                        if n % 16 == 0 {
                            yield_now().await;
                        }
                    }
                }
                _ => unreachable!("each thread has one end"),
            }
        }
    });
    assert_eq!((n_received.load(SeqCst), sum.load(SeqCst)), (2 * N, N * (N - 1)));
}

fn mpmc_each_value_goes_to_one_receiver(block_on: BlockOn<'_>) {
    two_by_two(mpmc::channel(1), block_on);
    two_by_two(mpmc::channel(7), block_on);
    two_by_two(mpmc::unbounded_channel(), block_on);
}

fn mpmc_keeps_the_order_of_each_sender(block_on: BlockOn<'_>) {
    let (sender, receiver) = mpmc::channel(3);
    let threads: Vec<_> = (0..3)
        .map(|id| {
            let sender = sender.clone();
            thread::spawn(move || {
                (0..200)
                    .try_for_each(|n| sender.blocking_send((id, n)))
                    .expect("a receiver is there")
            })
        })
        .collect();
    drop(sender);
    block_on(Box::pin(async move {
        let (mut next, mut buffer) = ([0; 3], Vec::new());
        while receiver.recv_many(&mut buffer, 5).await != 0 {
            for (id, n) in buffer.drain(..) {
                let id: usize = id;
                assert_eq!(next[id], n);
                next[id] += 1;
            }
        }
        assert_eq!(next, [200; 3]);
    }));
    threads.into_iter().for_each(|thread| thread.join().expect("the thread does not panic"));
}

fn mpmc_makes_senders_wait(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (sender, receiver) = mpmc::channel(1);
        sender.send(1).await.expect("a receiver is there");
        assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
        let mut waiting = pin!(sender.send(2));
        assert!(is_pending(waiting.as_mut()));
        assert_eq!(receiver.recv().await, Some(1));
        waiting.await.expect("a receiver is there");
        assert_eq!(receiver.try_recv(), Ok(2));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }));
}

fn mpmc_close_gives_out_what_is_there(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (sender, receiver) = mpmc::channel(2);
        let other = receiver.clone();
        sender.send(1).await.expect("receivers are there");
        sender.send(2).await.expect("receivers are there");
        let mut refused = pin!(sender.send(3));
        assert!(is_pending(refused.as_mut()));
        receiver.close();
        sender.closed().await;
        assert_eq!(refused.await.expect_err("closed").0, 3);
        assert_eq!(sender.send(4).await.expect_err("closed").0, 4);
        assert_eq!(sender.try_send(5), Err(TrySendError::Closed(5)));
        assert!(sender.is_closed() && other.is_closed());
        assert_eq!(other.recv().await, Some(1));
        assert_eq!(receiver.recv().await, Some(2));
        assert_eq!(other.recv().await, None);
        assert_eq!(receiver.recv().await, None);
    }));
}

fn mpmc_receivers_in_tasks_and_threads(block_on: BlockOn<'_>) {
    let (sender, receiver) = mpmc::unbounded_channel();
    let thread = thread::spawn({
        let receiver = receiver.clone();
        move || std::iter::from_fn(|| receiver.blocking_recv()).sum::<usize>()
    });
    let in_task = Arc::new(AtomicUsize::new(0));
    block_on(Box::pin({
        let in_task = in_task.clone();
        async move {
            for n in 0..100 {
                sender.send(n).await.expect("receivers are there");
                if n % 3 == 0 {
                    in_task.fetch_add(receiver.try_recv().unwrap_or(0), SeqCst);
                }
            }
            drop(sender);
            while let Some(n) = receiver.recv().await {
                in_task.fetch_add(n, SeqCst);
            }
        }
    }));
    let in_thread = thread.join().expect("the thread does not panic");
    assert_eq!(in_thread + in_task.load(SeqCst), 4950);
}

fn mpmc_force_send_drops_the_oldest(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (sender, receiver) = mpmc::channel(2);
        let forced: Vec<_> =
            (0..5).map(|n| sender.force_send(n).expect("a receiver is there")).collect();
        assert_eq!(forced, [None, None, Some(0), Some(1), Some(2)]);
        assert_eq!((receiver.recv().await, receiver.recv().await), (Some(3), Some(4)));
        assert_eq!(sender.capacity(), 2);
        receiver.close();
        assert_eq!(sender.force_send(9).expect_err("closed").0, 9);
    }));
}

fn mpmc_last_receiver_refuses_senders(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (sender, receiver) = mpmc::channel(1);
        sender.send(1).await.expect("a receiver is there");
        let mut waiting = pin!(sender.send(2));
        assert!(is_pending(waiting.as_mut()));
        let other = receiver.clone();
        drop(receiver);
        assert!(is_pending(waiting.as_mut()));
        drop(other);
        assert_eq!(waiting.await.expect_err("nobody receives").0, 2);
        assert!(sender.is_closed() && sender.is_empty());
    }));
}
