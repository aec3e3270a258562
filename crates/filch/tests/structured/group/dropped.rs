//! Scopes that are dropped: the end of their children in place.

use super::HOUR;
use crate::tools::{Hand, Witness, eventually, on_each_flavor, workers};
use crate::watchdog::{Watchdog, run_alone};
use filch::TaskGroup;
use filch::runtime::Builder;
use filch::task::{GroupError, yield_now};
use filch::time::sleep;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

type Scope = Pin<Box<dyn Future<Output = Result<(), GroupError>> + Send>>;

/// Where a scope lies that somebody is going to drop.
#[derive(Clone, Default)]
struct Slot(Arc<Mutex<Option<Scope>>>);

impl Slot {
    /// Starts a scope that nobody drops before it has come to lie here.
    fn start(&self, mut scope: Scope) {
        let mut slot = self.0.lock().expect("no panic");
        assert!(Hand::default().poll(&mut scope).is_pending());
        *slot = Some(scope);
    }

    fn drop_scope(&self) {
        let scope = self.0.lock().expect("no panic").take();
        drop(scope);
    }
}

async fn yield_for_ever() {
    loop {
        yield_now().await;
    }
}

/// A scope whose body waits for ever after it has spawned this one child.
fn scope_of_one(child: impl Future<Output = ()> + Send + 'static) -> Scope {
    Box::pin(TaskGroup::scope(async move |tg| {
        tg.spawn(child);
        pending::<()>().await;
        Ok(())
    }))
}

#[test]
fn children_that_wait_or_are_queued_are_gone_when_the_drop_returns() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let (hand, witness) = (Hand::default(), Witness::default());
            let inside = witness.clone();
            let mut scope: Scope = Box::pin(TaskGroup::scope(async move |tg| {
                for number in 0..20 {
                    let inside = inside.clone();
                    tg.spawn(async move {
                        if number % 2 == 0 {
                            yield_for_ever().await;
                        }
                        pending::<()>().await;
                        drop(inside);
                    });
                }
                pending::<()>().await;
                Ok(())
            }));
            assert!(hand.poll(&mut scope).is_pending());
            for _ in 0..3 {
                yield_now().await;
            }
            assert_eq!(witness.n_alive(), 21);
            drop(scope);
            assert_eq!(witness.n_alive(), 0);
        });
    });
}

#[test]
fn a_child_in_a_poll_on_another_thread_is_waited_for() {
    let _watchdog = Watchdog::new();
    let runtime = workers(2);
    let _entered = runtime.enter();
    let (witness, hand) = (Witness::default(), Hand::default());
    let (is_in_poll, may_end) = <(Arc<AtomicBool>, Arc<AtomicBool>)>::default();
    let mut scope = {
        let (inside, is_in_poll, may_end) = (witness.clone(), is_in_poll.clone(), may_end.clone());
        scope_of_one(async move {
            is_in_poll.store(true, SeqCst);
            eventually(|| may_end.load(SeqCst));
            pending::<()>().await;
            drop(inside);
        })
    };
    assert!(hand.poll(&mut scope).is_pending());
    eventually(|| is_in_poll.load(SeqCst));
    let is_dropped = Arc::new(AtomicBool::new(false));
    let dropper = {
        let (is_dropped, witness) = (is_dropped.clone(), witness.clone());
        thread::spawn(move || {
            drop(scope);
            assert_eq!(witness.n_alive(), 1, "but for the one in here");
            is_dropped.store(true, SeqCst);
        })
    };
    assert!(!is_dropped.load(SeqCst));
    may_end.store(true, SeqCst);
    dropper.join().expect("it does not panic");
}

#[test]
fn after_five_seconds_the_wait_names_the_child() {
    let alone = run_alone("group::dropped::a_drop_that_waits_long", &[]);
    let said = &alone.stderr;
    assert!(said.contains("waited for more than 5s to drop the task group \"slow\""), "{said}");
    assert!(said.contains("still in a poll: task") && said.contains("\"sluggard\""), "{said}");
}

#[test]
#[ignore = "run by after_five_seconds_the_wait_names_the_child"]
fn a_drop_that_waits_long() {
    let runtime = workers(2);
    let _entered = runtime.enter();
    let is_in_poll = Arc::new(AtomicBool::new(false));
    let inside = is_in_poll.clone();
    let mut scope: Scope = Box::pin(TaskGroup::builder().name("slow").scope(async move |tg| {
        tg.build_task().name("sluggard").spawn(async move {
            inside.store(true, SeqCst);
            thread::sleep(Duration::from_millis(5_500));
        });
        pending::<()>().await;
        Ok(())
    }));
    assert!(Hand::default().poll(&mut scope).is_pending());
    eventually(|| is_in_poll.load(SeqCst));
    drop(scope);
}

#[test]
fn groups_that_drop_each_other_in_a_circle_do_not_wait_for_ever() {
    let _watchdog = Watchdog::new();
    for round in 0..60 {
        let n = 2 + round % 2;
        let runtime = workers(n);
        let _entered = runtime.enter();
        let witness = Witness::default();
        let slots: Vec<Slot> = (0..n).map(|_| Slot::default()).collect();
        let barrier = Arc::new(Barrier::new(n));
        for (number, slot) in slots.iter().enumerate() {
            // Around the circle in both directions.
            let next = if round % 4 < 2 { number + 1 } else { number + n - 1 };
            let (victim, barrier, inside) =
                (slots[next % n].clone(), barrier.clone(), witness.clone());
            slot.start(scope_of_one(async move {
                barrier.wait();
                victim.drop_scope();
                pending::<()>().await;
                drop(inside);
            }));
        }
        eventually(|| witness.n_alive() == 0);
    }
}

