//! Complaints that are the same time after time.

use std::sync::{Mutex, PoisonError};

/// The last complaint, and how often it came in a row.
#[derive(Debug, Default)]
pub(super) struct Alike(Mutex<(String, u32)>);

impl Alike {
    /// Counts a complaint; how often it came in a row by now.
    pub(super) fn count(&self, words: &str) -> u32 {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0 == words {
            last.1 += 1;
        } else {
            *last = (words.to_owned(), 1);
        }
        last.1
    }

    /// Something else came.
    pub(super) fn reset(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Default::default();
    }
}
