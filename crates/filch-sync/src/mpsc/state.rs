//! The one word of a channel: what it says, without any atomics.
//!
//! ```text
//!            63 ──────────── 32 31 ──────────── 4   3            2        1         0
//! bounded    position           room in use         ENDED        CLOSED   TX_WAIT   RX_WAITS
//! unbounded  position ─────────────────────────     ENDED        CLOSED   TX_WAIT   RX_WAITS
//! ```

use std::fmt;

/// The receiver waits, and its waker is stored.
pub(super) const RX_WAITS: u64 = 1;
/// Senders wait in the queue. Changes under the queue's lock only.
pub(super) const TX_WAIT: u64 = 2;
/// Nobody gets room any more, by the receiver's wish.
pub(super) const CLOSED: u64 = 4;
/// The last sender is gone, or the receiver is: each can see it of the other only.
pub(super) const ENDED: u64 = 8;

/// Room for one message: what a bounded channel counts.
pub(super) const ROOM: u64 = 16;

/// The room that a bounded channel has at most.
// Why 28 bits: so that 32 are left for the position. Why one less: see `Turnstile::give_back_before_taking`. A sender that is stopped between reading the word and changing it
// must not find the same word with a different meaning; for that, others would have to send a multiple of 2³² messages
// meanwhile.
pub(super) const MAX_ROOM: usize = (1 << 28) - 2;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct State<const BOUNDED: bool>(pub(super) u64);

impl<const BOUNDED: bool> State<BOUNDED> {
    const SHIFT: u32 = if BOUNDED { 32 } else { 4 };
    /// One position.
    pub(super) const STEP: u64 = 1 << Self::SHIFT;
    /// The room that one message takes: none where it is not counted.
    pub(super) const ROOM_OF_ONE: u64 = if BOUNDED { ROOM } else { 0 };
    /// All positions: after the last one comes zero again.
    pub(super) const POSITIONS: u64 = u64::MAX >> Self::SHIFT;

    /// A channel in which nothing was sent, and whose first message gets this position.
    pub(super) const fn starting_at(position: u64) -> Self {
        State(position << Self::SHIFT)
    }

    pub(super) fn is(self, flags: u64) -> bool {
        self.0 & flags != 0
    }

    /// The position of the next message.
    pub(super) fn position(self) -> u64 {
        self.0 >> Self::SHIFT
    }

    /// The room of messages that wait and of those that may still be sent. Zero where it is not counted.
    pub(super) fn room_in_use(self) -> usize {
        let in_use = self.0 & (Self::STEP - 1);
        (in_use / ROOM) as usize
    }

    /// Whether no message is sent any more but what is in the list.
    pub(super) fn is_final(self) -> bool {
        self.is(ENDED) || self.is(CLOSED) && self.room_in_use() == 0
    }
}

impl<const BOUNDED: bool> fmt::Debug for State<BOUNDED> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("position", &self.position())
            .field("room_in_use", &self.room_in_use())
            .field("has_ended", &self.is(ENDED))
            .field("is_closed", &self.is(CLOSED))
            .field("senders_wait", &self.is(TX_WAIT))
            .field("receiver_waits", &self.is(RX_WAITS))
            .finish()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_the_word_do_not_touch() {
        let beyond = MAX_ROOM + 1;
        let full = State::<true>(State::<true>::starting_at(7).0 + beyond as u64 * ROOM);
        assert_eq!((full.position(), full.room_in_use()), (7, beyond));
        assert!(!full.is(RX_WAITS | TX_WAIT | CLOSED | ENDED));
        let flags = State::<false>(RX_WAITS | TX_WAIT | CLOSED | ENDED);
        assert_eq!((flags.position(), flags.room_in_use()), (0, 0));
    }

    #[test]
    fn after_the_last_position_comes_the_first() {
        fn check<const BOUNDED: bool>() {
            let last = State::<BOUNDED>::starting_at(State::<BOUNDED>::POSITIONS);
            let next = State::<BOUNDED>((last.0 | CLOSED).wrapping_add(State::<BOUNDED>::STEP));
            assert_eq!((next.position(), next.room_in_use()), (0, 0));
            assert!(next.is(CLOSED));
        }
        check::<true>();
        check::<false>();
    }

    #[test]
    fn a_closed_channel_ends_when_all_room_is_back() {
        assert!(!State::<true>(0).is_final());
        assert!(!State::<true>(CLOSED | ROOM).is_final());
        assert!(State::<true>(CLOSED).is_final());
        assert!(State::<true>(ENDED | ROOM).is_final());
        assert!(State::<false>(CLOSED | State::<false>::STEP).is_final());
    }
}
