//! The task's memory: header, future or output, and the one table of functions that know their types.
//!
//! A panic of user code in a task is caught here and nowhere else.

use super::cold::{Cold, ColdWord};
use super::error::JoinError;
use super::id::{Id, IdTail};
use super::registry::{Links, Shard, Standing};
use super::state::{Completed, State};
use super::waker;
use crate::context;
use crate::prefetch::prefetch;
use crate::runtime::Shell;
use crate::scope::{Reason, Request, Scope, Surroundings};
use crate::sys::cell::UnsafeCell;
use crate::unwind::contain;
use std::any::Any;
use std::future::Future;
use std::mem::{self, ManuallyDrop};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// What every task begins with.
#[repr(C)]
pub(crate) struct Header {
    pub(super) state: State,
    pub(super) vtable: &'static VTable,
    /// The runtime the task belongs to. Never freed; see [`Shell`].
    pub(crate) shell: &'static Shell,
    /// The registry's; only under the lock of the shard named in it.
    pub(super) links: UnsafeCell<Links>,
    pub(super) shard: Shard,
    /// As `links`.
    pub(super) standing: UnsafeCell<Standing>,
    /// What the stage holds; belongs to whom the stage belongs to. Here it lies in the padding, as `standing` does.
    held: UnsafeCell<Held>,
    /// Who spawned it; here in the padding, too.
    parent: IdTail,
    /// The join handle's or the completer's, as the state says.
    join_waker: UnsafeCell<Option<Waker>>,
    pub(super) id: Id,
    pub(super) spawned_at: &'static Location<'static>,
    cold: ColdWord,
    /// What it was spawned in; the first is its group if it is a member of one. Constant while the registry knows the
    /// task, then whose the stage is.
    surroundings: UnsafeCell<Surroundings>,
}

/// A task of a known future. `repr(C)`: a pointer to it is a pointer to its header.
#[repr(C)]
struct Cell<F: Future> {
    header: Header,
    stage: UnsafeCell<Stage<F>>,
}

/// The future, or what became of it; the header's `held` says which. `repr(C)`: a pointer to it is a pointer to either.
// Why no enum: replacing one moves all of it, and a large future does not fit on a worker's stack a second time.
#[repr(C)]
union Stage<F: Future> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<Outcome<F>>,
}

type Outcome<F> = Result<<F as Future>::Output, JoinError>;

/// What a task's stage holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Future,
    Output,
    Nothing,
}

/// What must know the future's type. Each takes a pointer to the header of its own type.
pub(super) struct VTable {
    /// Polls once; on `Ready`, drops the future and stores the output. Runnable's holder only.
    poll: unsafe fn(NonNull<Header>, &Waker) -> Poll<()>,
    /// Drops the future and stores that the task was canceled. Runnable's holder or claimer only.
    cancel: unsafe fn(NonNull<Header>),
    /// Moves the output into an `Option<Result<T, JoinError>>`. Join handle only, after completion.
    take_output: unsafe fn(NonNull<Header>, *mut ()),
    /// Where the output is, a `Result<T, JoinError>`; null when it was taken. Join handle only, after completion.
    output: unsafe fn(NonNull<Header>) -> *const (),
    /// Drops the output, which may panic. Whoever owns it, once.
    drop_output: unsafe fn(NonNull<Header>),
    /// Frees the memory. After the last reference.
    free: unsafe fn(NonNull<Header>),
    /// Of the task's memory, in bytes.
    size: usize,
}

impl<F: Future> Cell<F> {
    const VTABLE: VTable = VTable {
        poll: poll::<F>,
        cancel: cancel::<F>,
        take_output: take_output::<F>,
        output: output::<F>,
        drop_output: drop_output::<F>,
        free: free::<F>,
        size: size_of::<Self>(),
    };

    /// Drops what the stage holds, in place: a future is pinned, and may be large.
    ///
    /// # Safety
    /// - The caller has the stage to itself.
    unsafe fn clear(&self) {
        // SAFETY: by the contract; what it held is dropped below, once, for it holds nothing from here on.
        let held = unsafe { self.header.replace_held(Held::Nothing) };
        self.stage.with_mut(|stage| match held {
            // SAFETY: it held the future.
            Held::Future => unsafe { ptr::drop_in_place(stage.cast::<F>()) },
            // SAFETY: it held the output.
            Held::Output => unsafe { ptr::drop_in_place(stage.cast::<Outcome<F>>()) },
            Held::Nothing => {}
        });
    }
}

