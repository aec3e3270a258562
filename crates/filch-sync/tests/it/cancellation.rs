//! The tree of cancellation tokens: its size and depth, foreign code, and a model of which tokens are canceled.

use crate::tools::{Count, call, poll, poll_with, ready};
use filch_core::coop::{Budget, with_budget};
use filch_sync::{CancellationToken, Reason};
use proptest::prelude::*;
use std::collections::HashMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;

static TOKEN: CancellationToken = CancellationToken::new();

#[test]
fn a_token_can_be_a_static() {
    assert!(!TOKEN.is_cancelled());
    assert_eq!(TOKEN.reason(), None);
    let child = TOKEN.child_token();
    let mut waiting = pin!(child.cancelled());
    assert!(poll(waiting.as_mut()).is_pending());
    TOKEN.cancel_with("the end");
    ready(waiting);
    assert_eq!(child.reason(), Some("the end".into()));
}

#[test]
fn what_can_be_sent_shared_and_unwound() {
    fn assert_all<T: Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    fn assert_send_sync<T: Send + Sync>(_: &T) {}
    assert_all::<CancellationToken>();
    assert_send_sync(&TOKEN.cancelled());
    assert_send_sync(&CancellationToken::new().cancelled_owned());
    assert_send_sync(&TOKEN.run_until_cancelled(async {}));
    assert_send_sync(&TOKEN.drop_guard_ref().disarm());
    assert_send_sync(&CancellationToken::new().drop_guard().disarm());
}

#[test]
fn all_can_be_printed() {
    let token = CancellationToken::default();
    assert_eq!(format!("{token:?}"), "CancellationToken { is_cancelled: false, reason: None, .. }");
    token.cancel_with("enough");
    assert_eq!(
        format!("{token:?}"),
        r#"CancellationToken { is_cancelled: true, reason: Some(Reason("enough")), .. }"#
    );
    assert_eq!(format!("{:>8}|", token.reason().expect("it is canceled")), "  enough|");
    let _ = format!("{:?} {:?}", token.cancelled(), token.clone().cancelled_owned());
    let _ = format!("{:?} {:?}", token.drop_guard_ref(), token.clone().drop_guard());
}

#[test]
fn reasons_are_their_words() {
    let shared: Arc<str> = "words".into();
    for reason in [Reason::from("words".to_owned()), Reason::from(shared), Reason::from("words")] {
        assert_eq!(reason, Reason::from_static("words"));
        assert_eq!(HashMap::from([(reason.clone(), 1)])[&Reason::from("words")], 1);
    }
}

#[test]
fn deep_trees_need_no_stack() {
    const DEPTH: usize = 100_000;
    // A thread of little stack, and each order of dropping.
    let deep = || {
        let chain = || {
            let mut chain = vec![CancellationToken::new()];
            for depth in 1..DEPTH {
                chain.push(chain[depth - 1].child_token());
            }
            chain
        };
        drop(chain());
        chain().into_iter().rev().for_each(drop);
        let mut tokens = chain();
        let (root, leaf) = (tokens.remove(0), tokens.pop().expect("it is long"));
        drop(tokens);
        root.cancel_with("all");
        assert_eq!(leaf.reason(), Some("all".into()));
        let tokens = chain();
        tokens[0].cancel();
        assert!(tokens.iter().all(CancellationToken::is_cancelled));
    };
    let thread = thread::Builder::new().stack_size(64 * 1024).spawn(deep);
    thread.expect("a thread can be spawned").join().expect("the stack is large enough");
}

#[test]
fn an_uncanceled_branch_may_lose_any_of_its_middles() {
    // Every subset of the inner nodes of a small tree is dropped, in both orders; the leaves stay connected.
    for subset in 0..1_usize << 5 {
        for reverse in [false, true] {
            let root = CancellationToken::new();
            let mut inner: Vec<Option<CancellationToken>> = vec![Some(root.child_token())];
            let child = |inner: &[Option<CancellationToken>], of: usize| {
                inner[of].as_ref().expect("nothing is dropped yet").child_token()
            };
            for of in [0, 0, 1, 3] {
                let token = child(&inner, of);
                inner.push(Some(token));
            }
            let leaves: Vec<_> = (0..5).chain([2, 4]).map(|of| child(&inner, of)).collect();
            let mut order: Vec<usize> = (0..5).filter(|index| subset >> index & 1 == 1).collect();
            if reverse {
                order.reverse();
            }
            for index in order {
                inner[index] = None;
            }
            let (gone, kept) = leaves.split_at(subset % 7);
            gone.iter().for_each(|leaf| assert!(!leaf.is_cancelled()));
            root.cancel_with("all");
            kept.iter().for_each(|leaf| assert_eq!(leaf.reason(), Some("all".into())));
        }
    }
}

