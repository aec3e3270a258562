//! Permits of a bounded semaphore: borrowed, or keeping it alive.
//!
//! **Invariant:** a permit stands for the number it says. Its drop gives back exactly that; forgotten, it is noted as
//! missing.

use super::BoundedSemaphore;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Permits of a [`BoundedSemaphore`], given back on drop. From [`BoundedSemaphore::acquire`] and its kin.
///
/// # Examples
///
/// ```
/// let semaphore = filch_sync::BoundedSemaphore::new(2);
/// let permit = semaphore.try_acquire_many(2).unwrap();
/// permit.forget();
/// assert_eq!(semaphore.available_permits(), 0);
/// semaphore.add_permits(2).unwrap();
/// ```
#[must_use = "a permit that is dropped at once limits nothing"]
#[clippy::has_significant_drop]
#[derive(Debug)]
pub struct BoundedSemaphorePermit<'a>(Permits<&'a BoundedSemaphore>);

impl<'a> BoundedSemaphorePermit<'a> {
    /// The caller has taken these permits, and gives them to the guard.
    pub(super) fn new(semaphore: &'a BoundedSemaphore, n: u32) -> Self {
        BoundedSemaphorePermit(Permits { semaphore, n })
    }

    /// Takes the permits out of circulation, until somebody [adds](BoundedSemaphore::add_permits) them again.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = filch_sync::BoundedSemaphore::new(1);
    /// semaphore.try_acquire().unwrap().forget();
    /// assert_eq!(semaphore.available_permits(), 0);
    /// semaphore.add_permits(1).unwrap();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// ```
    pub fn forget(self) {
        self.0.forget();
    }

    /// How many permits these are.
    pub fn num_permits(&self) -> usize {
        self.0.n as usize
    }
}

/// Permits of a [`BoundedSemaphore`] that they keep alive, given back on drop. From [`BoundedSemaphore::acquire_owned`]
/// and its kin.
///
/// # Examples
///
/// ```
/// use filch_sync::BoundedSemaphore;
/// use std::sync::Arc;
///
/// let semaphore = Arc::new(BoundedSemaphore::new(2));
/// let permit = semaphore.clone().try_acquire_owned().unwrap();
/// std::thread::spawn(move || permit.forget()).join().unwrap();
/// semaphore.add_permits(1).unwrap();
/// ```
#[must_use = "a permit that is dropped at once limits nothing"]
#[clippy::has_significant_drop]
#[derive(Debug)]
pub struct OwnedBoundedSemaphorePermit(Permits<Arc<BoundedSemaphore>>);

impl OwnedBoundedSemaphorePermit {
    /// The caller has taken these permits, and gives them to the guard.
    pub(super) fn new(semaphore: Arc<BoundedSemaphore>, n: u32) -> Self {
        OwnedBoundedSemaphorePermit(Permits { semaphore, n })
    }

    /// Takes the permits out of circulation, until somebody [adds](BoundedSemaphore::add_permits) them again.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::BoundedSemaphore;
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(BoundedSemaphore::new(1));
    /// semaphore.clone().try_acquire_owned().unwrap().forget();
    /// assert_eq!(semaphore.available_permits(), 0);
    /// semaphore.add_permits(1).unwrap();
    /// ```
    pub fn forget(self) {
        self.0.forget();
    }

    /// How many permits these are.
    pub fn num_permits(&self) -> usize {
        self.0.n as usize
    }
}

/// What both kinds are made of.
struct Permits<P: Deref<Target = BoundedSemaphore>> {
    semaphore: P,
    n: u32,
}

impl<P: Deref<Target = BoundedSemaphore>> Permits<P> {
    fn forget(mut self) {
        *self.semaphore.n_missing.lock() += std::mem::take(&mut self.n) as usize;
    }
}

impl<P: Deref<Target = BoundedSemaphore>> Drop for Permits<P> {
    fn drop(&mut self) {
        if self.n != 0 {
            self.semaphore.semaphore.release(self.n as usize);
        }
    }
}

impl<P: Deref<Target = BoundedSemaphore>> fmt::Debug for Permits<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permits").field("n", &self.n).finish_non_exhaustive()
    }
}
