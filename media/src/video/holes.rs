//! Holes in a file: stretches that were never written (a download or a disk that left zeros), which demuxers step over in silence, and other
//! rubbish, of which they tell their log.

use super::clock::typical;
use super::index::Entry;
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

/// Whether `bytes` hold zeros that nobody coded.
pub(super) fn is_hollow(codec: &str, bytes: &[u8]) -> bool {
    let silent = match codec {
        // Where start codes part units, zeros may come before them.
        "h264" | "hevc" | "vc1" => !bytes.starts_with(&[0, 0, 1]) && !bytes.starts_with(&[0, 0, 0, 1]),
        _ => SILENT.contains(&codec),
    };
    silent && first_zeros(bytes).is_some()
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
        let Some(zeros) = zeros(source, start_of_page(before, pair[0].pos), pair[1].pos)? else { continue };
        holes.push(delta.saturating_sub(typical));
        // The rest of a packet before the gap may have been in the hole, and with it what tells its time.
        packets[after - 1].damaged |= zeros < packets[after - 1].pos;
        packets[after].damaged |= !packets[after].key; // a keyframe needs nothing before it
    }
    Ok(holes)
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
    use super::{ZEROS, is_hollow};

    #[test]
    fn zeros_are_a_hole_only_where_no_encoder_writes_them() {
        let hollow = [&[1; 40][..], &[0; 2 * ZEROS], &[1; 40]].concat();
        assert!(is_hollow("vp9", &hollow));
        assert!(is_hollow("hevc", &hollow) && !is_hollow("h264", &[&[0, 0, 0, 1], &hollow[..]].concat()));
        assert!(!is_hollow("mpeg2video", &hollow), "it is stuffed with zeros");
        assert!(!is_hollow("vp9", &hollow[..ZEROS]));
    }
}
