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
//!
//! **Invariant:** a signal that was caught is heard by a listener, or told to a stand-in, or has its usual effect once
//! nobody is left who could hear it. Marks are therefore taken under the table's lock only, by whoever sees to that.
//!
//! **Forks:** a child has the handlers and none of the listeners' tasks, nor the thread. It has a table of its own, whose
//! first use has the signals do what they did before. Until then the handler, which finds that the pipe is another process's,
//! gives its signal the default effect back, if it had that.

use crate::per_process::{Inherited, PerProcess};
use filch_core::runtime::n_forks;
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
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, AtomicI32};
use std::task::{Poll, Waker};

/// One more than the largest signal number of any system.
const N_SIGNALS: usize = 129;

/// What would be undefined or useless to catch.
const FORBIDDEN: [c_int; 5] =
    [libc::SIGKILL, libc::SIGSTOP, libc::SIGILL, libc::SIGFPE, libc::SIGSEGV];

/// The signals that came and that nobody has seen to. Set by the handler, taken under the table's lock.
static CAME: [AtomicBool; N_SIGNALS] = [const { AtomicBool::new(false) }; N_SIGNALS];

/// Whether a signal that we have taken had its default effect before. Set when it is taken, read by the handler.
static WAS_DEFAULT: [AtomicBool; N_SIGNALS] = [const { AtomicBool::new(false) }; N_SIGNALS];

/// The pipe's end that the handler writes to, or -1. Set once in each process, never closed: a handler may be about to
/// write.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// The number of the process whose pipe it is, or 0.
static OWNER: AtomicI32 = AtomicI32::new(0);

/// Why a stand-in's program ends.
pub(super) const CTRL_C: Reason = Reason::from_static("Ctrl-C");

static TABLE: PerProcess<Table> = PerProcess::new(Table::new);

struct Table {
    entries: BTreeMap<c_int, Entry>,
    has_thread: bool,
    /// What a fork has not taken leave of.
    parents: Option<Inherited<Table>>,
}

/// Which listener.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    index: usize,
    /// In which process it listens.
    n_forks: u32,
}

