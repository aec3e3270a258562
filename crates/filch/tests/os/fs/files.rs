//! An open file and what it can do.

use super::{Folder, bytes, on_each};
use crate::tools::{Hand, panic_of};
use filch::fs::{File, FileTimes, OpenOptions};
use filch::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, SeekFrom};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A new file, to be read and written.
async fn new(folder: &Folder) -> File {
    File::create_new(folder.path("file")).await.expect("the folder can be written")
}

#[test]
fn a_file_is_read_in_pieces_to_its_end() {
    on_each(async |folder: Folder| {
        let path = folder.file("file", bytes(10_000));
        for _ in 0..2 {
            let mut file = File::open(&path).await.expect("it exists");
            let (mut content, mut piece) = (Vec::new(), [0; 999]);
            while let n @ 1.. = file.read(&mut piece).await.expect("it may be read") {
                content.extend_from_slice(&piece[..n]);
            }
            assert_eq!(content, bytes(10_000));
            assert_eq!(file.read(&mut piece).await.expect("it may be read"), 0);
            assert_eq!(file.read(&mut []).await.expect("nothing is asked"), 0);
        }
    });
}

#[test]
fn large_reads_and_writes_arrive_whole() {
    on_each(async |folder: Folder| {
        let content = bytes(5_000_000);
        let mut file = new(&folder).await;
        file.write_all(&content).await.expect("it may be written");
        file.rewind().await.expect("it has positions");
        let mut read = Vec::new();
        file.read_to_end(&mut read).await.expect("it may be read");
        assert!(read == content);
    });
}

#[test]
fn a_write_is_seen_by_whatever_comes_next() {
    on_each(async |folder: Folder| {
        let mut file = new(&folder).await;
        for n in 1..50 {
            file.write_all(b"0123456789").await.expect("it may be written");
            let size = file.metadata().await.expect("it is open").len();
            assert_eq!(size, 10 * n);
            file.write_all(b"x").await.expect("it may be written");
            let mut last = [0];
            file.read_exact_at(&mut last, size).await.expect("it is there");
            assert_eq!(&last, b"x");
            file.write_all(b"y").await.expect("it may be written");
            file.set_len(10 * n).await.expect("it may be cut off");
            assert_eq!(file.seek(SeekFrom::End(0)).await.expect("it has positions"), 10 * n);
        }
    });
}

