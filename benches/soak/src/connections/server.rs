//! The server of the connections: a process that echoes until its standard input ends.

use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};

use filch::net::TcpListener;

use super::process::Process;
use crate::acts::answer;
use crate::{descriptors, fail};

const N_LISTENERS: usize = 4;
/// More than any plan needs; the system may allow fewer.
const DESCRIPTORS: u64 = 100_000;

/// The running server. It ends when this is dropped, or when this process ends.
pub(super) struct Server {
    process: Child,
    _input: ChildStdin,
    pub(super) addresses: Vec<SocketAddr>,
}

impl Server {
    pub(super) fn start(workers: usize) -> Self {
        let program = std::env::current_exe().expect("the system names the running program");
        let mut process = Command::new(program)
            .args(["serve", &workers.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| fail(&format!("the server does not start: {error}")));
        let input = process.stdin.take().expect("piped above");
        let lines = BufReader::new(process.stdout.take().expect("piped above")).lines();
        let addresses = lines
            .take(N_LISTENERS)
            .map(|line| line.ok()?.parse().ok())
            .collect::<Option<Vec<_>>>()
            .filter(|addresses| addresses.len() == N_LISTENERS)
            .unwrap_or_else(|| fail("the server does not say where it listens"));
        Server { process, _input: input, addresses }
    }

    pub(super) fn process(&self) -> Process {
        Process::of("the server", self.process.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the server does: listens, says where, and echoes until its standard input ends.
pub(crate) fn serve(workers: usize) {
    descriptors::allow(DESCRIPTORS);
    let served = crate::build(workers, false).block_on(async {
        for _ in 0..N_LISTENERS {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            println!("{}", listener.local_addr()?);
            filch::spawn(accept(listener));
        }
        let end = || io::stdin().read_to_end(&mut Vec::new());
        filch::to_thread(end).await.map(drop)
    });
    served.unwrap_or_else(|error: io::Error| fail(&format!("the server: {error}")));
}

async fn accept(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(filch::spawn(answer(stream))),
            Err(error) => fail(&format!("accept: {error}")),
        }
    }
}
