//! `process`: start programs, talk to them, and end them.

use filch::io::BufReader;
use filch::prelude::*;
use filch::process::{Command, RunError, Stdio, run};

async fn double(n: &str) -> Result<String, filch::Error> {
    let output = run(Command::new("expr").args(["2", "*", n])).check().await?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[filch::main]
async fn main() -> Result<(), filch::Error> {
    // `run` is asyncio's `create_subprocess_exec` and `communicate` in one: it starts a program, awaits its end and gives
    // what it wrote.
    let output = run(Command::new("echo").arg("hello")).await?;
    println!("{}, {:?}", output.status, String::from_utf8(output.stdout)?);

    // What is awaited can run at the same time.
    println!("{:?}", try_gather(["3", "4", "5"].map(double)).await?);

    // A program can be given something to read.
    let sorted = run(&mut Command::new("sort")).input("pear\napple\nfig\n").check().await?;
    println!("{:?}", String::from_utf8(sorted.stdout)?);

    // With `check`, it is an error when the program fails.
    let mut script = Command::new("sh");
    script.args(["-c", "echo no luck today >&2; exit 3"]);
    if let Err(error) = run(&mut script).check().await {
        println!("{error}");
    }

    // After a timeout the program is asked to end, and killed if it does not.
    let nap = run(Command::new("sleep").arg("3600")).timeout(Duration::from_millis(50)).await;
    if let Err(RunError::TimedOut { output, .. }) = nap {
        println!("the nap ended early: {}", output.status);
    }

    // For a talk with a program there are pipes.
    let mut cat = Command::new("cat");
    let mut child = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().expect("it is piped");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    for word in ["meow", "purr"] {
        stdin.write_all(format!("{word}\n").as_bytes()).await?;
        println!("the cat says {:?}", lines.next_line().await?);
    }
    stdin.shutdown().await?; // Nothing more to read: the program ends.
    println!("{}", child.wait().await?);

    // A child goes on when it is dropped, unless it is told otherwise.
    let mut sleeper = Command::new("sleep").arg("3600").kill_on_drop(true).spawn()?;
    println!("it sleeps: {}", sleeper.try_wait()?.is_none());
    Ok(()) // Here it is killed.
}
