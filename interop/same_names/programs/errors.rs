//! The error types: what they hold, convert to and implement.

use std::error::Error;
use tokio::sync::{
    AcquireError, Mutex, OnceCell, Semaphore, SetError, SetOnce, SetOnceError, TryAcquireError,
    TryLockError, broadcast, mpsc, oneshot, watch,
};

fn boxed<E: Error + Send + Sync + 'static>(error: E) -> Box<dyn Error + Send + Sync> {
    error.into()
}

/// In tokio not all of them are `Copy`.
fn cloned<E: Clone>(error: &E) -> E {
    error.clone()
}

async fn all() -> Vec<(&'static str, Box<dyn Error + Send + Sync>)> {
    let closed = Semaphore::new(0);
    closed.close();
    let acquire: AcquireError = closed.acquire().await.expect_err("it is closed");
    let cell = OnceCell::new_with(Some(1));
    let set: SetError<i32> = cell.set(2).expect_err("it is set");
    let once = SetOnce::from(1);
    let set_once: SetOnceError<i32> = once.set(2).expect_err("it is set");
    let mutex = Mutex::new(());
    let _guard = mutex.lock().await;
    let try_lock: TryLockError = mutex.try_lock().expect_err("it is locked");
    let (sender, receiver) = oneshot::channel::<()>();
    drop(sender);
    let of_oneshot: oneshot::error::RecvError = receiver.await.expect_err("no sender");
    let (sender, mut receiver) = watch::channel(());
    drop(sender);
    let of_watch: watch::error::RecvError = receiver.changed().await.expect_err("no sender");
    vec![
        ("acquire", boxed(acquire)),
        ("try acquire", boxed(TryAcquireError::NoPermits)),
        ("once cell", boxed(set)),
        ("set once", boxed(set_once)),
        ("try lock", boxed(try_lock)),
        ("oneshot", boxed(of_oneshot)),
        ("oneshot, try", boxed(oneshot::error::TryRecvError::Empty)),
        ("watch", boxed(of_watch)),
        ("watch, send", boxed(watch::error::SendError(1))),
        ("mpsc", boxed(mpsc::error::SendError(1))),
        ("mpsc, try", boxed(mpsc::error::TrySendError::Full(1))),
        ("mpsc, receive", boxed(mpsc::error::TryRecvError::Empty)),
        ("broadcast", boxed(broadcast::error::SendError(1))),
        ("broadcast, receive", boxed(broadcast::error::RecvError::Lagged(2))),
        ("broadcast, try", boxed(broadcast::error::TryRecvError::Closed)),
    ]
}

async fn question_marks() -> Result<u32, Box<dyn Error>> {
    let (sender, mut receiver) = mpsc::channel(1);
    sender.send(1).await?;
    let one = receiver.recv().await.ok_or("nothing came")?;
    let (sender, receiver) = oneshot::channel();
    sender.send(one + 1).map_err(|value| format!("{value} came back"))?;
    let two = receiver.await?;
    let semaphore = Semaphore::new(1);
    let _permit = semaphore.acquire().await?;
    let _other = semaphore.try_acquire()?;
    Ok(two)
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();
    for (name, error) in all().await {
        let says_something = !error.to_string().is_empty() && !format!("{error:?}").is_empty();
        note!(seen, "{name}: {says_something}, has a source: {}", error.source().is_some());
    }
    note!(
        seen,
        "the last one errs: {}",
        question_marks().await.is_err_and(|e| e.is::<TryAcquireError>())
    );

    let sent = mpsc::error::SendError("value");
    let copy = sent;
    note!(seen, "copied and compared: {}", sent == copy);
    let tried: mpsc::error::TrySendError<&str> = sent.into();
    note!(seen, "a closed one: {}", tried == mpsc::error::TrySendError::Closed("value"));
    note!(seen, "with its value: {}", tried.into_inner());
    let lagged = broadcast::error::RecvError::Lagged(3);
    note!(seen, "cloned and compared: {}", cloned(&lagged) == lagged);
    note!(seen, "compared: {}", SetOnceError(1) == SetOnceError(1));
    note!(seen, "compared: {}", SetError::InitializingError(1) == SetError::InitializingError(1));
    note!(seen, "compared: {}", TryAcquireError::Closed == TryAcquireError::NoPermits);
    note!(seen, "compared: {}", watch::error::SendError(1) == watch::error::SendError(1));
    // The `Debug` of an error asks nothing of the value.
    struct Silent;
    note!(seen, "said: {}", !format!("{:?}", mpsc::error::SendError(Silent)).is_empty());
    note!(seen, "said: {}", !format!("{:?}", mpsc::error::TrySendError::Full(Silent)).is_empty());
    note!(seen, "said: {}", !format!("{:?}", watch::error::SendError(Silent)).is_empty());
    seen
}
