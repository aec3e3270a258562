//! What must have the process for itself.

#[cfg(target_os = "linux")]
use super::{Folder, fifo};
#[cfg(target_os = "linux")]
use crate::tools::{Hand, eventually, on_each_flavor};
use crate::watchdog::run_alone;
use filch::fs;
#[cfg(target_os = "linux")]
use filch::io::{AsyncReadExt, AsyncWriteExt};
#[cfg(target_os = "linux")]
use std::pin::pin;

#[test]
#[cfg(target_os = "linux")]
fn operations_that_are_given_up_leave_no_descriptor_open() {
    run_alone("fs::alone::operations_that_are_given_up_leave_no_descriptor_open_alone", &[]);
}

#[cfg(target_os = "linux")]
fn n_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("it is ours").count()
}

#[test]
#[ignore = "run by operations_that_are_given_up_leave_no_descriptor_open"]
#[cfg(target_os = "linux")]
fn operations_that_are_given_up_leave_no_descriptor_open_alone() {
    on_each_flavor(|runtime| {
        let folder = Folder::new();
        let (path, pipe) = (folder.file("file", "content"), fifo(&folder));
        let before = n_descriptors();
        runtime.block_on(async {
            let hand = Hand::default();
            for n in 0..500 {
                let _ = hand.poll(&mut Box::pin(fs::File::create(&path)));
                let _ = hand.poll(&mut Box::pin(fs::File::open(&path)));
                let _ = hand.poll(&mut Box::pin(fs::read(&path)));
                let _ = hand.poll(&mut Box::pin(fs::copy(&path, folder.path("copy"))));
                let _ = hand.poll(&mut Box::pin(fs::read_dir(&folder.0)));
                let _ = hand.poll(&mut pin!(fs::walk_dir(&folder.0).next()));
                let opened = fs::File::options().read(true).write(true).open(&path).await;
                let mut file = opened.expect("it exists");
                let _ = hand.poll(&mut pin!(file.read(&mut [0; 3])));
                let _ = hand.poll(&mut pin!(file.write_all(b"xyz")));
                let _ = hand.poll(&mut pin!(file.sync_all()));
                let _ = hand.poll(&mut Box::pin(file.try_clone()));
                let _ = hand.poll(&mut pin!(file.read_at(&mut [0; 3], 1)));
                if n % 2 == 0 {
                    let _ = hand.poll(&mut Box::pin(file.into_std()));
                }
            }
            // Opens that wait for the other end of a pipe are let go by it.
            for _ in 0..5 {
                let _ = hand.poll(&mut Box::pin(fs::File::open(&pipe)));
                let other_end = fs::File::options().read(true).write(true).open(&pipe).await;
                drop(other_end.expect("it exists"));
            }
        });
        eventually(|| n_descriptors() == before);
    });
}

#[test]
fn files_need_no_runtime() {
    run_alone("fs::alone::files_need_no_runtime_alone", &[]);
}

#[test]
#[ignore = "run by files_need_no_runtime"]
fn files_need_no_runtime_alone() {
    let path = std::env::temp_dir().join(format!("filch-fs-{}", std::process::id()));
    futures_lite::future::block_on(async {
        fs::write(&path, "content").await.expect("it can be written");
        assert_eq!(fs::read_to_string(&path).await.expect("it exists"), "content");
        fs::remove_file(&path).await.expect("it is ours");
    });
}
