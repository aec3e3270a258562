//! The descriptor limit: accepting waits instead of failing or spinning.

use super::runtimes;
use filch::io::AsyncReadExt;
use filch::net::{TcpListener, TcpStream};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::Duration;

#[test]
#[ignore = "the program of `accepting_waits_at_the_descriptor_limit`, which lowers the limit"]
fn accepts_at_the_limit() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
            let address = listener.local_addr().expect("bound");
            let accepting = filch::spawn(async move { listener.accept().await });
            let client = TcpStream::connect(address);
            let stat = File::open("/proc/self/stat").expect("below the limit");
            // Everything that is left but the one the client needs.
            let mut hoard = Vec::new();
            while let Ok(file) = File::open("/dev/null") {
                hoard.push(file);
            }
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
fn accepting_waits_at_the_descriptor_limit() {
    let program = std::env::current_exe().expect("a test has a path");
    let script = "ulimit -n 100 && exec \"$0\" --ignored --exact net::limit::accepts_at_the_limit";
    let output =
        Command::new("sh").arg("-c").arg(script).arg(program).output().expect("there is a shell");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
