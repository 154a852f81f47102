//! Bodies: a JSON value with places where ready bytes stand in for the digests that are recorded.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::prepare::Part;

/// What stands before the digest of a part in a recorded body.
pub(super) const DIGEST: &str = "blake3:";

/// The one key of an object that marks a place. Inside a JSON string its quotes would be escaped, so no text can look like one.
const PLACE: &str = r#"{"$place":"#;

/// About how much longer a mark and what stands before it are than their place.
const MARK: usize = 96;

/// One piece of a string.
#[derive(Debug, Clone)]
enum Piece {
    /// Sent as it is recorded; free of characters that JSON escapes.
    Text(&'static str),
    /// `mark` is recorded, `bytes` are sent.
    Media { mark: String, bytes: Bytes },
}

/// The strings of a body that hold media.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<Vec<Piece>>);

/// A finished body.
#[derive(Debug, Clone, Default)]
pub(super) struct Body {
    /// What is sent with each media part replaced by its blake3.
    pub(super) recorded: String,
    /// What is sent, in pieces that share their memory.
    pub(super) sent: Vec<Bytes>,
}

impl Places {
    /// A JSON value that stands for the string `prefix` + base64 of `part`.
    pub(super) fn media(&mut self, prefix: &'static str, part: &Part) -> Value {
        self.joined(prefix, std::slice::from_ref(part))
    }

    /// A JSON value that stands for the string `prefix` + base64 of each part, joined by commas.
    pub(super) fn joined(&mut self, prefix: &'static str, parts: &[Part]) -> Value {
        let mut pieces = vec![Piece::Text(prefix)];
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                pieces.push(Piece::Text(","));
            }
            pieces.push(Piece::Media { mark: format!("{DIGEST}{}", part.blake3), bytes: part.base64() });
        }
        self.0.push(pieces);
        json!({"$place": self.0.len() - 1})
    }

    /// Serialises `body` and puts the media where their places are.
    pub(super) fn fill(self, body: &Value) -> Body {
        // No value of JSON fails to be written; `to_string` of its own is slower.
        let text = serde_json::to_string(body).unwrap_or_default();
        let mut filled = Filled { recorded: String::with_capacity(text.len() + MARK * self.0.len()), ..Filled::default() };
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once(PLACE) {
            filled.text(before);
            let Some((index, tail)) = after.split_once('}') else { break };
            filled.text("\"");
            for piece in index.parse().ok().and_then(|index: usize| self.0.get(index)).into_iter().flatten() {
                filled.piece(piece);
            }
            filled.text("\"");
            rest = tail;
        }
        filled.text(rest);
        filled.finish()
    }
}

#[derive(Debug, Default)]
struct Filled {
    recorded: String,
    /// (start, end) in `recorded`, ascending, and what is sent there.
    media: Vec<(usize, usize, Bytes)>,
}

impl Filled {
    fn text(&mut self, text: &str) {
        self.recorded.push_str(text);
    }

    fn piece(&mut self, piece: &Piece) {
        match piece {
            Piece::Text(text) => self.text(text),
            Piece::Media { mark, bytes } => {
                let start = self.recorded.len();
                self.text(mark);
                self.media.push((start, self.recorded.len(), bytes.clone()));
            }
        }
    }

    fn finish(self) -> Body {
        let text = Bytes::from(self.recorded.clone());
        let mut sent = Vec::with_capacity(2 * self.media.len() + 1);
        let mut from = 0;
        for (start, end, bytes) in self.media {
            sent.extend([text.slice(from..start), bytes]);
            from = end;
        }
        sent.push(text.slice(from..));
        Body { recorded: self.recorded, sent }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tribunal_media::{Detail, Digest, Encoding, FrameDetail, PartHeader};

    use super::{Part, Places};

    fn part(bytes: &'static [u8]) -> Part {
        let header = PartHeader { recipes: vec![0], encoding: Encoding::Jpeg, detail: Detail::Frame(FrameDetail::still(8, 8)) };
        Part::new(header, bytes.to_vec())
    }

    #[test]
    fn what_is_sent_carries_the_bytes_and_the_record_their_marks() {
        let mut places = Places::default();
        let (one, two) = (part(b"one"), part(b"two"));
        let url = places.media("data:image/jpeg;base64,", &one);
        let video = places.joined("v,", &[one.clone(), two]);
        let body = places.fill(&json!({"a": url, "text": "{\"$place\":0} \"$place\"", "b": [video, 7]}));
        let (first, second) = (Digest::of(b"one"), Digest::of(b"two"));
        let text = r#""text":"{\"$place\":0} \"$place\"""#;
        let head = r#"{"a":"data:image/jpeg;base64,"#;
        assert_eq!(body.recorded, format!(r#"{head}blake3:{first}",{text},"b":["v,blake3:{first},blake3:{second}",7]}}"#));
        assert_eq!(body.sent.concat(), format!(r#"{head}b25l",{text},"b":["v,b25l,dHdv",7]}}"#).into_bytes());
    }
}
