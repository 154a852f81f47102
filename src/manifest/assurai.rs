//! An unpacked AssurAI dataset folder: `assurai_index.jsonl` and media under `Risk_NN/<modality>/`.
//!
//! The published fields are known only in part, so reading is tolerant: unknown columns are kept, and missing
//! candidates, scores and files are counted. `ref_output_risk_score[i]` belongs to `candidate_{i+1}_answer`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tribunal_media::Modality;

use super::assets::{Root, extension_modality, modality};
use super::draft::Draft;
use super::row::risk_label;
use super::table::jsonl_lines;
use super::{Asset, Instance, Prompt};

/// The file that marks a dataset folder.
pub(super) const INDEX: &str = "assurai_index.jsonl";

/// Candidate answers that a text item is expected to have.
const CANDIDATES: usize = 4;

/// One row of the index before it becomes instances.
struct Item {
    line: usize,
    id: String,
    modality: Modality,
    risk: Option<String>,
    prompt_type: Option<String>,
    prompt: Prompt,
    /// By number, from 1.
    answers: BTreeMap<usize, String>,
    /// By position, from 0.
    scores: Vec<Option<f64>>,
    extra: Map<String, Value>,
}

/// Adds every candidate answer, and every media file of an item without answers.
pub(super) fn assurai(index: File, folder: &Path, root: &Root, draft: &mut Draft) {
    let mut items = Vec::new();
    for (line, object) in jsonl_lines(index) {
        let item = object.map_err(|problem| vec![format!("the line {problem}")]).and_then(|object| item(object, line, draft));
        match item {
            Ok(item) if draft.claim(&item.id, line) => items.push(item),
            Ok(_) => {}
            Err(problems) => problems.into_iter().for_each(|problem| draft.fault(line, problem)),
        }
    }
    let mut shelf = Shelf { folder, ids: items.iter().map(|item| item.id.clone()).collect(), folders: BTreeMap::new() };
    for item in items {
        let files = if item.modality == Modality::Text { Vec::new() } else { shelf.files(&item) };
        if item.modality == Modality::Text || !item.answers.is_empty() {
            answers(&item, &files, draft);
        } else {
            media(&item, files, root, draft);
        }
    }
}

fn item(mut object: Map<String, Value>, line: usize, draft: &mut Draft) -> Result<Item, Vec<String>> {
    let mut problems = Vec::new();
    let mut text = |object: &mut Map<String, Value>, name: &str| match object.shift_remove(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text).filter(|text| !text.trim().is_empty()),
        Some(_) => {
            problems.push(format!("`{name}` must be a text"));
            None
        }
    };
    let id = text(&mut object, "id");
    let modality = text(&mut object, "modality");
    let risk = text(&mut object, "risk");
    if id.is_none() {
        problems.push("`id` is missing".to_owned());
    }
    let id = id.unwrap_or_default();
    let modality = modality.map_or(Ok(Modality::Text), |name| {
        let known = Modality::ALL.into_iter().find(|modality| modality.name() == name.to_ascii_lowercase());
        known.ok_or_else(|| format!("`modality` must be one of text, image, video, audio, not `{name}`"))
    });
    // Without the column, the code in the id serves.
    let risk = risk.or_else(|| id.split('_').next().filter(|code| draft.taxonomy.factor(code).is_some()).map(str::to_owned));
    let risk = risk.map(|code| draft.risk(&code)).transpose();
    let prompt_type = id.split('_').skip(1).find_map(|piece| draft.taxonomy.prompt_type(piece)).map(|kind| kind.code.clone());
    if prompt_type.is_none() && !id.is_empty() {
        draft.notice("missing_prompt_types", "items name no known prompt type in their id", id.clone());
    }
    let prompt = prompt(object.shift_remove("input_prompt"));
    let answers = candidates(&mut object);
    let scores = scores(object.shift_remove("ref_output_risk_score"));
    for problem in [modality.as_ref().err(), risk.as_ref().err(), scores.as_ref().err()].into_iter().flatten() {
        problems.push(problem.clone());
    }
    match (modality, risk, scores) {
        (Ok(modality), Ok(risk), Ok(scores)) if problems.is_empty() => {
            Ok(Item { line, id, modality, risk, prompt_type, prompt, answers, scores, extra: object })
        }
        _ => Err(problems),
    }
}

/// A text, a dialogue, or whatever else stands there as its JSON: how dialogues are stored is not documented.
fn prompt(value: Option<Value>) -> Prompt {
    match value {
        None | Some(Value::Null) => Prompt::None,
        Some(value) => {
            let as_json = value.to_string();
            serde_json::from_value(value).unwrap_or(Prompt::Text(as_json))
        }
    }
}

/// The candidate answers that are there, by number; their columns leave the row.
fn candidates(object: &mut Map<String, Value>) -> BTreeMap<usize, String> {
    let number = |name: &str| name.strip_prefix("candidate_")?.strip_suffix("_answer")?.parse::<usize>().ok().filter(|number| *number > 0);
    let columns: Vec<_> = object.keys().filter_map(|name| Some((number(name)?, name.clone()))).collect();
    let mut answers = BTreeMap::new();
    for (number, column) in columns {
        match object.shift_remove(&column) {
            Some(Value::String(answer)) if !answer.trim().is_empty() => drop(answers.insert(number, answer)),
            None | Some(Value::Null | Value::String(_)) => {}
            Some(other) => drop(answers.insert(number, other.to_string())),
        }
    }
    answers
}

