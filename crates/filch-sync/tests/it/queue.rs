//! asyncio's queues: nothing is lost under random programs, comparisons that misbehave, wrong use and what it says.

use crate::tools::{Count, call, poll, poll_with, ready};
use filch_core::coop::{Budget, with_budget};
use filch_sync::queue::{GetNowaitError, Order, OrderedQueue, PutNowaitError, QueueShutDown};
use filch_sync::{LifoQueue, PriorityQueue, Queue};
use proptest::prelude::*;
use std::cell::Cell;
use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Arc, Barrier};
use std::task::Poll;
use std::thread;

/// A value that counts its end.
#[derive(Debug)]
struct Value(u8, Arc<AtomicUsize>);

impl Drop for Value {
    fn drop(&mut self) {
        self.1.fetch_add(1, SeqCst);
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8),
    PutNowait(u8),
    Get,
    GetNowait,
    Poll(usize),
    Cancel(usize),
    TaskDone,
    Shutdown(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => any::<u8>().prop_map(Step::Put),
        6 => any::<u8>().prop_map(Step::PutNowait),
        10 => Just(Step::Get),
        6 => Just(Step::GetNowait),
        16 => any::<usize>().prop_map(Step::Poll),
        8 => any::<usize>().prop_map(Step::Cancel),
        8 => Just(Step::TaskDone),
        1 => any::<bool>().prop_map(Step::Shutdown),
    ]
}

/// What a call came to.
enum Outcome {
    Put,
    Gotten,
    ShutDown,
}

struct Task {
    future: Pin<Box<dyn Future<Output = Outcome>>>,
    is_put: bool,
    waker: std::task::Waker,
    count: Arc<Count>,
    n_seen: usize,
}

/// Put = gotten + drained + left, and who joins waits for what was put, less what is done or was drained.
struct Program<O: Order<Value>> {
    queue: OrderedQueue<Value, O>,
    tasks: Vec<Task>,
    n_dropped: Arc<AtomicUsize>,
    n_made: usize,
    n_put: usize,
    n_gotten: usize,
    n_drained: usize,
    n_done: usize,
    is_shut_down: bool,
}

