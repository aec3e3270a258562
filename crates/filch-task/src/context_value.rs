//! Values that tasks inherit: [`context!`](crate::context).
//!
//! A value is a fact that surrounds code, as a deadline is: what is spawned inside inherits it (`filch_core::scope`). It is
//! shared and never changes; a scope further inside shadows it.

use crate::task_local::AccessError;
use filch_core::scope::{self, Fact, Frame};
use pin_project_lite::pin_project;
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Declares keys of values that tasks inherit: each is a static of type [`ContextKey`].
///
/// A value is there for the future that was given it and for all that is started inside: tasks, children of groups,
/// `gather`, `to_thread`, `spawn_blocking`, `compute`, children of `scope_blocking`. A request's id, say, reaches the log of
/// whatever works for the request.
#[macro_export]
macro_rules! context {
    ($($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty);* $(;)?) => {
        $(
            $(#[$attribute])*
            $visibility static $name: $crate::ContextKey<$type> =
                $crate::ContextKey::__new(::std::stringify!($name));
        )*
    };
}

/// A key of values that tasks inherit. Declared by [`context!`](crate::context).
pub struct ContextKey<T: 'static> {
    // Why not empty: two keys must not lie at one address, by which the values are found.
    name: &'static str,
    value: PhantomData<fn() -> T>,
}

impl<T: Send + Sync + 'static> ContextKey<T> {
    #[doc(hidden)]
    pub const fn __new(name: &'static str) -> Self {
        ContextKey { name, value: PhantomData }
    }

    /// Surrounds `future` by a value: it has it in each of its polls and in its drop, and what it starts inherits it.
    ///
    /// The value is dropped when the future and all that inherited it have ended.
    ///
    /// # Cancel safety
    /// As safe as the future inside.
    pub fn scope<F>(&'static self, value: T, future: F) -> ContextFuture<F>
    where
        F: Future,
    {
        ContextFuture { future: Some(future), frame: Frame::new(), fact: self.fact(value) }
    }

    /// Surrounds `f` by a value for as long as it runs; what it starts inherits it.
    pub fn sync_scope<F, R>(&'static self, value: T, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        Frame::new().enter(Some(&self.fact(value)), f)
    }

    /// Calls `f` with the innermost value.
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
                "no value of the context key `{name}` surrounds this code; start it inside of `{name}.scope(value, …)`, \
                 or ask with `try_with`",
                name = self.name
            )
        })
    }

    /// Calls `f` with the innermost value.
    ///
    /// # Errors
    /// When there is none.
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        let value = scope::value(self.address());
        let value = value.as_deref().and_then(|value| value.downcast_ref());
        value.map(f).ok_or(AccessError::new())
    }

    fn fact(&'static self, value: T) -> Fact {
        let value: Arc<dyn Any + Send + Sync> = Arc::new(value);
        Fact::Value(self.address(), value)
    }

    fn address(&'static self) -> usize {
        ptr::from_ref(self).addr()
    }
}

impl<T: Clone + Send + Sync + 'static> ContextKey<T> {
    /// A clone of the innermost value.
    ///
    /// # Panics
    /// When there is none; see [`try_get`](Self::try_get).
    #[track_caller]
    pub fn get(&'static self) -> T {
        self.with(T::clone)
    }

    /// A clone of the innermost value.
    ///
    /// # Errors
    /// When there is none.
    pub fn try_get(&'static self) -> Result<T, AccessError> {
        self.try_with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for ContextKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ContextKey").field(&self.name).finish()
    }
}

pin_project! {
    /// A future that is surrounded by a context value. From [`ContextKey::scope`].
    ///
    /// # Panics
    /// Polled again after it gave its output.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ContextFuture<F> {
        #[pin]
        future: Option<F>,
        frame: Frame,
        fact: Fact,
    }

    impl<F> PinnedDrop for ContextFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                this.frame.enter(Some(this.fact), || this.future.set(None));
            }
        }
    }
}

impl<F: Future> Future for ContextFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        this.frame.enter(Some(this.fact), || {
            let future = this.future.as_mut().as_pin_mut();
            let future =
                future.expect("a ContextFuture was polled after it gave its output; await it once");
            let polled = future.poll(cx);
            if polled.is_ready() {
                this.future.set(None); // Here, where it has its value.
            }
            polled
        })
    }
}

impl<F> fmt::Debug for ContextFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextFuture").field("fact", &self.fact).finish_non_exhaustive()
    }
}
