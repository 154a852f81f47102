//! Whether what a worker says can be true. Nothing here decodes: lengths, indexes, order and magic bytes only.

use tribunal_media::{Detail, Encoding, FrameDetail, FrameView, Layout, PartHeader, Recipe, Report, SheetDetail, SoundEncoding};

/// The longest reason code in characters.
const MAX_REASON: usize = 40;

/// The longest message kept, in characters.
const MAX_MESSAGE: usize = 500;

/// Checks the parts of one job as they arrive.
#[derive(Debug)]
pub(super) struct PartCheck<'a> {
    recipes: &'a [Recipe],
    /// Per recipe: the time of its last frame and the start of its last sound.
    last: Vec<(f64, f64)>,
}

impl<'a> PartCheck<'a> {
    pub(super) fn new(recipes: &'a [Recipe]) -> Self {
        Self { recipes, last: vec![(f64::NEG_INFINITY, f64::NEG_INFINITY); recipes.len()] }
    }

    /// `Err` says what cannot be true of this part.
    pub(super) fn part(&mut self, header: &PartHeader, bytes: &[u8]) -> Result<(), String> {
        if header.recipes.is_empty() || !header.recipes.is_sorted_by(|a, b| a < b) {
            return Err("a part whose recipes are not a list of different positions".to_owned());
        }
        for &position in &header.recipes {
            let recipe = self.recipes.get(position).ok_or_else(|| format!("a part for recipe {position}, which does not exist"))?;
            if !fits(recipe, header, bytes) {
                return Err(format!("a part that recipe {position} cannot make"));
            }
            let (frame, sound) = &mut self.last[position];
            let (last, now) = match &header.detail {
                Detail::Text { .. } => continue,
                Detail::Frame(detail) => (frame, detail.t.unwrap_or(0.0)),
                Detail::Sheet(sheet) => (frame, sheet.frames.first().and_then(|first| first.t).unwrap_or(f64::NAN)),
                Detail::Sound { start, .. } => (sound, *start),
            };
            if now.is_nan() || now < *last {
                return Err(format!("parts of recipe {position} out of order"));
            }
            *last = now;
        }
        Ok(())
    }
}

fn fits(recipe: &Recipe, header: &PartHeader, bytes: &[u8]) -> bool {
    match (recipe, &header.detail) {
        (Recipe::Text { max_characters }, Detail::Text { characters }) => {
            let text = std::str::from_utf8(bytes).ok().filter(|_| header.encoding == Encoding::Utf8);
            characters <= max_characters && text.is_some_and(|text| text.chars().count() as u64 == *characters)
        }
        (Recipe::Image { view, .. } | Recipe::Video { view, .. }, Detail::Frame(frame)) => frame_fits(view, frame, header.encoding, bytes),
        (Recipe::Video { view, sampler, .. }, Detail::Sheet(sheet)) => sheet_fits(sampler.layout, view, sheet, header.encoding, bytes),
        (Recipe::Video { soundtrack: Some(spec), .. } | Recipe::Audio(spec), Detail::Sound { start, end }) => {
            sound_fits(spec.encoding, header.encoding, bytes) && start.is_finite() && end.is_finite() && start <= end
        }
        _ => false,
    }
}

fn sound_fits(wanted: SoundEncoding, encoding: Encoding, bytes: &[u8]) -> bool {
    match wanted {
        SoundEncoding::Wav => encoding == Encoding::Wav && bytes.len() >= 44 && bytes.starts_with(b"RIFF") && bytes[8..12] == *b"WAVE",
        SoundEncoding::Flac => encoding == Encoding::Flac && bytes.len() >= 42 && bytes.starts_with(b"fLaC"),
    }
}

fn sheet_fits(layout: Layout, view: &FrameView, sheet: &SheetDetail, encoding: Encoding, bytes: &[u8]) -> bool {
    let Layout::Sheet { rows, columns } = layout else { return false };
    let whole = FrameDetail::still(sheet.width, sheet.height); // as a picture it has no time of its own
    let cells = sheet.frames.len() <= rows as usize * columns as usize && !sheet.frames.is_empty();
    let ascending = sheet.frames.is_sorted_by(|a, b| a.t <= b.t) && sheet.frames.iter().all(|frame| frame.t.is_some_and(f64::is_finite));
    cells
        && ascending
        && (1..=rows).contains(&sheet.rows)
        && (1..=columns).contains(&sheet.columns)
        && frame_fits(view, &whole, encoding, bytes)
}

fn frame_fits(view: &FrameView, frame: &FrameDetail, encoding: Encoding, bytes: &[u8]) -> bool {
    let edge = frame.width.max(frame.height);
    let area = u64::from(frame.width) * u64::from(frame.height);
    let view_fits = match view {
        FrameView::Jpeg { long_edge, .. } | FrameView::Planted { long_edge, .. } => {
            encoding == Encoding::Jpeg && edge <= *long_edge && bytes.starts_with(&[0xff, 0xd8]) && bytes.ends_with(&[0xff, 0xd9])
        }
        FrameView::Tensor { crop, .. } => {
            encoding == Encoding::Rgb8 && frame.width == *crop && frame.height == *crop && bytes.len() as u64 == area * 3
        }
        FrameView::Gray { edge } => {
            encoding == Encoding::Gray8 && frame.width == *edge && frame.height == *edge && bytes.len() as u64 == area
        }
    };
    view_fits && area > 0 && frame.t.is_none_or(f64::is_finite) && frame.time_base.is_none_or(|(num, den)| num > 0 && den > 0)
}

