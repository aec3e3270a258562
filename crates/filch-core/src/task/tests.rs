//! What a task does on each of its ways, and that everything in it is dropped exactly once.

mod adopted;
mod asked;

use super::{JoinError, JoinHandle, Runnable, Spawn};
use crate::scope::Surroundings;
use crate::seam::Hint;
use crate::testing::toy::Toy;
use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread;

/// Counts drops.
#[derive(Clone, Default)]
struct Drops(Arc<AtomicUsize>);

impl Drops {
    fn count(&self) -> usize {
        self.0.load(SeqCst)
    }

    fn token(&self) -> Token {
        Token { drops: self.clone(), panics: false }
    }

    fn panicking_token(&self) -> Token {
        Token { drops: self.clone(), panics: true }
    }
}

struct Token {
    drops: Drops,
    panics: bool,
}

impl Drop for Token {
    fn drop(&mut self) {
        self.drops.0.fetch_add(1, SeqCst);
        if self.panics && !thread::panicking() {
            panic_any("drop");
        }
    }
}

/// Owns one token in the future and gives another as the output.
fn future_and_output(drops: &Drops) -> (impl Future<Output = Token> + Send + use<>, Drops) {
    let (in_future, output) = (drops.token(), Drops::default());
    let token = output.token();
    let future = async move {
        let _in_future = in_future;
        yield_once().await;
        token
    };
    (future, output)
}

fn yield_once() -> impl Future<Output = ()> + Send {
    let mut has_yielded = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

fn poll_join<T>(task: &mut JoinHandle<T>, waker: &Waker) -> Poll<Result<T, JoinError>> {
    pin!(task).poll(&mut Context::from_waker(waker))
}

/// The output of a task that is complete.
#[track_caller]
fn output<T>(mut task: JoinHandle<T>) -> Result<T, JoinError> {
    match poll_join(&mut task, Waker::noop()) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the task is not complete"),
    }
}

fn message(error: JoinError) -> &'static str {
    error.into_panic().downcast_ref::<&str>().expect("tests panic with literals")
}

/// Counts wakes.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A place to keep a task's waker, to be woken from outside.
#[derive(Clone, Default)]
struct WakerSlot(Arc<Mutex<Option<Waker>>>);

