//! What is in a directory and in all directories below it.

use super::call::{begin, outcome};
use super::read_dir::{DirEntry, Listing};
use filch_core::task::JoinHandle;
use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::future::poll_fn;
use std::io::{Error, ErrorKind, Result};
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// So many entries are found at a time, by opening so many directories: what comes first, so that a tree of empty
/// directories does not make anybody wait.
const BATCH: usize = 256;
const MAX_OPENED: usize = 32;

/// Lists what is in a directory and in all directories below it.
///
/// A directory comes before what is in it; else there is no order. The directory itself is not listed. Links are listed and
/// not followed, unless [`follow_links`](WalkDir::follow_links) says so. One directory is open at a time, however deep
/// they are nested.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// let mut tree = filch_io::fs::walk_dir("src").filter_entry(|entry| entry.name() != ".git");
/// while let Some(entry) = tree.next().await {
///     println!("{}", entry?.path().display());
/// }
/// # Ok(()) }
/// ```
#[track_caller]
pub fn walk_dir<P: AsRef<Path>>(path: P) -> WalkDir {
    let root = Directory { path: path.as_ref().to_owned(), depth: 0, real: None };
    let walk = Walk {
        waiting: vec![root],
        open: None,
        max_depth: usize::MAX,
        follows_links: false,
        filter: None,
    };
    WalkDir { batch: VecDeque::new(), state: State::Idle(walk), called_at: Location::caller() }
}

/// The entries of a directory and of those below it. From [`walk_dir`].
#[must_use = "entries are only read when asked for"]
pub struct WalkDir {
    batch: VecDeque<Result<DirEntry>>,
    state: State,
    called_at: &'static Location<'static>,
}

enum State {
    Idle(Walk),
    Walking(JoinHandle<(Walk, VecDeque<Result<DirEntry>>)>),
    Done,
}

type Filter = Box<dyn FnMut(&DirEntry) -> bool + Send>;

/// How far a walk has come. For blocking threads.
struct Walk {
    /// Found and not listed yet.
    waiting: Vec<Directory>,
    open: Option<(Listing, Option<Arc<Real>>)>,
    max_depth: usize,
    follows_links: bool,
    filter: Option<Filter>,
}

struct Directory {
    path: PathBuf,
    depth: usize,
    /// Where it is, when links are followed; none for the root.
    real: Option<Arc<Real>>,
}

/// A directory without links in its path, and those around it: a link to one of them would lead around for ever.
struct Real {
    path: PathBuf,
    around: Option<Arc<Real>>,
}

impl WalkDir {
    /// Lists only what is at most so many directories below: one for what is in the directory itself.
    ///
    /// # Panics
    /// When the walk has begun.
    #[track_caller]
    pub fn max_depth(mut self, depth: usize) -> WalkDir {
        self.walk("max_depth").max_depth = depth;
        self
    }

    /// Whether links are taken for what they lead to. A link that leads to a directory around it is an error entry, and
    /// one that leads nowhere is listed as a link.
    ///
    /// # Panics
    /// When the walk has begun.
    #[track_caller]
    pub fn follow_links(mut self, follow: bool) -> WalkDir {
        self.walk("follow_links").follows_links = follow;
        self
    }

    /// Leaves out what `filter` answers `false` for, and all that is below it. It is called on a thread for blocking calls,
    /// so it may look at the entry's content.
    ///
    /// # Panics
    /// When the walk has begun.
    #[track_caller]
    pub fn filter_entry<F>(mut self, filter: F) -> WalkDir
    where
        F: FnMut(&DirEntry) -> bool + Send + 'static,
    {
        self.walk("filter_entry").filter = Some(Box::new(filter));
        self
    }

    #[track_caller]
    fn walk(&mut self, what: &str) -> &mut Walk {
        match &mut self.state {
            State::Idle(walk) if walk.has_not_begun() && self.batch.is_empty() => walk,
            _ => panic!("{what} was called after the walk had begun; call it right after walk_dir"),
        }
    }

