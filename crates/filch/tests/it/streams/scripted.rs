//! Scripted streams on the clock of a runtime.

use filch::io::mock::Builder;
use filch::io::{AsyncReadExt, AsyncWriteExt, split};
use filch::runtime;
use filch::time::{Duration, Instant};
use std::future::Future;

const HOUR: Duration = Duration::from_secs(3600);

fn with_virtual_time<T>(test: impl Future<Output = T>) -> T {
    let mut builder = runtime::Builder::new_current_thread();
    builder.start_paused(true).build().expect("the system has descriptors").block_on(test)
}

#[test]
fn a_wait_of_a_script_takes_virtual_time() {
    with_virtual_time(async {
        let begin = Instant::now();
        let mut mock =
            Builder::new().read(b"a").wait(HOUR).read(b"b").wait(HOUR).write(b"c").build();
        assert_eq!(mock.read_u8().await.expect("no error"), b'a');
        assert!(begin.elapsed().is_zero());
        assert_eq!(mock.read_u8().await.expect("no error"), b'b');
        assert_eq!(begin.elapsed(), HOUR);
        mock.write_all(b"c").await.expect("no error");
        assert_eq!(begin.elapsed(), 2 * HOUR);
    });
}

#[test]
fn a_wait_of_a_script_keeps_reader_and_writer_back() {
    for reader_first in [true, false] {
        with_virtual_time(async {
            let begin = Instant::now();
            let mock = Builder::new().wait(HOUR).read(b"a").write(b"b").build();
            let (mut read, mut write) = split(mock);
            let reading = async {
                assert_eq!(read.read_u8().await.expect("no error"), b'a');
                assert_eq!(begin.elapsed(), HOUR);
            };
            let writing = async {
                write.write_all(b"b").await.expect("no error");
                assert_eq!(begin.elapsed(), HOUR);
            };
            if reader_first {
                filch::join!(biased; reading, writing);
            } else {
                filch::join!(biased; writing, reading);
            }
        });
    }
}

#[test]
fn a_handle_wakes_what_waits_for_its_steps() {
    filch::run(async {
        let (mut mock, mut handle) = Builder::new().build_with_handle();
        let reading = filch::spawn(async move {
            let mut all = Vec::new();
            mock.read_to_end(&mut all).await.map(|_| all)
        });
        for byte in 0..50 {
            handle.read(&[byte]);
            filch::task::yield_now().await;
        }
        drop(handle);
        let all = reading.await.expect("it does not panic").expect("no error");
        assert_eq!(all, (0..50).collect::<Vec<u8>>());
    });
}