impl WakerSlot {
    fn wait(&self) -> impl Future<Output = ()> + Send + use<> {
        let slot = self.clone();
        let mut was_polled = false;
        poll_fn(move |cx| {
            *slot.0.lock().expect("not poisoned") = Some(cx.waker().clone());
            if std::mem::replace(&mut was_polled, true) { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    fn take(&self) -> Waker {
        self.0.lock().expect("not poisoned").take().expect("the task was polled")
    }
}

#[test]
fn a_spawned_task_runs_and_gives_its_output() {
    let toy = Toy::new();
    let mut task = toy.spawn(async { 7 });
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    assert!(poll_join(&mut task, &waker).is_pending());
    assert!(!task.is_finished());
    assert_eq!(toy.run_all(), 1);
    assert!(task.is_finished());
    assert_eq!(count.0.load(SeqCst), 1);
    assert_eq!(output(task).expect("it ends well"), 7);
    toy.end();
}

#[test]
fn a_joiner_that_changes_its_waker_is_woken_by_the_last_one() {
    let toy = Toy::new();
    let mut task = toy.spawn(async {});
    let counts = [(); 2].map(|()| Arc::new(Count::default()));
    for count in &counts {
        assert!(poll_join(&mut task, &Waker::from(count.clone())).is_pending());
    }
    toy.run_all();
    assert_eq!(counts.each_ref().map(|count| count.0.load(SeqCst)), [0, 1]);
    assert_eq!(counts.map(|count| Arc::strong_count(&count)), [1, 1], "a waker leaked");
    toy.end();
}

#[test]
fn a_yield_runs_again_without_passing_through_the_scheduler() {
    let toy = Toy::new();
    let task = toy.spawn(yield_once());
    let runnable = toy.scheduler.pop().expect("it was scheduled");
    let again = runnable.run().expect("it woke itself");
    assert_eq!(toy.scheduler.len(), 0);
    assert!(again.run().is_none());
    assert!(output(task).is_ok());
    toy.end();
}

#[test]
fn many_wakes_lead_to_one_poll() {
    let toy = Toy::new();
    let slot = WakerSlot::default();
    let task = toy.spawn(slot.wait());
    assert_eq!(toy.run_all(), 1);
    let waker = slot.take();
    (0..10).for_each(|_| waker.wake_by_ref());
    let clone = waker.clone();
    clone.wake();
    assert_eq!(toy.scheduler.len(), 1);
    assert_eq!(toy.run_all(), 1);
    assert!(output(task).is_ok());
    waker.wake();
    assert_eq!(toy.run_all(), 0, "a complete task was scheduled");
    toy.end();
}

#[test]
fn a_waker_outlives_its_task_and_its_runtime() {
    let toy = Toy::new();
    let slot = WakerSlot::default();
    drop(toy.spawn(slot.wait()));
    toy.run_all();
    let waker = slot.take();
    toy.end();
    waker.wake_by_ref();
    let clone = waker.clone();
    clone.wake();
    drop(waker);
}

#[test]
fn a_task_that_panics_gives_its_panic_to_the_joiner() {
    let toy = Toy::new();
    let drops = Drops::default();
    let token = drops.token();
    let task = toy.spawn(async move {
        let _token = token;
        panic_any("poll");
    });
    toy.run_all();
    assert_eq!(drops.count(), 1, "the future is dropped before the join");
    let error = output::<()>(task).expect_err("it panicked");
    assert!(error.is_panic() && !error.is_cancelled());
    assert_eq!(message(error), "poll");
    toy.end();
}

#[test]
fn a_future_that_panics_in_its_drop_gives_that_panic_to_the_joiner() {
    let toy = Toy::new();
    let (drops, outputs) = (Drops::default(), Drops::default());
    let (token, output_token) = (drops.panicking_token(), outputs.token());
    let mut output_token = Some(output_token);
    let task = toy.spawn(poll_fn(move |_| {
        let _ = &token;
        Poll::Ready(output_token.take())
    }));
    toy.run_all();
    assert_eq!((drops.count(), outputs.count()), (1, 1));
    assert_eq!(output(task).map(drop).map_err(message), Err("drop"));
    toy.end();
}

#[test]
fn an_aborted_future_that_panics_in_its_drop_gives_that_panic_to_the_joiner() {
    let toy = Toy::new();
    let drops = Drops::default();
    let token = drops.panicking_token();
    let task = toy.spawn(async move {
        let _token = token;
        pending::<()>().await;
    });
    task.abort();
    toy.run_all();
    assert_eq!(drops.count(), 1);
    assert_eq!(output(task).map_err(message), Err("drop"));
    toy.end();
}

#[test]
fn an_output_that_panics_in_its_drop_harms_nobody() {
    for joined in [false, true] {
        let toy = Toy::new();
        let drops = Drops::default();
        let token = drops.panicking_token();
        let task = toy.spawn(async move { token });
        if joined {
            toy.run_all();
            drop(task); // The handle drops the output.
        } else {
            drop(task); // The completer drops the output.
            toy.run_all();
        }
        assert_eq!(drops.count(), 1);
        toy.end();
    }
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic_any(()); // Allocates nothing, for it is leaked.
    }
}

#[test]
fn a_payload_that_panics_in_its_drop_harms_nobody() {
    let toy = Toy::new();
    drop(toy.spawn(async { panic_any(Bomb) }));
    drop(toy.spawn(async { NotifyOnDrop }));
    assert_eq!(toy.run_all(), 2);
    toy.end();

    struct NotifyOnDrop;
    impl Drop for NotifyOnDrop {
        fn drop(&mut self) {
            panic_any(Bomb);
        }
    }
}

/// A waker whose wake panics with a payload that panics.
struct Nasty;

impl Wake for Nasty {
    fn wake(self: Arc<Self>) {
        panic_any(Bomb);
    }
}

#[test]
fn a_joiner_whose_waker_panics_does_not_harm_the_worker() {
    let toy = Toy::new();
    let nasty = Arc::new(Nasty);
    let mut task = toy.spawn(async { 1 });
    assert!(poll_join(&mut task, &Waker::from(nasty.clone())).is_pending());
    assert_eq!(toy.run_all(), 1);
    assert_eq!(output(task).expect("it ends well"), 1);
    assert_eq!(Arc::strong_count(&nasty), 1, "the waker leaked");
    toy.end();
}

#[test]
fn a_joiner_whose_waker_panics_in_clone_and_drop_leaks_nothing() {
    const VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            // SAFETY: the data is the counter below, which outlives every waker.
            let n_clones = unsafe { &*data.cast::<AtomicUsize>() };
            if n_clones.fetch_add(1, SeqCst) == 1 {
                panic_any("clone");
            }
            RawWaker::new(data, &VTABLE)
        },
        |_| {},
        |_| {},
        |_| {
            if !thread::panicking() {
                panic_any("drop");
            }
        },
    );
    let toy = Toy::new();
    let n_clones = AtomicUsize::new(0);
    // SAFETY: the table's functions only count; the counter outlives the waker.
    let waker = unsafe { Waker::new((&raw const n_clones).cast(), &VTABLE) };
    let waker = std::mem::ManuallyDrop::new(waker);
    let mut task = toy.spawn(async {});
    assert!(poll_join(&mut task, &waker).is_pending());
    // The stored waker is another one: dropping it panics.
    let panics = catch_unwind(AssertUnwindSafe(|| poll_join(&mut task, Waker::noop())));
    assert!(panics.is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| poll_join(&mut task, &waker))).is_err(), "clone");
    assert!(poll_join(&mut task, &waker).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(task))).is_err(), "drop");
    toy.run_all();
    toy.end();
}

