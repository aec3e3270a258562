//! TCP servers without a runtime: a thread per worker, each with an epoll of its own, that share a listener.

use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::thread;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send};

use crate::report::Report;
use crate::workloads::net::{listen, load};

/// [`echo_64`](crate::workloads::net::echo_64).
pub(in crate::workloads) fn echo_64(workers: usize, scale: f64) -> Report {
    load("echo", &serve(workers, Then::Wait), 64, scale)
}

/// [`echo_1000`](crate::workloads::net::echo_1000).
pub(in crate::workloads) fn echo_1000(workers: usize, scale: f64) -> Report {
    load("echo", &serve(workers, Then::Wait), 1000, scale)
}

/// [`churn`](crate::workloads::net::churn).
pub(in crate::workloads) fn churn(workers: usize, scale: f64) -> Report {
    load("churn", &serve(workers, Then::Close), 64, scale)
}

/// What follows an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The next request of the same connection.
    Wait,
    Close,
}

/// Starts a server and returns its address. It ends with the process.
fn serve(workers: usize, then: Then) -> String {
    let (listener, address) = listen();
    listener.set_nonblocking(true).expect("a socket can be told not to block");
    let listener = Arc::new(listener);
    for _ in 0..workers {
        let worker = Worker::new(Arc::clone(&listener), then).expect("the system has an epoll");
        thread::spawn(move || panic!("a server by hand: {}", worker.run()));
    }
    address
}

struct Worker {
    epoll: OwnedFd,
    listener: Arc<TcpListener>,
    then: Then,
    /// The connections that wait here, each at its descriptor's number.
    waiting: Vec<Option<OwnedFd>>,
}

impl Worker {
    fn new(listener: Arc<TcpListener>, then: Then) -> Result<Self, Errno> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        // Why exclusive: a connection is to wake one worker, not all.
        let events = EventFlags::IN | EventFlags::EXCLUSIVE;
        epoll::add(&epoll, &*listener, key(&*listener), events)?;
        Ok(Worker { epoll, listener, then, waiting: Vec::new() })
    }

    /// Serves until something fails that is no connection's own.
    fn run(mut self) -> Errno {
        let accepting = key(&*self.listener).u64();
        let mut events = Vec::with_capacity(64);
        loop {
            events.clear();
            let room = rustix::buffer::spare_capacity(&mut events);
            if let Err(error) = epoll::wait(&self.epoll, room, None) {
                return error;
            }
            for event in &events {
                let number = event.data.u64();
                let served = if number == accepting {
                    self.accept()
                } else {
                    let connection = self.waiting[number as usize].take();
                    connection.map_or(Ok(()), |connection| self.answer(connection, true))
                };
                if let Err(error) = served {
                    return error;
                }
            }
        }
    }

    /// Takes every connection that has come, and answers those that have asked already.
    fn accept(&mut self) -> Result<(), Errno> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        loop {
            match accept_with(&self.listener, flags) {
                Ok(connection) => self.answer(connection, false)?,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Answers one request; a connection that is over is closed.
    fn answer(&mut self, connection: OwnedFd, is_watched: bool) -> Result<(), Errno> {
        let mut request = [0; 1024];
        match recv(&connection, &mut request, RecvFlags::empty()) {
            Ok((1.., n)) => {
                // Why this suffices: an answer of 64 bytes fits into a buffer that its reader has emptied.
                let sent = send(&connection, &request[..n], SendFlags::NOSIGNAL);
                if sent != Ok(n) || self.then == Then::Close {
                    return Ok(());
                }
            }
            Err(Errno::AGAIN) => {}
            Ok(_) | Err(_) => return Ok(()), // The peer has gone.
        }
        if !is_watched {
            epoll::add(&self.epoll, &connection, key(&connection), EventFlags::IN)?;
        }
        let number = connection.as_raw_fd() as usize;
        if self.waiting.len() <= number {
            self.waiting.resize_with(number + 1, || None);
        }
        self.waiting[number] = Some(connection);
        Ok(())
    }
}

fn key(socket: &impl AsRawFd) -> EventData {
    EventData::new_u64(socket.as_raw_fd() as u64)
}
