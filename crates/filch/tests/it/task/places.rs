//! Names, places, ids, and the list of all tasks.

use crate::tools::{current_thread, on_each_flavor, panic_of, workers};
use filch::runtime::LocalRuntime;
use filch::sync::oneshot;
use filch::task::{Builder, all_tasks, current_task, id, spawn_blocking, spawn_local, try_id};
use filch::{create_task, spawn};
use std::future::pending;

#[test]
fn every_way_to_spawn_keeps_the_callers_place() {
    let runtime = LocalRuntime::new().expect("the system has descriptors");
    let other = workers(1);
    runtime.block_on(async {
        let line = line!() + 1;
        let a = spawn(async {});
        let b = create_task(async {});
        let c = spawn_local(async {});
        let d = spawn_blocking(|| ());
        let e = Builder::new().name("e").spawn(async {}).expect("never errs");
        let f = Builder::new().spawn_on(async {}, other.handle()).expect("never errs");
        let g = Builder::new().name("g").spawn_blocking(|| ()).expect("never errs");
        let h = other.spawn(async {});
        let i = other.spawn_blocking(|| ());
        let j = other.handle().spawn(async {});
        let k = other.handle().spawn_blocking(|| ());
        let l = runtime.spawn_local(async {});
        for (index, task) in [a, b, c, d, e, f, g, h, i, j, k, l].into_iter().enumerate() {
            assert_eq!(task.spawned_at().file(), file!());
            assert_eq!(task.spawned_at().line(), line + index as u32);
            let name = "abcdefghijkl".get(index..=index).filter(|name| ["e", "g"].contains(name));
            assert_eq!(task.name(), name);
            assert_eq!(task.abort_handle().name(), name);
            assert_eq!(task.abort_handle().spawned_at(), task.spawned_at());
            task.await.expect("it ends");
        }
    });
}

#[test]
fn a_task_knows_itself() {
    on_each_flavor(|runtime| {
        let task = runtime.spawn(async { (id(), current_task().expect("this is one").id()) });
        let expected = task.id();
        assert_eq!(runtime.block_on(task).expect("it ends"), (expected, expected));
        assert!(runtime.block_on(async { try_id().is_none() && current_task().is_none() }));
        let message = panic_of(|| runtime.block_on(async { id() }));
        assert!(message.contains("task::id was called outside of a task"), "{message}");
        assert!(message.contains("use task::try_id"), "{message}");
    });
}

#[test]
fn a_task_is_itself_again_after_another_was_polled_inside() {
    on_each_flavor(|runtime| {
        let inner = current_thread();
        let task = runtime.spawn_blocking(move || {
            let before = id();
            let child = inner.block_on(async { spawn(async { id() }).await }).expect("it ends");
            (before, child, id())
        });
        let expected = task.id();
        let (before, child, after) = runtime.block_on(task).expect("it ends");
        assert_eq!((before, after), (expected, expected));
        assert_ne!(child, expected);
    });
}

#[test]
fn the_list_has_what_lives_and_nothing_else() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            assert!(all_tasks().is_empty());
            let tasks: Vec<_> = ["red", "green", "blue"]
                .map(|name| Builder::new().name(name).spawn(pending::<()>()).expect("never errs"))
                .into();
            spawn(async {}).await.expect("it ends");
            let names: Vec<_> =
                all_tasks().iter().map(|task| task.name().map(str::to_owned)).collect();
            assert_eq!(names, ["red", "green", "blue"].map(|name| Some(name.to_owned())));
            let listed = all_tasks().into_iter().nth(1).expect("there are three");
            let shown = listed.to_string();
            let place = format!("({}:", file!());
            assert!(shown.contains("\"green\"") && shown.contains(&place), "{shown}");
            listed.abort_handle().abort();
            let [red, green, blue] = <[_; 3]>::try_from(tasks).expect("there are three");
            assert!(green.await.expect_err("it was aborted").is_cancelled());
            assert!(listed.is_finished());
            assert_eq!(all_tasks().len(), 2);
            assert_eq!(runtime.handle().tasks().len(), 2);
            red.abort();
            blue.abort();
            assert!(red.await.is_err() && blue.await.is_err());
            assert!(all_tasks().is_empty());
        });
    });
}

#[test]
fn runtimes_list_their_own_tasks_only() {
    let (one, two) = (workers(1), workers(1));
    let _kept = one.spawn(pending::<()>());
    let (told, tell) = oneshot::channel::<()>();
    assert_eq!(one.block_on(async { all_tasks().len() }), 1);
    assert_eq!(two.block_on(async { all_tasks().len() }), 0);
    let handle = *one.handle();
    drop(one);
    assert!(handle.tasks().is_empty());
    drop(told);
    assert!(two.block_on(tell).is_err());
}

#[test]
fn ids_are_never_given_twice() {
    let runtime = workers(2);
    let mut ids: Vec<_> = runtime.block_on(async {
        let spawners: Vec<_> = (0..8)
            .map(|_| spawn(async { (0..1000).map(|_| spawn(async {}).id()).collect::<Vec<_>>() }))
            .collect();
        let mut ids = Vec::new();
        for spawner in spawners {
            ids.push(spawner.id());
            ids.extend(spawner.await.expect("it ends"));
        }
        ids
    });
    let n = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), n), (8008, 8008));
}
