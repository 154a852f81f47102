//! Frame strips: what each verdict saw, with the pictures that the run kept of it, and where its judge points.

use serde::Serialize;

use crate::ledger::Record;
use crate::rubric::Probe;

/// Frames that stand side by side.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Strip {
    /// The verdicts that saw just these, as places in the item's list; empty where it is not known when pictures are on screen, or nobody saw any.
    verdicts: Vec<usize>,
    frames: Vec<Frame>,
}

/// One of them.
#[derive(Debug, PartialEq, Serialize)]
struct Frame {
    /// Place among the item's pictures; null where the run kept none of this moment.
    picture: Option<usize>,
    /// Seconds; null for stills.
    t: Option<f64>,
    /// The verdicts whose judge points at it: it is the frame nearest to a second that they name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<usize>,
}

/// One strip for all verdicts that saw the same frames, in the order of the first of each; `times` say when pictures are on screen.
pub(super) fn strips(records: &[Record], times: &[Option<f64>]) -> Vec<Strip> {
    let mut strips: Vec<Strip> = Vec::new();
    let seen = |record: &Record| record.frames.iter().map(|frame| frame.t).collect::<Vec<_>>();
    let moving = |record: &Record| !record.frames.is_empty() && record.frames.iter().all(|frame| frame.t.is_some());
    // Under probes, frames have other places than on screen.
    let plain = |record: &Record| Probe::split(&record.rubric).is_none();
    for (place, record) in records.iter().enumerate().filter(|(_, record)| plain(record) && moving(record)) {
        let frames = seen(record);
        let same = |strip: &&mut Strip| strip.frames.iter().map(|frame| frame.t).eq(frames.iter().copied());
        match strips.iter_mut().find(same) {
            Some(strip) => strip.verdicts.push(place),
            None => strips.push(Strip { verdicts: vec![place], frames: frames.into_iter().map(|t| Frame::at(t, times)).collect() }),
        }
    }
    let timeless = times.iter().all(Option::is_none);
    if let [only] = &mut strips[..]
        && timeless
        && only.frames.len() == times.len()
    {
        // A run of an earlier program, which kept the pictures of the only frames that there are, in time order.
        only.frames.iter_mut().zip(0..).for_each(|(frame, picture)| frame.picture = Some(picture));
    } else if strips.is_empty() || timeless {
        let frame = |(picture, t): (usize, &Option<f64>)| Frame { picture: Some(picture), t: *t, evidence: Vec::new() };
        let frames: Vec<Frame> = times.iter().enumerate().map(frame).collect();
        return if frames.is_empty() { Vec::new() } else { vec![Strip { verdicts: Vec::new(), frames }] };
    }
    for strip in &mut strips {
        for place in strip.verdicts.clone() {
            records[place].evidence.iter().for_each(|second| strip.point(*second, place));
        }
    }
    strips
}

impl Frame {
    fn at(t: Option<f64>, times: &[Option<f64>]) -> Self {
        Self { picture: times.iter().position(|time| *time == t), t, evidence: Vec::new() }
    }
}

impl Strip {
    /// Marks the frame nearest to a second that a judge points at.
    fn point(&mut self, second: f64, verdict: usize) {
        let distance = |frame: &Frame| frame.t.map_or(f64::INFINITY, |t| (t - second).abs());
        let nearest = self.frames.iter_mut().min_by(|one, other| distance(one).total_cmp(&distance(other)));
        if let Some(frame) = nearest.filter(|frame| !frame.evidence.contains(&verdict)) {
            frame.evidence.push(verdict);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::strips;
    use crate::judge::OutcomeName;
    use crate::ledger::{FrameRow, Record};
    use crate::report::summary::tests::{item, record};

    fn seen(at: &[f64], rubric: &str, evidence: &[f64]) -> Record {
        let frame = |t: &f64| FrameRow { t: Some(*t), pts: None, sha256: String::new(), width: 1, height: 1 };
        let row = record(&item("v", 0, "x", "R05"), "m", 1, Some(OutcomeName::Scored), Some(4));
        Record { frames: at.iter().map(frame).collect(), rubric: rubric.to_owned(), evidence: evidence.to_vec(), ..row }
    }

    /// The verdicts of a strip, its pictures, and who points at which.
    type Shown = (Vec<usize>, Vec<Option<usize>>, Vec<Vec<usize>>);

    fn shown(records: &[Record], times: &[f64]) -> Vec<Shown> {
        let times: Vec<Option<f64>> = times.iter().copied().map(Some).collect();
        let of = |strip: super::Strip| {
            let (pictures, evidence) = strip.frames.into_iter().map(|frame| (frame.picture, frame.evidence)).unzip();
            (strip.verdicts, pictures, evidence)
        };
        strips(records, &times).into_iter().map(of).collect()
    }

    #[test]
    fn every_verdict_has_the_frames_that_it_saw_and_its_own_evidence() {
        let records = [
            seen(&[1.0], "temporal", &[0.2]),
            seen(&[0.5, 1.0, 1.5], "temporal", &[0.2, 0.4]),
            seen(&[1.5, 0.5, 1.0], "temporal~reversed", &[0.5]),
            seen(&[0.5, 1.0, 1.5], "temporal", &[1.4]),
            seen(&[], "temporal", &[]),
        ];
        assert_eq!(
            shown(&records, &[0.5, 1.0, 1.5]),
            [(vec![0], vec![Some(1)], vec![vec![0]]), (vec![1, 3], vec![Some(0), Some(1), Some(2)], vec![vec![1], vec![], vec![3]])]
        );
    }

    #[test]
    fn a_moment_without_a_picture_keeps_its_place() {
        let found = shown(&[seen(&[0.5, 1.0], "temporal", &[1.0])], &[0.5]);
        assert_eq!(found, [(vec![0], vec![Some(0), None], vec![vec![], vec![0]])]);
    }

    #[test]
    fn pictures_of_nobody_knows_when_stand_alone() {
        let records = [seen(&[0.5, 1.0], "temporal", &[1.0])];
        let only = strips(&records, &[None, None]).remove(0);
        assert_eq!(
            (only.verdicts, only.frames[1].picture, &only.frames[1].evidence[..]),
            (vec![0], Some(1), &[0][..]),
            "none else can be meant"
        );
        let found = strips(&records, &[None; 3]);
        assert!(
            found.len() == 1 && found[0].verdicts.is_empty() && found[0].frames.iter().all(|frame| frame.evidence.is_empty()),
            "{found:?}"
        );
        assert_eq!(shown(&[seen(&[], "temporal", &[])], &[2.0]), [(vec![], vec![Some(0)], vec![vec![]])]);
        assert!(strips(&records[..0], &[]).is_empty());
    }
}
