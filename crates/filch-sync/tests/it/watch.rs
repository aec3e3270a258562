//! Watch channels: versions, what is lent, foreign code, and random programs.

use crate::tools::{Count, call, poll, poll_n_then_drop, poll_with, ready};
use filch_core::coop::{Budget, has_budget_remaining, with_budget};
use filch_sync::watch::{self, Receiver, Ref, Sender};
use proptest::prelude::*;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::task::Waker;
use std::thread;

#[test]
fn a_value_that_was_not_seen_comes_before_the_end() {
    let (sender, mut receiver) = watch::channel(0);
    let other = sender.clone();
    sender.send(1).expect("there is a receiver");
    drop((sender, other));
    assert!(receiver.is_closed());
    assert!(receiver.has_changed().is_err());
    assert!(ready(pin!(receiver.changed())).is_ok());
    assert!(ready(pin!(receiver.changed())).is_err());
    assert_eq!(*receiver.borrow(), 1, "the value is there for ever");
    receiver.mark_changed();
    assert!(ready(pin!(receiver.changed())).is_ok());
}

#[test]
fn the_end_wakes_all_who_wait() {
    let (sender, receiver) = watch::channel(0);
    let (count, waker) = Count::new();
    let mut waiting: Vec<_> = (0..50)
        .map(|_| {
            let mut receiver = receiver.clone();
            let mut waiting = Box::pin(async move { receiver.changed().await });
            assert!(poll_with(waiting.as_mut(), &waker).is_pending());
            waiting
        })
        .collect();
    drop(sender.clone());
    assert_eq!(count.get(), 0, "a sender is left");
    drop(sender);
    assert_eq!(count.get(), 50);
    for waiting in &mut waiting {
        assert!(ready(waiting.as_mut()).is_err());
    }
}

#[test]
fn a_value_without_a_receiver_comes_back() {
    let sender = Sender::new(1);
    assert!(sender.is_closed());
    assert_eq!(sender.send(2).expect_err("nobody is there").0, 2);
    assert_eq!(*sender.borrow(), 1);
    assert_eq!(sender.send_replace(3), 1);
    sender.send_modify(|n| *n += 1);
    let receiver = sender.subscribe();
    assert_eq!((*receiver.borrow(), receiver.has_changed()), (4, Ok(false)));
    assert_eq!(*Sender::<i32>::default().borrow(), 0);
}

#[test]
fn each_receiver_has_seen_what_it_has_seen() {
    let (sender, mut receiver) = watch::channel(0);
    sender.send(1).expect("there is a receiver");
    let mut clone = receiver.clone();
    assert!(receiver.borrow().has_changed());
    assert!(receiver.borrow_and_update().has_changed());
    assert!(!receiver.borrow_and_update().has_changed());
    assert!(!sender.borrow().has_changed());
    assert_eq!((receiver.has_changed(), clone.has_changed()), (Ok(false), Ok(true)));
    clone.mark_unchanged();
    assert_eq!(clone.has_changed(), Ok(false));
    clone.mark_changed();
    clone.mark_changed();
    assert_eq!(clone.has_changed(), Ok(true));
    assert!(ready(pin!(clone.changed())).is_ok());
    assert!(poll(pin!(clone.changed())).is_pending());
    assert_eq!(sender.subscribe().has_changed(), Ok(false));
}

#[test]
fn a_change_that_says_it_is_none_is_not_told() {
    let (sender, mut receiver) = watch::channel(0);
    let (count, waker) = Count::new();
    let mut waiting = Box::pin(receiver.changed());
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    assert!(!sender.send_if_modified(|n| {
        *n = 5;
        false
    }));
    assert_eq!((count.get(), *sender.borrow()), (0, 5));
    assert!(sender.send_if_modified(|n| {
        *n += 1;
        true
    }));
    assert_eq!(count.get(), 1);
    assert!(ready(waiting.as_mut()).is_ok());
    drop(waiting);
    assert_eq!(*receiver.borrow(), 6);
}

