//! TLS by rustls, over any stream.
//!
//! [`TlsConnector`] and [`TlsAcceptor`] make a [`TlsStream`] of a stream: of a fresh TCP connection, or of one that has
//! talked in plain text before (`STARTTLS`; see [`start_tls`]). What is trusted and what is offered, rustls's own
//! configurations say; [`rustls`] is the version that these types are made of.
//!
//! # The end of a stream
//! - [`shutdown`](crate::io::AsyncWriteExt::shutdown) tells the peer that nothing more comes (`close_notify`) and ends
//!   the writing direction of the stream below; reading goes on until the peer does the same.
//! - A read answers the end only when the peer has said so. When the stream below ends without that, by a crash or by
//!   somebody who cut it, the read is an [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof) error: what was read may
//!   be only a part.
//! - Dropping a [`TlsStream`] says nothing to the peer, who meets that error.
//!
//! # Writing
//! A write may leave encrypted bytes behind: [`flush`](crate::io::AsyncWriteExt::flush) sends them. Flush before waiting
//! for an answer. [`copy`](crate::io::copy()) and the codecs' `send` do.

use crate::io::{AsyncRead, AsyncWrite, checked};
use crate::net::{self, TcpStream};
use futures_rustls::pki_types::ServerName;
use futures_rustls::rustls::{ClientConfig, CommonState, ServerConfig};
use std::fmt;
use std::future::Future;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

pub use futures_rustls::{pki_types, rustls};

/// Connects to `host` over TCP, as [`net::connect`](fn@crate::net::connect) does, and makes sure that it is `host`.
///
/// # Errors
/// - [`InvalidInput`](ErrorKind::InvalidInput) when no certificate can be for `host`.
/// - When there is no connection: the reason of each address, as a [`ConnectError`](crate::net::ConnectError).
/// - [`InvalidData`](ErrorKind::InvalidData) when the two do not come to terms, or the certificate is not accepted; its
///   source is a [`rustls::Error`].
///
/// # Cancel safety
/// Cancel safe: a drop closes the connection.
pub async fn connect(
    connector: &TlsConnector,
    host: &str,
    port: u16,
) -> Result<TlsStream<TcpStream>> {
    let name = name_of(host)?; // First: what cannot end well is not begun.
    let stream = net::connect((host, port)).await?;
    connector.connect(name, stream).await
}

/// Goes on in TLS on a stream that has been plain until here, and makes sure that its peer is `host`.
///
/// The other side does the same with [`TlsAcceptor::accept`]. A stream with a read buffer is to be handed over as it is,
/// not its inner one: the peer's first bytes may be in the buffer. And what is in it before the two have agreed on TLS
/// must not be there: it came from somebody in between, or from a peer who breaks the protocol.
///
/// # Errors
/// As [`connect`]; the stream is closed then.
///
/// # Cancel safety
/// A drop closes the stream.
pub async fn start_tls<S>(connector: &TlsConnector, host: &str, stream: S) -> Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    connector.connect(name_of(host)?, stream).await
}

fn name_of(host: &str) -> Result<ServerName<'static>> {
    let name = ServerName::try_from(host).map_err(|_| {
        Error::new(
            ErrorKind::InvalidInput,
            format!(
                "`{host}` is neither a DNS name nor an IP address, so no certificate is for it"
            ),
        )
    });
    Ok(name?.to_owned())
}

/// Makes TLS clients.
#[derive(Clone)]
pub struct TlsConnector {
    connector: futures_rustls::TlsConnector,
}

impl TlsConnector {
    /// Makes a TLS client of `stream`, and makes sure that its peer is `name`.
    ///
    /// The future errs with [`InvalidData`](ErrorKind::InvalidData) when the two do not come to terms, or the certificate
    /// is not accepted; the source of the error is a [`rustls::Error`]. With
    /// [`UnexpectedEof`](ErrorKind::UnexpectedEof) when the peer is gone. The stream is closed then.
    ///
    /// # Cancel safety
    /// A drop of the future closes the stream: in the middle of a handshake it is of no other use.
    pub fn connect<S>(&self, name: ServerName<'static>, stream: S) -> Connect<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let handshake = self.connector.connect(name, Checked::new(stream));
        Connect { handshake: handshake.into_fallible() }
    }
}

impl From<Arc<ClientConfig>> for TlsConnector {
    fn from(config: Arc<ClientConfig>) -> Self {
        TlsConnector { connector: config.into() }
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector").finish_non_exhaustive()
    }
}

/// Makes TLS servers.
#[derive(Clone)]
pub struct TlsAcceptor {
    acceptor: futures_rustls::TlsAcceptor,
}

impl TlsAcceptor {
    /// Makes a TLS server of `stream`.
    ///
    /// The future errs with [`InvalidData`](ErrorKind::InvalidData) when the two do not come to terms, or the client
    /// does not accept the certificate; the source of the error is a [`rustls::Error`]. With
    /// [`UnexpectedEof`](ErrorKind::UnexpectedEof) when the peer is gone. The stream is closed then. A peer who says
    /// nothing is waited for: put a [`timeout`](filch_timer::timeout) around it.
    ///
    /// # Cancel safety
    /// A drop of the future closes the stream: in the middle of a handshake it is of no other use.
    pub fn accept<S>(&self, stream: S) -> Accept<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let handshake = self.acceptor.accept(Checked::new(stream));
        Accept { handshake: handshake.into_fallible() }
    }
}

impl From<Arc<ServerConfig>> for TlsAcceptor {
    fn from(config: Arc<ServerConfig>) -> Self {
        TlsAcceptor { acceptor: config.into() }
    }
}

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAcceptor").finish_non_exhaustive()
    }
}

