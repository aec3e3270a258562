//! What `#[filch::test]` does about tasks that panic unobserved or outlive the test.

use crate::tools::{Hand, OnDrop};
use crate::watchdog::Watchdog;
use filch::runtime::Pool;
use filch::spawn;
use filch::sync::{Event, oneshot};
use filch::task::{self, yield_now};
use filch::time::sleep;
use std::env;
use std::future::pending;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const VARIABLE: &str = "FILCH_TEST_LEAKS";

/// What a test of this binary did in a process of its own.
struct Verdict {
    passed: bool,
    /// What it wrote, to stdout and stderr.
    text: String,
}

/// Runs the ignored test `name` of this file, with `FILCH_TEST_LEAKS` set or not.
#[track_caller]
fn judge(name: &str, leaks: Option<&str>) -> Verdict {
    let _watchdog = Watchdog::new();
    let mut command = Command::new(env::current_exe().expect("a test has a path"));
    let name = format!("macros::watched::{name}");
    command.args(["--ignored", "--exact", &name, "--nocapture", "--test-threads=1"]);
    command.env_remove("RUST_BACKTRACE").env_remove(VARIABLE);
    command.envs(leaks.map(|leaks| (VARIABLE, leaks)));
    let output = command.output().expect("the system has processes");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("running 1 test"), "{name} does not exist\n{stdout}");
    let text = format!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
    Verdict { passed: output.status.success(), text }
}

#[track_caller]
fn expect_pass(name: &str, leaks: Option<&str>, silent: bool) {
    let Verdict { passed, text } = judge(name, leaks);
    assert!(passed, "{text}");
    assert_eq!(text.contains("outlived"), !silent, "{text}");
}

#[track_caller]
fn expect_failure(name: &str, leaks: Option<&str>, sentences: &[&str]) {
    let Verdict { passed, text } = judge(name, leaks);
    assert!(!passed, "{text}");
    for sentence in sentences {
        assert!(text.contains(sentence), "{sentence} is not in\n{text}");
    }
}

#[test]
fn tasks_that_outlive_a_test_are_listed_on_stderr() {
    let Verdict { passed, text } = judge("leaves_two_tasks", None);
    assert!(passed, "{text}");
    let head = "filch: test macros::watched::leaves_two_tasks: 2 tasks outlived the test: await or abort them";
    assert!(text.contains(head), "{text}");
    assert!(text.contains(" \"ticker\" (crates/filch/tests/it/macros/watched.rs:"), "{text}");
    assert_eq!(text.matches("watched.rs:").count(), 2, "{text}");
}

#[test]
fn the_environment_says_what_becomes_of_leaks_and_the_attribute_has_the_last_word() {
    expect_failure("leaves_two_tasks", Some("fail"), &["2 tasks outlived the test"]);
    expect_pass("leaves_two_tasks", Some("warn"), false);
    expect_pass("leaves_two_tasks", Some("allow"), true);
    expect_pass("leaves_a_task_and_may", Some("fail"), true);
    expect_pass("leaves_a_task_and_warns", Some("fail"), false);
    expect_failure("leaves_a_task_and_must_not", Some("allow"), &["1 task outlived the test"]);
    let sentence = "the environment variable FILCH_TEST_LEAKS must be \"fail\", \"warn\" or \"allow\", but is \"no\"";
    expect_failure("leaves_two_tasks", Some("no"), &[sentence]);
}

#[test]
fn each_flavor_notices_leaks() {
    for name in ["leaves_a_task_to_workers", "leaves_a_local_task", "leaves_a_sleep_of_an_hour"] {
        expect_failure(name, None, &["1 task outlived the test", "\"forgotten\" (crates/"]);
    }
}

#[test]
fn a_task_that_never_stops_running_is_listed_too() {
    for name in ["leaves_a_restless_task", "leaves_a_restless_task_to_workers"] {
        expect_failure(name, None, &["1 task outlived the test", "\"forgotten\" (crates/"]);
    }
}

#[test]
fn a_panic_that_nobody_observed_fails_the_test() {
    let flavors =
        ["panics_unobserved", "panics_unobserved_on_a_worker", "panics_unobserved_locally"];
    for name in flavors {
        let sentences =
            ["1 task panicked and nobody looked", "\"careless\" (crates/", "message \"no disk\""];
        expect_failure(name, Some("allow"), &sentences);
    }
    expect_failure("panics_unobserved_on_a_thread", None, &["2 tasks panicked and nobody looked"]);
    expect_failure("panics_very_often", None, &["20 tasks panicked", "\n  and 4 more"]);
}

#[test]
fn a_panic_comes_to_light_when_the_one_who_would_look_is_dropped() {
    expect_failure("leaves_the_observer", None, &["1 task panicked", "\"careless\" (crates/"]);
}

#[test]
fn what_the_body_says_is_not_lost() {
    expect_failure("panics_unobserved_and_fails", None, &["1 task panicked", "Error: \"mine\""]);
    let Verdict { passed, text } = judge("panics_itself", None);
    assert!(!passed && text.contains("my own panic") && !text.contains("outlived"), "{text}");
}

/// A task with a name, that is never awaited.
fn forget(future: impl Future<Output = ()> + Send + 'static) {
    drop(task::Builder::new().name("forgotten").spawn(future).expect("the runtime lives"));
}

#[filch::test]
#[ignore = "run by a test in a process of its own"]
async fn leaves_two_tasks() {
    drop(task::Builder::new().name("ticker").spawn(pending::<()>()).expect("the runtime lives"));
    drop(spawn(sleep(HOUR)));
}

