//! Oneshot channels: who frees what, foreign code, and the conservation of values under random programs.

use crate::tools::{Count, call, poll, poll_with, ready};
use filch_sync::oneshot::{self, Receiver, Sender, error::TryRecvError};
use proptest::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::task::Poll;
use std::thread;

#[test]
fn a_value_is_delivered_or_returned_when_close_send_and_try_recv_race() {
    for _ in 0..2_000 {
        let (sender, mut receiver) = oneshot::channel();
        let value = Arc::new(());
        let sent = value.clone();
        let thread = thread::spawn(move || sender.send(sent).is_ok());
        receiver.close();
        let received = receiver.try_recv();
        assert_eq!(received.is_ok(), thread.join().expect("the thread does not panic"));
        drop(received);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(Arc::strong_count(&value), 1);
    }
}

#[test]
fn ends_that_leave_at_once_free_the_channel_once() {
    for round in 0..2_000 {
        let (count, waker) = Count::new();
        let value = Arc::new(());
        let (mut sender, mut receiver) = oneshot::channel();
        let sent = value.clone();
        assert!(poll_with(pin!(sender.closed()), &waker).is_pending());
        assert!(poll_with(Pin::new(&mut receiver), &waker).is_pending());
        let thread = thread::spawn(move || match round % 3 {
            0 => drop(sender),
            1 => drop(sender.send(sent)),
            _ => drop((sender.is_closed(), sender, sent)),
        });
        if round % 2 == 0 {
            receiver.close();
        }
        drop(receiver);
        thread.join().expect("the thread does not panic");
        drop(waker);
        assert_eq!((Arc::strong_count(&count), Arc::strong_count(&value)), (1, 1));
    }
}

#[test]
fn a_waker_that_is_exchanged_while_the_value_is_sent_is_the_one_that_is_woken() {
    for _ in 0..2_000 {
        let (sender, mut receiver) = oneshot::channel();
        let (former, former_waker) = Count::new();
        assert!(poll_with(Pin::new(&mut receiver), &former_waker).is_pending());
        drop(former_waker);
        let thread = thread::spawn(move || sender.send(1).expect("the receiver waits"));
        let (latter, latter_waker) = Count::new();
        let is_pending = poll_with(Pin::new(&mut receiver), &latter_waker).is_pending();
        drop(latter_waker);
        thread.join().expect("the thread does not panic");
        if is_pending {
            assert_eq!((former.get(), latter.get()), (0, 1));
            assert_eq!(ready(Pin::new(&mut receiver)), Ok(1));
        }
        assert_eq!((Arc::strong_count(&former), Arc::strong_count(&latter)), (1, 1));
    }
}

#[test]
fn a_waker_may_drop_the_end_that_wakes_or_waits() {
    let (sender, receiver) = oneshot::channel();
    let held = Arc::new(std::sync::Mutex::new(None::<Receiver<i32>>));
    let waker = call({
        let held = held.clone();
        move || drop(held.lock().expect("nobody panics").take())
    });
    let mut receiver = receiver;
    assert!(poll_with(Pin::new(&mut receiver), &waker).is_pending());
    *held.lock().expect("nobody panics") = Some(receiver);
    sender.send(1).expect("the receiver is there");
    assert!(held.lock().expect("nobody panics").is_none());

    let (mut sender, mut receiver) = oneshot::channel::<i32>();
    let held = Arc::new(std::sync::Mutex::new(None::<Sender<i32>>));
    let waker = call({
        let held = held.clone();
        move || drop(held.lock().expect("nobody panics").take())
    });
    assert!(poll_with(pin!(sender.closed()), &waker).is_pending());
    *held.lock().expect("nobody panics") = Some(sender);
    receiver.close();
    assert!(held.lock().expect("nobody panics").is_none());
    assert!(ready(pin!(receiver)).is_err());
}

#[test]
fn a_panicking_waker_loses_neither_the_value_nor_the_close() {
    let explode = || call(|| std::panic::resume_unwind(Box::new("waker")));
    let (mut sender, receiver) = oneshot::channel::<i32>();
    assert!(poll_with(pin!(sender.closed()), &explode()).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
    assert!(sender.is_closed());
    assert_eq!(sender.send(1), Err(1));
}

#[test]
fn a_waker_whose_drop_panics_takes_no_value_along() {
    struct Explode;
    impl Drop for Explode {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("waker"));
        }
    }
    let kept = Arc::new(());
    let (mut sender, mut receiver) = oneshot::channel();
    let explode = Explode;
    let waker = call(move || {
        let _ = &explode;
    });
    assert!(poll_with(pin!(sender.closed()), &waker).is_pending());
    drop(waker); // The channel has the last one.
    assert!(sender.send(kept.clone()).is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| receiver.try_recv())).is_err());
    assert!(!receiver.is_empty());
    drop(receiver.try_recv().expect("it was sent"));
    assert!(receiver.is_terminated());
    drop(receiver);
    assert_eq!(Arc::strong_count(&kept), 1);
}

