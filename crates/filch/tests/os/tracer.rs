//! Whether system calls can be made to fail by `strace`.

use std::env;

/// A machine without `strace` leaves these tests out, with a note; one that says `CI=true` must have it.
pub(crate) fn can_trace() -> bool {
    if env::var_os("ASAN_OPTIONS").is_some() {
        eprintln!("note: a leak sanitizer cannot work under a tracer; this test did nothing");
        return false;
    }
    let paths = env::var_os("PATH").unwrap_or_default();
    let there = env::split_paths(&paths).any(|folder| folder.join("strace").is_file());
    if !there {
        assert!(env::var("CI").as_deref() != Ok("true"), "CI must have strace");
        eprintln!("note: no strace; this test did nothing");
    }
    there
}
