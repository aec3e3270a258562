//! Values of one future, with tokio's rules and names: [`task_local!`](crate::task_local).
//!
//! A value belongs to the future that was given it: it lies in that future, and in a thread-local while that is polled or
//! dropped. So it is never shared, and tasks spawned inside do not have it; for that there is
//! [`context!`](crate::context).

use pin_project_lite::pin_project;
use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

/// Declares keys of values that belong to one future: each is a static of type [`LocalKey`].
#[macro_export]
macro_rules! task_local {
    ($($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty);* $(;)?) => {
        $(
            $(#[$attribute])*
            $visibility static $name: $crate::LocalKey<$type> = {
                ::std::thread_local! {
                    static VALUE: ::std::cell::RefCell<::std::option::Option<$type>> =
                        const { ::std::cell::RefCell::new(::std::option::Option::None) };
                }
                $crate::LocalKey::__new(VALUE)
            };
        )*
    };
}

/// A key of values that belong to one future. Declared by [`task_local!`](crate::task_local).
pub struct LocalKey<T: 'static> {
    /// The value of the innermost future that is polled on this thread.
    value: thread::LocalKey<RefCell<Option<T>>>,
}

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    pub const fn __new(value: thread::LocalKey<RefCell<Option<T>>>) -> Self {
        LocalKey { value }
    }

    /// Gives `future` a value: it has it in each of its polls and in its drop.
    ///
    /// # Panics
    /// A poll panics inside of [`with`](Self::with) of the same key.
    ///
    /// # Cancel safety
    /// As safe as the future inside.
    pub fn scope<F>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F>
    where
        F: Future,
    {
        TaskLocalFuture {
            key: self,
            value: Some(value),
            future: Some(future),
            pinned: PhantomPinned,
        }
    }

    /// Gives `f` a value for as long as it runs.
    ///
    /// # Panics
    /// Inside of [`with`](Self::with) of the same key.
    #[track_caller]
    pub fn sync_scope<F, R>(&'static self, value: T, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        self.lend(&mut Some(value), f).unwrap_or_else(|refused| refused.panic())
    }

    /// Calls `f` with the value.
    ///
    /// # Panics
    /// When there is none; see [`try_with`](Self::try_with).
    #[track_caller]
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        self.try_with(f).unwrap_or_else(|_| {
            panic!(
                "a task-local value was read where none is set; await this code inside of the key's `scope`, or ask with \
                 `try_with`; for values that spawned tasks inherit use `context!`"
            )
        })
    }

    /// Calls `f` with the value.
    ///
    /// # Errors
    /// When there is none.
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        // While the thread ends there is no value either.
        let found = self.value.try_with(|value| value.borrow().as_ref().map(f));
        found.ok().flatten().ok_or(AccessError::new())
    }

    /// Calls `f` while `value` is the key's. Whatever the key has at the end is put back into `value`, also by a panic.
    fn lend<R>(
        &'static self,
        value: &mut Option<T>,
        f: impl FnOnce() -> R,
    ) -> Result<R, CannotEnter> {
        struct Lent<'a, T: 'static>(&'static LocalKey<T>, &'a mut Option<T>);

        impl<T> Drop for Lent<'_, T> {
            fn drop(&mut self) {
                self.0.value.with(|value| mem::swap(self.1, &mut *value.borrow_mut()));
            }
        }

        self.value
            .try_with(|before| {
                let mut before = before.try_borrow_mut().map_err(|_| CannotEnter::Borrowed)?;
                mem::swap(value, &mut *before);
                Ok(())
            })
            .map_err(|_| CannotEnter::ThreadEnds)??;
        let _lent = Lent(self, value);
        Ok(f())
    }
}

impl<T: Clone + 'static> LocalKey<T> {
    /// A clone of the value.
    ///
    /// # Panics
    /// When there is none; see [`try_get`](Self::try_get).
    #[track_caller]
    pub fn get(&'static self) -> T {
        self.with(T::clone)
    }

    /// A clone of the value.
    ///
    /// # Errors
    /// When there is none.
    pub fn try_get(&'static self) -> Result<T, AccessError> {
        self.try_with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

pin_project! {
    /// A future with a value of its own. From [`LocalKey::scope`].
    ///
    /// # Panics
    /// Polled again after it gave its output.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct TaskLocalFuture<T: 'static, F> {
        key: &'static LocalKey<T>,
        value: Option<T>,
        #[pin]
        future: Option<F>,
        // Why: tokio's is not `Unpin` either; so it may become more than it is.
        #[pin]
        pinned: PhantomPinned,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                // Where the value cannot be lent, the future is dropped without it, with the field.
                let _ = this.key.lend(this.value, || this.future.set(None));
            }
        }
    }
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    /// Takes the value, also when the future is not done; it is without one from then on.
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().value.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let polled = this.key.lend(this.value, || {
            let future = this.future.as_mut().as_pin_mut();
            let future = future
                .expect("a TaskLocalFuture was polled after it gave its output; await it once");
            let polled = future.poll(cx);
            if polled.is_ready() {
                this.future.set(None); // Here, where it has its value.
            }
            polled
        });
        polled.unwrap_or_else(|refused| refused.panic())
    }
}

impl<T: fmt::Debug + 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLocalFuture").field("value", &self.value).finish_non_exhaustive()
    }
}

/// A key has no value where it was asked. From [`LocalKey::try_with`] and [`ContextKey::try_with`](crate::ContextKey::try_with).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessError(());

impl AccessError {
    pub(crate) const fn new() -> Self {
        AccessError(())
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no value of this key is set here")
    }
}

impl Error for AccessError {}

/// Why a value cannot be lent.
enum CannotEnter {
    Borrowed,
    ThreadEnds,
}

impl CannotEnter {
    #[track_caller]
    fn panic(self) -> ! {
        match self {
            CannotEnter::Borrowed => panic!(
                "a scope of a task-local key was entered inside of `with` of the same key, which reads its value; take \
                 what is needed out of `with` first, for example by `get`"
            ),
            CannotEnter::ThreadEnds => panic!(
                "a scope of a task-local key was entered while the thread ends, when its thread-locals are gone; \
                 enter it before, or on another thread"
            ),
        }
    }
}