#[test]
fn a_handle_polled_after_its_output_says_what_to_do() {
    let toy = Toy::new();
    let mut task = toy.spawn(async {});
    toy.run_all();
    assert!(poll_join(&mut task, Waker::noop()).is_ready());
    let panic = catch_unwind(AssertUnwindSafe(|| poll_join(&mut task, Waker::noop())));
    let payload = panic.expect_err("there is no second output");
    assert_eq!(
        payload
            .downcast_ref::<&str>()
            .copied()
            .or(payload.downcast_ref::<String>().map(String::as_str)),
        Some("this JoinHandle was polled again after it gave its output; await a task once")
    );
    toy.end();
}

#[test]
fn future_and_output_are_dropped_once_on_every_way() {
    type Way = fn(&Toy, JoinHandle<Token>);
    let ways: [(&str, Way); 9] = [
        ("joined", |toy, task| {
            run_all(toy);
            drop(output(task));
        }),
        ("detached before completion", |toy, task| {
            drop(task);
            run_all(toy);
        }),
        ("detached after completion", |toy, task| {
            run_all(toy);
            drop(task);
        }),
        ("aborted before the first poll", |toy, task| {
            task.abort();
            run_all(toy);
        }),
        ("aborted while suspended", |toy, task| {
            run_once(toy);
            task.abort();
            run_all(toy);
        }),
        ("aborted and detached", |toy, task| {
            task.abort();
            drop(task);
            run_all(toy);
        }),
        ("aborted after completion", |toy, task| {
            run_all(toy);
            task.abort();
            drop(task);
        }),
        ("runnable dropped", |toy, task| {
            drop(toy.scheduler.pop());
            drop(task);
        }),
        ("runtime ended", |_, task| drop(task)),
    ];
    for (name, way) in ways {
        let toy = Toy::new();
        let drops = Drops::default();
        let (future, outputs) = future_and_output(&drops);
        way(&toy, toy.spawn(future));
        toy.end();
        assert_eq!(drops.count(), 1, "future: {name}");
        assert_eq!(outputs.count(), 1, "output: {name}");
    }
}

fn run_all(toy: &Toy) {
    toy.run_all();
}

fn run_once(toy: &Toy) {
    assert!(toy.scheduler.run_one());
}

#[test]
fn an_abort_during_a_poll_ends_the_task_after_it() {
    let toy = Toy::new();
    let drops = Drops::default();
    let token = drops.token();
    let slot = Arc::new(Mutex::new(None::<super::AbortHandle>));
    let own = slot.clone();
    let task = toy.spawn(async move {
        let _token = token;
        own.lock().expect("not poisoned").take().expect("set before the poll").abort();
        pending::<()>().await;
    });
    *slot.lock().expect("not poisoned") = Some(task.abort_handle());
    assert_eq!(toy.run_all(), 2);
    assert_eq!(drops.count(), 1);
    assert!(output(task).is_err_and(|error| error.is_cancelled()));
    toy.end();
}

#[test]
fn an_abort_that_comes_too_late_keeps_the_output() {
    let toy = Toy::new();
    let task = toy.spawn(async { 3 });
    toy.run_all();
    task.abort();
    assert_eq!(output(task).expect("it was complete"), 3);
    toy.end();
}

