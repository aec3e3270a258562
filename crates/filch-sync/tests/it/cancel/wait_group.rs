//! WaitGroup.

use super::Case;
use super::basics::Next;
use crate::tools::cut_off;
use filch_sync::WaitGroup;
use std::cell::Cell;
use std::sync::Arc;

pub(super) const CASES: &[Case] = &[("WaitGroup::wait", cut_off_wait)];

fn cut_off_wait() {
    cut_off(
        || {
            let group = Arc::new(WaitGroup::new());
            let token = group.clone().token_owned();
            (group, Cell::new(Some(token)), Next::default())
        },
        |(group, ..)| Box::pin(group.wait()),
        |(group, token, next), n| {
            let waiting = group.clone();
            match n {
                0 => next.queue(|| Box::pin(async move { waiting.wait().await })),
                1 => {}
                _ => drop(token.take()),
            }
        },
        |(group, token, next)| {
            assert!(group.n_tokens() <= 1, "a wait counts for nothing");
            drop(token);
            next.assert_served();
            assert_eq!(group.n_tokens(), 0);
        },
    );
}
