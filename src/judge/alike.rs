//! Complaints that are the same time after time, but for the numbers and ids in them.

use std::sync::{Mutex, PoisonError};

/// The last complaint, and how often it came in a row.
#[derive(Debug, Default)]
pub(super) struct Alike(Mutex<(String, u32)>);

impl Alike {
    /// Counts a complaint; how often it came in a row by now.
    pub(super) fn count(&self, words: &str) -> u32 {
        let words = without_numbers(words);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0 == words {
            last.1 += 1;
        } else {
            *last = (words, 1);
        }
        last.1
    }

    /// Something else came.
    pub(super) fn reset(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Default::default();
    }
}

/// The words with one sign for whatever has a digit in it, as counts, times and ids of requests have.
fn without_numbers(words: &str) -> String {
    let mut text = String::with_capacity(words.len());
    for piece in words.split_inclusive(|c: char| !(c.is_alphanumeric() || "-_.,:".contains(c))) {
        let word = piece.trim_end_matches(|c: char| !c.is_alphanumeric());
        let is_number = word.contains(|c: char| c.is_ascii_digit());
        text.push_str(if is_number { "#" } else { word });
        text.push_str(&piece[word.len()..]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::Alike;

    #[test]
    fn numbers_and_ids_are_compared_away_and_words_are_not() {
        for (words, same, is_same) in [
            ("you requested 5001 tokens (4201 in the messages).", "you requested 17 tokens (1,200.5 in the messages).", true),
            ("no (request id: req_0a1-9F)", "no (request id: 7be1f0c2-33aa-4b1e)", true),
            ("at 2026-12-01T00:00:01Z: no", "at 2026-12-01T07:10:59Z: no", true),
            ("'p1' was refused", "'p22' was refused", true),
            ("no", "no 1", false),
            ("the first was refused", "the second was refused", false),
            ("글 1개", "글 20개", true),
        ] {
            let alike = Alike::default();
            assert_eq!((alike.count(words), alike.count(same) == 2), (1, is_same), "{words} | {same}");
        }
    }
}
