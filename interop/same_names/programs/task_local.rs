//! Values of one future.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use tokio::task::LocalKey;
use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    /// With a comment.
    pub(crate) static NUMBER: u32;
    #[allow(dead_code)]
    static TEXT: String;
    static NOT_SEND: Cell<*const u8>
}

tokio::task_local! {}

tokio::task_local! {
    static BELL: Bell;
}

thread_local! {
    static RUNG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Says when it is dropped, and what it saw then.
struct Bell(&'static str);

impl Drop for Bell {
    fn drop(&mut self) {
        let text = format!("{} dropped, number {:?}", self.0, NUMBER.try_get().ok());
        RUNG.with(|rung| rung.borrow_mut().push(text));
    }
}

fn rung() -> Vec<String> {
    RUNG.take()
}

/// Is done at once and keeps what it has until it is dropped.
struct Done<T>(#[allow(dead_code, reason = "kept for its drop")] T);

impl<T> Future for Done<T> {
    type Output = ();
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn key() -> &'static LocalKey<u32> {
    &NUMBER
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();

    let nested = NUMBER.scope(1, async {
        tokio::task::yield_now().await;
        let before = NUMBER.get();
        let inside = NUMBER.scope(2, async { NUMBER.with(|n| n + 10) }).await;
        let spawned = tokio::spawn(async { NUMBER.try_get().ok() }).await.expect("no panic");
        let own = tokio::spawn(NUMBER.scope(5, async { NUMBER.get() })).await.expect("no panic");
        (before, inside, NUMBER.get(), spawned, own)
    });
    note!(seen, "{:?}", nested.await);
    note!(seen, "after: {:?}", NUMBER.try_get().is_err());

    note!(seen, "sync: {}", key().sync_scope(3, || key().with(|n| *n)));
    note!(
        seen,
        "two: {}",
        NUMBER.sync_scope(1, || TEXT.sync_scope("a".into(), || format!(
            "{} {}",
            NUMBER.get(),
            TEXT.get()
        )))
    );
    note!(
        seen,
        "not send: {}",
        NOT_SEND.sync_scope(Cell::default(), || NOT_SEND.with(|p| p.get().is_null()))
    );
    let error = NUMBER.try_with(|_| ()).expect_err("none is set");
    let copy = error;
    note!(seen, "error: {} {}", error == copy, (&error as &dyn Error).source().is_none());

    note!(seen, "get: {}", crate::panics(|| assert_eq!(NUMBER.get(), 1)));
    note!(seen, "with: {}", crate::panics(|| NUMBER.with(|_| ())));
    NUMBER.sync_scope(1, || {
        let enter = || NUMBER.with(|_| NUMBER.sync_scope(2, || ()));
        note!(seen, "entered in with: {}, then {}", crate::panics(enter), NUMBER.get());
        let poll_inside = || NUMBER.with(|_| poll(pin!(NUMBER.scope(2, async {}))).is_ready());
        note!(
            seen,
            "polled in with: {}, then {}",
            crate::panics(|| assert!(poll_inside())),
            NUMBER.get()
        );
        let read = NUMBER.with(|outer| NUMBER.with(|inner| (*outer, *inner)));
        note!(seen, "read twice: {read:?}");
        let unwinds = || NUMBER.sync_scope(2, || panic!("as planned"));
        note!(seen, "unwound: {}, then {}", crate::panics(unwinds), NUMBER.get());
    });

    let mut taken: Pin<Box<TaskLocalFuture<u32, _>>> =
        Box::pin(NUMBER.scope(7, async { NUMBER.try_get().ok() }));
    note!(seen, "early: {:?} {:?}", taken.as_mut().take_value(), taken.as_mut().take_value());
    note!(seen, "without: {:?}", taken.as_mut().await);
    note!(seen, "again: {}", crate::panics(|| assert!(poll(taken.as_mut()).is_ready())));
    let mut kept = Box::pin(NUMBER.scope(8, async {}));
    kept.as_mut().await;
    note!(seen, "late: {:?} {:?}", kept.as_mut().take_value(), kept.as_mut().take_value());

    drop(NUMBER.scope(1, Done(Bell("unpolled"))));
    note!(seen, "{:?}", rung());
    {
        let mut done = Box::pin(NUMBER.scope(2, Done(Bell("done"))));
        let is_ready = poll(done.as_mut()).is_ready();
        note!(seen, "{is_ready} {:?}", rung());
    }
    note!(seen, "{:?}", rung());
    let inside = NUMBER.scope(3, Done(Bell("inside")));
    NUMBER.sync_scope(4, || NUMBER.with(|_| drop(inside)));
    note!(seen, "dropped in with: {:?}", rung());
    {
        let mut value = Box::pin(BELL.scope(Bell("value"), async {}));
        note!(seen, "{} {:?}", poll(value.as_mut()).is_ready(), rung());
    }
    note!(seen, "{:?}", rung());
    NUMBER.sync_scope(5, || BELL.sync_scope(Bell("of sync"), || ()));
    note!(seen, "{:?}", rung());

    let mut moved = Box::pin(NUMBER.scope(1, async {
        tokio::task::yield_now().await;
        NUMBER.get()
    }));
    let first = NUMBER.sync_scope(9, || poll(moved.as_mut()).is_pending());
    note!(seen, "moved: {first} {}", tokio::spawn(moved).await.expect("no panic"));
    seen
}
