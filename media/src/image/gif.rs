//! GIFs that browsers read otherwise than the letter of the standard, which their decoder here keeps to: what a viewer sees is what is judged.

use crate::{Error, Limits, Source};

/// The same file with the bytes changed in which Chromium's reading, held against it picture by picture, differs; `None`: it does not. A canvas (GIF89a, 18) grows until it holds the
/// first frame, since browsers show all of that; and a disposal of 4, which the standard does not define (23) and old encoders wrote for "restore what was before", is that.
pub(super) fn as_browsers_read(source: &Source, limits: &Limits) -> Result<Option<Source>, Error> {
    let is_gif = source.head(6)?.strip_prefix(b"GIF8").is_some_and(|rest| matches!(rest, b"7a" | b"9a"));
    if !is_gif || source.len() > limits.decode_bytes {
        return Ok(None);
    }
    let mut bytes = source.head(usize::MAX)?;
    Ok(mend(&mut bytes).then(|| Source::memory(bytes)))
}

fn mend(gif: &mut [u8]) -> bool {
    let Some(flags) = gif.get(10) else { return false };
    let (mut at, mut is_first, mut changed) = (13 + table(*flags), true, false);
    loop {
        at = match gif.get(at..).unwrap_or_default() {
            [0x21, 0xf9, 4, flags, ..] => {
                if flags >> 2 & 7 == 4 {
                    gif[at + 3] = flags & !0x1c | 3 << 2;
                    changed = true;
                }
                at + 2
            }
            [0x21, _, ..] => at + 2,
            [0x2c, _, _, _, _, _, _, _, _, flags, ..] => {
                let data = at + 10 + table(*flags) + 1;
                if is_first {
                    // Width and height of the canvas; left and top of the frame, and its width and height.
                    for (canvas, start, size) in [(6, at + 1, at + 5), (8, at + 3, at + 7)] {
                        let number = |at: usize| u16::from_le_bytes([gif[at], gif[at + 1]]);
                        let end = number(start).saturating_add(number(size));
                        if end > number(canvas) {
                            gif[canvas..canvas + 2].copy_from_slice(&end.to_le_bytes());
                            changed = true;
                        }
                    }
                }
                is_first = false;
                data
            }
            _ => return changed,
        };
        // Blocks of a length each, up to one of none.
        while let Some(length) = gif.get(at).copied() {
            at += 1 + usize::from(length);
            if length == 0 {
                break;
            }
        }
    }
}

/// Bytes of the table of colours that these flags announce.
const fn table(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 6 << (flags & 7) }
}

#[cfg(test)]
mod tests {
    use super::mend;

    fn gif(canvas: (u16, u16), disposals: &[u8], frame: (u16, u16, u16, u16)) -> Vec<u8> {
        let mut bytes = [&b"GIF89a"[..], &canvas.0.to_le_bytes(), &canvas.1.to_le_bytes(), &[0x80, 0, 0], &[9; 6]].concat();
        bytes.extend(b"\x21\xff\x03\x21\xf9\x04\0");
        for disposal in disposals {
            bytes.extend([0x21, 0xf9, 4, disposal << 2 | 1, 10, 0, 0, 0, 0x2c]);
            [frame.0, frame.1, frame.2, frame.3].iter().for_each(|number| bytes.extend(number.to_le_bytes()));
            bytes.extend(b"\x81\x03\x03\x03\x04\x04\x04\x05\x05\x05\x06\x06\x06\x02\x02\x44\x01\0");
        }
        bytes.push(0x3b);
        bytes
    }

    #[test]
    fn what_browsers_read_otherwise_is_changed_and_nothing_else() {
        let mended = |mut bytes: Vec<u8>| mend(&mut bytes).then_some(bytes);
        let inside = (8, 8, 8, 8);
        assert_eq!(mended(gif((16, 16), &[0, 1, 2, 3, 5, 6, 7], inside)), None);
        assert_eq!(mended(gif((16, 16), &[1, 4, 2, 4], inside)), Some(gif((16, 16), &[1, 3, 2, 3], inside)));
        assert_eq!(mended(gif((0, 0), &[1], inside)), Some(gif((16, 16), &[1], inside)));
        assert_eq!(mended(gif((99, 12), &[1], inside)), Some(gif((99, 16), &[1], inside)));
        let whole = gif((16, 16), &[1, 4], inside);
        (0..whole.len()).for_each(|length| drop(mended(whole[..length].to_vec())));
    }
}
