//! Channels of one receiver.

use super::{BlockOn, Case, is_pending, on_threads, yield_now};
use filch_sync::mpsc::error::{SendError, TryRecvError, TrySendError};
use filch_sync::{mpsc, oneshot};
use std::pin::pin;
use std::sync::Mutex;
use std::thread;

pub(super) const CASES: &[Case] = &[
    ("mpsc_keeps_the_order_of_each_sender", mpsc_keeps_the_order_of_each_sender),
    (
        "mpsc_unbounded_keeps_the_order_of_each_sender",
        mpsc_unbounded_keeps_the_order_of_each_sender,
    ),
    ("mpsc_senders_wait_for_room_in_turn", mpsc_senders_wait_for_room_in_turn),
    ("mpsc_many_permits_come_together", mpsc_many_permits_come_together),
    ("mpsc_threads_block_beside_tasks", mpsc_threads_block_beside_tasks),
    ("mpsc_ping_pong_through_one_place", mpsc_ping_pong_through_one_place),
    ("mpsc_ends_when_the_last_sender_goes", mpsc_ends_when_the_last_sender_goes),
    ("mpsc_closed_gives_out_what_it_has", mpsc_closed_gives_out_what_it_has),
    ("mpsc_tells_senders_of_the_receivers_end", mpsc_tells_senders_of_the_receivers_end),
    ("mpsc_requests_carry_their_answer", mpsc_requests_carry_their_answer),
];

const N_SENDERS: usize = 3;
const N_EACH: usize = 300;

/// Receives what `N_SENDERS` send, and checks the order.
struct Expected([usize; N_SENDERS]);

impl Expected {
    fn receive(&mut self, (sender, n): (usize, usize)) {
        assert_eq!(self.0[sender], n, "of sender {sender}");
        self.0[sender] += 1;
    }
}

fn mpsc_keeps_the_order_of_each_sender(block_on: BlockOn<'_>) {
    for buffer in [1, 2, 100] {
        let (sender, receiver) = mpsc::channel(buffer);
        let (sender, receiver) = (Mutex::new(Some(sender)), Mutex::new(Some(receiver)));
        let clone = || sender.lock().expect("not poisoned").clone().expect("taken at the end");
        let senders: Vec<_> = (0..N_SENDERS).map(|_| clone()).collect();
        sender.lock().expect("not poisoned").take();
        on_threads(N_SENDERS + 1, block_on, |index| {
            let sender = senders.get(index).cloned();
            let receiver =
                if sender.is_none() { receiver.lock().expect("not poisoned").take() } else { None };
            async move {
                if let Some(sender) = sender {
                    for n in 0..N_EACH {
                        sender.send((index, n)).await.expect("the receiver is there");
                    }
                }
                if let Some(mut receiver) = receiver {
                    let mut expected = Expected([0; N_SENDERS]);
                    for _ in 0..N_SENDERS * N_EACH {
                        expected.receive(receiver.recv().await.expect("more will come"));
                    }
                }
            }
        });
    }
}

fn mpsc_unbounded_keeps_the_order_of_each_sender(block_on: BlockOn<'_>) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    thread::scope(|scope| {
        for index in 0..N_SENDERS {
            let sender = sender.clone();
            scope.spawn(move || {
                (0..N_EACH)
                    .try_for_each(|n| sender.send((index, n)))
                    .expect("the receiver is there")
            });
        }
        drop(sender);
        block_on(Box::pin(async move {
            let mut expected = Expected([0; N_SENDERS]);
            let mut buffer = Vec::new();
            while receiver.recv_many(&mut buffer, 7).await != 0 {
                assert!(buffer.len() <= 7);
                buffer.drain(..).for_each(|message| expected.receive(message));
            }
            assert_eq!(expected.0, [N_EACH; N_SENDERS]);
        }));
    });
}

fn mpsc_senders_wait_for_room_in_turn(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (sender, mut receiver) = mpsc::channel(1);
        sender.send(1).await.expect("the receiver is there");
        let mut second = pin!(sender.send(2));
        let mut third = pin!(sender.reserve());
        assert!(is_pending(second.as_mut()));
        assert!(is_pending(third.as_mut()));
        assert_eq!(receiver.recv().await, Some(1));
        assert_eq!(sender.try_send(4), Err(TrySendError::Full(4)), "the room is the second one's");
        assert!(is_pending(third.as_mut()));
        second.await.expect("the receiver is there");
        assert_eq!(receiver.recv().await, Some(2));
        third.await.expect("the receiver is there").send(3);
        assert_eq!(receiver.recv().await, Some(3));
    }));
}

