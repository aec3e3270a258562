//! The process's one table of signals and who listens.
//!
//! A signal that nobody listens for may have a [`StandIn`], which is told of the first one; whoever listens takes its
//! place. For the stand-in the handler is installed for one call: the kernel puts the default back before it runs, so
//! that a second signal ends the process whatever this process is doing.
//!
//! A signal's handler may do next to nothing: it marks the number and writes one byte into a pipe. A thread reads the
//! pipe and wakes the listeners. The pipe may be full: then the thread has not looked yet, and will see the mark.
//!
//! Why a socket pair as the pipe: it is closed on exec from birth on every system.
//!
//! Why a thread and not a driver: the pipe belongs to the process, but a driver ends with its runtime, and a listener
//! may live under another executor. The thread is started by the first listener and sleeps in `read`.
//!
//! **Invariant:** a signal's disposition is ours only while it has an entry; an entry has listeners or a stand-in.

use filch_core::scope::{Reason, Request, Urgency};
use filch_core::sys::thread;
use slab::Slab;
use std::collections::{BTreeMap, btree_map};
use std::ffi::c_int;
use std::fmt;
use std::io::{Error, ErrorKind, Read, Result};
use std::mem;
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
// Why std's: statics, and a signal handler, are beyond what a checker can run.
use std::sync::atomic::{AtomicBool, AtomicI32};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// One more than the largest signal number of any system.
const N_SIGNALS: usize = 129;

/// What would be undefined or useless to catch.
const FORBIDDEN: [c_int; 5] =
    [libc::SIGKILL, libc::SIGSTOP, libc::SIGILL, libc::SIGFPE, libc::SIGSEGV];

/// The signals that came and that the thread has not seen. Set by the handler, taken by the thread.
static CAME: [AtomicBool; N_SIGNALS] = [const { AtomicBool::new(false) }; N_SIGNALS];

/// The pipe's end that the handler writes to, or -1. Set once, never closed.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// Why a stand-in's program ends.
pub(super) const CTRL_C: Reason = Reason::from_static("Ctrl-C");

static TABLE: Mutex<Table> = Mutex::new(Table { entries: BTreeMap::new(), has_thread: false });

struct Table {
    entries: BTreeMap<c_int, Entry>,
    has_thread: bool,
}

/// One signal that somebody listens for.
struct Entry {
    /// What the signal did before.
    former: libc::sigaction,
    /// How many were told to listeners.
    n_came: u64,
    /// Whether a listener has looked and found one.
    was_heard: bool,
    listeners: Slab<Listener>,
    /// Who is told while nobody listens.
    stand_in: Option<Arc<StandIn>>,
}

#[derive(Default)]
struct Listener {
    /// How many times it knows that the signal came.
    n_seen: u64,
    waker: Option<Waker>,
}

/// Is told of the first signal that nobody listens for.
#[derive(Debug, Default)]
pub(super) struct StandIn {
    /// Made without the table's lock, for it runs wakers.
    pub(super) request: Request,
    /// Written and read under the table's lock.
    was_told: AtomicBool,
}

/// How often our handler is called before the kernel puts the default back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Calls {
    All,
    One,
}

/// Adds a listener for `signal`; answers its key.
pub(super) fn listen(signal: c_int) -> Result<usize> {
    let in_range = usize::try_from(signal).is_ok_and(|number| (1..N_SIGNALS).contains(&number));
    if !in_range || FORBIDDEN.contains(&signal) {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("signal {signal} cannot be caught"),
        ));
    }
    let mut table = lock();
    table.start_thread()?;
    let entry = match table.entries.entry(signal) {
        btree_map::Entry::Occupied(entry) => {
            let entry = entry.into_mut();
            if entry.listeners.is_empty() {
                entry.take_over(install(signal, Calls::All)?);
            }
            entry
        }
        btree_map::Entry::Vacant(vacant) => {
            vacant.insert(Entry::new(install(signal, Calls::All)?, None))
        }
    };
    let listener = Listener { n_seen: entry.n_came, waker: None };
    Ok(entry.listeners.insert(listener))
}

/// Ready once `signal` came since the listener was asked last.
pub(super) fn poll(signal: c_int, key: usize, waker: &Waker) -> Poll<()> {
    if came(signal, key, None).is_ready() {
        return Poll::Ready(());
    }
    // Unlocked: a waker's clone is foreign code.
    came(signal, key, Some(waker.clone()))
}

fn came(signal: c_int, key: usize, mut waker: Option<Waker>) -> Poll<()> {
    let mut table = lock();
    let entry = table.entries.get_mut(&signal).expect("an entry stays while it has a listener");
    let listener = &mut entry.listeners[key];
    if listener.n_seen != entry.n_came {
        listener.n_seen = entry.n_came;
        entry.was_heard = true;
        return Poll::Ready(());
    }
    if waker.is_some() {
        mem::swap(&mut listener.waker, &mut waker);
    }
    drop(table);
    drop(waker); // Unlocked: a waker's drop is foreign code.
    Poll::Pending
}

