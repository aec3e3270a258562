//! Two readers, one after the other.

use super::checked;
use futures_io::{AsyncBufRead, AsyncRead};
use pin_project_lite::pin_project;
use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// A reader that goes on with the second where the first ends. From [`AsyncReadExt::chain`](super::AsyncReadExt::chain).
    #[derive(Debug)]
    pub struct Chain<A, B> {
        #[pin]
        first: A,
        #[pin]
        second: B,
        first_ended: bool,
    }
}

impl<A, B> Chain<A, B> {
    pub(crate) fn new(first: A, second: B) -> Self {
        Chain { first, second, first_ended: false }
    }

    /// Both readers.
    pub fn get_ref(&self) -> (&A, &B) {
        (&self.first, &self.second)
    }

    /// Both readers; what is read from them is missing in the chain.
    pub fn get_mut(&mut self) -> (&mut A, &mut B) {
        (&mut self.first, &mut self.second)
    }

    /// Gives both readers back.
    pub fn into_inner(self) -> (A, B) {
        (self.first, self.second)
    }
}

impl<A: AsyncRead, B: AsyncRead> AsyncRead for Chain<A, B> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        let this = self.project();
        if !*this.first_ended {
            let n = ready!(checked::poll_read(this.first, cx, buf))?;
            if n > 0 || buf.is_empty() {
                return Poll::Ready(Ok(n));
            }
            *this.first_ended = true;
        }
        this.second.poll_read(cx, buf)
    }
}

impl<A: AsyncBufRead, B: AsyncBufRead> AsyncBufRead for Chain<A, B> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<&[u8]>> {
        let this = self.project();
        if !*this.first_ended {
            let buffered = ready!(this.first.poll_fill_buf(cx))?;
            if !buffered.is_empty() {
                return Poll::Ready(Ok(buffered));
            }
            *this.first_ended = true;
        }
        this.second.poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, n: usize) {
        let this = self.project();
        if *this.first_ended { this.second.consume(n) } else { this.first.consume(n) }
    }
}
