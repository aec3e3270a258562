//! What of a file's reads, writes and seeks is under way. See the [module's page](super).

use super::handle::{Handle, Lent};
use super::position::{Position, has_positions};
use super::unread::Unread;
use crate::fs::cached::CachedReads;
use crate::fs::call::{no_thread, outcome, uninterrupted};
use filch_core::coop;
use filch_core::sys::sync::Mutex;
use filch_core::task::JoinHandle;
use std::fs::File;
use std::io::{Error, IoSlice, IoSliceMut, Read, Result, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

#[derive(Debug, Default)]
pub(super) struct Turn {
    reading: Option<JoinHandle<(Result<usize>, Vec<u8>)>>,
    writing: Option<(JoinHandle<()>, Arc<Receipt>)>,
    /// A look before a seek to that place, after which the seek seldom waits.
    looking: Option<(JoinHandle<()>, SeekFrom)>,
    unread: Unread,
    /// Of a write that was accepted; told to whoever asks next.
    write_error: Option<Error>,
    position: Position,
}

/// Where a write leaves its result, and the memory of its bytes.
type Receipt = Mutex<Option<(Result<()>, Vec<u8>)>>;

/// Bytes that were accepted. A runtime that ends drops the calls that have no thread; these are written all the same.
struct Accepted {
    file: Lent,
    /// None when they are written.
    bytes: Option<Vec<u8>>,
    receipt: Arc<Receipt>,
}

impl Accepted {
    /// What the call on a thread does.
    fn write(mut self) {
        self.finish(|mut file, bytes| file.write_all(bytes));
    }

    fn finish(&mut self, write: impl FnOnce(&File, &[u8]) -> Result<()>) {
        let Some(bytes) = self.bytes.take() else { return };
        let result = write(&self.file, &bytes);
        *self.receipt.lock() = Some((result, bytes));
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        self.finish(|mut file, bytes| {
            // Why not to a pipe: with nobody at its other end, the end of the runtime would wait for ever.
            if has_positions(file) { file.write_all(bytes) } else { Err(no_thread()) }
        });
    }
}

impl Turn {
    /// That of a file of which so much is known.
    pub(super) fn at(position: Position) -> Turn {
        let mut turn = Turn::default();
        turn.position = position;
        turn
    }

    /// Another handle will move the position as well. Answers what that one must know of it. Call while nothing is under
    /// way.
    pub(super) fn share_position(&mut self, file: &File) -> Position {
        self.forget_look();
        self.learn_position(file);
        if self.position == Position::Own {
            self.position = Position::Shared;
        }
        self.position
    }

    /// Call before anything is begun.
    fn learn_position(&mut self, file: &File) {
        if self.position == Position::Unknown {
            self.position = if has_positions(file) { Position::Own } else { Position::None };
        }
    }

    /// Reads at the position: unread bytes, cached ones, or what a thread finds. Zero is the end.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        handle: &Handle,
        cached: &CachedReads,
        bufs: &mut [IoSliceMut<'_>],
        max_len: usize,
    ) -> Poll<Result<usize>> {
        let room: usize = bufs.iter().map(|buf| buf.len()).sum();
        if room == 0 {
            return Poll::Ready(Ok(0));
        }
        if self.reading.is_none() {
            self.forget_look();
            ready!(self.poll_alone(cx));
            let unit = ready!(coop::poll_proceed(cx));
            let n_read = match self.unread.take(bufs) {
                0 if self.position == Position::Shared => None, // It may be locked.
                0 => cached.read(handle.file(), bufs, None),
                n => Some(n),
            };
            if let Some(n) = n_read {
                unit.made_progress();
                return Poll::Ready(Ok(n));
            }
            drop(unit); // The join spends one.
            self.begin_read(handle, room.min(max_len));
        }
        ready!(self.poll_read_under_way(cx))?;
        Poll::Ready(Ok(self.unread.take(bufs)))
    }

    fn begin_read(&mut self, handle: &Handle, len: usize) {
        self.learn_position(handle.file());
        let file = handle.lend();
        let mut bytes = self.unread.lend();
        if bytes.len() < len {
            bytes.resize(len, 0);
        }
        self.reading = Some(handle.begin(move || {
            let result = uninterrupted(|| (&*file).read(&mut bytes[..len]));
            (result, bytes)
        }));
    }

    /// Waits for a read, whose bytes are unread then.
    fn poll_read_under_way(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(call) = &mut self.reading else { return Poll::Ready(Ok(())) };
        let joined = ready!(Pin::new(call).poll(cx));
        self.reading = None;
        let (result, bytes) = outcome(joined)?;
        let n_read = *result.as_ref().unwrap_or(&0);
        self.unread.refill(bytes, n_read);
        Poll::Ready(result.map(drop))
    }

    /// Accepts bytes, as many as one call writes. Errs if a write before did and nobody was told.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        handle: &Handle,
        bufs: &[IoSlice<'_>],
        max_len: usize,
    ) -> Poll<Result<usize>> {
        self.forget_look();
        ready!(self.poll_written(cx));
        ready!(self.poll_alone(cx));
        if let Some(error) = self.take_error() {
            return Poll::Ready(Err(error));
        }
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        let unit = ready!(coop::poll_proceed(cx));
        self.learn_position(handle.file());
        self.put_back(handle.file())?;
        unit.made_progress();
        let bytes = gather(self.memory(), bufs, max_len);
        let n_accepted = bytes.len();
        let receipt = Arc::default();
        let accepted =
            Accepted { file: handle.lend(), bytes: Some(bytes), receipt: Arc::clone(&receipt) };
        self.writing = Some((handle.begin(move || accepted.write()), receipt));
        Poll::Ready(Ok(n_accepted))
    }

    /// An empty buffer. Unread bytes, of a file that has no positions, stay.
    fn memory(&mut self) -> Vec<u8> {
        if self.unread.is_empty() { self.unread.lend() } else { Vec::new() }
    }

    /// Waits until a write is done. Its error is kept.
    pub(super) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((call, receipt)) = &mut self.writing else { return Poll::Ready(()) };
        // Why ignored: done or dropped without a thread, the write has left its receipt.
        let _ = ready!(Pin::new(call).poll(cx));
        let receipt = receipt.lock().take();
        self.writing = None;
        let (result, bytes) = receipt.expect("a write that has ended has left its receipt");
        if self.unread.is_empty() {
            self.unread.refill(bytes, 0);
        }
        self.write_error = result.err();
        Poll::Ready(())
    }

    /// Moves the position, counted from behind what was read by futures that were not dropped.
    pub(super) fn poll_seek(
        &mut self,
        cx: &mut Context<'_>,
        handle: &Handle,
        to: SeekFrom,
    ) -> Poll<Result<u64>> {
        ready!(self.poll_alone(cx));
        self.learn_position(handle.file());
        if matches!(to, SeekFrom::End(_)) || self.position == Position::Shared {
            ready!(self.poll_look(cx, handle, to))?;
        } else {
            ready!(coop::poll_proceed(cx)).made_progress();
        }
        // Why here and not on the thread: a seek that is given up moves nothing.
        self.put_back(handle.file())?;
        Poll::Ready(handle.file().seek(to))
    }

    /// Has a thread look at the file before a seek that may have to wait.
    fn poll_look(
        &mut self,
        cx: &mut Context<'_>,
        handle: &Handle,
        to: SeekFrom,
    ) -> Poll<Result<()>> {
        if self.looking.as_ref().is_some_and(|(_, place)| *place != to) {
            self.forget_look();
        }
        if let Some((call, _)) = &mut self.looking {
            let joined = ready!(Pin::new(call).poll(cx));
            self.looking = None;
            // Why again otherwise: it was begun by a seek that was given up, in a runtime that has ended.
            if joined.is_ok() {
                return Poll::Ready(Ok(()));
            }
        }
        let file = handle.lend();
        let mut call = handle.begin(move || look(&file));
        match Pin::new(&mut call).poll(cx) {
            Poll::Ready(joined) => Poll::Ready(outcome(joined)),
            Poll::Pending => {
                self.looking = Some((call, to));
                Poll::Pending
            }
        }
    }

    fn forget_look(&mut self) {
        if let Some((call, _)) = self.looking.take() {
            call.abort();
        }
    }

    /// Moves the position back before the unread bytes. Without positions they stay unread.
    pub(super) fn put_back(&mut self, mut file: &File) -> Result<()> {
        if self.unread.is_empty() || self.position == Position::None {
            return Ok(());
        }
        let n_unread = i64::try_from(self.unread.len()).expect("a buffer is smaller than that");
        file.seek(SeekFrom::Current(-n_unread))?;
        self.unread.clear();
        Ok(())
    }

    /// Has the next read or seek look at the file again, if that has positions.
    pub(super) fn poll_forget(
        &mut self,
        cx: &mut Context<'_>,
        handle: &Handle,
    ) -> Poll<Result<()>> {
        ready!(self.poll_alone(cx));
        Poll::Ready(self.put_back(handle.file()))
    }

    /// Waits for whatever moves the position. What has no positions, a pipe say, lets reads and writes pass each other:
    /// a read that was given up may wait for the answer to what is written next.
    pub(super) fn poll_alone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_idle() || self.position == Position::None {
            return Poll::Ready(());
        }
        self.poll_settle(cx)
    }

    /// Waits until nothing is under way. The error of a write is kept, as are the bytes of a read.
    pub(super) fn poll_settle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.poll_written(cx));
        // Why ignored: nobody waits for this read, and the next one is told the same.
        let _ = ready!(self.poll_read_under_way(cx));
        Poll::Ready(())
    }

    fn is_idle(&self) -> bool {
        self.reading.is_none() && self.writing.is_none()
    }

    /// Whether nothing is under way, and nothing to be told.
    pub(super) fn is_settled(&self) -> bool {
        self.is_idle() && self.write_error.is_none()
    }

    pub(super) fn has_error(&self) -> bool {
        self.write_error.is_some()
    }

    pub(super) fn take_error(&mut self) -> Option<Error> {
        self.write_error.take()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Why not a write: it was accepted.
        if let Some(call) = &self.reading {
            call.abort();
        }
        self.forget_look();
    }
}

/// Waits for what a seek may have to wait for: another machine that knows where the file ends, and a call of another handle
/// that keeps the position locked.
fn look(mut file: &File) {
    // Why ignored: the seek finds out the same.
    let _ = file.metadata();
    let _ = file.stream_position();
}

/// Copies at most `max_len` bytes into one buffer.
fn gather(mut bytes: Vec<u8>, bufs: &[IoSlice<'_>], max_len: usize) -> Vec<u8> {
    bytes.clear();
    for buf in bufs {
        let n = buf.len().min(max_len - bytes.len());
        bytes.extend_from_slice(&buf[..n]);
    }
    bytes
}
