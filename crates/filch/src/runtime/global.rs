//! The shortest ways in: `run`, `block_on` without a runtime, and the lazy global runtime behind it.

use super::builder::Builder;
use super::depth;
use super::local::LocalRuntime;
use super::owned::Runtime;
use filch_core::RuntimeRef;
use filch_core::context::{set_global, set_process_default};
use std::future::Future;
use std::io;
use std::sync::OnceLock;

/// Runs `future` on a runtime of its own, as asyncio's `run` does: when it is done, what is left is canceled and
/// dropped. Deferred and shielded work, and blocking calls that still run, get 5 s in all; what does not end then is
/// named on stderr and dropped, or left.
///
/// While it runs, its runtime is the process default: threads started inside find it.
/// The environment is read as by [`Builder::from_env`].
///
/// # Panics
/// When the runtime cannot be built, inside a task, and when `future` panics.
#[track_caller]
pub fn run<F: Future>(future: F) -> F::Output {
    depth::check_may_block("filch::run");
    run_main(Builder::from_env(), future)
}

/// Runs `future` on the calling thread; what it spawns runs on the runtime this thread has entered, else on the process
/// default, else on the lazy global one. That runtime goes on when `future` is done.
///
/// # Panics
/// Inside a task, and when `future` panics.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    depth::check_may_block("filch::block_on");
    super::handle::Handle::current().block_on(future)
}

/// The runtime of who started none. Never ends. It has one thread until the first task is spawned.
fn global() -> RuntimeRef {
    static GLOBAL: OnceLock<Runtime> = OnceLock::new();
    let start = || Builder::from_env().name("filch-global").start_lazily().build();
    let runtime = GLOBAL.get_or_init(|| {
        start().expect("the lazy global runtime needs threads and file descriptors")
    });
    runtime.handle().runtime_ref()
}

#[ctor::ctor(unsafe)]
fn install_global() {
    set_global(global);
}

/// What `#[filch::main]` expands to.
///
/// # Panics
/// When the runtime cannot be built.
#[track_caller]
pub fn run_main<F: Future>(builder: Builder, future: F) -> F::Output {
    let runtime = build(builder);
    let _default = set_process_default(runtime.handle().runtime_ref());
    let output = runtime.block_on(future);
    drop(runtime); // Before the default ends: deferred work may start threads that look for it.
    output
}

/// What `#[filch::main(flavor = "local")]` expands to.
///
/// # Panics
/// When the runtime cannot be built.
#[track_caller]
pub fn run_main_local<F: Future>(builder: Builder, future: F) -> F::Output {
    let runtime = build_local(builder);
    let _default = set_process_default(runtime.handle().runtime_ref());
    let output = runtime.block_on(future);
    drop(runtime); // As in `run_main`.
    output
}

#[track_caller]
pub(super) fn build(mut builder: Builder) -> Runtime {
    builder.build().unwrap_or_else(|error| refuse(&error))
}

#[track_caller]
pub(super) fn build_local(mut builder: Builder) -> LocalRuntime {
    builder.build_local().unwrap_or_else(|error| refuse(&error))
}

#[track_caller]
fn refuse(error: &io::Error) -> ! {
    panic!("filch cannot start a runtime: {error}")
}
