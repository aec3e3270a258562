//! What few tasks have: a name, a request that they end, scopes opened inside of them.
//!
//! One word in the header, null for most tasks. Whoever first needs more installs it; it is freed with the task.

use crate::scope::{Reason, Request, Scope, Urgency};
use crate::sys::sync::Mutex;
use crate::sys::sync::atomic::AtomicPtr;
use crate::sys::sync::atomic::Ordering::{AcqRel, Acquire};
use crate::timer::TimerCell;
use std::fmt;
use std::mem;
use std::ptr;
use std::sync::{Arc, Weak};

/// Null, or what few tasks have. Owned by the header.
pub(super) struct ColdWord(AtomicPtr<Cold>);

/// What few tasks have.
#[derive(Default)]
pub(crate) struct Cold {
    /// Written before the task is shared.
    name: Option<Box<str>>,
    request: Request,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Scopes opened in the task outside of all others. Those that have ended are swept when the list has doubled.
    inside: Vec<Weak<dyn Scope>>,
    n_swept: usize,
    /// Aborts the task when its grace is over.
    force: Option<Arc<TimerCell>>,
    /// The task's future is dropped.
    has_ended: bool,
}

impl ColdWord {
    pub(super) fn new(name: Option<Box<str>>) -> Self {
        let cold = name.map(|name| Box::new(Cold { name: Some(name), ..Cold::default() }));
        ColdWord(AtomicPtr::new(cold.map_or(ptr::null_mut(), Box::into_raw)))
    }

    /// What is there, if anything.
    #[inline]
    pub(super) fn get(&self) -> Option<&Cold> {
        // SAFETY: null or a box that was installed, which is freed with this word.
        // ORDERING: [cold] Acquire pairs with the exchange in `get_or_install`.
        unsafe { self.0.load(Acquire).as_ref() }
    }

    /// What is there, empty if nobody needed it before.
    #[cold]
    pub(super) fn get_or_install(&self) -> &Cold {
        if let Some(cold) = self.get() {
            return cold;
        }
        let made = Box::into_raw(Box::<Cold>::default());
        // ORDERING: [cold] Release publishes what was made; Acquire for what another one has made.
        match self.0.compare_exchange(ptr::null_mut(), made, AcqRel, Acquire) {
            // SAFETY: installed, so freed with this word only.
            Ok(_) => unsafe { &*made },
            Err(installed) => {
                // SAFETY: from a box, and nobody else knows it.
                drop(unsafe { Box::from_raw(made) });
                // SAFETY: not null, or the exchange had succeeded; freed with this word only.
                unsafe { &*installed }
            }
        }
    }
}

impl Drop for ColdWord {
    fn drop(&mut self) {
        // ORDERING: [cold] Acquire, as in `get`.
        let cold = self.0.load(Acquire);
        if !cold.is_null() {
            // SAFETY: from a box, and the word's last owner is here.
            drop(unsafe { Box::from_raw(cold) });
        }
    }
}

impl Cold {
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether the task was asked to end, and why.
    pub(crate) fn request(&self) -> &Request {
        &self.request
    }

    /// Makes a scope known that was opened in the task outside of all others. It is told at once of a request that was
    /// made before.
    pub(super) fn keep(&self, scope: &Arc<dyn Scope>) {
        {
            let mut kept = self.kept.lock();
            if kept.inside.len() >= 2 * kept.n_swept.max(4) {
                kept.inside.retain(|scope| scope.strong_count() != 0);
                kept.n_swept = kept.inside.len();
            }
            kept.inside.push(Arc::downgrade(scope));
        }
        // Why after: `notify` makes the request, then looks at the list under the lock. So it finds the scope, or this
        // finds the request.
        if self.request.is_made() {
            scope.cancel(&self.request.reason().unwrap_or_default(), Urgency::Notice);
        }
    }

    /// Tells the task and the scopes inside that they should end, and lets all go on.
    pub(super) fn notify(&self, reason: &Reason) {
        if !self.request.make(reason, Urgency::Notice) {
            return;
        }
        let inside: Vec<_> = self.kept.lock().inside.iter().filter_map(Weak::upgrade).collect();
        inside.iter().for_each(|scope| scope.cancel(reason, Urgency::Notice));
    }

    /// Has `force` end the task, which is not armed yet, unless the task has ended or something sooner will. `true`: it
    /// must be armed.
    pub(super) fn set_force(&self, force: &Arc<TimerCell>) -> bool {
        let later = {
            let mut kept = self.kept.lock();
            let is_sooner = kept.force.as_ref().is_none_or(|old| force.deadline() < old.deadline());
            if kept.has_ended || !is_sooner {
                return false;
            }
            kept.force.replace(Arc::clone(force))
        };
        // Unlocked: dropping its waker may free a task.
        later.into_iter().for_each(|later| later.cancel());
        true
    }

    /// As [`set_force`](Self::set_force), for a model to reject: it looks, lets go, and acts.
    #[cfg(all(test, filch_loom))]
    pub(super) fn set_force_in_two_steps(&self, force: &Arc<TimerCell>) -> bool {
        if self.kept.lock().has_ended {
            return false;
        }
        self.kept.lock().force = Some(Arc::clone(force));
        true
    }

    /// The task's future is dropped: nothing needs to be forced, nobody inside can be told any more.
    #[cold]
    pub(super) fn end(&self) {
        let kept =
            mem::replace(&mut *self.kept.lock(), Kept { has_ended: true, ..Kept::default() });
        kept.force.into_iter().for_each(|force| force.cancel());
    }
}

impl fmt::Debug for ColdWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ColdWord").field(&self.get().map(Cold::request)).finish()
    }
}
