//! smol as its users write it: the global executor, given its worker threads by `SMOL_THREADS`.
//!
//! Why not an `Executor` of our own: `smol::spawn` is what smol's documentation teaches, it runs the same
//! `async-executor` on threads started the same way, and left to itself it has one thread, which would be unfair.

use std::future::Future;
use std::net::TcpListener;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use event_listener::Event;
use smol::Timer;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol_hyper::rt::FuturesIo;

use crate::http;
use crate::rt::Rt;

pub(crate) struct Smol;

/// What `event-listener` teaches: a flag beside an event, looked at again after listening.
#[derive(Default)]
pub(crate) struct Notify {
    is_given: AtomicBool,
    event: Event,
}

impl Rt for Smol {
    type Join<T: Send + 'static> = smol::Task<T>;
    type Mutex = smol::lock::Mutex<u64>;
    type Guard = smol::lock::MutexGuard<'static, u64>;
    type Semaphore = smol::lock::Semaphore;
    type Permit = smol::lock::SemaphoreGuard<'static>;
    type Notify = Notify;
    type OneshotSender = smol::channel::Sender<u64>;
    type OneshotReceiver = smol::channel::Receiver<u64>;
    type Channels = crate::channels::Smol;

    fn start(workers: usize) -> Self {
        // SAFETY: `main` calls this before it starts a thread, so nothing reads the environment meanwhile.
        unsafe { std::env::set_var("SMOL_THREADS", workers.to_string()) };
        // The first spawn starts the threads.
        smol::block_on(smol::spawn(async {}));
        Smol
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        smol::block_on(future)
    }

    #[inline]
    fn spawn_outside<F>(&self, future: F) -> smol::Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        smol::spawn(future)
    }

    #[inline]
    fn spawn<F>(future: F) -> smol::Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        smol::spawn(future)
    }

    #[inline]
    fn detach<T: Send + 'static>(join: smol::Task<T>) {
        join.detach();
    }

    async fn group(n: usize) {
        Self::join_set(n).await;
    }

    async fn join_set(n: usize) {
        // Why in order: smol has no set of tasks.
        let tasks: Vec<_> = (0..n).map(|_| smol::spawn(async {})).collect();
        for task in tasks {
            task.await;
        }
    }

    async fn gather(n: usize) -> Vec<u64> {
        let spawn = |number| smol::spawn(async move { number });
        let tasks: Vec<_> = (0..n as u64).map(spawn).collect();
        let mut numbers = Vec::with_capacity(n);
        for task in tasks {
            numbers.push(task.await);
        }
        numbers
    }

    fn spawn_blocking<T, F>(job: F) -> impl Future<Output = T> + Send
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        smol::unblock(job)
    }

    #[inline]
    fn yield_now() -> impl Future<Output = ()> + Send {
        smol::future::yield_now()
    }

    #[inline]
    async fn sleep(duration: Duration) {
        Timer::after(duration).await;
    }

    #[inline]
    async fn timeout<F>(duration: Duration, future: F) -> Option<F::Output>
    where
        F: Future + Send,
        F::Output: Send,
    {
        let over = async {
            Timer::after(duration).await;
            None
        };
        smol::future::or(async { Some(future.await) }, over).await
    }

    async fn serve_echo(listener: TcpListener) {
        let listener = listening(listener);
        while let Ok((stream, _)) = listener.accept().await {
            smol::spawn(echo(stream)).detach();
        }
    }

    async fn serve_once(listener: TcpListener) {
        let listener = listening(listener);
        while let Ok((stream, _)) = listener.accept().await {
            smol::spawn(once(stream)).detach();
        }
    }

    async fn serve_http(listener: TcpListener) {
        let listener = listening(listener);
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            smol::spawn(http::serve(FuturesIo::new(stream))).detach();
        }
    }

    async fn run_true() {
        let status = smol::process::Command::new("true").status().await;
        assert!(status.expect("there is such a program").success());
    }

    fn mutex() -> Self::Mutex {
        smol::lock::Mutex::new(0)
    }

    #[inline]
    fn lock(mutex: &'static Self::Mutex) -> impl Future<Output = Self::Guard> + Send {
        mutex.lock()
    }

    fn semaphore(permits: usize) -> Self::Semaphore {
        smol::lock::Semaphore::new(permits)
    }

    #[inline]
    fn acquire(semaphore: &'static Self::Semaphore) -> impl Future<Output = Self::Permit> + Send {
        semaphore.acquire()
    }

    fn notify() -> Notify {
        Notify::default()
    }

    #[inline]
    fn notify_one(notify: &Notify) {
        // ORDERING: Release pairs with the Acquire swap of `notified`.
        notify.is_given.store(true, Release);
        notify.event.notify(1);
    }

    #[inline]
    async fn notified(notify: &'static Notify) {
        // ORDERING: Acquire pairs with the Release store of `notify_one`.
        while !notify.is_given.swap(false, Acquire) {
            let listener = notify.event.listen();
            if notify.is_given.swap(false, Acquire) {
                return;
            }
            listener.await;
        }
    }

    #[inline]
    fn oneshot() -> (Self::OneshotSender, Self::OneshotReceiver) {
        smol::channel::bounded(1)
    }

    #[inline]
    fn send(sender: Self::OneshotSender, value: u64) {
        sender.try_send(value).expect("the channel has room and its receiver waits");
    }

    #[inline]
    async fn receive(receiver: Self::OneshotReceiver) -> u64 {
        receiver.recv().await.expect("the sender sends before it goes")
    }
}

fn listening(listener: TcpListener) -> smol::net::TcpListener {
    smol::net::TcpListener::try_from(listener).expect("a listening socket can be made non-blocking")
}

async fn echo(mut stream: smol::net::TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut buffer = [0; 1024];
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

async fn once(mut stream: smol::net::TcpStream) {
    let mut buffer = [0; 64];
    if stream.read_exact(&mut buffer).await.is_ok() {
        let _ = stream.write_all(&buffer).await;
    }
}
