//! Holes in a file: stretches that were never written (a download or a disk that left zeros), which demuxers step over in silence, and other
//! rubbish, of which they tell their log.

use super::clock::typical;
use super::header::{first_obu, first_with_length};
use super::index::Entry;
use crate::audio::BadPages;
use crate::encrypted::Scrambled;
use crate::libav::{Input, Stream};
use crate::{Error, Source};

/// Containers whose demuxers look for the next thing that makes sense when they meet rubbish. Others count it, or have an index.
const STEPPING_OVER: [&str; 4] = ["flv", "ogg", "asf", "matroska"];

/// Codecs whose decoders make a picture of anything and say nothing, or not always, and whose encoders never write so many zeros.
const SILENT: [&str; 13] =
    ["vp6f", "vp8", "vp9", "av1", "theora", "mpeg4", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2", "wmv3", "flv1", "h263"];

/// No coded picture has so many zeros in a row.
const ZEROS: usize = 256;

/// A gap is looked into when it is over this many times as long as a frame usually lasts.
const LONG: f64 = 2.5;

/// An Ogg page has at most so many packets.
const MOST_ON_A_PAGE: usize = 255;

/// So much of the file is read to tell what a gap is, at most.
const LOOKED_AT: u64 = 1 << 20;

/// What the zeros in a packet are, where there are so many in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zeros {
    /// There are none, or such as encoders of this codec write.
    Usual,
    /// They were written on purpose, where nothing is coded.
    Padding,
    /// Nobody coded them.
    Hole,
}

/// What zeros `bytes` hold.
pub(super) fn zeros_in(codec: &str, bytes: &[u8]) -> Zeros {
    let pads = matches!(codec, "h264" | "hevc" | "av1");
    let silent = match codec {
        // Where start codes part units, zeros may come before them.
        "h264" | "hevc" | "vc1" => !bytes.starts_with(&[0, 0, 1]) && !bytes.starts_with(&[0, 0, 0, 1]),
        _ => SILENT.contains(&codec),
    };
    if !(pads || silent) || first_zeros(bytes).is_none() {
        Zeros::Usual
    } else if silent && first_zeros(&without_padding(codec, bytes)).is_some() {
        Zeros::Hole
    } else if pads {
        Zeros::Padding
    } else {
        Zeros::Usual
    }
}

/// A packet without its units that are there to fill a channel, to tell something beside the pictures, or that decoders step over, as far as lengths lead:
/// what comes behind one that leads nowhere stays, and so do units whose first byte is a zero, which may be in a hole.
fn without_padding(codec: &str, packet: &[u8]) -> Vec<u8> {
    let (mut kept, mut rest) = (Vec::new(), packet);
    while let Some((is_padding, after)) = first_unit(codec, rest) {
        if !is_padding {
            kept.extend(&rest[..rest.len() - after.len()]);
        }
        rest = after;
    }
    kept.extend(rest);
    kept
}

/// Whether the first unit of a packet is such a one (ISO/IEC 14496-10, table 7-1; ISO/IEC 23008-2, table 7-1; AV1 specification, 6.2.2), and what
/// comes after it.
fn first_unit<'p>(codec: &str, packet: &'p [u8]) -> Option<(bool, &'p [u8])> {
    if codec == "av1" {
        return first_obu(packet).map(|(kind, _, after)| (matches!(kind, 5 | 9..=15), after));
    }
    let (unit, after) = first_with_length(packet)?;
    let is_padding = unit.first().is_some_and(|first| match codec {
        "h264" => matches!(first & 31, 6 | 12 | 22..=31),
        "hevc" => matches!(first >> 1 & 63, 38..=63),
        _ => false,
    });
    Some((is_padding, after))
}

fn first_zeros(bytes: &[u8]) -> Option<usize> {
    bytes.chunks_exact(ZEROS).position(|block| block.iter().all(|byte| *byte == 0)).map(|block| block * ZEROS)
}

