//! What smol's crates do under filch, and what they do not need.

use filch::prelude::*;
use peers::{command, output, text};
use std::time::Instant;

fn run<T>(main: impl Future<Output = T>) -> T {
    peers::watch();
    filch::run(main)
}

#[test]
fn the_program_says_what_it_should() {
    assert_eq!(
        text(output(command(env!("CARGO_BIN_EXE_smol_crates")))),
        "woken by a sleep of filch\nwoken by a timer of smol\na socket of smol\na process of smol\n"
    );
}

#[test]
fn timers_of_smol_do_not_hold_a_worker() {
    const TASKS: u32 = 40;
    let begin = Instant::now();
    run(async {
        gather((0..TASKS).map(|_| async {
            smol::Timer::after(Duration::from_millis(50)).await;
        }))
        .await
    });
    assert!(begin.elapsed() < TASKS * Duration::from_millis(50), "they waited for each other");
}

#[test]
fn a_socket_of_smol_is_dropped_with_the_task_that_waits_on_it() {
    run(async {
        let listener = smol::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let connect = smol::net::TcpStream::connect(address);
        let (accepted, connected) = filch::join!(listener.accept(), connect);
        let ((server, _), mut client) =
            (accepted.expect("a client"), connected.expect("it listens"));
        let waits = spawn(async move {
            let mut server = server;
            server.read(&mut [0]).await
        });
        waits.cancel().await;
        // Nobody holds the other end any more.
        assert_eq!(client.read(&mut [0]).await.expect("closed in order"), 0);
    });
}

#[test]
fn a_timeout_of_filch_ends_a_wait_of_smol() {
    run(async {
        let never = timeout(Duration::from_millis(5), smol::Timer::never());
        assert!(never.await.is_err());
    });
}

#[test]
fn files_of_smol_are_read_on_its_own_threads() {
    run(async {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let text = smol::fs::read_to_string(manifest).await.expect("it is there");
        assert!(text.contains("name = \"smol_crates\""));
    });
}