/// One signal that somebody listens for.
struct Entry {
    /// What the signal did before.
    former: libc::sigaction,
    /// How many were told to listeners.
    n_came: u64,
    /// How many of them some listener has seen.
    n_heard: u64,
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
pub(super) fn listen(signal: c_int) -> Result<Key> {
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
    Ok(Key { index: entry.listeners.insert(listener), n_forks: n_forks() })
}

/// Ready once `signal` came since the listener was asked last.
///
/// # Panics
/// In a fork of the process that listens.
pub(super) fn poll(signal: c_int, key: Key, waker: &Waker) -> Poll<()> {
    if take(signal, key) {
        return Poll::Ready(());
    }
    // Unlocked: a waker's clone is foreign code.
    came(signal, key, Some(waker.clone()))
}

/// Whether `signal` came since the listener was asked last.
///
/// # Panics
/// As [`poll`].
pub(super) fn take(signal: c_int, key: Key) -> bool {
    came(signal, key, None).is_ready()
}

/// As [`take`], also of what the thread has not delivered yet: nobody is to hear of it later.
///
/// # Panics
/// As [`poll`].
pub(super) fn clear(signal: c_int, key: Key) {
    deliver(signal);
    take(signal, key);
}

fn came(signal: c_int, key: Key, mut waker: Option<Waker>) -> Poll<()> {
    assert!(
        key.n_forks == n_forks(),
        "a listener for signal {signal} was used after a fork, in the child, where it hears nothing; \
         listen there with another one"
    );
    let mut table = lock();
    let entry = table.entries.get_mut(&signal).expect("an entry stays while it has a listener");
    let listener = &mut entry.listeners[key.index];
    if listener.n_seen != entry.n_came {
        listener.n_seen = entry.n_came;
        entry.n_heard = entry.n_came;
        return Poll::Ready(());
    }
    if waker.is_some() {
        mem::swap(&mut listener.waker, &mut waker);
    }
    drop(table);
    drop(waker); // Unlocked: a waker's drop is foreign code.
    Poll::Pending
}

/// Removes a listener; the last one puts the former disposition back, or the stand-in. What came and was not heard has its
/// usual effect then.
pub(super) fn leave(signal: c_int, key: Key) {
    let mut table = lock();
    if key.n_forks != n_forks() {
        return; // It has gone with the parent's table.
    }
    let entry = table.entries.get_mut(&signal).expect("an entry stays while it has a listener");
    let listener = entry.listeners.remove(key.index);
    let mut gone = None;
    let mut is_owed = false;
    if entry.listeners.is_empty() {
        // Why not once it was heard: the first was the program's own affair, so the second has its usual effect.
        let is_back = entry.stand_in.is_some() && entry.n_heard == 0 && !is_foreign(signal);
        if is_back && entry.n_came != 0 {
            take_mark(signal); // Those that come faster than they are heard count as one.
            return tell_stand_in(signal, table); // It came, and the listener has not looked.
        }
        if !is_back || install(signal, Calls::One).is_err() {
            let is_restored = restore(signal, &entry.former);
            let came = take_mark(signal) || entry.n_came != entry.n_heard;
            // Why not otherwise: a handler that was installed over ours has been called.
            is_owed = is_restored && came;
            gone = table.entries.remove(&signal);
        }
    }
    drop(table);
    drop((listener, gone)); // Unlocked: they hold wakers.
    if is_owed {
        send(signal); // Unlocked: the former handler is foreign code.
    }
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
    take_mark(signal) && !is_foreign
}

/// Gives the default disposition back to `signal` and sends it to this thread, whoever listens.
pub(super) fn die_by(signal: c_int) -> ! {
    let _ = change(signal, Some(&default()));
    // SAFETY: all-zero bytes are a value of this plain C structure, and it is filled before it is used.
    let mut only: libc::sigset_t = unsafe { mem::zeroed() };
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

/// Sends `signal` to this process.
fn send(signal: c_int) {
    // Why not to this thread: it may block the signal while another one does not.
    // SAFETY: no pointers.
    unsafe { libc::kill(libc::getpid(), signal) };
}

fn lock() -> MutexGuard<'static, Table> {
    let mut table = TABLE.lock();
    if let Some(parents) = table.parents.take() {
        take_leave_of(&parents);
    }
    table
}

/// In a fork: has every signal that the parent caught do what it did before. What came in between is forgotten.
fn take_leave_of(parents: &Inherited<Table>) {
    let parents = parents.get();
    for signal in 1..N_SIGNALS {
        let signal = c_int::try_from(signal).expect("signal numbers are small");
        let entry = parents.as_ref().and_then(|parents| parents.entries.get(&signal));
        // Why the default otherwise: a thread of the parent was about to change the table, which cannot be read.
        restore(signal, &entry.map_or_else(default, |entry| entry.former));
        take_mark(signal);
    }
}

impl Entry {
    fn new(former: libc::sigaction, stand_in: Option<Arc<StandIn>>) -> Entry {
        Entry { former, n_came: 0, n_heard: 0, listeners: Slab::new(), stand_in }
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
    fn new(parents: Option<Inherited<Table>>) -> Table {
        Table { entries: BTreeMap::new(), has_thread: false, parents }
    }

    fn start_thread(&mut self) -> Result<()> {
        if self.has_thread {
            return Ok(());
        }
        let (read, write) = UnixStream::pair()?;
        write.set_nonblocking(true)?;
        thread::Builder::new().name("filch-signal".into()).spawn(move || listen_to_pipe(read))?;
        // Why first: who sees the owner does not see the pipe of its parent.
        PIPE.store(-1, Relaxed);
        // SAFETY: it takes nothing, and does not fail.
        // ORDERING: [signal-owner] Release pairs with the handler's Acquire.
        OWNER.store(unsafe { libc::getpid() }, Release);
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
            if came.load(Relaxed) {
                deliver(c_int::try_from(number).expect("signal numbers are small"));
            }
        }
    }
}

/// Wakes the listeners if `signal` came.
fn deliver(signal: c_int) {
    let mut table = lock();
    if !take_mark(signal) {
        return; // Somebody has seen to it.
    }
    let Some(entry) = table.entries.get_mut(&signal) else {
        // The handler was under way when the last listener left. A handler of the program's own is not called: it may have
        // been installed over ours, so that it was called first.
        let present = change(signal, None);
        drop(table);
        if present.is_ok_and(|present| present.sa_sigaction == libc::SIG_DFL) {
            send(signal);
        }
        return;
    };
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
    // SAFETY: it takes nothing, and does not fail.
    let here = unsafe { libc::getpid() };
    // ORDERING: [signal-owner] Acquire pairs with `start_thread`: the pipe read below is not that of the owner's parent.
    if OWNER.load(Acquire) == here {
        tell_thread(signal);
    } else {
        // A fork, which has not used the table.
        give_back(signal);
    }
    // SAFETY: as above.
    unsafe { *errno_location() = errno };
}

/// Part of the handler.
fn tell_thread(signal: c_int) {
    if let Some(came) = mark_of(signal) {
        // ORDERING: [signal-came] Release pairs with the Acquire in `take_mark`.
        came.store(true, Release);
    }
    // ORDERING: [signal-pipe] Acquire pairs with `start_thread`.
    let pipe = PIPE.load(Acquire);
    // SAFETY: the byte outlives the call; the descriptor is the pipe's, which is never closed.
    unsafe { libc::write(pipe, ptr::from_ref(&0_u8).cast(), 1) };
}

/// Part of the handler: lets `signal` have its default effect when the handler returns, if it had that before.
// Why not a former handler: it stands in the table, under a lock, which is out of reach here.
fn give_back(signal: c_int) {
    let number = usize::try_from(signal).ok();
    let was_default = number.and_then(|number| WAS_DEFAULT.get(number));
    if was_default.is_some_and(|was_default| was_default.load(Relaxed))
        && !is_foreign(signal)
        && change(signal, Some(&default())).is_ok()
    {
        // SAFETY: no pointers, and POSIX allows it in a handler.
        unsafe { libc::raise(signal) };
    }
}

/// Whether `signal` came and nobody has seen to it. From here on the caller does.
fn take_mark(signal: c_int) -> bool {
    // ORDERING: [signal-came] Acquire pairs with the handler's Release.
    mark_of(signal).is_some_and(|came| came.swap(false, Acquire))
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
    let former = change(signal, Some(&ours))?;
    let was_default = usize::try_from(signal).ok().and_then(|number| WAS_DEFAULT.get(number));
    if let Some(was_default) = was_default.filter(|_| former.sa_sigaction != handler()) {
        was_default.store(former.sa_sigaction == libc::SIG_DFL, Relaxed);
    }
    Ok(former)
}

/// Puts `former` back, unless somebody else has taken the signal over meanwhile; `true` says that it is back.
fn restore(signal: c_int, former: &libc::sigaction) -> bool {
    // Why a failure needs no answer: what could be installed once can be put back; a drop has nobody to tell anyway.
    change(signal, None).is_ok_and(|present| present.sa_sigaction == handler())
        && change(signal, Some(former)).is_ok()
}

fn default() -> libc::sigaction {
    // SAFETY: `sigaction` is a plain C structure, for which all-zero bytes are a value.
    let mut default: libc::sigaction = unsafe { mem::zeroed() };
    default.sa_sigaction = libc::SIG_DFL;
    default
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
