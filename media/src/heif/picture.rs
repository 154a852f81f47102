//! The main picture of a HEIC or AVIF file. libheif turns, mirrors and crops it as the file says.

#![expect(unsafe_code, reason = "owns objects of libheif")]

use std::ffi::c_int;
use std::ptr::null_mut;

use image::error::{DecodingError, ImageFormatHint};
use image::{ColorType, ImageDecoder, ImageError, ImageResult};

use super::api::{Api, Nclx, Object, Status, loaded};
use crate::{Error, Limits, Source};

/// `heif_colorspace_RGB`, `heif_chroma_interleaved_RGB`, `..._RGBA`, `heif_channel_interleaved`.
const RGB: c_int = 1;
const INTERLEAVED_RGB: c_int = 10;
const INTERLEAVED_RGBA: c_int = 11;
const INTERLEAVED: c_int = 10;

/// Colour primaries and transfer characteristics of ITU-T H.273; 2 is unspecified in both.
const BT709: c_int = 1;
const UNSAID: c_int = 2;
const PQ: c_int = 16;
const HLG: c_int = 18;

/// A file whose main picture was found.
pub(crate) struct HeifPicture {
    api: &'static Api,
    context: Object,
    handle: Object,
    /// libheif reads from it until the context is freed.
    bytes: Vec<u8>,
    size: (u32, u32),
}

impl HeifPicture {
    /// Opens `source`, called `name` by its brand.
    pub(crate) fn open(name: &str, source: &Source, limits: &Limits) -> Result<Self, Error> {
        let head = source.head(SNIFFED)?;
        if brands(&head).any(|brand| [&b"avis"[..], b"msf1", b"hevc", b"hevx"].contains(&brand)) {
            return Err(Error::Unsupported(format!("{name} with moving pictures is not decoded here: only the first would be seen")));
        }
        let listed = head.first_chunk().map_or(0, |length| u32::from_be_bytes(*length) as usize);
        if listed > head.len() && source.len() > head.len() as u64 {
            return Err(Error::Unsupported(format!("{name} with a list of brands too long to be looked through")));
        }
        let api = loaded().map_err(|problem| Error::Unsupported(format!("{name} is not decoded here: {problem}")))?;
        Limits::check("length of the picture's file in bytes", source.len(), limits.decode_bytes / 2)?;
        // SAFETY: plain allocation, checked; freed on drop.
        let context = unsafe { (api.heif_context_alloc)() };
        if context.is_null() {
            return Err(Error::OutOfMemory);
        }
        let mut picture = Self { api, context, handle: null_mut(), bytes: source.head(usize::MAX)?, size: (0, 0) };
        // SAFETY: the bytes live as long as the context and are not moved: a vector's bytes stay where they are.
        unsafe {
            (api.heif_context_set_max_decoding_threads)(context, 0);
            let (data, length) = (picture.bytes.as_ptr().cast(), picture.bytes.len());
            told(api.heif_context_read_from_memory_without_copy, context, data, length)?;
            done((api.heif_context_get_primary_image_handle)(context, &raw mut picture.handle))?;
            let edge = |edge: c_int| u32::try_from(edge).unwrap_or(0);
            picture.size =
                (edge((api.heif_image_handle_get_width)(picture.handle)), edge((api.heif_image_handle_get_height)(picture.handle)));
        }
        Ok(picture)
    }

    /// How many pictures beside the main one the file shows on their own.
    fn others(&self) -> u32 {
        // SAFETY: the context is open.
        let all = unsafe { (self.api.heif_context_get_number_of_top_level_images)(self.context) };
        u32::try_from(all).unwrap_or(0).saturating_sub(1)
    }

    /// The most memory in bytes that decoding holds at once: coded planes, planes in RGB, interleaved, and our copy.
    pub(crate) fn peak_bytes(&self) -> u64 {
        // SAFETY: the handle is open.
        let bits = unsafe { (self.api.heif_image_handle_get_luma_bits_per_pixel)(self.handle) };
        let pixels = u64::from(self.size.0) * u64::from(self.size.1);
        self.bytes.len() as u64 * 2 + pixels * if bits > 8 { 24 } else { 16 }
    }

    /// What of its colours is not converted, by stable code.
    pub(crate) fn oddities(&self) -> Vec<(&'static str, String)> {
        let mut oddities = Vec::new();
        if self.others() > 0 {
            oddities.push(("only_main_picture", format!("the file holds {} more pictures, which are not shown", self.others())));
        }
        // SAFETY: the handle is open; the profile is libheif's, read and freed once.
        let (primaries, transfer, premultiplied) = unsafe {
            let mut nclx: *mut Nclx = null_mut();
            let told = (self.api.heif_image_handle_get_nclx_color_profile)(self.handle, &raw mut nclx);
            let told = nclx.as_ref().filter(|_| told.code == 0).map(|nclx| (nclx.primaries, nclx.transfer));
            if !nclx.is_null() {
                (self.api.heif_nclx_color_profile_free)(nclx);
            }
            let (primaries, transfer) = told.unwrap_or((UNSAID, UNSAID));
            (primaries, transfer, self.has_alpha() && (self.api.heif_image_handle_is_premultiplied_alpha)(self.handle) != 0)
        };
        if matches!(transfer, PQ | HLG) {
            oddities.push(("hdr_not_tone_mapped", "HDR brightness is shown as it is stored".to_owned()));
        }
        if !matches!(primaries, BT709 | UNSAID) {
            oddities.push((
                "primaries_not_converted",
                format!("colours of primaries {primaries} of ITU-T H.273 are shown as if they were sRGB's"),
            ));
        }
        if premultiplied {
            oddities
                .push(("premultiplied_alpha", "pixels hold their colour times their opacity, and are shown as if they did not".to_owned()));
        }
        oddities
    }

