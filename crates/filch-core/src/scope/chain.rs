//! What surrounds the poll in progress: frames on this thread's stack.

use super::surroundings::Link;
use super::{Fact, Reason, Scope, Surroundings, Urgency};
use crate::context;
use crate::sys::sync::Mutex;
use crate::task::Header;
use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::ptr::NonNull;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Instant;

/// What a future that surrounds another one keeps of the scopes inside of it. One word; empty until it is needed.
///
/// It belongs to the future, which puts it on the chain for the time of each poll of what is inside.
#[derive(Default)]
pub struct Frame(Cell<Option<Box<Kept>>>);

// SAFETY: by a shared reference nothing in it can be reached; what is inside of a poll reaches it by the chain, on the
// thread of `enter`, which has it to itself.
unsafe impl Sync for Frame {}

#[derive(Default)]
struct Kept {
    inside: OnceCell<Arc<Inside>>,
    /// What is spawned inside inherits.
    surroundings: RefCell<Option<Surroundings>>,
}

/// The scopes opened inside of a frame, and inside of the frames inside.
// Why a tree: if each frame kept all scopes itself, as many in each other would take memory by the square.
// Why a lock: a future may be moved out of what surrounds it, which then looks while another thread polls the future.
#[derive(Default)]
struct Inside(Mutex<Opened>);

#[derive(Default)]
struct Opened {
    /// What has ended is swept when the list has doubled.
    list: Vec<Entry>,
    n_swept: usize,
    /// The next frame further out, if it keeps this.
    known_to: Weak<Inside>,
}

enum Entry {
    Scope(Weak<dyn Scope>),
    Frame(Weak<Inside>),
}

/// A frame on the stack of polls.
pub(crate) struct Entered {
    frame: *const Frame,
    fact: Option<*const Fact>,
    above: Above,
}

/// What is above a frame.
#[derive(Clone, Copy)]
struct Above {
    frame: Option<NonNull<Entered>>,
    /// Whose poll it is in.
    task: Option<NonNull<Header>>,
}

impl Frame {
    /// An empty one.
    pub const fn new() -> Self {
        Frame(Cell::new(None))
    }

    /// Polls what is inside, with this frame on the chain. `fact` is what the frame adds to the surroundings: always the
    /// same one.
    #[inline]
    pub fn enter<R>(&mut self, fact: Option<&Fact>, poll: impl FnOnce() -> R) -> R {
        let entered = self.entered(fact);
        let _restore = Restore(context::replace_entered_frame(Some(NonNull::from(&entered))));
        poll()
    }

    // Why not a part of `enter`: that is compiled for each type of what is inside.
    #[inline]
    fn entered(&mut self, fact: Option<&Fact>) -> Entered {
        let above = Above { frame: context::entered_frame(), task: context::polled_task() };
        // Why on each poll: the future may have been moved out of what surrounded it, into something else.
        if let Some(kept) = self.0.get_mut() {
            kept.make_known(fact, above);
        }
        Entered { frame: std::ptr::from_mut(self), fact: fact.map(std::ptr::from_ref), above }
    }

    /// Whether a scope inside goes on although it is asked to end; then what is inside must be polled further.
    pub fn has_shield(&mut self) -> bool {
        self.living().iter().any(|scope| scope.is_shield())
    }