/// Whether a report's numbers are numbers.
pub(super) fn report(report: &Report, cpu_ms: f64) -> Result<(), String> {
    let sane = |value: Option<f64>| value.is_none_or(f64::is_finite);
    if cpu_ms.is_finite() && cpu_ms >= 0.0 && sane(report.duration) && sane(report.truncated_at) {
        Ok(())
    } else {
        Err("a report with times that are no numbers".to_owned())
    }
}

/// Whether a reason is a code and not a text.
pub(super) fn reason(reason: &str) -> Result<(), String> {
    let is_code = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let valid = !reason.is_empty() && reason.len() <= MAX_REASON && reason.bytes().all(is_code);
    if valid { Ok(()) } else { Err("a reason that is no code".to_owned()) }
}

/// A message cut to a length that fits a table.
pub(super) fn message(message: &str) -> String {
    message.chars().take(MAX_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sandbox::wire::{Reply, lengths};

    fn text(recipes: Vec<usize>, characters: u64) -> PartHeader {
        PartHeader { recipes, encoding: Encoding::Utf8, detail: Detail::Text { characters } }
    }

    fn frame(t: f64) -> PartHeader {
        let detail = FrameDetail {
            t: Some(t),
            pts: Some(0),
            time_base: Some((1, 25)),
            index: Some(0),
            keyframe: Some(true),
            ..FrameDetail::still(4, 2)
        };
        PartHeader { recipes: vec![0], encoding: Encoding::Jpeg, detail: Detail::Frame(detail) }
    }

    #[test]
    fn only_what_the_recipes_can_make_passes() {
        let recipes = [Recipe::Text { max_characters: 3 }];
        let check = |header: &PartHeader, bytes: &[u8]| PartCheck::new(&recipes).part(header, bytes);
        assert_eq!(check(&text(vec![0], 2), "한글".as_bytes()), Ok(()));
        assert!(check(&text(vec![0], 3), "한글".as_bytes()).is_err(), "a wrong count");
        assert!(check(&text(vec![0], 4), b"long").is_err(), "over the recipe's limit");
        assert!(check(&text(vec![0], 1), &[0xff]).is_err(), "no UTF-8");
        assert!(check(&text(vec![1], 2), b"hi").is_err(), "no such recipe");
        assert!(check(&text(vec![0, 0], 2), b"hi").is_err(), "twice the same");
        assert!(check(&text(vec![], 2), b"hi").is_err(), "nobody's");
        assert!(check(&frame(0.0), &[0xff, 0xd8, 0xff, 0xd9]).is_err(), "another modality");
    }

    #[test]
    fn frames_keep_their_order_and_are_jpegs() {
        let view = FrameView::Jpeg { long_edge: 4, quality: 85, background: [0; 3] };
        let recipes = [Recipe::Video { sampler: "uniform:2".parse().unwrap(), view, soundtrack: None }];
        let jpeg = [0xff, 0xd8, 0xff, 0xd9];
        let mut check = PartCheck::new(&recipes);
        assert_eq!(check.part(&frame(1.0), &jpeg), Ok(()));
        assert_eq!(check.part(&frame(2.0), &jpeg), Ok(()));
        assert!(check.part(&frame(1.5), &jpeg).is_err(), "back in time");
        assert!(check.part(&frame(f64::NAN), &jpeg).is_err(), "no time");
        assert!(check.part(&frame(3.0), b"GIF89a").is_err(), "no JPEG");
    }

    #[test]
    fn reasons_are_codes() {
        assert!(reason("out_of_memory").is_ok());
        assert!(reason("").is_err() && reason("<b>").is_err() && reason(&"a".repeat(41)).is_err());
    }

    /// Texts that stand where a number, a list or a name of a message stood.
    const ODD: [&str; 12] =
        ["-1", "0", "1e309", "1e-320", "null", "\"\"", "[]", "{}", "18446744073709551615", "[0,0]", "true", "\"\\u0000\""];

    proptest! {
        /// A worker that a file has taken over may say anything: it is refused, or what it says can be true.
        #[test]
        fn whatever_a_worker_says_is_refused_or_can_be_true(
            at in prop::collection::vec((0..400_usize, 0..12_usize, 0..ODD.len()), 0..4),
            noise in prop::option::weighted(0.2, prop::collection::vec(any::<u8>(), 0..200)),
            prefix: [u8; 8],
            body in prop_oneof![Just(vec![0xff, 0xd8, 0xff, 0xd9]), prop::collection::vec(any::<u8>(), 0..64)],
        ) {
            if let Ok((header, _)) = lengths(prefix) {
                prop_assert!(header > 0 && header < 1 << 24);
            }
            let mut said = serde_json::to_vec(&Reply::Part { header: frame(1.0) }).unwrap();
            for (at, length, odd) in at {
                let at = at % said.len();
                said.splice(at..(at + length).min(said.len()), ODD[odd].bytes());
            }
            let view = FrameView::Jpeg { long_edge: 4, quality: 85, background: [0; 3] };
            let recipes = [Recipe::Video { sampler: "uniform:2".parse().unwrap(), view, soundtrack: None }];
            if let Ok(Reply::Part { header }) = serde_json::from_slice(noise.as_ref().unwrap_or(&said))
                && PartCheck::new(&recipes).part(&header, &body).is_ok()
            {
                let Detail::Frame(frame) = &header.detail else { panic!("a frame was asked for: {header:?}") };
                prop_assert!(header.recipes == [0] && frame.width.max(frame.height) <= 4 && frame.t.is_none_or(f64::is_finite));
                prop_assert!(body.starts_with(&[0xff, 0xd8]));
            }
        }
    }
}
