//! What is gathered, one turn at a time.

use crate::rig::{Gate, Hand, Rig, panic_of};
use filch_task::{all_tasks, as_completed, gather, race, try_gather};
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;

/// Polls inside the runtime.
fn poll<F: Future>(rig: &Rig, hand: &Hand, future: Pin<&mut F>) -> Poll<F::Output> {
    rig.run(|| hand.poll(future))
}

/// Children that wait for gates, and what they hold until they are dropped.
fn gated(n: usize) -> (Vec<impl Future<Output = usize> + Send + use<>>, Vec<Gate>, Arc<()>) {
    let gates: Vec<_> = (0..n).map(|_| Gate::default()).collect();
    let witness = Arc::new(());
    let child = |(i, gate): (usize, &Gate)| {
        let (gate, held) = (gate.clone(), witness.clone());
        async move {
            let _held = held;
            gate.await;
            i
        }
    };
    (gates.iter().enumerate().map(child).collect(), gates, witness)
}

#[test]
fn whoever_gathers_is_woken_once_by_the_last_child() {
    let rig = Rig::new();
    let (children, gates, _) = gated(100);
    let (mut gathered, hand) = (pin!(gather(children)), Hand::default());
    assert!(poll(&rig, &hand, gathered.as_mut()).is_pending());
    rig.settle();
    for i in (1..100).rev() {
        gates[i].open();
        rig.settle();
        assert_eq!(hand.wakes(), 0);
    }
    gates[0].open();
    rig.settle();
    assert_eq!(hand.wakes(), 1);
    assert_eq!(poll(&rig, &hand, gathered.as_mut()), Poll::Ready((0..100).collect()));
}

#[test]
fn the_waker_of_the_last_poll_counts() {
    let rig = Rig::new();
    let (children, gates, _) = gated(1);
    let mut gathered = pin!(gather(children));
    let (first, last) = (Hand::default(), Hand::default());
    for hand in [&first, &last] {
        assert!(poll(&rig, hand, gathered.as_mut()).is_pending());
    }
    gates[0].open();
    rig.settle();
    assert_eq!((first.wakes(), last.wakes()), (0, 1));
}

#[test]
fn dropped_after_any_turn_it_has_dropped_its_children() {
    // Some of them have not begun, some wait, some are queued again, some have ended.
    for n_turns in 0..12 {
        let rig = Rig::new();
        let (children, gates, witness) = gated(4);
        let mut gathered = Box::pin(gather(children));
        assert!(poll(&rig, &Hand::default(), gathered.as_mut()).is_pending());
        for turn in 0..n_turns {
            if turn == 3 {
                gates[1..3].iter().for_each(Gate::open);
            }
            rig.step();
        }
        drop(gathered);
        assert_eq!(Arc::strong_count(&witness), 1);
        rig.settle();
        assert!(rig.run(all_tasks).is_empty());
    }
}

#[test]
fn the_first_failure_ends_children_that_have_not_begun() {
    let rig = Rig::new();
    let n_begun = Arc::new(AtomicUsize::new(0));
    let children = (0..10).map(|i| {
        let n_begun = n_begun.clone();
        async move {
            n_begun.fetch_add(1, Relaxed);
            if i == 2 { Err(i) } else { pending::<Result<(), _>>().await }
        }
    });
    assert_eq!(rig.block_on(try_gather(children)), Err(2));
    assert_eq!(n_begun.load(Relaxed), 3);
}

#[test]
fn of_two_errors_before_the_next_poll_the_first_is_given() {
    for keeps_going in [false, true] {
        let rig = Rig::new();
        let gates = [Gate::default(), Gate::default()];
        let children = [1, 0].map(|i| {
            let gate = gates[i].clone();
            async move {
                gate.await;
                Err::<(), _>(i)
            }
        });
        let gathered = try_gather(children);
        let mut gathered = pin!(if keeps_going { gathered.keep_going() } else { gathered });
        let hand = Hand::default();
        assert!(poll(&rig, &hand, gathered.as_mut()).is_pending());
        rig.settle();
        gates.iter().for_each(Gate::open);
        rig.settle();
        assert_eq!(hand.wakes(), 1);
        assert_eq!(poll(&rig, &hand, gathered.as_mut()), Poll::Ready(Err(0)));
    }
}

#[test]
fn what_was_let_go_wakes_nobody() {
    let rig = Rig::new();
    let gate = Gate::default();
    let children = [true, false].map(|fails| {
        let gate = gate.clone();
        async move {
            if fails {
                return Err(());
            }
            gate.await;
            Err(())
        }
    });
    let mut gathered = pin!(try_gather::<_, (), _>(children).keep_going());
    let hand = Hand::default();
    assert!(poll(&rig, &hand, gathered.as_mut()).is_pending());
    rig.settle();
    assert_eq!(hand.wakes(), 1);
    assert_eq!(poll(&rig, &hand, gathered.as_mut()), Poll::Ready(Err(())));
    assert_eq!(rig.run(all_tasks).len(), 1);
    gate.open();
    rig.settle();
    assert_eq!(hand.wakes(), 0);
    assert!(rig.run(all_tasks).is_empty());
}

#[test]
fn those_who_lose_a_race_before_their_first_turn_never_begin() {
    let rig = Rig::new();
    let n_begun = Arc::new(AtomicUsize::new(0));
    let runners = (0..5).map(|i| {
        let n_begun = n_begun.clone();
        async move {
            n_begun.fetch_add(1, Relaxed);
            i
        }
    });
    assert_eq!(rig.block_on(race(runners)), 0);
    assert_eq!(n_begun.load(Relaxed), 1);
}

#[test]
fn a_race_is_woken_when_the_losers_are_gone() {
    let rig = Rig::new();
    let (runners, gates, witness) = gated(3);
    let (mut racing, hand) = (pin!(race(runners)), Hand::default());
    assert!(poll(&rig, &hand, racing.as_mut()).is_pending());
    rig.settle();
    gates[1].open();
    rig.step(); // The winner.
    // Why it may be polled in between: the request wakes it as well.
    assert!(poll(&rig, &hand, racing.as_mut()).is_pending());
    hand.wakes();
    rig.settle();
    assert_eq!(hand.wakes(), 1);
    assert_eq!(Arc::strong_count(&witness), 1);
    assert_eq!(poll(&rig, &hand, racing.as_mut()), Poll::Ready(1));
}

#[test]
fn each_completion_wakes_whoever_waits_for_the_next_once() {
    let rig = Rig::new();
    let (children, gates, _) = gated(3);
    let mut ends = rig.run(|| as_completed(children));
    let hand = Hand::default();
    rig.settle();
    for i in [2, 0, 1] {
        assert!(poll(&rig, &hand, pin!(ends.next())).is_pending());
        gates[i].open();
        rig.settle();
        assert!(hand.wakes() >= 1);
        assert_eq!(poll(&rig, &hand, pin!(ends.next())), Poll::Ready(Some(i)));
    }
    assert_eq!(poll(&rig, &hand, pin!(ends.next())), Poll::Ready(None));
}

#[test]
fn nothing_is_gathered_on_a_runtime_that_has_ended() {
    let mut rig = Rig::new();
    let (children, _gates, witness) = gated(3);
    let mut gathered = Box::pin(gather(children));
    assert!(poll(&rig, &Hand::default(), gathered.as_mut()).is_pending());
    rig.end();
    assert_eq!(Arc::strong_count(&witness), 1);
    let message = panic_of(|| Hand::default().poll(gathered.as_mut()));
    assert!(message.contains("was cancelled"), "{message}");
}
