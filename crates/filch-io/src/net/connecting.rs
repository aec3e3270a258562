//! Connecting one socket, and waiting until that is done.

use crate::source::{AsSource, Source};
use filch_core::io::Direction;
use socket2::{SockAddr, SockRef};
use std::io::{Error, ErrorKind, Result};

/// Connects and waits until that is done. Dropped halfway, it leaves a socket that is good for being closed only.
pub(super) async fn connect<T: AsSource>(source: &Source<T>, address: &SockAddr) -> Result<()>
where
    for<'a> SockRef<'a>: From<&'a T>,
{
    if begin(&SockRef::from(source.io()), address)? {
        return Ok(());
    }
    // Registered after the call: a socket that is not connecting yet reports that it is hung up.
    source.register()?;
    source.run(Direction::Write, |io| is_connected(&SockRef::from(io))).await
}

/// Asks for a connection; `false` while it is being made.
fn begin(socket: &SockRef<'_>, address: &SockAddr) -> Result<bool> {
    let mut was_interrupted = false;
    loop {
        match socket.connect(address) {
            Ok(()) => return Ok(true),
            // Asked again: an interrupted call may have begun, which the next one says, or may have done nothing.
            Err(error) if error.kind() == ErrorKind::Interrupted => was_interrupted = true,
            Err(error) if is_in_progress(&error) => return Ok(false),
            Err(error) if was_interrupted && is_begun(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

/// `WouldBlock` while the connection is being made.
fn is_connected(socket: &SockRef<'_>) -> Result<()> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Err(error) if error.kind() == ErrorKind::NotConnected => Err(ErrorKind::WouldBlock.into()),
        result => result.map(drop),
    }
}

#[cfg(unix)]
fn is_in_progress(error: &Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}

/// Whether an earlier call has made the connection, or is about to.
#[cfg(unix)]
fn is_begun(error: &Error) -> bool {
    use rustix::io::Errno;
    let errno = error.raw_os_error();
    errno == Some(Errno::ALREADY.raw_os_error()) || errno == Some(Errno::ISCONN.raw_os_error())
}

#[cfg(not(unix))]
fn is_in_progress(error: &Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}

/// No call is interrupted there.
#[cfg(not(unix))]
fn is_begun(_: &Error) -> bool {
    false
}
