//! System calls that a signal interrupts, wherever that may be: `strace` lets every third one of a kind answer `EINTR`
//! instead of doing anything.
//!
//! The programs below are ignored tests, run by the others as children of `strace`.

use crate::tools::eventually;
use crate::tracer::can_trace;
use crate::watchdog::Watchdog;
use filch::fs::{self, File};
use filch::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixStream};
use filch::process::{self, Command};
use filch::runtime::Builder;
use filch::spawn;
use filch::time::{Duration, Instant, sleep};
use std::collections::BTreeMap;
use std::env;
use std::future::{Future, poll_fn};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;

/// Waits of a driver, of a timer, of `std`.
const WAITS: &str = "epoll_wait,epoll_pwait,epoll_pwait2,poll,ppoll,clock_nanosleep";
/// Transfers and accepts, and what comes before them. Nothing here calls `recvmsg` or `sendmsg`: whatever comes to do so
/// belongs into the program below.
const SOCKETS: &str = "read,write,readv,writev,recvfrom,sendto,recvmsg,sendmsg,accept4,connect";

/// Runs an ignored test of this binary under `strace`. Each of `met` must have been interrupted, else nothing is shown.
fn with_interrupted(calls: &str, met: &[&str], driver: &str, program: &str) {
    if !can_trace() {
        return;
    }
    let _watchdog = Watchdog::new();
    let log = env::temp_dir().join(format!(
        "filch-{}-{}-{driver}",
        program.replace("::", "-"),
        std::process::id()
    ));
    let output = std::process::Command::new("strace")
        .args(["-f", "-qq", "-e", &format!("trace={calls}")])
        // Why from the tenth on: the loader, which runs first, does not try again.
        .args(["-e", &format!("inject={calls}:error=EINTR:when=10+3"), "-o"])
        .arg(&log)
        .arg(env::current_exe().expect("a test has a path"))
        .args(["--ignored", "--exact", program, "--nocapture", "--test-threads=1"])
        .env("FILCH_DRIVER", driver)
        .output()
        .expect("there is strace");
    let counts = n_injected(&log);
    let _ = std::fs::remove_file(&log);
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!met.is_empty(), "nothing would be shown");
    assert!(output.status.success(), "{program}: {}\n{stdout}\n{stderr}", output.status);
    assert!(stdout.contains("1 passed"), "{program} does not exist\n{stdout}");
    for call in met {
        assert!(counts.contains_key(*call), "no {call} was interrupted, only {counts:?}");
    }
}

/// How often each call was interrupted.
fn n_injected(log: &Path) -> BTreeMap<String, usize> {
    let log = std::fs::read_to_string(log).expect("strace writes its log");
    let mut counts = BTreeMap::new();
    for line in log.lines().filter(|line| line.ends_with("(INJECTED)")) {
        // "123 read(7, …", or "123 <... read resumed>…".
        let words = line.split_once(' ').map_or("", |(_, call)| call.trim_start());
        let call = words.strip_prefix("<... ").unwrap_or(words);
        let end = call.find(['(', ' ']).unwrap_or(call.len());
        *counts.entry(call[..end].to_owned()).or_default() += 1;
    }
    counts
}

/// Runs the program on each flavor.
// Why one blocking thread: calls are counted per thread, and the first ones of each are spared.
fn on_each<F: Future<Output = ()>>(program: impl Fn() -> F) {
    for mut flavor in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        let _watchdog = Watchdog::new();
        let runtime = flavor.max_blocking_threads(1).build().expect("the system has threads");
        runtime.block_on(program());
    }
}

#[test]
#[ignore = "run by a test of this file under strace"]
fn sockets() {
    on_each(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let server = spawn(async move {
            for _ in 0..40 {
                let (stream, _) = listener.accept().await.expect("it goes on");
                spawn(async move {
                    let (mut read, mut write) = stream.into_split();
                    filch::io::copy(&mut read, &mut write).await.expect("it goes on");
                });
            }
        });
        for _ in 0..40 {
            let mut stream = TcpStream::connect(address).await.expect("it goes on");
            stream.write_all(b"hello, ").await.expect("it goes on");
            let parts = [b"wor".as_slice(), b"ld"].map(std::io::IoSlice::new);
            assert_eq!(stream.write_vectored(&parts).await.expect("it goes on"), 5);
            stream.shutdown().await.expect("it goes on");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("it goes on");
            assert_eq!(answer, "hello, world");
        }
        server.await.expect("it does not panic");
        let (mut near, mut far) = UnixStream::pair().expect("there are descriptors");
        for _ in 0..40 {
            // More than is put together before it is written.
            let parts = [[1; 1000].as_slice(), &[2; 1000]].map(std::io::IoSlice::new);
            assert_eq!(near.write_vectored(&parts).await.expect("it goes on"), 2000);
            let (mut first, mut second) = ([0; 500], [0; 1500]);
            let room = &mut [&mut first[..], &mut second].map(std::io::IoSliceMut::new);
            let n_read = poll_fn(|cx| Pin::new(&mut far).poll_read_vectored(cx, room)).await;
            assert_eq!(n_read.expect("it goes on"), 2000);
            assert_eq!((first, second[499], second[500]), ([1; 500], 1, 2));
        }
        let here = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let there = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        here.connect(there.local_addr().expect("bound")).await.expect("it goes on");
        for n in 0..40 {
            here.send(&[n]).await.expect("it goes on");
            let mut byte = [0];
            there.recv_from(&mut byte).await.expect("it goes on");
            assert_eq!(byte, [n]);
        }
        let (here, there) = UnixDatagram::pair().expect("there are descriptors");
        let (mut near, mut far) = UnixStream::pair().expect("there are descriptors");
        for n in 0..40 {
            here.send(&[n]).await.expect("it goes on");
            let mut byte = [0];
            assert_eq!(there.recv(&mut byte).await.expect("it goes on"), 1);
            assert_eq!(byte, [n]);
            near.write_u8(n).await.expect("it goes on");
            assert_eq!(far.read_u8().await.expect("it goes on"), n);
        }
    });
}

