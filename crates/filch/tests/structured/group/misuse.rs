//! Each mistake gets a sentence that says what to do.

use super::{HOUR, Oops, ms};
use crate::tools::{Hand, panic_of, workers};
use filch::TaskGroup;
use filch::task::{CancelScope, GroupError};
use filch::time::sleep;
use std::pin::pin;

#[test]
fn a_spawn_on_a_group_that_has_ended_panics() {
    let runtime = workers(1);
    let tg = runtime.block_on(TaskGroup::builder().name("late").scope(async |tg| Ok(tg)));
    let message = panic_of(|| tg.expect("nothing fails").spawn(async {}));
    assert!(message.contains("\"late\"") && message.contains("misuse.rs"), "{message}");
    assert!(message.contains("has ended; spawn while the scope's body"), "{message}");
}

#[test]
fn a_scope_polled_once_too_often_panics() {
    let runtime = workers(1);
    let hand = Hand::default();
    let message = runtime.block_on(async {
        let mut scope = pin!(TaskGroup::scope(async |_| Ok(())));
        assert!(hand.poll(&mut scope).is_ready());
        panic_of(|| hand.poll(&mut scope).is_ready())
    });
    assert!(
        message.starts_with("the task group of ") && message.contains("misuse.rs"),
        "{message}"
    );
    assert!(message.ends_with("polled again after it had ended; await it once"), "{message}");
}

#[test]
fn result_of_a_child_that_runs_panics() {
    let runtime = workers(1);
    let message = panic_of(|| {
        runtime.block_on(TaskGroup::scope(async |tg| {
            tg.build_task().name("slow").spawn(sleep(HOUR)).result();
            Ok(())
        }))
    });
    assert!(message.contains("\"slow\"") && message.contains("which still runs"), "{message}");
}

#[test]
fn result_after_a_failed_group_panics() {
    let runtime = workers(1);
    let mut child = None;
    let failed: Result<(), GroupError> = runtime.block_on(TaskGroup::scope(async |tg| {
        child = Some(tg.spawn(sleep(HOUR)));
        Err(Oops(1).into())
    }));
    failed.unwrap_err();
    let message = panic_of(|| child.unwrap().result());
    assert!(message.contains("call try_result()"), "{message}");
}

#[test]
fn awaiting_a_child_without_a_value_outside_of_its_group_panics() {
    let runtime = workers(1);
    let mut child = None;
    let failed: Result<(), GroupError> = runtime.block_on(TaskGroup::scope(async |tg| {
        child = Some(tg.spawn(sleep(HOUR)));
        Err(Oops(1).into())
    }));
    failed.unwrap_err();
    let message = panic_of(|| runtime.block_on(child.unwrap()));
    assert!(message.contains("was cancelled") && message.contains("use join()"), "{message}");
}

#[test]
fn awaiting_a_failed_child_of_a_group_that_goes_on_panics() {
    let runtime = workers(1);
    let message = panic_of(|| {
        runtime.block_on(TaskGroup::builder().fail_fast(false).scope(async |tg| {
            tg.create_task(async { Err::<(), _>(Oops(1)) }).await;
            Ok(())
        }))
    });
    assert!(message.contains("its group has the error, and its group does not end"), "{message}");
}

#[test]
fn awaiting_an_aborted_child_panics() {
    let runtime = workers(1);
    let message = panic_of(|| {
        runtime.block_on(TaskGroup::scope(async |tg| {
            let child = tg.spawn(sleep(HOUR));
            child.abort();
            child.await;
            Ok(())
        }))
    });
    assert!(message.contains("use join()"), "{message}");
}

#[test]
fn awaiting_a_child_without_a_value_behind_a_shield_panics_instead_of_waiting_for_ever() {
    let runtime = workers(1);
    let message = panic_of(|| {
        runtime.block_on(TaskGroup::scope(async |tg| {
            let child = tg.spawn(sleep(HOUR));
            tg.create_task(super::fail_after(ms(1), 1));
            let _ = CancelScope::new().shield(true).run(child).await;
            Ok(())
        }))
    });
    assert!(message.contains("use join()"), "{message}");
}

#[test]
fn a_limit_of_none_panics() {
    let message = panic_of(|| TaskGroup::builder().limit(0));
    assert!(message.contains("limit(0)"), "{message}");
}
