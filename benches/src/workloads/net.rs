//! A TCP echo server in this process, loaded by the `load` program in its own.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::report::{Meter, Report};
use crate::rt::Rt;

/// 1 connection.
pub(super) fn echo_1<R: Rt>(rt: &R, scale: f64) -> Report {
    echo(rt, 1, scale)
}

/// 64 connections.
pub(super) fn echo_64<R: Rt>(rt: &R, scale: f64) -> Report {
    echo(rt, 64, scale)
}

/// 1000 connections.
pub(super) fn echo_1000<R: Rt>(rt: &R, scale: f64) -> Report {
    echo(rt, 1000, scale)
}

fn echo<R: Rt>(rt: &R, connections: usize, scale: f64) -> Report {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address").to_string();
    R::detach(rt.spawn_outside(R::serve_echo(listener)));

    let millis = (3000.0 * scale).max(100.0) as u64;
    let mut load = Command::new(load_program())
        .args([address, connections.to_string(), (millis / 6).to_string(), millis.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the load program lies beside this one");
    let mut lines = BufReader::new(load.stdout.take().expect("piped above"));

    expect_line(&mut load, &mut lines, "begin");
    let meter = Meter::start();
    let line = expect_line(&mut load, &mut lines, "end ");
    // "end <requests> <seconds> <p50 µs> <p99 µs>"
    let numbers: Vec<f64> = line.split(' ').skip(1).filter_map(|n| n.parse().ok()).collect();
    let [requests, seconds, p50_us, p99_us] = numbers[..] else {
        panic!("the load program said {line:?}");
    };
    let report = meter.stop(requests as usize);
    let _ = load.wait();
    report.with("per_s", requests / seconds).with("p50_us", p50_us).with("p99_us", p99_us)
}

fn load_program() -> std::path::PathBuf {
    let this = std::env::current_exe().expect("Linux names the running program");
    this.with_file_name("load")
}

/// The next line, which starts with `word`; or the end of this program.
fn expect_line(load: &mut Child, lines: &mut BufReader<ChildStdout>, word: &str) -> String {
    let mut line = String::new();
    let _ = lines.read_line(&mut line);
    if !line.starts_with(word) {
        let _ = load.kill();
        panic!("wanted {word:?} from the load program, got {line:?}");
    }
    line.trim_end().to_owned()
}
