//! asyncio's queues.

use super::{BlockOn, Case, is_pending, on_threads, yield_now};
use filch_sync::queue::{GetNowaitError, Order, OrderedQueue, PutNowaitError, QueueShutDown};
use filch_sync::{LifoQueue, PriorityQueue, Queue};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::thread;

pub(super) const CASES: &[Case] = &[
    ("queues_have_their_order", queues_have_their_order),
    ("queue_makes_puts_wait", queue_makes_puts_wait),
    ("queue_without_a_limit_never_does", queue_without_a_limit_never_does),
    ("queue_join_waits_until_all_is_done", queue_join_waits_until_all_is_done),
    ("queue_shutdown_winds_down", queue_shutdown_winds_down),
    ("queue_shutdown_at_once_drains", queue_shutdown_at_once_drains),
    ("queue_shutdown_answers_who_waits", queue_shutdown_answers_who_waits),
    ("queue_workers_share_the_work", queue_workers_share_the_work),
    ("priority_queue_gives_what_is_smallest_then", priority_queue_gives_what_is_smallest_then),
];

async fn in_and_out<O: Order<i32>>(queue: OrderedQueue<i32, O>) -> Vec<i32> {
    for n in [3, 1, 4, 1, 5, 9, 2, 6] {
        queue.put(n).await.expect("not shut down");
    }
    queue.shutdown(false);
    let mut out = Vec::new();
    while let Ok(n) = queue.get().await {
        out.push(n);
    }
    out
}

fn queues_have_their_order(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        assert_eq!(in_and_out(Queue::new(8)).await, [3, 1, 4, 1, 5, 9, 2, 6]);
        assert_eq!(in_and_out(LifoQueue::new(0)).await, [6, 2, 9, 5, 1, 4, 1, 3]);
        assert_eq!(in_and_out(PriorityQueue::unbounded()).await, [1, 1, 2, 3, 4, 5, 6, 9]);
    }));
}

fn queue_makes_puts_wait(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let queue = Queue::new(2);
        assert!(queue.empty() && !queue.full());
        queue.put(1).await.expect("not shut down");
        queue.put_nowait(2).expect("there is room");
        assert!(queue.full());
        assert_eq!((queue.qsize(), queue.maxsize()), (2, 2));
        assert_eq!(queue.put_nowait(3), Err(PutNowaitError::QueueFull(3)));
        let mut waiting = pin!(queue.put(3));
        assert!(is_pending(waiting.as_mut()));
        assert_eq!(queue.get().await, Ok(1));
        waiting.await.expect("not shut down");
        assert_eq!(queue.get().await, Ok(2));
        assert_eq!(queue.get_nowait(), Ok(3));
        assert_eq!(queue.get_nowait(), Err(GetNowaitError::QueueEmpty));
        assert!(queue.is_empty());
    }));
}

fn queue_without_a_limit_never_does(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let queue = Queue::new(0);
        for n in 0..1000 {
            queue.put(n).await.expect("not shut down");
        }
        assert!(!queue.full());
        assert_eq!((queue.len(), queue.maxsize()), (1000, 0));
    }));
}

fn queue_join_waits_until_all_is_done(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let queue = Queue::unbounded();
        queue.join().await;
        queue.put(1).await.expect("not shut down");
        queue.put(2).await.expect("not shut down");
        let mut join = pin!(queue.join());
        assert!(is_pending(join.as_mut()));
        queue.get().await.expect("two are there");
        queue.get().await.expect("one is there");
        assert!(is_pending(join.as_mut()), "gotten is not done");
        queue.task_done();
        assert!(is_pending(join.as_mut()));
        queue.task_done();
        queue.put(3).await.expect("not shut down");
        join.await; // All was done once.
        assert!(is_pending(pin!(queue.join())));
    }));
}

