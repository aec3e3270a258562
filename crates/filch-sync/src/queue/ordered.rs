//! The queue, whatever its order.
//!
//! Two semaphores count, and are what calls wait for: `room` for values that may come, `ready` for values that are there.
//! The values themselves are in a [`Section`], for the order of some is foreign code's to tell. A call has its permit
//! *before* it enters, and gives the other side's after it left.
//!
//! **Invariants**, whenever nobody is in the section: there are as many values as permits of `ready`, free, held or about
//! to be given; once the queue is shut down nothing comes in, and `ready` is closed by whoever takes the last value.

use super::error::{GetNowaitError, PutNowaitError, QueueShutDown};
use super::order::Order;
use super::section::Section;
use crate::blocking::block_on;
use crate::budget;
use crate::lock::{Lock, foreign};
use crate::mpmc::channel::Finally;
use crate::notify::Notify;
use crate::semaphore::{Semaphore, SemaphorePermit, TryAcquireError};
use std::fmt;
use std::sync::Arc;

/// A queue of values in an order of its own, which counts what is to be done with them. Its names are
/// [`Queue`](super::Queue), [`LifoQueue`](super::LifoQueue) and [`PriorityQueue`](super::PriorityQueue).
///
/// It is a handle: clones are handles to the same queue. Calls that wait are served in the order in which they came.
///
/// # Examples
///
/// ```
/// use filch_sync::Queue;
///
/// let queue = Queue::unbounded();
/// let worker = std::thread::spawn({
///     let queue = queue.clone();
///     move || {
///         while let Ok(n) = queue.blocking_get() {
///             println!("{n}");
///             queue.task_done();
///         }
///     }
/// });
/// # futures_lite::future::block_on(async {
/// for n in 0..3 {
///     queue.put(n).await.unwrap();
/// }
/// queue.join().await;
/// queue.shutdown(false);
/// # });
/// worker.join().unwrap();
/// ```
pub struct OrderedQueue<T, O: Order<T>> {
    shared: Arc<Shared<O::Values>>,
}

struct Shared<V> {
    /// Zero means no limit.
    maxsize: usize,
    room: Semaphore,
    ready: Semaphore,
    contents: Section<Contents<V>>,
    /// How many values were put of which nobody said that they are done.
    n_unfinished: Lock<usize>,
    /// Wakes those who wait until all are done.
    finished: Notify,
}

#[derive(Default)]
struct Contents<V> {
    values: V,
    is_shut_down: bool,
}

impl<T, O: Order<T>> OrderedQueue<T, O> {
    /// Makes a queue for up to `maxsize` values; for any number of them if that is zero.
    ///
    /// # Panics
    /// If `maxsize` is more than [`Semaphore::MAX_PERMITS`].
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Queue;
    ///
    /// let queue = Queue::new(1);
    /// queue.put_nowait(1).unwrap();
    /// assert!(queue.put_nowait(2).is_err());
    /// ```
    #[track_caller]
    pub fn new(maxsize: usize) -> Self {
        assert!(
            maxsize <= Semaphore::MAX_PERMITS,
            "a queue was asked for room for {maxsize} values: the limit is Semaphore::MAX_PERMITS (usize::MAX >> 3), and 0 \
             means none"
        );
        let room = if maxsize == 0 { Semaphore::MAX_PERMITS } else { maxsize };
        OrderedQueue {
            shared: Arc::new(Shared {
                maxsize,
                room: Semaphore::new(room),
                ready: Semaphore::new(0),
                contents: Section::new(Contents::default()),
                n_unfinished: Lock::new(0),
                finished: Notify::new(),
            }),
        }
    }

    /// Makes a queue for any number of values: [`new`](Self::new) of zero.
    pub fn unbounded() -> Self {
        Self::new(0)
    }

    /// Puts a value in, and waits for room before.
    ///
    /// # Errors
    /// If the queue was shut down, or is while this waits: the value comes back.
    ///
    /// # Cancel safety
    /// A dropped call has not put; the value is dropped with it, and the place in the queue is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let queue = filch_sync::Queue::new(1);
    /// queue.put(1).await.unwrap();
    /// queue.shutdown(false);
    /// assert_eq!(queue.put(2).await.unwrap_err().0, 2);
    /// # });
    /// ```
    pub async fn put(&self, value: T) -> Result<(), QueueShutDown<T>> {
        match self.shared.room.acquire().await {
            Ok(room) => self.put_into(room, value).map_err(QueueShutDown),
            Err(_closed) => Err(QueueShutDown(value)),
        }
    }

