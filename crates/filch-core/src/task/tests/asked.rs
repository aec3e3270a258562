//! A task that is asked to end is told, ended and freed, whoever asks and however late.

use super::{Bomb, Drops, WakerSlot, message, output, yield_once};
use crate::context;
use crate::scope::{self, Fact, Frame, Reason, Request, Scope, Surroundings, Urgency, Watch};
use crate::task::{AbortHandle, Id, JoinHandle, Outcome, Spawn};
use crate::testing::toy::Toy;
use crate::wake_batch::WakeBatch;
use std::any::Any;
use std::future::{Future, pending, poll_fn};
use std::panic::panic_any;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const GRACE: Duration = Duration::from_secs(60);
const REASON: Reason = Reason::from_static("the shop closes");

/// Waits until the task that awaits it is asked to end.
fn asked() -> impl Future<Output = Reason> + Send {
    let mut watch = Watch::default();
    poll_fn(move |cx| {
        let task = context::task().expect("it is polled in a task");
        task.request().poll_made(&mut watch, cx.waker())
    })
}

/// Lets all the time of the world pass.
fn expire(toy: &Toy) {
    let mut wakes = WakeBatch::default();
    let parts = toy.runtime().access().expect("it runs");
    parts.timers.expire(u64::MAX - 2, &mut wakes);
    drop(parts);
    wakes.wake_all();
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[track_caller]
fn outcome<F: Future + Unpin>(future: &mut F) -> F::Output {
    match poll(future) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("the task has not ended"),
    }
}

#[test]
fn a_cancel_that_is_dropped_ends_the_task() {
    let toy = Toy::new();
    let drops = Drops::default();
    let token = drops.token();
    let task = toy.spawn(async move {
        let _token = token;
        pending::<()>().await;
    });
    toy.run_all();
    drop(task.cancel());
    assert_eq!(toy.run_all(), 1);
    assert_eq!(drops.count(), 1);
    toy.end();
}

#[test]
fn a_cancel_that_is_awaited_acts_at_its_first_poll_and_tells_when_the_future_is_dropped() {
    let toy = Toy::new();
    let drops = Drops::default();
    let token = drops.token();
    let task = toy.spawn(async move {
        let _token = token;
        pending::<()>().await;
    });
    toy.run_all();
    let mut cancel = task.cancel().reason(REASON);
    assert_eq!(toy.run_all(), 0, "not polled yet");
    assert!(poll(&mut cancel).is_pending());
    toy.run_all();
    assert_eq!(drops.count(), 1);
    assert!(matches!(outcome(&mut cancel), Outcome::Cancelled(reason) if reason == REASON));
    toy.end();
}

#[test]
fn a_cancel_that_comes_too_late_gives_the_output() {
    let toy = Toy::new();
    for grace in [Duration::ZERO, GRACE] {
        let task = toy.spawn(async { 4 });
        toy.run_all();
        assert!(matches!(outcome(&mut task.cancel().grace(grace)), Outcome::Done(4)));
    }
    toy.end();
}

#[test]
fn a_cancel_of_a_task_that_panics_gives_the_panic() {
    let toy = Toy::new();
    let token = Drops::default().panicking_token();
    let mut early = toy.spawn(async { panic_any("poll") }).cancel();
    let mut late = toy.spawn(async move {
        let _token = token;
        pending::<()>().await;
    });
    toy.run_all();
    let text = |outcome: Outcome<()>| match outcome {
        Outcome::Panicked(payload) => *payload.downcast::<&str>().expect("a literal"),
        other => panic!("{other:?}"),
    };
    assert_eq!(text(outcome(&mut early)), "poll");
    assert!(poll(&mut late).is_pending());
    let mut late = late.cancel();
    assert!(poll(&mut late).is_pending());
    toy.run_all();
    assert_eq!(text(outcome(&mut late)), "drop");
    toy.end();
}

#[test]
fn a_task_that_is_told_may_end_by_itself() {
    let toy = Toy::new();
    let task = toy.spawn(async {
        let reason = asked().await;
        yield_once().await;
        reason
    });
    toy.run_all();
    let mut cancel = task.cancel().reason(REASON).grace(GRACE);
    assert!(poll(&mut cancel).is_pending());
    toy.run_all();
    assert!(matches!(outcome(&mut cancel), Outcome::Done(reason) if reason == REASON));
    expire(&toy);
    assert_eq!(toy.run_all(), 0);
    toy.end();
}

