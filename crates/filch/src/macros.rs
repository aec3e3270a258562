//! The macros: `main`, `test`, `select!`, `join!`, `try_join!`, `gather!`, `pin!`.
//!
//! They are declarative where they take the user's patterns and expressions, so that the compiler parses those and
//! points at them. But for `gather!` they allocate nothing and spawn nothing: every future lives in the task that awaits
//! the macro. They contain no `unsafe` and do not know the runtime either, apart from the poll budget and the random start of a round.
//!
//! **Invariants:** names that a macro brings in scope of user code are hygienic, the one item apart (an enum, which no
//! hygiene covers, is called `__FilchSelected`). A future that completed is not polled again. User expressions are
//! evaluated once, in the order in which they are written.

/// Runs an `async fn` on a runtime of its own: what `main` needs to be `async`.
///
/// The function becomes a plain one that calls [`run`](crate::run) with its body: when the body ends, leftover tasks
/// are canceled and dropped. The body itself need not be `Send`, and on the multi-thread runtime only what it spawns
/// moves between workers.
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `flavor = "multi_thread"` | tasks on several worker threads | this one |
/// | `flavor = "current_thread"` | everything on the calling thread | |
/// | `flavor = "local"` | the same, and `spawn_local` works | |
/// | `workers = N`, or `worker_threads = N` | the number of worker threads | one per core |
/// | `start_paused = true` | the clock starts paused | `false` |
/// | `handle_ctrl_c = false` | Ctrl-C ends the process on the spot; see [`run`](crate::run) | `true` |
/// | `crate = "path"` | what this crate calls filch | `::filch` |
///
/// # Panics
/// The function panics when its runtime cannot be built.
///
/// # Examples
/// ```
/// #[filch::main(workers = 2)]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let answer: u32 = "42".parse()?;
///     let task = filch::spawn(async move { answer + 1 });
///     assert_eq!(task.await?, 43);
///     Ok(())
/// }
/// ```
///
/// A mistake is shown where it is, with the list of what is accepted:
///
/// ```compile_fail
/// #[filch::main(flavour = "current_thread")] // unknown argument `flavour`
/// async fn main() {}
/// ```
/// ```compile_fail
/// #[filch::main(flavor = "many")] // one of "multi_thread", "current_thread" and "local"
/// async fn main() {}
/// ```
/// ```compile_fail
/// #[filch::main(workers = 0)] // at least 1
/// async fn main() {}
/// ```
/// ```compile_fail
/// #[filch::main(flavor = "current_thread", workers = 2)] // workers need the multi-thread runtime
/// async fn main() {}
/// ```
/// ```compile_fail
/// #[filch::main(workers = 2, worker_threads = 2)] // given twice
/// async fn main() {}
/// ```
/// ```compile_fail
/// #[filch::main(unhandled_panic = "ignore")] // not supported yet
/// async fn main() {}
/// ```
/// ```compile_fail
/// #[filch::main(leaks = "fail")] // an argument of `test` only
/// async fn main() {}
/// ```
/// ```compile_fail
/// #[filch::main(handle_ctrl_c = "no")] // `true` or `false`
/// async fn main() {}
/// ```
/// ```compile_fail
/// #[filch::main] // needs an `async fn`
/// fn main() {}
/// ```
/// ```compile_fail
/// #[filch::main] // takes no arguments
/// async fn main(arguments: Vec<String>) {}
/// ```
pub use filch_macros::main;