    /// Puts a value in if there is room.
    ///
    /// # Errors
    /// If there is no room, or if the queue was shut down: the value comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Queue, queue::PutNowaitError};
    ///
    /// let queue = Queue::new(1);
    /// assert_eq!(queue.put_nowait(1), Ok(()));
    /// assert_eq!(queue.put_nowait(2), Err(PutNowaitError::QueueFull(2)));
    /// ```
    pub fn put_nowait(&self, value: T) -> Result<(), PutNowaitError<T>> {
        match self.shared.room.try_acquire() {
            Ok(room) => self.put_into(room, value).map_err(PutNowaitError::QueueShutDown),
            Err(TryAcquireError::NoPermits) => Err(PutNowaitError::QueueFull(value)),
            Err(TryAcquireError::Closed) => Err(PutNowaitError::QueueShutDown(value)),
        }
    }

    /// Blocks the thread until there is room, and puts a value in. For threads that are not part of a runtime.
    ///
    /// # Errors
    /// If the queue was shut down, or is while this waits: the value comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = filch_sync::Queue::new(1);
    /// let thread = std::thread::spawn({
    ///     let queue = queue.clone();
    ///     move || queue.blocking_put(7)
    /// });
    /// assert_eq!(queue.blocking_get(), Ok(7));
    /// thread.join().unwrap().unwrap();
    /// ```
    pub fn blocking_put(&self, value: T) -> Result<(), QueueShutDown<T>> {
        block_on(self.put(value))
    }

    /// Waits for a value, and takes the first one.
    ///
    /// # Errors
    /// If the queue was shut down and no value is left.
    ///
    /// # Cancel safety
    /// A dropped call has taken nothing; the value that was promised to it is promised to the next one.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let queue = filch_sync::Queue::unbounded();
    /// queue.put("a value").await.unwrap();
    /// assert_eq!(queue.get().await, Ok("a value"));
    /// # });
    /// ```
    pub async fn get(&self) -> Result<T, QueueShutDown> {
        let value = match self.shared.ready.acquire().await {
            Ok(ready) => self.get_from(ready),
            Err(_closed) => None,
        };
        value.ok_or(QueueShutDown(()))
    }

    /// Takes the first value, if there is one that was not promised to a call that waited before.
    ///
    /// # Errors
    /// If there is no value, or if the queue was shut down and no value is left.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Queue, queue::GetNowaitError};
    ///
    /// let queue = Queue::unbounded();
    /// assert_eq!(queue.get_nowait(), Err(GetNowaitError::QueueEmpty));
    /// queue.put_nowait(1).unwrap();
    /// queue.shutdown(false);
    /// assert_eq!(queue.get_nowait(), Ok(1));
    /// assert_eq!(queue.get_nowait(), Err(GetNowaitError::QueueShutDown));
    /// ```
    pub fn get_nowait(&self) -> Result<T, GetNowaitError> {
        match self.shared.ready.try_acquire() {
            Ok(ready) => self.get_from(ready).ok_or(GetNowaitError::QueueShutDown),
            Err(TryAcquireError::NoPermits) => Err(GetNowaitError::QueueEmpty),
            Err(TryAcquireError::Closed) => Err(GetNowaitError::QueueShutDown),
        }
    }

    /// Blocks the thread until a value comes, and takes the first one. For threads that are not part of a runtime.
    ///
    /// # Errors
    /// If the queue was shut down and no value is left.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = filch_sync::Queue::new(1);
    /// let thread = std::thread::spawn({
    ///     let queue = queue.clone();
    ///     move || queue.blocking_get()
    /// });
    /// queue.blocking_put(7).unwrap();
    /// assert_eq!(thread.join().unwrap(), Ok(7));
    /// ```
    pub fn blocking_get(&self) -> Result<T, QueueShutDown> {
        block_on(self.get())
    }

    /// Says that the work for one value, which `get` gave, is done. Whoever [waits for all](Self::join) goes on after the
    /// last one.
    ///
    /// # Panics
    /// If it is called more often than values were put.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let queue = filch_sync::Queue::unbounded();
    /// queue.put("work").await.unwrap();
    /// let work = queue.get().await.unwrap();
    /// drop(work);
    /// queue.task_done();
    /// queue.join().await;
    /// # });
    /// ```
    #[track_caller]
    pub fn task_done(&self) {
        let left = {
            let mut n_unfinished = self.shared.n_unfinished.lock();
            let left = n_unfinished.checked_sub(1);
            *n_unfinished = left.unwrap_or(0);
            left
        };
        match left {
            None => panic!(
                "task_done was called more often than values were put: call it once for each value that `get` gave"
            ),
            Some(0) => self.shared.finished.notify_waiters(),
            Some(_) => {}
        }
    }

    /// Waits until all values that were put are done: [`task_done`](Self::task_done) was called for each.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let queue = filch_sync::Queue::unbounded();
    /// queue.join().await; // Nothing was put, so nothing is to be done.
    /// # queue.put(()).await.unwrap();
    /// # });
    /// ```
    pub async fn join(&self) {
        // Why first: the last `task_done` after this line makes it ready, and one before it is seen in the count.
        let finished = self.shared.finished.notified();
        if *self.shared.n_unfinished.lock() == 0 {
            return budget::spend().await;
        }
        finished.await;
    }

