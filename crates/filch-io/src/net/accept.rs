//! Accepting, with patience at the descriptor limit.
//!
//! At the limit, the connection stays in the kernel's queue and the listener stays ready: whoever tries again at once
//! spins, and whoever reports each try floods its caller. So an accept waits, 1 ms at first, doubling to 1 s, and then
//! tries again; closing any descriptor lets it go on.
//!
//! Where the system makes a socket before it looks whether a connection waits, an accept that meets `WouldBlock` costs
//! as much as one that succeeds; after each success the queue is looked at instead.

use super::nonblocking::{AsObject, has_more};
use crate::source::{AsSource, Source};
use filch_core::WakeBatch;
use filch_core::io::Direction;
use filch_core::sys::sync::Mutex;
use filch_timer::{Sleep, sleep};
use std::future::Future;
use std::io::{Error, ErrorKind, Result};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Waits that grow: 1 ms, 2 ms, 4 ms, …
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// Up to a second.
    pub(super) fn new() -> Self {
        Backoff::up_to(LONGEST_WAIT)
    }

    pub(super) fn up_to(longest: Duration) -> Self {
        Backoff { next: FIRST_WAIT, longest }
    }

    pub(super) fn wait(&mut self) -> Sleep {
        sleep(self.next_wait())
    }

    fn next_wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.longest);
        wait
    }
}

/// Accepts one connection with `accept`.
pub(super) async fn accept<T: AsSource + AsObject, R>(
    source: &Source<T>,
    mut accept: impl FnMut(&T) -> Result<R>,
) -> Result<R> {
    let mut backoff = Backoff::new();
    loop {
        match source.run(Direction::Read, &mut accept).await {
            Err(error) if is_about_the_connection(&error) => {}
            Err(error) if is_at_limit(&error) => backoff.wait().await,
            Err(error) => return Err(error),
            Ok(accepted) => {
                source.look_again(Direction::Read, has_more);
                return Ok(accepted);
            }
        }
    }
}

/// The wait of an accept that is polled by hand.
#[derive(Debug, Default)]
pub(super) struct PolledBackoff {
    /// Taken while it is polled, so that no waker is cloned under the lock.
    running: Mutex<Option<(Backoff, Pin<Box<Sleep>>)>>,
    waiting: Arc<Waiting>,
}

/// The tasks that wait for the running wait: a sleep knows one waker, and this is it.
#[derive(Debug, Default)]
struct Waiting(Mutex<Vec<Waker>>);

impl Waiting {
    fn add(&self, waker: &Waker) {
        let waker = waker.clone(); // Unlocked, as is its drop: both are foreign code.
        let mut waiting = self.0.lock();
        if !waiting.iter().any(|known| known.will_wake(&waker)) {
            waiting.push(waker);
        }
    }

    fn wake_all(&self) {
        let mut wakes = WakeBatch::default();
        wakes.extend(mem::take(&mut *self.0.lock()));
        wakes.wake_all();
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }
}

impl PolledBackoff {
    /// As [`accept`], polled by hand.
    pub(super) fn poll_accept<T: AsSource + AsObject, R>(
        &self,
        cx: &mut Context<'_>,
        source: &Source<T>,
        mut accept: impl FnMut(&T) -> Result<R>,
    ) -> Poll<Result<R>> {
        let mut backoff = ready!(self.poll_over(cx));
        loop {
            match ready!(source.poll(cx, Direction::Read, &mut accept)) {
                Err(error) if is_about_the_connection(&error) => {}
                Err(error) if is_at_limit(&error) => {
                    let wait = backoff.wait();
                    self.put(backoff, Box::pin(wait));
                    backoff = ready!(self.poll_over(cx));
                }
                Err(error) => return Poll::Ready(Err(error)),
                Ok(accepted) => {
                    source.look_again(Direction::Read, has_more);
                    return Poll::Ready(Ok(accepted));
                }
            }
        }
    }

    /// Waits until the running wait, if any, is over.
    fn poll_over(&self, cx: &mut Context<'_>) -> Poll<Backoff> {
        let running = self.running.lock().take();
        let Some((backoff, mut wait)) = running else {
            return Poll::Ready(Backoff::new());
        };
        self.waiting.add(cx.waker());
        let all = Waker::from(Arc::clone(&self.waiting));
        if wait.as_mut().poll(&mut Context::from_waker(&all)).is_ready() {
            self.waiting.wake_all(); // It may have been over before it woke anybody.
            return Poll::Ready(backoff);
        }
        self.put(backoff, wait);
        Poll::Pending
    }

    fn put(&self, backoff: Backoff, wait: Pin<Box<Sleep>>) {
        let former = self.running.lock().replace((backoff, wait));
        drop(former); // Unlocked: it holds a waker.
    }
}

/// The connection died in the queue; the listener is well, and the next one may be too.
fn is_about_the_connection(error: &Error) -> bool {
    let known = [
        ErrorKind::ConnectionAborted,
        ErrorKind::ConnectionReset,
        ErrorKind::NetworkDown,
        ErrorKind::NetworkUnreachable,
        ErrorKind::HostUnreachable,
        ErrorKind::TimedOut,
    ];
    known.contains(&error.kind()) || system::is_one_of(error, system::OF_THE_CONNECTION)
}

/// Nothing can be accepted at present: no descriptor or no memory is left, or the system does not allow it.
fn is_at_limit(error: &Error) -> bool {
    system::is_one_of(error, system::LIMITS)
}

#[cfg(unix)]
mod system {
    use rustix::io::Errno;

    /// What accept(2) hands on from the network of a new connection, beside what std has kinds for.
    pub(super) const OF_THE_CONNECTION: &[Errno] =
        &[Errno::PROTO, Errno::NOPROTOOPT, Errno::HOSTDOWN];

    /// The process's limit, the system's, the kernel's buffers and memory; and a firewall, which may change its mind.
    pub(super) const LIMITS: &[Errno] =
        &[Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::PERM];

    pub(super) fn is_one_of(error: &std::io::Error, known: &[Errno]) -> bool {
        let code = error.raw_os_error();
        code.is_some_and(|code| known.iter().any(|known| known.raw_os_error() == code))
    }
}

#[cfg(not(unix))]
mod system {
    pub(super) const OF_THE_CONNECTION: &[i32] = &[];

    /// `WSAEMFILE` and `WSAENOBUFS`.
    pub(super) const LIMITS: &[i32] = &[10024, 10055];

    pub(super) fn is_one_of(error: &std::io::Error, known: &[i32]) -> bool {
        error.raw_os_error().is_some_and(|code| known.contains(&code))
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_second() {
        let mut backoff = Backoff::new();
        let mut waits = Vec::new();
        for _ in 0..12 {
            waits.push(backoff.next_wait().as_millis());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 1000]);
    }
}
