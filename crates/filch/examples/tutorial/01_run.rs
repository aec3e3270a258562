//! Running an async function from a plain one: `asyncio.run`.

use filch::prelude::*;

async fn greet(name: &str) -> String {
    sleep(Duration::from_millis(100)).await;
    format!("hello, {name}")
}

fn main() {
    // `run` starts a runtime, waits for one future and gives what it gives.
    let greeting = run(greet("world"));
    println!("{greeting}");

    // An async block is a future too.
    run(async {
        println!("{}", greet("Rust").await);
        println!("{}", greet("Python").await);
    });
}

// Where the whole program is async, write instead:
//
//     #[filch::main]
//     async fn main() { … }
