//! The read-write lock: order, limits, wrong use, foreign code, and random programs against a model.

use crate::tools::{Count, call, poll, poll_n_then_drop, poll_with, ready, unclonable};
use filch_core::coop::{Budget, has_budget_remaining, with_budget};
use filch_sync::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockUpgradableReadGuard,
    OwnedRwLockWriteGuard, RwLock, RwLockMappedWriteGuard, RwLockReadGuard,
    RwLockUpgradableReadGuard,
};
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Waker;
use std::thread;

static LOCK: RwLock<u32> = RwLock::const_new(1);
static NARROW: RwLock<u32> = RwLock::const_with_max_readers(2, 1);

#[test]
fn a_lock_can_be_a_static() {
    assert_eq!(*ready(pin!(LOCK.read())), 1);
    let reader = ready(pin!(NARROW.read()));
    assert!(NARROW.try_read().is_err());
    assert_eq!(*reader, 2);
}

#[test]
fn what_can_be_sent_and_shared() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    fn send_value<T: Send>(_: &T) {}
    type Part = Cell<i32>; // Can be sent, but not shared.
    send::<RwLock<Part>>();
    sync::<RwLock<i32>>();
    send::<RwLockReadGuard<'_, i32>>();
    send::<RwLockMappedWriteGuard<'_, Part>>();
    send::<OwnedRwLockMappedWriteGuard<i32, Part>>();
    sync::<RwLockMappedWriteGuard<'_, i32>>();
    sync::<OwnedRwLockReadGuard<i32, str>>();
    sync::<OwnedRwLockMappedWriteGuard<i32, str>>();
    send_value(&LOCK.read());
    send_value(&LOCK.write());
    send_value(&LOCK.upgradable_read());
    let lock = Arc::new(RwLock::new(1));
    send_value(&lock.clone().write_owned());
    let guard = ready(pin!(lock.upgradable_read_owned()));
    send_value(&OwnedRwLockUpgradableReadGuard::upgrade(guard));
}

#[test]
fn a_limit_that_makes_no_sense_is_refused_by_name() {
    #[track_caller]
    fn message(max_readers: u32) -> String {
        let panic = catch_unwind(|| RwLock::with_max_readers((), max_readers))
            .expect_err("the limit is refused");
        panic.downcast_ref::<&str>().expect("a message").to_string()
    }
    assert!(message(0).contains("max_readers of a RwLock is 0"));
    assert!(message((u32::MAX >> 3) + 1).contains("u32::MAX >> 3"));
    assert!(RwLock::with_max_readers((), u32::MAX >> 3).try_read().is_ok());
}

#[test]
fn more_readers_than_there_may_be_wait() {
    let lock = RwLock::with_max_readers((), 2);
    let (upgradable, reader) = (ready(pin!(lock.upgradable_read())), ready(pin!(lock.read())));
    let (count, waker) = Count::new();
    let mut third = pin!(lock.read());
    assert!(poll_with(third.as_mut(), &waker).is_pending(), "an upgradable reader is a reader");
    drop(reader);
    assert_eq!(count.get(), 1);
    let third = ready(third);
    assert!(lock.try_read().is_err());
    drop(upgradable);
    assert!(lock.try_upgradable_read().is_ok());
    drop(third);
}

#[test]
fn a_downgrade_makes_no_room_but_for_readers() {
    let lock = RwLock::with_max_readers(1, 2);
    let mut write = ready(pin!(lock.write()));
    *write += 1;
    let one = write.downgrade();
    let other = lock.try_read().expect("there may be two");
    assert!(lock.try_read().is_err(), "there may be two");
    drop(one);
    assert!(lock.try_write().is_err());
    drop(other);
    assert!(lock.try_write().is_ok());
}

#[test]
fn all_who_wait_to_read_are_let_in_at_once() {
    let lock = Arc::new(RwLock::new(0));
    for downgrades in [false, true] {
        let write = lock.clone().try_write_owned().expect("nobody holds it");
        let (count, waker) = Count::new();
        // More than are woken in one go.
        let mut readers: Vec<_> = (0..100).map(|_| Box::pin(lock.read())).collect();
        for reader in &mut readers {
            assert!(poll_with(reader.as_mut(), &waker).is_pending());
        }
        let downgraded = downgrades.then(|| write.downgrade());
        assert_eq!(count.get(), 100);
        let guards: Vec<_> = readers.iter_mut().map(|reader| ready(reader.as_mut())).collect();
        assert_eq!(guards.len(), 100);
        drop((guards, downgraded));
        assert!(lock.try_write().is_ok());
    }
}

