//! Files that the system has in its cache: what it costs to get at them.

use std::future::Future;
use std::path::{Path, PathBuf};

use super::{WARM_UP, scaled};
use crate::filch_rt::Filch;
use crate::report::{Meter, Report};
use crate::rt::Rt;
use crate::smol_rt::Smol;
use crate::tokio_rt::Tokio;

/// What a workload may ask of a runtime's files.
pub(crate) trait Files: 'static {
    /// An open file.
    type File: Send;

    /// Opens a file for reading.
    fn open(path: &Path) -> impl Future<Output = Self::File> + Send;

    /// Reads the next bytes; none at the end.
    fn read(file: &mut Self::File, buf: &mut [u8]) -> impl Future<Output = usize> + Send;

    /// Goes back to the start.
    fn rewind(file: &mut Self::File) -> impl Future<Output = ()> + Send;

    /// Reads a whole file.
    fn read_whole(path: &Path) -> impl Future<Output = Vec<u8>> + Send;
}

const PIECE: usize = 4096;

/// Reads of 4 KiB of one open file of 1 MiB, from its start to its end and again.
pub(super) fn fs_seq<R: Rt + Files>(rt: &R, scale: f64) -> Report {
    const PIECES: usize = 256;

    async fn run<R: Files>(path: &Path, rounds: usize) {
        let mut file = R::open(path).await;
        let mut piece = vec![0; PIECE];
        for _ in 0..rounds {
            for _ in 0..PIECES {
                assert_eq!(R::read(&mut file, &mut piece).await, PIECE);
            }
            R::rewind(&mut file).await;
        }
    }
    let rounds = scaled(200, scale);
    rt.run_inside(async move {
        let cached = Cached::new(PIECES * PIECE);
        run::<R>(&cached.0, scaled(rounds, WARM_UP)).await;
        let meter = Meter::start();
        run::<R>(&cached.0, rounds).await;
        meter.stop(rounds * PIECES)
    })
}

/// Open, read and close of a file of 4 KiB.
pub(super) fn fs_whole<R: Rt + Files>(rt: &R, scale: f64) -> Report {
    async fn run<R: Files>(path: &Path, times: usize) {
        for _ in 0..times {
            assert_eq!(R::read_whole(path).await.len(), PIECE);
        }
    }
    let times = scaled(20_000, scale);
    rt.run_inside(async move {
        let cached = Cached::new(PIECE);
        run::<R>(&cached.0, scaled(times, WARM_UP)).await;
        let meter = Meter::start();
        run::<R>(&cached.0, times).await;
        meter.stop(times)
    })
}

/// A file that was just written, so that all of it is cached. Removed in the end.
struct Cached(PathBuf);

impl Cached {
    fn new(size: usize) -> Self {
        let path = std::env::temp_dir().join(format!("filch-bench-{}", std::process::id()));
        std::fs::write(&path, vec![1; size]).expect("the system's temporary folder is writable");
        Cached(path)
    }
}

impl Drop for Cached {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Files for Filch {
    type File = filch::fs::File;

    async fn open(path: &Path) -> Self::File {
        filch::fs::File::open(path).await.expect("it exists")
    }

    async fn read(file: &mut Self::File, buf: &mut [u8]) -> usize {
        filch::io::AsyncReadExt::read(file, buf).await.expect("it may be read")
    }

    async fn rewind(file: &mut Self::File) {
        filch::io::AsyncSeekExt::rewind(file).await.expect("it has positions");
    }

    async fn read_whole(path: &Path) -> Vec<u8> {
        filch::fs::read(path).await.expect("it exists")
    }
}

impl Files for Tokio {
    type File = tokio::fs::File;

    async fn open(path: &Path) -> Self::File {
        tokio::fs::File::open(path).await.expect("it exists")
    }

    async fn read(file: &mut Self::File, buf: &mut [u8]) -> usize {
        tokio::io::AsyncReadExt::read(file, buf).await.expect("it may be read")
    }

    async fn rewind(file: &mut Self::File) {
        tokio::io::AsyncSeekExt::rewind(file).await.expect("it has positions");
    }

    async fn read_whole(path: &Path) -> Vec<u8> {
        tokio::fs::read(path).await.expect("it exists")
    }
}

impl Files for Smol {
    type File = smol::fs::File;

    async fn open(path: &Path) -> Self::File {
        smol::fs::File::open(path).await.expect("it exists")
    }

    async fn read(file: &mut Self::File, buf: &mut [u8]) -> usize {
        // Why in a loop: its pipe from the thread hands out what has come so far.
        let mut n_read = 0;
        while n_read < buf.len() {
            match smol::io::AsyncReadExt::read(file, &mut buf[n_read..]).await {
                Ok(0) => break,
                Ok(n) => n_read += n,
                Err(error) => panic!("it may be read: {error}"),
            }
        }
        n_read
    }

    async fn rewind(file: &mut Self::File) {
        let start = smol::io::SeekFrom::Start(0);
        smol::io::AsyncSeekExt::seek(file, start).await.expect("it has positions");
    }

    async fn read_whole(path: &Path) -> Vec<u8> {
        smol::fs::read(path).await.expect("it exists")
    }
}
