//! Reads and writes at any place of the file, several at a time.

use super::File;
use crate::fs::call::uninterrupted;
use filch_core::coop;
use filch_core::sys::sync::atomic::Ordering::Relaxed;
use std::fs;
use std::future::poll_fn;
use std::io::{Error, ErrorKind, IoSliceMut, Result};

#[cfg(unix)]
use std::os::unix::fs::FileExt;
#[cfg(windows)]
use std::os::windows::fs::FileExt;

impl File {
    /// Reads some bytes at `offset`, and answers how many; zero is the end. Several may read at a time, and the position
    /// of the file stays, but on Windows, where it is moved behind them.
    ///
    /// # Errors
    /// When the file cannot be read, or has no positions, as a pipe.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing changes.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let file = filch_io::fs::File::open("records").await?;
    /// let mut record = [0; 128];
    /// let n_read = file.read_at(&mut record, 3 * 128).await?;
    /// # let _ = n_read; Ok(()) }
    /// ```
    pub async fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        drop(self.await_writes().await);
        let unit = poll_fn(coop::poll_proceed).await;
        let mut bufs = [IoSliceMut::new(buf)];
        if let Some(n) = self.cached.read(self.handle.file(), &mut bufs, Some(offset)) {
            unit.made_progress();
            return Ok(n);
        }
        drop(unit);
        let mut bytes = vec![0; buf.len().min(self.max_buf_size)];
        let (n_read, bytes) =
            self.handle.call(move |file| Ok((read_at(file, &mut bytes, offset)?, bytes))).await?;
        buf[..n_read].copy_from_slice(&bytes[..n_read]);
        Ok(n_read)
    }

    /// Fills `buf` with the bytes at `offset`. The position of the file stays, but on Windows.
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at); with [`UnexpectedEof`](ErrorKind::UnexpectedEof) when the file ends before.
    ///
    /// # Cancel safety
    /// Cancel safe: only `buf` changes.
    pub async fn read_exact_at(&self, mut buf: &mut [u8], mut offset: u64) -> Result<()> {
        while !buf.is_empty() {
            let n_read = self.read_at(buf, offset).await?;
            if n_read == 0 {
                return Err(Error::new(
                    ErrorKind::UnexpectedEof,
                    "end of file before the buffer was full",
                ));
            }
            buf = &mut buf[n_read..];
            offset += n_read as u64;
        }
        Ok(())
    }

    /// Writes some bytes at `offset`, and answers how many when they are written. Several may write at a time, and the
    /// position of the file stays, but on Windows, where it is moved behind them.
    ///
    /// A file that was opened to append appends them on Linux, whatever the offset.
    ///
    /// # Errors
    /// That of a write that nobody was told yet, before anything is written. Also when the file cannot be written, or has
    /// no positions.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropped, it may write all the same; see the [module](crate::fs#cancel-safety).
    pub async fn write_at(&self, buf: &[u8], offset: u64) -> Result<usize> {
        self.check_writes().await?;
        self.is_rewritten.store(true, Relaxed);
        let bytes = buf[..buf.len().min(self.max_buf_size)].to_vec();
        self.handle.call(move |file| uninterrupted(|| write_at(file, &bytes, offset))).await
    }

    /// Writes all of `buf` at `offset`. The position of the file stays, but on Windows.
    ///
    /// # Errors
    /// As [`write_at`](Self::write_at). A part may be written then.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropped, it may have written a part.
    pub async fn write_all_at(&self, mut buf: &[u8], mut offset: u64) -> Result<()> {
        while !buf.is_empty() {
            let n_written = self.write_at(buf, offset).await?;
            if n_written == 0 {
                return Err(crate::io::checked::write_zero());
            }
            buf = &buf[n_written..];
            offset += n_written as u64;
        }
        Ok(())
    }
}

fn read_at(file: &fs::File, buf: &mut [u8], offset: u64) -> Result<usize> {
    #[cfg(unix)]
    return uninterrupted(|| file.read_at(buf, offset));
    #[cfg(windows)]
    return uninterrupted(|| file.seek_read(buf, offset));
}

fn write_at(file: &fs::File, buf: &[u8], offset: u64) -> Result<usize> {
    #[cfg(unix)]
    return file.write_at(buf, offset);
    #[cfg(windows)]
    return file.seek_write(buf, offset);
}
