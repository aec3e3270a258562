//! What gives one value after the other is a stream, for the combinators of other crates.

use filch::sync::mpsc;
use filch::task::JoinSet;
use filch::time::{Duration, interval};
use futures_lite::StreamExt;

#[test]
fn receivers_intervals_and_join_sets_are_streams() {
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
    });
}
