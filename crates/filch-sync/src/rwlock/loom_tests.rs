//! **Property:** a writer is alone and sees what was done before it; whoever waits gets in; an upgrade and a downgrade let
//! no writer in between; nothing is left in the word.

use super::raw::{READER, RawRwLock, UPGRADABLE_READER, WAITERS, WRITER, Want};
use super::{MAX_READERS, RwLock, RwLockUpgradableReadGuard};
use crate::model::{Arc, assert_rejected, block_on, check, check_to, poll, thread};
use filch_core::sys::sync::atomic::Ordering::*;

struct Locked {
    raw: RawRwLock,
    /// Checked by loom for unordered accesses.
    count: loom::cell::UnsafeCell<usize>,
}

impl Locked {
    fn new(max_readers: u32) -> Arc<Self> {
        Arc::new(Locked { raw: RawRwLock::new(max_readers), count: loom::cell::UnsafeCell::new(0) })
    }

    fn enter(&self, want: Want) {
        block_on(self.raw.enter(want));
    }

    /// The caller holds the lock.
    fn count(&self) -> usize {
        // SAFETY: the caller reads or writes, so nobody else writes.
        self.count.with(|count| unsafe { *count })
    }

    /// The caller writes.
    fn add_one(&self) {
        // SAFETY: the caller writes, so nobody else reads or writes.
        self.count.with_mut(|count| unsafe { *count += 1 });
    }

    fn read(&self) -> usize {
        self.enter(Want::Read);
        let count = self.count();
        self.raw.leave(READER);
        count
    }

    fn write(&self) {
        self.enter(Want::Write);
        self.add_one();
        self.raw.leave(WRITER);
    }

    fn assert_idle(&self, count: usize) {
        assert_eq!(self.raw.state.load(Relaxed), 0);
        assert_eq!(self.count(), count);
    }
}

type Thread = thread::JoinHandle<()>;

fn with(locked: &Arc<Locked>, act: impl FnOnce(&Locked) + Send + 'static) -> Thread {
    let locked = locked.clone();
    thread::spawn(move || act(&locked))
}

fn joined(thread: Thread) {
    thread.join().expect("the thread does not panic");
}

#[test]
fn a_writer_and_a_reader_exclude_each_other() {
    check(|| {
        let locked = Locked::new(MAX_READERS);
        let writer = with(&locked, |locked| {
            locked.write();
            locked.write();
        });
        let (before, after) = (locked.read(), locked.read());
        assert!(before <= after);
        joined(writer);
        locked.assert_idle(2);
    });
}

#[test]
fn a_writer_gets_in_when_two_readers_leave() {
    check_to(2, || {
        let locked = Locked::new(MAX_READERS);
        assert!(locked.raw.try_enter(Want::Read) && locked.raw.try_enter(Want::Read));
        let writer = with(&locked, Locked::write);
        let reader = with(&locked, |locked| locked.raw.leave(READER));
        locked.raw.leave(READER);
        joined(writer);
        joined(reader);
        locked.assert_idle(1);
    });
}

#[test]
fn a_writer_lets_in_who_waits() {
    check_to(2, || {
        let locked = Locked::new(MAX_READERS);
        assert!(locked.raw.try_enter(Want::Write));
        let reader = with(&locked, |locked| {
            locked.read();
        });
        let writer = with(&locked, Locked::write);
        locked.add_one();
        locked.raw.leave(WRITER);
        joined(reader);
        joined(writer);
        locked.assert_idle(2);
    });
}

#[test]
fn a_reader_more_than_there_may_be_gets_in_when_one_leaves() {
    check_to(2, || {
        let locked = Locked::new(1);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                with(&locked, |locked| {
                    locked.read();
                })
            })
            .collect();
        locked.read();
        readers.into_iter().for_each(joined);
        locked.assert_idle(0);
    });
}

/// A writer becomes a reader, and no other writer gets in between.
fn downgrade(downgraded: fn(&RawRwLock)) {
    let locked = Locked::new(MAX_READERS);
    let writer = with(&locked, Locked::write);
    locked.enter(Want::Write);
    locked.add_one();
    let count = locked.count();
    downgraded(&locked.raw);
    assert_eq!(locked.count(), count, "another writer got in");
    locked.raw.leave(READER);
    joined(writer);
    locked.assert_idle(2);
}

#[test]
fn a_downgrade_lets_no_writer_in() {
    check(|| downgrade(|raw| raw.leave(WRITER - READER)));
}

#[test]
fn a_downgrade_lets_readers_in() {
    check(|| {
        let locked = Locked::new(MAX_READERS);
        assert!(locked.raw.try_enter(Want::Write));
        let reader = with(&locked, |locked| {
            assert_eq!(locked.read(), 1);
        });
        locked.add_one();
        locked.raw.leave(WRITER - READER);
        joined(reader); // While this thread still reads.
        locked.raw.leave(READER);
        locked.assert_idle(1);
    });
}

