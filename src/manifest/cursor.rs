//! Reading a file from a place of one's own, since its cursor is shared by everyone who has it open.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

/// Most bytes of one line, and of the texts of one row: a source with a longer one is no manifest, and must not fill memory before that shows.
pub(super) const MOST_LINE: usize = 16 << 20;

/// Reads on from a place in a file.
#[derive(Debug)]
pub(super) struct FileCursor {
    file: Arc<File>,
    at: u64,
}

impl FileCursor {
    pub(super) fn new(file: &Arc<File>, at: u64) -> Self {
        Self { file: Arc::clone(file), at }
    }
}

impl Read for FileCursor {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Reads text whose lines are not too long.
#[derive(Debug)]
pub(super) struct Lines<R> {
    inner: R,
    /// Bytes since the last end of a line.
    length: usize,
}

impl<R> Lines<R> {
    pub(super) const fn new(inner: R) -> Self {
        Self { inner, length: 0 }
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.length = match into[..read].iter().rposition(|byte| *byte == b'\n') {
            Some(end) => read - end - 1,
            None => self.length + read,
        };
        if self.length > MOST_LINE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a line is longer than {} MiB", MOST_LINE >> 20)));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, repeat};

    use super::{Lines, MOST_LINE};

    #[test]
    fn a_line_without_end_is_given_up() {
        let mut read = Vec::new();
        let error = Lines::new(repeat(0)).read_to_end(&mut read).unwrap_err();
        assert!(error.to_string().contains("16 MiB") && read.len() < MOST_LINE + (1 << 20), "{error} after {}", read.len());
        let short = "x\n".repeat(MOST_LINE);
        assert_eq!(Lines::new(short.as_bytes()).read_to_end(&mut Vec::new()).unwrap(), short.len());
    }
}
