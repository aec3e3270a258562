//! Sleeps, timeouts and intervals, polled by hand under a clock that stands still.

use crate::rig::{Hand, Rig, panic_of};
use filch_core::coop::{self, Budget};
use filch_core::seam::{Clock, Timers};
use filch_timer::error::Elapsed;
use filch_timer::{
    Instant, Interval, MissedTickBehavior, Sleep, Timeout, advance, interval, interval_at, pause,
    resume, sleep, sleep_until, timeout, timeout_at,
};
use std::future::{Future, pending, poll_fn, ready};
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

const NANO: Duration = Duration::from_nanos(1);

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn a_sleep_ends_at_its_deadline_and_not_a_nanosecond_before() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let mut sleep = rig.run(|| sleep(ms(10)));
    assert!(hand.poll(&mut sleep).is_pending());
    rig.advance(ms(10) - NANO);
    assert!(hand.poll(&mut sleep).is_pending() && !sleep.is_elapsed());
    rig.advance(NANO);
    assert_eq!(hand.wakes(), 1);
    assert!(sleep.is_elapsed());
    assert!(hand.poll(&mut sleep).is_ready());
    assert!(hand.poll(&mut sleep).is_ready(), "and stays ready");
}

#[test]
fn a_deadline_that_has_passed_is_ready_at_the_first_poll() {
    let (rig, hand) = (Rig::new(), Hand::default());
    rig.advance(ms(50));
    let (mut zero, mut past, mut waited) =
        rig.run(|| (sleep(Duration::ZERO), sleep_until(Instant::now() - ms(20)), sleep(ms(5))));
    assert!(hand.poll(&mut zero).is_ready());
    assert!(hand.poll(&mut past).is_ready());
    rig.advance(ms(5));
    assert!(hand.poll(&mut waited).is_ready());
    assert_eq!(rig.timers.n_filed(), 0);
}

#[test]
fn a_sleep_without_end_neither_panics_nor_ends() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let mut never = rig.run(|| sleep(Duration::MAX));
    let mut not_in_time = rig.run(|| timeout(Duration::MAX, pending::<()>()));
    assert!(hand.poll(&mut never).is_pending());
    assert!(hand.poll(&mut not_in_time).is_pending());
    rig.advance(Duration::from_secs(200 * 365 * 86_400));
    assert!(hand.poll(&mut never).is_pending());
    assert!(hand.poll(&mut not_in_time).is_pending());
    assert_eq!(hand.wakes(), 0);
}

#[test]
fn a_sleep_nobody_polls_never_reaches_the_wheel() {
    let rig = Rig::new();
    let sleep = rig.run(|| sleep(ms(1)));
    drop(sleep);
    assert_eq!(rig.timers.n_filed(), 0);
}

#[test]
fn a_dropped_sleep_wakes_nobody() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let mut sleep = rig.run(|| sleep(ms(10)));
    assert!(hand.poll(&mut sleep).is_pending());
    drop(sleep);
    rig.advance(ms(10));
    assert_eq!((hand.wakes(), rig.timers.n_filed()), (0, 0));
}

#[test]
fn a_sleep_reset_to_later_ends_then_without_another_poll() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let mut sleep = pin!(rig.run(|| sleep(ms(10))));
    let start = sleep.deadline() - ms(10);
    assert!(hand.poll(&mut sleep).is_pending());
    sleep.as_mut().reset(start + ms(30));
    assert_eq!(rig.timers.n_filed(), 1, "moved in place");
    rig.advance(ms(10));
    assert_eq!((hand.wakes(), sleep.deadline()), (0, start + ms(30)));
    rig.advance(ms(20));
    assert_eq!(hand.wakes(), 1);
    assert!(hand.poll(&mut sleep).is_ready());
}

#[test]
fn a_sleep_reset_to_earlier_wakes_whoever_waits() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let mut sleep = pin!(rig.run(|| sleep(ms(30))));
    assert!(hand.poll(&mut sleep).is_pending());
    let earlier = sleep.deadline() - ms(20);
    sleep.as_mut().reset(earlier);
    assert_eq!(hand.wakes(), 1, "to arm the earlier deadline");
    assert!(hand.poll(&mut sleep).is_pending());
    rig.advance(ms(10));
    assert_eq!(hand.wakes(), 1);
    assert!(hand.poll(&mut sleep).is_ready());
    rig.advance(ms(20));
    assert_eq!((hand.wakes(), rig.timers.n_filed()), (0, 0));
}

#[test]
fn a_sleep_that_is_over_can_be_reset() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let mut sleep = pin!(rig.run(|| sleep(ms(1))));
    assert!(hand.poll(&mut sleep).is_pending());
    for _ in 0..3 {
        rig.advance(ms(1));
        assert!(hand.poll(&mut sleep).is_ready());
        let next = sleep.deadline() + ms(1);
        sleep.as_mut().reset(next);
        assert!(!sleep.is_elapsed());
        assert!(hand.poll(&mut sleep).is_pending());
    }
}

