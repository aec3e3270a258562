//! Queues: a dropped put has not put, a dropped get has not gotten, and the count of what is to be done stays right.

use super::Case;
use crate::tools::{Count, cut_off, poll, poll_with, ready};
use filch_sync::{LifoQueue, PriorityQueue, Queue};
use std::cell::RefCell;
use std::pin::pin;

pub(super) const CASES: &[Case] = &[
    ("queue::OrderedQueue::put", || {
        cut_off(
            || {
                let queue = Queue::new(1);
                queue.put_nowait(1).expect("there is room");
                queue
            },
            |queue| Box::pin(async { queue.put(2).await.expect("not shut down") }),
            |queue, _| {
                let _ = queue.get_nowait();
            },
            |queue| {
                let n_left = queue.qsize();
                queue.shutdown(true);
                assert!(n_left <= 1);
                // Those that were taken out are not done; those that were dropped are.
                let mut join = pin!(queue.join());
                while poll(join.as_mut()).is_pending() {
                    queue.task_done();
                }
            },
        );
    }),
    ("queue::OrderedQueue::get", || {
        cut_off(
            || (Queue::new(0), RefCell::new(Vec::new())),
            |(queue, gotten)| {
                Box::pin(async {
                    let value = queue.get().await.expect("not shut down");
                    gotten.borrow_mut().push(value);
                })
            },
            |(queue, _), n| queue.put_nowait(n).expect("no limit"),
            |(queue, gotten)| {
                let mut n_put = gotten.borrow().len();
                while queue.get_nowait().is_ok() {
                    n_put += 1;
                }
                assert!(queue.empty());
                for _ in 0..n_put {
                    assert!(poll(pin!(queue.join())).is_pending());
                    queue.task_done();
                }
                ready(pin!(queue.join()));
            },
        );
    }),
    ("queue::OrderedQueue::join", || {
        cut_off(
            || {
                let queue = LifoQueue::new(0);
                queue.put_nowait(1).expect("no limit");
                queue
            },
            |queue| Box::pin(queue.join()),
            |queue, n| {
                if n == 1 {
                    queue.task_done();
                }
            },
            |queue| queue.shutdown(true),
        );
    }),
];

#[test]
fn a_value_promised_to_a_dropped_get_is_promised_to_the_next() {
    let queue = PriorityQueue::unbounded();
    let mut first = Box::pin(queue.get());
    assert!(poll(first.as_mut()).is_pending());
    let (count, waker) = Count::new();
    let mut second = pin!(queue.get());
    assert!(poll_with(second.as_mut(), &waker).is_pending());
    queue.put_nowait(1).expect("no limit");
    assert_eq!((count.get(), queue.qsize()), (0, 0), "promised to the first one");
    assert!(queue.get_nowait().is_err());
    drop(first);
    assert_eq!(count.get(), 1);
    assert_eq!(ready(second), Ok(1));
}

#[test]
fn room_granted_to_a_dropped_put_goes_to_the_next() {
    let queue = Queue::new(1);
    queue.put_nowait(1).expect("there is room");
    let mut first = Box::pin(queue.put(2));
    assert!(poll(first.as_mut()).is_pending());
    let (count, waker) = Count::new();
    let mut second = pin!(queue.put(3));
    assert!(poll_with(second.as_mut(), &waker).is_pending());
    assert_eq!(queue.get_nowait(), Ok(1));
    drop(first);
    assert_eq!(count.get(), 1);
    ready(second).expect("not shut down");
    assert_eq!(queue.get_nowait(), Ok(3));
}