impl<F: Future> Drop for Cell<F> {
    fn drop(&mut self) {
        // SAFETY: `self` is borrowed for good.
        unsafe { self.clear() };
    }
}

/// What [`allocate`] puts into the header.
pub(super) struct Origin {
    pub(super) shell: &'static Shell,
    pub(super) shard: Shard,
    pub(super) id: Id,
    pub(super) parent: Option<Id>,
    pub(super) spawned_at: &'static Location<'static>,
    pub(super) name: Option<Box<str>>,
    pub(super) surroundings: Surroundings,
    /// Whether the innermost scope of the surroundings counts the task as a member.
    pub(super) member: bool,
    pub(super) local: bool,
}

/// Makes a task. The caller gets its one runnable and its one join handle.
pub(super) fn allocate<F: Future>(future: F, origin: Origin) -> NonNull<Header> {
    let cell = Box::new(Cell {
        header: Header::new(origin, &Cell::<F>::VTABLE),
        stage: UnsafeCell::new(Stage { future: ManuallyDrop::new(future) }),
    });
    NonNull::from(Box::leak(cell)).cast()
}

/// # Safety
/// - The task was made by `allocate::<F>`, is alive, and the caller holds its runnable.
unsafe fn poll<F: Future>(task: NonNull<Header>, waker: &Waker) -> Poll<()> {
    // SAFETY: made by `allocate::<F>` and alive, by the contract.
    let cell = unsafe { task.cast::<Cell<F>>().as_ref() };
    // SAFETY: the runnable's holder has the stage to itself.
    debug_assert_eq!(unsafe { cell.header.held() }, Held::Future, "a complete task is not polled");
    let result = cell.stage.with_mut(|stage| {
        // SAFETY: a live task's stage holds its future, and the runnable's holder has it to itself. It is never moved
        // out of its allocation; it is dropped in place.
        let future = unsafe { Pin::new_unchecked(&mut *stage.cast::<F>()) };
        catch_unwind(AssertUnwindSafe(|| future.poll(&mut Context::from_waker(waker))))
    });
    let output = match result {
        Ok(Poll::Pending) => return Poll::Pending,
        Ok(Poll::Ready(output)) => Ok(output),
        Err(payload) => Err(cell.header.panicked(payload)),
    };
    // SAFETY: the runnable's holder has the stage to itself.
    unsafe { finish(cell, output) };
    Poll::Ready(())
}

/// Drops the future, then stores `output`, or the panic of the future's drop.
///
/// # Safety
/// - The caller has the stage to itself.
unsafe fn finish<F: Future>(cell: &Cell<F>, output: Outcome<F>) {
    // SAFETY: the stage is the caller's.
    let output = match catch_unwind(AssertUnwindSafe(|| unsafe { cell.clear() })) {
        Ok(()) => output,
        Err(payload) => {
            contain(|| drop(output));
            Err(cell.header.panicked(payload))
        }
    };
    // SAFETY: as above; it holds nothing, so nothing is overwritten.
    cell.stage.with_mut(|stage| unsafe { stage.cast::<Outcome<F>>().write(output) });
    // SAFETY: as above; the output is there.
    unsafe { cell.header.replace_held(Held::Output) };
}

/// # Safety
/// - The task was made by `allocate::<F>`, is alive, and the caller holds its runnable or has claimed it.
unsafe fn cancel<F: Future>(task: NonNull<Header>) {
    // SAFETY: by the contract.
    let cell = unsafe { task.cast::<Cell<F>>().as_ref() };
    // SAFETY: the runnable's holder or claimer has the stage to itself.
    unsafe {
        let reason = cell.header.reason_to_end();
        finish(cell, Err(JoinError::canceled_for(cell.header.id, reason)));
    }
}

/// # Safety
/// - The task was made by `allocate::<F>`, is alive and complete, and the caller is its join handle.
/// - `target` points to an `Option<Result<F::Output, JoinError>>`.
unsafe fn take_output<F: Future>(task: NonNull<Header>, target: *mut ()) {
    // SAFETY: by the contract.
    let cell = unsafe { task.cast::<Cell<F>>().as_ref() };
    // SAFETY: after completion the stage is the join handle's.
    if unsafe { cell.header.replace_held(Held::Nothing) } == Held::Output {
        // SAFETY: it held the output, which is moved out once; the target's type is in the contract.
        cell.stage.with(|stage| unsafe {
            *target.cast::<Option<Outcome<F>>>() = Some(stage.cast::<Outcome<F>>().read());
        });
    }
}

