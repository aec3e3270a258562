//! Numbers that must not be zero, or cannot be read.

use crate::tools::{current_thread, panic_of};
use crate::watchdog::run_alone;
use filch::io::{BufReader, copy_bidirectional_with_sizes, duplex, empty};
use filch::runtime::Builder;
use filch::sync::{Semaphore, mpsc};
use filch::time::{Duration, interval};
use std::io::{Error, ErrorKind};

#[track_caller]
fn error_of(builder: &mut Builder) -> Error {
    let error = builder.build().expect_err("it must be refused");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    error
}

#[test]
fn a_runtime_without_workers_is_refused() {
    let error = error_of(Builder::new_multi_thread().worker_threads(0));
    assert_eq!(
        error.to_string(),
        "worker_threads must be at least 1, but is 0; \
         for a runtime without threads of its own use Builder::new_current_thread()"
    );
}

#[test]
fn a_zero_that_would_stop_everything_is_refused_by_its_name() {
    type Set = fn(&mut Builder) -> &mut Builder;
    let zeros: [(&str, Set); 4] = [
        ("max_blocking_threads", |builder| builder.max_blocking_threads(0)),
        ("event_interval", |builder| builder.event_interval(0)),
        ("global_queue_interval", |builder| builder.global_queue_interval(0)),
        ("coop_budget", |builder| builder.coop_budget(0)),
    ];
    for (name, set) in zeros {
        for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
            let error = error_of(set(&mut builder));
            assert_eq!(error.to_string(), format!("{name} must be at least 1, but is 0"));
        }
    }
}

#[test]
fn a_refused_builder_can_be_corrected_and_used() {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(0);
    assert!(builder.build().is_err());
    let runtime = builder.worker_threads(1).build().expect("it is right");
    assert_eq!(runtime.block_on(async { filch::spawn(async { 1 }).await }).expect("it ends"), 1);
}

#[test]
fn a_zero_keep_alive_and_a_tiny_stack_are_no_mistake() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_keep_alive(Duration::ZERO)
        .thread_stack_size(0)
        .build();
    let runtime = runtime.expect("the system rounds the stack up");
    for i in 0..10 {
        assert_eq!(runtime.block_on(async { filch::to_thread(move || i).await }), i);
    }
}

#[test]
fn a_local_runtime_with_workers_is_refused() {
    let error = Builder::new_multi_thread().build_local().expect_err("it must be refused");
    assert_eq!(
        error.to_string(),
        "a LocalRuntime needs the current-thread scheduler; \
         begin with Builder::new_current_thread() and set no other scheduler"
    );
}

#[test]
fn a_capacity_of_zero_says_what_to_give_instead() {
    let message = panic_of(|| mpsc::channel::<u8>(0));
    assert_eq!(
        message,
        "mpsc::channel was asked for a buffer of 0 messages: pass 1 or more, or use `rendezvous` to hand messages over one by one, `oneshot` for a single one"
    );
    let message = panic_of(|| duplex(0));
    assert_eq!(message, "no byte passes a `duplex` of 0 bytes: give it at least 1");
    let message = panic_of(|| BufReader::with_capacity(0, empty()));
    assert_eq!(message, "a `BufReader` of capacity 0 can hold nothing: give it at least 1 byte");
    let message = panic_of(|| {
        let (mut a, mut b) = (duplex(1).0, duplex(1).0);
        drop(copy_bidirectional_with_sizes(&mut a, &mut b, 0, 1));
    });
    assert!(message.contains("cannot copy through a buffer of 0 bytes"), "{message}");
}

#[test]
fn an_interval_of_zero_says_what_to_use_instead() {
    let runtime = current_thread();
    let message = panic_of(|| runtime.block_on(async { interval(Duration::ZERO) }));
    assert!(message.starts_with("an interval of zero never waits, at "), "{message}");
    assert!(message.contains(file!()), "{message}");
    assert!(message.ends_with("give it a period, or call `yield_now` in a loop"), "{message}");
}

#[test]
fn a_semaphore_may_be_empty_but_not_overfull() {
    assert!(Semaphore::new(0).try_acquire().is_err());
    assert!(panic_of(|| Semaphore::new(usize::MAX)).contains("Semaphore::MAX_PERMITS"));
}

#[test]
fn an_environment_that_cannot_be_read_is_told_by_its_variable() {
    for (name, value) in [("FILCH_WORKERS", "many"), ("FILCH_WORKERS", ""), ("FILCH_BUDGET", "-1")]
    {
        let text = format!(
            "filch cannot start a runtime: the environment variable {name} must be a number, but is {value:?}"
        );
        tell_alone(&[(name, value)], &text);
    }
    tell_alone(
        &[("FILCH_WORKERS", "0")],
        "filch cannot start a runtime: worker_threads must be at least 1, but is 0",
    );
    tell_alone(
        &[("FILCH_DRIVER", "nonsense")],
        "filch cannot start a runtime: the environment variable FILCH_DRIVER: ",
    );
}

#[track_caller]
fn tell_alone(variables: &[(&str, &str)], text: &str) {
    let alone = run_alone("bad_input::zero::run_in_a_wrong_environment", variables);
    assert!(alone.stderr.contains(text), "{variables:?}: {}", alone.stderr);
}

#[test]
#[ignore = "run by the test above, with variables set"]
fn run_in_a_wrong_environment() {
    panic_of(|| filch::run(async {}));
}
