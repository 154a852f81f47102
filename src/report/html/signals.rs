//! What decoding measured of a video or of sound, as a reader sees it: names by their keys, and numbers.

use tribunal_media::Report;

use crate::report::plain::fixed;

/// The measures of an item; those that are undefined are left out.
pub(super) fn signals(report: &Report) -> Vec<(&'static str, String)> {
    let share = |share: f64| format!("{:.1} %", share * 100.0);
    let number = |number: Option<f64>, digits, unit: &str| number.map(|_| fixed(number, digits) + unit);
    let video = report.video.as_ref().filter(|video| video.frames_seen > 0).map(|video| {
        [
            ("signal_frames", Some(video.frames_seen.to_string())),
            ("signal_motion", number(video.motion, 3, "")),
            ("signal_cuts", (video.pairs_seen > 0 || !video.cuts.is_empty()).then(|| video.cuts.len().to_string())),
            ("signal_flicker", number(video.flicker, 3, "")),
            ("signal_frozen", video.frozen_share.map(share)),
            ("signal_black", Some(share(video.black_share))),
            ("signal_blank", Some(share(video.blank_share))),
        ]
    });
    let sound = report.sound.as_ref().map(|sound| {
        [
            ("signal_loudness", number(sound.loudness_lufs, 1, " LUFS")),
            ("signal_peak", number(sound.peak_dbfs, 1, " dBFS")),
            ("signal_silent", Some(share(sound.silent_share))),
            ("signal_clipped", Some(share(sound.clipped_share))),
        ]
    });
    video.into_iter().flatten().chain(sound.into_iter().flatten()).filter_map(|(name, value)| Some((name, value?))).collect()
}

#[cfg(test)]
mod tests {
    use tribunal_media::{Report, SoundSignals, VideoSignals};

    use super::signals;
    use crate::report::html::labels;
    use crate::taxonomy::Lang;

    #[test]
    fn every_measure_has_a_name_and_what_is_undefined_is_left_out() {
        let video = VideoSignals {
            frames_seen: 48,
            pairs_seen: 47,
            flicker: Some(0.0123),
            frozen_share: Some(0.25),
            motion: Some(0.5),
            cuts: vec![1.0, 2.0],
            ..VideoSignals::default()
        };
        let sound = SoundSignals { loudness_lufs: Some(-23.04), clipped_share: 0.004, ..SoundSignals::default() };
        let report = Report { video: Some(video), sound: Some(sound), ..Report::default() };
        let found = signals(&report);
        assert!(found.iter().all(|(name, _)| labels(Lang::Ko).contains_key(name)), "{found:?}");
        let of = |wanted: &str| found.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str());
        assert_eq!(["signal_frames", "signal_cuts", "signal_flicker"].map(of), [Some("48"), Some("2"), Some("0.012")]);
        assert_eq!(["signal_frozen", "signal_loudness", "signal_clipped"].map(of), [Some("25.0 %"), Some("-23.0 LUFS"), Some("0.4 %")]);
        assert_eq!((of("signal_peak"), found.len()), (None, 10));
        let none = Report { video: Some(VideoSignals::default()), ..Report::default() };
        assert!(signals(&none).is_empty() && signals(&Report::default()).is_empty());
    }
}
