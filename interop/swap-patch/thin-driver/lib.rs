//! A stand-in for `filch-driver`: the same names, one driver, and no `polling` beneath it.

use filch_core::seam::Driver;
use std::convert::Infallible;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

#[path = "../../swap-driver/src/lib.rs"]
mod poll_driver;

/// The only driver there is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice;

impl FromStr for Choice {
    type Err = Infallible;

    fn from_str(_: &str) -> Result<Self, Infallible> {
        Ok(Choice)
    }
}

/// Makes the driver.
pub fn stock(_: Choice) -> io::Result<Arc<dyn Driver>> {
    Ok(Arc::new(poll_driver::PollDriver::new()?))
}