/// Makes an `async fn` a test, which runs on a runtime of its own.
///
/// It takes the arguments of [`main`](macro@main) but `handle_ctrl_c`, and one more; its runtime is the current-thread one
/// by default.
/// Other attributes (`#[should_panic]`, `#[ignore]`) stay what they are, and the test may return a `Result`.
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `leaks = "fail"` | tasks that outlive the test make it fail | |
/// | `leaks = "warn"` | they are listed on stderr | this one |
/// | `leaks = "allow"` | nobody speaks of them | |
///
/// The environment variable `FILCH_TEST_LEAKS` sets another default, for a whole workspace when it stands in
/// `.cargo/config.toml`:
///
/// ```toml
/// [env]
/// FILCH_TEST_LEAKS = "fail"
/// ```
///
/// When the body has ended and its locals are dropped, every task that can run goes on until it ends or has to wait, so
/// that tasks which end with the test are no leaks. This takes no longer than their work; a task that never stops running
/// gets 128 turns, and at least 100 ms. Who then waits for time, a source, a channel or a call on another thread is
/// alive. A stopped clock stays where it is. Deferred and shielded work is no leak: the end of the runtime awaits it.
///
/// # Panics
/// - When its runtime cannot be built.
/// - When a task or a call on another thread panicked and nobody looked: its handle was dropped instead of awaited. The
///   message names the task, its place and what it panicked with. This has no argument: await the task.
/// - When tasks outlive the body, with `leaks = "fail"`. The message names them and their places.
/// - When `FILCH_TEST_LEAKS` is none of the three words.
///
/// # Examples
/// ```
/// # #[allow(unused)]
/// #[filch::test(start_paused = true)]
/// async fn an_hour_passes_at_once() {
///     filch::time::sleep(std::time::Duration::from_secs(3600)).await;
/// }
///
/// # #[allow(unused)]
/// #[filch::test(flavor = "multi_thread", workers = 2, leaks = "fail")]
/// async fn nothing_is_left_behind() {
///     let task = filch::spawn(async { 1 });
///     assert_eq!(task.await.expect("it does not panic"), 1);
/// }
/// ```
///
/// ```compile_fail
/// #[filch::test(leaks = "never")] // one of "fail", "warn" and "allow"
/// async fn strict() {}
/// ```
/// ```compile_fail
/// #[filch::test] // stands on an `async fn`
/// fn plain() {}
/// ```
/// ```compile_fail
/// #[filch::test] // a test takes no arguments
/// async fn with_arguments(n: u32) {}
/// ```
/// ```compile_fail
/// #[filch::test(handle_ctrl_c = false)] // an argument of `main` only
/// async fn with_ctrl_c() {}
/// ```
/// ```compile_fail
/// #[filch::test]
/// #[test] // would run twice
/// async fn twice() {}
/// ```
pub use filch_macros::test;