#[test]
fn the_end_cancels_suspended_and_queued_tasks() {
    let toy = Toy::new();
    let slot = WakerSlot::default();
    let suspended = toy.spawn(slot.wait());
    toy.run_all();
    let queued = toy.spawn(async {});
    toy.end();
    for task in [suspended, queued] {
        assert!(output(task).is_err_and(|error| error.is_cancelled()));
    }
    slot.take().wake();
}

#[test]
fn tasks_that_wake_each_other_in_their_drops_all_end() {
    let toy = Toy::new();
    let slots: Vec<_> = (0..1000).map(|_| WakerSlot::default()).collect();
    struct WakesNext(Option<WakerSlot>);
    impl Drop for WakesNext {
        fn drop(&mut self) {
            self.0.iter().for_each(|slot| slot.take().wake());
        }
    }
    for (n, slot) in slots.iter().enumerate() {
        let next = WakesNext(slots.get(n + 1).cloned());
        let wait = slot.wait();
        drop(toy.spawn(async move {
            let _next = next;
            wait.await;
        }));
    }
    assert_eq!(toy.run_all(), 1000);
    toy.end();
}

#[test]
fn a_task_spawned_after_the_end_is_cancelled() {
    let toy = Toy::new();
    let runtime = toy.runtime();
    toy.end();
    let drops = Drops::default();
    let token = drops.token();
    let task = Spawn::on(runtime).spawn(async move { drop(token) });
    assert_eq!(drops.count(), 1);
    assert!(output(task).is_err_and(|error| error.is_cancelled()));
    let call = Spawn::on(runtime).spawn_blocking(|| {});
    assert!(output(call).is_err_and(|error| error.is_cancelled()));
    assert!(runtime.has_ended());
}

#[test]
fn a_task_spawned_in_a_drop_during_the_end_is_cancelled() {
    let toy = Toy::new();
    let runtime = toy.runtime();
    struct SpawnsAgain(crate::RuntimeRef, Drops);
    impl Drop for SpawnsAgain {
        fn drop(&mut self) {
            let token = self.1.token();
            drop(Spawn::on(self.0).spawn(async move { drop(token) }));
        }
    }
    let drops = Drops::default();
    let spawns = SpawnsAgain(runtime, drops.clone());
    drop(toy.spawn(async move {
        let _spawns = spawns;
        pending::<()>().await;
    }));
    toy.run_all();
    toy.end();
    assert_eq!(drops.count(), 1);
}

#[test]
fn the_name_of_an_ended_runtime_does_not_lead_to_its_successor() {
    let toy = Toy::new();
    let ended = toy.runtime();
    toy.end();
    // The shell is used again; other tests may take it first.
    let toys: Vec<Toy> = (0..4).map(|_| Toy::new()).collect();
    assert!(ended.access().is_none());
    for toy in &toys {
        // SAFETY: the guard is dropped before the runtime ends, and there is no other worker.
        let _worker = unsafe { toy.runtime().enter_worker(0) };
        assert!(ended.access().is_none(), "an ended runtime was accessed on a worker");
        assert!(toy.runtime().access().is_some());
    }
    toys.into_iter().for_each(Toy::end);
}

#[test]
fn a_claimed_task_is_dropped_at_once() {
    for queued in [true, false] {
        let toy = Toy::new();
        let drops = Drops::default();
        let (token, slot) = (drops.token(), WakerSlot::default());
        let wait = slot.wait();
        let task = Spawn::on(toy.runtime()).member_of(Surroundings::EMPTY).spawn(async move {
            let _token = token;
            wait.await;
        });
        if !queued {
            toy.run_all();
        }
        assert!(task.abort_handle().claim());
        assert_eq!(drops.count(), 1);
        assert!(task.is_finished());
        assert_eq!(toy.scheduler.len(), usize::from(queued));
        toy.run_all();
        assert!(output(task).is_err_and(|error| error.is_cancelled()));
        toy.end();
    }
}

#[test]
fn a_task_in_a_poll_is_not_claimed() {
    let toy = Toy::new();
    let slot = Arc::new(Mutex::new(None::<super::AbortHandle>));
    let own = slot.clone();
    let task = Spawn::on(toy.runtime()).member_of(Surroundings::EMPTY).spawn(async move {
        own.lock().expect("not poisoned").take().expect("set before the poll").claim()
    });
    *slot.lock().expect("not poisoned") = Some(task.abort_handle());
    toy.run_all();
    assert!(!output(task).expect("it was not claimed"));
    toy.end();
}

