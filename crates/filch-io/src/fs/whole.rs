//! Whole files at once.

use super::cached::{self, Whole};
use super::call::call_of;
use filch_core::coop;
use std::fs;
use std::future::{Future, poll_fn};
use std::io::{Error, ErrorKind, Read, Result};
use std::panic::Location;
use std::path::{Path, PathBuf};

/// Reads a whole file.
///
/// # Errors
/// When it cannot be opened or read.
///
/// # Cancel safety
/// Cancel safe: nothing changes.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// let bytes = filch_io::fs::read("logo.png").await?;
/// # let _ = bytes; Ok(()) }
/// ```
#[track_caller]
pub fn read<P: AsRef<Path>>(path: P) -> impl Future<Output = Result<Vec<u8>>> + Send {
    read_from(Location::caller(), path.as_ref().to_owned())
}

/// Reads a whole file as text.
///
/// # Errors
/// When it cannot be opened or read, and, with [`InvalidData`](ErrorKind::InvalidData), when it is not UTF-8.
///
/// # Cancel safety
/// Cancel safe: nothing changes.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// let text = filch_io::fs::read_to_string("notes.txt").await?;
/// # let _ = text; Ok(()) }
/// ```
#[track_caller]
pub fn read_to_string<P: AsRef<Path>>(path: P) -> impl Future<Output = Result<String>> + Send {
    let bytes = read_from(Location::caller(), path.as_ref().to_owned());
    async move {
        String::from_utf8(bytes.await?)
            .map_err(|_| Error::new(ErrorKind::InvalidData, "the file is not valid UTF-8"))
    }
}

/// Makes a file of these bytes, in place of what it had before.
///
/// When it answers, the system has all bytes, and would err by then; whether they are on the disk is another matter, for
/// which [`File::sync_all`](super::File::sync_all) is.
///
/// # Errors
/// When the file cannot be made or written, as on a disk that is full. It may hold a part of the bytes then.
///
/// # Cancel safety
/// Not cancel safe: dropped, it writes nothing or, in the background, all; see the [module](super#cancel-safety).
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// filch_io::fs::write("notes.txt", "buy milk").await?;
/// # Ok(()) }
/// ```
#[track_caller]
pub fn write<P, C>(path: P, contents: C) -> impl Future<Output = Result<()>> + Send
where
    P: AsRef<Path>,
    C: AsRef<[u8]>,
{
    let path = path.as_ref().to_owned();
    let contents = contents.as_ref().to_owned();
    call_of(Location::caller(), move || fs::write(path, contents))
}

async fn read_from(called_at: &'static Location<'static>, path: PathBuf) -> Result<Vec<u8>> {
    let unit = poll_fn(coop::poll_proceed).await;
    let whole = cached::read_whole(&path);
    if let Whole::Read(bytes) = whole {
        unit.made_progress();
        return Ok(bytes);
    }
    drop(unit);
    call_of(called_at, move || finish(&path, whole)).await
}

/// Reads what is left, wherever it is.
fn finish(path: &Path, whole: Whole) -> Result<Vec<u8>> {
    let (mut file, mut bytes) = match whole {
        Whole::Read(bytes) => return Ok(bytes),
        Whole::Begun(file, bytes) => (file, bytes),
        Whole::NotOpened => {
            let file = fs::File::open(path)?;
            cached::learn(&file);
            (file, Vec::new())
        }
    };
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
