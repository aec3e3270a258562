//! CapacityLimiter and BoundedSemaphore: misuse, foreign code, and random programs against a model.

use crate::foreign_code::{explode, panics};
use crate::misuse::message;
use crate::tools::{Count, call, poll, poll_with, ready, unclonable};
use filch_core::coop::{Budget, with_budget};
use filch_sync::{
    BoundedSemaphore, CapacityLimiter, OwnedBoundedSemaphorePermit, OwnedCapacityToken,
};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

static LIMITER: CapacityLimiter = CapacityLimiter::new(1);
static SEMAPHORE: BoundedSemaphore = BoundedSemaphore::const_new(1);

#[test]
fn limits_can_be_statics() {
    let token = ready(pin!(LIMITER.acquire_on_behalf_of(1))).expect("its only one");
    let permit = ready(pin!(SEMAPHORE.acquire())).expect("never closed");
    assert!(LIMITER.try_acquire().is_err());
    assert!(SEMAPHORE.try_acquire().is_err());
    drop((token, permit));
}

#[test]
fn more_permits_than_the_bound_are_refused_by_name() {
    let semaphore = Arc::new(BoundedSemaphore::new(2));
    let text = message(|| ready(pin!(semaphore.acquire_many(3))).is_ok());
    assert!(text.contains("3 permits") && text.contains("bounded semaphore of 2"), "{text}");
    let text = message(|| ready(pin!(semaphore.clone().acquire_many_owned(4))).is_ok());
    assert!(text.contains("4 permits") && text.contains("bounded semaphore of 2"), "{text}");
    assert!(semaphore.try_acquire_many(3).is_err());
    let text = message(|| BoundedSemaphore::new(BoundedSemaphore::MAX_PERMITS + 1));
    assert!(text.contains("MAX_PERMITS"), "{text}");
    let error = semaphore.add_permits(usize::MAX).expect_err("none is missing");
    assert!(error.to_string().ends_with("added to a bounded semaphore of 2 that misses 0"));
}

#[test]
fn limits_can_be_printed() {
    let limiter = CapacityLimiter::new(2);
    let token = limiter.try_acquire_on_behalf_of(3).expect("its only one");
    assert_eq!(
        format!("{limiter:?}"),
        "CapacityLimiter { total_tokens: 2, borrowed_tokens: 1, .. }"
    );
    assert_eq!(format!("{token:?}"), "CapacityToken(Token { borrower: Some(3), .. })");
    let others = [limiter.try_acquire(), limiter.try_acquire()];
    let error = others[1].as_ref().expect_err("two are borrowed");
    assert_eq!(error.to_string(), "all tokens of the capacity limiter are borrowed");
    let semaphore = BoundedSemaphore::new(3);
    let permit = semaphore.try_acquire_many(2).expect("three are free");
    assert_eq!(
        format!("{semaphore:?} {permit:?}"),
        "BoundedSemaphore { permits: 1, bound: 3, closed: false, .. } \
         BoundedSemaphorePermit(Permits { n: 2, .. })"
    );
}

#[test]
fn a_panicking_waker_leaves_a_limiter_usable() {
    let limiter = CapacityLimiter::new(0);
    let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(limiter.acquire())).collect();
    let (count, counting) = Count::new();
    for (index, wait) in waiting.iter_mut().enumerate() {
        let waker = if index % 10 == 0 { explode() } else { counting.clone() };
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
    }
    panics(|| limiter.set_total_tokens(100));
    assert_eq!((count.get(), limiter.borrowed_tokens()), (90, 100));
    for mut wait in waiting {
        drop(ready(wait.as_mut()));
    }
    assert_eq!(limiter.borrowed_tokens(), 0);
}

#[test]
fn a_limit_lowered_while_waiters_are_woken_is_kept_to() {
    let limiter = Arc::new(CapacityLimiter::new(0));
    let lower = {
        let limiter = limiter.clone();
        call(move || limiter.set_total_tokens(10))
    };
    let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(limiter.clone().acquire_owned())).collect();
    for wait in &mut waiting {
        assert!(poll_with(wait.as_mut(), &lower).is_pending());
    }
    limiter.set_total_tokens(100);
    let statistics = limiter.statistics();
    assert_eq!(statistics.borrowed_tokens + statistics.n_waiting, 100);
    assert_eq!(statistics.borrowed_tokens, 32, "those who were woken before the limit fell");
    let mut n_granted = 0;
    for mut wait in waiting {
        n_granted += usize::from(poll(wait.as_mut()).is_ready());
    }
    assert!(n_granted >= 32, "the others got theirs when those came back: {n_granted}");
    assert_eq!(limiter.borrowed_tokens(), 0);
}

