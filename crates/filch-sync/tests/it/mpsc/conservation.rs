//! Random programs against a channel and a model of it: messages are neither made nor lost nor overtaken, nor is room.

use crate::tools::{poll, ready};
use filch_sync::mpsc::error::{TryRecvError, TrySendError};
use filch_sync::mpsc::{self, OwnedPermit, Receiver, Sender, WeakSender};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;

/// A message that counts its drop.
#[derive(Debug)]
struct Message {
    number: usize,
    n_dropped: Arc<AtomicUsize>,
}

impl Drop for Message {
    fn drop(&mut self) {
        self.n_dropped.fetch_add(1, Relaxed);
    }
}

#[derive(Clone, Debug)]
enum Step {
    TrySend,
    Send,
    Reserve,
    /// Asks for room for so many, and sends so many of them.
    ReserveMany(usize, usize),
    TryReserve,
    Poll(usize),
    Cancel(usize),
    UsePermit(usize),
    DropPermit(usize),
    TryRecv,
    Recv,
    RecvMany(usize),
    CloneSender,
    DropSender,
    Upgrade,
    Close,
    DropReceiver,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::TrySend),
        6 => Just(Step::Send),
        3 => Just(Step::Reserve),
        3 => (0..5usize, 0..5usize).prop_map(|(n, used)| Step::ReserveMany(n, used)),
        3 => Just(Step::TryReserve),
        8 => any::<usize>().prop_map(Step::Poll),
        4 => any::<usize>().prop_map(Step::Cancel),
        4 => any::<usize>().prop_map(Step::UsePermit),
        2 => any::<usize>().prop_map(Step::DropPermit),
        6 => Just(Step::TryRecv),
        4 => Just(Step::Recv),
        4 => (0..5usize).prop_map(Step::RecvMany),
        1 => Just(Step::CloneSender),
        1 => Just(Step::DropSender),
        1 => Just(Step::Upgrade),
        1 => Just(Step::Close),
        1 => Just(Step::DropReceiver),
    ]
}

/// What a call that waited brought.
enum Sent {
    /// These messages were sent, in this order.
    Messages(Vec<usize>),
    Permit(OwnedPermit<Message>),
    Refused,
}

type Waiting = Pin<Box<dyn Future<Output = Sent>>>;

struct Program {
    buffer: usize,
    senders: Vec<Sender<Message>>,
    weak: WeakSender<Message>,
    receiver: Option<Receiver<Message>>,
    is_closed: bool,
    waiting: Vec<Waiting>,
    permits: Vec<OwnedPermit<Message>>,
    /// The numbers of the messages that wait in the channel.
    queued: VecDeque<usize>,
    n_made: usize,
    n_dropped: Arc<AtomicUsize>,
}

fn pick(which: usize, len: usize) -> Option<usize> {
    which.checked_rem(len)
}

impl Program {
    fn new(buffer: usize) -> Self {
        let (sender, receiver) = mpsc::channel(buffer);
        Program {
            buffer,
            weak: sender.downgrade(),
            senders: vec![sender],
            receiver: Some(receiver),
            is_closed: false,
            waiting: Vec::new(),
            permits: Vec::new(),
            queued: VecDeque::new(),
            n_made: 0,
            n_dropped: Arc::default(),
        }
    }

