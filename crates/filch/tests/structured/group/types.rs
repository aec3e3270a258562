//! What has to compile, all of it inside a `spawn`, which demands `Send`.

use crate::tools::on_each_flavor;
use filch::task::{GroupError, Started, yield_now};
use filch::{Error, TaskGroup};
use std::io;
use std::num::ParseIntError;

async fn fetch_user(id: u32) -> Result<String, io::Error> {
    Ok(format!("user {id}"))
}

async fn fetch_orders(id: u32) -> Result<Vec<u32>, ParseIntError> {
    Ok(vec![id, "20".parse()?])
}

async fn fetch_data(id: u32) -> u32 {
    10 * id
}

fn check_send<F: Future + Send>(future: F) -> F {
    future
}

#[test]
fn groups_of_all_types_run_inside_a_task() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let task = filch::spawn(async {
                let local = vec![1, 2, 3];
                let fetched: Result<(String, Vec<u32>, u32), GroupError> =
                    TaskGroup::scope(async |tg| {
                        let user = tg.create_task(fetch_user(1));
                        let orders = tg.create_task(fetch_orders(1));
                        let data = tg.spawn(fetch_data(local[0]));
                        let sibling = tg.clone();
                        tg.spawn(async move { sibling.spawn(yield_now()).await }).await;
                        yield_now().await;
                        let number: u32 = "3".parse()?;
                        std::fs::metadata("/")?;
                        let child = async move |started: Started<u32>| {
                            started.ready(80 + number);
                            yield_now().await;
                            Ok::<(), io::Error>(())
                        };
                        assert_eq!(tg.start(child).await, 83);
                        TaskGroup::scope(async |inner| {
                            inner.spawn(yield_now());
                            yield_now().await;
                            assert_eq!(local.len(), 3);
                            Ok(())
                        })
                        .await?;
                        Ok((user.await, orders.await, data.await))
                    })
                    .await;
                let fetched = fetched.expect("nothing fails");
                assert_eq!(fetched, ("user 1".to_owned(), vec![1, 20], 10));
                drop(local);

                let children =
                    TaskGroup::scope(async |tg| Ok([1, 2, 3].map(|id| tg.spawn(fetch_data(id)))));
                let children = children.await.expect("nothing fails");
                assert_eq!(children.map(|child| child.result()), [10, 20, 30]);
            });
            task.await.expect("it does not panic");
        });
    });
}

#[test]
fn an_empty_body_is_enough() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let task = filch::spawn(async { TaskGroup::scope(async |_| Ok(())).await });
            task.await.expect("it does not panic").expect("nothing fails");
        });
    });
}

#[test]
fn a_group_may_have_errors_of_its_own_type() {
    on_each_flavor(|runtime| {
        let error = runtime.block_on(async {
            let task = filch::spawn(async {
                TaskGroup::scope_of::<String, (), _>(async |tg| {
                    tg.create_task(async { Err::<(), &str>("child") }).await;
                    Ok(())
                })
                .await
            });
            task.await.expect("it does not panic").unwrap_err()
        });
        assert_eq!(error.errors().collect::<Vec<_>>(), ["child"]);
    });
}

#[test]
fn the_question_mark_takes_errors_of_any_type_and_of_inner_groups() {
    async fn outer() -> Result<u32, Error> {
        let inner = TaskGroup::scope(async |tg| {
            tg.create_task(async { "x".parse::<u32>() }).await;
            Ok(1)
        });
        Ok(inner.await?)
    }
    on_each_flavor(|runtime| {
        let error = runtime.block_on(async { filch::spawn(outer()).await.unwrap().unwrap_err() });
        let error = error.downcast::<GroupError>().expect("it is the group's");
        assert!(error.first().unwrap().error().unwrap().is::<ParseIntError>());
    });
}

#[test]
fn a_scope_in_a_function_borrows_its_arguments() {
    async fn total(numbers: &[u32]) -> Result<u32, Error> {
        let first = check_send(TaskGroup::scope(async |tg| {
            let first = tg.spawn(fetch_data(numbers[0]));
            yield_now().await;
            Ok(first.await + numbers[1])
        }));
        Ok(first.await?)
    }
    on_each_flavor(|runtime| {
        let sum = runtime.block_on(async {
            filch::spawn(async {
                let numbers = vec![1, 2];
                total(&numbers).await
            })
            .await
        });
        assert_eq!(sum.unwrap().unwrap(), 12);
    });
}
