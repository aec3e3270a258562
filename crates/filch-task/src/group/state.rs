//! What every group is, whatever its members give: who lives, and whether it is to end.
//!
//! A member is counted from its spawn until its future is dropped and its output stored. Handles to members are kept to
//! wake them, and to drop them in place; those of members that have ended are swept out when the list has doubled, so that
//! a long-lived group stays as large as what lives in it.

use super::count::{Arrivals, Count, Gone};
use super::member::{Member, Report, contain};
use crossbeam_utils::CachePadded;
use filch_core::context;
use filch_core::scope::{self, Fact, Reason, Request, Scope, Surroundings, Urgency};
use filch_core::sys::sync::{Mutex, MutexGuard};
use filch_core::sys::thread::{self, Thread};
use filch_core::task::{AbortHandle, Id, JoinHandle, Prepared, Spawn};
use filch_sync::Notify;
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::Location;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Members that have ended are not looked for in lists shorter than this.
const SWEPT_FROM: usize = 32;

/// A group without the types of its members and their errors.
pub(crate) struct Group {
    /// Apart from the state: every member looks at it on every poll.
    request: CachePadded<Request>,
    members: Count,
    state: Mutex<State>,
    /// Told whenever the last member has ended, and when the group has.
    emptied: Notify,
    deadline: Option<Instant>,
    name: Option<Box<str>>,
    opened_at: &'static Location<'static>,
    /// What its kind needs to know about it.
    kind: Box<dyn Any + Send + Sync>,
}

struct State {
    phase: Phase,
    arrivals: Arrivals,
    /// Somebody waits for the end of the group, not only for a moment without members.
    is_end_awaited: bool,
    n_adopted: usize,
    /// Members that live, and some that have ended.
    handles: Vec<AbortHandle>,
    sweep_at: usize,
    /// Who awaits the scope, and who ends it from further out. Not one slot for both: their wakers may differ, and whoever
    /// awaits must hear of the end as well.
    owner: Option<Waker>,
    ender: Option<Waker>,
    /// A thread that drops the scope and waits for members in a poll.
    dropper: Option<Thread>,
    /// Who awaits what is left of a scope that was dropped.
    heir: Option<Arc<dyn Scope>>,
    /// How long members have from the owner's next look on.
    grace: Option<Duration>,
    /// What ended the group early, if anything did.
    end: Option<End>,
    /// In which task the scope was polled last.
    owner_task: Option<Id>,
    /// Something failed, and whoever awaits the scope has not heard of it.
    has_failures: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Members may come.
    Open,
    /// Whoever comes is canceled at once.
    Closed,
    /// As closed; the scope is gone, and what is left is somebody else's to await.
    Dropped,
    /// Nobody lives in it.
    Ended,
}

impl Phase {
    /// Whether somebody awaits the members, through the scope.
    fn is_awaited(self) -> bool {
        matches!(self, Phase::Open | Phase::Closed)
    }
}

/// What ended a group early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A member or the body failed.
    Failed,
    /// The deadline has passed.
    Elapsed,
    /// Somebody asked for it.
    Asked,
}

/// How a group is made.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) name: Option<Box<str>>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) opened_at: &'static Location<'static>,
}

/// There is no member to come: the group has ended.
pub(crate) struct Ended;

impl Group {
    /// `kind` is what [`kind`](Self::kind) gives.
    pub(crate) fn open(opening: Opening, kind: Box<dyn Any + Send + Sync>) -> Arc<Self> {
        let Opening { name, deadline, opened_at } = opening;
        let state = State {
            phase: Phase::Open,
            arrivals: Arrivals::Apart(0),
            is_end_awaited: false,
            n_adopted: 0,
            handles: Vec::new(),
            sweep_at: SWEPT_FROM,
            owner: None,
            ender: None,
            dropper: None,
            heir: None,
            grace: None,
            end: None,
            owner_task: None,
            has_failures: false,
        };
        Arc::new(Group {
            request: CachePadded::new(Request::new()),
            members: Count::new(),
            state: Mutex::new(state),
            emptied: Notify::new(),
            deadline,
            name,
            opened_at,
            kind,
        })
    }

