//! Copying both ways between two streams: the heart of a proxy.

use super::copy::Transfer;
use super::{buf_reader::DEFAULT_CAPACITY, checked};
use futures_io::{AsyncRead, AsyncWrite};
use std::future::poll_fn;
use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Copies both ways until both streams have ended; answers the bytes from `a` to `b` and from `b` to `a`.
///
/// When one stream ends, the other is shut down for writing, and the opposite direction goes on.
///
/// # Errors
/// The first error of either direction; the other is given up.
///
/// # Cancel safety
/// Not cancel safe: what is on its way (at most 8 KiB each way) is lost.
pub async fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    run(a, b, Direction::new(DEFAULT_CAPACITY), Direction::new(DEFAULT_CAPACITY)).await
}

/// As [`copy_bidirectional`], with a buffer size for each direction.
///
/// # Panics
/// When a size is 0.
///
/// # Errors
/// The first error of either direction; the other is given up.
///
/// # Cancel safety
/// Not cancel safe: what is on its way is lost.
#[track_caller]
pub fn copy_bidirectional_with_sizes<'a, A, B>(
    a: &'a mut A,
    b: &'a mut B,
    a_to_b_size: usize,
    b_to_a_size: usize,
) -> impl Future<Output = Result<(u64, u64)>> + use<'a, A, B>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    assert!(
        a_to_b_size > 0 && b_to_a_size > 0,
        "`copy_bidirectional_with_sizes` cannot copy through a buffer of 0 bytes: give it at least 1"
    );
    run(a, b, Direction::new(a_to_b_size), Direction::new(b_to_a_size))
}

async fn run<A, B>(
    a: &mut A,
    b: &mut B,
    mut forth: Direction,
    mut back: Direction,
) -> Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    let mut forth_first = false;
    poll_fn(|cx| {
        // Why in turns: a direction that never waits uses the whole budget, and the one behind it would get none.
        forth_first = !forth_first;
        let mut poll_forth =
            |cx: &mut _, a: &mut A, b: &mut B| forth.poll(cx, Pin::new(a), Pin::new(b));
        let mut poll_back =
            |cx: &mut _, a: &mut A, b: &mut B| back.poll(cx, Pin::new(b), Pin::new(a));
        // Both are polled in each turn, so that both have a waker before this one is pending.
        let both = if forth_first {
            let forth = poll_forth(cx, a, b)?;
            (forth, poll_back(cx, a, b)?)
        } else {
            let back = poll_back(cx, a, b)?;
            (poll_forth(cx, a, b)?, back)
        };
        match both {
            (Poll::Ready(forth), Poll::Ready(back)) => Poll::Ready(Ok((forth, back))),
            _ => Poll::Pending,
        }
    })
    .await
}

/// One direction: it copies, then closes the far side, then is done.
#[derive(Debug)]
enum Direction {
    Copying(Transfer),
    Closing(u64),
    Done(u64),
}

impl Direction {
    fn new(capacity: usize) -> Self {
        Direction::Copying(Transfer::new(capacity))
    }

    fn poll<R: AsyncRead + ?Sized, W: AsyncWrite + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        mut from: Pin<&mut R>,
        mut to: Pin<&mut W>,
    ) -> Poll<Result<u64>> {
        loop {
            match self {
                Direction::Copying(transfer) => {
                    let n = ready!(transfer.poll(cx, from.as_mut(), to.as_mut()))?;
                    *self = Direction::Closing(n);
                }
                Direction::Closing(n) => {
                    ready!(checked::poll_close(to.as_mut(), cx))?;
                    *self = Direction::Done(*n);
                }
                Direction::Done(n) => return Poll::Ready(Ok(*n)),
            }
        }
    }
}
