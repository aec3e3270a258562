//! Random operations on a file, some of them given up, against a plain list of bytes.

use super::Folder;
use crate::random::Random;
use crate::tools::{Hand, current_thread, workers};
use crate::watchdog::Watchdog;
use filch::fs::{File, OpenOptions};
use filch::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use rustix::fs::{OFlags, fcntl_setfl};
use std::io::SeekFrom;
use std::pin::pin;
use std::task::Poll;

/// What the file should be.
struct Model {
    file: File,
    bytes: Vec<u8>,
    position: usize,
    random: Random,
}

/// A file that is always read by a thread: the first read found that it goes around the cache.
async fn never_cached(folder: &Folder) -> File {
    let options = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .custom_flags(libc::O_DIRECT)
        .clone();
    let file = options.open(folder.path("file")).await.expect("the folder can be written");
    let _ = file.read_at(&mut [0], 0).await;
    fcntl_setfl(&file, OFlags::empty()).expect("it is open");
    file
}

async fn cached(folder: &Folder) -> File {
    let options = OpenOptions::new().read(true).write(true).create_new(true).clone();
    options.open(folder.path("file")).await.expect("the folder can be written")
}

impl Model {
    async fn step(&mut self) {
        match self.random.below(9) {
            0 | 1 => self.read().await,
            2 => self.give_up_a_read(),
            3 | 4 => self.write().await,
            5 => self.seek().await,
            6 => self.give_up_a_seek().await,
            7 => self.read_at().await,
            _ => self.write_at().await,
        }
    }

    fn some_length(&mut self) -> usize {
        self.random.below(100) as usize
    }

    async fn read(&mut self) {
        let mut piece = vec![0; 1 + self.some_length()];
        let n_read = self.file.read(&mut piece).await.expect("it may be read");
        let left = &self.bytes[self.position.min(self.bytes.len())..];
        assert!(n_read <= left.len() && (n_read != 0 || left.is_empty()));
        assert_eq!(piece[..n_read], left[..n_read]);
        self.position += n_read;
    }

    fn give_up_a_read(&mut self) {
        let mut piece = vec![0; 1 + self.some_length()];
        let result = Hand::default().poll(&mut pin!(self.file.read(&mut piece)));
        if let Poll::Ready(n_read) = result {
            self.position += n_read.expect("it may be read");
        }
    }

    async fn write(&mut self) {
        let piece = vec![self.random.below(256) as u8; 1 + self.some_length()];
        self.file.write_all(&piece).await.expect("there is room");
        self.put(&piece, self.position);
        self.position += piece.len();
    }

    fn put(&mut self, piece: &[u8], at: usize) {
        let end = at + piece.len();
        self.bytes.resize(end.max(self.bytes.len()), 0);
        self.bytes[at..end].copy_from_slice(piece);
    }

    async fn seek(&mut self) {
        let n = self.some_length();
        let (to, expected) = match self.random.below(3) {
            0 => (SeekFrom::Start(n as u64), n),
            1 => (SeekFrom::Current(n as i64), self.position + n),
            _ => (SeekFrom::End(n as i64), self.bytes.len() + n),
        };
        let position = self.file.seek(to).await.expect("it has positions");
        assert_eq!(position, expected as u64, "{to:?}");
        self.position = expected;
    }

    async fn give_up_a_seek(&mut self) {
        let seeking = Hand::default().poll(&mut pin!(self.file.seek(SeekFrom::End(0))));
        if let Poll::Ready(end) = seeking {
            assert_eq!(end.expect("it has positions"), self.bytes.len() as u64);
            self.position = self.bytes.len();
        }
        if self.random.below(2) == 0 {
            self.write_at().await;
        }
        let position = self.file.stream_position().await.expect("it has positions");
        assert_eq!(position, self.position as u64);
    }

    async fn read_at(&mut self) {
        let (mut piece, at) = (vec![0; self.some_length()], self.some_length());
        let n_read = self.file.read_at(&mut piece, at as u64).await.expect("it may be read");
        let left = &self.bytes[at.min(self.bytes.len())..];
        assert_eq!(n_read, left.len().min(piece.len()));
        assert_eq!(piece[..n_read], left[..n_read]);
    }

    async fn write_at(&mut self) {
        let at = self.some_length();
        let piece = vec![self.random.below(256) as u8; 1 + self.some_length()];
        self.file.write_all_at(&piece, at as u64).await.expect("there is room");
        self.put(&piece, at);
    }
}

fn compare(open: impl AsyncFn(&Folder) -> File) {
    for runtime in [workers(2), current_thread()] {
        for seed in 0..40 {
            let _watchdog = Watchdog::new();
            runtime.block_on(async {
                let folder = Folder::new();
                let file = open(&folder).await;
                let (bytes, random) = (Vec::new(), Random::new(seed));
                let mut model = Model { file, bytes, position: 0, random };
                for _ in 0..60 {
                    model.step().await;
                }
                model.file.flush().await.expect("there is room");
                let content = std::fs::read(folder.path("file")).expect("it exists");
                assert!(content == model.bytes, "seed {seed}");
            });
        }
    }
}

#[test]
fn a_file_behaves_as_a_list_of_bytes() {
    compare(cached);
}

#[test]
fn a_file_that_is_never_cached_behaves_as_a_list_of_bytes() {
    compare(never_cached);
}
