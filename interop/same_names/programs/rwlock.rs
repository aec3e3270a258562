//! Many readers or one writer.

use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
};

static GLOBAL: RwLock<&str> = RwLock::const_new("global");

async fn copy(lock: Arc<RwLock<Vec<u32>>>) -> u32 {
    let guard = lock.read().await;
    tokio::task::yield_now().await;
    guard.iter().sum()
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();

    let lock = RwLock::new(1);
    {
        let first: RwLockReadGuard<'_, i32> = lock.read().await;
        let second = lock.read().await;
        note!(seen, "two read {} and {}", *first, *second);
        note!(seen, "no writer: {}", lock.try_write().is_err());
        let mut writer = pin!(lock.write());
        note!(seen, "it waits: {}", crate::now(writer.as_mut()).await.is_none());
        note!(seen, "readers queue behind it: {}", lock.try_read().is_err());
        drop((first, second));
        let mut guard: RwLockWriteGuard<'_, i32> = writer.await;
        *guard += 1;
        note!(seen, "no reader: {}", lock.try_read().is_err());
    }
    note!(seen, "{}", *lock.try_read().expect("nobody writes"));

    // A writer that gives up lets the readers pass who came after it.
    {
        let reader = lock.read().await;
        let mut late = pin!(lock.read());
        {
            let mut writer = pin!(lock.write());
            note!(seen, "waits: {}", crate::now(writer.as_mut()).await.is_none());
            note!(seen, "waits: {}", crate::now(late.as_mut()).await.is_none());
        }
        note!(seen, "passes: {:?}", crate::now(late.as_mut()).await.map(|guard| *guard));
        drop(reader);
    }

    let mut write = lock.write().await;
    *write = 5;
    let read = write.downgrade();
    note!(seen, "downgraded: {} {}", *read, *lock.read().await);
    note!(seen, "but not free: {}", lock.try_write().is_err());
    drop(read);

    let shared = Arc::new(RwLock::new(vec![1, 2, 3]));
    let sums = (0..4).map(|_| tokio::spawn(copy(shared.clone()))).collect::<Vec<_>>();
    for sum in sums {
        note!(seen, "sum {}", sum.await.expect("the task does not panic"));
    }
    let mut owned: OwnedRwLockWriteGuard<Vec<u32>> = shared.clone().write_owned().await;
    owned.push(4);
    note!(seen, "no other: {}", shared.clone().try_write_owned().is_err());
    note!(seen, "owners: {}", Arc::strong_count(OwnedRwLockWriteGuard::rwlock(&owned)));
    let owned: OwnedRwLockReadGuard<Vec<u32>> = owned.downgrade();
    note!(seen, "with another: {}", shared.clone().try_read_owned().is_ok());
    note!(seen, "{:?} {}", *owned, Arc::ptr_eq(OwnedRwLockReadGuard::rwlock(&owned), &shared));
    drop(owned);
    note!(seen, "{:?}", *shared.clone().read_owned().await);

    let threaded = shared.clone();
    let thread = std::thread::spawn(move || {
        threaded.blocking_write().push(5);
        threaded.blocking_read().len()
    });
    note!(seen, "a thread sees {}", thread.join().expect("the thread does not panic"));

    let few = RwLock::with_max_readers("few", 2);
    let (one, two) = (few.read().await, few.read().await);
    note!(seen, "a third reader: {}", few.try_read().is_ok());
    drop((one, two));
    note!(seen, "no limit of zero: {}", crate::panics(|| RwLock::with_max_readers((), 0)));

    let mut lock = lock;
    *lock.get_mut() += 1;
    note!(seen, "taken apart: {}", lock.into_inner());
    note!(seen, "from: {} {}", RwLock::from(3).into_inner(), RwLock::<i32>::default().into_inner());
    note!(seen, "static: {}", GLOBAL.read().await);
    seen
}
