//! Tests on whole files, made here by the encoders at hand.

use std::io::Cursor;

use image::codecs::gif::GifEncoder;
use image::{Delay, DynamicImage, Frame, GrayAlphaImage, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage};

use crate::{Detail, Encoding, Error, FrameDetail, FrameView, Limits, PartHeader, Recipe, Report, Source, normalise, probe};

type Parts = Vec<(PartHeader, Vec<u8>)>;

const JPEG: FrameView = FrameView::Jpeg { long_edge: 64, quality: 95, background: [255, 255, 255] };

fn recipe(sampler: &str, view: FrameView) -> Recipe {
    Recipe::Image { sampler: sampler.parse().unwrap(), view }
}

fn run(bytes: &[u8], recipes: &[Recipe]) -> Result<(Parts, Report), Error> {
    let mut parts = Parts::new();
    let report = normalise(&Source::memory(bytes.to_vec()), recipes, &Limits::default(), &mut parts)?;
    Ok((parts, report))
}

/// The one JPEG part of a file, decoded again.
fn seen(bytes: &[u8]) -> RgbImage {
    let (parts, _) = run(bytes, &[recipe("first", JPEG)]).unwrap();
    assert_eq!((parts.len(), parts[0].0.encoding), (1, Encoding::Jpeg));
    image::load_from_memory(&parts[0].1).unwrap().into_rgb8()
}

fn near(pixel: Rgb<u8>, expected: [u8; 3]) -> bool {
    pixel.0.iter().zip(expected).all(|(is, wanted)| is.abs_diff(wanted) <= 12)
}

fn frame(part: &(PartHeader, Vec<u8>)) -> &FrameDetail {
    match &part.0.detail {
        Detail::Frame(frame) => frame,
        other => panic!("{other:?}"),
    }
}

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// 32 x 16: red above left, green above right, blue below left, grey below right.
fn quarters() -> RgbImage {
    RgbImage::from_fn(32, 16, |x, y| match (x < 16, y < 8) {
        (true, true) => Rgb([255, 0, 0]),
        (false, true) => Rgb([0, 200, 0]),
        (true, false) => Rgb([0, 0, 255]),
        (false, false) => Rgb([128, 128, 128]),
    })
}

/// A JPEG with an EXIF orientation tag.
fn turned(orientation: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 95);
    encoder
        .add_exif_metadata(&[b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", &[orientation, 0, 0, 0][..], b"\0\0\0\0"].concat())
        .unwrap();
    encoder.encode(&quarters(), 32, 16, jpeg_encoder::ColorType::Rgb).unwrap();
    bytes
}

/// A GIF of one-coloured frames, each with its delay in milliseconds.
fn animation(frames: &[([u8; 4], u32)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for (colour, ms) in frames {
        let delay = Delay::from_numer_denom_ms(*ms, 1);
        encoder.encode_frame(Frame::from_parts(RgbaImage::from_pixel(20, 10, Rgba(*colour)), 0, 0, delay)).unwrap();
    }
    drop(encoder);
    bytes
}

const RED: [u8; 4] = [255, 0, 0, 255];
const BLUE: [u8; 4] = [0, 0, 255, 255];

#[test]
fn every_format_shows_its_picture() {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp] {
        let image = seen(&encoded(quarters(), format));
        assert_eq!(image.dimensions(), (32, 16));
        for (x, y, expected) in [(4, 3, [255, 0, 0]), (28, 3, [0, 200, 0]), (4, 13, [0, 0, 255]), (28, 13, [128; 3])] {
            assert!(near(*image.get_pixel(x, y), expected), "{format:?} {x},{y}: {:?}", image.get_pixel(x, y));
        }
    }
}

#[test]
fn exif_orientations_stand_upright() {
    // Where each orientation shows the stored top left (red) and top right (green) corner; EXIF 2.32, section 4.6.4.
    let corners = [
        (1, "left top", "right top"),
        (2, "right top", "left top"),
        (3, "right bottom", "left bottom"),
        (4, "left bottom", "right bottom"),
        (5, "left top", "left bottom"),
        (6, "right top", "right bottom"),
        (7, "right bottom", "right top"),
        (8, "left bottom", "left top"),
    ];
    for (orientation, red, green) in corners {
        let image = seen(&turned(orientation));
        assert_eq!(image.dimensions(), if orientation < 5 { (32, 16) } else { (16, 32) }, "{orientation}");
        let corner = |place: &str| {
            let x = if place.contains("left") { 3 } else { image.width() - 4 };
            let y = if place.contains("top") { 3 } else { image.height() - 4 };
            *image.get_pixel(x, y)
        };
        assert!(near(corner(red), [255, 0, 0]) && near(corner(green), [0, 200, 0]), "{orientation}: {:?}", corner(red));
    }
    let seen = probe(&Source::memory(turned(6)), &[recipe("first", FrameView::default())], &Limits::default()).unwrap();
    assert_eq!(seen.dimensions, Some((16, 32)));
}

#[test]
fn transparency_shows_the_background_of_each_recipe() {
    let hidden = RgbaImage::from_pixel(16, 16, Rgba([255, 0, 0, 0]));
    let black = FrameView::Jpeg { long_edge: 64, quality: 95, background: [0, 0, 0] };
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let (parts, _) = run(&encoded(hidden.clone(), format), &[recipe("first", JPEG), recipe("first", black.clone())]).unwrap();
        let shown: Vec<_> = parts.iter().map(|(_, bytes)| *image::load_from_memory(bytes).unwrap().into_rgb8().get_pixel(8, 8)).collect();
        assert!(near(shown[0], [255; 3]) && near(shown[1], [0; 3]), "{format:?}: {shown:?}");
    }
    let grey = GrayAlphaImage::from_pixel(8, 8, LumaA([0, 128]));
    assert!(near(*seen(&encoded(grey, ImageFormat::Png)).get_pixel(4, 4), [127; 3]));
}