#[test]
fn a_local_task_is_polled_and_dropped_at_home() {
    let toy = Toy::new();
    toy.runtime().set_home();
    let home = thread::current().id();
    struct AtHome(thread::ThreadId);
    impl Drop for AtHome {
        fn drop(&mut self) {
            assert_eq!(thread::current().id(), self.0);
        }
    }
    for claimable in [false, true] {
        let at_home = std::rc::Rc::new(AtHome(home));
        let spawn = Spawn::on(toy.runtime());
        let spawn = if claimable { spawn.member_of(Surroundings::EMPTY) } else { spawn };
        let task = spawn.spawn_local(async move { assert_eq!(thread::current().id(), at_home.0) });
        let handle = task.abort_handle();
        let runnable = toy.scheduler.pop().expect("it was scheduled");
        let foreign = thread::spawn(move || {
            assert!(!handle.claim(), "a local task was claimed on a foreign thread");
            assert!(runnable.run().is_none());
        });
        foreign.join().expect("a foreign thread does not touch the future");
        let mut strays = toy.runtime().take_strays();
        let stray = strays.pop().expect("it was sent home");
        thread::spawn(move || drop(stray)).join().expect("dropped, it is sent home again");
        let strays = toy.runtime().take_strays();
        assert_eq!(strays.len(), 1);
        strays.into_iter().for_each(|stray| assert!(stray.run().is_none()));
        assert!(output(task).is_ok());
    }
    toy.end();
}

#[test]
#[should_panic(expected = "spawn_local was called outside of a LocalRuntime")]
fn spawn_local_away_from_home_panics() {
    let toy = Toy::new();
    drop(Spawn::on(toy.runtime()).spawn_local(async {}));
}

#[test]
fn a_blocking_call_gives_its_output_or_its_panic() {
    let toy = Toy::new();
    assert_eq!(output(Spawn::on(toy.runtime()).spawn_blocking(|| 5)).expect("it ends well"), 5);
    let panics = Spawn::on(toy.runtime()).spawn_blocking(|| -> () { panic_any("call") });
    assert_eq!(output(panics).map_err(message), Err("call"));
    toy.end();
}

#[test]
fn a_task_knows_itself_while_it_runs() {
    let toy = Toy::new();
    let line = line!() + 1;
    let task = Spawn::on(toy.runtime())
        .name(Some("parse"))
        .spawn(async { (crate::context::task_id(), crate::context::task_name()) });
    assert_eq!((task.name(), task.spawned_at().line()), (Some("parse"), line));
    let id = task.id();
    toy.run_all();
    let (seen, name) = output(task).expect("it ends well");
    assert_eq!((seen, name.as_deref()), (Some(id), Some("parse")));
    assert_eq!(crate::context::task_id(), None);
    toy.end();
}

#[test]
fn live_tasks_are_listed() {
    let toy = Toy::new();
    let tasks: Vec<_> = (0..5).map(|_| toy.spawn(pending::<()>())).collect();
    toy.run_all();
    let mut listed: Vec<_> = toy.runtime().tasks().iter().map(super::AbortHandle::id).collect();
    listed.sort_unstable();
    assert!(tasks.iter().map(JoinHandle::id).eq(listed));
    tasks[2].abort();
    toy.run_all();
    assert_eq!(toy.runtime().tasks().len(), 4);
    toy.end();
}

#[test]
fn a_small_task_fits_two_cache_lines() {
    struct Future32([u64; 4]);
    impl Future for Future32 {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            let _ = self.0;
            Poll::Ready(())
        }
    }
    let (size, align) = super::raw::layout_of::<Future32>();
    assert!(size <= 136, "{size}"); // With the allocator's word, nine times 16 bytes.
    assert!(align <= 16);
}

#[test]
fn nested_tasks_restore_the_current_one() {
    let toy = Toy::new();
    let inner = toy.spawn(async {});
    let runnable: RefCell<Option<Runnable>> = RefCell::new(toy.scheduler.pop());
    let mut outer = pin!(async {
        runnable.borrow_mut().take().map(Runnable::run);
    });
    assert!(outer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    assert!(output(inner).is_ok());
    let again = toy.spawn(yield_once());
    toy.scheduler.pop().expect("scheduled").schedule(Hint::Wake);
    toy.run_all();
    assert!(output(again).is_ok());
    toy.end();
}
