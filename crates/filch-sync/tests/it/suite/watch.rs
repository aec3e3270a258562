//! Watch channels.

use super::{BlockOn, Case, on_threads, yield_now};
use filch_sync::watch;
use std::sync::Arc;
use std::thread;

pub(super) const CASES: &[Case] = &[
    ("watch_shows_the_latest_value", watch_shows_the_latest_value),
    ("watch_never_goes_back", watch_never_goes_back),
    ("watch_waits_for_a_value", watch_waits_for_a_value),
    ("watch_changes_add_up", watch_changes_add_up),
    ("watch_ends_after_the_last_value", watch_ends_after_the_last_value),
    (
        "watch_tells_senders_of_the_last_receivers_end",
        watch_tells_senders_of_the_last_receivers_end,
    ),
    ("watch_sends_while_a_value_is_lent", watch_sends_while_a_value_is_lent),
];

const N_VALUES: usize = 1000;

fn watch_shows_the_latest_value(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (sender, mut receiver) = watch::channel("one".to_owned());
        assert_eq!(receiver.has_changed(), Ok(false));
        sender.send("two".to_owned()).expect("there is a receiver");
        sender.send("three".to_owned()).expect("there is a receiver");
        receiver.changed().await.expect("there is a sender");
        assert_eq!(*receiver.borrow_and_update(), "three");
        assert_eq!(receiver.has_changed(), Ok(false));
    }));
}

fn watch_never_goes_back(block_on: BlockOn<'_>) {
    let (sender, receiver) = watch::channel(0);
    let sender = std::sync::Mutex::new(Some(sender));
    on_threads(4, block_on, |index| {
        let mut receiver = receiver.clone();
        let sender = if index == 0 { sender.lock().expect("not poisoned").take() } else { None };
        async move {
            if let Some(sender) = sender {
                for n in 1..=N_VALUES {
                    sender.send(n).expect("there are receivers");
                    if n % 16 == 0 {
                        yield_now().await;
                    }
                }
                return;
            }
            let mut last = 0;
            while receiver.changed().await.is_ok() {
                let n = *receiver.borrow_and_update();
                assert!(last < n, "{n} after {last}");
                last = n;
            }
            assert_eq!(last, N_VALUES);
        }
    });
}

fn watch_waits_for_a_value(block_on: BlockOn<'_>) {
    let (sender, mut receiver) = watch::channel(0);
    let thread = thread::spawn(move || {
        for n in 1..=N_VALUES {
            sender.send_modify(|value| *value = n);
        }
    });
    block_on(Box::pin(async move {
        assert!(*receiver.wait_for(|n| *n >= 10).await.expect("it comes") >= 10);
        assert_eq!(*receiver.wait_for(|n| *n == N_VALUES).await.expect("it comes last"), N_VALUES);
        assert!(receiver.wait_for(|n| *n > N_VALUES).await.is_err());
    }));
    thread.join().expect("the thread does not panic");
}

fn watch_changes_add_up(block_on: BlockOn<'_>) {
    let (sender, receiver) = watch::channel(0);
    on_threads(4, block_on, |index| {
        let (sender, receiver) = (sender.clone(), receiver.clone());
        async move {
            for n in 0..N_VALUES {
                if index < 2 {
                    assert!(sender.send_if_modified(|value| {
                        *value += 1;
                        true
                    }));
                } else {
                    assert!(*receiver.borrow() <= 2 * N_VALUES);
                }
                if n % 16 == 0 {
                    yield_now().await;
                }
            }
        }
    });
    assert_eq!(*sender.borrow(), 2 * N_VALUES);
}

fn watch_ends_after_the_last_value(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (sender, mut receiver) = watch::channel(0);
        sender.send(1).expect("there is a receiver");
        drop(sender);
        assert!(receiver.changed().await.is_ok());
        assert!(receiver.changed().await.is_err());
        assert_eq!(*receiver.borrow(), 1);
    }));
}

fn watch_tells_senders_of_the_last_receivers_end(block_on: BlockOn<'_>) {
    let (sender, receiver) = watch::channel(0);
    let threads: Vec<_> =
        [receiver.clone(), receiver].map(|receiver| thread::spawn(move || drop(receiver))).into();
    block_on(Box::pin(async move {
        sender.closed().await;
        assert_eq!(sender.send(1).expect_err("nobody is there").0, 1);
        assert_eq!(*sender.borrow(), 0);
        let receiver = sender.subscribe();
        sender.send(2).expect("somebody is there again");
        assert_eq!(*receiver.borrow(), 2);
    }));
    for thread in threads {
        thread.join().expect("the thread does not panic");
    }
}

fn watch_sends_while_a_value_is_lent(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let first = Arc::new(1);
        let (sender, receiver) = watch::channel(first.clone());
        let lent = receiver.borrow();
        sender.send(Arc::new(2)).expect("there is a receiver");
        assert_eq!((**lent, **receiver.borrow()), (1, 2));
        drop(lent);
        assert_eq!(Arc::strong_count(&first), 1);
    }));
}