    /// Brings what is inside to an end: `poll` is not called any more, but for what is shielded inside, and once for a scope
    /// that has something to report. When it is `Ready`, nothing that was opened inside has a task left, so that a drop of
    /// what is inside waits for nothing.
    ///
    /// `Ready(Some(..))`: it was done before that.
    pub fn poll_end<R>(
        &mut self,
        fact: Option<&Fact>,
        reason: &Reason,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<Option<R>> {
        let is_shielded = self.has_shield();
        if is_shielded {
            self.cancel_inside(reason, Urgency::Now);
        } else {
            ready!(self.poll_end_inside(reason, cx));
            if !self.has_report() {
                return Poll::Ready(None);
            }
        }
        if let Poll::Ready(output) = self.enter(fact, || poll(cx)) {
            return Poll::Ready(Some(output));
        }
        if self.has_shield() {
            return Poll::Pending;
        }
        ready!(self.poll_end_inside(reason, cx));
        if is_shielded && self.has_report() {
            cx.waker().wake_by_ref(); // It may have come after the poll.
            return Poll::Pending;
        }
        Poll::Ready(None)
    }

    /// Whether a scope inside has failed, and whoever awaits it would get to know by one more poll.
    fn has_report(&self) -> bool {
        self.living().iter().any(|scope| scope.has_report())
    }

    /// Asks every scope inside to end.
    pub fn cancel_inside(&mut self, reason: &Reason, urgency: Urgency) {
        for scope in self.living() {
            scope.cancel(reason, urgency);
        }
    }

    /// Ends every scope inside. `Ready`: no task of theirs is left, so that a drop of what is inside waits for nothing.
    pub fn poll_end_inside(&mut self, reason: &Reason, cx: &mut Context<'_>) -> Poll<()> {
        let mut is_pending = false;
        for scope in self.living() {
            scope.cancel(reason, Urgency::Now);
            is_pending |= scope.poll_ended(cx).is_pending();
        }
        if is_pending { Poll::Pending } else { Poll::Ready(()) }
    }

    /// The scopes inside that are not dropped.
    fn living(&self) -> Vec<Arc<dyn Scope>> {
        let inside = self.look(|kept| kept.inside.get().cloned()).flatten();
        inside.map(|inside| inside.living()).unwrap_or_default()
    }

    #[cfg(all(test, not(filch_loom)))]
    pub(super) fn n_kept(&self) -> usize {
        self.look(|kept| kept.inside.get().map_or(0, |inside| inside.0.lock().list.len()))
            .unwrap_or(0)
    }

    /// Looks at what is kept, if anything. `f` calls no foreign code.
    fn look<R>(&self, f: impl FnOnce(&Kept) -> R) -> Option<R> {
        let kept = self.0.take()?;
        let result = f(&kept);
        self.0.set(Some(kept));
        Some(result)
    }

    fn look_or_make<R>(&self, f: impl FnOnce(&Kept) -> R) -> R {
        let kept = self.0.take().unwrap_or_default();
        let result = f(&kept);
        self.0.set(Some(kept));
        result
    }

    /// What it keeps, and whether it kept anything before.
    fn inside(&self) -> (Arc<Inside>, bool) {
        self.look_or_make(|kept| {
            let was_there = kept.inside.get().is_some();
            (Arc::clone(kept.inside.get_or_init(Arc::default)), was_there)
        })
    }
}

impl Kept {
    /// Has what is above know what is inside. `fact` is the frame's.
    #[cold]
    fn make_known(&self, fact: Option<&Fact>, above: Above) {
        if let Some(inside) = self.inside.get() {
            make_known(Arc::clone(inside), fact, above);
        }
    }
}

/// Has the frames above know what is inside of a frame with that `fact`, up to the closest shield.
fn make_known(mut inside: Arc<Inside>, mut fact: Option<&Fact>, mut above: Above) {
    while let Some(outer) = above.of_the_same_task() {
        if fact.is_some_and(Fact::is_shield) {
            return;
        }
        let (around, was_there) = outer.frame().inside();
        if !inside.is_new_to(&around) {
            return;
        }
        around.add(Entry::Frame(Arc::downgrade(&inside)));
        if was_there {
            return; // It was made known further out when it was made, or when this poll of it began.
        }
        (inside, fact, above) = (around, outer.fact(), outer.above);
    }
}

impl Inside {
    fn add(&self, entry: Entry) {
        let mut opened = self.0.lock();
        if opened.list.len() >= 2 * opened.n_swept.max(4) {
            opened.list.retain(Entry::is_alive);
            opened.n_swept = opened.list.len();
        }
        opened.list.push(entry);
    }

