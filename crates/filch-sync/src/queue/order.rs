//! Which value comes out first.

use super::heap::Heap;
use std::collections::VecDeque;

/// Which value of a queue comes out first: [`Fifo`], [`Lifo`] or [`Smallest`].
pub trait Order<T>: Strategy<T> {}

impl<T> Order<T> for Fifo {}
impl<T> Order<T> for Lifo {}
impl<T: Ord> Order<T> for Smallest {}

/// The oldest value first: the order of a [`Queue`](super::Queue).
#[derive(Debug)]
pub enum Fifo {}

/// The newest value first: the order of a [`LifoQueue`](super::LifoQueue).
#[derive(Debug)]
pub enum Lifo {}

/// The smallest value first: the order of a [`PriorityQueue`](super::PriorityQueue).
#[derive(Debug)]
pub enum Smallest {}

/// How values are kept, so that the first one is at hand.
///
/// What looks is apart from what changes: only the former compares values, which is foreign code.
pub trait Strategy<T> {
    /// Values that wait.
    type Values: Default;

    /// Whether values are compared.
    const COMPARES: bool;

    fn len(values: &Self::Values) -> usize;

    /// Where `value` would go.
    fn place_of(values: &Self::Values, value: &T) -> usize;

    /// Adds a value for which `place` was just found.
    fn insert(values: &mut Self::Values, value: T, place: usize);

    /// Where the last value would go if the first one left.
    fn place_of_last(values: &Self::Values) -> usize;

    /// Takes the first value; `place` was just found for the last one.
    fn take_first(values: &mut Self::Values, place: usize) -> Option<T>;
}

impl<T> Strategy<T> for Fifo {
    type Values = VecDeque<T>;
    const COMPARES: bool = false;

    fn len(values: &VecDeque<T>) -> usize {
        values.len()
    }

    fn place_of(_: &VecDeque<T>, _: &T) -> usize {
        0
    }

    fn insert(values: &mut VecDeque<T>, value: T, _: usize) {
        values.push_back(value);
    }

    fn place_of_last(_: &VecDeque<T>) -> usize {
        0
    }

    fn take_first(values: &mut VecDeque<T>, _: usize) -> Option<T> {
        values.pop_front()
    }
}

impl<T> Strategy<T> for Lifo {
    type Values = Vec<T>;
    const COMPARES: bool = false;

    fn len(values: &Vec<T>) -> usize {
        values.len()
    }

    fn place_of(_: &Vec<T>, _: &T) -> usize {
        0
    }

    fn insert(values: &mut Vec<T>, value: T, _: usize) {
        values.push(value);
    }

    fn place_of_last(_: &Vec<T>) -> usize {
        0
    }

    fn take_first(values: &mut Vec<T>, _: usize) -> Option<T> {
        values.pop()
    }
}

impl<T: Ord> Strategy<T> for Smallest {
    type Values = Heap<T>;
    const COMPARES: bool = true;

    fn len(values: &Heap<T>) -> usize {
        values.len()
    }

    fn place_of(values: &Heap<T>, value: &T) -> usize {
        values.place_of(value)
    }

    fn insert(values: &mut Heap<T>, value: T, place: usize) {
        values.insert(value, place);
    }

    fn place_of_last(values: &Heap<T>) -> usize {
        values.place_of_last()
    }

    fn take_first(values: &mut Heap<T>, place: usize) -> Option<T> {
        values.take_smallest(place)
    }
}
