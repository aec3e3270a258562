//! Children over borrowed data.

mod blocking;
mod local;

use std::sync::Mutex;

/// Never drops `value`, as `mem::forget`, and leaves it where LeakSanitizer finds it.
fn forget<T>(value: T) {
    static FORGOTTEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let address = Box::into_raw(Box::new(value)).expose_provenance();
    FORGOTTEN.lock().expect("nobody panics with it").push(address);
}