    /// Notes that `around` keeps this. `false`: it did before.
    fn is_new_to(&self, around: &Arc<Inside>) -> bool {
        let mut opened = self.0.lock();
        let is_new = opened.known_to.as_ptr() != Arc::as_ptr(around);
        if is_new {
            opened.known_to = Arc::downgrade(around);
        }
        is_new
    }

    fn living(self: Arc<Self>) -> Vec<Arc<dyn Scope>> {
        let mut scopes = Vec::new();
        let mut frames = vec![self];
        while let Some(frame) = frames.pop() {
            for entry in &frame.0.lock().list {
                match entry {
                    Entry::Scope(scope) => scopes.extend(scope.upgrade()),
                    Entry::Frame(inside) => frames.extend(inside.upgrade()),
                }
            }
        }
        scopes
    }
}

impl Entry {
    fn is_alive(&self) -> bool {
        match self {
            Entry::Scope(scope) => scope.strong_count() != 0,
            Entry::Frame(inside) => inside.strong_count() != 0,
        }
    }
}

/// Makes the scope known to what surrounds the poll in progress within its task, up to the closest shield; to the task
/// itself when no other scope is in between, which would hand its requests on.
pub fn register(scope: &Arc<dyn Scope>) {
    if let Some(entered) = innermost() {
        // SAFETY: on the chain of this thread, so `enter` is up the stack and owns it.
        let entered = unsafe { entered.as_ref() };
        let (inside, was_there) = entered.frame().inside();
        inside.add(Entry::Scope(Arc::downgrade(scope)));
        if !was_there {
            make_known(inside, entered.fact(), entered.above);
        }
    }
    let mut is_outermost = true;
    for_each_in_reach(|entered| {
        is_outermost = !matches!(entered.fact(), Some(Fact::Scope(_)));
        is_outermost
    });
    if is_outermost {
        context::keep_in_task(scope);
    }
}

/// Whether something around the poll in progress shields it from what its task is asked for.
pub fn is_shielded() -> bool {
    for_each_in_reach(|_| true)
}

/// Whether something further out in the task in a poll, up to the closest shield, has a deadline that is not later than
/// `at`. When that time has come, the one further out reports, and what is inside of it waits for its end.
pub fn is_due_outside(at: Instant) -> bool {
    deadline_of_frames().0.is_some_and(|outer| outer <= at)
}

/// Whether nothing that adds a fact is closer around the poll in progress than `scope`. As
/// [`current`](super::current)`().facts().next()`, without a count.
pub fn is_innermost(scope: &dyn Scope) -> bool {
    let is_scope = |fact: &Fact| match fact {
        Fact::Scope(other) => std::ptr::addr_eq(Arc::as_ptr(other), scope),
        _ => false,
    };
    match facts().next() {
        Some((_, fact)) => is_scope(fact),
        None => context::with_inherited(|own| own.facts().next().is_some_and(is_scope)),
    }
}

/// Whether the poll in progress is surrounded by `scope`, in its own task or as what the task inherited.
pub fn is_inside(scope: &dyn Scope) -> bool {
    let scope = std::ptr::from_ref(scope).cast::<()>();
    super::current().facts().any(|fact| match fact {
        Fact::Scope(other) => std::ptr::eq(Arc::as_ptr(other).cast::<()>(), scope),
        _ => false,
    })
}

/// What is spawned by the poll in progress inherits.
pub(super) fn surroundings() -> Surroundings {
    kept_surroundings().unwrap_or_else(|| {
        let frames: Vec<_> = facts().collect();
        frames.into_iter().rev().fold(context::inherited(), |outer, (frame, fact)| {
            let kept = frame.look(|kept| kept.surroundings.borrow().clone()).flatten();
            if let Some(kept) = kept.filter(|kept| kept.is_right_inside(&outer)) {
                return kept;
            }
            let made = Surroundings::new(Link { fact: fact.clone(), outer });
            let stale =
                frame.look_or_make(|kept| kept.surroundings.borrow_mut().replace(made.clone()));
            drop(stale); // Here and not in there, for the last holder of a context value drops it.
            made
        })
    })
}

/// What the innermost frame keeps for those that inherit, if it is still right: a future may have been moved out of what
/// surrounded it, into something else.
fn kept_surroundings() -> Option<Surroundings> {
    let mut frames = facts();
    let innermost = frames.next()?.0.look(|kept| kept.surroundings.borrow().clone()).flatten()?;
    let mut inner = &innermost;
    for (frame, _) in frames {
        let outer = inner.outer()?;
        let is_kept =
            |kept: &Kept| kept.surroundings.borrow().as_ref().is_some_and(|own| own.is(outer));
        if !frame.look(is_kept)? {
            return None;
        }
        inner = outer;
    }
    context::with_inherited(|inherited| inner.is_right_inside(inherited)).then_some(innermost)
}

/// The frames around the poll in progress that add a fact, from the innermost to the outermost of the task.
fn facts<'a>() -> impl Iterator<Item = (&'a Frame, &'a Fact)> {
    // SAFETY: on the chain of this thread, so `enter` is up the stack and owns it; used while that lasts.
    let first = innermost().map(|entered| unsafe { entered.as_ref() });
    let frames =
        std::iter::successors(first, |entered: &&Entered| entered.above.of_the_same_task());
    frames.filter_map(|entered| Some((entered.frame(), entered.fact()?)))
}

