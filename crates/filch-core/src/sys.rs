//! The one place that chooses std, loom or shuttle.
//!
//! Every crate of the workspace takes its atomics, locks, cells and threads from here, so that a model checker sees
//! each step. Locks ignore poison, once, here: a panic in user code never runs under one of our locks, so what a lock
//! protects is consistent even when a thread that held it unwound.
//!
//! `--cfg filch_loom` and `--cfg filch_shuttle` select the checkers; without them this is the standard library.

pub use std::time::{Duration, Instant};

/// Declares a constructor that is `const` in every build but a checker's, whose atomics have no constant value.
#[macro_export]
#[doc(hidden)]
macro_rules! const_new {
    ($(#[$meta:meta])* $vis:vis const fn $name:ident $args:tt $(-> $ret:ty)? $body:block) => {
        #[cfg(not(any(filch_loom, filch_shuttle)))]
        $(#[$meta])* $vis const fn $name $args $(-> $ret)? $body
        #[cfg(any(filch_loom, filch_shuttle))]
        $(#[$meta])* $vis fn $name $args $(-> $ret)? $body
    };
}

#[cfg(filch_loom)]
use loom as backend;
#[cfg(filch_shuttle)]
use shuttle as backend;
#[cfg(not(any(filch_loom, filch_shuttle)))]
use std as backend;

/// Whether loom explores this build: limits are small then, so that a model reaches them.
pub const IN_MODEL: bool = cfg!(filch_loom);

/// Declares a thread-local with a constant value, for whatever counts as a thread: a checker's are not the system's.
#[macro_export]
#[doc(hidden)]
macro_rules! const_thread_local {
    ($vis:vis static $name:ident: $type:ty = $value:expr;) => {
        #[cfg(filch_loom)]
        loom::thread_local! { $vis static $name: $type = $value; }
        #[cfg(filch_shuttle)]
        shuttle::thread_local! { $vis static $name: $type = $value; }
        #[cfg(not(any(filch_loom, filch_shuttle)))]
        std::thread_local! { $vis static $name: $type = const { $value }; }
    };
}

/// Threads, as the checker in force sees them.
pub mod thread {
    pub use super::backend::thread::{
        Builder, JoinHandle, Thread, current, park, spawn, yield_now,
    };
    #[cfg(not(any(filch_loom, filch_shuttle)))]
    pub use std::thread::{ThreadId, park_timeout, sleep};

    /// A checker has no time: its parked thread comes back whenever the checker likes.
    #[cfg(any(filch_loom, filch_shuttle))]
    pub fn park_timeout(_: super::Duration) {
        yield_now();
    }
}

/// Hints to the processor; under a checker, a point where it may switch threads.
pub mod hint {
    pub use super::backend::hint::spin_loop;
}

/// Shared ownership, locks and atomics.
pub mod sync {
    use super::backend::sync as imp;
    pub use super::backend::sync::Arc;
    use std::ops::{Deref, DerefMut};
    use std::sync::PoisonError;

    /// Atomic words and fences.
    pub mod atomic {
        pub use super::super::backend::sync::atomic::{
            AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
            Ordering, fence,
        };
    }

    /// A lock that ignores poison.
    #[derive(Debug, Default)]
    pub struct Mutex<T: ?Sized>(imp::Mutex<T>);

    /// The right to a [`Mutex`]'s value.
    #[derive(Debug)]
    #[must_use = "a guard that is dropped at once protects nothing"]
    pub struct MutexGuard<'a, T: ?Sized>(imp::MutexGuard<'a, T>);

    impl<T> Mutex<T> {
        const_new! {
            /// Makes an unlocked lock.
            pub const fn new(value: T) -> Self {
                Mutex(imp::Mutex::new(value))
            }
        }

        /// Takes the value out; no lock is needed, `self` is owned.
        pub fn into_inner(self) -> T {
            self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl<T: ?Sized> Mutex<T> {
        /// Blocks the thread until the lock is free.
        pub fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(self.0.lock().unwrap_or_else(PoisonError::into_inner))
        }

        /// Takes the lock if it is free.
        pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            match self.0.try_lock() {
                Ok(guard) => Some(MutexGuard(guard)),
                Err(std::sync::TryLockError::Poisoned(poisoned)) => {
                    Some(MutexGuard(poisoned.into_inner()))
                }
                Err(std::sync::TryLockError::WouldBlock) => None,
            }
        }
    }

    impl<T: ?Sized> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }

    impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.0
        }
    }

    /// A condition variable for [`Mutex`].
    #[derive(Debug, Default)]
    pub struct Condvar(imp::Condvar);

    impl Condvar {
        const_new! {
            /// Makes a condition variable nobody waits for.
            pub const fn new() -> Self {
                Condvar(imp::Condvar::new())
            }
        }

        /// Releases the lock, blocks until notified (or spuriously), takes the lock again.
        pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
            MutexGuard(self.0.wait(guard.0).unwrap_or_else(PoisonError::into_inner))
        }

        /// As [`wait`](Self::wait), for at most `limit`. The flag says that the time was used up.
        pub fn wait_timeout<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            limit: std::time::Duration,
        ) -> (MutexGuard<'a, T>, bool) {
            let (guard, result) =
                self.0.wait_timeout(guard.0, limit).unwrap_or_else(PoisonError::into_inner);
            (MutexGuard(guard), result.timed_out())
        }

        /// Wakes one waiting thread.
        pub fn notify_one(&self) {
            self.0.notify_one();
        }

        /// Wakes all waiting threads.
        pub fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}

/// Interior mutability that a checker can watch.
pub mod cell {
    #[cfg(filch_loom)]
    pub use loom::cell::UnsafeCell;

    /// `std`'s cell with loom's closure interface, so that each access is visible in the source.
    #[cfg(not(filch_loom))]
    #[derive(Debug, Default)]
    #[repr(transparent)]
    pub struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

    #[cfg(not(filch_loom))]
    impl<T> UnsafeCell<T> {
        /// Wraps a value.
        pub const fn new(value: T) -> Self {
            UnsafeCell(std::cell::UnsafeCell::new(value))
        }

        /// Takes the value out.
        pub fn into_inner(self) -> T {
            self.0.into_inner()
        }
    }

    #[cfg(not(filch_loom))]
    impl<T: ?Sized> UnsafeCell<T> {
        /// Calls `f` with a pointer for reading. What `f` does with it is `f`'s `unsafe`.
        #[inline]
        pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        /// Calls `f` with a pointer for writing. What `f` does with it is `f`'s `unsafe`.
        #[inline]
        pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}
