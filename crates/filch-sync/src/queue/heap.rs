//! A binary heap whose comparisons are all made before anything is moved.
//!
//! Each change is two calls: the first compares and only looks, the second moves and does not compare. So a comparison
//! that panics leaves the heap as it was, which that of std does not promise.
//!
//! **Invariant:** no value is smaller than its parent, that of `index` being at `(index - 1) / 2`.

#[derive(Debug)]
pub struct Heap<T> {
    values: Vec<T>,
}

impl<T> Heap<T> {
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Adds `value` at `place`, which [`place_of`](Self::place_of) found for it: what is there and above moves down, to
    /// the new end.
    pub(super) fn insert(&mut self, value: T, place: usize) {
        self.values.push(value);
        let mut index = self.values.len() - 1;
        while index != place {
            let parent = (index - 1) / 2;
            self.values.swap(index, parent);
            index = parent;
        }
    }

    /// Takes the smallest value. The last one goes to `place`, which [`place_of_last`](Self::place_of_last) found for
    /// it: what is there and above moves up.
    pub(super) fn take_smallest(&mut self, place: usize) -> Option<T> {
        let last = self.values.len().checked_sub(1)?;
        // Upward from `place`, through the end of the vector: it holds the value that goes one up next.
        let mut index = place;
        self.values.swap(index, last);
        while index != 0 {
            index = (index - 1) / 2;
            self.values.swap(index, last);
        }
        self.values.pop()
    }
}

impl<T: Ord> Heap<T> {
    /// Where `value` belongs, on the way from a new place at the end to the root.
    pub(super) fn place_of(&self, value: &T) -> usize {
        let mut index = self.values.len();
        while index != 0 {
            let parent = (index - 1) / 2;
            if self.values[parent] <= *value {
                break;
            }
            index = parent;
        }
        index
    }

    /// Where the last value belongs once the smallest is gone: on the way down from the root, along the smaller children.
    pub(super) fn place_of_last(&self) -> usize {
        let Some(last) = self.values.len().checked_sub(1) else { return 0 };
        let mut index = 0;
        loop {
            let (left, right) = (2 * index + 1, 2 * index + 2);
            if left >= last {
                return index;
            }
            let is_right_smaller = right < last && self.values[right] < self.values[left];
            let child = if is_right_smaller { right } else { left };
            if self.values[last] <= self.values[child] {
                return index;
            }
            index = child;
        }
    }
}

impl<T> Default for Heap<T> {
    fn default() -> Self {
        Heap { values: Vec::new() }
    }
}

#[cfg(all(test, not(any(filch_loom, filch_shuttle))))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;
    use std::cmp::Ordering;
    use std::collections::BinaryHeap;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    thread_local! {
        /// How many comparisons are left before one panics.
        static N_COMPARISONS: Cell<usize> = const { Cell::new(usize::MAX) };
    }

    #[derive(Debug, PartialEq, Eq, Clone, Copy)]
    struct Fragile(u8);

    impl PartialOrd for Fragile {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl Ord for Fragile {
        fn cmp(&self, other: &Self) -> Ordering {
            N_COMPARISONS.with(|left| {
                left.set(left.get().checked_sub(1).expect("no comparison was to come"))
            });
            self.0.cmp(&other.0)
        }
    }

    fn insert(heap: &mut Heap<Fragile>, value: u8) {
        let place = heap.place_of(&Fragile(value));
        heap.insert(Fragile(value), place);
    }

    fn take(heap: &mut Heap<Fragile>) -> Option<u8> {
        let place = heap.place_of_last();
        heap.take_smallest(place).map(|value| value.0)
    }

    proptest! {
        #[test]
        fn gives_out_what_that_of_std_does(steps in prop::collection::vec(prop::option::of(0..8u8), 0..200)) {
            let (mut heap, mut model) = (Heap::default(), BinaryHeap::new());
            for step in steps {
                match step {
                    Some(value) => {
                        insert(&mut heap, value);
                        model.push(std::cmp::Reverse(value));
                    }
                    None => prop_assert_eq!(take(&mut heap), model.pop().map(|value| value.0)),
                }
                prop_assert_eq!(heap.len(), model.len());
            }
        }

        #[test]
        fn a_comparison_that_panics_changes_nothing(
            values in prop::collection::vec(any::<u8>(), 1..40),
            n_comparisons in 0..4usize,
            takes: bool,
        ) {
            let mut heap = Heap::default();
            values.iter().for_each(|value| insert(&mut heap, *value));
            let before = heap.values.clone();
            N_COMPARISONS.with(|left| left.set(n_comparisons));
            let changed = catch_unwind(AssertUnwindSafe(|| {
                if takes { let _ = take(&mut heap); } else { insert(&mut heap, 0) }
            }));
            N_COMPARISONS.with(|left| left.set(usize::MAX));
            if changed.is_err() {
                prop_assert_eq!(before, heap.values);
            }
        }
    }
}
