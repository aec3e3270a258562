//! A stream that follows a script, for tests of whatever talks over a stream.
//!
//! Names are those of `tokio_test::io`. A script is a row of steps: what is to be read, what must be written, errors,
//! and waits. Nothing is left to chance: reads and writes are cut where the script's steps end.

use filch_sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use filch_timer::Sleep;
use futures_io::{AsyncRead, AsyncWrite};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io::{Error, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

/// Writes the script of a [`Mock`].
#[derive(Clone, Debug, Default)]
pub struct Builder {
    steps: VecDeque<Step>,
    name: String,
}

/// Adds steps to the script of a running [`Mock`].
///
/// As long as it lives, a script that is used up has not ended: reads and writes wait for more.
#[derive(Debug)]
pub struct Handle {
    steps: UnboundedSender<Step>,
}

/// A stream that follows a script. From [`Builder::build`].
///
/// - A read waits for the writes in front of it. At the end of the script it reads the end of the stream.
/// - A write need not wait for the reads in front of it. It panics when it brings other bytes than the script says, and
///   at the end of the script.
/// - A wait keeps both back, on the clock of the runtime: under a virtual clock it takes no time.
///
/// # Panics
/// Its drop panics when bytes of the script were not read or not written.
pub struct Mock {
    name: String,
    steps: VecDeque<Step>,
    more: UnboundedReceiver<Step>,
    /// The wait at the front of the script, once it has begun.
    wait: Option<Pin<Box<Sleep>>>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Clone, Debug)]
enum Step {
    Read(VecDeque<u8>),
    ReadError(Arc<Error>),
    Write(VecDeque<u8>),
    WriteError(Arc<Error>),
    Wait(Duration),
}

#[derive(Clone, Copy)]
enum Side {
    Reader,
    Writer,
}

impl Builder {
    /// An empty script.
    pub fn new() -> Self {
        Builder::default()
    }

    /// Then these bytes can be read.
    pub fn read(&mut self, bytes: &[u8]) -> &mut Self {
        self.step(Step::read(bytes))
    }

    /// Then a read errs.
    pub fn read_error(&mut self, error: Error) -> &mut Self {
        self.step(Step::ReadError(Arc::new(error)))
    }

    /// Then these bytes must be written.
    pub fn write(&mut self, bytes: &[u8]) -> &mut Self {
        self.step(Step::write(bytes))
    }

    /// Then a write errs.
    pub fn write_error(&mut self, error: Error) -> &mut Self {
        self.step(Step::WriteError(Arc::new(error)))
    }

    /// Then nothing happens for so long.
    pub fn wait(&mut self, duration: Duration) -> &mut Self {
        self.step(Step::Wait(duration))
    }

    /// How the mock calls itself when it panics.
    pub fn name(&mut self, name: impl Into<String>) -> &mut Self {
        self.name = name.into();
        self
    }

    /// Makes a stream of the script.
    pub fn build(&mut self) -> Mock {
        self.build_with_handle().0
    }

    /// Makes a stream of the script, and a handle that adds to it.
    pub fn build_with_handle(&mut self) -> (Mock, Handle) {
        let (sender, more) = mpsc::unbounded_channel();
        let mock = Mock {
            name: self.name.clone(),
            steps: self.steps.clone(),
            more,
            wait: None,
            reader: None,
            writer: None,
        };
        (mock, Handle { steps: sender })
    }

    fn step(&mut self, step: Step) -> &mut Self {
        self.steps.push_back(step);
        self
    }
}

impl Handle {
    /// Then these bytes can be read.
    ///
    /// # Panics
    /// When the mock is dropped.
    #[track_caller]
    pub fn read(&mut self, bytes: &[u8]) -> &mut Self {
        self.step(Step::read(bytes))
    }

    /// Then a read errs.
    ///
    /// # Panics
    /// When the mock is dropped.
    #[track_caller]
    pub fn read_error(&mut self, error: Error) -> &mut Self {
        self.step(Step::ReadError(Arc::new(error)))
    }

    /// Then these bytes must be written.
    ///
    /// # Panics
    /// When the mock is dropped.
    #[track_caller]
    pub fn write(&mut self, bytes: &[u8]) -> &mut Self {
        self.step(Step::write(bytes))
    }

    /// Then a write errs.
    ///
    /// # Panics
    /// When the mock is dropped.
    #[track_caller]
    pub fn write_error(&mut self, error: Error) -> &mut Self {
        self.step(Step::WriteError(Arc::new(error)))
    }

    /// Then nothing happens for so long.
    ///
    /// # Panics
    /// When the mock is dropped.
    #[track_caller]
    pub fn wait(&mut self, duration: Duration) -> &mut Self {
        self.step(Step::Wait(duration))
    }

    #[track_caller]
    fn step(&mut self, step: Step) -> &mut Self {
        let sent = self.steps.send(step);
        assert!(sent.is_ok(), "the mock stream is dropped: nobody follows its script any more");
        self
    }
}

impl Step {
    fn read(bytes: &[u8]) -> Self {
        Step::Read(bytes.iter().copied().collect())
    }

    fn write(bytes: &[u8]) -> Self {
        Step::Write(bytes.iter().copied().collect())
    }

    /// Whether nothing is left of it.
    fn is_done(&self) -> bool {
        matches!(self, Step::Read(bytes) | Step::Write(bytes) if bytes.is_empty())
    }
}