#[test]
fn a_waker_that_cannot_be_cloned_is_forgotten() {
    let limiter = CapacityLimiter::new(0);
    let mut waiting = Box::pin(limiter.acquire_on_behalf_of(1));
    let panicked = catch_unwind(AssertUnwindSafe(|| poll_with(waiting.as_mut(), &unclonable())));
    assert!(panicked.is_err());
    drop(waiting);
    limiter.set_total_tokens(1);
    assert!(limiter.try_acquire_on_behalf_of(1).is_ok());
    assert_eq!(limiter.borrowed_tokens(), 0);
}

#[test]
fn a_token_costs_budget() {
    with_budget(Budget::new(2), || {
        let (limiter, semaphore) = (CapacityLimiter::new(1), BoundedSemaphore::new(1));
        drop(ready(pin!(limiter.acquire())));
        drop(ready(pin!(semaphore.acquire())));
        let (count, waker) = Count::new();
        assert!(poll_with(pin!(limiter.acquire_on_behalf_of(1)), &waker).is_pending());
        assert!(poll_with(pin!(semaphore.acquire()), &waker).is_pending());
        assert_eq!(count.get(), 2);
        assert!(limiter.try_acquire_on_behalf_of(1).is_ok());
    });
}

#[derive(Clone, Debug)]
enum Step {
    Acquire(Option<u64>),
    TryAcquire(Option<u64>),
    Poll(usize),
    Cancel(usize),
    Release(usize),
    Resize(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let borrower = || proptest::option::of(0..4u64);
    prop_oneof![
        6 => borrower().prop_map(Step::Acquire),
        2 => borrower().prop_map(Step::TryAcquire),
        6 => any::<usize>().prop_map(Step::Poll),
        3 => any::<usize>().prop_map(Step::Cancel),
        5 => any::<usize>().prop_map(Step::Release),
        2 => (0..5usize).prop_map(Step::Resize),
    ]
}

type Acquiring = Pin<Box<dyn Future<Output = OwnedCapacityToken>>>;

/// What a limiter should do, step by step.
#[derive(Default)]
struct Program {
    n_total: usize,
    /// In the order in which they asked; whether each was granted its token.
    waiting: Vec<(Acquiring, Option<u64>, bool)>,
    held: Vec<OwnedCapacityToken>,
}

impl Program {
    fn n_borrowed(&self) -> usize {
        self.held.len() + self.waiting.iter().filter(|(.., is_granted)| *is_granted).count()
    }

    fn n_waiting(&self) -> usize {
        self.waiting.iter().filter(|(.., is_granted)| !is_granted).count()
    }

    fn is_known(&self, borrower: Option<u64>) -> bool {
        borrower.is_some()
            && (self.held.iter().any(|token| token.borrower() == borrower)
                || self.waiting.iter().any(|(_, other, _)| *other == borrower))
    }

    fn grant_free(&mut self) {
        while self.n_borrowed() < self.n_total {
            let Some(next) = self.waiting.iter_mut().find(|(.., is_granted)| !is_granted) else {
                return;
            };
            next.2 = true;
        }
    }