#[test]
fn a_sleep_goes_with_its_poller_to_another_task() {
    let (rig, first, second) = (Rig::new(), Hand::default(), Hand::default());
    let mut sleep = rig.run(|| sleep(ms(1)));
    assert!(first.poll(&mut sleep).is_pending());
    assert!(second.poll(&mut sleep).is_pending());
    rig.advance(ms(1));
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
}

#[test]
fn a_sleep_whose_runtime_ended_panics_instead_of_hanging() {
    let (mut rig, hand) = (Rig::new(), Hand::default());
    let (mut armed, mut fresh) = rig.run(|| (sleep(ms(10)), sleep(ms(10))));
    assert!(hand.poll(&mut armed).is_pending());
    rig.end();
    assert_eq!(hand.wakes(), 1, "the end wakes whoever waits");
    for sleep in [&mut armed, &mut fresh] {
        assert!(
            panic_of(|| hand.poll(sleep)).contains("after the runtime it was made in had ended")
        );
    }
    let later = armed.deadline() + ms(1);
    Pin::new(&mut armed).reset(later);
    assert!(panic_of(|| hand.poll(&mut armed)).contains("had ended"), "also after a reset");
}

#[test]
fn a_sleep_that_was_over_does_not_stay_over_when_it_is_reset_after_the_end() {
    let (mut rig, hand) = (Rig::new(), Hand::default());
    let mut sleep = rig.run(|| sleep(ms(1)));
    assert!(hand.poll(&mut sleep).is_pending());
    rig.advance(ms(1));
    rig.end();
    assert!(hand.poll(&mut sleep).is_ready());
    let later = sleep.deadline() + Duration::from_secs(3600);
    Pin::new(&mut sleep).reset(later);
    assert!(panic_of(|| hand.poll(&mut sleep)).contains("had ended"));
}

#[test]
fn a_sleep_spends_budget_only_when_it_is_over() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let mut waiting = rig.run(|| sleep(ms(10)));
    coop::with_budget(Budget::new(2), || {
        assert!(hand.poll(&mut waiting).is_pending());
        assert!(hand.poll(&mut rig.run(|| sleep(Duration::ZERO))).is_ready());
        assert!(hand.poll(&mut rig.run(|| sleep(Duration::ZERO))).is_ready());
        assert_eq!(hand.wakes(), 0);
        assert!(
            hand.poll(&mut rig.run(|| sleep(Duration::ZERO))).is_pending(),
            "the budget is spent"
        );
        assert_eq!(hand.wakes(), 1, "so the task comes back by itself");
    });
}

#[test]
fn a_future_that_is_done_at_its_deadline_is_in_time() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let mut in_time = rig.run(|| timeout(Duration::ZERO, ready(7)));
    assert_eq!(hand.poll(&mut in_time), Poll::Ready(Ok(7)));
    let mut late = rig.run(|| timeout_at(Instant::now(), pending::<()>()));
    assert!(matches!(hand.poll(&mut late), Poll::Ready(Err(Elapsed { .. }))));
}

#[test]
fn a_timeout_ends_its_future_at_the_deadline() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let mut late = rig.run(|| timeout(ms(5), pending::<()>()));
    assert!(hand.poll(&mut late).is_pending());
    rig.advance(ms(5));
    assert_eq!(hand.wakes(), 1);
    let Poll::Ready(Err(elapsed)) = hand.poll(&mut late) else { panic!("the deadline has passed") };
    assert_eq!(elapsed.to_string(), "deadline has elapsed");
    assert_eq!(io::Error::from(elapsed).kind(), io::ErrorKind::TimedOut);
}

#[test]
fn a_future_that_eats_the_budget_does_not_outlive_its_timeout() {
    let (rig, hand) = (Rig::new(), Hand::default());
    let mut greedy = rig.run(|| {
        timeout(
            ms(5),
            poll_fn(|cx| -> Poll<()> {
                while let Poll::Ready(unit) = coop::poll_proceed(cx) {
                    unit.made_progress();
                }
                Poll::Pending
            }),
        )
    });
    coop::with_budget(Budget::new(128), || assert!(hand.poll(&mut greedy).is_pending()));
    rig.advance(ms(5));
    coop::with_budget(Budget::new(128), || assert!(hand.poll(&mut greedy).is_ready()));
}

#[test]
fn a_timeout_gives_its_future_back() {
    let rig = Rig::new();
    let mut wrapped: Timeout<_> = rig.run(|| timeout(ms(1), ready(1)));
    *wrapped.get_mut() = ready(2);
    assert_eq!(wrapped.get_ref().clone().into_inner(), 2);
    assert_eq!(wrapped.into_inner().into_inner(), 2);
}

/// Lets `interval` tick `n` times, each taken `delays` late, and says when the ticks were due and taken, in ms.
fn ticks(rig: &Rig, interval: &mut Interval, delays: &[u64]) -> Vec<(u128, u128)> {
    let hand = Hand::default();
    let start = rig.run(Instant::now) - rig.passed();
    let mut ticks = Vec::new();
    for delay in delays {
        rig.advance(ms(*delay));
        let due = loop {
            if let Poll::Ready(due) = hand.poll(&mut pin!(interval.tick())) {
                break due;
            }
            let next = rig.timers.next_deadline().expect("the interval waits");
            rig.advance(Duration::from_nanos(next).saturating_sub(rig.passed()));
        };
        ticks.push(((due - start).as_millis(), rig.passed().as_millis()));
    }
    ticks
}

