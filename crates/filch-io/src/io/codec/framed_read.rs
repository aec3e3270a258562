//! Frames out of a reader.

use super::{Decoder, FrameBuf};
use filch_core::coop;
use futures_core::Stream;
use futures_io::AsyncRead;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// The frames of a reader. A stream of the `futures` crates as well.
    ///
    /// # Errors and the end
    /// `None` is the end of the reader; asked once more, the reader is read once more. After an error of the reader
    /// comes one `None`, so that a loop over the frames ends. After an error of the decoder the next frame is looked
    /// for where the decoder left off; when it left off where it was, and errs again, the frames have ended.
    pub struct FramedRead<R, D> {
        #[pin]
        reader: R,
        decoder: D,
        state: ReadState,
    }
}

impl<R, D> FramedRead<R, D> {
    /// Reads frames from `reader`.
    pub fn new(reader: R, decoder: D) -> Self {
        FramedRead { reader, decoder, state: ReadState::default() }
    }

    /// The reader.
    pub fn get_ref(&self) -> &R {
        &self.reader
    }

    /// The reader; what is read from it is missing in the frames.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The pinned reader; what is read from it is missing in the frames.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().reader
    }

    /// Gives the reader back. What is in [`read_buffer`](Self::read_buffer) is lost.
    pub fn into_inner(self) -> R {
        self.reader
    }

    /// The decoder.
    pub fn decoder(&self) -> &D {
        &self.decoder
    }

    /// The decoder.
    pub fn decoder_mut(&mut self) -> &mut D {
        &mut self.decoder
    }

    /// Goes on with another decoder.
    pub fn map_decoder<C>(self, map: impl FnOnce(D) -> C) -> FramedRead<R, C> {
        FramedRead { reader: self.reader, decoder: map(self.decoder), state: self.state }
    }

    /// What was read and is not decoded.
    pub fn read_buffer(&self) -> &FrameBuf {
        &self.state.buf
    }

    /// What was read and is not decoded.
    pub fn read_buffer_mut(&mut self) -> &mut FrameBuf {
        self.state.touched()
    }
}

impl<R: AsyncRead, D: Decoder> FramedRead<R, D> {
    /// Answers the next frame, or `None` at the end; see the [type](Self#errors-and-the-end).
    ///
    /// # Errors
    /// When the reader errs, and when the decoder refuses the bytes.
    ///
    /// # Cancel safety
    /// Cancel safe: what was read stays here.
    pub async fn next(&mut self) -> Option<Result<D::Item, D::Error>>
    where
        R: Unpin,
    {
        let mut this = Pin::new(&mut self.reader);
        poll_fn(|cx| self.state.poll_next(this.as_mut(), &mut self.decoder, cx)).await
    }
}

impl<R: AsyncRead, D: Decoder> Stream for FramedRead<R, D> {
    type Item = Result<D::Item, D::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        this.state.poll_next(this.reader, this.decoder, cx)
    }
}

impl<R: fmt::Debug, D: fmt::Debug> fmt::Debug for FramedRead<R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FramedRead")
            .field("reader", &self.reader)
            .field("decoder", &self.decoder)
            .field("read_buffer", &self.state.buf)
            .finish_non_exhaustive()
    }
}

/// The reading direction: what came, and what was answered last.
#[derive(Debug, Default)]
pub(super) struct ReadState {
    buf: FrameBuf,
    /// The decoder has asked for more than there is, and nothing came since.
    wants_more: bool,
    /// The reader has ended.
    at_end: bool,
    /// The last answer was an error of the reader.
    reader_erred: bool,
    /// The last answer of the decoder was an error, and it had taken nothing.
    stuck: bool,
}

impl ReadState {
    pub(super) fn with_buffer(buf: FrameBuf) -> Self {
        ReadState { buf, ..ReadState::default() }
    }

    pub(super) fn buffer(&self) -> &FrameBuf {
        &self.buf
    }

    pub(super) fn into_buffer(self) -> FrameBuf {
        self.buf
    }

    /// The buffer, to be changed: the decoder has to look at it anew.
    pub(super) fn touched(&mut self) -> &mut FrameBuf {
        self.wants_more = false;
        self.stuck = false;
        &mut self.buf
    }

    pub(super) fn poll_next<R: AsyncRead, D: Decoder>(
        &mut self,
        mut reader: Pin<&mut R>,
        decoder: &mut D,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<D::Item, D::Error>>> {
        if mem::take(&mut self.reader_erred) {
            return Poll::Ready(None);
        }
        // Frames that came together spend units too; a look that finds none gives its unit back to the read.
        let unit = ready!(coop::poll_proceed(cx));
        if let Some(answer) = self.decode(decoder) {
            unit.made_progress();
            return Poll::Ready(answer);
        }
        drop(unit);
        loop {
            match ready!(self.buf.poll_fill(reader.as_mut(), cx)) {
                Ok(n) => {
                    self.at_end = n == 0;
                    self.wants_more = false;
                }
                Err(error) => {
                    self.reader_erred = true;
                    return Poll::Ready(Some(Err(error.into())));
                }
            }
            if let Some(answer) = self.decode(decoder) {
                return Poll::Ready(answer);
            }
        }
    }

    /// Asks the decoder; `None` says that it has to wait for the reader.
    fn decode<D: Decoder>(&mut self, decoder: &mut D) -> Option<Option<Result<D::Item, D::Error>>> {
        if self.wants_more {
            return None;
        }
        let before = self.buf.len();
        let result = if self.at_end {
            decoder.decode_eof(&mut self.buf)
        } else {
            decoder.decode(&mut self.buf)
        };
        let stuck = self.buf.len() == before;
        let was_stuck = mem::take(&mut self.stuck);
        match result {
            Ok(Some(frame)) => Some(Some(Ok(frame))),
            Ok(None) => {
                self.wants_more = true;
                // The end is answered once: a reader may have more later, as a file does that grows.
                mem::take(&mut self.at_end).then_some(None)
            }
            Err(error) => {
                self.stuck = stuck;
                Some((!(stuck && was_stuck)).then_some(Err(error)))
            }
        }
    }
}
