//! Permits that keep their semaphore alive: at most two jobs at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

async fn job(permit: OwnedSemaphorePermit, running: Arc<AtomicUsize>) -> usize {
    let n = running.fetch_add(1, SeqCst) + 1;
    tokio::time::sleep(tokio::time::Duration::from_millis(1)).await;
    running.fetch_sub(1, SeqCst);
    drop(permit);
    n
}

#[tokio::main]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();
    let semaphore = Arc::new(Semaphore::new(2));
    let running = Arc::new(AtomicUsize::new(0));
    let mut jobs = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let permit = semaphore.clone().acquire_owned().await.expect("it is open");
        jobs.spawn(job(permit, running.clone()));
    }
    let most = jobs.join_all().await.into_iter().max();
    note!(seen, "never more than two: {}", most.is_some_and(|n| n <= 2));
    note!(seen, "all back: {}", semaphore.available_permits());

    let mut both = semaphore.clone().acquire_many_owned(2).await.expect("it is open");
    note!(seen, "none left: {}", semaphore.available_permits());
    match semaphore.clone().try_acquire_owned() {
        Ok(_) => note!(seen, "a third"),
        Err(TryAcquireError::NoPermits) => note!(seen, "no third"),
        Err(TryAcquireError::Closed) => note!(seen, "closed"),
    }
    let one = both.split(1).expect("there are two");
    note!(seen, "{} and {}", both.num_permits(), one.num_permits());
    both.merge(one);
    note!(seen, "{} of {}", both.num_permits(), Arc::ptr_eq(both.semaphore(), &semaphore));
    drop(both);
    note!(
        seen,
        "{}",
        semaphore.clone().try_acquire_many_owned(2).is_ok_and(|p| p.num_permits() == 2)
    );

    let (on_thread, thread) = (semaphore.clone(), semaphore.clone());
    let held = semaphore.clone().acquire_many_owned(2).await.expect("it is open");
    let thread = std::thread::spawn(move || {
        let one = thread.blocking_acquire().expect("it is open").num_permits();
        let two = thread.blocking_acquire_many(2).expect("it is open").num_permits();
        let owned = on_thread.clone().blocking_acquire_owned().expect("it is open");
        let again = on_thread.clone().blocking_acquire_many_owned(1).expect("it is open");
        again.forget();
        (one, two, owned.num_permits())
    });
    drop(held);
    note!(seen, "{:?}", thread.join().expect("the thread does not panic"));
    note!(seen, "one is gone: {}", semaphore.available_permits());

    semaphore.close();
    note!(seen, "closed: {}", semaphore.clone().acquire_owned().await.is_err());
    note!(
        seen,
        "closed: {}",
        semaphore.clone().try_acquire_owned().err() == Some(TryAcquireError::Closed)
    );
    let refused = std::thread::spawn(move || semaphore.blocking_acquire_many_owned(2).is_err());
    note!(seen, "closed: {}", refused.join().expect("the thread does not panic"));
    seen
}