#[test]
fn a_change_that_panics_is_not_told_and_poisons_nothing() {
    let (sender, mut receiver) = watch::channel(0);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        sender.send_modify(|n| {
            *n = 1;
            panic!("a change panics");
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(receiver.has_changed(), Ok(false));
    assert_eq!(*receiver.borrow(), 1, "it is as the change left it");
    sender.send(2).expect("there is a receiver");
    assert!(ready(pin!(receiver.changed())).is_ok());
    sender.send_modify(|n| *n += 1);
    assert_eq!(*receiver.borrow(), 3);
}

#[test]
fn a_predicate_that_panics_lends_nothing_for_ever() {
    let (sender, mut receiver) = watch::channel(0);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _ = poll(pin!(receiver.wait_for(|_| panic!("a predicate panics"))));
    }));
    assert!(panicked.is_err());
    sender.send_modify(|n| *n += 1); // It would wait for what is lent.
    assert_eq!(*ready(pin!(receiver.wait_for(|n| *n == 1))).expect("there is a sender"), 1);
}

#[test]
fn wait_for_asks_about_each_value_it_sees_once() {
    let (sender, mut receiver) = watch::channel(0);
    let asked = std::cell::RefCell::new(Vec::new());
    let mut waiting = Box::pin(receiver.wait_for(|n| {
        asked.borrow_mut().push(*n);
        *n == 3
    }));
    for n in 1..3 {
        assert!(poll(waiting.as_mut()).is_pending());
        assert!(poll(waiting.as_mut()).is_pending(), "woken for nothing");
        sender.send(n).expect("there is a receiver");
    }
    assert!(poll(waiting.as_mut()).is_pending());
    sender.send(7).expect("there is a receiver");
    sender.send(3).expect("there is a receiver");
    let value = ready(waiting.as_mut()).expect("there is a sender");
    assert_eq!(*value, 3);
    drop((value, waiting));
    assert_eq!(*asked.borrow(), [0, 1, 2, 3]);
    assert_eq!(receiver.has_changed(), Ok(false));
}

#[test]
fn a_change_that_wait_for_has_waited_for_counts_as_seen() {
    let (sender, mut receiver) = watch::channel(0);
    sender.send(1).expect("there is a receiver");
    assert!(ready(pin!(receiver.wait_for(|n| *n == 1))).expect("there is a sender").has_changed());
    assert!(!ready(pin!(receiver.wait_for(|n| *n == 1))).expect("there is a sender").has_changed());
    let mut waiting = pin!(receiver.wait_for(|n| *n == 2));
    assert!(poll(waiting.as_mut()).is_pending());
    sender.send(2).expect("there is a receiver");
    assert!(!ready(waiting.as_mut()).expect("there is a sender").has_changed());
}

#[test]
fn wait_for_asks_about_the_last_value_before_the_end() {
    let (sender, mut receiver) = watch::channel(0);
    {
        let mut waiting = Box::pin(receiver.wait_for(|n| *n == 1));
        assert!(poll(waiting.as_mut()).is_pending());
        sender.send(1).expect("there is a receiver");
        drop(sender);
        assert_eq!(*ready(waiting.as_mut()).expect("it was the last value"), 1);
    }
    assert_eq!(*ready(pin!(receiver.wait_for(|n| *n == 1))).expect("it is asked at once"), 1);
    assert!(ready(pin!(receiver.wait_for(|n| *n == 2))).is_err());
}

#[test]
fn what_is_lent_stays_and_is_dropped_when_it_is_given_back() {
    let values: Vec<_> = (0..3).map(Arc::new).collect();
    let (sender, receiver) = watch::channel(values[0].clone());
    let lent: Vec<_> = (1..3)
        .map(|n| {
            let lent = receiver.borrow();
            sender.send(values[n].clone()).expect("there is a receiver");
            lent
        })
        .collect();
    let last = sender.borrow();
    assert_eq!((**lent[0], **lent[1], **last), (0, 1, 2));
    assert!(values.iter().all(|value| Arc::strong_count(value) == 2));
    drop(lent);
    assert!(values[..2].iter().all(|value| Arc::strong_count(value) == 1));
    drop(last);
    drop((sender, receiver));
    assert_eq!(Arc::strong_count(&values[2]), 1);
}

