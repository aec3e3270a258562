//! Processes whose owners have gone: a thread reaps each when it ends.
//!
//! The thread is started for the first one and ends with the last one. It sleeps until one of them ends, until a grace is
//! over, or until another one arrives.
//!
//! Why a thread and not a driver: a process may outlive every runtime, and may never have seen one.
//!
//! **Invariant:** while there are orphans there is a thread for them, unless the system has refused one; then the next
//! process that is started or let go asks for it again. A fork has a thread of its own.

use super::super::command::OnDrop;
use super::Process;
use super::pidfd::PidFd;
use crate::per_process::PerProcess;
use crate::signal::unix::{Signal, SignalKind, signal};
use filch_core::sys::thread;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

/// How often the thread looks when nothing can tell it to: it has no bell, or no way to hear of signals.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A fork begins without orphans: those of its parent are not its children, so it could not reap them.
static QUEUE: PerProcess<Queue> =
    PerProcess::new(|_parents| Queue { arrived: Vec::new(), reaper: None });

struct Queue {
    /// Those that the thread has not fetched.
    arrived: Vec<Orphan>,
    /// How to wake the thread, if there is one.
    reaper: Option<Arc<Bell>>,
}

/// A process that nobody else will reap.
struct Orphan {
    process: Process,
    /// What is left of its tree is killed when it has ended.
    ends_tree: bool,
    /// It was asked to end, and is killed at this moment.
    kill_at: Option<Instant>,
}

/// Ends a process as `on_drop` says, and sees that it is reaped.
pub(super) fn let_go(process: Process, on_drop: OnDrop) {
    let mut orphan = Orphan { process, ends_tree: on_drop.kills_tree, kill_at: None };
    if orphan.is_over() {
        return;
    }
    if on_drop.kills || on_drop.kills_tree {
        orphan.end(on_drop.grace.unwrap_or_default());
    }
    orphan.process.pidfd = orphan.process.pidfd.take().map(PidFd::leave_runtime);
    let mut queue = lock();
    queue.arrived.push(orphan);
    queue.call_reaper();
}

/// Starts the thread that was refused before, if it is needed still.
pub(super) fn retry() {
    let mut queue = lock();
    if !queue.arrived.is_empty() {
        queue.call_reaper();
    }
}

fn lock() -> MutexGuard<'static, Queue> {
    QUEUE.lock()
}

impl Queue {
    /// Lets the thread fetch what has arrived.
    fn call_reaper(&mut self) {
        if let Some(bell) = &self.reaper {
            bell.ring();
            return;
        }
        let bell = Arc::new(Bell::new());
        let reap = {
            let bell = Arc::clone(&bell);
            move || reap_all(&bell)
        };
        let started = thread::Builder::new().name("filch-reaper".into()).spawn(reap);
        self.reaper = started.is_ok().then_some(bell);
    }
}

impl Orphan {
    /// Asks it to end, or kills it when there is no grace.
    fn end(&mut self, grace: Duration) {
        // Why ignored, here and below: what cannot be signaled is somebody else's, and is reaped all the same.
        if grace.is_zero() {
            self.kill();
        } else {
            let _ = self.process.terminate(self.ends_tree);
            self.kill_at = Instant::now().checked_add(grace);
        }
    }

    fn kill(&mut self) {
        let _ = self.process.kill_all(self.ends_tree);
    }

    /// Kills it when its time is over; `true` says that it has ended and is reaped.
    fn tend(&mut self, now: Instant) -> bool {
        if self.kill_at.is_some_and(|at| at <= now) {
            self.kill_at = None;
            self.kill();
        }
        self.is_over()
    }

    /// Whether it has ended; then what is left of its tree is killed, and it is reaped.
    fn is_over(&mut self) -> bool {
        if let Ok(None) = self.process.try_wait() {
            return false;
        }
        if self.ends_tree {
            let _ = self.process.kill_tree();
        }
        self.process.reap();
        true
    }
}

/// The thread.
fn reap_all(bell: &Arc<Bell>) {
    let mut orphans = Vec::new();
    let mut children = None;
    loop {
        orphans.append(&mut lock().arrived);
        // Listened for before the look, so that no end comes between.
        let hears = listen(&orphans, &mut children, bell);
        let now = Instant::now();
        orphans.retain_mut(|orphan| !orphan.tend(now));
        if !orphans.is_empty() {
            bell.wait(&orphans, hears);
        } else if retire() {
            return;
        }
    }
}

/// Takes leave, unless somebody has arrived.
fn retire() -> bool {
    let mut queue = lock();
    let is_over = queue.arrived.is_empty();
    if is_over {
        queue.reaper = None;
    }
    is_over
}

/// Has the bell rung for children that no descriptor tells of. Whether it will be rung for all of them.
fn listen(orphans: &[Orphan], children: &mut Option<Signal>, bell: &Arc<Bell>) -> bool {
    if orphans.iter().all(|orphan| orphan.process.pidfd.is_some()) {
        return true;
    }
    if children.is_none() {
        *children = signal(SignalKind::child()).ok();
    }
    let Some(children) = children else { return false };
    let waker = Waker::from(Arc::clone(bell));
    while children.poll_recv(&mut Context::from_waker(&waker)).is_ready() {}
    true
}

/// What interrupts the thread's sleep.
struct Bell {
    /// What is written into the one end wakes who waits for the other. `None` when there were no descriptors left.
    ends: Option<(UnixStream, UnixStream)>,
}

impl Bell {
    fn new() -> Bell {
        let ends = UnixStream::pair().and_then(|(a, b)| {
            a.set_nonblocking(true)?;
            b.set_nonblocking(true)?;
            Ok((a, b))
        });
        Bell { ends: ends.ok() }
    }

    fn ring(&self) {
        if let Some((end, _)) = &self.ends {
            // A full pipe rings as well.
            let _ = { end }.write(&[0]);
        }
    }

    /// Sleeps until it is rung, one of the orphans ends, or is to be killed.
    fn wait(&self, orphans: &[Orphan], hears: bool) {
        let mut watched: Vec<PollFd<'_>> = orphans
            .iter()
            .filter_map(|orphan| orphan.process.pidfd.as_ref())
            .map(|pidfd| PollFd::new(pidfd, PollFlags::IN))
            .collect();
        watched.extend(self.ends.iter().map(|(_, end)| PollFd::new(end, PollFlags::IN)));
        let next = orphans.iter().filter_map(|orphan| orphan.kill_at).min();
        let till_next = next.map(|at| at.saturating_duration_since(Instant::now()));
        let is_deaf = !hears || self.ends.is_none();
        let limit = till_next.into_iter().chain(is_deaf.then_some(LOOK_EVERY)).min();
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        match poll(&mut watched, limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {} // Being interrupted is a reason to look as well.
            Err(_) => thread::park_timeout(LOOK_EVERY),
        }
        if let Some((_, end)) = &self.ends {
            while matches!({ end }.read(&mut [0; 64]), Ok(1..)) {}
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }
}
