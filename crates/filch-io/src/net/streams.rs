//! A connection as asyncio has it: a reader with a buffer, and a writer that takes bytes at once.
//!
//! What the socket does not take at once is queued, and a task sends it as the peer reads. The task lives only while
//! something is queued.
//!
//! **Invariant:** while the task lives, nobody else writes into the socket; and however it ends, whoever waits is told.

use super::TcpStream;
use super::addr::ToSocketAddrs;
use super::connect::connect;
use super::halves::{OwnedReadHalf, OwnedWriteHalf, into_split};
use super::stream::{Stream, StreamIo};
use crate::io::BufReader;
use filch_core::coop;
use filch_core::runtime::RuntimeRef;
use filch_core::sys::sync::Mutex;
use filch_core::task::Spawn;
use filch_sync::Notify;
use std::fmt;
use std::future::poll_fn;
use std::io::{Error, ErrorKind, Result};
use std::mem;
use std::net::Shutdown;
use std::sync::Arc;

/// Above this many queued bytes, [`StreamWriter::drain`] waits: asyncio's number.
const HIGH_WATER: usize = 64 * 1024;

/// A connection's reader with its buffer. From [`open_connection`] and [`into_streams`].
///
/// [`AsyncBufReadExt`](crate::io::AsyncBufReadExt) reads lines and up to separators,
/// [`AsyncReadExt`](crate::io::AsyncReadExt) the rest.
pub type StreamReader<S = TcpStream> = BufReader<OwnedReadHalf<S>>;

/// Connects to a host as [`net::connect`](fn@connect) does, and answers a reader and a writer.
///
/// # Errors
/// As [`net::connect`](fn@connect).
///
/// # Cancel safety
/// Cancel safe: half-made connections are closed.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use filch_io::io::{AsyncBufReadExt, AsyncReadExt};
/// use filch_io::net;
///
/// let (mut reader, mut writer) = net::open_connection("example.org", 80).await?;
/// writer.write(b"GET / HTTP/1.0\r\nHost: example.org\r\n\r\n")?;
/// writer.drain().await?;
/// let mut status = String::new();
/// reader.read_line(&mut status).await?;
/// writer.close();
/// writer.wait_closed().await?;
/// # Ok(()) }
/// ```
pub async fn open_connection(host: &str, port: u16) -> Result<(StreamReader, StreamWriter)> {
    connect_streams((host, port)).await
}

async fn connect_streams<A: ToSocketAddrs>(host: A) -> Result<(StreamReader, StreamWriter)> {
    connect(host).await.map(into_streams)
}

/// Makes a reader and a writer of a TCP or Unix stream, as [`open_connection`] does.
pub fn into_streams<S: Stream>(stream: S) -> (StreamReader<S>, StreamWriter<S>) {
    let (read, write) = into_split(stream);
    let outgoing = Outgoing {
        half: write,
        state: Mutex::new(State {
            queue: Vec::new(),
            n_sending: 0,
            is_sending: false,
            ending: Ending::Open,
            error: None,
            is_paused: false,
            high: HIGH_WATER,
            low: HIGH_WATER / 4,
        }),
        changed: Notify::new(),
    };
    (BufReader::new(read), StreamWriter { outgoing: Arc::new(outgoing) })
}

/// A connection's writer, which takes bytes at once and sends them by itself. From [`open_connection`] and
/// [`into_streams`].
///
/// Await [`drain`](Self::drain) after each [`write`](Self::write): it waits while the peer does not read, and tells what
/// went wrong. Without it everything that the peer does not read is queued.
///
/// Dropping it ends the writing direction, once everything is sent.
pub struct StreamWriter<S: Stream = TcpStream> {
    outgoing: Arc<Outgoing<S>>,
}

