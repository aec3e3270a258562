//! What a group promises while nothing goes wrong.

use super::{HOUR, Oops, ms, on_each, settle};
use crate::sanitizer::is_under_asan;
use crate::tools::Witness;
use crate::watchdog::run_alone;
use filch::TaskGroup;
use filch::task::{Child, Started, yield_now};
use filch::time::{Instant, sleep};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

#[test]
fn a_scope_ends_when_the_last_child_has_ended() {
    on_each(|| async {
        let begin = Instant::now();
        let witness = Witness::default();
        let scope = TaskGroup::scope(async |tg| {
            for after in [30, 10, 20] {
                let witness = witness.clone();
                tg.spawn(async move {
                    sleep(ms(after)).await;
                    drop(witness);
                });
            }
            Ok(7)
        });
        assert_eq!(scope.await.expect("nothing fails"), 7);
        assert_eq!(begin.elapsed(), ms(30));
        assert_eq!(witness.n_alive(), 0);
    });
}

#[test]
fn nothing_happens_before_a_scope_is_polled() {
    on_each(|| async {
        let witness = Witness::default();
        let inside = witness.clone();
        let scope = TaskGroup::scope(async move |tg| {
            tg.spawn(async move { drop(inside) });
            Ok(())
        });
        settle().await;
        assert_eq!(witness.n_alive(), 1);
        drop(scope);
        assert_eq!(witness.n_alive(), 0);
    });
}

#[test]
fn children_spawn_siblings_also_after_the_body_has_ended() {
    on_each(|| async {
        let count = Arc::new(AtomicUsize::new(0));
        fn grow(tg: TaskGroup, count: Arc<AtomicUsize>, depth: u32) {
            let sibling = tg.clone();
            tg.spawn(async move {
                sleep(ms(1)).await;
                count.fetch_add(1, SeqCst);
                if depth > 0 {
                    grow(sibling.clone(), count.clone(), depth - 1);
                    grow(sibling, count, depth - 1);
                }
            });
        }
        let counted = count.clone();
        let scope = TaskGroup::scope(async |tg| {
            grow(tg, counted, 4);
            Ok(())
        });
        scope.await.expect("nothing fails");
        assert_eq!(count.load(SeqCst), 31);
    });
}

#[test]
fn a_child_is_awaited_or_read_after_the_scope() {
    on_each(|| async {
        let scope = TaskGroup::scope(async |tg| {
            let awaited = tg.spawn(async {
                sleep(ms(5)).await;
                1
            });
            let read = tg.create_task(async { Ok::<_, Oops>("two") });
            let joined = tg.spawn(async { 3 });
            assert_eq!(joined.join().await.expect("it has a value"), 3);
            Ok((awaited.await, read))
        });
        let (one, two) = scope.await.expect("nothing fails");
        assert!(two.is_finished());
        assert_eq!((one, two.result()), (1, "two"));
    });
}

#[test]
fn join_waits_for_the_children_of_the_moment() {
    on_each(|| async {
        let begin = Instant::now();
        let scope = TaskGroup::scope(async |tg| {
            tg.join().await;
            tg.spawn(sleep(ms(10)));
            tg.spawn(sleep(ms(20)));
            assert_eq!(tg.len(), 2);
            tg.join().await;
            assert_eq!(begin.elapsed(), ms(20));
            assert!(tg.is_empty());
            tg.spawn(sleep(ms(5)));
            Ok(())
        });
        scope.await.expect("nothing fails");
        assert_eq!(begin.elapsed(), ms(25));
    });
}

#[test]
fn a_limit_lets_so_many_children_run_in_the_order_of_their_spawns() {
    on_each(|| async {
        let begin = Instant::now();
        let (n_running, started) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(vec![])));
        let scope = TaskGroup::builder().limit(3).scope(async |tg| {
            for number in 0..10 {
                let (n_running, started) = (n_running.clone(), started.clone());
                tg.spawn(async move {
                    assert!(n_running.fetch_add(1, SeqCst) < 3);
                    started.lock().unwrap().push((number, begin.elapsed()));
                    sleep(ms(10)).await;
                    n_running.fetch_sub(1, SeqCst);
                });
            }
            Ok(())
        });
        scope.await.expect("nothing fails");
        assert_eq!(begin.elapsed(), ms(40));
        let mut started = started.lock().unwrap().clone();
        // Of those that start at the same moment none is first.
        started.sort_by_key(|(number, at)| (*at, *number));
        let begun: Vec<_> = (0..10).map(|number| (number, ms(10 * (number as u64 / 3)))).collect();
        assert_eq!(started, begun);
    });
}

#[test]
fn a_child_that_waits_for_its_turn_ends_with_the_group() {
    on_each(|| async {
        let scope = TaskGroup::builder().limit(1).scope(async |tg| {
            tg.spawn(sleep(HOUR));
            tg.spawn(async { unreachable!("its turn never comes") });
            settle().await;
            tg.cancel().await;
            Ok(())
        });
        scope.await.expect("a canceled group has not failed");
    });
}

#[test]
fn start_waits_until_the_child_is_ready() {
    on_each(|| async {
        let begin = Instant::now();
        let scope = TaskGroup::scope(async |tg| {
            let serve = async |started: Started<u16>| {
                sleep(ms(10)).await;
                started.ready(80);
                sleep(ms(10)).await;
                Ok::<_, Oops>(())
            };
            assert_eq!(tg.start(serve).await, 80);
            assert_eq!(begin.elapsed(), ms(10));
            Ok(())
        });
        scope.await.expect("nothing fails");
        assert_eq!(begin.elapsed(), ms(20));
    });
}

#[test]
fn children_and_groups_have_names_and_places() {
    on_each(|| async {
        let scope = TaskGroup::builder().name("pool").scope(async |tg| {
            assert_eq!(tg.name(), Some("pool"));
            let child: Child<()> = tg.build_task().name("first").spawn(yield_now());
            assert_eq!(child.name(), Some("first"));
            assert!(child.spawned_at().file().ends_with("rules.rs"));
            assert!(format!("{tg:?}").contains("rules.rs"));
            Ok(())
        });
        scope.await.expect("nothing fails");
    });
}

#[test]
fn a_group_that_lives_long_stays_small() {
    // Why alone: the memory of other tests is not its own.
    run_alone("group::rules::a_million_short_children", &[]);
}

#[test]
#[ignore = "run by a_group_that_lives_long_stays_small"]
fn a_million_short_children() {
    // Why fewer: the sanitizer makes each of them slow, and hides what they leave behind anyway.
    let n_rounds = if is_under_asan() { 100 } else { 10_000 };
    let runtime = crate::tools::workers(2);
    let before = resident_kilobytes();
    runtime.block_on(async {
        let scope = TaskGroup::scope(async move |tg| {
            for _ in 0..n_rounds {
                for number in 0..100_u64 {
                    tg.spawn(async move { number });
                }
                tg.join().await;
            }
            Ok(())
        });
        filch::spawn(scope).await.expect("it does not panic").expect("nothing fails");
    });
    let grown = resident_kilobytes().saturating_sub(before);
    // Were the tasks kept, they would take ten times as much.
    assert!(is_under_asan() || grown < 20_000, "it has grown by {grown} kB");
}

/// How much memory the process has in use. Zero where the system does not say.
fn resident_kilobytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
