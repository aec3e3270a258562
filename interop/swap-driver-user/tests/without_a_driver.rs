//! Without any driver the mistake is told when the runtime is built, not when the first socket waits.

use filch::runtime::Builder;
use filch::time::{Duration, sleep};
use swap_driver::PollDriver;

#[test]
fn a_runtime_without_a_driver_says_what_to_do() {
    let error = Builder::new_multi_thread().build().expect_err("no driver was compiled");
    assert!(error.to_string().starts_with("no driver: enable feature"), "{error}");
    assert!(error.to_string().contains("Builder::driver"), "{error}");
}

#[test]
fn a_driver_that_cannot_be_made_is_an_error_of_build() {
    let error = Builder::new_multi_thread()
        .driver(|| Err::<PollDriver, _>(std::io::Error::other("out of luck")))
        .build()
        .expect_err("the driver cannot be made");
    assert_eq!(error.to_string(), "out of luck");
}

#[test]
fn a_current_thread_runtime_takes_it_too() {
    let runtime = Builder::new_current_thread().driver(PollDriver::new).build().expect("built");
    runtime.block_on(async { sleep(Duration::from_millis(1)).await });
}
