//! How far decoding is kept away, and what one worker may use.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tribunal_media::{Limits, Modality, Recipe, SamplerSpec};

use super::wire::Fork;

/// Far above the RSS cap: a data limit that bites makes decoders deliver wrong frames without an error. At least so many bytes, and so many times the cap.
const DATA_BYTES: u64 = 2 << 30;
const DATA_PER_RSS: u64 = 3;

/// How far decoding is kept away from this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// Worker processes with every lock; refuse to start without.
    #[default]
    Required,
    /// Worker processes with the locks that this kernel has.
    BestEffort,
    /// In this process (benches, library users): a decoder crash ends the run.
    Off,
}

/// Limits of the workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How far decoding is kept away.
    pub isolation: Isolation,
    /// Resident memory of one worker above which it is killed, in MiB.
    pub rss_mib: u64,
    /// CPU seconds for one image or text.
    pub image_seconds: u64,
    /// CPU seconds for one sound or video, plus one per 60 planned frames.
    pub av_seconds: u64,
    /// The longest deadline, in CPU seconds.
    pub max_seconds: u64,
    /// A worker is replaced after this many clean jobs.
    pub jobs_per_worker: u32,
    /// Bytes of all parts of one job; more is a refusal (`over_limit`).
    pub reply_bytes: u64,
    /// What decoders may be asked for.
    pub media: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            isolation: Isolation::Required,
            rss_mib: 768,
            image_seconds: 10,
            av_seconds: 60,
            max_seconds: 900,
            jobs_per_worker: 64,
            reply_bytes: 512 << 20,
            media: Limits::default(),
        }
    }
}

/// Frames counted for a sampler that names no number (`keyframes`, `fps:R`) or looks at every frame: the most that any may ask for.
const UNBOUNDED_FRAMES: u64 = 10_000;

/// How many frames are paid for by one more second.
const FRAMES_PER_SECOND: u64 = 60;

/// Wall time allowed per second of CPU time: the backstop for a worker that waits instead of computing.
const WALL_FACTOR: u32 = 4;

impl Settings {
    /// What is out of range, in words.
    pub fn check(&self) -> Result<(), String> {
        let share = self.media.least_share;
        if (0.0..=1.0).contains(&share) { Ok(()) } else { Err(format!("limits.media.least_share must be 0 to 1, not {share}")) }
    }

    /// CPU time that one job may use.
    pub(super) fn cpu_deadline(&self, recipes: &[Recipe]) -> Duration {
        let seconds = match recipes.first().map(Recipe::modality) {
            Some(Modality::Text | Modality::Image) => self.image_seconds,
            Some(Modality::Video | Modality::Audio) | None => {
                let frames: u64 = recipes.iter().filter_map(Recipe::sampler).map(planned_frames).sum();
                self.av_seconds.saturating_add(frames / FRAMES_PER_SECOND)
            }
        };
        Duration::from_secs(seconds.min(self.max_seconds))
    }

    /// Wall time after which a job is given up whatever it used.
    pub(super) fn wall_deadline(cpu: Duration) -> Duration {
        cpu.saturating_mul(WALL_FACTOR)
    }

    /// CPU seconds that one worker may use in its whole life (`RLIMIT_CPU` counts per process, not per job).
    fn worker_cpu_seconds(&self) -> u64 {
        self.max_seconds.saturating_mul(u64::from(self.jobs_per_worker)).max(1)
    }

    /// What the kernel holds a worker to in its whole life.
    pub(super) fn fork(&self) -> Fork {
        Fork { cpu_seconds: self.worker_cpu_seconds(), data_bytes: DATA_BYTES.max((self.rss_mib << 20).saturating_mul(DATA_PER_RSS)) }
    }
}

fn planned_frames(sampler: &SamplerSpec) -> u64 {
    sampler.most().filter(|_| !sampler.looks_at_all()).map_or(UNBOUNDED_FRAMES, u64::from)
}

#[cfg(test)]
mod tests {
    use tribunal_media::FrameView;

    use super::*;

    #[test]
    fn a_share_is_a_share() {
        let settings = |least_share: f64| Settings { media: Limits { least_share, ..Limits::default() }, ..Settings::default() };
        assert_eq!(settings(0.5).check(), Ok(()));
        for odd in [f64::NAN, -0.1, 1.1] {
            assert!(settings(odd).check().unwrap_err().contains("least_share"));
        }
    }

    #[test]
    fn deadlines_grow_with_the_frames_planned_up_to_a_limit() {
        let settings = Settings::default();
        let video = |sampler: &str| Recipe::Video { sampler: sampler.parse().unwrap(), view: FrameView::default(), soundtrack: None };
        let seconds = |recipes: &[Recipe]| settings.cpu_deadline(recipes).as_secs();
        assert_eq!(seconds(&[Recipe::Text { max_characters: 1 }]), 10);
        assert_eq!(seconds(&[video("uniform:8")]), 60);
        assert_eq!(seconds(&[video("uniform:120"), video("linspace:60")]), 63);
        assert_eq!((seconds(&[video("keyframes")]), seconds(&[video("scene:4")])), (226, 226));
        let many = vec![video("keyframes"); 100];
        assert_eq!(seconds(&many), 900);
        assert_eq!(Settings::wall_deadline(settings.cpu_deadline(&many)).as_secs(), 3600);
    }
}