    fn has_alpha(&self) -> bool {
        // SAFETY: the handle is open.
        unsafe { (self.api.heif_image_handle_has_alpha_channel)(self.handle) != 0 }
    }

    /// Copies the rows of a decoded picture.
    fn copy(&self, image: Object, buffer: &mut [u8]) -> Result<(), Error> {
        let row = self.size.0 as usize * if self.has_alpha() { 4 } else { 3 };
        let mut stride = 0;
        // SAFETY: the picture is open; its plane has as many rows of `stride` bytes as it says.
        unsafe {
            let edge = |edge: c_int| u32::try_from(edge).unwrap_or(0);
            let width = edge((self.api.heif_image_get_width)(image, INTERLEAVED));
            let height = edge((self.api.heif_image_get_height)(image, INTERLEAVED));
            let from = (self.api.heif_image_get_plane)(image, INTERLEAVED, &raw mut stride);
            if from.is_null() || (width, height) != self.size || (stride as usize) < row {
                return Err(Error::Malformed(format!(
                    "a picture of {width}x{height} pixels where {}x{} were told",
                    self.size.0, self.size.1
                )));
            }
            for (y, to) in buffer.chunks_exact_mut(row).enumerate().take(height as usize) {
                to.copy_from_slice(std::slice::from_raw_parts(from.add(y * stride as usize), row));
            }
        }
        Ok(())
    }
}

/// Bytes that hold the list of brands.
const SNIFFED: usize = 512;

/// The brands of a file: the major one and the compatible ones.
fn brands(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let length = head.first_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length) as usize);
    let listed = head.get(8..length.min(head.len())).unwrap_or_default();
    listed.chunks_exact(4).enumerate().filter(|(position, _)| *position != 1).map(|(_, brand)| brand)
}

type Read = unsafe extern "C" fn(Object, *const std::ffi::c_void, usize, *const std::ffi::c_void) -> Status;

/// Reads the container's boxes.
unsafe fn told(read: Read, context: Object, data: *const std::ffi::c_void, length: usize) -> Result<(), Error> {
    // SAFETY: the caller vouches for all of it.
    done(unsafe { read(context, data, length, std::ptr::null()) })
}

/// `heif_error_code` by our causes.
fn done(status: Status) -> Result<(), Error> {
    match status.code {
        0 => Ok(()),
        3 | 4 => Err(Error::Unsupported(status.text())),
        6 => Err(Error::OutOfMemory),
        _ if status.text().contains("End of data") => Err(Error::Truncated(status.text())),
        _ => Err(Error::Malformed(status.text())),
    }
}

impl ImageDecoder for HeifPicture {
    fn dimensions(&self) -> (u32, u32) {
        self.size
    }

    fn color_type(&self) -> ColorType {
        if self.has_alpha() { ColorType::Rgba8 } else { ColorType::Rgb8 }
    }

    fn icc_profile(&mut self) -> ImageResult<Option<Vec<u8>>> {
        // SAFETY: the handle is open; the profile is copied into a buffer of the size that it has.
        unsafe {
            let kind = (self.api.heif_image_handle_get_color_profile_type)(self.handle).to_be_bytes();
            let length = (self.api.heif_image_handle_get_raw_color_profile_size)(self.handle);
            if !matches!(&kind, b"rICC" | b"prof") || length == 0 || length > self.bytes.len() {
                return Ok(None);
            }
            let mut profile = vec![0; length];
            let status = (self.api.heif_image_handle_get_raw_color_profile)(self.handle, profile.as_mut_ptr().cast());
            Ok((status.code == 0).then_some(profile))
        }
    }

    fn read_image(self, buffer: &mut [u8]) -> ImageResult<()> {
        let chroma = if self.has_alpha() { INTERLEAVED_RGBA } else { INTERLEAVED_RGB };
        let mut image: Object = null_mut();
        // SAFETY: the handle is open; the picture is released below.
        let status = unsafe { (self.api.heif_decode_image)(self.handle, &raw mut image, RGB, chroma, std::ptr::null()) };
        let result = done(status).and_then(|()| self.copy(image, buffer));
        if !image.is_null() {
            // SAFETY: released once.
            unsafe { (self.api.heif_image_release)(image) }
        }
        result.map_err(|error| ImageError::Decoding(DecodingError::new(ImageFormatHint::Unknown, error)))
    }

