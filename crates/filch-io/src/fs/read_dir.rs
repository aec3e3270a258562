//! What is in a directory.

use super::call::{begin, call, call_of, outcome};
use super::{FileType, Metadata};
use filch_core::task::JoinHandle;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::future::{Future, poll_fn};
use std::io::Result;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// So many entries are read at a time.
const BATCH: usize = 256;

/// Begins to list what is in a directory.
///
/// # Errors
/// When it does not exist, or may not be read.
///
/// # Cancel safety
/// Cancel safe: nothing changes.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// let mut entries = filch_io::fs::read_dir(".").await?;
/// while let Some(entry) = entries.next_entry().await? {
///     println!("{}", entry.path().display());
/// }
/// # Ok(()) }
/// ```
#[track_caller]
pub fn read_dir<P: AsRef<Path>>(path: P) -> impl Future<Output = Result<ReadDir>> + Send {
    let path = path.as_ref().to_owned();
    let called_at = Location::caller();
    let opened = call(move || {
        let mut listing = Listing::open(&path, 1)?;
        let batch = listing.next_batch();
        Ok((listing, batch))
    });
    async move {
        let (listing, batch) = opened.await?;
        Ok(ReadDir { batch, state: State::Idle(listing), called_at })
    }
}

/// The entries of a directory, without `.` and `..`, in no order. From [`read_dir`].
#[derive(Debug)]
#[must_use = "entries are only read when asked for"]
pub struct ReadDir {
    batch: VecDeque<Result<DirEntry>>,
    state: State,
    called_at: &'static Location<'static>,
}

#[derive(Debug)]
enum State {
    Idle(Listing),
    Reading(JoinHandle<(Listing, VecDeque<Result<DirEntry>>)>),
    Done,
}

impl ReadDir {
    /// The next entry, or `None` when there is no more.
    ///
    /// # Errors
    /// When the directory cannot be read on.
    ///
    /// # Cancel safety
    /// Cancel safe: no entry is lost.
    pub async fn next_entry(&mut self) -> Result<Option<DirEntry>> {
        poll_fn(|cx| self.poll_next_entry(cx)).await
    }

    /// Polls for the next entry, or `None` when there is no more.
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<DirEntry>>> {
        loop {
            if let Some(entry) = self.batch.pop_front() {
                return Poll::Ready(entry.map(Some));
            }
            match std::mem::replace(&mut self.state, State::Done) {
                State::Idle(listing) if listing.at_end => return Poll::Ready(Ok(None)),
                State::Idle(mut listing) => {
                    let read = move || {
                        let batch = listing.next_batch();
                        (listing, batch)
                    };
                    self.state = State::Reading(begin(self.called_at, read));
                }
                State::Reading(mut reading) => {
                    let Poll::Ready(joined) = Pin::new(&mut reading).poll(cx) else {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    };
                    let (listing, batch) = outcome(joined)?;
                    (self.state, self.batch) = (State::Idle(listing), batch);
                }
                State::Done => return Poll::Ready(Ok(None)),
            }
        }
    }
}

impl Drop for ReadDir {
    fn drop(&mut self) {
        if let State::Reading(reading) = &self.state {
            reading.abort();
        }
    }
}

/// What is in a directory or below it. From [`ReadDir`] and [`WalkDir`](super::WalkDir).
///
/// It holds no descriptor open: what it tells later is about what has the name by then.
#[derive(Clone, Debug)]
pub struct DirEntry {
    directory: Arc<Path>,
    name: OsString,
    depth: usize,
    /// None when the listing did not tell.
    file_type: Option<FileType>,
    #[cfg(unix)]
    ino: u64,
    /// A link is taken for what it leads to.
    is_followed: bool,
}

impl DirEntry {
    fn new(entry: &fs::DirEntry, directory: &Arc<Path>, depth: usize) -> DirEntry {
        DirEntry {
            directory: Arc::clone(directory),
            name: entry.file_name(),
            depth,
            file_type: entry.file_type().ok(),
            #[cfg(unix)]
            ino: std::os::unix::fs::DirEntryExt::ino(entry),
            is_followed: false,
        }
    }

    /// The path of the directory, as it was asked for, with the name.
    pub fn path(&self) -> PathBuf {
        self.directory.join(&self.name)
    }

    /// The name, without a directory.
    pub fn file_name(&self) -> OsString {
        self.name.clone()
    }

    /// The name by reference.
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// How many directories below the listed one it is: one if it is in that directory itself.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The number of the file on its device.
    #[cfg(unix)]
    pub fn ino(&self) -> u64 {
        self.ino
    }

    /// What the system knows about it; of a link about the link itself, unless the walk follows links.
    ///
    /// # Errors
    /// When it exists no longer, or may not be asked for.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing changes.
    #[track_caller]
    pub fn metadata(&self) -> impl Future<Output = Result<Metadata>> + Send + use<> {
        let (path, is_followed) = (self.path(), self.is_followed);
        call(move || if is_followed { fs::metadata(path) } else { fs::symlink_metadata(path) })
    }

    /// Whether it is a file, a directory, a link or something else. Mostly known without asking the system.
    ///
    /// # Errors
    /// When it exists no longer, or may not be asked for.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing changes.
    #[track_caller]
    pub fn file_type(&self) -> impl Future<Output = Result<FileType>> + Send + use<> {
        let called_at = Location::caller();
        let known = self.file_type.ok_or_else(|| self.path());
        async move {
            match known {
                Ok(file_type) => Ok(file_type),
                Err(path) => {
                    call_of(called_at, move || Ok(fs::symlink_metadata(path)?.file_type())).await
                }
            }
        }
    }

    /// What the listing told.
    pub(super) fn known_type(&self) -> Option<FileType> {
        self.file_type
    }

    /// Takes a link for what it leads to.
    pub(super) fn follow(&mut self, target: FileType) {
        self.file_type = Some(target);
        self.is_followed = true;
    }
}

/// An open directory. For blocking threads.
#[derive(Debug)]
pub(super) struct Listing {
    directory: Arc<Path>,
    entries: fs::ReadDir,
    depth: usize,
    at_end: bool,
}

impl Listing {
    /// `depth` is that of the entries.
    pub(super) fn open(directory: &Path, depth: usize) -> Result<Listing> {
        let entries = fs::read_dir(directory)?;
        Ok(Listing { directory: directory.into(), entries, depth, at_end: false })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    fn next_batch(&mut self) -> VecDeque<Result<DirEntry>> {
        let batch: VecDeque<_> = self.by_ref().take(BATCH).collect();
        self.at_end = batch.len() < BATCH;
        batch
    }
}

impl Iterator for Listing {
    type Item = Result<DirEntry>;

    fn next(&mut self) -> Option<Result<DirEntry>> {
        let entry = self.entries.next()?;
        Some(entry.map(|entry| DirEntry::new(&entry, &self.directory, self.depth)))
    }
}
