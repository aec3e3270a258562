//! What a sanitizer changes for a test.

use std::sync::Mutex;

/// Whether an address sanitizer runs with the test. It keeps freed memory for a while and moves variables off the stack, so
/// that neither the size of a process nor the address of a variable says anything then.
pub(crate) fn is_under_asan() -> bool {
    std::env::var_os("ASAN_OPTIONS").is_some()
}

/// Never drops `value`, as `mem::forget`, and leaves it where LeakSanitizer finds it.
pub(crate) fn forget<T>(value: T) {
    static FORGOTTEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let address = Box::into_raw(Box::new(value)).expose_provenance();
    FORGOTTEN.lock().expect("nobody panics with it").push(address);
}
