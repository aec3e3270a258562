//! Which tasks there are, and which one this is.

use filch_core::task::{AbortHandle, Id};
use filch_core::{RuntimeRef, context};
use std::fmt;
use std::panic::Location;

/// The id of the task that calls.
///
/// # Panics
/// Outside of a task; the future of `block_on` and `run` is none. See [`try_id`].
#[track_caller]
pub fn id() -> Id {
    try_id().expect(
        "task::id was called outside of a task, and the future of block_on is none; \
         call it inside of what was spawned, or use task::try_id",
    )
}

/// The id of the task that calls; `None` outside of a task.
pub fn try_id() -> Option<Id> {
    context::task_id()
}

/// The task that calls; `None` outside of a task, which the future of `block_on` and `run` is.
pub fn current_task() -> Option<TaskInfo> {
    context::task().map(TaskInfo)
}

/// The live tasks of the current runtime, in the order of their ids. Blocking calls are not among them.
///
/// A picture of one moment: tasks start and end while it is looked at.
///
/// # Panics
/// When no runtime is found and none can be started, because the crate `filch` is not linked.
#[track_caller]
pub fn all_tasks() -> Vec<TaskInfo> {
    let mut tasks: Vec<_> = RuntimeRef::current().tasks().into_iter().map(TaskInfo).collect();
    tasks.sort_unstable_by_key(TaskInfo::id);
    tasks
}

/// What is known about a task. From [`all_tasks`] and [`current_task`]. Equal when the task is the same.
#[derive(Clone)]
pub struct TaskInfo(AbortHandle);

impl TaskInfo {
    /// Which task this is.
    pub fn id(&self) -> Id {
        self.0.id()
    }

    /// Its name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.0.name()
    }

    /// Where it was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.0.spawned_at()
    }

    /// Which task spawned it; `None` when it was spawned outside of tasks.
    ///
    /// The parent may have ended long ago. It is remembered by the low 40 bits of its id, and mistaken for another task
    /// when more than 2^39 were spawned between the two.
    pub fn parent(&self) -> Option<Id> {
        self.0.parent()
    }

    /// Whether it is complete.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// A handle that can abort it.
    pub fn abort_handle(&self) -> AbortHandle {
        self.0.clone()
    }
}

impl PartialEq for TaskInfo {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for TaskInfo {}

impl fmt::Debug for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskInfo")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("spawned_at", &format_args!("{}", self.spawned_at()))
            .finish()
    }
}

impl fmt::Display for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "task {} {name:?} ({})", self.id(), self.spawned_at()),
            None => write!(f, "task {} ({})", self.id(), self.spawned_at()),
        }
    }
}
