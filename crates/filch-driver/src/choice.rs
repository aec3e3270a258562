//! Which of the stock drivers a runtime gets.
//!
//! Reads no environment: whoever builds the runtime does, and parses the value with [`Choice::from_str`].

use filch_core::seam::Driver;
use std::error::Error;
use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

/// A stock driver by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Choice {
    /// The fastest one that was compiled for this system.
    #[default]
    Auto,
    /// The Linux driver that speaks epoll itself.
    Epoll,
    /// The portable driver over the crate `polling`.
    Polling,
}

impl FromStr for Choice {
    type Err = UnknownDriver;

    /// Understands `auto` (also the empty string), `epoll` and `polling`.
    fn from_str(name: &str) -> Result<Self, UnknownDriver> {
        match name {
            "" | "auto" => Ok(Choice::Auto),
            "epoll" => Ok(Choice::Epoll),
            "polling" => Ok(Choice::Polling),
            _ => Err(UnknownDriver(name.into())),
        }
    }
}

/// No stock driver has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownDriver(Box<str>);

impl fmt::Display for UnknownDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no driver is named \"{}\"; there are auto, epoll and polling", self.0)
    }
}

impl Error for UnknownDriver {}

/// Makes a stock driver.
///
/// # Errors
/// When the system refuses one of the driver's own descriptors, and with [`io::ErrorKind::Unsupported`] when the driver
/// was not compiled: its feature is off, or it is not made for this system.
pub fn stock(choice: Choice) -> io::Result<Arc<dyn Driver>> {
    match choice {
        Choice::Auto => fastest(),
        Choice::Epoll => epoll(),
        Choice::Polling => polling(),
    }
}

fn fastest() -> io::Result<Arc<dyn Driver>> {
    if cfg!(all(feature = "epoll", target_os = "linux")) {
        epoll()
    } else if cfg!(feature = "polling") {
        polling()
    } else {
        Err(unsupported("no driver: enable feature `epoll` or `polling`, or call Builder::driver"))
    }
}

fn epoll() -> io::Result<Arc<dyn Driver>> {
    #[cfg(all(feature = "epoll", target_os = "linux"))]
    return Ok(Arc::new(crate::Epoll::new()?));
    #[cfg(not(all(feature = "epoll", target_os = "linux")))]
    Err(unsupported("the epoll driver needs Linux and the feature `epoll`"))
}

fn polling() -> io::Result<Arc<dyn Driver>> {
    #[cfg(feature = "polling")]
    return Ok(Arc::new(crate::Polling::new()?));
    #[cfg(not(feature = "polling"))]
    Err(unsupported("the polling driver needs the feature `polling`"))
}

#[cfg_attr(
    all(feature = "epoll", feature = "polling", target_os = "linux"),
    allow(dead_code, reason = "every driver is there")
)]
fn unsupported(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, message)
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_understood_or_the_error_lists_the_names() {
        assert_eq!("polling".parse(), Ok(Choice::Polling));
        assert_eq!("".parse(), Ok(Choice::Auto));
        let error = "kqueue".parse::<Choice>().expect_err("there is no such driver");
        assert_eq!(
            error.to_string(),
            "no driver is named \"kqueue\"; there are auto, epoll and polling"
        );
    }
}
