//! A server as one object: start, limit, drain, close.
//!
//! One task accepts, and starts a task for each connection. Both report to the [`Roll`](roll::Roll), which knows what
//! runs, what became of the rest, and whom to wake when that changes.
//!
//! **Invariant:** whatever ends a task (its end, a panic, an abort, the end of its runtime), its guard is dropped and
//! the roll told. So no wait for a server's end outlives its runtime.

mod accept;
mod handling;
mod report;
mod roll;

use filch_core::runtime::RuntimeRef;
use filch_core::task::Spawn;
use filch_timer::timeout;
use roll::{Accepting, Roll};
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

pub use accept::Accept;
pub use handling::HandlerOutput;
pub use report::{HandlerFailure, ServerReport};

/// Serves the connections that come to `listener`: calls `handler` for each, in a task of its own.
///
/// It starts at once, in a task of the current runtime; what is answered is a handle to it. The handler's error or panic
/// ends its own connection and stands in the [`report`](Server::report). At the descriptor limit nothing is lost:
/// connections wait in the listener's queue until there is room.
///
/// # Panics
/// When no runtime is found and none can be started, because the crate `filch` is not linked.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use filch_io::io;
/// use filch_io::net::{self, TcpListener};
/// use std::time::Duration;
///
/// let listener = TcpListener::bind("127.0.0.1:7000").await?;
/// let server = net::serve(listener, async |stream, _peer| {
///     let (mut reader, mut writer) = stream.into_split();
///     io::copy(&mut reader, &mut writer).await
/// });
/// server.limit(1000);
/// // … until it is time to go:
/// let report = server.shutdown(Duration::from_secs(5)).await;
/// println!("{report}");
/// # Ok(()) }
/// ```
#[track_caller]
pub fn serve<L, H, F>(listener: L, handler: H) -> Server
where
    L: Accept,
    H: Fn(L::Stream, L::Address) -> F + Send + Sync + 'static,
    F: Future<Output: HandlerOutput> + Send + 'static,
{
    Server::builder().serve(listener, handler)
}

/// What is to be known before the first connection is accepted. From [`Server::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing is served until `serve` is called"]
pub struct ServerBuilder {
    limit: usize,
}

impl ServerBuilder {
    /// Handles at most `n` connections at a time, from the first one on. See [`Server::limit`].
    ///
    /// # Panics
    /// When `n` is 0: such a server would handle none.
    #[track_caller]
    pub fn limit(mut self, n: usize) -> Self {
        self.limit = not_zero(n);
        self
    }

    /// Starts the server, as [`serve`](fn@serve) does.
    ///
    /// # Panics
    /// When no runtime is found and none can be started, because the crate `filch` is not linked.
    #[track_caller]
    pub fn serve<L, H, F>(self, listener: L, handler: H) -> Server
    where
        L: Accept,
        H: Fn(L::Stream, L::Address) -> F + Send + Sync + 'static,
        F: Future<Output: HandlerOutput> + Send + 'static,
    {
        let roll = Arc::new(Roll::new(self.limit));
        let place = Location::caller();
        let runtime = RuntimeRef::current();
        let accepting = Accepting::new(Arc::clone(&roll));
        let accepting = accept_all(accepting, listener, Arc::new(handler), runtime, place);
        drop(Spawn::on(runtime).at(place).name(Some("serve")).spawn(accepting));
        Server { roll }
    }
}

/// Accepts until the server stops or the listener breaks.
async fn accept_all<L, H, F>(
    accepting: Accepting, // Dropped last, also when the task is dropped halfway: the listener is closed then.
    listener: L,
    handler: Arc<H>,
    runtime: RuntimeRef,
    place: &'static Location<'static>,
) where
    L: Accept,
    H: Fn(L::Stream, L::Address) -> F + Send + Sync + 'static,
    F: Future<Output: HandlerOutput> + Send + 'static,
{
    let roll = accepting.roll();
    loop {
        let next = async {
            roll.wait_for_room().await;
            listener.accept().await
        };
        match roll.stop.run_until_cancelled(next).await {
            None => break,
            Some(Err(error)) => {
                roll.accept_failed(error);
                break;
            }
            Some(Ok((stream, peer))) => {
                let (number, guard) = roll.enter(peer.clone());
                let handler = Arc::clone(&handler);
                let call = async move { handler(stream, peer).await };
                let (task, handle) =
                    Spawn::on(runtime).at(place).prepare(handling::Handling::new(call, guard));
                roll.set_task(number, handle.abort_handle());
                drop(handle);
                task.start();
            }
        }
    }
}

/// A server that runs, or has ended. From [`serve`](fn@serve).
///
/// A clone is another handle to the same server. Dropping the handles lets it go on, until its runtime ends.
#[derive(Clone)]
pub struct Server {
    roll: Arc<Roll>,
}

impl Server {
    /// Begins a server whose limit holds from its first connection on.
    pub fn builder() -> ServerBuilder {
        ServerBuilder { limit: usize::MAX }
    }

    /// Handles at most `n` connections at a time. Further ones wait in the listener's queue. Until this is called there is
    /// no limit.
    ///
    /// Connections over a lower limit go on, and one that is just being accepted is handled too.
    /// See [`builder`](Self::builder) for a limit that holds from the first connection on.
    ///
    /// # Panics
    /// When `n` is 0: such a server would handle none; [`stop`](Self::stop) it instead.
    #[track_caller]
    pub fn limit(&self, n: usize) {
        self.roll.set_limit(not_zero(n));
    }

    /// Accepts no more: closes the listener, soon. Connections that run go on.
    ///
    /// What waits in the listener's queue is refused.
    pub fn stop(&self) {
        self.roll.stop.cancel();
    }

    /// Cancels the connections that run: their handlers are dropped at their next turn. The server goes on accepting,
    /// unless it was [stopped](Self::stop); then one that is just being accepted is canceled too.
    pub fn close_clients(&self) {
        self.roll.close_clients();
    }

    /// Waits until the server has ended: it accepts no more, and nothing that it started runs.
    ///
    /// It does not bring that about; [`drain`](Self::drain) does, as do the end of the runtime and a broken listener.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn wait(&self) -> ServerReport {
        self.roll.wait_for_end().await;
        self.report()
    }

    /// [Stops](Self::stop), and waits until the connections that run have ended by themselves.
    ///
    /// # Cancel safety
    /// The server stops when this is called. A dropped wait can be begun again.
    pub fn drain(&self) -> impl Future<Output = ServerReport> + Send + use<> {
        let server = self.clone();
        server.stop();
        async move { server.wait().await }
    }

    /// [Drains](Self::drain) for at most `grace`, then [cancels](Self::close_clients) what still runs, and waits for
    /// that too.
    ///
    /// # Cancel safety
    /// The server stops when this is called. Dropped within the grace, nothing is canceled.
    pub fn shutdown(&self, grace: Duration) -> impl Future<Output = ServerReport> + Send + use<> {
        let server = self.clone();
        server.stop();
        async move {
            if let Ok(report) = timeout(grace, server.wait()).await {
                return report;
            }
            server.close_clients();
            server.wait().await
        }
    }

    /// What has become of the connections so far.
    pub fn report(&self) -> ServerReport {
        self.roll.report()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("report", &self.report()).finish_non_exhaustive()
    }
}

#[track_caller]
fn not_zero(n: usize) -> usize {
    NonZeroUsize::new(n)
        .expect(
            "a server with a limit of 0 would handle no connection: use at least 1, or `stop` it",
        )
        .get()
}
