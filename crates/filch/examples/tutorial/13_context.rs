//! `context!`: values that tasks inherit, asyncio's `contextvars`.

use filch::prelude::*;

filch::context! {
    static USER: &'static str;
}

fn who() -> &'static str {
    USER.try_get().unwrap_or("nobody")
}

async fn ask() -> &'static str {
    who()
}

#[filch::main]
async fn main() -> Result<(), filch::Error> {
    println!("here: {}", who());

    USER.scope("Ann", async {
        println!("in the scope: {}", who());

        // What is started inside has the value too, and keeps it.
        let task = create_task(ask());
        println!("in a task: {}", task.await?);
        println!("in a thread: {}", to_thread(who).await);
        println!("in gather: {:?}", gather([ask(), ask()]).await);

        // The innermost scope counts.
        println!("further in: {}", USER.scope("Bob", ask()).await);
        println!("again: {}", who());
        Ok::<(), filch::Error>(())
    })
    .await?;

    println!("after the scope: {}", who());
    Ok(())
}
