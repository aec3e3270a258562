//! Other people's executors, each as a function that runs one future to its end on the calling thread.
//!
//! `tests/suite.rs` runs the behavior suite of `filch-sync` under each of them, `tests/mixed.rs` several of them at once.

use std::future::Future;
use std::pin::Pin;
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

/// What the executors are given.
pub type Boxed = Pin<Box<dyn Future<Output = ()>>>;

/// futures-lite has no tasks and no timers: it parks the thread.
pub fn futures_lite(future: Boxed) {
    futures_lite::future::block_on(future);
}

/// smol's `block_on`, which looks after its reactor while it waits.
pub fn smol_block_on(future: Boxed) {
    smol::block_on(future);
}

/// A task of a smol executor.
pub fn smol_task(future: Boxed) {
    let executor = smol::LocalExecutor::new();
    smol::block_on(executor.run(executor.spawn(future)));
}

/// The thread that blocks on a tokio runtime while its workers do other things.
pub fn tokio_multi_thread(runtime: &Runtime, future: Boxed) {
    runtime.block_on(future);
}

/// A task of a tokio runtime of its own, which has one thread: this one.
pub fn tokio_current_thread(future: Boxed) {
    let runtime = Builder::new_current_thread().build().expect("the runtime has no driver");
    let tasks = LocalSet::new();
    let task = tasks.spawn_local(future);
    let joined = tasks.block_on(&runtime, task);
    if let Err(error) = joined {
        std::panic::resume_unwind(error.into_panic());
    }
}