    fn read_image_boxed(self: Box<Self>, buffer: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(buffer)
    }
}

impl Drop for HeifPicture {
    fn drop(&mut self) {
        // SAFETY: freed once; the handle may be null when opening failed.
        unsafe {
            if !self.handle.is_null() {
                (self.api.heif_image_handle_release)(self.handle);
            }
            (self.api.heif_context_free)(self.context);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::brands;
    use crate::{Detail, Error, FrameView, Limits, PartHeader, Recipe, Report, Source, heif_version, normalise, probe};

    type Parts = Vec<(PartHeader, Vec<u8>)>;

    fn picture() -> Recipe {
        Recipe::Image { sampler: crate::Pick::First.into(), view: FrameView::default() }
    }

    fn run(bytes: Vec<u8>, limits: &Limits) -> Result<(Parts, Report), Error> {
        let mut parts = Parts::new();
        let report = normalise(&Source::memory(bytes), &[picture()], limits, &mut parts)?;
        Ok((parts, report))
    }

    /// A HEIC file, 96 x 64, red above and blue below, made by the heif-enc tool; `None` (and a word) without it or the library.
    fn heic() -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let (png, heic) = (folder.path().join("in.png"), folder.path().join("out.heic"));
        let halves = image::RgbImage::from_fn(96, 64, |_, y| image::Rgb(if y < 32 { [220, 30, 30] } else { [30, 30, 220] }));
        halves.save_with_format(&png, image::ImageFormat::Png).unwrap();
        let made = Command::new("heif-enc").args(["-q", "90", "-o"]).arg(&heic).arg(&png).output();
        match (heif_version(), made) {
            (Ok(_), Ok(made)) if made.status.success() => std::fs::read(heic).ok(),
            (version, made) => {
                std::io::Write::write_all(&mut std::io::stderr(), format!("skipped: {version:?} {made:?}\n").as_bytes()).unwrap();
                None
            }
        }
    }

    #[test]
    fn a_heic_shows_its_picture_and_its_size_is_checked_first() {
        let Some(file) = heic() else { return };
        let (parts, report) = run(file.clone(), &Limits::default()).unwrap();
        assert_eq!((report.decoder.as_str(), report.dimensions), ("libheif:heic", Some((96, 64))));
        assert!(matches!(&parts[0].0.detail, Detail::Frame(frame) if (frame.width, frame.height) == (96, 64)));
        let shown = image::load_from_memory(&parts[0].1).unwrap().into_rgb8();
        for (y, wanted) in [(8, [220, 30, 30]), (56, [30, 30, 220])] {
            assert!(
                shown.get_pixel(48, y).0.iter().zip(wanted).all(|(is, wanted)| is.abs_diff(wanted) < 16),
                "{:?}",
                shown.get_pixel(48, y)
            );
        }
        assert_eq!(probe(&Source::memory(file.clone()), &[picture()], &Limits::default()).unwrap().dimensions, Some((96, 64)));
        for limits in [Limits { pixels: 96 * 64 - 1, ..Limits::default() }, Limits { decode_bytes: 60_000, ..Limits::default() }] {
            assert!(matches!(run(file.clone(), &limits), Err(Error::Limit { .. })));
        }
    }

    #[test]
    fn colours_that_are_not_converted_are_said() {
        let codes = |file: Vec<u8>| {
            let (_, report) = run(file, &Limits::default()).unwrap();
            report.notes.into_iter().map(|note| note.code).collect::<Vec<_>>()
        };
        let Some(plain) = heic() else { return };
        assert_eq!(codes(plain), [""; 0]);
        let folder = tempfile::tempdir().unwrap();
        let wide = folder.path().join("wide.avif");
        let tags = ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"];
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=96x64:d=1", "-frames:v", "1", "-pix_fmt", "yuv420p"]);
        assert!(ffmpeg.args(tags).args(["-c:v", "libaom-av1", "-still-picture", "1"]).arg(&wide).status().unwrap().success());
        assert_eq!(codes(std::fs::read(wide).unwrap()), ["hdr_not_tone_mapped", "primaries_not_converted"]);
    }

    #[test]
    fn no_cut_heic_is_shown() {
        let Some(file) = heic() else { return };
        for end in (0..file.len()).step_by(7) {
            let result = run(file[..end].to_vec(), &Limits::default());
            assert!(!matches!(result, Ok(_) | Err(Error::Panic(_))), "cut at {end} of {}: {result:?}", file.len());
        }
    }

    #[test]
    fn moving_pictures_are_not_half_shown() {
        let head = b"\0\0\0\x18ftypavif\0\0\0\0avismif1";
        assert_eq!(brands(head).collect::<Vec<_>>(), [&b"avif"[..], b"avis", b"mif1"]);
        assert!(matches!(run(head.to_vec(), &Limits::default()), Err(Error::Unsupported(message)) if message.contains("moving")));
    }
}
