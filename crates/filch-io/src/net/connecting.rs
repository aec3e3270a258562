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
    match SockRef::from(source.io()).connect(address) {
        Ok(()) => Ok(()),
        // An interrupted connect goes on in the kernel, like one that does not block.
        Err(error) if is_in_progress(&error) || error.kind() == ErrorKind::Interrupted => {
            // Registered after the call: a socket that is not connecting yet reports that it is hung up.
            source.register()?;
            source.run(Direction::Write, |io| is_connected(&SockRef::from(io))).await
        }
        Err(error) => Err(error),
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

#[cfg(not(unix))]
fn is_in_progress(error: &Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}
