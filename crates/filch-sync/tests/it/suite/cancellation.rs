//! CancellationToken.

use super::{BlockOn, Case, is_pending, on_threads, yield_now};
use filch_sync::{CancellationToken, Reason};
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::thread;

pub(super) const CASES: &[Case] = &[
    ("token_tells_all_who_wait", token_tells_all_who_wait),
    ("token_tells_its_descendants_and_no_other", token_tells_its_descendants_and_no_other),
    ("token_keeps_the_first_reason", token_keeps_the_first_reason),
    ("child_of_a_canceled_token_is_canceled", child_of_a_canceled_token_is_canceled),
    ("token_guards_cancel_unless_disarmed", token_guards_cancel_unless_disarmed),
    ("token_ends_a_future", token_ends_a_future),
    ("no_child_escapes", no_child_escapes),
];

fn token_tells_all_who_wait(block_on: BlockOn<'_>) {
    for _ in 0..50 {
        let token = CancellationToken::new();
        let thread = thread::spawn({
            let token = token.clone();
            move || token.cancel()
        });
        on_threads(3, block_on, |index| {
            let token = if index == 0 { token.child_token() } else { token.clone() };
            async move {
                token.cancelled().await;
                assert!(token.is_cancelled());
                token.cancelled_owned().await;
            }
        });
        thread.join().expect("the thread does not panic");
    }
}

fn token_tells_its_descendants_and_no_other(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let root = CancellationToken::new();
        let (left, right) = (root.child_token(), root.child_token());
        let leaf = left.child_token();
        let mut root_waits = pin!(root.cancelled());
        let mut right_waits = pin!(right.clone().cancelled_owned());
        assert!(is_pending(root_waits.as_mut()) && is_pending(right_waits.as_mut()));
        left.cancel();
        leaf.cancelled().await;
        assert!(is_pending(root_waits.as_mut()) && is_pending(right_waits.as_mut()));
        assert!(!root.is_cancelled() && !right.is_cancelled() && left.is_cancelled());
        root.cancel();
        root_waits.await;
        right_waits.await;
    }));
}

fn token_keeps_the_first_reason(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let root = CancellationToken::new();
        let (child, other) = (root.child_token(), root.child_token());
        assert_eq!(root.reason(), None);
        child.cancel_with("of its own");
        root.cancel_with(format!("of {} all", 3));
        root.cancel_with("too late");
        child.cancel_with("too late");
        assert_eq!(root.reason(), Some("of 3 all".into()));
        assert_eq!(other.reason(), root.reason());
        assert_eq!(child.reason(), Some(Reason::from_static("of its own")));
        assert_eq!(root.child_token().reason(), root.reason());
        let token = CancellationToken::new();
        token.cancel();
        token.cancelled().await;
        assert_eq!(token.reason(), Some(Reason::default()));
    }));
}

fn child_of_a_canceled_token_is_canceled(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let parent = CancellationToken::new();
        parent.cancel_with("early");
        let child = parent.child_token();
        drop(parent);
        assert!(child.is_cancelled());
        child.cancelled().await;
        assert_eq!(child.child_token().reason(), Some("early".into()));
    }));
}

fn token_guards_cancel_unless_disarmed(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let token = CancellationToken::new();
        drop(token.child_token().drop_guard());
        assert!(!token.drop_guard_ref().disarm().is_cancelled());
        let token = token.drop_guard().disarm();
        assert!(!token.is_cancelled());
        let child = token.child_token();
        let guard = token.drop_guard();
        yield_now().await;
        assert!(!child.is_cancelled());
        drop(guard);
        child.cancelled().await;
    }));
}

fn token_ends_a_future(block_on: BlockOn<'_>) {
    let token = CancellationToken::new();
    let kept = Arc::new(());
    let in_future = kept.clone();
    let running = token.child_token().run_until_cancelled_owned(async move {
        pending::<()>().await;
        drop(in_future);
    });
    let canceler = thread::spawn({
        let token = token.clone();
        move || token.cancel()
    });
    block_on(Box::pin(async move {
        assert_eq!(running.await, None);
        assert_eq!(Arc::strong_count(&kept), 1);
        assert_eq!(CancellationToken::new().run_until_cancelled(async { 5 }).await, Some(5));
        let last = CancellationToken::new();
        let output = last.run_until_cancelled(async {
            last.cancel();
            5
        });
        assert_eq!(output.await, Some(5), "its last poll comes before the token is looked at");
    }));
    canceler.join().expect("the thread does not panic");
}

fn no_child_escapes(block_on: BlockOn<'_>) {
    for _ in 0..20 {
        let root = CancellationToken::new();
        let canceler = thread::spawn({
            let root = root.clone();
            move || {
                thread::yield_now();
                root.cancel_with("all");
            }
        });
        on_threads(3, block_on, |index| {
            let root = root.clone();
            async move {
                let mut token = root.child_token();
                let mut kept = Vec::new();
                while !root.is_cancelled() {
                    let child = token.child_token();
                    match index {
                        0 => token = child,
                        1 => kept.push(child),
                        _ => drop(child),
                    }
                    kept.truncate(10);
                    yield_now().await;
                }
                token.cancelled().await;
                for child in kept {
                    assert_eq!(child.reason(), Some("all".into()));
                }
            }
        });
        canceler.join().expect("the thread does not panic");
    }
}
