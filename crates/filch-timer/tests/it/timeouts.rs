//! Timeouts around each other and around scopes, which are opened by hand.

use crate::allocations::n_allocations;
use crate::rig::{Hand, Rig, panic_of};
use filch_core::coop::{self, Budget};
use filch_core::scope::{self, Enclosed, Fact, Reason, Request, Scope, Urgency};
use filch_core::seam::Timers;
use filch_timer::error::Elapsed;
use filch_timer::{Instant, Timeout, sleep, timeout, timeout_at};
use std::any::Any;
use std::future::{Future, pending, poll_fn, ready};
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn is_late<T>(poll: &Poll<Result<T, Elapsed>>) -> bool {
    matches!(poll, Poll::Ready(Err(Elapsed { .. })))
}

/// A scope whose tasks end when the test says so.
#[derive(Default)]
struct Manual {
    request: Request,
    is_shield: bool,
    state: Mutex<(bool, Option<Waker>)>,
}

impl Manual {
    fn new(is_shield: bool) -> Arc<Self> {
        Arc::new(Manual { is_shield, ..Manual::default() })
    }

    fn end(&self) {
        let waker = {
            let mut state = self.state.lock().expect("no panic");
            state.0 = true;
            state.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn has_ended(&self) -> bool {
        self.state.lock().expect("no panic").0
    }

    fn is_asked(&self) -> bool {
        self.request.is_urgent()
    }
}

impl Scope for Manual {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn request(&self) -> &Request {
        &self.request
    }
    fn cancel(&self, reason: &Reason, urgency: Urgency) {
        if !self.is_shield {
            self.request.make(reason, urgency);
        }
    }
    fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock().expect("no panic");
        state.1 = Some(cx.waker().clone());
        if state.0 { Poll::Ready(()) } else { Poll::Pending }
    }
    fn is_shield(&self) -> bool {
        self.is_shield && !self.has_ended()
    }
}

/// A future that opens `scope` and is surrounded by it, then by what `inside` does.
fn open<F: Future + Unpin>(
    scope: &Arc<Manual>,
    inside: F,
) -> impl Future<Output = F::Output> + Unpin + use<F> {
    let scope: Arc<dyn Scope> = Arc::clone(scope) as _;
    let fact = Fact::Scope(Arc::clone(&scope));
    let mut enclosed = Enclosed::new(inside);
    let mut is_open = false;
    poll_fn(move |cx| {
        if !std::mem::replace(&mut is_open, true) {
            scope::register(&scope);
        }
        Pin::new(&mut enclosed).poll_inside(Some(&fact), cx)
    })
}

/// Counts its polls and is never done.
fn counted(n_polls: &AtomicUsize) -> impl Future<Output = ()> + Unpin {
    poll_fn(|_| {
        n_polls.fetch_add(1, Relaxed);
        Poll::Pending
    })
}

/// How often the first poll allocates in a runtime of its own, and how often the polls after that.
fn allocations_of<F: Future + Unpin>(make: impl FnOnce() -> F) -> (usize, usize) {
    let (rig, hand) = (Rig::new(), Hand::default());
    let waker = hand.waker();
    let mut future = rig.run(make);
    let mut poll = || Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending();
    let first = n_allocations(&mut poll);
    let second = n_allocations(&mut poll);
    rig.advance(ms(5));
    (first, second + n_allocations(&mut poll))
}

#[test]
fn a_timeout_without_scopes_inside_allocates_its_timer_and_nothing_else() {
    let of_a_sleep = allocations_of(|| sleep(ms(5)));
    assert_eq!(of_a_sleep.1, 0);
    assert_eq!(allocations_of(|| timeout(ms(5), pending::<()>())), of_a_sleep);
    let waker = Hand::default().waker();
    let mut done = Rig::new().run(|| timeout(ms(5), ready(())));
    assert_eq!(n_allocations(|| Pin::new(&mut done).poll(&mut Context::from_waker(&waker))), 0);
}

#[test]
fn the_earliest_deadline_is_visible_inside() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let seen = Mutex::new(Vec::new());
    let look = || {
        poll_fn(|_| {
            seen.lock().expect("no panic").push(scope::deadline());
            Poll::Ready(())
        })
    };
    let begin = rig.run(Instant::now);
    rig.run(|| {
        assert!(hand.poll(&mut look()).is_ready());
        assert!(hand.poll(&mut timeout(ms(9), timeout(ms(5), look()))).is_ready());
        assert!(hand.poll(&mut timeout(ms(5), timeout(ms(9), look()))).is_ready());
        assert!(hand.poll(&mut timeout_at(begin + ms(7), look())).is_ready());
        assert!(hand.poll(&mut look()).is_ready());
    });
    let expected = [None, Some(5), Some(5), Some(7), None];
    let expected = expected.map(|after| after.map(|after| (begin + ms(after)).into_std()));
    assert_eq!(*seen.lock().expect("no panic"), expected);
}

