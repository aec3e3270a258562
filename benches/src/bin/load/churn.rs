//! One exchange per connection, from connect to close.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::event::epoll::EventFlags;
use rustix::net::sockopt::set_socket_linger;

use crate::drive::{Exchange, Place};
use crate::{Fallible, MESSAGE};

pub(crate) struct Once(Option<TcpStream>);

impl Exchange for Once {
    fn open(_: &Place<'_>) -> Fallible<Self> {
        Ok(Once(None))
    }

    fn begin(&mut self, place: &Place<'_>) -> Fallible<()> {
        let stream = self.0.insert(TcpStream::connect(place.address)?);
        stream.write_all(&MESSAGE)?;
        // Why the end only: the answer lies before it, so that one look is enough.
        place.watch(stream, EventFlags::RDHUP)
    }

    fn take(&mut self) -> Fallible<bool> {
        let Some(mut stream) = self.0.take() else {
            return Ok(false); // A second event of a connection that is closed.
        };
        let mut answer = Vec::with_capacity(2 * MESSAGE.len());
        stream.read_to_end(&mut answer)?;
        if answer != MESSAGE {
            return Err(format!("{} bytes came back, not what was sent", answer.len()).into());
        }
        // Why: a connection that ends in order stays in the kernel for a minute, and uses up ports and memory.
        set_socket_linger(&stream, Some(Duration::ZERO))?;
        Ok(true)
    }
}
