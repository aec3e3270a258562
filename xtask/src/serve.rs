//! Starts a server of ours, finds its port, and talks to it with nothing but std.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::outcome::Trouble;
use crate::sh;

/// A request that takes longer than this was lost.
const LIMIT: Duration = Duration::from_secs(10);

/// A running server; it is ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts the program and reads lines until one names an address of this machine.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Trouble> {
        let mut child =
            command.stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        match lines.find_map(|line| address_in(&line)) {
            Some(address) => Ok(Self { child, address }),
            None => {
                let _ = child.kill();
                Err(format!("a server ended before it named its address: {:?}", child.wait())
                    .into())
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Why not kill the child at once: it may be a tracer, which ends by itself and writes its log to the end.
        if !sh::end_children(self.child.id()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// The first `127.0.0.1:port` in a line.
fn address_in(line: &str) -> Option<SocketAddr> {
    let rest = &line[line.find("127.0.0.1:")?..];
    let end =
        rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').unwrap_or(rest.len());
    rest[..end].trim_end_matches(['.', ':']).parse().ok()
}

/// Drives an echo server: what goes in comes out, on several connections at once.
pub(crate) fn echo(binary: &Path) -> Result<(), Trouble> {
    let server = Server::start(&mut sh::program(&binary.to_string_lossy(), ["127.0.0.1:0"]))?;
    let mut connections: Vec<TcpStream> =
        (0..8).map(|_| connect(server.address)).collect::<Result<_, _>>()?;
    for round in 0..100_u32 {
        for connection in &mut connections {
            ping(connection, &round.to_be_bytes())?;
        }
    }
    Ok(())
}

pub(crate) fn connect(address: SocketAddr) -> Result<TcpStream, Trouble> {
    let connection = TcpStream::connect(address).map_err(|error| format!("connect: {error}"))?;
    connection
        .set_nodelay(true)
        .and_then(|()| connection.set_read_timeout(Some(LIMIT)))
        .map_err(|e| e.to_string())?;
    Ok(connection)
}

/// Sends bytes and wants them back.
pub(crate) fn ping(connection: &mut TcpStream, bytes: &[u8]) -> Result<(), Trouble> {
    let mut answer = vec![0; bytes.len()];
    let exchanged = connection.write_all(bytes).and_then(|()| connection.read_exact(&mut answer));
    exchanged.map_err(|error| format!("echo: {error}"))?;
    if answer == bytes { Ok(()) } else { Err("the echo differs from what was sent".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_prose() {
        let address = "127.0.0.1:8080".parse().ok();
        assert_eq!(address_in("listening on 127.0.0.1:8080."), address);
        assert_eq!(address_in("listening on http://127.0.0.1:8080/"), address);
        assert_eq!(address_in("hello"), None);
    }
}
