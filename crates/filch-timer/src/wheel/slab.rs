//! The wheel's entries: a vector with a free list, addressed by index, so that links are numbers and need no `unsafe`.
//!
//! It does not know deadlines' order or slots; it only keeps for each entry where the wheel filed it.

use super::Key;
use super::place::Place;

/// No entry: the end of a list.
pub(super) const NONE: u32 = u32::MAX;

/// What an emptied slab keeps allocated.
const KEPT_CAPACITY: usize = 1024;

/// Where the wheel filed an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// Nowhere: the entry is free.
    Free,
    /// In the queue of entries whose time has come.
    Due,
    /// In a slot's list.
    Slot(Place),
}

/// One timer.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) deadline: u64,
    /// The neighbor before this one in its slot's list.
    pub(super) prev: u32,
    /// The neighbor after this one in its slot's list; in a free entry, the next free one.
    pub(super) next: u32,
    /// Tells this entry's key from those of earlier users of the index.
    stamp: u32,
    pub(super) home: Home,
    pub(super) value: Option<T>,
}

/// All entries of a wheel.
#[derive(Debug)]
pub(super) struct Slab<T> {
    entries: Vec<Entry<T>>,
    /// The first free entry.
    free: u32,
    len: usize,
    /// Counts insertions for the whole slab, so that a key stays unique when the vector is cleared.
    next_stamp: u32,
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Slab { entries: Vec::new(), free: NONE, len: 0, next_stamp: 0 }
    }

    /// Entries in use.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// One more than the highest index that may be in use.
    pub(super) fn end(&self) -> u32 {
        self.entries.len() as u32
    }

    pub(super) fn entry(&self, index: u32) -> &Entry<T> {
        &self.entries[index as usize]
    }

    pub(super) fn entry_mut(&mut self, index: u32) -> &mut Entry<T> {
        &mut self.entries[index as usize]
    }

    /// The index `key` stands for, unless that entry is gone.
    pub(super) fn find(&self, key: Key) -> Option<u32> {
        let entry = self.entries.get(key.index as usize)?;
        (entry.stamp == key.stamp && entry.home != Home::Free).then_some(key.index)
    }

    /// Stores a value; the wheel files it next.
    pub(super) fn insert(&mut self, deadline: u64, value: T) -> Key {
        let stamp = self.next_stamp;
        self.next_stamp = stamp.wrapping_add(1);
        self.len += 1;
        let entry =
            Entry { deadline, prev: NONE, next: NONE, stamp, home: Home::Free, value: Some(value) };
        let index = self.free;
        if index == NONE {
            return Key { index: self.push(entry), stamp };
        }
        self.free = self.entry(index).next;
        *self.entry_mut(index) = entry;
        Key { index, stamp }
    }

    /// Frees an entry that the wheel has unlinked.
    pub(super) fn remove(&mut self, index: u32) -> T {
        let free = self.free;
        let entry = self.entry_mut(index);
        let value = entry.value.take().expect("only entries in use are removed");
        entry.home = Home::Free;
        entry.next = free;
        self.free = index;
        self.len -= 1;
        if self.len == 0 {
            self.clear();
        }
        value
    }

    fn push(&mut self, entry: Entry<T>) -> u32 {
        let index = self.end();
        assert!(index < NONE, "a wheel holds fewer than 2^32 timers");
        self.entries.push(entry);
        index
    }

    /// Gives back what a burst of timers allocated, and starts over with neighboring indices.
    fn clear(&mut self) {
        self.free = NONE;
        self.entries.clear();
        self.entries.shrink_to(KEPT_CAPACITY);
    }
}