#[test]
fn a_panicking_value_frees_its_channel() {
    struct Explode(#[expect(dead_code, reason = "dropped, not read")] Arc<()>);
    impl Drop for Explode {
        fn drop(&mut self) {
            if !thread::panicking() {
                std::panic::resume_unwind(Box::new("value"));
            }
        }
    }
    let kept = Arc::new(());
    let (sender, receiver) = oneshot::channel();
    assert!(sender.send(Explode(kept.clone())).is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
    assert_eq!(Arc::strong_count(&kept), 1);
}

#[test]
fn a_large_value_is_carried() {
    let (sender, receiver) = oneshot::channel();
    let thread = thread::spawn(move || sender.send([7_u8; 64 * 1024]).is_ok());
    assert!(receiver.blocking_recv().expect("it is sent").iter().all(|byte| *byte == 7));
    assert!(thread.join().expect("the thread does not panic"));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Send,
    DropSender,
    PollClosed(bool),
    Poll(bool),
    TryRecv,
    Close,
    DropReceiver,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Send),
        1 => Just(Step::DropSender),
        2 => any::<bool>().prop_map(Step::PollClosed),
        3 => any::<bool>().prop_map(Step::Poll),
        2 => Just(Step::TryRecv),
        1 => Just(Step::Close),
        1 => Just(Step::DropReceiver),
    ]
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

proptest! {
    #[test]
    fn values_are_received_returned_or_dropped_once(steps in proptest::collection::vec(step(), 1..12)) {
        let n_dropped = Arc::new(AtomicUsize::new(0));
        let (count, waker) = Count::new();
        let (other_count, other_waker) = Count::new();
        let choose = |other: bool| if other { &other_waker } else { &waker };
        let (sender, receiver) = oneshot::channel();
        let (mut sender, mut receiver) = (Some(sender), Some(receiver));
        let (mut n_sent, mut n_received, mut n_returned) = (0, 0, 0);
        let mut is_open = true;
        for step in steps {
            match step {
                Step::Send => {
                    let Some(sender) = sender.take() else { continue };
                    let result = sender.send(Counted(n_dropped.clone()));
                    prop_assert_eq!(result.is_ok(), is_open);
                    n_sent += 1;
                    n_returned += usize::from(result.is_err());
                }
                Step::DropSender => drop(sender.take()),
                Step::PollClosed(other) => {
                    let Some(sender) = &mut sender else { continue };
                    let is_ready = poll_with(pin!(sender.closed()), choose(other)).is_ready();
                    prop_assert_eq!(is_ready, !is_open);
                }
                Step::Poll(other) => {
                    let Some(end) = &mut receiver else { continue };
                    if end.is_terminated() {
                        continue;
                    }
                    if let Poll::Ready(result) = poll_with(Pin::new(end), choose(other)) {
                        n_received += usize::from(result.is_ok());
                        is_open = false;
                    } else {
                        prop_assert!(sender.is_some() && is_open);
                    }
                }
                Step::TryRecv => {
                    let Some(end) = &mut receiver else { continue };
                    match end.try_recv() {
                        Ok(_) => n_received += 1,
                        Err(TryRecvError::Empty) => prop_assert!(sender.is_some() && is_open),
                        Err(TryRecvError::Closed) => {
                            prop_assert!(sender.is_none() || !is_open);
                            is_open = false;
                        }
                    }
                }
                Step::Close => {
                    let Some(end) = &mut receiver else { continue };
                    end.close();
                    is_open = false;
                }
                Step::DropReceiver => {
                    drop(receiver.take());
                    is_open = false;
                }
            }
        }
        drop((sender, receiver));
        prop_assert_eq!(n_dropped.load(SeqCst), n_sent);
        prop_assert!(n_received + n_returned <= n_sent);
        drop((waker, other_waker));
        prop_assert_eq!((Arc::strong_count(&count), Arc::strong_count(&other_count)), (1, 1));
    }
}

#[test]
fn polling_with_the_same_waker_clones_it_once() {
    let (count, waker) = Count::new();
    let (sender, receiver) = oneshot::channel::<i32>();
    let mut receiver = pin!(receiver);
    for _ in 0..3 {
        assert!(poll_with(receiver.as_mut(), &waker).is_pending());
        assert_eq!(Arc::strong_count(&count), 3, "the test's two, and the channel's");
    }
    assert!(poll(receiver.as_mut()).is_pending());
    assert_eq!(Arc::strong_count(&count), 2, "another one took its place");
    drop(sender);
    assert!(ready(receiver).is_err());
}
