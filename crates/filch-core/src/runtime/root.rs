//! What a runtime answers for until its end: work that it has to await, panics that nobody looked at.
//!
//! Knows no task. One for each runtime, so what comes after its end is not taken for its successor's.

use super::RuntimeRef;
use crate::sys::sync::Mutex;
use crate::task::Id;
use crate::timer::TimerCell;
use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Of how many panics more than their number is kept.
const N_KEPT: usize = 16;

/// What a runtime answers for.
#[derive(Default)]
pub(crate) struct Root {
    /// Which of the shell's runtimes it is.
    pub(super) epoch: u64,
    awaited: Mutex<Awaited>,
    panics: Mutex<Panics>,
}

/// What the end has to wait for.
#[derive(Default)]
struct Awaited {
    /// Live tasks that were adopted or that the end has asked to end.
    n_tasks: usize,
    is_given_up: bool,
    /// The end's.
    waker: Option<Waker>,
}

#[derive(Default)]
struct Panics {
    n: usize,
    first: Vec<UnobservedPanic>,
}

impl Root {
    pub(super) fn new(epoch: u64) -> Self {
        Root { epoch, ..Root::default() }
    }

    /// The end has to wait for `n` more tasks, until [`let_go`](Self::let_go) was called for each.
    pub(crate) fn wait_for(&self, n: usize) {
        self.awaited.lock().n_tasks += n;
    }

    /// A task that is waited for has ended.
    pub(crate) fn let_go(&self) {
        let waker = {
            let mut awaited = self.awaited.lock();
            awaited.n_tasks -= 1;
            if awaited.n_tasks == 0 { awaited.waker.take() } else { None }
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn give_up(&self) {
        let waker = {
            let mut awaited = self.awaited.lock();
            awaited.is_given_up = true;
            awaited.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn poll_settled(&self, waker: &Waker) -> Poll<()> {
        let waker = waker.clone();
        let mut awaited = self.awaited.lock();
        if awaited.n_tasks == 0 || awaited.is_given_up {
            return Poll::Ready(());
        }
        let former = awaited.waker.replace(waker);
        drop(awaited);
        drop(former); // Unlocked: a foreign waker's drop is user code.
        Poll::Pending
    }

    /// The output of a task that panicked is dropped unseen.
    pub(crate) fn record(&self, panic: UnobservedPanic) {
        let mut panics = self.panics.lock();
        panics.n += 1;
        if panics.first.len() < N_KEPT {
            panics.first.push(panic);
        }
    }
}

/// What the end of a runtime waits for while everything still runs: tasks that were canceled and are not dropped, adopted
/// work. From [`Living::remains`](super::Living::remains).
#[derive(Clone)]
pub struct Remains {
    pub(super) runtime: RuntimeRef,
    pub(crate) root: Arc<Root>,
}

impl Remains {
    /// Whether there is nothing to wait for.
    pub fn is_settled(&self) -> bool {
        self.root.awaited.lock().n_tasks == 0
    }

    /// Waits until there is nothing to wait for, at most `grace` by the runtime's clock. One at a time.
    pub fn settled(&self, grace: Duration) -> impl Future<Output = ()> + Send + use<> {
        Settled { remains: self.clone(), grace, force: None }
    }

    /// Ends every wait, also those that begin later.
    pub fn give_up(&self) {
        self.root.give_up();
    }

    /// What has not ended. Nothing once the runtime has.
    pub fn unfinished(&self) -> Vec<Unfinished> {
        let shell = self.runtime.shell();
        self.runtime.access().map_or_else(Vec::new, |_inside| shell.registry().unfinished())
    }
}

impl fmt::Debug for Remains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remains").field("is_settled", &self.is_settled()).finish()
    }
}

struct Settled {
    remains: Remains,
    grace: Duration,
    /// Armed by the first poll.
    force: Option<Arc<TimerCell>>,
}

impl Settled {
    fn arm(&self, waker: &Waker) -> Option<Arc<TimerCell>> {
        let runtime = self.remains.runtime;
        let deadline = runtime.deadline_after(self.grace)?;
        let force = Arc::new(TimerCell::with_waker(deadline, waker.clone()));
        runtime.arm(Arc::clone(&force)).then_some(force)
    }
}

impl Future for Settled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.remains.root.poll_settled(cx.waker()).is_ready() {
            return Poll::Ready(());
        }
        let is_over = match &self.force {
            Some(force) => force.poll(cx.waker()).is_ready(),
            None => {
                self.force = self.arm(cx.waker());
                self.grace.is_zero()
            }
        };
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Settled {
    fn drop(&mut self) {
        self.force.take().into_iter().for_each(|force| force.cancel());
        let waker = mem::take(&mut self.remains.root.awaited.lock().waker);
        drop(waker);
    }
}

/// A task that did not end within the grace of its runtime's end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Unfinished {
    /// Which task it was.
    pub id: Id,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// Whether it is deferred or shielded work, which the end drops. Else it is in a poll and cannot be dropped.
    pub is_adopted: bool,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(self.id, self.name.as_deref(), self.spawned_at, f)
    }
}

/// The panics of a runtime's tasks that nobody has looked at: their output was dropped without a look.
///
/// A view that goes on being right, also after the runtime has ended. From
/// [`RuntimeRef::unobserved_panics`](super::RuntimeRef::unobserved_panics).
#[derive(Clone)]
pub struct UnobservedPanics(pub(super) Arc<Root>);

impl UnobservedPanics {
    /// How many there were so far.
    pub fn count(&self) -> usize {
        self.0.panics.lock().n
    }

    /// The first sixteen of them.
    pub fn first(&self) -> Vec<UnobservedPanic> {
        self.0.panics.lock().first.clone()
    }
}

impl fmt::Debug for UnobservedPanics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnobservedPanics").field("first", &self.first()).finish_non_exhaustive()
    }
}

/// A task panicked and nobody looked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UnobservedPanic {
    /// Which task it was.
    pub id: Id,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// What it panicked with, if that was text.
    pub message: Option<String>,
}

impl fmt::Display for UnobservedPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(self.id, self.name.as_deref(), self.spawned_at, f)?;
        match &self.message {
            Some(message) => write!(f, " panicked with message {message:?}"),
            None => write!(f, " panicked"),
        }
    }
}

fn describe(
    id: Id,
    name: Option<&str>,
    place: &Location<'_>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    match name {
        Some(name) => write!(f, "task {id} {name:?} ({place})"),
        None => write!(f, "task {id} ({place})"),
    }
}
