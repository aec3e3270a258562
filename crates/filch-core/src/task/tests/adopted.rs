//! Adopted work is awaited by its adopter and reached by nobody; when the runtime begins to end, all else is dropped first.

use super::{Drops, WakerSlot, output};
use crate::runtime::Remains;
use crate::scope::{self, Fact, Reason, Request, Scope, Surroundings, Urgency};
use crate::task::{JoinHandle, Spawn};
use crate::testing::toy::Toy;
use std::any::Any;
use std::future::{Future, pending, ready};
use std::pin::pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Adopts so many.
struct Adopter {
    request: Request,
    n_left: AtomicUsize,
    n_adopted: AtomicUsize,
    n_ended: AtomicUsize,
}

impl Adopter {
    fn new(n_left: usize) -> Arc<Self> {
        Arc::new(Adopter {
            request: Request::new(),
            n_left: n_left.into(),
            n_adopted: 0.into(),
            n_ended: 0.into(),
        })
    }

    fn counts(&self) -> (usize, usize) {
        (self.n_adopted.load(SeqCst), self.n_ended.load(SeqCst))
    }
}

impl Scope for Adopter {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn request(&self) -> &Request {
        &self.request
    }

    fn deadline(&self) -> Option<Instant> {
        Some(Instant::now())
    }

    fn cancel(&self, reason: &Reason, urgency: Urgency) {
        self.request.make(reason, urgency);
    }

    fn poll_ended(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn adopt(&self, n: usize) -> bool {
        let takes = self.n_left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(n)).is_ok();
        self.n_adopted.fetch_add(if takes { n } else { 0 }, SeqCst);
        takes
    }

    fn adoptee_ended(&self) {
        self.n_ended.fetch_add(1, SeqCst);
    }
}

fn inside(scopes: &[&Arc<Adopter>]) -> Surroundings {
    scopes.iter().rev().fold(Surroundings::EMPTY, |outer, scope| {
        outer.with(Fact::Scope(Arc::clone(scope) as Arc<dyn Scope>))
    })
}

fn remains(toy: &Toy) -> Remains {
    toy.living().remains()
}

fn adopt<F>(toy: &Toy, around: &Surroundings, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Spawn::on(toy.runtime()).adopted(around).spawn(future)
}

#[test]
fn the_nearest_scope_that_takes_it_adopts_a_task_and_hears_of_its_end_once() {
    let toy = Toy::new();
    let (near, far) = (Adopter::new(1), Adopter::new(9));
    let around = inside(&[&near, &far]);
    let slot = WakerSlot::default();
    let tasks = [adopt(&toy, &around, slot.wait()), adopt(&toy, &around, ready(()))];
    assert_eq!((near.counts(), far.counts()), ((1, 0), (1, 0)));
    toy.run_all();
    assert_eq!((near.counts(), far.counts()), ((1, 0), (1, 1)));
    slot.take().wake();
    toy.run_all();
    assert_eq!((near.counts(), far.counts()), ((1, 1), (1, 1)));
    tasks.into_iter().for_each(|task| assert!(output(task).is_ok()));
    toy.end();
}

#[test]
fn an_adopted_task_sees_the_values_around_it_and_nothing_else() {
    let toy = Toy::new();
    let adopter = Adopter::new(1);
    let value = |n: u8| Arc::new(n) as Arc<dyn std::any::Any + Send + Sync>;
    let around = inside(&[&adopter])
        .with(Fact::Value(1, value(10)))
        .with(Fact::Deadline(Instant::now()))
        .with(Fact::Value(2, value(20)))
        .with(Fact::Value(1, value(11)));
    let at = adopter.clone();
    let task = adopt(&toy, &around, async move {
        assert_eq!(scope::deadline(), None);
        assert!(!scope::is_inside(&*at));
        assert!(!scope::nearest_scope().expect("it is adopted").request().is_made());
        let seen = |key| scope::value(key).and_then(|value| value.downcast_ref::<u8>().copied());
        [1, 2, 3].map(seen)
    });
    adopter.cancel(&Reason::default(), Urgency::Now);
    toy.run_all();
    assert_eq!(output(task).expect("it was not canceled"), [Some(11), Some(20), None]);
    toy.end();
}

