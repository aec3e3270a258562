//! What the primitives do on any executor: the cases get a `block_on` and use nothing else to run futures.
//!
//! Concurrency comes from threads, each with a `block_on` of its own. Programs outside of this crate include this
//! folder and run it under other executors.

mod barrier;
mod basics;
mod broadcast;
mod cancellation;
mod capacity_limiter;
mod condition;
mod mpmc;
mod mpsc;
mod once;
mod promise;
mod queue;
mod rendezvous;
mod rwlock;
mod wait_group;
mod watch;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread;

/// Runs one future to its end on the calling thread.
pub(crate) type BlockOn<'a> = &'a (dyn Fn(Pin<Box<dyn Future<Output = ()>>>) + Sync);

/// One thing that holds on every executor, and its name.
type Case = (&'static str, fn(BlockOn<'_>));

const ALL: &[&[Case]] = &[
    basics::CASES,
    rwlock::CASES,
    condition::CASES,
    barrier::CASES,
    wait_group::CASES,
    once::CASES,
    capacity_limiter::CASES,
    promise::CASES,
    cancellation::CASES,
    mpsc::CASES,
    rendezvous::CASES,
    mpmc::CASES,
    broadcast::CASES,
    watch::CASES,
    queue::CASES,
];

/// Runs all cases, one after the other.
pub(crate) fn run_all(block_on: BlockOn<'_>) {
    for (name, case) in ALL.iter().copied().flatten() {
        println!("{name}");
        case(block_on);
    }
}

/// Runs `future` on `n` threads at once.
fn on_threads<F: Future<Output = ()> + 'static>(
    n: usize,
    block_on: BlockOn<'_>,
    future: impl Fn(usize) -> F + Sync,
) {
    thread::scope(|scope| {
        for index in 0..n {
            let future = &future;
            scope.spawn(move || block_on(Box::pin(future(index))));
        }
    });
}

/// Lets others run once.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn is_pending<F: Future>(future: Pin<&mut F>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}
