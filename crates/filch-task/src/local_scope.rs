//! Children over borrowed data, within one task: [`local_scope`], [`try_local_scope`].
//!
//! The children are polled by the scope's own future, so they run concurrently, not in parallel, and end when that is
//! dropped. They may therefore borrow whatever the future may (design 0017). Nothing here is unsafe, nothing is spawned,
//! and no runtime is needed.
//!
//! The body is a member like the children; each is polled only when it was woken. Handles share the list of children that
//! the scope has not seen yet. The scope empties it, and closes it when it ends.

use crate::once::Once;
use filch_core::coop;
use filch_core::sys::sync::Mutex;
use filch_sync::oneshot;
use futures_core::Stream as _;
use futures_util::stream::FuturesUnordered;
use pin_project_lite::pin_project;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

/// Awaits `body`, which may spawn children that borrow from around the scope, until the children have ended as well.
///
/// The task that awaits polls them all, in turn: they do not run in parallel, and a child that blocks holds up the others.
/// In return they may borrow anything that lives longer than the scope, but not from the body itself, nor from each other.
/// Each is polled only when it was woken. A panic of one of them is the scope's, and drops the others.
///
/// Children are `Send`, so that the scope works inside `spawn`. For a few futures known by name there is `join!`, which
/// demands nothing; for children that run in parallel and own their data there is `TaskGroup`.
///
/// # Cancel safety
/// Dropping the scope drops the body and all children, with what they had done halfway.
///
/// # Panics
/// When the body or a child panics, or the scope is polled again after it had ended.
///
/// # Examples
/// A child cannot borrow from the body, which may end before it:
///
/// ```compile_fail,E0373
/// # use filch_task::local_scope;
/// # async fn example() {
/// local_scope(async |s| {
///     let local = String::from("of the body");
///     s.spawn(async { drop(&local) });
/// })
/// .await;
/// # }
/// ```
/// ```compile_fail,E0597
/// # use filch_task::local_scope;
/// # async fn example() {
/// local_scope(async |s| {
///     let local = String::from("of the body");
///     let borrowed = &local;
///     s.spawn(async move { drop(borrowed) });
/// })
/// .await;
/// # }
/// ```
#[must_use = "futures do nothing unless you `.await` or poll them"]
#[track_caller]
pub fn local_scope<'env, B, F, R>(body: B) -> impl Future<Output = R> + use<'env, B, F, R>
where
    B: FnOnce(LocalScope<'env>) -> F,
    F: Future<Output = R>,
{
    let scope = LocalScope::new();
    let newcomers = Arc::clone(&scope.0);
    Once::new("local_scope", output(Running::new(newcomers, infallible(body(scope)))))
}

async fn infallible<F: Future>(body: F) -> Result<F::Output, Infallible> {
    Ok(body.await)
}

// Why apart: with the closure's type in it, the future would be `Send` for one lifetime only, which `spawn` refuses.
async fn output<B, R>(running: Running<'_, B, R, Infallible>) -> R
where
    B: Future<Output = Result<R, Infallible>>,
{
    match running.await {
        Ok(result) => result,
        Err(never) => match never {},
    }
}

/// As [`local_scope`], and ends at the first `Err`: of the body, or of a child from [`try_spawn`](LocalScope::try_spawn).
///
/// The others are dropped before the error is given.
///
/// # Errors
/// The first that comes.
///
/// # Cancel safety
/// As [`local_scope`].
///
/// # Panics
/// As [`local_scope`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
#[track_caller]
pub fn try_local_scope<'env, B, F, R, E>(
    body: B,
) -> impl Future<Output = Result<R, E>> + use<'env, B, F, R, E>
where
    B: FnOnce(LocalScope<'env, E>) -> F,
    F: Future<Output = Result<R, E>>,
{
    let scope = LocalScope::new();
    let newcomers = Arc::clone(&scope.0);
    Once::new("try_local_scope", Running::new(newcomers, body(scope)))
}

/// Where children within one task are spawned. From [`local_scope`] and [`try_local_scope`]; cheap to clone.
pub struct LocalScope<'env, E = Infallible>(Arc<Mutex<Newcomers<'env, E>>>);

type BoxedChild<'env, E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send + 'env>>;

/// The children that the scope has not seen.
struct Newcomers<'env, E> {
    children: Vec<BoxedChild<'env, E>>,
    /// The scope's, while it is not in a poll.
    waker: Option<Waker>,
    is_closed: bool,
}

impl<'env, E> LocalScope<'env, E> {
    fn new() -> Self {
        let newcomers = Newcomers { children: Vec::new(), waker: None, is_closed: false };
        LocalScope(Arc::new(Mutex::new(newcomers)))
    }

    /// Adds a child. It runs whether or not the handle is kept.
    ///
    /// When the scope has ended, the child is dropped at once, and who awaits it is told.
    pub fn spawn<F>(&self, child: F) -> LocalChild<F::Output>
    where
        F: Future + Send + 'env,
        F::Output: Send + 'env,
    {
        let (sender, receiver) = oneshot::channel();
        self.add(Box::pin(async move {
            let _ = sender.send(child.await); // Not sent: nobody wants it.
            Ok(())
        }));
        LocalChild(receiver)
    }

    /// Adds a child whose `Err` ends the scope. Its handle gives what is in the `Ok`.
    pub fn try_spawn<F, T, X>(&self, child: F) -> LocalChild<T>
    where
        F: Future<Output = Result<T, X>> + Send + 'env,
        T: Send + 'env,
        X: Into<E>,
    {
        let (sender, receiver) = oneshot::channel();
        self.add(Box::pin(async move {
            let _ = sender.send(child.await.map_err(Into::into)?);
            Ok(())
        }));
        LocalChild(receiver)
    }

