//! **Property:** each receiver gets each value once, or is told that it missed it; a value is dropped once, when nobody
//! reads it; nobody waits for what is there.

use super::cell::CLAIM;
use super::channel::{Channel, Place};
use super::error::{RecvError, TryRecvError};
use super::*;
use crate::model::{Arc, assert_rejected, block_on, check, check_to, poll, thread};
use filch_core::sys::sync::atomic::Ordering::*;

fn joined<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().expect("the thread does not panic")
}

/// A value whose copies are counted, and which the checker sees being read: a clone reads, a drop writes.
struct Value {
    n: usize,
    content: loom::cell::UnsafeCell<usize>,
    alive: std::sync::Arc<()>,
}

impl Value {
    fn new(n: usize, alive: &std::sync::Arc<()>) -> Self {
        Value { n, content: loom::cell::UnsafeCell::new(n), alive: alive.clone() }
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        // SAFETY: who clones may read.
        self.content.with(|content| assert_eq!(unsafe { *content }, self.n));
        Value::new(self.n, &self.alive)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: who drops is alone.
        self.content.with_mut(|content| unsafe { *content = 0 });
    }
}

// SAFETY: the model checks who reads and writes.
unsafe impl Sync for Value {}

/// What a receiver gets until there is nothing: values and numbers of missed ones.
fn drain(channel: &Channel<Value>, place: &mut Place) -> Vec<Result<usize, u64>> {
    let mut got = Vec::new();
    loop {
        match channel.try_recv(place) {
            Ok(value) => got.push(Ok(value.n)),
            Err(TryRecvError::Lagged(missed)) => got.push(Err(missed)),
            Err(TryRecvError::Empty | TryRecvError::Closed) => return got,
        }
    }
}

/// Values 0, 1, … in order, with gaps where it says so.
fn assert_complete(got: &[Result<usize, u64>], n_sent: usize) {
    let end = got.iter().fold(0, |next, step| match step {
        Ok(n) => {
            assert_eq!(*n, next, "{got:?}");
            next + 1
        }
        Err(missed) => next + *missed as usize,
    });
    assert_eq!(end, n_sent, "{got:?}");
}

#[test]
fn a_value_reaches_two_receivers_that_wait() {
    check_to(2, || {
        let (sender, mut first) = channel(1);
        let mut second = sender.subscribe();
        let thread = thread::spawn(move || second.blocking_recv());
        let sending = thread::spawn(move || sender.send(Box::new(1)).expect("there are receivers"));
        assert_eq!(first.blocking_recv(), Ok(Box::new(1)));
        assert_eq!(joined(thread), Ok(Box::new(1)));
        assert_eq!(joined(sending), 2);
    });
}

#[test]
fn a_receiver_that_waits_learns_of_the_end() {
    check(|| {
        let (sender, mut receiver) = channel::<i32>(1);
        let other = sender.clone();
        let thread = thread::spawn(move || drop(other));
        let dropping = thread::spawn(move || drop(sender));
        assert_eq!(receiver.blocking_recv(), Err(RecvError::Closed));
        joined(thread);
        joined(dropping);
    });
}

#[test]
fn the_last_value_comes_before_the_end() {
    check(|| {
        let (sender, mut receiver) = channel(2);
        let thread = thread::spawn(move || sender.send(1).expect("there is a receiver"));
        assert_eq!(receiver.blocking_recv(), Ok(1));
        assert_eq!(receiver.blocking_recv(), Err(RecvError::Closed));
        joined(thread);
    });
}

#[test]
fn a_sender_learns_that_there_is_no_receiver() {
    check(|| {
        let (sender, first) = channel::<i32>(1);
        let second = first.resubscribe();
        let threads = [first, second].map(|receiver| thread::spawn(move || drop(receiver)));
        block_on(sender.closed());
        assert!(sender.send(1).is_err());
        threads.into_iter().for_each(joined);
    });
}

