//! Signals: listeners on a runtime, and what `run` does on Ctrl-C.

use crate::programs::{Ended, Running, argument};
use crate::tools::{Hand, OnDrop, current_thread, eventually, on_each_flavor, workers};
use crate::watchdog::Watchdog;
use filch::runtime::Builder;
use filch::signal::unix::{Signal, SignalKind, signal};
use filch::signal::{ShutdownSignal, ctrl_c, shutdown_signal};
use filch::sync::oneshot;
use filch::task::{CancelScope, TaskGroup, defer_async};
use std::future::{Future, pending};
use std::io::{Write, stdin, stdout};
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

/// What the tests of this file start.
pub(crate) const PROGRAMS: &[(&str, fn())] = &[
    ("cleans up", cleans_up),
    ("is interrupted as main", is_interrupted_as_main),
    ("is interrupted on the spot as main", is_interrupted_on_the_spot_as_main),
    ("cleans up for ever", cleans_up_for_ever),
    ("blocks its thread", blocks_its_thread),
    ("leaves a call behind", leaves_a_call_behind),
    ("does not handle", does_not_handle),
    ("runs on another thread", runs_on_another_thread),
    ("listens", listens),
    ("listened in vain", listened_in_vain),
    ("listens on and off", listens_on_and_off),
    ("has a handler", has_a_handler),
    ("gets a handler", gets_a_handler),
    ("ignores", ignores),
    ("is interrupted at its end", is_interrupted_at_its_end),
    ("panics in its clean-up", panics_in_its_clean_up),
    ("is interrupted after its panic", is_interrupted_after_its_panic),
    ("has run", has_run),
    ("waits for a shutdown signal", waits_for_a_shutdown_signal),
    ("listens on and off without `run`", listens_on_and_off_without_run),
    ("drops a wait for Ctrl-C", drops_a_wait_for_ctrl_c),
    ("drops a wait for a shutdown signal", drops_a_wait_for_a_shutdown_signal),
    ("is asked to end twice", is_asked_to_end_twice),
    ("is asked to end twice at once", is_asked_to_end_twice_at_once),
    ("drops two listeners", drops_two_listeners),
];

