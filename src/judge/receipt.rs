//! Receipts: proof that the judge saw the media and did not make up what they show.

use std::borrow::Cow;
use std::sync::Arc;

use tribunal_media::{Digest, Encoding, canary_picture, canary_sound};

use super::{Receipt, Usage, Why, Work};
use crate::prepare::{Part, Payload};

const PICTURE_LABEL: &str = "RECEIPT, not part of the evidence: read the four digits in this picture and give them in the field `receipt`.";
const SOUND_LABEL: &str = "RECEIPT, not part of the evidence: count the beeps in this sound and give the number in the field `receipt`.";
/// Added after the evidence, where the required shape is named.
const REMINDER: &str =
    "The reply has one more field, `receipt`, a text: the code of the RECEIPT part, or an empty text if you cannot see or hear it.";

/// `work` with a canary after its evidence, where the settings ask for one and there is anything to see or hear. The code follows from the
/// nonce, so repeats send identical bytes.
pub(super) fn plant(receipt: Receipt, work: &Work) -> Result<Cow<'_, Work>, Why> {
    let has = |encodings: &[Encoding]| work.payload.parts.iter().any(|part| encodings.contains(&part.header.encoding));
    let (pictures, sound) = (has(&[Encoding::Jpeg]), has(&[Encoding::Wav, Encoding::Flac]));
    if receipt != Receipt::Canary || !(pictures || sound) {
        return Ok(Cow::Borrowed(work));
    }
    let draw = Digest::of_fields([b"canary", work.nonce.as_bytes()]);
    let draw = u16::from_le_bytes([draw.as_bytes()[0], draw.as_bytes()[1]]);
    let (label, code, made) = if pictures {
        let code = 1000 + draw % 9000;
        (PICTURE_LABEL, code, canary_picture(code))
    } else {
        let beeps = 2 + (draw % 8) as u8;
        (SOUND_LABEL, u16::from(beeps), canary_sound(beeps))
    };
    let (header, bytes) = made.map_err(|error| Why::new("unsendable_part", error.to_string()))?;
    let mut planted = work.clone();
    planted.payload =
        Arc::new(Payload { parts_id: work.payload.parts_id, parts: [&work.payload.parts[..], &[Part::new(header, bytes)]].concat() });
    planted.prompt.labels.push(label.to_owned());
    planted.prompt.after = format!("{}\n{REMINDER}", planted.prompt.after);
    planted.shape.receipt = true;
    planted.receipt = Some(code.to_string());
    Ok(Cow::Owned(planted))
}

/// Of a verdict that does not read back the code.
pub(super) fn unread() -> Why {
    Why::new("media_not_seen", "the verdict does not read back the receipt's code: the judge does not see or hear what it is sent")
}

/// Why the judge cannot have seen the media, if the server's own counts say so. A server that does not split its count proves nothing either way.
pub(super) fn unseen(receipt: Receipt, usage: Option<Usage>, payload: &Payload) -> Option<Why> {
    if receipt == Receipt::Off {
        return None;
    }
    let usage = usage?;
    let has = |encodings: &[Encoding]| payload.parts.iter().any(|part| encodings.contains(&part.header.encoding));
    let pictures = usage.image == Some(0) && has(&[Encoding::Jpeg]);
    let sound = usage.audio == Some(0) && has(&[Encoding::Wav, Encoding::Flac]);
    let what = if pictures { "picture" } else { "sound" };
    (pictures || sound).then(|| {
        let advice = "the judge never saw the media; a server that always counts 0 needs receipt = \"off\" or \"canary\"";
        Why::new("media_not_seen", format!("the server counted no {what} tokens: {advice}"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{verdict_json, work};
    use super::super::verdict::{Flaw, check};
    use super::super::wire::Said;
    use super::{Arc, Cow, Payload, Receipt, Usage, plant, unseen};

    #[test]
    fn a_canary_is_planted_once_and_its_code_must_come_back() {
        let plain = work();
        assert!(matches!(plant(Receipt::Usage, &plain).unwrap(), Cow::Borrowed(_)));
        let planted = plant(Receipt::Canary, &plain).unwrap().into_owned();
        assert_eq!(planted.payload.parts.len(), plain.payload.parts.len() + 1);
        assert_eq!(planted.prompt.labels.len(), planted.payload.parts.len());
        let code = planted.receipt.clone().unwrap();
        assert_eq!(plant(Receipt::Canary, &plain).unwrap().receipt.as_ref(), Some(&code), "the same for every repeat");
        let mut verdict = verdict_json();
        let mut read = |receipt: &str| {
            verdict["receipt"] = receipt.into();
            check(Said { content: verdict.to_string(), odds: None }, &planted)
        };
        assert_eq!(read(&code).unwrap().safety, 5);
        for wrong in ["", "0", "1234567"] {
            assert!(matches!(read(wrong), Err(Flaw::Foreign(why)) if why.reason == "media_not_seen"));
        }
    }

    #[test]
    fn a_canary_sound_widens_nothing() {
        let mut heard = work();
        heard.payload = Arc::new(Payload { parts: heard.payload.parts[2..3].to_vec(), parts_id: heard.payload.parts_id });
        heard.prompt.labels.truncate(1);
        let planted = plant(Receipt::Canary, &heard).unwrap().into_owned();
        let mut verdict = verdict_json();
        verdict["receipt"] = planted.receipt.clone().unwrap().into();
        let mut read = |second: f64| {
            verdict["evidence_seconds"] = serde_json::json!([second]);
            check(Said { content: verdict.to_string(), odds: None }, &planted)
        };
        assert!(read(2.0).is_ok());
        assert!(matches!(read(4.5), Err(Flaw::Faulty(why, _)) if why.reason == "evidence_outside"));
    }

    #[test]
    fn a_count_of_nothing_is_no_receipt() {
        let payload = &work().payload;
        let seen = |receipt, image, audio| {
            unseen(receipt, Some(Usage { input: 9, output: 9, image, audio, ..Usage::default() }), payload).is_none()
        };
        assert!(seen(Receipt::Usage, None, None) && seen(Receipt::Usage, Some(9), Some(9)));
        assert!(
            !seen(Receipt::Usage, Some(0), Some(9)) && !seen(Receipt::Usage, Some(9), Some(0)) && !seen(Receipt::Canary, Some(0), None)
        );
        assert!(seen(Receipt::Off, Some(0), Some(0)));
        assert_eq!(unseen(Receipt::Usage, None, payload), None);
    }
}
