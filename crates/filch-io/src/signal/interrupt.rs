//! Ctrl-C for a program that has no way of its own with it: what the facade's `run` stands on (design 0018).
//!
//! Of the runtime's end it knows nothing: it ends main on the first `SIGINT`, and has the second end the process at once.

use super::table::{self, StandIn};
use filch_core::scope::{Enclosed, Request, Watch};
use filch_timer::{Sleep, sleep};
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

/// Is told of the first `SIGINT`, as long as the program does not listen for it by itself.
#[derive(Debug)]
pub struct Interrupt(Arc<StandIn>);

impl Interrupt {
    /// `None` where Ctrl-C is not ours to handle: on another thread than the main one, where the program has a handler or
    /// a listener for it or ignores it, and where another `Interrupt` lives.
    pub fn new() -> Option<Interrupt> {
        let stand_in = Arc::new(StandIn::default());
        // Why no error: without a thread to hear of Ctrl-C, it does what it does elsewhere.
        let is_ours = is_main_thread()
            && table::stand_in(libc::SIGINT, Arc::clone(&stand_in)).unwrap_or(false);
        is_ours.then_some(Interrupt(stand_in))
    }

    fn request(&self) -> &Request {
        &self.0.request
    }

    /// Gives Ctrl-C its usual effect back. Answers whether it came.
    pub fn end(self) -> bool {
        table::stand_down(libc::SIGINT, &self.0)
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        table::stand_down(libc::SIGINT, &self.0);
    }
}

/// Ends the process as Ctrl-C does, so that who started it knows why it ended.
pub fn die() -> ! {
    table::die_by(libc::SIGINT)
}

pin_project! {
    /// A future that the first Ctrl-C ends as a canceled scope does: what was opened inside is canceled and awaited, what is
    /// shielded goes on, then it is dropped. After a grace it is dropped in any case.
    pub struct Guarded<'a, F> {
        #[pin]
        main: Enclosed<F>,
        interrupt: Option<&'a Interrupt>,
        grace: Duration,
        watch: Watch,
        // Who is woken by Ctrl-C. The request, which keeps it too, goes with the interrupt.
        waker: Option<Waker>,
        ending: Option<Ending>,
    }
}

/// What there is from Ctrl-C on.
struct Ending {
    since: Instant,
    force: Pin<Box<Sleep>>,
}

/// Ctrl-C came while main was there.
#[derive(Debug)]
pub struct Interrupted {
    /// When main heard of it.
    pub since: Instant,
}

impl<'a, F: Future> Guarded<'a, F> {
    /// `main` as it is, if there is no `interrupt`.
    pub fn new(main: F, interrupt: Option<&'a Interrupt>, grace: Duration) -> Self {
        let main = Enclosed::new(main);
        Guarded { main, interrupt, grace, watch: Watch::default(), waker: None, ending: None }
    }

    /// Whether Ctrl-C came; else it will wake the task.
    fn is_interrupted(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let this = self.project();
        let Some(interrupt) = this.interrupt else { return false };
        let waker = cx.waker();
        if !this.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *this.waker = Some(waker.clone());
            return interrupt.request().poll_made(this.watch, waker).is_ready();
        }
        interrupt.request().is_made()
    }
}

impl<F: Future> Future for Guarded<'_, F> {
    type Output = Result<F::Output, Interrupted>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.ending.is_none() {
            if !self.as_mut().is_interrupted(cx) {
                return self.project().main.poll_inside(None, cx).map(Ok);
            }
            let force = Box::pin(sleep(self.grace));
            *self.as_mut().project().ending = Some(Ending { since: Instant::now(), force });
        }
        let mut this = self.project();
        let ending = this.ending.as_mut().expect("it was made above");
        if ending.force.as_mut().poll(cx).is_ready() {
            this.main.clear();
        } else {
            // Its output, if it had come to that, is dropped: the process ends by the signal.
            drop(ready!(this.main.as_mut().poll_end(None, &table::CTRL_C, cx)));
        }
        Poll::Ready(Err(Interrupted { since: ending.since }))
    }
}

impl<F> fmt::Debug for Guarded<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("is_ending", &self.ending.is_some()).finish_non_exhaustive()
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_main_thread() -> bool {
    // The main thread has the number of its process.
    // SAFETY: neither takes anything, and neither fails.
    unsafe { libc::gettid() == libc::getpid() }
}

/// What std calls it.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_main_thread() -> bool {
    std::thread::current().name() == Some("main")
}
