//! What the user wants called on a scheduler's threads. A panic in it ends neither the thread nor the count of threads.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Called on a scheduler's thread, with its index.
pub type ThreadHook = Arc<dyn Fn(usize) + Send + Sync>;

/// Names a scheduler's thread by its index.
pub type ThreadNames = Arc<dyn Fn(usize) -> String + Send + Sync>;

/// Calls a hook, if there is one. A panic was reported by the panic hook; the thread goes on.
pub(crate) fn call(hook: Option<&ThreadHook>, index: usize) {
    if let Some(hook) = hook {
        contain(|| hook(index));
    }
}

/// A thread's name; one that cannot be a name, or that panicked on the way, is replaced.
pub(crate) fn name(names: &ThreadNames, index: usize) -> String {
    let name = contain(|| names(index)).filter(|name| !name.contains('\0'));
    name.unwrap_or_else(|| "filch".to_owned())
}

/// Calls `f`. A panic was reported by the panic hook and ends here.
pub(crate) fn contain<R>(f: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(f)).map_err(discard).ok()
}

/// Drops what somebody panicked with.
fn discard(payload: Box<dyn Any + Send>) {
    // Why: dropping it might panic; leaking what that panics with is the end of that chain.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(payload))).map_err(std::mem::forget);
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_hook_that_panics_is_contained() {
        call(None, 0);
        let hook: ThreadHook = Arc::new(|index| assert_eq!(index, 0, "a hook of the user's"));
        call(Some(&hook), 1);
    }

    #[test]
    fn a_thread_has_a_name_whatever_the_user_gives() {
        let names: ThreadNames = Arc::new(|index| ["mine", "not\0a name"][index].to_owned());
        assert_eq!(name(&names, 0), "mine");
        assert_eq!(name(&names, 1), "filch");
        assert_eq!(name(&names, 2), "filch", "the index is out of bounds");
    }
}
