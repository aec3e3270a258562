//! A TCP server in this process, loaded by another program: the `load` of this package, or `wrk`.

use std::future::Future;
use std::net::TcpListener;
use std::process::Command;

use super::load::Load;
use crate::report::{Meter, Report};
use crate::rt::Rt;

/// 1 connection.
pub(super) fn echo_1<R: Rt>(rt: &R, scale: f64) -> Report {
    load("echo", &serve(rt, R::serve_echo), 1, scale)
}

/// 64 connections.
pub(super) fn echo_64<R: Rt>(rt: &R, scale: f64) -> Report {
    load("echo", &serve(rt, R::serve_echo), 64, scale)
}

/// 1000 connections.
pub(super) fn echo_1000<R: Rt>(rt: &R, scale: f64) -> Report {
    load("echo", &serve(rt, R::serve_echo), 1000, scale)
}

/// 64 clients at a time; each connects, asks once and is hung up on.
pub(super) fn churn<R: Rt>(rt: &R, scale: f64) -> Report {
    load("churn", &serve(rt, R::serve_once), 64, scale)
}

/// Starts a server and returns its address.
pub(super) fn serve<R, S, F>(rt: &R, server: S) -> String
where
    R: Rt,
    S: FnOnce(TcpListener) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let (listener, address) = listen();
    R::detach(rt.spawn_outside(server(listener)));
    address
}

/// A listener on a free port, and its address.
pub(super) fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    // Why again: behind std's 128, some of a thousand connections that are opened at once are not let in, and the load
    // waits for seconds until it tries them again.
    rustix::net::listen(&listener, 1024).expect("a listener can be given a longer queue");
    let address = listener.local_addr().expect("a bound socket has an address");
    (listener, address.to_string())
}

/// Has the `load` program ask a server.
pub(super) fn load(kind: &str, address: &str, connections: usize, scale: f64) -> Report {
    let millis = (3000.0 * scale).max(100.0) as u64;
    let numbers = [connections as u64, millis / 6, millis].map(|number| number.to_string());
    let [connections, warm_up, run] = &numbers;
    let mut load = Load::start(&[kind, address, connections, warm_up, run]);
    load.expect("begin");
    let meter = Meter::start();
    let line = load.expect("end ");
    // "end <requests> <seconds> <p50 µs> <p99 µs>"
    let numbers: Vec<f64> = line.split(' ').skip(1).filter_map(|n| n.parse().ok()).collect();
    let [requests, seconds, p50_us, p99_us] = numbers[..] else {
        panic!("the load program said {line:?}");
    };
    let report = meter.stop(requests as usize);
    report.with("per_s", requests / seconds).with("p50_us", p50_us).with("p99_us", p99_us)
}

/// hyper's hello under `wrk` with one thread and 64 connections.
pub(super) fn http_64<R: Rt>(rt: &R, scale: f64) -> Report {
    let url = format!("http://{}/", serve(rt, R::serve_http));
    wrk(&url, 1);
    let meter = Meter::start();
    let said = wrk(&url, (3.0 * scale).round().max(1.0) as u32);
    let numbers = Wrk::read(&said).unwrap_or_else(|| panic!("wrk said {said}"));
    let report = meter.stop(numbers.requests as usize);
    report
        .with("per_s", numbers.per_s)
        .with("p50_us", numbers.p50_us)
        .with("p99_us", numbers.p99_us)
}

fn wrk(url: &str, seconds: u32) -> String {
    let output = Command::new("wrk")
        .args(["-t1", "-c64", &format!("-d{seconds}s"), "--latency", url])
        .output()
        .expect("this row needs wrk (apt-get install wrk)");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What `wrk --latency` reports.
#[derive(Debug, PartialEq)]
struct Wrk {
    requests: f64,
    per_s: f64,
    p50_us: f64,
    p99_us: f64,
}

impl Wrk {
    /// `None` when a request failed, or the text is not a report.
    fn read(text: &str) -> Option<Self> {
        if ["Socket errors", "Non-2xx"].iter().any(|trouble| text.contains(trouble)) {
            return None;
        }
        let behind = |start: &str| text.lines().find_map(|line| line.trim().strip_prefix(start));
        let requests = text.lines().find_map(|line| line.trim().split_once(" requests in "))?.0;
        Some(Wrk {
            requests: requests.parse().ok()?,
            per_s: behind("Requests/sec:")?.trim().parse().ok()?,
            p50_us: micros(behind("50%")?)?,
            p99_us: micros(behind("99%")?)?,
        })
    }
}

/// Reads `1.25ms`.
fn micros(text: &str) -> Option<f64> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let factor = match unit {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
Running 3s test @ http://127.0.0.1:41217/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   551.05us  194.71us   5.53ms   83.17%
    Req/Sec   115.66k     7.99k  124.36k    86.67%
  Latency Distribution
     50%  536.00us
     75%  601.00us
     90%  695.00us
     99%    1.12ms
  345202 requests in 3.00s, 28.97MB read
Requests/sec: 115013.83
Transfer/sec:      9.65MB
";

    #[test]
    fn a_report_of_wrk_is_read() {
        let read = Wrk::read(REPORT).expect("a report");
        let (per_s, p50_us) = (115_013.83, 536.0);
        assert_eq!(read, Wrk { requests: 345_202.0, per_s, p50_us, p99_us: 1120.0 });
    }

    #[test]
    fn a_report_with_failures_is_none() {
        let errors = "  Socket errors: connect 0, read 7, write 0, timeout 0\n";
        assert_eq!(Wrk::read(&format!("{REPORT}{errors}")), None);
        assert_eq!(Wrk::read("unable to connect to 127.0.0.1:1"), None);
    }
}
