//! The task of a child.

use super::roll::{Outcome, Slot, contain};
use pin_project_lite::pin_project;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

const CANCELED: &str =
    "the child was canceled before it was done: its runtime has ended, or it was aborted";

pin_project! {
    /// Polls the user's future. At the end drops it, fills the slot, and says so, in this order; however it ends.
    pub(super) struct Child<F: Future> {
        #[pin]
        future: Option<F>,
        // The duty to end the child; taken by who does.
        slot: Option<Arc<Slot<F::Output>>>,
    }

    impl<F: Future> PinnedDrop for Child<F> {
        fn drop(this: Pin<&mut Self>) {
            if this.slot.is_some() {
                Slot::close(this.end(Err(Box::new(CANCELED))));
            }
        }
    }
}

impl<F: Future> Child<F> {
    pub(super) fn new(future: F, slot: Arc<Slot<F::Output>>) -> Self {
        Child { future: Some(future), slot: Some(slot) }
    }

    /// Does all but say so. Hands that duty back.
    // Why not all in one: while it says so, this function's argument would still borrow from the scope.
    fn end(self: Pin<&mut Self>, outcome: Outcome<F::Output>) -> Arc<Slot<F::Output>> {
        let mut this = self.project();
        let outcome = match catch_unwind(AssertUnwindSafe(|| this.future.set(None))) {
            Ok(()) => outcome,
            Err(payload) => {
                contain(|| drop(outcome));
                Err(payload)
            }
        };
        let slot = this.slot.take().expect("a child ends once");
        slot.fill(outcome);
        slot
    }
}

impl<F: Future> Future for Child<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.as_mut().project();
        let (Some(future), Some(slot)) = (this.future.as_pin_mut(), this.slot) else {
            unreachable!("a task is not polled after it ended");
        };
        slot.begin();
        // Why caught here: the payload belongs into the slot, before the scope hears that the child has ended.
        let outcome = match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(payload),
        };
        Slot::close(self.end(outcome));
        Poll::Ready(())
    }
}
