//! The suite that every driver passes.
//!
//! A driver's author writes `filch_core::driver_suite!(|| MyDriver::new());` in a test file; each check below becomes a
//! test. A check panics when the driver fails it. It looks at behavior through the seam alone, over TCP and UDP on
//! loopback, and knows no system call.
//!
//! It does not prove that a driver is fast, nor what happens when the system runs out of descriptors.

#![allow(clippy::missing_panics_doc, reason = "a check panics to say that it failed; see above")]

mod rig;

use crate::io::{Direction, Interest};
use crate::seam::{Driver, Limit};
use crate::sys::sync::atomic::AtomicUsize;
use crate::sys::sync::atomic::Ordering::{Acquire, Release};
use crate::sys::{Duration, Instant, thread};
use rig::{PATIENCE, Rig, in_time, pair, raw};
use std::io::{self, Read, Write};
use std::net::{Shutdown, UdpSocket};
use std::sync::Arc;

/// Makes a driver for one check.
pub type Make<'a> = &'a dyn Fn() -> io::Result<Arc<dyn Driver>>;

/// One check of the suite.
pub type Check = fn(Make<'_>);

/// Every check by its name, for a test that runs them in its own way.
pub const CHECKS: &[(&str, Check)] = crate::driver_suite!(@array);

/// Puts a driver behind the seam. The suite's macro calls it.
///
/// # Errors
/// The driver's own.
pub fn shared<D: Driver>(made: io::Result<D>) -> io::Result<Arc<dyn Driver>> {
    made.map(|driver| Arc::new(driver) as Arc<dyn Driver>)
}

/// Makes a test of each check of a driver, given a closure that answers `io::Result<impl Driver>`.
#[macro_export]
macro_rules! driver_suite {
    (@tests { $make:expr } $($check:ident)*) => {
        $(
            #[test]
            fn $check() {
                $crate::conformance::driver::$check(&|| {
                    $crate::conformance::driver::shared(($make)())
                });
            }
        )*
    };
    (@array {} $($check:ident)*) => {
        &[$((stringify!($check), $check as $crate::conformance::driver::Check)),*]
    };
    (@each $rule:ident $arguments:tt) => {
        $crate::driver_suite! {
            @$rule $arguments
            what_is_ready_already_is_reported
            what_becomes_ready_is_reported
            readiness_is_reported_once_until_it_changes
            only_what_was_asked_is_reported
            each_direction_is_reported
            a_report_leaves_the_other_direction_asked
            a_full_socket_is_reported_when_it_drains
            a_half_closed_peer_wakes_the_reader
            a_reset_wakes_both_directions
            an_ended_registration_is_silent
            a_source_can_be_registered_again
            a_reused_descriptor_gets_its_own_events
            a_refused_source_leaves_nothing_behind
            keys_come_back_whole
            a_thousand_sources_are_told_apart
            an_unpark_before_a_turn_ends_it
            an_unpark_ends_a_turn_that_waits
            an_unpark_ends_one_turn_only
            no_unpark_is_lost
            no_unpark_of_many_threads_is_lost
            a_limit_is_kept
            a_turn_without_limit_waits
            a_limit_of_centuries_does_not_overflow
            a_turn_that_waits_hinders_nobody
        }
    };
    (@array) => { $crate::driver_suite! { @each array {} } };
    ($make:expr $(,)?) => { $crate::driver_suite! { @each tests { $make } } };
}

/// Data that lies there before the registration is reported: sources are registered after a first attempt.
pub fn what_is_ready_already_is_reported(make: Make<'_>) {
    let rig = Rig::new(make);
    let (near, mut far) = pair();
    far.write_all(b"x").expect("there is room");
    await_data(&near);
    let watch = rig.watch(near, Interest::READABLE);
    assert!(watch.wait(Direction::Read).is_readable());
}

/// Data that comes later is reported, time and again.
pub fn what_becomes_ready_is_reported(make: Make<'_>) {
    let rig = Rig::new(make);
    let (near, mut far) = pair();
    let watch = rig.watch(near, Interest::READABLE);
    for _ in 0..3 {
        assert!(watch.stays_quiet(Direction::Read), "nothing was sent, yet it is reported");
        far.write_all(b"x").expect("there is room");
        assert!(watch.wait(Direction::Read).is_readable());
        drain(watch.source());
        watch.forget(Direction::Read);
    }
}

/// A driver of edges does not repeat itself; any other one repeats when asked, and only then.
pub fn readiness_is_reported_once_until_it_changes(make: Make<'_>) {
    let rig = Rig::new(make);
    let (near, mut far) = pair();
    let watch = rig.watch(near, Interest::READABLE);
    far.write_all(b"x").expect("there is room");
    watch.wait(Direction::Read);
    watch.forget(Direction::Read);
    assert!(watch.stays_quiet(Direction::Read), "the same readiness is reported twice");
    if !rig.driver.capabilities().edge {
        assert!(watch.wait(Direction::Read).is_readable(), "re-armed, it is not reported again");
    }
}

/// A source registered for reading is not reported for having room to write.
pub fn only_what_was_asked_is_reported(make: Make<'_>) {
    let rig = Rig::new(make);
    let (near, _far) = pair();
    let watch = rig.watch(near, Interest::READABLE);
    assert!(watch.stays_quiet(Direction::Read));
    assert!(watch.known(Direction::Write).is_empty(), "writability was not asked for");
}

/// Reading and writing are reported each for itself, in any order.
pub fn each_direction_is_reported(make: Make<'_>) {
    let rig = Rig::new(make);
    let (near, mut far) = pair();
    let watch = rig.watch(near, Interest::BOTH);
    assert!(watch.wait(Direction::Write).is_writable());
    assert!(watch.known(Direction::Read).is_empty(), "nothing was sent");
    far.write_all(b"x").expect("there is room");
    assert!(watch.wait(Direction::Read).is_readable());
}

/// A report about writing does not use up what a reader asked for, and asking for one direction keeps the other.
pub fn a_report_leaves_the_other_direction_asked(make: Make<'_>) {
    let rig = Rig::new(make);
    let (near, mut far) = pair();
    let watch = rig.watch(near, Interest::BOTH);
    for _ in 0..2 {
        turn_until_known(&rig, &watch, Direction::Write); // The reader's request stands since before.
        far.write_all(b"x").expect("there is room");
        turn_until_known(&rig, &watch, Direction::Read);
        drain(watch.source());
        if rig.driver.capabilities().edge {
            return; // There is nothing to ask for, so nothing that could be lost.
        }
        watch.forget(Direction::Read);
        watch.forget(Direction::Write);
        watch.rearm(Interest::READABLE);
        watch.rearm(Interest::WRITABLE);
    }
}

/// Turns, without asking for anything, until something is known of `direction`.
#[track_caller]
fn turn_until_known<S: rig::Source>(rig: &Rig, watch: &rig::Watch<S>, direction: Direction) {
    let start = Instant::now();
    while watch.known(direction).is_empty() {
        let left = PATIENCE.saturating_sub(start.elapsed());
        assert!(!left.is_zero(), "what was asked of {direction:?} is lost");
        rig.turn(Limit::For(left));
    }
}

/// A writer that met `WouldBlock` is told when there is room again.
pub fn a_full_socket_is_reported_when_it_drains(make: Make<'_>) {
    let rig = Rig::new(make);
    let (near, far) = pair();
    let watch = rig.watch(near, Interest::BOTH);
    watch.wait(Direction::Write);
    fill(watch.source());
    watch.forget(Direction::Write);
    assert!(watch.stays_quiet(Direction::Write), "a full socket is reported as writable");
    let start = Instant::now();
    while watch.known(Direction::Write).is_empty() {
        // Loopback moves data on in steps, so one look at the far end may not make room.
        drain(&far);
        watch.rearm(Interest::WRITABLE);
        rig.turn(Limit::For(Duration::from_millis(1)));
        assert!(start.elapsed() < PATIENCE, "there is room again, but it is not reported");
    }
}

/// The end of the peer's data is something to read, and is seen as an end by a driver that says it can.
pub fn a_half_closed_peer_wakes_the_reader(make: Make<'_>) {
    let rig = Rig::new(make);
    let (near, far) = pair();
    let watch = rig.watch(near, Interest::BOTH);
    watch.wait(Direction::Write);
    far.shutdown(Shutdown::Write).expect("the peer is connected");
    let ready = watch.wait(Direction::Read);
    assert!(ready.is_readable());
    assert!(!watch.known(Direction::Write).is_write_closed(), "the peer still takes data");
    if rig.driver.capabilities().rdhup {
        assert!(ready.is_read_closed(), "a half-close looks like data: {ready:?}");
    }
}

/// A reset connection concerns whoever reads and whoever writes.
pub fn a_reset_wakes_both_directions(make: Make<'_>) {
    let rig = Rig::new(make);
    let (near, far) = pair();
    let watch = rig.watch(near, Interest::BOTH);
    watch.wait(Direction::Write);
    fill(watch.source());
    watch.forget(Direction::Write);
    drop(far); // With data it has not read: this resets the connection.
    assert!(watch.wait(Direction::Read).is_readable());
    assert!(watch.wait(Direction::Write).is_writable());
}

/// Once `deregister` has returned, later turns report nothing of the source.
pub fn an_ended_registration_is_silent(make: Make<'_>) {
    let rig = Rig::new(make);
    let (near, mut far) = pair();
    let near = rig.watch(near, Interest::BOTH).end(false);
    far.write_all(b"x").expect("there is room");
    await_data(&near);
    for _ in 0..3 {
        assert_eq!(rig.turn(Limit::Zero), 0, "an event of a source that is not registered");
    }
}

/// A source that left can come back, under another key.
pub fn a_source_can_be_registered_again(make: Make<'_>) {
    let rig = Rig::new(make);
    let (mut near, mut far) = pair();
    for _ in 0..300 {
        near = rig.watch(near, Interest::READABLE).end(false);
    }
    far.write_all(b"x").expect("there is room");
    let watch = rig.watch(near, Interest::READABLE);
    assert!(watch.wait(Direction::Read).is_readable());
}

/// A closed source may be deregistered cheaply; the next owner of its number is none the wiser.
pub fn a_reused_descriptor_gets_its_own_events(make: Make<'_>) {
    let rig = Rig::new(make);
    for _ in 0..20 {
        let (near, mut far) = pair();
        let watch = rig.watch(near, Interest::BOTH);
        far.write_all(b"x").expect("there is room");
        await_data(watch.source());
        drop(watch.end(true)); // Closed with an event that nobody has collected.
        let (near, mut far) = pair();
        let watch = rig.watch(near, Interest::READABLE);
        assert!(watch.stays_quiet(Direction::Read), "an event of the descriptor's last owner");
        far.write_all(b"x").expect("there is room");
        assert!(watch.wait(Direction::Read).is_readable());
    }
}

/// What cannot be watched is refused and forgotten. A driver that can watch files reports them as ready.
pub fn a_refused_source_leaves_nothing_behind(make: Make<'_>) {
    #[cfg(unix)]
    {
        let rig = Rig::new(make);
        let program = std::env::current_exe().expect("the test knows its own path");
        let file = || std::fs::File::open(&program).expect("the test program can be read");
        match rig.try_watch(file(), Interest::READABLE) {
            Ok(watch) => assert!(watch.wait(Direction::Read).is_readable()),
            Err(_) => assert_eq!(rig.turn(Limit::Zero), 0, "an event of a refused source"),
        }
        let (near, mut far) = pair();
        let watch = rig.watch(near, Interest::READABLE);
        far.write_all(b"x").expect("there is room");
        assert!(watch.wait(Direction::Read).is_readable());
    }
    #[cfg(windows)]
    let _ = make; // A file is no socket there, and cannot even be offered.
}

/// All 64 bits of a key come back, so that an event of an ended registration is told from one of its successor.
pub fn keys_come_back_whole(make: Make<'_>) {
    let rig = Rig::new(make);
    for ahead in (0..32).map(|bit| 1 << bit).chain([u32::MAX]) {
        let (near, mut far) = pair();
        let key = rig.key_ahead(ahead);
        // SAFETY: the socket is open and not registered; it is deregistered below, before it is closed.
        unsafe { rig.driver.register(raw(&near), key, Interest::READABLE) }
            .expect("an open socket can be watched");
        far.write_all(b"x").expect("there is room");
        let start = Instant::now();
        while rig.turn(Limit::For(PATIENCE)) == 0 {
            assert!(start.elapsed() < PATIENCE, "no event under the key {key:?}");
        }
        let is_mistaken = rig.slot_knows_something(key);
        rig.driver.deregister(raw(&near), key, false).expect("it was registered");
        rig.give_back(key);
        assert!(!is_mistaken, "a key comes back without bit pattern {ahead:#x} of its generation");
    }
}

/// Many sources at once; each event reaches its own slot.
pub fn a_thousand_sources_are_told_apart(make: Make<'_>) {
    let rig = Rig::new(make);
    let loopback = || UdpSocket::bind(("127.0.0.1", 0)).expect("a socket can be opened");
    let sender = loopback();
    let watches: Vec<_> =
        (0..n_sources()).map(|_| rig.watch(loopback(), Interest::READABLE)).collect();
    let (sent, unsent): (Vec<_>, Vec<_>) =
        watches.iter().enumerate().partition(|(index, _)| index % 3 == 0);
    for (_, watch) in &sent {
        let address = watch.source().local_addr().expect("it is bound");
        sender.send_to(b"x", address).expect("loopback takes a datagram");
    }
    sent.iter().for_each(|(_, watch)| assert!(watch.wait(Direction::Read).is_readable()));
    for (index, watch) in unsent {
        assert!(watch.known(Direction::Read).is_empty(), "source {index} got another's event");
    }
}

/// A turn that begins after an unpark returns at once.
pub fn an_unpark_before_a_turn_ends_it(make: Make<'_>) {
    let rig = Rig::new(make);
    for _ in 0..3 {
        let rig = rig.clone();
        rig.driver.unpark();
        in_time("a turn that was unparked before", move || rig.turn(Limit::Forever));
    }
}

/// A turn that waits already returns.
pub fn an_unpark_ends_a_turn_that_waits(make: Make<'_>) {
    let rig = Rig::new(make);
    for pause in [0, 0, 0, 1, 10] {
        let rig = rig.clone();
        in_time("a turn that was unparked", move || {
            let driver = Arc::clone(&rig.driver);
            let unparker = thread::spawn(move || {
                thread::sleep(Duration::from_millis(pause)); // So that the turn has begun, most likely.
                driver.unpark();
            });
            rig.turn(Limit::Forever);
            unparker.join().expect("an unpark does not panic");
        });
    }
}

/// Unparks do not pile up: a few turns later a turn waits again.
pub fn an_unpark_ends_one_turn_only(make: Make<'_>) {
    let rig = Rig::new(make);
    let limit = Duration::from_millis(5);
    (0..10).for_each(|_| rig.driver.unpark());
    rig.turn(Limit::For(limit));
    let has_waited = (0..10).any(|_| limit <= rig.time_of_turn(Limit::For(limit)));
    assert!(has_waited, "after an unpark the driver never waits again");
}

/// A thread that publishes work and unparks is heard, whatever the turn is about to do.
pub fn no_unpark_is_lost(make: Make<'_>) {
    const N_ROUNDS: usize = 2000;
    let rig = Rig::new(make);
    let (asked, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let asker = {
        let (driver, asked, answered) =
            (Arc::clone(&rig.driver), Arc::clone(&asked), Arc::clone(&answered));
        thread::spawn(move || {
            for round in 1..=N_ROUNDS {
                // ORDERING: [suite-asked] Release pairs with the Acquire below: the round is what is published.
                asked.store(round, Release);
                driver.unpark();
                // ORDERING: [suite-answered] Acquire pairs with the Release below.
                while answered.load(Acquire) != round {
                    thread::yield_now();
                }
            }
        })
    };
    for round in 1..=N_ROUNDS {
        let start = Instant::now();
        // ORDERING: [suite-asked] Acquire, see above.
        while asked.load(Acquire) != round {
            rig.turn(Limit::For(PATIENCE));
            assert!(start.elapsed() < PATIENCE, "the unpark of round {round} is lost");
        }
        // ORDERING: [suite-answered] Release, see above.
        answered.store(round, Release);
    }
    asker.join().expect("an unpark does not panic");
}

/// Several threads publish and unpark at once; turns without limit end until all of it is seen.
pub fn no_unpark_of_many_threads_is_lost(make: Make<'_>) {
    const N_THREADS: usize = 3;
    const N_EACH: usize = 1000;
    let rig = Rig::new(make);
    in_time("turning until all is seen", move || {
        let published = Arc::new(AtomicUsize::new(0));
        let publishers: Vec<_> = (0..N_THREADS)
            .map(|_| {
                let (driver, published) = (Arc::clone(&rig.driver), Arc::clone(&published));
                thread::spawn(move || {
                    for _ in 0..N_EACH {
                        // ORDERING: [suite-published] Release pairs with the Acquire below.
                        published.fetch_add(1, Release);
                        driver.unpark();
                        thread::yield_now();
                    }
                })
            })
            .collect();
        // ORDERING: [suite-published] Acquire, see above.
        while published.load(Acquire) != N_THREADS * N_EACH {
            rig.turn(Limit::Forever);
        }
        publishers.into_iter().for_each(|publisher| publisher.join().expect("it does not panic"));
    });
}

/// A turn lasts its limit: hardly ever less, and not much more.
pub fn a_limit_is_kept(make: Make<'_>) {
    const GRANULARITY: Duration =
        if cfg!(windows) { Duration::from_millis(16) } else { Duration::from_micros(50) };
    let rig = Rig::new(make);
    for limit in [0, 100, 1_900, 20_000].map(Duration::from_micros) {
        let mut times: Vec<_> = (0..11).map(|_| rig.time_of_turn(Limit::For(limit))).collect();
        times.sort();
        // One may be early: a turn can be interrupted.
        assert!(limit <= times[1] + GRANULARITY, "limit {limit:?}, but turns take {times:?}");
        let late = limit + Duration::from_millis(100);
        assert!(times[5] < late, "limit {limit:?}, but turns take {times:?}");
    }
    let start = Instant::now();
    (0..100).for_each(|_| _ = rig.turn(Limit::Zero));
    assert!(start.elapsed() < Duration::from_secs(1), "turns that may not wait do wait");
}

/// A turn without limit does not end by itself, so that an idle runtime costs nothing.
pub fn a_turn_without_limit_waits(make: Make<'_>) {
    let rig = Rig::new(make);
    let n_turns = in_time("an unparked turn", move || {
        let is_over = Arc::new(AtomicUsize::new(0));
        let unparker = {
            let (driver, is_over) = (Arc::clone(&rig.driver), Arc::clone(&is_over));
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(50)); // The time in which a turn might end by itself.
                // ORDERING: [suite-over] Release pairs with the Acquire below.
                is_over.store(1, Release);
                driver.unpark();
            })
        };
        let mut n_turns = 0;
        // ORDERING: [suite-over] Acquire, see above.
        while is_over.load(Acquire) == 0 && n_turns < 1000 {
            rig.turn(Limit::Forever);
            n_turns += 1;
        }
        unparker.join().expect("an unpark does not panic");
        n_turns
    });
    assert!(n_turns < 10, "turns without limit end by themselves");
}

