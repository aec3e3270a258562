//! What the handles of a scope and its run share.

use crate::deadline::comes;
use filch_core::scope::{Reason, Request, Scope, Urgency};
use filch_core::sys::sync::Mutex;
use filch_timer::{Duration, ELAPSED, Instant};
use std::any::Any;
use std::mem;
use std::task::{Context, Poll, Waker};
use std::time;

/// A scope: what it was asked for, and what it plans.
pub(super) struct State {
    request: Request,
    plan: Mutex<Plan>,
}

struct Plan {
    stage: Stage,
    is_shield: bool,
    deadline: Option<Instant>,
    /// How long those have who were told. Taken by the run, whose clock counts.
    grace: Option<Duration>,
    grace_ends: Option<Instant>,
    /// Something further out ends what is inside.
    is_ended_outside: bool,
    /// Who awaits the run. Taken by whoever wakes it; each poll leaves it again.
    runner: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Fresh,
    Runs,
    Ended,
}

impl State {
    pub(super) fn new(deadline: Option<Instant>) -> Self {
        let plan = Plan {
            stage: Stage::Fresh,
            is_shield: false,
            deadline,
            grace: None,
            grace_ends: None,
            is_ended_outside: false,
            runner: None,
        };
        State { request: Request::new(), plan: Mutex::new(plan) }
    }

    /// `false`: it has been run.
    pub(super) fn set_shield(&self, is_shield: bool) -> bool {
        let mut plan = self.plan.lock();
        plan.is_shield = is_shield;
        plan.stage == Stage::Fresh
    }

    /// `false`: it has been run before.
    pub(super) fn begin(&self) -> bool {
        let mut plan = self.plan.lock();
        let is_first = plan.stage == Stage::Fresh;
        if is_first {
            plan.stage = Stage::Runs;
        }
        is_first
    }

    /// The run is over: done, ended or dropped.
    pub(super) fn end(&self) {
        let mut plan = self.plan.lock();
        plan.stage = Stage::Ended;
        let runner = plan.runner.take();
        drop(plan);
        drop(runner); // Unlocked: a foreign waker's drop is user code.
    }

    pub(super) fn cancel(&self, reason: &Reason, grace: Option<Duration>) {
        let urgency = match grace {
            None => Urgency::Now,
            Some(grace) => {
                let mut plan = self.plan.lock();
                plan.grace = plan.grace.into_iter().chain([grace]).min();
                Urgency::Notice
            }
        };
        self.request.make(reason, urgency);
        self.wake_runner();
    }

    pub(super) fn set_deadline(&self, deadline: Option<Instant>) {
        let former = mem::replace(&mut self.plan.lock().deadline, deadline);
        // Why not for a later one: the run finds it when the former deadline comes. So each message may move an idle
        // connection's deadline at the price of a store.
        if deadline.is_some_and(|deadline| former.is_none_or(|former| deadline < former)) {
            self.wake_runner();
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.plan.lock().deadline
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.request.is_made()
    }

    pub(super) fn is_urgent(&self) -> bool {
        self.request.is_urgent()
    }

    pub(super) fn reason(&self) -> Option<Reason> {
        self.request.reason()
    }

    pub(super) fn is_ended_outside(&self) -> bool {
        self.plan.lock().is_ended_outside
    }

    /// Run: when it is to end by itself. Whoever makes that earlier, or asks it to end, after this look wakes `waker`.
    pub(super) fn look(&self, waker: &Waker) -> Option<Instant> {
        self.set_runner(waker);
        let mut plan = self.plan.lock();
        if let Some(grace) = plan.grace.take() {
            drop(plan);
            let ends = Instant::now() + grace; // Unlocked: a clock may be foreign code.
            plan = self.plan.lock();
            plan.grace_ends = plan.grace_ends.into_iter().chain([ends]).min();
        }
        plan.ends_at()
    }

    /// Run: the time `at` of its last look has come. `false`: the plan was changed meanwhile.
    pub(super) fn elapse(&self, at: Instant) -> bool {
        let has_come = self.plan.lock().ends_at() == Some(at);
        if has_come {
            self.request.make(&ELAPSED, Urgency::Now);
        }
        has_come
    }

    fn set_runner(&self, waker: &Waker) {
        if self.plan.lock().runner.as_ref().is_some_and(|runner| runner.will_wake(waker)) {
            return;
        }
        let runner = Some(waker.clone());
        let former = mem::replace(&mut self.plan.lock().runner, runner);
        drop(former); // Unlocked, as is the clone: a foreign waker is user code.
    }

    fn wake_runner(&self) {
        let runner = self.plan.lock().runner.take();
        runner.into_iter().for_each(Waker::wake);
    }
}

impl Plan {
    fn ends_at(&self) -> Option<Instant> {
        self.deadline.into_iter().chain(self.grace_ends).min().filter(comes)
    }

    fn is_in_reach(&self) -> bool {
        self.stage == Stage::Runs && !self.is_shield
    }
}

/// As it is seen from inside, and from further out.
///
/// It has no task of its own, so nothing of it is awaited. What ends it at once knows what was opened inside of it, and ends
/// that as well; a notice is handed on by the run.
impl Scope for State {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn deadline(&self) -> Option<time::Instant> {
        self.plan.lock().ends_at().map(Instant::into_std)
    }

    fn request(&self) -> &Request {
        &self.request
    }

    fn cancel(&self, reason: &Reason, urgency: Urgency) {
        let mut plan = self.plan.lock();
        if !plan.is_in_reach() {
            return;
        }
        plan.is_ended_outside |= urgency == Urgency::Now;
        drop(plan);
        if self.request.make(reason, urgency) {
            self.wake_runner();
        }
    }

    fn poll_ended(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn is_shield(&self) -> bool {
        let plan = self.plan.lock();
        plan.stage == Stage::Runs && plan.is_shield
    }
}
