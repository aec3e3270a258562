//! What a poll sees around it, and how what is inside of something is ended.

use super::{Enclosed, Fact, Frame, Reason, Request, Scope, Surroundings, Urgency, Watch};
use crate::task::Spawn;
use crate::testing::toy::Toy;
use std::any::Any;
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A scope that ends when it is told to.
#[derive(Default)]
struct Plain {
    request: Request,
    is_shield: AtomicBool,
    has_ended: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Plain {
    fn end(&self) {
        self.has_ended.store(true, SeqCst);
        if let Some(waker) = self.waker.lock().expect("no panic").take() {
            waker.wake();
        }
    }
}

impl Scope for Plain {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn request(&self) -> &Request {
        &self.request
    }
    fn cancel(&self, reason: &Reason, urgency: Urgency) {
        self.request.make(reason, urgency);
    }
    fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        *self.waker.lock().expect("no panic") = Some(cx.waker().clone());
        if self.has_ended.load(SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    }
    fn is_shield(&self) -> bool {
        self.is_shield.load(SeqCst)
    }
}

fn as_scope(plain: &Arc<Plain>) -> Arc<dyn Scope> {
    Arc::clone(plain) as _
}

fn value(key: usize, value: u32) -> Fact {
    Fact::Value(key, Arc::new(value))
}

fn seen(key: usize) -> Option<u32> {
    super::value(key).and_then(|value| value.downcast_ref().copied())
}

#[test]
fn what_is_inside_of_a_frame_sees_its_fact_and_what_is_outside_does_not() {
    let (one, two) = (value(1, 10), value(1, 20));
    let (mut outer, mut inner) = (Frame::new(), Frame::new());
    outer.enter(Some(&one), || {
        assert_eq!(seen(1), Some(10));
        inner.enter(Some(&two), || assert_eq!(seen(1), Some(20)));
        assert_eq!(seen(1), Some(10));
    });
    assert_eq!(seen(1), None);
}

#[test]
fn what_is_moved_into_another_frame_inherits_from_there() {
    let facts = [value(1, 10), value(2, 20), value(3, 30), value(4, 40)];
    let (mut first, mut second) = (Frame::new(), Frame::new());
    let (mut around, mut moved) = (Frame::new(), Frame::new());
    let all = || [1, 2, 3, 4].map(seen);
    let inside = |outer: &mut Frame, fact, around: &mut Frame, moved: &mut Frame| {
        let poll = || moved.enter(Some(&facts[3]), || (all(), all()));
        let (once, again) = outer
            .enter(Some(fact), || around.enter(None, || Frame::new().enter(Some(&facts[2]), poll)));
        assert_eq!(once, again);
        once
    };
    for _ in 0..2 {
        let seen = inside(&mut first, &facts[0], &mut around, &mut moved);
        assert_eq!(seen, [Some(10), None, Some(30), Some(40)]);
        let seen = inside(&mut second, &facts[1], &mut around, &mut moved);
        assert_eq!(seen, [None, Some(20), Some(30), Some(40)]);
        let seen = moved.enter(Some(&facts[3]), all);
        assert_eq!(seen, [None, None, None, Some(40)]);
    }
}

#[test]
fn what_is_moved_into_another_task_inherits_from_there() {
    let toy = Toy::new();
    let runtime = toy.runtime();
    let (mine, fact) = (value(1, 10), value(2, 20));
    let moved = Arc::new(Mutex::new(Frame::new()));
    let poll = |moved: &Mutex<Frame>, fact: &Fact| {
        moved.lock().expect("no panic").enter(Some(fact), || [1, 2].map(seen))
    };
    let first = Frame::new().enter(Some(&mine), || {
        let (moved, fact) = (moved.clone(), fact.clone());
        Spawn::on(runtime).spawn(async move {
            assert_eq!(poll(&moved, &fact), [Some(10), Some(20)]);
        })
    });
    toy.run_all();
    let second = toy.spawn(async move { assert_eq!(poll(&moved, &fact), [None, Some(20)]) });
    toy.run_all();
    for task in [first, second] {
        let poll = pin!(task).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(poll, Poll::Ready(Ok(()))));
    }
    toy.end();
}

#[test]
fn what_is_kept_is_inherited_without_being_made_again() {
    let fact = value(1, 10);
    let (mut outer, mut inner) = (Frame::new(), Frame::new());
    let mut current = || outer.enter(Some(&fact), || inner.enter(Some(&fact), super::current));
    let before = current();
    assert!(before.is(&current()));
}

