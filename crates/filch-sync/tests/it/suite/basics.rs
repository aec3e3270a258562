//! Mutex, semaphore, notify, event and oneshot.

use super::{BlockOn, Case, is_pending, on_threads, yield_now};
use filch_sync::oneshot::error::{RecvError, TryRecvError};
use filch_sync::{Event, Mutex, Notify, Semaphore, TryAcquireError, oneshot};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::thread;

pub(super) const CASES: &[Case] = &[
    ("mutex_excludes", mutex_excludes),
    ("mutex_is_held_across_an_await", mutex_is_held_across_an_await),
    ("mutex_hands_over_to_a_thread_and_back", mutex_hands_over_to_a_thread_and_back),
    ("owned_guard_outlives_its_scope", owned_guard_outlives_its_scope),
    ("mutex_is_freed_by_a_panic", mutex_is_freed_by_a_panic),
    ("semaphore_limits", semaphore_limits),
    ("semaphore_is_fair_to_who_wants_many", semaphore_is_fair_to_who_wants_many),
    ("semaphore_blocks_threads_too", semaphore_blocks_threads_too),
    ("closed_semaphore_refuses", closed_semaphore_refuses),
    ("notify_one_is_kept", notify_one_is_kept),
    ("notify_waiters_is_not_kept", notify_waiters_is_not_kept),
    ("notify_waiters_reaches_all_threads", notify_waiters_reaches_all_threads),
    ("notify_pairs_up_two_threads", notify_pairs_up_two_threads),
    ("event_lets_all_go_on", event_lets_all_go_on),
    ("oneshot_carries_a_value_between_threads", oneshot_carries_a_value_between_threads),
    ("oneshot_tells_of_a_dropped_end", oneshot_tells_of_a_dropped_end),
    ("oneshot_close_keeps_what_was_sent", oneshot_close_keeps_what_was_sent),
    ("oneshot_sender_waits_for_the_receivers_end", oneshot_sender_waits_for_the_receivers_end),
];

fn mutex_excludes(block_on: BlockOn<'_>) {
    let count = Arc::new(Mutex::new(0));
    on_threads(4, block_on, |_| {
        let count = count.clone();
        async move {
            for round in 0..500 {
                let mut guard = count.lock().await;
                let before = *guard;
                if round % 8 == 0 {
                    yield_now().await;
                }
                *guard = before + 1;
            }
        }
    });
    assert_eq!(*count.try_lock().expect("all threads have ended"), 2000);
}

fn mutex_is_held_across_an_await(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let mutex = Mutex::new("value");
        let guard = mutex.lock().await;
        assert!(mutex.try_lock().is_err());
        let mut waiting = pin!(mutex.lock());
        assert!(is_pending(waiting.as_mut()));
        yield_now().await;
        drop(guard);
        assert_eq!(*waiting.await, "value");
        assert_eq!(*mutex.lock().await, "value");
    }));
}

fn mutex_hands_over_to_a_thread_and_back(block_on: BlockOn<'_>) {
    let mutex = Arc::new(Mutex::new(Vec::new()));
    let guard = mutex.try_lock().expect("nobody holds it");
    let thread = thread::spawn({
        let mutex = mutex.clone();
        move || mutex.blocking_lock().push("thread")
    });
    drop(guard);
    thread.join().expect("the thread does not panic");
    block_on(Box::pin({
        let mutex = mutex.clone();
        async move { mutex.lock_owned().await.push("task") }
    }));
    assert_eq!(*mutex.clone().blocking_lock_owned(), ["thread", "task"]);
}

fn owned_guard_outlives_its_scope(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let guard = {
            let mutex = Arc::new(Mutex::new(5));
            mutex.lock_owned().await
        };
        assert_eq!(*guard, 5);
        let mutex = filch_sync::OwnedMutexGuard::mutex(&guard).clone();
        assert!(mutex.clone().try_lock_owned().is_err());
        drop(guard);
        assert_eq!(Arc::into_inner(mutex).expect("the guard is gone").into_inner(), 5);
    }));
}

