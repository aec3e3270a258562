//! Permits that a task holds: borrowed, or keeping their semaphore alive.
//!
//! **Invariant:** a permit stands for the number it says, and its drop gives back exactly that.

use super::Semaphore;
use std::sync::Arc;

/// Permits of a [`Semaphore`], given back on drop. From [`Semaphore::acquire`] and its kin.
///
/// # Examples
///
/// ```
/// let semaphore = filch_sync::Semaphore::new(3);
/// let permit = semaphore.try_acquire_many(2).unwrap();
/// assert_eq!((permit.num_permits(), semaphore.available_permits()), (2, 1));
/// drop(permit);
/// assert_eq!(semaphore.available_permits(), 3);
/// ```
#[must_use = "a permit that is dropped at once limits nothing"]
#[clippy::has_significant_drop]
#[derive(Debug)]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    permits: u32,
}

impl<'a> SemaphorePermit<'a> {
    /// The caller has taken these permits, and gives them to the guard.
    pub(super) fn new(semaphore: &'a Semaphore, permits: u32) -> Self {
        SemaphorePermit { semaphore, permits }
    }

    /// Takes the permits out of circulation: they are not given back.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = filch_sync::Semaphore::new(2);
    /// semaphore.try_acquire().unwrap().forget();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// ```
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Adds the permits of `other` to this one.
    ///
    /// # Panics
    /// If they are of different semaphores, or more than `u32::MAX` together.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = filch_sync::Semaphore::new(3);
    /// let mut permit = semaphore.try_acquire().unwrap();
    /// permit.merge(semaphore.try_acquire_many(2).unwrap());
    /// assert_eq!(permit.num_permits(), 3);
    /// ```
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(std::ptr::eq(self.semaphore, other.semaphore), "{DIFFERENT}");
        self.permits = sum(self.permits, other.permits);
        other.permits = 0;
    }

    /// Makes a permit of `n` of these. `None` if there are fewer.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = filch_sync::Semaphore::new(5);
    /// let mut permits = semaphore.try_acquire_many(5).unwrap();
    /// drop(permits.split(2).unwrap());
    /// assert_eq!((permits.num_permits(), semaphore.available_permits()), (3, 2));
    /// assert!(permits.split(4).is_none());
    /// ```
    pub fn split(&mut self, n: usize) -> Option<Self> {
        let n = u32::try_from(n).ok()?;
        self.permits = self.permits.checked_sub(n)?;
        Some(SemaphorePermit::new(self.semaphore, n))
    }

    /// The semaphore that these are permits of.
    pub fn semaphore(&self) -> &Semaphore {
        self.semaphore
    }

    /// How many permits these are.
    pub fn num_permits(&self) -> usize {
        self.permits as usize
    }
}

impl Drop for SemaphorePermit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.permits != 0 {
            self.semaphore.release(self.permits as usize);
        }
    }
}

/// Permits of a [`Semaphore`] that they keep alive, given back on drop. From [`Semaphore::acquire_owned`] and its kin.
///
/// # Examples
///
/// ```
/// use filch_sync::Semaphore;
/// use std::sync::Arc;
///
/// let semaphore = Arc::new(Semaphore::new(1));
/// let permit = semaphore.clone().try_acquire_owned().unwrap();
/// std::thread::spawn(move || drop(permit)).join().unwrap();
/// assert_eq!(semaphore.available_permits(), 1);
/// ```
#[must_use = "a permit that is dropped at once limits nothing"]
#[clippy::has_significant_drop]
#[derive(Debug)]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    permits: u32,
}

impl OwnedSemaphorePermit {
    /// The caller has taken these permits, and gives them to the guard.
    pub(super) fn new(semaphore: Arc<Semaphore>, permits: u32) -> Self {
        OwnedSemaphorePermit { semaphore, permits }
    }

    /// Takes the permits out of circulation: they are not given back.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(Semaphore::new(2));
    /// semaphore.clone().try_acquire_owned().unwrap().forget();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// ```
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Adds the permits of `other` to this one.
    ///
    /// # Panics
    /// If they are of different semaphores, or more than `u32::MAX` together.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// let mut permit = semaphore.clone().try_acquire_owned().unwrap();
    /// permit.merge(semaphore.clone().try_acquire_many_owned(2).unwrap());
    /// assert_eq!(permit.num_permits(), 3);
    /// ```
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(Arc::ptr_eq(&self.semaphore, &other.semaphore), "{DIFFERENT}");
        self.permits = sum(self.permits, other.permits);
        other.permits = 0;
    }

    /// Makes a permit of `n` of these. `None` if there are fewer.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(Semaphore::new(5));
    /// let mut permits = semaphore.clone().try_acquire_many_owned(5).unwrap();
    /// drop(permits.split(2).unwrap());
    /// assert_eq!((permits.num_permits(), semaphore.available_permits()), (3, 2));
    /// ```
    pub fn split(&mut self, n: usize) -> Option<Self> {
        let n = u32::try_from(n).ok()?;
        self.permits = self.permits.checked_sub(n)?;
        Some(OwnedSemaphorePermit::new(self.semaphore.clone(), n))
    }

    /// The semaphore that these are permits of.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// How many permits these are.
    pub fn num_permits(&self) -> usize {
        self.permits as usize
    }
}

impl Drop for OwnedSemaphorePermit {
    #[inline]
    fn drop(&mut self) {
        if self.permits != 0 {
            self.semaphore.release(self.permits as usize);
        }
    }
}

const DIFFERENT: &str = "permits of two semaphores cannot be merged: keep them apart, or acquire both from one semaphore";

#[track_caller]
fn sum(one: u32, other: u32) -> u32 {
    one.checked_add(other).expect("merged permits are more than u32::MAX: keep them in two")
}