/// The longest duration there is counts as no limit.
pub fn a_limit_of_centuries_does_not_overflow(make: Make<'_>) {
    for limit in [Duration::MAX, Duration::from_secs(u64::MAX >> 1), Duration::from_secs(1 << 40)] {
        let rig = Rig::new(make);
        let start = Instant::now();
        in_time("an unparked turn", move || {
            let driver = Arc::clone(&rig.driver);
            let unparker = thread::spawn(move || {
                thread::sleep(Duration::from_millis(5));
                driver.unpark();
            });
            rig.turn(Limit::For(limit));
            unparker.join().expect("an unpark does not panic");
        });
        assert!(Duration::from_millis(5) <= start.elapsed());
    }
}

/// While one thread waits in a turn, others register, re-arm and deregister, and what they register is watched.
pub fn a_turn_that_waits_hinders_nobody(make: Make<'_>) {
    let rig = Rig::new(make);
    let (tell, told) = std::sync::mpsc::channel();
    let turning = {
        let rig = rig.clone();
        thread::spawn(move || {
            let start = Instant::now();
            tell.send(()).expect("the check waits for it");
            while rig.turn(Limit::For(3 * PATIENCE)) == 0 {
                assert!(start.elapsed() < PATIENCE, "a source registered meanwhile is not watched");
            }
        })
    };
    in_time("registering beside a turn", move || {
        let (near, mut far) = pair();
        told.recv().expect("the turn begins");
        thread::sleep(Duration::from_millis(20)); // So that the turn waits by then, most likely.
        let near = rig.watch(near, Interest::READABLE).end(false);
        let watch = rig.watch(near, Interest::READABLE);
        watch.rearm(Interest::READABLE);
        thread::sleep(Duration::from_millis(2)); // So that the turn waits with the source, most likely.
        far.write_all(b"x").expect("there is room");
        turning.join().expect("the turn reports the source");
        assert!(watch.known(Direction::Read).is_readable());
    });
}

/// Waits, without the driver, until data has arrived.
fn await_data(socket: &std::net::TcpStream) {
    let start = Instant::now();
    while socket.peek(&mut [0]).is_err() {
        assert!(start.elapsed() < PATIENCE, "loopback does not deliver");
        thread::yield_now();
    }
}

/// Reads what is there.
fn drain(mut socket: &std::net::TcpStream) {
    let mut buffer = [0; 1 << 16];
    while socket.read(&mut buffer).is_ok_and(|n_read| n_read != 0) {}
}

/// Writes until nothing more goes in.
fn fill(mut socket: &std::net::TcpStream) {
    let buffer = [0; 1 << 16];
    // The peer's system takes in data for a moment longer, so one `WouldBlock` is not the last word.
    let mut n_refused = 0;
    while n_refused < 20 {
        if socket.write(&buffer).is_ok_and(|n_written| n_written != 0) {
            n_refused = 0;
        } else {
            n_refused += 1;
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A thousand, or what a small limit of open files leaves beside other tests.
fn n_sources() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3));
    let soft: usize = soft.and_then(|soft| soft.parse().ok()).unwrap_or(256);
    (soft / 4).min(1000)
}
