//! Exchange after exchange on one connection.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use rustix::event::epoll::EventFlags;

use crate::drive::{Exchange, Place};
use crate::{Fallible, MESSAGE};

pub(crate) struct Again {
    stream: TcpStream,
    received: usize,
}

impl Exchange for Again {
    fn open(place: &Place<'_>) -> Fallible<Self> {
        let stream = TcpStream::connect(place.address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        place.watch(&stream, EventFlags::IN)?;
        Ok(Again { stream, received: 0 })
    }

    fn begin(&mut self, _: &Place<'_>) -> Fallible<()> {
        self.received = 0;
        // One message fits into an empty send buffer, so that a partial write is an error here.
        Ok(self.stream.write_all(&MESSAGE)?)
    }

    fn take(&mut self) -> Fallible<bool> {
        let mut buffer = [0; MESSAGE.len()];
        match self.stream.read(&mut buffer[self.received..]) {
            Ok(0) => Err("the server closed a connection".into()),
            Ok(n) => {
                self.received += n;
                Ok(self.received == MESSAGE.len())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