#[test]
fn sixteen_bits_become_eight() {
    let deep = image::ImageBuffer::<Luma<u16>, _>::from_pixel(8, 8, Luma([0x8000]));
    assert!(near(*seen(&encoded(deep, ImageFormat::Png)).get_pixel(4, 4), [128; 3]));
}

#[test]
fn ink_and_wide_gamut_come_out_in_srgb() {
    let mut cmyk = Vec::new();
    let ink = [0, 255, 255, 0].repeat(64);
    jpeg_encoder::Encoder::new(&mut cmyk, 95).encode(&ink, 8, 8, jpeg_encoder::ColorType::Cmyk).unwrap();
    assert!(near(*seen(&cmyk).get_pixel(4, 4), [255, 0, 0]), "magenta and yellow are red");

    let mut wide = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut wide, 95);
    encoder.add_icc_profile(&moxcms::ColorProfile::new_display_p3().encode().unwrap()).unwrap();
    encoder.encode(&[0, 200, 0].repeat(64), 8, 8, jpeg_encoder::ColorType::Rgb).unwrap();
    assert!(seen(&wide).get_pixel(4, 4).0[1] > 203, "Display P3's green is brought to sRGB");

    let mut broken = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut broken, 95);
    encoder.add_icc_profile(b"no profile").unwrap();
    encoder.encode(&[0, 200, 0].repeat(64), 8, 8, jpeg_encoder::ColorType::Rgb).unwrap();
    // "One of two", without the other.
    let number = wide.windows(12).position(|window| window == b"ICC_PROFILE\0").unwrap() + 12;
    let partial = [&wide[..=number], &[2], &wide[number + 2..]].concat();
    for file in [broken, partial] {
        let (_, report) = run(&file, &[recipe("first", JPEG)]).unwrap();
        assert_eq!(report.notes[0].code, "icc_not_applied");
    }
}

#[test]
fn kinds_of_jpeg_that_nothing_here_decodes_are_unsupported() {
    let file = turned(1);
    let frame = file.windows(2).position(|pair| matches!(pair, [0xff, 0xc0 | 0xc2])).unwrap();
    for (at, byte) in [(frame + 4, 12), (frame + 1, 0xc3), (frame + 1, 0xf7)] {
        let mut other = file.clone();
        other[at] = byte;
        let refused = run(&other, &[recipe("first", JPEG)]).map(|_| ());
        assert!(matches!(refused, Err(Error::Unsupported(_))), "{byte:x}: {refused:?}");
    }
}

#[test]
fn one_decode_serves_all_recipes_and_equal_views_are_one_part() {
    let small = FrameView::Jpeg { long_edge: 8, quality: 80, background: [0; 3] };
    let recipes =
        [recipe("first", JPEG), recipe("last", small), recipe("middle", JPEG), recipe("first", FrameView::Tensor { resize: 6, crop: 4 })];
    let (parts, report) = run(&encoded(quarters(), ImageFormat::Png), &recipes).unwrap();
    let shape: Vec<_> = parts.iter().map(|part| (part.0.recipes.clone(), frame(part).width, frame(part).height)).collect();
    assert_eq!(shape, [(vec![0, 2], 32, 16), (vec![1], 8, 4), (vec![3], 4, 4)]);
    assert_eq!((report.frames_decoded, report.dimensions, report.format.as_str()), (1, Some((32, 16)), "png"));
    assert!(parts.iter().all(|part| frame(part).t.is_none() && frame(part).pts.is_none()));
}

