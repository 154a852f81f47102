//! Edit lists of MP4 files: where the sound really starts and ends. Symphonia 0.6 leaves them be, FFmpeg 5.1 their end.

use std::ops::Range;

use crate::movie::{be32, be64, child, children, movie, timescale, track_id};
use crate::{Error, Source};

/// Frames to leave out at the start, and frames to keep after them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Trim {
    skip: u64,
    keep: Option<u64>,
    /// Frames that one more tick of the movie's clock would hold.
    tick: u64,
}

impl Trim {
    /// The range to keep of the next `frames` frames.
    pub(super) fn take(&mut self, frames: usize) -> Range<usize> {
        let start = usize::try_from(self.skip).unwrap_or(usize::MAX).min(frames);
        self.skip -= start as u64;
        let left = self.keep.map_or(usize::MAX, |keep| usize::try_from(keep).unwrap_or(usize::MAX));
        let kept = (frames - start).min(left);
        self.keep = self.keep.map(|keep| keep - kept as u64);
        start..start + kept
    }

    /// Only the end of it, for a decoder that leaves out the start itself. The length is written in whole ticks of the movie, often milliseconds:
    /// the last one is kept to its end.
    pub(super) fn end_only(self) -> Self {
        Self { skip: 0, keep: self.keep.map(|keep| keep + self.tick), tick: 0 }
    }

    /// Whether everything to keep has been taken.
    pub(super) fn is_over(&self) -> bool {
        self.keep == Some(0)
    }

    /// How many of `frames` frames remain.
    pub(super) fn of(&self, frames: u64) -> u64 {
        frames.saturating_sub(self.skip).min(self.keep.unwrap_or(u64::MAX))
    }
}

/// What the edit list of `track` leaves of its sound at `rate`. Everything when there is none; more than one stretch of media is unsupported.
///
/// Layout: ISO/IEC 14496-12, 8.6.6. An edit with media time -1 is a pause before the sound: for a sound file alone, no part of it.
pub(super) fn trim(source: &Source, track: u32, rate: u32) -> Result<Trim, Error> {
    let Some(moov) = movie(source)? else { return Ok(Trim::default()) };
    let movie_scale = child(&moov, b"mvhd").and_then(timescale);
    let edits = children(&moov, b"trak").find(|trak| track_id(trak) == Some(track)).and_then(|trak| {
        let mdia = child(trak, b"mdia")?;
        Some((entries(child(child(trak, b"edts")?, b"elst")?)?, timescale(child(mdia, b"mdhd")?)?))
    });
    let (Some((entries, scale)), Some(movie_scale)) = (edits, movie_scale) else { return Ok(Trim::default()) };
    let mut media = entries.iter().filter(|entry| entry.media_time >= 0);
    let Some(entry) = media.next() else { return Ok(Trim::default()) };
    if media.next().is_some() {
        return Err(Error::Unsupported("an edit list of several stretches".to_owned()));
    }
    let frames = |ticks: u64, scale: u32| (u128::from(ticks) * u128::from(rate) / u128::from(scale.max(1))) as u64;
    let keep = Some(frames(entry.duration, movie_scale)).filter(|keep| *keep > 0);
    let tick = u64::from(rate).div_ceil(u64::from(movie_scale.max(1))) - 1;
    Ok(Trim { skip: frames(entry.media_time.unsigned_abs(), scale), keep, tick })
}

struct Entry {
    duration: u64,
    media_time: i64,
}

fn entries(elst: &[u8]) -> Option<Vec<Entry>> {
    let (version, count, body) = (*elst.first()?, be32(elst.get(4..)?)?, elst.get(8..)?);
    let size = if version == 1 { 20 } else { 12 };
    let entries = body.chunks_exact(size).take(count as usize).map(|entry| match version {
        1 => Some(Entry { duration: be64(entry)?, media_time: be64(&entry[8..])?.cast_signed() }),
        _ => Some(Entry { duration: be32(entry)?.into(), media_time: be32(&entry[4..])?.cast_signed().into() }),
    });
    entries.collect()
}
