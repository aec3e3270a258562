//! A runtime with nothing in it but a scheduler that never runs and a blocking pool.

use crate::blocking::BlockingPool;
use crate::current_thread::CurrentThread;
use filch_core::conformance::parts_around;
use filch_core::coop::Budget;
use filch_core::runtime::{Living, Parts};
use std::sync::Arc;

/// A living runtime whose blocking calls run on `pool`.
pub(crate) fn runtime_around(pool: &BlockingPool) -> Living {
    let parts = parts_around(Arc::new(CurrentThread::new(Budget::UNLIMITED, 1)));
    let living = Living::open(Parts { blocking: Arc::new(pool.clone()), ..parts });
    pool.start(living.runtime());
    living
}