/// Two threads add one to what they have read.
fn upgrade(upgraded: fn(&Locked)) {
    let locked = Locked::new(MAX_READERS);
    let act = move |locked: &Locked| {
        locked.enter(Want::UpgradableRead);
        let count = locked.count();
        upgraded(locked);
        assert_eq!(locked.count(), count, "another writer got in");
        locked.add_one();
        locked.raw.leave(WRITER);
    };
    let thread = with(&locked, act);
    act(&locked);
    joined(thread);
    locked.assert_idle(2);
}

#[test]
fn an_upgrade_lets_no_writer_in() {
    check(|| upgrade(|locked| locked.enter(Want::Upgrade)));
}

#[test]
fn an_upgrade_waits_for_readers_and_goes_before_writers() {
    check_to(2, || {
        let locked = Locked::new(MAX_READERS);
        assert!(locked.raw.try_enter(Want::UpgradableRead));
        assert!(locked.raw.try_enter(Want::Read));
        let reader = with(&locked, |locked| locked.raw.leave(READER));
        let writer = with(&locked, Locked::write);
        locked.enter(Want::Upgrade);
        assert_eq!(locked.count(), 0);
        locked.add_one();
        locked.raw.leave(WRITER);
        joined(reader);
        joined(writer);
        locked.assert_idle(2);
    });
}

#[test]
fn a_dropped_upgrade_gives_everything_back() {
    check_to(2, || {
        let lock = std::sync::Arc::new(RwLock::new(0));
        let upgradable = lock.try_upgradable_read().expect("nobody holds it");
        let reader = lock.clone().try_read_owned().expect("nobody writes");
        let leaving = thread::spawn(move || drop(reader));
        let writer = thread::spawn({
            let lock = lock.clone();
            move || *block_on(lock.write()) += 1
        });
        let mut upgrade = Box::pin(RwLockUpgradableReadGuard::upgrade(upgradable));
        drop(poll(upgrade.as_mut()));
        drop(upgrade);
        joined(leaving);
        joined(writer);
        assert_eq!(lock.raw.state.load(Relaxed), 0);
    });
}

#[test]
fn a_dropped_writer_holds_nobody_up() {
    check_to(2, || {
        let locked = Locked::new(MAX_READERS);
        assert!(locked.raw.try_enter(Want::Read));
        let leaving = with(&locked, |locked| {
            let mut write = Box::pin(locked.raw.enter(Want::Write));
            if poll(write.as_mut()).is_ready() {
                locked.raw.leave(WRITER);
            }
        });
        let reader = with(&locked, |locked| {
            locked.read();
        });
        locked.raw.leave(READER);
        joined(leaving);
        joined(reader);
        locked.assert_idle(0);
    });
}

/// A reader that looks at the word and writes it in two steps.
fn broken_leave(raw: &RawRwLock) {
    let state = raw.state.load(Relaxed);
    if state & WAITERS == 0 {
        raw.state.store(state - READER, Release);
    } else {
        raw.leave(READER);
    }
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_leave_in_two_steps() {
    check(|| {
        let locked = Locked::new(MAX_READERS);
        assert!(locked.raw.try_enter(Want::Read));
        let writer = with(&locked, Locked::write);
        broken_leave(&locked.raw);
        joined(writer);
    });
}

#[test]
fn a_leave_in_two_steps_is_rejected() {
    assert_rejected("rwlock::loom_tests::broken_leave_in_two_steps");
}

/// A reader whose leave publishes nothing, if nobody waits.
fn broken_unordered(raw: &RawRwLock) {
    let state = raw.state.load(Relaxed);
    if state & WAITERS != 0
        || raw.state.compare_exchange(state, state - READER, Relaxed, Relaxed).is_err()
    {
        raw.leave(READER);
    }
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_leave_without_order() {
    check(|| {
        let locked = Locked::new(MAX_READERS);
        assert!(locked.raw.try_enter(Want::Read));
        let writer = with(&locked, Locked::write);
        locked.count();
        broken_unordered(&locked.raw);
        joined(writer);
    });
}

#[test]
fn a_leave_without_order_is_rejected() {
    assert_rejected("rwlock::loom_tests::broken_leave_without_order");
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_downgrade_that_lets_go() {
    check(|| {
        downgrade(|raw| {
            raw.leave(WRITER);
            block_on(raw.enter(Want::Read));
        })
    });
}

#[test]
fn a_downgrade_that_lets_go_is_rejected() {
    assert_rejected("rwlock::loom_tests::broken_downgrade_that_lets_go");
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_upgrade_that_lets_go() {
    check(|| {
        upgrade(|locked| {
            locked.raw.leave(UPGRADABLE_READER);
            locked.enter(Want::Write);
        })
    });
}

#[test]
fn an_upgrade_that_lets_go_is_rejected() {
    assert_rejected("rwlock::loom_tests::broken_upgrade_that_lets_go");
}
