//! `TaskGroup`: tasks that end together.

use filch::prelude::*;
use filch::time::Instant;

async fn cook(dish: &'static str, seconds: u64) -> String {
    sleep(Duration::from_secs(seconds)).await;
    format!("hot {dish}")
}

async fn bake(degrees: &str, seconds: u64) -> Result<u32, filch::Error> {
    sleep(Duration::from_secs(seconds)).await;
    let degrees: u32 = degrees.parse()?;
    println!("baked at {degrees} degrees");
    Ok(degrees)
}

#[filch::main(start_paused = true)]
async fn main() -> Result<(), filch::Error> {
    // `async with TaskGroup() as tg:` is a scope. It ends when all tasks in it have ended.
    let begin = Instant::now();
    let (soup, rice) = TaskGroup::scope(async |tg| {
        let soup = tg.spawn(cook("soup", 2)); // `spawn` is for what cannot fail,
        let rice = tg.spawn(cook("rice", 1));
        tg.create_task(bake("200", 3)); // `create_task` for what gives a `Result`.
        println!("the table is laid");
        Ok((soup, rice))
    })
    .await?;
    // After the scope the results are there.
    println!("{} and {} after {} s", soup.result(), rice.result(), begin.elapsed().as_secs());

    // A task that fails cancels the others, and the scope gives the error.
    let begin = Instant::now();
    let supper = TaskGroup::scope(async |tg| {
        tg.create_task(bake("hot", 1));
        tg.create_task(bake("180", 1000)); // Ends before it prints anything.
        let stew = tg.spawn(cook("stew", 1000)).await; // This does not return, either.
        println!("{stew}");
        Ok(())
    })
    .await;
    if let Err(group) = supper {
        println!("no supper after {} s", begin.elapsed().as_secs());
        for error in group.errors() {
            println!("because: {error}");
        }
    }
    Ok(())
}
