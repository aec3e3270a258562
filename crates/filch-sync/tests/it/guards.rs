//! Guards of a part of a value: they hold the lock as that of the whole value does, and give it back once.

use crate::tools::{Count, poll_with, ready};
use filch_sync::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard,
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

type Value = (i32, Vec<i32>);

fn value() -> Value {
    (0, vec![1, 2, 3])
}

fn mutex() -> Arc<Mutex<Value>> {
    Arc::new(Mutex::new(value()))
}

fn rwlock() -> Arc<RwLock<Value>> {
    Arc::new(RwLock::new(value()))
}

#[test]
fn a_mapped_guard_holds_the_mutex() {
    let mutex = mutex();
    let guard = ready(pin!(mutex.lock()));
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &*mutex));
    let list = MutexGuard::map(guard, |value| &mut value.1);
    let (count, waker) = Count::new();
    let mut waiting = pin!(mutex.lock());
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    let list = MappedMutexGuard::try_map(list, |list| list.get_mut(9)).expect_err("there are 3");
    let slice = MappedMutexGuard::map(list, |list| list.as_mut_slice());
    let mut last = MappedMutexGuard::try_map(slice, |list| list.last_mut()).expect("there are 3");
    *last += 1;
    assert_eq!(format!("{last:?} {last}"), "4 4");
    assert_eq!(count.get(), 0, "it was held all along");
    drop(last);
    assert_eq!(count.get(), 1);
    assert_eq!(ready(waiting).1, [1, 2, 4]);
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn an_owned_mapped_guard_holds_the_mutex_and_keeps_it() {
    let mutex = mutex();
    let guard = ready(pin!(mutex.clone().lock_owned()));
    let guard =
        OwnedMutexGuard::try_map(guard, |value| value.1.get_mut(9)).expect_err("there are 3");
    let list: OwnedMappedMutexGuard<Value, Vec<i32>> =
        OwnedMutexGuard::map(guard, |value| &mut value.1);
    let list =
        OwnedMappedMutexGuard::try_map(list, |list| list.get_mut(9)).expect_err("there are 3");
    let mut first = OwnedMappedMutexGuard::map(list, |list| &mut list[0]);
    *first += 1;
    assert_eq!(format!("{first:?} {first}"), "2 2");
    assert!(mutex.try_lock().is_err());
    assert_eq!(Arc::strong_count(&mutex), 2);
    drop(first);
    assert_eq!(Arc::strong_count(&mutex), 1);
    assert_eq!(mutex.try_lock().expect("the guard is gone").1, [2, 2, 3]);
}

/// Says when it is dropped.
struct OnDrop(Arc<AtomicBool>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        assert!(!self.0.swap(true, SeqCst), "dropped twice");
    }
}

#[test]
fn the_last_guard_frees_its_lock() {
    let is_gone = Arc::new(AtomicBool::new(false));
    let guard = ready(pin!(Arc::new(Mutex::new(OnDrop(is_gone.clone()))).lock_owned()));
    let guard = OwnedMutexGuard::map(guard, |value| value);
    assert!(!is_gone.load(SeqCst));
    drop(guard);
    assert!(is_gone.swap(false, SeqCst));

    let guard = ready(pin!(Arc::new(RwLock::new(OnDrop(is_gone.clone()))).write_owned()));
    let guard = OwnedRwLockReadGuard::map(guard.downgrade(), |value| value);
    assert!(!is_gone.load(SeqCst));
    drop(guard);
    assert!(is_gone.load(SeqCst));
}

