//! One request: the body that is sent, the body that is recorded, and the ids made from it.

use std::ops::Range;
use std::sync::Arc;

use tribunal_media::Digest;

use super::Task;
use super::body::{Body, DIGEST};
use super::dialect::ReplyFormat;
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
    /// Those among them with this very body.
    pub(super) again: usize,
    /// What is sent and what is recorded; nothing is sent to the embedded judge.
    pub(super) body: Body,
    /// Of the recorded body: megabytes of media are never hashed again.
    pub(super) digest: Digest,
    /// Most tokens that its reply may have.
    pub(super) max_tokens: u32,
    /// How the shape of the reply is asked for, where it is.
    pub(super) format: Option<ReplyFormat>,
    /// The evidence itself, for the embedded judge.
    pub(super) payload: Arc<Payload>,
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

impl Request {
    /// Where the recorded body holds what is of this case alone.
    pub(super) fn case(&self) -> Range<usize> {
        case_of(&self.body.recorded, &self.nonce)
    }

    /// Bytes that are sent.
    pub(super) fn len(&self) -> u64 {
        self.body.sent.iter().map(|piece| piece.len() as u64).sum()
    }
}

/// Where a recorded body holds what is of its case alone: from the first place of the nonce or of a part's digest to the last, in bytes; everywhere, where
/// there is none.
pub(super) fn case_of(recorded: &str, nonce: &str) -> Range<usize> {
    let ends = |marker: &str, len: usize| Some((recorded.find(marker)?, (recorded.rfind(marker)? + len).min(recorded.len())));
    let marked = [ends(nonce, nonce.len()), ends(DIGEST, DIGEST.len() + 64)];
    let joined = marked.into_iter().flatten().reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
    joined.map_or(0..recorded.len(), |(first, end)| first..end)
}

/// `blake3(recorded body, endpoint, repeat)`: the id of a verdict. Taken from the body that the settings alone decide, so that
/// what a server made us drop, or a re-ask, never changes it.
pub(super) fn verdict_id(recorded: &str, endpoint: &str, repeat: u32) -> Digest {
    Digest::of_fields([recorded.as_bytes(), endpoint.as_bytes(), &repeat.to_le_bytes()])
}

#[cfg(test)]
mod tests {
    use tribunal_media::Digest;

    use super::nonce;

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