fn scores(value: Option<Value>) -> Result<Vec<Option<f64>>, String> {
    let list = match value {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(one) => vec![one],
    };
    list.into_iter()
        .map(|score| match score {
            Value::Null => Ok(None),
            Value::Number(number) => number.as_f64().map(risk_label).transpose(),
            Value::String(text) if text.trim().is_empty() => Ok(None),
            Value::String(text) => {
                text.trim().parse().map_err(|_| format!("`ref_output_risk_score` holds `{text}`")).and_then(risk_label).map(Some)
            }
            other => Err(format!("`ref_output_risk_score` holds {other}")),
        })
        .collect()
}

/// One instance per answer. Media of an item with answers were part of the question.
fn answers(item: &Item, inputs: &[PathBuf], draft: &mut Draft) {
    let expected = if item.modality == Modality::Text { CANDIDATES } else { item.answers.len() };
    for number in (1..=expected).filter(|number| !item.answers.contains_key(number)) {
        draft.notice("missing_candidates", "candidate answers are absent or empty", format!("{}#{number}", item.id));
    }
    for (number, answer) in &item.answers {
        let score = item.scores.get(number - 1).copied().flatten();
        let model = Some(format!("candidate_{number}"));
        let instance = Instance { model, inputs: inputs.to_vec(), ..item.instance(*number, Modality::Text, Asset::Text(answer.clone())) };
        add(instance, score, draft);
    }
}

/// One instance per file. Scores count only when there is one for each file: nothing else says which belongs to which.
fn media(item: &Item, files: Vec<PathBuf>, root: &Root, draft: &mut Draft) {
    if files.is_empty() {
        draft.notice("missing_files", "media items have no file", item.id.clone());
    }
    let paired = item.scores.len() == files.len();
    for (number, file) in (1..).zip(files) {
        let score = item.scores.get(number - 1).copied().flatten().filter(|_| paired);
        match root.head(&file).and_then(|head| modality(Some(item.modality), &file, &head, tribunal_media::Tracks::default)) {
            Ok(modality) => add(item.instance(number, modality, Asset::File(file)), score, draft),
            Err(problem) => draft.fault(item.line, format!("the file `{}` {problem}", file.display())),
        }
    }
}

fn add(mut instance: Instance, score: Option<f64>, draft: &mut Draft) {
    match score {
        Some(score) => instance.human_risk = vec![Some(score)],
        None => draft.notice("missing_scores", "outputs have no human risk score", instance.id.clone()),
    }
    draft.add(&instance);
}

impl Item {
    fn instance(&self, number: usize, modality: Modality, output: Asset) -> Instance {
        Instance {
            id: format!("{}#{number}", self.id),
            line: self.line,
            modality,
            risk: self.risk.clone(),
            prompt_type: self.prompt_type.clone(),
            prompt: self.prompt.clone(),
            model: None,
            output: Some(output),
            blocked: false,
            human_risk: Vec::new(),
            annotators: Vec::new(),
            tags: BTreeMap::new(),
            inputs: Vec::new(),
            extra: self.extra.clone(),
        }
    }
}

/// The media files of the dataset by item, one folder listed at a time.
struct Shelf<'a> {
    folder: &'a Path,
    ids: BTreeSet<String>,
    /// `Risk_NN/<modality>` -> item id -> files, sorted.
    folders: BTreeMap<PathBuf, BTreeMap<String, Vec<PathBuf>>>,
}

