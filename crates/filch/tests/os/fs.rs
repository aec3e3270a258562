//! Files and directories, on each flavor.

mod alone;
#[cfg(target_os = "linux")]
mod cached;
mod canceled;
mod directories;
mod ends;
#[cfg(unix)]
mod errors;
mod files;
#[cfg(target_os = "linux")]
mod model;
#[cfg(target_os = "linux")]
mod positions;
mod tree;
mod whole;

use crate::tools::on_each_flavor;
use filch::runtime::{Builder, Runtime};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc;

/// A directory of the test's own, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static N_MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("fs-{}-{}", std::process::id(), N_MADE.fetch_add(1, Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir(&path).expect("the target folder can be written");
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A file of these bytes.
    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("the folder can be written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs `test` with a folder of its own on a runtime of each flavor.
fn on_each<F: Future<Output = ()>>(test: impl Fn(Folder) -> F) {
    on_each_flavor(|runtime| runtime.block_on(test(Folder::new())));
}

/// So many bytes, of which no two neighbors are alike.
fn bytes(n: usize) -> Vec<u8> {
    (0..n).map(|at| (at % 251) as u8).collect()
}

/// What a pipe has for this process to open.
#[cfg(unix)]
fn fifo(folder: &Folder) -> PathBuf {
    let path = folder.path("fifo");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo is everywhere").success());
    path
}

/// A runtime whose only thread for blocking calls is stuck until the sender is dropped.
pub(crate) fn with_a_stuck_thread(mut builder: Builder) -> (Runtime, mpsc::Sender<()>) {
    let runtime = builder.max_blocking_threads(1).build().expect("the stock parts fit");
    let free = {
        let _inside = runtime.enter();
        hold_thread()
    };
    (runtime, free)
}

/// Keeps a thread for blocking calls of the current runtime busy until the sender is dropped.
fn hold_thread() -> mpsc::Sender<()> {
    let (free, is_freed) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    drop(filch::task::spawn_blocking(move || {
        begun.send(()).expect("it is awaited");
        let _ = is_freed.recv();
    }));
    has_begun.recv().expect("the thread begins");
    free
}
