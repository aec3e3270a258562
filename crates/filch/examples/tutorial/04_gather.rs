//! `gather`: many at the same time, answers in the order of the questions.

use filch::prelude::*;
use filch::time::Instant;
use std::num::ParseIntError;

async fn square(n: u64) -> u64 {
    sleep(Duration::from_secs(n)).await;
    n * n
}

async fn parse(text: &'static str) -> Result<u32, ParseIntError> {
    let number = text.parse()?;
    sleep(Duration::from_secs(1)).await;
    println!("{text} is a number");
    Ok(number)
}

#[filch::main(start_paused = true)]
async fn main() {
    // Each of them is a task of its own. That the first takes longest does not matter for the order.
    let begin = Instant::now();
    let squares = gather([3, 1, 2].map(square)).await;
    println!("{squares:?} after {} s", begin.elapsed().as_secs());

    // An `Err` is an answer like any other, and cancels nothing: `return_exceptions=True`.
    for answer in gather(["one", "2"].map(parse)).await {
        match answer {
            Ok(number) => println!("the answer is {number}"),
            Err(error) => println!("the answer is an error: {error}"),
        }
    }

    // `try_gather` gives up at the first error, and cancels the rest: nobody says that 4 is a number.
    match try_gather(["three", "4"].map(parse)).await {
        Ok(numbers) => println!("numbers: {numbers:?}"),
        Err(error) => println!("given up: {error}"),
    }

    // A few of different types: `gather!` gives a tuple.
    let (square, number) = filch::gather!(square(2), parse("5"));
    println!("{square} and {number:?}");
}