/// Waits for the first of several futures, runs its handler and drops the others.
///
/// ```text
/// select! {
///     biased;                                              // optional: poll from top to bottom
///     pattern = future [, if condition] => handler,        // 1 to 64 branches
///     …
///     else => handler                                      // optional
/// }
/// ```
///
/// All futures are polled by the task that awaits, so they may borrow from it and from each other's surroundings; they
/// do not run in parallel (for that, [`spawn`](crate::spawn) them). A handler is a block, after which the comma may be
/// left out, or any expression; all handlers have one type, the value of `select!`. In a handler `?`, `return`,
/// `break`, `continue` and `.await` belong to the function around, and the other futures are dropped already, so that
/// it may use what they borrowed.
///
/// One after the other:
///
/// 1. All conditions are evaluated. A branch whose condition is false is disabled.
/// 2. All future expressions are evaluated, also those of disabled branches: they are created, but never polled.
/// 3. The enabled futures are polled, each time from a random branch on, or from the top with `biased;`.
/// 4. When one completes, its output is matched against its pattern. If it does not match, the branch is disabled and
///    the others go on.
/// 5. If it matches, all futures are dropped and the handler runs with the pattern's bindings.
/// 6. If all branches are disabled, the `else` handler runs.
///
/// With `biased;` an early branch that is always ready keeps the others from being polled: put what is rare and
/// urgent, such as a shutdown signal, first. A task that has used up its poll budget yields before anything is polled.
///
/// # Panics
/// Panics when all branches are disabled and there is no `else` branch.
///
/// # Cancel safety
/// The futures of the other branches are dropped, with what they had done halfway. In a loop use operations documented
/// as cancel safe, or create the future before the loop, [`pin!`](crate::pin) it and give `&mut future` to the branch;
/// it then goes on where it stopped. Once such a future has completed it must not be polled again: leave the loop, or
/// guard the branch by a condition.
///
/// # Examples
/// The first of two:
///
/// ```
/// use filch::sync::oneshot;
///
/// # filch::block_on(async {
/// let (sender, receiver) = oneshot::channel();
/// sender.send("hello").unwrap();
///
/// let text = filch::select! {
///     Ok(text) = receiver => text,
///     _ = std::future::pending::<()>() => unreachable!(),
///     else => "the sender is gone",
/// };
/// assert_eq!(text, "hello");
/// # });
/// ```
///
/// One long operation across the turns of a loop, beside a short one that starts afresh:
///
/// ```
/// use filch::time::sleep;
/// use std::time::Duration;
///
/// # filch::block_on(async {
/// let operation = async {
///     sleep(Duration::from_millis(20)).await;
///     "done"
/// };
/// filch::pin!(operation);
///
/// let mut ticks = 0;
/// let result = loop {
///     filch::select! {
///         biased;
///         result = &mut operation => break result,
///         _ = sleep(Duration::from_millis(1)) => ticks += 1,
///     }
/// };
/// assert_eq!(result, "done");
/// assert!(ticks > 0);
/// # });
/// ```
///
/// A condition takes a branch out once it has completed:
///
/// ```
/// # filch::block_on(async {
/// let (first, second) = (async { 1 }, async { 2 });
/// filch::pin!(first, second);
/// let (mut got_first, mut got_second, mut sum) = (false, false, 0);
/// loop {
///     filch::select! {
///         n = &mut first, if !got_first => { got_first = true; sum += n }
///         n = &mut second, if !got_second => { got_second = true; sum += n }
///         else => break,
///     }
/// }
/// assert_eq!(sum, 3);
/// # });
/// ```
#[macro_export]
macro_rules! select {
    (biased; else => $otherwise:expr $(,)?) => {{ $otherwise }};
    (else => $otherwise:expr $(,)?) => {{ $otherwise }};
    (biased; $pattern:pat = $($branches:tt)+) => {
        $crate::__numbered!(__select_branches [first_branch]; $pattern = $($branches)+)
    };
    ($pattern:pat = $($branches:tt)+) => {
        $crate::__numbered!(__select_branches [thread_rng_n]; $pattern = $($branches)+)
    };
    ($(biased;)?) => {
        ::core::compile_error!("`select!` needs a branch: `pattern = future => handler`")
    };
}

/// Polls several futures in turn on this task until all are complete; its value is the tuple of their outputs.
///
/// The futures run concurrently, not in parallel: the awaiting task polls them, so they may borrow from it. Tasks that
/// are to run in parallel are spawned, and `join!` awaits their handles. When a panic or a drop ends the wait early,
/// all futures are dropped. It takes up to 64 futures.
///
/// Each poll begins with another future than the last one, so that a future which uses up the task's poll budget does
/// not starve the others. With `biased;` in front each poll goes from left to right.
///
/// # Cancel safety
/// Dropping the wait drops all futures and the outputs that are there already.
///
/// # Examples
/// ```
/// async fn price() -> u32 {
///     7
/// }
///
/// async fn amount() -> u32 {
///     6
/// }
///
/// # filch::block_on(async {
/// let (price, amount) = filch::join!(price(), amount());
/// assert_eq!(price * amount, 42);
/// # });
/// ```
#[macro_export]
macro_rules! join {
    ($(biased;)?) => { async {}.await };
    (biased; $($future:expr),+ $(,)?) => { $crate::__numbered!(__join_all [from_left]; $($future),+) };
    ($($future:expr),+ $(,)?) => { $crate::__numbered!(__join_all [rotating]; $($future),+) };
}