#[test]
fn sockets_do_not_notice_that_their_calls_are_interrupted() {
    let met = ["accept4", "connect", "epoll_pwait2", "readv", "recvfrom", "sendto", "writev"];
    with_interrupted(&format!("{WAITS},{SOCKETS}"), &met, "epoll", "faults::interrupted::sockets");
}

#[test]
fn sockets_on_the_portable_driver_do_not_notice_it_either() {
    // Why no `write`: `polling` rings its bell by one, and gives a ring up that fails; the kernel never lets it.
    let sockets = SOCKETS.replace("write,", "");
    let met = ["accept4", "connect", "epoll_pwait", "readv", "recvfrom", "sendto", "writev"];
    with_interrupted(
        &format!("{WAITS},{sockets}"),
        &met,
        "polling",
        "faults::interrupted::sockets",
    );
}

#[test]
#[ignore = "run by a test of this file under strace"]
fn files() {
    let path = env::temp_dir().join(format!("filch-interrupted-{}", std::process::id()));
    on_each(|| async {
        for round in 0..20 {
            let text = format!("round {round}").repeat(1000);
            fs::write(&path, &text).await.expect("it goes on");
            assert_eq!(fs::read_to_string(&path).await.expect("it goes on"), text);
            let mut file =
                File::options().read(true).write(true).open(&path).await.expect("it goes on");
            file.write_all(b"ROUND").await.expect("it goes on");
            file.sync_all().await.expect("it goes on");
            file.set_len(100).await.expect("it goes on");
            let mut byte = [0];
            assert_eq!(file.read_at(&mut byte, 2).await.expect("it goes on"), 1);
            assert_eq!(byte, *b"U");
            assert_eq!(file.write_at(b"-", 99).await.expect("it goes on"), 1);
            let mut rest = String::new();
            file.read_to_string(&mut rest).await.expect("it goes on");
            assert_eq!((rest.len(), rest.ends_with('-')), (95, true));
        }
    });
    std::fs::remove_file(path).expect("it is there");
}

#[test]
fn files_do_not_notice_that_their_calls_are_interrupted() {
    let calls = "open,openat,openat2,read,write,readv,writev,pread64,pwrite64,preadv,preadv2,pwritev,\
                 fsync,fdatasync,ftruncate";
    let met = ["openat", "openat2", "preadv2", "write", "pwrite64", "fsync", "ftruncate"];
    with_interrupted(calls, &met, "epoll", "faults::interrupted::files");
}

#[test]
#[ignore = "run by a test of this file under strace"]
fn processes() {
    on_each(|| async {
        for round in 0..15 {
            let mut cat = Command::new("cat");
            let text = format!("round {round}");
            let output = process::run(cat.stdout(Stdio::piped()))
                .input(text.clone())
                .await
                .expect("it goes on");
            assert_eq!(output.stdout, text.as_bytes());
            let status = Command::new("false").status().await.expect("it goes on");
            assert_eq!(status.code(), Some(1));
            let mut child = Command::new("sleep").arg("1000").spawn().expect("it goes on");
            child.kill().await.expect("it goes on");
        }
    });
}

#[test]
fn processes_are_awaited_although_calls_are_interrupted() {
    let calls = format!("{WAITS},read,write,wait4,waitid");
    with_interrupted(&calls, &["waitid"], "epoll", "faults::interrupted::processes");
}

#[test]
#[ignore = "run by a test of this file under strace"]
fn orphans() {
    on_each(|| async {
        let start = |command: &mut Command| {
            let child = command.spawn().expect("it goes on");
            child.id().expect("its end is not known")
        };
        let is_reaped = |pid: u32| !Path::new("/proc").join(pid.to_string()).exists();
        // The first one keeps the thread that reaps, so that this one makes enough calls.
        let (stdin, end) = std::os::unix::net::UnixStream::pair().expect("there are descriptors");
        let first = start(Command::new("cat").stdin(OwnedFd::from(stdin)));
        for _ in 0..40 {
            let pid = start(&mut Command::new("true"));
            eventually(|| is_reaped(pid));
        }
        drop(end);
        eventually(|| is_reaped(first));
    });
}

#[test]
fn orphans_are_reaped_although_calls_are_interrupted() {
    let calls = format!("{WAITS},read,write,waitid");
    with_interrupted(&calls, &["ppoll", "waitid"], "epoll", "faults::interrupted::orphans");
}

#[test]
#[ignore = "run by a test of this file under strace"]
fn waits() {
    on_each(|| async {
        for _ in 0..40 {
            let begin = Instant::now();
            sleep(Duration::from_millis(2)).await;
            assert!(begin.elapsed() >= Duration::from_millis(2), "a sleep ended early");
            let call = || std::thread::sleep(Duration::from_millis(1));
            let begin = Instant::now();
            filch::to_thread(call).await;
            assert!(begin.elapsed() >= Duration::from_millis(1), "a call ended early");
            spawn(async {}).await.expect("it does not panic");
        }
    });
}

#[test]
fn sleeps_and_threads_do_not_notice_that_waits_are_interrupted() {
    let calls = format!("{WAITS},read,write");
    let met = ["clock_nanosleep", "epoll_pwait2"];
    with_interrupted(&calls, &met, "epoll", "faults::interrupted::waits");
    with_interrupted(WAITS, &["epoll_pwait"], "polling", "faults::interrupted::waits");
}
