//! The shortest ways in: `run`, `block_on` without a runtime, and the lazy global runtime behind it.

use super::builder::Builder;
use super::ctrl_c::CtrlC;
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
/// On the main thread it answers Ctrl-C (`SIGINT`; Unix, with the feature `signal`) unless the program does: `future` is
/// ended like a canceled scope, so that its groups end first, it is dropped, clean-up runs as after its own end, all within
/// the 5 s, and then the process ends by the signal, so that a shell sees 130. A second Ctrl-C ends the process at once. A
/// program that listens for `SIGINT`, by [`signal::ctrl_c`](crate::signal::ctrl_c) or a handler of another's making, or
/// that was started with it ignored, has its own way. [`Builder::handle_ctrl_c`] turns this off. What blocks its thread in
/// a poll is not ended by the first Ctrl-C. When clean-up panics, that is reported, and the process ends by the signal all
/// the same.
///
/// It blocks its thread until all of that is done, also inside another runtime's `block_on`.
///
/// # Panics
/// When the runtime cannot be built, inside a task, and when `future` panics.
#[track_caller]
pub fn run<F: Future>(future: F) -> F::Output {
    depth::check_may_block("filch::run");
    run_main(Builder::from_env(), future)
}

/// As [`run`], with the runtime that `builder` builds.
#[track_caller]
pub(super) fn run_with<F: Future>(builder: &mut Builder, future: F) -> F::Output {
    let ctrl_c = CtrlC::new(builder.handles_ctrl_c());
    let runtime = builder.build().unwrap_or_else(|error| refuse(&error));
    // Outlives the runtime: deferred work may start threads that look for it.
    let _default = set_process_default(runtime.handle().runtime_ref());
    ctrl_c.run(
        future,
        runtime,
        |runtime, main| runtime.block_on(main),
        // Why not as a drop: inside another runtime's `block_on`, that would not wait.
        |mut runtime, grace| runtime.end(grace),
    )
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
    tell_of_forks();
}

/// Has the core told of each fork of this process, in the child.
#[cfg(unix)]
fn tell_of_forks() {
    use std::ffi::c_int;
    type Handler = Option<unsafe extern "C" fn()>;

    unsafe extern "C" {
        fn pthread_atfork(prepare: Handler, parent: Handler, child: Handler) -> c_int;
    }

    unsafe extern "C" fn in_child() {
        filch_core::runtime::forked();
    }

    // SAFETY: the handler writes to an atomic, which may be done in the child of a process with threads. Code of a library
    // that is unloaded is not called: the C library forgets handlers together with their library.
    // Why its answer is ignored: without memory for a handler, forks go unnoticed.
    let _ = unsafe { pthread_atfork(None, None, Some(in_child)) };
}

#[cfg(not(unix))]
fn tell_of_forks() {}

/// What `#[filch::main]` expands to.
///
/// # Panics
/// When the runtime cannot be built.
#[track_caller]
pub fn run_main<F: Future>(mut builder: Builder, future: F) -> F::Output {
    run_with(&mut builder, future)
}

/// What `#[filch::main(flavor = "local")]` expands to.
///
/// # Panics
/// When the runtime cannot be built.
#[track_caller]
pub fn run_main_local<F: Future>(builder: Builder, future: F) -> F::Output {
    let ctrl_c = CtrlC::new(builder.handles_ctrl_c());
    let runtime = build_local(builder);
    let _default = set_process_default(runtime.handle().runtime_ref()); // As in `run_with`.
    ctrl_c.run(
        future,
        runtime,
        |runtime, main| runtime.block_on(main),
        |mut runtime, grace| runtime.end(grace),
    )
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