/// Polls several futures in turn on this task until all succeeded or one failed.
///
/// It is [`join!`] for futures whose outputs are `Result`s with one error type: `Ok` of the tuple of values, or the
/// first `Err`, which drops the futures that are still running.
///
/// # Cancel safety
/// Dropping the wait drops all futures and the outputs that are there already.
///
/// # Examples
/// ```
/// use std::num::ParseIntError;
///
/// async fn parse(text: &str) -> Result<u32, ParseIntError> {
///     text.parse()
/// }
///
/// # filch::block_on(async {
/// assert_eq!(filch::try_join!(parse("1"), parse("2")), Ok((1, 2)));
/// assert!(filch::try_join!(parse("1"), parse("two"), std::future::pending::<Result<(), _>>()).is_err());
/// # });
/// ```
#[macro_export]
macro_rules! try_join {
    ($(biased;)?) => { async { ::core::result::Result::Ok(()) }.await };
    (biased; $($future:expr),+ $(,)?) => { $crate::__numbered!(__try_join_all [from_left]; $($future),+) };
    ($($future:expr),+ $(,)?) => { $crate::__numbered!(__try_join_all [rotating]; $($future),+) };
}

/// Runs several futures in parallel, each as a task of its own, until all have ended; its value is the tuple of their
/// outputs.
///
/// It is [`gather`](crate::gather()) for futures of unlike types, and it awaits them: the tasks are started together when
/// it is reached. They own their data; for futures that borrow from the code around, [`join!`](crate::join!) them. It takes
/// up to 64 futures.
///
/// # Panics
/// As [`gather`](crate::gather()): a panic of a child goes on once all have ended.
///
/// # Cancel safety
/// As [`gather`](crate::gather()): dropped early, it ends its children before the drop returns.
///
/// # Examples
/// ```
/// async fn price() -> u32 {
///     7
/// }
///
/// async fn name() -> String {
///     "tea".to_owned()
/// }
///
/// # filch::run(async {
/// let (price, name) = filch::gather!(price(), name());
/// assert_eq!(format!("{name}: {price}"), "tea: 7");
/// # });
/// ```
#[macro_export]
macro_rules! gather {
    () => { async {}.await };
    ($($future:expr),+ $(,)?) => { $crate::__numbered!(__gather_all [together]; $($future),+) };
}

/// Pins values to the stack: each name becomes a `Pin<&mut T>` of what it was.
///
/// A pinned future can be awaited by reference, several times over a loop of [`select!`].
///
/// # Examples
/// Values that have a name already:
///
/// ```
/// # filch::block_on(async {
/// let greeting = async { "hello" };
/// filch::pin!(greeting);
/// assert_eq!((&mut greeting).await, "hello");
/// # });
/// ```
///
/// Values that get one:
///
/// ```
/// # filch::block_on(async {
/// filch::pin! {
///     let one = async { 1 };
///     let two = async { 2 };
/// }
/// assert_eq!(one.await + two.await, 3);
/// # });
/// ```
#[macro_export]
macro_rules! pin {
    ($($name:ident),+ $(,)?) => {
        $(
            #[allow(unused_mut, reason = "polled by reference it must be mutable, awaited by value it need not")]
            let mut $name = ::core::pin::pin!($name);
        )+
    };
    ($(let $name:ident = $value:expr;)+) => {
        $(
            let $name = $value;
            $crate::pin!($name);
        )+
    };
}

/// Calls the macro `$next` with a supply of branch numbers and names before its input.
///
/// A declarative macro cannot count, so the branches take their numbers, and the hygienic names of their variables,
/// from this list. It is the limit on their number too.
#[doc(hidden)]
#[macro_export]
macro_rules! __numbered {
    ($next:ident [$mode:ident]; $($input:tt)+) => {
        $crate::$next! {
            $mode [] [
                [0 b0] [1 b1] [2 b2] [3 b3] [4 b4] [5 b5] [6 b6] [7 b7]
                [8 b8] [9 b9] [10 b10] [11 b11] [12 b12] [13 b13] [14 b14] [15 b15]
                [16 b16] [17 b17] [18 b18] [19 b19] [20 b20] [21 b21] [22 b22] [23 b23]
                [24 b24] [25 b25] [26 b26] [27 b27] [28 b28] [29 b29] [30 b30] [31 b31]
                [32 b32] [33 b33] [34 b34] [35 b35] [36 b36] [37 b37] [38 b38] [39 b39]
                [40 b40] [41 b41] [42 b42] [43 b43] [44 b44] [45 b45] [46 b46] [47 b47]
                [48 b48] [49 b49] [50 b50] [51 b51] [52 b52] [53 b53] [54 b54] [55 b55]
                [56 b56] [57 b57] [58 b58] [59 b59] [60 b60] [61 b61] [62 b62] [63 b63]
            ] $($input)+
        }
    };
}