#[test]
fn a_change_waits_for_what_is_lent_and_looks_wait_for_the_change() {
    let (sender, receiver) = watch::channel(vec![1]);
    let has_begun = AtomicBool::new(false);
    thread::scope(|scope| {
        let lent = receiver.borrow();
        scope.spawn(|| {
            sender.send_modify(|list| {
                has_begun.store(true, SeqCst);
                list.push(2);
            });
        });
        scope.spawn(|| sender.send_replace(vec![7]));
        scope.spawn(|| assert!(!sender.borrow().is_empty()));
        thread::yield_now();
        assert_eq!(*lent, [1]);
        assert!(!has_begun.load(SeqCst), "the value is lent");
        drop(lent);
    });
    assert!(matches!(receiver.borrow()[..], [7] | [7, 2]));
}

#[test]
fn a_value_whose_drop_panics_leaves_the_channel_whole() {
    struct Value(bool);
    impl Drop for Value {
        fn drop(&mut self) {
            assert!(!self.0, "a drop panics");
        }
    }
    let (sender, mut receiver) = watch::channel(Value(true));
    assert!(catch_unwind(AssertUnwindSafe(|| sender.send(Value(true)))).is_err());
    assert!(ready(pin!(receiver.changed())).is_ok(), "the value was sent all the same");
    let lent = receiver.borrow();
    assert!(sender.send(Value(false)).is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(lent))).is_err());
    sender.send_modify(|value| value.0 = false);
}

#[test]
fn a_drop_and_a_waker_may_use_the_channel() {
    struct Value(u32, Option<Sender<Value>>);
    impl Drop for Value {
        fn drop(&mut self) {
            if let Some(sender) = self.1.take() {
                let before = sender.borrow().0;
                drop(sender.send(Value(before + 10, None)));
            }
        }
    }
    let (sender, mut receiver) = watch::channel(Value(0, None));
    drop(sender.send(Value(1, Some(sender.clone()))));
    drop(sender.send(Value(2, None)));
    assert_eq!(receiver.borrow_and_update().0, 12);
    let twin = sender.clone();
    let waker = call(move || twin.send_modify(|value| value.0 += 100));
    let mut waiting = Box::pin(receiver.changed());
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    sender.send_modify(|value| value.0 += 1);
    assert!(ready(waiting.as_mut()).is_ok());
    drop(waiting);
    assert_eq!(receiver.borrow().0, 113);
}

#[test]
fn a_panicking_waker_does_not_keep_the_others_from_being_woken() {
    let (sender, receiver) = watch::channel(0);
    let (count, counting) = Count::new();
    let mut waiting: Vec<_> = (0..10)
        .map(|index| {
            let mut receiver = receiver.clone();
            let mut waiting = Box::pin(async move { receiver.changed().await });
            let panicking = call(|| panic!("a waker panics"));
            let waker = if index % 5 == 0 { &panicking } else { &counting };
            assert!(poll_with(waiting.as_mut(), waker).is_pending());
            waiting
        })
        .collect();
    assert!(catch_unwind(AssertUnwindSafe(|| sender.send(1))).is_err());
    assert_eq!(count.get(), 8);
    for waiting in &mut waiting {
        assert!(ready(waiting.as_mut()).is_ok());
    }
}

