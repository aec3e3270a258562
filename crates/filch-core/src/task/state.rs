//! A task's state word: flags, wake count and reference count.
//!
//! Every transition of `README.md` beside this file is one method here, and nothing else changes the word.

use crate::sys::IN_MODEL;
use crate::sys::sync::atomic::AtomicU64;
use crate::sys::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sys::sync::atomic::fence;
use std::fmt;

/// The output is not decided: the task may be polled and woken. Cleared once.
const LIVE: u64 = 1 << 0;
/// Somebody asked for the task to end. Set once.
const CANCELED: u64 = 1 << 1;
/// A join handle exists. Cleared once.
const JOIN_INTEREST: u64 = 1 << 2;
/// The join handle's waker is stored and belongs to whoever completes the task.
const JOIN_WAKER: u64 = 1 << 3;
/// A claimable task is in a poll, or was claimed.
const RUNNING: u64 = 1 << 4;
/// Whoever drops the task's group may claim it while it is not in a poll. Constant.
const CLAIMABLE: u64 = 1 << 5;
/// The future is not `Send`: it is polled and dropped at home only. Constant.
const LOCAL: u64 = 1 << 6;
/// The cold word has something that ends with the task. Set once.
const COLD: u64 = 1 << 7;

const WAKE_SHIFT: u32 = 8;
const WAKE_ONE: u64 = 1 << WAKE_SHIFT;
const REF_SHIFT: u32 = 32;
const REF_ONE: u64 = 1 << REF_SHIFT;
const FLAGS: u64 = WAKE_ONE - 1;
const WAKE_MASK: u64 = (REF_ONE - 1) & !FLAGS;
const MAX_REFS: u64 = (1 << 31) - 1;

/// From this count on a wake takes its unit back: a count this high leads to another poll in any case.
// Why: the upper half of the 24 bits is headroom for wakers between their two steps, one per thread (design 0001).
const WAKE_LIMIT: u64 = if IN_MODEL { 3 } else { 1 << 23 };

/// The word of one task.
pub(super) struct State(AtomicU64);

/// The word at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Snapshot(u64);

impl Snapshot {
    pub(super) fn is_live(self) -> bool {
        self.0 & LIVE != 0
    }

    pub(super) fn is_canceled(self) -> bool {
        self.0 & CANCELED != 0
    }

    pub(super) fn is_claimable(self) -> bool {
        self.0 & CLAIMABLE != 0
    }

    pub(super) fn is_local(self) -> bool {
        self.0 & LOCAL != 0
    }

    pub(super) fn has_cold(self) -> bool {
        self.0 & COLD != 0
    }

    pub(super) fn has_join_waker(self) -> bool {
        self.0 & JOIN_WAKER != 0
    }

    pub(super) fn has_join_interest(self) -> bool {
        self.0 & JOIN_INTEREST != 0
    }

    fn is_running(self) -> bool {
        self.0 & RUNNING != 0
    }

    /// Whether it is in a poll, or a wake has not been answered by one.
    pub(super) fn is_runnable(self) -> bool {
        self.n_wakes() != 0
    }

    fn n_wakes(self) -> u64 {
        (self.0 & WAKE_MASK) >> WAKE_SHIFT
    }

    fn n_refs(self) -> u64 {
        self.0 >> REF_SHIFT
    }
}

/// What a wake must do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// The caller holds the runnable: it must be scheduled.
    Runnable,
    /// Nothing: a poll will come, or the task is complete.
    Nothing,
    /// The caller gave up the last reference: free the task.
    Free,
}

/// How a poll that answered `Pending` ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Suspended {
    /// The runnable is gone; a wake makes another. The task must not be touched any more.
    Idle,
    /// It was woken meanwhile; the runnable still exists.
    Woken,
}

/// What completing a task left to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Completed {
    /// Nothing: others hold references.
    Done,
    /// The join handle's waker is the caller's to take; the caller got one reference.
    WakeJoiner,
    /// Nobody holds a reference: free the task.
    Free,
}

