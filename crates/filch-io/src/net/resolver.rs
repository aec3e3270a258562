//! Who finds the addresses of a host: the system, or somebody else.

use super::addr::{Addresses, ToSocketAddrs, resolve_with};
use filch_core::runtime::RuntimeRef;
use filch_core::task::{JoinHandle, Spawn};
use std::future::Future;
use std::io::{Error, Result};
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::sync::Arc;

/// Finds the addresses of a host by its name.
///
/// [`Connect::resolver`](super::Connect::resolver) and [`lookup_host_with`] take one;
/// without, it is the [`SystemResolver`].
///
/// # Examples
/// ```no_run
/// use filch_io::net::{Connect, Resolver, SystemResolver};
/// use std::io::Result;
/// use std::net::SocketAddr;
///
/// /// Knows a name that nobody else does.
/// struct WithStaging;
///
/// impl Resolver for WithStaging {
///     async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>> {
///         match host {
///             "staging" => Ok(vec![([10, 0, 0, 7], port).into()]),
///             _ => SystemResolver.resolve(host, port).await,
///         }
///     }
/// }
///
/// # async fn example() -> Result<()> {
/// let stream = Connect::new().resolver(WithStaging).connect("staging:5432").await?;
/// # drop(stream); Ok(()) }
/// ```
pub trait Resolver: Send + Sync {
    /// Finds the addresses of `host`, the best one first, and joins them with `port`.
    ///
    /// `host` is never an address in numbers: those need no resolver.
    ///
    /// # Errors
    /// When the name is not known, or nobody could be asked.
    fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> impl Future<Output = Result<Vec<SocketAddr>>> + Send;
}

impl<R: Resolver + ?Sized> Resolver for &R {
    fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> impl Future<Output = Result<Vec<SocketAddr>>> + Send {
        (**self).resolve(host, port)
    }
}

impl<R: Resolver + ?Sized> Resolver for Arc<R> {
    fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> impl Future<Output = Result<Vec<SocketAddr>>> + Send {
        (**self).resolve(host, port)
    }
}

/// The system's resolver (`getaddrinfo`), called on a thread for calls that block.
///
/// # Cancel safety
/// A lookup that has begun ends on its thread, and its answer is dropped; one that waits for a thread is called off.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>> {
        let host = host.to_owned();
        let lookup =
            Spawn::on(RuntimeRef::current()).name(Some("lookup_host")).spawn_blocking(move || {
                std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port))
            });
        let mut lookup = Lookup(lookup);
        match (&mut lookup.0).await.map_err(|error| error.try_into_panic()) {
            Ok(addresses) => addresses.map(Iterator::collect),
            Err(Ok(payload)) => resume_unwind(payload),
            Err(Err(_)) => Err(Error::other(
                "the lookup of a host was canceled, because the filch runtime is ending",
            )),
        }
    }
}

/// A lookup that is called off when nobody waits for it any more, unless it has begun.
struct Lookup<T>(JoinHandle<T>);

impl<T> Drop for Lookup<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// As [`lookup_host`](super::lookup_host), with a resolver of your own.
///
/// # Errors
/// When the name is not known, and when `host` is no pair of host and port.
///
/// # Cancel safety
/// That of the resolver.
pub async fn lookup_host_with<R: Resolver, A: ToSocketAddrs>(
    resolver: &R,
    host: A,
) -> Result<impl Iterator<Item = SocketAddr> + use<R, A>> {
    let found: Addresses = resolve_with(resolver, host).await?;
    Ok(found)
}
