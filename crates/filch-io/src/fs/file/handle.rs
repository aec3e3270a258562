//! A file that its calls share: each holds it open until it is done.

use crate::fs::call::{begin, call_of};
use filch_core::task::JoinHandle;
use filch_sync::Notify;
use std::fs::File;
use std::future::Future;
use std::io::Result;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;

/// The owner's end.
#[derive(Debug)]
pub(super) struct Handle {
    file: Arc<File>,
    /// Notified when a call has let go of the file.
    returned: Arc<Notify>,
    opened_at: &'static Location<'static>,
}

/// A call's end.
#[derive(Debug)]
pub(super) struct Lent {
    /// None only while it is dropped.
    file: Option<Arc<File>>,
    returned: Arc<Notify>,
}

impl Handle {
    pub(super) fn new(file: File, opened_at: &'static Location<'static>) -> Handle {
        Handle { file: Arc::new(file), returned: Arc::new(Notify::new()), opened_at }
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn opened_at(&self) -> &'static Location<'static> {
        self.opened_at
    }

    pub(super) fn lend(&self) -> Lent {
        Lent { file: Some(Arc::clone(&self.file)), returned: Arc::clone(&self.returned) }
    }

    /// Calls `operation` on a thread, once the future is polled.
    pub(super) fn call<F, R>(
        &self,
        operation: F,
    ) -> impl Future<Output = Result<R>> + Send + use<F, R>
    where
        F: FnOnce(&File) -> Result<R> + Send + 'static,
        R: Send + 'static,
    {
        let file = self.lend();
        call_of(self.opened_at, move || operation(&file))
    }

    /// Begins a call on a thread.
    pub(super) fn begin<R: Send + 'static>(
        &self,
        call: impl FnOnce() -> R + Send + 'static,
    ) -> JoinHandle<R> {
        begin(self.opened_at, call)
    }

    /// The file itself, unless a call has it.
    pub(super) fn try_unshare(self) -> std::result::Result<File, Handle> {
        let Handle { file, returned, opened_at } = self;
        Arc::try_unwrap(file).map_err(|file| Handle { file, returned, opened_at })
    }

    /// The file itself, as soon as no call has it.
    pub(super) async fn unshare(mut self) -> File {
        loop {
            let returned = Arc::clone(&self.returned);
            match self.try_unshare() {
                Ok(file) => return file,
                Err(shared) => self = shared,
            }
            // Why no notification is missed: one that comes before the wait is kept for it.
            returned.notified().await;
        }
    }
}

impl Deref for Lent {
    type Target = File;

    fn deref(&self) -> &File {
        self.file.as_ref().expect("it is there until the drop")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        drop(self.file.take()); // First, so that whoever is notified finds it returned.
        self.returned.notify_one();
    }
}
