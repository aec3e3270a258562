//! `pin!`.

use std::future::Future;
use std::pin::Pin;

fn assert_pinned<F: Future>(_: &Pin<&mut F>) {}

#[test]
fn names_become_pinned_references() {
    filch::block_on(async {
        let (one, two) = (async { 1 }, async { 2 });
        filch::pin!(one, two,);
        assert_pinned(&one);
        assert_eq!((&mut one).await + two.await, 3);
    });
}

#[test]
fn values_get_names() {
    filch::block_on(async {
        let text = String::from("borrowed");
        filch::pin! {
            let one = async { text.len() };
            let two = std::future::ready(2);
        }
        assert_pinned(&one);
        assert_eq!(one.await + two.await, 10);
    });
}

#[test]
fn a_pinned_value_lives_until_its_block_ends() {
    let diary = super::probe::Diary::default();
    {
        let probe = diary.probe("a", 0);
        filch::pin!(probe);
        assert_pinned(&probe);
        diary.note("end");
    }
    assert_eq!(diary.read(), ["end", "drop a"]);
}