/// # Safety
/// - The task was made by `allocate::<F>`, is alive and complete, and the caller is its join handle.
unsafe fn output<F: Future>(task: NonNull<Header>) -> *const () {
    // SAFETY: by the contract.
    let cell = unsafe { task.cast::<Cell<F>>().as_ref() };
    // SAFETY: after completion the stage is the join handle's.
    let is_there = unsafe { cell.header.held() } == Held::Output;
    cell.stage.with(|stage| if is_there { stage.cast() } else { ptr::null() })
}

/// # Safety
/// - The task was made by `allocate::<F>`, is alive, its future is dropped, and the output is the caller's.
unsafe fn drop_output<F: Future>(task: NonNull<Header>) {
    // SAFETY: by the contract.
    let cell = unsafe { task.cast::<Cell<F>>().as_ref() };
    // SAFETY: the stage is the caller's.
    if unsafe { cell.header.held() } == Held::Output {
        // SAFETY: as above, and it holds the output.
        cell.stage.with(|stage| match unsafe { &*stage.cast::<Outcome<F>>() } {
            Ok(_) => {}
            Err(error) => error.report(&cell.header),
        });
    }
    // SAFETY: as above.
    unsafe { cell.clear() };
}

/// # Safety
/// - The task was made by `allocate::<F>`, and the caller gave up its last reference after completion.
unsafe fn free<F: Future>(task: NonNull<Header>) {
    // SAFETY: allocated as a box of this type; nobody else knows the pointer any more.
    drop(unsafe { Box::from_raw(task.cast::<Cell<F>>().as_ptr()) });
}

impl Header {
    // Why not where it is used: that is compiled for each type of future.
    #[inline]
    fn new(origin: Origin, vtable: &'static VTable) -> Self {
        Header {
            state: State::new(origin.member, origin.local),
            vtable,
            shell: origin.shell,
            links: UnsafeCell::new(Links::default()),
            shard: origin.shard,
            standing: UnsafeCell::new(Standing::default()),
            held: UnsafeCell::new(Held::Future),
            parent: IdTail::of(origin.parent),
            join_waker: UnsafeCell::new(None),
            id: origin.id,
            spawned_at: origin.spawned_at,
            cold: ColdWord::new(origin.name),
            surroundings: UnsafeCell::new(origin.surroundings),
        }
    }

    /// # Safety
    /// - The caller has the stage to itself.
    #[inline]
    unsafe fn held(&self) -> Held {
        // SAFETY: by the contract; it belongs to the stage.
        self.held.with(|held| unsafe { *held })
    }

    /// Answers what the stage held.
    ///
    /// # Safety
    /// - The caller has the stage to itself.
    /// - It holds `held`, or the caller takes out or leaves what it holds.
    #[inline]
    unsafe fn replace_held(&self, held: Held) -> Held {
        // SAFETY: by the contract; it belongs to the stage.
        self.held.with_mut(|before| mem::replace(unsafe { &mut *before }, held))
    }

    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// Says that the task is polled soon: its memory is fetched, of a large future the beginning and the end.
    // Why these: what a future was made of lies at its beginning, and behind a large buffer, at its end, what tells where
    // it stands. After some hundred other polls they are in no near cache.
    #[inline]
    pub(super) fn prefetch(&self) {
        const LINE: usize = 64;
        let lines = self.vtable.size.div_ceil(LINE);
        let address = ptr::from_ref(self).cast::<u8>();
        // The first line is here already. One more than the size asks for: memory need not begin with a line.
        let first = 1..lines.min(5) + 1;
        let last = lines.saturating_sub(2).max(first.end)..lines + 1;
        for line in first.chain(last) {
            prefetch(address.wrapping_add(line * LINE));
        }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.cold.get()?.name()
    }

    /// Whether it was asked to end, and its next poll does that.
    pub(crate) fn is_canceled(&self) -> bool {
        self.state.load().is_canceled()
    }

    /// Which task spawned it.
    pub(super) fn parent(&self) -> Option<Id> {
        self.parent.nearest_to(self.id)
    }

