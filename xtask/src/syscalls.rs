//! Counts the system calls of the echo server per request and per connection, under `strace`.
//!
//! The steady path is the difference between a long and a short run, so that starting and ending do not count.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::outcome::{Outcome, Tally, Trouble};
use crate::serve::{self, Server};
use crate::sh;

const WARM: u32 = 100;
const STEADY: u32 = 1000;
/// How many clients come one after the other.
const CLIENTS: u32 = 100;

/// Between two requests. Why: a traced server is slower than its client, and would find each request there already.
const PAUSE: Duration = Duration::from_millis(1);

/// What a driver might call; `read` and `write` are here because an eventfd is used through them, a socket is not.
const TRACED: &str = "epoll_wait,epoll_pwait,epoll_pwait2,epoll_ctl,timerfd_settime,eventfd2,poll,ppoll,read,write,accept,accept4";

/// Calls that wait for events; the driver makes one per turn, and a request is one turn.
const WAITS: &[&str] = &["epoll_wait", "epoll_pwait", "epoll_pwait2"];

/// Calls that accept. Why counted: a log that shows none would show no vain one either.
const ACCEPTS: &[&str] = &["accept", "accept4"];

/// What a thousand requests may add to the exact count. Why: a worker that is not idle looks at the driver every 61
/// polls as well, and a late byte costs one more turn.
const NOISE: u32 = STEADY / 20;

/// How many accepts may find nobody: the one that registers the listener, and a few wake-ups for nothing.
// Why it matters: the kernel makes a socket first, so that a vain accept costs as much as one that succeeds.
const VAIN: u32 = CLIENTS / 20;

/// Takes no arguments.
pub(crate) fn run(_: &[String]) -> Outcome {
    check()
}

/// One wait per request, no other call of the driver's, and one accept per connection.
pub(crate) fn check() -> Outcome {
    if !sh::has("strace") {
        return Err(Trouble::Missing("no strace (apt-get install strace)".into()));
    }
    sh::run(&mut sh::cargo([
        "build",
        "--quiet",
        "--package",
        "filch",
        "--example",
        "echo_server",
    ]))?;
    let binary = sh::target_dir("debug").join("examples/echo_server");
    let short = calls(&trace(&binary, |server| ask(server, WARM))?);
    let long = calls(&trace(&binary, |server| ask(server, WARM + STEADY))?);
    let steady = |name: &str| {
        let of = |counts: &BTreeMap<String, u32>| counts.get(name).copied().unwrap_or(0);
        of(&long).saturating_sub(of(&short))
    };
    for name in long.keys() {
        println!("{name:<16} {:>6} per {STEADY} requests", steady(name));
    }
    let waits: u32 = WAITS.iter().map(|name| steady(name)).sum();
    if !(STEADY / 2..=STEADY + NOISE).contains(&waits) {
        return Err(format!("{waits} waits for {STEADY} requests").into());
    }
    let others = long.keys().filter(|name| !WAITS.contains(&name.as_str()) && NOISE < steady(name));
    let others: Vec<&str> = others.map(String::as_str).collect();
    if !others.is_empty() {
        return Err(format!("calls on the steady path: {}", others.join(", ")).into());
    }
    let log = trace(&binary, |server| (0..CLIENTS).try_for_each(|_| ask(server, 1)))?;
    let counts = calls(&log);
    let n_accepts: u32 = ACCEPTS.iter().filter_map(|name| counts.get(*name)).sum();
    let n_vain = vain_accepts(&log);
    println!("vain accepts     {n_vain:>6} per {CLIENTS} connections");
    if n_accepts < CLIENTS {
        return Err(format!("{n_accepts} accepts were seen of {CLIENTS} connections").into());
    }
    if n_vain > VAIN {
        return Err(format!("{n_vain} vain accepts for {CLIENTS} connections").into());
    }
    Ok(Tally { passed: 2, ..Tally::NONE })
}

/// Sends requests, one after the other on one connection.
fn ask(server: SocketAddr, requests: u32) -> Result<(), Trouble> {
    let mut connection = serve::connect(server)?;
    for request in 0..requests {
        serve::ping(&mut connection, &request.to_be_bytes())?;
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// What `strace` writes about a server while `clients` are there.
fn trace(
    binary: &Path,
    clients: impl FnOnce(SocketAddr) -> Result<(), Trouble>,
) -> Result<String, Trouble> {
    let log = sh::target_dir("strace.log");
    let mut command = sh::program("strace", ["-f", "-qq", "-e", &format!("trace={TRACED}"), "-o"]);
    let server = Server::start(command.arg(&log).arg(binary).arg("127.0.0.1:0"))?;
    clients(server.address)?;
    drop(server);
    Ok(std::fs::read_to_string(&log).map_err(|error| format!("{}: {error}", log.display()))?)
}

/// How many accepts found nobody.
fn vain_accepts(log: &str) -> u32 {
    let is_vain = |line: &&str| line.contains("accept") && line.contains("EAGAIN");
    log.lines().filter(is_vain).count() as u32
}

/// Counts by name the lines `123 name(…`; the second half of an interrupted call does not look so.
fn calls(log: &str) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for line in log.lines() {
        let call = line.split_once(' ').and_then(|(_, call)| call.trim_start().split_once('('));
        if let Some((name, _)) = call.filter(|(name, _)| !name.contains(' ')) {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_call_counts_once() {
        let log = "7 epoll_wait(3, <unfinished ...>\n8  read(4, 1) = 1\n7 <... epoll_wait resumed>) = 1\n7 +++ exited +++";
        let counts = calls(log);
        assert_eq!(counts.get("epoll_wait"), Some(&1));
        assert_eq!(counts.get("read"), Some(&1));
        assert_eq!(counts.len(), 2);
    }

    #[test]
    fn an_accept_that_finds_nobody_is_vain_also_when_it_was_interrupted() {
        let log = "7 accept4(5, {…}, [16], SOCK_CLOEXEC) = 9\n7 accept4(5,  <unfinished ...>\n8 read(4) = -1 EAGAIN\n7 <... accept4 resumed>…) = -1 EAGAIN (…)";
        assert_eq!(vain_accepts(log), 1);
    }
}