#[test]
fn a_panic_inside_leaves_the_frame() {
    let mut frame = Frame::new();
    let inside = || frame.enter(Some(&value(1, 10)), || panic!("inside"));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(inside)).is_err());
    assert_eq!(seen(1), None);
}

#[test]
fn a_task_inherits_what_surrounds_its_spawn() {
    let toy = Toy::new();
    let mut frame = Frame::new();
    let runtime = toy.runtime();
    let task = frame.enter(Some(&value(1, 10)), || {
        Spawn::on(runtime).spawn(async move {
            let grandchild = Spawn::on(runtime).spawn(async { seen(1) });
            (seen(1), grandchild.await.expect("it does not panic"))
        })
    });
    assert_eq!(seen(1), None);
    toy.run_all();
    let mut task = pin!(task);
    let Poll::Ready(output) = task.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it has ended")
    };
    assert_eq!(output.expect("it does not panic"), (Some(10), Some(10)));
    toy.end();
}

#[test]
fn a_task_polled_inside_of_anothers_poll_does_not_see_its_frames() {
    let toy = Toy::new();
    let task = toy.spawn(async { assert_eq!(seen(1), None) });
    let other = toy.scheduler.pop().expect("it was scheduled");
    let outer = toy.spawn(async move {
        Frame::new().enter(Some(&value(1, 10)), || {
            assert!(other.run().is_none());
            assert_eq!(seen(1), Some(10));
        });
    });
    toy.run_all();
    assert!(task.is_finished() && outer.is_finished());
    let mut joined = pin!(async { (task.await.is_ok(), outer.await.is_ok()) });
    let poll = joined.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(poll, Poll::Ready((true, true)));
    toy.end();
}

#[test]
fn the_earliest_deadline_counts() {
    let now = Instant::now();
    let at = |s| Fact::Deadline(now + Duration::from_secs(s));
    let inherited = Surroundings::EMPTY.with(at(5)).with(at(3)).with(value(1, 0)).with(at(4));
    assert_eq!(inherited.deadline(), Some(now + Duration::from_secs(3)));
    let (mut outer, mut inner) = (Frame::new(), Frame::new());
    outer.enter(Some(&at(1)), || {
        inner.enter(Some(&at(2)), || {
            assert_eq!(super::deadline(), Some(now + Duration::from_secs(1)));
        });
    });
    assert_eq!(super::deadline(), None);
}

#[test]
fn a_long_list_is_dropped_without_a_deep_stack() {
    let facts = 0..200_000;
    let list = facts.fold(Surroundings::EMPTY, |list, n| list.with(value(n, 0)));
    std::thread::Builder::new()
        .stack_size(64 * 1024)
        .spawn(move || drop(list))
        .expect("there are threads")
        .join()
        .expect("the stack is enough");
}

#[test]
fn a_scope_is_known_to_all_frames_up_to_the_closest_shield() {
    let shield = Arc::new(Plain::default());
    shield.is_shield.store(true, SeqCst);
    let fact = Fact::Scope(as_scope(&shield));
    let (hidden, open) = (Arc::new(Plain::default()), Arc::new(Plain::default()));
    let (mut outer, mut around, mut inner) = (Frame::new(), Frame::new(), Frame::new());
    outer.enter(None, || {
        super::register(&as_scope(&shield));
        super::register(&as_scope(&open));
        around.enter(Some(&fact), || inner.enter(None, || super::register(&as_scope(&hidden))));
    });
    let reason = Reason::from_static("enough");
    outer.cancel_inside(&reason, Urgency::Now);
    assert!(open.request.is_urgent() && shield.request.is_urgent());
    assert!(!hidden.request.is_made());
    around.cancel_inside(&reason, Urgency::Now);
    assert!(hidden.request.is_urgent());
}

#[test]
fn scopes_that_are_gone_are_swept() {
    let mut frame = Frame::new();
    frame.enter(None, || {
        for _ in 0..10_000 {
            super::register(&as_scope(&Arc::default()));
        }
    });
    assert!(frame.n_kept() < 20);
}

#[test]
fn frames_in_each_other_keep_what_is_inside_of_the_innermost_once() {
    let frames: Vec<_> = (0..100).map(|_| Frame::new()).collect();
    fn enter(frames: &mut [Frame], scope: &Arc<Plain>) {
        match frames.split_first_mut() {
            Some((first, rest)) => first.enter(None, || enter(rest, scope)),
            None => (0..3).for_each(|_| super::register(&as_scope(scope))),
        }
    }
    let (mut frames, scope) = (frames, Arc::<Plain>::default());
    for _ in 0..3 {
        enter(&mut frames, &scope);
    }
    assert_eq!((frames[0].n_kept(), frames[98].n_kept(), frames[99].n_kept()), (1, 1, 9));
    frames[50].cancel_inside(&Reason::default(), Urgency::Notice);
    assert!(scope.request.is_made());
}

