//! PostgreSQL by sqlx on filch: a pool under sqlx's feature `runtime-smol`, polled by filch's workers.
//!
//! Sockets and timers are async-io's, whose reactor is a thread that starts by itself; what sqlx spawns (closing
//! connections, looking after the pool) runs on smol's global executor. Queries are polled where they are awaited: on
//! filch. For a database connection on filch's own driver see `hello_postgres`.

use filch::Error;
use sqlx::postgres::{PgPool, PgPoolOptions};

/// Makes a pool of up to `size` connections.
///
/// # Errors
/// When the first connection cannot be made.
pub async fn pool(url: &str, size: u32) -> Result<PgPool, Error> {
    Ok(PgPoolOptions::new().max_connections(size).connect(url).await?)
}
