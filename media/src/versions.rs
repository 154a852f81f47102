//! Versions of the decoders, which decide the bytes they make.

use ffmpeg_next::{codec, ffi, format, software};

use crate::Modality;

/// What encodes JPEGs.
#[cfg(feature = "turbojpeg")]
const JPEGS: &str = "turbojpeg-1.5";
#[cfg(not(feature = "turbojpeg"))]
const JPEGS: &str = "jpeg-encoder-0.7";

/// What decodes pictures.
#[cfg(feature = "turbojpeg")]
const STILLS: &str = "turbojpeg-1.5+image-0.25";
#[cfg(not(feature = "turbojpeg"))]
const STILLS: &str = "image-0.25";

/// What is ours: raise it with every change that makes other bytes of any file.
const OURS: &str = "tribunal-media-2";

/// The decoder path for a modality with its versions: part of every recipe's identity.
pub fn decoder_path(modality: Modality) -> String {
    let theirs = match modality {
        Modality::Text => "unicode-normalization-0.1".to_owned(),
        Modality::Image => format!("{STILLS}+{}+fir-6.1+{JPEGS}", heif()),
        Modality::Video => format!("{}+{JPEGS}+rubato-5.0+flacenc-0.5.1", libav()),
        Modality::Audio => format!("symphonia-0.6+{}+rubato-5.0+flacenc-0.5.1", libav()),
    };
    format!("{OURS}+{theirs}")
}

/// What reads HEIC and AVIF: a name for its absence, too, so that pictures refused without it are looked at again with it.
fn heif() -> String {
    crate::heif_version().map_or_else(|_| "no-libheif".to_owned(), |version| format!("libheif-{version}+{}", libav()))
}

/// The libav libraries that are loaded, e.g. `avcodec-59.37+avformat-59.27+swscale-6.7+swresample-4.7`.
pub fn libav() -> String {
    loaded().map(|(name, (major, minor))| format!("{name}-{major}.{minor}")).join("+")
}

/// Which libav library is older than FFmpeg 5.1 or than the headers of this build, whose structures it then need not have; `None` is well.
pub fn outdated() -> Option<String> {
    let loaded = loaded();
    loaded.iter().zip(BUILT_WITH).zip(OLDEST).find_map(|((&(name, loaded), built), oldest)| older(name, loaded, built.max(oldest)))
}

/// Major and minor.
type Version = (u32, u32);

/// FFmpeg 5.1, the oldest that gets mends of its holes and that the tests here were run with: in the order of [`loaded`].
const OLDEST: [Version; 4] = [(59, 37), (59, 27), (6, 7), (4, 7)];

/// What the headers say that this was built with, in the same order.
const BUILT_WITH: [Version; 4] = [
    (ffi::LIBAVCODEC_VERSION_MAJOR as u32, ffi::LIBAVCODEC_VERSION_MINOR as u32),
    (ffi::LIBAVFORMAT_VERSION_MAJOR as u32, ffi::LIBAVFORMAT_VERSION_MINOR as u32),
    (ffi::LIBSWSCALE_VERSION_MAJOR as u32, ffi::LIBSWSCALE_VERSION_MINOR as u32),
    (ffi::LIBSWRESAMPLE_VERSION_MAJOR as u32, ffi::LIBSWRESAMPLE_VERSION_MINOR as u32),
];

fn loaded() -> [(&'static str, Version); 4] {
    let split = |version: u32| (version >> 16, (version >> 8) & 0xff);
    [
        ("avcodec", split(codec::version())),
        ("avformat", split(format::version())),
        ("swscale", split(software::scaling::version())),
        ("swresample", split(software::resampling::version())),
    ]
}

fn older(name: &str, loaded: Version, needed: Version) -> Option<String> {
    let show = |(major, minor): Version| format!("{major}.{minor}");
    (loaded < needed).then(|| {
        format!("lib{name} {} is older than {}, which this program needs: install FFmpeg 5.1 or newer", show(loaded), show(needed))
    })
}

#[cfg(test)]
mod tests {
    use super::{older, outdated};

    #[test]
    fn libraries_are_as_new_as_their_headers() {
        assert_eq!(outdated(), None);
        assert_eq!(older("avcodec", (59, 37), (59, 37)), None);
        assert_eq!(older("avcodec", (60, 3), (59, 37)), None);
        for loaded in [(59, 36), (58, 134)] {
            assert!(older("avcodec", loaded, (59, 37)).unwrap().starts_with(&format!("libavcodec {}.{} is older", loaded.0, loaded.1)));
        }
    }
}
