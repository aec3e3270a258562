//! Random programs against a semaphore: permits are neither made nor lost, and the order is kept.

use crate::tools::poll;
use filch_sync::{OwnedSemaphorePermit, Semaphore};
use proptest::prelude::*;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

#[derive(Clone, Debug)]
enum Step {
    Acquire(u32),
    Poll(usize),
    Cancel(usize),
    TryAcquire(u32),
    Release(usize),
    Split(usize, usize),
    Merge(usize, usize),
    Forget(usize),
    ForgetFree(usize),
    Add(usize),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..5u32).prop_map(Step::Acquire),
        8 => any::<usize>().prop_map(Step::Poll),
        3 => any::<usize>().prop_map(Step::Cancel),
        2 => (0..5u32).prop_map(Step::TryAcquire),
        5 => any::<usize>().prop_map(Step::Release),
        1 => (any::<usize>(), 0..4usize).prop_map(|(which, n)| Step::Split(which, n)),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(one, other)| Step::Merge(one, other)),
        1 => any::<usize>().prop_map(Step::Forget),
        1 => (0..3usize).prop_map(Step::ForgetFree),
        2 => (0..4usize).prop_map(Step::Add),
        1 => Just(Step::Close),
    ]
}

type Acquiring = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>>>>;

struct Program {
    semaphore: Arc<Semaphore>,
    /// In the order in which they were first polled, which all are at once.
    waiting: Vec<Acquiring>,
    held: Vec<OwnedSemaphorePermit>,
    total: usize,
}

fn pick(which: usize, len: usize) -> Option<usize> {
    which.checked_rem(len)
}

impl Program {
    fn run(&mut self, step: Step) {
        match step {
            Step::Acquire(n) => self.acquire(n),
            Step::Poll(which) => {
                if let Some(index) = pick(which, self.waiting.len()) {
                    self.poll(index);
                }
            }
            Step::Cancel(which) => {
                if let Some(index) = pick(which, self.waiting.len()) {
                    drop(self.waiting.remove(index));
                }
            }
            Step::TryAcquire(n) => {
                self.held.extend(self.semaphore.clone().try_acquire_many_owned(n))
            }
            Step::Release(which) => {
                if let Some(index) = pick(which, self.held.len()) {
                    drop(self.held.swap_remove(index));
                }
            }
            Step::Split(which, n) => {
                if let Some(index) = pick(which, self.held.len()) {
                    let part = self.held[index].split(n);
                    self.held.extend(part);
                }
            }
            Step::Merge(one, other) => {
                if let Some(index) = pick(one, self.held.len()) {
                    let part = self.held.swap_remove(index);
                    match pick(other, self.held.len()) {
                        Some(index) => self.held[index].merge(part),
                        None => self.held.push(part),
                    }
                }
            }
            Step::Forget(which) => {
                if let Some(index) = pick(which, self.held.len()) {
                    let permit = self.held.swap_remove(index);
                    self.total -= permit.num_permits();
                    permit.forget();
                }
            }
            Step::ForgetFree(n) => self.total -= self.semaphore.forget_permits(n),
            Step::Add(n) => {
                self.semaphore.add_permits(n);
                self.total += n;
            }
            Step::Close => self.semaphore.close(),
        }
    }

    fn acquire(&mut self, n: u32) {
        let semaphore = self.semaphore.clone();
        self.waiting.push(Box::pin(async move { semaphore.acquire_many_owned(n).await.ok() }));
        self.poll(self.waiting.len() - 1);
    }

    fn poll(&mut self, index: usize) {
        if let Poll::Ready(permit) = poll(self.waiting[index].as_mut()) {
            assert!(permit.is_some() || self.semaphore.is_closed());
            drop(self.waiting.remove(index));
            self.held.extend(permit);
        }
    }

    /// Takes all that was granted. What is left is held or free, or set aside for the first who waits.
    fn settle(&mut self) {
        let mut index = 0;
        while index < self.waiting.len() {
            let before = self.waiting.len();
            self.poll(index);
            index += usize::from(self.waiting.len() == before);
        }
    }

    fn n_held(&self) -> usize {
        self.held.iter().map(OwnedSemaphorePermit::num_permits).sum()
    }
}

proptest! {
    #[test]
    fn permits_are_neither_made_nor_lost(initial in 0..4usize, steps in proptest::collection::vec(step(), 1..80)) {
        let semaphore = Arc::new(Semaphore::new(initial));
        let mut program = Program { semaphore, waiting: Vec::new(), held: Vec::new(), total: initial };
        for step in steps {
            program.run(step);
            prop_assert!(program.n_held() + program.semaphore.available_permits() <= program.total);
        }
        program.settle();
        if program.waiting.is_empty() || program.semaphore.is_closed() {
            prop_assert_eq!(program.n_held() + program.semaphore.available_permits(), program.total);
        } else {
            prop_assert_eq!(program.semaphore.available_permits(), 0, "free permits while somebody waits");
        }
        program.waiting.clear();
        program.held.clear();
        prop_assert_eq!(program.semaphore.available_permits(), program.total);
    }
}
