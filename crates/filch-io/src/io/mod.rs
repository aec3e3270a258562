//! Asynchronous reading and writing: the futures-io traits under tokio's method names.
//!
//! Nothing here knows of a runtime, a socket or a file: everything works on any type that implements the traits, under
//! any executor.
//!
//! **Invariant:** a reader or writer of another's making cannot break us. A count larger than the buffer is an error,
//! an interrupted call is repeated, and no byte is shown that was not written first (there is no uninitialized memory
//! in this module).

pub(crate) mod checked;

mod read_ext;
mod read_number;
mod read_to_end;

mod write_ext;

mod buf_read_ext;
mod lines;
mod read_until_any;

mod seek_ext;

mod chain;
mod take;

mod buf_reader;
mod buf_stream;
mod buf_writer;

mod copy;
mod copy_bidirectional;

mod pipe;
mod split;

mod duplex;
mod join;
mod trivial;

pub mod mock;

pub mod codec;

pub use filch_core::io::{Interest, Ready};
pub use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
pub use std::io::{Error, ErrorKind, IoSlice, IoSliceMut, Result, SeekFrom};

pub use buf_read_ext::{AsyncBufReadExt, FillBuf, ReadLine, ReadUntil};
pub use buf_reader::BufReader;
pub use buf_stream::BufStream;
pub use buf_writer::BufWriter;
pub use chain::Chain;
pub use copy::{copy, copy_buf};
pub use copy_bidirectional::{copy_bidirectional, copy_bidirectional_with_sizes};
pub use duplex::{DuplexStream, SimplexStream, duplex, simplex};
pub use join::{Join, join};
pub use lines::{Lines, NextLine, NextSegment, Split};
pub use read_ext::{AsyncReadExt, Read, ReadExact, ReadVectored};
pub use read_number::ReadNumber;
pub use read_to_end::{ReadToEnd, ReadToString};
pub use read_until_any::ReadUntilAny;
pub use seek_ext::{AsyncSeekExt, Seek};
pub use split::{ReadHalf, WriteHalf, split};
pub use take::Take;
pub use trivial::{Empty, Repeat, Sink, empty, repeat, sink};
pub use write_ext::{AsyncWriteExt, Flush, Shutdown, Write, WriteAll, WriteNumber, WriteVectored};

#[cfg(unix)]
pub use crate::async_object::{Async, IoSafe};

/// Readiness of any file descriptor.
#[cfg(unix)]
pub mod unix {
    pub use crate::async_fd::{
        AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdRegisterError, TryIoError,
    };
}