fn mutex_is_freed_by_a_panic(block_on: BlockOn<'_>) {
    let mutex = Arc::new(Mutex::new(1));
    let panicked = thread::spawn({
        let mutex = mutex.clone();
        move || {
            let _guard = mutex.blocking_lock();
            std::panic::resume_unwind(Box::new("while locked"));
        }
    });
    assert!(panicked.join().is_err());
    block_on(Box::pin(async move {
        assert_eq!(*mutex.lock().await, 1);
    }));
}

fn semaphore_limits(block_on: BlockOn<'_>) {
    let semaphore = Arc::new(Semaphore::new(2));
    let inside = Arc::new(AtomicUsize::new(0));
    on_threads(4, block_on, |index| {
        let (semaphore, inside) = (semaphore.clone(), inside.clone());
        async move {
            for _ in 0..200 {
                let n = 1 + index as u32 % 2;
                let permit = semaphore.acquire_many(n).await.expect("never closed");
                assert!(inside.fetch_add(n as usize, SeqCst) + n as usize <= 2);
                yield_now().await;
                inside.fetch_sub(n as usize, SeqCst);
                drop(permit);
            }
        }
    });
    assert_eq!(semaphore.available_permits(), 2);
}

fn semaphore_is_fair_to_who_wants_many(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let semaphore = Semaphore::new(3);
        let one = semaphore.acquire().await.expect("never closed");
        let mut all = pin!(semaphore.acquire_many(3));
        assert!(is_pending(all.as_mut()));
        assert!(semaphore.try_acquire().is_err(), "two are set aside for who came first");
        let mut next = pin!(semaphore.acquire());
        assert!(is_pending(next.as_mut()));
        drop(one);
        assert!(is_pending(next.as_mut()));
        drop(all.await);
        assert_eq!(next.await.expect("never closed").num_permits(), 1);
        assert_eq!(semaphore.available_permits(), 3);
    }));
}

fn semaphore_blocks_threads_too(block_on: BlockOn<'_>) {
    let semaphore = Arc::new(Semaphore::new(0));
    let thread = thread::spawn({
        let semaphore = semaphore.clone();
        move || {
            semaphore.blocking_acquire().expect("not closed yet").forget();
            semaphore.blocking_acquire_many(2).expect("not closed yet").forget();
            semaphore.clone().blocking_acquire_owned().expect("not closed yet").forget();
            semaphore.clone().blocking_acquire_many_owned(2).expect("not closed yet").forget();
        }
    });
    block_on(Box::pin({
        let semaphore = semaphore.clone();
        async move {
            for _ in 0..6 {
                semaphore.add_permits(1);
                yield_now().await;
            }
        }
    }));
    thread.join().expect("it got its six permits");
    assert_eq!(semaphore.available_permits(), 0);
}

fn closed_semaphore_refuses(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let semaphore = Arc::new(Semaphore::new(2));
        let held = semaphore.clone().acquire_owned().await.expect("not closed yet");
        let mut waiting = pin!(semaphore.acquire_many(2));
        assert!(is_pending(waiting.as_mut()));
        semaphore.close();
        assert!(semaphore.is_closed());
        assert!(waiting.await.is_err());
        assert!(semaphore.acquire().await.is_err());
        assert_eq!(semaphore.try_acquire().err(), Some(TryAcquireError::Closed));
        drop(held);
        assert_eq!(
            semaphore.available_permits(),
            2,
            "what was set aside went back, and so did what was held"
        );
    }));
}

fn notify_one_is_kept(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let notify = Notify::new();
        notify.notify_one();
        notify.notify_one();
        notify.notified().await;
        assert!(is_pending(pin!(notify.notified())), "two kept wake-ups are one");
    }));
}

