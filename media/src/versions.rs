//! Versions of the decoders, which decide the bytes they make.

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
    let pair = |version: u32| format!("{}.{}", version >> 16, (version >> 8) & 0xff);
    format!(
        "avcodec-{}+avformat-{}+swscale-{}+swresample-{}",
        pair(ffmpeg_next::codec::version()),
        pair(ffmpeg_next::format::version()),
        pair(ffmpeg_next::software::scaling::version()),
        pair(ffmpeg_next::software::resampling::version()),
    )
}
