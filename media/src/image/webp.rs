//! Moving WebP: each frame is decoded by itself and laid onto the canvas here, since the decoder at hand leaves out how frames are disposed of.

use std::io::{self, Cursor};

use image::codecs::webp::WebPDecoder;
use image::error::{DecodingError, ImageFormatHint, LimitError, LimitErrorKind};
use image::{Delay, DynamicImage, Frame, Frames, ImageError, ImageFormat, ImageResult, RgbaImage};

use crate::{Limits, Source};

/// Bytes of a chunk before its content, of a frame's head (place, size, duration, flags), and of RIFF's head with `WEBP` behind it.
const CHUNK_HEAD: u64 = 8;
const FRAME_HEAD: usize = 16;
const FILE_HEAD: u64 = 12;

/// The flag for alpha in the header of a WebP file, the flags of a frame (WebP container specification, RFC 9649 section 2.7).
const ALPHA: u8 = 0x10;
const REPLACE: u8 = 2;
const DISPOSE: u8 = 1;

/// The frames of a moving WebP, RGBA8 on the whole canvas of `size` pixels.
///
/// The canvas is transparent at first, and where a frame was disposed of: the background colour of a file is a hint that viewers leave alone.
/// `image` (0.25, image-webp 0.2) never disposes, and its canvas is black in files that do not say that they have alpha.
pub(super) fn frames<'a>(source: &'a Source, (width, height): (u32, u32), limits: &Limits) -> io::Result<Frames<'a>> {
    Ok(Frames::new(Box::new(Animation {
        chunks: Chunks::of(source)?,
        most: limits.decode_bytes.saturating_sub(u64::from(width) * u64::from(height) * 16),
        canvas: RgbaImage::new(width, height),
        disposed: None,
    })))
}

/// The most memory in bytes that composing frames of so many pixels takes, but for a frame's coded bytes: the canvas, its copy, and a frame with
/// what its decoder holds beside it.
pub(super) const fn peak_bytes(pixels: u64) -> u64 {
    pixels * 16
}

/// The content of the first chunk of such `kind` in an extended file. The decoder at hand asks for as much memory as the chunk claims to have before it
/// reads any of it; this asks for no more than there is.
pub(super) fn metadata(source: &Source, kind: [u8; 4]) -> io::Result<Option<Vec<u8>>> {
    let mut chunks = Chunks::of(source)?;
    match chunks.next().transpose()? {
        Some(first) if &first.kind == b"VP8X" => {}
        _ => return Ok(None),
    }
    chunks.next_of(kind)?.map(|chunk| chunk.content(source)).transpose()
}

/// The chunks of a file, one after another.
struct Chunks<'a> {
    source: &'a Source,
    /// Where the next chunk begins, and where the last one ends: nothing behind it belongs to the file.
    next: u64,
    end: u64,
}

struct Chunk {
    kind: [u8; 4],
    /// Where its content begins, and how many bytes that claims to have.
    start: u64,
    size: u32,
}

impl<'a> Chunks<'a> {
    fn of(source: &'a Source) -> io::Result<Self> {
        let told = source.read(4, 4)?.try_into().map_or(0, u32::from_le_bytes);
        Ok(Self { source, next: FILE_HEAD, end: CHUNK_HEAD + u64::from(told) })
    }

    /// The next one of such `kind`.
    fn next_of(&mut self, kind: [u8; 4]) -> io::Result<Option<Chunk>> {
        self.find(|chunk| chunk.as_ref().map_or(true, |chunk| chunk.kind == kind)).transpose()
    }

    fn head(&self) -> io::Result<Option<Chunk>> {
        let head = self.source.read(self.next, CHUNK_HEAD as usize)?;
        let ([kind, size], []) = head.as_chunks::<4>() else { return Ok(None) };
        Ok(Some(Chunk { kind: *kind, start: self.next + CHUNK_HEAD, size: u32::from_le_bytes(*size) }))
    }
}

impl Iterator for Chunks<'_> {
    type Item = io::Result<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next + CHUNK_HEAD > self.end {
            return None;
        }
        let chunk = self.head().transpose()?;
        if let Ok(Chunk { start, size, .. }) = chunk {
            self.next = start + u64::from(size) + u64::from(size % 2);
        }
        Some(chunk)
    }
}

impl Chunk {
    fn content(&self, source: &Source) -> io::Result<Vec<u8>> {
        let content = source.read(self.start, self.size as usize)?;
        if content.len() < self.size as usize { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(content) }
    }
}

