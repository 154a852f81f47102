//! Sound in a container: opened by one demuxer, the stream to hear, and what the header says of it.

#![expect(unsafe_code, reason = "how libavformat knows a length is only in its C structure")]

use ffmpeg_next::ffi::AVDurationEstimationMethod::AVFMT_DURATION_FROM_BITRATE;
use ffmpeg_next::media::Type;
use libc::c_int;

use super::{Input, Stream, allow};
use crate::{Error, Limits, Source};

impl<'s> Input<'s> {
    /// Opens the container with `demuxer` (libav's name) and no other, and looks at its streams by their first packets. No decoder of pictures is
    /// opened for that.
    pub(crate) fn open_sound(source: &'s Source, limits: &Limits, demuxer: &str) -> Result<Self, Error> {
        if !allow::FORMATS.split(',').any(|listed| listed == demuxer) {
            return Err(Error::Unsupported(format!("{demuxer} is not opened here")));
        }
        let mut input = Self::open_as(source, demuxer, &allow::AUDIO.join(","))?;
        input.find_streams(limits)?;
        Ok(input)
    }

    /// The sound to hear, as libav chooses: one that the container prefers, not made for the hard of hearing, with the most packets seen so far and
    /// the highest bit rate.
    pub(crate) fn best_sound(&self) -> Option<Stream> {
        let index = self.format.streams().best(Type::Audio)?.index();
        self.stream(index)
    }

    /// The container's own number of a stream: in MP4, its track.
    pub(crate) fn number(&self, stream: &Stream) -> Option<u32> {
        u32::try_from(self.format.stream(stream.index)?.id()).ok()
    }

    /// Seconds that the header says of this very stream, unless libav guessed them from the bit rate.
    pub(crate) fn written_duration(&self, stream: &Stream) -> Option<f64> {
        // SAFETY: valid while the container is open; read as a number.
        let method = unsafe { (&raw const (*self.format.as_ptr()).duration_estimation_method).cast::<c_int>().read() };
        let ticks = self.format.stream(stream.index)?.duration();
        let (num, den) = stream.time_base;
        (ticks > 0 && method != AVFMT_DURATION_FROM_BITRATE as c_int).then(|| ticks as f64 * (f64::from(num) / f64::from(den)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, Input, Limits, Source};

    #[test]
    fn only_the_named_demuxer_opens_and_only_when_it_is_listed() {
        let wav = crate::audio::wav::encode(&[0; 800], 8000).unwrap();
        let open = |demuxer: &str| Input::open_sound(&Source::memory(wav.clone()), &Limits::default(), demuxer).map(|input| input.format());
        assert_eq!(open("wav"), Ok("wav".to_owned()));
        assert!(matches!(open("flac"), Err(Error::Malformed(_) | Error::Unsupported(_))), "{:?}", open("flac"));
        assert_eq!(open("image2"), Err(Error::Unsupported("image2 is not opened here".to_owned())));
    }
}
