//! The descriptor limit: accepting waits instead of failing or spinning.

use super::runtimes;
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{self, TcpListener, TcpSocket, TcpStream};
use futures_lite::future::poll_once;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::Duration;
use std::{iter, thread};

/// How many descriptors the programs of this file may have.
const LIMIT: usize = 100;

#[test]
#[ignore = "the program of `accepting_waits_at_the_descriptor_limit`, which lowers the limit"]
fn accepts_at_the_limit() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
            let address = listener.local_addr().expect("bound");
            let mut accepting = Box::pin(async move { listener.accept().await });
            // Its first look, which takes a descriptor for a moment.
            assert!(poll_once(&mut accepting).await.is_none(), "there is no client yet");
            let accepting = filch::spawn(accepting);
            let client = TcpStream::connect(address);
            let stat = File::open("/proc/self/stat").expect("below the limit");
            // Everything that is left but the one the client needs.
            let mut hoard = hoard();
            hoard.pop();
            let mut client = client.await.expect("there is one descriptor");
            let cpu = cpu_time(&stat);
            filch::time::sleep(Duration::from_millis(200)).await;
            assert!(
                !accepting.is_finished(),
                "there is no descriptor to accept with, and that is no error"
            );
            let burned = cpu_time(&stat) - cpu;
            assert!(burned < Duration::from_millis(100), "it spins: {burned:?} of CPU in 200 ms");
            hoard.clear();
            let (stream, _) =
                super::in_time(accepting).await.expect("no panic").expect("there is room again");
            drop(stream);
            assert_eq!(client.read(&mut [0]).await.expect("the end"), 0);
        });
    }
}

/// What all threads of this process have used, to 10 ms. Takes an open file, since none can be opened at the limit.
fn cpu_time(stat: &File) -> Duration {
    let mut buf = [0; 1024];
    let n = stat.read_at(&mut buf, 0).expect("an open file of /proc");
    let line = String::from_utf8_lossy(&buf[..n]);
    // Behind the name, which may contain anything, the fields 14 and 15 of proc(5) are at 11 and 12.
    let fields = line.rsplit(") ").next().expect("a split has a part").split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

#[test]
#[ignore = "the program of `connecting_errs_at_the_descriptor_limit`, which lowers the limit"]
fn connects_at_the_limit() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
            let address = listener.local_addr().expect("bound");
            let hoard = hoard();
            let error = TcpStream::connect(address).await.expect_err("there is no descriptor");
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
            let error = net::connect(address).await.expect_err("there is no descriptor");
            assert!(error.to_string().contains(&address.to_string()), "{error}");
            drop(hoard);
            TcpStream::connect(address).await.expect("there is room again");
        });
    }
}

#[test]
#[ignore = "the program of `a_server_loses_nobody_at_the_descriptor_limit`, which lowers the limit"]
fn serves_at_the_limit() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
            let address = listener.local_addr().expect("bound");
            let server =
                net::serve(listener, async |mut stream, _| stream.write_all(b"welcome").await);
            // The clients have their descriptors before there are none left.
            let sockets: Vec<_> =
                (0..3).map(|_| TcpSocket::new_v4().expect("below the limit")).collect();
            let hoard = hoard();
            let mut clients = Vec::new();
            for socket in sockets {
                clients.push(socket.connect(address).await.expect("it listens"));
            }
            filch::time::sleep(Duration::from_millis(50)).await;
            assert_eq!(server.report().accepted, 0, "there is nothing to accept with");
            drop(hoard);
            for mut client in clients {
                let mut text = String::new();
                super::in_time(client.read_to_string(&mut text)).await.expect("it is served");
                assert_eq!(text, "welcome");
            }
            let report = super::in_time(server.drain()).await;
            assert_eq!((report.accepted, report.completed), (3, 3), "{report}");
        });
    }
}

/// Every descriptor that is left.
fn hoard() -> Vec<File> {
    let is_taken = |number| fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok();
    let mut hoard = Vec::new();
    // Why not until the first refusal: an accept holds a number while it looks, also when it finds nobody.
    while !(0..LIMIT).all(is_taken) {
        hoard.extend(iter::from_fn(|| File::open("/dev/null").ok()));
        thread::yield_now();
    }
    hoard
}

/// Runs an ignored test of this file in a process that may have [`LIMIT`] descriptors.
fn run_at_the_limit(test: &str) {
    let program = std::env::current_exe().expect("a test has a path");
    let script = format!(
        "ulimit -n {LIMIT} && exec \"$0\" --ignored --exact net::limit::{test} --nocapture"
    );
    let output =
        Command::new("sh").arg("-c").arg(script).arg(program).output().expect("there is a shell");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}{stderr}");
}

#[test]
fn accepting_waits_at_the_descriptor_limit() {
    run_at_the_limit("accepts_at_the_limit");
}

#[test]
fn connecting_errs_at_the_descriptor_limit() {
    run_at_the_limit("connects_at_the_limit");
}

#[test]
fn a_server_loses_nobody_at_the_descriptor_limit() {
    run_at_the_limit("serves_at_the_limit");
}