/// One receiver, that reads while `n` values go through a ring of one cell.
fn overwritten_while_read(n: usize, send: fn(&Channel<Value>, Value)) {
    let alive = std::sync::Arc::new(());
    let channel = Arc::new(Channel::new(1));
    let mut place = channel.subscribe();
    channel.send(Value::new(0, &alive)).expect("there is a receiver");
    let thread = thread::spawn({
        let (channel, alive) = (channel.clone(), alive.clone());
        move || {
            for n in 1..n {
                send(&channel, Value::new(n, &alive));
            }
        }
    });
    let mut got = drain(&channel, &mut place);
    joined(thread);
    got.extend(drain(&channel, &mut place));
    assert_complete(&got, n);
    assert!(channel.is_empty());
    assert_eq!(std::sync::Arc::strong_count(&alive), 1, "every value is dropped");
    channel.unsubscribe(&mut place);
}

fn send(channel: &Channel<Value>, value: Value) {
    channel.send(value).expect("there are receivers");
}

#[test]
fn a_value_may_be_overwritten_while_it_is_taken() {
    check(|| overwritten_while_read(3, send));
}

/// Two receivers, that read while `n` values go through a ring of one cell.
fn two_read(n: usize, try_recv: fn(&Channel<Value>, &mut Place)) {
    let alive = std::sync::Arc::new(());
    let channel = Arc::new(Channel::new(1));
    let places = [channel.subscribe(), channel.subscribe()];
    send(&channel, Value::new(0, &alive));
    let threads = places.map(|mut place| {
        let channel = channel.clone();
        thread::spawn(move || {
            try_recv(&channel, &mut place);
            place
        })
    });
    for n in 1..n {
        send(&channel, Value::new(n, &alive));
    }
    for mut place in threads.map(joined) {
        drain(&channel, &mut place);
        channel.unsubscribe(&mut place);
    }
    assert!(channel.is_empty());
    assert_eq!(std::sync::Arc::strong_count(&alive), 1, "every value is dropped");
}

fn try_recv(channel: &Channel<Value>, place: &mut Place) {
    drop(channel.try_recv(place));
}

#[test]
fn the_last_of_two_takes_the_value() {
    check(|| two_read(1, try_recv));
}

#[test]
fn a_value_may_be_overwritten_while_two_read_it() {
    check_to(2, || two_read(2, try_recv));
}

#[test]
fn a_receiver_may_end_while_values_are_sent_and_read() {
    check_to(2, || {
        let alive = std::sync::Arc::new(());
        let channel = Arc::new(Channel::new(1));
        let mut staying = channel.subscribe();
        let mut leaving = channel.subscribe();
        send(&channel, Value::new(0, &alive));
        let thread = thread::spawn({
            let channel = channel.clone();
            move || channel.unsubscribe(&mut leaving)
        });
        let sending = thread::spawn({
            let (channel, alive) = (channel.clone(), alive.clone());
            move || send(&channel, Value::new(1, &alive))
        });
        let mut got = drain(&channel, &mut staying);
        joined(thread);
        joined(sending);
        got.extend(drain(&channel, &mut staying));
        assert_complete(&got, 2);
        assert_eq!(std::sync::Arc::strong_count(&alive), 1, "every value is dropped");
        channel.unsubscribe(&mut staying);
        assert_eq!(channel.n_receivers(), 0);
    });
}

#[test]
fn a_canceled_wait_leaves_nothing_behind() {
    check(|| {
        let (sender, mut receiver) = channel(1);
        let thread = thread::spawn(move || {
            let _ = poll(Box::pin(receiver.recv()).as_mut());
            receiver.blocking_recv()
        });
        sender.send(1).expect("there is a receiver");
        drop(sender);
        // It came with the first call, or with the second one.
        assert!(matches!(joined(thread), Ok(1) | Err(RecvError::Closed)));
    });
}

#[test]
fn a_receiver_that_is_behind_is_not_told_that_nothing_is_there() {
    check(|| {
        let alive = std::sync::Arc::new(());
        let channel = Arc::new(Channel::new(1));
        let mut place = channel.subscribe();
        send(&channel, Value::new(0, &alive));
        let thread = thread::spawn({
            let channel = channel.clone();
            move || {
                let got = channel.try_recv(&mut place).map(|value| value.n);
                assert!(matches!(got, Ok(0) | Err(TryRecvError::Lagged(1))), "{got:?}");
                place
            }
        });
        send(&channel, Value::new(1, &alive));
        channel.unsubscribe(&mut joined(thread));
    });
}

type Hook = std::sync::Arc<std::sync::Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// A value whose clone calls a function, if there is one.
struct Calling(usize, Hook);

