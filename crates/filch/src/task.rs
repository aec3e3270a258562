//! Tasks: spawn, join, cancel, list.
//!
//! A task is a future that the runtime polls on whichever worker is free. Dropping its [`JoinHandle`] detaches it.

pub use filch_core::task::{AbortHandle, Id, JoinError, JoinHandle};
pub use filch_task::*;

/// # Examples
/// ```
/// use filch::prelude::*;
/// use filch::task::CancelScope;
/// use filch::time::Instant;
///
/// filch::run(async {
///     let scope = CancelScope::after(Duration::from_millis(20));
///     let idle = scope.clone();
///     let outcome = scope.run(async move {
///         for gap in [2, 4, 3_600_000] {
///             sleep(Duration::from_millis(gap)).await;
///             println!("a message after {gap} ms");
///             idle.set_deadline(Some(Instant::now() + Duration::from_millis(20)));
///         }
///     });
///     assert!(outcome.await.is_err_and(|cancelled| cancelled.is_elapsed()));
/// });
/// ```
pub use filch_task::CancelScope;
/// # Examples
/// ```
/// use filch::prelude::*;
/// use filch::task::as_completed;
///
/// async fn nap(ms: u64) -> u64 {
///     sleep(Duration::from_millis(ms)).await;
///     ms
/// }
///
/// filch::run(async {
///     let mut naps = as_completed([40, 2, 20].map(nap));
///     while let Some(ms) = naps.next().await {
///         println!("{ms} ms, {} to come", naps.len());
///     }
/// });
/// ```
pub use filch_task::as_completed;
/// # Examples
/// ```
/// use filch::prelude::*;
/// use filch::task::local_scope;
///
/// async fn fetch(url: &str) -> usize {
///     sleep(Duration::from_millis(1)).await;
///     url.len()
/// }
///
/// filch::run(async {
///     let urls = vec!["north.example".to_owned(), "south.example".to_owned()];
///     let total = local_scope(async |s| {
///         let pages: Vec<_> = urls.iter().map(|url| s.spawn(fetch(url))).collect();
///         let mut total = 0;
///         for page in pages {
///             total += page.await;
///         }
///         total
///     });
///     assert_eq!(total.await, 26);
/// });
/// ```
pub use filch_task::local_scope;
/// # Examples
/// ```
/// use filch::task::race;
///
/// async fn ask(server: &'static str) -> &'static str {
///     server
/// }
///
/// # filch::run(async {
/// let first = race(["north", "south"].map(ask)).await;
/// println!("{first} was the first");
/// # });
/// ```
pub use filch_task::race;
/// # Examples
/// ```
/// use filch::task::scope_blocking;
///
/// let numbers = vec![1, 2, 3, 4];
/// let (low, high) = numbers.split_at(2);
///
/// let sum: i32 = scope_blocking(|s| {
///     let low = s.spawn(async { low.iter().sum::<i32>() });
///     let high = s.spawn(async { high.iter().sum::<i32>() });
///     low.join().unwrap() + high.join().unwrap()
/// });
/// assert_eq!(sum, 10);
/// ```
pub use filch_task::scope_blocking;
/// # Examples
/// ```
/// use filch::task::spawn_many;
///
/// # filch::run(async {
/// let mut sum = 0;
/// for task in spawn_many((1..=10).map(|n| async move { n * n })) {
///     sum += task.await.expect("it does not panic");
/// }
/// assert_eq!(sum, 385);
/// # });
/// ```
pub use filch_task::spawn_many;
/// # Examples
/// ```
/// use filch::task::try_local_scope;
/// use std::num::ParseIntError;
///
/// # filch::run(async {
/// let texts = vec!["1".to_owned(), "two".to_owned(), "3".to_owned()];
/// let sum = try_local_scope(async |s| {
///     let numbers: Vec<_> =
///         texts.iter().map(|text| s.try_spawn(async { text.parse::<u32>() })).collect();
///     let mut sum = 0;
///     for number in numbers {
///         sum += number.await;
///     }
///     Ok::<u32, ParseIntError>(sum)
/// });
/// assert!(sum.await.is_err());
/// # });
/// ```
pub use filch_task::try_local_scope;
/// # Examples
/// ```
/// use filch::prelude::*;
/// use filch::task::{All, FirstCompleted, Waited, spawn_many, wait};
///
/// async fn nap(ms: u64) -> u64 {
///     sleep(Duration::from_millis(ms)).await;
///     ms
/// }
///
/// filch::run(async {
///     let mut tasks = spawn_many([1, 5, 25].map(nap));
///     while !tasks.is_empty() {
///         let Waited { done, pending } = wait(tasks, FirstCompleted, None).await;
///         for task in done {
///             println!("{} ms", task.await.expect("it does not panic"));
///         }
///         tasks = pending;
///     }
///
///     let tasks = spawn_many([1, 3_600_000].map(nap));
///     let Waited { done, pending } = wait(tasks, All, Duration::from_millis(50)).await;
///     assert_eq!((done.len(), pending.len()), (1, 1));
/// });
/// ```
pub use filch_task::wait;