#[test]
fn each_success_spends_one_unit_of_the_budget() {
    let (sender, mut receiver) = watch::channel(0);
    let spends_one = |act: &mut dyn FnMut()| {
        with_budget(Budget::new(2), || {
            act();
            assert!(has_budget_remaining());
        });
        with_budget(Budget::new(1), || {
            act();
            assert!(!has_budget_remaining());
        });
    };
    spends_one(&mut || {
        sender.send(1).expect("there is a receiver");
        assert!(ready(pin!(receiver.changed())).is_ok());
    });
    spends_one(&mut || {
        let mut waiting = pin!(receiver.changed());
        assert!(poll(waiting.as_mut()).is_pending());
        sender.send(1).expect("there is a receiver");
        assert!(ready(waiting.as_mut()).is_ok());
    });
    spends_one(&mut || drop(ready(pin!(receiver.wait_for(|_| true)))));
    with_budget(Budget::new(0), || {
        let (count, waker) = Count::new();
        receiver.mark_changed();
        assert!(poll_with(pin!(receiver.changed()), &waker).is_pending());
        assert!(poll_with(pin!(receiver.wait_for(|_| panic!("not asked"))), &waker).is_pending());
        assert_eq!(count.get(), 2);
    });
    assert_eq!(receiver.has_changed(), Ok(true), "nothing was seen without budget");
    drop(receiver);
    spends_one(&mut || ready(pin!(sender.closed())));
}

#[test]
fn a_canceled_wait_has_seen_nothing() {
    for n in 0..3 {
        let (sender, mut receiver) = watch::channel(0);
        assert!(poll_n_then_drop(n, receiver.changed()).is_none());
        assert!(poll_n_then_drop(n, receiver.wait_for(|n| *n == 1)).is_none());
        assert!(poll_n_then_drop(n, sender.closed()).is_none());
        sender.send(1).expect("there is a receiver");
        assert!(ready(pin!(receiver.changed())).is_ok());
    }
}

#[test]
fn senders_and_receivers_know_their_channel_and_their_number() {
    let (sender, receiver) = watch::channel(0);
    let (other_sender, other_receiver) = watch::channel(0);
    let (twin, clone) = (sender.clone(), receiver.clone());
    assert!(sender.same_channel(&twin) && !sender.same_channel(&other_sender));
    assert!(receiver.same_channel(&clone) && !receiver.same_channel(&other_receiver));
    assert_eq!((sender.sender_count(), sender.receiver_count()), (2, 2));
    drop((twin, clone));
    assert_eq!((sender.sender_count(), sender.receiver_count()), (1, 1));
    assert!(!sender.is_closed() && !receiver.is_closed());
}

#[test]
fn what_can_be_sent_and_shared() {
    fn send_and_sync<T: Send + Sync>() {}
    fn sync<T: Sync>() {}
    fn is_send<F: Future + Send>(future: F) -> F {
        future
    }
    send_and_sync::<Sender<i32>>();
    send_and_sync::<Receiver<i32>>();
    sync::<Ref<'_, i32>>();
    let (sender, mut receiver) = watch::channel(0);
    drop(is_send(receiver.changed()));
    drop(is_send(receiver.wait_for(|n| *n == 0)));
    drop(is_send(sender.closed()));
}

#[test]
fn errors_say_what_happened() {
    let (sender, mut receiver) = watch::channel(0);
    drop(sender);
    let error = ready(pin!(receiver.changed())).expect_err("nothing will come");
    assert_eq!(error.to_string(), "the channel is closed");
    assert_eq!(watch::error::SendError(1).to_string(), "the channel has no receiver");
}

/// Values are lent, changed in place, sent and replaced by several threads: each is dropped once, and none is torn.
#[test]
fn nothing_is_lost_or_torn_among_threads() {
    const N_ROUNDS: usize = 3000;
    struct Value([usize; 2], Arc<AtomicUsize>);
    impl Value {
        fn new(n: usize, alive: &Arc<AtomicUsize>) -> Self {
            alive.fetch_add(1, SeqCst);
            Value([n; 2], alive.clone())
        }
    }
    impl Drop for Value {
        fn drop(&mut self) {
            self.1.fetch_sub(1, SeqCst);
        }
    }
    let alive = Arc::default();
    let (sender, receiver) = watch::channel(Value::new(0, &alive));
    thread::scope(|scope| {
        for index in 0..3 {
            let (sender, alive) = (sender.clone(), &alive);
            scope.spawn(move || {
                for n in 0..N_ROUNDS {
                    match (index + n) % 3 {
                        0 => assert!(sender.send(Value::new(n, alive)).is_ok()),
                        1 => sender.send_modify(|value| {
                            value.0[0] += 1;
                            value.0[1] += 1;
                        }),
                        _ => drop(sender.send_replace(Value::new(n, alive))),
                    }
                }
            });
        }
        for _ in 0..2 {
            let receiver = receiver.clone();
            scope.spawn(move || {
                for _ in 0..N_ROUNDS {
                    let value = receiver.borrow();
                    assert_eq!(value.0[0], value.0[1]);
                }
            });
        }
    });
    assert_eq!(alive.load(SeqCst), 1);
    drop((sender, receiver));
    assert_eq!(alive.load(SeqCst), 0);
}

