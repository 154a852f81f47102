//! One request: the body that is sent, the body that is recorded, and the ids made from it.

use std::sync::Arc;

use bytes::Bytes;
use tribunal_media::Digest;

use super::Task;
use crate::prepare::Payload;

/// One request, ready to send as often as needed: clones share every byte.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// What it is for.
    pub(super) task: Task,
    /// What an honest verdict echoes.
    pub(super) nonce: String,
    /// Requests of this task before it in this process.
    pub(super) turn: usize,
    /// What is sent, in pieces; empty for the embedded judge.
    pub(super) body: Vec<Bytes>,
    /// What is sent with each media part replaced by its blake3.
    pub(super) recorded: String,
    /// Of the recorded body: megabytes of media are never hashed again.
    pub(super) digest: Digest,
    /// The evidence itself, for the embedded judge.
    pub(super) payload: Arc<Payload>,
}

/// A JSON text with places where ready bytes stand in for the digests that are recorded.
#[derive(Debug, Default)]
pub(super) struct Splice {
    recorded: String,
    /// (start, end) in `recorded`, ascending, and what is sent there.
    places: Vec<(usize, usize, Bytes)>,
}

impl Splice {
    /// Appends text that is sent as it is recorded.
    pub(super) fn text(&mut self, text: &str) {
        self.recorded.push_str(text);
    }

    /// Appends a place: `mark` is recorded, `bytes` are sent. Both must be free of characters that JSON escapes.
    pub(super) fn media(&mut self, mark: &str, bytes: Bytes) {
        let start = self.recorded.len();
        self.recorded.push_str(mark);
        self.places.push((start, self.recorded.len(), bytes));
    }

    /// What is recorded, and what is sent in pieces that share their memory.
    pub(super) fn finish(self) -> (String, Vec<Bytes>) {
        let text = Bytes::from(self.recorded.clone());
        let mut pieces = Vec::with_capacity(2 * self.places.len() + 1);
        let mut from = 0;
        for (start, end, bytes) in self.places {
            pieces.extend([text.slice(from..start), bytes]);
            from = end;
        }
        pieces.push(text.slice(from..));
        (self.recorded, pieces)
    }
}

/// 16 hex digits that fence the evidence and that a verdict must echo: `blake3(seed, parts_ids, rubric digest, prompt)`.
/// The repeat is left out, so that repeats send identical bytes. Evidence that knew its own nonce would be a fixed point of the hash.
pub fn nonce(seed: u64, parts_ids: &[Digest], rubric_digest: &Digest, prompt: &str) -> String {
    let seed = seed.to_le_bytes();
    let count = (parts_ids.len() as u64).to_le_bytes();
    let parts = parts_ids.iter().map(|id| &id.as_bytes()[..]);
    let fields = [&seed[..], &count[..]].into_iter().chain(parts).chain([&rubric_digest.as_bytes()[..], prompt.as_bytes()]);
    Digest::of_fields(fields).to_string()[..16].to_owned()
}

/// `blake3(recorded body, endpoint, repeat)`: the id of a verdict. Taken from the body that the settings alone decide, so that
/// what a server made us drop, or a re-ask, never changes it.
pub(super) fn verdict_id(recorded: &str, endpoint: &str, repeat: u32) -> Digest {
    Digest::of_fields([recorded.as_bytes(), endpoint.as_bytes(), &repeat.to_le_bytes()])
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tribunal_media::Digest;

    use super::{Splice, nonce};

    #[test]
    fn pieces_carry_the_bytes_and_the_record_their_mark() {
        let mut splice = Splice::default();
        splice.text("[\"");
        splice.media("blake3:aa", Bytes::from_static(b"AAAA"));
        splice.text("\",\"");
        splice.media("blake3:bb", Bytes::from_static(b"BB"));
        splice.text("\"]");
        let (recorded, pieces) = splice.finish();
        assert_eq!(recorded, r#"["blake3:aa","blake3:bb"]"#);
        assert_eq!(pieces.concat(), br#"["AAAA","BB"]"#);
    }

    #[test]
    fn a_nonce_depends_on_every_field() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let all = [
            nonce(0, &[a], &b, "p"),
            nonce(1, &[a], &b, "p"),
            nonce(0, &[a, a], &b, "p"),
            nonce(0, &[b], &a, "p"),
            nonce(0, &[a], &b, "q"),
        ];
        assert!(all.iter().all(|nonce| nonce.len() == 16));
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
        assert_eq!(all[0], nonce(0, &[a], &b, "p"));
    }
}
