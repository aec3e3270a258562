//! Connections that are opened and then do nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::{Fallible, MESSAGE, PATIENCE, descriptors};

/// Beside the connections: standard streams and what the system's libraries open.
const OTHERS: u64 = 64;

pub(crate) fn hold(address: SocketAddr, steps: &[usize]) -> Fallible<()> {
    descriptors::allow(steps.iter().sum::<usize>() as u64 + OTHERS);
    let mut held = Vec::new();
    for &n in steps {
        for _ in 0..n {
            held.push(connect(address)?);
        }
        println!("held");
        if std::io::stdin().read_line(&mut String::new())? == 0 {
            break;
        }
    }
    Ok(())
}

/// Opens a connection and lets the server answer once, so that it has made everything that the connection needs.
fn connect(address: SocketAddr) -> Fallible<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&MESSAGE)?;
    stream.read_exact(&mut [0; MESSAGE.len()])?;
    Ok(stream)
}
