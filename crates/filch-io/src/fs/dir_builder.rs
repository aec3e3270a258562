//! How a directory is to be made.

use super::call::call;
use std::fs;
use std::future::Future;
use std::io::Result;
use std::path::Path;

/// Makes directories, with their parents or with a mode of their own.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// filch_io::fs::DirBuilder::new().recursive(true).create("a/b/c").await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
pub struct DirBuilder {
    recursive: bool,
    #[cfg(unix)]
    mode: Option<u32>,
}

impl DirBuilder {
    /// One that makes a single directory, with the mode that the process gives by default.
    pub fn new() -> Self {
        DirBuilder::default()
    }

    /// Whether missing parents are made too, and a directory that exists is fine.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// The mode of what is made, from which the process's mask is taken.
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = Some(mode);
        self
    }

    /// Makes the directory.
    ///
    /// # Errors
    /// As [`create_dir`](super::create_dir), or as [`create_dir_all`](super::create_dir_all) when it is recursive.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropped, it may be made all the same; see the [module](super#cancel-safety).
    #[track_caller]
    pub fn create<P: AsRef<Path>>(
        &self,
        path: P,
    ) -> impl Future<Output = Result<()>> + Send + use<P> {
        let path = path.as_ref().to_owned();
        let mut builder = fs::DirBuilder::new();
        builder.recursive(self.recursive);
        #[cfg(unix)]
        if let Some(mode) = self.mode {
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode);
        }
        call(move || builder.create(path))
    }
}
