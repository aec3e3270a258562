//! Checks of a [`Clock`].

#![allow(
    clippy::missing_panics_doc,
    reason = "a check panics to say that it failed; see the parent module"
)]

use crate::seam::Clock;
use std::time::Duration;

/// Makes a test of each check of this module. The expression, when called, makes a fresh clock.
#[macro_export]
macro_rules! clock_suite {
    (@tests $factory:tt $($check:ident)*) => {$(
        #[test]
        fn $check() {
            $crate::conformance::clock::$check(&($factory)());
        }
    )*};
    ($factory:expr $(,)?) => {
        $crate::clock_suite! {
            @tests { $factory }
            time_never_goes_back
            a_stopped_clock_moves_by_advances_only
            a_running_clock_refuses_what_needs_a_stopped_one
            a_jump_lands_on_its_deadline
            a_jump_into_the_past_changes_nothing
        }
    };
}

/// No answer of `now` is earlier than one before, on one thread or across threads, stopped or running.
pub fn time_never_goes_back(clock: &dyn Clock) {
    readings_never_go_back(clock);
    if clock.pause() {
        readings_never_go_back(clock);
        let before = clock.now();
        clock.resume();
        assert!(clock.now() >= before, "`resume` set the clock back");
        readings_never_go_back(clock);
    }
}

/// Between `pause` and `resume`, time moves by exactly what `advance` says, and not by itself.
pub fn a_stopped_clock_moves_by_advances_only(clock: &dyn Clock) {
    if !clock.pause() {
        return; // It cannot be stopped, which is allowed.
    }
    let start = clock.now();
    // Why: long enough for any clock that runs to show it.
    std::thread::sleep(Duration::from_millis(2));
    assert_eq!(clock.now(), start, "a stopped clock went on by itself");
    let mut expected = start;
    for by in [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(86_400 * 365)] {
        assert!(clock.advance(by), "a stopped clock refused `advance`");
        expected += by;
        assert_eq!(clock.now(), expected, "`advance({by:?})` moved the clock by another amount");
    }
    assert!(clock.resume(), "a stopped clock refused `resume`");
    assert!(clock.now() >= expected, "`resume` took an advance back");
}

/// `advance` and `resume` answer `false` while the clock runs, and change nothing.
pub fn a_running_clock_refuses_what_needs_a_stopped_one(clock: &dyn Clock) {
    if clock.is_virtual() {
        return; // It was made stopped.
    }
    let hour = Duration::from_secs(3600);
    let before = clock.now();
    assert!(!clock.advance(hour), "a running clock was advanced");
    assert!(!clock.resume(), "a running clock was resumed");
    assert!(clock.now() < before + hour, "a refused `advance` moved the clock");
    if clock.pause() {
        assert!(clock.resume(), "a stopped clock refused `resume`");
        assert!(!clock.resume(), "a clock was resumed twice");
        assert!(!clock.advance(hour), "a resumed clock was advanced");
    }
}

/// `try_jump` sets the clock to the deadline, or answers `false` and changes nothing.
pub fn a_jump_lands_on_its_deadline(clock: &dyn Clock) {
    jump_an_hour(clock);
    if clock.pause() {
        jump_an_hour(clock);
        let before = clock.now();
        clock.resume();
        assert!(clock.now() >= before, "`resume` took a jump back");
    }
}

/// A jump to a deadline that has passed does not set the clock back.
pub fn a_jump_into_the_past_changes_nothing(clock: &dyn Clock) {
    let past = clock.now();
    if clock.pause() {
        clock.advance(Duration::from_secs(60));
    }
    let before = clock.now();
    clock.try_jump(past);
    assert!(clock.now() >= before, "`try_jump` to a past deadline set the clock back");
}

fn jump_an_hour(clock: &dyn Clock) {
    let deadline = clock.now() + Duration::from_secs(3600);
    let jumped = clock.try_jump(deadline);
    let now = clock.now();
    if jumped {
        assert!(now >= deadline, "`try_jump` answered `true` and the deadline has not come");
    } else {
        assert!(now < deadline, "`try_jump` answered `false` and yet the clock jumped");
    }
    if jumped && clock.is_virtual() {
        assert_eq!(now, deadline, "a virtual clock jumped past the deadline");
    }
}

fn readings_never_go_back(clock: &dyn Clock) {
    let readings = |mut last| {
        for _ in 0..10_000 {
            let now = clock.now();
            assert!(now >= last, "`now` went back by {:?}", last - now);
            last = now;
        }
        last
    };
    let here = readings(clock.now());
    let there = std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(|| readings(here)));
        threads.map(|thread| {
            thread.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
        })
    });
    assert!(there.iter().all(|last| clock.now() >= *last), "`now` depends on the thread that asks");
}
