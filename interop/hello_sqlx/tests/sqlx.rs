//! sqlx on filch against a real PostgreSQL.

use filch::prelude::*;
use sqlx::postgres::PgPool;

/// Runs a test with a pool of four connections, when there is a server.
fn with_pool<F: Future<Output = ()>>(test: impl FnOnce(PgPool) -> F) {
    let Some(url) = peers::postgres() else { return };
    run(async {
        let pool = hello_sqlx::pool(&url, 4).await.expect("a PostgreSQL");
        test(pool.clone()).await;
        pool.close().await;
    });
}

#[test]
fn tasks_share_a_pool() {
    with_pool(|pool| async move {
        let squares = gather((0..100_i64).map(|n| {
            let pool = pool.clone();
            async move {
                let square = sqlx::query_scalar::<_, i64>("select $1 * $1").bind(n);
                square.fetch_one(&pool).await.expect("multiplied")
            }
        }));
        assert!(squares.await.into_iter().eq((0..100).map(|n| n * n)));
    });
}

#[test]
fn a_transaction_that_is_dropped_is_rolled_back() {
    with_pool(|pool| async move {
        let mut connection = pool.acquire().await.expect("one of four");
        let create = "create temporary table n (n int8)";
        sqlx::query(create).execute(&mut *connection).await.expect("created");
        let mut transaction = sqlx::Connection::begin(&mut *connection).await.expect("begun");
        let insert = sqlx::query("insert into n values (1)");
        insert.execute(&mut *transaction).await.expect("inserted");
        drop(transaction);
        let count = sqlx::query_scalar::<_, i64>("select count(*) from n");
        assert_eq!(count.fetch_one(&mut *connection).await.expect("counted"), 0);
    });
}

#[test]
fn a_timeout_of_filch_ends_a_query() {
    with_pool(|pool| async move {
        // The server ends it all the same, and the pool waits for that before it lends the connection again.
        let slow = sqlx::query("select pg_sleep(0.1)");
        assert!(timeout(Duration::from_millis(5), slow.execute(&pool)).await.is_err());
        let answer = sqlx::query_scalar::<_, i64>("select 42::int8").fetch_one(&pool).await;
        assert_eq!(answer.expect("by another connection"), 42);
    });
}