/// The join handle's answer when it tries to change who owns the waker.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum JoinWaker {
    /// Changed.
    Set,
    /// Too late: the output is there. The handle owns the waker if it was unset.
    Complete,
}

impl State {
    /// A live task with one runnable and one join handle.
    pub(super) fn new(claimable: bool, local: bool) -> Self {
        let claimable = if claimable { CLAIMABLE } else { 0 };
        let local = if local { LOCAL } else { 0 };
        State(AtomicU64::new(LIVE | JOIN_INTEREST | WAKE_ONE | REF_ONE | claimable | local))
    }

    /// Constant.
    pub(super) fn is_claimable(&self) -> bool {
        Snapshot(self.0.load(Relaxed)).is_claimable()
    }

    pub(super) fn load(&self) -> Snapshot {
        // ORDERING: Acquire. [task-output] pairs with `complete`: who sees the end sees the output.
        // [task-wake] pairs with the Release of every wake counted here: the poll sees what came before it.
        Snapshot(self.0.load(Acquire))
    }

    /// Transition 2, by reference.
    #[inline]
    pub(super) fn wake_by_ref(&self) -> Woken {
        // ORDERING: [task-wake] Release hands what was done before the wake to the poll it causes. The poll's own
        // Acquire takes the future over; all changes of the word are exchanges, so it meets every Release before it.
        let before = Snapshot(self.0.fetch_add(WAKE_ONE, Release));
        if before.n_wakes() >= WAKE_LIMIT {
            self.take_wake_back();
            return Woken::Nothing;
        }
        if before.is_live() && before.n_wakes() == 0 { Woken::Runnable } else { Woken::Nothing }
    }

    /// Transition 2, trading the waker's reference for the wake in the same step.
    #[inline]
    pub(super) fn wake_by_value(&self) -> Woken {
        if Snapshot(self.0.load(Relaxed)).n_wakes() >= WAKE_LIMIT {
            // Why: after the trade the task may be gone, so the wake could not be taken back.
            let woken = self.wake_by_ref();
            debug_assert_ne!(woken, Woken::Free);
            if woken == Woken::Nothing {
                return if self.drop_ref() { Woken::Free } else { Woken::Nothing };
            }
            self.0.fetch_sub(REF_ONE, Relaxed);
            return woken;
        }
        // ORDERING: [task-wake] as in `wake_by_ref`; [task-ref] Release as in `drop_ref`.
        let before = Snapshot(self.0.fetch_add(WAKE_ONE.wrapping_sub(REF_ONE), Release));
        match (before.is_live(), before.n_wakes()) {
            (true, 0) => Woken::Runnable,
            (true, _) => Woken::Nothing,
            (false, _) if before.n_refs() == 1 => {
                // ORDERING: [task-ref] Acquire by fence, as in `drop_ref`.
                fence(Acquire);
                Woken::Free
            }
            (false, _) => Woken::Nothing,
        }
    }

    /// Keeps the count near its limit. Never below it, so a poll in progress can always subtract what it saw.
    #[cold]
    fn take_wake_back(&self) {
        let mut current = self.0.load(Relaxed);
        while Snapshot(current).n_wakes() > WAKE_LIMIT {
            match self.0.compare_exchange_weak(current, current - WAKE_ONE, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(actual) => current = actual,
            }
        }
    }

    /// Transition 3: the holder of the runnable, who has just loaded the word, begins. The answer says what the poll
    /// covers.
    #[inline]
    pub(super) fn start_poll(&self, seen: Snapshot) -> Snapshot {
        if !seen.is_claimable() || !seen.is_live() {
            return seen;
        }
        // Why no Release: of this step and `claim` one is first, for both change one word.
        // ORDERING: [task-wake] Acquire as in `load`: the answer also counts the wakes that came after the load.
        Snapshot(self.0.fetch_or(RUNNING, Acquire))
    }

