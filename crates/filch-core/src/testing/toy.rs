//! A runtime whose tasks run when a test says so.

use super::queue::QueueScheduler;
use crate::runtime::{Living, RuntimeRef};
use crate::task::{JoinHandle, Spawn};
use std::future::Future;
use std::sync::Arc;

/// A runtime whose tasks run when a test says so.
pub(crate) struct Toy {
    /// Until the end.
    living: Option<Living>,
    pub(crate) scheduler: Arc<QueueScheduler>,
}

impl Toy {
    pub(crate) fn new() -> Self {
        let scheduler = Arc::new(QueueScheduler::default());
        let living = Some(Living::open(super::parts(scheduler.clone())));
        Toy { living, scheduler }
    }

    pub(crate) fn living(&self) -> &Living {
        self.living.as_ref().expect("it lives until it is dropped")
    }

    pub(crate) fn runtime(&self) -> RuntimeRef {
        self.living().runtime()
    }

    pub(crate) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Spawn::on(self.runtime()).spawn(future)
    }

    pub(crate) fn run_all(&self) -> usize {
        self.scheduler.run_all()
    }

    pub(crate) fn end(self) {
        drop(self);
    }
}

impl Drop for Toy {
    fn drop(&mut self) {
        self.living.take().into_iter().for_each(Living::end);
    }
}
