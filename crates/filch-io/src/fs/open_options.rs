//! How a file is to be opened.

use super::cached::{self, Access};
use super::call::call_of;
use super::file::File;
use filch_core::coop;
use std::fs;
use std::future::{Future, poll_fn};
use std::io::Result;
use std::panic::Location;
use std::path::{Path, PathBuf};

/// What a file is opened for, and what happens when it exists, or does not.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use filch_io::fs::OpenOptions;
///
/// let log = OpenOptions::new().append(true).create(true).open("log.txt").await?;
/// # let _ = log; Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions {
    std: fs::OpenOptions,
    /// The same, as far as cached opens need it.
    access: Access,
    may_change: MayChange,
    /// Something is asked that cached opens do not know.
    is_special: bool,
}

/// What an open may do to what it finds.
#[derive(Clone, Copy, Debug, Default)]
struct MayChange {
    truncate: bool,
    create: bool,
    create_new: bool,
}

impl OpenOptions {
    /// Nothing is set; at least reading, writing or appending must be.
    pub fn new() -> OpenOptions {
        OpenOptions::over(fs::OpenOptions::new(), false)
    }

    fn over(std: fs::OpenOptions, is_special: bool) -> OpenOptions {
        let access = Access { read: false, write: false, append: false };
        OpenOptions { std, access, may_change: MayChange::default(), is_special }
    }

    /// Whether the file can be read.
    pub fn read(&mut self, read: bool) -> &mut OpenOptions {
        self.std.read(read);
        self.access.read = read;
        self
    }

    /// Whether the file can be written, over what it has.
    pub fn write(&mut self, write: bool) -> &mut OpenOptions {
        self.std.write(write);
        self.access.write = write;
        self
    }

    /// Whether the file can be written, each time at its end.
    pub fn append(&mut self, append: bool) -> &mut OpenOptions {
        self.std.append(append);
        self.access.append = append;
        self
    }

    /// Whether a file that exists is emptied. Needs [`write`](Self::write).
    pub fn truncate(&mut self, truncate: bool) -> &mut OpenOptions {
        self.std.truncate(truncate);
        self.may_change.truncate = truncate;
        self
    }

    /// Whether a file that does not exist is made. Needs [`write`](Self::write) or [`append`](Self::append).
    pub fn create(&mut self, create: bool) -> &mut OpenOptions {
        self.std.create(create);
        self.may_change.create = create;
        self
    }

    /// Whether the file must not exist, and is made: nobody else can have made it then.
    pub fn create_new(&mut self, create_new: bool) -> &mut OpenOptions {
        self.std.create_new(create_new);
        self.may_change.create_new = create_new;
        self
    }

    /// Opens the file.
    ///
    /// # Errors
    /// When it cannot be opened so, and when the options contradict each other.
    ///
    /// # Cancel safety
    /// Dropped, it may make or empty the file all the same; whatever was opened is closed.
    #[track_caller]
    pub fn open<P: AsRef<Path>>(
        &self,
        path: P,
    ) -> impl Future<Output = Result<File>> + Send + use<P> {
        self.clone().open_at(Location::caller(), path.as_ref().to_owned())
    }

    async fn open_at(self, called_at: &'static Location<'static>, path: PathBuf) -> Result<File> {
        let unit = poll_fn(coop::poll_proceed).await;
        if let Some(file) = self.open_cached(&path) {
            unit.made_progress();
            return Ok(File::new(file, called_at));
        }
        drop(unit);
        let open = move || {
            let file = self.std.open(path)?;
            cached::learn(&file);
            Ok(file)
        };
        Ok(File::new(call_of(called_at, open).await?, called_at))
    }

    fn open_cached(&self, path: &Path) -> Option<fs::File> {
        let MayChange { truncate, create, create_new } = self.may_change;
        let is_simple = !(self.is_special || truncate || create || create_new);
        is_simple.then(|| cached::open(path, self.access)).flatten()
    }
}

#[cfg(unix)]
impl OpenOptions {
    /// The mode of a file that is made, from which the process's mask is taken.
    pub fn mode(&mut self, mode: u32) -> &mut OpenOptions {
        std::os::unix::fs::OpenOptionsExt::mode(&mut self.std, mode);
        self
    }

    /// Further flags for the system's `open`; the access mode in them is ignored.
    pub fn custom_flags(&mut self, flags: i32) -> &mut OpenOptions {
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut self.std, flags);
        self.is_special = true;
        self
    }
}

#[cfg(windows)]
impl OpenOptions {
    /// What the file is opened for, as the system's `dwDesiredAccess`.
    pub fn access_mode(&mut self, access: u32) -> &mut OpenOptions {
        std::os::windows::fs::OpenOptionsExt::access_mode(&mut self.std, access);
        self
    }

    /// What others may open it for meanwhile, as the system's `dwShareMode`.
    pub fn share_mode(&mut self, share: u32) -> &mut OpenOptions {
        std::os::windows::fs::OpenOptionsExt::share_mode(&mut self.std, share);
        self
    }

    /// Further flags for the system's `dwFileFlags`.
    pub fn custom_flags(&mut self, flags: u32) -> &mut OpenOptions {
        std::os::windows::fs::OpenOptionsExt::custom_flags(&mut self.std, flags);
        self
    }

    /// The attributes of a file that is made.
    pub fn attributes(&mut self, attributes: u32) -> &mut OpenOptions {
        std::os::windows::fs::OpenOptionsExt::attributes(&mut self.std, attributes);
        self
    }

    /// What the server of a named pipe may do in the name of whoever opens it.
    pub fn security_qos_flags(&mut self, flags: u32) -> &mut OpenOptions {
        std::os::windows::fs::OpenOptionsExt::security_qos_flags(&mut self.std, flags);
        self
    }
}

impl From<fs::OpenOptions> for OpenOptions {
    fn from(options: fs::OpenOptions) -> OpenOptions {
        OpenOptions::over(options, true)
    }
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions::new()
    }
}