/// Cuts the input of `select!` into branches, one a step, and hands them to `__select_run!`.
///
/// The comma that follows a handler is left for the next step, because after a block there need not be one.
#[doc(hidden)]
#[macro_export]
macro_rules! __select_branches {
    ($start:ident [$($done:tt)*] [$($free:tt)*] $(,)?) => {
        $crate::__select_run! {
            $start [::core::panic!(
                "all branches of `select!` are disabled and there is no `else` branch: add `else => ...`, or keep one branch enabled"
            )] $($done)*
        }
    };
    ($start:ident [$($done:tt)*] [$($free:tt)*] $(,)? else => $otherwise:expr $(,)?) => {
        $crate::__select_run! { $start [$otherwise] $($done)* }
    };
    (
        $start:ident [$($done:tt)*] [[$index:tt $name:ident] $($free:tt)*]
        $(,)? $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:block $($rest:tt)*
    ) => {
        $crate::__select_branches! {
            $start [$($done)* [$index $name ($pattern) ($future) ($($condition)?) ($handler)]] [$($free)*] $($rest)*
        }
    };
    (
        $start:ident [$($done:tt)*] [[$index:tt $name:ident] $($free:tt)*]
        $(,)? $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:expr $(, $($rest:tt)*)?
    ) => {
        $crate::__select_branches! {
            $start [$($done)* [$index $name ($pattern) ($future) ($($condition)?) ($handler)]] [$($free)*]
            $(, $($rest)*)?
        }
    };
    ($start:ident [$($done:tt)*] [] $($rest:tt)+) => {
        ::core::compile_error!("`select!` takes at most 64 branches")
    };
}

/// The code of `select!`, from branches that have numbers and names.
#[doc(hidden)]
#[macro_export]
macro_rules! __select_run {
    (
        $start:ident [$otherwise:expr]
        $([$index:tt $name:ident ($pattern:pat) ($future:expr) ($($condition:expr)?) ($handler:expr)])+
    ) => {{
        #[allow(non_camel_case_types, clippy::large_enum_variant, reason = "private to the macro's expansion")]
        enum __FilchSelected<$($name),+> {
            $($name($name),)+
            __Disabled,
        }

        // Bit i: branch i has completed without a match, or its condition was false.
        let mut disabled: u64 = 0;
        $($(
            let enabled: bool = $condition;
            if !enabled {
                disabled |= 1_u64 << $index;
            }
        )?)+

        let mut selected = {
            $(let $name = $future;)+
            $(let mut $name = ::core::pin::pin!(::core::future::IntoFuture::into_future($name));)+
            ::core::future::poll_fn(move |cx: &mut ::core::task::Context<'_>| {
                if $crate::macros::__private::poll_budget_available(cx).is_pending() {
                    return ::core::task::Poll::Pending;
                }
                let n_branches = [$($index),+].len() as u32;
                let mut is_pending = false;
                let first = $crate::macros::__private::$start(n_branches);
                for wrapped in [false, true] {
                    $(if ($index < first) == wrapped && disabled & (1_u64 << $index) == 0 {
                        match ::core::future::Future::poll($name.as_mut(), cx) {
                            ::core::task::Poll::Pending => is_pending = true,
                            ::core::task::Poll::Ready(mut output) => {
                                disabled |= 1_u64 << $index;
                                // The guard sees whether the pattern matches and refuses, so nothing is moved out.
                                let mut is_match = false;
                                #[allow(unused, clippy::all, clippy::pedantic, reason = "it binds only to see the match")]
                                match output {
                                    $pattern if { is_match = true; false } => ::core::unreachable!(),
                                    _ => {}
                                }
                                if is_match {
                                    return ::core::task::Poll::Ready(__FilchSelected::$name(output));
                                }
                            }
                        }
                    })+
                }
                if is_pending {
                    ::core::task::Poll::Pending
                } else {
                    ::core::task::Poll::Ready(__FilchSelected::__Disabled)
                }
            })
            .await
        };
        match selected {
            $(__FilchSelected::$name($pattern) => $handler,)+
            __FilchSelected::__Disabled => $otherwise,
            #[allow(unreachable_patterns, reason = "reachable if a pattern is refutable")]
            _ => ::core::unreachable!(),
        }
    }};
}

