//! A value that is made once, by whoever needs it first.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tokio::sync::{OnceCell, SetError};

static GLOBAL: OnceCell<String> = OnceCell::const_new();
static READY: OnceCell<u8> = OnceCell::const_new_with(8);

fn why<T>(error: &SetError<T>) -> &'static str {
    match error {
        SetError::AlreadyInitializedError(_) => "already there",
        SetError::InitializingError(_) => "being made",
    }
}

#[tokio::main]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();

    let made = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let made = made.clone();
            tokio::spawn(async move {
                GLOBAL
                    .get_or_init(|| async {
                        tokio::task::yield_now().await;
                        format!("made {} time", made.fetch_add(1, SeqCst) + 1)
                    })
                    .await
            })
        })
        .collect();
    for task in tasks {
        note!(seen, "{}", task.await.expect("the task does not panic"));
    }

    let cell = OnceCell::new();
    note!(seen, "empty: {:?} {}", cell.get(), cell.initialized());
    let failed: Result<&u32, &str> = cell.get_or_try_init(|| async { Err("no luck") }).await;
    note!(seen, "{failed:?}");
    let made: Result<&u32, &str> = cell.get_or_try_init(|| async { Ok(3) }).await;
    note!(seen, "{made:?}");
    let set = cell.set(4);
    note!(
        seen,
        "{:?} {:?}",
        set.as_ref().map_err(why),
        set.as_ref().is_err_and(SetError::is_already_init_err)
    );

    // While one makes it, others wait; when that one gives up, the next one makes it.
    let cell = OnceCell::new();
    {
        let mut waiting = pin!(cell.get_or_init(|| async { 2 }));
        {
            let mut making = pin!(cell.get_or_init(std::future::pending::<i32>));
            note!(seen, "makes: {}", crate::now(making.as_mut()).await.is_none());
            note!(seen, "waits: {}", crate::now(waiting.as_mut()).await.is_none());
            let set = cell.set(1);
            note!(
                seen,
                "{:?} {}",
                set.as_ref().map_err(why),
                set.as_ref().is_err_and(SetError::is_initializing_err)
            );
        }
        note!(seen, "makes it: {:?}", crate::now(waiting).await);
    }

    let mut cell = OnceCell::new_with(Some(vec![1]));
    if let Some(value) = cell.get_mut() {
        value.push(2);
    }
    note!(seen, "{:?}, equal: {}", cell.get(), cell == cell.clone());
    note!(seen, "taken {:?}, left {:?}", cell.take(), cell.get());
    note!(seen, "set again: {}", cell.set(vec![]).is_ok());
    note!(seen, "taken apart {:?}", cell.into_inner());
    note!(seen, "{:?} {:?}", OnceCell::from(5).get(), OnceCell::<i32>::default().get());
    note!(seen, "{:?} {:?}", READY.get(), OnceCell::<u8>::new_with(None).get());
    seen
}