#[test]
fn a_task_that_does_not_end_within_its_grace_is_ended_by_the_clock_alone() {
    for is_awaited in [false, true] {
        let toy = Toy::new();
        let drops = Drops::default();
        let token = drops.token();
        let task = toy.spawn(async move {
            let _token = token;
            asked().await;
            pending::<()>().await;
        });
        toy.run_all();
        let mut cancel = Some(task.cancel().reason(REASON).grace(GRACE));
        if is_awaited {
            assert!(poll(cancel.as_mut().expect("set above")).is_pending());
        } else {
            cancel = None;
        }
        toy.run_all();
        assert_eq!(drops.count(), 0);
        expire(&toy);
        toy.run_all();
        assert_eq!(drops.count(), 1);
        if let Some(mut cancel) = cancel {
            assert!(matches!(outcome(&mut cancel), Outcome::Cancelled(reason) if reason == REASON));
        }
        toy.end();
    }
}

#[test]
fn of_several_requests_the_first_reason_and_the_shortest_grace_count() {
    let toy = Toy::new();
    let task = toy.spawn(pending::<()>());
    toy.run_all();
    let ask = |reason: Reason, grace| {
        super::super::cancel::force_after(task.abort_handle(), reason, grace);
    };
    task.abort_handle().cancel(&REASON, Urgency::Notice);
    ask("second".into(), GRACE * 10);
    ask("third".into(), GRACE);
    ask("fourth".into(), GRACE * 20);
    let parts = toy.runtime().access().expect("it runs");
    let now = parts.nanoseconds(parts.clock.now());
    let mut wakes = WakeBatch::default();
    parts.timers.expire(now + 2 * GRACE.as_nanos() as u64, &mut wakes);
    drop(parts);
    wakes.wake_all();
    assert_eq!(toy.run_all(), 1);
    let error = output(task).expect_err("it was canceled");
    assert_eq!(error.reason(), Some(&REASON));
    toy.end();
}

#[test]
fn the_error_of_a_canceled_task_says_why() {
    let toy = Toy::new();
    let (asked, aborted) = (toy.spawn(pending::<()>()), toy.spawn(pending::<()>()));
    asked.abort_handle().cancel(&REASON, Urgency::Now);
    aborted.abort();
    toy.run_all();
    let (asked_id, aborted_id) = (asked.id(), aborted.id());
    let error = output(asked).expect_err("it was canceled");
    assert!(error.is_cancelled());
    assert_eq!(error.to_string(), format!("task {asked_id} was cancelled: the shop closes"));
    let error = output(aborted).expect_err("it was canceled");
    assert_eq!(error.reason(), None);
    assert_eq!(error.to_string(), format!("task {aborted_id} was cancelled"));
    toy.end();
}

#[test]
fn a_named_task_keeps_its_name_when_it_is_asked() {
    let toy = Toy::new();
    let task = Spawn::on(toy.runtime()).name(Some("ben")).spawn(asked());
    toy.run_all();
    task.abort_handle().cancel(&REASON, Urgency::Notice);
    toy.run_all();
    assert_eq!(task.name(), Some("ben"));
    assert_eq!(output(task).expect("it ends by itself"), REASON);
    toy.end();
}

#[test]
fn the_end_of_the_runtime_ends_a_task_within_its_grace() {
    let toy = Toy::new();
    let task = toy.spawn(pending::<()>());
    toy.run_all();
    let mut cancel = task.cancel().grace(GRACE);
    assert!(poll(&mut cancel).is_pending());
    toy.end();
    assert!(matches!(outcome(&mut cancel), Outcome::Cancelled(_)));
}

#[test]
fn a_cancel_after_the_end_of_the_runtime_harms_nobody() {
    let toy = Toy::new();
    let task = toy.spawn(pending::<()>());
    toy.end();
    let successor = Toy::new();
    assert!(matches!(outcome(&mut task.cancel().grace(GRACE)), Outcome::Cancelled(_)));
    successor.end();
}

