//! OnceCell and SetOnce.

use super::{BlockOn, Case, is_pending, on_threads, yield_now};
use filch_sync::{OnceCell, SetError, SetOnce, SetOnceError};
use std::future::{pending, ready};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::thread;

pub(super) const CASES: &[Case] = &[
    ("once_cell_is_made_once", once_cell_is_made_once),
    ("once_cell_is_made_once_by_threads", once_cell_is_made_once_by_threads),
    ("once_cell_lets_the_next_try_after_an_error", once_cell_lets_the_next_try_after_an_error),
    ("once_cell_lets_the_next_try_after_a_drop", once_cell_lets_the_next_try_after_a_drop),
    ("once_cell_lets_the_next_try_after_a_panic", once_cell_lets_the_next_try_after_a_panic),
    ("once_cell_is_not_set_while_it_is_made", once_cell_is_not_set_while_it_is_made),
    ("once_cell_set_wakes_all_who_wait", once_cell_set_wakes_all_who_wait),
    ("once_cell_is_taken_and_made_again", once_cell_is_taken_and_made_again),
    ("set_once_is_set_once", set_once_is_set_once),
    ("set_once_is_set_by_one_of_many_threads", set_once_is_set_by_one_of_many_threads),
    ("set_once_wakes_threads_and_tasks", set_once_wakes_threads_and_tasks),
];

fn once_cell_is_made_once(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let cell = OnceCell::new();
        assert!(!cell.initialized());
        assert_eq!(cell.get(), None);
        assert_eq!(*cell.get_or_init(|| ready(1)).await, 1);
        assert_eq!(*cell.get_or_init(|| ready(2)).await, 1);
        assert_eq!(cell.get_or_try_init(|| ready(Err(3))).await, Ok::<_, i32>(&1));
        assert_eq!(cell.get(), Some(&1));
        assert_eq!(cell.wait().await, &1);
        assert!(cell.initialized());
    }));
}

fn once_cell_is_made_once_by_threads(block_on: BlockOn<'_>) {
    for _ in 0..20 {
        let (cell, n_made) = (Arc::new(OnceCell::new()), Arc::new(AtomicUsize::new(0)));
        on_threads(4, block_on, |index| {
            let (cell, n_made) = (cell.clone(), n_made.clone());
            async move {
                if index == 0 {
                    assert_eq!(cell.wait().await, "value");
                    return;
                }
                let make = async || {
                    n_made.fetch_add(1, Relaxed);
                    yield_now().await;
                    "value".to_owned()
                };
                assert_eq!(cell.get_or_init(make).await, "value");
            }
        });
        assert_eq!(n_made.load(Relaxed), 1);
    }
}

fn once_cell_lets_the_next_try_after_an_error(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let cell = OnceCell::new();
        assert_eq!(cell.get_or_try_init(|| ready(Err("no"))).await, Err::<&i32, _>("no"));
        assert!(!cell.initialized());
        assert_eq!(cell.get_or_try_init(|| ready(Ok::<_, &str>(1))).await, Ok(&1));
    }));
}

fn once_cell_lets_the_next_try_after_a_drop(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let cell = OnceCell::new();
        let mut first = Box::pin(cell.get_or_init(pending));
        assert!(is_pending(first.as_mut()));
        let mut second = pin!(cell.get_or_init(|| ready(2)));
        assert!(is_pending(second.as_mut()));
        let mut waiting = pin!(cell.wait());
        assert!(is_pending(waiting.as_mut()));
        drop(first);
        assert!(is_pending(waiting.as_mut()), "it does not make the value");
        assert_eq!(*second.await, 2);
        assert_eq!(*waiting.await, 2);
    }));
}

