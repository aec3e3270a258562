#![doc = include_str!("README.md")]

use super::ready::{Direction, Interest, Ready};
use crate::prefetch::prefetch;
use crate::sys::sync::Mutex;
use crate::sys::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::sys::sync::atomic::{AtomicPtr, AtomicU64};
use crate::task::waker;
use crate::wake_batch::WakeBatch;
use slab::Slab;
use std::fmt;
use std::mem;
use std::ptr;
use std::task::Waker;

/// Readiness and waiters of one source. The driver writes readiness, tasks wait.
// Why aligned: an event touches one line of memory, and none that belongs to another source.
#[repr(align(64))]
pub struct IoSlot {
    /// Generation, tick, flags and readiness in one word; see [`Word`]. Written by everybody.
    word: AtomicU64,
    /// A filch task waiting to read: an owned reference, or null. Swapped out by whoever wakes it.
    reader: AtomicPtr<()>,
    /// The same for writing.
    writer: AtomicPtr<()>,
    /// Everybody else who waits: further tasks, and wakers of foreign executors.
    // Why boxed: hardly any slot ever has them.
    more: Mutex<Option<Box<Waiters>>>,
}

#[derive(Default)]
struct Waiters {
    list: Slab<Waiter>,
    n_ever: u64,
}

impl Waiters {
    /// Takes out whoever stands there, if nobody else has the place by now.
    fn remove(&mut self, listed: &Listed) -> Option<Waiter> {
        let is_there = self.list.get(listed.key).is_some_and(|waiter| waiter.id == listed.id);
        is_there.then(|| self.list.remove(listed.key))
    }
}

struct Waiter {
    /// Tells this waiter from a later one under the same key; the later, the larger.
    id: u64,
    direction: Direction,
    /// It waits in a poll function, which knows nothing of the polls before and after it, so it never leaves.
    is_polled: bool,
    waker: Waker,
}

/// So many waiters of poll functions have a place in a direction. One more wakes the oldest.
// Why a limit: a wait that was given up keeps its place until the next event, which a quiet peer never sends. Why so many:
// where more really wait, they wake each other all the time.
const N_POLLED: usize = 32;

/// The slot's word taken apart.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Word(u64);

impl Word {
    const HAS_MORE: u64 = 1 << 8;
    const TICK_SHIFT: u32 = 16;
    const TICK_MASK: u64 = 0xFFFF << Self::TICK_SHIFT;
    const GENERATION_SHIFT: u32 = 32;

    fn idle(generation: u32) -> Word {
        Word(u64::from(generation) << Self::GENERATION_SHIFT)
    }

    fn ready(self) -> Ready {
        Ready::from_bits(self.0.to_le_bytes()[0])
    }

    fn has_more(self) -> bool {
        self.0 & Self::HAS_MORE != 0
    }

    fn tick(self) -> u16 {
        ((self.0 & Self::TICK_MASK) >> Self::TICK_SHIFT) as u16
    }

    fn generation(self) -> u32 {
        (self.0 >> Self::GENERATION_SHIFT) as u32
    }

    fn with_event(self, ready: Ready) -> Word {
        let tick = u64::from(self.tick().wrapping_add(1)) << Self::TICK_SHIFT;
        Word((self.0 & !Self::TICK_MASK) | tick | u64::from(ready.bits()))
    }

    fn without(self, ready: Ready) -> Word {
        Word(self.0 & !u64::from(ready.bits()))
    }
}

/// What a task saw: the readiness and the tick at which it stood. [`Registration::clear`](super::Registration::clear) takes back
/// exactly this.
#[derive(Clone, Copy, Debug)]
pub struct ReadyEvent {
    /// The readiness seen.
    pub ready: Ready,
    pub(super) tick: u16,
}

impl ReadyEvent {
    /// The part of it that answers `interest`.
    fn within(self, interest: Interest) -> ReadyEvent {
        ReadyEvent { ready: self.ready.intersection(interest.mask()), ..self }
    }
}

