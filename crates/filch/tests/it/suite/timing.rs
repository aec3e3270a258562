//! Sleeps, timeouts, intervals. The times are long by a virtual clock and short by the real one.

use super::Cell;
use crate::tools::Witness;
use filch::runtime::Handle;
use filch::spawn;
use filch::task::{JoinSet, yield_now};
use filch::time::{
    Duration, Instant, MissedTickBehavior, interval, interval_at, sleep, sleep_until, timeout,
};
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

impl Cell {
    /// A time that is long enough to be told from its neighbors.
    fn units(self, n: u32) -> Duration {
        n * if self.is_virtual() { Duration::from_secs(600) } else { Duration::from_millis(4) }
    }

    /// Checks that the time since `begin` is `expected`, or more where time cannot be stopped.
    #[track_caller]
    fn check_elapsed(self, begin: Instant, expected: Duration) {
        let elapsed = begin.elapsed();
        assert!(elapsed >= expected, "{elapsed:?} are less than {expected:?}");
        assert!(
            !self.is_virtual() || elapsed == expected,
            "{elapsed:?} are more than {expected:?}"
        );
    }
}

pub(super) fn sleepers_wake_in_the_order_of_their_deadlines(cell: Cell) {
    cell.run(async {
        let begin = Instant::now();
        let woken = Arc::new(Mutex::new(Vec::new()));
        let n_late = Arc::new(AtomicUsize::new(0));
        let mut sleepers = JoinSet::new();
        for n in [5, 2, 7, 1, 3, 6, 4] {
            let (woken, n_late) = (woken.clone(), n_late.clone());
            sleepers.spawn(async move {
                if begin.elapsed() >= cell.units(1) {
                    n_late.fetch_add(1, SeqCst);
                }
                sleep_until(begin + cell.units(n)).await;
                cell.check_elapsed(begin, cell.units(n));
                woken.lock().expect("nobody panics").push(n);
            });
        }
        sleepers.join_all().await;
        let mut woken = std::mem::take(&mut *woken.lock().expect("nobody panics"));
        // Two workers may take two late sleepers in either order, and a busy machine may be late for the first deadline.
        if !cell.is_virtual() && (!cell.is_ordered() || n_late.load(SeqCst) != 0) {
            woken.sort_unstable();
        }
        assert_eq!(woken, [1, 2, 3, 4, 5, 6, 7]);
    });
}

pub(super) fn a_sleep_is_never_early(cell: Cell) {
    let mut random = cell.random();
    cell.run(async {
        for _ in 0..30 {
            let duration = Duration::from_nanos(random.below(2_000_000));
            let begin = Instant::now();
            sleep(duration).await;
            cell.check_elapsed(begin, duration);
        }
    });
}

pub(super) fn a_sleep_of_no_time_ends(cell: Cell) {
    cell.run(async {
        let begin = Instant::now();
        sleep(Duration::ZERO).await;
        sleep_until(begin).await;
        sleep_until(begin - Duration::from_secs(1)).await;
        cell.check_elapsed(begin, Duration::ZERO);
    });
}

pub(super) fn a_timeout_gives_up_and_drops_its_future(cell: Cell) {
    cell.run(async {
        let begin = Instant::now();
        let witness = Witness::default();
        let held = witness.clone();
        let never = async move {
            let _held = held;
            pending::<()>().await;
        };
        timeout(cell.units(2), never).await.expect_err("it never ends");
        cell.check_elapsed(begin, cell.units(2));
        assert_eq!(witness.n_alive(), 0);
    });
}

pub(super) fn a_future_that_is_done_in_time_passes_its_timeout(cell: Cell) {
    cell.run(async {
        let begin = Instant::now();
        let nap = async {
            sleep(cell.units(1)).await;
            3
        };
        assert_eq!(timeout(Duration::from_secs(7200), nap).await, Ok(3));
        cell.check_elapsed(begin, cell.units(1));
    });
}

pub(super) fn an_interval_keeps_its_pace(cell: Cell) {
    cell.run(async {
        let begin = Instant::now();
        let mut ticks = interval(cell.units(1));
        for n in 0..5 {
            let tick = ticks.tick().await;
            assert!(
                tick >= begin + cell.units(n),
                "the first tick comes at once, the others in time"
            );
            cell.check_elapsed(begin, cell.units(n));
        }
    });
}

