//! Random programs against a model that knows the position of each receiver: what it gets, and how many values are alive.

use super::{Counts, Value};
use crate::tools::{Count, poll_with};
use filch_sync::broadcast::error::{RecvError, TryRecvError};
use filch_sync::broadcast::{self, Receiver, Sender};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

#[derive(Clone, Debug)]
enum Step {
    Send(usize),
    Receive(usize),
    /// Waits for the next value, and is polled again by another step.
    Wait(usize),
    Subscribe,
    Resubscribe(usize),
    DropReceiver(usize),
    DropSender,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..4usize).prop_map(Step::Send),
        12 => any::<usize>().prop_map(Step::Receive),
        4 => any::<usize>().prop_map(Step::Wait),
        2 => Just(Step::Subscribe),
        1 => any::<usize>().prop_map(Step::Resubscribe),
        2 => any::<usize>().prop_map(Step::DropReceiver),
        1 => Just(Step::DropSender),
    ]
}

type Waiting = Pin<Box<dyn Future<Output = (Receiver<Value>, Result<Value, RecvError>)>>>;

enum End {
    Idle(Receiver<Value>),
    Waiting(Waiting, Arc<Count>, Waker),
}

/// A receiver, and the position that it should receive next.
struct Expected {
    end: End,
    next: u64,
}

struct Program {
    capacity: u64,
    senders: Vec<Sender<Value>>,
    receivers: Vec<Expected>,
    tail: u64,
    counts: Arc<Counts>,
}

impl Program {
    fn new(capacity: usize) -> Self {
        let (sender, receiver) = broadcast::channel(capacity);
        Program {
            capacity: capacity as u64,
            senders: vec![sender.clone(), sender],
            receivers: vec![Expected { end: End::Idle(receiver), next: 0 }],
            tail: 0,
            counts: Arc::default(),
        }
    }

    fn oldest(&self) -> u64 {
        self.tail.saturating_sub(self.capacity)
    }

    fn run(&mut self, step: Step) {
        let pick = |which: usize, len: usize| which.checked_rem(len);
        match step {
            Step::Send(n) => (0..n).for_each(|_| self.send()),
            Step::Receive(which) => {
                if let Some(index) = pick(which, self.receivers.len()) {
                    self.receive(index);
                }
            }
            Step::Wait(which) => {
                if let Some(index) = pick(which, self.receivers.len()) {
                    self.wait(index);
                }
            }
            Step::Subscribe => {
                if let Some(sender) = self.senders.first() {
                    let end = End::Idle(sender.subscribe());
                    self.receivers.push(Expected { end, next: self.tail });
                }
            }
            Step::Resubscribe(which) => {
                if let Some(index) = pick(which, self.receivers.len()) {
                    if let End::Idle(receiver) = &self.receivers[index].end {
                        let end = End::Idle(receiver.resubscribe());
                        self.receivers.push(Expected { end, next: self.tail });
                    }
                }
            }
            Step::DropReceiver(which) => {
                if let Some(index) = pick(which, self.receivers.len()) {
                    drop(self.receivers.swap_remove(index));
                }
            }
            Step::DropSender => drop(self.senders.pop()),
        }
        self.check();
    }

    fn send(&mut self) {
        let Some(sender) = self.senders.first() else { return };
        let n_alive = self.counts.alive();
        match sender.send(Value::new(self.tail, &self.counts)) {
            Ok(n_receivers) => {
                assert_eq!(n_receivers, self.receivers.len());
                self.tail += 1;
            }
            Err(returned) => {
                assert!(self.receivers.is_empty());
                assert_eq!(returned.0.n, self.tail);
                drop(returned);
                assert_eq!(self.counts.alive(), n_alive);
            }
        }
    }

    /// What the next call gives, if it does not wait.
    fn expected(&self, index: usize) -> Result<u64, TryRecvError> {
        let next = self.receivers[index].next;
        if next < self.oldest() {
            Err(TryRecvError::Lagged(self.oldest() - next))
        } else if next < self.tail {
            Ok(next)
        } else if self.senders.is_empty() {
            Err(TryRecvError::Closed)
        } else {
            Err(TryRecvError::Empty)
        }
    }

    fn receive(&mut self, index: usize) {
        let expected = self.expected(index);
        let is_waiting = matches!(self.receivers[index].end, End::Waiting(..));
        let got = match &mut self.receivers[index].end {
            End::Idle(receiver) => receiver.try_recv().map(|value| value.n),
            End::Waiting(waiting, _, waker) => match poll_with(waiting.as_mut(), waker) {
                Poll::Pending => Err(TryRecvError::Empty),
                Poll::Ready((receiver, result)) => {
                    self.receivers[index].end = End::Idle(receiver);
                    result.map(|value| value.n).map_err(|error| match error {
                        RecvError::Closed => TryRecvError::Closed,
                        RecvError::Lagged(missed) => TryRecvError::Lagged(missed),
                    })
                }
            },
        };
        assert_eq!(got, expected, "waited before: {is_waiting}");
        self.receivers[index].next = match got {
            Ok(n) => n + 1,
            Err(TryRecvError::Lagged(_)) => self.oldest(),
            Err(_) => return,
        };
    }

    fn wait(&mut self, index: usize) {
        if self.expected(index) != Err(TryRecvError::Empty) {
            return self.receive(index);
        }
        let Expected { end, next } = self.receivers.swap_remove(index);
        let (mut waiting, count, waker) = match end {
            End::Idle(mut receiver) => {
                let (count, waker) = Count::new();
                let waiting: Waiting = Box::pin(async move {
                    let result = receiver.recv().await;
                    (receiver, result)
                });
                (waiting, count, waker)
            }
            End::Waiting(waiting, ..) => {
                let (count, waker) = Count::new();
                (waiting, count, waker) // The waker is another one from here on.
            }
        };
        assert!(poll_with(waiting.as_mut(), &waker).is_pending());
        self.receivers.push(Expected { end: End::Waiting(waiting, count, waker), next });
    }

    fn check(&self) {
        let (oldest, tail) = (self.oldest(), self.tail);
        let first = self.receivers.iter().map(|receiver| receiver.next).min().unwrap_or(tail);
        let n_wanted = tail - oldest.max(first).min(tail);
        let standing: BTreeSet<_> =
            self.receivers.iter().map(|it| it.next).filter(|next| *next < oldest).collect();
        assert_eq!(self.counts.alive(), n_wanted as usize + standing.len());
        if let Some(sender) = self.senders.first() {
            assert_eq!(sender.len(), n_wanted as usize);
            assert_eq!(sender.is_empty(), n_wanted == 0);
            assert_eq!(sender.receiver_count(), self.receivers.len());
        }
        for Expected { end, next } in &self.receivers {
            match end {
                End::Idle(receiver) => assert_eq!(receiver.len() as u64, tail - next),
                End::Waiting(_, count, _) => {
                    let has_news = *next != tail || self.senders.is_empty();
                    assert_eq!(
                        count.get(),
                        usize::from(has_news),
                        "woken once, when there is news"
                    );
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn each_receiver_gets_all_values_or_learns_how_many_it_missed(
        capacity in 1..6usize,
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut program = Program::new(capacity);
        for step in steps {
            program.run(step);
        }
        let counts = program.counts.clone();
        drop(program);
        assert_eq!(counts.alive(), 0);
    }
}
