//! The system call a turn waits in.
//!
//! `epoll_pwait2` takes nanoseconds. Where the kernel lacks it (before 5.11) or a filter forbids it, `epoll_wait` waits
//! for a timer descriptor, which costs a second call for each wait with a limit. Decided once, when a driver is made.
//!
//! Called by number, for neither older C libraries nor `rustix` without its `linux_5_11` feature have it, and that
//! feature would take `epoll_wait` away from every other crate of the program.

use filch_core::seam::Limit;
use filch_core::sys::Duration;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use std::ffi::{c_int, c_long};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

/// The events of one turn.
pub(crate) struct Events(Vec<epoll::Event>);

// SAFETY: only a pointer among an event's data could be bound to a thread; ours are numbers, written and read as such.
unsafe impl Send for Events {}

impl Events {
    pub(crate) fn with_capacity(n_events: usize) -> Self {
        Events(Vec::with_capacity(n_events))
    }

    /// Each event's key and flags.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, epoll::EventFlags)> + Clone + '_ {
        self.0.iter().map(|event| (event.data.u64(), event.flags))
    }
}

/// How a turn waits.
#[derive(Debug)]
pub(crate) enum EpollWait {
    /// By `epoll_pwait2`.
    Nanoseconds,
    /// By `epoll_wait` and this timer.
    Timer(OwnedFd),
}

impl EpollWait {
    /// Finds out what the kernel can do. `bell` is the key under which a timer reports; its events mean nothing.
    ///
    /// # Errors
    /// When the timer cannot be made.
    pub(crate) fn choose(epoll: BorrowedFd<'_>, bell: epoll::EventData) -> io::Result<Self> {
        match pwait2(epoll, &mut Events::with_capacity(1), Some(Duration::ZERO)) {
            Ok(()) => Ok(EpollWait::Nanoseconds),
            Err(_) => Self::with_timer(epoll, bell),
        }
    }

    pub(crate) fn with_timer(epoll: BorrowedFd<'_>, bell: epoll::EventData) -> io::Result<Self> {
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )?;
        // Why: edge-triggered and never read. Setting the timer takes an old expiry back.
        epoll::add(epoll, &timer, bell, epoll::EventFlags::IN | epoll::EventFlags::ET)?;
        Ok(EpollWait::Timer(timer))
    }

    /// Waits and fills `events` up to its capacity.
    pub(crate) fn wait(
        &self,
        epoll: BorrowedFd<'_>,
        events: &mut Events,
        limit: Limit,
    ) -> io::Result<()> {
        events.0.clear();
        let limit = match limit {
            Limit::Zero => Some(Duration::ZERO),
            Limit::For(limit) => Some(limit),
            Limit::Forever => None,
        };
        match self {
            EpollWait::Nanoseconds => pwait2(epoll, events, limit),
            EpollWait::Timer(timer) => wait_with_timer(epoll, timer.as_fd(), events, limit),
        }
    }
}

fn wait_with_timer(
    epoll: BorrowedFd<'_>,
    timer: BorrowedFd<'_>,
    events: &mut Events,
    limit: Option<Duration>,
) -> io::Result<()> {
    const ZERO: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
    let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
    if let Some(it_value) = limit.filter(|limit| *limit != ZERO) {
        let once = Itimerspec { it_interval: ZERO, it_value };
        timerfd_settime(timer, TimerfdTimerFlags::empty(), &once)?;
    }
    let look = limit.filter(|limit| *limit == ZERO);
    epoll::wait(epoll, spare_capacity(&mut events.0), look.as_ref())?;
    Ok(())
}

/// The call's number, the same wherever numbers were unified, which they were before this call came.
const EPOLL_PWAIT2: Option<c_long> = if cfg!(any(
    all(target_arch = "x86_64", target_pointer_width = "64"),
    target_arch = "x86",
    target_arch = "arm",
    target_arch = "aarch64",
    target_arch = "riscv32",
    target_arch = "riscv64",
    target_arch = "powerpc",
    target_arch = "powerpc64",
    target_arch = "s390x",
    target_arch = "loongarch64",
)) {
    Some(441)
} else {
    None
};

/// The kernel's `struct __kernel_timespec`, 64 bits wide everywhere.
#[repr(C)]
struct KernelTimespec {
    seconds: i64,
    nanoseconds: i64,
}

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
}

fn pwait2(epoll: BorrowedFd<'_>, events: &mut Events, limit: Option<Duration>) -> io::Result<()> {
    let number = EPOLL_PWAIT2.ok_or(io::ErrorKind::Unsupported)?;
    let timespec = limit.and_then(|limit| {
        let seconds = i64::try_from(limit.as_secs()).ok()?;
        Some(KernelTimespec { seconds, nanoseconds: i64::from(limit.subsec_nanos()) })
    });
    let room = events.0.spare_capacity_mut();
    let n_room = c_int::try_from(room.len()).unwrap_or(c_int::MAX);
    // SAFETY: the arguments of `epoll_pwait2(2)`, each as wide as a register:
    // - the descriptor is open, it is borrowed;
    // - the kernel writes at most `n_room` events, and `room` has that many places, laid out as the kernel's;
    // - the timeout is null or points to a live `KernelTimespec`; the signal mask is null, so its size is not looked at.
    let n_events = unsafe {
        syscall(
            number,
            c_long::from(epoll.as_raw_fd()),
            room.as_mut_ptr(),
            c_long::from(n_room),
            timespec.as_ref().map_or(ptr::null(), ptr::from_ref),
            ptr::null::<()>(),
            0 as c_long,
        )
    };
    let n_events = usize::try_from(n_events).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel has filled this many places, no more than `room` had.
    unsafe { events.0.set_len(events.0.len() + n_events) };
    Ok(())
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_limit_beyond_the_kernels_range_does_not_end_the_wait_early() {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll");
        let bell = epoll::EventData::new_u64(u64::MAX);
        let once = epoll::EventFlags::IN | epoll::EventFlags::ET;
        for wait in [
            EpollWait::choose(epoll.as_fd(), bell).expect("some way to wait"),
            EpollWait::with_timer(epoll.as_fd(), bell).expect("a timer"),
        ] {
            let ready = rustix::event::eventfd(1, rustix::event::EventfdFlags::CLOEXEC)
                .expect("an eventfd");
            epoll::add(&epoll, &ready, epoll::EventData::new_u64(7), once).expect("added");
            let mut events = Events::with_capacity(4);
            wait.wait(epoll.as_fd(), &mut events, Limit::For(Duration::MAX)).expect("waited");
            assert_eq!(events.iter().map(|(key, _)| key).collect::<Vec<_>>(), [7]);
        }
    }
}