    /// What the group was opened with, for who knows its type.
    pub(super) fn kind<K: Any>(&self) -> &K {
        self.kind.downcast_ref().expect("who opens a group knows its kind")
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// For messages.
    pub(super) fn describe(&self) -> String {
        let name = self.name().map(|name| format!(" {name:?}")).unwrap_or_default();
        format!("the task group{name} opened at {}", self.opened_at)
    }

    pub(crate) fn opened_at(&self) -> &'static Location<'static> {
        self.opened_at
    }

    /// How many members live.
    pub(crate) fn len(&self) -> usize {
        self.members.len(&self.state.lock().arrivals)
    }

    /// Spawns a member. When the group is to end, its future is dropped at once and the handle answers "canceled".
    ///
    /// # Errors
    /// When the group has ended; `future` is dropped.
    pub(crate) fn spawn<F, R>(
        self: &Arc<Self>,
        surroundings: &Surroundings,
        spawn: Spawn,
        future: F,
        report: R,
    ) -> Result<JoinHandle<R::Value>, Ended>
    where
        F: Future + Send + 'static,
        R: Report<F::Output>,
    {
        let member = Member::new(future, report);
        let spawn = spawn.member_of(self.inherited(surroundings));
        let (mut prepared, handle) = spawn.prepare(member);
        match self.enlist(Some(handle.abort_handle())) {
            Phase::Open => prepared.start(),
            Phase::Closed => drop(prepared),
            Phase::Dropped => prepared.disown(),
            Phase::Ended => {
                prepared.disown();
                return Err(Ended);
            }
        }
        Ok(handle)
    }

    /// Makes a member that is not counted in yet; [`start_all`](Self::start_all) does that. The innermost scope of
    /// `inherited` is this group.
    pub(crate) fn prepare<F, R>(
        self: &Arc<Self>,
        inherited: &Surroundings,
        spawn: Spawn,
        future: F,
        report: R,
    ) -> (Prepared, JoinHandle<R::Value>)
    where
        F: Future + Send + 'static,
        R: Report<F::Output>,
    {
        let member = Member::new(future, report);
        spawn.member_of(inherited.clone()).prepare(member)
    }

    /// Starts members that were prepared, with their handles: one lock, one access to the runtime, one wake. When the group
    /// is to end, their futures are dropped at once.
    pub(crate) fn start_all(&self, mut members: Vec<Prepared>, mut handles: Vec<AbortHandle>) {
        debug_assert_eq!(members.len(), handles.len());
        let mut state = self.state.lock();
        let is_open = state.phase == Phase::Open;
        if is_open {
            self.members.add(members.len(), &mut state.arrivals);
            state.handles.append(&mut handles);
            state.sweep_at = state.sweep_at.max(2 * state.handles.len());
        }
        drop(state);
        if is_open {
            Prepared::start_all(members);
        } else {
            members.iter_mut().for_each(Prepared::disown);
        }
    }

    /// Counts a member in, if any may come.
    pub(super) fn enlist(&self, member: Option<AbortHandle>) -> Phase {
        let mut swept = Vec::new();
        let mut state = self.state.lock();
        let phase = state.phase;
        if phase == Phase::Open {
            if state.handles.len() >= state.sweep_at {
                swept = state.sweep();
            }
            state.handles.extend(member);
        }
        if phase.is_awaited() {
            // Why a canceled one as well: what its drop panics with belongs to the group.
            self.members.add(1, &mut state.arrivals);
        }
        drop(state);
        drop(swept); // Unlocked: it may free tasks.
        phase
    }

    /// What a member inherits that is spawned here: the group's surroundings, and the context values between the group and
    /// the caller.
    fn inherited(&self, own: &Surroundings) -> Surroundings {
        if scope::is_innermost(self) {
            return own.clone();
        }
        let here = scope::current();
        if !here.facts().any(|fact| self.is_fact(fact)) {
            return own.clone();
        }
        let between = here.facts().take_while(|fact| !self.is_fact(fact));
        let values: Vec<_> = between.filter(|fact| matches!(fact, Fact::Value(..))).collect();
        values.into_iter().rev().fold(own.clone(), |own, value| own.with(value.clone()))
    }

    fn is_fact(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Scope(scope) if ptr::addr_eq(Arc::as_ptr(scope), self))
    }

    /// Leaves the waker of who awaits the scope, from its poll.
    pub(crate) fn set_owner(&self, waker: &Waker) {
        self.state.lock().owner_task = context::task_id();
        self.set_waker(waker, |state| &mut state.owner);
    }

    fn set_waker(&self, waker: &Waker, slot: impl Fn(&mut State) -> &mut Option<Waker>) {
        if slot(&mut self.state.lock()).as_ref().is_some_and(|former| former.will_wake(waker)) {
            return;
        }
        let waker = waker.clone(); // Unlocked, as is the drop of the former one: a foreign waker's are user code.
        let former = slot(&mut self.state.lock()).replace(waker);
        drop(former);
    }

