//! `load <kind> …`: the one load generator for every server.
//!
//! One thread with one epoll, two for `churn`; no runtime. What it does on its connections depends on the kind:
//!
//! - `echo <address> <connections> <warm-up ms> <run ms>`: each sends 64 bytes, waits for all of them to come back,
//!   and sends again.
//! - `churn` (the same arguments): the same once per connection; the server closes it, and a new one takes its place.
//! - `hold <address> <connections>…`: opens that many, has each echo once and keeps them; says `held`, and opens the next
//!   number after a line on stdin. The end of stdin ends it.
//!
//! The first two print `begin` when the warm-up is over and `end <requests> <seconds> <p50 µs> <p99 µs>` at the end.
//! It stops by itself: with an error when nothing comes back for five seconds.

mod churn;
#[path = "../../descriptors.rs"]
mod descriptors;
mod drive;
mod echo;
mod hold;

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use churn::Once;
use drive::{Exchange, Load};
use echo::Again;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// What is sent and must come back.
const MESSAGE: [u8; 64] = [b'f'; 64];
/// An answer that takes longer was lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many threads open and close connections.
// Why: that takes a client half as long again as a server, so that one thread would be busy all the time, whatever
// serves it, while the machine is not.
const CHURNERS: usize = 2;

const USAGE: &str = "\
usage: load echo|churn <address> <connections> <warm-up ms> <run ms>
       load hold <address> <connections>…";

fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["hold", address, ref steps @ ..] => {
            let steps: Result<Vec<usize>, _> = steps.iter().map(|step| step.parse()).collect();
            hold::hold(address.parse()?, &steps?)
        }
        [kind, address, connections, warm_up, run] => {
            let address = address.parse()?;
            let times = [warm_up, run].map(|millis| millis.parse().map(Duration::from_millis));
            let [warm_up, run] = times;
            let (connections, times) = (connections.parse()?, [warm_up?, run?]);
            match kind {
                "echo" => load::<Again>(address, connections, 1, times),
                "churn" => load::<Once>(address, connections, CHURNERS, times),
                _ => Err(USAGE.into()),
            }
        }
        _ => Err(USAGE.into()),
    }
}

/// Warms up, then measures. Each thread has its part of the connections.
fn load<E: Exchange>(
    address: SocketAddr,
    connections: usize,
    n_threads: usize,
    [warm_up, run]: [Duration; 2],
) -> Fallible<()> {
    let n_threads = n_threads.min(connections);
    let begin = Barrier::new(n_threads + 1);
    let part = |thread: usize| -> Result<_, String> {
        let warm = || {
            let mut load = Load::<E>::start(address, (connections + thread) / n_threads)?;
            load.run_for(warm_up)?;
            Fallible::Ok(load)
        };
        let load = warm();
        begin.wait(); // Also when it failed, for the others wait here.
        load.and_then(|mut load| load.run_for(run)).map_err(|error| error.to_string())
    };
    let parts = thread::scope(|scope| {
        let part = &part;
        let threads: Vec<_> =
            (0..n_threads).map(|thread| scope.spawn(move || part(thread))).collect();
        begin.wait();
        println!("begin");
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().expect("no panics");
        threads.into_iter().map(join).collect::<Result<Vec<_>, _>>()
    })?;
    let seconds = parts.iter().map(|part| part.0).fold(0.0, f64::max);
    let mut latencies_ns: Vec<u32> = parts.into_iter().flat_map(|part| part.1).collect();
    latencies_ns.sort_unstable();
    let requests = latencies_ns.len();
    let at = |share: f64| {
        let index = (requests.saturating_sub(1) as f64 * share).round() as usize;
        latencies_ns.get(index).map_or(0.0, |&ns| f64::from(ns) / 1e3)
    };
    println!("end {requests} {seconds:.6} {:.1} {:.1}", at(0.5), at(0.99));
    Ok(())
}
