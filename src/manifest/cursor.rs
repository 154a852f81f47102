//! Reading a file from a place of one's own, since its cursor is shared by everyone who has it open.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

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