#[test]
fn an_already_ready_future_does_not_hide_a_cancellation_by_using_up_the_budget() {
    let token = CancellationToken::new();
    let other = CancellationToken::new();
    other.cancel();
    let greedy = poll_fn(|cx| {
        while pin!(other.cancelled()).poll(cx).is_ready() {}
        Poll::<()>::Pending
    });
    let mut running = pin!(token.run_until_cancelled(greedy));
    with_budget(Budget::new(5), || assert!(poll(running.as_mut()).is_pending()));
    token.cancel();
    with_budget(Budget::new(5), || assert_eq!(ready(running), None));
}

#[test]
fn a_token_spends_budget_when_it_is_canceled_and_not_before() {
    let token = CancellationToken::new();
    with_budget(Budget::new(1), || {
        let mut waiting = pin!(token.cancelled());
        for _ in 0..5 {
            assert!(poll(waiting.as_mut()).is_pending());
        }
        token.cancel();
        ready(waiting);
        let (count, waker) = Count::new();
        assert!(poll_with(pin!(token.cancelled()), &waker).is_pending());
        assert!(poll_with(pin!(token.clone().cancelled_owned()), &waker).is_pending());
        assert!(poll_with(pin!(token.run_until_cancelled(async {})), &waker).is_pending());
        assert_eq!(count.get(), 3, "each asked for another poll");
    });
}

#[test]
fn a_panicking_waker_keeps_nobody_from_being_woken() {
    let root = CancellationToken::new();
    let tokens: Vec<_> = (0..50).map(|_| root.child_token()).collect();
    let (count, counting) = Count::new();
    let waiting: Vec<_> = (0..200)
        .map(|index| {
            let mut waiting = Box::pin(tokens[index % 50].cancelled());
            let explodes = index % 10 == 0;
            let explode = || call(|| std::panic::resume_unwind(Box::new("waker")));
            let waker = if explodes { explode() } else { counting.clone() };
            assert!(poll_with(waiting.as_mut(), &waker).is_pending());
            waiting
        })
        .collect();
    let panic = catch_unwind(AssertUnwindSafe(|| root.cancel())).expect_err("it goes on here");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"waker"));
    assert_eq!(count.get(), 180);
    waiting.into_iter().for_each(|mut waiting| ready(waiting.as_mut()));
}

#[test]
fn a_waker_may_change_the_tree_that_wakes_it() {
    let root = CancellationToken::new();
    let middle = root.child_token();
    let leaf = middle.child_token();
    let waker = call({
        let (root, middle) = (root.clone(), std::sync::Mutex::new(Some(middle)));
        move || {
            root.cancel_with("again");
            assert!(root.child_token().is_cancelled());
            drop(middle.lock().expect("nobody panics").take());
        }
    });
    let mut waiting = Box::pin(leaf.clone().cancelled_owned());
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    drop(leaf);
    root.cancel_with("first");
    assert_eq!(root.reason(), Some("first".into()));
    ready(waiting.as_mut());
}

#[derive(Clone, Debug)]
enum Step {
    Child(usize),
    Clone(usize),
    Drop(usize),
    Cancel(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<usize>().prop_map(Step::Child),
        2 => any::<usize>().prop_map(Step::Clone),
        5 => any::<usize>().prop_map(Step::Drop),
        1 => any::<usize>().prop_map(Step::Cancel),
    ]
}

/// What a token should know: its parents stay here when they are dropped there.
struct Model {
    parent: Option<usize>,
    reason: Option<usize>,
}

fn is_below(models: &[Model], mut index: usize, ancestor: usize) -> bool {
    while index != ancestor {
        match models[index].parent {
            Some(parent) => index = parent,
            None => return false,
        }
    }
    true
}

proptest! {
    #[test]
    fn a_tree_agrees_with_its_model(steps in proptest::collection::vec(step(), 1..120)) {
        let mut models = vec![Model { parent: None, reason: None }];
        // A handle and the model of its token.
        let mut tokens = vec![(CancellationToken::new(), 0)];
        for (number, step) in steps.into_iter().enumerate() {
            let (Step::Child(which) | Step::Clone(which) | Step::Drop(which) | Step::Cancel(which)) = step;
            let Some(at) = which.checked_rem(tokens.len()) else { break };
            let (token, model) = (tokens[at].0.clone(), tokens[at].1);
            match step {
                Step::Child(_) => {
                    models.push(Model { parent: Some(model), reason: models[model].reason });
                    tokens.push((token.child_token(), models.len() - 1));
                }
                Step::Clone(_) => tokens.push((token.clone(), model)),
                Step::Drop(_) => drop(tokens.swap_remove(at)),
                Step::Cancel(_) => {
                    token.cancel_with(number.to_string());
                    for index in 0..models.len() {
                        if is_below(&models, index, model) {
                            models[index].reason.get_or_insert(number);
                        }
                    }
                }
            }
            drop(token);
            for (token, model) in &tokens {
                let expected = models[*model].reason.map(|number| Reason::from(number.to_string()));
                prop_assert_eq!(token.reason(), expected);
            }
        }
    }
}
