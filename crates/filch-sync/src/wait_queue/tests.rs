//! Wakers whose `clone` and `drop` run foreign code at the worst moment. Seen through primitives that wait here.

use crate::{Notify, Semaphore};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread;

/// What a waker does when it is cloned, and what that clone does when it is dropped. Waking does nothing.
struct Hostile {
    on_clone: Box<dyn Fn()>,
    on_drop_of_clone: Box<dyn Fn()>,
}

static ORIGINAL: RawWakerVTable = RawWakerVTable::new(
    |hostile| {
        // SAFETY: the data of these wakers is that of an `Arc` which they keep.
        (unsafe { &*hostile.cast::<Hostile>() }.on_clone)();
        copy(hostile)
    },
    |hostile| drop(take(hostile)),
    |_| {},
    |hostile| drop(take(hostile)),
);

static CLONE: RawWakerVTable = RawWakerVTable::new(
    copy,
    |hostile| drop(take(hostile)),
    |_| {},
    |hostile| (take(hostile).on_drop_of_clone)(),
);

fn copy(hostile: *const ()) -> RawWaker {
    // SAFETY: the data of these wakers is that of an `Arc` which they keep.
    unsafe { Arc::increment_strong_count(hostile.cast::<Hostile>()) };
    RawWaker::new(hostile, &CLONE)
}

fn take(hostile: *const ()) -> Arc<Hostile> {
    // SAFETY: the data of these wakers is that of an `Arc` which they keep, and this is the end of one of them.
    unsafe { Arc::from_raw(hostile.cast()) }
}

impl Hostile {
    fn waker(on_clone: impl Fn() + 'static, on_drop_of_clone: impl Fn() + 'static) -> Waker {
        let hostile =
            Hostile { on_clone: Box::new(on_clone), on_drop_of_clone: Box::new(on_drop_of_clone) };
        #[expect(clippy::arc_with_non_send_sync, reason = "the wakers stay on their test's thread")]
        let hostile = Arc::into_raw(Arc::new(hostile));
        // SAFETY: the functions keep the count of the `Arc`, and are called on the thread of the test only.
        unsafe { Waker::from_raw(RawWaker::new(hostile.cast(), &ORIGINAL)) }
    }
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

#[test]
fn a_waker_whose_drop_panics_takes_no_grant_along() {
    let semaphore = Arc::new(Semaphore::new(0));
    let waker = {
        let semaphore = semaphore.clone();
        // The permit comes after the look without the lock, so that the waker is cloned for nothing.
        Hostile::waker(move || semaphore.add_permits(1), || panic!("while dropped"))
    };
    let mut acquire = Box::pin(semaphore.acquire());
    assert!(catch_unwind(AssertUnwindSafe(|| poll(acquire.as_mut(), &waker))).is_err());
    drop(acquire);
    assert_eq!(semaphore.available_permits(), 1);
}

/// Says that it was woken, then keeps its caller until the test goes on.
struct Stop(std::sync::Mutex<(Sender<()>, Receiver<()>)>);

impl Wake for Stop {
    fn wake(self: Arc<Self>) {
        let ends = self.0.lock().expect("the one who is woken does not panic");
        ends.0.send(()).expect("the test listens");
        ends.1.recv().expect("the test goes on");
    }
}

#[test]
fn a_waker_that_is_not_needed_is_dropped_unlocked() {
    const MORE_THAN_A_BATCH: usize = 40;
    let notify = Arc::new(Notify::new());
    let (is_stopped, stops) = channel();
    let (go_on, goes_on) = channel();
    let stop = Waker::from(Arc::new(Stop(std::sync::Mutex::new((is_stopped, goes_on)))));
    let mut waiting: Vec<_> = (0..MORE_THAN_A_BATCH).map(|_| Box::pin(notify.notified())).collect();
    for (index, notified) in waiting.iter_mut().enumerate() {
        let waker = if index == 0 { &stop } else { Waker::noop() };
        assert!(poll(notified.as_mut(), waker).is_pending());
    }
    let waker = {
        let (notifying, notified) = (notify.clone(), notify.clone());
        Hostile::waker(
            move || {
                // The last waiter of all is served from here on, but still in the queue.
                let notify = notifying.clone();
                drop(thread::spawn(move || notify.notify_waiters()));
                stops.recv().expect("the first one is woken");
            },
            move || notified.notify_one(),
        )
    };
    let last = waiting.last_mut().expect("there are some");
    assert!(poll(last.as_mut(), &waker).is_ready());
    go_on.send(()).expect("the first one listens");
    assert!(poll(pin!(notify.notified()), Waker::noop()).is_ready(), "what the dropped waker gave");
    drop(waiting);
}
