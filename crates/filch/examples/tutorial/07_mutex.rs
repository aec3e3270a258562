//! `Mutex`: one task at a time, asyncio's `Lock`.

use filch::prelude::*;
use filch::sync::Mutex;

// The lock holds what it protects: without locking nobody gets at the number.
static STOCK: Mutex<u32> = Mutex::new(3);

async fn sell() {
    let mut stock = STOCK.lock().await;
    println!("before: {}", *stock);
    let seen = *stock;
    sleep(Duration::from_millis(10)).await; // Others run meanwhile, but none of them gets the lock.
    *stock = seen - 1;
    println!("after: {}", *stock);
    // Here `stock` goes out of scope, and that unlocks: `async with lock:` is a pair of braces.
}

#[filch::main]
async fn main() {
    gather([sell(), sell(), sell()]).await;

    // To unlock earlier, drop the guard.
    let stock = STOCK.lock().await;
    println!("left: {}", *stock);
    drop(stock);

    println!("it is locked: {}", STOCK.try_lock().is_err());
}
