//! The timer wheel: a pure data structure that orders deadlines.
//!
//! It knows no clock, no waker, no thread: time is a `u64` of nanoseconds since some origin, and moves when the caller
//! says so. Inserting and removing are O(1); a jump over years costs no more than the entries it passes.
//!
//! Seven levels of 64 slots, then one far list; a tick, the width of a slot on level 0, is 2^14 ns. Deadlines are kept
//! exactly, the slots only sort them coarsely: an entry fires neither a nanosecond early nor a tick late.
//!
//! **Invariants.** `elapsed` is the time everything is filed against.
//! - An entry whose deadline is `<= elapsed` is in the `due` queue, ordered by (deadline, insertion).
//! - Any other entry is in the slot that its place at `elapsed` names. `elapsed` never moves into or past an occupied
//!   slot, except into one of level 0 none of whose deadlines it reaches.
//! - Entries with the same deadline therefore share a list, which keeps them in the order of insertion.
//! - A slot's `earliest` is a lower bound of its deadlines, and exact while the slot's `stale` bit is clear.

mod place;
mod slab;

use place::{LEVELS, Place, SLOTS};
use slab::{Home, NONE, Slab};
use std::collections::VecDeque;
use std::fmt;

/// Timers, ordered by deadline.
pub struct Wheel<T> {
    elapsed: u64,
    /// For each level, which slots have entries.
    occupied: [u64; LEVELS],
    /// For each level, in which slots `earliest` may be too early because the entry that set it was removed.
    stale: [u64; LEVELS],
    slots: Box<[[Slot; SLOTS]; LEVELS]>,
    due: VecDeque<DueEntry>,
    slab: Slab<T>,
    /// Where [`sweep`](Self::sweep) goes on.
    sweep_at: u32,
}

/// Names an entry of a [`Wheel`] until it fired or was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    index: u32,
    stamp: u32,
}

/// A list of entries that are due within the same span.
#[derive(Clone, Copy)]
struct Slot {
    head: u32,
    tail: u32,
    earliest: u64,
}

const EMPTY_SLOT: Slot = Slot { head: NONE, tail: NONE, earliest: u64::MAX };

/// An entry whose time has come. The deadline is repeated here so that sorting touches no entry.
#[derive(Clone, Copy)]
struct DueEntry {
    deadline: u64,
    index: u32,
}

impl<T> Wheel<T> {
    /// Makes an empty wheel, at time 0.
    pub fn new() -> Self {
        Wheel {
            elapsed: 0,
            occupied: [0; LEVELS],
            stale: [0; LEVELS],
            slots: Box::new([[EMPTY_SLOT; SLOTS]; LEVELS]),
            due: VecDeque::new(),
            slab: Slab::new(),
            sweep_at: 0,
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an entry. One with a deadline in the past is due at once.
    ///
    /// # Panics
    ///
    /// If the wheel holds 2^32 - 1 entries.
    pub fn insert(&mut self, deadline: u64, value: T) -> Key {
        let key = self.slab.insert(deadline, value);
        self.file(key.index, deadline);
        key
    }

    /// Takes an entry out; `None` if it has fired or was removed.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let index = self.slab.find(key)?;
        self.unfile(index);
        Some(self.slab.remove(index))
    }

    /// The earliest deadline of all. It may lie in the past.
    pub fn next_deadline(&mut self) -> Option<u64> {
        if let Some(first) = self.due.front() {
            return Some(first.deadline);
        }
        let place = self.first_place()?;
        if self.stale[place.level()] & place.bit() != 0 {
            self.refresh(place);
        }
        Some(self.slot(place).earliest)
    }

    /// Moves time to `now` as far as the earliest entry that is due, and hands out the right to that entry.
    ///
    /// Call it until it answers `None`, which says that time has reached `now`. A caller that stops before finds the
    /// rest at its next call. Time never goes back: with a `now` before the wheel's time nothing is due.
    pub fn next_due(&mut self, now: u64) -> Option<Due<'_, T>> {
        if now < self.elapsed {
            return None;
        }
        while self.due.is_empty() {
            if !self.drain_first_slot(now) {
                self.elapsed = now;
                return None;
            }
        }
        Some(Due { wheel: self })
    }

