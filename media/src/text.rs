//! Text: UTF-8, NFC, bounded.

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::sniff::{HEAD, sniff};
use crate::{Detail, Encoding, Error, Limits, Modality, PartHeader, PartSink, Recipe, Report, Source};

/// Delivers the whole text as one part: without a byte order mark, in NFC. Too long is a refusal, never a cut.
pub(crate) fn normalise(source: &Source, recipes: &[Recipe], limits: &Limits, sink: &mut dyn PartSink) -> Result<Report, Error> {
    let mut report = Report { format: "text".to_owned(), decoder: "unicode-normalization".to_owned(), ..Report::default() };
    let (text, characters) = read(source, limits, &mut report)?;
    for recipe in recipes {
        if let Recipe::Text { max_characters } = recipe {
            Limits::check("length of the text in characters", characters, *max_characters)?;
        }
    }
    // The length limit refuses and never cuts, so every recipe gets the same bytes.
    let header = PartHeader { recipes: (0..recipes.len()).collect(), encoding: Encoding::Utf8, detail: Detail::Text { characters } };
    sink.part(header, text.into_bytes())?;
    Ok(report)
}

fn read(source: &Source, limits: &Limits, report: &mut Report) -> Result<(String, u64), Error> {
    // Held at once: the bytes, and their NFC form, which is at most three times as long (Unicode Standard Annex 15, section 14.1).
    Limits::check("memory for the text in bytes", source.len().saturating_mul(4), limits.decode_bytes)?;
    let bytes = source.head(source.len() as usize)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| refuse(&bytes, error.valid_up_to()))?;
    let stripped = text.strip_prefix('\u{feff}').unwrap_or(text);
    if stripped.len() != text.len() {
        report.note("bom_removed", "the text began with a byte order mark");
    }
    if stripped.is_empty() {
        return Err(Error::Empty("the text has no characters".to_owned()));
    }
    let text = if is_nfc(stripped) {
        stripped.to_owned()
    } else {
        report.note("normalised", "the text was not in NFC");
        stripped.nfc().collect()
    };
    let characters = text.chars().count() as u64;
    Limits::check("length of the text in characters", characters, limits.characters)?;
    Ok((text, characters))
}

/// Why bytes that are no UTF-8 are refused: they are another medium, another encoding, or nothing known.
fn refuse(bytes: &[u8], offset: usize) -> Error {
    match sniff(&bytes[..bytes.len().min(HEAD)]) {
        Some(format) if format.modality != Modality::Text => {
            Error::Contradiction { expected: Modality::Text, found: format!("{} ({})", format.modality, format.name) }
        }
        Some(format) if !format.decoded => Error::Unsupported(format!("{}; save it as UTF-8", format.name)),
        _ => Error::NotMedia(format!("no UTF-8 at byte {offset}")),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Error, Limits, PartHeader, Recipe, Report, Source};

    type Parts = Vec<(PartHeader, Vec<u8>)>;

    fn run(bytes: &[u8], max_characters: u64) -> Result<(Parts, Report), Error> {
        let mut parts = Parts::new();
        let recipes = [Recipe::Text { max_characters }, Recipe::Text { max_characters: 1000 }];
        let report = crate::normalise(&Source::memory(bytes.to_vec()), &recipes, &Limits::default(), &mut parts)?;
        Ok((parts, report))
    }

    #[test]
    fn text_leaves_as_one_shared_part_in_nfc() {
        let decomposed = "\u{feff}한글 e\u{301}";
        let (parts, report) = run(decomposed.as_bytes(), 10).unwrap();
        assert_eq!(parts.len(), 1);
        assert_eq!(parts[0].0.recipes, [0, 1]);
        assert_eq!(parts[0].1, "한글 é".as_bytes());
        assert_eq!(report.notes.iter().map(|note| note.code.as_str()).collect::<Vec<_>>(), ["bom_removed", "normalised"]);
        assert!(run("한글".as_bytes(), 10).unwrap().1.notes.is_empty());
    }

    #[test]
    fn an_answer_may_begin_like_another_format() {
        for answer in ["<svg xmlns='x'/>", "GIF89a is a format", "BM", "%PDF-1.4", "nul \0 inside"] {
            assert_eq!(run(answer.as_bytes(), 100).unwrap().0[0].1, answer.as_bytes());
        }
    }

    #[test]
    fn refusals_name_their_cause() {
        assert!(matches!(run(b"", 9).unwrap_err(), Error::Empty(_)));
        assert!(matches!(run(b"\xef\xbb\xbf", 9).unwrap_err(), Error::Empty(_)));
        assert_eq!(run(b"caf\xe9", 9).unwrap_err(), Error::NotMedia("no UTF-8 at byte 3".to_owned()));
        assert!(matches!(run(b"\xff\xfeh\0i\0", 9).unwrap_err(), Error::Unsupported(_)));
        assert!(matches!(run(b"\xff\xd8\xff\xe0\0\x10JFIF", 9).unwrap_err(), Error::Contradiction { .. }));
        assert!(matches!(run("ten letters".as_bytes(), 10).unwrap_err(), Error::Limit { value: 11, limit: 10, .. }));
    }
}