/// # Examples
/// ```
/// use filch::prelude::*;
///
/// filch::run(async {
///     let scope = TaskGroup::scope(async |tg| {
///         for _ in 0..3 {
///             tg.spawn(async {
///                 filch::task::cancelled().await; // Heard at once,
///                 sleep(Duration::from_millis(1)).await; // with time to put things in order.
///             });
///         }
///         tg.cancel().reason("closing time").grace(Duration::from_secs(1)).await;
///         assert!(tg.is_empty());
///         Ok(())
///     });
///     scope.await.expect("to be canceled is no failure");
/// });
/// ```
pub use filch_task::CancelGroup;
/// # Examples
/// ```
/// use filch::prelude::*;
///
/// filch::run(async {
///     let mut greeting = None;
///     let scope = TaskGroup::scope(async |tg| {
///         greeting = Some(tg.spawn(async { "hello" }));
///         let answer = tg.spawn(async { 42 });
///         Ok(answer.await) // Inside the group a child is awaited.
///     });
///     assert_eq!(scope.await.expect("nothing fails"), 42);
///     // After it, every child has ended.
///     assert_eq!(greeting.expect("it was spawned").result(), "hello");
/// });
/// ```
pub use filch_task::Child;
/// # Examples
/// ```
/// use filch::prelude::*;
///
/// async fn fetch(page: u32) -> Result<u32, std::io::Error> {
///     sleep(Duration::from_millis(5)).await;
///     Ok(page)
/// }
///
/// filch::run(async {
///     // At most four at a time, all of them within a minute.
///     let builder = TaskGroup::builder().name("crawler").limit(4).timeout(Duration::from_secs(60));
///     let scope = builder.scope(async |tg| {
///         let pages: Vec<_> = (1..=20).map(|page| tg.create_task(fetch(page))).collect();
///         let mut sum = 0;
///         for page in pages {
///             sum += page.await;
///         }
///         Ok(sum)
///     });
///     assert_eq!(scope.await.expect("no page fails"), 210);
/// });
/// ```
pub use filch_task::GroupBuilder;
/// # Examples
/// ```
/// use filch::prelude::*;
///
/// async fn parse(text: &'static str) -> Result<u16, std::num::ParseIntError> {
///     text.parse()
/// }
///
/// filch::run(async {
///     // A group that goes on after failures has several.
///     let scope = TaskGroup::builder().fail_fast(false).scope(async |tg| {
///         for text in ["80", "http", "70000"] {
///             tg.create_task(parse(text));
///         }
///         tg.build_task().name("crasher").spawn(async { panic!("it broke") });
///         Ok(())
///     });
///     let error = scope.await.unwrap_err();
///     assert_eq!(error.failures().len(), 3);
///
///     // As Python's `except*`: some are dealt with here, the rest goes on.
///     let (panics, errors) = error.split(|failure| failure.panic().is_some());
///     let panics = panics.expect("there is one");
///     assert_eq!(panics.first().and_then(|failure| failure.name()), Some("crasher"));
///     for error in errors.expect("there are two").errors() {
///         println!("{error}");
///     }
/// });
/// ```
pub use filch_task::GroupError;
/// # Examples
/// ```
/// use filch::prelude::*;
/// use filch::task::Started;
///
/// async fn serve(started: Started<u16>) -> std::io::Result<()> {
///     let listener = filch::net::TcpListener::bind("127.0.0.1:0").await?;
///     started.ready(listener.local_addr()?.port());
///     loop {
///         listener.accept().await?;
///     }
/// }
///
/// filch::run(async {
///     let scope = TaskGroup::scope(async |tg| {
///         let port = tg.start(serve).await;
///         filch::net::TcpStream::connect(("127.0.0.1", port)).await?;
///         tg.cancel().await; // The server would go on for ever.
///         Ok(port)
///     });
///     assert_ne!(scope.await.expect("it was only canceled"), 0);
/// });
/// ```
pub use filch_task::Started;
/// # Examples
/// ```
/// use filch::prelude::*;
/// use filch::task::{TaskGroup, defer_async};
///
/// async fn say_goodbye() {
///     sleep(Duration::from_millis(1)).await;
///     println!("goodbye");
/// }
///
/// filch::run(async {
///     let talk = TaskGroup::scope(async |_| {
///         let goodbye = defer_async(say_goodbye());
///         let greeting = "hello".parse::<u32>()?; // However this ends, a goodbye is said,
///         goodbye.run().await; // here if it comes so far.
///         Ok(greeting)
///     });
///     assert!(talk.await.is_err()); // The group has awaited it.
/// });
/// ```
pub use filch_task::defer_async;
/// # Examples
/// ```
/// use filch::prelude::*;
/// use filch::task::move_on_after;
///
/// filch::run(async {
///     let page = move_on_after(Duration::from_millis(5), async {
///         sleep(Duration::from_secs(3600)).await;
///         "a page"
///     });
///     println!("{}", page.await.unwrap_or("too slow"));
/// });
/// ```
pub use filch_task::move_on_after;
/// # Examples
/// ```
/// use filch::prelude::*;
/// use filch::task::shield;
///
/// async fn store(order: u32) -> u32 {
///     sleep(Duration::from_millis(10)).await;
///     println!("order {order} is stored");
///     order
/// }
///
/// filch::run(async {
///     let hasty = timeout(Duration::from_millis(1), shield(store(7)));
///     assert!(hasty.await.is_err()); // It is stored all the same: the end of `run` awaits it.
/// });
/// ```
pub use filch_task::shield;
