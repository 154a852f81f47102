//! What makes two runs the same experiment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tribunal_media::Digest;

/// Everything but the items that decides verdicts. Maps may gain keys (that extends a run); a changed or missing value is refused by name.
/// Items are compared one by one when they are planned, by [`ItemRow::digest`](super::ItemRow::digest).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Experiment {
    /// `name version digest` of the taxonomy.
    pub taxonomy: String,
    /// Rubric name -> digest.
    pub rubrics: BTreeMap<String, String>,
    /// Recipe key (modality, sampler) -> canonical recipe.
    pub recipes: BTreeMap<String, String>,
    /// Judge name -> fingerprint (provider, endpoint, model, parameters; never a key).
    pub judges: BTreeMap<String, String>,
    /// Seed of nonces and draws.
    pub seed: u64,
    /// Language of the rubrics.
    pub lang: String,
    /// Decoder name -> version.
    pub decoders: BTreeMap<String, String>,
}

impl Experiment {
    /// Digest of every field; its first 16 hex digits are the run's id.
    pub fn digest(&self) -> Digest {
        let Self { taxonomy, rubrics, recipes, judges, seed, lang, decoders } = self;
        let maps = [rubrics, recipes, judges, decoders];
        let counts = maps.map(|map| (map.len() as u64).to_le_bytes());
        let seed = seed.to_le_bytes();
        let head = [taxonomy.as_bytes(), &seed, lang.as_bytes()];
        let entries = maps.into_iter().flatten().flat_map(|(key, value)| [key.as_bytes(), value.as_bytes()]);
        Digest::of_fields(head.into_iter().chain(counts.iter().map(|count| &count[..])).chain(entries))
    }

    /// The experiment after `new` was added to this one, or every change that makes it another experiment, each in words.
    pub fn extends(&self, new: &Self) -> Result<Self, Vec<String>> {
        let Self { taxonomy, rubrics, recipes, judges, seed, lang, decoders } = self;
        let values = [
            ("taxonomy", taxonomy.clone(), new.taxonomy.clone()),
            ("seed", seed.to_string(), new.seed.to_string()),
            ("lang", lang.clone(), new.lang.clone()),
        ];
        let maps = [
            ("rubric", rubrics, &new.rubrics),
            ("recipe", recipes, &new.recipes),
            ("judge", judges, &new.judges),
            ("decoder", decoders, &new.decoders),
        ];
        let values = values.iter().filter(|(_, was, now)| was != now).map(|(what, was, now)| changed(what, was, now));
        let changes: Vec<_> = values.chain(maps.into_iter().flat_map(|(what, was, now)| differences(what, was, now))).collect();
        // Nothing is missing from `new` and nothing differs, so it already is the union.
        if changes.is_empty() { Ok(new.clone()) } else { Err(changes) }
    }
}

fn differences(what: &str, was: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let compare = |(name, was): (&String, &String)| match now.get(name) {
        None => Some(format!("{what} {name} is no longer there")),
        Some(now) if now != was => Some(changed(&format!("{what} {name}"), was, now)),
        Some(_) => None,
    };
    was.iter().filter_map(compare).collect()
}

fn changed(what: &str, was: &str, now: &str) -> String {
    format!("{what} changed (was {}, now {})", brief(was), brief(now))
}

/// A digest by its first eight digits; anything else as it is.
fn brief(value: &str) -> String {
    Digest::from_hex(value).map_or_else(|| value.to_owned(), |digest| digest.short())
}

#[cfg(test)]
mod tests {
    use super::{Digest, Experiment};

    fn map(entries: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn experiment() -> Experiment {
        Experiment {
            taxonomy: "assurai 1 aa".to_owned(),
            rubrics: map(&[("temporal", &Digest::of(b"one").to_string())]),
            recipes: map(&[("video uniform:8", "long edge 768")]),
            judges: map(&[("mini", "openai m"), ("other", "openai o")]),
            seed: 0,
            lang: "ko".to_owned(),
            decoders: map(&[("libavcodec", "61.3")]),
        }
    }

    #[test]
    fn additions_extend() {
        let mut new = experiment();
        new.judges.insert("third".to_owned(), "openai t".to_owned());
        new.rubrics.insert("image".to_owned(), "x".to_owned());
        assert_eq!(experiment().extends(&new), Ok(new.clone()));
        assert_ne!(new.digest(), experiment().digest());
    }

    #[test]
    fn every_change_is_named() {
        let mut new = experiment();
        new.rubrics.insert("temporal".to_owned(), Digest::of(b"two").to_string());
        new.judges.remove("mini");
        new.seed = 7;
        new.lang = "en".to_owned();
        new.taxonomy = "assurai 2 bb".to_owned();
        new.decoders.insert("libavcodec".to_owned(), "62.0".to_owned());
        let (one, two) = (Digest::of(b"one").short(), Digest::of(b"two").short());
        let expected = [
            "taxonomy changed (was assurai 1 aa, now assurai 2 bb)".to_owned(),
            "seed changed (was 0, now 7)".to_owned(),
            "lang changed (was ko, now en)".to_owned(),
            format!("rubric temporal changed (was {one}, now {two})"),
            "judge mini is no longer there".to_owned(),
            "decoder libavcodec changed (was 61.3, now 62.0)".to_owned(),
        ];
        assert_eq!(experiment().extends(&new), Err(expected.to_vec()));
    }

    #[test]
    fn the_digest_tells_maps_apart() {
        let mut moved = experiment();
        let entry = moved.judges.pop_first().unwrap();
        moved.recipes.insert(entry.0, entry.1);
        assert_ne!(moved.digest(), experiment().digest());
    }
}
