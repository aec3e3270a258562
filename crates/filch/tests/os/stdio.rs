//! The standard streams of a process: whatever they are, no worker waits for them, and nobody at the program's end.

use crate::programs::{Running, argument, program};
use filch::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, stderr, stdin, stdout};
use filch::runtime::Builder;
use filch::time::{Duration, timeout};
use futures_lite::future::poll_once;
use std::fs::{self, File, OpenOptions};
use std::future::Future;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::ptr;

/// What the tests of this file start.
pub(crate) const PROGRAMS: &[(&str, fn())] = &[
    ("shouts", shouts),
    ("reads in the background", reads_in_the_background),
    ("gives up reading", gives_up_reading),
    ("reads into nothing", reads_into_nothing),
    ("looks at its flags", looks_at_its_flags),
    ("writes and tells", writes_and_tells),
    ("writes much", writes_much),
    ("reads at a terminal", reads_at_a_terminal),
];

/// Runs `main` on one thread, so that a call that blocks is noticed.
fn run<T>(main: impl Future<Output = T>) -> T {
    Builder::new_current_thread().run(main)
}

/// Tells the test, whatever stdout is.
fn tell(text: &str) {
    eprint!("{text}");
}

/// Writes each line that it reads, in capitals.
fn shouts() {
    run(async {
        let mut lines = BufReader::new(stdin()).lines();
        let mut out = stdout();
        while let Some(line) = lines.next_line().await.expect("it can be read") {
            out.write_all(line.to_uppercase().as_bytes()).await.expect("it can be written");
            out.write_all(b"\n").await.expect("it can be written");
        }
        out.flush().await.expect("nothing is kept back");
    });
}

#[test]
fn lines_go_through_pipes_one_by_one() {
    let mut program = Running::start("shouts", "");
    for line in ["one", "two", "three"] {
        program.say(line);
        program.expect(&line.to_uppercase());
    }
    drop(program.child.stdin.take());
    let ended = program.end();
    assert_eq!((ended.code, &*ended.stdout, &*ended.stderr), (Ok(0), "", ""));
}