/// A client's handshake. From [`TlsConnector::connect`].
#[must_use = "futures do nothing unless awaited"]
pub struct Connect<S> {
    handshake: futures_rustls::FallibleConnect<Checked<S>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Connect<S> {
    type Output = Result<TlsStream<S>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = ready!(Pin::new(&mut self.get_mut().handshake).poll(cx));
        Poll::Ready(finish(ended, cx))
    }
}

impl<S> fmt::Debug for Connect<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").finish_non_exhaustive()
    }
}

/// A server's handshake. From [`TlsAcceptor::accept`].
#[must_use = "futures do nothing unless awaited"]
pub struct Accept<S> {
    handshake: futures_rustls::FallibleAccept<Checked<S>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Accept<S> {
    type Output = Result<TlsStream<S>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = ready!(Pin::new(&mut self.get_mut().handshake).poll(cx));
        Poll::Ready(finish(ended, cx))
    }
}

impl<S> fmt::Debug for Accept<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accept").finish_non_exhaustive()
    }
}

/// Makes a stream of a handshake that has ended, if it ended well.
fn finish<T, S>(
    ended: std::result::Result<T, (Error, Checked<S>)>,
    cx: &mut Context<'_>,
) -> Result<TlsStream<S>>
where
    T: Into<futures_rustls::TlsStream<Checked<S>>>,
    S: AsyncWrite + Unpin,
{
    match ended {
        Ok(stream) => Ok(TlsStream::new(stream.into())),
        Err((error, mut stream)) => {
            // Why once: it tells the peer the reason, and a peer who does not read is not worth a wait.
            let _ = Pin::new(&mut stream).poll_flush(cx);
            Err(error)
        }
    }
}

/// A stream inside TLS, of a client or of a server. See the [module page](self) for its end and for flushing.
///
/// For two tasks, [`split`](crate::io::split()) it.
#[derive(Debug)]
pub struct TlsStream<S> {
    stream: futures_rustls::TlsStream<Checked<S>>,
    /// The peer was told that nothing more comes.
    closed: bool,
}

impl<S> TlsStream<S> {
    fn new(mut stream: futures_rustls::TlsStream<Checked<S>>) -> Self {
        stream.get_mut().0.in_handshake = false;
        TlsStream { stream, closed: false }
    }

    /// The stream below, and what the two have agreed on: the protocol, the certificates.
    pub fn get_ref(&self) -> (&S, &CommonState) {
        let (stream, state) = self.stream.get_ref();
        (&stream.stream, state)
    }

    /// The stream below, and what the two have agreed on. What is read from or written to the stream goes past TLS.
    pub fn get_mut(&mut self) -> (&mut S, &mut CommonState) {
        let (stream, state) = self.stream.get_mut();
        (&mut stream.stream, state)
    }

    /// The name that the client asked for, on the server's side.
    pub fn server_name(&self) -> Option<&str> {
        match &self.stream {
            futures_rustls::TlsStream::Client(_) => None,
            futures_rustls::TlsStream::Server(stream) => stream.get_ref().1.server_name(),
        }
    }

    /// Gives the stream below back. What TLS has read ahead is lost.
    pub fn into_inner(self) -> S {
        match self.stream {
            futures_rustls::TlsStream::Client(stream) => stream.into_inner().0.stream,
            futures_rustls::TlsStream::Server(stream) => stream.into_inner().0.stream,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0)); // Nothing read into nothing would be taken for the peer's end below.
        }
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let this = self.get_mut();
        this.still_open()?;
        Pin::new(&mut this.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let this = self.get_mut();
        this.still_open()?;
        Pin::new(&mut this.stream).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    /// Tells the peer that nothing more comes, and ends the writing direction of the stream below.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        this.closed = true;
        Pin::new(&mut this.stream).poll_close(cx)
    }
}

impl<S> TlsStream<S> {
    /// Why: below, a write after the end would be encrypted and sent.
    fn still_open(&self) -> Result<()> {
        if self.closed {
            return Err(Error::new(
                ErrorKind::BrokenPipe,
                "the TLS stream was shut down for writing",
            ));
        }
        Ok(())
    }
}

/// A stream whose answers are checked: TLS builds on them. A writer that takes nothing is an error, else its flush would
/// go round for ever. And a flush that the handshake begins is not forgotten.
#[derive(Debug)]
struct Checked<S> {
    stream: S,
    /// Why no longer: then a flush is its caller's, and a reader would take the waker's place.
    in_handshake: bool,
    /// A flush of the handshake had to wait.
    is_flushing: bool,
}

impl<S> Checked<S> {
    fn new(stream: S) -> Self {
        Checked { stream, in_handshake: true, is_flushing: false }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Checked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        // The handshake does not come back to a flush that had to wait: it reads, until the peer answers what is sent.
        if self.is_flushing {
            if let Poll::Ready(flushed) = self.as_mut().poll_flush(cx) {
                flushed?;
            }
        }
        checked::poll_read(Pin::new(&mut self.stream), cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Checked<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        let n = ready!(checked::poll_write(Pin::new(&mut self.stream), cx, buf))?;
        Poll::Ready(if n == 0 && !buf.is_empty() { Err(checked::write_zero()) } else { Ok(n) })
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let n = ready!(checked::poll_write_vectored(Pin::new(&mut self.stream), cx, bufs))?;
        let is_full = n == 0 && bufs.iter().any(|buf| !buf.is_empty());
        Poll::Ready(if is_full { Err(checked::write_zero()) } else { Ok(n) })
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let flushed = checked::poll_flush(Pin::new(&mut self.stream), cx);
        self.is_flushing = self.in_handshake && flushed.is_pending();
        flushed
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        checked::poll_close(Pin::new(&mut self.stream), cx)
    }
}
