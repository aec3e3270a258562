//! Files and the life of their runtimes.

use super::{Folder, bytes, with_a_stuck_thread};
use crate::tools::{Hand, current_thread, workers};
use crate::watchdog::Watchdog;
use filch::fs::{self, File};
use filch::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use filch::runtime::Builder;
use std::pin::pin;
use std::time::Duration;

fn builders() -> [Builder; 2] {
    [Builder::new_multi_thread(), Builder::new_current_thread()]
}

#[test]
fn accepted_bytes_are_written_though_the_runtime_ends() {
    for builder in builders() {
        let _watchdog = Watchdog::new();
        let folder = Folder::new();
        let path = folder.file("file", "");
        let (runtime, free) = with_a_stuck_thread(builder);
        let mut file = {
            let std = std::fs::File::options().write(true).open(&path).expect("it exists");
            File::from_std(std)
        };
        runtime.block_on(async { file.write_all(b"accepted").await }).expect("it is accepted");
        assert_eq!(std::fs::read(&path).expect("it exists"), b"", "no thread is free");
        drop(runtime.shutdown(Duration::ZERO));
        assert_eq!(std::fs::read(&path).expect("it exists"), b"accepted");
        drop(free);

        // And the file learns how it went, wherever it is.
        current_thread().block_on(file.flush()).expect("there is room");
        let mut file = current_thread().block_on(async { file });
        workers(1).block_on(file.write_all(b" and more")).expect("it is accepted");
        workers(1).block_on(file.flush()).expect("there is room");
        assert_eq!(std::fs::read(&path).expect("it exists"), b"accepted and more");
    }
}

#[test]
#[cfg(unix)]
fn an_end_of_the_runtime_does_not_wait_for_a_pipe() {
    for builder in builders() {
        let _watchdog = Watchdog::new();
        let (runtime, free) = with_a_stuck_thread(builder);
        let (near, far) = std::os::unix::net::UnixStream::pair().expect("below the limit");
        let mut file = File::from(std::os::fd::OwnedFd::from(near));
        let more_than_fits = bytes(2_000_000);
        let n_accepted = runtime.block_on(async { file.write(&more_than_fits).await });
        assert_eq!(n_accepted.expect("it is accepted"), 2_000_000);
        drop(runtime.shutdown(Duration::ZERO));
        drop(free);
        let error = current_thread().block_on(file.flush()).unwrap_err();
        assert!(error.to_string().contains("ended"), "{error}");
        drop(far);
    }
}

#[test]
fn a_file_that_is_dropped_still_writes_what_it_accepted() {
    for builder in builders() {
        let _watchdog = Watchdog::new();
        let folder = Folder::new();
        let path = folder.path("file");
        let runtime = { builder }.build().expect("the stock parts fit");
        runtime.block_on(async {
            let mut file = File::create(&path).await.expect("it may be written");
            file.write_all(&bytes(1000)).await.expect("it is accepted");
        });
        drop(runtime);
        assert_eq!(std::fs::read(&path).expect("it exists"), bytes(1000));
    }
}

#[test]
fn what_waits_for_a_thread_errs_when_the_runtime_ends() {
    for builder in builders() {
        let _watchdog = Watchdog::new();
        let folder = Folder::new();
        let path = folder.path("file");
        let (runtime, free) = with_a_stuck_thread(builder);
        let handle = *runtime.handle();
        let entered = handle.enter();
        let (hand, mut open) = (Hand::default(), Box::pin(File::create(&path)));
        assert!(hand.poll(&mut open).is_pending());
        drop(entered);
        drop(runtime.shutdown(Duration::ZERO));
        drop(free);
        let error = futures_lite::future::block_on(open).expect_err("nobody opened it");
        assert!(error.to_string().contains("ended"), "{error}");
        assert!(!path.exists());
    }
}

#[test]
fn an_operation_for_which_the_system_has_no_thread_does_not_blame_the_runtime_alone() {
    let _watchdog = Watchdog::new();
    let folder = Folder::new();
    // A stack that no address space holds.
    let runtime = Builder::new_current_thread().thread_stack_size(usize::MAX / 16).build();
    let created = runtime.expect("it has no threads").block_on(File::create(folder.path("file")));
    let error = created.expect_err("there is no thread");
    assert!(error.to_string().contains("no thread to spare"), "{error}");
}

#[test]
fn a_file_goes_from_runtime_to_runtime() {
    let _watchdog = Watchdog::new();
    let folder = Folder::new();
    let path = folder.path("file");
    let mut file = workers(2).block_on(File::create_new(&path)).expect("it may be written");
    for n in 0..10 {
        workers(1).block_on(file.write_all(&[n])).expect("it is accepted");
        current_thread().block_on(file.stream_position()).expect("it has positions");
    }
    let read = current_thread().block_on(async {
        file.rewind().await?;
        let mut read = Vec::new();
        file.read_to_end(&mut read).await?;
        std::io::Result::Ok(read)
    });
    assert_eq!(read.expect("it may be read"), bytes(10));
}

#[test]
#[cfg(unix)]
fn the_report_names_who_opened_what_does_not_end() {
    let _watchdog = Watchdog::new();
    let folder = Folder::new();
    let path = super::fifo(&folder);
    let runtime = workers(1);
    let line = line!() + 2;
    runtime.block_on(async {
        let mut open = pin!(File::open(&path));
        assert!(Hand::default().poll(&mut open).is_pending(), "nobody writes to the pipe");
        // Running, so that it is not taken back.
        while runtime.handle().spawn_blocking(|| ()).await.is_err() {}
        filch::time::sleep(Duration::from_millis(20)).await;
    });
    let report = runtime.shutdown(Duration::from_millis(1));
    let places: Vec<_> = report.blocking.iter().map(|call| call.spawned_at).collect();
    assert!(
        places.iter().any(|place| place.file() == file!() && place.line() == line),
        "{places:?}"
    );
    // Lets the thread end.
    drop(std::fs::File::options().write(true).open(&path).expect("somebody reads"));
}

#[test]
fn a_stopped_clock_waits_for_files() {
    let _watchdog = Watchdog::new();
    let folder = Folder::new();
    for flavor in [Builder::new_multi_thread, Builder::new_current_thread] {
        let runtime = flavor().start_paused(true).build().expect("the stock parts fit");
        runtime.block_on(async {
            for n in 0..100 {
                let write = fs::write(folder.path("file"), bytes(n));
                let in_time = filch::time::timeout(Duration::from_millis(1), write).await;
                in_time.expect("no time passes meanwhile").expect("it may be written");
            }
        });
    }
}
