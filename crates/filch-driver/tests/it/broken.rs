//! Drivers with one fault each, which the suite must reject.
//!
//! Each is a sound driver behind a wrapper that breaks one promise, so that a check fails for that reason alone.

use filch_core::conformance::driver::CHECKS;
use filch_core::io::{Interest, SlotKey};
use filch_core::seam::{Capabilities, Driver, Limit, RawSource};
use filch_core::wake_batch::WakeBatch;
use filch_driver::{Choice, stock};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// Forgets the upper half of each key.
    CutsKeys,
    /// Watches no writers.
    IgnoresWriters,
    /// Watches writers nobody asked for.
    WatchesTooMuch,
    /// Goes on watching what was deregistered.
    NeverForgets,
    /// Rounds limits down to whole milliseconds.
    RoundsDown,
    /// Cannot be unparked.
    IsDeaf,
    /// An unpark ends every later turn as well.
    NeverRests,
    /// Registers only between two turns.
    HoldsItsLock,
    /// Takes a request for one direction as the end of a request for the other.
    KeepsOneRequest,
    /// Claims to see half-closes.
    Boasts,
    /// Registers everything anew before each turn, so that nothing is an edge.
    RepeatsItself,
}

struct Broken {
    sound: Arc<dyn Driver>,
    fault: Fault,
    /// What is watched; held across a turn by one of the faults.
    watched: Mutex<Vec<(RawSource, SlotKey, Interest)>>,
    has_been_unparked: AtomicBool,
}

impl Broken {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }
}

impl Driver for Broken {
    fn turn(&self, limit: Limit, wakes: &mut WakeBatch) -> io::Result<()> {
        let watched = self.watched.lock().expect("no check panics under it");
        if self.has(Fault::RepeatsItself) {
            watched.iter().for_each(|(source, key, interest)| {
                _ = self.sound.deregister(*source, *key, false);
                // SAFETY: the source is open until the check deregisters it, and was deregistered above.
                _ = unsafe { self.sound.register(*source, *key, *interest) };
            });
        }
        let _held = self.has(Fault::HoldsItsLock).then_some(watched);
        let was_unparked = self.has_been_unparked.load(Ordering::Relaxed);
        let limit = match limit {
            Limit::For(limit) if self.has(Fault::RoundsDown) => {
                Limit::For(Duration::from_millis(limit.as_millis().try_into().unwrap_or(u64::MAX)))
            }
            _ if self.has(Fault::NeverRests) && was_unparked => Limit::Zero,
            limit => limit,
        };
        self.sound.turn(limit, wakes)
    }

    fn unpark(&self) {
        self.has_been_unparked.store(true, Ordering::Relaxed);
        if !self.has(Fault::IsDeaf) {
            self.sound.unpark();
        }
    }

    unsafe fn register(
        &self,
        source: RawSource,
        key: SlotKey,
        interest: Interest,
    ) -> io::Result<()> {
        let mut watched = self.watched.lock().expect("no check panics under it");
        let key = match self.fault {
            Fault::CutsKeys => SlotKey::from_raw(key.to_raw() & u64::from(u32::MAX)),
            _ => key,
        };
        let interest = match self.fault {
            Fault::IgnoresWriters => Interest::READABLE,
            Fault::WatchesTooMuch => Interest::BOTH,
            _ => interest,
        };
        // SAFETY: the caller's promise is the one needed.
        unsafe { self.sound.register(source, key, interest) }?;
        watched.push((source, key, interest));
        Ok(())
    }

    fn rearm(&self, source: RawSource, key: SlotKey, interest: Interest) -> io::Result<()> {
        if self.has(Fault::KeepsOneRequest) {
            self.sound.deregister(source, key, false)?;
            // SAFETY: the source is open by the check's promise, and was deregistered above.
            return unsafe { self.sound.register(source, key, interest) };
        }
        self.sound.rearm(source, key, interest)
    }

    fn deregister(&self, source: RawSource, key: SlotKey, closing: bool) -> io::Result<()> {
        let mut watched = self.watched.lock().expect("no check panics under it");
        watched.retain(|(other, _, _)| *other != source);
        if self.has(Fault::NeverForgets) {
            return Ok(());
        }
        self.sound.deregister(source, key, closing)
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.sound.capabilities();
        capabilities.rdhup |= self.has(Fault::Boasts);
        capabilities.edge &= !self.has(Fault::KeepsOneRequest);
        capabilities
    }
}

/// Each fault, the driver it is put on, and the check that must see it.
const REJECTED: &[(Choice, Fault, &str)] = &[
    (Choice::Epoll, Fault::CutsKeys, "keys_come_back_whole"),
    (Choice::Epoll, Fault::IgnoresWriters, "each_direction_is_reported"),
    (Choice::Epoll, Fault::WatchesTooMuch, "only_what_was_asked_is_reported"),
    (Choice::Epoll, Fault::NeverForgets, "an_ended_registration_is_silent"),
    (Choice::Epoll, Fault::RoundsDown, "a_limit_is_kept"),
    (Choice::Epoll, Fault::IsDeaf, "an_unpark_ends_a_turn_that_waits"),
    (Choice::Epoll, Fault::NeverRests, "an_unpark_ends_one_turn_only"),
    (Choice::Epoll, Fault::RepeatsItself, "readiness_is_reported_once_until_it_changes"),
    (Choice::Epoll, Fault::HoldsItsLock, "a_turn_that_waits_hinders_nobody"),
    (Choice::Epoll, Fault::KeepsOneRequest, "a_report_leaves_the_other_direction_asked"),
    (Choice::Polling, Fault::Boasts, "a_half_closed_peer_wakes_the_reader"),
];

#[test]
fn each_fault_is_rejected() {
    // Why beside each other: what is waited for in vain is waited for long.
    thread::scope(|scope| {
        for (choice, fault, check) in REJECTED {
            scope.spawn(|| assert_rejected(*choice, *fault, check));
        }
    });
}

fn assert_rejected(choice: Choice, fault: Fault, by: &str) {
    let (_, check) = CHECKS.iter().find(|(name, _)| *name == by).expect("there is such a check");
    let make = || {
        let watched = Mutex::new(Vec::new());
        let has_been_unparked = false.into();
        let broken = Broken { sound: stock(choice)?, fault, watched, has_been_unparked };
        Ok(Arc::new(broken) as Arc<dyn Driver>)
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| check(&make)));
    assert!(outcome.is_err(), "{by} does not see that a driver {fault:?}");
}