/// The code of `join!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __join_all {
    ($order:ident [$([$index:tt $name:ident $future:expr])+] $free:tt) => {{
        $(let mut $name = ::core::pin::pin!($crate::macros::__private::MaybeDone::new($future));)+
        let mut start = 0;
        ::core::future::poll_fn(move |cx: &mut ::core::task::Context<'_>| {
            let n_branches = [$($index),+].len() as u32;
            let mut is_pending = false;
            let first = $crate::macros::__private::$order(&mut start, n_branches);
            for wrapped in [false, true] {
                $(if ($index < first) == wrapped {
                    is_pending |= $name.as_mut().poll_output(cx).is_pending();
                })+
            }
            if is_pending {
                ::core::task::Poll::Pending
            } else {
                ::core::task::Poll::Ready(($($name.as_mut().take_output(),)+))
            }
        })
        .await
    }};
    ($order:ident [$($done:tt)*] [[$index:tt $name:ident] $($free:tt)*] $future:expr $(, $rest:expr)*) => {
        $crate::__join_all! { $order [$($done)* [$index $name $future]] [$($free)*] $($rest),* }
    };
    ($order:ident [$($done:tt)*] [] $($rest:tt)+) => {
        ::core::compile_error!("`join!` takes at most 64 futures")
    };
}

/// The code of `try_join!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __try_join_all {
    ($order:ident [$([$index:tt $name:ident $future:expr])+] $free:tt) => {{
        $(let mut $name = ::core::pin::pin!($crate::macros::__private::MaybeDone::new($future));)+
        let mut start = 0;
        ::core::future::poll_fn(move |cx: &mut ::core::task::Context<'_>| {
            let n_branches = [$($index),+].len() as u32;
            let mut is_pending = false;
            let first = $crate::macros::__private::$order(&mut start, n_branches);
            for wrapped in [false, true] {
                $(if ($index < first) == wrapped {
                    match $name.as_mut().poll_ok(cx) {
                        ::core::task::Poll::Pending => is_pending = true,
                        ::core::task::Poll::Ready(::core::result::Result::Ok(())) => {}
                        ::core::task::Poll::Ready(::core::result::Result::Err(error)) => {
                            return ::core::task::Poll::Ready(::core::result::Result::Err(error));
                        }
                    }
                })+
            }
            if is_pending {
                ::core::task::Poll::Pending
            } else {
                ::core::task::Poll::Ready(::core::result::Result::Ok(($($name.as_mut().take_ok(),)+)))
            }
        })
        .await
    }};
    ($order:ident [$($done:tt)*] [[$index:tt $name:ident] $($free:tt)*] $future:expr $(, $rest:expr)*) => {
        $crate::__try_join_all! { $order [$($done)* [$index $name $future]] [$($free)*] $($rest),* }
    };
    ($order:ident [$($done:tt)*] [] $($rest:tt)+) => {
        ::core::compile_error!("`try_join!` takes at most 64 futures")
    };
}