fn once_cell_lets_the_next_try_after_a_panic(block_on: BlockOn<'_>) {
    let cell = Arc::new(OnceCell::new());
    let panicked = thread::scope(|scope| {
        let cell = cell.clone();
        scope
            .spawn(move || {
                block_on(Box::pin(async move {
                    let panics = async || std::panic::resume_unwind(Box::new("while making"));
                    let _: &i32 = cell.get_or_init(panics).await;
                }));
            })
            .join()
    });
    assert!(panicked.is_err());
    block_on(Box::pin(async move {
        assert_eq!(*cell.get_or_init(|| ready(1)).await, 1);
    }));
}

fn once_cell_is_not_set_while_it_is_made(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let cell = OnceCell::new();
        {
            let mut making = pin!(cell.get_or_init(pending));
            assert!(is_pending(making.as_mut()));
            let error = cell.set(1).expect_err("somebody makes the value");
            assert!(error.is_initializing_err() && !error.is_already_init_err());
            assert_eq!(error, SetError::InitializingError(1));
        }
        assert_eq!(cell.set(2), Ok(()));
        let error = cell.set(3).expect_err("it has a value");
        assert!(error.is_already_init_err() && !error.is_initializing_err());
        assert_eq!(error, SetError::AlreadyInitializedError(3));
        assert_eq!(cell.get(), Some(&2));
    }));
}

fn once_cell_set_wakes_all_who_wait(block_on: BlockOn<'_>) {
    let cell = Arc::new(OnceCell::new());
    thread::scope(|scope| {
        for _ in 0..3 {
            let cell = cell.clone();
            scope.spawn(move || {
                block_on(Box::pin(async move { assert_eq!(*cell.wait().await, 1) }));
            });
        }
        cell.set(1).expect("nobody else sets it");
    });
}

fn once_cell_is_taken_and_made_again(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let mut cell = OnceCell::new_with(Some(1));
        *cell.get_mut().expect("it has a value") += 1;
        assert_eq!(cell.clone(), cell);
        assert_eq!(cell.take(), Some(2));
        assert_eq!(cell, OnceCell::default());
        assert_eq!(cell.get_mut(), None);
        assert_eq!(*cell.get_or_init(|| ready(3)).await, 3);
        assert_eq!(cell.into_inner(), Some(3));
    }));
}

fn set_once_is_set_once(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let cell = SetOnce::new();
        let mut waiting = pin!(cell.wait());
        assert!(is_pending(waiting.as_mut()));
        assert_eq!(cell.get(), None);
        assert_eq!(cell.set(1), Ok(()));
        assert_eq!(cell.set(2), Err(SetOnceError(2)));
        assert_eq!(waiting.await, &1);
        assert_eq!(cell.wait().await, &1);
        assert_eq!(cell.clone(), SetOnce::from(1));
        assert_eq!(cell.clone().into_inner(), Some(1));
        assert_eq!(SetOnce::<i32>::default().into_inner(), None);
    }));
}

fn set_once_is_set_by_one_of_many_threads(block_on: BlockOn<'_>) {
    for _ in 0..50 {
        let (cell, n_set) = (Arc::new(SetOnce::new()), Arc::new(AtomicUsize::new(0)));
        on_threads(4, block_on, |index| {
            let (cell, n_set) = (cell.clone(), n_set.clone());
            async move {
                n_set.fetch_add(usize::from(cell.set(vec![index; 10]).is_ok()), Relaxed);
                let value = cell.get().expect("whether first or not, the value is there");
                assert_eq!(value, cell.wait().await);
                assert_eq!(*value, [value[0]; 10]);
            }
        });
        assert_eq!(n_set.load(Relaxed), 1);
    }
}

fn set_once_wakes_threads_and_tasks(block_on: BlockOn<'_>) {
    let cell = Arc::new(SetOnce::new());
    let thread = thread::spawn({
        let cell = cell.clone();
        move || *cell.blocking_wait()
    });
    let task = thread::spawn({
        let cell = cell.clone();
        move || cell.set(5).is_ok()
    });
    block_on(Box::pin(async move { assert_eq!(*cell.wait().await, 5) }));
    assert_eq!(thread.join().expect("the thread does not panic"), 5);
    assert!(task.join().expect("the thread does not panic"));
}
