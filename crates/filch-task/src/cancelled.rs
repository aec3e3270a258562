//! Being told that the end is near.

use filch_core::scope::{self, Reason, Request, Scope, Watch};
use filch_core::task::AbortHandle;
use filch_core::{context, coop};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Waits until the code that awaits it is asked to end: by the nearest scope around it, which a group is and a cancel
/// scope, or because its task is canceled with a grace. Gives the reason.
///
/// What surrounds it is looked up by the first poll. Outside of tasks and scopes it never resolves. It says nothing of an
/// end that comes without a grace: then the code is not polled any more. Inside of a shield it hears of the shield's own
/// request only.
///
/// # Cancel safety
/// Safe: dropping it only ends the wait.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub fn cancelled() -> impl Future<Output = Reason> + Send + Sync + use<> {
    Cancelled { sources: None }
}

/// Whether the code that calls is asked to end; see [`cancelled`]. Also for blocking calls.
pub fn is_cancelled() -> bool {
    let by_scope = scope::nearest_scope().is_some_and(|scope| scope.request().is_made());
    by_scope || !scope::is_shielded() && context::task().is_some_and(|task| task.is_asked_to_end())
}

struct Cancelled {
    /// Looked up by the first poll.
    sources: Option<[Option<Source>; 2]>,
}

/// Something that may be asked, and the place among those who wait for that.
struct Source {
    asked: Asked,
    watch: Watch,
}

enum Asked {
    Scope(Arc<dyn Scope>),
    Task(AbortHandle),
}

fn sources() -> [Option<Source>; 2] {
    let scope = scope::nearest_scope().map(Asked::Scope);
    let task = context::task().filter(|_| !scope::is_shielded()).map(Asked::Task);
    [scope, task].map(|asked| Some(Source { asked: asked?, watch: Watch::default() }))
}

impl Asked {
    fn request(&self) -> &Request {
        match self {
            Asked::Scope(scope) => scope.request(),
            Asked::Task(task) => task.request(),
        }
    }
}

impl Future for Cancelled {
    type Output = Reason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reason> {
        let unit = ready!(coop::poll_proceed(cx));
        for source in self.sources.get_or_insert_with(sources).iter_mut().flatten() {
            let request = source.asked.request();
            if let Poll::Ready(reason) = request.poll_made(&mut source.watch, cx.waker()) {
                unit.made_progress();
                return Poll::Ready(reason);
            }
        }
        Poll::Pending
    }
}

impl Drop for Cancelled {
    fn drop(&mut self) {
        for source in self.sources.iter_mut().flatten().flatten() {
            source.asked.request().unwatch(&mut source.watch);
        }
    }
}
