//! Connecting to a host by name: happy eyeballs (RFC 8305).
//!
//! Addresses of both families in turn, beginning with the resolver's best one. Each is given a head start before the
//! next one is tried as well; one that fails hands over at once. The first connection wins, the others are closed.
//!
//! The resolver is asked once, for both families (`getaddrinfo` answers both together), so there is no delay between
//! their answers to bridge (section 3 of the RFC).

use super::addr::{ToSocketAddrs, no_address, resolve_with};
use super::resolver::{Resolver, SystemResolver};
use super::{TcpSocket, TcpStream};
use filch_timer::{Sleep, sleep};
use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{Error, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// The head start of each address: the RFC's recommendation.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to a host, `"example.org:443"` or a pair, by whichever of its addresses answers first.
///
/// The addresses are tried in turn, IPv6 and IPv4 mixed, each 250 ms after the one before or as soon as that has failed
/// (RFC 8305). The first connection wins, and the others are closed.
///
/// [`TcpStream::connect`] tries one address after the other and waits for each to fail. [`Connect`] has options.
///
/// # Errors
/// When the name is not known; and when no address answers: the error holds a [`ConnectError`], which names each of them
/// with its reason. Its kind is that of the address tried first.
///
/// # Cancel safety
/// Cancel safe: half-made connections are closed.
///
/// # Examples
/// ```no_run
/// # async fn example() {
/// use filch_io::net::{self, ConnectError};
///
/// match net::connect("example.org:443").await {
///     Ok(stream) => println!("connected to {stream:?}"),
///     Err(error) => {
///         println!("{error}");
///         let reasons = error.get_ref().and_then(|inner| inner.downcast_ref::<ConnectError>());
///         for (address, reason) in reasons.iter().flat_map(|error| error.attempts()) {
///             println!("{address}: {:?}", reason.kind());
///         }
///     }
/// }
/// # }
/// ```
pub async fn connect<A: ToSocketAddrs>(host: A) -> Result<TcpStream> {
    Connect::new().connect(host).await
}

/// How [`connect`](Connect::connect) finds and tries the addresses of a host.
#[derive(Clone)]
#[must_use = "nothing is connected until `connect` is awaited"]
pub struct Connect<R = SystemResolver> {
    resolver: R,
    attempt_delay: Duration,
    prepare: Option<Arc<Prepare>>,
}

type Prepare = dyn Fn(&TcpSocket) -> Result<()> + Send + Sync;

impl Connect {
    /// The system's resolver and the RFC's delay.
    pub fn new() -> Connect {
        Connect { resolver: SystemResolver, attempt_delay: ATTEMPT_DELAY, prepare: None }
    }
}

impl Default for Connect {
    fn default() -> Self {
        Connect::new()
    }
}

impl<R: Resolver> Connect<R> {
    /// Asks another resolver for the addresses.
    pub fn resolver<S: Resolver>(self, resolver: S) -> Connect<S> {
        Connect { resolver, attempt_delay: self.attempt_delay, prepare: self.prepare }
    }

    /// Sets the head start of each address, 250 ms otherwise. With [`Duration::MAX`] an address is tried only when the
    /// one before has failed.
    pub fn attempt_delay(mut self, delay: Duration) -> Self {
        self.attempt_delay = delay;
        self
    }

    /// Sets up each socket before it connects: its options, or the address it is bound to.
    ///
    /// An error counts as that address's.
    pub fn prepare<F>(mut self, prepare: F) -> Self
    where
        F: Fn(&TcpSocket) -> Result<()> + Send + Sync + 'static,
    {
        self.prepare = Some(Arc::new(prepare));
        self
    }

    /// Connects to a host, as [`connect`](fn@connect) does.
    ///
    /// # Errors
    /// As [`connect`](fn@connect).
    ///
    /// # Cancel safety
    /// Cancel safe: half-made connections are closed.
    pub async fn connect<A: ToSocketAddrs>(&self, host: A) -> Result<TcpStream> {
        let addresses = interleave(resolve_with(&self.resolver, host).await?.collect());
        if addresses.is_empty() {
            return Err(no_address());
        }
        let mut race = Race::new(addresses, self.attempt_delay, |address| {
            let prepare = self.prepare.clone();
            Box::pin(async move {
                let socket = TcpSocket::new_for(address)?;
                prepare.iter().try_for_each(|prepare| prepare(&socket))?;
                socket.connect(address).await
            })
        });
        poll_fn(|cx| race.poll(cx)).await
    }
}

impl<R: fmt::Debug> fmt::Debug for Connect<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("resolver", &self.resolver)
            .field("attempt_delay", &self.attempt_delay)
            .finish_non_exhaustive()
    }
}