/// Lets two ticks pass and part of a third; gives the ticks after that, in units since the first, and when they came.
async fn missed_ticks(cell: Cell, behavior: MissedTickBehavior) -> Vec<(Duration, Duration)> {
    let begin = Instant::now();
    let mut ticks = interval_at(begin, cell.units(4));
    ticks.set_missed_tick_behavior(behavior);
    assert_eq!(ticks.tick().await, begin);
    sleep(cell.units(13)).await;
    let mut came = Vec::new();
    for _ in 0..5 {
        let tick = ticks.tick().await;
        came.push((tick - begin, begin.elapsed()));
    }
    came
}

pub(super) fn missed_ticks_burst(cell: Cell) {
    cell.run(async {
        let came = missed_ticks(cell, MissedTickBehavior::Burst).await;
        let ticks: Vec<_> = came.iter().map(|(tick, _)| *tick).collect();
        assert_eq!(ticks, [4, 8, 12, 16, 20].map(|n| cell.units(n)));
        if cell.is_virtual() {
            let when: Vec<_> = came.iter().map(|(_, when)| *when).collect();
            assert_eq!(when, [13, 13, 13, 16, 20].map(|n| cell.units(n)));
        }
    });
}

pub(super) fn missed_ticks_delay(cell: Cell) {
    cell.run(async {
        let came = missed_ticks(cell, MissedTickBehavior::Delay).await;
        if cell.is_virtual() {
            let when: Vec<_> = came.iter().map(|(_, when)| *when).collect();
            assert_eq!(when, [13, 17, 21, 25, 29].map(|n| cell.units(n)));
        }
        for pair in came.windows(2) {
            assert!(pair[1].0 - pair[0].0 >= cell.units(4), "{came:?}");
        }
    });
}

pub(super) fn missed_ticks_skip(cell: Cell) {
    cell.run(async {
        let came = missed_ticks(cell, MissedTickBehavior::Skip).await;
        for (tick, when) in &came {
            assert_eq!(tick.as_nanos() % cell.units(4).as_nanos(), 0, "{came:?}");
            assert!(when >= tick);
        }
        if cell.is_virtual() {
            let when: Vec<_> = came.iter().map(|(_, when)| *when).collect();
            assert_eq!(when, [13, 16, 20, 24, 28].map(|n| cell.units(n)));
        }
    });
}

pub(super) fn a_sleep_reset_to_later_waits_longer(cell: Cell) {
    cell.run(async {
        let begin = Instant::now();
        let mut nap = pin!(sleep(cell.units(20)));
        if futures_lite::future::poll_once(&mut nap).await.is_some() {
            return cell.check_elapsed(begin, cell.units(20)); // The machine is very busy.
        }
        nap.as_mut().reset(begin + cell.units(30));
        assert_eq!(nap.deadline(), begin + cell.units(30));
        nap.await;
        cell.check_elapsed(begin, cell.units(30));
    });
}

pub(super) fn a_sleep_reset_to_earlier_wakes_its_task(cell: Cell) {
    cell.run(async {
        let begin = Instant::now();
        let nap = Arc::new(Mutex::new(Box::pin(sleep(Duration::from_secs(36_000)))));
        let sleeper = spawn({
            let nap = nap.clone();
            async move { poll_fn(|cx| nap.lock().expect("nobody panics").as_mut().poll(cx)).await }
        });
        for n_yields in 1..10 {
            yield_now().await;
            let deadline = begin + cell.units(20 - n_yields);
            nap.lock().expect("nobody panics").as_mut().reset(deadline);
        }
        sleeper.await.expect("it does not panic");
        cell.check_elapsed(begin, cell.units(11));
    });
}

pub(super) fn an_endless_sleep_never_ends(cell: Cell) {
    cell.run(async {
        let begin = Instant::now();
        timeout(cell.units(2), sleep(Duration::MAX)).await.expect_err("it never ends");
        cell.check_elapsed(begin, cell.units(2));
        let task = spawn(sleep(Duration::MAX));
        assert_eq!(timeout(Duration::MAX, async { 1 }).await, Ok(1));
        sleep(cell.units(1)).await;
        assert!(!task.is_finished());
        task.abort();
    });
}

