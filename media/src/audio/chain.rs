//! Sound without a container is frame after frame. Decoders step over what lies between in silence; headers tell.

use std::io;

use crate::Source;
use crate::sound_frame::{LONGEST_SOUND_FRAME, SOUND_HEADER, SoundFrame, ac3, adts, mpeg_audio};

/// How the frames of a file follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Chain {
    /// Places where a frame does not begin at the end of the one before.
    pub holes: u64,
    /// Bytes between frames there, in all.
    pub rubbish: u64,
    /// Whether the last frame goes on after the end of the file.
    pub cut: bool,
    /// Whether frames were followed at all.
    pub followed: bool,
    /// Bytes behind the last frame, other than tags: padding, or nothing that is known here.
    pub behind: u64,
}

/// A header is that of a frame when so many more of its kind follow: rubbish holds headers, too.
const FOLLOWING: usize = 2;

/// So many bytes are enough to see a frame and those that follow.
const AHEAD: usize = (LONGEST_SOUND_FRAME + SOUND_HEADER) * (FOLLOWING + 1);

/// Bytes read at once.
const BLOCK: usize = 256 << 10;

/// Follows the frames of a `format` without a container from byte `start` on; `None` for any other, or where no frame says how long it is.
pub(super) fn chain(source: &Source, format: &str, start: u64) -> io::Result<Option<Chain>> {
    let header: fn(&[u8]) -> Option<SoundFrame> = match format {
        "mp1" | "mp2" | "mp3" => mpeg_audio,
        "aac" => adts,
        "ac3" | "eac3" => ac3,
        _ => return Ok(None),
    };
    let mut window = Window { source, from: 0, bytes: Vec::new() };
    let Some(first) = header(window.at(start)?) else { return Ok(None) };
    let (mut chain, mut before, mut at) = (Chain { followed: true, ..Chain::default() }, start, start);
    loop {
        let bytes = window.at(at)?;
        let frame = header(bytes).filter(|frame| frame.kind == first.kind);
        if let Some(length) = frame.map(|frame| frame.length as u64).or_else(|| tag(bytes)) {
            chain.cut = frame.is_some() && at + length > source.len();
            (before, at) = (at, at + length);
        } else if let Some(next) = next_frame(&mut window, before + 1, header, first.kind)? {
            chain.holes += 1;
            chain.rubbish += next.saturating_sub(at);
            (before, at) = (next, next);
        } else {
            chain.behind = source.len().saturating_sub(at);
            return Ok(Some(chain));
        }
    }
}

/// Bytes from the first frame of MP3 to the last, by the header that encoders put into the first (Xing or Info: flags, frames, bytes).
pub(super) fn bytes_of_mp3(head: &[u8]) -> Option<u64> {
    let at = head.windows(4).position(|name| name == b"Xing" || name == b"Info")?;
    let flags = head.get(at + 7).filter(|flags| **flags & 2 != 0)?;
    let at = at + 8 + usize::from(flags & 1) * 4;
    Some(u64::from(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?)))
}

/// Where the first frame from `at` on begins that others follow, or the end of the file.
fn next_frame(
    window: &mut Window<'_>,
    mut at: u64,
    header: fn(&[u8]) -> Option<SoundFrame>,
    kind: (u8, u8, u8),
) -> io::Result<Option<u64>> {
    while at < window.source.len() {
        let bytes = window.at(at)?;
        let mut ends = 0;
        let follows = (0..=FOLLOWING).all(|_| {
            let frame = bytes.get(ends..).and_then(header).filter(|frame| frame.kind == kind);
            ends += frame.map_or(0, |frame| frame.length);
            frame.is_some() || ends > 0 && ends == bytes.len()
        });
        if follows {
            return Ok(Some(at));
        }
        at += 1;
    }
    Ok(None)
}

/// Length of the tag that `bytes` begin with: files that were joined have some between frames.
fn tag(bytes: &[u8]) -> Option<u64> {
    super::symphonia::id3v2_len(bytes).or_else(|| bytes.starts_with(b"TAG").then_some(128)) // ID3v1
}

/// A stretch of the file in memory.
struct Window<'s> {
    source: &'s Source,
    from: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// The bytes from `at` on, at least `AHEAD` of them where there are as many.
    fn at(&mut self, at: u64) -> io::Result<&[u8]> {
        let whole = self.from + self.bytes.len() as u64 >= self.source.len();
        let skip = at.checked_sub(self.from).and_then(|skip| usize::try_from(skip).ok());
        if let Some(skip) = skip.filter(|skip| skip + AHEAD <= self.bytes.len() || whole && *skip <= self.bytes.len()) {
            return Ok(&self.bytes[skip..]);
        }
        self.bytes = self.source.read(at, BLOCK)?;
        self.from = at;
        Ok(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Chain, chain};
    use crate::Source;

    /// 417 bytes of MP3 with a header.
    fn frame() -> Vec<u8> {
        let mut frame = vec![0x55; 417];
        frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0]);
        frame
    }

    fn of(parts: &[&[u8]]) -> Option<Chain> {
        chain(&Source::memory(parts.concat()), "mp3", 0).unwrap()
    }

    #[test]
    fn a_header_in_the_first_frame_counts_bytes() {
        let of = |name: &[u8], flags: u8, fields: &[u32]| {
            let fields: Vec<u8> = fields.iter().flat_map(|field| field.to_be_bytes()).collect();
            super::bytes_of_mp3(&[&frame()[..36], name, &[0, 0, 0, flags], &fields].concat())
        };
        assert_eq!((of(b"Xing", 3, &[9, 4000]), of(b"Info", 2, &[4000])), (Some(4000), Some(4000)));
        assert_eq!((of(b"Xing", 1, &[9, 4000]), of(b"Xing", 3, &[9]), of(b"VBRI", 3, &[9, 4000])), (None, None, None));
    }

    #[test]
    fn frames_that_do_not_follow_one_another_are_found() {
        let whole = Chain { followed: true, ..Chain::default() };
        let many = frame().repeat(BLOCK / 400);
        assert_eq!(of(&[&many]), Some(whole));
        assert_eq!(of(&[&many, &[0; 4000]]), Some(Chain { behind: 4000, ..whole }), "padding at the end");
        assert_eq!(of(&[&many, b"TAG", &[32; 125], b"ID3\x04\0\0\0\0\0\x0a0123456789", &many]), Some(whole), "tags");
        assert_eq!(of(&[&many, &[0; 4000], &many]), Some(Chain { holes: 1, rubbish: 4000, ..whole }));
        assert_eq!(of(&[&many, &many[200..]]), Some(Chain { holes: 1, rubbish: 217, ..whole }), "bytes are missing");
        assert_eq!(of(&[&many, &frame()[..99], &many]), Some(Chain { holes: 1, ..whole }), "in a frame");
        assert_eq!(of(&[&many, &frame()[..99]]), Some(Chain { cut: true, ..whole }));
        assert_eq!(
            of(&[&many, &[0xff, 0xfb, 0x90, 0], &[0; 4000], &many]).map(|chain| chain.holes),
            Some(1),
            "rubbish that looks like a header"
        );
        assert_eq!(of(&[b"fLaC"]), None);
    }
}