/// Where a waiter stands, so that it can leave again.
#[derive(Debug)]
pub(crate) enum Place {
    /// In the direction's own word, or in the list on behalf of a poll function. Stays there until the next event.
    UntilEvent,
    /// In the list, until it leaves.
    Listed(Listed),
}

/// A waiter's place in the list.
#[derive(Debug)]
pub(crate) struct Listed {
    key: usize,
    id: u64,
}

/// What became of a wait.
pub(crate) enum Wait {
    /// There is readiness already.
    Ready(ReadyEvent),
    /// The waker is in place.
    Placed(Place),
    /// The slot belongs to another registration, or its runtime ended.
    Stale,
}

impl Default for IoSlot {
    fn default() -> Self {
        IoSlot {
            word: AtomicU64::new(Word::idle(0).0),
            reader: AtomicPtr::new(ptr::null_mut()),
            writer: AtomicPtr::new(ptr::null_mut()),
            more: Mutex::new(None),
        }
    }
}

impl IoSlot {
    pub(crate) fn generation(&self) -> u32 {
        Word(self.word.load(Relaxed)).generation()
    }

    /// What `direction` knows, without waiting. `None` if the slot is another registration's.
    #[inline]
    pub(crate) fn ready(&self, generation: u32, direction: Direction) -> Option<ReadyEvent> {
        self.known(generation, direction.mask())
    }

    /// What of `mask` is known, without waiting. `None` if the slot is another registration's.
    #[inline]
    pub(crate) fn known(&self, generation: u32, mask: Ready) -> Option<ReadyEvent> {
        // ORDERING: [io-ready] Acquire pairs with the driver's AcqRel in `deliver`.
        let word = Word(self.word.load(Acquire));
        (word.generation() == generation)
            .then(|| ReadyEvent { ready: word.ready().intersection(mask), tick: word.tick() })
    }

    /// Waits for `interest`, which is of one direction: puts the waker in place and looks once more.
    pub(crate) fn wait(&self, generation: u32, interest: Interest, waker: &Waker) -> Wait {
        self.wait_with(generation, interest, waker, |direction| {
            Place::Listed(self.place_listed(direction, waker))
        })
    }

    /// As [`wait`](Self::wait), for a poll function: it never leaves its place, so it takes at most one per waker.
    pub(crate) fn wait_polled(&self, generation: u32, interest: Interest, waker: &Waker) -> Wait {
        self.wait_with(generation, interest, waker, |direction| {
            self.place_polled(direction, waker);
            Place::UntilEvent
        })
    }

    fn wait_with(
        &self,
        generation: u32,
        interest: Interest,
        waker: &Waker,
        place_listed: impl FnOnce(Direction) -> Place,
    ) -> Wait {
        let direction = interest.direction();
        // Why not all that the direction knows: urgent data alone lets no read go on.
        let is_answer = |event: &ReadyEvent| event.ready.intersects(interest.mask());
        match self.ready(generation, direction) {
            None => return Wait::Stale,
            Some(event) if is_answer(&event) => return Wait::Ready(event.within(interest)),
            Some(_) => {}
        }
        let place = match waker::task_of(waker) {
            Some(task) if self.place_inline(direction, task.as_ptr(), waker) => Place::UntilEvent,
            _ => place_listed(direction),
        };
        match self.ready(generation, direction) {
            Some(event) if !is_answer(&event) => Wait::Placed(place),
            Some(event) => {
                self.leave(place);
                Wait::Ready(event.within(interest))
            }
            None => {
                self.leave(place);
                Wait::Stale
            }
        }
    }

    /// Tries the direction's own word. False if another task waits there.
    fn place_inline(&self, direction: Direction, task: *mut (), waker: &Waker) -> bool {
        let word = self.inline(direction);
        let present = word.load(Relaxed);
        if present == task {
            // Why: whoever takes it out will wake this very task, so its being there is enough.
            return true;
        }
        if !present.is_null() {
            return false;
        }
        let owned = mem::ManuallyDrop::new(waker.clone());
        debug_assert_eq!(owned.data().cast_mut(), task);
        // ORDERING: [io-inline] AcqRel pairs with the swap in `take_inline`. If that swap came first, this reads what
        // it wrote and the look at the word that follows sees the readiness set before it; otherwise it takes us out.
        if word.compare_exchange(ptr::null_mut(), task, AcqRel, Relaxed).is_ok() {
            return true;
        }
        drop(mem::ManuallyDrop::into_inner(owned));
        false
    }

