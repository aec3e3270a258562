//! OnceCell and SetOnce.

use super::Case;
use super::basics::Next;
use crate::tools::{Cut, cut_off};
use filch_sync::{Event, OnceCell, SetOnce};
use std::sync::Arc;

pub(super) const CASES: &[Case] = &[
    ("OnceCell::get_or_init", || {
        cut_off_making(|(cell, goes_on, _)| {
            Box::pin(async {
                let make = async || {
                    goes_on.wait().await;
                    1
                };
                assert_eq!(*cell.get_or_init(make).await, 1);
            })
        });
    }),
    ("OnceCell::get_or_try_init", || {
        for succeeds in [false, true] {
            cut_off_making(if succeeds { try_to_make } else { fail_to_make });
        }
    }),
    ("OnceCell::wait", || {
        cut_off(
            || (Arc::new(OnceCell::new()), Next::default()),
            |(cell, _)| Box::pin(async { assert_eq!(*cell.wait().await, 1) }),
            |(cell, next), n| {
                let waiting = cell.clone();
                next.queue(|| Box::pin(async move { assert_eq!(*waiting.wait().await, 1) }));
                if n == 1 {
                    cell.set(1).expect("nobody else sets it");
                }
            },
            |(cell, next)| {
                if cell.initialized() { next.assert_served() } else { next.assert_waiting() }
            },
        );
    }),
    ("SetOnce::wait", || {
        cut_off(
            || (Arc::new(SetOnce::new()), Next::default()),
            |(cell, _)| Box::pin(async { assert_eq!(*cell.wait().await, 1) }),
            |(cell, next), n| {
                let waiting = cell.clone();
                next.queue(|| Box::pin(async move { assert_eq!(*waiting.wait().await, 1) }));
                if n == 1 {
                    cell.set(1).expect("nobody else sets it");
                }
            },
            |(cell, next)| {
                if cell.initialized() { next.assert_served() } else { next.assert_waiting() }
            },
        );
    }),
];

type World = (Arc<OnceCell<i32>>, Event, Next);

fn try_to_make((cell, goes_on, _): &World) -> Cut<'_> {
    Box::pin(async {
        let make = async || {
            goes_on.wait().await;
            Ok::<_, ()>(1)
        };
        assert_eq!(cell.get_or_try_init(make).await, Ok(&1));
    })
}

fn fail_to_make((cell, goes_on, _): &World) -> Cut<'_> {
    Box::pin(async {
        let fail = async || {
            goes_on.wait().await;
            Err("no")
        };
        assert_eq!(cell.get_or_try_init(fail).await, Err("no"));
    })
}

/// One makes the value, another one waits for its turn. If the first is dropped or fails, the other one makes it.
fn cut_off_making(make: impl for<'w> Fn(&'w World) -> Cut<'w>) {
    cut_off(
        || (Arc::new(OnceCell::new()), Event::new(), Next::default()),
        make,
        |(cell, goes_on, next), n| {
            let cell = cell.clone();
            match n {
                0 => next.queue(|| {
                    Box::pin(async move {
                        let value = *cell.get_or_init(async || 2).await;
                        assert_eq!(cell.get(), Some(&value));
                    })
                }),
                1 => {}
                _ => goes_on.set(),
            }
        },
        |(cell, goes_on, next)| {
            let was_made = cell.initialized();
            assert!(goes_on.is_set() || !was_made);
            next.assert_served();
            if !was_made {
                assert!(cell.get().is_none_or(|value| *value == 2));
                let _ = cell.set(3);
            }
            assert!(cell.set(4).expect_err("it has a value").is_already_init_err());
        },
    );
}
