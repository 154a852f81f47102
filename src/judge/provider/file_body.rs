//! A request body that is read from a file as it goes out, so that no batch is ever held in memory.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Bytes that are read at once. Short enough that the runtime's thread is not held up: the file was just written, or is read in order.
const BLOCK: usize = 64 << 10;

/// `head`, the file's lines, `tail`.
pub(super) struct FileBody {
    head: Option<Bytes>,
    file: File,
    /// Bytes of the file still to send.
    left: u64,
    tail: Option<Bytes>,
    /// What stands for the end of every line but the last.
    between: Option<u8>,
}

impl FileBody {
    /// With `between`, the end of the last line is left out.
    pub(super) fn open(path: &Path, head: String, tail: String, between: Option<u8>) -> io::Result<Self> {
        let file = File::open(path)?;
        let left = file.metadata()?.len();
        let left = if between.is_some() { left.saturating_sub(1) } else { left };
        Ok(Self { head: Some(head.into()), file, left, tail: Some(tail.into()), between })
    }

    fn block(&mut self) -> io::Result<Bytes> {
        let mut block = vec![0; BLOCK.min(usize::try_from(self.left).unwrap_or(BLOCK))];
        self.file.read_exact(&mut block)?;
        self.left -= block.len() as u64;
        if let Some(between) = self.between {
            block.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = between);
        }
        Ok(block.into())
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(head) = self.head.take() {
            return Poll::Ready(Some(Ok(Frame::data(head))));
        }
        if self.left > 0 {
            return Poll::Ready(Some(self.block().map(Frame::data)));
        }
        Poll::Ready(self.tail.take().map(|tail| Ok(Frame::data(tail))))
    }

    fn is_end_stream(&self) -> bool {
        self.tail.is_none()
    }

    /// Exact, so that `Content-Length` is sent: some servers refuse chunked bodies.
    fn size_hint(&self) -> SizeHint {
        let len = |piece: &Option<Bytes>| piece.as_ref().map_or(0, |piece| piece.len() as u64);
        SizeHint::with_exact(len(&self.head) + self.left + len(&self.tail))
    }
}

#[cfg(test)]
mod tests {
    use super::{Body as _, Context, FileBody, Pin, Poll};

    fn sent(text: &str, between: Option<u8>) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut body = FileBody::open(file.path(), "<".to_owned(), ">".to_owned(), between).unwrap();
        let length = body.size_hint().exact().unwrap();
        let (mut all, mut context) = (Vec::new(), Context::from_waker(std::task::Waker::noop()));
        while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut context) {
            all.extend(frame.unwrap().into_data().unwrap());
        }
        assert_eq!((all.len() as u64, body.is_end_stream()), (length, true));
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn a_file_goes_out_as_it_is_or_as_the_elements_of_an_array() {
        assert_eq!(sent("1\n2\n", None), "<1\n2\n>");
        assert_eq!(sent("1\n2\n", Some(b',')), "<1,2>");
        let long = "x".repeat(200_000);
        assert_eq!(sent(&long, None), format!("<{long}>"));
    }
}