    fn message(&mut self) -> Message {
        self.n_made += 1;
        Message { number: self.n_made, n_dropped: self.n_dropped.clone() }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::TrySend => self.try_send(),
            Step::Send => {
                if let Some(sender) = self.senders.first().cloned() {
                    let message = self.message();
                    let number = message.number;
                    self.wait(Box::pin(async move {
                        match sender.send(message).await {
                            Ok(()) => Sent::Messages(vec![number]),
                            Err(_) => Sent::Refused,
                        }
                    }));
                }
            }
            Step::Reserve => {
                if let Some(sender) = self.senders.first().cloned() {
                    self.wait(Box::pin(async move {
                        sender.reserve_owned().await.map_or(Sent::Refused, Sent::Permit)
                    }));
                }
            }
            Step::ReserveMany(n, used) => self.reserve_many(n, used),
            Step::TryReserve => {
                if let Some(sender) = self.senders.first().cloned() {
                    self.permits.extend(sender.try_reserve_owned().ok());
                }
            }
            Step::Poll(which) => {
                if let Some(index) = pick(which, self.waiting.len()) {
                    self.poll(index);
                }
            }
            Step::Cancel(which) => {
                if let Some(index) = pick(which, self.waiting.len()) {
                    drop(self.waiting.remove(index));
                }
            }
            Step::UsePermit(which) => {
                if let Some(index) = pick(which, self.permits.len()) {
                    let message = self.message();
                    if self.receiver.is_some() {
                        self.queued.push_back(message.number);
                    }
                    drop(self.permits.swap_remove(index).send(message));
                }
            }
            Step::DropPermit(which) => {
                if let Some(index) = pick(which, self.permits.len()) {
                    drop(self.permits.swap_remove(index));
                }
            }
            Step::TryRecv => self.try_recv(),
            Step::Recv => self.recv(),
            Step::RecvMany(limit) => self.recv_many(limit),
            Step::CloneSender => self.senders.extend(self.senders.first().cloned()),
            Step::DropSender => drop(self.senders.pop()),
            Step::Upgrade => {
                let strong = self.weak.strong_count();
                let sender = self.weak.upgrade();
                assert_eq!(sender.is_some(), strong != 0);
                self.senders.extend(sender);
            }
            Step::Close => {
                if let Some(receiver) = &mut self.receiver {
                    receiver.close();
                    self.is_closed = true;
                }
            }
            Step::DropReceiver => {
                if self.receiver.take().is_some() {
                    self.is_closed = true;
                    self.queued.clear();
                }
            }
        }
    }

    fn try_send(&mut self) {
        let Some(sender) = self.senders.first().cloned() else { return };
        let message = self.message();
        let number = message.number;
        match sender.try_send(message) {
            Ok(()) => {
                assert!(!self.is_closed);
                self.queued.push_back(number);
            }
            Err(TrySendError::Full(message)) => {
                assert!(!self.is_closed && message.number == number);
                assert!(
                    self.queued.len() + self.permits.len() == self.buffer
                        || !self.waiting.is_empty(),
                    "refused while there is room"
                );
            }
            Err(TrySendError::Closed(message)) => {
                assert!(self.is_closed && message.number == number)
            }
        }
    }

    fn reserve_many(&mut self, n: usize, used: usize) {
        let Some(sender) = self.senders.first().cloned() else { return };
        let messages: Vec<_> = (0..used.min(n)).map(|_| self.message()).collect();
        self.wait(Box::pin(async move {
            let Ok(permits) = sender.reserve_many(n).await else { return Sent::Refused };
            let numbers = messages.iter().map(|message| message.number).collect();
            permits.zip(messages).for_each(|(permit, message)| permit.send(message));
            Sent::Messages(numbers)
        }));
    }

    fn wait(&mut self, call: Waiting) {
        self.waiting.push(call);
        self.poll(self.waiting.len() - 1);
    }

    fn poll(&mut self, index: usize) {
        let Poll::Ready(sent) = poll(self.waiting[index].as_mut()) else { return };
        drop(self.waiting.remove(index));
        match sent {
            Sent::Messages(numbers) => {
                // With a permit from before, a message is sent when the receiver is gone, and dropped.
                if self.receiver.is_some() {
                    self.queued.extend(numbers);
                }
            }
            Sent::Permit(permit) => self.permits.push(permit),
            Sent::Refused => {}
        }
    }

    fn received(&mut self, message: Message) {
        assert_eq!(Some(message.number), self.queued.pop_front());
    }

    fn is_over(&self) -> bool {
        self.queued.is_empty() && self.weak.strong_count() == 0
    }

    fn try_recv(&mut self) {
        let Some(receiver) = &mut self.receiver else { return };
        match receiver.try_recv() {
            Ok(message) => self.received(message),
            Err(TryRecvError::Empty) => assert!(self.queued.is_empty() && !self.is_over()),
            Err(TryRecvError::Disconnected) => assert!(self.is_over() || self.is_closed),
        }
    }

    fn recv(&mut self) {
        let Some(receiver) = &mut self.receiver else { return };
        let received = poll(pin!(receiver.recv()));
        match received {
            Poll::Ready(Some(message)) => self.received(message),
            Poll::Ready(None) => assert!(self.is_over() || self.is_closed),
            Poll::Pending => {
                assert!(self.queued.is_empty() && !self.is_over());
                assert!(!self.is_closed || !self.permits.is_empty() || !self.waiting.is_empty());
            }
        }
    }

    fn recv_many(&mut self, limit: usize) {
        let Some(receiver) = &mut self.receiver else { return };
        let mut buffer = Vec::new();
        let received = poll(pin!(receiver.recv_many(&mut buffer, limit)));
        let n = buffer.len();
        let n_expected = limit.min(self.queued.len());
        buffer.into_iter().for_each(|message| self.received(message));
        assert_eq!(n, n_expected);
        assert!(received.is_ready() || n == 0 && limit != 0 && !self.is_over());
    }

    fn check(&self) {
        if let Some(receiver) = &self.receiver {
            assert_eq!(receiver.len(), self.queued.len());
            assert_eq!(receiver.is_empty(), self.queued.is_empty());
            assert_eq!(receiver.is_closed(), self.is_closed || self.weak.strong_count() == 0);
            let free = self.buffer - self.queued.len() - self.permits.len();
            if self.waiting.is_empty() {
                assert_eq!(receiver.capacity(), free);
            } else {
                assert!(receiver.capacity() <= free);
            }
        }
    }

    /// Polls all who wait until nobody gets on.
    fn settle(&mut self) {
        let mut index = 0;
        while index < self.waiting.len() {
            let before = self.waiting.len();
            self.poll(index);
            index = if self.waiting.len() == before { index + 1 } else { 0 };
        }
    }
}

