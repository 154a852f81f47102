//! Pre-flight: what of a payload fits into one request of a judge.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tribunal_media::{Detail, Digest, Encoding};

use super::request::Request;
use super::terms::{self, Limits};
use super::{Judge, Receipt, Why, Work};
use crate::prepare::{Part, Payload};

/// Bytes kept free for the words around the evidence: rubrics have some 8 KB, prompts are short.
const WORDS: u64 = 64 << 10;
/// Tokens kept free for the same.
const WORD_TOKENS: f64 = 4_000.0;

/// What of a payload was sent because the judge takes no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fit {
    /// Pictures and chunks of sound sent, each kind evenly spread over those there were.
    pub kept: usize,
    /// Pictures and chunks of sound there were.
    pub of: usize,
    /// The limit that was met first: `pictures`, `sound_seconds`, `request_bytes` or `context_tokens`.
    pub limit: String,
}

/// Parts of one kind, of which some may be left out.
struct Kind {
    all: Vec<usize>,
    kept: usize,
    /// Fewer would say nothing: a sequence of one picture does not show what moves.
    least: usize,
}

impl Judge {
    /// The payload itself, or an even subset of its pictures and chunks of sound that this judge takes in one request, and then how it was cut. The
    /// error is a payload of which no part could be left out, or too little would be left.
    pub fn fit(&self, payload: &Arc<Payload>) -> Result<(Arc<Payload>, Option<Fit>), Why> {
        let limits = &self.terms.limits;
        payload.parts.iter().try_for_each(|part| check_part(limits, part))?;
        let mut pictures = Kind::of(payload, is_picture, 2);
        let mut sound = Kind::of(payload, is_sound, 1);
        let others = Kind::of(payload, |part| !is_picture(part) && !is_sound(part), 0).all;
        let mut first = None;
        loop {
            let mut kept = [&others[..], &pictures.kept(), &sound.kept()].concat();
            kept.sort_unstable();
            let Some(limit) = self.over(payload, &kept) else {
                let fit = first.map(|limit: &str| Fit {
                    kept: pictures.kept + sound.kept,
                    of: pictures.all.len() + sound.all.len(),
                    limit: limit.to_owned(),
                });
                return Ok((if fit.is_some() { Arc::new(subset(payload, &kept)) } else { Arc::clone(payload) }, fit));
            };
            let first = *first.get_or_insert(limit);
            // Bytes and tokens are saved on pictures first: there are more of them, and sound that is left out was heard by nobody.
            let cut = match limit {
                "pictures" => pictures.cut(),
                "sound_seconds" => sound.cut(),
                _ => pictures.cut() || sound.cut(),
            };
            if !cut {
                let [pictures, sound] = [&pictures, &sound].map(|kind| format!("{} of {}", kind.kept, kind.all.len()));
                let least = format!("not even {pictures} pictures and {sound} chunks of sound: limit {limit}, the first was {first}");
                return Err(Why::new("over_judge_limit", format!("it does not fit into one request of the judge, {least}")));
            }
        }
    }

