//! Which signals a thread of the scheduler takes.

/// Has this thread take no `SIGCHLD`.
///
/// The system hands a signal of the process to any thread that does not block it, and wakes it up for that even when
/// nobody has a handler: whoever starts one program while another one ends blocks the signal at that moment, so the
/// system cannot tell that it would be ignored. A
/// lookout that took them was woken once in three children (`process_spawn_8`, two workers).
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

/// Such a system has no signals.
#[cfg(not(unix))]
pub(crate) fn leave_children_to_others() {}
