//! What may be opened and decoded: lists of what is allowed, so that a new demuxer or decoder is never reached by surprise.

/// Demuxers. Never `hls`, `dash`, `concat`, `sdp`, `rtsp`, `image2`, `tty` or `lavfi`: those open other files and addresses.
pub(super) const FORMATS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,flv,asf,h264,hevc,ivf,\
mp3,aac,wav,w64,flac,aiff,au,caf,ac3,eac3,amr,m4v";

/// Video decoders by name. Where two decode one codec, the first here is used.
pub(super) const VIDEO: &[&str] = &[
    "h264",
    "hevc",
    "vp8",
    "vp9",
    "libdav1d",
    "mpeg4",
    "mpeg2video",
    "mpeg1video",
    "mjpeg",
    "theora",
    "flv",
    "h263",
    "wmv1",
    "wmv2",
    "wmv3",
    "vc1",
    "msmpeg4",
    "msmpeg4v2",
    "prores",
    "rawvideo",
    "vp6",
    "vp6f",
    "svq1",
    "svq3",
    "cinepak",
    "qtrle",
    "msvideo1",
    "dvvideo",
    "dnxhd",
];

/// Decoders that also read the transparency which WebM keeps beside the picture.
pub(super) const VIDEO_WITH_ALPHA: &[&str] = &["libvpx", "libvpx-vp9"];

/// Sound decoders by name. Where two decode one codec, the first here is used.
pub(super) const AUDIO: &[&str] = &[
    "aac",
    "aac_latm",
    "mp3float",
    "mp3",
    "mp2",
    "mp2float",
    "mp1",
    "mp1float",
    "ac3",
    "eac3",
    "dca",
    "truehd",
    "opus",
    "vorbis",
    "flac",
    "alac",
    "wavpack",
    "wmav1",
    "wmav2",
    "wmapro",
    "amrnb",
    "amrwb",
    "gsm",
    "gsm_ms",
    "g722",
    "adpcm_ms",
    "adpcm_ima_wav",
    "adpcm_ima_qt",
    "pcm_s16le",
    "pcm_s16be",
    "pcm_s24le",
    "pcm_s24be",
    "pcm_s32le",
    "pcm_s32be",
    "pcm_u8",
    "pcm_s8",
    "pcm_f32le",
    "pcm_f32be",
    "pcm_f64le",
    "pcm_f64be",
    "pcm_alaw",
    "pcm_mulaw",
    "pcm_dvd",
    "pcm_bluray",
    "s302m",
];

/// All decoders as libav wants them: probing decodes a little, too.
pub(super) fn decoders() -> String {
    let names: Vec<&str> = VIDEO.iter().chain(VIDEO_WITH_ALPHA).chain(AUDIO).copied().collect();
    names.join(",")
}