impl<O: Order<Value> + 'static> Program<O> {
    fn run(queue: OrderedQueue<Value, O>, steps: Vec<Step>) {
        let mut program = Program {
            queue,
            tasks: Vec::new(),
            n_dropped: Arc::default(),
            n_made: 0,
            n_put: 0,
            n_gotten: 0,
            n_drained: 0,
            n_done: 0,
            is_shut_down: false,
        };
        for step in steps {
            program.step(step);
            let is_joined = poll(pin!(program.queue.join())).is_ready();
            assert_eq!(is_joined, program.n_unfinished() == 0);
        }
        program.end();
    }

    fn n_unfinished(&self) -> usize {
        self.n_put - self.n_drained - self.n_done
    }

    fn make(&mut self, key: u8) -> Value {
        self.n_made += 1;
        Value(key, self.n_dropped.clone())
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Put(key) => {
                let (queue, value) = (self.queue.clone(), self.make(key));
                self.start(true, async move {
                    match queue.put(value).await {
                        Ok(()) => Outcome::Put,
                        Err(QueueShutDown(_value)) => Outcome::ShutDown,
                    }
                });
            }
            Step::PutNowait(key) => {
                let value = self.make(key);
                self.n_put += usize::from(self.queue.put_nowait(value).is_ok());
            }
            Step::Get => {
                let queue = self.queue.clone();
                self.start(false, async move {
                    match queue.get().await {
                        Ok(_value) => Outcome::Gotten,
                        Err(QueueShutDown(())) => Outcome::ShutDown,
                    }
                });
            }
            Step::GetNowait => self.n_gotten += usize::from(self.queue.get_nowait().is_ok()),
            Step::Poll(which) => {
                if let Some(index) = which.checked_rem(self.tasks.len()) {
                    self.poll(index);
                }
            }
            Step::Cancel(which) => {
                if let Some(index) = which.checked_rem(self.tasks.len()) {
                    drop(self.tasks.remove(index));
                }
            }
            Step::TaskDone => {
                if self.n_unfinished() > 0 {
                    self.queue.task_done();
                    self.n_done += 1;
                }
            }
            Step::Shutdown(immediate) => {
                // Those that are done may be more than were gotten, for the program does not say which are.
                if immediate && self.n_done > self.n_gotten {
                    return;
                }
                self.is_shut_down = true;
                self.queue.shutdown(immediate);
                if immediate {
                    self.n_drained = self.n_put - self.n_gotten;
                }
            }
        }
    }

    fn start(&mut self, is_put: bool, future: impl Future<Output = Outcome> + 'static) {
        let (count, waker) = Count::new();
        self.tasks.push(Task { future: Box::pin(future), is_put, waker, count, n_seen: 0 });
        self.poll(self.tasks.len() - 1);
    }

    fn poll(&mut self, index: usize) {
        let task = &mut self.tasks[index];
        task.n_seen = task.count.get();
        let Poll::Ready(outcome) = poll_with(task.future.as_mut(), &task.waker) else { return };
        drop(self.tasks.remove(index));
        match outcome {
            Outcome::Put => self.n_put += 1,
            Outcome::Gotten => self.n_gotten += 1,
            Outcome::ShutDown => assert!(self.is_shut_down),
        }
    }

    fn end(mut self) {
        while let Some(index) = self.tasks.iter().position(|task| task.count.get() != task.n_seen) {
            self.poll(index);
        }
        for task in &self.tasks {
            assert!(!self.is_shut_down);
            assert!(if task.is_put { self.queue.full() } else { self.queue.empty() });
        }
        self.tasks.clear();
        let n_left = self.queue.qsize();
        assert_eq!(self.n_put, self.n_gotten + self.n_drained + n_left);
        for _ in 0..n_left {
            assert!(self.queue.get_nowait().is_ok());
        }
        assert!(self.queue.get_nowait().is_err());
        drop(self.queue);
        assert_eq!(self.n_dropped.load(SeqCst), self.n_made);
    }
}

proptest! {
    #[test]
    fn nothing_is_lost(maxsize in 0..4usize, steps in prop::collection::vec(step(), 0..120)) {
        Program::run(Queue::new(maxsize), steps.clone());
        Program::run(LifoQueue::new(maxsize), steps.clone());
        Program::run(PriorityQueue::new(maxsize), steps);
    }

    #[test]
    fn a_priority_queue_is_sorted(mut values in prop::collection::vec(any::<u16>(), 0..100)) {
        let queue = PriorityQueue::unbounded();
        values.iter().try_for_each(|value| queue.put_nowait(*value)).expect("no limit");
        values.sort_unstable();
        let gotten: Vec<_> = std::iter::from_fn(|| queue.get_nowait().ok()).collect();
        prop_assert_eq!(gotten, values);
    }
}

thread_local! {
    static COMPARE: Cell<Option<fn()>> = const { Cell::new(None) };
}

/// A value whose comparison calls a function first.
#[derive(Debug, PartialEq, Eq)]
struct Hostile(i32);

