//! CapacityLimiter and BoundedSemaphore.

use super::Case;
use super::basics::cut_off_before_next;
use crate::tools::Cut;
use filch_sync::{BoundedSemaphore, CapacityLimiter};
use std::sync::Arc;

pub(super) const CASES: &[Case] = &[
    ("CapacityLimiter::acquire", || {
        cut_off_token(|limiter| Box::pin(async { drop(limiter.acquire().await) }));
    }),
    ("CapacityLimiter::acquire_owned", || {
        cut_off_token(|limiter| Box::pin(async { drop(limiter.clone().acquire_owned().await) }));
    }),
    ("CapacityLimiter::acquire_on_behalf_of", || {
        cut_off_token(|limiter| {
            Box::pin(async {
                drop(limiter.acquire_on_behalf_of(1).await.expect("nobody else has this name"));
            })
        });
    }),
    ("CapacityLimiter::acquire_on_behalf_of_owned", || {
        cut_off_token(|limiter| {
            Box::pin(async {
                let limiter = limiter.clone();
                let token = limiter.acquire_on_behalf_of_owned(1).await;
                drop(token.expect("nobody else has this name"));
            })
        });
    }),
    ("BoundedSemaphore::acquire", || {
        cut_off_permit(|semaphore| Box::pin(async { drop(semaphore.acquire().await) }));
    }),
    ("BoundedSemaphore::acquire_many", || {
        cut_off_permit(|semaphore| Box::pin(async { drop(semaphore.acquire_many(3).await) }));
    }),
    ("BoundedSemaphore::acquire_owned", || {
        cut_off_permit(|semaphore| {
            Box::pin(async { drop(semaphore.clone().acquire_owned().await) })
        });
    }),
    ("BoundedSemaphore::acquire_many_owned", || {
        cut_off_permit(|semaphore| {
            Box::pin(async { drop(semaphore.clone().acquire_many_owned(3).await) })
        });
    }),
];

fn cut_off_token(acquire: impl for<'p> Fn(&'p Arc<CapacityLimiter>) -> Cut<'p>) {
    cut_off_before_next(
        || {
            let limiter = Arc::new(CapacityLimiter::new(1));
            let held = limiter.clone().try_acquire_owned().expect("it is free");
            (limiter, Box::new(held))
        },
        acquire,
        |limiter| {
            let limiter = limiter.clone();
            Box::pin(async move { drop(limiter.acquire_on_behalf_of(2).await) })
        },
        |limiter| {
            let statistics = limiter.statistics();
            assert_eq!((statistics.borrowed_tokens, statistics.n_waiting), (0, 0));
            assert!(limiter.try_acquire_on_behalf_of(1).is_ok(), "the name is free again");
        },
    );
}

fn cut_off_permit(acquire: impl for<'p> Fn(&'p Arc<BoundedSemaphore>) -> Cut<'p>) {
    cut_off_before_next(
        || {
            let semaphore = Arc::new(BoundedSemaphore::new(3));
            let held = semaphore.clone().try_acquire_many_owned(3).expect("all are free");
            (semaphore, Box::new(held))
        },
        acquire,
        |semaphore| {
            let semaphore = semaphore.clone();
            Box::pin(async move { drop(semaphore.acquire_many(3).await) })
        },
        |semaphore| {
            assert_eq!(semaphore.available_permits(), 3);
            assert!(semaphore.add_permits(1).is_err(), "none is missing");
        },
    );
}