impl<S: Stream + Send + Sync + 'static> StreamWriter<S> {
    /// Sends `bytes`: what the socket takes at once at once, and the rest by and by.
    ///
    /// # Errors
    /// When the connection is known to be broken, and after [`write_eof`](Self::write_eof) and [`close`](Self::close).
    ///
    /// # Panics
    /// When something has to be queued, and no runtime is found and none can be started.
    #[track_caller]
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        if !self.outgoing.accepts()? {
            while !rest.is_empty() {
                match self.outgoing.half.try_write(rest) {
                    Ok(0) => return Err(self.outgoing.fail(ErrorKind::WriteZero.into())),
                    Ok(n) => rest = &rest[n..],
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(self.outgoing.fail(error)),
                }
            }
        }
        if !rest.is_empty() && self.outgoing.queue(rest) {
            self.start_sending();
        }
        Ok(())
    }

    /// Waits while much is queued: once that is more than the high-water mark (64 KiB), until it is down to the low one
    /// (16 KiB).
    ///
    /// # Errors
    /// When the connection is broken, or its runtime ended before everything was sent.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing, and what is queued is sent all the same.
    pub async fn drain(&self) -> Result<()> {
        self.outgoing.wait_until(|state| !state.is_paused).await
    }

    /// Waits until the system has taken everything that is queued.
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    ///
    /// # Cancel safety
    /// As [`drain`](Self::drain).
    pub async fn flush(&self) -> Result<()> {
        self.outgoing.wait_until(|state| state.n_buffered() == 0).await
    }

    /// Ends the writing direction, once everything is sent: the peer reads to its end. Reading goes on.
    pub fn write_eof(&mut self) {
        self.outgoing.end(Ending::Eof);
    }

    /// Ends the connection, once everything is sent, in both directions.
    pub fn close(&mut self) {
        self.outgoing.end(Ending::Close);
    }

    /// Whether [`close`](Self::close) was called, or the connection is broken.
    pub fn is_closing(&self) -> bool {
        let state = self.outgoing.state.lock();
        state.ending == Ending::Close || state.ending == Ending::Closed || state.error.is_some()
    }

    /// Waits until everything is sent after [`close`](Self::close).
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn wait_closed(&self) -> Result<()> {
        self.outgoing.wait_until(|state| state.ending == Ending::Closed).await
    }

    /// How many bytes are queued.
    pub fn write_buffer_size(&self) -> usize {
        self.outgoing.state.lock().n_buffered()
    }

    /// Sets the marks of [`drain`](Self::drain): above `high` queued bytes it begins to wait, at `low` it ends.
    ///
    /// # Panics
    /// When `low` is more than `high`: a drain would never begin to wait, or never end.
    #[track_caller]
    pub fn set_write_buffer_limits(&mut self, high: usize, low: usize) {
        assert!(
            low <= high,
            "set_write_buffer_limits was called with a low mark of {low}, above the high one of {high}; \
             give the higher number first"
        );
        let mut state = self.outgoing.state.lock();
        (state.high, state.low) = (high, low);
        state.look_at_marks();
        drop(state);
        self.outgoing.changed.notify_waiters();
    }

    /// The stream: for its addresses and options. What is written to it directly goes before what is queued.
    pub fn get_ref(&self) -> &S {
        self.outgoing.half.as_ref()
    }

    /// Starts the task. The caller has set `is_sending`.
    #[track_caller]
    fn start_sending(&self) {
        // Made here, so that it tells of the task's end also if that never begins.
        let mut sending = Sending { outgoing: Arc::clone(&self.outgoing), is_over: false };
        let task = Spawn::on(RuntimeRef::current()).name(Some("stream_writer"));
        drop(task.spawn(async move {
            let result = sending.outgoing.send().await;
            sending.is_over = true;
            // Why dropped: it is kept for whoever drains.
            drop(result.map_err(|error| sending.outgoing.fail(error)));
        }));
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for StreamWriter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamWriter")
            .field("stream", self.outgoing.half.as_ref())
            .field("queued", &self.outgoing.state.lock().n_buffered())
            .finish_non_exhaustive()
    }
}

/// What the writer and its task share.
struct Outgoing<S: Stream> {
    half: OwnedWriteHalf<S>,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    /// What the task is to send next.
    queue: Vec<u8>,
    /// What the task has taken and not yet sent.
    n_sending: usize,
    /// There is a task.
    is_sending: bool,
    ending: Ending,
    /// Why nothing can be sent any more.
    error: Option<(ErrorKind, String)>,
    /// A drain waits.
    is_paused: bool,
    high: usize,
    low: usize,
}

/// How far the end of a connection has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    Open,
    /// The writing direction is to end.
    Eof,
    /// It has ended.
    EofSent,
    /// Both are to end.
    Close,
    /// They have.
    Closed,
}

impl State {
    fn n_buffered(&self) -> usize {
        self.queue.len() + self.n_sending
    }

    fn look_at_marks(&mut self) {
        let n = self.n_buffered();
        self.is_paused = if self.is_paused { self.low < n } else { self.high < n };
    }

    fn check(&self) -> Result<()> {
        match &self.error {
            Some((kind, message)) => Err(Error::new(*kind, message.clone())),
            None => Ok(()),
        }
    }
}

impl<S: Stream> Outgoing<S> {
    /// Whether more may be written, and if so, whether it is to be queued.
    fn accepts(&self) -> Result<bool> {
        let state = self.state.lock();
        state.check()?;
        if state.ending != Ending::Open {
            return Err(Error::new(
                ErrorKind::BrokenPipe,
                "the writer was closed: write before `write_eof` and `close`",
            ));
        }
        Ok(state.is_sending)
    }

