//! Queues as asyncio has them: handles to one queue, which counts the values that were put and not yet worked off.
//!
//! [`Queue`] gives out the oldest value first, [`LifoQueue`] the newest, [`PriorityQueue`] the smallest. They are one type,
//! [`OrderedQueue`], with three orders. Beside what a channel does, a queue can be waited for until all its values are
//! worked off ([`task_done`](OrderedQueue::task_done), [`join`](OrderedQueue::join)), and be
//! [shut down](OrderedQueue::shutdown); it has no ends that would close it.
//!
//! Where asyncio raises, methods give a `Result`, and the value comes back in its error.

mod error;
mod heap;
mod order;
mod ordered;
mod section;

pub use error::{GetNowaitError, PutNowaitError, QueueShutDown};
pub use order::{Fifo, Lifo, Order, Smallest};
pub use ordered::OrderedQueue;

/// A queue that gives out the oldest value first.
///
/// # Examples
///
/// ```
/// use filch_sync::Queue;
///
/// let queue = Queue::new(2);
/// # futures_lite::future::block_on(async {
/// queue.put("first").await.unwrap();
/// queue.put("second").await.unwrap();
/// assert!(queue.full());
/// assert_eq!(queue.get().await, Ok("first"));
/// assert_eq!(queue.get().await, Ok("second"));
/// # });
/// ```
pub type Queue<T> = OrderedQueue<T, Fifo>;

/// A queue that gives out the newest value first.
///
/// # Examples
///
/// ```
/// use filch_sync::LifoQueue;
///
/// let queue = LifoQueue::unbounded();
/// queue.put_nowait(1).unwrap();
/// queue.put_nowait(2).unwrap();
/// assert_eq!(queue.get_nowait(), Ok(2));
/// assert_eq!(queue.get_nowait(), Ok(1));
/// ```
pub type LifoQueue<T> = OrderedQueue<T, Lifo>;

/// A queue that gives out the smallest value first; of equal ones, any.
///
/// Comparing values is the only code of a user that a queue runs. While it runs, no other call may put or get: such a
/// call in another thread blocks that thread, as with a `std::sync::Mutex` around a heap, and one in the comparison
/// itself panics. A comparison that panics changes nothing: the queue keeps what it had, in order.
///
/// For the largest first there is [`Reverse`](std::cmp::Reverse).
///
/// # Examples
///
/// ```
/// use filch_sync::PriorityQueue;
///
/// let queue = PriorityQueue::unbounded();
/// for job in [(2, "wash"), (1, "buy"), (3, "iron")] {
///     queue.put_nowait(job).unwrap();
/// }
/// assert_eq!(queue.get_nowait(), Ok((1, "buy")));
/// assert_eq!(queue.get_nowait(), Ok((2, "wash")));
/// assert_eq!(queue.get_nowait(), Ok((3, "iron")));
/// ```
pub type PriorityQueue<T> = OrderedQueue<T, Smallest>;