#[test]
fn animations_are_sampled_by_their_own_time() {
    let gif = animation(&[(RED, 100), (BLUE, 800), (RED, 100)]);
    let (parts, report) = run(&gif, &[recipe("uniform:2", JPEG), recipe("linspace:2", JPEG)]).unwrap();
    assert_eq!((report.duration, report.frames_total), (Some(1.0), Some(3)));
    let shape: Vec<_> = parts.iter().map(|part| (part.0.recipes.clone(), frame(part).index, frame(part).pts, frame(part).t)).collect();
    assert_eq!(
        shape,
        [
            (vec![1], Some(0), Some(0), Some(0.0)),
            (vec![0], Some(1), Some(100), Some(0.1)), // 0.25 s and 0.75 s show one frame
            (vec![1], Some(2), Some(900), Some(0.9)),
        ]
    );
    assert_eq!(frame(&parts[1]).time_base, Some((1, 1000)));
    let blue = image::load_from_memory(&parts[1].1).unwrap().into_rgb8();
    assert!(near(*blue.get_pixel(5, 5), [0, 0, 255]), "the part shows the frame it names");
}

#[test]
fn one_frame_is_a_still_and_no_frame_hides_in_no_time() {
    let (parts, report) = run(&animation(&[(RED, 100)]), &[recipe("uniform:4", JPEG)]).unwrap();
    assert_eq!((parts.len(), frame(&parts[0]).t, report.duration), (1, None, None));
    assert_eq!(run(&animation(&[(RED, 0)]), &[recipe("first", JPEG)]).unwrap().1.notes, [], "a still has no delay");
    let (parts, report) = run(&animation(&[(RED, 0), (BLUE, 100)]), &[recipe("uniform:2", JPEG)]).unwrap();
    assert_eq!((parts.len(), report.duration), (2, Some(0.2)));
    assert_eq!(report.notes[0].code, "delay_raised");
}

#[test]
fn a_cut_animation_keeps_its_frames() {
    let gif = animation(&[(RED, 100), (BLUE, 100), (RED, 100)]);
    let (parts, report) = run(&gif[..gif.len() - 8], &[recipe("last", JPEG)]).unwrap();
    assert_eq!((frame(&parts[0]).index, report.truncated_at), (Some(1), Some(0.2)));
    assert_eq!(report.notes[0].code, "truncated");
}

#[test]
fn sizes_are_checked_before_pixels_exist() {
    let refused = |bytes: Vec<u8>, limits: Limits| {
        let result = normalise(&Source::memory(bytes), &[recipe("first", JPEG)], &limits, &mut Parts::new());
        assert!(matches!(result, Err(Error::Limit { .. })), "{result:?}");
    };
    let png = encoded(quarters(), ImageFormat::Png);
    refused(png.clone(), Limits { pixels: 511, ..Limits::default() });
    refused(png.clone(), Limits { decode_bytes: 3000, ..Limits::default() });
    refused(animation(&[(RED, 100), (BLUE, 100)]), Limits { frames: 1, ..Limits::default() });
    let mut bomb = png;
    bomb[16..24].copy_from_slice(&[0, 0, 0x3e, 0x80, 0, 0, 0x3e, 0x80]); // 16,000 x 16,000 in some hundred bytes
    let head = &bomb[12..29].to_vec();
    bomb[29..33].copy_from_slice(&crc32(head).to_be_bytes());
    refused(bomb, Limits::default());
}

/// ISO 3309, as PNG uses it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())))
}

/// An animated WebP of one-colour frames: the still encoder's picture, in as many frames.
fn animated_webp(colours: &[[u8; 4]]) -> Vec<u8> {
    let chunk = |kind: &[u8], body: &[u8]| [kind, &(body.len() as u32).to_le_bytes(), body, &vec![0; body.len() % 2]].concat();
    let frame = |colour: &[u8; 4]| {
        let still = encoded(RgbaImage::from_pixel(8, 8, Rgba(*colour)), ImageFormat::WebP);
        // Place 0, 0; size 8 x 8; 100 ms; then the still's own chunk.
        chunk(b"ANMF", &[&[0; 6][..], &[7, 0, 0, 7, 0, 0, 100, 0, 0, 0], &still[12..]].concat())
    };
    let frames: Vec<u8> = colours.iter().flat_map(frame).collect();
    let head = [chunk(b"VP8X", &[0x12, 0, 0, 0, 7, 0, 0, 7, 0, 0]), chunk(b"ANIM", &[0; 6])].concat();
    chunk(b"RIFF", &[b"WEBP", &head[..], &frames].concat())
}

