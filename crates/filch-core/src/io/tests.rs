//! Who is woken by an event, and what is left of a waiter.

use super::slots::IoSlots;
use super::{Direction, Interest, IoSlot, Ready, SlotKey};
use crate::io::slot::{Place, Wait};
use crate::wake_batch::WakeBatch;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, LazyLock};
use std::task::{Wake, Waker};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Count {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    fn n_wakes(&self) -> usize {
        self.0.load(SeqCst)
    }
}

fn waker(count: &Arc<Count>) -> Waker {
    Waker::from(count.clone())
}

fn deliver(slot: &IoSlot, ready: Ready) {
    let mut wakes = WakeBatch::default();
    slot.deliver(0, ready, &mut wakes);
    wakes.wake_all();
}

#[track_caller]
fn placed(wait: Wait) -> Place {
    match wait {
        Wait::Placed(place) => place,
        _ => panic!("the slot is ready or ended"),
    }
}

#[test]
fn polling_again_and_again_takes_one_place() {
    let (slot, count) = (IoSlot::default(), Count::new());
    let waker = waker(&count);
    for _ in 0..100 {
        placed(slot.wait_polled(0, Interest::READABLE, &waker));
    }
    assert_eq!(Arc::strong_count(&count), 3, "each poll left a waker");
    deliver(&slot, Ready::READABLE);
    assert_eq!((count.n_wakes(), Arc::strong_count(&count)), (1, 2));
}

#[test]
fn interests_are_added_and_removed() {
    let mut interest = Interest::READABLE;
    interest |= Interest::ERROR;
    assert!(interest.is_readable() && interest.is_error() && !interest.is_writable());
    assert_eq!(interest.remove(Interest::READABLE), Some(Interest::ERROR));
    assert_eq!(Interest::ERROR.remove(interest), None);
    assert_eq!(format!("{interest:?}"), "READABLE | ERROR");
    assert_eq!(Interest::ERROR.mask(), Ready::ERROR);
    assert_eq!(Ready::ALL & Interest::WRITABLE.mask(), Interest::WRITABLE.mask());
}

#[test]
fn who_waits_for_errors_hears_of_nothing_else() {
    let (slot, count) = (IoSlot::default(), Count::new());
    deliver(&slot, Ready::READABLE);
    placed(slot.wait(0, Interest::ERROR, &waker(&count)));
    deliver(&slot, Ready::ERROR);
    assert_eq!(count.n_wakes(), 1);
    assert!(matches!(slot.wait(0, Interest::ERROR, &waker(&count)), Wait::Ready(_)));
}

#[test]
fn urgent_data_answers_only_who_asked_for_it() {
    let (slot, count) = (IoSlot::default(), Count::new());
    deliver(&slot, Ready::PRIORITY);
    placed(slot.wait(0, Interest::READABLE, &waker(&count)));
    assert!(matches!(slot.wait(0, Interest::PRIORITY, &waker(&count)), Wait::Ready(_)));
    let event = slot.ready(0, Direction::Read).expect("nobody ended it");
    assert!(event.ready.is_priority(), "who looks sees it");
    deliver(&slot, Ready::READABLE);
    assert_eq!(count.n_wakes(), 1);
}

#[test]
fn polls_that_were_given_up_do_not_pile_up() {
    let slot = IoSlot::default();
    let counts: Vec<_> = (0..1000).map(|_| Count::new()).collect();
    for count in &counts {
        placed(slot.wait_polled(0, Interest::READABLE, &waker(count)));
    }
    let n_kept = counts.iter().filter(|count| Arc::strong_count(count) > 1).count();
    assert_eq!(n_kept, 32);
    assert!(counts[..1000 - 32].iter().all(|count| count.n_wakes() == 1), "they may still wait");
    let other = Count::new();
    placed(slot.wait_polled(0, Interest::WRITABLE, &waker(&other)));
    placed(slot.wait(0, Interest::READABLE, &waker(&other)));
    assert_eq!(
        other.n_wakes(),
        0,
        "each direction has a limit of its own, and who leaves has none"
    );
    deliver(&slot, Ready::READABLE);
    assert!(counts.iter().all(|count| count.n_wakes() == 1));
}

#[test]
fn a_hang_up_wakes_both_directions_and_all_their_waiters() {
    let slot = IoSlot::default();
    let counts = [(); 6].map(|()| Count::new());
    for (n, count) in counts.iter().enumerate() {
        let interest = if n % 2 == 0 { Interest::READABLE } else { Interest::WRITABLE };
        placed(slot.wait(0, interest, &waker(count)));
    }
    deliver(&slot, Ready::READ_CLOSED | Ready::WRITE_CLOSED);
    assert_eq!(counts.map(|count| count.n_wakes()), [1; 6]);
}

