//! From what users write to socket addresses.
//!
//! An address in numbers is answered at once; a name is a resolver's business.

use super::resolver::{Resolver, SystemResolver};
use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::vec;

/// What names one or more socket addresses: addresses, pairs of host and port, and strings such as `"localhost:80"`.
///
/// Sealed: other types implement [`Into<SocketAddr>`] or hand over a slice.
pub trait ToSocketAddrs: sealed::Sealed {}

/// Finds the addresses of a host, with the system's resolver.
///
/// See [`lookup_host_with`](super::lookup_host_with) for another one.
///
/// # Errors
/// When the name is not known, and when `host` is no pair of host and port.
///
/// # Cancel safety
/// Cancel safe. A lookup that has begun ends on its thread; its answer is dropped.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// for address in filch_io::net::lookup_host("localhost:80").await? {
///     println!("{address}");
/// }
/// # Ok(()) }
/// ```
pub async fn lookup_host<A: ToSocketAddrs>(host: A) -> Result<impl Iterator<Item = SocketAddr>> {
    resolve(host).await
}

pub(crate) type Addresses = vec::IntoIter<SocketAddr>;

pub(crate) async fn resolve<A: ToSocketAddrs>(host: A) -> Result<Addresses> {
    resolve_with(&SystemResolver, host).await
}

pub(crate) async fn resolve_with<A: ToSocketAddrs>(
    resolver: &impl Resolver,
    host: A,
) -> Result<Addresses> {
    let (name, port) = match host.target(sealed::Token)? {
        sealed::Target::Known(addresses) => return Ok(addresses),
        sealed::Target::Name(name, port) => (name, port),
    };
    drop(host); // It need not be `Send`.
    Ok(resolver.resolve(&name, port).await?.into_iter())
}

pub(crate) fn no_address() -> Error {
    Error::new(ErrorKind::InvalidInput, "the host has no address")
}

/// Tries `attempt` with each address until one succeeds; else answers the last error.
pub(crate) async fn first_of<A: ToSocketAddrs, R>(
    addresses: A,
    mut attempt: impl AsyncFnMut(SocketAddr) -> Result<R>,
) -> Result<R> {
    let mut last = None;
    for address in resolve(addresses).await? {
        match attempt(address).await {
            Ok(done) => return Ok(done),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(no_address))
}

mod sealed {
    use super::Addresses;
    use std::io::Result;

    /// Only this module can make one, so only it can call [`Sealed::target`].
    #[derive(Debug)]
    pub struct Token;

    #[derive(Debug)]
    pub enum Target {
        Known(Addresses),
        Name(String, u16),
    }

    pub trait Sealed {
        #[doc(hidden)]
        fn target(&self, token: Token) -> Result<Target>;
    }
}

use sealed::{Sealed, Target, Token};

fn known(address: impl Into<SocketAddr>) -> Result<Target> {
    Ok(Target::Known(vec![address.into()].into_iter()))
}

fn named(host: &str, port: u16) -> Result<Target> {
    match host.parse::<IpAddr>() {
        Ok(ip) => known((ip, port)),
        Err(_) => Ok(Target::Name(host.to_owned(), port)),
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}
impl<T: ToSocketAddrs + ?Sized> Sealed for &T {
    fn target(&self, token: Token) -> Result<Target> {
        (**self).target(token)
    }
}

impl ToSocketAddrs for SocketAddr {}
impl Sealed for SocketAddr {
    fn target(&self, _: Token) -> Result<Target> {
        known(*self)
    }
}

impl ToSocketAddrs for SocketAddrV4 {}
impl Sealed for SocketAddrV4 {
    fn target(&self, _: Token) -> Result<Target> {
        known(*self)
    }
}

impl ToSocketAddrs for SocketAddrV6 {}
impl Sealed for SocketAddrV6 {
    fn target(&self, _: Token) -> Result<Target> {
        known(*self)
    }
}

impl ToSocketAddrs for (IpAddr, u16) {}
impl Sealed for (IpAddr, u16) {
    fn target(&self, _: Token) -> Result<Target> {
        known(*self)
    }
}

impl ToSocketAddrs for (Ipv4Addr, u16) {}
impl Sealed for (Ipv4Addr, u16) {
    fn target(&self, _: Token) -> Result<Target> {
        known(*self)
    }
}

impl ToSocketAddrs for (Ipv6Addr, u16) {}
impl Sealed for (Ipv6Addr, u16) {
    fn target(&self, _: Token) -> Result<Target> {
        known(*self)
    }
}

impl ToSocketAddrs for [SocketAddr] {}
impl Sealed for [SocketAddr] {
    fn target(&self, _: Token) -> Result<Target> {
        Ok(Target::Known(Vec::from(self).into_iter()))
    }
}

impl<const N: usize> ToSocketAddrs for [SocketAddr; N] {}
impl<const N: usize> Sealed for [SocketAddr; N] {
    fn target(&self, _: Token) -> Result<Target> {
        Ok(Target::Known(Vec::from(*self).into_iter()))
    }
}

impl ToSocketAddrs for Vec<SocketAddr> {}
impl Sealed for Vec<SocketAddr> {
    fn target(&self, _: Token) -> Result<Target> {
        Ok(Target::Known(self.clone().into_iter()))
    }
}

impl ToSocketAddrs for (&str, u16) {}
impl Sealed for (&str, u16) {
    fn target(&self, _: Token) -> Result<Target> {
        named(self.0, self.1)
    }
}

impl ToSocketAddrs for (String, u16) {}
impl Sealed for (String, u16) {
    fn target(&self, _: Token) -> Result<Target> {
        named(&self.0, self.1)
    }
}

impl ToSocketAddrs for String {}
impl Sealed for String {
    fn target(&self, token: Token) -> Result<Target> {
        self.as_str().target(token)
    }
}

impl ToSocketAddrs for str {}
impl Sealed for str {
    fn target(&self, _: Token) -> Result<Target> {
        if let Ok(address) = self.parse::<SocketAddr>() {
            return known(address);
        }
        let parts = self.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        match parts {
            Some((host, port)) if !host.is_empty() => Ok(Target::Name(host.to_owned(), port)),
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "{self:?} is no address: write it as \"host:port\", for example \"localhost:8080\""
                ),
            )),
        }
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    fn of(host: impl ToSocketAddrs) -> String {
        match host.target(Token) {
            Ok(Target::Known(addresses)) => format!("{:?}", addresses.collect::<Vec<_>>()),
            Ok(Target::Name(name, port)) => format!("{name} {port}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn numbers_need_no_lookup() {
        assert_eq!(of("127.0.0.1:80"), "[127.0.0.1:80]");
        assert_eq!(of("[::1]:80".to_owned()), "[[::1]:80]");
        assert_eq!(of(("::1", 80)), "[[::1]:80]");
        assert_eq!(of((Ipv4Addr::LOCALHOST, 80)), "[127.0.0.1:80]");
        assert_eq!(of([SocketAddr::from(([1, 2, 3, 4], 5))].as_slice()), "[1.2.3.4:5]");
    }

    #[test]
    fn names_keep_their_port() {
        assert_eq!(of("localhost:80"), "localhost 80");
        assert_eq!(of(("example.org", 443)), "example.org 443");
    }

    #[test]
    fn what_is_no_address_is_told_how_to_become_one() {
        for wrong in ["localhost", ":80", "localhost:", "localhost:99999", ""] {
            assert!(of(wrong).contains("host:port"), "{wrong:?}");
        }
    }
}