#[test]
fn an_upgrade_goes_before_a_writer_that_waits() {
    let lock = RwLock::new(Vec::new());
    let upgradable = ready(pin!(lock.upgradable_read()));
    let reader = ready(pin!(lock.read()));
    let mut writer = pin!(lock.write());
    assert!(poll(writer.as_mut()).is_pending());
    let mut upgrade = pin!(RwLockUpgradableReadGuard::upgrade(upgradable));
    assert!(poll(upgrade.as_mut()).is_pending());
    drop(reader);
    assert!(poll(writer.as_mut()).is_pending());
    ready(upgrade).push("upgraded");
    ready(writer).push("written");
    assert_eq!(*ready(pin!(lock.read())), ["upgraded", "written"]);
}

#[test]
fn an_upgrade_is_tried_only_alone() {
    let lock = RwLock::new(1);
    let reader = ready(pin!(lock.read()));
    let upgradable = ready(pin!(lock.upgradable_read()));
    let upgradable =
        RwLockUpgradableReadGuard::try_upgrade(upgradable).expect_err("there is a reader");
    let mut writer = pin!(lock.write());
    assert!(poll(writer.as_mut()).is_pending());
    drop(reader);
    let write = RwLockUpgradableReadGuard::try_upgrade(upgradable).expect("it is alone");
    assert!(poll(writer.as_mut()).is_pending(), "it goes after the upgrade");
    drop(write);
    drop(ready(writer));
}

#[test]
fn a_second_upgradable_reader_waits_for_the_first() {
    let lock = RwLock::new(());
    let first = ready(pin!(lock.upgradable_read()));
    let (count, waker) = Count::new();
    let mut second = pin!(lock.upgradable_read());
    assert!(poll_with(second.as_mut(), &waker).is_pending());
    let reader = RwLockUpgradableReadGuard::downgrade(first);
    assert_eq!(count.get(), 1);
    let second = ready(second);
    assert!(RwLockUpgradableReadGuard::try_upgrade(second).is_err(), "the first one still reads");
    drop(reader);
    assert!(lock.try_write().is_ok());
}

#[test]
fn each_success_spends_budget() {
    let lock = Arc::new(RwLock::new(()));
    let upgradable = || lock.try_upgradable_read().expect("nobody else holds it");
    let spends = |future: Pin<Box<dyn Future<Output = ()> + '_>>| {
        let mut future = future;
        with_budget(Budget::new(1), || {
            ready(future.as_mut());
            assert!(!has_budget_remaining());
        });
    };
    spends(Box::pin(async { drop(lock.read().await) }));
    spends(Box::pin(async { drop(lock.write().await) }));
    spends(Box::pin(async { drop(lock.upgradable_read().await) }));
    spends(Box::pin(async { drop(lock.clone().read_owned().await) }));
    spends(Box::pin(async { drop(RwLockUpgradableReadGuard::upgrade(upgradable()).await) }));
    with_budget(Budget::new(0), || assert!(poll(pin!(lock.read())).is_pending()));
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_panicking_waker_leaves_the_lock_usable() {
    let explode = || call(|| resume_unwind(Box::new("waker")));
    let lock = Arc::new(RwLock::new(()));
    for downgrades in [false, true] {
        let write = lock.clone().try_write_owned().expect("nobody holds it");
        let (count, counting) = Count::new();
        let mut readers: Vec<_> = (0..100).map(|_| Box::pin(lock.read())).collect();
        for (index, reader) in readers.iter_mut().enumerate() {
            let waker = if index % 10 == 0 { explode() } else { counting.clone() };
            assert!(poll_with(reader.as_mut(), &waker).is_pending());
        }
        let panic = catch_unwind(AssertUnwindSafe(|| {
            if downgrades { drop(write.downgrade()) } else { drop(write) }
        }));
        assert_eq!(panic.expect_err("it goes on").downcast_ref::<&str>(), Some(&"waker"));
        assert_eq!(count.get(), 90);
        for reader in &mut readers {
            drop(ready(reader.as_mut()));
        }
        drop(readers);
        assert!(lock.try_write().is_ok(), "a downgrade that panics has dropped the reader as well");
    }
}

