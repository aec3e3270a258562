//! Conversions from and to what the system calls an open file.

#[cfg(unix)]
mod unix {
    use crate::fs::File;
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

    impl AsFd for File {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.handle.file().as_fd()
        }
    }

    impl AsRawFd for File {
        fn as_raw_fd(&self) -> RawFd {
            self.handle.file().as_raw_fd()
        }
    }

    impl From<OwnedFd> for File {
        #[track_caller]
        fn from(fd: OwnedFd) -> File {
            File::from_std(fd.into())
        }
    }

    impl FromRawFd for File {
        #[track_caller]
        unsafe fn from_raw_fd(fd: RawFd) -> File {
            // SAFETY: the contract is the same: the descriptor is open and the caller gives it away.
            File::from_std(unsafe { std::fs::File::from_raw_fd(fd) })
        }
    }
}

#[cfg(windows)]
mod windows {
    use crate::fs::File;
    use std::os::windows::io::{
        AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle, RawHandle,
    };

    impl AsHandle for File {
        fn as_handle(&self) -> BorrowedHandle<'_> {
            self.handle.file().as_handle()
        }
    }

    impl AsRawHandle for File {
        fn as_raw_handle(&self) -> RawHandle {
            self.handle.file().as_raw_handle()
        }
    }

    impl From<OwnedHandle> for File {
        #[track_caller]
        fn from(handle: OwnedHandle) -> File {
            File::from_std(handle.into())
        }
    }

    impl FromRawHandle for File {
        #[track_caller]
        unsafe fn from_raw_handle(handle: RawHandle) -> File {
            // SAFETY: the contract is the same: the handle is open and the caller gives it away.
            File::from_std(unsafe { std::fs::File::from_raw_handle(handle) })
        }
    }
}
