//! Every stream type of ours, one line each: what the features `tokio-io` and `hyper` give their traits to.
//!
//! A blanket implementation would do without the list, but foreign traits do not allow one. The wrapper that each of
//! the two features has ([`TokioIo`](crate::tokio_io::TokioIo), [`HyperIo`](crate::hyper::HyperIo)) is for the streams
//! of others.

use crate::net::stream::Stream;
use std::io::Result;
use std::mem::MaybeUninit;
use std::task::{Context, Poll};

/// Calls the macro `$give` with each stream type: `[parameters] Type: what it can do`.
///
/// - `Read`, `BufRead`, `Write`: it does so where it has the trait of futures-io.
/// - `ReadSocket`: as `Read`, into memory that is not initialized.
/// - `WriteVectored`: as `Write`, and several buffers go out in one call.
macro_rules! every_stream {
    ($give:ident) => {
        $give! { [] crate::net::TcpStream: ReadSocket WriteVectored }
        $give! { ['a] crate::net::tcp::ReadHalf<'a>: Read }
        $give! { ['a] crate::net::tcp::WriteHalf<'a>: WriteVectored }
        $give! { [] crate::net::tcp::OwnedReadHalf: Read }
        $give! { [] crate::net::tcp::OwnedWriteHalf: WriteVectored }

        #[cfg(unix)]
        $give! { [] crate::net::UnixStream: ReadSocket WriteVectored }
        #[cfg(unix)]
        $give! { ['a] crate::net::unix::ReadHalf<'a>: Read }
        #[cfg(unix)]
        $give! { ['a] crate::net::unix::WriteHalf<'a>: WriteVectored }
        #[cfg(unix)]
        $give! { [] crate::net::unix::OwnedReadHalf: Read }
        #[cfg(unix)]
        $give! { [] crate::net::unix::OwnedWriteHalf: WriteVectored }

        #[cfg(unix)]
        $give! { [] crate::net::unix::pipe::Sender: WriteVectored }
        #[cfg(unix)]
        $give! { [] crate::net::unix::pipe::Receiver: Read }

        #[cfg(any(unix, windows))]
        $give! { [] crate::process::ChildStdin: WriteVectored }
        #[cfg(any(unix, windows))]
        $give! { [] crate::process::ChildStdout: Read }
        #[cfg(any(unix, windows))]
        $give! { [] crate::process::ChildStderr: Read }
        #[cfg(unix)]
        $give! { [] crate::stdio::Stdin: Read }
        #[cfg(unix)]
        $give! { [] crate::stdio::Stdout: Write }
        #[cfg(unix)]
        $give! { [] crate::stdio::Stderr: Write }

        $give! { [] crate::fs::File: Read WriteVectored }

        #[cfg(feature = "tls")]
        $give! { [S] crate::tls::TlsStream<S>: Read WriteVectored }

        $give! { [S] crate::io::BufReader<S>: Read BufRead Write }
        $give! { [S] crate::io::BufWriter<S>: Read BufRead WriteVectored }
        $give! { [S] crate::io::BufStream<S>: Read BufRead WriteVectored }
        $give! { [S] crate::io::Take<S>: Read BufRead }
        $give! { [A, B] crate::io::Chain<A, B>: Read BufRead }
        $give! { [S] crate::io::ReadHalf<S>: Read }
        $give! { [S] crate::io::WriteHalf<S>: Write }
        $give! { [R, W] crate::io::Join<R, W>: Read BufRead Write }
        $give! { [] crate::io::DuplexStream: Read WriteVectored }
        $give! { [] crate::io::SimplexStream: Read WriteVectored }
        $give! { [] crate::io::Empty: Read BufRead WriteVectored }
        $give! { [] crate::io::Repeat: Read }
        $give! { [] crate::io::Sink: WriteVectored }
        $give! { [] crate::io::mock::Mock: Read Write }
    };
}
pub(crate) use every_stream;

/// Memory that is zeroed for one read, when nobody has initialized it before.
///
/// Why a limit: whoever reads into a large buffer in small pieces would have all of it zeroed for each of them.
pub(crate) const ZEROED: usize = 64 * 1024;

/// Reads from a socket into memory that nobody has initialized: the kernel does. The first bytes, as many as the
/// answer says, are initialized then.
#[cfg(unix)]
pub(crate) fn poll_read_socket<S: Stream>(
    stream: &S,
    cx: &mut Context<'_>,
    room: &mut [MaybeUninit<u8>],
) -> Poll<Result<usize>>
where
    S::Io: std::os::fd::AsFd,
{
    use rustix::net::{RecvFlags, recv};
    let asked = room.len();
    // Why not `read`: the kernel comes to the socket sooner this way, by some 80 ns.
    let receive = |io: &S::Io| Ok(recv(io, &mut *room, RecvFlags::empty()).map(|(_, n)| n)?);
    stream.poll_receive(cx, asked, receive)
}

/// As on Unix, with the memory zeroed first.
#[cfg(not(unix))]
pub(crate) fn poll_read_socket<S: Stream>(
    stream: &S,
    cx: &mut Context<'_>,
    room: &mut [MaybeUninit<u8>],
) -> Poll<Result<usize>> {
    let n = room.len().min(ZEROED);
    let room = &mut room[..n];
    room.fill(MaybeUninit::new(0));
    // SAFETY: all bytes of the slice were initialized in the line above.
    let room = unsafe { &mut *(std::ptr::from_mut(room) as *mut [u8]) };
    stream.poll_read_shared(cx, room)
}