// Random programs against a value, its version, and what each receiver has seen.

#[derive(Clone, Debug)]
enum Step {
    Send,
    Replace,
    Modify(bool),
    Panic,
    Borrow(usize),
    BorrowAndUpdate(usize),
    Mark(usize, bool),
    /// Starts to wait for a change, or polls again.
    Wait(usize),
    Clone(usize),
    Subscribe,
    DropReceiver(usize),
    DropSender,
}

fn step() -> impl Strategy<Value = Step> {
    let which = any::<usize>;
    prop_oneof![
        6 => Just(Step::Send),
        1 => Just(Step::Replace),
        2 => any::<bool>().prop_map(Step::Modify),
        1 => Just(Step::Panic),
        3 => which().prop_map(Step::Borrow),
        3 => which().prop_map(Step::BorrowAndUpdate),
        1 => (which(), any::<bool>()).prop_map(|(which, is_changed)| Step::Mark(which, is_changed)),
        12 => which().prop_map(Step::Wait),
        2 => which().prop_map(Step::Clone),
        1 => Just(Step::Subscribe),
        2 => which().prop_map(Step::DropReceiver),
        1 => Just(Step::DropSender),
    ]
}

type Waiting = Pin<Box<dyn Future<Output = (Receiver<usize>, bool)>>>;

enum End {
    Idle(Receiver<usize>),
    Waiting(Waiting, Arc<Count>, Waker),
}

/// A receiver, and whether it has seen the present value.
struct Expected {
    end: End,
    has_seen: bool,
}

struct Program {
    senders: Vec<Sender<usize>>,
    receivers: Vec<Expected>,
    value: usize,
}

impl Program {
    fn new() -> Self {
        let (sender, receiver) = watch::channel(0);
        Program {
            senders: vec![sender.clone(), sender],
            receivers: vec![Expected { end: End::Idle(receiver), has_seen: true }],
            value: 0,
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Send | Step::Replace | Step::Modify(_) | Step::Panic => self.change(step),
            Step::Subscribe => {
                if let Some(sender) = self.senders.first() {
                    let end = End::Idle(sender.subscribe());
                    self.receivers.push(Expected { end, has_seen: true });
                }
            }
            Step::DropSender => drop(self.senders.pop()),
            Step::Borrow(which)
            | Step::BorrowAndUpdate(which)
            | Step::Mark(which, _)
            | Step::Wait(which)
            | Step::Clone(which)
            | Step::DropReceiver(which) => {
                if let Some(index) = which.checked_rem(self.receivers.len()) {
                    let mut receiver = self.receivers.swap_remove(index);
                    match step {
                        Step::DropReceiver(_) => drop(receiver),
                        _ => {
                            self.look(&mut receiver, step);
                            self.receivers.push(receiver);
                        }
                    }
                }
            }
        }
        self.check();
    }

