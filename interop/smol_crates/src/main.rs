//! Crates of smol, polled by filch's workers: sockets, timers, channels, files and processes of theirs beside ours.
//!
//! ```text
//! cargo run
//! ```
//!
//! They bring their own reactor, a thread that async-io starts by itself, and need no runtime around them. filch's own
//! sockets and timers save that thread, and the change of threads for each event.

use filch::Error;
use filch::prelude::*;
use smol::Timer;
use smol::channel;
use smol::lock::Semaphore;

/// Messages of three tasks of filch go through a channel of smol, each after a sleep of another kind.
async fn greet() -> Result<Vec<String>, Error> {
    let (sender, receiver) = channel::bounded(1);
    let (turns, mut greetings) = (Semaphore::new(1), Vec::new());
    TaskGroup::scope(async |tg| {
        let of_smol = sender.clone();
        tg.create_task(async move {
            Timer::after(Duration::from_millis(1)).await;
            of_smol.send("a timer of smol").await
        });
        tg.create_task(async move {
            sleep(Duration::from_millis(1)).await;
            sender.send("a sleep of filch").await
        });
        while let Ok(greeting) = receiver.recv().await {
            let _turn = turns.acquire().await;
            greetings.push(format!("woken by {greeting}"));
        }
        Ok(())
    })
    .await?;
    greetings.sort();
    Ok(greetings)
}

/// A line travels from a socket of smol to one of filch.
async fn send_line(line: &'static str) -> Result<String, Error> {
    let listener = filch::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let sender = spawn(async move {
        let mut stream = smol::net::TcpStream::connect(address).await?;
        stream.write_all(line.as_bytes()).await
    });
    let (mut stream, _) = listener.accept().await?;
    let mut received = String::new();
    stream.read_to_string(&mut received).await?;
    sender.await??;
    Ok(received)
}

/// A process that smol started and reaps.
async fn ask_process() -> Result<String, Error> {
    let output = smol::process::Command::new("echo").arg("a process of smol").output().await?;
    Ok(String::from_utf8(output.stdout)?)
}

#[filch::main]
async fn main() -> Result<(), Error> {
    for greeting in greet().await? {
        println!("{greeting}");
    }
    println!("{}", send_line("a socket of smol").await?);
    print!("{}", ask_process().await?);
    Ok(())
}
