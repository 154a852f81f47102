//! A manifest in the making: rows, faults and notices.

use std::collections::{BTreeMap, HashMap};

use tribunal_media::Digest;

use super::instances::InstancesWriter;
use super::{Fault, Faults, Instance, Instances, Notice, OpenError, RowsError};
use crate::taxonomy::Taxonomy;

/// Faults that are told one by one, more than anybody mends by hand; of others it is told how many there are.
const NAMED: usize = 100_000;

/// Collects what a source holds, and everything that is wrong with it.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub taxonomy: &'a Taxonomy,
    /// The file that line numbers are of.
    file: String,
    /// Until it fails.
    instances: Result<InstancesWriter, RowsError>,
    /// Where an id, by the first half of its digest, was used first.
    lines: HashMap<[u8; 16], u32>,
    faults: Vec<Fault>,
    more_faults: usize,
    notices: BTreeMap<&'static str, Counted>,
}

#[derive(Debug)]
struct Counted {
    count: usize,
    what: &'static str,
    example: String,
}

impl<'a> Draft<'a> {
    pub(super) fn new(file: String, taxonomy: &'a Taxonomy) -> Self {
        let (lines, faults, notices) = (HashMap::new(), Vec::new(), BTreeMap::new());
        Self { taxonomy, file, instances: InstancesWriter::new(), lines, faults, more_faults: 0, notices }
    }

    /// A problem in the source's own file.
    pub(super) fn fault(&mut self, line: usize, message: impl Into<String>) {
        let file = self.file.clone();
        self.fault_in(file, line, message);
    }

    /// A problem in another file, such as a sidecar.
    pub(super) fn fault_in(&mut self, file: String, line: usize, message: impl Into<String>) {
        if self.faults.len() < NAMED {
            self.faults.push(Fault { file, line, message: message.into() });
        } else {
            self.more_faults += 1;
        }
    }

    /// Counts something that was passed over or is missing; the first example is kept.
    pub(super) fn notice(&mut self, code: &'static str, what: &'static str, example: impl Into<String>) {
        let counted = self.notices.entry(code).or_insert_with(|| Counted { count: 0, what, example: example.into() });
        counted.count += 1;
    }

    /// Takes an id for a row, unless an earlier row has it.
    pub(super) fn claim(&mut self, id: &str, line: usize) -> bool {
        let half = Digest::of(id.as_bytes()).half();
        match self.lines.get(&half) {
            Some(first) => {
                let message = format!("the id `{id}` is already used in line {first}");
                self.fault(line, message);
                false
            }
            None => self.lines.insert(half, u32::try_from(line).unwrap_or(u32::MAX)).is_none(),
        }
    }

    pub(super) fn add(&mut self, instance: &Instance) {
        if !instance.inputs.is_empty() {
            self.notice("inputs_not_shown", "items have media in their prompt, which judges are not shown yet", instance.id.clone());
        }
        // The rows of a source that is wrong are of no use to anybody.
        if self.faults.is_empty()
            && let Ok(instances) = &mut self.instances
            && let Err(error) = instances.push(instance)
        {
            self.instances = Err(error);
        }
    }

    /// The rows and notices, or everything that is wrong; a source without a row is wrong too.
    pub(super) fn finish(self, when_empty: &str) -> Result<(Instances, Vec<Notice>), OpenError> {
        if !self.faults.is_empty() {
            return Err(Faults::new(self.faults, self.more_faults).into());
        }
        let instances = self.instances?.finish()?;
        if instances.is_empty() {
            let seen: Vec<_> =
                self.notices.values().map(|counted| format!("; {} {}, e.g. {}", counted.count, counted.what, counted.example)).collect();
            return Err(Faults::of_file(self.file, format!("{when_empty}{}", seen.concat())).into());
        }
        let notice = |(code, Counted { count, what, example }): (&str, Counted)| {
            let message = format!("{count} {what}, e.g. {example}");
            Notice { code: code.to_owned(), count, message }
        };
        Ok((instances, self.notices.into_iter().map(notice).collect()))
    }

    /// The factor's code in the taxonomy's spelling.
    pub(super) fn risk(&self, code: &str) -> Result<String, String> {
        let taxonomy = self.taxonomy;
        let known = || taxonomy.factors.iter().map(|factor| factor.code.as_str());
        taxonomy.factor(code).map(|factor| factor.code.clone()).ok_or_else(|| unknown("risk", code, &taxonomy.name, known()))
    }

    /// The prompt type's code in the taxonomy's spelling.
    pub(super) fn prompt_type(&self, code: &str) -> Result<String, String> {
        let taxonomy = self.taxonomy;
        let known = || taxonomy.prompt_types.iter().map(|kind| kind.code.as_str());
        taxonomy.prompt_type(code).map(|kind| kind.code.clone()).ok_or_else(|| unknown("prompt_type", code, &taxonomy.name, known()))
    }
}

fn unknown<'k>(field: &str, code: &str, taxonomy: &str, known: impl Iterator<Item = &'k str>) -> String {
    let lower = code.trim().to_lowercase();
    let mut near: Vec<_> = known.map(|known| (distance(&lower, &known.to_lowercase()), known)).collect();
    near.sort_unstable();
    let near: Vec<_> = near.into_iter().filter(|(distance, _)| *distance <= 2).map(|(_, known)| known).take(3).collect();
    let shown: String = code.chars().take(80).collect();
    match near.as_slice() {
        [] => format!("`{field}`: `{shown}` is not in the taxonomy {taxonomy}"),
        near => format!("`{field}`: `{shown}` is not in the taxonomy {taxonomy}; did you mean {}?", near.join(", ")),
    }
}

/// Levenshtein distance in characters; only the first 32 characters of `a` are looked at.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<_> = b.chars().collect();
    let mut row: Vec<_> = (0..=b.len()).collect();
    for (i, left) in a.chars().take(32).enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let changed = corner + usize::from(left != *right);
            corner = row[j + 1];
            row[j + 1] = changed.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{Draft, NAMED};
    use crate::taxonomy::Taxonomy;

    #[test]
    fn endless_faults_are_counted_in_the_end() {
        let taxonomy = Taxonomy::builtin("assurai").unwrap();
        let mut draft = Draft::new("m.jsonl".to_owned(), &taxonomy);
        (1..=NAMED + 5).for_each(|line| draft.fault(line, "is wrong"));
        let shown = draft.finish("nothing").unwrap_err().to_string();
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!((lines.len(), lines[0], lines[NAMED]), (NAMED + 1, "m.jsonl:1: is wrong", "and 5 more"));
    }
}
