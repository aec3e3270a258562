//! A driver over `poll(2)`: all sources are offered to the kernel in each turn. Fine for a hundred, slow for more.

use filch_core::WakeBatch;
use filch_core::io::{Interest, Ready, SlotKey};
use filch_core::seam::{Capabilities, Driver, Limit, RawSource};
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{self, Read, Write};
use std::os::{fd::BorrowedFd, unix::net::UnixStream};
use std::{collections::HashMap, sync::Mutex};

pub struct PollDriver {
    /// What is asked of each source. A report uses up the directions it speaks of.
    asked: Mutex<HashMap<SlotKey, (RawSource, PollFlags)>>,
    /// A byte written to one end ends the wait on the other.
    bell: (UnixStream, UnixStream),
}

impl PollDriver {
    pub fn new() -> io::Result<Self> {
        let bell = UnixStream::pair()?;
        bell.0.set_nonblocking(true)?;
        bell.1.set_nonblocking(true)?;
        Ok(PollDriver { asked: Mutex::default(), bell })
    }
}

impl Driver for PollDriver {
    fn turn(&self, limit: Limit, wakes: &mut WakeBatch) -> io::Result<()> {
        let mut asked: Vec<_> = self.asked.lock().unwrap().clone().into_iter().collect();
        asked.retain(|(_, (_, flags))| !flags.is_empty());
        let mut fds = vec![PollFd::new(&self.bell.0, PollFlags::IN)];
        // SAFETY: they are open, or closed because the runtime is ending, which `poll` only reports; it keeps hold of one
        // that is closed while it waits.
        let fd = |source: RawSource| unsafe { BorrowedFd::borrow_raw(source.0) };
        fds.extend(
            asked.iter().map(|(_, (source, flags))| PollFd::from_borrowed_fd(fd(*source), *flags)),
        );
        let limit = match limit {
            Limit::Zero => Some(Default::default()),
            Limit::For(limit) => limit.try_into().ok(), // Centuries do not fit and mean for ever.
            Limit::Forever => None,
        };
        if let Err(error) = poll(&mut fds, limit.as_ref()) {
            return if error == rustix::io::Errno::INTR { Ok(()) } else { Err(error.into()) };
        }
        while (&self.bell.0).read(&mut [0; 64]).is_ok() {} // Until it would block.
        let mut table = self.asked.lock().unwrap();
        for (fd, (key, _)) in fds[1..].iter().zip(asked).filter(|(fd, _)| !fd.revents().is_empty())
        {
            if let Some((_, flags)) = table.get_mut(&key) {
                let (said, ended) = (fd.revents(), PollFlags::HUP | PollFlags::ERR);
                flags.remove(if said.intersects(ended) { PollFlags::all() } else { said });
                wakes.deliver(key, ready(fd.revents()));
            }
        }
        Ok(())
    }

    fn unpark(&self) {
        let _ = (&self.bell.1).write(&[0]); // If it is full, it rings already.
    }

    unsafe fn register(&self, source: RawSource, key: SlotKey, of: Interest) -> io::Result<()> {
        self.rearm(source, key, of)
    }

    fn rearm(&self, source: RawSource, key: SlotKey, interest: Interest) -> io::Result<()> {
        let mut asked = self.asked.lock().unwrap();
        let (_, flags) = asked.entry(key).or_insert((source, PollFlags::empty()));
        *flags |= if interest.is_readable() { PollFlags::IN } else { PollFlags::empty() };
        *flags |= if interest.is_writable() { PollFlags::OUT } else { PollFlags::empty() };
        self.unpark(); // A turn that waits has not heard of it.
        Ok(())
    }

    fn deregister(&self, _: RawSource, key: SlotKey, _: bool) -> io::Result<()> {
        self.asked.lock().unwrap().remove(&key);
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new() // No edges: it must be re-armed.
    }
}

fn ready(flags: PollFlags) -> Ready {
    let meanings = [
        (PollFlags::IN, Ready::READABLE),
        (PollFlags::OUT, Ready::WRITABLE),
        (PollFlags::HUP, Ready::READ_CLOSED | Ready::WRITE_CLOSED),
        (PollFlags::ERR, Ready::ERROR),
    ];
    let met = meanings.into_iter().filter(|(flag, _)| flags.contains(*flag));
    met.fold(Ready::EMPTY, |ready, (_, meaning)| ready | meaning)
}
