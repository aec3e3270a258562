//! Read-write lock and mapped guards.

use super::{BlockOn, Case, is_pending, on_threads, yield_now};
use filch_sync::{
    Mutex, OwnedMutexGuard, OwnedRwLockUpgradableReadGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::thread;

pub(super) const CASES: &[Case] = &[
    ("rwlock_excludes_writers_from_all", rwlock_excludes_writers_from_all),
    ("rwlock_is_held_across_an_await", rwlock_is_held_across_an_await),
    ("rwlock_lets_in_by_age", rwlock_lets_in_by_age),
    ("rwlock_readers_do_not_starve_a_writer", rwlock_readers_do_not_starve_a_writer),
    ("rwlock_limits_its_readers", rwlock_limits_its_readers),
    ("rwlock_downgrade_lets_readers_in", rwlock_downgrade_lets_readers_in),
    ("rwlock_upgrade_loses_no_update", rwlock_upgrade_loses_no_update),
    ("rwlock_upgradable_reads_beside_readers", rwlock_upgradable_reads_beside_readers),
    ("rwlock_blocks_threads_too", rwlock_blocks_threads_too),
    ("rwlock_is_freed_by_a_panic", rwlock_is_freed_by_a_panic),
    ("mapped_guards_keep_the_lock", mapped_guards_keep_the_lock),
    ("mapped_guards_travel_between_threads", mapped_guards_travel_between_threads),
];

fn rwlock_excludes_writers_from_all(block_on: BlockOn<'_>) {
    let pair = Arc::new(RwLock::new((0, 0)));
    on_threads(4, block_on, |index| {
        let pair = pair.clone();
        async move {
            for round in 0..300 {
                if (round + index) % 3 == 0 {
                    let mut pair = pair.write().await;
                    pair.0 += 1;
                    if round % 8 == 0 {
                        yield_now().await;
                    }
                    pair.1 += 1;
                } else {
                    let pair = pair.read().await;
                    assert_eq!(pair.0, pair.1, "a writer was seen halfway");
                }
            }
        }
    });
    assert_eq!(*pair.try_read().expect("all threads have ended"), (400, 400));
}

fn rwlock_is_held_across_an_await(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let lock = RwLock::new("value");
        let write = lock.write().await;
        assert!(lock.try_read().is_err());
        let mut waiting = pin!(lock.read());
        assert!(is_pending(waiting.as_mut()));
        yield_now().await;
        drop(write);
        assert_eq!(*waiting.await, "value");
        assert_eq!(*lock.write().await, "value");
    }));
}

fn rwlock_lets_in_by_age(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let lock = RwLock::new(0);
        let first = lock.read().await;
        let mut writer = pin!(lock.write());
        assert!(is_pending(writer.as_mut()));
        let mut later = pin!(lock.read());
        assert!(is_pending(later.as_mut()), "a writer waits");
        assert!(lock.try_read().is_err(), "a writer waits");
        drop(first);
        assert!(is_pending(later.as_mut()), "the writer is first");
        *writer.await += 1;
        assert_eq!(*later.await, 1);
    }));
}

fn rwlock_readers_do_not_starve_a_writer(block_on: BlockOn<'_>) {
    let lock = Arc::new(RwLock::new(()));
    let (is_written, n_reading) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    on_threads(4, block_on, |index| {
        let (lock, is_written, n_reading) = (lock.clone(), is_written.clone(), n_reading.clone());
        async move {
            if index == 0 {
                while n_reading.load(SeqCst) == 0 {
                    yield_now().await;
                }
                let _write = lock.write().await;
                is_written.store(true, SeqCst);
                return;
            }
            // There is a reader at any time, for each keeps its guard until it has asked for the next one.
            let mut read = lock.clone().read_owned().await;
            while !is_written.load(SeqCst) {
                n_reading.fetch_add(1, SeqCst);
                match lock.clone().try_read_owned() {
                    Ok(next) => read = next,
                    Err(_) => {
                        drop(read);
                        read = lock.clone().read_owned().await;
                    }
                }
                yield_now().await;
            }
            drop(read);
        }
    });
    assert!(lock.try_write().is_ok());
}

fn rwlock_limits_its_readers(block_on: BlockOn<'_>) {
    let lock = Arc::new(RwLock::with_max_readers((), 2));
    let inside = Arc::new(AtomicUsize::new(0));
    on_threads(4, block_on, |_| {
        let (lock, inside) = (lock.clone(), inside.clone());
        async move {
            for _ in 0..200 {
                let read = lock.read().await;
                assert!(inside.fetch_add(1, SeqCst) < 2);
                yield_now().await;
                inside.fetch_sub(1, SeqCst);
                drop(read);
            }
        }
    });
    assert!(lock.try_write().is_ok());
}

