//! Receipts: proof that the judge saw the media and did not make up what they show.

use super::{Receipt, Usage, Why};
use crate::prepare::Payload;
use tribunal_media::Encoding;

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
    use super::super::tests::work;
    use super::{Receipt, Usage, unseen};

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
