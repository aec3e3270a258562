//! Guards of a part of what is locked.

use std::sync::Arc;
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};

struct Config {
    name: String,
    limits: [u32; 3],
    parent: Option<Box<Config>>,
}

fn config(name: &str, parent: Option<Config>) -> Config {
    Config { name: name.into(), limits: [1, 2, 3], parent: parent.map(Box::new) }
}

async fn limits(config: &Mutex<Config>) -> MappedMutexGuard<'_, [u32; 3]> {
    MutexGuard::map(config.lock().await, |config| &mut config.limits)
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();
    let mutex = Arc::new(Mutex::new(config("child", Some(config("parent", None)))));

    let mut guard = limits(&mutex).await;
    guard[1] = 20;
    let mut third: MappedMutexGuard<'_, u32> =
        MappedMutexGuard::map(guard, |limits| &mut limits[2]);
    *third += 10;
    note!(seen, "a part is locked like the whole: {}", mutex.try_lock().is_err());
    note!(seen, "shown as its value: {third}");
    drop(third);
    note!(seen, "limits {:?}", mutex.lock().await.limits);

    match MutexGuard::try_map(mutex.lock().await, |config| config.parent.as_deref_mut()) {
        Ok(mut parent) => {
            parent.name.push('!');
            match MappedMutexGuard::try_map(parent, |parent| parent.parent.as_deref_mut()) {
                Ok(_) => note!(seen, "a grandparent"),
                Err(parent) => note!(seen, "no grandparent, but {}", parent.name),
            }
        }
        Err(guard) => note!(seen, "no parent of {}", guard.name),
    }
    note!(seen, "free: {}", mutex.try_lock().is_ok());

    let refused = MutexGuard::try_map(mutex.lock().await, |_| None::<&mut u8>);
    match refused {
        Ok(_) => note!(seen, "nothing was mapped"),
        Err(guard) => note!(seen, "the whole comes back: {}", guard.name),
    }

    let owned = mutex.clone().lock_owned().await;
    let mut name: OwnedMappedMutexGuard<Config, String> =
        OwnedMutexGuard::map(owned, |config| &mut config.name);
    name.make_ascii_uppercase();
    drop(name);
    let whole = OwnedMutexGuard::map(mutex.clone().lock_owned().await, |config| config);
    let name = OwnedMappedMutexGuard::map(whole, |config| &mut config.name);
    let shown = tokio::spawn(async move { name.to_string() }).await;
    note!(seen, "in another task: {}", shown.expect("the task does not panic"));
    note!(seen, "free: {}", mutex.try_lock().is_ok());

    let owned = mutex.clone().lock_owned().await;
    match OwnedMutexGuard::try_map(owned, |config| config.limits.first_mut()) {
        Ok(first) => match OwnedMappedMutexGuard::try_map(first, |_| None::<&mut u32>) {
            Ok(_) => note!(seen, "nothing was mapped"),
            Err(first) => note!(seen, "first limit {}", *first),
        },
        Err(_) => note!(seen, "no limits"),
    }
    note!(seen, "owners: {}", Arc::strong_count(&mutex));
    seen
}