#[test]
fn what_is_moved_into_another_frame_is_known_there_from_its_next_poll_on() {
    let (mut first, mut second, mut outermost) = (Frame::new(), Frame::new(), Frame::new());
    let (mut moved, scope) = (Frame::new(), Arc::<Plain>::default());
    first.enter(None, || moved.enter(None, || super::register(&as_scope(&scope))));
    outermost.enter(None, || second.enter(None, || moved.enter(None, || ())));
    outermost.cancel_inside(&Reason::default(), Urgency::Notice);
    assert!(scope.request.is_made());
}

#[test]
fn an_end_awaits_the_scopes_inside_before_the_future_is_dropped() {
    struct Told(Arc<Mutex<Vec<&'static str>>>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.lock().expect("no panic").push("dropped");
        }
    }
    let log = Arc::<Mutex<Vec<_>>>::default();
    let scope = Arc::new(Plain::default());
    let (told, inside) = (Told(Arc::clone(&log)), as_scope(&scope));
    let mut enclosed = pin!(Enclosed::new(async move {
        let _told = told;
        super::register(&inside);
        pending::<()>().await;
    }));
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(enclosed.as_mut().poll_inside(None, cx).is_pending());
    let reason = Reason::from_static("enough");
    assert!(enclosed.as_mut().poll_end(None, &reason, cx).is_pending());
    assert_eq!(scope.request.reason(), Some(reason.clone()));
    assert!(log.lock().expect("no panic").is_empty());
    scope.end();
    assert_eq!(enclosed.as_mut().poll_end(None, &reason, cx), Poll::Ready(None));
    assert_eq!(*log.lock().expect("no panic"), ["dropped"]);
}

#[test]
fn a_shield_is_polled_on_until_it_has_ended() {
    let shield = Arc::new(Plain::default());
    shield.is_shield.store(true, SeqCst);
    let inside = as_scope(&shield);
    let n_polls = std::cell::Cell::new(0);
    let mut enclosed = pin!(Enclosed::new(std::future::poll_fn(|_| {
        if n_polls.replace(n_polls.get() + 1) == 0 {
            super::register(&inside);
        }
        Poll::<()>::Pending
    })));
    let cx = &mut Context::from_waker(Waker::noop());
    let reason = Reason::default();
    assert!(enclosed.as_mut().poll_inside(None, cx).is_pending());
    assert!(enclosed.as_mut().poll_end(None, &reason, cx).is_pending());
    assert_eq!(n_polls.get(), 2);
    shield.is_shield.store(false, SeqCst);
    shield.end();
    assert_eq!(enclosed.as_mut().poll_end(None, &reason, cx), Poll::Ready(None));
    assert_eq!(n_polls.get(), 2, "nothing is shielded any more");
}

#[test]
fn a_request_keeps_its_first_reason_and_becomes_more_urgent_only() {
    let request = Request::new();
    assert!(!request.is_made() && request.reason().is_none());
    assert!(request.make(&"please".into(), Urgency::Notice));
    assert!(request.is_made() && !request.is_urgent());
    assert!(!request.make(&"again".into(), Urgency::Notice));
    assert!(request.make(&"now".into(), Urgency::Now));
    assert!(request.is_urgent() && !request.make(&"later".into(), Urgency::Notice));
    assert_eq!(request.reason(), Some("please".into()));
}

#[test]
fn a_request_wakes_who_watches_and_forgets_who_does_not() {
    use std::task::Wake;
    #[derive(Default)]
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, SeqCst);
        }
    }
    let request = Request::new();
    let (one, two) = (Arc::<Woken>::default(), Arc::<Woken>::default());
    let (mut first, mut second) = (Watch::default(), Watch::default());
    assert!(request.poll_made(&mut first, &Waker::from(Arc::clone(&one))).is_pending());
    assert!(request.poll_made(&mut second, &Waker::from(Arc::clone(&two))).is_pending());
    assert!(request.poll_made(&mut second, &Waker::from(Arc::clone(&two))).is_pending());
    request.unwatch(&mut first);
    assert_eq!(Arc::strong_count(&one), 1, "its waker is gone");
    request.make(&"enough".into(), Urgency::Notice);
    assert!(!one.0.load(SeqCst) && two.0.load(SeqCst));
    assert_eq!(request.poll_made(&mut second, Waker::noop()), Poll::Ready("enough".into()));
    request.unwatch(&mut second);
}
