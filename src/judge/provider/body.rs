//! A request body of ready pieces: nothing is copied, and its exact length is known before the first byte.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Pieces on their way out.
pub(super) struct Pieces {
    queue: VecDeque<Bytes>,
    left: u64,
    taken: Arc<AtomicBool>,
}

impl Pieces {
    /// The body, and a flag that turns true when its first byte is handed to the connection: until then nothing can have been billed.
    pub(super) fn new(pieces: &[Bytes]) -> (Self, Arc<AtomicBool>) {
        let taken = Arc::new(AtomicBool::new(false));
        let left = pieces.iter().map(|piece| piece.len() as u64).sum();
        (Self { queue: pieces.iter().cloned().collect(), left, taken: Arc::clone(&taken) }, taken)
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.taken.store(true, Ordering::Release);
        let piece = self.queue.pop_front();
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
