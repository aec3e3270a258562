//! What a workload may ask of a runtime: the few operations every one of them has, under one name each.
//!
//! It hides nothing: each function is the runtime's own call, so every peer runs the code its users write.

use std::future::Future;
use std::net::TcpListener;
use std::ops::DerefMut;
use std::sync::mpsc;
use std::time::Duration;

use crate::channels::{Broadcast, Channels};

/// A runtime under test. A value of the type is a started one.
pub(crate) trait Rt: Sized + Send + Sync + 'static {
    /// The runtime's own join handle, its output unwrapped.
    type Join<T: Send + 'static>: Future<Output = T> + Send + Unpin;
    /// An async lock around a counter.
    type Mutex: Send + Sync;
    /// What holding that lock gives.
    type Guard: DerefMut<Target = u64> + Send;
    /// A counting semaphore.
    type Semaphore: Send + Sync;
    /// What holding one unit of it gives.
    type Permit: Send;

    /// A wake-up that is kept for a task that is not waiting yet.
    type Notify: Send + Sync;
    /// The sending half of a channel for one value.
    type OneshotSender: Send;
    /// Its receiving half.
    type OneshotReceiver: Send;
    /// Channels for many values.
    type Channels: Channels + Broadcast;

    /// Starts a runtime of `workers` worker threads.
    fn start(workers: usize) -> Self;

    /// Blocks the calling thread, which is none of the workers, for `future`.
    fn block_on<F: Future>(&self, future: F) -> F::Output;

    /// Spawns from a thread that is none of the workers.
    fn spawn_outside<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Spawns from within a task.
    fn spawn<F>(future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Lets a task go on without its handle.
    fn detach<T: Send + 'static>(join: Self::Join<T>);

    /// Runs `n` no-op tasks under one roof and waits until all have ended: a task group, or what comes nearest to one.
    fn group(n: usize) -> impl Future<Output = ()> + Send;

    /// Spawns `n` no-op tasks and joins them in the order in which they end.
    fn join_set(n: usize) -> impl Future<Output = ()> + Send;

    /// Spawns `n` tasks and collects their numbers in the order of their spawns.
    fn gather(n: usize) -> impl Future<Output = Vec<u64>> + Send;

    /// Runs `job` on the pool for blocking calls.
    fn spawn_blocking<T, F>(job: F) -> impl Future<Output = T> + Send
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static;

    /// Lets every other ready task run first.
    fn yield_now() -> impl Future<Output = ()> + Send;

    /// Completes after `duration`.
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send;

    /// The output of `future`, or `None` when `duration` is over first.
    fn timeout<F>(duration: Duration, future: F) -> impl Future<Output = Option<F::Output>> + Send
    where
        F: Future + Send,
        F::Output: Send;

    /// Accepts for ever, with a task per connection that sends back what it reads.
    fn serve_echo(listener: TcpListener) -> impl Future<Output = ()> + Send + 'static;

    /// Accepts for ever, with a task per connection that sends one message back and hangs up.
    fn serve_once(listener: TcpListener) -> impl Future<Output = ()> + Send + 'static;

    /// Accepts for ever, with a task per connection on which hyper says hello over HTTP/1.1.
    fn serve_http(listener: TcpListener) -> impl Future<Output = ()> + Send + 'static;

    /// Starts the program `true` and awaits its end.
    fn run_true() -> impl Future<Output = ()> + Send;

    /// A lock around zero.
    fn mutex() -> Self::Mutex;

    /// Waits for the lock.
    fn lock(mutex: &'static Self::Mutex) -> impl Future<Output = Self::Guard> + Send;

    /// A semaphore of `permits` units.
    fn semaphore(permits: usize) -> Self::Semaphore;

    /// Waits for one unit.
    fn acquire(semaphore: &'static Self::Semaphore) -> impl Future<Output = Self::Permit> + Send;

    /// A wake-up that nobody has given yet.
    fn notify() -> Self::Notify;

    /// Gives it.
    fn notify_one(notify: &Self::Notify);

    /// Takes it, waiting until it is given.
    fn notified(notify: &'static Self::Notify) -> impl Future<Output = ()> + Send;

    /// A channel for one value.
    fn oneshot() -> (Self::OneshotSender, Self::OneshotReceiver);

    /// Sends the value.
    fn send(sender: Self::OneshotSender, value: u64);

    /// Waits for the value.
    fn receive(receiver: Self::OneshotReceiver) -> impl Future<Output = u64> + Send;

    /// Runs `future` as a task while the calling thread waits without taking part.
    ///
    /// Why: `block_on` of some runtimes lends them the calling thread, which would be a third worker.
    fn run_inside<F>(&self, future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (sender, receiver) = mpsc::sync_channel(1);
        Self::detach(self.spawn_outside(async move {
            sender.send(future.await).expect("the receiver waits right below");
        }));
        receiver.recv().expect("the workload panicked; its message is on standard error")
    }
}