#[test]
fn work_adopted_inside_of_adopted_work_has_the_same_adopter() {
    let toy = Toy::new();
    let adopter = Adopter::new(2);
    let runtime = toy.runtime();
    let task = adopt(&toy, &inside(&[&adopter]), async move {
        drop(Spawn::on(runtime).adopted(&scope::current()).spawn(async {}));
    });
    toy.run_all();
    assert!(output(task).is_ok());
    assert_eq!(adopter.counts(), (2, 2));
    assert!(remains(&toy).is_settled());
    toy.end();
}

#[test]
fn what_the_adopter_of_adopted_work_does_not_take_is_awaited_by_the_runtime() {
    let toy = Toy::new();
    let adopter = Adopter::new(3);
    let (inner, slot) = (Arc::new(Mutex::new(None)), WakerSlot::default());
    let (kept, wait) = (inner.clone(), slot.wait());
    drop(adopt(&toy, &inside(&[&adopter]), async move {
        *kept.lock().expect("no panic") = scope::nearest_scope();
        wait.await;
    }));
    toy.run_all();
    let inner = inner.lock().expect("no panic").take().expect("it is adopted");
    assert!(inner.adopt(2) && inner.adopt(2), "the second time by the runtime alone");
    assert_eq!(adopter.counts(), (3, 0));
    (0..2).for_each(|_| inner.adoptee_ended());
    assert_eq!(adopter.counts(), (3, 0), "it hears of no end that may be another task's");
    (0..2).for_each(|_| inner.adoptee_ended());
    assert_eq!(adopter.counts(), (3, 2));
    assert!(!remains(&toy).is_settled());
    slot.take().wake();
    toy.run_all();
    assert_eq!(adopter.counts(), (3, 3));
    assert!(remains(&toy).is_settled());
    toy.end();
}

#[test]
fn each_adoption_is_followed_by_one_end_also_of_a_task_that_never_starts() {
    let toy = Toy::new();
    let adopter = Adopter::new(9);
    let around = inside(&[&adopter]);
    drop(Spawn::on(toy.runtime()).adopted(&around));
    assert_eq!(adopter.counts(), (0, 0), "nothing was made");
    drop(Spawn::on(toy.runtime()).adopted(&around).prepare(async {}));
    assert_eq!(adopter.counts(), (1, 1));
    let aborted = adopt(&toy, &around, pending::<()>());
    let call = Spawn::on(toy.runtime()).adopted(&around).spawn_blocking(|| 3);
    aborted.abort();
    toy.run_all();
    assert_eq!(adopter.counts(), (3, 3));
    assert_eq!(output(call).expect("it ran"), 3);
    let runtime = toy.runtime();
    assert!(remains(&toy).is_settled());
    toy.end();
    let late = Spawn::on(runtime).adopted(&around).spawn(async {});
    assert!(output(late).is_err_and(|error| error.is_cancelled()));
    assert_eq!(adopter.counts(), (4, 4));
}

