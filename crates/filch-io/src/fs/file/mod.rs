#![doc = include_str!("README.md")]

mod handle;
mod position;
mod positional;
mod raw;
mod streams;
mod turn;
mod unread;

use super::OpenOptions;
use super::cached::CachedReads;
use super::{FileTimes, Metadata, Permissions};
use filch_core::sys::sync::atomic::AtomicBool;
use filch_core::sys::sync::atomic::Ordering::Relaxed;
use filch_sync::{Mutex, MutexGuard};
use handle::Handle;
use position::Position;
use std::fmt;
use std::fs;
use std::future::{Future, poll_fn};
use std::io::Result;
use std::panic::Location;
use std::path::Path;
use std::time::SystemTime;
use turn::Turn;

/// tokio's figure: so much is read or written by one call on a thread.
const DEFAULT_MAX_BUF_SIZE: usize = 2 * 1024 * 1024;

/// An open file.
///
/// It is read and written through [`AsyncRead`](futures_io::AsyncRead), [`AsyncWrite`](futures_io::AsyncWrite) and
/// [`AsyncSeek`](futures_io::AsyncSeek), and at any place by [`read_at`](Self::read_at) and [`write_at`](Self::write_at).
///
/// # When a write is done
/// A write is accepted first and done afterwards, on a thread; so it may seem to succeed and err later. The error is kept
/// until it can be told, by the first of: the next write, `flush`, `close`, [`sync_all`](Self::sync_all),
/// [`sync_data`](Self::sync_data), [`set_len`](Self::set_len), [`write_at`](Self::write_at). How much of the write was done
/// is unknown then. So call `flush` after the last write; it answers when all is done. A file that is dropped before still
/// writes what it accepted, but nobody hears of an error.
///
/// Each write waits for the one before, so many small ones are faster through a [`BufWriter`](crate::io::BufWriter).
/// [`write_at`](Self::write_at), and [`write`](super::write) of a whole file, answer when they are done.
///
/// # Cancel safety
/// Reads are cancel safe: bytes that a dropped read was about to get are the next read's. Writes are cancel safe: dropped
/// before it is accepted, a write does nothing. Seeks are cancel safe: dropped before it has answered, a seek does nothing.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use filch_io::fs::File;
/// use filch_io::io::{AsyncReadExt, AsyncWriteExt};
///
/// let mut file = File::create("notes.txt").await?;
/// file.write_all(b"buy milk").await?;
/// file.flush().await?;
///
/// let mut text = String::new();
/// File::open("notes.txt").await?.read_to_string(&mut text).await?;
/// # Ok(()) }
/// ```
pub struct File {
    handle: Handle,
    /// What was begun by reads, writes and seeks. Those own the file meanwhile and need no lock.
    turn: Mutex<Turn>,
    /// Whether a write may not be done, or its error not told. Set by writes, which own the file; cleared by whoever
    /// finds nothing of the kind.
    owes_answer: AtomicBool,
    /// Whether the file was changed after what a read that was given up may have found.
    is_rewritten: AtomicBool,
    cached: CachedReads,
    max_buf_size: usize,
}

impl File {
    pub(super) fn new(file: fs::File, opened_at: &'static Location<'static>) -> File {
        File {
            handle: Handle::new(file, opened_at),
            turn: Mutex::new(Turn::default()),
            owes_answer: AtomicBool::new(false),
            is_rewritten: AtomicBool::new(false),
            cached: CachedReads::default(),
            max_buf_size: DEFAULT_MAX_BUF_SIZE,
        }
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// When it does not exist or may not be read.
    ///
    /// # Cancel safety
    /// Cancel safe: a file that was opened for nobody is closed.
    #[track_caller]
    pub fn open<P: AsRef<Path>>(path: P) -> impl Future<Output = Result<File>> + Send + use<P> {
        File::options().read(true).open(path)
    }

    /// Opens a file for writing; it is emptied, or made.
    ///
    /// # Errors
    /// When it may not be written or made.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropped, it may make or empty the file all the same; whatever was opened is closed.
    #[track_caller]
    pub fn create<P: AsRef<Path>>(path: P) -> impl Future<Output = Result<File>> + Send + use<P> {
        File::options().write(true).create(true).truncate(true).open(path)
    }

    /// Makes a file for reading and writing, which must not exist.
    ///
    /// # Errors
    /// When it exists or may not be made.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropped, it may make the file all the same; whatever was opened is closed.
    #[track_caller]
    pub fn create_new<P: AsRef<Path>>(
        path: P,
    ) -> impl Future<Output = Result<File>> + Send + use<P> {
        File::options().read(true).write(true).create_new(true).open(path)
    }

    /// Options for opening a file.
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes over a file of the standard library.
    #[track_caller]
    pub fn from_std(std: fs::File) -> File {
        File::new(std, Location::caller())
    }

    /// Waits until the disk has the content of the file and all that is known about it.
    ///
    /// # Errors
    /// That of a write that nobody was told yet, and those of the disk.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn sync_all(&self) -> Result<()> {
        self.check_writes().await?;
        self.handle.call(fs::File::sync_all).await
    }