    /// Looks at up to `n_entries` places of the wheel's memory, going on where it stopped before, and moves the entries
    /// that `is_dead` names to `swept`: the caller drops them where that is safe.
    pub fn sweep(
        &mut self,
        n_entries: usize,
        mut is_dead: impl FnMut(&T) -> bool,
        swept: &mut Vec<T>,
    ) {
        for _ in 0..n_entries.min(self.slab.end() as usize) {
            // The slab may have shrunk to nothing since the last look.
            if self.is_empty() {
                return;
            }
            let index = if self.sweep_at < self.slab.end() { self.sweep_at } else { 0 };
            self.sweep_at = index + 1;
            self.sweep_if(index, &mut is_dead, swept);
        }
    }

    /// Moves entries that `is_dead` names to `swept`, until the earliest entry is none of them.
    ///
    /// Each call looks at the entries of one slot, and at those of further ones only when it has emptied that.
    pub fn sweep_first(&mut self, mut is_dead: impl FnMut(&T) -> bool, swept: &mut Vec<T>) {
        while let Some(first) = self.due.front().map(|entry| entry.index) {
            if !self.sweep_if(first, &mut is_dead, swept) {
                return;
            }
        }
        while let Some(place) = self.first_place() {
            let mut index = self.slot(place).head;
            while index != NONE {
                let next = self.slab.entry(index).next;
                self.sweep_if(index, &mut is_dead, swept);
                index = next;
            }
            if self.slot(place).head != NONE {
                return;
            }
        }
    }

    /// Moves an entry to `swept` if it is dead.
    fn sweep_if(
        &mut self,
        index: u32,
        is_dead: &mut impl FnMut(&T) -> bool,
        swept: &mut Vec<T>,
    ) -> bool {
        let is_swept = self.slab.entry(index).value.as_ref().is_some_and(is_dead);
        if is_swept {
            self.unfile(index);
            swept.push(self.slab.remove(index));
        }
        is_swept
    }

    /// Puts a stored entry where its deadline belongs.
    fn file(&mut self, index: u32, deadline: u64) {
        if deadline <= self.elapsed {
            let at = self.due.partition_point(|other| other.deadline <= deadline);
            self.due.insert(at, DueEntry { deadline, index });
            self.slab.entry_mut(index).home = Home::Due;
        } else {
            let place = Place::of(deadline, self.elapsed);
            self.note_deadline(place, deadline);
            self.link(place, index);
        }
    }

    /// Takes an entry out of its queue or list; it stays stored.
    fn unfile(&mut self, index: u32) {
        match self.slab.entry(index).home {
            Home::Free => unreachable!("only entries in use are unfiled"),
            Home::Due => self.unqueue(index),
            Home::Slot(place) => self.unlink(place, index),
        }
    }

    /// Takes an entry out of the due queue.
    fn unqueue(&mut self, index: u32) {
        let deadline = self.slab.entry(index).deadline;
        let first = self.due.partition_point(|other| other.deadline < deadline);
        let among_equals = self.due.range(first..).position(|other| other.index == index);
        let at = first + among_equals.expect("an entry whose home is `Due` is queued");
        self.due.remove(at);
    }

    /// The occupied place with the earliest deadlines.
    fn first_place(&self) -> Option<Place> {
        let level = self.occupied.iter().position(|&slots| slots != 0)?;
        Some(Place::first_on(level, self.occupied[level]))
    }

    /// Moves time into the first occupied slot, if that starts by `now` and has something to move. Then what is due is
    /// queued, the rest is filed on lower levels.
    fn drain_first_slot(&mut self, now: u64) -> bool {
        let Some(place) = self.first_place() else { return false };
        let earliest = self.slot(place).earliest;
        let span = place.span(self.elapsed, earliest);
        // Why level 0 is excepted: nothing can be filed lower, so a slot that is visited often is left alone.
        if now < *span.start() || (place.level() == 0 && now < earliest) {
            return false;
        }
        self.elapsed = now.min(*span.end());
        self.refile_all(place);
        self.due.make_contiguous().sort_by_key(|entry| entry.deadline);
        true
    }