fn notify_waiters_is_not_kept(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let notify = Arc::new(Notify::new());
        let made_before = notify.notified();
        let owned = notify.clone().notified_owned();
        notify.notify_waiters();
        assert!(is_pending(pin!(notify.notified())));
        made_before.await;
        owned.await;
    }));
}

fn notify_waiters_reaches_all_threads(block_on: BlockOn<'_>) {
    let (notify, n_enabled) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    thread::scope(|scope| {
        for _ in 0..4 {
            let (notify, n_enabled) = (notify.clone(), n_enabled.clone());
            scope.spawn(move || {
                block_on(Box::pin(async move {
                    let notified = notify.notified();
                    n_enabled.add_permits(1);
                    notified.await;
                }));
            });
        }
        n_enabled.blocking_acquire_many(4).expect("never closed").forget();
        notify.notify_waiters();
    });
}

fn notify_pairs_up_two_threads(block_on: BlockOn<'_>) {
    let (ping, pong) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    on_threads(2, block_on, |index| {
        let (ping, pong) = (ping.clone(), pong.clone());
        async move {
            for _ in 0..500 {
                if index == 0 {
                    ping.notify_one();
                    pong.notified().await;
                } else {
                    ping.notified().await;
                    pong.notify_one();
                }
            }
        }
    });
}

fn event_lets_all_go_on(block_on: BlockOn<'_>) {
    let event = Arc::new(Event::new());
    let passed = Arc::new(AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            let (event, passed) = (event.clone(), passed.clone());
            scope.spawn(move || {
                block_on(Box::pin(async move {
                    event.wait().await;
                    passed.fetch_add(1, SeqCst);
                }));
            });
        }
        event.set();
    });
    assert_eq!(passed.load(SeqCst), 3);
    assert!(event.is_set());
    block_on(Box::pin(async move {
        event.wait().await;
        event.clear();
        let mut waiting = pin!(event.wait());
        assert!(is_pending(waiting.as_mut()));
        event.set();
        event.clear();
        waiting.await;
        assert!(is_pending(pin!(event.wait())));
    }));
}

fn oneshot_carries_a_value_between_threads(block_on: BlockOn<'_>) {
    for _ in 0..100 {
        let (sender, receiver) = oneshot::channel();
        let thread = thread::spawn(move || sender.send(vec![1, 2, 3]).expect("the receiver waits"));
        block_on(Box::pin(async move { assert_eq!(receiver.await, Ok(vec![1, 2, 3])) }));
        thread.join().expect("the thread does not panic");
    }
    let (sender, receiver) = oneshot::channel();
    let thread = thread::spawn(move || receiver.blocking_recv());
    sender.send(7).expect("the receiver waits");
    assert_eq!(thread.join().expect("the thread does not panic"), Ok(7));
}

fn oneshot_tells_of_a_dropped_end(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (sender, receiver) = oneshot::channel::<i32>();
        drop(sender);
        assert!(matches!(receiver.await, Err(RecvError { .. })));

        let (sender, receiver) = oneshot::channel();
        drop(receiver);
        assert!(sender.is_closed());
        assert_eq!(sender.send(9), Err(9), "the value comes back");
    }));
}

fn oneshot_close_keeps_what_was_sent(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (sender, mut receiver) = oneshot::channel();
        assert!(receiver.is_empty());
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        sender.send(1).expect("the receiver is there");
        receiver.close();
        assert!(!receiver.is_empty());
        assert_eq!(receiver.try_recv(), Ok(1));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
        assert!(receiver.is_terminated());

        let (sender, mut receiver) = oneshot::channel();
        receiver.close();
        assert_eq!(sender.send(2), Err(2));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    }));
}

fn oneshot_sender_waits_for_the_receivers_end(block_on: BlockOn<'_>) {
    let (mut sender, receiver) = oneshot::channel::<i32>();
    let thread = thread::spawn(move || drop(receiver));
    block_on(Box::pin(async move {
        sender.closed().await;
        assert!(sender.is_closed());
    }));
    thread.join().expect("the thread does not panic");
}