    fn change(&mut self, step: Step) {
        let Some(sender) = self.senders.first() else { return };
        let next = self.value + 1;
        let mut is_told = true;
        match step {
            Step::Send => match sender.send(next) {
                Ok(()) => assert!(!self.receivers.is_empty()),
                Err(returned) => {
                    assert!(self.receivers.is_empty());
                    assert_eq!(returned.0, next);
                    return;
                }
            },
            Step::Replace => assert_eq!(sender.send_replace(next), self.value),
            Step::Modify(says) => {
                is_told = sender.send_if_modified(|value| {
                    *value = next;
                    says
                });
                assert_eq!(is_told, says);
            }
            _ => {
                is_told = false;
                let panicked = catch_unwind(AssertUnwindSafe(|| {
                    sender.send_modify(|value| {
                        *value = next;
                        std::panic::resume_unwind(Box::new("a change panics"));
                    });
                }));
                assert!(panicked.is_err());
            }
        }
        self.value = next;
        if is_told {
            self.receivers.iter_mut().for_each(|receiver| receiver.has_seen = false);
        }
    }

    fn look(&mut self, expected: &mut Expected, step: Step) {
        match step {
            Step::Wait(_) => self.wait(expected),
            Step::Borrow(_) | Step::BorrowAndUpdate(_) | Step::Mark(..) | Step::Clone(_) => {
                let End::Idle(receiver) = &mut expected.end else { return };
                match step {
                    Step::Borrow(_) => {
                        let lent = receiver.borrow();
                        assert_eq!((*lent, lent.has_changed()), (self.value, !expected.has_seen));
                    }
                    Step::BorrowAndUpdate(_) => {
                        let lent = receiver.borrow_and_update();
                        assert_eq!((*lent, lent.has_changed()), (self.value, !expected.has_seen));
                        expected.has_seen = true;
                    }
                    Step::Mark(_, is_changed) => {
                        if is_changed {
                            receiver.mark_changed();
                        } else {
                            receiver.mark_unchanged();
                        }
                        expected.has_seen = !is_changed;
                    }
                    _ => {
                        let end = End::Idle(receiver.clone());
                        self.receivers.push(Expected { end, has_seen: expected.has_seen });
                    }
                }
            }
            _ => unreachable!("it does not look"),
        }
    }

    fn wait(&mut self, expected: &mut Expected) {
        let former = std::mem::replace(&mut expected.end, End::Idle(Sender::new(0).subscribe()));
        let (mut waiting, count, waker) = match former {
            End::Idle(mut receiver) => {
                let (count, waker) = Count::new();
                let waiting: Waiting = Box::pin(async move {
                    let has_changed = receiver.changed().await.is_ok();
                    (receiver, has_changed)
                });
                (waiting, count, waker)
            }
            End::Waiting(waiting, count, waker) => (waiting, count, waker),
        };
        expected.end = match poll_with(waiting.as_mut(), &waker) {
            std::task::Poll::Ready((receiver, has_changed)) => {
                assert_eq!(has_changed, !expected.has_seen);
                assert!(has_changed || self.senders.is_empty());
                expected.has_seen = true;
                End::Idle(receiver)
            }
            std::task::Poll::Pending => {
                assert!(expected.has_seen && !self.senders.is_empty());
                End::Waiting(waiting, count, waker)
            }
        };
    }

    fn check(&self) {
        if let Some(sender) = self.senders.first() {
            assert_eq!(*sender.borrow(), self.value);
            assert_eq!(sender.sender_count(), self.senders.len());
            assert_eq!(sender.receiver_count(), self.receivers.len());
            assert_eq!(poll(pin!(sender.closed())).is_ready(), self.receivers.is_empty());
        }
        for Expected { end, has_seen } in &self.receivers {
            match end {
                End::Idle(receiver) if self.senders.is_empty() => {
                    assert!(receiver.is_closed() && receiver.has_changed().is_err());
                }
                End::Idle(receiver) => assert_eq!(receiver.has_changed(), Ok(!has_seen)),
                End::Waiting(_, count, _) => {
                    let has_news = !has_seen || self.senders.is_empty();
                    assert_eq!(count.get() != 0, has_news);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn receivers_see_the_latest_value_and_learn_of_each_change(
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut program = Program::new();
        for step in steps {
            program.run(step);
        }
    }
}