#[test]
fn an_event_leaves_the_other_direction_alone() {
    let slot = IoSlot::default();
    let (reader, writer) = (Count::new(), Count::new());
    placed(slot.wait(0, Interest::READABLE, &waker(&reader)));
    placed(slot.wait(0, Interest::WRITABLE, &waker(&writer)));
    deliver(&slot, Ready::WRITABLE);
    assert_eq!((reader.n_wakes(), writer.n_wakes()), (0, 1));
    deliver(&slot, Ready::READABLE);
    assert_eq!((reader.n_wakes(), writer.n_wakes()), (1, 1));
}

#[test]
fn a_waiter_that_left_is_not_woken_and_its_place_may_be_taken() {
    let slot = IoSlot::default();
    let (gone, stays) = (Count::new(), Count::new());
    let place = placed(slot.wait(0, Interest::READABLE, &waker(&gone)));
    slot.leave(place);
    placed(slot.wait(0, Interest::READABLE, &waker(&stays)));
    assert_eq!(Arc::strong_count(&gone), 1);
    deliver(&slot, Ready::READABLE);
    assert_eq!((gone.n_wakes(), stays.n_wakes()), (0, 1));
}

#[test]
fn what_is_closed_stays_closed_and_an_error_is_cleared_on_its_own() {
    let slot = IoSlot::default();
    deliver(&slot, Ready::READABLE | Ready::READ_CLOSED | Ready::ERROR);
    let event = slot.ready(0, Direction::Read).expect("nobody ended it");
    slot.clear(0, event);
    let after = slot.ready(0, Direction::Read).expect("nobody ended it");
    assert_eq!(after.ready, Ready::READ_CLOSED | Ready::ERROR);
    slot.clear_error(0, after);
    let after = slot.ready(0, Direction::Read).expect("nobody ended it");
    assert_eq!(after.ready, Ready::READ_CLOSED);
}

#[test]
fn an_operation_that_would_block_refutes_an_end_but_not_one_that_came_since() {
    let slot = IoSlot::default();
    deliver(&slot, Ready::READABLE | Ready::READ_CLOSED | Ready::WRITABLE);
    let stale = slot.ready(0, Direction::Read).expect("nobody ended it");
    deliver(&slot, Ready::READ_CLOSED);
    slot.refute(0, stale);
    let event = slot.ready(0, Direction::Read).expect("nobody ended it");
    assert_eq!(event.ready, Ready::READABLE | Ready::READ_CLOSED);
    slot.refute(0, event);
    let after = slot.ready(0, Direction::Read).expect("nobody ended it");
    assert!(after.ready.is_empty(), "{after:?}");
    let other = slot.ready(0, Direction::Write).expect("nobody ended it");
    assert_eq!(other.ready, Ready::WRITABLE);
}

#[test]
fn the_end_of_all_registrations_wakes_their_waiters_and_frees_their_slots() {
    let slots = IoSlots::new();
    let keys = [(); 3].map(|()| slots.take());
    let count = Count::new();
    let waker = waker(&count);
    for key in keys {
        placed(slots.slot(key.index()).wait(key.generation(), Interest::READABLE, &waker));
    }
    let mut wakes = WakeBatch::default();
    slots.retire_all(&mut wakes);
    wakes.wake_all();
    assert_eq!(count.n_wakes(), 3);
    for key in keys {
        let slot = slots.slot(key.index());
        assert!(matches!(slot.wait(key.generation(), Interest::READABLE, &waker), Wait::Stale));
        slots.give_back(key, &mut wakes);
    }
    let mut taken: Vec<u32> = (0..4).map(|_| slots.take().index()).collect();
    taken.sort_unstable();
    assert_eq!(taken, [0, 1, 2, 3], "a slot was given out twice or lost");
}

#[test]
fn a_slot_is_one_line_of_memory() {
    assert_eq!((size_of::<IoSlot>(), align_of::<IoSlot>()), (64, 64));
}

#[test]
fn an_event_under_an_invented_key_is_dropped() {
    static SLOTS: LazyLock<IoSlots> = LazyLock::new(IoSlots::new);
    let slots = &*SLOTS;
    let key = slots.take();
    let mut wakes = WakeBatch::for_slots(slots);
    let invented = [u64::MAX, u64::from(u32::MAX), 1 << 20, key.to_raw() | 7 << 32];
    wakes.prefetch(invented.map(SlotKey::from_raw));
    for raw in invented {
        wakes.deliver(SlotKey::from_raw(raw), Ready::ALL);
    }
    assert!(slots.slot(0).ready(0, Direction::Read).expect("it lives").ready.is_empty());
    assert_eq!(wakes.n_events(), 4);
}
