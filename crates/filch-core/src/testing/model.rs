//! What loom models share: bounds, broken variants, a runtime on a shell of its own, a watch on allocations.

use super::queue::QueueScheduler;
use crate::runtime::{Remains, RuntimeRef, Shell};
use crate::seam::Scheduler;
use crate::task::{JoinHandle, Runnable, Spawn};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Wake, Waker};

/// Explores every interleaving of `model` with at most `n_preemptions` forced switches; `LOOM_MAX_PREEMPTIONS` says
/// otherwise.
pub(crate) fn check(n_preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(n_preemptions));
    builder.max_branches = 20_000;
    builder.check(model);
}

/// Runs the ignored test `name` in a process of its own, for a model that fails may abort; `complaint` is what it must
/// fail with.
#[track_caller]
pub(crate) fn assert_rejected(name: &str, complaint: &str) {
    let this = std::env::current_exe().expect("a running program has a path");
    let output = Command::new(this)
        .args(["--ignored", "--exact", "--nocapture", name])
        .output()
        .expect("this very program can be started");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("running 1 test"), "there is no test {name}:\n{said}");
    assert!(!output.status.success(), "loom accepts the broken model {name}");
    assert!(said.contains(complaint), "{name} failed for another reason:\n{said}");
}

/// Counts its wakes.
#[derive(Default)]
pub(crate) struct Count(AtomicUsize);

impl Count {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    pub(crate) fn n_wakes(&self) -> usize {
        self.0.load(SeqCst)
    }

    /// How many wakers of this count exist.
    pub(crate) fn n_wakers(self: &Arc<Self>) -> usize {
        Arc::strong_count(self) - 1
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A runtime whose shell is freed at the end: a pooled one would carry loom's objects into the next execution.
pub(crate) struct ModelRuntime {
    pub(crate) shell: &'static Shell,
    pub(crate) scheduler: Arc<QueueScheduler>,
    epoch: u64,
}

impl ModelRuntime {
    pub(crate) fn new() -> Self {
        let shell: &'static Shell = Box::leak(Box::new(Shell::new()));
        let scheduler = Arc::new(QueueScheduler::default());
        let epoch = shell.open(super::parts(scheduler.clone()));
        ModelRuntime { shell, scheduler, epoch }
    }

    pub(crate) fn runtime(&self) -> RuntimeRef {
        RuntimeRef::new(self.shell, self.epoch)
    }

    pub(crate) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Spawn::on(self.runtime()).spawn(future)
    }

    /// As [`Living::end`](crate::runtime::Living::end), but the shell does not go to the pool.
    pub(crate) fn end(&self) {
        self.shell.close();
        self.scheduler.shutdown();
        self.shell.cancel_all();
        drop(self.shell.take_parts());
    }

    /// As [`Living::sweep`](crate::runtime::Living::sweep), followed by the first poll of a wait for what remains.
    pub(crate) fn sweep(&self, waker: &Waker) -> (Remains, bool) {
        let remains = self.runtime().remains();
        self.shell.sweep(&remains.root);
        let is_settled = remains.root.poll_settled(waker).is_ready();
        (remains, is_settled)
    }

    /// Ends, then frees the shell. Every task must be gone.
    pub(crate) fn end_and_free(self) {
        self.end();
        self.free();
    }

    pub(crate) fn free(self) {
        self.shell.take_strays().into_iter().for_each(drop::<Runnable>);
        // SAFETY: leaked by `new`; the model's threads are joined and its tasks freed, so nobody else has it.
        drop(unsafe { Box::from_raw(std::ptr::from_ref(self.shell).cast_mut()) });
    }
}

thread_local! {
    static WATCHED: Cell<(usize, isize)> = const { Cell::new((0, 0)) };
}

/// A watch on allocations of one size on this system thread, which runs all threads of a model.
pub(crate) struct Allocations;

impl Allocations {
    /// Begins to count allocations of `size`.
    pub(crate) fn watch(size: usize) -> Self {
        WATCHED.set((size, 0));
        Allocations
    }

    pub(crate) fn n_live(&self) -> isize {
        WATCHED.get().1
    }
}

/// The system's allocator under that watch. What is freed is overwritten, so that using it again is noticed.
struct Watching;

#[global_allocator]
static ALLOCATOR: Watching = Watching;

// SAFETY: the system's allocator does the work; memory is overwritten only while it is still ours to free.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout, 1);
        // SAFETY: by the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if count(layout, -1) {
            // SAFETY: valid for the layout's size until it is freed below.
            unsafe { pointer.write_bytes(0xDD, layout.size()) };
        }
        // SAFETY: by the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Whether allocations of this size are watched.
fn count(layout: Layout, change: isize) -> bool {
    // Why `try_with`: threads allocate while they end, too.
    let is_watched = WATCHED.try_with(|watched| {
        let (size, n_live) = watched.get();
        if size == layout.size() {
            watched.set((size, n_live + change));
        }
        size == layout.size()
    });
    is_watched.unwrap_or(false)
}
