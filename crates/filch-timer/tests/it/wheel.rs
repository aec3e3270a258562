//! Random operations on a wheel and on a `BTreeMap`: both must agree after each step.
//!
//! Deadlines crowd where the arithmetic could go wrong: on level boundaries, at the present, in the past, at the end of
//! time; and time advances by nanoseconds as well as by years.

use filch_timer::wheel::{Key, Wheel};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};

const MS: u64 = 1_000_000;
const YEAR: u64 = 365 * 86_400 * 1_000 * MS;

/// A time, to be resolved against the present and the earliest deadline.
#[derive(Clone, Debug)]
enum Time {
    /// That many nanoseconds after the present.
    Ahead(u64),
    /// That many before it.
    Behind(u64),
    /// The `count`th next multiple of 2^`bits`, moved by `nudge`.
    Boundary { bits: u32, count: u64, nudge: i64 },
    /// The earliest deadline, moved by `nudge`.
    NextDeadline { nudge: i64 },
    /// That many before the end of time.
    FromEnd(u64),
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Time),
    /// Inserts that many with one deadline.
    InsertMany(Time, u8),
    /// Removes the `n`th of all keys ever handed out.
    Remove(usize),
    /// Fires what is due, but not more than `limit`; each value divisible by 3 first asks for a later deadline.
    Advance {
        to: Time,
        limit: usize,
        later: Time,
    },
    /// Sweeps values with this remainder by 4.
    Sweep {
        n_entries: usize,
        remainder: u64,
    },
    /// Sweeps values with this remainder by 4 until the first one has another.
    SweepFirst {
        remainder: u64,
    },
}

fn nudge() -> impl Strategy<Value = i64> {
    prop_oneof![Just(-1), Just(0), Just(1)]
}

fn time() -> impl Strategy<Value = Time> {
    prop_oneof![
        3 => (0..200_000u64).prop_map(Time::Ahead),
        1 => Just(Time::Ahead(0)),
        2 => (0..100_000 * MS).prop_map(Time::Ahead),
        2 => (0..200 * YEAR).prop_map(Time::Ahead),
        1 => (0..100_000u64).prop_map(Time::Behind),
        6 => ((0..9u32), 0..65u64, nudge())
            .prop_map(|(level, count, nudge)| Time::Boundary { bits: 14 + 6 * level, count, nudge }),
        2 => nudge().prop_map(|nudge| Time::NextDeadline { nudge }),
        1 => (0..3u64).prop_map(Time::FromEnd),
    ]
}

/// As [`time`], but seldom so far that nothing is left to happen.
fn advance_to() -> impl Strategy<Value = Time> {
    prop_oneof![
        6 => (0..50 * MS).prop_map(Time::Ahead),
        6 => nudge().prop_map(|nudge| Time::NextDeadline { nudge }),
        3 => ((0..6u32), 0..3u64, nudge())
            .prop_map(|(level, count, nudge)| Time::Boundary { bits: 14 + 6 * level, count, nudge }),
        1 => (0..10 * YEAR).prop_map(Time::Ahead),
        1 => time(),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => time().prop_map(Step::Insert),
        1 => (time(), 2..40u8).prop_map(|(time, n)| Step::InsertMany(time, n)),
        3 => any::<usize>().prop_map(Step::Remove),
        6 => (advance_to(), prop_oneof![Just(usize::MAX), 0..4usize], time())
            .prop_map(|(to, limit, later)| Step::Advance { to, limit, later }),
        1 => (0..50usize, 0..4u64).prop_map(|(n_entries, remainder)| Step::Sweep { n_entries, remainder }),
        1 => (0..4u64).prop_map(|remainder| Step::SweepFirst { remainder }),
    ]
}

/// The wheel and what it must be equal to.
struct Pair {
    wheel: Wheel<u64>,
    /// Values by (deadline, order of insertion).
    model: BTreeMap<(u64, u64), u64>,
    now: u64,
    inserted: u64,
    next_value: u64,
    keys: Vec<(Key, u64)>,
    /// The values that have asked for a later deadline; each asks once.
    asked: HashSet<u64>,
}

impl Pair {
    fn new() -> Self {
        Pair {
            wheel: Wheel::new(),
            model: BTreeMap::new(),
            now: 0,
            inserted: 0,
            next_value: 0,
            keys: Vec::new(),
            asked: HashSet::new(),
        }
    }

    fn resolve(&self, time: &Time) -> u64 {
        match *time {
            Time::Ahead(ahead) => self.now.saturating_add(ahead),
            Time::Behind(behind) => self.now.saturating_sub(behind),
            Time::Boundary { bits, count, nudge } => {
                let boundary =
                    (self.now >> bits).saturating_add(count).saturating_mul(1 << bits.min(63));
                boundary.saturating_add_signed(nudge)
            }
            Time::NextDeadline { nudge } => {
                self.model.keys().next().map_or(self.now, |key| key.0).saturating_add_signed(nudge)
            }
            Time::FromEnd(before) => u64::MAX - before,
        }
    }

