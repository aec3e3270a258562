//! Promise.

use super::Case;
use crate::tools::{Count, cut_off, poll_n_then_drop, poll_with, ready};
use filch_sync::{Promise, PromiseSetter};
use std::pin::pin;
use std::sync::Arc;

/// A promise is awaited by `IntoFuture`, whose futures have names.
pub(super) const CASES: &[Case] = &[];

#[test]
fn a_wait_for_a_promise_that_is_cut_off_loses_nothing() {
    struct World {
        setter: PromiseSetter<Arc<()>>,
        promise: Promise<Arc<()>>,
        value: Arc<()>,
    }
    let world = || {
        let (setter, promise) = Promise::new();
        World { setter, promise, value: Arc::new(()) }
    };
    let step = |world: &World, _| drop(world.setter.set(world.value.clone()));
    let check = |world: World| {
        drop(world.setter.set(world.value.clone()));
        let value = ready(pin!((&world.promise).into_future())).expect("it was set");
        assert_eq!(Arc::strong_count(&value), 3, "here, in the world, and in the promise");
        drop((world.promise, world.setter));
        assert_eq!(Arc::strong_count(&value), 2);
    };
    cut_off(world, |world| Box::pin(async { drop((&world.promise).await) }), step, check);
    cut_off(world, |world| Box::pin(async { drop(world.promise.clone().await) }), step, check);
}

#[test]
fn a_wait_that_is_cut_off_does_not_keep_its_waker() {
    let (setter, promise) = Promise::<i32>::new();
    let (count, waker) = Count::new();
    let mut waiting = Box::pin((&promise).into_future());
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    drop((waiting, waker));
    assert_eq!(Arc::strong_count(&count), 1);
    assert!(poll_n_then_drop(3, (&promise).into_future()).is_none());
    setter.set(1).expect("nobody else set it");
    assert_eq!(count.get(), 0);
}