impl Mock {
    /// What it calls itself in a panic.
    fn who(&self) -> String {
        if self.name.is_empty() {
            "mock stream".into()
        } else {
            format!("mock stream `{}`", self.name)
        }
    }

    /// Drops the steps at the front that are done, and lets the other side look.
    fn stepped(&mut self, side: Side) {
        while self.steps.front().is_some_and(Step::is_done) {
            self.steps.pop_front();
        }
        let other = match side {
            Side::Reader => &mut self.writer,
            Side::Writer => &mut self.reader,
        };
        other.take().into_iter().for_each(Waker::wake);
    }

    /// Has the other side wake this one.
    fn wait_for_the_other<T>(&mut self, cx: &mut Context<'_>, side: Side) -> Poll<T> {
        let own = match side {
            Side::Reader => &mut self.reader,
            Side::Writer => &mut self.writer,
        };
        *own = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Waits for the end of the wait at the front.
    fn poll_wait(&mut self, cx: &mut Context<'_>, side: Side, duration: Duration) -> Poll<()> {
        let wait = self.wait.get_or_insert_with(|| Box::pin(filch_timer::sleep(duration)));
        if wait.as_mut().poll(cx).is_pending() {
            // The timer knows whoever asked last; whoever that is wakes the other.
            return self.wait_for_the_other(cx, side);
        }
        self.wait = None;
        self.steps.pop_front();
        self.stepped(side);
        Poll::Ready(())
    }

    /// Waits for a step of the handle; whether there was one.
    fn poll_more(&mut self, cx: &mut Context<'_>, side: Side) -> Poll<bool> {
        let Poll::Ready(step) = self.more.poll_recv(cx) else {
            return self.wait_for_the_other(cx, side);
        };
        let there_was_one = step.is_some();
        self.steps.extend(step);
        self.stepped(side);
        Poll::Ready(there_was_one)
    }

    /// The place of the first step that a write is for, or of a wait in front of it.
    fn next_write(&self) -> Option<usize> {
        self.steps.iter().position(|step| !matches!(step, Step::Read(_) | Step::ReadError(_)))
    }
}

impl AsyncRead for Mock {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        let this = self.get_mut();
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            let Some(step) = this.steps.front_mut() else {
                if ready!(this.poll_more(cx, Side::Reader)) {
                    continue;
                }
                return Poll::Ready(Ok(0));
            };
            let result = match step {
                Step::Read(bytes) => {
                    let n = buf.len().min(bytes.len());
                    buf.iter_mut().zip(bytes.drain(..n)).for_each(|(to, byte)| *to = byte);
                    Ok(n)
                }
                Step::ReadError(error) => {
                    let error = own(error);
                    this.steps.pop_front();
                    Err(error)
                }
                &mut Step::Wait(duration) => {
                    ready!(this.poll_wait(cx, Side::Reader, duration));
                    continue;
                }
                Step::Write(bytes) if bytes.is_empty() => Ok(0),
                Step::Write(_) | Step::WriteError(_) => {
                    return this.wait_for_the_other(cx, Side::Reader);
                }
            };
            this.stepped(Side::Reader);
            // A step of no bytes is no end of the stream.
            if !matches!(result, Ok(0)) {
                return Poll::Ready(result);
            }
        }
    }
}

impl AsyncWrite for Mock {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let this = self.get_mut();
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            let who = this.who();
            let Some(at) = this.next_write() else {
                assert!(
                    ready!(this.poll_more(cx, Side::Writer)),
                    "{who}: unexpected write of b\"{}\": the script expects none",
                    buf.escape_ascii()
                );
                continue;
            };
            let result = match &mut this.steps[at] {
                Step::Write(bytes) => {
                    let n = buf.len().min(bytes.len());
                    let expected: Vec<u8> = bytes.iter().copied().take(n).collect();
                    assert!(
                        buf[..n] == expected,
                        "{who}: unexpected write of b\"{}\": the script expects b\"{}\"",
                        buf.escape_ascii(),
                        bytes.make_contiguous().escape_ascii()
                    );
                    bytes.drain(..n);
                    if bytes.is_empty() {
                        this.steps.remove(at);
                    }
                    Ok(n)
                }
                Step::WriteError(error) => {
                    let error = own(error);
                    this.steps.remove(at);
                    Err(error)
                }
                &mut Step::Wait(duration) if at == 0 => {
                    ready!(this.poll_wait(cx, Side::Writer, duration));
                    continue;
                }
                _ => return this.wait_for_the_other(cx, Side::Writer),
            };
            this.stepped(Side::Writer);
            if !matches!(result, Ok(0)) {
                return Poll::Ready(result);
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The error, or, when the builder's script still has it, one that says the same.
fn own(error: &Arc<Error>) -> Error {
    match error.raw_os_error() {
        Some(code) => Error::from_raw_os_error(code),
        None => Error::new(error.kind(), error.clone()),
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        while let Ok(step) = self.more.try_recv() {
            self.steps.push_back(step);
        }
        for step in &mut self.steps {
            let (bytes, done) = match step {
                Step::Read(bytes) => (bytes, "read"),
                Step::Write(bytes) => (bytes, "written"),
                Step::ReadError(_) | Step::WriteError(_) | Step::Wait(_) => continue,
            };
            let bytes = bytes.make_contiguous().escape_ascii().to_string();
            let who = self.name.as_str();
            assert!(
                bytes.is_empty(),
                "mock stream `{who}` was dropped within its script: b\"{bytes}\" was not {done}"
            );
        }
    }
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mock")
            .field("name", &self.name)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}