impl PartialOrd for Hostile {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Hostile {
    fn cmp(&self, other: &Self) -> Ordering {
        if let Some(f) = COMPARE.take() {
            f();
        }
        self.0.cmp(&other.0)
    }
}

#[test]
fn a_comparison_that_panics_changes_nothing() {
    let queue = PriorityQueue::new(3);
    for n in [2, 1, 3] {
        assert!(queue.put_nowait(Hostile(n)).is_ok());
    }
    let explode: fn() = || std::panic::resume_unwind(Box::new("cmp"));
    COMPARE.set(Some(explode));
    assert!(catch_unwind(AssertUnwindSafe(|| queue.get_nowait())).is_err());
    assert_eq!((queue.qsize(), queue.full()), (3, true));
    assert_eq!(queue.get_nowait(), Ok(Hostile(1)));
    COMPARE.set(Some(explode));
    assert!(catch_unwind(AssertUnwindSafe(|| queue.put_nowait(Hostile(0)))).is_err());
    assert_eq!((queue.qsize(), queue.full()), (2, false));
    COMPARE.set(Some(explode));
    assert!(
        catch_unwind(AssertUnwindSafe(|| poll(pin!(queue.put(Hostile(0)))).is_ready())).is_err()
    );
    assert_eq!((queue.get_nowait(), queue.get_nowait()), (Ok(Hostile(2)), Ok(Hostile(3))));
    for _ in 0..3 {
        queue.task_done();
    }
    ready(pin!(queue.join()));
}

#[test]
fn a_comparison_that_uses_its_queue_is_told_so() {
    thread_local! {
        static QUEUE: PriorityQueue<Hostile> = PriorityQueue::unbounded();
    }
    let queue = QUEUE.with(Clone::clone);
    for n in [2, 1, 3] {
        assert!(queue.put_nowait(Hostile(n)).is_ok());
    }
    let reenter: [fn(); 4] = [
        || QUEUE.with(|queue| drop(queue.get_nowait())),
        || QUEUE.with(|queue| drop(queue.put_nowait(Hostile(0)))),
        || QUEUE.with(|queue| drop(queue.blocking_get())),
        || QUEUE.with(|queue| queue.shutdown(true)),
    ];
    for f in reenter {
        COMPARE.set(Some(f));
        let panic = catch_unwind(AssertUnwindSafe(|| queue.get_nowait())).expect_err("it reenters");
        let message = panic.downcast_ref::<&str>().expect("a message");
        assert!(message.contains("let `Ord::cmp` look at nothing but its values"), "{message}");
        assert_eq!(queue.qsize(), 3);
    }
    // What only counts may be asked.
    COMPARE.set(Some(|| QUEUE.with(|queue| assert!(!queue.full() && queue.qsize() < 3))));
    assert_eq!(queue.get_nowait(), Ok(Hostile(1)));
}

#[test]
fn a_comparison_keeps_other_threads_waiting_and_loses_nothing() {
    static INSIDE: std::sync::OnceLock<Barrier> = std::sync::OnceLock::new();
    INSIDE.get_or_init(|| Barrier::new(2));
    let queue = PriorityQueue::unbounded();
    for n in [2, 1, 3] {
        assert!(queue.put_nowait(Hostile(n)).is_ok());
    }
    let thread = thread::spawn({
        let queue = queue.clone();
        move || {
            COMPARE.set(Some(|| {
                INSIDE.get().expect("set above").wait();
                INSIDE.get().expect("set above").wait();
            }));
            queue.get_nowait()
        }
    });
    let inside = INSIDE.get().expect("set above");
    inside.wait();
    assert_eq!(queue.qsize(), 2, "counts need not wait");
    let other = thread::spawn({
        let queue = queue.clone();
        move || (queue.blocking_put(Hostile(0)), queue.blocking_get())
    });
    inside.wait();
    assert_eq!(thread.join().expect("no panic"), Ok(Hostile(1)));
    assert_eq!(other.join().expect("no panic"), (Ok(()), Ok(Hostile(0))));
    assert_eq!((queue.get_nowait(), queue.get_nowait()), (Ok(Hostile(2)), Ok(Hostile(3))));
}

#[test]
fn a_waker_may_use_the_queue_that_wakes_it() {
    let queue = PriorityQueue::new(2);
    let waker = {
        let queue = queue.clone();
        call(move || {
            let _ = queue.put_nowait(9);
            let _ = poll(pin!(queue.join()));
            let _ = queue.get_nowait();
            queue.shutdown(false);
        })
    };
    let mut get = pin!(queue.get());
    assert!(poll_with(get.as_mut(), &waker).is_pending());
    queue.put_nowait(1).expect("there is room");
    assert!(ready(get).is_ok());
    assert_eq!(queue.put_nowait(2), Err(PutNowaitError::QueueShutDown(2)));
}

#[test]
fn a_panicking_waker_does_not_keep_others_from_hearing_of_the_shutdown() {
    let explode = || call(|| std::panic::resume_unwind(Box::new("waker")));
    let (count, waker) = Count::new();
    let n_dropped = Arc::new(AtomicUsize::new(0));
    let queue = Queue::new(1);
    queue.put_nowait(Value(0, n_dropped.clone())).expect("there is room");
    let mut puts = [1, 2].map(|n| Box::pin(queue.put(Value(n, n_dropped.clone()))));
    assert!(poll_with(puts[0].as_mut(), &explode()).is_pending());
    assert!(poll_with(puts[1].as_mut(), &waker).is_pending());
    let mut join = pin!(queue.join());
    assert!(poll_with(join.as_mut(), &waker).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| queue.shutdown(true))).is_err());
    assert_eq!((count.get(), n_dropped.load(SeqCst)), (2, 1));
    ready(join);
    for put in &mut puts {
        assert!(ready(put.as_mut()).is_err());
    }
    assert_eq!(queue.get_nowait(), Err(GetNowaitError::QueueShutDown));
}

