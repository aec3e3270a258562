//! filch as its users write it: the multi-thread runtime with everything enabled.

use std::future::Future;
use std::net::TcpListener;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::runtime::{Builder, Runtime};

use crate::http;
use crate::rt::Rt;

pub(crate) struct Filch(Runtime);

/// A join handle that passes a task's panic on.
pub(crate) struct Join<T>(filch::task::JoinHandle<T>);

impl<T> Future for Join<T> {
    type Output = T;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let output = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(output.expect("no task of a workload panics or is aborted"))
    }
}

impl Rt for Filch {
    type Join<T: Send + 'static> = Join<T>;
    type Mutex = filch::sync::Mutex<u64>;
    type Guard = filch::sync::MutexGuard<'static, u64>;
    type Semaphore = filch::sync::Semaphore;
    type Permit = filch::sync::SemaphorePermit<'static>;
    type Notify = filch::sync::Notify;
    type OneshotSender = filch::sync::oneshot::Sender<u64>;
    type OneshotReceiver = filch::sync::oneshot::Receiver<u64>;
    type Channels = crate::channels::Filch;

    fn start(workers: usize) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(workers).enable_all().build();
        Filch(runtime.expect("a fresh process has file descriptors and threads to spare"))
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    #[inline]
    fn spawn_outside<F>(&self, future: F) -> Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Join(self.0.spawn(future))
    }

    #[inline]
    fn spawn<F>(future: F) -> Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Join(filch::spawn(future))
    }

    #[inline]
    fn detach<T: Send + 'static>(join: Join<T>) {
        drop(join);
    }

    async fn group(n: usize) {
        let scope = filch::TaskGroup::scope(async |tg| {
            for _ in 0..n {
                tg.spawn(async {});
            }
            Ok(())
        });
        scope.await.expect("no child of a workload fails");
    }

    async fn join_set(n: usize) {
        let mut set: filch::task::JoinSet<()> = (0..n).map(|_| async {}).collect();
        while let Some(ended) = set.join_next().await {
            ended.expect("no task of a workload panics or is aborted");
        }
    }

    async fn gather(n: usize) -> Vec<u64> {
        filch::gather((0..n as u64).map(|number| async move { number })).await
    }

    fn spawn_blocking<T, F>(job: F) -> impl Future<Output = T> + Send
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        Join(filch::task::spawn_blocking(job))
    }

    #[inline]
    fn yield_now() -> impl Future<Output = ()> + Send {
        filch::task::yield_now()
    }

    #[inline]
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
        filch::time::sleep(duration)
    }

    #[inline]
    async fn timeout<F>(duration: Duration, future: F) -> Option<F::Output>
    where
        F: Future + Send,
        F::Output: Send,
    {
        filch::time::timeout(duration, future).await.ok()
    }

    async fn serve_echo(listener: TcpListener) {
        let listener = listening(listener);
        while let Ok((stream, _)) = listener.accept().await {
            filch::spawn(echo(stream));
        }
    }

    async fn serve_once(listener: TcpListener) {
        let listener = listening(listener);
        while let Ok((stream, _)) = listener.accept().await {
            filch::spawn(once(stream));
        }
    }

    async fn serve_http(listener: TcpListener) {
        let listener = listening(listener);
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            filch::spawn(http::serve(stream));
        }
    }

    async fn run_true() {
        let status = filch::process::Command::new("true").status().await;
        assert!(status.expect("there is such a program").success());
    }

    fn mutex() -> Self::Mutex {
        filch::sync::Mutex::new(0)
    }

    #[inline]
    fn lock(mutex: &'static Self::Mutex) -> impl Future<Output = Self::Guard> + Send {
        mutex.lock()
    }

    fn semaphore(permits: usize) -> Self::Semaphore {
        filch::sync::Semaphore::new(permits)
    }

    #[inline]
    async fn acquire(semaphore: &'static Self::Semaphore) -> Self::Permit {
        semaphore.acquire().await.expect("nobody closes the semaphore")
    }

    fn notify() -> Self::Notify {
        filch::sync::Notify::new()
    }

    #[inline]
    fn notify_one(notify: &Self::Notify) {
        notify.notify_one();
    }

    #[inline]
    fn notified(notify: &'static Self::Notify) -> impl Future<Output = ()> + Send {
        notify.notified()
    }

    #[inline]
    fn oneshot() -> (Self::OneshotSender, Self::OneshotReceiver) {
        filch::sync::oneshot::channel()
    }

    #[inline]
    fn send(sender: Self::OneshotSender, value: u64) {
        sender.send(value).expect("the receiver waits");
    }

    #[inline]
    async fn receive(receiver: Self::OneshotReceiver) -> u64 {
        receiver.await.expect("the sender sends before it goes")
    }
}

fn listening(listener: TcpListener) -> filch::net::TcpListener {
    listener.set_nonblocking(true).expect("a listening socket can be made non-blocking");
    filch::net::TcpListener::from_std(listener).expect("called inside the runtime")
}

async fn echo(mut stream: filch::net::TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut buffer = [0; 1024];
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

async fn once(mut stream: filch::net::TcpStream) {
    let mut buffer = [0; 64];
    if stream.read_exact(&mut buffer).await.is_ok() {
        let _ = stream.write_all(&buffer).await;
    }
}
