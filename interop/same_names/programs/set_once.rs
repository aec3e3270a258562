//! A value that is set once, and awaited by many.

use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{SetOnce, SetOnceError};

static GLOBAL: SetOnce<u32> = SetOnce::const_new();
static READY: SetOnce<u8> = SetOnce::const_new_with(1);

#[tokio::main]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();

    let waiting: Vec<_> =
        (0..4).map(|n| tokio::spawn(async move { n + *GLOBAL.wait().await })).collect();
    note!(seen, "set: {:?}", GLOBAL.set(10));
    let SetOnceError(late) = GLOBAL.set(11).expect_err("it is set");
    note!(seen, "too late with {late}");
    for task in waiting {
        note!(seen, "{}", task.await.expect("the task does not panic"));
    }

    let cell = SetOnce::new();
    {
        let mut early = pin!(cell.wait());
        note!(
            seen,
            "{:?} {} {}",
            cell.get(),
            cell.initialized(),
            crate::now(early.as_mut()).await.is_none()
        );
        cell.set("value").expect("nobody else sets it");
        note!(seen, "{:?} {:?}", crate::now(early).await, cell.wait().await);
    }
    let copy = cell.clone();
    note!(seen, "equal: {}, taken apart {:?}", cell == copy, cell.into_inner());

    let shared = Arc::new(SetOnce::from(vec![1, 2]));
    note!(seen, "{:?}", shared.wait().await);
    note!(seen, "{:?} {:?}", SetOnce::<u8>::default().get(), READY.get());
    note!(seen, "{:?} {:?}", SetOnce::<u8>::new_with(None).get(), SetOnce::new_with(Some(2)).get());
    seen
}