    /// What few tasks have, if anybody needed it before.
    pub(super) fn cold(&self) -> Option<&Cold> {
        self.cold.get()
    }

    /// The same for whoever is going to put something there that ends with the task. `None`: it has ended.
    pub(super) fn use_cold(&self) -> Option<&Cold> {
        let cold = self.cold.get_or_install();
        let is_live = match self.state.load() {
            known if known.has_cold() => known.is_live(),
            _ => self.state.note_cold(),
        };
        is_live.then_some(cold)
    }

    /// Makes a scope known that was opened in the task outside of all others.
    pub(crate) fn keep(&self, scope: &Arc<dyn Scope>) {
        self.use_cold().into_iter().for_each(|cold| cold.keep(scope));
    }

    /// The request that the task end.
    pub(crate) fn request(&self) -> &Request {
        self.cold.get_or_install().request()
    }

    #[cold]
    fn panicked(&self, payload: Box<dyn Any + Send>) -> JoinError {
        JoinError::panicked_in(self.shell.root_here(), self.id, payload)
    }

    /// Why the task is canceled: the reason that it was given, else its group.
    ///
    /// # Safety
    /// - The caller has the stage to itself.
    unsafe fn reason_to_end(&self) -> Option<Reason> {
        let own = self.cold.get().and_then(|cold| cold.request().reason());
        own.or_else(|| {
            // SAFETY: by the contract; nobody writes them but whose the stage is.
            let surroundings = self.surroundings.with(|own| unsafe { (*own).clone() });
            let group = surroundings.nearest_scope().filter(|_| self.state.is_claimable())?;
            group.request().reason()
        })
    }

    /// Whether the end of the runtime leaves the task alone for as long as the grace lasts.
    ///
    /// # Safety
    /// - The task is in the registry, and the caller holds the lock of its list.
    pub(super) unsafe fn has_grace(&self) -> bool {
        // SAFETY: constant until the registry has let go of the task.
        self.surroundings.with(|own| unsafe { (*own).scopes().any(|scope| scope.has_grace()) })
    }

    /// The adoption that ends with the task, if there is one.
    ///
    /// # Safety
    /// - As [`has_grace`](Self::has_grace).
    pub(super) unsafe fn is_adopted(&self) -> bool {
        let is_first =
            |own: &Surroundings| own.nearest_scope().is_some_and(|scope| scope.has_grace());
        // SAFETY: as in `has_grace`.
        self.state.is_claimable() && self.surroundings.with(|own| is_first(unsafe { &*own }))
    }

    /// # Safety
    /// - The task is alive and the caller holds its runnable.
    #[inline]
    pub(super) unsafe fn poll(task: NonNull<Header>) -> Poll<()> {
        // SAFETY: alive for as long as the runnable is held, which outlives the borrowed waker.
        let waker = unsafe { waker::borrowed(task) };
        // SAFETY: by the contract; the table is of the task's own type.
        unsafe { (task.as_ref().vtable.poll)(task, &waker) }
    }

    /// Drops the future; the output becomes "canceled".
    ///
    /// # Safety
    /// - The task is alive and live, and the caller holds its runnable or has claimed it.
    pub(super) unsafe fn cancel(task: NonNull<Header>) {
        // SAFETY: by the contract.
        unsafe { (task.as_ref().vtable.cancel)(task) };
    }

    /// Publishes the output, wakes the joiner and gives up the caller's hold on the task.
    ///
    /// # Safety
    /// - The output is stored, and the caller holds the runnable or has claimed the task. It does not touch it after.
    pub(super) unsafe fn complete(task: NonNull<Header>, claimed: bool) {
        // SAFETY: alive until `complete` below is done.
        let header = unsafe { task.as_ref() };
        context::count_ended();
        let root = header.shell.registry().remove(task);
        // Why taken out before: afterwards the task may be gone.
        // SAFETY: they belong to the completer.
        let surroundings = unsafe { Header::take_surroundings(task) };
        let is_member = header.state.is_claimable();
        let drop_output = || {
            // Why as a part of its poll: who waits in there for tasks in a poll must not wait for this one.
            // SAFETY: without a join handle the output is the completer's.
            context::with_task(task, || unsafe { Header::drop_output(task) });
        };
        let end_cold = || header.cold.get().into_iter().for_each(Cold::end);
        let completed = header.state.complete(claimed, drop_output, end_cold);
        match completed {
            Completed::Done => {}
            // SAFETY: the state says that no reference is left.
            Completed::Free => unsafe { (header.vtable.free)(task) },
            Completed::WakeJoiner => {
                // SAFETY: `JOIN_WAKER` was set at completion, so the waker is ours.
                let waker = header.join_waker.with_mut(|waker| unsafe { (*waker).take() });
                // SAFETY: the reference that `complete` gave us.
                unsafe { Header::drop_ref(task) };
                // Why: a joiner's waker may be foreign code; its panic must not reach the worker.
                if let Some(waker) = waker {
                    contain(|| waker.wake());
                }
            }
        }
        if is_member {
            surroundings.nearest_scope().into_iter().for_each(|group| group.member_ended());
        }
        contain(|| drop(surroundings)); // The last holder of a context value drops it.
        if let Some(root) = root {
            root.let_go();
        }
    }