/// Marks the packets beside a hole between packets as damaged; how many ticks the holes last, each. `after_rubbish`: those before which the demuxer
/// met bytes that make no sense.
pub(super) fn mark(
    source: &Source,
    input: &Input<'_>,
    stream: &Stream,
    packets: &mut [Entry],
    after_rubbish: &[usize],
) -> Result<Vec<i64>, Error> {
    let zeros_are_sound = input.streams().iter().any(|other| other.codec.starts_with("pcm") && other.index != stream.index);
    if !STEPPING_OVER.contains(&input.format().as_str()) {
        return Ok(Vec::new());
    }
    let apart = |pair: &[Entry]| Some(pair[1].dts.or(pair[1].pts)?.saturating_sub(pair[0].dts.or(pair[0].pts)?));
    let typical = typical(&packets.iter().filter_map(|packet| packet.dts.or(packet.pts)).collect::<Vec<_>>());
    let mut holes = Vec::new();
    for after in 1..packets.len() {
        let (before, pair) = (&packets[..after - 1], &packets[after - 1..=after]);
        if after_rubbish.binary_search(&after).is_ok() {
            holes.push(apart(pair).map_or(0, |delta| delta.saturating_sub(typical).max(0)));
            packets[after - 1].damaged = true; // the rubbish may begin in it
            // A keyframe needs nothing before it; but on the page after a hole in Ogg times are counted on from before.
            packets[after].damaged |= !packets[after].key || input.format() == "ogg";
            continue;
        }
        if zeros_are_sound {
            continue;
        }
        let Some(delta) = apart(pair).filter(|delta| *delta as f64 > typical as f64 * LONG) else { continue };
        let Some(zeros) = zeros(source, from_where(before, &pair[0]), pair[1].pos)? else { continue };
        holes.push(delta.saturating_sub(typical));
        // The rest of a packet before the gap may have been in the hole, and with it what tells its time.
        packets[after - 1].damaged |= zeros < packets[after - 1].pos;
        packets[after].damaged |= !packets[after].key; // a keyframe needs nothing before it
    }
    Ok(holes)
}

/// Marks the packets beside encrypted ones as damaged: the one that goes on in them, and the next after them, unless it needs nothing before it.
pub(super) fn mark_encrypted(scrambled: &Scrambled, packets: &mut [Entry]) {
    for stretch in &scrambled.stretches {
        let behind = |offset: u64| packets.partition_point(|packet| packet.pos < i64::try_from(offset).unwrap_or(i64::MAX));
        let (before, after) = (behind(stretch.from).checked_sub(1).filter(|_| stretch.amid), behind(stretch.to));
        before.into_iter().for_each(|before| packets[before].damaged = true);
        packets.get_mut(after).into_iter().for_each(|next| next.damaged |= !next.key);
    }
}

/// Marks the packets beside Ogg pages that are missing without a trace as damaged: the one that went on in them, and the next, unless it needs nothing before it.
pub(super) fn mark_missing(source: &Source, pages: &BadPages, packets: &mut [Entry]) -> Result<(), Error> {
    for &(stream, at) in &pages.behind_missing {
        let behind = packets.partition_point(|packet| packet.pos < i64::try_from(at).unwrap_or(i64::MAX));
        let Some(pos) = packets.get(behind).and_then(|next| u64::try_from(next.pos).ok()) else { continue };
        // Pages of sound lie between those of pictures; the number of its stream is in each (RFC 3533, 6).
        if source.read(pos + 14, 4)? != stream.to_le_bytes() {
            continue;
        }
        let goes_on = source.read(at + 5, 1)?.first().is_some_and(|flags| flags & 1 != 0);
        behind.checked_sub(1).filter(|_| goes_on).into_iter().for_each(|before| packets[before].damaged = true);
        packets[behind].damaged |= !packets[behind].key;
    }
    Ok(())
}

/// Where holes behind a packet are looked for: what it holds was read already, where zeros in it are none.
fn from_where(before: &[Entry], packet: &Entry) -> i64 {
    if packet.padded { packet.pos.saturating_add(packet.size.into()) } else { start_of_page(before, packet.pos) }
}

/// Where the page before the one at `pos` starts, since packets of one page all have its position; `pos` itself when that is not known.
fn start_of_page(before: &[Entry], pos: i64) -> i64 {
    before.iter().rev().take(MOST_ON_A_PAGE).map(|entry| entry.pos).find(|earlier| *earlier < pos).filter(|pos| *pos >= 0).unwrap_or(pos)
}

/// Where the first zeros between two positions are that nobody coded.
fn zeros(source: &Source, from: i64, to: i64) -> Result<Option<i64>, Error> {
    let (Ok(start), Ok(count)) = (u64::try_from(from), u64::try_from(to.saturating_sub(from))) else { return Ok(None) };
    let bytes = source.read(start, count.min(LOOKED_AT) as usize)?;
    Ok(first_zeros(&bytes).map(|at| from + at as i64))
}

