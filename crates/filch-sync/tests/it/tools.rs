//! What the tests poll with: wakers that count or misbehave, and the smallest executor.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread::Thread;

/// Runs one future on this thread.
pub(crate) fn block_on(mut future: Pin<Box<dyn Future<Output = ()>>>) {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    while future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        std::thread::park();
    }
}

/// Counts how often it was woken.
#[derive(Default)]
pub(crate) struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Count {
    pub(crate) fn new() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (count.clone(), Waker::from(count))
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// Runs a function when woken.
pub(crate) struct Call<F: Fn()>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Call<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

pub(crate) fn call(f: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Call(f)))
}

/// A waker that panics when cloned.
pub(crate) fn unclonable() -> Waker {
    static VTABLE: RawWakerVTable =
        RawWakerVTable::new(|_| panic!("no clone"), |_| {}, |_| {}, |_| {});
    // SAFETY: the functions use no data; the one that would have to make a waker panics.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &VTABLE)) }
}

/// Polls once, with a waker that does nothing.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    poll_with(future, Waker::noop())
}

pub(crate) fn poll_with<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// The output of a future that must be ready.
#[track_caller]
pub(crate) fn ready<F: Future + ?Sized>(future: Pin<&mut F>) -> F::Output {
    match poll(future) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future is still pending"),
    }
}

/// Polls up to `n` times, then drops. Gives the output if that came first.
pub(crate) fn poll_n_then_drop<F: Future>(n: usize, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    for _ in 0..n {
        if let Poll::Ready(output) = poll(future.as_mut()) {
            return Some(output);
        }
    }
    None
}

/// A future of a case of [`cut_off`].
pub(crate) type Cut<'w> = Pin<Box<dyn Future<Output = ()> + 'w>>;

/// Cuts an operation off after each number of polls: from none at all until it is ready by itself.
///
/// For each number it makes a fresh world and starts the operation in it. After each poll `step(&world, n)` lets happen
/// what the operation waits for; whether it did so after the last poll makes two cases. Then the future is dropped, ready
/// or not, and `check` says what must hold of the world.
pub(crate) fn cut_off<W>(
    world: impl Fn() -> W,
    start: impl for<'w> Fn(&'w W) -> Cut<'w>,
    step: impl Fn(&W, usize),
    check: impl Fn(W),
) {
    let mut n_polls = 0;
    loop {
        let mut is_ready = false;
        for steps_last in [false, true] {
            let world = world();
            {
                let mut future = start(&world);
                for n in 0..n_polls {
                    is_ready = poll(future.as_mut()).is_ready();
                    if is_ready {
                        break;
                    }
                    if steps_last || n + 1 < n_polls {
                        step(&world, n);
                    }
                }
            }
            check(world);
        }
        if is_ready {
            return;
        }
        n_polls += 1;
        assert!(n_polls < 100, "the steps of this case never make its operation ready");
    }
}