    fn place_listed(&self, direction: Direction, waker: &Waker) -> Listed {
        // Why: cloned before the lock; a waker's clone is foreign code.
        let waker = waker.clone();
        let listed = {
            let mut more = self.more.lock();
            let waiters = more.get_or_insert_default();
            waiters.n_ever += 1;
            let id = waiters.n_ever;
            let waiter = Waiter { id, direction, is_polled: false, waker };
            Listed { key: waiters.list.insert(waiter), id }
        };
        self.announce_listed();
        listed
    }

    fn place_polled(&self, direction: Direction, waker: &Waker) {
        // Why: cloned, dropped and woken outside of the lock; all of that is foreign code.
        let mut clone = Some(waker.clone());
        let oldest = {
            let mut more = self.more.lock();
            let waiters = more.get_or_insert_default();
            let waiting = waiters
                .list
                .iter()
                .filter(|(_, waiter)| waiter.is_polled && waiter.direction == direction);
            let is_there = waiting.clone().any(|(_, waiter)| waiter.waker.will_wake(waker));
            let is_full = !is_there && waiting.clone().count() == N_POLLED;
            let oldest = waiting.min_by_key(|(_, waiter)| waiter.id).map(|(key, _)| key);
            let oldest = oldest.filter(|_| is_full).map(|key| waiters.list.remove(key).waker);
            if let Some(waker) = clone.take_if(|_| !is_there) {
                waiters.n_ever += 1;
                let id = waiters.n_ever;
                waiters.list.insert(Waiter { id, direction, is_polled: true, waker });
            }
            oldest
        };
        drop(clone);
        self.announce_listed();
        oldest.into_iter().for_each(Waker::wake);
    }

    fn announce_listed(&self) {
        // ORDERING: [io-more] AcqRel pairs with the AcqRel in `deliver`: both change the word, so either the driver
        // sees the flag or the look that follows sees the driver's readiness.
        self.word.fetch_or(Word::HAS_MORE, AcqRel);
    }

    /// Takes a waiter out of the list again. One that stays until the next event wakes a task that may have stopped
    /// waiting, which every task must stand; taking it out could rob a second waiter of that task.
    pub(crate) fn leave(&self, place: Place) {
        if let Place::Listed(listed) = place {
            let waiter = {
                let mut more = self.more.lock();
                more.as_mut().and_then(|waiters| waiters.remove(&listed))
            };
            drop(waiter); // Unlocked: a waker's drop is foreign code.
        }
    }

    /// Whether a waiter still stands in the list with this waker; otherwise an event took it or its task moved on.
    pub(crate) fn still_listed(&self, listed: &Listed, waker: &Waker) -> bool {
        let more = self.more.lock();
        let waiter = more.as_ref().and_then(|waiters| waiters.list.get(listed.key));
        waiter.is_some_and(|waiter| waiter.id == listed.id && waiter.waker.will_wake(waker))
    }

    /// Takes back the readiness of `event`, unless something happened since. What is closed stays closed.
    pub(crate) fn clear(&self, generation: u32, event: ReadyEvent) {
        let lasting = Ready::READ_CLOSED | Ready::WRITE_CLOSED | Ready::ERROR;
        let spent = event.ready - lasting;
        self.update(|word| {
            (word.generation() == generation && word.tick() == event.tick)
                .then(|| word.without(spent))
        });
    }

    /// Takes back an error bit once the error was fetched.
    pub(crate) fn clear_error(&self, generation: u32, event: ReadyEvent) {
        self.update(|word| {
            (word.generation() == generation && word.tick() == event.tick)
                .then(|| word.without(Ready::ERROR))
        });
    }

