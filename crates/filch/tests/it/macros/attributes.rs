//! `#[filch::main]` and `#[filch::test]`.

use std::error::Error;
use std::num::ParseIntError;
use std::time::Duration;

#[filch::test]
async fn a_test_may_await() {
    assert_eq!(filch::spawn(async { 1 }).await.expect("the task does not panic"), 1);
}

#[filch::test]
async fn a_test_may_return_a_result() -> Result<(), Box<dyn Error>> {
    let number: u32 = "3".parse()?;
    if number == 0 {
        return Err("zero".into());
    }
    assert_eq!(filch::spawn(async move { number }).await?, 3);
    Ok(())
}

#[filch::test]
async fn a_body_that_ends_in_a_question_mark_needs_no_annotation() -> Result<(), Box<dyn Error>> {
    async fn check(text: &str) -> Result<(), ParseIntError> {
        text.parse::<u32>().map(drop)
    }
    check("3").await?;
    Ok(check("4").await?)
}

/// Documentation stays where it is.
#[filch::test]
#[should_panic(expected = "the expected panic")]
async fn other_attributes_are_kept() {
    panic!("the expected panic");
}

#[filch::test]
#[ignore = "never runs: were the attribute lost, it would fail"]
async fn an_ignored_test_is_not_run() {
    panic!("this test is ignored");
}

#[filch::test(flavor = "multi_thread", workers = 2)]
async fn a_test_may_choose_its_workers() {
    let (first, second) = filch::join!(filch::spawn(async { 1 }), filch::spawn(async { 2 }));
    assert_eq!(first.expect("no panic") + second.expect("no panic"), 3);
}

#[filch::test(flavor = "multi_thread", worker_threads = 1)]
async fn tokios_name_for_the_workers_is_accepted() {
    filch::spawn(async {}).await.expect("the task does not panic");
}

#[filch::test(start_paused = true)]
async fn a_paused_clock_passes_hours_at_once() {
    let began = std::time::Instant::now();
    filch::time::sleep(Duration::from_secs(7200)).await;
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[filch::test(crate = "filch")]
async fn the_path_of_the_facade_may_be_a_string() {}

#[filch::test(crate = ::filch,)]
async fn the_path_of_the_facade_may_be_a_path() {}

#[filch::test]
async fn inner_attributes_are_allowed() {
    #![allow(unused_variables, reason = "it is what this test tries")]
    let unused = 1;
}

#[filch::main(flavor = "current_thread")]
async fn add(mut left: u32, right: u32) -> u32 {
    left += filch::spawn(async move { right }).await.expect("the task does not panic");
    left
}

#[test]
fn a_function_other_than_main_may_take_arguments() {
    assert_eq!(add(1, 2), 3);
}

#[filch::main(flavor = "current_thread")]
async fn longest<'a, T, F: Fn(&T) -> usize>(items: &'a [T], length: F) -> Option<&'a T>
where
    T: Sync,
{
    items.iter().max_by_key(|item| length(item))
}

#[test]
fn generics_bounds_and_borrows_are_kept() {
    assert_eq!(longest(&["a", "ccc", "bb"], |text| text.len()), Some(&"ccc"));
}

struct Counter(u32);

impl Counter {
    #[filch::main(flavor = "current_thread")]
    async fn count(&mut self) -> Result<u32, Box<dyn Error>> {
        self.0 += 1;
        Ok(self.0)
    }

    #[filch::main(flavor = "current_thread")]
    pub(crate) async fn all(&self) -> impl Iterator<Item = u32> + use<> {
        0..self.0
    }
}

#[test]
fn a_method_may_be_an_entry_point() {
    let mut counter = Counter(1);
    assert_eq!(counter.count().expect("it never fails"), 2);
    assert_eq!(counter.all().collect::<Vec<_>>(), [0, 1]);
}

#[filch::main(flavor = "current_thread")]
async fn boxed(fail: bool) -> Result<Box<dyn Fn() -> u32>, Box<dyn Error + Send + Sync>> {
    if fail {
        Err("wanted")?;
    }
    Ok(Box::new(|| 4))
}

#[test]
fn the_body_coerces_to_the_declared_type() {
    assert_eq!(boxed(false).expect("it does not fail")(), 4);
    assert!(boxed(true).is_err());
}

macro_rules! test_with_workers {
    ($name:ident, $workers:expr) => {
        #[filch::test(flavor = "multi_thread", workers = $workers)]
        async fn $name() {
            filch::spawn(async {}).await.expect("the task does not panic");
        }
    };
}

test_with_workers!(an_argument_may_come_from_a_macro, 2);