proptest! {
    #[test]
    fn sent_is_received_returned_or_dropped(
        buffer in 1..5usize,
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let mut program = Program::new(buffer);
        for step in steps {
            program.run(step);
            program.check();
        }
        program.settle();
        program.check();
        if program.is_closed {
            prop_assert!(program.waiting.is_empty(), "a sender waits for a channel that is closed");
        } else if let (Some(receiver), false) = (&program.receiver, program.waiting.is_empty()) {
            prop_assert_eq!(receiver.capacity(), 0, "a sender waits while there is room");
        }
        program.waiting.clear();
        program.check();
        program.permits.clear();
        program.check();
        program.senders.clear();
        if let Some(receiver) = &mut program.receiver {
            while let Some(message) = ready(pin!(receiver.recv())) {
                prop_assert_eq!(Some(message.number), program.queued.pop_front());
            }
        }
        prop_assert!(program.queued.is_empty(), "a message is lost");
        let (n_made, n_dropped) = (program.n_made, program.n_dropped.clone());
        drop(program);
        prop_assert_eq!(n_dropped.load(Relaxed), n_made);
    }

    #[test]
    fn unbounded_sent_is_received_or_dropped(
        steps in proptest::collection::vec(0..10u8, 1..300),
    ) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (mut senders, mut receiver) = (vec![sender], Some(receiver));
        let (mut queued, mut n_made, n_dropped) = (VecDeque::new(), 0, Arc::new(AtomicUsize::new(0)));
        let mut is_closed = false;
        for step in steps {
            match (step, senders.first(), &mut receiver) {
                (0..=4, Some(sender), _) => {
                    n_made += 1;
                    let sent = sender.send(Message { number: n_made, n_dropped: n_dropped.clone() });
                    prop_assert_eq!(sent.is_err(), is_closed);
                    if sent.is_ok() {
                        queued.push_back(n_made);
                    }
                }
                (5, _, Some(receiver)) => {
                    if let Poll::Ready(received) = poll(pin!(receiver.recv())) {
                        prop_assert_eq!(received.map(|message| message.number), queued.pop_front());
                    } else {
                        prop_assert!(queued.is_empty() && !is_closed);
                    }
                }
                (6, _, Some(receiver)) => {
                    let mut buffer = Vec::new();
                    let _ = poll(pin!(receiver.recv_many(&mut buffer, 40)));
                    prop_assert_eq!(buffer.len(), queued.len().min(40));
                    for message in buffer {
                        prop_assert_eq!(Some(message.number), queued.pop_front());
                    }
                }
                (7, Some(sender), _) => senders.push(sender.clone()),
                (8, _, _) if senders.len() > 1 => drop(senders.pop()),
                (9, _, Some(open)) if queued.len() % 5 == 3 => {
                    open.close();
                    is_closed = true;
                    if queued.len() % 2 == 0 {
                        receiver = None;
                        queued.clear();
                    }
                }
                _ => {}
            }
            if let Some(receiver) = &receiver {
                prop_assert_eq!(receiver.len(), queued.len());
            }
        }
        senders.clear();
        if let Some(receiver) = &mut receiver {
            while let Some(message) = ready(pin!(receiver.recv())) {
                prop_assert_eq!(Some(message.number), queued.pop_front());
            }
        }
        prop_assert!(queued.is_empty(), "a message is lost");
        drop(receiver);
        prop_assert_eq!(n_dropped.load(Relaxed), n_made);
    }
}
