//! Opening a source of whatever kind.

use std::path::{Path, PathBuf};

use super::assets::Root;
use super::draft::Draft;
use super::{Faults, Manifest, assurai, folder, table};
use crate::taxonomy::Taxonomy;

/// What a source is, told by its name and what it holds.
enum Kind {
    Jsonl,
    Csv,
    Folder,
    AssurAi,
}

/// Reads a source whole and checks every row and file of it before anything is spent.
///
/// # Errors
/// Every problem in it, by file and line.
pub fn open(path: &Path, taxonomy: &Taxonomy) -> Result<Manifest, Faults> {
    let shown = path.display().to_string();
    let kind = kind(path).map_err(|problem| Faults::of_file(&shown, problem))?;
    let folder = match kind {
        Kind::Folder | Kind::AssurAi => path.to_owned(),
        Kind::Jsonl | Kind::Csv => parent(path),
    };
    let root = Root::open(&folder).map_err(|error| Faults::of_file(folder.display().to_string(), format!("cannot be opened: {error}")))?;
    let read = |file: &Path| {
        let bytes = std::fs::read(file);
        bytes.map_err(|error| Faults::of_file(file.display().to_string(), format!("cannot be read: {error}")))
    };
    let (instances, notices) = match kind {
        Kind::Jsonl => {
            let mut draft = Draft::new(shown, taxonomy);
            table::jsonl(&read(path)?, &root, &mut draft);
            draft.finish("there is no row in it; expected one JSON object per line")?
        }
        Kind::Csv => {
            let mut draft = Draft::new(shown, taxonomy);
            table::csv(&read(path)?, &root, &mut draft);
            draft.finish("there is no row in it; expected a header and one row per item")?
        }
        Kind::Folder => {
            let mut draft = Draft::new(shown, taxonomy);
            folder::folder(path, &root, &mut draft);
            draft.finish("there is nothing to score in this folder; expected images, videos, sounds, .txt or .md files, or give a .jsonl or .csv manifest")?
        }
        Kind::AssurAi => {
            let index = path.join(assurai::INDEX);
            let mut draft = Draft::new(index.display().to_string(), taxonomy);
            assurai::assurai(&read(&index)?, path, &root, &mut draft);
            draft.finish("there is nothing to score in this dataset; expected candidate answers in the index or media under Risk_NN/")?
        }
    };
    Ok(Manifest { name: name(path), root: folder, instances, notices })
}

fn kind(path: &Path) -> Result<Kind, String> {
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        _ => format!("cannot be opened: {error}"),
    })?;
    if metadata.is_dir() {
        return Ok(if path.join(assurai::INDEX).is_file() { Kind::AssurAi } else { Kind::Folder });
    }
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    match extension.as_deref() {
        Some("jsonl" | "ndjson") => Ok(Kind::Jsonl),
        Some("csv") => Ok(Kind::Csv),
        Some("parquet") => Err("reading parquet is not built in; give the same rows as .jsonl or .csv".to_owned()),
        _ => Err("is no source; expected a .jsonl or .csv manifest, a folder, or an AssurAI dataset folder".to_owned()),
    }
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The file's stem or the folder's own name, also when it was given as `.` or `..`.
fn name(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = if path.is_dir() { whole.file_name() } else { path.file_stem() };
    name.map_or_else(|| "source".to_owned(), |name| name.to_string_lossy().into_owned())
}
