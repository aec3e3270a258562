//! What surrounds the poll in progress: frames on this thread's stack.

use super::surroundings::Link;
use super::{Fact, Reason, Scope, Surroundings, Urgency};
use crate::context;
use crate::task::Header;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::ptr::NonNull;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

/// What a future that surrounds another one keeps of the scopes inside of it. One word; empty until it is needed.
///
/// It belongs to the future, which puts it on the chain for the time of each poll of what is inside.
#[derive(Default)]
pub struct Frame(Cell<Option<Box<Kept>>>);

#[derive(Default)]
struct Kept {
    /// The scopes opened inside. Those that have ended are swept when the list has doubled.
    inside: RefCell<Vec<Weak<dyn Scope>>>,
    swept: Cell<usize>,
    /// What is spawned inside inherits.
    surroundings: RefCell<Option<Surroundings>>,
}

/// A frame on the stack of polls.
pub(crate) struct Entered {
    frame: *const Frame,
    fact: Option<*const Fact>,
    above: Option<NonNull<Entered>>,
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
    pub fn enter<R>(&self, fact: Option<&Fact>, poll: impl FnOnce() -> R) -> R {
        let entered = Entered {
            frame: self,
            fact: fact.map(std::ptr::from_ref),
            above: context::entered_frame(),
            task: context::polled_task(),
        };
        let _restore = Restore(context::replace_entered_frame(Some(NonNull::from(&entered))));
        poll()
    }

    /// Whether a scope inside goes on although it is asked to end; then what is inside must be polled further.
    pub fn has_shield(&self) -> bool {
        self.living().iter().any(|scope| scope.is_shield())
    }

    /// Asks every scope inside to end.
    pub fn cancel_inside(&self, reason: &Reason, urgency: Urgency) {
        for scope in self.living() {
            scope.cancel(reason, urgency);
        }
    }

    /// Ends every scope inside. `Ready`: no task of theirs is left, so that a drop of what is inside waits for nothing.
    pub fn poll_end_inside(&self, reason: &Reason, cx: &mut Context<'_>) -> Poll<()> {
        let mut is_pending = false;
        for scope in self.living() {
            scope.cancel(reason, Urgency::Now);
            is_pending |= scope.poll_ended(cx).is_pending();
        }
        if is_pending { Poll::Pending } else { Poll::Ready(()) }
    }

    /// The scopes inside that are not dropped.
    fn living(&self) -> Vec<Arc<dyn Scope>> {
        self.look(|kept| kept.inside.borrow().iter().filter_map(Weak::upgrade).collect())
            .unwrap_or_default()
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

    fn keep(&self, scope: &Arc<dyn Scope>) {
        self.look_or_make(|kept| {
            let mut inside = kept.inside.borrow_mut();
            if inside.len() >= 2 * kept.swept.get().max(4) {
                inside.retain(|scope| scope.strong_count() != 0);
                kept.swept.set(inside.len());
            }
            inside.push(Arc::downgrade(scope));
        });
    }
}

/// Makes the scope known to what surrounds the poll in progress within its task, up to the closest shield.
pub fn register(scope: &Arc<dyn Scope>) {
    for_each_entered(|entered| {
        // SAFETY: on the chain of this thread, so `enter` is up the stack and borrows the frame.
        unsafe { &*entered.frame }.keep(scope);
        // SAFETY: as above, for the fact.
        let fact = entered.fact.map(|fact| unsafe { &*fact });
        !matches!(fact, Some(Fact::Scope(around)) if around.is_shield())
    });
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
    of(innermost())
}

fn innermost() -> Option<NonNull<Entered>> {
    let task = context::polled_task();
    // SAFETY: on the chain of this thread, so `enter` is up the stack and owns it.
    context::entered_frame().filter(|entered| unsafe { entered.as_ref() }.task == task)
}

fn of(entered: Option<NonNull<Entered>>) -> Surroundings {
    // SAFETY: as in `innermost`.
    let Some(entered) = entered.map(|entered| unsafe { entered.as_ref() }) else {
        return context::inherited();
    };
    // SAFETY: `enter` borrows both for as long as the frame is on the chain.
    let (frame, fact) = unsafe { (&*entered.frame, entered.fact.map(|fact| &*fact)) };
    let Some(fact) = fact else { return of(entered.outer()) };
    if let Some(known) = frame.look(|kept| kept.surroundings.borrow().clone()).flatten() {
        return known;
    }
    let made = Surroundings::new(Link { fact: fact.clone(), outer: of(entered.outer()) });
    frame.look_or_make(|kept| *kept.surroundings.borrow_mut() = Some(made.clone()));
    made
}

impl Entered {
    /// The next frame of the same task.
    fn outer(&self) -> Option<NonNull<Entered>> {
        // SAFETY: further up the stack than this one.
        self.above.filter(|above| unsafe { above.as_ref() }.task == self.task)
    }
}

/// From the innermost frame of the task in a poll outwards, until `f` says `false`.
fn for_each_entered(mut f: impl FnMut(&Entered) -> bool) {
    let mut next = innermost();
    while let Some(entered) = next {
        // SAFETY: as in `innermost`.
        let entered = unsafe { entered.as_ref() };
        if !f(entered) {
            return;
        }
        next = entered.outer();
    }
}

/// The earliest deadline among the frames of the task in a poll.
pub(super) fn deadline_of_frames() -> Option<std::time::Instant> {
    let mut earliest = None;
    for_each_entered(|entered| {
        // SAFETY: `enter` borrows it for as long as the frame is on the chain.
        let deadline = entered.fact.and_then(|fact| unsafe { &*fact }.deadline());
        earliest = earliest.into_iter().chain(deadline).min();
        true
    });
    earliest
}

struct Restore(Option<NonNull<Entered>>);

impl Drop for Restore {
    fn drop(&mut self) {
        context::replace_entered_frame(self.0);
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").field("n_inside", &self.living().len()).finish()
    }
}