impl Clone for Calling {
    fn clone(&self) -> Self {
        let hook = self.1.lock().expect("not poisoned").take();
        if let Some(hook) = hook {
            hook();
        }
        Calling(self.0, self.1.clone())
    }
}

/// Three receivers: one lags at a value whose cell comes back into the slot with `last_send`, and looks meanwhile.
fn missed_cell_comes_back(last_send: fn(&Channel<Calling>, Calling)) {
    let hook = Hook::default();
    let channel = Arc::new(Channel::new(1));
    let sends = {
        let (channel, hook) = (channel.clone(), hook.clone());
        move |n| assert!(channel.send(Calling(n, hook.clone())).is_ok())
    };
    let [mut lagging, mut coming, mut staying] = [(); 3].map(|()| channel.subscribe());
    sends(0);
    assert!(channel.try_recv(&mut coming).is_ok());
    *hook.lock().expect("not poisoned") = Some(Box::new(move || (1..3).for_each(sends)));
    assert!(channel.try_recv(&mut lagging).is_ok());
    let missed = channel.try_recv(&mut coming).map(|value| value.0);
    assert_eq!(missed, Err(TryRecvError::Lagged(1)), "it was the last one at value 1");
    // Why this thread sends: the checker looks for steps that a second thread could take between those of the first one,
    // and does not see that a load of the first comes before a store of the second if that one loads as well.
    let thread = thread::spawn({
        let channel = channel.clone();
        move || {
            let missed = channel.try_recv(&mut lagging).map(|value| value.0);
            assert!(matches!(missed, Err(TryRecvError::Lagged(1 | 2))), "{missed:?}");
            channel.unsubscribe(&mut lagging);
        }
    });
    last_send(&channel, Calling(3, hook));
    joined(thread);
    channel.unsubscribe(&mut coming);
    channel.unsubscribe(&mut staying);
}

#[test]
fn a_receiver_that_lags_does_not_read_the_cell_that_it_missed() {
    check(|| missed_cell_comes_back(|channel, value| assert!(channel.send(value).is_ok())));
}

/// A send that puts the cell into the slot first, and then the value into the cell.
fn broken_put_elsewhere(channel: &Channel<Calling>, value: Calling) {
    let mut held = channel.lock();
    let position = channel.tail.load(Relaxed);
    let n_standing = channel.cell(0).overwrite() - held.ledger().n_lagging;
    held.keep(channel.cell(0), position - 1, n_standing);
    let other = held.ledger().spare_cell();
    channel.slots[0].store(other.as_ptr(), Release);
    // SAFETY: none: somebody who lags may take the cell for what it was.
    let _nothing = unsafe { other.as_ref().put(value, position, held.ledger().n_receivers) };
    channel.tail.store(position + 1, Release);
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_cell_is_shown_before_it_is_filled() {
    check(|| missed_cell_comes_back(broken_put_elsewhere));
}

#[test]
fn a_cell_that_is_shown_before_it_is_filled_is_rejected() {
    assert_rejected("broadcast::loom_tests::broken_cell_is_shown_before_it_is_filled");
}

/// A send that puts its value into the cell, whoever reads there.
fn broken_send(channel: &Channel<Value>, value: Value) {
    let _held = channel.lock();
    // SAFETY: none: that is what is broken.
    drop(unsafe { channel.cell(0).put(value, 1, 1) });
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_send_does_not_look_who_reads() {
    check(|| overwritten_while_read(2, broken_send));
}

#[test]
fn a_send_that_does_not_look_who_reads_is_rejected() {
    assert_rejected("broadcast::loom_tests::broken_send_does_not_look_who_reads");
}

/// A receive that gives its claim up in two steps.
fn broken_try_recv(channel: &Channel<Value>, place: &mut Place) {
    let cell = channel.cell(0);
    let before = cell.claims.load(Acquire);
    if before == CLAIM {
        // SAFETY: this is the last claim.
        drop(unsafe { cell.take() });
    }
    cell.claims.store(before - CLAIM, Release);
    place.advance(1);
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_claim_is_given_up_in_two_steps() {
    check(|| two_read(1, broken_try_recv));
}

#[test]
fn a_claim_that_is_given_up_in_two_steps_is_rejected() {
    assert_rejected("broadcast::loom_tests::broken_claim_is_given_up_in_two_steps");
}