/// The code of `gather!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __gather_all {
    ($mode:ident [$([$index:tt $name:ident $future:expr])+] $free:tt) => {{
        // Why first: the expressions are the user's, and may leave this place.
        $(let $name = $future;)+
        let mut gathering = $crate::macros::__private::Gathering::new();
        $(let $name = gathering.add($name);)+
        gathering.ended().await;
        ($($name.take(),)+)
    }};
    ($mode:ident [$($done:tt)*] [[$index:tt $name:ident] $($free:tt)*] $future:expr $(, $rest:expr)*) => {
        $crate::__gather_all! { $mode [$($done)* [$index $name $future]] [$($free)*] $($rest),* }
    };
    ($mode:ident [$($done:tt)*] [] $($rest:tt)+) => {
        ::core::compile_error!("`gather!` takes at most 64 futures")
    };
}

/// What the macros' expansions call. Not an interface: only macros of the same version may use it.
#[doc(hidden)]
pub mod __private {
    pub use filch_task::Gathering;

    use filch_core::{context, coop};
    use pin_project_lite::pin_project;
    use std::future::IntoFuture;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    /// A random number below `n`, from the runtime's seed where there is one.
    #[must_use]
    #[inline]
    pub fn thread_rng_n(n: u32) -> u32 {
        context::random_below(n)
    }

    /// Where a biased `select!` begins.
    #[must_use]
    #[inline]
    pub fn first_branch(_n: u32) -> u32 {
        0
    }

    /// Where a biased join begins.
    #[inline]
    pub fn from_left(_start: &mut u32, _n: u32) -> u32 {
        0
    }

    /// Where a join begins: one further than the last time.
    #[inline]
    pub fn rotating(start: &mut u32, n: u32) -> u32 {
        let current = *start;
        *start = if current + 1 == n { 0 } else { current + 1 };
        current
    }

    /// `Pending`, and another poll asked for, when the task has used up its budget.
    #[inline]
    pub fn poll_budget_available(cx: &mut Context<'_>) -> Poll<()> {
        if coop::has_budget_remaining() {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    pin_project! {
        /// A future, then its output, then nothing.
        #[project = MaybeDoneState]
        #[project_replace = MaybeDoneOwned]
        #[derive(Debug)]
        pub enum MaybeDone<F: Future> {
            Running { #[pin] future: F },
            Done { output: F::Output },
            Taken,
        }
    }

    impl<F: Future> MaybeDone<F> {
        /// Begins with the future.
        pub fn new(future: impl IntoFuture<IntoFuture = F>) -> Self {
            MaybeDone::Running { future: future.into_future() }
        }

        /// Polls the future unless it has completed. When it completes it is dropped and its output kept.
        pub fn poll_output(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            if let MaybeDoneState::Running { future } = self.as_mut().project() {
                let output = ready!(future.poll(cx));
                self.set(MaybeDone::Done { output });
            }
            Poll::Ready(())
        }

        /// The output of a future that has completed.
        ///
        /// # Panics
        /// Panics when it is called twice, or before the future has completed.
        pub fn take_output(self: Pin<&mut Self>) -> F::Output {
            match self.project_replace(MaybeDone::Taken) {
                MaybeDoneOwned::Done { output } => output,
                _ => unreachable!("a join takes each output once, when all are there"),
            }
        }
    }

    impl<F: Future<Output = Result<T, E>>, T, E> MaybeDone<F> {
        /// Like `poll_output`, but an error comes out at once.
        pub fn poll_ok(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
            if let MaybeDoneState::Running { future } = self.as_mut().project() {
                let output = Ok(ready!(future.poll(cx))?);
                self.set(MaybeDone::Done { output });
            }
            Poll::Ready(Ok(()))
        }

        /// The value of a future for which `poll_ok` said `Ok`.
        ///
        /// # Panics
        /// Panics when it is called twice, or before the future has completed.
        pub fn take_ok(self: Pin<&mut Self>) -> T {
            match self.take_output() {
                Ok(value) => value,
                Err(_) => unreachable!("`poll_ok` hands errors out and keeps values"),
            }
        }
    }
}
