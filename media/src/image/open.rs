//! Opening a picture: the decoder by its sniffed format, its tags, and every size check before pixels are allocated.

use std::io::BufReader;

use image::codecs::{bmp::BmpDecoder, gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use image::{AnimationDecoder as _, ColorType, Frames, ImageDecoder, ImageResult};
use moxcms::ColorProfile;

use super::colour::Conversion;
use super::exif;
use super::failure::refuse;
use super::jpeg::JpegFile;
use super::picture::{Orientation, Tags};
use super::png::{Oddity, Told, exif_of};
use super::webp;
use crate::heif::HeifPicture;
use crate::sniff::identify;
use crate::{Error, Limits, Reader, Source};

type Input<'a> = BufReader<Reader<'a>>;

/// A picture whose header has been read and found to be within the limits.
pub(super) struct Opened<'a> {
    source: &'a Source,
    decoder: Decoder<'a>,
    pub(super) tags: Tags,
    /// Codes and messages for the report.
    pub(super) oddities: Vec<Oddity>,
}

enum Decoder<'a> {
    Jpeg(Box<JpegFile>),
    Png(Box<PngDecoder<Input<'a>>>),
    Gif(Box<GifDecoder<Input<'a>>>),
    WebP(Box<WebPDecoder<Input<'a>>>),
    Bmp(Box<BmpDecoder<Input<'a>>>),
    Heif(&'static str, Box<HeifPicture>),
}

/// What decodes a still picture.
pub(super) enum Still<'a> {
    /// At the size that is wanted.
    Jpeg(Box<JpegFile>),
    /// At its full size.
    Other(Box<dyn ImageDecoder + 'a>),
}

/// Opens `source` by its first bytes. The limits are checked by arithmetic: the decoders' own do not stop every bomb.
pub(super) fn open<'a>(source: &'a Source, limits: &Limits) -> Result<Opened<'a>, Error> {
    let name = identify(source, limits)?.name;
    let mut decoder = Decoder::new(name, source, limits)?;
    let (width, height) = decoder.as_dyn().dimensions();
    if width == 0 || height == 0 {
        return Err(Error::Malformed(format!("a picture of {width}x{height} pixels")));
    }
    let pixels = u64::from(width) * u64::from(height);
    Limits::check("size of the picture in pixels", pixels, limits.pixels)?;
    Limits::check("memory for the picture in bytes", decoder.peak_bytes(source.len(), pixels), limits.decode_bytes)?;
    let rgba = decoder.is_animated() || decoder.as_dyn().color_type().has_alpha(); // animations always come as RGBA8
    let told = match &decoder {
        Decoder::Png(_) => Told::of(source)?,
        Decoder::Jpeg(file) => Told::by_profile(file.has_profile()),
        _ => Told::default(),
    };
    let (tags, mut oddities) = tags(&mut decoder, source, &told, rgba);
    if let Decoder::Heif(_, picture) = &decoder {
        oddities.extend(picture.oddities());
    }
    Ok(Opened { source, decoder, tags, oddities })
}

/// Orientation and colours. Neither is worth a refusal: what is broken is ignored, with a note.
fn tags(decoder: &mut Decoder<'_>, source: &Source, told: &Told, rgba: bool) -> (Tags, Vec<Oddity>) {
    let mut oddities = Vec::new();
    let exif = decoder.exif(source).unwrap_or_else(|error| {
        oddities.push(("exif_unreadable", error.to_string()));
        None
    });
    let orientation = exif.and_then(|chunk| exif::orientation(&chunk)).unwrap_or(image::metadata::Orientation::NoTransforms);
    let conversion = conversion(decoder, source, told, rgba, &mut oddities);
    (Tags { orientation: Orientation::from(orientation), conversion }, oddities)
}

/// What brings the colours to sRGB, by what ranks highest of all that can be followed.
fn conversion(decoder: &mut Decoder<'_>, source: &Source, told: &Told, rgba: bool, oddities: &mut Vec<Oddity>) -> Option<Conversion> {
    let has_colour = decoder.as_ref().color_type().has_color();
    let from_space = |space: ColorProfile, code| Conversion::from_space(&space, has_colour, rgba).map_err(|why| (code, why));
    let by_profile = |profile: Result<Option<Vec<u8>>, String>| {
        let conversion = match profile {
            Ok(None) if told.has_profile => Err("the colour profile cannot be unpacked, or parts of it are missing".to_owned()),
            profile => profile.transpose()?.and_then(|icc| Conversion::to_srgb(&icc, has_colour, rgba)),
        };
        Some(conversion.map_err(|why| ("icc_not_applied", why)))
    };
    let mut settled = |wish: Option<Result<Option<Conversion>, Oddity>>| wish?.map_err(|oddity| oddities.push(oddity)).ok();
    settled(told.by_code_points().map(|space| from_space(space?, "cicp_not_applied")))
        .or_else(|| settled(by_profile(decoder.profile(source).map_err(|error| error.to_string()))))
        .or_else(|| settled(told.by_gamma().map(|space| from_space(space?, "gamma_not_applied"))))
        .flatten()
}

impl<'a> Decoder<'a> {
    fn new(name: &str, source: &'a Source, limits: &Limits) -> Result<Self, Error> {
        let refuse = |error| refuse(&error, limits);
        let input = || BufReader::new(source.reader());
        let mut own = image::Limits::default();
        own.max_alloc = Some(limits.decode_bytes); // bounds what hides in compressed metadata
        match name {
            "jpeg" => JpegFile::read(source, limits).map(|file| Self::Jpeg(Box::new(file))),
            "png" => PngDecoder::with_limits(input(), own).map(|decoder| Self::Png(Box::new(decoder))).map_err(refuse),
            "gif" => {
                let mut decoder = GifDecoder::new(input()).map_err(refuse)?;
                decoder.set_limits(own).map_err(refuse)?;
                Ok(Self::Gif(Box::new(decoder)))
            }
            "webp" => WebPDecoder::new(input()).map(|decoder| Self::WebP(Box::new(decoder))).map_err(refuse),
            "bmp" => BmpDecoder::new(input()).map(|decoder| Self::Bmp(Box::new(decoder))).map_err(refuse),
            "avif" => HeifPicture::open("avif", source, limits).map(|picture| Self::Heif("avif", Box::new(picture))),
            "heic" => HeifPicture::open("heic", source, limits).map(|picture| Self::Heif("heic", Box::new(picture))),
            other => Err(Error::Contradiction { expected: crate::Modality::Image, found: other.to_owned() }),
        }
    }

    /// EXIF as it is stored.
    fn exif(&mut self, source: &Source) -> ImageResult<Option<Vec<u8>>> {
        match self {
            Self::Jpeg(file) => Ok(file.exif()),
            Self::WebP(_) => Ok(webp::metadata(source, *b"EXIF")?),
            // What stands behind the pixels, the decoder has not seen yet.
            Self::Png(decoder) => decoder.exif_metadata()?.map_or_else(|| Ok(exif_of(source)?), |chunk| Ok(Some(chunk))),
            _ => self.as_dyn().exif_metadata(),
        }
    }

    /// The ICC profile.
    fn profile(&mut self, source: &Source) -> ImageResult<Option<Vec<u8>>> {
        match self {
            Self::WebP(_) => Ok(webp::metadata(source, *b"ICCP")?),
            _ => self.as_dyn().icc_profile(),
        }
    }

    fn as_dyn(&mut self) -> &mut dyn ImageDecoder {
        match self {
            Self::Jpeg(file) => &mut file.header,
            Self::Png(decoder) => decoder,
            Self::Gif(decoder) => decoder,
            Self::WebP(decoder) => decoder,
            Self::Bmp(decoder) => decoder,
            Self::Heif(_, picture) => picture,
        }
    }

    fn as_ref(&self) -> &dyn ImageDecoder {
        match self {
            Self::Jpeg(file) => &file.header,
            Self::Png(decoder) => decoder,
            Self::Gif(decoder) => decoder,
            Self::WebP(decoder) => decoder,
            Self::Bmp(decoder) => decoder,
            Self::Heif(_, picture) => picture,
        }
    }

    fn is_animated(&self) -> bool {
        match self {
            Self::Gif(_) => true,
            Self::Png(decoder) => decoder.is_apng().unwrap_or(false),
            Self::WebP(decoder) => decoder.has_animation(),
            Self::Jpeg(_) | Self::Bmp(_) | Self::Heif(..) => false,
        }
    }

    /// The most memory in bytes that decoding and converting hold at once.
    fn peak_bytes(&self, source_len: u64, pixels: u64) -> u64 {
        let decoded = self.as_ref().total_bytes();
        let decoding = match self {
            // The file, and six bytes of coefficients per pixel when it is progressive.
            Self::Jpeg(_) => source_len.saturating_add(pixels * 6).saturating_add(decoded),
            // The canvas, the frame before it, and the frame that is read, RGBA each.
            Self::Gif(_) => pixels * 12,
            Self::Png(_) if self.is_animated() => pixels * 16,
            Self::WebP(_) if self.is_animated() => webp::peak_bytes(pixels),
            Self::Png(_) | Self::WebP(_) | Self::Bmp(_) => decoded,
            Self::Heif(_, picture) => picture.peak_bytes(),
        };
        // Then RGBA8 beside what was decoded, and one composited RGB8 beside the RGBA8.
        let converting = if self.as_ref().color_type() == ColorType::Rgb8 { decoded } else { decoded.saturating_add(pixels * 4) };
        decoding.max(converting).max(pixels * 7)
    }
}

impl<'a> Opened<'a> {
    /// The short name of the format.
    pub(super) const fn name(&self) -> &'static str {
        match self.decoder {
            Decoder::Jpeg(_) => "jpeg",
            Decoder::Png(_) => "png",
            Decoder::Gif(_) => "gif",
            Decoder::WebP(_) => "webp",
            Decoder::Bmp(_) => "bmp",
            Decoder::Heif(name, _) => name,
        }
    }

    /// The library that decodes it.
    pub(super) const fn decoder_name(&self) -> &'static str {
        if matches!(self.decoder, Decoder::Heif(..)) { "libheif" } else { "image" }
    }

    /// Width and height as stored, in pixels, at least 1 each.
    pub(super) fn dimensions(&self) -> (u32, u32) {
        self.decoder.as_ref().dimensions()
    }

    /// How the decoder delivers a pixel.
    pub(super) fn colour_type(&self) -> ColorType {
        self.decoder.as_ref().color_type()
    }

    /// Whether frames follow one another; it may still turn out to be one frame.
    pub(super) fn is_animated(&self) -> bool {
        self.decoder.is_animated()
    }

    /// What decodes a still picture, and its tags.
    pub(super) fn into_still(self) -> (Still<'a>, Tags) {
        let decoder: Box<dyn ImageDecoder + 'a> = match self.decoder {
            Decoder::Jpeg(file) => return (Still::Jpeg(file), self.tags),
            Decoder::Png(decoder) => decoder,
            Decoder::Gif(decoder) => decoder,
            Decoder::WebP(decoder) => decoder,
            Decoder::Bmp(decoder) => decoder,
            Decoder::Heif(_, picture) => picture,
        };
        (Still::Other(decoder), self.tags)
    }

    /// The frames of an animation, RGBA8 on the whole canvas, and its tags.
    pub(super) fn into_frames(self, limits: &Limits) -> Result<(Frames<'a>, Tags), Error> {
        let frames = match self.decoder {
            Decoder::Gif(decoder) => decoder.into_frames(),
            Decoder::Png(decoder) => decoder.apng().map_err(|error| refuse(&error, limits))?.into_frames(),
            Decoder::WebP(decoder) => webp::frames(self.source, decoder.dimensions(), limits)?,
            Decoder::Jpeg(_) | Decoder::Bmp(_) | Decoder::Heif(..) => {
                return Err(Error::Empty("this format holds no animation".to_owned()));
            }
        };
        Ok((frames, self.tags))
    }
}
