//! `serve`: a concurrent server as one object, and its clients.

use filch::io::{AsyncBufReadExt, AsyncReadExt};
use filch::net::{self, TcpListener, TcpStream};
use filch::prelude::*;
use std::net::SocketAddr;

/// Answers each line, until the client sends no more. Runs once for each client, all at the same time.
async fn answer(stream: TcpStream, _client: SocketAddr) -> Result<(), filch::Error> {
    let (mut reader, mut writer) = net::into_streams(stream);
    let mut line = String::new();
    while reader.read_line(&mut line).await? > 0 {
        let number: u32 = line.trim().parse()?; // What is no number ends this connection, not the server.
        sleep(Duration::from_millis(20)).await;
        writer.write(format!("{number} squared is {}\n", number * number).as_bytes())?;
        writer.drain().await?; // Waits while the client does not read.
        line.clear();
    }
    Ok(())
}

/// Asks one question after the other.
async fn ask(port: u16, questions: &str) -> Result<String, filch::Error> {
    let (mut reader, mut writer) = net::open_connection("localhost", port).await?;
    writer.write(questions.as_bytes())?;
    writer.write_eof(); // No more questions.
    let mut answers = String::new();
    reader.read_to_string(&mut answers).await?;
    Ok(answers)
}

#[filch::main]
async fn main() -> Result<(), filch::Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?; // The system chooses a port.
    let port = listener.local_addr()?.port();
    let server = net::serve(listener, answer);
    server.limit(100); // Further clients wait.

    let (ann, bob, eve) = filch::join!(ask(port, "3\n4\n"), ask(port, "5\n"), ask(port, "five\n"));
    println!("Ann: {:?}", ann?);
    println!("Bob: {:?}", bob?);
    println!("Eve: {:?}", eve?);

    // No more clients; those who are here may finish, for a second at most.
    let report = server.shutdown(Duration::from_secs(1)).await;
    println!("{} came, {} were content", report.accepted, report.completed);
    for failure in report.failures {
        println!("one was not: {}", failure.message);
    }
    Ok(())
}
