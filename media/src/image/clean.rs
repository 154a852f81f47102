//! Whether a JPEG file is nothing but its picture, so that it may be shown to a judge as it is.

/// Frames of 8-bit Huffman-coded pictures that every viewer shows: baseline and progressive.
const FRAMES: [u8; 2] = [0xc0, 0xc2];

/// Whether the file holds one picture, grey or YCbCr, and no byte besides: no metadata or comment, no profile, nothing after the end. Its own tables are not looked into: their size is bounded by the caller.
///
/// Of application segments only a JFIF header without a thumbnail and an Adobe header that says YCbCr are let through, once each. Call it for files that decoded without a complaint.
pub(super) fn is_clean(jpeg: &[u8]) -> bool {
    walk(jpeg).is_some_and(|end| end == jpeg.len())
}

/// Steps from marker to marker; the offset behind the end of the image, or `None` for what is not on the list.
fn walk(jpeg: &[u8]) -> Option<usize> {
    let mut at = jpeg.starts_with(&[0xff, 0xd8]).then_some(2)?;
    let (mut frames, mut jfif, mut adobe, mut scans) = (0, 0, 0, 0);
    loop {
        let [0xff, marker] = *jpeg.get(at..at + 2)? else { return None };
        if marker == 0xd9 {
            return (frames == 1 && scans > 0).then_some(at + 2);
        }
        let length = usize::from(u16::from_be_bytes(jpeg.get(at + 2..at + 4)?.try_into().ok()?));
        let segment = jpeg.get(at + 4..at + 2 + length)?;
        at += 2 + length;
        match marker {
            0xc4 | 0xdb | 0xdd => {} // tables and the restart interval
            0xc0..=0xcf if FRAMES.contains(&marker) && is_plain_frame(segment) => frames += 1,
            0xe0 if is_plain_jfif(segment) && frames == 0 => jfif += 1,
            0xee if segment.starts_with(b"Adobe") && segment.len() == 12 && segment[11] == 1 => adobe += 1,
            0xda => {
                scans += 1;
                at += coded_bytes(jpeg.get(at..)?)?;
            }
            _ => return None,
        }
        if frames > 1 || jfif > 1 || adobe > 1 {
            return None;
        }
    }
}

/// 8 bits a sample; one component, or three that are numbered as JFIF numbers Y, Cb and Cr.
fn is_plain_frame(frame: &[u8]) -> bool {
    match *frame {
        [8, _, _, _, _, 1, _, _, _] => true,
        [8, _, _, _, _, 3, y, _, _, cb, _, _, cr, _, _] => (y, cb, cr) == (1, 2, 3),
        _ => false,
    }
}

fn is_plain_jfif(segment: &[u8]) -> bool {
    segment.starts_with(b"JFIF\0") && segment.len() == 14 && segment.ends_with(&[0, 0])
}

/// The length of a scan's coded data: up to the next marker that is no restart.
fn coded_bytes(data: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += data.get(at..)?.iter().position(|byte| *byte == 0xff)?;
        match data.get(at + 1)? {
            0 | 0xd0..=0xd7 => at += 2,
            _ => return Some(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_clean;
    use crate::FrameView;
    use crate::frame::{Rgb, encode};

    fn ours() -> Vec<u8> {
        let rgb = Rgb { width: 40, height: 24, pixels: (0..40 * 24 * 3).map(|i| (i * 7 % 251) as u8).collect() };
        encode(&FrameView::Jpeg { long_edge: 40, quality: 90, background: [0; 3] }, &rgb).unwrap().3
    }

    fn with_segment(marker: u8, content: &[u8]) -> Vec<u8> {
        let mut jpeg = ours();
        let length = (content.len() as u16 + 2).to_be_bytes();
        let segment = [&[0xff, marker][..], &length, content].concat();
        jpeg.splice(2..2, segment);
        jpeg
    }

    #[test]
    fn only_the_picture_and_nothing_but_the_picture() {
        assert!(is_clean(&ours()));
        assert!(is_clean(&with_segment(0xee, b"Adobe\0\x64\0\0\0\0\x01")), "YCbCr, it says");
        assert!(!is_clean(&with_segment(0xee, b"Adobe\0\x64\0\0\0\0\0")), "RGB, it says");
        for marker in (0xe1..=0xed).chain([0xef, 0xfe, 0xdc]) {
            assert!(!is_clean(&with_segment(marker, b"hidden")), "{marker:02x}");
        }
        assert!(!is_clean(&with_segment(0xe0, b"JFXX\0\x13\x01\x01\0\0\0")), "a thumbnail");
        assert!(!is_clean(&with_segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")), "a second header");
        assert!(!is_clean(&[&ours()[..], b"\0"].concat()), "a byte after the end");
        assert!(!is_clean(&[&ours()[..], &ours()].concat()), "a second picture");
        assert!(!is_clean(&[&[0], &ours()[..]].concat()), "a byte before the start");
        for end in 0..ours().len() {
            assert!(!is_clean(&ours()[..end]), "cut at {end}");
        }
    }
}