    /// Has whoever awaits the scope look at the group again.
    pub(crate) fn wake_owner(&self) {
        let owner = self.state.lock().owner.take();
        owner.into_iter().for_each(wake);
    }

    /// Ends the group, if nobody is left in it.
    pub(crate) fn try_end(&self) -> bool {
        let mut state = self.state.lock();
        if !self.await_end(&mut state) {
            return false;
        }
        state.phase = Phase::Ended;
        let handles = mem::take(&mut state.handles);
        drop(state);
        drop(handles); // Unlocked: it frees tasks.
        contain(|| self.emptied.notify_waiters());
        true
    }

    fn is_empty(&self, state: &State) -> bool {
        self.members.len(&state.arrivals) == 0 && state.n_adopted == 0
    }

    /// Whether nobody is left. If somebody is, the last one wakes who awaits the end.
    fn await_end(&self, state: &mut State) -> bool {
        state.is_end_awaited = true;
        self.members.complete(&mut state.arrivals) == 0 && state.n_adopted == 0
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state.lock().phase == Phase::Ended
    }

    /// What ended the group early, if anything did.
    pub(super) fn end(&self) -> Option<End> {
        self.state.lock().end
    }

    /// Whether the code that calls is a part of the body, which the group's own task polls.
    pub(super) fn is_in_body(&self) -> bool {
        scope::is_inside(self) && self.state.lock().owner_task == context::task_id()
    }

    /// Notes a failure, and has the group end when that is called for.
    pub(crate) fn fail(&self, reason: &Reason, ends: bool) {
        self.state.lock().has_failures = true;
        if ends {
            self.end_early(End::Failed, reason, Urgency::Now);
        }
    }

    /// The deadline has passed.
    pub(super) fn elapse(&self, reason: &Reason) {
        self.end_early(End::Elapsed, reason, Urgency::Now);
    }

    fn end_early(&self, end: End, reason: &Reason, urgency: Urgency) {
        self.state.lock().end.get_or_insert(end);
        if !self.request.make(reason, urgency) {
            return;
        }
        let mut state = self.state.lock();
        if urgency == Urgency::Now && state.phase == Phase::Open {
            state.phase = Phase::Closed;
        }
        let members = state.handles.clone();
        let owner = state.owner.take(); // It leaves its waker again with each poll.
        drop(state);
        members.iter().for_each(AbortHandle::wake);
        owner.into_iter().for_each(wake);
    }

    /// Asks the group to end: at once, or for members that have been told within `grace`.
    pub(crate) fn cancel_within(&self, reason: &Reason, grace: Option<Duration>) {
        match grace {
            None => self.cancel(reason, Urgency::Now),
            Some(grace) => {
                {
                    let mut state = self.state.lock();
                    state.grace = Some(state.grace.map_or(grace, |former| former.min(grace)));
                }
                self.cancel(reason, Urgency::Notice);
                self.wake_owner(); // It must look at the grace also when the group was told before.
            }
        }
    }

    /// How long members have from now on, if that was asked for since the last call.
    pub(crate) fn take_grace(&self) -> Option<Duration> {
        self.state.lock().grace.take()
    }