    /// Takes back all of `event`, closed and errors included, unless something happened since: an operation would block
    /// all the same. A FIFO that a second writer has opened is not closed any more.
    pub(crate) fn refute(&self, generation: u32, event: ReadyEvent) {
        self.update(|word| {
            (word.generation() == generation && word.tick() == event.tick)
                .then(|| word.without(event.ready))
        });
    }

    /// Adds readiness for the registration of `generation` and collects who waited for it.
    /// An event for another generation is dropped.
    pub(crate) fn deliver(&self, generation: u32, ready: Ready, wakes: &mut WakeBatch) {
        let Some(word) =
            self.update(|word| (word.generation() == generation).then(|| word.with_event(ready)))
        else {
            return;
        };
        self.wake(word, ready, wakes);
    }

    /// Ends the registration of `generation`: its events are dropped from here on, its waiters are woken.
    /// Returns whether it was still that registration's.
    pub(crate) fn retire(&self, generation: u32, wakes: &mut WakeBatch) -> bool {
        let next = generation.wrapping_add(1);
        let Some(word) = self.update(|word| {
            (word.generation() == generation)
                .then(|| Word(Word::idle(next).0 | word.0 & Word::HAS_MORE))
        }) else {
            return false;
        };
        self.wake(word, Ready::ALL, wakes);
        true
    }

    fn update(&self, change: impl Fn(Word) -> Option<Word>) -> Option<Word> {
        let mut word = self.word.load(Relaxed);
        loop {
            let next = change(Word(word))?;
            // ORDERING: [io-ready] Release publishes readiness to `ready`; Acquire takes over [io-more].
            match self.word.compare_exchange_weak(word, next.0, AcqRel, Relaxed) {
                Ok(_) => return Some(next),
                Err(current) => word = current,
            }
        }
    }

    fn wake(&self, word: Word, ready: Ready, wakes: &mut WakeBatch) {
        for direction in [Direction::Read, Direction::Write] {
            if ready.intersects(direction.mask()) {
                wakes.extend(self.take_inline(direction));
                if word.has_more() {
                    self.take_listed(direction, wakes);
                }
            }
        }
    }

    fn inline(&self, direction: Direction) -> &AtomicPtr<()> {
        match direction {
            Direction::Read => &self.reader,
            Direction::Write => &self.writer,
        }
    }

    fn take_inline(&self, direction: Direction) -> Option<Waker> {
        // ORDERING: [io-inline] AcqRel: Release hands the readiness set before to the next `place_inline`; Acquire
        // takes over the reference that `place_inline` put there.
        let task = self.inline(direction).swap(ptr::null_mut(), AcqRel);
        ptr::NonNull::new(task).map(|task| {
            prefetch(task.as_ptr()); // It is woken when all that has come with this event was delivered.
            // SAFETY: a pointer in this word came from `place_inline`, which forgot a clone of that task's waker;
            // the swap made this the only copy.
            unsafe { waker::from_task(task) }
        })
    }

    fn take_listed(&self, direction: Direction, wakes: &mut WakeBatch) {
        let mut more = self.more.lock();
        let Some(waiters) = more.as_mut() else { return };
        let in_direction = waiters.list.iter().filter(|(_, waiter)| waiter.direction == direction);
        let keys: Vec<usize> = in_direction.map(|(key, _)| key).collect();
        wakes.extend(keys.into_iter().map(|key| waiters.list.remove(key).waker));
        if waiters.list.is_empty() {
            // ORDERING: [io-more] under the lock, so that no waiter can be listed between the look and the change.
            self.word.fetch_and(!Word::HAS_MORE, AcqRel);
        }
    }
}

impl Drop for IoSlot {
    fn drop(&mut self) {
        drop(self.take_inline(Direction::Read));
        drop(self.take_inline(Direction::Write));
    }
}

impl fmt::Debug for IoSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Word(self.word.load(Relaxed));
        f.debug_struct("IoSlot")
            .field("generation", &word.generation())
            .field("ready", &word.ready())
            .finish()
    }
}

#[cfg(all(test, filch_loom))]
#[path = "loom_tests.rs"]
mod loom_tests;
