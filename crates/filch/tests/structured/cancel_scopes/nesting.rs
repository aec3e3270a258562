//! Scopes in scopes: who wins, and how deep it goes.

use super::{Tally, detach, on_each, secs, settle};
use crate::sanitizer::is_under_asan;
use crate::tools::{OnDrop, current_thread};
use crate::watchdog::Watchdog;
use filch::task::{CancelScope, GroupError, TaskGroup, cancelled, move_on_after};
use filch::time::{Instant, sleep, timeout};
use std::future::{Future, pending};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Waker};
use std::thread;

#[test]
fn a_late_timeout_awaits_the_children_of_a_group() {
    on_each(|| async {
        let (begin, tally) = (Instant::now(), Tally::default());
        let noted = tally.clone();
        let late = timeout(
            secs(1),
            TaskGroup::scope(async |group| {
                for _ in 0..3 {
                    let noted = noted.clone();
                    group.spawn(async move {
                        let _gone = OnDrop(move || noted.note("gone"));
                        pending::<()>().await;
                    });
                }
                group.spawn(CancelScope::new().shield(true).run(sleep(secs(4))));
                Ok(())
            }),
        );
        assert!(late.await.is_err());
        assert_eq!((begin.elapsed(), tally.all()), (secs(4), vec!["gone"; 3]));
    });
}

#[test]
fn a_canceled_scope_awaits_the_groups_inside_however_deep() {
    on_each(|| async {
        let (begin, tally) = (Instant::now(), Tally::default());
        let (scope, noted) = (CancelScope::new(), tally.clone());
        let handle = scope.clone();
        detach(async move {
            sleep(secs(1)).await;
            handle.cancel();
        });
        let outcome = scope.run(TaskGroup::scope(async move |outer| {
            outer.spawn(async move {
                let inner = TaskGroup::scope(async move |inner| {
                    inner.spawn(async move {
                        let _gone = OnDrop(move || noted.note("gone"));
                        let shielded = CancelScope::new().shield(true);
                        let _ = shielded.run(sleep(secs(2))).await;
                        pending::<()>().await;
                    });
                    Ok(())
                });
                drop(inner.await);
            });
            Ok(())
        }));
        assert!(outcome.await.is_err());
        assert_eq!((begin.elapsed(), tally.all()), (secs(2), vec!["gone"]));
    });
}

#[test]
fn with_a_grace_the_children_of_a_group_are_told() {
    on_each(|| async {
        let (begin, scope) = (Instant::now(), CancelScope::new());
        let handle = scope.clone();
        detach(async move {
            sleep(secs(1)).await;
            handle.cancel().reason("closing").grace(secs(10));
        });
        let outcome = scope.run(TaskGroup::scope(async |group| {
            let child = group.spawn(async {
                let reason = cancelled().await;
                sleep(secs(2)).await;
                reason
            });
            Ok(child.await)
        }));
        let reason = outcome.await.expect("it was in time").expect("nothing fails");
        assert_eq!((reason.as_str(), begin.elapsed()), ("closing", secs(3)));
    });
}

/// A group whose child fails after a second.
async fn fails_after_a_second() -> Result<(), GroupError> {
    TaskGroup::scope(async |group| {
        group.create_task(async {
            sleep(secs(1)).await;
            Err::<(), _>(io::Error::other("inner"))
        });
        Ok(())
    })
    .await
}

#[test]
fn a_child_that_fails_when_the_scope_around_is_canceled_is_not_lost() {
    on_each(|| async {
        for cancel_first in [true, false] {
            let scope = CancelScope::new();
            let handle = scope.clone();
            let cancel = async move {
                sleep(secs(1)).await;
                handle.cancel().reason("outer");
            };
            if cancel_first {
                detach(cancel);
                settle().await;
                check(scope.run(fails_after_a_second()).await, &scope);
            } else {
                let run = scope.run(async {
                    let failing = filch::spawn(fails_after_a_second());
                    settle().await;
                    detach(cancel);
                    failing.await.expect("it does not panic")
                });
                check(run.await, &scope);
            }
        }
    });

    /// Either the child has failed, and that is told, or it was canceled before it could.
    fn check(outcome: Result<Result<(), GroupError>, filch::task::Cancelled>, scope: &CancelScope) {
        match outcome {
            Ok(result) => assert_eq!(result.expect_err("it fails").errors().count(), 1),
            Err(cancelled) => assert_eq!(cancelled.reason().as_str(), "outer"),
        }
        assert!(!scope.is_cancelled() || scope.reason() == Some("outer".into()));
    }
}

