//! CancellationToken.

use super::Case;
use crate::tools::{Count, cut_off, poll_with, ready};
use filch_sync::CancellationToken;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;

pub(super) const CASES: &[Case] = &[
    ("CancellationToken::run_until_cancelled", run_until_cancelled),
    ("CancellationToken::run_until_cancelled_owned", run_until_cancelled_owned),
];

/// A parent, its child, and a value that a future keeps.
struct World {
    parent: CancellationToken,
    token: CancellationToken,
    kept: Arc<()>,
}

fn world() -> World {
    let parent = CancellationToken::new();
    World { token: parent.child_token(), parent, kept: Arc::new(()) }
}

fn cancel_by_the_parent(world: &World, _: usize) {
    world.parent.cancel();
}

fn nothing_is_left(world: World) {
    assert_eq!(Arc::strong_count(&world.kept), 1, "the future is dropped with the call");
    world.parent.cancel();
    assert!(world.token.is_cancelled());
    ready(pin!(world.token.cancelled()));
}

async fn keep(kept: Arc<()>) {
    pending::<()>().await;
    drop(kept);
}

fn run_until_cancelled() {
    cut_off(
        world,
        |world| {
            Box::pin(async {
                let running = world.token.run_until_cancelled(keep(world.kept.clone()));
                assert_eq!(running.await, None);
            })
        },
        cancel_by_the_parent,
        nothing_is_left,
    );
}

fn run_until_cancelled_owned() {
    cut_off(
        world,
        |world| {
            Box::pin(async {
                let token = world.token.clone();
                let running = token.run_until_cancelled_owned(keep(world.kept.clone()));
                assert_eq!(running.await, None);
            })
        },
        cancel_by_the_parent,
        nothing_is_left,
    );
}

#[test]
fn a_wait_for_a_cancellation_that_is_cut_off_loses_nothing() {
    cut_off(
        world,
        |world| Box::pin(world.token.cancelled()),
        cancel_by_the_parent,
        nothing_is_left,
    );
    cut_off(
        world,
        |world| Box::pin(world.token.clone().cancelled_owned()),
        cancel_by_the_parent,
        nothing_is_left,
    );
}

#[test]
fn a_wait_that_is_cut_off_does_not_keep_its_waker() {
    let token = CancellationToken::new();
    let (count, waker) = Count::new();
    let mut waiting = Box::pin(token.cancelled());
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    drop((waiting, waker));
    assert_eq!(Arc::strong_count(&count), 1);
    token.cancel();
    assert_eq!(count.get(), 0);
}