    /// Waits until the disk has the content of the file, and what is needed to find it.
    ///
    /// # Errors
    /// As [`sync_all`](Self::sync_all).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn sync_data(&self) -> Result<()> {
        self.check_writes().await?;
        self.handle.call(fs::File::sync_data).await
    }

    /// Cuts the file off, or fills it up with zeros. The position stays.
    ///
    /// # Errors
    /// That of a write that nobody was told yet. Also when the file may not be written, or the disk has no room.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropped, it may change the file all the same; see the [module](super#cancel-safety).
    pub async fn set_len(&self, size: u64) -> Result<()> {
        self.check_writes().await?;
        self.is_rewritten.store(true, Relaxed);
        self.handle.call(move |file| file.set_len(size)).await
    }

    /// What the system knows about the file, writes that were accepted included.
    ///
    /// # Errors
    /// Those of the system.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn metadata(&self) -> Result<Metadata> {
        self.await_writes().await;
        self.handle.call(fs::File::metadata).await
    }

    /// Another handle to the same open file: both have one position. Both are read on threads from then on, for a look into
    /// the cache would wait for what the other one does.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    ///
    /// # Cancel safety
    /// Cancel safe: a handle that was made for nobody is closed.
    pub async fn try_clone(&self) -> Result<File> {
        let position = self.share_position().await?;
        let clone = self.handle.call(fs::File::try_clone).await?;
        let mut clone = File::new(clone, self.handle.opened_at());
        clone.turn = Mutex::new(Turn::at(position));
        clone.max_buf_size = self.max_buf_size;
        Ok(clone)
    }

    /// Gives the file to the standard library, when all that was begun is done.
    ///
    /// The error of a write that nobody was told is lost: call `flush` before.
    ///
    /// # Cancel safety
    /// Not cancel safe: the file is closed.
    pub async fn into_std(mut self) -> fs::File {
        let turn = self.turn.get_mut();
        poll_fn(|cx| turn.poll_settle(cx)).await;
        // Why ignored: a file without positions has nowhere to put them, and nobody can be told.
        let _ = turn.put_back(self.handle.file());
        self.handle.unshare().await
    }

    /// As [`into_std`](Self::into_std), at once.
    ///
    /// # Errors
    /// The file itself when something that was begun is not done, or the error of a write was not told.
    #[expect(
        clippy::result_large_err,
        reason = "the error is the file, not a box of it, as in tokio"
    )]
    pub fn try_into_std(mut self) -> std::result::Result<fs::File, File> {
        let turn = self.turn.get_mut();
        if !turn.is_settled() || turn.put_back(self.handle.file()).is_err() {
            return Err(self);
        }
        match self.handle.try_unshare() {
            Ok(file) => Ok(file),
            Err(handle) => Err(File { handle, ..self }),
        }
    }

    /// Changes who may do what with the file.
    ///
    /// # Errors
    /// When it is somebody else's.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropped, it may change them all the same; see the [module](super#cancel-safety).
    pub async fn set_permissions(&self, permissions: Permissions) -> Result<()> {
        self.handle.call(move |file| file.set_permissions(permissions)).await
    }

    /// Changes when the file was last read and written, after the writes that were accepted.
    ///
    /// # Errors
    /// When it is somebody else's.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropped, it may change them all the same; see the [module](super#cancel-safety).
    pub async fn set_times(&self, times: FileTimes) -> Result<()> {
        self.await_writes().await;
        self.handle.call(move |file| file.set_times(times)).await
    }

    /// Changes when the file was last written, after the writes that were accepted.
    ///
    /// # Errors
    /// When it is somebody else's.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropped, it may change it all the same; see the [module](super#cancel-safety).
    pub async fn set_modified(&self, time: SystemTime) -> Result<()> {
        self.set_times(FileTimes::new().set_modified(time)).await
    }

    /// Limits how much one call on a thread reads or writes, and so the memory of the file.
    ///
    /// # Panics
    /// When it is zero.
    #[track_caller]
    pub fn set_max_buf_size(&mut self, max_buf_size: usize) {
        assert_ne!(
            max_buf_size, 0,
            "a file with a max_buf_size of 0 can move no byte; set at least 1"
        );
        self.max_buf_size = max_buf_size;
    }

    /// How much one call on a thread reads or writes.
    pub fn max_buf_size(&self) -> usize {
        self.max_buf_size
    }

    /// Moves the position to where this file is read, for another handle to begin there.
    async fn share_position(&self) -> Result<Position> {
        self.await_writes().await;
        let mut turn = self.turn.lock().await;
        poll_fn(|cx| turn.poll_alone(cx)).await; // A read that was given up moves it.
        turn.put_back(self.handle.file())?;
        Ok(turn.share_position(self.handle.file()))
    }

    /// Waits until the writes that were accepted are done, and tells the error that nobody was told.
    async fn check_writes(&self) -> Result<()> {
        let Some(mut turn) = self.await_writes().await else { return Ok(()) };
        self.owes_answer.store(false, Relaxed);
        turn.take_error().map_or(Ok(()), Err)
    }

    /// Waits until the writes that were accepted are done. Gives the turn if there were some.
    async fn await_writes(&self) -> Option<MutexGuard<'_, Turn>> {
        if !self.owes_answer.load(Relaxed) {
            return None;
        }
        let mut turn = self.turn.lock().await;
        poll_fn(|cx| turn.poll_written(cx)).await;
        self.owes_answer.store(turn.has_error(), Relaxed);
        Some(turn)
    }
}

impl From<fs::File> for File {
    #[track_caller]
    fn from(std: fs::File) -> File {
        File::from_std(std)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("file", self.handle.file())
            .field("opened_at", &self.handle.opened_at())
            .finish_non_exhaustive()
    }
}
