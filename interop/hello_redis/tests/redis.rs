//! The `redis` crate on filch against a real Redis.

use filch::prelude::*;
use hello_redis::connect;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;

/// Runs a test with a connection, when there is a server. Each test has keys of its own.
fn with_redis<F: Future<Output = ()>>(test: impl FnOnce(MultiplexedConnection, String) -> F) {
    let Some(url) = peers::redis() else { return };
    run(async { test(connect(&url).await.expect("a Redis"), url.clone()).await });
}

#[test]
fn what_is_set_is_got() {
    with_redis(|mut redis, _| async move {
        let () = redis.set("hello:name", "filch").await.expect("set");
        let name: String = redis.get("hello:name").await.expect("got");
        assert_eq!(name, "filch");
        let missing: Option<String> = redis.get("hello:nobody").await.expect("answered");
        assert_eq!(missing, None);
    });
}

#[test]
fn tasks_share_one_connection() {
    with_redis(|redis, _| async move {
        let sums = gather((0..50).map(|_| {
            let mut redis = redis.clone();
            async move {
                for n in 1..=20 {
                    let _: i64 = redis.incr("hello:sum", n).await.expect("added");
                }
            }
        }));
        sums.await;
        let sum: i64 = redis.clone().get("hello:sum").await.expect("got");
        assert_eq!(sum, 50 * 210);
    });
}

#[test]
fn a_pipeline_larger_than_any_buffer_is_answered_in_order() {
    with_redis(|mut redis, _| async move {
        let value = "x".repeat(1 << 20);
        let mut pipeline = redis::pipe();
        for n in 0..8 {
            pipeline.set(format!("hello:large:{n}"), format!("{n}{value}")).ignore();
        }
        for n in 0..8 {
            pipeline.get(format!("hello:large:{n}"));
        }
        let values: Vec<String> = pipeline.query_async(&mut redis).await.expect("all of them");
        for (n, large) in values.iter().enumerate() {
            assert!(*large == format!("{n}{value}"), "the {n}th is another one");
        }
        assert_eq!(values.len(), 8);
    });
}

#[test]
fn a_timeout_of_filch_ends_a_command_that_blocks_in_the_server() {
    with_redis(|mut redis, _| async move {
        let blocked = async {
            let popped: redis::RedisResult<()> = redis.blpop("hello:never", 0.0).await;
            popped
        };
        assert!(timeout(Duration::from_millis(20), blocked).await.is_err());
    });
}

#[test]
fn a_connection_that_the_server_ends_answers_with_an_error() {
    with_redis(|mut redis, url| async move {
        let id: i64 = redis::cmd("CLIENT").arg("ID").query_async(&mut redis).await.expect("an id");
        let mut other = connect(&url).await.expect("a Redis");
        let waits = spawn(async move {
            let popped: redis::RedisResult<()> = redis.blpop("hello:never", 0.0).await;
            popped
        });
        loop {
            let clients: String =
                redis::cmd("CLIENT").arg("LIST").query_async(&mut other).await.expect("a list");
            let ours = format!("id={id} ");
            if clients.lines().any(|line| line.starts_with(&ours) && line.contains("cmd=blpop")) {
                break;
            }
            sleep(Duration::from_millis(1)).await;
        }
        let mut kill = redis::cmd("CLIENT");
        kill.arg("KILL").arg("ID").arg(id);
        assert_eq!(kill.query_async::<i64>(&mut other).await.expect("answered"), 1);
        assert!(waits.await.expect("it does not panic").is_err());
    });
}
