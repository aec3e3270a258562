//! The wait for a wake-up: borrowed, or keeping its `Notify` alive.

use super::Notify;
use crate::wait_queue::{Status, Waiter};
use filch_core::coop;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

pin_project_lite::pin_project! {
    /// Waits for a wake-up. From [`Notify::notified`].
    ///
    /// # Cancel safety
    /// Dropped after it was woken and before it was polled, it gives the wake-up to the next waiter.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Notify, futures::Notified};
    ///
    /// async fn all(wake_ups: Vec<Notified<'_>>) {
    ///     for wake_up in wake_ups {
    ///         wake_up.await;
    ///     }
    /// }
    ///
    /// # futures_lite::future::block_on(async {
    /// let notify = Notify::new();
    /// let wake_ups = vec![notify.notified(), notify.notified()];
    /// notify.notify_waiters();
    /// all(wake_ups).await;
    /// # });
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    #[derive(Debug)]
    pub struct Notified<'a> {
        #[pin]
        wait: Wait<&'a Notify>,
    }
}

pin_project_lite::pin_project! {
    /// Waits for a wake-up, and keeps its [`Notify`] alive. From [`Notify::notified_owned`].
    ///
    /// # Cancel safety
    /// Dropped after it was woken and before it was polled, it gives the wake-up to the next waiter.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Notify, futures::OwnedNotified};
    /// use std::sync::Arc;
    ///
    /// fn wake_up_by_a_thread() -> OwnedNotified {
    ///     let notify = Arc::new(Notify::new());
    ///     let woken = notify.clone().notified_owned();
    ///     std::thread::spawn(move || notify.notify_one());
    ///     woken
    /// }
    ///
    /// futures_lite::future::block_on(wake_up_by_a_thread());
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    #[derive(Debug)]
    pub struct OwnedNotified {
        #[pin]
        wait: Wait<Arc<Notify>>,
    }
}

impl<'a> Notified<'a> {
    #[inline]
    pub(super) fn new(notify: &'a Notify) -> Self {
        Notified { wait: Wait::new(notify) }
    }

    /// Takes the place in the queue that the first poll would take, so that a [`Notify::notify_one`] from here on reaches
    /// it. Says whether it has been woken already: then the wake-up is taken, and dropping this does not pass it on.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Notify;
    /// use std::pin::pin;
    ///
    /// # futures_lite::future::block_on(async {
    /// let notify = Notify::new();
    /// let mut notified = pin!(notify.notified());
    /// assert!(!notified.as_mut().enable());
    /// // … look whether there is something to wait for …
    /// notify.notify_one();
    /// notified.await;
    /// # });
    /// ```
    pub fn enable(self: Pin<&mut Self>) -> bool {
        self.project().wait.poll_woken(None).is_ready()
    }
}

impl Future for Notified<'_> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().wait.poll(cx)
    }
}

impl OwnedNotified {
    pub(super) fn new(notify: Arc<Notify>) -> Self {
        OwnedNotified { wait: Wait::new(notify) }
    }

    /// Takes the place in the queue that the first poll would take, so that a [`Notify::notify_one`] from here on reaches
    /// it. Says whether it has been woken already: then the wake-up is taken, and dropping this does not pass it on.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Notify;
    /// use std::pin::pin;
    /// use std::sync::Arc;
    ///
    /// let notify = Arc::new(Notify::new());
    /// let mut notified = pin!(notify.clone().notified_owned());
    /// assert!(!notified.as_mut().enable());
    /// notify.notify_one();
    /// assert!(notified.as_mut().enable());
    /// ```
    pub fn enable(self: Pin<&mut Self>) -> bool {
        self.project().wait.poll_woken(None).is_ready()
    }
}

impl Future for OwnedNotified {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().wait.poll(cx)
    }
}

pin_project_lite::pin_project! {
    /// What both kinds are made of.
    #[derive(Debug)]
    struct Wait<P: Deref<Target = Notify>> {
        #[pin]
        waiter: Waiter<P>,
        woken: bool,
    }
}

impl<P: Deref<Target = Notify>> Wait<P> {
    #[inline]
    fn new(notify: P) -> Self {
        let generation = notify.generation();
        Wait { waiter: Waiter::new(notify, generation), woken: false }
    }

    #[inline]
    fn poll_woken(self: Pin<&mut Self>, waker: Option<&Waker>) -> Poll<()> {
        let this = self.project();
        if !*this.woken {
            let waiter = this.waiter.into_ref();
            if waiter.status() != Status::Idle || waiter.primitive().take(waiter.asked()).is_none()
            {
                ready!(waiter.poll(waker));
            }
            *this.woken = true;
        }
        Poll::Ready(())
    }

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let budget = ready!(coop::poll_proceed(cx));
        ready!(self.poll_woken(Some(cx.waker())));
        budget.made_progress();
        Poll::Ready(())
    }
}
