//! Which instances a command works on: a shard, then a limit.

use std::str::FromStr;

use crate::manifest::{Instance, Instances, RowsError};

/// A slice of the manifest. Not part of the experiment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Selection {
    /// One of N disjoint slices by item id.
    pub shard: Option<Shard>,
    /// At most this many, from the front.
    pub limit: Option<usize>,
}

/// Slice I of N, I from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match parsed {
            Some((index, count)) if (1..=count).contains(&index) => Ok(Self { index, count }),
            _ => Err(format!("`{text}` is no shard; write I/N with 1 <= I <= N, such as 1/4")),
        }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl Shard {
    /// Whether an item falls into this slice: the first 8 bytes (little endian) of blake3(id) mod N = I - 1.
    pub fn holds(self, item_id: &str) -> bool {
        let hash = blake3::hash(item_id.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hash.as_bytes()[..8]);
        u64::from_le_bytes(first) % self.count == self.index - 1
    }
}

impl Selection {
    /// The selected instances, in the manifest's order.
    pub fn of(self, instances: &Instances) -> impl Iterator<Item = Result<Instance, RowsError>> + Send + use<'_> {
        let holds = move |row: &Result<Instance, RowsError>| row.as_ref().map_or(true, |instance| self.holds(&instance.id));
        instances.all().filter(holds).take(self.limit.unwrap_or(usize::MAX))
    }

    /// Whether an item is of the shard.
    pub(super) fn holds(self, item_id: &str) -> bool {
        self.shard.is_none_or(|shard| shard.holds(item_id))
    }

    /// The position behind the last selected instance: before it everything is selected that is of the shard.
    pub(super) fn end(self, instances: &Instances) -> Result<usize, RowsError> {
        let Some(limit) = self.limit.filter(|limit| *limit < instances.len()) else { return Ok(instances.len()) };
        if self.shard.is_none() {
            return Ok(limit);
        }
        let mut selected = 0;
        for (position, instance) in instances.all().enumerate() {
            if selected == limit {
                return Ok(position);
            }
            selected += usize::from(self.holds(&instance?.id));
        }
        Ok(instances.len())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Instances, Selection, Shard};
    use crate::manifest;
    use crate::taxonomy::Taxonomy;

    /// Rows of the source `item-0`, `item-1` and so on.
    pub(in crate::pipeline) fn rows(count: usize) -> Instances {
        let folder = tempfile::tempdir().unwrap();
        let lines: Vec<_> = (0..count).map(|number| format!("{{\"id\":\"item-{number}\",\"blocked\":true}}")).collect();
        std::fs::write(folder.path().join("m.jsonl"), lines.join("\n")).unwrap();
        manifest::open(&folder.path().join("m.jsonl"), &Taxonomy::builtin("assurai").unwrap(), manifest::Files::Needed).unwrap().instances
    }

    #[test]
    fn a_limit_counts_what_is_of_the_shard_and_the_end_lies_behind_the_last() {
        let instances = rows(40);
        let ids: Vec<String> = instances.to_vec().into_iter().map(|instance| instance.id).collect();
        for shard in [None, Some("2/3".parse::<Shard>().unwrap())] {
            for limit in (0..=41).map(Some).chain([None]) {
                let selection = Selection { shard, limit };
                let of_shard = |ids: &[String]| ids.iter().filter(|id| selection.holds(id)).cloned().collect::<Vec<_>>();
                let mut expected = of_shard(&ids);
                expected.truncate(limit.unwrap_or(usize::MAX));
                let selected: Vec<String> = selection.of(&instances).map(|instance| instance.unwrap().id).collect();
                assert_eq!(selected, expected, "{selection:?}");
                assert_eq!(of_shard(&ids[..selection.end(&instances).unwrap()]), expected, "{selection:?}");
            }
        }
    }

    #[test]
    fn shards_are_disjoint_and_complete() {
        let shards: Vec<Shard> = (1..=3).map(|index| format!("{index}/3").parse().unwrap()).collect();
        for id in (0..500).map(|n| format!("item-{n}")) {
            assert_eq!(shards.iter().filter(|shard| shard.holds(&id)).count(), 1);
        }
    }

    #[test]
    fn the_slice_is_the_published_one() {
        // blake3("a") starts 17 76 2f dd d9 69 a4 53: 0x53a469d9dd2f7617 mod 4 = 3.
        assert!("4/4".parse::<Shard>().unwrap().holds("a"));
    }

    #[test]
    fn mistakes_are_refused() {
        for text in ["0/2", "3/2", "1", "a/b", "1/0"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
