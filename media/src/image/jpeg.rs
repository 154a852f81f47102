//! JPEG: the file is read once, and decoded near the size that is wanted.

use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::{DynamicImage, ImageDecoder as _};

use super::cut::{Segments, first_scan, foreign_kind, has_profile, is_arithmetic, is_one_scan, jpeg_has_end, name_as_huffman};
use super::exif::exif_of;
use super::failure::refuse;
use super::picture::{Picture, Tags};
use crate::frame::target_size;
use crate::{Error, FrameView, Limits, Report, Source};

/// A whole JPEG file whose header was read.
pub(super) struct JpegFile {
    bytes: Vec<u8>,
    /// Whether its end marker was missing and is put there.
    unfinished: bool,
    /// Knows the size, the tags and the colours; holds the bytes before the first scan.
    pub(super) header: JpegDecoder<Cursor<Vec<u8>>>,
}

/// A decoded JPEG.
pub(super) struct Decoded {
    pub(super) picture: Picture,
    /// The file itself, when it could be shown as it is: upright, sRGB, and nothing in it but the picture.
    pub(super) original: Option<Vec<u8>>,
}

impl JpegFile {
    /// Reads the file. Refused when it is cut.
    pub(super) fn read(source: &Source, limits: &Limits) -> Result<Self, Error> {
        Limits::check("length of a JPEG in bytes", source.len(), limits.decode_bytes)?;
        let mut bytes = source.head(usize::MAX)?;
        if let Some(kind) = foreign_kind(&bytes) {
            return Err(Error::Unsupported(format!(
                "{kind}: nothing here decodes that; store it as 8-bit baseline or progressive JPEG, or as PNG"
            )));
        }
        let segments = first_scan(&bytes);
        let arithmetic = is_arithmetic(&bytes);
        let open = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            if arithmetic {
                name_as_huffman(&mut bytes);
            }
            JpegDecoder::new(Cursor::new(bytes))
        };
        let before_scan = match segments {
            Segments::Scan(start) => bytes.get(..start + SCAN_HEADER).and_then(|head| open(head).ok()),
            Segments::Ended | Segments::Broken => None,
        };
        let header = before_scan.map_or_else(|| open(&bytes), Ok).map_err(|error| refuse(&error, limits))?;
        let unfinished = !jpeg_has_end(&bytes, segments);
        if unfinished && !is_one_scan(&bytes, segments) {
            return Err(without_end());
        }
        if unfinished {
            bytes.extend(END);
        }
        Ok(Self { bytes, unfinished, header })
    }

    /// Whether it has a colour profile, read or not.
    pub(super) fn has_profile(&self) -> bool {
        has_profile(&self.bytes)
    }

    /// Its EXIF.
    pub(super) fn exif(&self) -> Option<Vec<u8>> {
        exif_of(&self.bytes)
    }

    /// What the pure Rust path cannot decode, and libjpeg-turbo does not, or for `problem`.
    fn refuse_arithmetic(&self, problem: Option<&str>) -> Result<(), Error> {
        match problem {
            _ if !is_arithmetic(&self.bytes) => Ok(()),
            Some(problem) if !problem.contains("rithmetic") => Err(Error::Malformed(format!("libjpeg-turbo: {problem}"))),
            _ => Err(Error::Unsupported(
                "JPEG by arithmetic coding: this build does not decode that; store it as baseline or progressive JPEG, or as PNG"
                    .to_owned(),
            )),
        }
    }

    /// Decodes the picture no smaller than any of `views` needs it.
    pub(super) fn decode<'a>(
        self,
        tags: &Tags,
        views: impl IntoIterator<Item = &'a FrameView>,
        limits: &Limits,
        report: &mut Report,
    ) -> Result<Decoded, Error> {
        let stored = self.header.dimensions();
        let upright = tags.orientation.turned(stored);
        let needed = views.into_iter().map(|view| {
            let (width, height) = target_size(view, upright.0, upright.1);
            tags.orientation.turned((width, height))
        });
        match fast::decode(&self.bytes, stored, needed) {
            Ok(Some((rgb, divisor))) => {
                "turbojpeg:jpeg".clone_into(&mut report.decoder);
                if self.unfinished {
                    report.note("truncated", "the JPEG has no end marker; all of its picture is there");
                }
                let as_it_is = !self.unfinished && divisor == 1 && tags.change_nothing() && fast::is_clean(&self.bytes);
                Ok(Decoded { picture: Picture::Opaque { rgb, size: stored, divisor }, original: as_it_is.then_some(self.bytes) })
            }
            // Who fills what is missing with grey in silence must not be asked.
            Ok(None) | Err(_) if self.unfinished => Err(without_end()),
            Ok(None) => {
                self.refuse_arithmetic(None)?;
                self.decode_all(tags, limits)
            }
            Err(problem) => {
                self.refuse_arithmetic(Some(&problem))?;
                report.note("decoder_warning", format!("libjpeg-turbo: {problem}; decoded by another decoder"));
                self.decode_all(tags, limits)
            }
        }
    }

    /// The pure Rust path: every kind of JPEG, at its full size.
    fn decode_all(self, tags: &Tags, limits: &Limits) -> Result<Decoded, Error> {
        let decoder = JpegDecoder::new(Cursor::new(self.bytes)).map_err(|error| refuse(&error, limits))?;
        let image = DynamicImage::from_decoder(decoder).map_err(|error| refuse(&error, limits))?;
        Ok(Decoded { picture: Picture::new(image, tags)?, original: None })
    }
}

/// The marker at the end of a JPEG.
const END: [u8; 2] = [0xff, 0xd9];

fn without_end() -> Error {
    Error::Truncated("the JPEG has no end marker: part of the picture may be missing".to_owned())
}

/// Bytes after the length of a scan header that the header's reader may want to see.
const SCAN_HEADER: usize = 64;

#[cfg(feature = "turbojpeg")]
mod fast {
    pub(super) use super::super::clean::is_clean;
    pub(super) use super::super::turbo::decode;
}

#[cfg(not(feature = "turbojpeg"))]
mod fast {
    //! Without libjpeg-turbo there is no fast path, and nobody who tells every damage, so no file is passed through.

    use crate::frame::Rgb;

    pub(super) fn decode(_: &[u8], _: (u32, u32), _: impl Iterator<Item = (u32, u32)>) -> Result<Option<(Rgb, u32)>, String> {
        Ok(None)
    }

    pub(super) const fn is_clean(_: &[u8]) -> bool {
        false
    }
}