fn mpsc_many_permits_come_together(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (sender, mut receiver) = mpsc::channel(3);
        assert!(sender.reserve_many(4).await.is_err(), "that will never be free");
        assert_eq!(sender.reserve_many(0).await.expect("nothing is needed").len(), 0);
        sender.send(0).await.expect("the receiver is there");
        let mut all = pin!(sender.reserve_many(3));
        assert!(is_pending(all.as_mut()));
        let mut one = pin!(sender.reserve());
        assert!(is_pending(one.as_mut()), "who came first is served first");
        assert_eq!(receiver.recv().await, Some(0));
        for (n, permit) in all.await.expect("the receiver is there").enumerate() {
            permit.send(n);
        }
        assert!(is_pending(one.as_mut()));
        for n in 0..3 {
            assert_eq!(receiver.recv().await, Some(n));
        }
        drop(one.await.expect("the receiver is there"));
        assert_eq!(sender.capacity(), 3);
    }));
}

fn mpsc_threads_block_beside_tasks(block_on: BlockOn<'_>) {
    let (sender, mut receiver) = mpsc::channel(2);
    let (back, mut answers) = mpsc::channel(2);
    thread::scope(|scope| {
        scope.spawn(move || (0..100).try_for_each(|n| sender.blocking_send(n)).expect("received"));
        scope.spawn(move || {
            let mut buffer = Vec::new();
            while answers.blocking_recv_many(&mut buffer, 10) != 0 {}
            assert_eq!(buffer, (0..100).collect::<Vec<_>>());
        });
        block_on(Box::pin(async move {
            while let Some(n) = receiver.recv().await {
                back.send(n).await.expect("the thread receives");
            }
        }));
    });
}

fn mpsc_ping_pong_through_one_place(block_on: BlockOn<'_>) {
    let (there, mut here) = mpsc::channel(1);
    let (back, mut home) = mpsc::channel(1);
    thread::scope(|scope| {
        scope.spawn(|| {
            block_on(Box::pin(async move {
                while let Some(n) = here.recv().await {
                    back.send(n + 1).await.expect("the other one waits for it");
                }
            }));
        });
        block_on(Box::pin(async move {
            for n in 0..1000 {
                there.send(n).await.expect("the other one is there");
                assert_eq!(home.recv().await, Some(n + 1));
            }
        }));
    });
}

fn mpsc_ends_when_the_last_sender_goes(block_on: BlockOn<'_>) {
    let (sender, mut receiver) = mpsc::channel::<i32>(1);
    thread::scope(|scope| {
        for sender in [sender.clone(), sender] {
            scope.spawn(move || drop(sender));
        }
        block_on(Box::pin(async move {
            assert_eq!(receiver.recv().await, None);
            assert_eq!(receiver.recv().await, None);
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
        }));
    });
}

fn mpsc_closed_gives_out_what_it_has(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (sender, mut receiver) = mpsc::channel(3);
        sender.send(1).await.expect("the receiver is there");
        let permit = sender.reserve().await.expect("the receiver is there");
        receiver.close();
        assert_eq!(sender.send(9).await, Err(SendError(9)));
        permit.send(2);
        assert_eq!(receiver.recv().await, Some(1));
        assert_eq!(receiver.recv().await, Some(2));
        assert_eq!(receiver.recv().await, None);
    }));
}

fn mpsc_tells_senders_of_the_receivers_end(block_on: BlockOn<'_>) {
    let (sender, receiver) = mpsc::channel::<i32>(1);
    thread::scope(|scope| {
        scope.spawn(move || drop(receiver));
        block_on(Box::pin(async move {
            sender.closed().await;
            assert_eq!(sender.send(1).await, Err(SendError(1)));
        }));
    });
}

fn mpsc_requests_carry_their_answer(block_on: BlockOn<'_>) {
    let (requests, mut todo) = mpsc::channel::<(usize, oneshot::Sender<usize>)>(4);
    thread::scope(|scope| {
        scope.spawn(move || {
            block_on(Box::pin(async move {
                while let Some((n, answer)) = todo.recv().await {
                    yield_now().await;
                    answer.send(2 * n).expect("the answer is awaited");
                }
            }));
        });
        on_threads(3, block_on, |index| {
            let requests = requests.clone();
            async move {
                for round in 0..50 {
                    let (answer, answered) = oneshot::channel();
                    let n = 100 * index + round;
                    requests.send((n, answer)).await.expect("the server is there");
                    assert_eq!(answered.await, Ok(2 * n));
                }
            }
        });
        drop(requests);
    });
}
