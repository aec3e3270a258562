//! What is asked of a source and what is known about it.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Sub};

/// What a registration asks for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interest(u8);

impl Interest {
    /// Readable: data, end of stream, or a connection to accept.
    pub const READABLE: Interest = Interest(0b001);
    /// Writable: room in the send buffer, or a finished connect.
    pub const WRITABLE: Interest = Interest(0b010);
    /// Urgent data (`EPOLLPRI`).
    pub const PRIORITY: Interest = Interest(0b100);
    /// A pending error and nothing else. Every interest is told of errors.
    pub const ERROR: Interest = Interest(0b1000);
    /// Both directions: what sockets ask for.
    pub const BOTH: Interest = Interest(0b011);

    /// The union of both.
    #[must_use]
    pub const fn add(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }

    /// Whether this asks for readability.
    pub const fn is_readable(self) -> bool {
        self.0 & Self::READABLE.0 != 0
    }

    /// Whether this asks for writability.
    pub const fn is_writable(self) -> bool {
        self.0 & Self::WRITABLE.0 != 0
    }

    /// Whether this asks for urgent data.
    pub const fn is_priority(self) -> bool {
        self.0 & Self::PRIORITY.0 != 0
    }

    /// Whether this asks for errors by name.
    pub const fn is_error(self) -> bool {
        self.0 & Self::ERROR.0 != 0
    }

    /// What is left of this without `other`; `None` when that is nothing.
    #[must_use]
    pub const fn remove(self, other: Interest) -> Option<Interest> {
        match self.0 & !other.0 {
            0 => None,
            left => Some(Interest(left)),
        }
    }

    /// Whether this asks for nothing.
    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The part of it that `direction` waits for.
    pub(super) const fn within(self, direction: Direction) -> Interest {
        let mask = match direction {
            Direction::Read => Self::READABLE.0 | Self::PRIORITY.0 | Self::ERROR.0,
            Direction::Write => Self::WRITABLE.0,
        };
        Interest(self.0 & mask)
    }

    /// The direction of an interest that is of one.
    pub(super) const fn direction(self) -> Direction {
        if self.is_writable() { Direction::Write } else { Direction::Read }
    }

    /// The readiness that answers this interest, hang-ups and errors included.
    pub const fn mask(self) -> Ready {
        let mut ready = Ready::ERROR.0;
        if self.is_readable() {
            ready |= Ready::READABLE.0 | Ready::READ_CLOSED.0;
        }
        if self.is_writable() {
            ready |= Ready::WRITABLE.0 | Ready::WRITE_CLOSED.0;
        }
        if self.is_priority() {
            ready |= Ready::PRIORITY.0 | Ready::READ_CLOSED.0;
        }
        Ready(ready)
    }
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        self.add(other)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        *self = self.add(other);
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::READABLE, "READABLE"),
            (Self::WRITABLE, "WRITABLE"),
            (Self::PRIORITY, "PRIORITY"),
            (Self::ERROR, "ERROR"),
        ];
        write_flags(f, names.iter().filter(|(flag, _)| self.0 & flag.0 != 0).map(|(_, name)| *name))
    }
}

/// One way through a source; each has waiters of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Reading, accepting, urgent data.
    Read,
    /// Writing, connecting.
    Write,
}

impl Direction {
    /// All readiness that concerns this direction.
    pub const fn mask(self) -> Ready {
        match self {
            Direction::Read => Interest::READABLE.add(Interest::PRIORITY).mask(),
            Direction::Write => Interest::WRITABLE.mask(),
        }
    }

    /// The interest a oneshot driver is re-armed with.
    pub const fn interest(self) -> Interest {
        match self {
            Direction::Read => Interest::READABLE,
            Direction::Write => Interest::WRITABLE,
        }
    }
}

/// What is known about a source. A hint: the operation itself may still say `WouldBlock`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Ready(u8);

impl Ready {
    /// Nothing.
    pub const EMPTY: Ready = Ready(0);
    /// A read will not block.
    pub const READABLE: Ready = Ready(0b00_0001);
    /// A write will not block.
    pub const WRITABLE: Ready = Ready(0b00_0010);
    /// The peer will send no more; stays set.
    pub const READ_CLOSED: Ready = Ready(0b00_0100);
    /// The peer will take no more; stays set.
    pub const WRITE_CLOSED: Ready = Ready(0b00_1000);
    /// Urgent data.
    pub const PRIORITY: Ready = Ready(0b01_0000);
    /// An error is pending on the source; wakes both directions.
    pub const ERROR: Ready = Ready(0b10_0000);
    /// Everything: what a driver reports when it cannot tell.
    pub const ALL: Ready = Ready(0b11_1111);

    pub(super) const fn from_bits(bits: u8) -> Ready {
        Ready(bits & Self::ALL.0)
    }

    pub(super) const fn bits(self) -> u8 {
        self.0
    }

    /// Whether nothing is known.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a read will make progress: data, end of stream or error.
    pub const fn is_readable(self) -> bool {
        self.intersects(Ready(Self::READABLE.0 | Self::READ_CLOSED.0))
    }

    /// Whether a write will make progress: room, a closed peer or an error.
    pub const fn is_writable(self) -> bool {
        self.intersects(Ready(Self::WRITABLE.0 | Self::WRITE_CLOSED.0))
    }

    /// Whether the peer will send no more.
    pub const fn is_read_closed(self) -> bool {
        self.intersects(Self::READ_CLOSED)
    }

    /// Whether the peer will take no more.
    pub const fn is_write_closed(self) -> bool {
        self.intersects(Self::WRITE_CLOSED)
    }

    /// Whether urgent data waits.
    pub const fn is_priority(self) -> bool {
        self.intersects(Self::PRIORITY)
    }

    /// Whether an error is pending.
    pub const fn is_error(self) -> bool {
        self.intersects(Self::ERROR)
    }

    /// Whether any bit is in both.
    pub const fn intersects(self, other: Ready) -> bool {
        self.0 & other.0 != 0
    }

    /// The bits that are in both.
    #[must_use]
    pub const fn intersection(self, other: Ready) -> Ready {
        Ready(self.0 & other.0)
    }
}

impl BitOr for Ready {
    type Output = Ready;

    fn bitor(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }
}

impl BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        self.0 |= other.0;
    }
}

impl BitAnd for Ready {
    type Output = Ready;

    fn bitand(self, other: Ready) -> Ready {
        self.intersection(other)
    }
}

impl Sub for Ready {
    type Output = Ready;

    fn sub(self, other: Ready) -> Ready {
        Ready(self.0 & !other.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::READABLE, "READABLE"),
            (Self::WRITABLE, "WRITABLE"),
            (Self::READ_CLOSED, "READ_CLOSED"),
            (Self::WRITE_CLOSED, "WRITE_CLOSED"),
            (Self::PRIORITY, "PRIORITY"),
            (Self::ERROR, "ERROR"),
        ];
        write_flags(
            f,
            names.iter().filter(|(flag, _)| self.intersects(*flag)).map(|(_, name)| *name),
        )
    }
}

fn write_flags(
    f: &mut fmt::Formatter<'_>,
    names: impl Iterator<Item = &'static str>,
) -> fmt::Result {
    let mut any = false;
    for name in names {
        if any {
            f.write_str(" | ")?;
        }
        f.write_str(name)?;
        any = true;
    }
    if any { Ok(()) } else { f.write_str("EMPTY") }
}