#[test]
fn seeks_lead_to_their_places() {
    on_each(async |folder: Folder| {
        let path = folder.file("file", bytes(200));
        let mut file = File::open(path).await.expect("it exists");
        assert_eq!(file.seek(SeekFrom::Start(150)).await.expect("it has positions"), 150);
        assert_eq!(file.read_u8().await.expect("a byte is there"), 150);
        assert_eq!(file.seek(SeekFrom::Current(-51)).await.expect("it has positions"), 100);
        assert_eq!(file.read_u8().await.expect("a byte is there"), 100);
        assert_eq!(file.seek(SeekFrom::End(-1)).await.expect("it has positions"), 199);
        assert_eq!(file.read_u8().await.expect("a byte is there"), 199);
        assert_eq!(file.stream_position().await.expect("it has positions"), 200);
        file.rewind().await.expect("it has positions");
        assert_eq!(file.read_u8().await.expect("a byte is there"), 0);
        for nowhere in [SeekFrom::Current(-2), SeekFrom::End(-201)] {
            let error = file.seek(nowhere).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        assert_eq!(file.stream_position().await.expect("it has positions"), 1);
    });
}

#[test]
fn several_buffers_are_read_and_written_at_once() {
    on_each(async |folder: Folder| {
        let mut file = new(&folder).await;
        let parts = [IoSlice::new(b"one"), IoSlice::new(b""), IoSlice::new(b"three")];
        assert_eq!(file.write_vectored(&parts).await.expect("it may be written"), 8);
        file.rewind().await.expect("it has positions");
        for _ in 0..2 {
            let (mut first, mut second) = ([0; 4], [0; 10]);
            let mut parts = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
            assert_eq!(file.read_vectored(&mut parts).await.expect("it may be read"), 8);
            assert_eq!((&first, &second[..4]), (b"onet", &b"hree"[..]));
            file.rewind().await.expect("it has positions");
        }
    });
}

#[test]
fn a_file_opened_to_append_grows_at_its_end() {
    on_each(async |folder: Folder| {
        let path = folder.file("file", "one ");
        for _ in 0..2 {
            let mut file =
                OpenOptions::new().read(true).append(true).open(&path).await.expect("it exists");
            file.write_all(b"more ").await.expect("it may be written");
            file.rewind().await.expect("it has positions");
            file.write_all(b"and ").await.expect("it may be written");
            file.flush().await.expect("there is room");
        }
        let content = filch::fs::read_to_string(&path).await.expect("it exists");
        assert_eq!(content, "one more and more and ");
    });
}

#[test]
fn options_say_what_happens_to_a_file_that_exists() {
    on_each(async |folder: Folder| {
        let path = folder.file("file", "content");
        let exists = File::create_new(&path).await.unwrap_err();
        assert_eq!(exists.kind(), ErrorKind::AlreadyExists);
        let nothing_asked = OpenOptions::new().open(&path).await.unwrap_err();
        assert_eq!(nothing_asked.kind(), ErrorKind::InvalidInput);
        let mut file = File::options().write(true).open(&path).await.expect("it exists");
        file.write_all(b"C").await.expect("it may be written");
        file.flush().await.expect("there is room");
        assert_eq!(filch::fs::read_to_string(&path).await.expect("it exists"), "Content");
        drop(File::create(&path).await.expect("it may be written"));
        assert_eq!(filch::fs::read_to_string(&path).await.expect("it exists"), "");
        let of_std = OpenOptions::from(std::fs::File::options().read(true).clone());
        drop(of_std.open(&path).await.expect("it exists"));
    });
}

#[test]
fn a_file_opened_for_one_thing_refuses_the_other() {
    on_each(async |folder: Folder| {
        let path = folder.file("file", "content");
        let mut reader = File::open(&path).await.expect("it exists");
        reader.write_all(b"x").await.expect("it is accepted");
        reader.flush().await.expect_err("it is not open for that");
        let mut writer = File::options().write(true).open(&path).await.expect("it exists");
        writer.read_u8().await.expect_err("it is not open for that");
        writer.read_at(&mut [0], 0).await.expect_err("it is not open for that");
        reader.write_at(b"x", 0).await.expect_err("it is not open for that");
        assert_eq!(filch::fs::read_to_string(&path).await.expect("it exists"), "content");
    });
}

#[test]
fn a_clone_shares_the_position() {
    on_each(async |folder: Folder| {
        let path = folder.file("file", "abcdef");
        let mut file = File::open(path).await.expect("it exists");
        assert_eq!(file.read_u8().await.expect("a byte is there"), b'a');
        let mut clone = file.try_clone().await.expect("below the limit");
        assert_eq!(clone.read_u8().await.expect("a byte is there"), b'b');
        assert_eq!(file.read_u8().await.expect("a byte is there"), b'c');
    });
}

#[test]
fn a_file_goes_to_the_standard_library_when_all_is_done() {
    on_each(async |folder: Folder| {
        for _ in 0..20 {
            let mut file = File::create(folder.path("file")).await.expect("it may be written");
            file.write_all(&bytes(1000)).await.expect("it may be written");
            let std = file.into_std().await;
            assert_eq!(std.metadata().expect("it is open").len(), 1000);
            let file = File::from_std(std);
            drop(file.try_into_std().expect("nothing is under way"));
        }
        let mut file = File::open(folder.path("file")).await.expect("it exists");
        assert_eq!(file.read_u16().await.expect("two bytes are there"), 1);
        let mut std = file.try_into_std().expect("nothing is under way");
        let mut next = [0];
        std.read_exact(&mut next).expect("a byte is there");
        assert_eq!(next, [2]);
    });
}

#[test]
fn a_file_waits_for_calls_that_were_given_up_before_it_leaves() {
    on_each(async |folder: Folder| {
        for _ in 0..50 {
            let file = File::create(folder.path("file")).await.expect("it may be written");
            let _given_up = Hand::default().poll(&mut pin!(file.sync_all()));
            drop(file.into_std().await);
        }
    });
}

#[test]
fn a_call_moves_no_more_than_the_limit() {
    on_each(async |folder: Folder| {
        let mut file = new(&folder).await;
        file.set_max_buf_size(3);
        assert_eq!(file.max_buf_size(), 3);
        assert_eq!(file.write(b"0123456789").await.expect("it may be written"), 3);
        assert_eq!(file.write_at(b"0123456789", 5).await.expect("it may be written"), 3);
        file.write_all_at(b"0123456789", 0).await.expect("it may be written");
        assert_eq!(file.metadata().await.expect("it is open").len(), 10);
    });
}

#[test]
fn a_limit_of_nothing_is_refused() {
    on_each(async |folder: Folder| {
        let mut file = new(&folder).await;
        assert!(panic_of(|| file.set_max_buf_size(0)).contains("at least 1"));
    });
}

#[test]
fn tasks_read_and_write_at_their_own_places() {
    on_each(async |folder: Folder| {
        let file = Arc::new(new(&folder).await);
        let tasks: Vec<_> = (0..50_u64)
            .map(|n| {
                let file = Arc::clone(&file);
                filch::spawn(async move {
                    let record = [n as u8; 100];
                    file.write_all_at(&record, n * 100).await.expect("it may be written");
                    for _ in 0..20 {
                        let mut read = [0; 100];
                        file.read_exact_at(&mut read, n * 100).await.expect("it is there");
                        assert_eq!(read, record);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        assert_eq!(file.read_at(&mut [0; 10], 4995).await.expect("it may be read"), 5);
        for end in [5000, 5001, 1 << 40] {
            assert_eq!(file.read_at(&mut [0; 10], end).await.expect("it may be read"), 0);
        }
        let error = file.read_exact_at(&mut [0; 10], 4995).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        file.read_at(&mut [0; 10], u64::MAX).await.expect_err("nothing is so large");
    });
}

#[test]
fn times_and_permissions_can_be_changed() {
    on_each(async |folder: Folder| {
        let mut file = new(&folder).await;
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        file.write_all(b"before").await.expect("it may be written");
        file.set_modified(then).await.expect("it is ours");
        let metadata = file.metadata().await.expect("it is open");
        assert_eq!(metadata.modified().expect("the system keeps it"), then);
        let times = FileTimes::new().set_accessed(then).set_modified(then + Duration::from_secs(1));
        file.set_times(times).await.expect("it is ours");
        let mut permissions = file.metadata().await.expect("it is open").permissions();
        permissions.set_readonly(true);
        file.set_permissions(permissions).await.expect("it is ours");
        let metadata = file.metadata().await.expect("it is open");
        assert_eq!(metadata.accessed().expect("the system keeps it"), then);
        assert!(metadata.permissions().readonly());
        file.sync_data().await.expect("the disk works");
        file.sync_all().await.expect("the disk works");
    });
}

#[test]
#[cfg(unix)]
fn modes_and_flags_are_passed_on() {
    use std::os::unix::fs::MetadataExt;
    on_each(async |folder: Folder| {
        let path = folder.path("file");
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await;
        let metadata =
            file.expect("the folder can be written").metadata().await.expect("it is open");
        assert_eq!(metadata.mode() & 0o777, 0o600);
        std::os::unix::fs::symlink(&path, folder.path("link")).expect("the folder can be written");
        let not_through_links =
            OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(folder.path("link"));
        not_through_links.await.expect_err("it is a link");
    });
}

#[test]
#[cfg(unix)]
fn a_descriptor_becomes_a_file() {
    use std::os::fd::{AsFd, AsRawFd, OwnedFd};
    use std::os::unix::net::UnixStream;
    on_each(async |_| {
        let (reader, writer) = UnixStream::pair().expect("below the limit");
        let (mut reader, mut writer) =
            (File::from(OwnedFd::from(reader)), File::from(OwnedFd::from(writer)));
        assert_eq!(reader.as_fd().as_raw_fd(), reader.as_raw_fd());
        writer.write_all(b"through").await.expect("there is room");
        writer.flush().await.expect("there is room");
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).await.expect("it is text");
        assert_eq!(text, "through");
    });
}
