//! Many connections for a long time, most of them idle: none is lost, and nothing grows.
//!
//! The server is this program once more, in a process of its own with descriptors of its own, on filch as the clients
//! are. An idle connection exchanges one message when it is opened and one before it is closed. A busy one exchanges
//! messages all the time; now and then it is closed, in order or not, and opened again.
//!
//! Every message comes back as it was sent. No busy connection stands still. An idle one hears nothing until it is spoken
//! to. Neither process ever has more descriptors than it has connections, and in the end it has those that it began
//! with. From the second quarter on neither process grows.

mod process;
mod server;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::TcpStream;
use filch::sync::{CancellationToken, Semaphore};
use filch::task::JoinSet;
use filch::time::sleep;

use crate::acts::exchange_bytes;
use crate::chance::Chance;
use crate::{descriptors, fail, show_stacks};
use process::{Growth, Process};
use server::Server;
pub(crate) use server::serve;

/// Descriptors of a process beside its connections: its runtime, standard streams, files it looks at for a moment.
const OTHERS: usize = 100;
/// How many connections are made at a time. Why: a listener's queue is short, and a client it turns away waits a second.
const AT_A_TIME: usize = 100;
/// A busy connection that does nothing for so long has lost a wake-up.
const STANDSTILL: Duration = Duration::from_secs(20);
/// What closing may take.
const TAIL: Duration = Duration::from_secs(10);

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) idle: usize,
    pub(crate) busy: usize,
    pub(crate) time: Duration,
}

/// What the clients share.
struct Clients {
    addresses: Vec<SocketAddr>,
    connecting: Semaphore,
    n_idle: AtomicU64,
    /// Exchanges of each busy connection.
    exchanges: Vec<AtomicU64>,
    n_reopened: AtomicU64,
    end: CancellationToken,
}

/// Runs the whole scenario. `progress` moves as long as the clients' runtime is alive.
pub(crate) fn run(plan: Plan, mut chance: Chance, progress: &AtomicU64) {
    let plan = plan.within(descriptors::allow((plan.idle + 2 * plan.busy + OTHERS) as u64));
    let server = Server::start(1 + chance.below(4) as usize);
    let clients = Arc::new(Clients {
        addresses: server.addresses.clone(),
        connecting: Semaphore::new(AT_A_TIME),
        n_idle: AtomicU64::new(0),
        exchanges: (0..plan.busy).map(|_| AtomicU64::new(0)).collect(),
        n_reopened: AtomicU64::new(0),
        end: CancellationToken::new(),
    });
    let runtime = crate::build(1 + chance.below(4) as usize, false);
    let mut processes = [Process::this(), server.process()];
    let begin: Vec<_> = processes.iter().map(Process::n_descriptors).collect();
    runtime.block_on(async {
        let mut connections = JoinSet::new();
        for number in 0..plan.idle {
            connections.spawn(healthy(idle(Arc::clone(&clients), number)));
        }
        clients.wait_for_idle(plan.idle, progress).await;
        for number in 0..plan.busy {
            connections.spawn(healthy(busy(Arc::clone(&clients), number, chance.fork())));
        }
        watch(plan, &clients, &mut processes, progress).await;
        clients.end.cancel();
        connections.join_all().await;
    });
    for (process, begin) in processes.iter().zip(begin) {
        process.expect_descriptors(begin, TAIL);
    }
    println!("soak: {}", clients.report(plan));
    processes.iter().for_each(|process| println!("soak: {process}"));
}

impl Plan {
    /// As much of the plan as a process with `limit` descriptors can have.
    fn within(self, limit: u64) -> Plan {
        let room = (limit as usize).saturating_sub(2 * self.busy + OTHERS);
        if room < self.idle {
            println!("soak: the limit of {limit} descriptors leaves {room} idle connections");
        }
        Plan { idle: self.idle.min(room), ..self }
    }
}

impl Clients {
    /// Opens a connection and exchanges a first message.
    async fn open(&self, number: usize) -> io::Result<TcpStream> {
        let permit = self.connecting.acquire().await.map_err(io::Error::other)?;
        // Why several: each address has some 28 000 ports for its clients, and a closed one rests for a minute.
        let mut stream = TcpStream::connect(self.addresses[number % self.addresses.len()]).await?;
        exchange_bytes(&mut stream, b"the first").await?;
        drop(permit);
        Ok(stream)
    }