fn queue_shutdown_winds_down(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let queue = Queue::new(0);
        queue.put(1).await.expect("not shut down");
        queue.put(2).await.expect("not shut down");
        queue.shutdown(false);
        assert_eq!(queue.put(3).await, Err(QueueShutDown(3)));
        assert_eq!(queue.put_nowait(3), Err(PutNowaitError::QueueShutDown(3)));
        let mut join = pin!(queue.join());
        assert!(is_pending(join.as_mut()));
        assert_eq!(queue.get().await, Ok(1));
        assert_eq!(queue.get_nowait(), Ok(2));
        assert_eq!(queue.get_nowait(), Err(GetNowaitError::QueueShutDown));
        assert_eq!(queue.get().await, Err(QueueShutDown(())));
        queue.task_done();
        queue.task_done();
        join.await;
    }));
}

fn queue_shutdown_at_once_drains(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let queue = Queue::new(3);
        for n in 0..3 {
            queue.put(n).await.expect("not shut down");
        }
        assert_eq!(queue.get().await, Ok(0));
        let mut join = pin!(queue.join());
        assert!(is_pending(join.as_mut()));
        queue.shutdown(true);
        assert_eq!((queue.qsize(), queue.full()), (0, false));
        assert_eq!(queue.get().await, Err(QueueShutDown(())));
        assert!(is_pending(join.as_mut()), "what was gotten is not done");
        queue.task_done();
        join.await;
        queue.shutdown(true);
        queue.shutdown(false);
    }));
}

fn queue_shutdown_answers_who_waits(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        for immediate in [false, true] {
            let queue = Queue::<i32>::new(1);
            let mut get = pin!(queue.get());
            assert!(is_pending(get.as_mut()));
            queue.shutdown(immediate);
            assert_eq!(get.await, Err(QueueShutDown(())));

            let queue = Queue::new(1);
            queue.put(1).await.expect("not shut down");
            let mut put = pin!(queue.put(2));
            assert!(is_pending(put.as_mut()));
            queue.shutdown(immediate);
            assert_eq!(put.await, Err(QueueShutDown(2)));
            assert_eq!(queue.get().await.is_ok(), !immediate);
        }
    }));
}

fn queue_workers_share_the_work(block_on: BlockOn<'_>) {
    const N: usize = 400;
    let (queue, sum) = (PriorityQueue::new(4), Arc::new(AtomicUsize::new(0)));
    let worker = thread::spawn({
        let (queue, sum) = (queue.clone(), sum.clone());
        move || {
            while let Ok(n) = queue.blocking_get() {
                sum.fetch_add(n, SeqCst);
                queue.task_done();
            }
        }
    });
    let producer = thread::spawn({
        let queue = queue.clone();
        move || (0..N).for_each(|n| queue.blocking_put(n).expect("not shut down yet"))
    });
    let producer = std::sync::Mutex::new(Some(producer));
    on_threads(3, block_on, |index| {
        let (queue, sum) = (queue.clone(), sum.clone());
        let mut producer = producer.lock().expect("no panic");
        let producer = if index == 0 { producer.take() } else { None };
        async move {
            if index == 0 {
                for n in 0..N {
                    queue.put(n).await.expect("not shut down");
                }
                // The workers are the others, so that this thread may block.
                let producer = producer.expect("given to this one").join();
                producer.expect("the thread does not panic");
                queue.join().await;
                queue.shutdown(false);
            } else {
                while let Ok(n) = queue.get().await {
                    sum.fetch_add(n, SeqCst);
                    if n % 8 == 0 {
                        yield_now().await;
                    }
                    queue.task_done();
                }
            }
        }
    });
    worker.join().expect("the thread does not panic");
    assert_eq!(sum.load(SeqCst), N * (N - 1));
}

fn priority_queue_gives_what_is_smallest_then(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let queue = PriorityQueue::unbounded();
        let mut get = pin!(queue.get());
        assert!(is_pending(get.as_mut()));
        queue.put(5).await.expect("not shut down");
        queue.put(1).await.expect("not shut down");
        assert_eq!(get.await, Ok(1), "the smallest when it runs, not when it was woken");
        assert_eq!(queue.get().await, Ok(5));
    }));
}