/// Removes a listener; the last one puts the former disposition back, or the stand-in.
pub(super) fn leave(signal: c_int, key: usize) {
    let mut table = lock();
    let entry = table.entries.get_mut(&signal).expect("an entry stays while it has a listener");
    let listener = entry.listeners.remove(key);
    let mut gone = None;
    if entry.listeners.is_empty() {
        // Why not once it was heard: the first was the program's own affair, so the second has its usual effect.
        let is_back = entry.stand_in.is_some() && !entry.was_heard && !is_foreign(signal);
        if is_back && entry.n_came != 0 {
            return tell_stand_in(signal, table); // It came, and the listener has not looked.
        }
        if !is_back || install(signal, Calls::One).is_err() {
            restore(signal, &entry.former);
            gone = table.entries.remove(&signal);
        }
    }
    drop(table);
    drop((listener, gone)); // Unlocked: they hold wakers.
}

/// Has `stand_in` told of the first `signal` that nobody listens for. `false`: the program has its own way with the
/// signal, or ignores it, or there is a stand-in.
pub(super) fn stand_in(signal: c_int, stand_in: Arc<StandIn>) -> Result<bool> {
    let mut table = lock();
    let is_taken = table.entries.contains_key(&signal);
    if is_taken || change(signal, None)?.sa_sigaction != libc::SIG_DFL {
        return Ok(false);
    }
    table.start_thread()?;
    let former = install(signal, Calls::One)?;
    table.entries.insert(signal, Entry::new(former, Some(stand_in)));
    Ok(true)
}

/// Ends what [`stand_in`] began. Answers whether a signal came for `stand_in`.
pub(super) fn stand_down(signal: c_int, stand_in: &Arc<StandIn>) -> bool {
    let mut table = lock();
    let is_ours = |entry: &&mut Entry| {
        entry.stand_in.as_ref().is_some_and(|present| Arc::ptr_eq(present, stand_in))
    };
    let Some(entry) = table.entries.get_mut(&signal).filter(is_ours) else {
        return stand_in.was_told.load(Relaxed);
    };
    entry.stand_in = None;
    if !entry.listeners.is_empty() {
        return false;
    }
    let is_foreign = is_foreign(signal);
    restore(signal, &entry.former);
    table.entries.remove(&signal);
    // One that came and that the thread has not seen.
    // ORDERING: [signal-came] Acquire pairs with the handler's Release.
    !is_foreign && mark_of(signal).is_some_and(|came| came.swap(false, Acquire))
}

/// Gives the default disposition back to `signal` and sends it to this thread, whoever listens.
pub(super) fn die_by(signal: c_int) -> ! {
    // SAFETY: all-zero bytes are a value of both plain C structures; the set is filled before it is used.
    let (mut default, mut only): (libc::sigaction, libc::sigset_t) =
        unsafe { (mem::zeroed(), mem::zeroed()) };
    default.sa_sigaction = libc::SIG_DFL;
    let _ = change(signal, Some(&default));
    // SAFETY: the set outlives the calls; the null pointer asks for nothing; `raise` takes no pointers.
    unsafe {
        libc::sigemptyset(&mut only);
        libc::sigaddset(&mut only, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &only, ptr::null_mut());
        libc::raise(signal);
    }
    // Only a debugger can have kept the signal away.
    std::process::exit(128 + signal)
}

fn lock() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Entry {
    fn new(former: libc::sigaction, stand_in: Option<Arc<StandIn>>) -> Entry {
        Entry { former, n_came: 0, was_heard: false, listeners: Slab::new(), stand_in }
    }

    /// A listener takes the stand-in's place; `present` is what the signal did until this moment.
    fn take_over(&mut self, present: libc::sigaction) {
        if is_of_others(&present) {
            self.former = present;
            self.stand_in = None;
        }
    }
}

impl Table {
    fn start_thread(&mut self) -> Result<()> {
        if self.has_thread {
            return Ok(());
        }
        let (read, write) = UnixStream::pair()?;
        write.set_nonblocking(true)?;
        thread::Builder::new().name("filch-signal".into()).spawn(move || listen_to_pipe(read))?;
        // ORDERING: [signal-pipe] Release pairs with the handler's Acquire: the pipe is open.
        PIPE.store(write.into_raw_fd(), Release);
        self.has_thread = true;
        Ok(())
    }
}

/// The thread: wakes the listeners of what came.
fn listen_to_pipe(mut pipe: UnixStream) {
    let mut bytes = [0; 64];
    loop {
        // An interrupted read is a reason to look as well. The pipe's other end is never closed.
        let _ = pipe.read(&mut bytes);
        for (number, came) in CAME.iter().enumerate() {
            // ORDERING: [signal-came] Acquire pairs with the handler's Release.
            if came.load(Acquire) && came.swap(false, Acquire) {
                deliver(c_int::try_from(number).expect("signal numbers are small"));
            }
        }
    }
}

