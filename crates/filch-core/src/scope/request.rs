//! The wish that something should end, and who waits to hear of it.

use crate::sys::sync::Mutex;
use crate::sys::sync::atomic::AtomicU8;
use crate::sys::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::wake_batch::WakeBatch;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// Why something is to end, in words. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Reason(Text);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Text {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Reason {
    /// Makes one in a constant. Elsewhere `Reason::from` does the same.
    pub const fn from_static(text: &'static str) -> Self {
        Reason(Text::Static(text))
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Static(text) => text,
            Text::Shared(text) => text,
        }
    }
}

/// The reason of whoever gives none.
impl Default for Reason {
    fn default() -> Self {
        Reason::from_static("no reason given")
    }
}

impl From<&'static str> for Reason {
    fn from(text: &'static str) -> Self {
        Reason::from_static(text)
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Reason(Text::Shared(text.into()))
    }
}

impl From<Arc<str>> for Reason {
    fn from(text: Arc<str>) -> Self {
        Reason(Text::Shared(text))
    }
}

impl From<Cow<'static, str>> for Reason {
    fn from(text: Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// How soon something is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// It is told, and may bring itself to an end.
    Notice,
    /// It is not polled any more.
    Now,
}

const NOBODY_ASKED: u8 = 0;
const NOTICE: u8 = 1;
const NOW: u8 = 2;

/// Whether something was asked to end, how urgently and why. It only ever becomes more urgent; the first reason stays.
pub struct Request {
    /// [`NOBODY_ASKED`], [`NOTICE`] or [`NOW`]. Written under the lock.
    state: AtomicU8,
    watchers: Mutex<Watchers>,
}

#[derive(Default)]
struct Watchers {
    reason: Option<Reason>,
    wakers: slab::Slab<Waker>,
}

/// A place among those who wait for a [`Request`]. Give it back with [`Request::unwatch`].
#[derive(Debug, Default)]
pub struct Watch(Option<usize>);

impl Request {
    /// Nobody has asked.
    pub fn new() -> Self {
        Request { state: AtomicU8::new(NOBODY_ASKED), watchers: Mutex::default() }
    }

    /// Whether it was asked to end.
    #[inline]
    pub fn is_made(&self) -> bool {
        // ORDERING: [request] Acquire pairs with `make`: who sees the request sees what came before it.
        self.state.load(Acquire) != NOBODY_ASKED
    }

    /// Whether it is to end without being polled again.
    #[inline]
    pub fn is_urgent(&self) -> bool {
        self.state.load(Acquire) == NOW // ORDERING: [request] as in `is_made`.
    }

    /// Why it is to end, if it is.
    pub fn reason(&self) -> Option<Reason> {
        self.watchers.lock().reason.clone()
    }

    /// Asks, and wakes who waits for that. `false`: it had been asked for as urgently before.
    pub fn make(&self, reason: &Reason, urgency: Urgency) -> bool {
        let state = if urgency == Urgency::Now { NOW } else { NOTICE };
        let mut wakes = WakeBatch::default();
        {
            let mut watchers = self.watchers.lock();
            if self.state.load(Relaxed) >= state {
                return false;
            }
            watchers.reason.get_or_insert_with(|| reason.clone());
            wakes.extend(watchers.wakers.drain());
            // ORDERING: [request] Release pairs with `is_made`.
            self.state.store(state, Release);
        }
        wakes.wake_all();
        true
    }

    /// `Ready` when it is asked to end; until then `waker` waits in the place of `watch`.
    pub fn poll_made(&self, watch: &mut Watch, waker: &Waker) -> Poll<Reason> {
        if !self.is_made() && self.watch(watch, waker.clone()) {
            return Poll::Pending;
        }
        watch.0 = None; // All places were given up when the request was made.
        Poll::Ready(self.reason().unwrap_or_default())
    }

    /// `false`: there is nothing to wait for any more.
    fn watch(&self, watch: &mut Watch, waker: Waker) -> bool {
        let mut watchers = self.watchers.lock();
        let is_made = self.state.load(Relaxed) != NOBODY_ASKED;
        let unused = match watch.0 {
            _ if is_made => Some(waker),
            Some(key) => Some(std::mem::replace(&mut watchers.wakers[key], waker)),
            None => {
                watch.0 = Some(watchers.wakers.insert(waker));
                None
            }
        };
        drop(watchers);
        drop(unused); // Unlocked: a foreign waker's drop is user code.
        !is_made
    }

    /// Ends a wait.
    pub fn unwatch(&self, watch: &mut Watch) {
        let Some(key) = watch.0.take() else { return };
        let waker = self.watchers.lock().wakers.try_remove(key);
        drop(waker); // Unlocked, as above.
    }
}

impl Default for Request {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("is_made", &self.is_made())
            .field("is_urgent", &self.is_urgent())
            .field("reason", &self.reason())
            .finish()
    }
}
