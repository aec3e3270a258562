//! `await`: one thing after the other.

use filch::prelude::*;
use filch::time::Instant;

async fn boil(what: &str) -> String {
    println!("the {what} begin to boil");
    sleep(Duration::from_secs(2)).await;
    format!("the {what} are done")
}

// `start_paused`: nobody has to wait for the seconds of this example. When all tasks sleep, the clock jumps.
// Leave it out, and they pass.
#[filch::main(start_paused = true)]
async fn main() {
    let begin = Instant::now();
    println!("{}", boil("eggs").await);
    println!("{}", boil("beans").await);
    println!("one after the other: {} s", begin.elapsed().as_secs());

    // The call makes a future, `await` runs it. So what is made early and awaited late starts late.
    let begin = Instant::now();
    let noodles = boil("noodles");
    sleep(Duration::from_secs(3)).await;
    println!("the noodles have waited for {} s", begin.elapsed().as_secs());
    println!("{}", noodles.await);
    println!("made early, awaited late: {} s", begin.elapsed().as_secs());

    // What is never awaited does nothing.
    let peas = boil("peas");
    drop(peas);
    println!("nobody has boiled peas");

    // Mostly that is a mistake. Of a line that reads `boil("peas");` the compiler says:
    //
    //     warning: unused implementer of `Future` that must be used
    //       = note: futures do nothing unless you `.await` or poll them
}
