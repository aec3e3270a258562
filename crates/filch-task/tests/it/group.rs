//! Task groups, one poll at a time.

use crate::rig::{Gate, Hand, Rig};
use filch_core::scope::{Fact, Reason, Request, Scope, Surroundings, Urgency};
use filch_core::task::Spawn;
use filch_task::{GroupError, TaskGroup};
use std::any::Any;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

type Running<'a> = Pin<Box<dyn Future<Output = Result<(), GroupError<u32>>> + Send + 'a>>;

/// Counts its polls and its drop.
struct Counted {
    n_polls: Arc<AtomicUsize>,
    _alive: Arc<()>,
}

impl Future for Counted {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.n_polls.fetch_add(1, Relaxed);
        Poll::Pending
    }
}

/// A child for each gate, which fails with its number when the gate opens.
fn failing(gates: &[Gate], fail_fast: bool) -> Running<'_> {
    let builder = TaskGroup::builder().fail_fast(fail_fast);
    Box::pin(builder.scope_of::<u32, _, _>(async move |tg| {
        for (number, gate) in (0..).zip(gates) {
            let gate = gate.clone();
            tg.create_task(async move {
                gate.await;
                Err::<(), u32>(number)
            });
        }
        Ok(())
    }))
}

fn errors(result: Result<(), GroupError<u32>>) -> Vec<u32> {
    result.expect_err("children have failed").errors().copied().collect()
}

#[test]
fn whoever_awaits_a_scope_is_woken_once_by_the_last_child() {
    let rig = Rig::new();
    let hand = Hand::default();
    let gates: [Gate; 100] = std::array::from_fn(|_| Gate::default());
    let mut scope = failing(&gates, false);
    assert!(rig.run(|| hand.poll(Pin::new(&mut scope))).is_pending());
    rig.settle();
    for gate in &gates {
        assert_eq!(hand.wakes(), 0);
        gate.open();
        rig.settle();
    }
    assert_eq!(hand.wakes(), 1);
    let Poll::Ready(result) = rig.run(|| hand.poll(Pin::new(&mut scope))) else {
        panic!("all have ended")
    };
    assert_eq!(errors(result), (0..100).collect::<Vec<_>>());
}

#[test]
fn after_the_first_failure_no_child_is_polled_any_more() {
    let rig = Rig::new();
    let hand = Hand::default();
    let gates: [Gate; 3] = std::array::from_fn(|_| Gate::default());
    let mut scope = failing(&gates, true);
    assert!(rig.run(|| hand.poll(Pin::new(&mut scope))).is_pending());
    rig.settle();
    // Both are queued. The first poll asks the group to end, which the second child hears at its own.
    gates[1].open();
    gates[0].open();
    rig.settle();
    let Poll::Ready(result) = rig.run(|| hand.poll(Pin::new(&mut scope))) else {
        panic!("all have ended")
    };
    assert_eq!(errors(result), [1]);
}

#[test]
fn a_drop_takes_queued_children_out_of_the_queue_without_a_poll() {
    let rig = Rig::new();
    let hand = Hand::default();
    let (n_polls, alive) = (Arc::new(AtomicUsize::new(0)), Arc::new(()));
    let mut scope: Running<'_> = Box::pin(TaskGroup::scope_of(async |tg| {
        for _ in 0..10 {
            tg.spawn(Counted { n_polls: n_polls.clone(), _alive: alive.clone() });
        }
        pending::<()>().await;
        Ok(())
    }));
    assert!(rig.run(|| hand.poll(Pin::new(&mut scope))).is_pending());
    (0..4).for_each(|_| assert!(rig.step()));
    assert_eq!((n_polls.load(Relaxed), Arc::strong_count(&alive)), (4, 11));
    rig.run(|| drop(scope));
    assert_eq!(Arc::strong_count(&alive), 1);
    rig.settle();
    assert_eq!(n_polls.load(Relaxed), 4);
    assert!(rig.runtime().tasks().is_empty());
}

/// A scope that counts the members that ended.
#[derive(Default)]
struct Counting {
    request: Request,
    n_ended: AtomicUsize,
}

impl Scope for Counting {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn request(&self) -> &Request {
        &self.request
    }

    fn cancel(&self, reason: &Reason, urgency: Urgency) {
        self.request.make(reason, urgency);
    }

    fn poll_ended(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn member_ended(&self) {
        self.n_ended.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_member_that_is_claimed_before_it_is_started_leaves_no_trace() {
    let rig = Rig::new();
    let scope = Arc::new(Counting::default());
    let around = Surroundings::EMPTY.with(Fact::Scope(scope.clone()));
    let (prepared, handle) = Spawn::on(rig.runtime()).member_of(around).prepare(pending::<()>());
    assert!(handle.abort_handle().claim());
    prepared.start();
    assert_eq!((scope.n_ended.load(Relaxed), rig.runtime().tasks().len()), (1, 0));
    rig.settle();
    drop(handle);
    assert!(rig.runtime().tasks().is_empty());
}

#[test]
fn the_end_of_a_runtime_ends_its_groups() {
    let mut rig = Rig::new();
    let hand = Hand::default();
    let alive = Arc::new(());
    let child = alive.clone();
    let mut scope: Running<'_> = Box::pin(TaskGroup::scope_of(async move |tg| {
        tg.spawn(async move {
            let inner: Result<(), GroupError> = TaskGroup::scope(async |tg| {
                tg.spawn(async move {
                    pending::<()>().await;
                    drop(child);
                });
                Ok(())
            })
            .await;
            drop(inner);
        });
        Ok(())
    }));
    assert!(rig.run(|| hand.poll(Pin::new(&mut scope))).is_pending());
    rig.settle();
    rig.end();
    assert_eq!(Arc::strong_count(&alive), 1);
    assert_eq!(hand.wakes(), 1);
}