    /// The limit that the words and the parts at `kept` would break.
    fn over(&self, payload: &Payload, kept: &[usize]) -> Option<&'static str> {
        let limits = &self.terms.limits;
        let parts = || kept.iter().map(|index| &payload.parts[*index]);
        let pictures = parts().filter(|part| is_picture(part)).count();
        let canaries = usize::from(self.settings.receipt == Receipt::Canary && pictures > 0);
        if limits.pictures.is_some_and(|most| (pictures + canaries) as u64 > u64::from(most)) {
            return Some("pictures");
        }
        let seconds: f64 = parts().map(sound_seconds).sum();
        if limits.sound_seconds.is_some_and(|most| seconds > f64::from(most)) {
            return Some("sound_seconds");
        }
        let bytes: u64 = parts().map(sent_bytes).sum();
        if limits.request_bytes.is_some_and(|most| bytes + WORDS > most) {
            return Some("request_bytes");
        }
        let tokens: f64 = parts().map(|part| terms::part_tokens(&self.terms.tokens, part)).sum();
        let most = |most: u64| tokens + WORD_TOKENS + f64::from(self.settings.first_max_tokens()) > most as f64;
        limits.context_tokens.is_some_and(most).then_some("context_tokens")
    }

    /// Whether the finished request is one that the judge takes; the words are counted now.
    pub(super) fn check_size(&self, request: &Request, work: &Work) -> Result<(), Why> {
        let limits = &self.terms.limits;
        let over = |what: &str, has: u64, most: u64| {
            Err(Why::new("over_judge_limit", format!("the request has {has} {what}, the judge takes {most}")))
        };
        if let Some(most) = limits.request_bytes.filter(|&most| request.len() > most) {
            return over("bytes", request.len(), most);
        }
        let pictures = work.payload.parts.iter().filter(|part| is_picture(part)).count() as u64;
        if let Some(most) = limits.pictures.map(u64::from).filter(|&most| pictures > most) {
            return over("pictures", pictures, most);
        }
        let tokens = (terms::estimate(&self.terms.tokens, work).input() + f64::from(self.settings.first_max_tokens())).ceil() as u64;
        if let Some(most) = limits.context_tokens.filter(|&most| tokens > most) {
            return over("tokens with its reply", tokens, most);
        }
        let seconds: f64 = work.payload.parts.iter().map(sound_seconds).sum();
        if let Some(most) = limits.sound_seconds.filter(|&most| seconds > f64::from(most)) {
            return over("seconds of sound", seconds.ceil() as u64, most.into());
        }
        Ok(())
    }
}

impl Kind {
    fn of(payload: &Payload, is_one: fn(&Part) -> bool, least: usize) -> Self {
        let all: Vec<usize> = (0..payload.parts.len()).filter(|index| is_one(&payload.parts[*index])).collect();
        Self { kept: all.len(), least: least.min(all.len()), all }
    }

    fn kept(&self) -> Vec<usize> {
        even(&self.all, self.kept)
    }

    /// Leaves one more out; whether that may be.
    const fn cut(&mut self) -> bool {
        let may = self.kept > self.least;
        self.kept -= may as usize;
        may
    }
}

fn is_picture(part: &Part) -> bool {
    part.header.encoding == Encoding::Jpeg
}

fn is_sound(part: &Part) -> bool {
    matches!(part.header.encoding, Encoding::Wav | Encoding::Flac)
}

/// Bytes in the body: media go in base64.
fn sent_bytes(part: &Part) -> u64 {
    match part.header.encoding {
        Encoding::Utf8 => part.len,
        _ => part.len.div_ceil(3) * 4,
    }
}

fn sound_seconds(part: &Part) -> f64 {
    match &part.header.detail {
        Detail::Sound { start, end } => (end - start).max(0.0),
        _ => 0.0,
    }
}

fn check_part(limits: &Limits, part: &Part) -> Result<(), Why> {
    if let Some(most) = limits.picture_bytes.filter(|&most| is_picture(part) && sent_bytes(part) > most) {
        return Err(Why::new("over_judge_limit", format!("a picture has {} bytes in base64, the judge takes {most}", sent_bytes(part))));
    }
    let edge = match &part.header.detail {
        Detail::Frame(frame) => frame.width.max(frame.height),
        Detail::Sheet(sheet) => sheet.width.max(sheet.height),
        Detail::Text { .. } | Detail::Sound { .. } => 0,
    };
    match limits.long_edge.filter(|&most| edge > most) {
        Some(most) => Err(Why::new("over_judge_limit", format!("a picture has {edge} pixels along its long edge, the judge takes {most}"))),
        None => Ok(()),
    }
}

