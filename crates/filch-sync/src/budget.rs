//! One unit of the task's budget, for operations that succeed without polling anything that spends it.

use filch_core::coop;
use std::future::poll_fn;
use std::task::{Poll, ready};

/// Spends one unit, and yields first if none is left.
pub(crate) async fn spend() {
    poll_fn(|cx| {
        ready!(coop::poll_proceed(cx)).made_progress();
        Poll::Ready(())
    })
    .await;
}