#[test]
fn of_nested_timeouts_the_one_that_is_due_reports() {
    for (outer, inner) in [(9, 5), (5, 9), (5, 5)] {
        let (rig, hand) = (Rig::new(), Hand::default());
        let mut nested = rig.run(|| timeout(ms(outer), timeout(ms(inner), pending::<()>())));
        assert!(hand.poll(&mut nested).is_pending());
        rig.advance(ms(outer.min(inner)));
        let Poll::Ready(result) = hand.poll(&mut nested) else { panic!("a deadline has come") };
        assert_eq!(result.is_err(), outer <= inner, "{outer} around {inner}");
    }
}

#[test]
fn of_many_timeouts_with_one_deadline_the_outermost_reports_even_if_all_are_late() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let mut nested = rig.run(|| {
        let at = Instant::now() + ms(5);
        timeout_at(at, timeout_at(at, timeout_at(at + ms(1), timeout_at(at, pending::<()>()))))
    });
    assert!(hand.poll(&mut nested).is_pending());
    rig.advance(ms(50));
    assert!(is_late(&hand.poll(&mut nested)));
    let mut late = rig.run(|| {
        let at = Instant::now() - ms(5);
        timeout_at(at, timeout_at(at, pending::<()>()))
    });
    assert!(is_late(&hand.poll(&mut late)), "also at the first poll");
}

#[test]
fn a_timeout_that_has_no_budget_for_its_deadline_leaves_it_to_the_next_poll() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let mut nested = rig.run(|| timeout(ms(5), timeout(ms(5), pending::<()>())));
    assert!(hand.poll(&mut nested).is_pending());
    rig.advance(ms(5));
    hand.wakes();
    coop::with_budget(Budget::new(0), || assert!(hand.poll(&mut nested).is_pending()));
    assert_ne!(hand.wakes(), 0, "it comes back by itself");
    coop::with_budget(Budget::new(1), || assert!(is_late(&hand.poll(&mut nested))));
}

#[test]
fn a_late_timeout_ends_the_scopes_inside_and_awaits_their_tasks() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let (first, second, n_polls) = (Manual::new(false), Manual::new(false), AtomicUsize::new(0));
    let mut late = rig.run(|| timeout(ms(5), open(&first, open(&second, counted(&n_polls)))));
    assert!(hand.poll(&mut late).is_pending());
    rig.advance(ms(5));
    assert!(hand.poll(&mut late).is_pending(), "tasks live");
    assert!(first.is_asked() && second.is_asked());
    assert_eq!(first.request.reason().expect("it was asked").as_str(), "deadline has elapsed");
    assert_eq!(n_polls.load(Relaxed), 2, "once at the start, once at the deadline");
    hand.wakes();
    first.end();
    assert_eq!(hand.wakes(), 1);
    assert!(hand.poll(&mut late).is_pending(), "tasks of the second live");
    second.end();
    assert_eq!(hand.wakes(), 1);
    assert!(is_late(&hand.poll(&mut late)));
    assert_eq!(n_polls.load(Relaxed), 2, "and it is not polled again");
}

#[test]
fn scopes_that_are_gone_are_not_awaited() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let scope = Manual::new(false);
    let mut opened = Some(open(&scope, pending::<()>()));
    drop(scope);
    let inside = poll_fn(|cx| {
        if let Some(mut open) = opened.take() {
            assert!(Pin::new(&mut open).poll(cx).is_pending());
        }
        Poll::<()>::Pending
    });
    let mut late = rig.run(|| timeout(ms(5), inside));
    assert!(hand.poll(&mut late).is_pending());
    rig.advance(ms(5));
    assert!(is_late(&hand.poll(&mut late)));
}

#[test]
fn what_is_shielded_inside_goes_on_and_may_still_be_done() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let (shield, is_done) = (Manual::new(true), Mutex::new(false));
    let inside =
        poll_fn(
            |_| {
                if *is_done.lock().expect("no panic") { Poll::Ready(7) } else { Poll::Pending }
            },
        );
    let mut late = rig.run(|| timeout(ms(5), open(&shield, inside)));
    assert!(hand.poll(&mut late).is_pending());
    rig.advance(ms(50));
    assert!(hand.poll(&mut late).is_pending());
    assert!(!shield.is_asked());
    *is_done.lock().expect("no panic") = true;
    assert_eq!(hand.poll(&mut late), Poll::Ready(Ok(7)));
}