    /// Takes out what the task was spawned in.
    ///
    /// # Safety
    /// - The task is alive and its stage the caller's.
    pub(super) unsafe fn take_surroundings(task: NonNull<Header>) -> Surroundings {
        // SAFETY: alive; the surroundings belong to whom the stage belongs to.
        unsafe { task.as_ref() }.surroundings.with_mut(|own| mem::take(unsafe { &mut *own }))
    }

    /// What the task was spawned in.
    ///
    /// # Safety
    /// - The task is alive and in a poll on this thread, for as long as `f` runs.
    #[inline]
    pub(crate) unsafe fn with_surroundings<R>(
        task: NonNull<Header>,
        f: impl FnOnce(&Surroundings) -> R,
    ) -> R {
        // SAFETY: alive, and in a poll, so the surroundings are this thread's.
        unsafe { task.as_ref() }.surroundings.with(|own| f(unsafe { &*own }))
    }

    /// # Safety
    /// - The caller owns one reference and gives it up.
    #[inline]
    pub(super) unsafe fn drop_ref(task: NonNull<Header>) {
        // SAFETY: alive, the caller owns a reference.
        let header = unsafe { task.as_ref() };
        if header.state.drop_ref() {
            // SAFETY: it was the last reference of a complete task.
            unsafe { (header.vtable.free)(task) };
        }
    }

    /// # Safety
    /// - The state said that the last reference of this complete task is gone.
    pub(super) unsafe fn free(task: NonNull<Header>) {
        // SAFETY: by the contract.
        unsafe { (task.as_ref().vtable.free)(task) };
    }

    /// # Safety
    /// - The caller is the join handle of a complete task, of output `T`.
    pub(super) unsafe fn take_output<T>(task: NonNull<Header>) -> Option<Result<T, JoinError>> {
        let mut output: Option<Result<T, JoinError>> = None;
        // SAFETY: by the contract; the target has the type the table expects.
        unsafe { (task.as_ref().vtable.take_output)(task, (&raw mut output).cast()) };
        output
    }

    /// Where the output is; `None` when it was taken.
    ///
    /// # Safety
    /// - The caller is the join handle of a complete task, of output `T`.
    pub(super) unsafe fn output<T>(task: NonNull<Header>) -> Option<NonNull<Result<T, JoinError>>> {
        // SAFETY: by the contract.
        NonNull::new(unsafe { (task.as_ref().vtable.output)(task) }.cast_mut().cast())
    }

    /// # Safety
    /// - The task is complete or about to be, and its output the caller's.
    pub(super) unsafe fn drop_output(task: NonNull<Header>) {
        // Why contained here: for each type of output it would be compiled anew.
        // SAFETY: by the contract.
        contain(|| unsafe { (task.as_ref().vtable.drop_output)(task) });
    }

    /// # Safety
    /// - The join waker is the caller's: it is the join handle and `JOIN_WAKER` is unset.
    pub(super) unsafe fn replace_join_waker(&self, waker: Option<Waker>) -> Option<Waker> {
        // SAFETY: by the contract.
        self.join_waker.with_mut(|stored| std::mem::replace(unsafe { &mut *stored }, waker))
    }
}

/// Size and alignment of the allocation of a task.
#[cfg(test)]
pub(super) fn layout_of<F: Future>() -> (usize, usize) {
    (size_of::<Cell<F>>(), align_of::<Cell<F>>())
}
