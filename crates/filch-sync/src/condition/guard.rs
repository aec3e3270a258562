//! The guards that a condition can give up and take again.

use crate::mutex::{Mutex, MutexGuard, OwnedMutexGuard};
use std::ops::DerefMut;
use std::sync::Arc;

/// A guard that [`Condition::wait`](super::Condition::wait) can give up and take again.
///
/// [`MutexGuard`] and [`OwnedMutexGuard`] are such guards; there are no others.
///
/// # Examples
///
/// ```
/// use filch_sync::{Condition, ConditionGuard, Mutex};
/// use std::sync::Arc;
///
/// /// Whichever guard there is.
/// async fn wait_for_work<G: ConditionGuard<Target = Vec<u32>>>(added: &Condition, jobs: G) -> G {
///     added.wait_for(jobs, |jobs| !jobs.is_empty()).await
/// }
///
/// # futures_lite::future::block_on(async {
/// let (jobs, added) = (Arc::new(Mutex::new(vec![1])), Condition::new());
/// assert_eq!(wait_for_work(&added, jobs.lock().await).await.pop(), Some(1));
/// jobs.lock().await.push(2);
/// assert_eq!(wait_for_work(&added, jobs.lock_owned().await).await.pop(), Some(2));
/// # });
/// ```
pub trait ConditionGuard: DerefMut + Relock {}

impl<T: ?Sized> ConditionGuard for MutexGuard<'_, T> {}
impl<T: ?Sized> ConditionGuard for OwnedMutexGuard<T> {}

/// How a guard is taken again. Not nameable outside of this crate, so that nobody else implements it.
pub trait Relock: Sized {
    /// What is left of the guard while its lock is given up.
    type Mutex;

    fn mutex(&self) -> Self::Mutex;

    fn lock(mutex: Self::Mutex) -> impl Future<Output = Self>;
}

impl<'a, T: ?Sized> Relock for MutexGuard<'a, T> {
    type Mutex = &'a Mutex<T>;

    fn mutex(&self) -> Self::Mutex {
        MutexGuard::mutex(self)
    }

    fn lock(mutex: Self::Mutex) -> impl Future<Output = Self> {
        mutex.lock()
    }
}

impl<T: ?Sized> Relock for OwnedMutexGuard<T> {
    type Mutex = Arc<Mutex<T>>;

    fn mutex(&self) -> Self::Mutex {
        OwnedMutexGuard::mutex(self).clone()
    }

    fn lock(mutex: Self::Mutex) -> impl Future<Output = Self> {
        mutex.lock_owned()
    }
}