    /// Waits until no member lives, for this moment at least.
    pub(crate) async fn wait_until_empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.await_emptiness() {
                return;
            }
            emptied.await;
        }
    }

    /// Whether no member lives. If one does, the last one tells those who wait for that.
    fn await_emptiness(&self) -> bool {
        let mut state = self.state.lock();
        let is_empty = self.members.complete(&mut state.arrivals) == 0;
        // Why it is safe for the others who wait: they were told when the last one went, and look again.
        if is_empty && !state.is_end_awaited {
            self.members.count_apart(&mut state.arrivals);
        }
        is_empty
    }

    /// Waits until the scope is over and every member gone.
    pub(super) async fn wait_until_over(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.is_over() {
                return;
            }
            emptied.await;
        }
    }

    fn is_over(&self) -> bool {
        let mut state = self.state.lock();
        state.is_end_awaited = true;
        self.members.complete(&mut state.arrivals) == 0 && !state.phase.is_awaited()
    }

    /// Closes the group for good and hands out the members, to be dropped in place.
    pub(crate) fn close(&self) -> Vec<AbortHandle> {
        let mut state = self.state.lock();
        state.phase = Phase::Dropped;
        let handles = mem::take(&mut state.handles);
        drop(state);
        contain(|| self.emptied.notify_waiters());
        handles
    }

    /// Has this thread unparked when the next member has ended.
    pub(super) fn set_dropper(&self) {
        self.state.lock().dropper = Some(thread::current());
        self.members.watch();
    }

    /// Leaves what still lives to the nearest of `heirs` that takes it. The scope was dropped.
    pub(super) fn bequeath(&self, heirs: &Surroundings) {
        // Why held for so long: who ends meanwhile must find the heir that has counted it. An heir is further out, so that
        // these locks are taken from the inside outwards only.
        let mut state = self.state.lock();
        let mut others = heirs.scopes().filter(|heir| !ptr::addr_eq(Arc::as_ptr(heir), self));
        let n_left = self.members.bequeath(&state.arrivals) + state.n_adopted; // From here on each end waits for this lock.
        if n_left == 0 {
            state.phase = Phase::Ended;
            return;
        }
        state.heir = others.find(|heir| heir.adopt(n_left)).cloned();
    }

    /// As [`bequeath`](Self::bequeath), to an heir that has counted the members before.
    #[cfg(all(test, filch_loom))]
    pub(super) fn bequeath_uncounted(&self, heir: Arc<dyn Scope>) {
        let mut state = self.state.lock();
        self.members.bequeath(&state.arrivals);
        state.heir = Some(heir);
    }

    /// As [`try_end`](Self::try_end), for a model to reject: it looks and does not say that it waits.
    #[cfg(all(test, filch_loom))]
    pub(super) fn try_end_silently(&self) -> bool {
        self.is_empty(&self.state.lock())
    }

    /// Tells the end of a member, or of an adopted task, to those who wait for it.
    #[cold]
    fn tell(&self, gone: Gone, mut state: MutexGuard<'_, State>) {
        let is_empty = self.is_empty(&state);
        let owner = if is_empty { state.owner.take() } else { None };
        let ender = if is_empty { state.ender.take() } else { None };
        let dropper = if gone.is_watched { state.dropper.take() } else { None };
        let heir = if gone.is_inherited { state.heir.clone() } else { None };
        drop(state);
        dropper.iter().for_each(Thread::unpark);
        heir.iter().for_each(|heir| heir.adoptee_ended());
        if gone.is_last {
            contain(|| self.emptied.notify_waiters());
        }
        owner.into_iter().chain(ender).for_each(wake);
    }
}

impl State {
    /// Takes out the handles of members that have ended.
    fn sweep(&mut self) -> Vec<AbortHandle> {
        let mut n_live = 0;
        for index in 0..self.handles.len() {
            if !self.handles[index].is_finished() {
                self.handles.swap(n_live, index);
                n_live += 1;
            }
        }
        let ended = self.handles.split_off(n_live);
        self.sweep_at = SWEPT_FROM.max(2 * self.handles.len());
        ended
    }
}

impl Scope for Group {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn request(&self) -> &Request {
        &self.request
    }

    fn cancel(&self, reason: &Reason, urgency: Urgency) {
        self.end_early(End::Asked, reason, urgency);
    }

    fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.set_waker(cx.waker(), |state| &mut state.ender);
        if self.await_end(&mut self.state.lock()) { Poll::Ready(()) } else { Poll::Pending }
    }

    fn member_ended(&self) {
        if let Some(gone) = self.members.remove() {
            self.tell(gone, self.state.lock());
        }
    }

    fn has_report(&self) -> bool {
        let mut state = self.state.lock();
        let has_report = state.has_failures && state.phase.is_awaited();
        // Why woken: whoever asks polls what is inside once more, and a combinator there polls only what was woken.
        let owner = if has_report { state.owner.take() } else { None };
        drop(state);
        owner.into_iter().for_each(wake);
        has_report
    }

    fn adopt(&self, n: usize) -> bool {
        let mut state = self.state.lock();
        let takes = state.phase.is_awaited();
        state.n_adopted += if takes { n } else { 0 };
        takes
    }

    fn adoptee_ended(&self) {
        let mut state = self.state.lock();
        state.n_adopted -= 1;
        let is_inherited = state.heir.is_some();
        self.tell(Gone { is_last: false, is_watched: false, is_inherited }, state);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        debug_assert_eq!(self.len(), 0, "each member holds its group");
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("name", &self.name)
            .field("members", &self.len())
            .field("request", &*self.request)
            .field("opened_at", &format_args!("{}", self.opened_at))
            .finish()
    }
}

/// A foreign waker may panic, which must reach no worker and no drop.
fn wake(waker: Waker) {
    contain(|| waker.wake());
}

/// A member, for messages.
pub(super) fn describe(member: &AbortHandle) -> String {
    let name = member.name().map(|name| format!("{name:?} ")).unwrap_or_default();
    format!("task {} {name}({})", member.id(), member.spawned_at())
}
