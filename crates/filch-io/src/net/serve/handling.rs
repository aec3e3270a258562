//! One connection's handler, whose end is reported.

use self::sealed::Sealed as _;
use super::roll::{End, Guard};
use pin_project_lite::pin_project;
use std::any::Any;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// What a handler may answer: nothing, or a `Result`, whose error goes into the server's report.
///
/// Sealed: the two are all there are.
pub trait HandlerOutput: sealed::Sealed {}

impl HandlerOutput for () {}
impl<T, E: Into<Box<dyn Error + Send + Sync>>> HandlerOutput for Result<T, E> {}

mod sealed {
    use std::error::Error;

    pub trait Sealed {
        /// What went wrong, if something did.
        #[doc(hidden)]
        fn failure(self) -> Option<String>;
    }

    impl Sealed for () {
        fn failure(self) -> Option<String> {
            None
        }
    }

    impl<T, E: Into<Box<dyn Error + Send + Sync>>> Sealed for Result<T, E> {
        fn failure(self) -> Option<String> {
            self.err().map(|error| error.into().to_string())
        }
    }
}

pin_project! {
    /// Runs a handler to its end and reports that.
    ///
    /// It catches the handler's panic itself: nobody awaits the task, and the report is to say what the panic said.
    pub(super) struct Handling<F, A: fmt::Debug> {
        // Dropped before the guard says that it is over.
        #[pin]
        handler: Option<F>,
        guard: Guard<A>,
    }
}

impl<F, A: fmt::Debug> Handling<F, A> {
    pub(super) fn new(handler: F, guard: Guard<A>) -> Self {
        Handling { handler: Some(handler), guard }
    }
}

impl<F: Future<Output: HandlerOutput>, A: fmt::Debug> Future for Handling<F, A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let mut run = || {
            let handler = this.handler.as_mut().as_pin_mut();
            let output = ready!(handler.expect("a task is not polled after its end").poll(cx));
            this.handler.set(None); // Here, since its drop may panic as well.
            Poll::Ready(output.failure())
        };
        let end = match catch_unwind(AssertUnwindSafe(&mut run)) {
            Ok(failure) => ready!(failure).map_or(End::Completed, End::Failed),
            Err(payload) => End::Panicked(message(payload)),
        };
        this.guard.set_end(end);
        Poll::Ready(())
    }
}

/// What a panic said.
fn message(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => match payload.downcast::<&str>() {
            Ok(message) => (*message).to_owned(),
            Err(payload) => {
                // Why leaked: its drop is foreign code and may panic again.
                std::mem::forget(payload);
                "a value that is no text".to_owned()
            }
        },
    }
}
