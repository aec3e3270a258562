//! Who is too slow is told how much was missed, exactly.

use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::broadcast::{self, Receiver};

/// Takes what there is.
fn drain(receiver: &mut Receiver<u64>) -> Vec<String> {
    let mut taken = Vec::new();
    loop {
        match receiver.try_recv() {
            Ok(value) => taken.push(value.to_string()),
            Err(TryRecvError::Lagged(n)) => taken.push(format!("({n} missed)")),
            Err(TryRecvError::Empty) => return taken,
            Err(TryRecvError::Closed) => {
                taken.push("end".into());
                return taken;
            }
        }
    }
}

#[tokio::main]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();

    // tokio rounds a capacity up to a power of two, so these are such.
    for capacity in [1, 2, 4, 8] {
        let (sender, mut receiver) = broadcast::channel(capacity);
        for round in 0..4 {
            for n in 0..capacity as u64 + round {
                sender.send(n).expect("one listens");
            }
            note!(seen, "{capacity}: {} wait, {:?}", receiver.len(), drain(&mut receiver));
        }
        sender.send(100).expect("one listens");
        let mut late = sender.subscribe();
        for n in 0..3 * capacity as u64 {
            sender.send(n).expect("two listen");
        }
        drop(sender);
        note!(seen, "{capacity}: {:?} {:?}", drain(&mut receiver), drain(&mut late));
    }

    let (sender, mut receiver) = broadcast::channel(2);
    for n in 0..5 {
        sender.send(n).expect("one listens");
    }
    match receiver.recv().await {
        Err(RecvError::Lagged(n)) => note!(seen, "{n} behind"),
        other => note!(seen, "{other:?}"),
    }
    note!(seen, "{:?} {:?}", receiver.recv().await, receiver.recv().await);

    // A slow reader that counts what it missed accounts for every message.
    let (sender, mut receiver) = broadcast::channel(4);
    let reading = tokio::spawn(async move {
        let mut accounted = 0;
        loop {
            match receiver.recv().await {
                Ok(value) => {
                    assert_eq!(
                        value, accounted,
                        "a message was neither read nor counted as missed"
                    );
                    accounted += 1;
                }
                Err(RecvError::Lagged(n)) => accounted += n,
                Err(RecvError::Closed) => return accounted,
            }
            tokio::task::yield_now().await;
        }
    });
    for n in 0..1000_u64 {
        sender.send(n).expect("one listens");
        if n % 5 == 0 {
            tokio::task::yield_now().await;
        }
    }
    drop(sender);
    note!(seen, "accounted for {}", reading.await.expect("the task does not panic"));
    seen
}
