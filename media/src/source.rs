//! The bytes to decode: an open file read at offsets, or bytes in memory. Never a path.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use crate::map::Sealed;

/// An open, read-only input of known length.
///
/// Reads of a file are positional (`pread`): a descriptor passed between processes shares its file offset, and a mapping of a
/// file that shrinks would raise SIGBUS where a read just ends. Only a file that is sealed against that is mapped.
#[derive(Debug)]
pub struct Source {
    bytes: Bytes,
    /// Where it begins in them.
    start: u64,
    len: u64,
    /// What stands there in the place of its own first bytes.
    head: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Bytes {
    File(Arc<File>),
    Sealed(Arc<Sealed>),
    Memory(Arc<Vec<u8>>),
    /// A disk that gives no byte from this offset on.
    #[cfg(test)]
    Failing(Arc<Vec<u8>>, u64),
}

impl Source {
    /// Wraps an open regular file or memfd whose length the caller has already checked. A sealed memfd is read in place.
    pub fn file(file: File, len: u64) -> Self {
        let bytes = Sealed::new(&file, len).map_or_else(|| Bytes::File(Arc::new(file)), |sealed| Bytes::Sealed(Arc::new(sealed)));
        Self { bytes, start: 0, len, head: Vec::new() }
    }

    /// Wraps bytes in memory (inline text, tests).
    pub fn memory(bytes: Vec<u8>) -> Self {
        Self { start: 0, len: bytes.len() as u64, bytes: Bytes::Memory(Arc::new(bytes)), head: Vec::new() }
    }

    /// `bytes` on a disk that fails from offset `from` on.
    #[cfg(test)]
    pub(crate) fn failing(bytes: Vec<u8>, from: u64) -> Self {
        Self { start: 0, len: bytes.len() as u64, bytes: Bytes::Failing(Arc::new(bytes), from), head: Vec::new() }
    }

    /// The same bytes without the first `count`.
    pub(crate) fn behind(&self, count: u64) -> Self {
        let count = count.min(self.len);
        Self { bytes: self.bytes.clone(), start: self.start + count, len: self.len - count, head: Vec::new() }
    }

    /// The same bytes, of which the first are `head`; as many there are no fewer.
    pub(crate) fn with_head(&self, head: Vec<u8>) -> Self {
        Self { bytes: self.bytes.clone(), start: self.start, len: self.len, head }
    }

    /// Length in bytes.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no bytes at all.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads up to `buffer.len()` bytes at `offset`; 0 means the end.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = self.read_stored(buffer, offset)?;
        let head = usize::try_from(offset).ok().and_then(|offset| self.head.get(offset..)).unwrap_or_default();
        let both = head.len().min(read);
        buffer[..both].copy_from_slice(&head[..both]);
        Ok(read)
    }

    fn read_stored(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let (buffer, offset) = (&mut buffer[..wanted], self.start.saturating_add(offset));
        match &self.bytes {
            Bytes::File(file) => loop {
                match file.read_at(buffer, offset) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => return result,
                }
            },
            Bytes::Sealed(sealed) => Ok(copy(sealed.bytes(), buffer, offset)),
            Bytes::Memory(bytes) => Ok(copy(bytes, buffer, offset)),
            #[cfg(test)]
            Bytes::Failing(bytes, from) => match from.saturating_sub(offset) as usize {
                0 => Err(io::Error::from_raw_os_error(libc::EIO)),
                good => Ok(copy(bytes, &mut buffer[..good.min(wanted)], offset)),
            },
        }
    }

    /// The first `count` bytes, fewer when the source is shorter.
    pub fn head(&self, count: usize) -> io::Result<Vec<u8>> {
        self.read(0, count)
    }

    /// `count` bytes from `offset` on, fewer when the source ends before.
    pub(crate) fn read(&self, offset: u64, count: usize) -> io::Result<Vec<u8>> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; count.min(left)];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.read_at(&mut bytes[filled..], offset + filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// A cursor with its own position, for decoders that want `Read + Seek`.
    pub const fn reader(&self) -> Reader<'_> {
        Reader { source: self, position: 0 }
    }
}

/// Fills `buffer` from `offset` on; there are as many bytes.
fn copy(bytes: &[u8], buffer: &mut [u8], offset: u64) -> usize {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    buffer.copy_from_slice(&bytes[start..start + buffer.len()]);
    buffer.len()
}

/// `Read + Seek` over a [`Source`], with a position of its own.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    source: &'a Source,
    position: u64,
}

impl Reader<'_> {
    /// Where it continues.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Continues at `position`.
    pub(crate) const fn set_position(&mut self, position: u64) {
        self.position = position;
    }
}

impl io::Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read_at(buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl io::Seek for Reader<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let target = match to {
            io::SeekFrom::Start(offset) => Some(offset),
            io::SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
            io::SeekFrom::End(delta) => self.source.len.checked_add_signed(delta),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