#[test]
fn an_interval_ticks_at_once_and_then_every_period() {
    let rig = Rig::new();
    let mut interval = rig.run(|| interval(ms(10)));
    assert_eq!(ticks(&rig, &mut interval, &[0; 4]), [(0, 0), (10, 10), (20, 20), (30, 30)]);
    assert_eq!(interval.period(), ms(10));
}

#[test]
fn missed_ticks_burst_delay_or_are_skipped() {
    let delays = [0, 35, 0, 0, 0, 0];
    let run = |behavior| {
        let rig = Rig::new();
        let mut interval = rig.run(|| interval(ms(10)));
        interval.set_missed_tick_behavior(behavior);
        assert_eq!(interval.missed_tick_behavior(), behavior);
        ticks(&rig, &mut interval, &delays)
    };
    let burst = [(0, 0), (10, 35), (20, 35), (30, 35), (40, 40), (50, 50)];
    assert_eq!(run(MissedTickBehavior::Burst), burst);
    assert_eq!(
        run(MissedTickBehavior::Delay),
        [(0, 0), (10, 35), (45, 45), (55, 55), (65, 65), (75, 75)]
    );
    assert_eq!(
        run(MissedTickBehavior::Skip),
        [(0, 0), (10, 35), (40, 40), (50, 50), (60, 60), (70, 70)]
    );
}

#[test]
fn a_tick_slightly_late_does_not_move_the_pace() {
    let rig = Rig::new();
    let mut interval = rig.run(|| interval(ms(10)));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    assert_eq!(ticks(&rig, &mut interval, &[0, 13, 0]), [(0, 0), (10, 13), (20, 20)]);
}

#[test]
fn an_interval_can_be_reset() {
    let rig = Rig::new();
    let mut interval = rig.run(|| interval_at(Instant::now() + ms(100), ms(10)));
    interval.reset();
    assert_eq!(ticks(&rig, &mut interval, &[0, 0]), [(10, 10), (20, 20)]);
    interval.reset_after(ms(3));
    assert_eq!(ticks(&rig, &mut interval, &[0, 0]), [(23, 23), (33, 33)]);
    interval.reset_immediately();
    assert_eq!(ticks(&rig, &mut interval, &[0, 0]), [(33, 33), (43, 43)]);
    interval.reset_at(rig.run(Instant::now) + ms(7));
    assert_eq!(ticks(&rig, &mut interval, &[0]), [(50, 50)]);
}

#[test]
fn a_period_of_zero_is_refused_where_it_was_asked_for() {
    let rig = Rig::new();
    let message = rig.run(|| panic_of(|| interval(Duration::ZERO)));
    assert!(message.contains(file!()) && message.contains("yield_now"), "{message}");
}

#[test]
fn advancing_fires_what_is_due_and_yields_once() {
    let (rig, sleeper, driver) = (Rig::new(), Hand::default(), Hand::default());
    let mut sleep = rig.run(|| sleep(ms(10)));
    assert!(sleeper.poll(&mut sleep).is_pending());
    rig.run(|| {
        let mut advance = pin!(advance(ms(10)));
        assert!(driver.poll(&mut advance).is_pending());
        assert_eq!((sleeper.wakes(), driver.wakes()), (1, 1));
        assert!(driver.poll(&mut advance).is_ready());
        assert_eq!(rig.passed(), ms(10));
    });
    assert!(sleeper.poll(&mut sleep).is_ready());
}

#[test]
fn instants_come_from_the_clock_of_the_runtime() {
    let rig = Rig::new();
    rig.run(|| {
        let before = Instant::now();
        rig.advance(Duration::from_secs(86_400));
        assert_eq!(before.elapsed(), Duration::from_secs(86_400));
    });
}

#[test]
fn misusing_the_clock_panics_with_the_place_and_the_remedy() {
    let rig = Rig::new();
    rig.run(|| {
        assert!(panic_of(pause).contains("call `resume` in between"));
        resume();
        assert!(!rig.clock.is_virtual());
        let message = panic_of(resume);
        assert!(message.contains("call `pause` first"), "{message}");
        let message = panic_of(|| Hand::default().poll(&mut pin!(advance(ms(1)))));
        assert!(message.contains(file!()) && message.contains("call `pause` first"), "{message}");
        pause();
        assert!(rig.clock.is_virtual());
    });
}

#[test]
fn what_waits_for_time_can_be_moved_and_shared() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<Sleep>();
    check::<Interval>();
    check::<Timeout<std::future::Ready<()>>>();
    fn check_future(_: impl Future + Send) {}
    check_future(advance(ms(1)));
    assert!(size_of::<Sleep>() <= 56, "{}", size_of::<Sleep>());
}
