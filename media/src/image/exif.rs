//! How a picture is turned, by its EXIF.

use image::metadata::Orientation;

use super::cut::markers;

/// What EXIF in JPEG, and from many writers in WebP and PNG too, begins with.
const PREFIX: &[u8] = b"Exif\0\0";

/// The EXIF of a JPEG: its first segment of that kind, also where it says nothing of how the picture is turned and a second one does. So do Chromium
/// and Pillow 13, which were both asked; the `image` crate takes the last.
pub(super) fn exif_of(jpeg: &[u8]) -> Option<Vec<u8>> {
    markers(jpeg).find(|(marker, content)| *marker == 0xe1 && content.starts_with(PREFIX)).map(|(_, content)| content.to_vec())
}

/// The orientation in an EXIF chunk (Exif 2.32, 4.6.4: a SHORT, as which Chromium alone reads it). Whatever whole number it is stored as is followed: Pillow does so but for
/// bytes, and nothing else can be meant.
pub(super) fn orientation(chunk: &[u8]) -> Option<Orientation> {
    const TAG: u32 = 0x112;
    const ENTRY: usize = 12;
    let tiff = chunk.strip_prefix(PREFIX).unwrap_or(chunk);
    let little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let number = |bytes: &[u8]| {
        let join = |number: u32, byte: &u8| number << 8 | u32::from(*byte);
        if little { bytes.iter().rfold(0, join) } else { bytes.iter().fold(0, join) }
    };
    let list = usize::try_from(number(tiff.get(4..8)?)).ok()?;
    let count = number(tiff.get(list..list.checked_add(2)?)?) as usize;
    let entry = tiff[list + 2..].chunks_exact(ENTRY).take(count).find(|entry| number(&entry[..2]) == TAG)?;
    let length = match number(&entry[2..4]) {
        1 | 6 => 1, // BYTE and SBYTE
        3 | 8 => 2, // SHORT and SSHORT
        4 | 9 => 4, // LONG and SLONG
        _ => return None,
    };
    let stored = number(&entry[4..8]) > 0;
    u8::try_from(number(&entry[8..8 + length])).ok().filter(|_| stored).and_then(Orientation::from_exif)
}

#[cfg(test)]
mod tests {
    use image::metadata::Orientation;

    use super::{exif_of, orientation};

    fn tiff(little: bool, kind: u8, count: u8, value: &[u8]) -> Vec<u8> {
        let padded = [value, &[0; 4][value.len()..]].concat();
        if little {
            [&b"II*\0\x08\0\0\0\x01\0\x12\x01"[..], &[kind, 0, count, 0, 0, 0], &padded, &[0; 4]].concat()
        } else {
            [&b"MM\0*\0\0\0\x08\0\x01\x01\x12"[..], &[0, kind, 0, 0, 0, count], &padded, &[0; 4]].concat()
        }
    }

    #[test]
    fn it_is_read_with_and_without_the_prefix_of_jpeg() {
        let bare = tiff(true, 3, 1, &[6, 0]);
        assert_eq!(orientation(&bare), Some(Orientation::Rotate90));
        assert_eq!(orientation(&[&b"Exif\0\0"[..], &bare].concat()), Some(Orientation::Rotate90));
        assert_eq!((orientation(b"Exif\0\0rubbish"), orientation(&bare[..20]), orientation(b"")), (None, None, None));
    }

    #[test]
    fn every_whole_number_is_followed() {
        for kind in [1, 3, 4, 6, 8, 9] {
            let value = [6, 0, 0, 0];
            let length = match kind {
                1 | 6 => 1,
                3 | 8 => 2,
                _ => 4,
            };
            let little = tiff(true, kind, 1, &value[..length]);
            let big: Vec<u8> = value[..length].iter().rev().copied().collect();
            let turned = (orientation(&little), orientation(&tiff(false, kind, 1, &big)));
            assert_eq!(turned, (Some(Orientation::Rotate90), Some(Orientation::Rotate90)), "{kind}");
        }
        let others =
            [tiff(true, 5, 1, &[6]), tiff(true, 2, 1, &[6]), tiff(true, 3, 0, &[6]), tiff(true, 3, 1, &[9]), tiff(true, 4, 1, &[6, 1])];
        assert!(others.iter().all(|other| orientation(other).is_none()));
    }

    #[test]
    fn the_first_segment_counts() {
        let segment = |content: &[u8]| [&[0xff, 0xe1, 0, content.len() as u8 + 8], &b"Exif\0\0"[..], content].concat();
        let (first, second) = (tiff(true, 3, 1, &[6]), tiff(true, 3, 1, &[8]));
        let jpeg = |segments: &[Vec<u8>]| [&[0xff, 0xd8][..], &segments.concat(), &[0xff, 0xda, 0, 2]].concat();
        let turned = |segments: &[Vec<u8>]| exif_of(&jpeg(segments)).and_then(|exif| orientation(&exif));
        assert_eq!(turned(&[segment(&first), segment(&second)]), Some(Orientation::Rotate90));
        assert_eq!(turned(&[[&[0xff, 0xe1, 0, 6], &b"http"[..]].concat(), segment(&second)]), Some(Orientation::Rotate270));
        assert_eq!((turned(&[segment(b"rubbish"), segment(&first)]), turned(&[])), (None, None));
    }
}
