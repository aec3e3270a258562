//! Permits, borrowed.

use std::pin::pin;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit, TryAcquireError};

static GLOBAL: Semaphore = Semaphore::const_new(1);

fn why(error: TryAcquireError) -> &'static str {
    match error {
        TryAcquireError::Closed => "closed",
        TryAcquireError::NoPermits => "no permits",
    }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();
    let semaphore = Semaphore::new(3);

    let mut two: SemaphorePermit<'_> = semaphore.acquire_many(2).await.expect("it is open");
    note!(seen, "left {} of them, held {}", semaphore.available_permits(), two.num_permits());
    note!(seen, "two more: {:?}", semaphore.try_acquire_many(2).map_err(why).err());
    let one = semaphore.try_acquire().expect("one is left");
    note!(seen, "one more: {:?}", semaphore.try_acquire().map_err(why).err());
    two.merge(one);
    note!(seen, "merged {}", two.num_permits());
    let split = two.split(1).expect("there are three");
    note!(seen, "split {} and {}", two.num_permits(), split.num_permits());
    note!(seen, "too many: {}", two.split(9).is_none());
    note!(seen, "its semaphore: {}", std::ptr::eq(split.semaphore(), &semaphore));
    drop(split);
    two.forget();
    note!(seen, "left {}", semaphore.available_permits());
    semaphore.add_permits(4);
    note!(seen, "added: {}", semaphore.available_permits());
    note!(seen, "forgot {}", semaphore.forget_permits(3));
    note!(seen, "forgot {}", semaphore.forget_permits(9));
    note!(seen, "left {}", semaphore.available_permits());
    semaphore.add_permits(2);
    note!(
        seen,
        "none is a number: {}",
        semaphore.acquire_many(0).await.is_ok_and(|p| p.num_permits() == 0)
    );

    // First come, first served, also for one that wants many.
    {
        let held = semaphore.acquire().await.expect("it is open");
        let mut all = pin!(semaphore.acquire_many(2));
        let mut next = pin!(semaphore.acquire());
        note!(seen, "waits: {}", crate::now(all.as_mut()).await.is_none());
        note!(seen, "waits: {}", crate::now(next.as_mut()).await.is_none());
        note!(seen, "no way past: {:?}", semaphore.try_acquire().map_err(why).err());
        drop(held);
        note!(seen, "still: {}", crate::now(next.as_mut()).await.is_none());
        let all = crate::now(all.as_mut()).await.expect("both are there").expect("it is open");
        note!(seen, "has {}", all.num_permits());
        drop(all);
        note!(seen, "next: {}", crate::now(next.as_mut()).await.is_some());
    }
    note!(seen, "back: {}", semaphore.available_permits());

    // One that gives up returns what was set aside for it.
    let held = semaphore.acquire().await.expect("it is open");
    {
        let mut both = pin!(semaphore.acquire_many(2));
        note!(seen, "waits: {}", crate::now(both.as_mut()).await.is_none());
        note!(seen, "set aside: {}", semaphore.available_permits());
    }
    note!(seen, "returned: {}", semaphore.available_permits());

    let mut both = pin!(semaphore.acquire_many(2));
    note!(seen, "waits: {}", crate::now(both.as_mut()).await.is_none());
    semaphore.close();
    let refused: Option<Result<_, AcquireError>> = crate::now(both.as_mut()).await;
    note!(seen, "refused: {}", refused.is_some_and(|result| result.is_err()));
    note!(seen, "closed: {}", semaphore.is_closed());
    note!(seen, "later: {:?}", semaphore.try_acquire().map_err(why).err());
    note!(seen, "later: {}", semaphore.acquire().await.is_err());
    drop(held);

    note!(seen, "static: {}", GLOBAL.acquire().await.is_ok());
    let elsewhere = Semaphore::new(1);
    let mut a = GLOBAL.acquire().await.expect("it is open");
    let b = elsewhere.acquire().await.expect("it is open");
    note!(seen, "strangers do not merge: {}", crate::panics(|| a.merge(b)));
    note!(seen, "too many: {}", crate::panics(|| Semaphore::new(Semaphore::MAX_PERMITS + 1)));
    seen
}
