//! The end of a group whose scope is dropped: its members are gone when the drop returns.
//!
//! Members that are suspended or queued are claimed and dropped here. A drop may reach another scope, whose members are
//! then put on this thread's list instead of being dropped further down the stack, so that deep nesting needs no deep
//! stack. Members in a poll on another thread are waited for; the thread counts as blocked meanwhile, so that others take
//! its tasks.
//!
//! Two kinds of members cannot be waited for, because they wait for this thread: those in a poll further up its stack,
//! and those whose own thread waits, in here, for a task in a poll of this one. They are dropped at the end of their poll,
//! and the nearest living scope awaits them.

use super::member::SCOPE_DROPPED;
use super::state::{Group, describe};
use filch_core::context;
use filch_core::scope::{Scope, Surroundings, Urgency};
use filch_core::sys;
use filch_core::task::{AbortHandle, Id};
use std::cell::RefCell;
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// After so long a wait stderr names the members that are waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a wait sleeps before it looks again by itself. The end of a member wakes it at once.
const SHORTEST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// A group to be ended, and who awaits what cannot be ended here.
struct Job {
    group: Arc<Group>,
    heirs: Surroundings,
}

thread_local! {
    /// The groups to be ended by this thread; `None` while it ends none.
    static JOBS: RefCell<Option<Vec<Job>>> = const { RefCell::new(None) };
}

/// Ends a group whose scope is being dropped. `heirs` is what surrounds the scope.
///
/// Called from within such an end it returns at once, and the outer one does the work before it returns.
pub(crate) fn end(group: Arc<Group>, heirs: Surroundings) {
    let mut job = Some(Job { group, heirs });
    // Why `try_with`: a scope may be kept in another thread-local and be dropped with it.
    let is_nested = JOBS.try_with(|jobs| match &mut *jobs.borrow_mut() {
        Some(jobs) => {
            jobs.extend(job.take());
            true
        }
        none => {
            *none = Some(Vec::new());
            false
        }
    });
    if is_nested == Ok(true) {
        return;
    }
    while let Some(job) = job.take().or_else(next_job) {
        let members = job.group.close();
        // What looks at the request while it is in a poll ends by itself.
        job.group.cancel(&SCOPE_DROPPED, Urgency::Now);
        let left: Vec<_> = members.into_iter().filter(|member| !member.claim()).collect();
        if !left.is_empty() {
            wait_for(&job.group, left);
        }
        job.group.bequeath(&job.heirs);
    }
}

/// The next group of this thread; without one, the thread ends none any more.
fn next_job() -> Option<Job> {
    JOBS.try_with(|jobs| {
        let mut jobs = jobs.borrow_mut();
        let job = jobs.as_mut().and_then(Vec::pop);
        if job.is_none() {
            *jobs = None;
        }
        job
    })
    .ok()
    .flatten()
}

/// Waits for members that are in a poll, but for those that wait for this thread.
fn wait_for(group: &Group, members: Vec<AbortHandle>) {
    let (_waiting, mut awaited) = Waiting::begin(members);
    let mut begun_at = Instant::now();
    let mut pause = SHORTEST_PAUSE;
    loop {
        group.set_dropper();
        // Why claimed again and again: after their polls they may lie in the queue of a worker that is stuck, or that waits
        // in here as well.
        awaited.retain(|member| !member.claim());
        if awaited.is_empty() {
            return;
        }
        sys::thread::park_timeout(pause);
        pause = LONGEST_PAUSE.min(2 * pause);
        if begun_at.elapsed() >= PATIENCE {
            begun_at = Instant::now();
            complain(group, &awaited);
        }
    }
}

fn complain(group: &Group, awaited: &[AbortHandle]) {
    let names: Vec<_> = awaited.iter().map(describe).collect();
    // Why not `eprintln!`, which panics where there is no stderr: the members would be left behind.
    let _ = writeln!(
        std::io::stderr(),
        "filch: a thread has waited for more than {PATIENCE:?} to drop {}; still in a poll: {}",
        group.describe(),
        names.join(", ")
    );
}

/// Who waits in here for whom. Looked at by waits only, never on a normal path.
static WAITS: Mutex<Vec<Wait>> = Mutex::new(Vec::new());

struct Wait {
    thread: ThreadId,
    /// The tasks in a poll on that thread.
    polled: Vec<Id>,
    awaited: Vec<Id>,
}

/// This thread's wait, for as long as it lasts.
struct Waiting(ThreadId);

impl Waiting {
    /// Begins to wait for `members`, and gives those it can wait for: not those that wait for this thread.
    fn begin(members: Vec<AbortHandle>) -> (Self, Vec<AbortHandle>) {
        let thread = thread::current().id();
        let polled = context::polled_tasks();
        let mut waits = lock();
        let (awaited, excused): (Vec<_>, Vec<_>) = members.into_iter().partition(|member| {
            let task = member.id();
            !polled.contains(&task) && !waits_for(&waits, task, &polled)
        });
        let ids = awaited.iter().map(AbortHandle::id).collect();
        waits.push(Wait { thread, polled, awaited: ids });
        drop(waits);
        excused.iter().for_each(AbortHandle::abort); // They end at the end of their poll.
        (Waiting(thread), awaited)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waits = lock();
        let own = waits.iter().rposition(|wait| wait.thread == self.0);
        let own = own.map(|own| waits.swap_remove(own));
        drop(waits);
        debug_assert!(own.is_some());
    }
}

/// Whether the thread that polls `task` waits for one of `targets`, itself or through others.
fn waits_for(waits: &[Wait], task: Id, targets: &[Id]) -> bool {
    let mut to_visit = vec![task];
    let mut visited = Vec::new();
    while let Some(task) = to_visit.pop() {
        if visited.contains(&task) {
            continue;
        }
        visited.push(task);
        for wait in waits.iter().filter(|wait| wait.polled.contains(&task)) {
            if wait.awaited.iter().any(|awaited| targets.contains(awaited)) {
                return true;
            }
            to_visit.extend(&wait.awaited);
        }
    }
    false
}

fn lock() -> MutexGuard<'static, Vec<Wait>> {
    WAITS.lock().unwrap_or_else(PoisonError::into_inner)
}