    /// The next entry, or `None` when there is no more. A directory that cannot be read is an error, and the walk goes on
    /// without it. The error names it.
    ///
    /// # Panics
    /// When the [filter](Self::filter_entry) panicked. The walk is over then.
    ///
    /// # Cancel safety
    /// Cancel safe: no entry is lost.
    pub async fn next(&mut self) -> Option<Result<DirEntry>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Polls for the next entry, or `None` when there is no more.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<DirEntry>>> {
        loop {
            if let Some(entry) = self.batch.pop_front() {
                return Poll::Ready(Some(entry));
            }
            match std::mem::replace(&mut self.state, State::Done) {
                State::Idle(walk) if walk.is_over() => return Poll::Ready(None),
                State::Idle(mut walk) => {
                    let go_on = move || {
                        let batch = walk.next_batch();
                        (walk, batch)
                    };
                    self.state = State::Walking(begin(self.called_at, go_on));
                }
                State::Walking(mut walking) => {
                    let Poll::Ready(joined) = Pin::new(&mut walking).poll(cx) else {
                        self.state = State::Walking(walking);
                        return Poll::Pending;
                    };
                    match outcome(joined) {
                        Ok((walk, batch)) => (self.state, self.batch) = (State::Idle(walk), batch),
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    }
                }
                State::Done => return Poll::Ready(None),
            }
        }
    }
}

impl Drop for WalkDir {
    fn drop(&mut self) {
        if let State::Walking(walking) = &self.state {
            walking.abort();
        }
    }
}

impl fmt::Debug for WalkDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WalkDir").field("called_at", &self.called_at).finish_non_exhaustive()
    }
}

impl Walk {
    fn has_not_begun(&self) -> bool {
        matches!(&*self.waiting, [Directory { depth: 0, .. }])
    }

    fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.open.is_none()
    }

    /// Some entries; none only at the end.
    fn next_batch(&mut self) -> VecDeque<Result<DirEntry>> {
        let mut batch = VecDeque::new();
        let mut n_opened = 0;
        if self.max_depth == 0 {
            self.waiting.clear(); // What is in the root is one directory below it.
        }
        while batch.len() < BATCH && (n_opened < MAX_OPENED || batch.is_empty()) {
            if self.open.is_some() {
                self.list(&mut batch);
            } else if let Some(directory) = self.waiting.pop() {
                n_opened += 1;
                self.open(directory).unwrap_or_else(|error| batch.push_back(Err(error)));
            } else {
                break;
            }
        }
        batch
    }

    fn open(&mut self, directory: Directory) -> Result<()> {
        let Directory { path, depth, real: around } = directory;
        let at_path = |error| about(&path, error);
        let real = match self.follows_links {
            true => Some(Real::inside(around, &path).map_err(at_path)?),
            false => None,
        };
        self.open = Some((Listing::open(&path, depth + 1).map_err(at_path)?, real));
        Ok(())
    }

    /// Takes entries of the open directory, which is closed after the last one.
    fn list(&mut self, batch: &mut VecDeque<Result<DirEntry>>) {
        while batch.len() < BATCH {
            let Some((listing, _)) = &mut self.open else { return };
            match listing.next() {
                Some(Ok(entry)) => batch.extend(self.admit(entry).map(Ok)),
                Some(Err(error)) => batch.push_back(Err(about(listing.directory(), error))),
                None => self.open = None,
            }
        }
    }

    /// Remembers a directory that is to be listed as well. `None`: the entry is left out.
    fn admit(&mut self, mut entry: DirEntry) -> Option<DirEntry> {
        let is_link = entry.known_type().is_some_and(|file_type| file_type.is_symlink());
        if self.follows_links && is_link {
            if let Ok(target) = fs::metadata(entry.path()) {
                entry.follow(target.file_type());
            }
        }
        if self.filter.as_mut().is_some_and(|filter| !filter(&entry)) {
            return None;
        }
        let is_directory = entry.known_type().is_some_and(|file_type| file_type.is_dir());
        if is_directory && entry.depth() < self.max_depth {
            let real = self.open.as_ref().and_then(|(_, real)| real.clone());
            self.waiting.push(Directory { path: entry.path(), depth: entry.depth(), real });
        }
        Some(entry)
    }
}

impl Real {
    /// # Errors
    /// When one of those around it is the directory itself.
    fn inside(around: Option<Arc<Real>>, path: &Path) -> Result<Arc<Real>> {
        let path = fs::canonicalize(path)?;
        let mut outer = around.as_deref();
        while let Some(real) = outer {
            if real.path == path {
                let what = format!("leads back to {}, which is around it", path.display());
                return Err(Error::new(ErrorKind::InvalidInput, what));
            }
            outer = real.around.as_deref();
        }
        Ok(Arc::new(Real { path, around }))
    }
}

/// The same error, with the path.
fn about(path: &Path, error: Error) -> Error {
    Error::new(error.kind(), format!("{}: {error}", path.display()))
}
