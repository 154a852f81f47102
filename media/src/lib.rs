//! Bytes in, finished parts out: normalises one source of text, image, video or audio for a judge.
//!
//! ```text
//! Source --sniff--> text | image | video | audio --Part--> PartSink
//!                              \     /
//!                         Timeline -> Sampler
//! ```
//!
//! The crate knows no async, network, threads, config file or clock. The same bytes and recipes give the same parts
//! on every run of one machine. Decoders run untrusted bytes: call it from a process that may be killed.

mod audio;
mod digest;
mod error;
mod frame;
mod image;
mod libav;
mod limits;
mod modality;
mod part;
mod probe;
mod recipe;
mod report;
mod sampler;
mod sniff;
mod source;
mod text;
mod time;
mod versions;
mod video;

pub use digest::Digest;
pub use error::Error;
pub use libav::init;
pub use limits::Limits;
pub use modality::Modality;
pub use part::{Detail, Encoding, FrameDetail, PartHeader, PartSink, SinkClosed};
pub use probe::probe;
pub use recipe::{FrameView, Recipe, SoundSpec};
pub use report::{Note, Probe, Report};
pub use sampler::{Sampler, SamplerSpec, SpecError, sampler};
pub use sniff::{Format, sniff};
pub use source::{Reader, Source};
pub use time::{Moment, Timeline};
pub use versions::{decoder_path, libav as libav_version};

/// Decodes `source` once and delivers the parts that every recipe asks for.
///
/// All recipes must be of one modality, and the source must be of that modality; parts leave one by one through `sink`,
/// those of one recipe in presentation order. A decoder panic becomes [`Error::Panic`].
pub fn normalise(source: &Source, recipes: &[Recipe], limits: &Limits, sink: &mut dyn PartSink) -> Result<Report, Error> {
    todo!("{source:?} {recipes:?} {limits:?} {}", std::any::type_name_of_val(sink))
}
