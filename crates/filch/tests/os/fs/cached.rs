//! What is in the system's caches needs no thread; all else leaves the workers alone.

use super::{Folder, bytes, fifo, with_a_stuck_thread};
use crate::tools::{Hand, on_each_flavor};
use filch::fs::{self, File};
use filch::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use filch::runtime::Builder;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::pin::pin;

/// Runs `test` with a file whose path and content are cached, while no thread is free.
fn without_threads(test: impl AsyncFn(&Path)) {
    for builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        let _watchdog = crate::watchdog::Watchdog::new();
        let folder = Folder::new();
        let path = folder.file("file", bytes(10_000));
        // Once with a thread, which finds out what kind of device it is.
        futures_lite::future::block_on(fs::read(&path)).expect("it exists");
        let (runtime, free) = with_a_stuck_thread(builder);
        runtime.block_on(test(&path));
        drop(free);
    }
}

#[test]
fn cached_files_are_read_whole_without_a_thread() {
    without_threads(async |path| {
        assert_eq!(fs::read(path).await.expect("it exists"), bytes(10_000));
    });
}

#[test]
fn cached_files_are_opened_and_read_without_a_thread() {
    without_threads(async |path| {
        let mut file = File::open(path).await.expect("it exists");
        let mut content = Vec::new();
        file.read_to_end(&mut content).await.expect("it may be read");
        assert_eq!(content, bytes(10_000));
        file.seek(std::io::SeekFrom::Start(100)).await.expect("it has positions");
        assert_eq!(file.read_u8().await.expect("a byte is there"), 100);
        file.read_exact_at(&mut [0; 100], 9_900).await.expect("they are there");
        assert_eq!(file.read_at(&mut [0; 100], 10_000).await.expect("it may be read"), 0);
        drop(File::options().append(true).open(path).await.expect("it exists"));
    });
}

#[test]
fn what_changes_a_file_needs_a_thread() {
    without_threads(async |path| {
        let hand = Hand::default();
        assert!(hand.poll(&mut pin!(File::create(path))).is_pending());
        let mut file = File::options().write(true).open(path).await.expect("it exists");
        file.write_all(b"x").await.expect("it is accepted");
        assert!(hand.poll(&mut pin!(file.flush())).is_pending());
        assert!(hand.poll(&mut pin!(file.set_len(0))).is_pending());
    });
}

#[test]
fn a_file_that_was_opened_at_once_has_the_flags_it_was_opened_with() {
    without_threads(async |path| {
        for (mut options, expected) in [
            (File::options().read(true).clone(), libc::O_RDONLY),
            (File::options().write(true).clone(), libc::O_WRONLY),
            (File::options().append(true).clone(), libc::O_WRONLY | libc::O_APPEND),
            (File::options().read(true).append(true).clone(), libc::O_RDWR | libc::O_APPEND),
        ] {
            let file = options.create(false).open(path).await.expect("it exists");
            let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd()));
            let info = info.expect("it is open");
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:\t"));
            let flags = i32::from_str_radix(flags.expect("it has flags"), 8).expect("octal");
            let relevant = libc::O_ACCMODE | libc::O_APPEND | libc::O_NONBLOCK | libc::O_CLOEXEC;
            assert_eq!(flags & relevant, expected | libc::O_CLOEXEC, "{info}");
        }
    });
}

#[test]
fn a_pipe_is_opened_and_read_without_a_worker() {
    on_each_flavor(|runtime| {
        let folder = Folder::new();
        futures_lite::future::block_on(fs::read(folder.file("file", "x"))).expect("it exists");
        let path = fifo(&folder);
        runtime.block_on(async {
            let reader = filch::spawn(fs::read_to_string(path.clone()));
            // All workers do other things meanwhile.
            for _ in 0..100 {
                filch::task::yield_now().await;
            }
            assert!(!reader.is_finished(), "it waits for a writer");
            let mut writer = File::options().write(true).open(&path).await.expect("it exists");
            writer.write_all(b"through").await.expect("there is room");
            writer.flush().await.expect("there is room");
            drop(writer);
            let text = reader.await.expect("no panic").expect("it is text");
            assert_eq!(text, "through");
        });
    });
}

/// Runs the program below where `$DIR/both` is an overlay over `$DIR/lower`.
const IN_AN_OVERLAY: &str = r#"
    mount -t tmpfs none "$DIR" && cd "$DIR" && mkdir lower upper work both && echo text > lower/file &&
    mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work both || exit 77
    exec "$PROGRAM" --ignored --exact fs::cached::open_in_an_overlay --nocapture --test-threads=1
"#;

#[test]
fn a_file_of_a_lower_layer_is_not_copied_by_a_worker() {
    let _watchdog = crate::watchdog::Watchdog::new();
    let folder = Folder::new();
    let output = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", IN_AN_OVERLAY])
        .env("DIR", &folder.0)
        .env("PROGRAM", std::env::current_exe().expect("a test has a path"))
        .output();
    let Ok(output) = output else {
        eprintln!("note: no `unshare`; this test did nothing");
        return;
    };
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(77) || stderr.starts_with("unshare:") {
        eprintln!("note: nothing may be mounted here; this test did nothing\n{stderr}");
        return;
    }
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}\n{stderr}");
}

#[test]
#[ignore = "run by a test of this file in an overlay"]
fn open_in_an_overlay() {
    let folder = std::path::PathBuf::from(std::env::var_os("DIR").expect("the test sets it"));
    let path = folder.join("both/file");
    let copied = folder.join("upper/file");
    for builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        let text = futures_lite::future::block_on(fs::read_to_string(&path));
        assert_eq!(text.expect("it exists"), "text\n");
        let (runtime, free) = with_a_stuck_thread(builder);
        runtime.block_on(async {
            let hand = Hand::default();
            assert!(hand.poll(&mut pin!(File::options().append(true).open(&path))).is_pending());
            assert!(!copied.exists());
            // The lower layer may be on another machine.
            assert!(hand.poll(&mut pin!(File::open(&path))).is_pending());
            assert!(hand.poll(&mut pin!(fs::read(&path))).is_pending());
        });
        drop(free);
    }
    drop(std::fs::File::options().append(true).open(&path).expect("it exists"));
    assert!(copied.exists(), "this is what takes long");
}