    /// Lets no value in any more: calls that put, also those that wait, get an error.
    ///
    /// What is there can still be gotten, and when nothing is left, calls that get have an error. With `immediate` nothing
    /// is left at once: all values are dropped, and count as done.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = filch_sync::Queue::unbounded();
    /// queue.put_nowait(1).unwrap();
    /// queue.shutdown(false);
    /// assert!(queue.put_nowait(2).is_err());
    /// assert_eq!(queue.blocking_get(), Ok(1));
    /// assert!(queue.blocking_get().is_err());
    ///
    /// let queue = filch_sync::Queue::unbounded();
    /// queue.put_nowait(1).unwrap();
    /// queue.shutdown(true);
    /// assert!(queue.blocking_get().is_err());
    /// # futures_lite::future::block_on(async {
    /// queue.join().await;
    /// # });
    /// ```
    pub fn shutdown(&self, immediate: bool) {
        let shared = &*self.shared;
        let (drained, is_empty) = {
            let mut contents = shared.contents.enter(false);
            contents.is_shut_down = true;
            let drained =
                if immediate { std::mem::take(&mut contents.values) } else { O::Values::default() };
            (drained, O::len(&contents.values) == 0)
        };
        let n_drained = O::len(&drained);
        let is_finished = {
            let mut n_unfinished = shared.n_unfinished.lock();
            *n_unfinished = n_unfinished.saturating_sub(n_drained);
            *n_unfinished == 0
        };
        // All of them also if a waker panics.
        let _then_values = Finally(drained_values(drained));
        let _then_who_joins = Finally(|| {
            if is_finished {
                shared.finished.notify_waiters();
            }
        });
        let _then_who_gets = Finally(|| {
            if is_empty {
                shared.ready.close();
            }
        });
        shared.room.close();
        shared.room.release(n_drained);
    }

    /// How many values wait that are not promised to a call that waited for one.
    pub fn qsize(&self) -> usize {
        // With the last value `ready` is closed; permits that come back then stand for nothing.
        if self.shared.ready.is_closed() { 0 } else { self.shared.ready.available_permits() }
    }

    /// How many values wait: [`qsize`](Self::qsize).
    pub fn len(&self) -> usize {
        self.qsize()
    }

    /// Whether no value waits that is not promised to a call that waited for one.
    pub fn empty(&self) -> bool {
        self.qsize() == 0
    }

    /// Whether no value waits: [`empty`](Self::empty).
    pub fn is_empty(&self) -> bool {
        self.empty()
    }

    /// Whether there is no room. Never so without a limit.
    pub fn full(&self) -> bool {
        self.shared.maxsize != 0 && self.shared.room.available_permits() == 0
    }

    /// How many values have room; zero means any number.
    pub fn maxsize(&self) -> usize {
        self.shared.maxsize
    }

    /// Puts a value in, for which there is room. If the queue was shut down meanwhile, that goes back.
    #[track_caller]
    fn put_into(&self, room: SemaphorePermit<'_>, value: T) -> Result<(), T> {
        let shared = &*self.shared;
        {
            let mut contents = shared.contents.enter(O::COMPARES);
            if contents.is_shut_down {
                return Err(value);
            }
            let place = foreign(|| O::place_of(&contents.values, &value));
            room.forget();
            O::insert(&mut contents.values, value, place);
            *shared.n_unfinished.lock() += 1; // Before anybody can get it, and say that it is done.
        }
        shared.ready.release(1);
        Ok(())
    }

    /// Takes the first value, which is promised. None is there if the queue was shut down at once.
    #[track_caller]
    fn get_from(&self, ready: SemaphorePermit<'_>) -> Option<T> {
        let shared = &*self.shared;
        let (value, is_last) = {
            let mut contents = shared.contents.enter(O::COMPARES);
            let place = foreign(|| O::place_of_last(&contents.values));
            let value = O::take_first(&mut contents.values, place)?;
            (value, contents.is_shut_down && O::len(&contents.values) == 0)
        };
        ready.forget();
        if is_last {
            shared.ready.close();
        }
        shared.room.release(1);
        Some(value)
    }
}

/// Drops them when called.
fn drained_values<V>(values: V) -> impl FnMut() {
    let mut values = Some(values);
    move || foreign(|| drop(values.take()))
}

impl<T, O: Order<T>> Clone for OrderedQueue<T, O> {
    fn clone(&self) -> Self {
        OrderedQueue { shared: self.shared.clone() }
    }
}

/// Without a limit.
impl<T, O: Order<T>> Default for OrderedQueue<T, O> {
    fn default() -> Self {
        Self::unbounded()
    }
}

impl<T, O: Order<T>> fmt::Debug for OrderedQueue<T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderedQueue")
            .field("maxsize", &self.maxsize())
            .field("qsize", &self.qsize())
            .finish_non_exhaustive()
    }
}
