//! Streams of values, of frames and of bytes.

mod framed;
mod scripted;
#[cfg(feature = "tokio-io")]
mod tokio_traits;

use filch::io::codec::{FramedRead, LinesCodec};
use filch::io::{AsyncBufReadExt, BufReader};
use filch::sync::mpsc;
use filch::task::JoinSet;
use filch::time::{Duration, interval};
use futures_lite::StreamExt;

#[test]
fn what_gives_one_value_after_the_other_is_a_stream() {
    filch::block_on(async {
        let (sender, receiver) = mpsc::channel(4);
        for n in 1..=3 {
            sender.send(n).await.expect("the receiver is alive");
        }
        drop(sender);
        assert_eq!(receiver.map(|n| 2 * n).collect::<Vec<_>>().await, [2, 4, 6]);

        let (sender, mut receiver) = mpsc::unbounded_channel();
        sender.send("one").expect("the receiver is alive");
        assert_eq!(receiver.next().await, Some("one"));

        assert_eq!(interval(Duration::from_millis(1)).take(3).count().await, 3);

        let set: JoinSet<u32> = (1..=3).map(|n| async move { n }).collect();
        let sum = set.map(|output| output.expect("no task fails")).fold(0, |sum, n| sum + n).await;
        assert_eq!(sum, 6);

        let lines = BufReader::new(b"a\nb\n".as_slice()).lines();
        let lines: Vec<String> = lines.map(|line| line.expect("text")).collect().await;
        assert_eq!(lines, ["a", "b"]);

        let parts = BufReader::new(b"a,b".as_slice()).split(b',');
        let parts: Vec<_> = parts.map(|part| part.expect("memory can be read")).collect().await;
        assert_eq!(parts, [b"a", b"b"]);

        let frames = FramedRead::new(b"a\nb".as_slice(), LinesCodec::new());
        let frames: Vec<String> = frames.map(|line| line.expect("text")).collect().await;
        assert_eq!(frames, ["a", "b"]);
    });
}