    /// Transition 4: the poll answered `Pending`.
    #[inline]
    pub(super) fn suspend(&self, seen: Snapshot) -> Suspended {
        // Why: one less than the limit, so that wakes which were taken back still lead to another poll.
        let covered = seen.n_wakes().min(WAKE_LIMIT - 1);
        let running = if seen.is_claimable() { RUNNING } else { 0 };
        // ORDERING: [task-poll] Release hands the future to the next poll, which loads the word with Acquire.
        let before = Snapshot(self.0.fetch_sub(covered * WAKE_ONE + running, Release));
        if before.n_wakes() == covered { Suspended::Idle } else { Suspended::Woken }
    }

    /// Transition 5: the output is stored. `drop_output` is called when nobody will ask for it, `end_cold` when the cold
    /// word has something to end.
    pub(super) fn complete(
        &self,
        claimed: bool,
        mut drop_output: impl FnMut(),
        mut end_cold: impl FnMut(),
    ) -> Completed {
        let (mut dropped, mut has_ended) = (false, false);
        // ORDERING: Acquire for `JOIN_INTEREST` being gone: what its handle did to the waker is over.
        let mut current = self.0.load(Acquire);
        loop {
            let now = Snapshot(current);
            debug_assert!(now.is_live(), "a task completes once");
            if !now.has_join_interest() && !dropped {
                drop_output();
                dropped = true;
            }
            if now.has_cold() && !has_ended {
                end_cold();
                has_ended = true;
            }
            // Why: a claimed task's runnable still lies in a queue; its share in the wake count becomes a reference.
            let queued = if claimed && now.n_wakes() > 0 { REF_ONE } else { 0 };
            let joiner = if now.has_join_waker() { REF_ONE } else { 0 };
            let next = (current & !(LIVE | RUNNING | WAKE_MASK)) + queued + joiner;
            // ORDERING: [task-output] Release publishes output and end.
            match self.0.compare_exchange_weak(current, next, AcqRel, Acquire) {
                Ok(_) if joiner != 0 => return Completed::WakeJoiner,
                Ok(_) if Snapshot(next).n_refs() == 0 => return Completed::Free,
                Ok(_) => return Completed::Done,
                Err(actual) => current = actual,
            }
        }
    }

    /// The cold word was installed and will have something to end with the task. `false`: too late, nobody will end it.
    pub(super) fn note_cold(&self) -> bool {
        // ORDERING: [task-cold] Release hands the word to `complete`, which ends it before `LIVE` is cleared.
        let before = Snapshot(self.0.fetch_or(COLD, AcqRel));
        before.is_live()
    }

    /// Transition 6: asks for the end. The caller wakes the task afterwards.
    pub(super) fn cancel(&self) {
        // ORDERING: Release so that what the canceler did before is seen by the poll that drops the future.
        self.0.fetch_or(CANCELED, AcqRel);
    }

    /// Transition 7: takes a suspended or queued claimable task out of everybody's hands.
    pub(super) fn claim(&self) -> bool {
        let mut current = self.0.load(Relaxed);
        loop {
            let now = Snapshot(current);
            if !now.is_claimable() || !now.is_live() || now.is_running() {
                return false;
            }
            // ORDERING: [task-claim] Acquire takes the future over from the last `suspend`.
            match self.0.compare_exchange_weak(
                current,
                current | RUNNING | CANCELED,
                AcqRel,
                Relaxed,
            ) {
                Ok(_) => return true,
                Err(actual) => current = actual,
            }
        }
    }

    /// Whether a runnable that was found in a queue must be put aside because its task was claimed.
    pub(super) fn was_claimed(seen: Snapshot) -> bool {
        !seen.is_live() || seen.is_claimable() && seen.is_running()
    }