/// A file that nobody else sees.
fn scratch(text: &[u8]) -> File {
    let path = std::env::temp_dir().join(format!(
        "filch-stdio-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    fs::write(&path, text).expect("the system has room");
    let file = OpenOptions::new().read(true).write(true).open(&path).expect("it was made");
    fs::remove_file(&path).expect("it is ours");
    file
}

#[test]
fn files_are_read_to_their_end() {
    let mut command = program("shouts", "");
    command.stdin(scratch(b"one\ntwo\nthree"));
    let ended = Running::from(command).end();
    assert_eq!((ended.code, &*ended.stdout), (Ok(0), "ONE\nTWO\nTHREE\n"));
    let mut command = program("shouts", "");
    command.stdin(Stdio::null());
    let ended = Running::from(command).end();
    assert_eq!((ended.code, &*ended.stdout), (Ok(0), ""));
}

#[test]
fn a_file_as_stdout_receives_everything() {
    let (input, output) = (scratch(b"one\ntwo\n"), scratch(b""));
    let mut command = program("shouts", "");
    command.stdin(input).stdout(output.try_clone().expect("the system has descriptors"));
    let status = command.status().expect("this very program can be started");
    assert!(status.success());
    let mut written = String::new();
    let mut output = output;
    std::io::Seek::rewind(&mut output).expect("it is a file");
    output.read_to_string(&mut written).expect("it is text");
    assert_eq!(written, "ONE\nTWO\n");
}

#[test]
fn sockets_are_read_and_written() {
    let (ours, theirs) = UnixStream::pair().expect("the system has descriptors");
    let mut command = program("shouts", "");
    command.stdin(OwnedFd::from(theirs.try_clone().expect("the system has descriptors")));
    command.stdout(OwnedFd::from(theirs));
    let mut child = command.spawn().expect("this very program can be started");
    drop(command); // It holds their ends.
    (&ours).write_all(b"one\ntwo\n").expect("it lives");
    let mut answer = [0; 8];
    (&ours).read_exact(&mut answer).expect("it answers");
    assert_eq!(&answer, b"ONE\nTWO\n");
    ours.shutdown(std::net::Shutdown::Write).expect("it is connected");
    assert!(child.wait().expect("it is our child").success());
}

/// Both ends of a new terminal: ours and the program's.
fn terminal() -> (File, OwnedFd) {
    let (mut ours, mut theirs) = (-1, -1);
    let (name, settings, size) = (ptr::null_mut(), ptr::null(), ptr::null());
    // SAFETY: the two numbers are written to; null asks for nothing and sets nothing.
    let code = unsafe { libc::openpty(&mut ours, &mut theirs, name, settings, size) };
    assert_eq!(code, 0, "the system has terminals");
    // SAFETY: both descriptors were made by the call above and belong to nobody.
    unsafe { (File::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) }
}

/// Echoes what is typed; its answers are not seen until it has a line.
fn reads_at_a_terminal() {
    run(async {
        let mut lines = BufReader::new(stdin()).lines();
        tell("ready\n");
        while let Some(line) = lines.next_line().await.expect("it can be read") {
            println!("{line}");
        }
    });
}

#[test]
fn lines_are_read_at_a_terminal_whose_ctrl_c_and_ctrl_d_work() {
    for (key, code) in [(3, Err(libc::SIGINT)), (4, Ok(0))] {
        let (mut ours, theirs) = terminal();
        let mut command = program("reads at a terminal", "");
        command.stdin(theirs);
        // SAFETY: both calls are among those that may be made between fork and exec.
        unsafe {
            command.pre_exec(|| {
                assert_ne!(libc::setsid(), -1);
                assert_eq!(libc::ioctl(0, libc::TIOCSCTTY, 0), 0);
                Ok(())
            })
        };
        let mut program = Running::from(command);
        ours.write_all(b"hello\n").expect("the terminal is there");
        program.expect("hello");
        ours.write_all(&[key]).expect("the terminal is there");
        let ended = program.end();
        assert_eq!((ended.code, &*ended.stdout, &*ended.stderr), (code, "", "ready\n"));
    }
}

fn reads_in_the_background() {
    run(async {
        filch::spawn(async { stdin().read(&mut [0; 10]).await });
        filch::task::yield_now().await;
        println!("done");
    });
}

#[test]
fn a_read_that_waits_does_not_keep_the_program_from_ending() {
    let program = Running::start("reads in the background", "");
    let ended = program.end(); // Its stdin is open.
    assert_eq!((ended.code, &*ended.stdout, &*ended.stderr), (Ok(0), "done\n", ""));
}

fn gives_up_reading() {
    run(async {
        let mut stdin = stdin();
        let waited = timeout(Duration::from_millis(5), stdin.read(&mut [0; 10])).await;
        assert!(waited.is_err());
    });
    println!("ready");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("the test writes a line");
    print!("{line}");
}

#[test]
fn a_read_that_is_given_up_takes_nothing_from_the_next_reader() {
    let mut program = Running::start("gives up reading", "");
    program.expect("ready");
    program.say("for std");
    assert_eq!(program.end().stdout, "for std\n");
}

fn reads_into_nothing() {
    let n = run(async {
        let mut stdin = stdin();
        // From here on it is known that nothing has come.
        assert!(poll_once(stdin.read(&mut [0])).await.is_none());
        stdin.read(&mut []).await.expect("there is nothing to read")
    });
    print!("{n}");
}

#[test]
fn a_read_into_nothing_does_not_wait_for_input() {
    let program = Running::start("reads into nothing", "");
    assert_eq!(program.end().stdout, "0");
}

fn looks_at_its_flags() {
    run(async {
        let _ = timeout(Duration::from_millis(5), stdin().read(&mut [0; 10])).await;
        stdout().write_all(b"x").await.expect("it can be written");
        stderr().write_all(b"x").await.expect("it can be written");
        for fd in 0..3 {
            // SAFETY: no pointers.
            let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
            assert_eq!(flags & libc::O_NONBLOCK, 0, "{fd}");
        }
    });
}

#[test]
fn the_streams_go_on_to_block_for_everybody_else() {
    let ended = Running::start("looks at its flags", "").end();
    assert_eq!((ended.code, &*ended.stdout, &*ended.stderr), (Ok(0), "x", "x"));
}

/// Writes once and tells how that ended.
fn writes_and_tells() {
    let outcome = run(async { stdout().write_all(b"hello").await });
    tell(&format!("{:?}", outcome.map_err(|error| error.kind())));
}

#[test]
fn a_full_device_is_told() {
    let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let mut command = program("writes and tells", "");
    command.stdout(full).stderr(Stdio::piped());
    let output = command.output().expect("this very program can be started");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "Err(StorageFull)");
    assert!(output.status.success());
}

#[test]
fn a_pipe_or_socket_that_nobody_reads_is_told_and_does_not_kill() {
    let (reader, pipe) = std::io::pipe().expect("the system has descriptors");
    drop(reader);
    let (peer, socket) = UnixStream::pair().expect("the system has descriptors");
    drop(peer);
    for stdout in [OwnedFd::from(pipe), OwnedFd::from(socket)] {
        let mut command = program("writes and tells", "");
        command.stdout(stdout).stderr(Stdio::piped());
        let output = command.output().expect("this very program can be started");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "Err(BrokenPipe)");
        assert!(output.status.success());
    }
}

/// More than a pipe or a socket takes at once.
const MUCH: usize = 1 << 20;

fn writes_much() {
    run(async {
        let much = vec![b'x'; MUCH];
        let mut out = stdout();
        let (written, ()) = filch::join!(biased; out.write_all(&much), async { tell("alive") });
        written.expect("it is read in the end");
    });
    assert_eq!(argument(), "");
}

#[test]
fn a_write_that_waits_for_its_reader_holds_no_worker() {
    let (reader, pipe) = std::io::pipe().expect("the system has descriptors");
    let (peer, socket) = UnixStream::pair().expect("the system has descriptors");
    let ends = [
        (OwnedFd::from(reader), OwnedFd::from(pipe)),
        (OwnedFd::from(peer), OwnedFd::from(socket)),
    ];
    for (ours, theirs) in ends {
        let mut command = program("writes much", "");
        command.stdout(theirs).stderr(Stdio::piped());
        let mut child = command.spawn().expect("this very program can be started");
        drop(command); // It holds their end.
        let mut alive = [0; 5];
        let mut stderr = child.stderr.take().expect("it is piped");
        stderr.read_exact(&mut alive).expect("it is not held");
        assert_eq!(&alive, b"alive");
        let mut written = Vec::new();
        File::from(ours).read_to_end(&mut written).expect("it can be read");
        assert_eq!(written.len(), MUCH);
        assert!(child.wait().expect("it is our child").success());
    }
}

#[test]
fn the_streams_have_the_descriptors_of_the_process() {
    let streams = [stdin().as_raw_fd(), stdout().as_raw_fd(), stderr().as_raw_fd()];
    assert_eq!(streams, [0, 1, 2]);
    assert_eq!(stdout().as_fd().as_raw_fd(), 1);
}