fn rwlock_downgrade_lets_readers_in(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let lock = RwLock::new(1);
        let mut write = lock.write().await;
        let mut reader = pin!(lock.read());
        let mut writer = pin!(lock.write());
        let mut later = pin!(lock.read());
        assert!(is_pending(reader.as_mut()));
        assert!(is_pending(writer.as_mut()));
        assert!(is_pending(later.as_mut()));
        *write = 2;
        let read = write.downgrade();
        assert_eq!((*read, *reader.await), (2, 2));
        assert!(is_pending(later.as_mut()), "a writer waits before it");
        drop(read);
        *writer.await = 3;
        assert_eq!(*later.await, 3);
    }));
}

fn rwlock_upgrade_loses_no_update(block_on: BlockOn<'_>) {
    let count = Arc::new(RwLock::new(0));
    on_threads(4, block_on, |index| {
        let count = count.clone();
        async move {
            for round in 0..200 {
                if index == 3 {
                    drop(count.read().await);
                    continue;
                }
                let read = count.clone().upgradable_read_owned().await;
                let before = *read;
                if round % 8 == 0 {
                    yield_now().await;
                }
                let mut write = OwnedRwLockUpgradableReadGuard::upgrade(read).await;
                assert_eq!(*write, before, "somebody wrote in between");
                *write = before + 1;
            }
        }
    });
    assert_eq!(*count.try_read().expect("all threads have ended"), 600);
}

fn rwlock_upgradable_reads_beside_readers(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let lock = RwLock::new(1);
        let reader = lock.read().await;
        let upgradable = lock.upgradable_read().await;
        assert!(lock.try_upgradable_read().is_err(), "there is one already");
        let other = lock.read().await;
        let mut upgrade = pin!(RwLockUpgradableReadGuard::upgrade(upgradable));
        assert!(is_pending(upgrade.as_mut()));
        assert!(lock.try_read().is_err(), "the upgrade waits");
        drop(reader);
        assert!(is_pending(upgrade.as_mut()));
        drop(other);
        *upgrade.await = 2;

        let upgradable = lock.upgradable_read().await;
        let reader = RwLockUpgradableReadGuard::downgrade(upgradable);
        let upgradable = lock.try_upgradable_read().expect("the first one is a plain reader");
        assert_eq!(*reader + *upgradable, 4);
    }));
}

fn rwlock_blocks_threads_too(block_on: BlockOn<'_>) {
    let lock = Arc::new(RwLock::new(Vec::new()));
    let write = lock.clone().try_write_owned().expect("nobody holds it");
    let threads: Vec<_> = ["one", "other"]
        .into_iter()
        .map(|name| {
            let lock = lock.clone();
            thread::spawn(move || {
                let n_names = lock.blocking_read().len();
                lock.blocking_write().push(name);
                n_names
            })
        })
        .collect();
    drop(write);
    for thread in threads {
        assert!(thread.join().expect("the thread does not panic") < 2);
    }
    block_on(Box::pin(async move {
        let mut names = lock.write_owned().await;
        names.sort_unstable();
        assert_eq!(*names, ["one", "other"]);
    }));
}

fn rwlock_is_freed_by_a_panic(block_on: BlockOn<'_>) {
    let lock = Arc::new(RwLock::new(1));
    for writes in [false, true] {
        let panicked = thread::spawn({
            let lock = lock.clone();
            move || {
                let _write = writes.then(|| lock.blocking_write());
                let _read = (!writes).then(|| lock.blocking_read());
                std::panic::resume_unwind(Box::new("while locked"));
            }
        });
        assert!(panicked.join().is_err());
    }
    block_on(Box::pin(async move {
        *lock.write().await += 1;
        assert_eq!(*lock.read().await, 2, "the value is as it was left");
    }));
}

fn mapped_guards_keep_the_lock(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let lock = RwLock::new((1, 'a'));
        let letter = RwLockReadGuard::map(lock.read().await, |pair| &pair.1);
        assert!(lock.try_write().is_err());
        assert_eq!(*letter, 'a');
        drop(letter);
        let mut number = RwLockWriteGuard::map(lock.write().await, |pair| &mut pair.0);
        let mut waiting = pin!(lock.read());
        assert!(is_pending(waiting.as_mut()));
        *number += 1;
        drop(number);
        assert_eq!(*waiting.await, (2, 'a'));
    }));
}

fn mapped_guards_travel_between_threads(block_on: BlockOn<'_>) {
    let (mutex, lock) = (Arc::new(Mutex::new([0, 0])), Arc::new(RwLock::new([0, 0])));
    block_on(Box::pin({
        let (mutex, lock) = (mutex.clone(), lock.clone());
        async move {
            let mut one = OwnedMutexGuard::map(mutex.lock_owned().await, |list| &mut list[0]);
            let mut other =
                OwnedRwLockWriteGuard::map(lock.write_owned().await, |list| &mut list[1]);
            let thread = thread::spawn(move || {
                *one += 1;
                *other += 2;
            });
            thread.join().expect("the thread does not panic");
        }
    }));
    assert_eq!(*mutex.try_lock().expect("the guard is gone"), [1, 0]);
    assert_eq!(*lock.try_read().expect("the guard is gone"), [0, 2]);
}