    /// Puts a runnable aside whose task was claimed. `true`: the task must be freed.
    #[must_use]
    pub(super) fn discard(&self) -> bool {
        let mut current = self.0.load(Relaxed);
        while Snapshot(current).is_live() {
            // Why: the claimer has not completed the task yet and will find no runnable to account for.
            // ORDERING: [task-ref] Release pairs with the Acquire in `complete`: what was done with the runnable is over
            // before the claimer frees the task.
            match self.0.compare_exchange_weak(current, current & !WAKE_MASK, Release, Relaxed) {
                Ok(_) => return false,
                Err(actual) => current = actual,
            }
        }
        self.drop_ref()
    }

    /// Transition 8: the handle stored a waker.
    pub(super) fn set_join_waker(&self) -> JoinWaker {
        self.change_join_waker(|word| word | JOIN_WAKER)
    }

    /// Transition 9: the handle takes its waker back.
    pub(super) fn unset_join_waker(&self) -> JoinWaker {
        self.change_join_waker(|word| word & !JOIN_WAKER)
    }

    fn change_join_waker(&self, change: impl Fn(u64) -> u64) -> JoinWaker {
        let mut current = self.0.load(Relaxed);
        loop {
            if !Snapshot(current).is_live() {
                // ORDERING: [task-output] Acquire by fence, so that the output may be read.
                fence(Acquire);
                return JoinWaker::Complete;
            }
            // ORDERING: [join-waker] Release hands the stored waker to `complete`.
            match self.0.compare_exchange_weak(current, change(current), AcqRel, Relaxed) {
                Ok(_) => return JoinWaker::Set,
                Err(actual) => current = actual,
            }
        }
    }

    /// Transition 10: the handle goes. Answers the word before; its reference is still held.
    pub(super) fn drop_join_interest(&self) -> Snapshot {
        let mut current = self.0.load(Relaxed);
        loop {
            let live = Snapshot(current).is_live();
            let flags = if live { JOIN_INTEREST | JOIN_WAKER } else { JOIN_INTEREST };
            // ORDERING: [task-output] Acquire: the output is the handle's to drop when the task is complete.
            match self.0.compare_exchange_weak(current, current & !flags, AcqRel, Relaxed) {
                Ok(before) => return Snapshot(before),
                Err(actual) => current = actual,
            }
        }
    }

    /// Transition 10 in one step, for a handle that never stored a waker and whose task is live.
    pub(super) fn try_drop_join_handle(&self) -> bool {
        let current = self.0.load(Relaxed);
        let now = Snapshot(current);
        now.is_live()
            && !now.has_join_waker()
            // ORDERING: [task-ref] Release as in `drop_ref`.
            && self.0.compare_exchange(current, (current & !JOIN_INTEREST) - REF_ONE, Release, Relaxed).is_ok()
    }

    /// One more reference, from one that is held.
    pub(super) fn add_ref(&self) {
        let before = Snapshot(self.0.fetch_add(REF_ONE, Relaxed));
        if before.n_refs() >= MAX_REFS {
            // Why: as `Arc`: forgetting clones in a loop must not wrap the count to a use after free.
            std::process::abort();
        }
    }

    /// Gives a reference up. `true`: it was the last one of a complete task, which must be freed.
    #[must_use]
    pub(super) fn drop_ref(&self) -> bool {
        // ORDERING: [task-ref] Release: what this holder did comes before the free.
        let before = Snapshot(self.0.fetch_sub(REF_ONE, Release));
        debug_assert_ne!(before.n_refs(), 0, "a reference is dropped once");
        let last = before.n_refs() == 1 && !before.is_live();
        if last {
            // ORDERING: [task-ref] Acquire by fence: every other holder's Release came before.
            fence(Acquire);
        }
        last
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Snapshot(self.0.load(Relaxed)).fmt(f)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("live", &self.is_live())
            .field("canceled", &self.is_canceled())
            .field("join_interest", &self.has_join_interest())
            .field("n_wakes", &self.n_wakes())
            .field("n_refs", &self.n_refs())
            .finish()
    }
}
