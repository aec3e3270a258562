//! Why something was canceled.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Why something was canceled, in words. Cheap to clone: a `&'static str`, or a shared one.
///
/// # Examples
///
/// ```
/// use filch_sync::Reason;
///
/// const SHUTDOWN: Reason = Reason::from_static("the server shuts down");
///
/// let too_many = Reason::from(format!("more than {} requests", 10));
/// assert_eq!(too_many.as_str(), "more than 10 requests");
/// assert_eq!(SHUTDOWN.to_string(), "the server shuts down");
/// assert_eq!(Reason::default().to_string(), "no reason given");
/// ```
#[derive(Clone)]
pub struct Reason(Text);

#[derive(Clone)]
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

impl PartialEq for Reason {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Reason {}

impl Hash for Reason {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reason").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