    fn insert(&mut self, deadline: u64) {
        let value = self.next_value;
        self.next_value += 1;
        let key = self.wheel.insert(deadline, value);
        self.note(deadline, value);
        self.keys.push((key, value));
    }

    fn note(&mut self, deadline: u64, value: u64) {
        self.model.insert((deadline, self.inserted), value);
        self.inserted += 1;
    }

    fn remove(&mut self, nth: usize) {
        if self.keys.is_empty() {
            return;
        }
        let (key, value) = self.keys[nth % self.keys.len()];
        let place = self.model.iter().find(|entry| *entry.1 == value).map(|entry| *entry.0);
        let expected = place.map(|place| self.model.remove(&place).expect("found above"));
        assert_eq!(self.wheel.remove(key), expected);
    }

    fn advance(&mut self, to: u64, limit: usize, later: &Time) {
        if to < self.now {
            // Time does not go back, but what an interrupted advance left over is still due.
            if let Some(due) = self.wheel.next_due(to) {
                assert_eq!(Some(due.deadline()), self.model.keys().next().map(|key| key.0));
                assert!(due.deadline() <= self.now);
            }
            return;
        }
        self.now = to;
        for _ in 0..limit {
            let expected = self.model.first_key_value().map(|(key, value)| (*key, *value));
            let Some((key, value)) = expected.filter(|(key, _)| key.0 <= to) else {
                assert!(self.wheel.next_due(to).is_none());
                return;
            };
            let asks = value % 3 == 0 && self.asked.insert(value);
            let later = asks.then(|| self.resolve(later));
            let due = self.wheel.next_due(to).expect("due in the model");
            assert_eq!((due.deadline(), *due.value()), (key.0, value));
            self.model.pop_first();
            match later {
                Some(later) => {
                    due.refile(later);
                    self.note(later, value);
                }
                None => assert_eq!(due.take(), value),
            }
        }
    }

    fn sweep(&mut self, n_entries: usize, remainder: u64) {
        let mut swept = Vec::new();
        self.wheel.sweep(n_entries, |value| value % 4 == remainder, &mut swept);
        for value in &swept {
            assert_eq!(value % 4, remainder);
        }
        self.model.retain(|_, value| !swept.contains(value));
    }

    fn sweep_first(&mut self, remainder: u64) {
        let is_dead = |value: &u64| value % 4 == remainder;
        let mut swept = Vec::new();
        self.wheel.sweep_first(is_dead, &mut swept);
        assert!(swept.iter().all(is_dead));
        self.model.retain(|_, value| !swept.contains(value));
        assert!(!self.model.values().next().is_some_and(is_dead), "the first one is alive");
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Insert(time) => self.insert(self.resolve(time)),
            Step::InsertMany(time, n) => {
                let deadline = self.resolve(time);
                (0..*n).for_each(|_| self.insert(deadline));
            }
            Step::Remove(nth) => self.remove(*nth),
            Step::Advance { to, limit, later } => self.advance(self.resolve(to), *limit, later),
            Step::Sweep { n_entries, remainder } => self.sweep(*n_entries, *remainder),
            Step::SweepFirst { remainder } => self.sweep_first(*remainder),
        }
        assert_eq!(self.wheel.len(), self.model.len());
        assert_eq!(self.wheel.next_deadline(), self.model.keys().next().map(|key| key.0));
    }

    /// Nothing may be lost: at the end of time all fires, in order.
    fn finish(mut self) {
        while let Some(((deadline, _), value)) = self.model.pop_first() {
            let due = self.wheel.next_due(u64::MAX).expect("due in the model");
            assert_eq!((due.deadline(), due.take()), (deadline, value));
        }
        assert!(self.wheel.next_due(u64::MAX).is_none());
        assert!(self.wheel.is_empty());
    }
}

proptest! {
    // Why no file of failures: the minimal steps are printed, and belong into a test of their own.
    #![proptest_config(ProptestConfig {
        cases: 4 * ProptestConfig::default().cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_wheel_agrees_with_an_ordered_map(start in time(), steps in prop::collection::vec(step(), 1..80)) {
        let mut pair = Pair::new();
        let start = pair.resolve(&start) / 2;
        pair.advance(start, usize::MAX, &Time::Ahead(0));
        for step in &steps {
            pair.step(step);
        }
        pair.finish();
    }
}

