//! A tour of filch: a server and its own clients, joins, timeouts, a semaphore, a call that blocks.
//!
//! `cargo run --release --example tour` prints what happened.

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream};
use filch::prelude::*;
use filch::sync::Semaphore;
use filch::task::JoinSet;
use filch::time::Instant;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[filch::main]
async fn main() -> Result<()> {
    let begin = Instant::now();
    serve_clients().await?;
    join_in_parallel().await?;
    give_up_on_the_slow().await;
    let_two_in_at_a_time().await?;
    call_what_blocks().await;
    println!("tour: done in {:.1} s", begin.elapsed().as_secs_f64());
    Ok(())
}

/// A server on a free port and a hundred clients, all in this process.
async fn serve_clients() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = spawn(serve(listener));

    let mut clients = JoinSet::new();
    for number in 0..100 {
        clients.spawn(ask(address, number));
    }
    let mut n_right = 0;
    while let Some(answer) = clients.join_next().await {
        n_right += usize::from(answer??);
    }
    server.abort();
    println!("server: {n_right} of 100 clients got their line back in capitals");
    println!(
        "server: stopped, {}",
        if server.await.is_err_and(|error| error.is_cancelled()) {
            "as asked"
        } else {
            "by itself"
        }
    );
    Ok(())
}

async fn serve(listener: TcpListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        spawn(answer(stream));
    }
}

async fn answer(mut stream: TcpStream) -> Result<()> {
    let mut buffer = [0; 256];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(buffer[..n].to_ascii_uppercase().as_slice()).await?;
    }
}

async fn ask(server: SocketAddr, number: u32) -> Result<bool> {
    let question = format!("client {number:02}");
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(question.as_bytes()).await?;
    let mut answer = vec![0; question.len()];
    stream.read_exact(&mut answer).await?;
    Ok(answer == question.to_uppercase().as_bytes())
}

/// Three tasks sleep at the same time: the longest one decides.
async fn join_in_parallel() -> Result<()> {
    let begin = Instant::now();
    let tasks = [20, 30, 10].map(|ms| spawn(nap(ms)));
    let mut naps = Vec::new();
    for task in tasks {
        naps.push(task.await?);
    }
    let took = begin.elapsed();
    println!("tasks: naps of {naps:?} ms took {} ms together", took.as_millis() / 10 * 10);

    let (one, two) = filch::join!(nap(5), nap(6));
    println!("join!: {one} and {two}");
    Ok(())
}

async fn nap(ms: u64) -> u64 {
    sleep(Duration::from_millis(ms)).await;
    ms
}

async fn give_up_on_the_slow() {
    let result = timeout(Duration::from_millis(20), nap(10_000)).await;
    println!(
        "timeout: a nap of 10 s {}",
        if result.is_err() { "was given up after 20 ms" } else { "came through" }
    );
}

/// Six tasks want in, two may: never more are inside.
async fn let_two_in_at_a_time() -> Result<()> {
    static DOOR: Semaphore = Semaphore::const_new(2);
    static INSIDE: AtomicUsize = AtomicUsize::new(0);

    let mut visitors = JoinSet::new();
    for _ in 0..6 {
        visitors.spawn(async {
            let _permit = DOOR.acquire().await;
            let n_inside = INSIDE.fetch_add(1, Relaxed) + 1;
            nap(5).await;
            INSIDE.fetch_sub(1, Relaxed);
            n_inside
        });
    }
    let most = visitors.join_all().await.into_iter().max();
    println!("semaphore: at most {} were inside", most.unwrap_or_default());
    Ok(())
}

/// A call that blocks its thread for 50 ms does not keep the others from running.
async fn call_what_blocks() {
    let blocking = to_thread(|| {
        std::thread::sleep(Duration::from_millis(50));
        "read"
    });
    let ticking = async {
        let mut n_ticks = 0;
        loop {
            nap(5).await;
            n_ticks += 1;
            if n_ticks == 5 {
                return n_ticks;
            }
        }
    };
    let (result, n_ticks) = filch::join!(blocking, ticking);
    println!("to_thread: {result:?} came while {n_ticks} ticks passed");
}
