//! A closed loop: so many exchanges at a time, each begun again when it is over.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;

use crate::{Fallible, PATIENCE};

/// A request and its answer.
pub(crate) trait Exchange: Sized {
    /// Makes ready what lasts longer than one exchange.
    fn open(place: &Place<'_>) -> Fallible<Self>;

    /// Sends a request.
    fn begin(&mut self, place: &Place<'_>) -> Fallible<()>;

    /// Takes what has come. True when that is the whole answer.
    fn take(&mut self) -> Fallible<bool>;
}

/// Where an exchange takes place.
pub(crate) struct Place<'a> {
    pub(crate) address: SocketAddr,
    epoll: &'a OwnedFd,
    number: u64,
}

impl Place<'_> {
    /// Has the events of a connection reported to its exchange.
    pub(crate) fn watch(
        &self,
        connection: &impl rustix::fd::AsFd,
        events: epoll::EventFlags,
    ) -> Fallible<()> {
        Ok(epoll::add(self.epoll, connection, epoll::EventData::new_u64(self.number), events)?)
    }
}

/// All exchanges, each with a request on its way.
pub(crate) struct Load<E> {
    epoll: OwnedFd,
    address: SocketAddr,
    exchanges: Vec<(E, Instant)>,
    events: Vec<epoll::Event>,
}

impl<E: Exchange> Load<E> {
    pub(crate) fn start(address: SocketAddr, n: usize) -> Fallible<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let place = |number: usize| Place { address, epoll: &epoll, number: number as u64 };
        let mut exchanges = Vec::with_capacity(n);
        for number in 0..n {
            exchanges.push((E::open(&place(number))?, Instant::now()));
        }
        for (number, (exchange, begun)) in exchanges.iter_mut().enumerate() {
            *begun = Instant::now();
            exchange.begin(&place(number))?;
        }
        let events = Vec::with_capacity(n.clamp(16, 1024));
        Ok(Load { epoll, address, exchanges, events })
    }

    /// How long it took, and the latency of each exchange that ended meanwhile.
    pub(crate) fn run_for(&mut self, duration: Duration) -> Fallible<(f64, Vec<u32>)> {
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
                let number = event.data.u64();
                let (exchange, begun) = &mut self.exchanges[number as usize];
                if exchange.take()? {
                    now = Instant::now();
                    latencies_ns.push((now - *begun).as_nanos() as u32);
                    *begun = now;
                    let place = Place { address: self.address, epoll: &self.epoll, number };
                    exchange.begin(&place)?;
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