impl Shelf<'_> {
    fn files(&mut self, item: &Item) -> Vec<PathBuf> {
        let digits: String = item.risk.iter().flat_map(|code| code.chars()).filter(char::is_ascii_digit).collect();
        let place = Path::new(&format!("Risk_{digits}")).join(item.modality.name());
        if !self.folders.contains_key(&place) {
            let listed = self.list(&place);
            self.folders.insert(place.clone(), listed);
        }
        self.folders.get(&place).and_then(|files| files.get(&item.id)).cloned().unwrap_or_default()
    }

    fn list(&self, place: &Path) -> BTreeMap<String, Vec<PathBuf>> {
        let entries = std::fs::read_dir(self.folder.join(place)).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        let mut files = BTreeMap::<_, Vec<_>>::new();
        for name in names.iter().filter(|name| extension_modality(Path::new(name)).is_some_and(|modality| modality != Modality::Text)) {
            if let Some(id) = self.owner(name) {
                files.entry(id.to_owned()).or_default().push(place.join(name));
            }
        }
        files
    }

    /// The longest item id that the name begins with, up to its end or a separator: `..._1` does not own `..._12.png`.
    fn owner<'n>(&self, name: &'n str) -> Option<&'n str> {
        let ends = name.char_indices().filter(|(_, char)| matches!(char, '.' | '_' | '-' | '#' | ' ' | '(')).map(|(at, _)| at);
        ends.rev().map(|end| &name[..end]).find(|start| self.ids.contains(*start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Files, Manifest, OpenError, open};
    use crate::taxonomy::Taxonomy;

    fn read(folder: &Path) -> Result<Manifest, OpenError> {
        open(folder, &Taxonomy::builtin("assurai").unwrap(), Files::Needed)
    }

    #[test]
    fn the_fixture_becomes_instances_and_its_gaps_are_counted() {
        type Row<'a> = (&'a str, &'a str, &'a str, &'a str, &'a [Option<f64>]);
        let manifest = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/assurai")).unwrap();
        assert_eq!(manifest.name, "assurai");
        let instances = manifest.instances.to_vec();
        let rows = instances.iter().map(|row| {
            let risk = row.risk.as_deref().unwrap_or_default();
            (row.id.as_str(), row.modality.name(), risk, row.prompt_type.as_deref().unwrap_or_default(), row.human_risk.as_slice())
        });
        let expected: [Row; 10] = [
            ("r09_t1_pQO_1#1", "text", "R09", "pQO", &[Some(1.0)]),
            ("r09_t1_pQO_1#2", "text", "R09", "pQO", &[Some(1.0)]),
            ("r09_t1_pQO_1#3", "text", "R09", "pQO", &[Some(1.0)]),
            ("r09_t1_pQO_1#4", "text", "R09", "pQO", &[Some(2.0)]),
            ("r22_t1_pCT_2#1", "text", "R22", "pCT", &[Some(1.0)]),
            ("r22_t1_pCT_2#3", "text", "R22", "pCT", &[Some(2.0)]),
            ("r34_t2_pRPedu_3#1", "text", "R34", "pRP", &[]),
            ("r34_t2_pRPedu_3#2", "text", "R34", "pRP", &[]),
            ("r11_t1_pQO_4#1", "image", "R11", "pQO", &[Some(1.0)]),
            ("r27_t1_pQO_5#1", "audio", "R27", "pQO", &[Some(1.0)]),
        ];
        assert_eq!(rows.collect::<Vec<_>>(), expected);
        let row = &instances[5];
        assert_eq!((row.line, row.model.as_deref()), (2, Some("candidate_3")));
        assert_eq!(row.extra.keys().collect::<Vec<_>>(), ["collected_in"]);
        assert!(matches!(&instances[6].prompt, Prompt::Messages(turns) if turns.len() == 3));
        assert_eq!(instances[8].output, Some(Asset::File("Risk_11/image/r11_t1_pQO_4.png".into())));
        let counts: Vec<_> = manifest.notices.iter().map(|notice| (notice.code.as_str(), notice.count)).collect();
        assert_eq!(counts, [("missing_candidates", 4), ("missing_files", 1), ("missing_scores", 2)]);
    }

    #[test]
    fn files_belong_to_the_longest_id_and_odd_rows_are_faults() {
        let folder = tempfile::tempdir().unwrap();
        let media = folder.path().join("Risk_11/image");
        std::fs::create_dir_all(&media).unwrap();
        for name in ["r11_t1_pQO_1.png", "r11_t1_pQO_1_b.png", "r11_t1_pQO_12.png", "r11_t1_pQO_1.txt"] {
            std::fs::write(media.join(name), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").unwrap();
        }
        let row = |id: &str, rest: &str| format!("{{\"id\":\"{id}\",\"modality\":\"image\"{rest}}}\n");
        let index = folder.path().join(INDEX);
        let good = row("r11_t1_pQO_1", ",\"ref_output_risk_score\":[2,\"3\"]")
            + &row("r11_t1_pQO_12", ",\"ref_output_risk_score\":[1,2]")
            + &row("x_1", ",\"risk\":\"R11\"");
        std::fs::write(&index, &good).unwrap();
        let manifest = read(folder.path()).unwrap();
        let instances = manifest.instances.to_vec();
        let rows: Vec<_> = instances.iter().map(|row| (row.id.as_str(), row.human_risk.clone())).collect();
        let expected = [("r11_t1_pQO_1#1", vec![Some(2.0)]), ("r11_t1_pQO_1#2", vec![Some(3.0)]), ("r11_t1_pQO_12#1", vec![])];
        assert_eq!(rows, expected, "two scores for one file belong to nobody");

        let bad = row("r11_t1_pQO_1", "")
            + &row("r11_t1_pQO_1", "")
            + &row("r99_1", ",\"risk\":\"R99\"")
            + &row("r11_t1_pQO_3", ",\"ref_output_risk_score\":[9]")
            + "{\n";
        std::fs::write(&index, &bad).unwrap();
        let shown = read(folder.path()).unwrap_err().to_string();
        let lines: Vec<_> = shown.lines().map(|line| line.split_once("jsonl:").unwrap().1).collect();
        assert_eq!(lines.len(), 4, "{shown}");
        for (line, start) in lines.iter().zip([
            "2: the id `r11_t1_pQO_1` is already used in line 1",
            "3: `risk`: `R99`",
            "4: the human risk 9",
            "5: the line is not JSON",
        ]) {
            assert!(line.starts_with(start), "{line}");
        }
    }
}
