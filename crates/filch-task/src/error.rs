//! An error of any kind: [`Error`].

use std::error::Error as StdError;
use std::fmt;

type Boxed = Box<dyn StdError + Send + Sync + 'static>;

/// Any error, in a box. `?` makes one of every error type, which is why it is not an [`std::error::Error`] itself.
///
/// It is what children of a [`TaskGroup`](crate::TaskGroup) fail with unless the group names another type.
pub struct Error(Boxed);

impl Error {
    /// An error that is a message.
    pub fn msg(message: impl fmt::Display) -> Self {
        Error(message.to_string().into())
    }

    /// The error inside, if it is an `E`.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }

    /// As [`downcast_ref`](Self::downcast_ref).
    pub fn downcast_mut<E: StdError + 'static>(&mut self) -> Option<&mut E> {
        self.0.downcast_mut()
    }

    /// Takes out the error inside.
    ///
    /// # Errors
    /// Itself, if the error inside is no `E`.
    pub fn downcast<E: StdError + 'static>(self) -> Result<E, Self> {
        self.0.downcast().map(|error| *error).map_err(Error)
    }

    /// Whether the error inside is an `E`.
    pub fn is<E: StdError + 'static>(&self) -> bool {
        self.0.is::<E>()
    }

    /// The error inside.
    pub fn get_ref(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.0
    }

    /// The error inside, in its box.
    pub fn into_inner(self) -> Box<dyn StdError + Send + Sync + 'static> {
        self.0
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Error(Box::new(error))
    }
}

impl From<Error> for Boxed {
    fn from(error: Error) -> Self {
        error.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
