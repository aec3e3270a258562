//! `load <address> <connections> <warm-up ms> <run ms>`: the one load generator for every echo server.
//!
//! One thread, one epoll, no runtime: each connection sends 64 bytes, waits for all of them to come back, and
//! sends again.
//! It prints `begin` when the warm-up is over and `end <requests> <seconds> <p50 µs> <p99 µs>` at the end.
//! It stops by itself: with an error when nothing comes back for five seconds.

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};

type Fallible<T> = Result<T, Box<dyn Error>>;

const MESSAGE: [u8; 64] = [b'f'; 64];
const PATIENCE: Duration = Duration::from_secs(5);

struct Connection {
    stream: TcpStream,
    sent: Instant,
    received: usize,
}

impl Connection {
    fn send(&mut self, now: Instant) -> Fallible<()> {
        self.sent = now;
        self.received = 0;
        // One message fits into an empty send buffer, so that a partial write is an error here.
        self.stream.write_all(&MESSAGE)?;
        Ok(())
    }

    /// Whether the whole message is back.
    fn receive(&mut self) -> Fallible<bool> {
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

fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, connections, warm_up, run] = &args[..] else {
        return Err("usage: load <address> <connections> <warm-up ms> <run ms>".into());
    };
    let mut load = Load::connect(address, connections.parse()?)?;
    load.run_for(Duration::from_millis(warm_up.parse()?))?;
    println!("begin");
    let (seconds, mut latencies_ns) = load.run_for(Duration::from_millis(run.parse()?))?;
    latencies_ns.sort_unstable();
    let requests = latencies_ns.len();
    let at = |share: f64| {
        let index = (requests.saturating_sub(1) as f64 * share).round() as usize;
        latencies_ns.get(index).map_or(0.0, |&ns| f64::from(ns) / 1e3)
    };
    println!("end {requests} {seconds:.6} {:.1} {:.1}", at(0.5), at(0.99));
    Ok(())
}

/// All connections, each with one message on its way.
struct Load {
    epoll: rustix::fd::OwnedFd,
    connections: Vec<Connection>,
    events: Vec<epoll::Event>,
}

impl Load {
    fn connect(address: &str, n_connections: usize) -> Fallible<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut connections = Vec::with_capacity(n_connections);
        for n in 0..n_connections {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let flags = epoll::EventFlags::IN;
            epoll::add(&epoll, &stream, epoll::EventData::new_u64(n as u64), flags)?;
            connections.push(Connection { stream, sent: Instant::now(), received: 0 });
        }
        for connection in &mut connections {
            connection.send(Instant::now())?;
        }
        Ok(Load { epoll, connections, events: Vec::with_capacity(n_connections.clamp(16, 1024)) })
    }

    /// How long it took, and the latency of each request that ended meanwhile.
    fn run_for(&mut self, duration: Duration) -> Fallible<(f64, Vec<u32>)> {
        let start = Instant::now();
        let mut latencies_ns = Vec::with_capacity(1 << 20);
        let mut now = start;
        let mut last_answer = start;
        while now - start < duration {
            let tick = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
            self.events.clear();
            epoll::wait(
                &self.epoll,
                rustix::buffer::spare_capacity(&mut self.events),
                Some(&tick),
            )?;
            for event in &self.events {
                let connection = &mut self.connections[event.data.u64() as usize];
                if connection.receive()? {
                    now = Instant::now();
                    latencies_ns.push((now - connection.sent).as_nanos() as u32);
                    connection.send(now)?;
                    last_answer = now;
                }
            }
            now = Instant::now();
            if now - last_answer > PATIENCE {
                return Err("no answer for five seconds".into());
            }
        }
        Ok(((now - start).as_secs_f64(), latencies_ns))
    }
}
