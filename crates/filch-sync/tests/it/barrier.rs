//! Barrier: misuse, foreign code, more parties than are woken in one go, and random programs against a model.

use crate::foreign_code::{explode, panics};
use crate::misuse::message;
use crate::tools::{Count, call, poll, poll_with, ready, unclonable};
use filch_core::coop::{Budget, with_budget};
use filch_sync::{Barrier, BarrierWaitResult, BrokenBarrierError};
use proptest::prelude::*;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex as StdMutex};
use std::task::{Poll, RawWaker, RawWakerVTable, Waker};

static BARRIER: Barrier = Barrier::new(2);

/// More than are woken in one go.
const MANY: usize = 100;

type Waiting = Pin<Box<dyn Future<Output = BarrierWaitResult> + Send>>;

fn wait(barrier: &Arc<Barrier>) -> Waiting {
    let barrier = barrier.clone();
    Box::pin(async move { barrier.wait().await })
}

fn begin_with(barrier: &Arc<Barrier>, waker: &Waker) -> Waiting {
    let mut waiting = wait(barrier);
    assert!(poll_with(waiting.as_mut(), waker).is_pending());
    waiting
}

fn begin(barrier: &Arc<Barrier>) -> Waiting {
    begin_with(barrier, Waker::noop())
}

#[test]
fn a_barrier_can_be_a_static() {
    let mut waiting = pin!(BARRIER.wait());
    assert!(poll(waiting.as_mut()).is_pending());
    assert!(BARRIER.blocking_wait().is_leader());
    assert!(!ready(waiting).is_leader());
}

#[test]
fn a_barrier_of_nobody_is_refused_with_its_limit() {
    assert!(message(|| Barrier::new(0)).contains("at least 1 party (got 0)"));
}

#[test]
fn a_barrier_and_its_results_can_be_printed() {
    let barrier = Barrier::new(3);
    assert_eq!(
        format!("{barrier:?}"),
        "Barrier { parties: 3, n_waiting: 0, is_broken: false, .. }"
    );
    barrier.abort();
    let result = ready(pin!(barrier.wait()));
    assert_eq!(format!("{result:?}"), "BarrierWaitResult { is_leader: false, is_broken: true }");
    assert_eq!(BrokenBarrierError.to_string(), "the barrier is broken");
}

#[test]
fn who_comes_while_others_are_woken_is_of_the_next_round() {
    let barrier = Arc::new(Barrier::new(MANY));
    let early = Arc::new(StdMutex::new(Vec::new()));
    let begin_early = {
        let (barrier, early) = (barrier.clone(), early.clone());
        call(move || early.lock().expect("no panic").push(begin(&barrier)))
    };
    let waiting: Vec<_> = (1..MANY).map(|_| begin_with(&barrier, &begin_early)).collect();
    assert!(ready(wait(&barrier).as_mut()).is_leader());
    for mut one in waiting {
        let result = ready(one.as_mut());
        assert!(!result.is_leader() && !result.is_broken());
    }
    let early = std::mem::take(&mut *early.lock().expect("no panic"));
    assert_eq!((early.len(), barrier.n_waiting()), (MANY - 1, MANY - 1));
    assert!(ready(wait(&barrier).as_mut()).is_leader());
    for mut one in early {
        ready(one.as_mut());
    }
}

#[test]
fn an_abort_while_others_are_woken_does_not_break_their_round() {
    let barrier = Arc::new(Barrier::new(MANY));
    let abort = {
        let barrier = barrier.clone();
        call(move || barrier.abort())
    };
    let waiting: Vec<_> = (1..MANY).map(|_| begin_with(&barrier, &abort)).collect();
    assert!(ready(wait(&barrier).as_mut()).is_leader());
    assert!(barrier.is_broken());
    for mut one in waiting {
        assert!(!ready(one.as_mut()).is_broken(), "its round was complete before");
    }
}

#[test]
fn a_reset_while_others_are_told_of_an_abort_leaves_their_round_broken() {
    let barrier = Arc::new(Barrier::new(MANY + 1));
    let mend = {
        let barrier = barrier.clone();
        call(move || barrier.reset())
    };
    let waiting: Vec<_> = (0..MANY).map(|_| begin_with(&barrier, &mend)).collect();
    barrier.abort();
    assert!(!barrier.is_broken());
    for mut one in waiting {
        assert!(ready(one.as_mut()).is_broken());
    }
    assert_eq!(barrier.n_waiting(), 0);
}

#[test]
fn a_panicking_waker_does_not_keep_others_from_passing() {
    let barrier = Arc::new(Barrier::new(MANY));
    let (count, counting) = Count::new();
    let waiting: Vec<_> = (1..MANY)
        .map(|index| {
            begin_with(&barrier, &if index % 10 == 0 { explode() } else { counting.clone() })
        })
        .collect();
    panics(|| drop(poll(wait(&barrier).as_mut())));
    assert_eq!(count.get(), MANY - MANY / 10);
    for mut one in waiting {
        assert!(!ready(one.as_mut()).is_broken());
    }
}

