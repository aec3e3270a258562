//! How many nodes a tree keeps.

use super::*;

/// The nodes below a token, and how many of them are ghosts.
fn below(token: &CancellationToken) -> (usize, usize) {
    tree::count_below(&token.handle.lend())
}

#[test]
fn short_lived_children_leave_nothing_behind() {
    let root = CancellationToken::new();
    let branch = root.child_token();
    for _ in 0..20_000 {
        drop((root.child_token(), branch.child_token().child_token()));
    }
    assert_eq!(below(&root), (1, 0));
}

#[test]
fn a_chain_of_which_only_the_end_lives_is_one_node_long() {
    let root = CancellationToken::new();
    let mut end = root.child_token();
    for _ in 0..20_000 {
        end = end.child_token();
    }
    assert_eq!(below(&root), (1, 0));
    root.cancel();
    assert!(end.is_cancelled());
}

#[test]
fn ghosts_are_fewer_than_the_living_and_go_with_them() {
    let root = CancellationToken::new();
    let mut leaves = vec![root.child_token()];
    for depth in 0..10 {
        // Each leaf gets one to three children, and goes.
        let children = |(index, leaf): (usize, &CancellationToken)| -> Vec<_> {
            (0..1 + (index + depth) % 3).map(|_| leaf.child_token()).collect()
        };
        leaves = leaves.iter().enumerate().flat_map(children).collect();
        let (nodes, ghosts) = below(&root);
        assert_eq!(nodes, leaves.len() + ghosts);
        assert!(ghosts < leaves.len());
    }
    while !leaves.is_empty() {
        drop(leaves.swap_remove(leaves.len() * 5 / 8));
        let (nodes, ghosts) = below(&root);
        assert_eq!(nodes, leaves.len() + ghosts);
        assert!(ghosts < leaves.len().max(1));
    }
    assert_eq!(below(&root), (0, 0));
}

#[test]
fn a_root_that_goes_leaves_its_children_their_own() {
    let root = CancellationToken::new();
    let (one, other) = (root.child_token(), root.child_token());
    let leaf = one.child_token();
    drop(root);
    one.cancel();
    assert!(leaf.is_cancelled() && !other.is_cancelled());
    assert_eq!(below(&other), (0, 0));
}
