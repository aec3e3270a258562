//! Locking a value across an await, in tasks and in threads.

use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard, OwnedMutexGuard, TryLockError};

static GLOBAL: Mutex<u32> = Mutex::const_new(7);

#[derive(Default)]
struct Account {
    balance: i64,
    history: Vec<i64>,
}

async fn deposit(account: &Mutex<Account>, amount: i64) -> i64 {
    let mut account = account.lock().await;
    account.history.push(amount);
    tokio::task::yield_now().await;
    account.balance += amount;
    account.balance
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();

    let account = Mutex::new(Account::default());
    let (a, b, c) =
        tokio::join!(deposit(&account, 10), deposit(&account, 20), deposit(&account, 30));
    note!(seen, "the last of {} deposits sees {}", 3, a.max(b).max(c));
    let mut history = account.lock().await.history.clone();
    history.sort();
    note!(seen, "history {history:?}");

    let guard: MutexGuard<'_, Account> = account.lock().await;
    let refused: Option<TryLockError> = account.try_lock().err();
    note!(seen, "held: {}", refused.is_some());
    note!(seen, "guards know their mutex: {}", std::ptr::eq(MutexGuard::mutex(&guard), &account));
    {
        let mut waiting = pin!(account.lock());
        note!(seen, "a waiter waits: {}", crate::now(waiting.as_mut()).await.is_none());
        drop(guard);
        note!(seen, "and goes on: {}", waiting.await.balance);
    }

    let mut account = account;
    account.get_mut().balance = 1;
    note!(seen, "taken apart: {}", account.into_inner().balance);
    note!(seen, "made from a value: {}", Mutex::from(5).into_inner());
    note!(seen, "made from nothing: {:?}", Mutex::<String>::default().into_inner());

    let shared = Arc::new(Mutex::new(vec![1]));
    let owned: OwnedMutexGuard<Vec<i32>> = shared.clone().lock_owned().await;
    note!(seen, "held: {}", shared.clone().try_lock_owned().is_err());
    note!(seen, "owners: {}", Arc::strong_count(OwnedMutexGuard::mutex(&owned)));
    drop(owned);
    let pushing = {
        let shared = shared.clone();
        std::thread::spawn(move || {
            shared.blocking_lock().push(2);
            shared.blocking_lock_owned().push(3);
        })
    };
    pushing.join().expect("the thread does not panic");
    note!(seen, "{:?}", *shared.lock().await);

    // A panic does not poison.
    let failed = tokio::spawn({
        let shared = shared.clone();
        async move {
            let _guard = shared.lock().await;
            std::panic::resume_unwind(Box::new("while locked"));
        }
    });
    note!(seen, "panicked: {}", failed.await.is_err_and(|error| error.is_panic()));
    note!(seen, "still locked: {}", shared.try_lock().is_err());

    // What is dropped while it waits takes nothing along.
    let guard = shared.lock().await;
    {
        let mut given_up = pin!(shared.lock());
        note!(seen, "waits: {}", crate::now(given_up.as_mut()).await.is_none());
    }
    drop(guard);
    note!(seen, "free: {}", shared.try_lock().is_ok());

    let unsized_value: Arc<Mutex<[u8]>> = Arc::new(Mutex::new([1, 2, 3]));
    unsized_value.lock().await[0] = 9;
    note!(seen, "unsized: {:?}", &*unsized_value.lock_owned().await);

    *GLOBAL.lock().await += 1;
    note!(seen, "static, shown as its value: {}", GLOBAL.lock().await);
    seen
}
