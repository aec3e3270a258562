//! The driver keeps the seam's promises: every check of the suite is a test here.

filch_core::driver_suite!(swap_driver::PollDriver::new);