#[test]
fn a_waker_that_cannot_be_cloned_leaves_nothing_behind() {
    let lock = RwLock::new(());
    let upgradable = ready(pin!(lock.upgradable_read()));
    let reader = ready(pin!(lock.read()));
    let mut writer = Box::pin(lock.write());
    let mut upgrade = Box::pin(RwLockUpgradableReadGuard::upgrade(upgradable));
    let waker = unclonable();
    assert!(catch_unwind(AssertUnwindSafe(|| poll_with(writer.as_mut(), &waker))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| poll_with(upgrade.as_mut(), &waker))).is_err());
    assert!(lock.try_upgradable_read().is_ok(), "the upgrade unwound, and dropped its guard");
    drop(reader);
    assert!(lock.try_write().is_ok(), "nobody waits");
}

#[test]
fn a_waker_may_use_the_lock_that_wakes_it() {
    let lock = Arc::new(RwLock::new(()));
    let (count, counting) = Count::new();
    let waker = {
        let lock = lock.clone();
        call(move || {
            drop(lock.try_read());
            drop(lock.try_write());
            assert!(poll(pin!(lock.write())).is_pending(), "the lock was given before the wake-up");
            counting.wake_by_ref();
        })
    };
    let write = lock.try_write().expect("nobody holds it");
    let mut readers: Vec<_> = (0..100).map(|_| Box::pin(lock.read())).collect();
    for reader in &mut readers {
        assert!(poll_with(reader.as_mut(), &waker).is_pending());
    }
    drop(write);
    assert_eq!(count.get(), 100);
    for reader in &mut readers {
        drop(ready(reader.as_mut()));
    }
    drop(readers);
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_panic_while_the_lock_is_held_frees_it() {
    let lock = RwLock::new(1);
    let panics = |hold: &dyn Fn()| {
        assert!(catch_unwind(AssertUnwindSafe(hold)).is_err());
        assert!(lock.try_write().is_ok());
    };
    panics(&|| {
        let _guard = ready(pin!(lock.read()));
        resume_unwind(Box::new(()));
    });
    panics(&|| {
        let _guard = ready(pin!(lock.upgradable_read()));
        resume_unwind(Box::new(()));
    });
    panics(&|| {
        *ready(pin!(lock.write())) += 1;
        let _guard = ready(pin!(lock.write()));
        resume_unwind(Box::new(()));
    });
    assert_eq!(*ready(pin!(lock.read())), 2, "what was written stays");
}

#[test]
fn a_lock_can_be_printed_made_and_taken_apart() {
    let lock = RwLock::new(5);
    assert_eq!(format!("{lock:?}"), "RwLock { data: 5 }");
    let upgradable = ready(pin!(lock.upgradable_read()));
    assert_eq!(format!("{lock:?} {upgradable:?} {upgradable}"), "RwLock { data: 5 } 5 5");
    let write = RwLockUpgradableReadGuard::try_upgrade(upgradable).expect("it is alone");
    assert_eq!(format!("{lock:?} {write:?} {write}"), "RwLock { data: <locked> } 5 5");
    let read = write.downgrade();
    assert_eq!(format!("{read:?} {read}"), "5 5");
    drop(read);
    let mut lock = lock;
    *lock.get_mut() += 1;
    assert_eq!(lock.into_inner(), 6);
    let shared: Arc<RwLock<[i32]>> = Arc::new(RwLock::from([1, 2]));
    ready(pin!(shared.clone().write_owned()))[0] = RwLock::<i32>::default().into_inner();
    assert_eq!(ready(pin!(shared.read_owned()))[..], [0, 2]);
}

#[test]
fn an_owned_guard_keeps_its_lock_and_names_it() {
    let lock = Arc::new(RwLock::new(vec![1]));
    let upgradable = ready(pin!(lock.clone().upgradable_read_owned()));
    assert!(Arc::ptr_eq(OwnedRwLockUpgradableReadGuard::rwlock(&upgradable), &lock));
    let write = OwnedRwLockUpgradableReadGuard::try_upgrade(upgradable).expect("it is alone");
    assert!(Arc::ptr_eq(OwnedRwLockWriteGuard::rwlock(&write), &lock));
    let part = OwnedRwLockWriteGuard::map(write, |list| &mut list[0]);
    assert!(Arc::ptr_eq(OwnedRwLockMappedWriteGuard::rwlock(&part), &lock));
    drop(part);
    let read = ready(pin!(lock.clone().read_owned()));
    assert!(Arc::ptr_eq(OwnedRwLockReadGuard::rwlock(&read), &lock));
    assert_eq!(Arc::strong_count(&lock), 2);
    drop(lock);
    assert_eq!(*read, [1]);
}

#[test]
fn a_lock_survives_threads_that_give_up() {
    const N_THREADS: u64 = 4;
    const N_ROUNDS: usize = 2000;
    let lock = RwLock::with_max_readers((0_u64, 0_u64), 2);
    let write = |pair: &mut (u64, u64)| {
        assert_eq!(pair.0, pair.1, "a writer was seen halfway");
        pair.0 += 1;
        std::hint::spin_loop();
        pair.1 += 1;
    };
    let act = |mut random: u64| {
        for _ in 0..N_ROUNDS {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let n_polls = (random >> 40) as usize % 3;
            match (random >> 60) % 6 {
                0 => drop(poll_n_then_drop(n_polls, lock.read())),
                1 => drop(poll_n_then_drop(n_polls, lock.upgradable_read())),
                2 => {
                    if let Some(mut pair) = poll_n_then_drop(n_polls, lock.write()) {
                        write(&mut pair);
                    }
                }
                3 => {
                    let pair = lock.blocking_read();
                    assert_eq!(pair.0, pair.1, "a writer was seen halfway");
                }
                4 => {
                    let mut pair = lock.blocking_write();
                    write(&mut pair);
                    let (written, read) = (pair.0, pair.downgrade());
                    assert_eq!(read.0, written, "somebody wrote in between");
                }
                _ => {
                    let Ok(read) = lock.try_upgradable_read() else { continue };
                    let before = read.0;
                    let upgrade = RwLockUpgradableReadGuard::upgrade(read);
                    if let Some(mut pair) = poll_n_then_drop(n_polls, upgrade) {
                        assert_eq!(pair.0, before, "somebody wrote in between");
                        write(&mut pair);
                    }
                }
            }
        }
    };
    thread::scope(|scope| {
        for seed in 1..=N_THREADS {
            scope.spawn(move || act(seed));
        }
    });
    assert!(lock.try_write().is_ok(), "something was kept");
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Want {
    Read,
    UpgradableRead,
    Write,
    Upgrade,
}

#[derive(Clone, Debug)]
enum Step {
    Enter(Want),
    TryEnter(Want),
    Upgrade(usize),
    TryUpgrade(usize),
    Downgrade(usize),
    Release(usize),
    Poll(usize),
    Cancel(usize),
}

fn want() -> impl Strategy<Value = Want> {
    prop_oneof![3 => Just(Want::Read), 2 => Just(Want::UpgradableRead), 2 => Just(Want::Write)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => want().prop_map(Step::Enter),
        2 => want().prop_map(Step::TryEnter),
        3 => any::<usize>().prop_map(Step::Upgrade),
        1 => any::<usize>().prop_map(Step::TryUpgrade),
        2 => any::<usize>().prop_map(Step::Downgrade),
        5 => any::<usize>().prop_map(Step::Release),
        5 => any::<usize>().prop_map(Step::Poll),
        2 => any::<usize>().prop_map(Step::Cancel),
    ]
}

const MAX_READERS: usize = 3;

/// What the lock should do: the same, without threads and wakers.
#[derive(Default)]
struct Model {
    n_readers: usize,
    is_upgradable: bool,
    is_written: bool,
    queue: VecDeque<(u64, Want)>,
}

impl Model {
    fn may_enter(&self, want: Want) -> bool {
        let may_read = !self.is_written && self.n_readers < MAX_READERS;
        match want {
            Want::Read => may_read,
            Want::UpgradableRead => may_read && !self.is_upgradable,
            Want::Write => !self.is_written && self.n_readers == 0,
            Want::Upgrade => self.n_readers == 1,
        }
    }

    fn enter(&mut self, want: Want) {
        match want {
            Want::Read => self.n_readers += 1,
            Want::UpgradableRead => {
                (self.n_readers, self.is_upgradable) = (self.n_readers + 1, true)
            }
            Want::Write => self.is_written = true,
            Want::Upgrade => {
                (self.n_readers, self.is_upgradable, self.is_written) = (0, false, true);
            }
        }
    }

    fn try_enter(&mut self, want: Want) -> bool {
        let enters = self.may_enter(want) && (self.queue.is_empty() || want == Want::Upgrade);
        if enters {
            self.enter(want);
        }
        enters
    }

    /// What a guard is dropped from.
    fn leave(&mut self, held: Want) {
        match held {
            Want::Read => self.n_readers -= 1,
            Want::UpgradableRead => {
                (self.n_readers, self.is_upgradable) = (self.n_readers - 1, false)
            }
            Want::Write | Want::Upgrade => self.is_written = false,
        }
    }
}

enum Guard {
    Read(OwnedRwLockReadGuard<()>),
    UpgradableRead(OwnedRwLockUpgradableReadGuard<()>),
    Write(OwnedRwLockWriteGuard<()>),
}

impl Guard {
    fn want(&self) -> Want {
        match self {
            Guard::Read(_) => Want::Read,
            Guard::UpgradableRead(_) => Want::UpgradableRead,
            Guard::Write(_) => Want::Write,
        }
    }
}

struct Waiting {
    id: u64,
    want: Want,
    future: Pin<Box<dyn Future<Output = Guard>>>,
    waker: Waker,
    count: Arc<Count>,
    is_granted: bool,
}

struct Program {
    lock: Arc<RwLock<()>>,
    model: Model,
    waiting: Vec<Waiting>,
    held: Vec<Guard>,
    n_calls: u64,
}

fn pick(which: usize, len: usize) -> Option<usize> {
    which.checked_rem(len)
}

impl Program {
    fn new() -> Self {
        Program {
            lock: Arc::new(RwLock::with_max_readers((), MAX_READERS as u32)),
            model: Model::default(),
            waiting: Vec::new(),
            held: Vec::new(),
            n_calls: 0,
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Enter(want) => {
                let lock = self.lock.clone();
                self.wait(want, async move {
                    match want {
                        Want::Read => Guard::Read(lock.read_owned().await),
                        Want::Write => Guard::Write(lock.write_owned().await),
                        _ => Guard::UpgradableRead(lock.upgradable_read_owned().await),
                    }
                });
            }
            Step::TryEnter(want) => self.try_enter(want),
            Step::Upgrade(which) => {
                if let Some(guard) = self.take_upgradable(which) {
                    self.wait(Want::Upgrade, async {
                        Guard::Write(OwnedRwLockUpgradableReadGuard::upgrade(guard).await)
                    });
                }
            }
            Step::TryUpgrade(which) => self.try_upgrade(which),
            Step::Downgrade(which) => self.downgrade(which),
            Step::Release(which) => {
                if let Some(index) = pick(which, self.held.len()) {
                    let guard = self.held.swap_remove(index);
                    self.model.leave(guard.want());
                    drop(guard);
                    self.settle();
                }
            }
            Step::Poll(which) => {
                if let Some(index) = pick(which, self.waiting.len()) {
                    self.poll(index);
                }
            }
            Step::Cancel(which) => {
                if let Some(index) = pick(which, self.waiting.len()) {
                    self.cancel(index);
                }
            }
        }
    }

    fn wait(&mut self, want: Want, future: impl Future<Output = Guard> + 'static) {
        let (count, waker) = Count::new();
        self.n_calls += 1;
        let id = self.n_calls;
        let is_granted = self.model.try_enter(want);
        if !is_granted && want == Want::Upgrade {
            self.model.queue.push_front((id, want));
        } else if !is_granted {
            self.model.queue.push_back((id, want));
        }
        self.waiting.push(Waiting { id, want, future: Box::pin(future), waker, count, is_granted });
        self.poll(self.waiting.len() - 1);
    }

    fn poll(&mut self, index: usize) {
        let waiting = &mut self.waiting[index];
        let polled = poll_with(waiting.future.as_mut(), &waiting.waker);
        assert_eq!(polled.is_ready(), waiting.is_granted, "{:?}", waiting.want);
        if let std::task::Poll::Ready(guard) = polled {
            self.held.push(guard);
            self.waiting.swap_remove(index);
        }
    }

    fn cancel(&mut self, index: usize) {
        let Waiting { id, want, future, is_granted, .. } = self.waiting.swap_remove(index);
        if is_granted {
            self.model.leave(want);
        } else {
            self.model.queue.retain(|(waiting, _)| *waiting != id);
            if want == Want::Upgrade {
                self.model.leave(Want::UpgradableRead);
            }
        }
        drop(future);
        self.settle();
    }

    fn try_enter(&mut self, want: Want) {
        let lock = self.lock.clone();
        let guard = match want {
            Want::Read => lock.try_read_owned().map(Guard::Read),
            Want::Write => lock.try_write_owned().map(Guard::Write),
            _ => lock.try_upgradable_read_owned().map(Guard::UpgradableRead),
        };
        assert_eq!(guard.is_ok(), self.model.try_enter(want), "{want:?}");
        self.held.extend(guard.ok());
    }

    fn try_upgrade(&mut self, which: usize) {
        let Some(guard) = self.take_upgradable(which) else { return };
        let upgraded = OwnedRwLockUpgradableReadGuard::try_upgrade(guard);
        assert_eq!(upgraded.is_ok(), self.model.try_enter(Want::Upgrade));
        self.held.push(match upgraded {
            Ok(guard) => Guard::Write(guard),
            Err(guard) => Guard::UpgradableRead(guard),
        });
    }

    fn downgrade(&mut self, which: usize) {
        let Some(index) = pick(which, self.held.len()) else { return };
        let guard = match self.held.swap_remove(index) {
            Guard::Read(guard) => guard,
            Guard::UpgradableRead(guard) => {
                self.model.is_upgradable = false;
                OwnedRwLockUpgradableReadGuard::downgrade(guard)
            }
            Guard::Write(guard) => {
                (self.model.is_written, self.model.n_readers) = (false, 1);
                guard.downgrade()
            }
        };
        self.held.push(Guard::Read(guard));
        self.settle();
    }

    fn take_upgradable(&mut self, which: usize) -> Option<OwnedRwLockUpgradableReadGuard<()>> {
        let index = pick(which, self.held.len())?;
        match self.held.swap_remove(index) {
            Guard::UpgradableRead(guard) => Some(guard),
            other => {
                self.held.push(other);
                None
            }
        }
    }

    /// Lets the model's first waiters in, and compares who was woken.
    fn settle(&mut self) {
        while let Some(&(id, want)) = self.model.queue.front() {
            if !self.model.may_enter(want) {
                break;
            }
            self.model.enter(want);
            self.model.queue.pop_front();
            let waiting = self.waiting.iter_mut().find(|waiting| waiting.id == id);
            waiting.expect("who is queued waits").is_granted = true;
        }
        for waiting in &self.waiting {
            assert_eq!(waiting.count.get(), usize::from(waiting.is_granted), "{:?}", waiting.want);
        }
    }

    fn end(mut self) {
        while !self.held.is_empty() || !self.waiting.is_empty() {
            for index in (0..self.waiting.len()).rev() {
                self.poll(index);
            }
            if !self.held.is_empty() {
                self.run(Step::Release(0));
            }
        }
        assert!(self.lock.try_write().is_ok(), "something was kept");
    }
}

proptest! {
    #[test]
    fn random_programs_run_as_the_model_says(steps in proptest::collection::vec(step(), 0..60)) {
        let mut program = Program::new();
        for step in steps {
            program.run(step);
        }
        program.end();
    }
}
