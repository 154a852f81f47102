//! How much of what a video shows is near some sampled frame.

use serde::Serialize;
use tribunal_media::PerceptualHash;

/// One moment of a dense reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Seconds from the first displayed frame.
    pub t: f64,
    /// What it looks like.
    pub hash: PerceptualHash,
}

/// Distances from every dense moment to the sampled frame that looks most like it, 0 ..= 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Coverage {
    /// Of the moment that is shown worst.
    pub largest: f64,
    /// Over all moments.
    pub mean: f64,
}

/// Coverage of `dense` by the frames at `picked` seconds; each stands for the dense moment nearest in time.
/// `None` when either is empty.
pub fn coverage(dense: &[View], picked: &[f64]) -> Option<Coverage> {
    let nearest = |t: f64| dense.iter().min_by(|a, b| (a.t - t).abs().total_cmp(&(b.t - t).abs()));
    let sampled: Vec<_> = picked.iter().filter_map(|t| Some(nearest(*t)?.hash)).collect();
    let to_sampled = |view: &View| sampled.iter().map(|hash| hash.distance(view.hash)).min_by(f64::total_cmp);
    let distances: Vec<f64> = dense.iter().filter_map(to_sampled).collect();
    let largest = distances.iter().copied().max_by(f64::total_cmp)?;
    Some(Coverage { largest, mean: crate::stats::mean(&distances)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn view(t: f64, seed: u8) -> View {
        let plane = std::array::from_fn(|i| ((i * usize::from(seed)) % 251) as u8);
        View { t, hash: PerceptualHash::of(&plane) }
    }

    #[test]
    fn a_moment_that_no_frame_shows_is_the_largest_distance() {
        let dense = [view(0.0, 1), view(1.0, 1), view(2.0, 7)];
        let missed = coverage(&dense, &[0.1]).unwrap();
        assert!(missed.largest > 0.0 && (missed.mean - missed.largest / 3.0).abs() < 1e-12);
        assert_eq!(coverage(&dense, &[0.0, 2.0]), Some(Coverage { largest: 0.0, mean: 0.0 }));
        assert_eq!((coverage(&[], &[0.0]), coverage(&dense, &[])), (None, None));
    }

    proptest! {
        #[test]
        fn another_frame_never_hurts(seeds in proptest::collection::vec(1..200u8, 1..12), a in 0.0..12.0f64, b in 0.0..12.0f64) {
            let dense: Vec<_> = seeds.iter().enumerate().map(|(i, seed)| view(i as f64, *seed)).collect();
            let (one, two) = (coverage(&dense, &[a]).unwrap(), coverage(&dense, &[a, b]).unwrap());
            prop_assert!(two.largest <= one.largest && two.mean <= one.mean && one.mean <= one.largest + 1e-12);
        }
    }
}
