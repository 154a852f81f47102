//! A request body of ready pieces: nothing is copied, and its exact length is known before the first byte.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Pieces on their way out.
pub(super) struct Pieces {
    queue: VecDeque<Bytes>,
    left: u64,
    taken: Arc<Taken>,
}

/// How much of a body was handed to its connection.
#[derive(Debug, Default)]
pub(super) struct Taken(AtomicU8);

/// Something, and all of it.
const BEGUN: u8 = 1;
const WHOLE: u8 = 2;

impl Taken {
    /// Whether its first byte was: until then nothing was asked.
    pub(super) fn begun(&self) -> bool {
        self.0.load(Ordering::Acquire) >= BEGUN
    }

    /// Whether its last byte was: until then nobody can have read the request, which has a length.
    pub(super) fn whole(&self) -> bool {
        self.0.load(Ordering::Acquire) >= WHOLE
    }
}

impl Pieces {
    /// The body, and how much of it is on its way.
    pub(super) fn new(pieces: &[Bytes]) -> (Self, Arc<Taken>) {
        let taken = Arc::<Taken>::default();
        let left = pieces.iter().map(|piece| piece.len() as u64).sum();
        (Self { queue: pieces.iter().cloned().collect(), left, taken: Arc::clone(&taken) }, taken)
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.queue.pop_front();
        self.taken.0.store(if self.queue.is_empty() { WHOLE } else { BEGUN }, Ordering::Release);
        Poll::Ready(piece.map(|piece| {
            self.left -= piece.len() as u64;
            Ok(Frame::data(piece))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.queue.is_empty()
    }

    /// Exact, so that `Content-Length` is sent: some servers refuse chunked bodies.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