#[test]
fn a_cut_animated_webp_keeps_its_whole_frames() {
    let webp = animated_webp(&[RED, BLUE, RED]);
    assert_eq!(run(&webp, &[recipe("last", JPEG)]).unwrap().1.frames_total, Some(3));
    let (parts, report) = run(&webp[..webp.len() - 8], &[recipe("last", JPEG)]).unwrap();
    assert_eq!((frame(&parts[0]).index, report.truncated_at, report.notes[0].code.as_str()), (Some(1), Some(0.2), "truncated"));
    assert!(matches!(run(&webp[..60], &[recipe("last", JPEG)]), Err(Error::Truncated(_) | Error::Malformed(_))), "no frame is whole");
}

#[cfg(feature = "turbojpeg")]
#[test]
fn a_jpeg_that_lacks_nothing_but_its_end_is_shown_and_noted() {
    let noisy = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * y * 7) as u8, (x * 31 + y) as u8, (y * 13) as u8]));
    let jpeg = encoded(noisy, ImageFormat::Jpeg);
    let view = recipe("first", FrameView::Tensor { resize: 64, crop: 64 });
    let (whole, _) = run(&jpeg, std::slice::from_ref(&view)).unwrap();
    let (parts, report) = run(&jpeg[..jpeg.len() - 2], std::slice::from_ref(&view)).unwrap();
    assert_eq!((&parts[0].1, report.notes[0].code.as_str()), (&whole[0].1, "truncated"));
    for lacking in [6, 20, 500] {
        let refused = run(&jpeg[..jpeg.len() - lacking], std::slice::from_ref(&view));
        assert!(matches!(refused, Err(Error::Truncated(_))), "{lacking}: {refused:?}");
    }
}

#[test]
fn a_png_that_lacks_no_row_is_shown_and_noted() {
    let noisy = RgbImage::from_fn(48, 48, |x, y| Rgb([(x * y * 7) as u8, (x * 31 + y) as u8, (y * 13) as u8]));
    let png = encoded(noisy, ImageFormat::Png);
    let shown = |bytes: &[u8]| {
        let (parts, report) = run(bytes, &[recipe("first", FrameView::Tensor { resize: 48, crop: 48 })]).unwrap();
        (parts[0].1.clone(), report.notes.into_iter().map(|note| note.code).collect::<Vec<_>>())
    };
    let (whole, none) = shown(&png);
    assert_eq!(none, [""; 0]);
    assert_eq!(shown(&[&png[..], b"and what follows"].concat()), (whole.clone(), none));
    // Parts of the end, all of it, and the sum of the last chunk of pixels.
    for lacking in [1, 4, 8, 12, 14, 16] {
        assert_eq!(shown(&png[..png.len() - lacking]), (whole.clone(), vec!["truncated".to_owned()]), "{lacking}");
    }
    for lacking in [100, 1000, png.len() - 60] {
        let refused = run(&png[..png.len() - lacking], &[recipe("first", JPEG)]);
        assert!(matches!(refused, Err(Error::Truncated(_))), "{lacking}: {refused:?}");
    }
}

#[test]
fn no_prefix_of_any_format_panics_and_half_a_still_is_truncated() {
    let noisy = RgbImage::from_fn(48, 48, |x, y| Rgb([(x * y * 7) as u8, (x * 31 + y) as u8, (y * 13) as u8]));
    let mut files = vec![animation(&[(RED, 100), (BLUE, 100)]), turned(6)];
    let stills = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp].map(|format| encoded(noisy.clone(), format));
    for still in &stills {
        let cut = run(&still[..still.len() / 2], &[recipe("first", JPEG)]).map(|_| ());
        assert!(matches!(cut, Err(Error::Truncated(_))), "{:?}: {cut:?}", &still[..4]);
    }
    files.extend(stills);
    for file in files {
        for end in 0..file.len() {
            let result = run(&file[..end], &[recipe("uniform:2", FrameView::Gray { edge: 4 })]);
            assert!(!matches!(result, Err(Error::Panic(_))), "{:?} cut at {end}: {result:?}", &file[..4]);
        }
    }
}

/// Our own encoder's file: nothing but the picture.
#[cfg(feature = "turbojpeg")]
fn clean(image: &RgbImage) -> Vec<u8> {
    let rgb = crate::frame::Rgb { width: image.width(), height: image.height(), pixels: image.as_raw().clone() };
    crate::frame::encode(&FrameView::Jpeg { long_edge: u32::MAX, quality: 90, background: [0; 3] }, &rgb).unwrap().3
}

