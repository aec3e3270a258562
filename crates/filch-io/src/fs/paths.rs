//! Operations on what a path names, each one call of the standard library on another thread.

use super::call::call;
use super::{Metadata, Permissions};
use std::fs;
use std::future::Future;
use std::io::Result;
use std::path::{Path, PathBuf};

/// The absolute path of what `path` names, without links and dots.
///
/// # Errors
/// When it does not exist, or a part of the path is no directory.
///
/// # Cancel safety
/// Cancel safe: nothing changes.
#[track_caller]
pub fn canonicalize<P: AsRef<Path>>(path: P) -> impl Future<Output = Result<PathBuf>> + Send {
    let path = path.as_ref().to_owned();
    call(move || fs::canonicalize(path))
}

/// Copies the content and the permissions of a file to another one, which is made or replaced; answers how many bytes.
///
/// # Errors
/// When `from` is no file or cannot be read, and when `to` cannot be written. Part of it may be written then.
///
/// # Cancel safety
/// Not cancel safe: dropped, it copies nothing or, in the background, all; see the [module](super#cancel-safety).
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// let n_bytes = filch_io::fs::copy("notes.txt", "notes.bak").await?;
/// # let _ = n_bytes; Ok(()) }
/// ```
#[track_caller]
pub fn copy<P, Q>(from: P, to: Q) -> impl Future<Output = Result<u64>> + Send
where
    P: AsRef<Path>,
    Q: AsRef<Path>,
{
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    call(move || fs::copy(from, to))
}

/// Makes an empty directory.
///
/// # Errors
/// When its parent does not exist, or something of that name does.
///
/// # Cancel safety
/// Not cancel safe: dropped, it may be made all the same; see the [module](super#cancel-safety).
#[track_caller]
pub fn create_dir<P: AsRef<Path>>(path: P) -> impl Future<Output = Result<()>> + Send {
    let path = path.as_ref().to_owned();
    call(move || fs::create_dir(path))
}

/// Makes a directory, and the parents that are missing. One that exists is fine.
///
/// # Errors
/// When one of them cannot be made. Parents that were made stay.
///
/// # Cancel safety
/// Not cancel safe: dropped, they may be made all the same; see the [module](super#cancel-safety).
#[track_caller]
pub fn create_dir_all<P: AsRef<Path>>(path: P) -> impl Future<Output = Result<()>> + Send {
    let path = path.as_ref().to_owned();
    call(move || fs::create_dir_all(path))
}

/// Gives a file another name on the same file system.
///
/// # Errors
/// When `original` is no file, or something of the name `link` exists.
///
/// # Cancel safety
/// Not cancel safe: dropped, the link may be made all the same; see the [module](super#cancel-safety).
#[track_caller]
pub fn hard_link<P, Q>(original: P, link: Q) -> impl Future<Output = Result<()>> + Send
where
    P: AsRef<Path>,
    Q: AsRef<Path>,
{
    let (original, link) = (original.as_ref().to_owned(), link.as_ref().to_owned());
    call(move || fs::hard_link(original, link))
}

/// What the system knows about a file or directory; of a link, about what it leads to.
///
/// # Errors
/// When it does not exist, or the path cannot be searched.
///
/// # Cancel safety
/// Cancel safe: nothing changes.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// let n_bytes = filch_io::fs::metadata("notes.txt").await?.len();
/// # let _ = n_bytes; Ok(()) }
/// ```
#[track_caller]
pub fn metadata<P: AsRef<Path>>(path: P) -> impl Future<Output = Result<Metadata>> + Send {
    let path = path.as_ref().to_owned();
    call(move || fs::metadata(path))
}

/// Where a symbolic link leads.
///
/// # Errors
/// When `path` is no symbolic link.
///
/// # Cancel safety
/// Cancel safe: nothing changes.
#[track_caller]
pub fn read_link<P: AsRef<Path>>(path: P) -> impl Future<Output = Result<PathBuf>> + Send {
    let path = path.as_ref().to_owned();
    call(move || fs::read_link(path))
}

/// Removes an empty directory.
///
/// # Errors
/// When it is not empty, or no directory.
///
/// # Cancel safety
/// Not cancel safe: dropped, it may be removed all the same; see the [module](super#cancel-safety).
#[track_caller]
pub fn remove_dir<P: AsRef<Path>>(path: P) -> impl Future<Output = Result<()>> + Send {
    let path = path.as_ref().to_owned();
    call(move || fs::remove_dir(path))
}