/// Fires all that is due by `now`, and says at which deadlines.
fn fire(wheel: &mut Wheel<&'static str>, now: u64) -> Vec<&'static str> {
    let mut fired = Vec::new();
    while let Some(due) = wheel.next_due(now) {
        assert!(due.deadline() <= now, "early");
        fired.push(due.take());
    }
    fired
}

#[test]
fn an_entry_fires_at_its_nanosecond_on_each_boundary() {
    for level in 0..9 {
        for nudge in [-1, 0, 1] {
            for start in [0, 1, (1 << 14) - 1, 1 << 14, 12_345_678_901, 3 * YEAR] {
                let deadline = start + (1u64 << (14 + 6 * level)).saturating_add_signed(nudge);
                let mut wheel = Wheel::new();
                assert!(wheel.next_due(start).is_none());
                wheel.insert(deadline, "it");
                assert_eq!(wheel.next_deadline(), Some(deadline));
                assert!(fire(&mut wheel, deadline - 1).is_empty());
                assert_eq!(wheel.next_deadline(), Some(deadline), "still exact after a cascade");
                assert_eq!(fire(&mut wheel, deadline), ["it"]);
            }
        }
    }
}

#[test]
fn a_far_sleep_does_not_delay_a_near_one_after_days_of_uptime() {
    let mut wheel = Wheel::new();
    wheel.insert((1 << 36) * MS, "years");
    let uptime = 1_073_741 * 1_000 * MS;
    assert!(fire(&mut wheel, uptime).is_empty());
    wheel.insert(uptime + 333 * MS, "near");
    assert_eq!(wheel.next_deadline(), Some(uptime + 333 * MS));
    assert_eq!(fire(&mut wheel, uptime + 333 * MS), ["near"]);
}

#[test]
fn an_entry_one_revolution_ahead_does_not_fire_with_its_slot() {
    for level in 1..8 {
        let revolution = 1u64 << (14 + 6 * level);
        let mut wheel = Wheel::new();
        assert!(wheel.next_due(5 << 14).is_none());
        wheel.insert(6 << 14, "near");
        wheel.insert((6 << 14) + revolution, "a revolution later");
        assert_eq!(fire(&mut wheel, 7 << 14), ["near"]);
        assert!(fire(&mut wheel, (6 << 14) + revolution - 1).is_empty());
        assert_eq!(fire(&mut wheel, (6 << 14) + revolution), ["a revolution later"]);
    }
}

#[test]
fn a_jump_of_centuries_fires_all_in_order() {
    let mut wheel = Wheel::new();
    wheel.insert(500 * YEAR, "last");
    wheel.insert(100 * YEAR, "third");
    wheel.insert(1, "first");
    wheel.insert(3 * YEAR, "second");
    assert_eq!(fire(&mut wheel, u64::MAX), ["first", "second", "third", "last"]);
}

#[test]
fn a_key_is_dead_after_its_entry_fired() {
    let mut wheel = Wheel::new();
    let first = wheel.insert(10, "first");
    assert_eq!(fire(&mut wheel, 10), ["first"]);
    let second = wheel.insert(20, "second");
    assert_eq!(wheel.remove(first), None);
    assert_eq!(wheel.remove(second), Some("second"));
    assert_eq!(wheel.remove(second), None);
}

#[test]
fn an_entry_that_waits_to_be_taken_can_be_removed() {
    let mut wheel = Wheel::new();
    wheel.insert(10, "first");
    let second = wheel.insert(10, "second");
    wheel.insert(10, "third");
    assert_eq!(wheel.next_due(10).map(|due| due.take()), Some("first"));
    assert_eq!(wheel.remove(second), Some("second"));
    assert_eq!(fire(&mut wheel, 10), ["third"]);
}

#[test]
fn an_entry_filed_again_keeps_its_key_and_its_new_place_in_the_order() {
    let mut wheel = Wheel::new();
    let moved = wheel.insert(10, "moved");
    wheel.insert(20, "other");
    wheel.next_due(30).expect("10 is due").refile(25);
    assert_eq!(wheel.next_due(30).map(|due| due.take()), Some("other"));
    assert_eq!(wheel.remove(moved), Some("moved"));
}

#[test]
fn a_sweep_goes_on_where_it_stopped() {
    let mut wheel = Wheel::new();
    (0..100).for_each(|n| {
        wheel.insert(n, n);
    });
    let mut swept = Vec::new();
    wheel.sweep(50, |n| n % 2 == 0, &mut swept);
    assert_eq!(swept.len(), 25);
    wheel.sweep(50, |n| n % 2 == 0, &mut swept);
    assert_eq!((swept.len(), wheel.len()), (50, 50));
    wheel.sweep(usize::MAX, |_| true, &mut swept);
    assert!(wheel.is_empty());
    assert_eq!(wheel.next_deadline(), None);
}