#[test]
fn the_drop_of_a_value_may_use_its_queue() {
    struct OnDrop(Queue<OnDrop>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            assert!(self.0.get_nowait().is_err());
            self.0.shutdown(true);
        }
    }
    let queue = Queue::unbounded();
    for _ in 0..3 {
        assert!(queue.put_nowait(OnDrop(queue.clone())).is_ok());
    }
    queue.shutdown(true);
    ready(pin!(queue.join()));
}

#[test]
fn without_budget_nothing_is_gotten_and_nothing_lost() {
    let queue = Queue::new(2);
    queue.put_nowait(1).expect("there is room");
    with_budget(Budget::new(0), || {
        let (count, waker) = Count::new();
        assert!(poll_with(pin!(queue.get()), &waker).is_pending());
        assert!(poll_with(pin!(queue.put(2)), &waker).is_pending());
        assert_eq!(count.get(), 2);
    });
    with_budget(Budget::new(2), || {
        ready(pin!(queue.put(2))).expect("there is room");
        assert_eq!(ready(pin!(queue.get())), Ok(1));
        assert!(poll(pin!(queue.get())).is_pending(), "all is spent");
    });
    queue.task_done();
    queue.task_done();
    with_budget(Budget::new(0), || assert!(poll(pin!(queue.join())).is_pending()));
    ready(pin!(queue.join()));
}

#[test]
#[should_panic(expected = "task_done was called more often than values were put")]
fn too_many_done_are_refused() {
    let queue = Queue::unbounded();
    queue.put_nowait(1).expect("no limit");
    queue.task_done();
    queue.task_done();
}

#[test]
#[should_panic(expected = "the limit is Semaphore::MAX_PERMITS")]
fn too_much_room_is_refused() {
    let _ = Queue::<i32>::new(usize::MAX);
}

#[test]
fn what_can_be_sent_and_shared() {
    fn send_and_sync<T: Send + Sync>() {}
    fn send_value<T: Send>(_: &T) {}
    type Message = Cell<i32>;
    send_and_sync::<Queue<Message>>();
    send_and_sync::<LifoQueue<Message>>();
    send_and_sync::<PriorityQueue<Message>>();
    let queue = Queue::default();
    send_value(&queue.put(Message::new(1)));
    send_value(&queue.get());
    send_value(&queue.join());
    assert_eq!(format!("{queue:?}"), "OrderedQueue { maxsize: 0, qsize: 0, .. }");
    assert_eq!(QueueShutDown(5).to_string(), "the queue was shut down");
    assert_eq!(format!("{:?}", PutNowaitError::from(QueueShutDown(5))), "QueueShutDown(..)");
    assert_eq!(PutNowaitError::QueueFull(5).to_string(), "the queue is full");
    assert_eq!(PutNowaitError::QueueFull(5).into_inner(), 5);
    assert_eq!(GetNowaitError::from(QueueShutDown(())), GetNowaitError::QueueShutDown);
    assert_eq!(GetNowaitError::QueueEmpty.to_string(), "the queue is empty");
}