    /// Queues bytes. `true` if a task has to be started for them.
    fn queue(&self, bytes: &[u8]) -> bool {
        let mut state = self.state.lock();
        if state.error.is_some() {
            return false; // The task has failed meanwhile. A drain will tell.
        }
        state.queue.extend_from_slice(bytes);
        state.look_at_marks();
        !mem::replace(&mut state.is_sending, true)
    }

    /// Ends the connection, now or when the task has sent everything.
    fn end(&self, ending: Ending) {
        let mut state = self.state.lock();
        // Why a close even so: after an error nothing can be sent, but the reader still waits.
        if ending <= state.ending || (state.error.is_some() && ending != Ending::Close) {
            return;
        }
        state.ending = ending;
        let is_sending = state.is_sending;
        drop(state);
        if !is_sending {
            self.tell_end();
        }
    }

    async fn wait_until(&self, holds: impl Fn(&State) -> bool) -> Result<()> {
        loop {
            let changed = self.changed.notified(); // Before the look, so that no change is missed.
            {
                let state = self.state.lock();
                state.check()?;
                if holds(&state) {
                    break;
                }
            }
            changed.await;
        }
        // Who writes and drains in turn, to a peer that reads fast, gives way to other tasks here.
        poll_fn(coop::poll_proceed).await.made_progress();
        Ok(())
    }

    /// Sends until the queue is empty and the end, if there is one, was told.
    async fn send(&self) -> Result<()> {
        let mut chunk = Vec::new();
        while self.take(&mut chunk) {
            let mut rest = chunk.as_slice();
            while !rest.is_empty() {
                let stream: &S = self.half.as_ref();
                let n = poll_fn(|cx| stream.poll_write_shared(cx, rest)).await?;
                if n == 0 {
                    return Err(ErrorKind::WriteZero.into());
                }
                rest = &rest[n..];
                self.sent(n);
            }
        }
        Ok(())
    }

    /// Takes what is queued. `false` if there is nothing to be done any more, in which case there is no task from here on.
    fn take(&self, chunk: &mut Vec<u8>) -> bool {
        loop {
            let mut state = self.state.lock();
            chunk.clear();
            if !state.queue.is_empty() {
                mem::swap(chunk, &mut state.queue); // The empty one is used again.
                state.n_sending = chunk.len();
                return true;
            }
            if state.ending != Ending::Eof && state.ending != Ending::Close {
                state.is_sending = false;
                if HIGH_WATER < state.queue.capacity() {
                    state.queue = Vec::new(); // A burst need not be remembered.
                }
                return false;
            }
            drop(state);
            self.tell_end();
        }
    }

    fn sent(&self, n: usize) {
        let mut state = self.state.lock();
        state.n_sending -= n;
        let was_paused = state.is_paused;
        state.look_at_marks();
        let is_news = was_paused != state.is_paused || state.n_buffered() == 0;
        drop(state);
        if is_news {
            self.changed.notify_waiters();
        }
    }

    /// Ends what is to end. Everything is sent.
    fn tell_end(&self) {
        let mut state = self.state.lock();
        let (how, done) = match state.ending {
            Ending::Eof => (Shutdown::Write, Ending::EofSent),
            Ending::Close => (Shutdown::Both, Ending::Closed),
            Ending::Open | Ending::EofSent | Ending::Closed => return,
        };
        state.ending = done;
        let stream: &S = self.half.as_ref();
        // Why ignored: the peer was faster, and what shutting down is for has happened.
        let _ = stream.source().io().shutdown(how);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Notes that nothing can be sent any more.
    fn fail(&self, error: Error) -> Error {
        let mut state = self.state.lock();
        if state.error.is_none() {
            state.error = Some((error.kind(), error.to_string()));
        }
        state.is_sending = false;
        state.n_sending = 0;
        state.is_paused = false;
        let queue = mem::take(&mut state.queue);
        let is_closing = state.ending == Ending::Close;
        drop(state);
        drop(queue);
        if is_closing {
            self.tell_end(); // There is no task any more that would.
        }
        self.changed.notify_waiters();
        error
    }
}

/// The task that sends. However it ends, whoever waits is told.
struct Sending<S: Stream> {
    outgoing: Arc<Outgoing<S>>,
    is_over: bool,
}

impl<S: Stream> Drop for Sending<S> {
    fn drop(&mut self) {
        if !self.is_over {
            let _ = self.outgoing.fail(Error::other(
                "the filch runtime ended before everything was sent to this connection",
            ));
        }
    }
}
