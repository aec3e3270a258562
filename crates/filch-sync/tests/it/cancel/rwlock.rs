//! Read-write lock: whatever is cut off, the lock is free in the end, and whoever waits behind gets in.

use super::Case;
use crate::tools::{Count, Cut, cut_off, poll, poll_with, ready};
use filch_sync::{
    OwnedRwLockReadGuard, OwnedRwLockUpgradableReadGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockUpgradableReadGuard,
};
use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;

pub(super) const CASES: &[Case] = &[
    ("RwLock::read", || {
        waits_for(written, |world| Box::pin(async { drop(world.lock.read().await) }))
    }),
    ("RwLock::read_owned", || {
        waits_for(written, |world| Box::pin(async { drop(world.lock().read_owned().await) }));
    }),
    ("RwLock::write", || {
        waits_for(read, |world| Box::pin(async { drop(world.lock.write().await) }))
    }),
    ("RwLock::write_owned", || {
        waits_for(read, |world| Box::pin(async { drop(world.lock().write_owned().await) }));
    }),
    ("RwLock::upgradable_read", || {
        waits_for(upgradable, |world| Box::pin(async { drop(world.lock.upgradable_read().await) }));
    }),
    ("RwLock::upgradable_read_owned", || {
        waits_for(written, |world| {
            Box::pin(async { drop(world.lock().upgradable_read_owned().await) })
        });
    }),
    ("RwLockUpgradableReadGuard::upgrade", || {
        waits_for(read, |world| {
            let guard = world.lock.try_upgradable_read().expect("there is only a reader");
            Box::pin(async { drop(RwLockUpgradableReadGuard::upgrade(guard).await) })
        });
    }),
    ("OwnedRwLockUpgradableReadGuard::upgrade", || {
        waits_for(read, |world| {
            let guard = world.lock().try_upgradable_read_owned().expect("there is only a reader");
            Box::pin(async { drop(OwnedRwLockUpgradableReadGuard::upgrade(guard).await) })
        });
    }),
];

/// What a call has to wait for.
#[expect(dead_code, reason = "held, not used")]
enum Held {
    Read(OwnedRwLockReadGuard<()>),
    Upgradable(OwnedRwLockUpgradableReadGuard<()>),
    Write(OwnedRwLockWriteGuard<()>),
}

struct World {
    lock: Arc<RwLock<()>>,
    held: RefCell<Option<Held>>,
}

impl World {
    fn lock(&self) -> Arc<RwLock<()>> {
        self.lock.clone()
    }
}

fn world(hold: impl FnOnce(Arc<RwLock<()>>) -> Held) -> World {
    let lock = Arc::new(RwLock::new(()));
    let held = RefCell::new(Some(hold(lock.clone())));
    World { lock, held }
}

fn read() -> World {
    world(|lock| Held::Read(lock.try_read_owned().expect("nobody holds it")))
}

fn upgradable() -> World {
    world(|lock| Held::Upgradable(lock.try_upgradable_read_owned().expect("nobody holds it")))
}

fn written() -> World {
    world(|lock| Held::Write(lock.try_write_owned().expect("nobody holds it")))
}

fn waits_for(world: fn() -> World, start: impl for<'w> Fn(&'w World) -> Cut<'w>) {
    cut_off(
        world,
        start,
        |world, _| drop(world.held.take()),
        |world| {
            if let Some(held) = world.held.take() {
                assert!(world.lock.try_write().is_err(), "it is held");
                drop(held);
            }
            assert!(world.lock.try_write().is_ok(), "something was kept");
        },
    );
}

#[test]
fn a_dropped_writer_lets_the_readers_behind_it_in() {
    let lock = RwLock::new(());
    let held = lock.try_read().expect("nobody holds it");
    let mut writer = Box::pin(lock.write());
    assert!(poll(writer.as_mut()).is_pending());
    let (count, waker) = Count::new();
    // More than are woken in one go.
    let mut readers: Vec<_> = (0..100).map(|_| Box::pin(lock.read())).collect();
    for reader in &mut readers {
        assert!(poll_with(reader.as_mut(), &waker).is_pending());
    }
    drop(writer);
    assert_eq!(count.get(), 100);
    for reader in &mut readers {
        drop(ready(reader.as_mut()));
    }
    drop(held);
    drop(readers);
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_right_granted_to_a_dropped_call_goes_on() {
    let lock = RwLock::new(());
    let held = lock.try_write().expect("nobody holds it");
    let mut writer = Box::pin(lock.write());
    assert!(poll(writer.as_mut()).is_pending());
    let mut reader = pin!(lock.read());
    let (count, waker) = Count::new();
    assert!(poll_with(reader.as_mut(), &waker).is_pending());
    drop(held);
    assert_eq!(count.get(), 0, "it belongs to the writer");
    assert!(lock.try_read().is_err());
    drop(writer);
    assert_eq!(count.get(), 1);
    drop(ready(reader));
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_dropped_upgrade_lets_others_in_also_after_it_was_granted() {
    for is_granted in [false, true] {
        let lock = RwLock::new(());
        let upgradable = lock.try_upgradable_read().expect("nobody holds it");
        let mut reader = Some(lock.try_read().expect("nobody writes"));
        let mut upgrade = Box::pin(RwLockUpgradableReadGuard::upgrade(upgradable));
        assert!(poll(upgrade.as_mut()).is_pending());
        let mut later = pin!(lock.read());
        let (count, waker) = Count::new();
        assert!(poll_with(later.as_mut(), &waker).is_pending());
        if is_granted {
            reader.take();
        }
        assert_eq!(count.get(), 0);
        drop(upgrade);
        assert_eq!(count.get(), 1);
        drop(ready(later));
        assert!(lock.try_upgradable_read().is_ok());
        assert_eq!(lock.try_write().is_ok(), is_granted, "the other reader is still there");
    }
}