    fn run(&mut self, limiter: &Arc<CapacityLimiter>, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Acquire(borrower) if self.is_known(borrower) => {
                let borrower = borrower.expect("only a name is known");
                prop_assert!(ready(pin!(limiter.acquire_on_behalf_of(borrower))).is_err());
            }
            Step::Acquire(borrower) => {
                let limiter = limiter.clone();
                let mut waiting: Acquiring = Box::pin(async move {
                    match borrower {
                        None => limiter.acquire_owned().await,
                        Some(borrower) => limiter
                            .acquire_on_behalf_of_owned(borrower)
                            .await
                            .expect("it is not known"),
                    }
                });
                match poll(waiting.as_mut()) {
                    Poll::Ready(token) => {
                        prop_assert!(self.n_borrowed() < self.n_total && self.n_waiting() == 0);
                        prop_assert_eq!(token.borrower(), borrower);
                        self.held.push(token);
                    }
                    Poll::Pending => {
                        prop_assert!(self.n_borrowed() >= self.n_total);
                        self.waiting.push((waiting, borrower, false));
                    }
                }
            }
            Step::TryAcquire(borrower) => {
                let is_free = self.n_borrowed() < self.n_total;
                let is_known = self.is_known(borrower);
                let token = match borrower {
                    None => limiter.try_acquire(),
                    Some(borrower) => limiter.try_acquire_on_behalf_of(borrower),
                };
                prop_assert_eq!(token.is_ok(), is_free && !is_known);
                drop(token);
                let token = match borrower {
                    None => limiter.clone().try_acquire_owned(),
                    Some(borrower) => limiter.clone().try_acquire_on_behalf_of_owned(borrower),
                };
                prop_assert_eq!(token.is_ok(), is_free && !is_known);
            }
            Step::Poll(which) => {
                if let Some(index) = which.checked_rem(self.waiting.len()) {
                    let (waiting, _, is_granted) = &mut self.waiting[index];
                    match poll(waiting.as_mut()) {
                        Poll::Ready(token) => {
                            prop_assert!(*is_granted);
                            drop(self.waiting.remove(index));
                            self.held.push(token);
                        }
                        Poll::Pending => prop_assert!(!*is_granted),
                    }
                }
            }
            Step::Cancel(which) => {
                if let Some(index) = which.checked_rem(self.waiting.len()) {
                    drop(self.waiting.remove(index));
                    self.grant_free();
                }
            }
            Step::Release(which) => {
                if let Some(index) = which.checked_rem(self.held.len()) {
                    drop(self.held.swap_remove(index));
                    self.grant_free();
                }
            }
            Step::Resize(n_total) => {
                limiter.set_total_tokens(n_total);
                self.n_total = n_total;
                self.grant_free();
            }
        }
        let statistics = limiter.statistics();
        prop_assert_eq!(statistics.total_tokens, self.n_total);
        prop_assert_eq!(statistics.borrowed_tokens, self.n_borrowed());
        prop_assert_eq!(statistics.n_waiting, self.n_waiting());
        let borrowers: BTreeSet<_> =
            self.held.iter().filter_map(|token| token.borrower()).collect();
        prop_assert_eq!(statistics.borrowers.into_iter().collect::<BTreeSet<_>>(), borrowers);
        Ok(())
    }
}

proptest! {
    #[test]
    fn tokens_are_lent_as_by_a_model(n_total in 0..4usize, steps in proptest::collection::vec(step(), 1..80)) {
        let limiter = Arc::new(CapacityLimiter::new(n_total));
        let mut program = Program { n_total, ..Program::default() };
        for step in steps {
            program.run(&limiter, step)?;
        }
        drop(program);
        let statistics = limiter.statistics();
        prop_assert_eq!((statistics.borrowed_tokens, statistics.n_waiting), (0, 0));
    }

    #[test]
    fn a_bounded_semaphore_never_has_more_than_its_bound(
        bound in 0..5usize,
        steps in proptest::collection::vec((0..5u8, 0..4usize), 1..60),
    ) {
        let semaphore = Arc::new(BoundedSemaphore::new(bound));
        let mut held: Vec<OwnedBoundedSemaphorePermit> = Vec::new();
        let mut n_missing = 0;
        for (what, n) in steps {
            match what {
                0 => held.extend(semaphore.clone().try_acquire_many_owned(n as u32)),
                1 => drop(held.pop()),
                2 => if let Some(permit) = held.pop() {
                    n_missing += permit.num_permits();
                    permit.forget();
                },
                3 => n_missing += semaphore.forget_permits(n),
                _ => {
                    prop_assert_eq!(semaphore.add_permits(n).is_ok(), n <= n_missing);
                    n_missing -= if n <= n_missing { n } else { 0 };
                }
            }
            let n_held: usize = held.iter().map(OwnedBoundedSemaphorePermit::num_permits).sum();
            prop_assert_eq!(semaphore.available_permits() + n_held + n_missing, bound);
        }
    }
}