    /// Files every entry of a slot again, against the present `elapsed`. Leaves the due queue unsorted.
    fn refile_all(&mut self, place: Place) {
        debug_assert!(self.due.is_empty(), "what was due has been handed out");
        let mut index = std::mem::replace(self.slot_mut(place), EMPTY_SLOT).head;
        self.mark_empty(place);
        while index != NONE {
            let entry = self.slab.entry_mut(index);
            let (deadline, next) = (entry.deadline, entry.next);
            if deadline <= self.elapsed {
                entry.home = Home::Due;
                self.due.push_back(DueEntry { deadline, index });
            } else {
                self.file(index, deadline);
            }
            index = next;
        }
    }

    /// Lets a slot's `earliest` account for `deadline`.
    fn note_deadline(&mut self, place: Place, deadline: u64) {
        let slot = self.slot_mut(place);
        if deadline <= slot.earliest {
            slot.earliest = deadline;
            self.stale[place.level()] &= !place.bit();
        }
    }

    /// Finds out a slot's earliest deadline again.
    fn refresh(&mut self, place: Place) {
        let mut index = self.slot(place).head;
        let mut earliest = u64::MAX;
        while index != NONE {
            let entry = self.slab.entry(index);
            earliest = earliest.min(entry.deadline);
            index = entry.next;
        }
        self.slot_mut(place).earliest = earliest;
        self.stale[place.level()] &= !place.bit();
    }

    /// Appends an entry to a slot's list.
    fn link(&mut self, place: Place, index: u32) {
        let tail = std::mem::replace(&mut self.slot_mut(place).tail, index);
        let entry = self.slab.entry_mut(index);
        entry.home = Home::Slot(place);
        entry.prev = tail;
        entry.next = NONE;
        if tail == NONE {
            self.slot_mut(place).head = index;
            self.occupied[place.level()] |= place.bit();
        } else {
            self.slab.entry_mut(tail).next = index;
        }
    }

    /// Takes an entry out of a slot's list.
    fn unlink(&mut self, place: Place, index: u32) {
        let entry = self.slab.entry(index);
        let (deadline, prev, next) = (entry.deadline, entry.prev, entry.next);
        match prev {
            NONE => self.slot_mut(place).head = next,
            prev => self.slab.entry_mut(prev).next = next,
        }
        match next {
            NONE => self.slot_mut(place).tail = prev,
            next => self.slab.entry_mut(next).prev = prev,
        }
        if self.slot(place).head == NONE {
            *self.slot_mut(place) = EMPTY_SLOT;
            self.mark_empty(place);
        } else if deadline == self.slot(place).earliest {
            self.stale[place.level()] |= place.bit();
        }
    }

    fn mark_empty(&mut self, place: Place) {
        self.occupied[place.level()] &= !place.bit();
        self.stale[place.level()] &= !place.bit();
    }

    fn slot(&self, place: Place) -> &Slot {
        &self.slots[place.level()][place.slot()]
    }

    fn slot_mut(&mut self, place: Place) -> &mut Slot {
        &mut self.slots[place.level()][place.slot()]
    }
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Wheel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wheel")
            .field("elapsed", &self.elapsed)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// The right to the earliest entry that is due: [`take`](Self::take) it, or [`refile`](Self::refile) it.
#[must_use = "an entry that is neither taken nor filed again is handed out again"]
pub struct Due<'a, T> {
    /// Its `due` queue is not empty.
    wheel: &'a mut Wheel<T>,
}

impl<T> Due<'_, T> {
    /// The time the entry was due.
    pub fn deadline(&self) -> u64 {
        self.wheel.due[0].deadline
    }

    /// The entry's value.
    #[allow(clippy::missing_panics_doc, reason = "it cannot panic: what is queued is in use")]
    pub fn value(&self) -> &T {
        let value = &self.wheel.slab.entry(self.wheel.due[0].index).value;
        value.as_ref().expect("a queued entry is in use")
    }

    /// The entry has fired.
    pub fn take(mut self) -> T {
        let index = self.unqueue();
        self.wheel.slab.remove(index)
    }

    /// The entry is due at `deadline` instead, as if it were inserted at this moment. Its key stays valid.
    pub fn refile(mut self, deadline: u64) {
        let index = self.unqueue();
        self.wheel.slab.entry_mut(index).deadline = deadline;
        self.wheel.file(index, deadline);
    }

    fn unqueue(&mut self) -> u32 {
        self.wheel.due.pop_front().expect("`Due` stands for the queue's first entry").index
    }
}

impl<T> fmt::Debug for Due<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Due").field("deadline", &self.deadline()).finish_non_exhaustive()
    }
}