#[test]
fn a_sweep_drops_all_tasks_but_adopted_ones_and_theirs() {
    let toy = Toy::new();
    let runtime = toy.runtime();
    let drops = Drops::default();
    let guarded = |slot: Option<WakerSlot>| {
        let token = drops.token();
        async move {
            let _token = token;
            match slot {
                Some(slot) => slot.wait().await,
                None => pending().await,
            }
        }
    };
    let (go, child_go) = (WakerSlot::default(), WakerSlot::default());
    let suspended = toy.spawn(guarded(None));
    let (wait, child) = (go.wait(), guarded(Some(child_go.clone())));
    let adopted = Spawn::on(runtime).name(Some("goodbye")).adopted(&Surroundings::EMPTY);
    let adopted = adopted.spawn(async move {
        let child = Spawn::on(runtime).spawn(child);
        wait.await;
        let late = Spawn::on(runtime).spawn(async { 5 });
        (child.await.expect("it is not swept"), late.await.expect("it is accepted"))
    });
    toy.run_all();
    let queued = toy.spawn(guarded(None));
    let remains = remains(&toy);
    toy.living().sweep();
    assert_eq!(drops.count(), 1, "what waits is dropped at once");
    assert!(output(suspended).is_err_and(|error| error.is_cancelled()));
    let refused = toy.spawn(async {});
    assert!(output(refused).is_err_and(|error| error.is_cancelled()));
    assert_eq!(toy.run_all(), 1);
    assert!(output(queued).is_err_and(|error| error.is_cancelled()));
    assert!(!remains.is_settled());
    let unfinished = remains.unfinished();
    assert_eq!(unfinished.len(), 1);
    assert_eq!(unfinished[0].name.as_deref(), Some("goodbye"));
    assert!(unfinished[0].is_adopted);

    let mut settled = pin!(remains.settled(Duration::from_secs(600)));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(settled.as_mut().poll(&mut cx).is_pending());
    go.take().wake();
    child_go.take().wake();
    toy.run_all();
    assert!(settled.as_mut().poll(&mut cx).is_ready());
    assert_eq!(output(adopted).expect("it ends well").1, 5);
    toy.end();
}

#[test]
fn work_deferred_by_what_a_sweep_drops_is_waited_for() {
    struct Defers(crate::RuntimeRef, WakerSlot);
    impl Drop for Defers {
        fn drop(&mut self) {
            drop(Spawn::on(self.0).adopted(&scope::current()).spawn(self.1.wait()));
        }
    }
    for is_queued in [false, true] {
        let toy = Toy::new();
        let slot = WakerSlot::default();
        let defers = Defers(toy.runtime(), slot.clone());
        drop(toy.spawn(async move {
            let _defers = defers;
            pending::<()>().await;
        }));
        if !is_queued {
            toy.run_all();
        }
        let remains = remains(&toy);
        toy.living().sweep();
        assert!(!remains.is_settled());
        toy.run_all();
        assert!(!remains.is_settled());
        slot.take().wake();
        toy.run_all();
        assert!(remains.is_settled());
        toy.end();
    }
}

#[test]
fn the_wait_for_what_remains_ends_by_the_clock_or_when_it_is_given_up() {
    let toy = Toy::new();
    let drops = Drops::default();
    let token = drops.token();
    let adopted = adopt(&toy, &Surroundings::EMPTY, async move {
        let _token = token;
        pending::<()>().await;
    });
    toy.run_all();
    toy.living().sweep();
    let remains = remains(&toy);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(remains.settled(Duration::ZERO)).poll(&mut cx).is_ready());
    let mut settled = pin!(remains.settled(Duration::from_secs(600)));
    assert!(settled.as_mut().poll(&mut cx).is_pending());
    remains.give_up();
    assert!(settled.as_mut().poll(&mut cx).is_ready());
    assert_eq!((remains.unfinished().len(), drops.count()), (1, 0));
    toy.end();
    assert_eq!(drops.count(), 1);
    assert!(output(adopted).is_err_and(|error| error.is_cancelled()));
    assert!(remains.unfinished().is_empty());
}

#[test]
fn what_is_adopted_on_an_ended_runtime_does_not_count_for_its_successor() {
    let toy = Toy::new();
    let runtime = toy.runtime();
    toy.end();
    let successor = Toy::new();
    let late = Spawn::on(runtime).adopted(&Surroundings::EMPTY).prepare(pending::<()>());
    assert!(remains(&successor).is_settled());
    drop(late);
    successor.end();
}