#[filch::test(leaks = "allow")]
#[ignore = "run by a test in a process of its own"]
async fn leaves_a_task_and_may() {
    forget(pending());
}

#[filch::test(leaks = "warn")]
#[ignore = "run by a test in a process of its own"]
async fn leaves_a_task_and_warns() {
    forget(pending());
}

#[filch::test(leaks = "fail")]
#[ignore = "run by a test in a process of its own"]
async fn leaves_a_task_and_must_not() {
    forget(pending());
}

#[filch::test(flavor = "multi_thread", workers = 2, leaks = "fail")]
#[ignore = "run by a test in a process of its own"]
async fn leaves_a_task_to_workers() {
    forget(pending());
}

#[filch::test(flavor = "local", leaks = "fail")]
#[ignore = "run by a test in a process of its own"]
async fn leaves_a_local_task() {
    let task = task::Builder::new().name("forgotten").spawn_local(pending::<()>());
    drop(task.expect("the runtime lives"));
}

#[filch::test(leaks = "fail", start_paused = true)]
#[ignore = "run by a test in a process of its own"]
async fn leaves_a_sleep_of_an_hour() {
    forget(async {
        sleep(HOUR).await;
        panic!("time jumped");
    });
}

#[filch::test(leaks = "fail")]
#[ignore = "run by a test in a process of its own"]
async fn leaves_a_restless_task() {
    forget(async {
        loop {
            yield_now().await;
        }
    });
}

#[filch::test(flavor = "multi_thread", workers = 2, leaks = "fail")]
#[ignore = "run by a test in a process of its own"]
async fn leaves_a_restless_task_to_workers() {
    forget(async {
        loop {
            yield_now().await;
        }
    });
}

/// A task with a name, that panics and is never awaited.
fn panic_carelessly() -> task::JoinHandle<()> {
    let task = async { panic!("no disk") };
    task::Builder::new().name("careless").spawn(task).expect("the runtime lives")
}

#[filch::test]
#[ignore = "run by a test in a process of its own"]
async fn panics_unobserved() {
    drop(panic_carelessly());
}

#[filch::test(flavor = "multi_thread", workers = 2)]
#[ignore = "run by a test in a process of its own"]
async fn panics_unobserved_on_a_worker() {
    drop(panic_carelessly());
}

#[filch::test(flavor = "local")]
#[ignore = "run by a test in a process of its own"]
async fn panics_unobserved_locally() {
    let task = async { panic!("no disk") };
    drop(task::Builder::new().name("careless").spawn_local(task).expect("the runtime lives"));
}

#[filch::test]
#[ignore = "run by a test in a process of its own"]
async fn panics_unobserved_on_a_thread() {
    let (begin, begun) = oneshot::channel();
    drop(task::spawn_blocking(move || {
        begin.send(()).expect("the test waits for it");
        panic!("no disk")
    }));
    begun.await.expect("it is sent");
    let pool = Pool::new("disk", 1);
    drop(pool.spawn(|| panic!("no disk")));
    pool.run(|| ()).await; // It comes after the other.
}

#[filch::test]
#[ignore = "run by a test in a process of its own"]
async fn panics_very_often() {
    (0..20).for_each(|_| drop(panic_carelessly()));
}

#[filch::test(leaks = "allow")]
#[ignore = "run by a test in a process of its own"]
async fn leaves_the_observer() {
    let careless = panic_carelessly();
    let observer = spawn(async move {
        pending::<()>().await;
        careless.await
    });
    drop(observer);
}

#[filch::test]
#[ignore = "run by a test in a process of its own"]
async fn panics_unobserved_and_fails() -> Result<(), &'static str> {
    drop(panic_carelessly());
    Err("mine")
}

#[filch::test(leaks = "fail")]
#[ignore = "run by a test in a process of its own"]
async fn panics_itself() {
    forget(pending());
    panic!("my own panic");
}

#[filch::test(leaks = "fail")]
async fn a_panic_that_was_observed_is_none_of_the_tests_business() {
    assert!(panic_carelessly().await.expect_err("it panics").is_panic());
}

/// Tasks that end one after the other, once the test's body has ended: each waits for the one before.
fn a_chain_of_tasks() -> oneshot::Sender<()> {
    let (first, mut before) = oneshot::channel::<()>();
    for _ in 0..50 {
        let (next, after) = oneshot::channel();
        let link = std::mem::replace(&mut before, after);
        spawn(async move {
            yield_now().await;
            let _ = link.await;
            drop(next);
        });
    }
    first
}

#[filch::test(leaks = "fail")]
async fn tasks_that_end_with_the_test_are_no_leaks() {
    let _ends_with_the_body = a_chain_of_tasks();
}

#[filch::test(flavor = "multi_thread", workers = 2, leaks = "fail")]
async fn tasks_on_workers_that_end_with_the_test_are_no_leaks() {
    let _ends_with_the_body = a_chain_of_tasks();
}

#[filch::test(flavor = "local", start_paused = true, leaks = "fail")]
async fn local_tasks_that_end_with_a_paused_test_are_no_leaks() {
    let event = Arc::new(Event::new());
    for _ in 0..10 {
        let event = event.clone();
        task::spawn_local(async move { event.wait().await });
    }
    let _ends_with_the_body = OnDrop(move || event.set());
}

#[filch::test(leaks = "fail")]
async fn deferred_and_shielded_work_is_no_leak() {
    let _ends_with_the_body = task::defer_async(async {
        spawn(sleep(Duration::from_millis(1))).await.expect("it does not panic");
    });
    let mut shielded = Box::pin(task::shield(sleep(Duration::from_millis(1))));
    assert!(Hand::default().poll(&mut shielded).is_pending(), "it has begun");
}