#[test]
fn a_mapped_reader_reads_beside_others() {
    let lock = rwlock();
    let guard = ready(pin!(lock.read()));
    let guard = RwLockReadGuard::try_map(guard, |value| value.1.get(9)).expect_err("there are 3");
    let list = RwLockReadGuard::map(guard, |value| &value.1);
    let first = RwLockReadGuard::try_map(list, |list| list.first()).expect("there are 3");
    assert_eq!(format!("{first:?} {first}"), "1 1");
    assert!(lock.try_read().is_ok());
    assert!(lock.try_write().is_err());
    drop(first);

    let guard = ready(pin!(lock.clone().read_owned()));
    let guard =
        OwnedRwLockReadGuard::try_map(guard, |value| value.1.get(9)).expect_err("there are 3");
    let list = OwnedRwLockReadGuard::map(guard, |value| &value.1);
    assert!(Arc::ptr_eq(OwnedRwLockReadGuard::rwlock(&list), &lock));
    let first = OwnedRwLockReadGuard::try_map(list, |list| list.first()).expect("there are 3");
    assert_eq!(format!("{first:?} {first}"), "1 1");
    assert!(lock.try_read().is_ok());
    assert!(lock.try_write().is_err());
    drop(first);
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_mapped_writer_is_alone() {
    let lock = rwlock();
    let guard = ready(pin!(lock.write()));
    let guard =
        RwLockWriteGuard::try_map(guard, |value| value.1.get_mut(9)).expect_err("there are 3");
    let whole = RwLockWriteGuard::into_mapped(guard);
    let list = RwLockMappedWriteGuard::map(whole, |value| &mut value.1);
    let list =
        RwLockMappedWriteGuard::try_map(list, |list| list.get_mut(9)).expect_err("there are 3");
    let mut first = RwLockMappedWriteGuard::map(list, |list| &mut list[0]);
    *first += 1;
    assert_eq!(format!("{first:?} {first}"), "2 2");
    assert!(lock.try_read().is_err());
    drop(first);

    let guard = ready(pin!(lock.clone().write_owned()));
    let guard =
        OwnedRwLockWriteGuard::try_map(guard, |value| value.1.get_mut(9)).expect_err("there are 3");
    let whole = OwnedRwLockWriteGuard::into_mapped(guard);
    let list = OwnedRwLockMappedWriteGuard::map(whole, |value| &mut value.1);
    assert!(Arc::ptr_eq(OwnedRwLockMappedWriteGuard::rwlock(&list), &lock));
    let list = OwnedRwLockMappedWriteGuard::try_map(list, |list| list.get_mut(9))
        .expect_err("there are 3");
    let mut first = OwnedRwLockMappedWriteGuard::map(list, |list| &mut list[0]);
    *first += 1;
    assert_eq!(format!("{first:?} {first}"), "3 3");
    assert!(lock.try_read().is_err());
    drop(first);
    assert_eq!(lock.try_write().expect("the guard is gone").1, [3, 2, 3]);
}

#[test]
fn a_writer_downgrades_to_a_reader_of_a_part() {
    let lock = rwlock();
    let write = ready(pin!(lock.write()));
    let write = RwLockWriteGuard::try_downgrade_map(write, |value| value.1.get(9))
        .expect_err("there are 3");
    assert!(lock.try_read().is_err(), "it still writes");
    let first =
        RwLockWriteGuard::try_downgrade_map(write, |value| value.1.first()).expect("there are 3");
    assert_eq!((*first, lock.try_read().is_ok(), lock.try_write().is_ok()), (1, true, false));
    drop(first);
    let list = RwLockWriteGuard::downgrade_map(ready(pin!(lock.write())), |value| &value.1);
    assert_eq!((list.len(), lock.try_read().is_ok(), lock.try_write().is_ok()), (3, true, false));
    drop(list);

    let write = ready(pin!(lock.clone().write_owned()));
    let write = OwnedRwLockWriteGuard::try_downgrade_map(write, |value| value.1.get(9))
        .expect_err("there are 3");
    assert!(lock.try_read().is_err(), "it still writes");
    let first = OwnedRwLockWriteGuard::try_downgrade_map(write, |value| value.1.first())
        .expect("there are 3");
    assert_eq!((*first, lock.try_read().is_ok(), lock.try_write().is_ok()), (1, true, false));
    drop(first);
    let write = ready(pin!(lock.clone().write_owned()));
    let list = OwnedRwLockWriteGuard::downgrade_map(write, |value| &value.1);
    assert_eq!((list.len(), lock.try_read().is_ok(), lock.try_write().is_ok()), (3, true, false));
    drop(list);
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_reader_may_be_of_what_lives_longer() {
    // Guards that write refuse this: see the examples that must not compile at each of them.
    fn shorten<'s>(guard: RwLockReadGuard<'s, &'static str>) -> RwLockReadGuard<'s, &'s str> {
        guard
    }
    fn shorten_owned<'s>(
        guard: OwnedRwLockReadGuard<i32, &'static str>,
    ) -> OwnedRwLockReadGuard<i32, &'s str> {
        guard
    }
    let lock = RwLock::new("static");
    assert_eq!(*shorten(ready(pin!(lock.read()))), "static");
    let guard = ready(pin!(Arc::new(RwLock::new(1)).read_owned()));
    assert_eq!(*shorten_owned(OwnedRwLockReadGuard::map(guard, |_| &"static")), "static");
}

#[test]
fn a_map_that_panics_frees_the_lock() {
    fn explode<T>() -> T {
        resume_unwind(Box::new("map"))
    }
    let (mutex, lock) = (mutex(), rwlock());
    let panics = |map: &dyn Fn()| {
        assert!(catch_unwind(AssertUnwindSafe(map)).is_err());
        assert!(mutex.try_lock().is_ok());
        assert!(lock.try_write().is_ok());
    };
    let write = || ready(pin!(lock.write()));
    panics(&|| drop(MutexGuard::map::<i32, _>(ready(pin!(mutex.lock())), |_| explode())));
    panics(&|| drop(RwLockReadGuard::map::<_, i32>(ready(pin!(lock.read())), |_| explode())));
    panics(&|| drop(RwLockWriteGuard::map::<_, i32>(write(), |_| explode())));
    panics(&|| drop(RwLockWriteGuard::downgrade_map::<_, i32>(write(), |_| explode())));
    panics(&|| {
        let whole = RwLockWriteGuard::into_mapped(write());
        drop(RwLockMappedWriteGuard::try_map::<_, i32>(whole, |_| explode()));
    });
}

#[test]
fn a_map_may_use_the_lock_it_narrows() {
    let (mutex, lock) = (mutex(), rwlock());
    let list = MutexGuard::map(ready(pin!(mutex.lock())), |value| {
        assert!(mutex.try_lock().is_err());
        &mut value.1
    });
    let part = RwLockReadGuard::map(ready(pin!(lock.read())), |value| {
        assert!(lock.try_read().is_ok());
        &value.1
    });
    assert_eq!(*list, *part);
}
