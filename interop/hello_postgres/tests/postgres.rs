//! tokio-postgres on filch against a real PostgreSQL.

use filch::prelude::*;
use futures_util::{SinkExt, StreamExt};
use hello_postgres::connect;
use std::pin::pin;
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client};

/// Runs a test with a connection, when there is a server.
fn with_postgres<F: Future<Output = ()>>(test: impl FnOnce(Client, String) -> F) {
    let Some(url) = peers::postgres() else { return };
    run(async {
        let (client, _) = connect(&url).await.expect("a PostgreSQL");
        test(client, url).await;
    });
}

#[test]
fn rows_are_written_and_read() {
    with_postgres(|client, _| async move {
        let create = "create temporary table note (id serial primary key, text text not null)";
        client.batch_execute(create).await.expect("created");
        let insert = client.prepare("insert into note (text) values ($1) returning id").await;
        let insert = insert.expect("prepared");
        for (n, text) in ["one", "two", "three"].iter().enumerate() {
            let row = client.query_one(&insert, &[text]).await.expect("inserted");
            assert_eq!(row.get::<_, i32>(0), n as i32 + 1);
        }
        let rows = client.query("select text from note order by id desc", &[]).await.expect("read");
        let texts: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(texts, ["three", "two", "one"]);
    });
}

#[test]
fn a_transaction_that_is_dropped_is_rolled_back() {
    with_postgres(|mut client, _| async move {
        client.batch_execute("create temporary table n (n int)").await.expect("created");
        let transaction = client.transaction().await.expect("begun");
        transaction.execute("insert into n values (1)", &[]).await.expect("inserted");
        drop(transaction);
        let count = client.query_one("select count(*) from n", &[]).await.expect("counted");
        assert_eq!(count.get::<_, i64>(0), 0);
    });
}

#[test]
fn queries_of_many_tasks_share_a_connection() {
    with_postgres(|client, _| async move {
        let client = std::sync::Arc::new(client);
        let squares = gather((0..200_i64).map(|n| {
            let client = client.clone();
            async move {
                let row = client.query_one("select $1::int8 * $1::int8", &[&n]).await;
                row.expect("multiplied").get::<_, i64>(0)
            }
        }));
        assert!(squares.await.into_iter().eq((0..200).map(|n| n * n)));
    });
}

#[test]
fn a_hundred_thousand_rows_come_as_a_stream() {
    const ROWS: i64 = 100_000;
    with_postgres(|client, _| async move {
        let rows = client.query_raw("select * from generate_series(1, $1::int8)", [ROWS]).await;
        let mut rows = pin!(rows.expect("begun"));
        let mut sum = 0;
        while let Some(row) = rows.next().await {
            sum += row.expect("a row").get::<_, i64>(0);
        }
        assert_eq!(sum, ROWS * (ROWS + 1) / 2);
    });
}

#[test]
fn a_megabyte_is_copied_in_and_out() {
    with_postgres(|client, _| async move {
        client.batch_execute("create temporary table line (text text)").await.expect("created");
        let line = format!("{}\n", "x".repeat(1023));
        let mut sink = pin!(client.copy_in("copy line from stdin").await.expect("begun"));
        for _ in 0..1024 {
            sink.send(std::io::Cursor::new(line.clone())).await.expect("sent");
        }
        assert_eq!(sink.finish().await.expect("all of it"), 1024);
        let out = client.copy_out("copy line to stdout").await.expect("begun");
        let sizes = out.map(|bytes| bytes.expect("a part").len());
        assert_eq!(sizes.fold(0, async |sum, n| sum + n).await, 1 << 20);
    });
}

#[test]
fn a_query_that_is_dropped_leaves_the_connection_usable() {
    with_postgres(|client, _| async move {
        let slow =
            timeout(Duration::from_millis(5), client.query_one("select pg_sleep(0.05)", &[]));
        assert!(slow.await.is_err());
        let row = client.query_one("select 42", &[]).await.expect("answered after the slow one");
        assert_eq!(row.get::<_, i32>(0), 42);
    });
}

#[test]
fn notifications_arrive() {
    let Some(url) = peers::postgres() else { return };
    run(async {
        let (listener, mut messages) = connect(&url).await.expect("a PostgreSQL");
        let (speaker, _) = connect(&url).await.expect("a PostgreSQL");
        listener.batch_execute("listen news").await.expect("listening");
        speaker.batch_execute("notify news, 'filch listens'").await.expect("told");
        let message = messages.recv().await.expect("the connection is open");
        let AsyncMessage::Notification(news) = message else { panic!("{message:?}") };
        assert_eq!((news.channel(), news.payload()), ("news", "filch listens"));
    });
}

#[test]
fn a_connection_that_the_server_ends_answers_with_an_error() {
    with_postgres(|client, url| async move {
        let row = client.query_one("select pg_backend_pid()", &[]).await.expect("answered");
        let process: i32 = row.get(0);
        let (other, _) = connect(&url).await.expect("a PostgreSQL");
        let waits = spawn(async move { client.query_one("select pg_sleep(1000)", &[]).await });
        let end = "select pg_terminate_backend($1)";
        let ended = other.query_one(end, &[&process]).await.expect("answered");
        assert!(ended.get::<_, bool>(0));
        assert!(waits.await.expect("it does not panic").is_err());
    });
}

#[test]
fn a_wrong_password_is_refused() {
    let Some(url) = peers::postgres() else { return };
    run(async {
        let error = connect(&url.replace(":filch@", ":wrong@")).await.expect_err("refused");
        let error = error.downcast_ref::<tokio_postgres::Error>().expect("of the database");
        assert_eq!(error.code(), Some(&SqlState::INVALID_PASSWORD));
    });
}