/// Writes down how it is asked.
#[derive(Default)]
struct Probe {
    request: Request,
    asked: Mutex<Vec<Urgency>>,
    is_shield: bool,
}

impl Probe {
    fn asked(&self) -> Vec<Urgency> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

impl Scope for Probe {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn request(&self) -> &Request {
        &self.request
    }

    fn cancel(&self, reason: &Reason, urgency: Urgency) {
        self.request.make(reason, urgency);
        self.asked.lock().expect("not poisoned").push(urgency);
    }

    fn poll_ended(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn is_shield(&self) -> bool {
        self.is_shield
    }
}

fn register(probe: &Arc<Probe>) {
    scope::register(&(Arc::clone(probe) as Arc<dyn Scope>));
}

#[test]
fn a_notice_is_handed_on_to_the_scopes_at_the_root_of_the_task() {
    let toy = Toy::new();
    let [outer, inner, in_frame, shielded] = [false, false, false, true]
        .map(|is_shield| Arc::new(Probe { is_shield, ..Probe::default() }));
    let [outer_in, inner_in, framed, shield] =
        [&outer, &inner, &in_frame, &shielded].map(Arc::clone);
    let below = Arc::new(Probe::default());
    let shielded_in = below.clone();
    let slot = WakerSlot::default();
    let wait = slot.wait();
    let task = toy.spawn(async move {
        let mut wait = pin!(wait);
        let (mut no_fact, mut of_outer, mut of_shield) = <(Frame, Frame, Frame)>::default();
        let fact = |probe: &Arc<Probe>| Fact::Scope(Arc::clone(probe) as Arc<dyn Scope>);
        let (outer_fact, shield_fact) = (fact(&outer_in), fact(&shield));
        let mut is_first = true;
        poll_fn(move |cx| {
            if std::mem::take(&mut is_first) {
                register(&outer_in);
                of_outer.enter(Some(&outer_fact), || register(&inner_in));
                no_fact.enter(None, || register(&framed));
                register(&shield);
                of_shield.enter(Some(&shield_fact), || {
                    assert!(scope::is_shielded());
                    register(&shielded_in);
                });
                assert!(!scope::is_shielded());
            }
            wait.as_mut().poll(cx)
        })
        .await;
    });
    toy.run_all();
    task.abort_handle().cancel(&REASON, Urgency::Notice);
    task.abort_handle().cancel(&REASON, Urgency::Notice);
    for told in [&outer, &in_frame, &shielded] {
        assert_eq!(told.asked(), [Urgency::Notice]);
    }
    for told_by_another in [&inner, &below] {
        assert_eq!(told_by_another.asked(), []);
    }
    slot.take().wake();
    toy.run_all();
    assert!(output(task).is_ok());
    toy.end();
}

#[test]
fn a_scope_opened_after_a_notice_is_told_at_once() {
    let toy = Toy::new();
    let probe = Arc::new(Probe::default());
    let late = probe.clone();
    let task = toy.spawn(async move {
        asked().await;
        register(&late);
    });
    toy.run_all();
    task.abort_handle().cancel(&REASON, Urgency::Notice);
    toy.run_all();
    assert_eq!((probe.asked(), probe.request.reason()), (vec![Urgency::Notice], Some(REASON)));
    assert!(output(task).is_ok());
    toy.end();
}

#[test]
fn a_task_that_opens_a_scope_again_and_again_keeps_few() {
    let toy = Toy::new();
    let task = toy.spawn(poll_fn(|_| {
        let held: Vec<_> = (0..1000).map(|_| Arc::new(Probe::default())).collect();
        held.iter().for_each(register);
        assert_eq!(Arc::weak_count(&held[0]), 1);
        let held = Arc::new(Probe::default());
        (0..10_000).for_each(|_| register(&Arc::new(Probe::default())));
        (0..10).for_each(|_| register(&held));
        assert_eq!(Arc::weak_count(&held), 10);
        Poll::Ready(held)
    }));
    toy.run_all();
    let held = output(task).expect("it ends well");
    assert_eq!(Arc::weak_count(&held), 0, "the end of a task lets go of what it knew");
    toy.end();
}

#[test]
fn a_member_that_is_canceled_tells_the_reason_of_its_group() {
    let toy = Toy::new();
    let group = Arc::new(Probe::default());
    let around = Surroundings::EMPTY.with(Fact::Scope(group.clone()));
    let task = Spawn::on(toy.runtime()).member_of(around.clone()).spawn(pending::<()>());
    toy.run_all();
    group.cancel(&REASON, Urgency::Now);
    assert!(task.abort_handle().claim());
    assert_eq!(output(task).expect_err("it was claimed").reason(), Some(&REASON));
    toy.end();
}

#[test]
fn a_panic_that_nobody_looks_at_is_kept_by_the_runtime() {
    let toy = Toy::new();
    let panics = toy.runtime().unobserved_panics();
    drop(Spawn::on(toy.runtime()).name(Some("ada")).spawn(async { panic_any("detached") }));
    let handle = toy.spawn(async { panic!("dropped {}", 1) });
    toy.run_all();
    assert_eq!(panics.count(), 1);
    assert_eq!(panics.first()[0].message.as_deref(), Some("detached"));
    let place = handle.spawned_at();
    drop(handle);
    let first = panics.first();
    assert_eq!((panics.count(), first.len()), (2, 2));
    assert_eq!(first[0].name.as_deref(), Some("ada"));
    assert!(first[0].to_string().ends_with("panicked with message \"detached\""), "{}", first[0]);
    assert_eq!((first[1].spawned_at, first[1].message.as_deref()), (place, Some("dropped 1")));
    drop(toy.spawn(async { panic_any(Bomb) }));
    toy.run_all();
    assert_eq!((panics.count(), &panics.first()[2].message), (3, &None));
    toy.end();
    assert_eq!(panics.count(), 3, "the view outlives the runtime");
}

#[test]
fn a_panic_that_somebody_looks_at_is_not_counted_and_neither_is_a_cancel() {
    let toy = Toy::new();
    let panics = toy.runtime().unobserved_panics();
    let handle = toy.spawn(async { panic_any("seen") });
    toy.run_all();
    assert_eq!(message(output::<()>(handle).expect_err("it panicked")), "seen");
    drop(toy.spawn(async { 7 }));
    drop(toy.spawn(pending::<()>()).cancel());
    toy.run_all();
    assert_eq!(panics.count(), 0);
    toy.end();
}

#[test]
fn a_panic_is_counted_by_its_own_runtime_however_late_its_handle_is_dropped() {
    let toy = Toy::new();
    let panics = toy.runtime().unobserved_panics();
    let handle = toy.spawn(async { panic_any("late") });
    toy.run_all();
    toy.end();
    let successor = Toy::new();
    drop(handle);
    assert_eq!((panics.count(), successor.runtime().unobserved_panics().count()), (1, 0));
    successor.end();
}

#[test]
fn only_the_first_panics_are_kept_in_full() {
    let toy = Toy::new();
    (0..100).for_each(|_| drop(toy.spawn(async { panic_any("many") })));
    toy.run_all();
    let panics = toy.runtime().unobserved_panics();
    assert_eq!((panics.count(), panics.first().len()), (100, 16));
    toy.end();
}

fn parent_of<T>(task: &JoinHandle<T>) -> Option<Id> {
    task.abort_handle().parent()
}

#[test]
fn a_task_knows_which_one_spawned_it() {
    let toy = Toy::new();
    let runtime = toy.runtime();
    let parent = toy.spawn(async move {
        let child = Spawn::on(runtime).spawn(async {});
        let call = Spawn::on(runtime).spawn_blocking(move || {
            let own = context::task_id();
            (own, parent_of(&Spawn::on(runtime).spawn(async {})))
        });
        (parent_of(&child), parent_of(&call), call.await.expect("it ends well"))
    });
    let id = parent.id();
    assert_eq!(parent_of(&parent), None);
    toy.run_all();
    let (of_child, of_call, (call, of_grandchild)) = output(parent).expect("it ends well");
    assert_eq!((of_child, of_call), (Some(id), Some(id)));
    assert!(call.is_some());
    assert_eq!(of_grandchild, call);
    let there = std::thread::scope(|scope| {
        let elsewhere = scope.spawn(|| toy.spawn(async {}).abort_handle());
        elsewhere.join().expect("it does not panic")
    });
    assert_eq!(AbortHandle::parent(&there), None);
    toy.end();
}