struct Animation<'a> {
    chunks: Chunks<'a>,
    /// The most bytes that a coded frame may have.
    most: u64,
    canvas: RgbaImage,
    /// What is cleared before the next frame.
    disposed: Option<Place>,
}

/// A frame's place on the canvas, in pixels.
#[derive(Clone, Copy)]
struct Place {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
}

impl Iterator for Animation<'_> {
    type Item = ImageResult<Frame>;

    fn next(&mut self) -> Option<Self::Item> {
        let coded = self.coded().transpose()?;
        let frame = coded.and_then(|coded| self.compose(&coded));
        if frame.is_err() {
            self.chunks.end = 0; // what follows would be laid onto a canvas that is not whole
        }
        Some(frame)
    }
}

impl Animation<'_> {
    /// The next frame's chunk.
    fn coded(&mut self) -> ImageResult<Option<Vec<u8>>> {
        let Some(frame) = self.chunks.next_of(*b"ANMF")? else { return Ok(None) };
        if u64::from(frame.size) > self.most {
            return Err(ImageError::Limits(LimitError::from_kind(LimitErrorKind::InsufficientMemory)));
        }
        Ok(Some(frame.content(self.chunks.source)?))
    }

    /// Lays a frame onto the canvas.
    fn compose(&mut self, coded: &[u8]) -> ImageResult<Frame> {
        let (head, chunks) = coded.split_at_checked(FRAME_HEAD).ok_or_else(|| malformed("a frame without a head"))?;
        let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], 0]);
        let place = Place { left: number(0) * 2, top: number(3) * 2, width: number(6) + 1, height: number(9) + 1 };
        if place.left + place.width > self.canvas.width() || place.top + place.height > self.canvas.height() {
            return Err(malformed("a frame beyond the edge of the canvas"));
        }
        let (milliseconds, flags) = (number(12), head[15]);
        let pixels = decode(chunks, place)?;
        if let Some(before) = self.disposed.take() {
            rows(&mut self.canvas, before).for_each(|row| row.fill(0));
        }
        let put = if flags & REPLACE == 0 { blend } else { <[u8]>::copy_from_slice };
        let lines = pixels.chunks_exact(place.width as usize * 4);
        rows(&mut self.canvas, place).zip(lines).for_each(|(under, over)| put(under, over));
        self.disposed = (flags & DISPOSE != 0).then_some(place);
        Ok(Frame::from_parts(self.canvas.clone(), 0, 0, Delay::from_numer_denom_ms(milliseconds, 1)))
    }
}

/// The pixels of a frame alone: its chunks as a still WebP file of their own.
fn decode(chunks: &[u8], place: Place) -> ImageResult<RgbaImage> {
    let kind = |kind: &[u8]| pieces(chunks).find(|chunk| chunk.starts_with(kind));
    let (alpha, lossy, lossless) = (kind(b"ALPH"), kind(b"VP8 "), kind(b"VP8L"));
    let flags = if lossless.or(alpha).is_some() { ALPHA } else { 0 };
    let picture = match lossless.or(lossy) {
        Some(picture) if lossless.is_some() => vec![picture],
        Some(picture) => alpha.into_iter().chain([picture]).collect(),
        None => return Err(malformed("a frame without a picture")),
    };
    let edges = [place.width, place.height].map(|pixels| (pixels - 1).to_le_bytes());
    let head = [*b"VP8X", 10_u32.to_le_bytes(), [flags, 0, 0, 0]].concat();
    let content = [&b"WEBP"[..], &head, &edges[0][..3], &edges[1][..3], &picture.concat()].concat();
    let file = [&b"RIFF"[..], &(content.len() as u32).to_le_bytes(), &content].concat();
    Ok(DynamicImage::from_decoder(WebPDecoder::new(Cursor::new(file))?)?.into_rgba8())
}

/// The chunks in `bytes`, heads and padding with them; one that is cut off ends them.
fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let size = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?) as usize;
        let (piece, rest) = bytes.split_at_checked(CHUNK_HEAD as usize + size + size % 2)?;
        bytes = rest;
        Some(piece)
    })
}

/// The bytes of each row of a place on the canvas.
fn rows(canvas: &mut RgbaImage, place: Place) -> impl Iterator<Item = &mut [u8]> {
    let (stride, left) = (canvas.width() as usize * 4, place.left as usize * 4);
    let lines = canvas.chunks_exact_mut(stride).skip(place.top as usize).take(place.height as usize);
    lines.map(move |line| &mut line[left..left + place.width as usize * 4])
}