fn deliver(signal: c_int) {
    let mut table = lock();
    let Some(entry) = table.entries.get_mut(&signal) else { return };
    if entry.listeners.is_empty() {
        return tell_stand_in(signal, table);
    }
    entry.n_came += 1;
    let wakers: Vec<Waker> =
        entry.listeners.iter_mut().filter_map(|(_, listener)| listener.waker.take()).collect();
    drop(table);
    for waker in wakers {
        // Why: a foreign waker's panic must not end the thread that all other listeners need.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| waker.wake()));
    }
}

/// Tells the stand-in of `signal`, once. From here on the signal has its usual effect.
fn tell_stand_in(signal: c_int, mut table: MutexGuard<'_, Table>) {
    // Why: a handler that was installed over ours may call ours as the one before it. The program has its own way then.
    if is_foreign(signal) {
        return;
    }
    let Some(entry) = table.entries.remove(&signal) else { return };
    restore(signal, &entry.former);
    let Some(stand_in) = entry.stand_in else { return };
    stand_in.was_told.store(true, Relaxed);
    drop(table);
    // Why caught: as in `deliver`.
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        stand_in.request.make(&CTRL_C, Urgency::Now)
    }));
}

/// Runs inside the handler, so it may call only what POSIX allows there, and must leave `errno` as it was.
extern "C" fn on_signal(signal: c_int) {
    // SAFETY: the function gives the address of this thread's `errno`, valid while the thread lives.
    let errno = unsafe { *errno_location() };
    if let Some(came) = mark_of(signal) {
        // ORDERING: [signal-came] Release pairs with the thread's Acquire.
        came.store(true, Release);
    }
    // ORDERING: [signal-pipe] Acquire pairs with `start_thread`.
    let pipe = PIPE.load(Acquire);
    // SAFETY: the byte outlives the call; the descriptor is the pipe's, which is never closed.
    unsafe { libc::write(pipe, ptr::from_ref(&0_u8).cast(), 1) };
    // SAFETY: as above.
    unsafe { *errno_location() = errno };
}

fn mark_of(signal: c_int) -> Option<&'static AtomicBool> {
    usize::try_from(signal).ok().and_then(|number| CAME.get(number))
}

fn handler() -> libc::sighandler_t {
    on_signal as extern "C" fn(c_int) as libc::sighandler_t
}

/// Whether somebody else has taken the signal over.
fn is_foreign(signal: c_int) -> bool {
    change(signal, None).is_ok_and(|present| is_of_others(&present))
}

fn is_of_others(action: &libc::sigaction) -> bool {
    ![handler(), libc::SIG_DFL].contains(&action.sa_sigaction)
}

/// Lets `signal` call our handler; answers what it did before.
fn install(signal: c_int, calls: Calls) -> Result<libc::sigaction> {
    // SAFETY: `sigaction` is a plain C structure, for which all-zero bytes are a value.
    let mut ours: libc::sigaction = unsafe { mem::zeroed() };
    ours.sa_sigaction = handler();
    // Why: system calls of code that never heard of signals go on instead of answering EINTR.
    ours.sa_flags = libc::SA_RESTART | if calls == Calls::One { libc::SA_RESETHAND } else { 0 };
    change(signal, Some(&ours))
}

/// Puts `former` back, unless somebody else has taken the signal over meanwhile.
fn restore(signal: c_int, former: &libc::sigaction) {
    if change(signal, None).is_ok_and(|present| present.sa_sigaction == handler()) {
        // Why ignored: what could be installed once can be put back; a drop has nobody to tell anyway.
        let _ = change(signal, Some(former));
    }
}

fn change(signal: c_int, to: Option<&libc::sigaction>) -> Result<libc::sigaction> {
    // SAFETY: as in `install`.
    let mut former: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: both pointers are valid for the call or null; a handler given here is `on_signal`, which does only what
    // a handler may, or was the signal's handler before.
    let code =
        unsafe { libc::sigaction(signal, to.map_or(ptr::null(), ptr::from_ref), &mut former) };
    if code == 0 { Ok(former) } else { Err(Error::last_os_error()) }
}

#[cfg(any(
    target_os = "linux",
    target_os = "redox",
    target_os = "hurd",
    target_os = "fuchsia"
))]
use libc::__errno_location as errno_location;

#[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
use libc::__errno as errno_location;

#[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "dragonfly"))]
use libc::__error as errno_location;

#[cfg(any(target_os = "solaris", target_os = "illumos"))]
use libc::___errno as errno_location;

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("signals", &self.entries.keys()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_handler_leaves_errno_as_it_was() {
        // SAFETY: the function gives the address of this thread's `errno`.
        unsafe { *errno_location() = 42 };
        on_signal(libc::SIGURG); // The pipe may not be there, so that its write fails.
        // SAFETY: as above.
        assert_eq!(unsafe { *errno_location() }, 42);
    }
}