#[test]
fn a_group_that_failed_at_the_very_deadline_tells_its_error() {
    on_each(|| async {
        let at = Instant::now() + secs(1);
        let outcome = filch::time::timeout_at(at, async {
            TaskGroup::scope(async |_| {
                filch::time::sleep_until(at).await;
                Err::<(), _>(io::Error::other("inner").into())
            })
            .await
        });
        let error = outcome.await.expect("it is done in time").expect_err("the body fails");
        assert_eq!(error.errors().count(), 1);
    });
}

const DEPTH: usize = 10_000;

/// Where the stack is.
#[inline(never)]
fn stack_pointer() -> usize {
    let here = 0_u8;
    std::hint::black_box(std::ptr::from_ref(&here).addr())
}

/// How much stack it took, at the deepest point of its poll and of its drop.
#[derive(Default)]
struct Depth {
    polled: AtomicUsize,
    dropped: AtomicUsize,
}

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

fn nest(depth: usize, seen: Arc<Depth>, wrap: fn(Boxed) -> Boxed) -> Boxed {
    let innermost: Boxed = Box::pin(async move {
        let dropped = seen.clone();
        let _drop = OnDrop(move || dropped.dropped.store(stack_pointer(), SeqCst));
        seen.polled.store(stack_pointer(), SeqCst);
        pending::<()>().await;
    });
    (0..depth).fold(innermost, |inside, _| wrap(inside))
}

/// Opens that many scopes in each other and then ends them: by the outermost one's cancel, and by a drop.
fn check_depth(depth: usize, stack: usize, wrap: fn(Boxed) -> Boxed) {
    let _watchdog = Watchdog::new();
    let test = move || {
        let top = stack_pointer();
        let runtime = current_thread();
        let _entered = runtime.enter();
        let seen = Arc::new(Depth::default());
        let scope = CancelScope::new();
        let mut run = Box::pin(scope.run(nest(depth, seen.clone(), wrap)));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(run.as_mut().poll(&mut cx).is_pending());
        scope.cancel();
        assert!(run.as_mut().poll(&mut cx).is_ready());
        let depth_of = |at: &AtomicUsize| top.abs_diff(at.load(SeqCst));
        let polled = depth_of(&seen.polled);
        let ended = depth_of(&seen.dropped);
        let mut run = nest(depth, seen.clone(), wrap);
        assert!(run.as_mut().poll(&mut cx).is_pending());
        drop(run);
        let dropped = depth_of(&seen.dropped);
        let each = |bytes| bytes / depth;
        println!("{} B to poll, {} to end, {} to drop", each(polled), each(ended), each(dropped));
        assert!(is_under_asan() || ended <= polled && dropped <= polled);
    };
    let thread = thread::Builder::new().stack_size(stack).spawn(test);
    thread.expect("the system has threads").join().expect("it does not panic");
}

#[test]
fn ten_thousand_nested_timeouts_take_less_stack_to_end_than_to_poll() {
    check_depth(DEPTH, 64 << 20, |inside| {
        Box::pin(async { move_on_after(secs(3600), inside).await.unwrap_or_default() })
    });
}

#[test]
fn ten_thousand_nested_scopes_take_less_stack_to_end_than_to_poll() {
    check_depth(DEPTH, 64 << 20, |inside| {
        Box::pin(async { CancelScope::after(secs(3600)).run(inside).await.unwrap_or_default() })
    });
}
