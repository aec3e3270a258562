//! All slots of one runtime, found by key, never moved and never freed.
//!
//! Slots live in chunks of doubling size, so that an index leads to its slot in two loads while others are added.
//! A freed slot is used again under the next generation.

use super::slot::IoSlot;
use crate::sys::IN_MODEL;
use crate::sys::sync::Mutex;
use crate::wake_batch::WakeBatch;
use std::fmt;
use std::sync::OnceLock;

/// Names a slot and the registration it belongs to: what a driver keeps with a source and reports events under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlotKey(u64);

impl SlotKey {
    pub(crate) fn new(index: u32, generation: u32) -> Self {
        SlotKey(u64::from(generation) << 32 | u64::from(index))
    }

    /// As a plain number, for a driver to keep. `u64::MAX` is never used, so a driver may keep it for itself.
    pub const fn to_raw(self) -> u64 {
        self.0
    }

    /// From a number of [`to_raw`](Self::to_raw).
    pub const fn from_raw(raw: u64) -> Self {
        SlotKey(raw)
    }

    pub(crate) fn index(self) -> u32 {
        self.0 as u32
    }

    pub(crate) fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

const FIRST_CHUNK: usize = if IN_MODEL { 1 } else { 64 };
const N_CHUNKS: usize = 26; // 64 · (2^26 − 1) slots: more than a process can have file descriptors.

/// The slots of one runtime.
pub struct IoSlots {
    chunks: [OnceLock<Box<[IoSlot]>>; N_CHUNKS],
    free: Mutex<FreeList>,
}

struct FreeList {
    indices: Vec<u32>,
    n_made: u32,
}

impl Default for IoSlots {
    fn default() -> Self {
        Self::new()
    }
}

impl IoSlots {
    /// No slots yet.
    pub fn new() -> Self {
        IoSlots {
            chunks: [const { OnceLock::new() }; N_CHUNKS],
            free: Mutex::new(FreeList { indices: Vec::new(), n_made: 0 }),
        }
    }

    /// Takes a free slot, making more if there is none.
    pub(crate) fn take(&self) -> SlotKey {
        let index = {
            let mut free = self.free.lock();
            match free.indices.pop() {
                Some(index) => index,
                None => {
                    let index = free.n_made;
                    free.n_made += 1;
                    index
                }
            }
        };
        SlotKey::new(index, self.slot(index).generation())
    }

    /// How many registrations there are.
    pub(crate) fn n_used(&self) -> usize {
        let free = self.free.lock();
        free.n_made as usize - free.indices.len()
    }

    /// Gives a slot back and wakes who still waits on it. Does nothing if that registration has ended before.
    pub(crate) fn give_back(&self, key: SlotKey, wakes: &mut WakeBatch) {
        if self.slot(key.index()).retire(key.generation(), wakes) {
            self.free.lock().indices.push(key.index());
        }
    }

    /// Ends every registration: what waits is woken and finds its registration gone.
    pub(crate) fn retire_all(&self, wakes: &mut WakeBatch) {
        let n_made = self.free.lock().n_made;
        for index in 0..n_made {
            let slot = self.slot(index);
            slot.retire(slot.generation(), wakes);
        }
        self.free.lock().indices = (0..n_made).rev().collect();
    }

    /// The slot of a key that may be a broken driver's invention.
    pub(crate) fn existing(&self, index: u32) -> Option<&IoSlot> {
        let (chunk, offset) = locate(index);
        self.chunks.get(chunk)?.get()?.get(offset)
    }

    /// The slot of an index that [`take`](Self::take) gave out.
    pub(crate) fn slot(&self, index: u32) -> &IoSlot {
        let (chunk, offset) = locate(index);
        let slots = self.chunks[chunk]
            .get_or_init(|| (0..FIRST_CHUNK << chunk).map(|_| IoSlot::default()).collect());
        &slots[offset]
    }
}

fn locate(index: u32) -> (usize, usize) {
    let position = index as usize + FIRST_CHUNK;
    let chunk = (position / FIRST_CHUNK).ilog2() as usize;
    (chunk, position - (FIRST_CHUNK << chunk))
}

impl fmt::Debug for IoSlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let free = self.free.lock();
        f.debug_struct("IoSlots")
            .field("n_made", &free.n_made)
            .field("n_free", &free.indices.len())
            .finish()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_index_has_a_place_of_its_own() {
        let mut expected = (0, 0);
        for index in 0..100_000 {
            assert_eq!(locate(index), expected);
            expected.1 += 1;
            if expected.1 == FIRST_CHUNK << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
    }

    #[test]
    fn an_event_for_an_ended_registration_is_dropped() {
        let slots = IoSlots::new();
        let mut wakes = WakeBatch::default();
        let old = slots.take();
        slots.give_back(old, &mut wakes);
        let young = slots.take();
        assert_eq!(old.index(), young.index());
        slots.slot(old.index()).deliver(
            old.generation(),
            super::super::Ready::READABLE,
            &mut wakes,
        );
        let event =
            slots.slot(young.index()).ready(young.generation(), super::super::Direction::Read);
        assert!(event.expect("the young registration is alive").ready.is_empty());
    }
}