#[cfg(test)]
mod tests {
    use super::{Entry, ZEROS, Zeros, from_where, zeros_in};

    #[test]
    fn zeros_are_a_hole_only_where_no_encoder_writes_them() {
        let hollow = [&[1; 40][..], &[0; 2 * ZEROS], &[1; 40]].concat();
        assert_eq!((zeros_in("vp9", &hollow), zeros_in("hevc", &hollow)), (Zeros::Hole, Zeros::Hole));
        assert_eq!(zeros_in("h264", &[&[0, 0, 0, 1], &hollow[..]].concat()), Zeros::Padding, "start codes have them in front");
        assert_eq!(zeros_in("vc1", &[&[0, 0, 1], &hollow[..]].concat()), Zeros::Usual);
        assert_eq!(zeros_in("mpeg2video", &hollow), Zeros::Usual, "it is stuffed with zeros");
        assert_eq!(zeros_in("vp9", &hollow[..ZEROS]), Zeros::Usual);
    }

    #[test]
    fn zeros_between_pictures_are_padding() {
        let zeros = [0; 2 * ZEROS];
        let unit = |header: &[u8], bytes: &[u8]| [&((header.len() + bytes.len()) as u32).to_be_bytes(), header, bytes].concat();
        let slice = unit(&[0x65], &[7; 40]);
        for (codec, header, padding) in [
            ("h264", &[12][..], true), // filler data
            ("h264", &[30], true),
            ("h264", &[6], true),
            ("h264", &[0x65], false),
            ("h264", &[0x67], false),
            ("h264", &[0], false), // in a hole
            ("hevc", &[38 << 1, 1], true),
            ("hevc", &[62 << 1, 1], true),
            ("hevc", &[1 << 1, 1], false),
            ("hevc", &[33 << 1, 1], false),
        ] {
            let padded = unit(header, &zeros);
            for packet in [[&padded[..], &slice].concat(), [&slice[..], &padded].concat()] {
                assert_eq!(zeros_in(codec, &packet), if padding { Zeros::Padding } else { Zeros::Hole }, "{codec} {header:?}");
            }
            // A hole goes on where the unit ends.
            assert_eq!(zeros_in(codec, &[&padded[..], &zeros, &slice].concat()), Zeros::Hole, "{codec} {header:?}");
        }
        assert_eq!(zeros_in("h264", &[&[0, 0, 9, 9, 12], &zeros[..]].concat()), Zeros::Hole, "a length that leads out of the packet");
    }

    #[test]
    fn padding_of_av1_comes_with_and_without_a_size() {
        let zeros = [0; 2 * ZEROS];
        let sized = |kind: u8, bytes: &[u8]| [&[kind << 3 | 2, bytes.len() as u8 | 128, (bytes.len() >> 7) as u8][..], bytes].concat();
        let layered = |kind: u8, bytes: &[u8]| [&[kind << 3 | 4, 0x20][..], bytes].concat(); // with a layer, and on to the end
        let frame = sized(6, &[7; 40]);
        for (kind, padding) in [(15, true), (5, true), (9, true), (6, false), (4, false), (1, false), (0, false)] {
            for packet in [
                [&sized(kind, &zeros)[..], &frame].concat(),
                [&frame[..], &sized(kind, &zeros)].concat(),
                [&frame[..], &layered(kind, &zeros)].concat(),
            ] {
                assert_eq!(zeros_in("av1", &packet), if padding { Zeros::Padding } else { Zeros::Hole }, "{kind}");
            }
        }
        let lost = [&frame[..], &[15 << 3 | 2, 0xff, 0xff, 0xff], &zeros].concat();
        assert_eq!(zeros_in("av1", &lost), Zeros::Hole, "a size that leads out of the packet");
        assert_eq!(zeros_in("vp9", &sized(15, &zeros)), Zeros::Hole, "a picture of anything");
    }

    #[test]
    fn padding_before_a_pause_is_no_hole() {
        let at = |pos: i64, padded: bool| Entry { pos, size: 300, padded, ..Entry::default() };
        let before = [at(100, false), at(400, false)];
        assert_eq!((from_where(&before, &at(700, false)), from_where(&before, &at(700, true))), (400, 1000));
        assert_eq!((from_where(&[], &at(700, false)), from_where(&[], &at(i64::MAX, true))), (700, i64::MAX));
    }
}
