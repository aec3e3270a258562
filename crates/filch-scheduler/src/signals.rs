//! Which signals a thread of the scheduler takes.

/// Has this thread take no `SIGCHLD`.
///
/// Linux drops a signal that nobody handles, but not while the thread that it is meant for blocks it; and the thread that
/// has started the program that ends may be starting the next one, with all signals blocked meanwhile. Then any thread is
/// woken that does not block it. A lookout that took them was woken once in three children (`process_spawn_8`, two
/// workers).
#[cfg(unix)]
pub(crate) fn leave_children_to_others() {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: all pointers are to `set`, which outlives the calls, and `sigemptyset` initializes it before others read it;
    // the old mask is not asked for, which null says. The mask is this thread's alone.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGCHLD);
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
    }
}

/// Such a system has no `SIGCHLD`.
#[cfg(not(unix))]
pub(crate) fn leave_children_to_others() {}
