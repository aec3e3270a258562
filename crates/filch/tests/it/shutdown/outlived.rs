//! Sleeps and sockets whose runtime has ended: they err or panic with a sentence, and never hang.

use crate::tools::{Hand, current_thread, panic_of, workers};
use crate::watchdog::Watchdog;
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::UnixStream;
use filch::runtime::Runtime;
use filch::spawn;
use filch::task::yield_now;
use filch::time::{Instant, interval, interval_at, sleep, timeout};
use std::future::pending;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(3600);
const SENTENCE: &str = "a sleep was polled after the runtime it was made in had ended, so its deadline never comes; \
                        make it inside the runtime that awaits it";

/// A runtime of each flavor, and one that goes on.
fn on_each(test: impl Fn(Runtime, &Runtime)) {
    let _watchdog = Watchdog::new();
    let other = workers(2);
    for runtime in [workers(2), workers(1), current_thread()] {
        test(runtime, &other);
    }
}

#[test]
fn a_sleep_that_was_armed_panics_in_whoever_awaits_it() {
    on_each(|runtime, other| {
        let entered = runtime.enter();
        let mut nap = Box::pin(sleep(LONG));
        assert!(Hand::default().poll(&mut nap).is_pending());
        drop(entered);
        drop(runtime);
        assert_eq!(panic_of(|| other.block_on(&mut nap)), SENTENCE);
        assert_eq!(panic_of(|| futures_lite::future::block_on(&mut nap)), SENTENCE);
    });
}

#[test]
fn a_sleep_that_was_never_polled_panics_in_whoever_awaits_it() {
    on_each(|runtime, other| {
        let (nap, limited, mut ticks) = runtime.block_on(async {
            (sleep(LONG), timeout(LONG, pending::<()>()), interval_at(Instant::now() + LONG, LONG))
        });
        drop(runtime);
        assert_eq!(panic_of(|| other.block_on(nap)), SENTENCE);
        assert_eq!(panic_of(|| other.block_on(limited)), SENTENCE);
        assert_eq!(panic_of(|| other.block_on(async { ticks.tick().await })), SENTENCE);
    });
}

#[test]
fn a_task_that_sleeps_by_another_runtime_panics_when_that_ends() {
    on_each(|runtime, other| {
        let (nap, mut ticks) = runtime.block_on(async { (sleep(LONG), interval(LONG)) });
        let napping = other.spawn(nap);
        let ticking = other.spawn(async move {
            ticks.tick().await;
            ticks.tick().await
        });
        // Let them be armed in some of the rounds; both must end in all of them.
        other.block_on(async { spawn(yield_now()).await }).expect("it does not panic");
        drop(runtime);
        for error in [
            other.block_on(napping).expect_err("it never comes"),
            other.block_on(ticking).map(drop).expect_err("it never comes"),
        ] {
            assert!(error.is_panic() && error.to_string().contains(SENTENCE), "{error}");
        }
    });
}

#[test]
fn a_block_on_by_handle_learns_of_the_end() {
    on_each(|runtime, _| {
        let handle = *runtime.handle();
        let task = runtime.spawn(pending::<()>());
        let (tell, told) = std::sync::mpsc::channel();
        let tells = tell.clone();
        let sleeping = std::thread::spawn(move || {
            panic_of(|| {
                handle.block_on(async {
                    let nap = sleep(LONG);
                    tells.send(()).expect("the test waits");
                    nap.await;
                })
            })
        });
        let joining = std::thread::spawn(move || {
            handle.block_on(async {
                tell.send(()).expect("the test waits");
                task.await
            })
        });
        told.recv().expect("both begin");
        told.recv().expect("both begin");
        drop(runtime);
        assert_eq!(sleeping.join().expect("it was caught"), SENTENCE);
        assert!(joining.join().expect("no panic").expect_err("it has ended").is_cancelled());
    });
}

#[test]
fn a_sleep_may_be_dropped_and_reset_after_the_end() {
    on_each(|runtime, _| {
        let mut naps = runtime.block_on(async {
            let mut naps = [Box::pin(sleep(LONG)), Box::pin(sleep(LONG)), Box::pin(sleep(LONG))];
            naps.iter_mut().take(2).for_each(|nap| assert!(Hand::default().poll(nap).is_pending()));
            naps
        });
        drop(runtime);
        let deadline = naps[0].deadline();
        naps[0].as_mut().reset(deadline + LONG);
        naps[2].as_mut().reset(deadline - LONG / 2);
        assert!(naps.iter().all(|nap| !nap.is_elapsed()));
    });
}

#[test]
fn a_socket_that_waits_errs_when_its_runtime_ends() {
    on_each(|runtime, other| {
        let (mut one, mut two) = runtime.block_on(async {
            let (mut one, two) = UnixStream::pair().expect("there are descriptors");
            assert!(Hand::default().poll(&mut Box::pin(one.read_u8())).is_pending());
            (one, two)
        });
        let reading = other.spawn(async move {
            let result = one.read_u8().await;
            (one, result)
        });
        other.block_on(async { spawn(yield_now()).await }).expect("it does not panic");
        drop(runtime);
        let (mut one, result) = other.block_on(reading).expect("it does not panic");
        let error = result.expect_err("nothing was sent");
        assert!(error.to_string().contains("ended"), "{error}");
        other.block_on(one.read_u8()).expect_err("it stays so");
        // The peer never waited: it finds the runtime it waits in.
        let _ = other.block_on(async { two.write_all(b"x").await });
    });
}