#[test]
fn a_waker_that_cannot_be_cloned_is_not_counted() {
    let barrier = Arc::new(Barrier::new(2));
    let mut waiting = wait(&barrier);
    let panicked = catch_unwind(AssertUnwindSafe(|| poll_with(waiting.as_mut(), &unclonable())));
    assert!(panicked.is_err());
    assert_eq!(barrier.n_waiting(), 0);
}

#[test]
fn a_leader_that_panics_does_not_keep_others_from_passing() {
    fn clone(_: *const ()) -> RawWaker {
        static CLONED: RawWakerVTable = RawWakerVTable::new(
            clone,
            |_| {},
            |_| {},
            |_| std::panic::resume_unwind(Box::new("waker")),
        );
        RawWaker::new(std::ptr::null(), &CLONED)
    }
    static ORIGINAL: RawWakerVTable = RawWakerVTable::new(clone, |_| {}, |_| {}, |_| {});
    // SAFETY: the functions use no data.
    let undroppable = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &ORIGINAL)) };

    let barrier = Arc::new(Barrier::new(2));
    let (count, waker) = Count::new();
    let mut waiting = begin_with(&barrier, &waker);
    let mut leader = wait(&barrier);
    panics(|| drop(poll_with(leader.as_mut(), &undroppable)));
    drop(leader);
    assert_eq!((count.get(), barrier.n_waiting()), (1, 0));
    assert!(!ready(waiting.as_mut()).is_broken());
}

#[test]
fn a_leader_spends_budget_as_all_do() {
    with_budget(Budget::new(1), || {
        let barrier = Arc::new(Barrier::new(1));
        assert!(ready(wait(&barrier).as_mut()).is_leader());
        let (count, waker) = Count::new();
        assert!(poll_with(wait(&barrier).as_mut(), &waker).is_pending());
        assert_eq!((count.get(), barrier.n_waiting()), (1, 0));
    });
}

#[derive(Clone, Debug)]
enum Step {
    Arrive,
    Poll(usize),
    Drop(usize),
    Abort,
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => Just(Step::Arrive),
        4 => any::<usize>().prop_map(Step::Poll),
        3 => any::<usize>().prop_map(Step::Drop),
        1 => Just(Step::Abort),
        2 => Just(Step::Reset),
    ]
}

/// How a wait will end, if that is decided.
type Expected = Option<&'static str>;

fn end_all(waiters: &mut [(Waiting, Expected)], how: &'static str) {
    for (_, expected) in waiters {
        expected.get_or_insert(how);
    }
}

fn name(result: &BarrierWaitResult) -> &'static str {
    match (result.is_leader(), result.is_broken()) {
        (true, false) => "leads",
        (false, false) => "passes",
        (false, true) => "broken",
        (true, true) => "leads a broken round",
    }
}

proptest! {
    #[test]
    fn rounds_end_as_those_of_a_model(parties in 1..5usize, steps in proptest::collection::vec(step(), 1..80)) {
        let barrier = Arc::new(Barrier::new(parties));
        let mut waiters: Vec<(Waiting, Expected)> = Vec::new();
        let mut is_broken = false;
        let n_waiting = |waiters: &[(Waiting, Expected)]| {
            waiters.iter().filter(|(_, expected)| expected.is_none()).count()
        };
        for step in steps {
            match step {
                Step::Arrive => {
                    let expected = if is_broken {
                        Some("broken")
                    } else if n_waiting(&waiters) + 1 == parties {
                        end_all(&mut waiters, "passes");
                        Some("leads")
                    } else {
                        None
                    };
                    let mut waiting = wait(&barrier);
                    match poll(waiting.as_mut()) {
                        Poll::Ready(result) => prop_assert_eq!(Some(name(&result)), expected),
                        Poll::Pending => {
                            prop_assert_eq!(expected, None);
                            waiters.push((waiting, None));
                        }
                    }
                }
                Step::Poll(which) => if let Some(index) = which.checked_rem(waiters.len()) {
                    let (waiting, expected) = &mut waiters[index];
                    match poll(waiting.as_mut()) {
                        Poll::Ready(result) => {
                            prop_assert_eq!(Some(name(&result)), *expected);
                            drop(waiters.remove(index));
                        }
                        Poll::Pending => prop_assert_eq!(*expected, None),
                    }
                },
                Step::Drop(which) => if let Some(index) = which.checked_rem(waiters.len()) {
                    drop(waiters.remove(index));
                },
                Step::Abort => {
                    barrier.abort();
                    is_broken = true;
                    end_all(&mut waiters, "broken");
                }
                Step::Reset => {
                    barrier.reset();
                    is_broken = false;
                    end_all(&mut waiters, "broken");
                }
            }
            prop_assert_eq!(barrier.is_broken(), is_broken);
            prop_assert_eq!(barrier.n_waiting(), n_waiting(&waiters));
        }
    }
}
