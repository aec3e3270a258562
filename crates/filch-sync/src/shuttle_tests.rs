//! Programs too large for loom, under random schedules: several threads that wait, give up halfway, and hand on.
//!
//! **Property:** what is granted is never lost. Each program ends with nothing missing and nobody left waiting; shuttle
//! calls a program of which every thread waits a deadlock.
//!
//! Shuttle knows no memory orderings: what one thread wrote, all see. Orderings are the loom models' to check.

use crate::blocking::block_on;
use crate::{Mutex, Notify, Semaphore, mpsc};
use filch_core::sys::thread;
use shuttle::rand::{Rng, thread_rng};
use std::future::Future;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};

const N_THREADS: usize = 4;
const N_ROUNDS: usize = 6;
/// How many schedules a program gets; half of them with few but well-placed preemptions.
const N_SCHEDULES: usize = 4_000;
/// How many preemptions a well-placed schedule has.
const DEPTH: usize = 4;

fn check(program: fn()) {
    shuttle::check_random(program, N_SCHEDULES / 2);
    shuttle::check_pct(program, N_SCHEDULES / 2, DEPTH);
}

/// Runs `act` on several threads to the end.
fn on_threads(act: impl Fn(usize) + Clone + Send + 'static) {
    let threads: Vec<_> = (0..N_THREADS)
        .map(|number| {
            let act = act.clone();
            thread::spawn(move || act(number))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("the thread does not panic"));
}

/// Begins to wait, then gives up: the future is dropped after one poll and whatever others do meanwhile. Answers what it
/// was granted if that came at once.
fn give_up<F: Future>(future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let answer = poll(future.as_mut());
    thread::yield_now();
    answer
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn now_and_then() -> bool {
    thread_rng().gen_bool(0.4)
}

/// Several threads take one to three of three permits, or give up on it.
fn share_permits(lose_one: bool) {
    const N_PERMITS: usize = 3;
    let semaphore = Arc::new(Semaphore::new(N_PERMITS));
    let n_held = Arc::new(AtomicUsize::new(0));
    on_threads({
        let semaphore = Arc::clone(&semaphore);
        move |number| {
            for _ in 0..N_ROUNDS {
                let n = thread_rng().gen_range(1..=N_PERMITS);
                if now_and_then() {
                    drop(give_up(semaphore.acquire_many(n as u32)));
                    continue;
                }
                let permit = block_on(semaphore.acquire_many(n as u32)).expect("never closed");
                assert!(
                    n_held.fetch_add(n, Relaxed) + n <= N_PERMITS,
                    "more permits than there are"
                );
                thread::yield_now();
                n_held.fetch_sub(n, Relaxed);
                drop(permit);
            }
            if lose_one && number == 0 {
                let mut waiting = Box::pin(Arc::clone(&semaphore).acquire_owned());
                let _ = poll(waiting.as_mut());
                // The mistake: what this waiter has, or is granted later, is never passed on.
                std::mem::forget(waiting);
            }
        }
    });
    assert_eq!(semaphore.available_permits(), N_PERMITS);
}

#[test]
fn permits_are_neither_made_nor_lost() {
    check(|| share_permits(false));
}

#[test]
fn a_waiter_that_keeps_its_grant_for_ever_is_found_out() {
    assert!(catch_unwind(|| check(|| share_permits(true))).is_err(), "the check sees nothing");
}

#[test]
fn a_lock_excludes_and_everybody_gets_it() {
    check(|| {
        let mutex = Arc::new(Mutex::new(0));
        on_threads({
            let mutex = Arc::clone(&mutex);
            move |_| {
                for _ in 0..N_ROUNDS {
                    if now_and_then() {
                        drop(give_up(mutex.lock()));
                    }
                    let mut count = block_on(mutex.lock());
                    let before = *count;
                    thread::yield_now();
                    *count = before + 1;
                }
            }
        });
        assert_eq!(*block_on(mutex.lock()), N_THREADS * N_ROUNDS);
    });
}

#[test]
fn a_notification_that_is_handed_on_is_not_lost_when_waiters_give_up() {
    check(|| {
        let notify = Arc::new(Notify::new());
        notify.notify_one();
        on_threads(move |_| {
            for _ in 0..N_ROUNDS {
                if now_and_then() && give_up(notify.notified()).is_some() {
                    notify.notify_one();
                }
                block_on(notify.notified());
                notify.notify_one();
            }
        });
    });
}

#[test]
fn messages_arrive_once_and_in_the_order_of_their_sender() {
    check(|| {
        let (sender, mut receiver) = mpsc::channel(2);
        let senders = thread::spawn(move || {
            on_threads(move |number| {
                for round in 0..N_ROUNDS {
                    if now_and_then() {
                        drop(give_up(sender.reserve()));
                    }
                    block_on(sender.send((number, round))).expect("the receiver lives");
                }
            });
        });
        let mut expected = [0; N_THREADS];
        loop {
            let early = if now_and_then() { give_up(receiver.recv()) } else { None };
            let message = early.unwrap_or_else(|| block_on(receiver.recv()));
            let Some((number, round)) = message else { break };
            assert_eq!(round, expected[number], "a message was lost or overtaken");
            expected[number] += 1;
        }
        assert_eq!(expected, [N_ROUNDS; N_THREADS]);
        senders.join().expect("the senders do not panic");
    });
}

#[test]
fn no_sender_sleeps_while_there_is_room() {
    check(|| {
        let (sender, mut receiver) = mpsc::channel(1);
        let senders = thread::spawn(move || {
            on_threads(move |_| {
                for round in 0..N_ROUNDS {
                    match round % 3 {
                        0 => drop(give_up(sender.reserve())),
                        1 => drop(give_up(sender.clone().reserve_owned())),
                        _ => drop(sender.try_reserve()),
                    }
                    block_on(sender.send(())).expect("the receiver lives");
                }
            });
        });
        for _ in 0..N_THREADS * N_ROUNDS {
            block_on(receiver.recv()).expect("more will come");
        }
        senders.join().expect("the senders do not panic");
        assert_eq!(receiver.capacity(), 1);
    });
}

#[test]
fn room_for_many_is_neither_made_nor_lost() {
    const BUFFER: usize = 3;
    check(|| {
        let (sender, mut receiver) = mpsc::channel(BUFFER);
        let n_sent = Arc::new(AtomicUsize::new(0));
        let senders = thread::spawn({
            let n_sent = Arc::clone(&n_sent);
            move || {
                on_threads(move |_| {
                    for _ in 0..N_ROUNDS {
                        let n = thread_rng().gen_range(1..=BUFFER);
                        if now_and_then() {
                            drop(give_up(sender.reserve_many(n)));
                            continue;
                        }
                        let permits = block_on(sender.reserve_many(n)).expect("the receiver lives");
                        for permit in permits.take(thread_rng().gen_range(0..=n)) {
                            n_sent.fetch_add(1, Relaxed);
                            permit.send(());
                        }
                    }
                });
            }
        });
        let (mut n_received, mut buffer) = (0, Vec::new());
        loop {
            match block_on(receiver.recv_many(&mut buffer, 2)) {
                0 => break,
                n => n_received += n,
            }
        }
        senders.join().expect("the senders do not panic");
        assert_eq!(n_received, n_sent.load(Relaxed));
        assert_eq!(receiver.capacity(), BUFFER);
    });
}

#[test]
fn a_closed_channel_ends_whatever_its_senders_do() {
    check(|| {
        let (sender, mut receiver) = mpsc::channel(1);
        let weak = sender.downgrade();
        let senders = thread::spawn(move || {
            on_threads(move |_| {
                for _ in 0..N_ROUNDS {
                    let _ = give_up(sender.send(()));
                    if block_on(sender.reserve()).map(|permit| permit.send(())).is_err() {
                        block_on(sender.closed());
                        // One that stays: the channel must end without the end of its senders.
                        std::mem::forget(sender.clone());
                        return;
                    }
                }
            });
        });
        for _ in 0..3 {
            assert!(block_on(receiver.recv()).is_some());
        }
        receiver.close();
        while block_on(receiver.recv()).is_some() {}
        senders.join().expect("the senders do not panic");
        assert!(weak.upgrade().is_none_or(|sender| sender.is_closed()));
    });
}