#[test]
fn a_child_may_drop_its_own_scope() {
    on_each_flavor(|runtime| {
        let _entered = runtime.enter();
        let (witness, slot) = (Witness::default(), Slot::default());
        let (inside, own) = (witness.clone(), slot.clone());
        let went_on = Arc::new(AtomicBool::new(false));
        let noted = went_on.clone();
        slot.start(scope_of_one(async move {
            own.drop_scope();
            noted.store(true, SeqCst);
            yield_now().await;
            // It is dropped at the end of its poll.
            assert_eq!(inside.n_alive(), 0, "it does not go on");
        }));
        runtime.block_on(async {
            while witness.n_alive() > 0 {
                yield_now().await;
            }
        });
        assert!(went_on.load(SeqCst));
    });
}

#[test]
fn a_child_that_could_not_be_awaited_is_awaited_by_the_outer_group() {
    on_each_flavor(|runtime| {
        let witness = Witness::default();
        let inside = witness.clone();
        let outer = runtime.spawn(TaskGroup::scope(async move |tg| {
            let slot = Slot::default();
            let own = slot.clone();
            let (sender, receiver) = filch::sync::oneshot::channel();
            slot.start(scope_of_one(async move {
                own.drop_scope();
                let _ = sender.send(());
                thread::sleep(Duration::from_millis(5)); // The outer group could end meanwhile.
                pending::<()>().await;
                drop(inside);
            }));
            receiver.await?;
            assert!(tg.is_empty());
            Ok(())
        }));
        runtime.block_on(outer).expect("it does not panic").expect("nothing fails");
        assert_eq!(witness.n_alive(), 0);
    });
}

#[test]
fn a_drop_while_children_spawn_siblings_leaves_nobody_behind() {
    let _watchdog = Watchdog::new();
    let runtime = workers(2);
    let _entered = runtime.enter();
    for round in 0..100 {
        let (hand, witness) = (Hand::default(), Witness::default());
        let inside = witness.clone();
        let mut scope: Scope = Box::pin(TaskGroup::scope(async move |tg| {
            for _ in 0..2 {
                let (siblings, inside) = (tg.clone(), inside.clone());
                tg.spawn(async move {
                    for _ in 0..100 {
                        let inside = inside.clone();
                        siblings.spawn(async move {
                            yield_now().await;
                            drop(inside);
                        });
                        yield_now().await;
                    }
                });
            }
            pending::<()>().await;
            Ok(())
        }));
        assert!(hand.poll(&mut scope).is_pending());
        for _ in 0..round % 50 {
            thread::yield_now();
        }
        drop(scope);
        assert_eq!(witness.n_alive(), 0);
    }
}

#[test]
fn a_runtime_that_ends_takes_its_groups_along() {
    for round in 0..20 {
        let runtime = workers(2);
        let witness = Witness::default();
        let inside = witness.clone();
        runtime.spawn(async move {
            let _ = TaskGroup::scope(async |tg| {
                for number in 0..10 {
                    let inside = inside.clone();
                    tg.spawn(async move {
                        let inner = TaskGroup::scope(async |tg| {
                            tg.spawn(async move {
                                if number % 2 == 0 {
                                    yield_for_ever().await;
                                }
                                sleep(HOUR).await;
                                drop(inside);
                            });
                            Ok(())
                        });
                        inner.await
                    });
                }
                Ok(())
            })
            .await;
        });
        for _ in 0..round {
            thread::yield_now();
        }
        drop(runtime);
        assert_eq!(witness.n_alive(), 0);
    }
}

/// How deep a group that opens groups goes.
const DEPTH: usize = 10_000;

/// A chain of tasks, each the only child of a group that the one before it opened.
fn chain(depth: usize, witness: Witness, bottom: Arc<AtomicBool>) -> Scope {
    Box::pin(TaskGroup::scope(async move |tg| {
        match depth {
            0 => {
                bottom.store(true, SeqCst);
                sleep(HOUR).await;
            }
            _ => {
                let deeper = chain(depth - 1, witness.clone(), bottom);
                tg.create_task(async move {
                    let result = deeper.await;
                    drop(witness);
                    result
                });
            }
        }
        Ok(())
    }))
}

/// Builds the chain and has `end` end it, on a thread with a small stack.
fn on_a_small_stack<F: Future<Output = ()> + 'static>(
    end: impl FnOnce(Scope) -> F + Send + 'static,
) {
    let _watchdog = Watchdog::new();
    let test = move || {
        let runtime = Builder::new_current_thread().build().expect("there are descriptors");
        runtime.block_on(async {
            let (witness, bottom) = (Witness::default(), Arc::new(AtomicBool::new(false)));
            let mut scope = chain(DEPTH, witness.clone(), bottom.clone());
            let hand = Hand::default();
            assert!(hand.poll(&mut scope).is_pending());
            while !bottom.load(SeqCst) {
                yield_now().await;
            }
            assert!(witness.n_alive() >= DEPTH);
            end(scope).await;
            assert_eq!(witness.n_alive(), 0);
        });
    };
    let small = thread::Builder::new().stack_size(512 << 10);
    small.spawn(test).expect("there are threads").join().expect("it does not panic");
}

#[test]
fn the_drop_of_a_deep_chain_of_groups_needs_no_deep_stack() {
    on_a_small_stack(async move |scope| drop(scope));
}

#[test]
fn the_cancel_of_a_deep_chain_of_groups_needs_no_deep_stack() {
    on_a_small_stack(async move |scope| {
        assert!(filch::time::timeout(Duration::ZERO, scope).await.is_err());
    });
}
