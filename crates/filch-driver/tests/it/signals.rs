//! A signal that interrupts a turn is no error.

use crate::subprocess::ignored_test;
use filch_core::seam::Limit;
use filch_core::wake_batch::WakeBatch;
use filch_driver::{Choice, stock};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
#[ignore = "is stopped and continued by the test below"]
fn turns_under_fire() {
    for choice in [Choice::Epoll, Choice::Polling] {
        let Ok(driver) = stock(choice) else { continue };
        println!("turning with {choice:?}");
        // A stopped and continued process finds its `epoll_wait` interrupted, although it handles no signal.
        let turned = driver.turn(Limit::For(Duration::from_millis(300)), &mut WakeBatch::default());
        turned.expect("an interrupted turn is an empty turn");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_turn_is_an_empty_turn() {
    let mut turning = ignored_test("signals::turns_under_fire", "")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test can run itself");
    let output = BufReader::new(turning.stdout.take().expect("it is piped"));
    for line in output.lines().map_while(Result::ok) {
        for signal in ["-STOP", "-CONT", "-STOP", "-CONT"] {
            if line.starts_with("turning") {
                let sent = Command::new("kill").args([signal, &turning.id().to_string()]).status();
                assert!(sent.expect("there is a kill").success());
            }
        }
    }
    assert!(turning.wait().expect("it is our child").success());
}