/// Lays straight-alpha pixels over others by the container specification: A = Ao + Au (1 - Ao), C = (Co Ao + Cu Au (1 - Ao)) / A.
fn blend(under: &mut [u8], over: &[u8]) {
    for (under, over) in under.as_chunks_mut::<4>().0.iter_mut().zip(over.as_chunks::<4>().0) {
        match over[3] {
            0 => {}
            255 => *under = *over,
            _ => *under = mixed(*under, *over),
        }
    }
}

fn mixed(under: [u8; 4], over: [u8; 4]) -> [u8; 4] {
    // Opacities times 255, so that nothing is rounded before the end.
    let (above, below) = (u32::from(over[3]) * 255, u32::from(under[3]) * (255 - u32::from(over[3])));
    let all = above + below;
    let colour = |i: usize| ((u32::from(over[i]) * above + u32::from(under[i]) * below + all / 2) / all) as u8;
    [colour(0), colour(1), colour(2), ((all + 127) / 255) as u8]
}

fn malformed(what: &str) -> ImageError {
    ImageError::Decoding(DecodingError::new(ImageFormatHint::Exact(ImageFormat::WebP), what))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, Rgba, RgbaImage};

    use super::frames;
    use crate::{Error, Limits, Source};

    const RED: [u8; 4] = [255, 0, 0, 255];
    const BLUE: [u8; 4] = [0, 0, 255, 255];
    const NOTHING: [u8; 4] = [0; 4];

    /// 2 x 2 pixels of red by VP8, which knows no alpha.
    const LOSSY: [u8; 48] = [
        0xd0, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x02, 0x00, 0x02, 0x00, 0x02, 0x00, 0x34, 0x25, 0xa0, 0x02, 0x74, 0xba, 0x01, 0xf8, 0x00, 0x03,
        0xb0, 0x00, 0xfe, 0xf0, 0xc4, 0x0b, 0xff, 0x20, 0xb9, 0x61, 0x75, 0xc8, 0xd7, 0xff, 0x20, 0x3f, 0xe4, 0x07, 0xfc, 0x80, 0xff, 0xf8,
        0xf2, 0x00, 0x00, 0x00,
    ];

    fn chunk(kind: &[u8], content: &[u8]) -> Vec<u8> {
        [kind, &(content.len() as u32).to_le_bytes(), content, &vec![0; content.len() % 2]].concat()
    }

    /// A frame of these chunks at an even place, 100 ms.
    fn placed((left, top): (u8, u8), (width, height): (u8, u8), flags: u8, chunks: &[u8]) -> Vec<u8> {
        chunk(b"ANMF", &[&[left / 2, 0, 0, top / 2, 0, 0, width - 1, 0, 0, height - 1, 0, 0, 100, 0, 0, flags], chunks].concat())
    }

    /// A lossless frame of one colour.
    fn plain(place: (u8, u8), size: (u8, u8), flags: u8, colour: [u8; 4]) -> Vec<u8> {
        let mut still = Cursor::new(Vec::new());
        RgbaImage::from_pixel(size.0.into(), size.1.into(), Rgba(colour)).write_to(&mut still, ImageFormat::WebP).unwrap();
        placed(place, size, flags, &still.into_inner()[12..])
    }

    /// A file of 8 x 4 pixels.
    fn file(flags: u8, frames: &[Vec<u8>]) -> Vec<u8> {
        let head = [chunk(b"VP8X", &[flags, 0, 0, 0, 7, 0, 0, 3, 0, 0]), chunk(b"ANIM", &[255, 255, 255, 255, 0, 0])].concat();
        chunk(b"RIFF", &[b"WEBP", &head[..], &frames.concat()].concat())
    }

    /// What each frame shows at (1, 1), at (3, 1) and at (7, 3).
    fn shown(bytes: Vec<u8>) -> Vec<[[u8; 4]; 3]> {
        let source = Source::memory(bytes);
        let opened = super::super::open::open(&source, &Limits::default()).unwrap();
        let frames = opened.into_frames(&Limits::default()).unwrap().0;
        let see = |picture: RgbaImage| [(1, 1), (3, 1), (7, 3)].map(|(x, y)| picture.get_pixel(x, y).0);
        frames.map(|frame| see(frame.unwrap().into_buffer())).collect()
    }

    #[test]
    fn a_frame_that_is_disposed_of_leaves_its_own_place_empty() {
        let (blended, replacing, disposed) = (0, 2, 1);
        let walking = [
            plain((0, 0), (8, 4), blended, BLUE),
            plain((0, 0), (2, 4), disposed, RED),
            plain((2, 0), (2, 4), disposed + replacing, RED),
            plain((6, 2), (2, 2), replacing, RED),
        ];
        let expected = [[BLUE; 3], [RED, BLUE, BLUE], [NOTHING, RED, BLUE], [NOTHING, NOTHING, RED]];
        assert_eq!(shown(file(0x12, &walking)), expected);
        let whole = [
            plain((0, 0), (8, 4), disposed, BLUE),
            plain((0, 0), (8, 4), blended, NOTHING),
            plain((2, 0), (2, 2), disposed, BLUE),
            plain((0, 0), (8, 4), blended, [255, 0, 0, 0]),
            plain((0, 0), (8, 4), replacing, [255, 0, 0, 255]),
        ];
        assert_eq!(shown(file(0x12, &whole)), [[BLUE; 3], [NOTHING; 3], [NOTHING, BLUE, NOTHING], [NOTHING; 3], [RED; 3]]);
    }

    #[test]
    fn frames_without_alpha_lie_on_a_transparent_canvas() {
        let lossy = |place, flags| placed(place, (2, 2), flags, &chunk(b"VP8 ", &LOSSY));
        for flags in [0x02, 0x12] {
            let seen = shown(file(flags, &[lossy((0, 0), 1), lossy((2, 0), 0)]));
            let is_red = |pixel: [u8; 4]| pixel[0] > 200 && pixel[1] < 60 && pixel[3] == 255;
            assert!(is_red(seen[0][0]) && is_red(seen[1][1]), "{seen:?}");
            assert_eq!((&seen[0][1..], seen[1][0], seen[1][2]), (&[NOTHING; 2][..], NOTHING, NOTHING), "{flags:x}");
        }
    }

    #[test]
    fn alpha_beside_a_lossy_frame_is_blended() {
        let half = chunk(b"ALPH", &[0, 128, 128, 128, 128]); // not compressed, not filtered
        let over = placed((2, 0), (2, 2), 0, &[half, chunk(b"VP8 ", &LOSSY)].concat());
        let seen = shown(file(0x12, &[plain((0, 0), (8, 4), 0, BLUE), over]));
        let [red, green, blue, alpha] = seen[1][1];
        assert!(red.abs_diff(127) < 12 && green < 30 && blue.abs_diff(127) < 12 && alpha == 255, "{seen:?}");
        assert_eq!((seen[1][0], seen[1][2]), (BLUE, BLUE));
    }

    #[test]
    fn blending_is_that_of_the_specification() {
        assert_eq!(super::mixed([0, 0, 255, 255], [255, 0, 0, 128]), [128, 0, 127, 255]);
        assert_eq!(super::mixed([9, 9, 9, 0], [200, 100, 0, 51]), [200, 100, 0, 51], "nothing is below");
        assert_eq!(super::mixed([0, 200, 0, 128], [200, 0, 0, 128]), [134, 66, 0, 192]);
    }

    #[test]
    fn what_is_no_frame_of_the_file_is_none() {
        let one = plain((0, 0), (8, 4), 0, RED);
        let with_others = file(0x12, &[chunk(b"what", &[1, 2, 3]), one.clone(), chunk(b"what", b""), one.clone()]);
        assert_eq!(shown(with_others), [[RED; 3]; 2]);
        let behind = [file(0x12, std::slice::from_ref(&one)), plain((0, 0), (8, 4), 0, BLUE)].concat();
        assert_eq!(shown(behind), [[RED; 3]], "a frame after the end");
    }

    #[test]
    fn a_frame_that_breaks_the_rules_ends_the_animation() {
        let outside = plain((2, 0), (8, 4), 0, BLUE);
        let no_picture = placed((0, 0), (2, 2), 0, &chunk(b"what", &[0; 20]));
        let other_size = placed((0, 0), (4, 2), 0, &chunk(b"VP8 ", &LOSSY));
        for broken in [outside, no_picture, other_size] {
            let source = Source::memory(file(0x12, &[plain((0, 0), (8, 4), 0, RED), broken, plain((0, 0), (8, 4), 0, BLUE)]));
            let frames: Vec<_> = frames(&source, (8, 4), &Limits::default()).unwrap().collect();
            assert!(matches!(frames[..], [Ok(_), Err(_)]), "{}", frames.len());
        }
        let source = Source::memory(file(0x12, &[plain((0, 0), (8, 4), 0, RED)]));
        let narrow = Limits { decode_bytes: 8 * 4 * 16 + 20, ..Limits::default() };
        let error = frames(&source, (8, 4), &narrow).unwrap().next().unwrap().err().unwrap();
        assert!(matches!(super::super::failure::refuse(&error, &narrow), Error::Limit { .. }), "{error:?}");
    }
}
