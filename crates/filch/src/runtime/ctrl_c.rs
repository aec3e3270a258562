//! What `run` does on Ctrl-C: it ends main and cleans up, then it ends the process as Ctrl-C does (design 0018).

pub(super) use system::CtrlC;

/// With signals: the main thread's `run` stands in for a program that has no handler of its own.
#[cfg(all(unix, feature = "signal"))]
mod system {
    use crate::runtime::owned::GRACE;
    use filch_io::signal::interrupt::{self, Guarded, Interrupt, Interrupted};
    use std::future::Future;
    use std::io::{Write, stdout};
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    /// How long output that std keeps back may take to be written, after all else has ended.
    // Why so long: on a machine with four times as many threads as cores, 100 ms were too short once in 200 programs.
    const FLUSH: Duration = Duration::from_secs(1);

    /// Whether, and how, Ctrl-C ends what this thread runs.
    pub(crate) struct CtrlC(Option<Interrupt>);

    impl CtrlC {
        pub(crate) fn new(is_handled: bool) -> CtrlC {
            CtrlC(if is_handled { Interrupt::new() } else { None })
        }

        /// Runs `main` by `block_on`, then ends the runtime by `end`, which is told how much of its grace is left. Does not
        /// return when Ctrl-C came meanwhile.
        pub(crate) fn run<F: Future, R>(
            self,
            main: F,
            runtime: R,
            block_on: impl FnOnce(&R, Guarded<'_, F>) -> Result<F::Output, Interrupted>,
            end: impl FnOnce(R, Duration),
        ) -> F::Output {
            let main = Guarded::new(main, self.0.as_ref(), GRACE);
            // Why: Ctrl-C is not forgotten when clean-up panics, which the panic hook has reported.
            let output = catch_unwind(AssertUnwindSafe(|| block_on(&runtime, main)));
            let waited = match &output {
                Ok(Err(interrupted)) => interrupted.since.elapsed(),
                _ => Duration::ZERO,
            };
            end(runtime, GRACE.saturating_sub(waited));
            // Why asked again: it may have come after main's end.
            let has_come = self.0.is_some_and(Interrupt::end);
            match output {
                Ok(Ok(output)) if !has_come => output,
                Err(panic) if !has_come => resume_unwind(panic),
                _ => die(),
            }
        }
    }

    fn die() -> ! {
        // Why: std writes out what it has when a program returns from `main`, not when a signal ends it.
        // Why on a thread: one that was left behind may hold the lock of stdout for good.
        let (written, is_written) = mpsc::channel::<()>();
        let flush = thread::Builder::new().spawn(move || {
            let _ = stdout().flush();
            drop(written);
        });
        if flush.is_ok() {
            let _ = is_written.recv_timeout(FLUSH);
        }
        interrupt::die()
    }
}

/// Without: Ctrl-C does what it does elsewhere.
#[cfg(not(all(unix, feature = "signal")))]
mod system {
    use crate::runtime::owned::GRACE;
    use std::future::Future;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::time::Duration;

    /// Nothing.
    pub(crate) struct CtrlC(());

    impl CtrlC {
        pub(crate) fn new(_is_handled: bool) -> CtrlC {
            CtrlC(())
        }

        /// Runs `main` by `block_on`, then ends the runtime by `end`.
        pub(crate) fn run<F: Future, R>(
            self,
            main: F,
            runtime: R,
            block_on: impl FnOnce(&R, F) -> F::Output,
            end: impl FnOnce(R, Duration),
        ) -> F::Output {
            // Why: a runtime that a panic drops inside another one's `block_on` is not waited for.
            let output = catch_unwind(AssertUnwindSafe(|| block_on(&runtime, main)));
            end(runtime, GRACE);
            output.unwrap_or_else(|panic| resume_unwind(panic))
        }
    }
}