#[test]
fn when_the_shield_has_ended_the_rest_is_ended() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let (shield, scope, n_polls) = (Manual::new(true), Manual::new(false), AtomicUsize::new(0));
    let mut late = rig.run(|| timeout(ms(5), open(&scope, open(&shield, counted(&n_polls)))));
    assert!(hand.poll(&mut late).is_pending());
    rig.advance(ms(5));
    assert!(hand.poll(&mut late).is_pending());
    assert!(scope.is_asked() && !shield.is_asked());
    shield.end();
    scope.end();
    let n_before = n_polls.load(Relaxed);
    assert!(is_late(&hand.poll(&mut late)));
    assert_eq!(n_polls.load(Relaxed), n_before);
}

#[test]
fn behind_a_shield_the_deadlines_outside_do_not_count() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let (shield, hidden) = (Manual::new(true), Manual::new(false));
    let deadlines = Mutex::new(Vec::new());
    let mut late = rig.run(|| {
        let at = Instant::now() + ms(5);
        let look = poll_fn(|_| {
            deadlines.lock().expect("no panic").push(scope::deadline());
            Poll::<()>::Pending
        });
        timeout_at(at, open(&shield, timeout_at(at + ms(1), open(&hidden, look))))
    });
    let begin = rig.run(Instant::now);
    assert!(hand.poll(&mut late).is_pending());
    assert_eq!(*deadlines.lock().expect("no panic"), [Some((begin + ms(6)).into_std())]);
    rig.advance(ms(5));
    assert!(hand.poll(&mut late).is_pending());
    assert!(!hidden.is_asked(), "the deadline outside does not reach it");
    rig.advance(ms(1));
    assert!(hand.poll(&mut late).is_pending());
    assert!(hidden.is_asked());
    hidden.end();
    assert_eq!(
        hand.poll(&mut late).map(|result| result.map(|inner| inner.is_err())),
        Poll::Ready(Ok(true))
    );
}

#[test]
fn a_late_timeout_still_gives_its_future_back() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let n_polls = AtomicUsize::new(0);
    let mut late: Timeout<_> = rig.run(|| timeout(ms(5), counted(&n_polls)));
    assert!(hand.poll(&mut late).is_pending());
    rig.advance(ms(5));
    assert!(is_late(&hand.poll(&mut late)));
    assert!(is_late(&hand.poll(&mut late)), "it stays late");
    let mut future = late.into_inner();
    let before = n_polls.load(Relaxed);
    assert!(hand.poll(&mut future).is_pending());
    assert_eq!(n_polls.load(Relaxed), before + 1);
}

#[test]
fn a_timeout_dropped_while_it_ends_its_scopes_forgets_them() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let scope = Manual::new(false);
    let mut late = rig.run(|| timeout(ms(5), open(&scope, pending::<()>())));
    assert!(hand.poll(&mut late).is_pending());
    rig.advance(ms(5));
    assert!(hand.poll(&mut late).is_pending());
    drop(late);
    scope.end();
    assert_eq!(Arc::strong_count(&scope), 1);
}

#[test]
fn a_panic_inside_passes_and_leaves_nothing_around_the_thread() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let mut panics = rig.run(|| timeout(ms(5), poll_fn(|_| -> Poll<()> { panic!("inside") })));
    assert_eq!(panic_of(|| hand.poll(&mut panics)), "inside");
    assert_eq!(scope::deadline(), None);
    let shield = Manual::new(true);
    let mut n_polls = 0;
    let inside = poll_fn(|_| {
        n_polls += 1;
        assert!(n_polls < 3, "inside of the shield");
        Poll::<()>::Pending
    });
    let mut late = rig.run(|| timeout(ms(5), open(&shield, inside)));
    assert!(hand.poll(&mut late).is_pending());
    rig.advance(ms(5));
    assert_eq!(panic_of(|| hand.poll(&mut late)), "inside of the shield");
    assert_eq!(scope::deadline(), None);
}

#[test]
fn a_forgotten_timeout_leaves_a_timer_that_wakes_once() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let scope = Manual::new(false);
    let mut forgotten =
        ManuallyDrop::new(Box::pin(rig.run(|| timeout(ms(5), open(&scope, pending::<()>())))));
    assert!(hand.poll(&mut *forgotten).is_pending());
    rig.advance(ms(5));
    assert_eq!((hand.wakes(), rig.timers.n_filed()), (1, 0));
    assert!(!scope.is_asked());
    // Why: what nothing refers to any more would be reported as a leak.
    drop(ManuallyDrop::into_inner(forgotten));
}
