//! Many tasks at once: [`spawn_many`].

use filch_core::RuntimeRef;
use filch_core::task::{JoinHandle, Prepared, Spawn};
use std::future::Future;
use std::panic::Location;

/// Starts each future as [`spawn`](crate::spawn()) does, all of them in one step, and gives their handles in the order of
/// the input.
///
/// It goes through the runtime once and wakes at most one worker, which wakes others when there is more than it can do.
/// No future starts before the iterator has ended.
///
/// # Panics
/// - As [`spawn`](crate::spawn()).
/// - When the iterator does; the futures it gave before that are dropped.
#[track_caller]
pub fn spawn_many<I>(futures: I) -> Vec<JoinHandle<<I::Item as Future>::Output>>
where
    I: IntoIterator,
    I::Item: Future + Send + 'static,
    <I::Item as Future>::Output: Send + 'static,
{
    let (runtime, place) = (RuntimeRef::current(), Location::caller());
    let prepare = |future| Spawn::on(runtime).at(place).prepare(future);
    let (tasks, handles): (Vec<_>, Vec<_>) = futures.into_iter().map(prepare).unzip();
    Prepared::start_all(tasks);
    handles
}