    async fn wait_for_idle(&self, n: usize, progress: &AtomicU64) {
        loop {
            let n_idle = self.n_idle.load(Relaxed);
            progress.store(n_idle, Relaxed);
            if n_idle == n as u64 {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    fn report(&self, Plan { idle, busy, time }: Plan) -> String {
        let exchanges: u64 = self.exchanges.iter().map(|count| count.load(Relaxed)).sum();
        let reopened = self.n_reopened.load(Relaxed);
        format!(
            "{idle} idle connections and {busy} busy ones for {} s: {exchanges} exchanges, {reopened} opened again",
            time.as_secs()
        )
    }
}

/// A connection that must not fail.
async fn healthy(connection: impl Future<Output = io::Result<()>>) {
    connection.await.unwrap_or_else(|error| fail(&format!("a connection: {error}")));
}

/// Says something at the beginning and at the end, and hears nothing between.
async fn idle(clients: Arc<Clients>, number: usize) -> io::Result<()> {
    let mut stream = clients.open(number).await?;
    clients.n_idle.fetch_add(1, Relaxed);
    let mut byte = [0];
    filch::select! {
        read = stream.read(&mut byte) => {
            return Err(io::Error::other(format!("an idle connection read {read:?}")));
        }
        () = clients.end.cancelled() => {}
    }
    exchange_bytes(&mut stream, b"the last").await
}

/// Exchanges messages until the end, on one connection after the other.
async fn busy(clients: Arc<Clients>, number: usize, mut chance: Chance) -> io::Result<()> {
    while !clients.end.is_cancelled() {
        let mut stream = clients.open(number).await?;
        for _ in 0..1 + chance.below(200) {
            if clients.end.is_cancelled() {
                break;
            }
            let longest = if chance.one_in(20) { 20_000 } else { 300 };
            let length = 1 + chance.below(longest);
            let bytes: Vec<u8> = (0..length).map(|at| (at ^ length) as u8).collect();
            exchange_bytes(&mut stream, &bytes).await?;
            clients.exchanges[number].fetch_add(1, Relaxed);
            if chance.one_in(2) {
                sleep(chance.micros(20_000)).await;
            }
        }
        leave(stream, &mut chance).await?;
        clients.n_reopened.fetch_add(1, Relaxed);
    }
    Ok(())
}

/// Closes a connection: at once, in order, or with an answer on its way, which resets it.
async fn leave(mut stream: TcpStream, chance: &mut Chance) -> io::Result<()> {
    match chance.below(3) {
        0 => Ok(()),
        1 => {
            stream.shutdown().await?;
            match stream.read(&mut [0]).await? {
                0 => Ok(()),
                _ => Err(ErrorKind::InvalidData.into()),
            }
        }
        _ => {
            stream.write_all(&[0; 5000]).await?;
            stream.read_exact(&mut [0; 10]).await.map(drop)
        }
    }
}

/// Looks at everything until the time is up.
async fn watch(plan: Plan, clients: &Clients, processes: &mut [Process], progress: &AtomicU64) {
    let begin = Instant::now();
    let mut moved: Vec<_> = clients.exchanges.iter().map(|_| (0, begin)).collect();
    while begin.elapsed() < plan.time {
        sleep((plan.time / 40).min(Duration::from_millis(500))).await;
        progress.fetch_add(1, Relaxed);
        let passed = begin.elapsed().as_secs_f64() / plan.time.as_secs_f64();
        for process in &mut *processes {
            process.look(Growth::at(passed));
            // A connection that was closed here may still be open there.
            process.expect_at_most(plan.idle + 2 * plan.busy + OTHERS);
        }
        for (number, (count, last)) in clients.exchanges.iter().zip(&mut moved).enumerate() {
            let count = count.load(Relaxed);
            if count != last.0 {
                *last = (count, Instant::now());
            } else if last.1.elapsed() > STANDSTILL {
                show_stacks();
                fail(&format!("busy connection {number} stands still after {count} exchanges"));
            }
        }
    }
    processes.iter().for_each(Process::expect_no_growth);
}