/// Both families in turn, beginning with that of the first address; otherwise in the given order.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let starts_with_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == starts_with_v6);
    let n_both = first.len().min(second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut mixed = Vec::new();
    for _ in 0..n_both {
        mixed.extend(first.next());
        mixed.extend(second.next());
    }
    mixed.extend(first);
    mixed.extend(second);
    mixed
}

type Attempt<C> = Pin<Box<dyn Future<Output = Result<C>> + Send>>;

/// The attempts that run, those that failed, and the addresses to come.
struct Race<C, F> {
    start: F,
    /// The next one last.
    to_come: Vec<SocketAddr>,
    running: Vec<(usize, SocketAddr, Attempt<C>)>,
    /// With the number of the attempt, since they fail in any order.
    failed: Vec<(usize, SocketAddr, Error)>,
    n_started: usize,
    delay: Duration,
    /// The head start of the attempt that was started last.
    head_start: Option<Pin<Box<Sleep>>>,
}

impl<C, F: FnMut(SocketAddr) -> Attempt<C>> Race<C, F> {
    fn new(mut addresses: Vec<SocketAddr>, delay: Duration, start: F) -> Self {
        addresses.reverse();
        Race {
            start,
            to_come: addresses,
            running: Vec::new(),
            failed: Vec::new(),
            n_started: 0,
            delay,
            head_start: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<C>> {
        loop {
            let n_failed = self.failed.len();
            if let Some(winner) = self.poll_running(cx) {
                return Poll::Ready(Ok(winner));
            }
            let has_failed = n_failed < self.failed.len();
            let is_over = self
                .head_start
                .as_mut()
                .is_none_or(|head_start| head_start.as_mut().poll(cx).is_ready());
            if self.to_come.is_empty() && self.running.is_empty() {
                return Poll::Ready(Err(self.give_up()));
            }
            if !(has_failed || is_over) || !self.start_next() {
                return Poll::Pending;
            }
        }
    }

    /// Polls what runs, the oldest first. `Some` if one is connected.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Option<C> {
        let mut at = 0;
        while let Some((_, _, attempt)) = self.running.get_mut(at) {
            match attempt.as_mut().poll(cx) {
                Poll::Pending => at += 1,
                Poll::Ready(Ok(winner)) => return Some(winner),
                Poll::Ready(Err(error)) => {
                    let (number, address, _) = self.running.remove(at);
                    self.failed.push((number, address, error));
                }
            }
        }
        None
    }

    /// Starts the next attempt, which is to be polled at once. `false` if there is none.
    fn start_next(&mut self) -> bool {
        let Some(address) = self.to_come.pop() else {
            self.head_start = None;
            return false;
        };
        let attempt = (self.start)(address);
        self.running.push((self.n_started, address, attempt));
        self.n_started += 1;
        let is_last = self.to_come.is_empty();
        self.head_start = (!is_last).then(|| Box::pin(sleep(self.delay)));
        true
    }

    fn give_up(&mut self) -> Error {
        let mut failed = std::mem::take(&mut self.failed);
        failed.sort_by_key(|(number, ..)| *number);
        let attempts: Vec<_> =
            failed.into_iter().map(|(_, address, error)| (address, error)).collect();
        let kind = attempts[0].1.kind();
        Error::new(kind, ConnectError { attempts })
    }
}

/// Why none of a host's addresses could be connected to. Inside the error of [`connect`](fn@connect).
#[derive(Debug)]
pub struct ConnectError {
    /// In the order in which they were tried; at least one.
    attempts: Vec<(SocketAddr, Error)>,
}

impl ConnectError {
    /// Each address that was tried, in that order, with its reason.
    pub fn attempts(&self) -> &[(SocketAddr, Error)] {
        &self.attempts
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no address could be connected to: ")?;
        for (at, (address, error)) in self.attempts.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{address}: {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.attempts.first().map(|(_, error)| error as _)
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    fn v4(n: u8) -> SocketAddr {
        ([127, 0, 0, n], 80).into()
    }

    fn v6(n: u16) -> SocketAddr {
        ([0, 0, 0, 0, 0, 0, 0, n], 80).into()
    }

    #[test]
    fn connecting_can_be_spawned() {
        fn assert_send<T: Send>(_: T) {}
        assert_send(connect("host:80"));
        assert_send(Connect::new().connect(("host", 80)));
        assert_send(crate::net::lookup_host_with(&SystemResolver, "host:80"));
        assert_send(crate::net::open_connection("host", 80));
    }

    #[test]
    fn families_take_turns_and_the_first_one_stays_first() {
        assert_eq!(interleave(vec![v6(1), v6(2), v6(3), v4(1)]), [v6(1), v4(1), v6(2), v6(3)]);
        assert_eq!(interleave(vec![v4(1), v6(1), v6(2), v4(2)]), [v4(1), v6(1), v4(2), v6(2)]);
        assert_eq!(interleave(vec![v4(1), v4(2)]), [v4(1), v4(2)]);
        assert_eq!(interleave(Vec::new()), []);
    }
}