pub(super) fn two_thousand_sleeps_end(cell: Cell) {
    let mut random = cell.random();
    cell.run(async {
        let mut sleepers = JoinSet::new();
        for _ in 0..2_000 {
            let duration = Duration::from_micros(random.below(20_000));
            sleepers.spawn(async move {
                let begin = Instant::now();
                sleep(duration).await;
                assert!(begin.elapsed() >= duration);
            });
        }
        assert_eq!(sleepers.join_all().await.len(), 2_000);
    });
}

pub(super) fn a_dropped_sleep_wakes_nobody(cell: Cell) {
    cell.run(async {
        let begin = Instant::now();
        let nap = |n| Box::pin(sleep(cell.units(n)));
        let (mut one, mut two, mut three) = (Some(nap(20)), Some(nap(21)), nap(22));
        let mut n_polls = 0;
        let mut were_pending = true;
        poll_fn(|cx| {
            n_polls += 1;
            for mut dropped in [one.take(), two.take()].into_iter().flatten() {
                were_pending &= dropped.as_mut().poll(cx).is_pending();
            }
            three.as_mut().poll(cx)
        })
        .await;
        // On a very busy machine one of them may be done at its first poll.
        assert!(n_polls == 2 || !were_pending && !cell.is_virtual(), "what was dropped woke us");
        cell.check_elapsed(begin, cell.units(22));
    });
}

pub(super) fn tasks_that_move_between_workers_keep_their_timers(cell: Cell) {
    let mut random = cell.random();
    cell.run(async {
        let mut travelers = JoinSet::new();
        for _ in 0..16 {
            let naps: Vec<_> =
                (0..20).map(|_| Duration::from_micros(random.below(1_500))).collect();
            travelers.spawn(async move {
                for nap in naps {
                    let begin = Instant::now();
                    let mut sleep = pin!(sleep(nap));
                    // Armed here, awaited wherever the yields lead.
                    let is_done = futures_lite::future::poll_once(&mut sleep).await.is_some();
                    yield_now().await;
                    spin(Duration::from_micros(20));
                    yield_now().await;
                    if !is_done {
                        sleep.await;
                    }
                    assert!(begin.elapsed() >= nap);
                }
            });
        }
        travelers.join_all().await;
    });
}

/// Keeps the worker, so that others steal from it.
fn spin(duration: Duration) {
    let begin = std::time::Instant::now();
    while begin.elapsed() < duration {
        std::hint::spin_loop();
    }
}

pub(super) fn a_sleep_may_be_awaited_by_another_task(cell: Cell) {
    cell.run(async {
        let begin = Instant::now();
        let mut nap = Box::pin(sleep(cell.units(10)));
        for _ in 0..5 {
            let here = spawn(async move {
                let is_done = futures_lite::future::poll_once(&mut nap).await.is_some();
                (nap, is_done)
            });
            let (back, is_done) = here.await.expect("it does not panic");
            if is_done {
                return cell.check_elapsed(begin, cell.units(10)); // On a busy machine this may take long.
            }
            nap = back;
        }
        spawn(nap).await.expect("it does not panic");
        cell.check_elapsed(begin, cell.units(10));
    });
}

pub(super) fn the_future_of_block_on_sleeps(cell: Cell) {
    cell.with(|runtime| {
        for n in 1..=3 {
            runtime.block_on(async {
                let begin = Instant::now();
                sleep(cell.units(n)).await;
                cell.check_elapsed(begin, cell.units(n));
            });
        }
    });
}

pub(super) fn a_thread_for_blocking_calls_sleeps_in_block_on(cell: Cell) {
    // While a call runs, a virtual clock stands still: that sleep would never end.
    if cell.is_virtual() {
        return;
    }
    cell.run(async {
        let call = filch::to_thread(move || {
            let begin = Instant::now();
            Handle::current().block_on(sleep(cell.units(2)));
            cell.check_elapsed(begin, cell.units(2));
        });
        call.await;
    });
}