/// Runs `main` on the runtime that the test has asked for.
fn run_as_told(main: impl Future<Output = ()>) {
    let builder = match argument().as_str() {
        "multi-thread" => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    if argument() == "local" {
        filch::runtime::__private::run_main_local(builder, main);
    } else {
        { builder }.run(main);
    }
}

/// Calls `test` with the name of each flavor.
fn for_each_flavor(test: impl Fn(&str)) {
    ["multi-thread", "current-thread", "local"].into_iter().for_each(test);
}

fn say(line: &str) {
    println!("{line}");
}

/// Says so when it is dropped.
fn says(line: &'static str) -> OnDrop<impl FnMut()> {
    OnDrop(move || say(line))
}

/// Says that it is ready, and waits until it is dropped.
async fn wait() {
    let _dropped = says("main dropped");
    say("ready");
    pending::<()>().await;
}

fn interrupt(name: &str, argument: &str) -> Ended {
    let mut program = Running::start(name, argument);
    program.expect("ready");
    program.send(libc::SIGINT);
    program.end()
}

fn cleans_up() {
    run_as_told(async {
        let _deferred = defer_async(async {
            filch::task::yield_now().await;
            say("deferred");
        });
        let dropped = says("task dropped"); // Also if Ctrl-C comes before its task has begun.
        let _background = filch::spawn(async {
            let _dropped = dropped;
            pending::<()>().await;
        });
        let (child, child_is_gone) = oneshot::channel::<()>();
        let group = TaskGroup::scope(async |group| {
            group.spawn(async move {
                let _child = child;
                let _dropped = says("child dropped");
                wait().await;
            });
            let goodbye = CancelScope::new().shield(true).run(async {
                let _ = child_is_gone.await;
                say("shielded");
            });
            let _ = goodbye.await;
            pending::<Result<(), filch::Error>>().await
        });
        let _dropped = says("all of main dropped");
        let _ = group.await;
    });
    say("not reached");
}

/// The end of a child may wake any thread that does not block its signal, even where nobody listens.
#[cfg(target_os = "linux")]
#[test]
fn the_lookout_leaves_the_ends_of_children_to_others() {
    let _watchdog = Watchdog::new();
    let mut builder = Builder::new_multi_thread();
    let _runtime = builder.worker_threads(2).thread_name("childless").build();
    let blocks = |thread: &str| -> Option<bool> {
        let threads = std::fs::read_dir("/proc/self/task").expect("Linux").flatten();
        threads
            .filter_map(|thread| std::fs::read_to_string(thread.path().join("status")).ok())
            .find_map(|status| {
                let name = status.lines().next()?.strip_prefix("Name:\t")?;
                let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:\t"))?;
                let mask = u64::from_str_radix(mask, 16).ok().filter(|_| name == thread)?;
                Some(mask & 1 << (libc::SIGCHLD - 1) != 0)
            })
    };
    eventually(|| blocks("childless-looko") == Some(true)); // The system cuts names.
    eventually(|| blocks("childless") == Some(false));
}

#[test]
fn ctrl_c_ends_main_and_its_groups_then_runs_what_is_deferred_then_kills() {
    for_each_flavor(|flavor| {
        let ended = interrupt("cleans up", flavor);
        assert_eq!(ended.code, Err(libc::SIGINT), "{flavor}: {}", ended.stderr);
        assert_eq!(ended.stderr, "", "{flavor}");
        let lines: Vec<&str> = ended.stdout.lines().collect();
        let position = |line| {
            let found = lines.iter().position(|said| *said == line);
            found.unwrap_or_else(|| panic!("{flavor}: {line} is missing in {lines:?}"))
        };
        assert!(position("child dropped") < position("shielded"), "{lines:?}");
        assert!(position("shielded") < position("all of main dropped"), "{lines:?}");
        assert!(position("all of main dropped") < position("deferred"), "{lines:?}");
        position("task dropped");
    });
}

#[filch::main(flavor = "current_thread")]
async fn is_interrupted_as_main() {
    let _dropped = OnDrop(|| print!("unfinished line"));
    wait().await;
}

#[filch::main(workers = 1, handle_ctrl_c = false)]
async fn is_interrupted_on_the_spot_as_main() {
    wait().await;
}

#[test]
fn main_by_attribute_cleans_up_unless_told_otherwise() {
    let ended = interrupt("is interrupted as main", "");
    assert_eq!((ended.code, &*ended.stdout), (Err(libc::SIGINT), "main dropped\nunfinished line"));
    let ended = interrupt("is interrupted on the spot as main", "");
    assert_eq!((ended.code, &*ended.stdout), (Err(libc::SIGINT), ""));
}

fn cleans_up_for_ever() {
    run_as_told(async {
        let _deferred = defer_async(async {
            say("deferred");
            pending::<()>().await;
        });
        wait().await;
    });
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_the_clean_up() {
    for_each_flavor(|flavor| {
        let mut program = Running::start("cleans up for ever", flavor);
        program.expect("ready");
        program.send(libc::SIGINT);
        program.expect("deferred");
        program.send(libc::SIGINT);
        let ended = program.end();
        assert_eq!(ended.code, Err(libc::SIGINT));
        assert_eq!(ended.stderr, "", "its grace was not over: {flavor}");
    });
}

#[test]
fn clean_up_that_does_not_end_is_named_after_the_grace() {
    let ended = interrupt("cleans up for ever", "multi-thread");
    assert_eq!(ended.code, Err(libc::SIGINT));
    assert!(ended.stderr.contains("unfinished after"), "{}", ended.stderr);
    assert!(ended.stderr.contains("signals.rs"), "{}", ended.stderr);
}

fn blocks_its_thread() {
    run_as_told(async {
        say("ready");
        loop {
            std::thread::park();
        }
    });
}

#[test]
fn a_second_ctrl_c_kills_a_main_that_blocks_its_thread() {
    for_each_flavor(|flavor| {
        let mut program = Running::start("blocks its thread", flavor);
        program.expect("ready");
        program.send(libc::SIGINT);
        while program.catches(libc::SIGINT) {
            std::thread::yield_now();
        }
        program.send(libc::SIGINT);
        assert_eq!(program.end().code, Err(libc::SIGINT));
    });
}

fn leaves_a_call_behind() {
    run_as_told(async {
        filch::to_thread(|| {
            let mut held = stdout().lock();
            held.write_all(b"ready\n").expect("the test reads it");
            held.flush().expect("the test reads it");
            loop {
                std::thread::park();
            }
        })
        .await
    });
}

#[test]
fn a_call_that_holds_stdout_for_ever_is_left_behind() {
    let ended = interrupt("leaves a call behind", "multi-thread");
    assert_eq!(ended.code, Err(libc::SIGINT));
    assert!(ended.stderr.contains("left a thread behind"), "{}", ended.stderr);
}

fn does_not_handle() {
    Builder::new_current_thread().handle_ctrl_c(false).run(wait());
}

fn runs_on_another_thread() {
    let thread = std::thread::spawn(|| filch::run(wait()));
    thread.join().expect("it does not end");
}

#[test]
fn where_it_is_not_handled_ctrl_c_kills_on_the_spot() {
    for name in ["does not handle", "runs on another thread"] {
        let ended = interrupt(name, "");
        assert_eq!((ended.code, &*ended.stdout), (Err(libc::SIGINT), ""), "{name}");
    }
}

fn listens() {
    run_as_told(async {
        let caught = ctrl_c();
        filch::pin!(caught);
        filch::select! {
            biased;
            _ = &mut caught => {}
            () = async {} => say("ready"), // It listens: it was polled first.
        }
        caught.await.expect("SIGINT can be caught");
        let _dropped = says("main dropped");
        say("caught");
        if read_line() == "go on" {
            pending::<()>().await;
        }
    });
    say("returned");
}

fn read_line() -> String {
    let mut line = String::new();
    stdin().read_line(&mut line).expect("the test writes a line");
    line.trim_end().to_owned()
}

#[test]
fn a_listener_of_the_programs_own_takes_ctrl_c() {
    for_each_flavor(|flavor| {
        let mut program = Running::start("listens", flavor);
        program.expect("ready");
        program.send(libc::SIGINT);
        program.expect("caught");
        program.say("return");
        let ended = program.end();
        assert_eq!((ended.code, &*ended.stdout), (Ok(0), "main dropped\nreturned\n"), "{flavor}");
    });
}

#[test]
fn after_a_listener_has_taken_one_the_next_ctrl_c_kills_on_the_spot() {
    let mut program = Running::start("listens", "multi-thread");
    program.expect("ready");
    program.send(libc::SIGINT);
    program.expect("caught");
    while program.catches(libc::SIGINT) {
        std::thread::yield_now();
    }
    program.say("go on");
    program.send(libc::SIGINT);
    let ended = program.end();
    assert_eq!((ended.code, &*ended.stdout), (Err(libc::SIGINT), ""));
}

fn listened_in_vain() {
    run_as_told(async {
        filch::select! {
            biased;
            _ = ctrl_c() => {}
            () = async {} => {}
        }
        wait().await;
    });
}

#[test]
fn after_a_listener_that_heard_nothing_ctrl_c_cleans_up() {
    for_each_flavor(|flavor| {
        let ended = interrupt("listened in vain", flavor);
        assert_eq!((ended.code, &*ended.stdout), (Err(libc::SIGINT), "main dropped\n"), "{flavor}");
    });
}

async fn listen_on_and_off() {
    let _dropped = says("main dropped");
    let work = async || {
        for _ in 0..3 {
            filch::task::yield_now().await;
        }
    };
    say("ready");
    loop {
        filch::select! {
            _ = ctrl_c() => break say("caught"),
            () = work() => {}
        }
    }
}

fn listens_on_and_off() {
    run_as_told(listen_on_and_off());
}

#[test]
fn no_ctrl_c_is_lost_between_listeners_and_none_kills_on_the_spot() {
    for round in 0..60 {
        let flavor = ["multi-thread", "current-thread", "local"][round % 3];
        let ended = interrupt("listens on and off", flavor);
        match ended.code {
            Ok(0) => assert_eq!(ended.stdout, "caught\nmain dropped\n", "{flavor}"),
            code => assert_eq!((code, &*ended.stdout), (Err(libc::SIGINT), "main dropped\n")),
        }
    }
}

fn listens_on_and_off_without_run() {
    workers(1).block_on(listen_on_and_off());
}

#[test]
fn without_run_a_ctrl_c_that_no_listener_took_kills_on_the_spot() {
    for _ in 0..60 {
        let ended = interrupt("listens on and off without `run`", "");
        match ended.code {
            Ok(0) => assert_eq!(ended.stdout, "caught\nmain dropped\n"),
            code => assert_eq!((code, &*ended.stdout), (Err(libc::SIGINT), "")),
        }
    }
}

extern "C" fn exits(_: i32) {
    // SAFETY: the call is among those that a handler may make.
    unsafe { libc::_exit(7) };
}

fn set_handler(handler: libc::sighandler_t) {
    // SAFETY: it is a disposition, or `exits`, which does what a handler may.
    unsafe { libc::signal(libc::SIGINT, handler) };
}

fn has_a_handler() {
    set_handler(exits as extern "C" fn(i32) as libc::sighandler_t);
    run_as_told(wait());
}

fn gets_a_handler() {
    run_as_told(async {
        set_handler(exits as extern "C" fn(i32) as libc::sighandler_t);
        wait().await;
    });
}

#[test]
fn a_handler_of_the_programs_own_is_called() {
    for name in ["has a handler", "gets a handler"] {
        let ended = interrupt(name, "multi-thread");
        assert_eq!((ended.code, &*ended.stdout), (Ok(7), ""), "{name}");
    }
}

fn ignores() {
    set_handler(libc::SIG_IGN);
    run_as_told(async {
        say("ready");
        let line = filch::to_thread(read_line).await;
        say(&line);
    });
}

#[test]
fn a_program_that_was_started_with_ctrl_c_ignored_goes_on() {
    let mut program = Running::start("ignores", "multi-thread");
    program.expect("ready");
    program.send(libc::SIGINT);
    program.say("well");
    let ended = program.end();
    assert_eq!((ended.code, &*ended.stdout), (Ok(0), "well\n"));
}

fn is_interrupted_at_its_end() {
    run_as_told(async {
        let _deferred = defer_async(async {
            say("ready");
            let line = filch::to_thread(read_line).await;
            say(&line);
        });
    });
    say("not reached");
}

#[test]
fn ctrl_c_after_mains_end_lets_the_clean_up_go_on() {
    for_each_flavor(|flavor| {
        let mut program = Running::start("is interrupted at its end", flavor);
        program.expect("ready");
        program.send(libc::SIGINT);
        program.say("cleaned up");
        let ended = program.end();
        assert_eq!((ended.code, &*ended.stdout), (Err(libc::SIGINT), "cleaned up\n"), "{flavor}");
    });
}

fn panics_in_its_clean_up() {
    let caught = catch_unwind(|| {
        run_as_told(async {
            let _deferred = defer_async(async { say("deferred") });
            let _panics = OnDrop(|| panic!("clean-up fails"));
            wait().await;
        });
    });
    say(if caught.is_err() { "caught" } else { "not reached" });
}

#[test]
fn clean_up_that_panics_is_reported_and_ctrl_c_kills_all_the_same() {
    for_each_flavor(|flavor| {
        let ended = interrupt("panics in its clean-up", flavor);
        assert_eq!(ended.code, Err(libc::SIGINT), "{flavor}: {}", ended.stdout);
        assert_eq!(ended.stdout, "main dropped\ndeferred\n", "{flavor}");
        assert!(ended.stderr.contains("clean-up fails"), "{flavor}: {}", ended.stderr);
    });
}

fn is_interrupted_after_its_panic() {
    run_as_told(async {
        let _deferred = defer_async(async {
            say("ready");
            let line = filch::to_thread(read_line).await;
            say(&line);
        });
        panic!("main fails");
    });
}

#[test]
fn ctrl_c_after_mains_panic_lets_the_clean_up_go_on() {
    for_each_flavor(|flavor| {
        let mut program = Running::start("is interrupted after its panic", flavor);
        program.expect("ready");
        program.send(libc::SIGINT);
        program.say("cleaned up");
        let ended = program.end();
        assert_eq!((ended.code, &*ended.stdout), (Err(libc::SIGINT), "cleaned up\n"), "{flavor}");
        assert!(ended.stderr.contains("main fails"), "{flavor}: {}", ended.stderr);
    });
}

fn has_run() {
    assert_eq!(filch::run(async { 1 }), 1);
    if argument() == "again" {
        filch::run(wait());
    }
    say("ready");
    loop {
        std::thread::park();
    }
}

#[test]
fn when_run_has_returned_ctrl_c_kills_again_and_the_next_run_handles_it() {
    let ended = interrupt("has run", "");
    assert_eq!((ended.code, &*ended.stdout), (Err(libc::SIGINT), ""));
    let ended = interrupt("has run", "again");
    assert_eq!((ended.code, &*ended.stdout), (Err(libc::SIGINT), "main dropped\n"));
}

fn waits_for_a_shutdown_signal() {
    filch::run(async {
        let asked = shutdown_signal();
        filch::pin!(asked);
        filch::select! {
            biased;
            _ = &mut asked => {}
            () = async {} => say("ready"),
        }
        say(&asked.await.expect("both can be caught").to_string());
    });
}

#[test]
fn a_shutdown_signal_tells_which_it_was() {
    for (number, name) in [(libc::SIGINT, "SIGINT\n"), (libc::SIGTERM, "SIGTERM\n")] {
        let mut program = Running::start("waits for a shutdown signal", "");
        program.expect("ready");
        program.send(number);
        let ended = program.end();
        assert_eq!((ended.code, &*ended.stdout), (Ok(0), name));
    }
}

/// A wait that has begun; the thread that hears of signals wakes the hand.
fn begin<F: Future + Unpin>(mut wait: F) -> (F, Hand) {
    let hand = Hand::default();
    assert!(hand.poll(&mut wait).is_pending());
    (wait, hand)
}

fn drops_a_wait_for_ctrl_c() {
    let how = argument();
    match &*how {
        "handled" => set_handler(exits as extern "C" fn(i32) as libc::sighandler_t),
        "ignored" => set_handler(libc::SIG_IGN),
        _ => {}
    }
    current_thread().block_on(async {
        let (wait, hand) = begin(Box::pin(ctrl_c()));
        raise(libc::SIGINT);
        if how == "woken" {
            eventually(|| hand.wakes() > 0);
        }
        drop(wait);
        say("went on");
    });
}

#[test]
fn a_ctrl_c_during_a_wait_that_is_dropped_has_its_usual_effect() {
    for (how, code, stdout) in [
        ("at once", Err(libc::SIGINT), ""),
        ("woken", Err(libc::SIGINT), ""),
        ("handled", Ok(7), ""),
        ("ignored", Ok(0), "went on\n"),
    ] {
        let ended = Running::start("drops a wait for Ctrl-C", how).end();
        assert_eq!((ended.code, &*ended.stdout), (code, stdout), "{how}");
    }
}

fn drops_a_wait_for_a_shutdown_signal() {
    current_thread().block_on(async {
        let (wait, _hand) = begin(Box::pin(shutdown_signal()));
        raise(libc::SIGTERM);
        drop(wait);
        say("went on");
    });
}

fn is_asked_to_end_twice() {
    // Why one that stays: it tells when both have been delivered.
    let mut requests = signal(SignalKind::terminate()).expect("SIGTERM can be caught");
    let (mut wait, hand) = begin(Box::pin(shutdown_signal()));
    raise(libc::SIGINT);
    eventually(|| hand.wakes() == 1);
    raise(libc::SIGTERM);
    futures_lite::future::block_on(requests.recv());
    drop(requests);
    let asked = hand.poll(&mut wait);
    assert!(matches!(asked, Poll::Ready(Ok(ShutdownSignal::Interrupt))), "{asked:?}");
    drop(wait);
    say("went on");
}

/// The second is not delivered yet, or just being.
fn is_asked_to_end_twice_at_once() {
    let (mut wait, hand) = begin(Box::pin(shutdown_signal()));
    raise(libc::SIGINT);
    eventually(|| hand.wakes() == 1);
    raise(libc::SIGTERM);
    let asked = hand.poll(&mut wait);
    assert!(matches!(asked, Poll::Ready(Ok(ShutdownSignal::Interrupt))), "{asked:?}");
    drop(wait);
    say("went on");
}

#[test]
fn a_shutdown_signal_is_not_lost_with_its_wait_and_two_count_as_one() {
    let ended = Running::start("drops a wait for a shutdown signal", "").end();
    assert_eq!((ended.code, &*ended.stdout), (Err(libc::SIGTERM), ""));
    let ended = Running::start("is asked to end twice", "").end();
    assert_eq!((ended.code, &*ended.stdout), (Ok(0), "went on\n"), "{}", ended.stderr);
    for _ in 0..10 {
        let ended = Running::start("is asked to end twice at once", "").end();
        assert_eq!((ended.code, &*ended.stdout), (Ok(0), "went on\n"), "{}", ended.stderr);
    }
}

fn drops_two_listeners() {
    let [heard, unheard]: [Signal; 2] =
        [(), ()].map(|()| signal(SignalKind::interrupt()).expect("SIGINT can be caught"));
    let mut heard = heard;
    raise(libc::SIGINT);
    futures_lite::future::block_on(heard.recv());
    drop((heard, unheard));
    say("went on");
}

#[test]
fn a_ctrl_c_that_one_of_two_listeners_heard_is_not_raised_again() {
    let ended = Running::start("drops two listeners", "").end();
    assert_eq!((ended.code, &*ended.stdout), (Ok(0), "went on\n"));
}

/// Sends a signal to this thread, which handles it before it goes on.
fn raise(number: i32) {
    // SAFETY: no pointers; every signal raised in this file has a handler at that moment.
    assert_eq!(unsafe { libc::raise(number) }, 0);
}

#[test]
fn after_a_storm_a_slow_listener_still_receives_the_last_signal() {
    static IS_LAST: AtomicBool = AtomicBool::new(false);
    const STORM: usize = 100_000;
    let _watchdog = Watchdog::new();
    let runtime = workers(2);
    let mut listener = signal(SignalKind::user_defined1()).expect("SIGUSR1 can be caught");
    let storm = std::thread::spawn(|| {
        // SAFETY: the function gives the address of this thread's `errno`, valid while the thread lives.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: as above.
        unsafe { *errno = 42 };
        for n in 1..=STORM {
            if n == STORM {
                IS_LAST.store(true, SeqCst);
            }
            raise(libc::SIGUSR1);
        }
        // The handler's writes into a full pipe did not change it.
        // SAFETY: as above.
        assert_eq!(unsafe { *errno }, 42);
    });
    let slow = runtime.spawn(async move {
        loop {
            assert_eq!(listener.recv().await, Some(()));
            if IS_LAST.load(SeqCst) {
                return listener;
            }
            filch::time::sleep(Duration::from_micros(300)).await;
        }
    });
    let listener = runtime.block_on(slow).expect("it does not panic");
    std::mem::forget(listener); // What is still to come would end the process.
    storm.join().expect("errno stays");
}

#[test]
fn a_listener_is_a_stream() {
    use futures_lite::StreamExt;
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let mut hangups = signal(SignalKind::hangup()).expect("SIGHUP can be caught");
            let task = filch::spawn(async move {
                raise(libc::SIGHUP);
                hangups.next().await
            });
            assert_eq!(task.await.expect("it does not panic"), Some(()));
        });
    });
}