/// Removes a directory and all that is in it. Links are removed, not followed.
///
/// # Errors
/// When something cannot be removed. What was removed before is gone.
///
/// # Cancel safety
/// Not cancel safe: dropped, it removes nothing or, in the background, all; see the [module](super#cancel-safety).
#[track_caller]
pub fn remove_dir_all<P: AsRef<Path>>(path: P) -> impl Future<Output = Result<()>> + Send {
    let path = path.as_ref().to_owned();
    call(move || fs::remove_dir_all(path))
}

/// Removes a file. Whoever has it open can go on using it, but on Windows.
///
/// # Errors
/// When it does not exist, is a directory, or its directory may not be changed.
///
/// # Cancel safety
/// Not cancel safe: dropped, it may be removed all the same; see the [module](super#cancel-safety).
#[track_caller]
pub fn remove_file<P: AsRef<Path>>(path: P) -> impl Future<Output = Result<()>> + Send {
    let path = path.as_ref().to_owned();
    call(move || fs::remove_file(path))
}

/// Gives a file or directory another name, in place of what has that name.
///
/// # Errors
/// When `from` does not exist, or `to` is on another file system.
///
/// # Cancel safety
/// Not cancel safe: dropped, it may be renamed all the same; see the [module](super#cancel-safety).
#[track_caller]
pub fn rename<P, Q>(from: P, to: Q) -> impl Future<Output = Result<()>> + Send
where
    P: AsRef<Path>,
    Q: AsRef<Path>,
{
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    call(move || fs::rename(from, to))
}

/// Changes who may do what with a file or directory.
///
/// # Errors
/// When it does not exist, or is somebody else's.
///
/// # Cancel safety
/// Not cancel safe: dropped, they may be changed all the same; see the [module](super#cancel-safety).
#[track_caller]
pub fn set_permissions<P: AsRef<Path>>(
    path: P,
    permissions: Permissions,
) -> impl Future<Output = Result<()>> + Send {
    let path = path.as_ref().to_owned();
    call(move || fs::set_permissions(path, permissions))
}

/// Makes a symbolic link at `link` that leads to `original`, which need not exist.
///
/// # Errors
/// When something of the name `link` exists.
///
/// # Cancel safety
/// Not cancel safe: dropped, the link may be made all the same; see the [module](super#cancel-safety).
#[cfg(unix)]
#[track_caller]
pub fn symlink<P, Q>(original: P, link: Q) -> impl Future<Output = Result<()>> + Send
where
    P: AsRef<Path>,
    Q: AsRef<Path>,
{
    let (original, link) = (original.as_ref().to_owned(), link.as_ref().to_owned());
    call(move || std::os::unix::fs::symlink(original, link))
}

/// Makes a symbolic link at `link` that leads to the directory `original`.
///
/// # Errors
/// When something of the name `link` exists, or this user may not make links.
///
/// # Cancel safety
/// Not cancel safe: dropped, the link may be made all the same; see the [module](super#cancel-safety).
#[cfg(windows)]
#[track_caller]
pub fn symlink_dir<P, Q>(original: P, link: Q) -> impl Future<Output = Result<()>> + Send
where
    P: AsRef<Path>,
    Q: AsRef<Path>,
{
    let (original, link) = (original.as_ref().to_owned(), link.as_ref().to_owned());
    call(move || std::os::windows::fs::symlink_dir(original, link))
}

/// Makes a symbolic link at `link` that leads to the file `original`.
///
/// # Errors
/// When something of the name `link` exists, or this user may not make links.
///
/// # Cancel safety
/// Not cancel safe: dropped, the link may be made all the same; see the [module](super#cancel-safety).
#[cfg(windows)]
#[track_caller]
pub fn symlink_file<P, Q>(original: P, link: Q) -> impl Future<Output = Result<()>> + Send
where
    P: AsRef<Path>,
    Q: AsRef<Path>,
{
    let (original, link) = (original.as_ref().to_owned(), link.as_ref().to_owned());
    call(move || std::os::windows::fs::symlink_file(original, link))
}

/// As [`metadata`], but of a link: about the link itself.
///
/// # Errors
/// When it does not exist, or the path cannot be searched.
///
/// # Cancel safety
/// Cancel safe: nothing changes.
#[track_caller]
pub fn symlink_metadata<P: AsRef<Path>>(path: P) -> impl Future<Output = Result<Metadata>> + Send {
    let path = path.as_ref().to_owned();
    call(move || fs::symlink_metadata(path))
}

/// Whether `path` names something. A link that leads nowhere does not.
///
/// # Errors
/// When that cannot be told, as in a directory that may not be searched.
///
/// # Cancel safety
/// Cancel safe: nothing changes.
#[track_caller]
pub fn try_exists<P: AsRef<Path>>(path: P) -> impl Future<Output = Result<bool>> + Send {
    let path = path.as_ref().to_owned();
    call(move || fs::exists(path))
}