fn innermost() -> Option<NonNull<Entered>> {
    let above = Above { frame: context::entered_frame(), task: context::polled_task() };
    above.of_the_same_task().map(NonNull::from)
}

impl Entered {
    fn fact(&self) -> Option<&Fact> {
        // SAFETY: `enter` borrows it for as long as the frame is on the chain, which is as long as `self` lives.
        self.fact.map(|fact| unsafe { &*fact })
    }

    fn frame(&self) -> &Frame {
        // SAFETY: as in `fact`; whoever is on the chain is on this thread.
        unsafe { &*self.frame }
    }

    /// The next frame of the same task.
    fn outer(&self) -> Option<NonNull<Entered>> {
        self.above.of_the_same_task().map(NonNull::from)
    }
}

impl Above {
    fn of_the_same_task<'a>(self) -> Option<&'a Entered> {
        // SAFETY: on the chain of this thread, so `enter` is up the stack and owns it; used while that lasts.
        let entered = self.frame.map(|entered| unsafe { entered.as_ref() });
        entered.filter(|entered| entered.above.task == self.task)
    }
}

/// From the innermost frame of the task in a poll outwards, up to the closest shield, until `f` says `false`. `true`: it
/// came to a shield.
fn for_each_in_reach(mut f: impl FnMut(&Entered) -> bool) -> bool {
    let mut next = innermost();
    while let Some(entered) = next {
        // SAFETY: as in `innermost`.
        let entered = unsafe { entered.as_ref() };
        let goes_on = f(entered);
        if !goes_on || entered.fact().is_some_and(Fact::is_shield) {
            return goes_on;
        }
        next = entered.outer();
    }
    false
}

/// The earliest deadline among the frames of the task in a poll, up to the closest shield; and whether there is one.
pub(super) fn deadline_of_frames() -> (Option<Instant>, bool) {
    let mut earliest = None;
    let is_shielded = for_each_in_reach(|entered| {
        let deadline = entered.fact().and_then(Fact::deadline);
        earliest = earliest.into_iter().chain(deadline).min();
        true
    });
    (earliest, is_shielded)
}

struct Restore(Option<NonNull<Entered>>);

impl Drop for Restore {
    fn drop(&mut self) {
        context::replace_entered_frame(self.0);
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").finish_non_exhaustive()
    }
}
