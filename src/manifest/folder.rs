//! A folder of outputs: every medium and text in it is an item.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use walkdir::{DirEntry, WalkDir};

use super::assets::{Root, extension_modality};
use super::draft::Draft;
use super::row::instance;

/// Longest sidecar that is read, in bytes.
const SIDECAR_MAX: u64 = 1 << 20;

/// Adds every medium beneath `folder`, in sorted order; what is passed over is counted.
pub(super) fn folder(folder: &Path, root: &Root, draft: &mut Draft) {
    let mut walk = WalkDir::new(folder).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if error.depth() > 0 => {
                let path = error.path().unwrap_or(folder).display().to_string();
                draft.notice("skipped_unreadable", "folders that cannot be read were passed over", path);
                continue;
            }
            Err(error) => {
                let path = error.path().unwrap_or(folder).display().to_string();
                let reason = error.io_error().map_or_else(|| "cannot be walked".to_owned(), |error| format!("cannot be read: {error}"));
                draft.fault_in(path, 0, reason);
                continue;
            }
        };
        let path = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        if path.as_os_str().is_empty() {
            continue;
        }
        if let Some((code, what)) = passed_over(&entry) {
            draft.notice(code, what, path.display().to_string());
            if entry.file_type().is_dir() {
                walk.skip_current_dir();
            }
        } else if entry.file_type().is_file() {
            file(folder, path, root, draft);
        }
    }
}

/// Why an entry is no item, if it is none: code and words.
fn passed_over(entry: &DirEntry) -> Option<(&'static str, &'static str)> {
    let kind = entry.file_type();
    let name = entry.file_name().as_encoded_bytes();
    if kind.is_symlink() {
        Some(("skipped_links", "symbolic links were not followed"))
    } else if name.starts_with(b".") {
        Some(("skipped_hidden", "files or folders beginning with a dot were passed over"))
    } else if entry.file_name().to_str().is_none_or(|name| name.chars().any(char::is_control)) {
        Some(("skipped_names", "names that cannot be ids (not UTF-8, or with control characters) were passed over"))
    } else if kind.is_dir() {
        // Scoring `.` puts its run beneath `.`; the thumbnails and parts there are no outputs of anybody.
        is_ours(entry.path()).then_some(("skipped_runs", "folders of earlier runs or of `prepare` were passed over"))
    } else if !kind.is_file() {
        Some(("skipped_special", "entries that are no regular files were passed over"))
    } else if is_sidecar(entry.path()) {
        Some(("sidecars", "sidecar files gave fields to the file beside them"))
    } else if extension_modality(entry.path()).is_none() {
        Some(("skipped_files", "files that are neither media nor .txt or .md were passed over"))
    } else {
        None
    }
}

/// Whether this program wrote the folder: a run, or what `prepare` leaves.
pub(super) fn is_ours(folder: &Path) -> bool {
    let holds = |file: &str| folder.join(file).is_file();
    holds("run.json") && holds("ledger.sqlite") || holds("parts.jsonl") && folder.join("parts").is_dir()
}

/// Whether this is `<file>.json` beside a `<file>` that is an item.
fn is_sidecar(path: &Path) -> bool {
    let beside = path.with_extension("");
    path.extension().is_some_and(|extension| extension == "json") && extension_modality(&beside).is_some() && beside.is_file()
}

fn file(folder: &Path, path: &Path, root: &Root, draft: &mut Draft) {
    let here = folder.join(path).display().to_string();
    let Some(name) = path.to_str() else {
        return draft.fault_in(here, 0, "the file's name is not UTF-8, so it cannot be an id");
    };
    let mut side = path.as_os_str().to_owned();
    side.push(".json");
    let side = PathBuf::from(side);
    let mut object = if folder.join(&side).is_file() {
        let file = folder.join(&side).display().to_string();
        match sidecar(&side, root) {
            Ok(object) => object,
            Err((line, problem)) => return draft.fault_in(file, line, problem),
        }
    } else {
        Map::new()
    };
    object.insert("id".to_owned(), name.into());
    object.insert("output".to_owned(), json!({ "path": name }));
    match instance(object, 0, root, draft) {
        Ok(instance) => draft.add(&instance),
        Err(problems) => problems.into_iter().for_each(|problem| draft.fault_in(here.clone(), 0, problem)),
    }
}

/// The fields that a sidecar adds; what the file itself says cannot be said otherwise.
fn sidecar(path: &Path, root: &Root) -> Result<Map<String, Value>, (usize, String)> {
    let bytes = root.read(path, SIDECAR_MAX).map_err(|problem| (0, format!("the sidecar {problem}")))?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| (error.line(), format!("the sidecar is not JSON: {error}")))?;
    let Value::Object(object) = value else {
        return Err((1, "the sidecar must be a JSON object".to_owned()));
    };
    let own = ["id", "output", "blocked"].into_iter().find(|name| object.contains_key(*name));
    match own {
        Some(name) => Err((0, format!("a sidecar cannot set `{name}`: the file beside it is the output"))),
        None => Ok(object),
    }
}