    fn add(&self, child: BoxedChild<'env, E>) {
        let mut newcomers = self.0.lock();
        if newcomers.is_closed {
            drop(newcomers); // Unlocked before the child is dropped.
            return;
        }
        newcomers.children.push(child);
        let waker = newcomers.waker.take();
        drop(newcomers);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<E> Clone for LocalScope<'_, E> {
    fn clone(&self) -> Self {
        LocalScope(Arc::clone(&self.0))
    }
}

impl<E> fmt::Debug for LocalScope<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalScope")
            .field("closed", &self.0.lock().is_closed)
            .finish_non_exhaustive()
    }
}

/// The right to the output of a child of a [`LocalScope`]. Dropped, it lets the child go on.
///
/// # Cancel safety
/// Awaiting by reference may be dropped and begun again; no output is lost.
///
/// # Panics
/// - Polled again after it gave the output.
/// - When the child was dropped before it was done, because its scope had ended or was dropped.
pub struct LocalChild<T>(oneshot::Receiver<T>);

impl<T> Future for LocalChild<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let output = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(output.unwrap_or_else(|_| {
            panic!(
                "this child of a local_scope was dropped before it was done, because its scope had ended or was dropped; \
                 spawn and await children inside of their scope"
            )
        }))
    }
}

impl<T> fmt::Debug for LocalChild<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalChild").finish_non_exhaustive()
    }
}

/// A scope at work.
struct Running<'env, B, R, E> {
    newcomers: Arc<Mutex<Newcomers<'env, E>>>,
    members: FuturesUnordered<Member<'env, B, E>>,
    result: Option<R>,
}

pin_project! {
    /// The body or a child.
    #[project = MemberState]
    enum Member<'env, B, E> {
        Body { #[pin] body: B },
        Child { child: BoxedChild<'env, E> },
    }
}

impl<B: Future<Output = Result<R, E>>, R, E> Future for Member<'_, B, E> {
    /// The body's result; `None` from a child.
    type Output = Result<Option<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            MemberState::Body { body } => body.poll(cx).map_ok(Some),
            MemberState::Child { child } => child.as_mut().poll(cx).map_ok(|()| None),
        }
    }
}

impl<'env, B: Future<Output = Result<R, E>>, R, E> Running<'env, B, R, E> {
    fn new(newcomers: Arc<Mutex<Newcomers<'env, E>>>, body: B) -> Self {
        let members = FuturesUnordered::new();
        members.push(Member::Body { body });
        Running { newcomers, members, result: None }
    }

    fn admit(&mut self) {
        let (children, waker) = {
            let mut newcomers = self.newcomers.lock();
            (mem::take(&mut newcomers.children), newcomers.waker.take())
        };
        drop(waker); // Who comes from here on, while the scope is in a poll, need not wake it.
        self.members.extend(children.into_iter().map(|child| Member::Child { child }));
    }

    /// Leaves `waker` for the next child. `false`: there is one already.
    fn rest(&self, waker: &Waker) -> bool {
        let waker = waker.clone(); // Unlocked, as its drop: a waker is foreign code.
        let mut newcomers = self.newcomers.lock();
        let is_quiet = newcomers.children.is_empty();
        let before = is_quiet.then(|| newcomers.waker.replace(waker));
        drop(newcomers);
        drop(before);
        is_quiet
    }

    /// Ends the scope, unless there is a new child. `false`: there is one.
    fn close_if_quiet(&self) -> bool {
        let mut newcomers = self.newcomers.lock();
        newcomers.is_closed = newcomers.children.is_empty();
        newcomers.is_closed
    }
}

impl<B, R, E> Running<'_, B, R, E> {
    /// Ends the scope: drops every member and the body's result, and takes no further ones.
    fn close(&mut self) {
        let left = {
            let mut newcomers = self.newcomers.lock();
            newcomers.is_closed = true;
            (mem::take(&mut newcomers.children), newcomers.waker.take(), self.result.take())
        };
        drop(left); // Unlocked: dropping a child may spawn another one.
        self.members.clear();
    }
}

// Why: the members are pinned where `FuturesUnordered` keeps them, and nothing else here is.
impl<B, R, E> Unpin for Running<'_, B, R, E> {}

impl<B: Future<Output = Result<R, E>>, R, E> Future for Running<'_, B, R, E> {
    type Output = Result<R, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            // Why a unit per round: children that spawn others without end would never let go of the thread.
            let unit = ready!(coop::poll_proceed(cx));
            this.admit();
            match Pin::new(&mut this.members).poll_next(cx) {
                Poll::Ready(Some(Ok(None))) => {}
                Poll::Ready(Some(Ok(result))) => this.result = result,
                Poll::Ready(Some(Err(error))) => {
                    this.close();
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(None) if this.close_if_quiet() => {
                    let result = this.result.take().expect("the body is a member, so it is done");
                    return Poll::Ready(Ok(result));
                }
                Poll::Pending if this.rest(cx.waker()) => return Poll::Pending,
                Poll::Ready(None) | Poll::Pending => {} // There are new ones.
            }
            unit.made_progress();
        }
    }
}

impl<B, R, E> Drop for Running<'_, B, R, E> {
    fn drop(&mut self) {
        self.close();
    }
}