#[cfg(feature = "turbojpeg")]
#[test]
fn a_clean_jpeg_that_fits_is_passed_through_and_no_other() {
    let file = clean(&quarters());
    let small = FrameView::Jpeg { long_edge: 8, quality: 80, background: [0; 3] };
    let (parts, report) = run(&file, &[recipe("first", JPEG), recipe("first", small.clone())]).unwrap();
    assert!(report.passed_through && parts[0].1 == file && parts[1].1 != file);
    assert_eq!((frame(&parts[0]).width, frame(&parts[0]).height, frame(&parts[1]).width), (32, 16, 8));
    assert_eq!(report.decoder, "turbojpeg:jpeg");

    let (parts, report) = run(&file, &[recipe("first", small)]).unwrap();
    assert!(!report.passed_through && parts[0].1 != file, "too large");
    let mut commented = file.clone();
    commented.splice(2..2, *b"\xff\xfe\0\x08hidden");
    let mut padded = file.clone();
    padded.splice(2..2, [&b"\xff\xdb\0\x43\0"[..], &[1; 64]].concat().repeat(100));
    for (why, made_anew) in [
        ("more tables than picture", padded),
        ("a comment", commented),
        ("a byte after the end", [&file[..], b"x"].concat()),
        ("EXIF", turned(1)),
        ("turned", turned(6)),
    ] {
        let (parts, report) = run(&made_anew, &[recipe("first", JPEG)]).unwrap();
        assert!(!report.passed_through && parts[0].1 != made_anew, "{why}");
    }
}

#[cfg(feature = "turbojpeg")]
#[test]
fn damage_inside_a_jpeg_is_noted_or_refused() {
    let noisy = RgbImage::from_fn(48, 48, |x, y| Rgb([(x * y * 7) as u8, (x * 31 + y) as u8, (y * 13) as u8]));
    let file = clean(&noisy);
    let short = [&file[..file.len() * 3 / 4], &[0xff, 0xd9]].concat();
    match run(&short, &[recipe("first", JPEG)]) {
        Ok((_, report)) => {
            assert!(!report.passed_through && report.notes.iter().any(|note| note.code == "decoder_warning"), "{report:?}");
            assert_eq!(report.decoder, "image:jpeg");
        }
        Err(error) => assert!(matches!(error, Error::Truncated(_) | Error::Malformed(_)), "{error:?}"),
    }
}

#[test]
fn metadata_of_a_webp_are_read_as_far_as_the_file_goes() {
    let still = encoded(RgbaImage::from_pixel(16, 8, Rgba(RED)), ImageFormat::WebP);
    let exif = |claims: u32| {
        let tag = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let head = [&b"VP8X\x0a\0\0\0\x08\0\0\0"[..], &[15, 0, 0, 7, 0, 0]].concat();
        let content = [&b"WEBP"[..], &head, &still[12..], b"EXIF", &claims.to_le_bytes(), tag].concat();
        [&b"RIFF"[..], &(content.len() as u32).to_le_bytes(), &content].concat()
    };
    assert_eq!(seen(&exif(26)).dimensions(), (8, 16), "turned");
    let (parts, report) = run(&exif(0xff00_0000), &[recipe("first", JPEG)]).unwrap();
    assert_eq!((frame(&parts[0]).width, frame(&parts[0]).height), (16, 8));
    assert!(report.notes.iter().any(|note| note.code == "exif_unreadable"), "{:?}", report.notes);
}

#[test]
fn a_large_jpeg_in_a_wide_gamut_is_upright_and_in_srgb() {
    let mut wide = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut wide, 95);
    encoder.add_icc_profile(&moxcms::ColorProfile::new_display_p3().encode().unwrap()).unwrap();
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    encoder.add_exif_metadata(exif).unwrap();
    // 803 x 601: decoded at an eighth, whose last column and row are there in part only. Green on the left, grey on the right.
    let pixels: Vec<u8> = (0..803 * 601).flat_map(|i| if i % 803 < 401 { [0, 200, 0] } else { [128; 3] }).collect();
    encoder.encode(&pixels, 803, 601, jpeg_encoder::ColorType::Rgb).unwrap();
    let image = seen(&wide);
    assert_eq!(image.dimensions(), (48, 64));
    assert!(image.get_pixel(24, 8).0[1] > 203 && near(*image.get_pixel(24, 56), [128; 3]), "{:?}", image.get_pixel(24, 8));
}
