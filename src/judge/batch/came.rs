//! Results that come twice: the first of each counts.

use std::collections::BTreeMap;

use tribunal_media::Digest;

use super::BatchReply;

/// The results of one batch, or of one file, that came so far: 64 bytes each.
#[derive(Debug, Clone, Default)]
pub struct Came {
    /// What the first said, by its id.
    first: BTreeMap<Digest, Digest>,
    /// How many came again, alike.
    pub same: u64,
    /// The ids of those that came again and said something else, once for each time.
    pub others: Vec<String>,
}

/// A result whose id came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Double {
    /// It says what the first said.
    Same,
    /// It contradicts the first.
    Other,
}

impl Came {
    /// How many requests they are of.
    pub(super) fn count(&self) -> u64 {
        self.first.len() as u64
    }

    /// Notes a result; one that counts for nothing is a double.
    pub fn note(&mut self, reply: &BatchReply) -> Option<Double> {
        let (id, said) = (Digest::of(reply.custom_id.as_bytes()), reply.said());
        let Some(first) = self.first.get(&id) else {
            self.first.insert(id, said);
            return None;
        };
        if *first == said {
            self.same += 1;
            return Some(Double::Same);
        }
        self.others.push(reply.custom_id.clone());
        Some(Double::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::{BatchReply, Came, Double};

    #[test]
    fn a_double_says_the_same_or_something_else() {
        let line = |id: &str, request: u32, level: u32| {
            let text = format!(
                r#"{{"id":"{request}","custom_id":"{id}","response":{{"status_code":200,"request_id":"{request}","body":{{"choices":[{level}]}}}}}}"#
            );
            BatchReply::read(&text).unwrap()
        };
        let expired = BatchReply::read(r#"{"custom_id":"a","error":{"code":"batch_expired","message":"late"}}"#).unwrap();
        let mut came = Came::default();
        let doubles =
            [line("a", 1, 5), line("b", 2, 5), line("a", 3, 5), line("a", 4, 1), expired, line("a", 5, 5)].map(|reply| came.note(&reply));
        assert_eq!(doubles, [None, None, Some(Double::Same), Some(Double::Other), Some(Double::Other), Some(Double::Same)]);
        assert_eq!((came.same, came.others.len()), (2, 2));
    }
}