/// `count` of `all`, evenly spread, the first and the last among them where there are two or more.
fn even(all: &[usize], count: usize) -> Vec<usize> {
    match count {
        0 => Vec::new(),
        1 => vec![all[all.len() / 2]],
        _ => (0..count).map(|index| all[(index * (all.len() - 1) + (count - 1) / 2) / (count - 1)]).collect(),
    }
}

/// The parts at `kept`; another payload, thus with another id.
fn subset(payload: &Payload, kept: &[usize]) -> Payload {
    let places: Vec<u8> = kept.iter().flat_map(|&index| (index as u64).to_le_bytes()).collect();
    Payload {
        parts_id: Digest::of_fields([&payload.parts_id.as_bytes()[..], b"subset", &places]),
        parts: kept.iter().map(|index| payload.parts[*index].clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tribunal_media::{Detail, Digest, Encoding, FrameDetail, PartHeader};

    use super::{Fit, Judge, Payload, Receipt, even};
    use crate::judge::{Limits, ProviderKind, Settings, View};
    use crate::prepare::{self, Part};

    fn payload(frames: usize, bytes: usize) -> Arc<Payload> {
        let frame = |index: usize| FrameDetail { t: Some(index as f64), ..FrameDetail::still(768, 432) };
        let header = |index| PartHeader { recipes: vec![0], encoding: Encoding::Jpeg, detail: Detail::Frame(frame(index)) };
        let parts = (0..frames).map(|index| Part::new(header(index), vec![index as u8; bytes])).collect();
        Arc::new(Payload { parts_id: Digest::of(b"p"), parts })
    }

    /// The same with chunks of 30 s after the frames.
    fn with_sound(payload: &Payload, chunks: usize, bytes: usize) -> Arc<Payload> {
        let start = |index: usize| index as f64 * 30.0;
        let detail = |index| Detail::Sound { start: start(index), end: start(index + 1) };
        let header = |index| PartHeader { recipes: vec![0], encoding: Encoding::Wav, detail: detail(index) };
        let chunks = (0..chunks).map(|index| Part::new(header(index), vec![index as u8; bytes]));
        Arc::new(Payload { parts_id: payload.parts_id, parts: payload.parts.iter().cloned().chain(chunks).collect() })
    }

    fn judge(limits: Limits) -> Judge {
        let settings =
            Settings { base_url: Some("http://h/v1".into()), model: Some("m".into()), limits, ..Settings::new(ProviderKind::OpenAi) };
        Judge::open("j", &settings, &|_| None).unwrap()
    }

    fn times(payload: &Payload) -> Vec<f64> {
        let time = |part: &Part| match &part.header.detail {
            Detail::Frame(frame) => frame.t.unwrap(),
            Detail::Sound { start, .. } => *start,
            _ => panic!("a frame or a chunk"),
        };
        payload.parts.iter().map(time).collect()
    }

    #[test]
    fn what_fits_is_left_alone() {
        let payload = payload(8, 1000);
        for limits in [
            Limits::default(),
            Limits { pictures: Some(8), request_bytes: Some(80_000), context_tokens: Some(20_000), ..Limits::default() },
        ] {
            let (same, fit) = judge(limits).fit(&payload).unwrap();
            assert!(Arc::ptr_eq(&same, &payload) && fit.is_none());
        }
    }

    #[test]
    fn too_many_pictures_become_an_even_subset_with_another_id() {
        let payload = payload(9, 1000);
        let (few, fit) = judge(Limits { pictures: Some(5), ..Limits::default() }).fit(&payload).unwrap();
        assert_eq!((times(&few), fit), (vec![0.0, 2.0, 4.0, 6.0, 8.0], Some(Fit { kept: 5, of: 9, limit: "pictures".into() })));
        assert_ne!(few.parts_id, payload.parts_id);
        let bytes = Limits { request_bytes: Some((64 << 10) + 4 * 1336), ..Limits::default() };
        assert_eq!(judge(bytes).fit(&payload).unwrap().1.unwrap(), Fit { kept: 4, of: 9, limit: "request_bytes".into() });
        let tokens = Limits { context_tokens: Some(4_800 + 3 * 765), ..Limits::default() };
        assert_eq!(judge(tokens).fit(&payload).unwrap().1.unwrap().limit, "context_tokens");
    }

    #[test]
    fn sound_is_cut_where_it_is_too_long_and_only_after_pictures_where_it_is_too_large() {
        let heard = with_sound(&payload(0, 0), 5, 1000);
        let (few, fit) = judge(Limits { sound_seconds: Some(95), ..Limits::default() }).fit(&heard).unwrap();
        assert_eq!((times(&few), fit), (vec![0.0, 60.0, 120.0], Some(Fit { kept: 3, of: 5, limit: "sound_seconds".into() })));
        let both = with_sound(&payload(4, 1000), 2, 1000);
        let fit =
            |request_bytes: u64| judge(Limits { request_bytes: Some((64 << 10) + request_bytes), ..Limits::default() }).fit(&both).unwrap();
        assert_eq!(times(&fit(5 * 1336).0), [0.0, 2.0, 3.0, 0.0, 30.0]);
        assert_eq!((times(&fit(3 * 1336).0), fit(3 * 1336).1.unwrap().kept), (vec![0.0, 3.0, 30.0], 3));
        let limits = Limits { request_bytes: Some((64 << 10) + 2 * 1336), ..Limits::default() };
        let why = judge(limits).fit(&both).unwrap_err();
        assert!(why.message.contains("not even 2 of 4 pictures and 1 of 2 chunks of sound: limit request_bytes"), "{why:?}");
        assert_eq!(judge(Limits { sound_seconds: Some(29), ..Limits::default() }).fit(&both).unwrap_err().reason, "over_judge_limit");
    }

    #[test]
    fn pictures_are_made_so_small_that_none_has_too_many_bytes() {
        let view = |picture_bytes, long_edge| {
            judge(Limits { picture_bytes: Some(picture_bytes), long_edge, ..Limits::default() }).view(prepare::Settings::default())
        };
        assert_eq!((view(10_000_000, None), view(10_000_000, Some(500))), (View::Parts, View::Small(500)));
        assert_eq!((view(40_000, Some(500)), view(40_000, Some(100))), (View::Small(160), View::Small(100)));
    }

    #[test]
    fn a_canary_takes_a_place_of_its_own() {
        let limits = Limits { pictures: Some(8), ..Limits::default() };
        let settings = Settings { receipt: Receipt::Canary, ..judge(limits).settings };
        let judge = Judge::open("j", &settings, &|_| None).unwrap();
        assert_eq!(judge.fit(&payload(8, 1000)).unwrap().1.unwrap().kept, 7);
        assert!(judge.fit(&payload(7, 1000)).unwrap().1.is_none());
    }

    #[test]
    fn what_cannot_be_cut_is_refused_by_name() {
        for limits in [
            Limits { pictures: Some(1), ..Limits::default() },
            Limits { picture_bytes: Some(1335), ..Limits::default() },
            Limits { long_edge: Some(700), ..Limits::default() },
            Limits { request_bytes: Some(64 << 10), ..Limits::default() },
        ] {
            assert_eq!(judge(limits.clone()).fit(&payload(3, 1000)).unwrap_err().reason, "over_judge_limit", "{limits:?}");
        }
    }

    #[test]
    fn subsets_are_even_and_ascending() {
        let all: Vec<usize> = (0..10).collect();
        assert_eq!((even(&all, 1), even(&all, 2), even(&all, 4)), (vec![5], vec![0, 9], vec![0, 3, 6, 9]));
        for count in 1..=10 {
            let kept = even(&all, count);
            assert!(kept.len() == count && kept.windows(2).all(|pair| pair[0] < pair[1]), "{kept:?}");
        }
    }
}
