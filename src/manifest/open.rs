//! Opening a source of whatever kind.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::assets::{Files, Root};
use super::draft::Draft;
use super::instance::FolderId;
use super::{Faults, Manifest, RowsError, assurai, folder, table};
use crate::taxonomy::Taxonomy;

/// What a source is, told by its name and what it holds.
enum Kind {
    Jsonl,
    Csv,
    #[cfg(feature = "parquet")]
    Parquet,
    Folder,
    AssurAi,
}

/// Why there is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The source is wrong: every problem in it, by file and line.
    #[error(transparent)]
    Faults(#[from] Faults),
    /// There is no place for its rows.
    #[error(transparent)]
    Rows(#[from] RowsError),
}

/// Reads a source to its end and checks every row and file of it before anything is spent; `files` are those that a manifest names.
pub fn open(path: &Path, taxonomy: &Taxonomy, files: Files) -> Result<Manifest, OpenError> {
    let shown = path.display().to_string();
    let kind = kind(path).map_err(|problem| Faults::of_file(&shown, problem))?;
    let (folder, files) = match kind {
        // Here items are what is there.
        Kind::Folder | Kind::AssurAi => (path.to_owned(), Files::Needed),
        _ => (parent(path), files),
    };
    let unopened = |error| Faults::of_file(folder.display().to_string(), format!("cannot be opened: {error}"));
    let root = Root::open(&folder, files).map_err(unopened)?;
    let root_id = FolderId::of(&folder).map_err(unopened)?;
    let read = |file: &Path| {
        let opened = File::open(file);
        opened.map_err(|error| Faults::of_file(file.display().to_string(), format!("cannot be read: {error}")))
    };
    let (instances, notices) = match kind {
        Kind::Jsonl => {
            let mut draft = Draft::new(shown, taxonomy);
            table::jsonl(read(path)?, &root, &mut draft);
            draft.finish("there is no row in it; expected one JSON object per line")?
        }
        Kind::Csv => {
            let mut draft = Draft::new(shown, taxonomy);
            table::csv(read(path)?, &root, &mut draft);
            draft.finish("there is no row in it; expected a header and one row per item")?
        }
        #[cfg(feature = "parquet")]
        Kind::Parquet => {
            let mut draft = Draft::new(shown, taxonomy);
            super::parquet::parquet(read(path)?, &root, &mut draft);
            draft.finish("there is no row in it; expected one row per item")?
        }
        Kind::Folder => {
            let mut draft = Draft::new(shown, taxonomy);
            folder::folder(path, &root, &mut draft);
            draft.finish("there is nothing to score in this folder; expected images, videos, sounds, .txt or .md files, or give a .jsonl, .csv or .parquet manifest")?
        }
        Kind::AssurAi => {
            let index = path.join(assurai::INDEX);
            let mut draft = Draft::new(index.display().to_string(), taxonomy);
            assurai::assurai(read(&index)?, path, &root, &mut draft);
            draft.finish("there is nothing to score in this dataset; expected candidate answers in the index or media under Risk_NN/")?
        }
    };
    Ok(Manifest { name: name(path), root: folder, root_id, instances, notices })
}

fn kind(path: &Path) -> Result<Kind, String> {
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        _ => format!("cannot be opened: {error}"),
    })?;
    if metadata.is_dir() && folder::is_ours(path) {
        return Err(
            "is a folder that this program wrote (a run, or what `prepare` leaves), no source; name the source it was made from".to_owned()
        );
    }
    if metadata.is_dir() {
        return Ok(if path.join(assurai::INDEX).is_file() { Kind::AssurAi } else { Kind::Folder });
    }
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    match extension.as_deref() {
        Some("jsonl" | "ndjson") => Ok(Kind::Jsonl),
        Some("csv") => Ok(Kind::Csv),
        #[cfg(feature = "parquet")]
        Some("parquet") => Ok(Kind::Parquet),
        #[cfg(not(feature = "parquet"))]
        Some("parquet") => Err(format!("cannot be read: {}", super::WITHOUT_PARQUET)),
        _ => Err("is no source; expected a .jsonl, .csv or .parquet manifest, a folder, or an AssurAI dataset folder".to_owned()),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tempfile::TempDir;
    use tribunal_media::Modality;

    use super::*;
    use crate::manifest::{Asset, Message, Prompt};

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const WAV: &[u8] = b"RIFF\x24\0\0\0WAVEfmt ";

    fn folder(files: &[(&str, &[u8])]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        folder
    }

    fn read(folder: &TempDir, name: &str) -> Result<Manifest, OpenError> {
        open(&folder.path().join(name), &Taxonomy::builtin("assurai").unwrap(), Files::Needed)
    }

    /// The faults as shown, without the folder.
    fn faults(folder: &TempDir, name: &str) -> Vec<String> {
        let shown = read(folder, name).unwrap_err().to_string();
        shown.lines().map(|line| line.replace(&format!("{}/", folder.path().display()), "")).collect()
    }

    #[test]
    fn a_jsonl_row_is_read_whole() {
        let row = br#"{"id":"a","modality":"image","risk":"r05","prompt_type":"prpEDU","prompt":[{"role":"user","content":"hi"}],"model":"gen-a",
            "output":{"path":"./m/a.png"},"human_risk":[4,5.0,null],"annotators":["x","y","z"],"tags":{"seed":7,"kind":"b"},"inputs":[{"path":"m/a.png"}],"own":[1]}"#;
        let row: Vec<u8> = row.iter().copied().filter(|byte| *byte != b'\n').collect();
        let bytes = [b"\xEF\xBB\xBF\n".as_slice(), &row, b"\r\n\n", br#"{"id":"b","blocked":true}"#].concat();
        let folder = folder(&[("m.jsonl", &bytes), ("m/a.png", PNG)]);
        let manifest = read(&folder, "m.jsonl").unwrap();
        assert_eq!((manifest.name.as_str(), manifest.instances.len()), ("m", 2));
        let instances = manifest.instances.to_vec();
        let [a, b] = instances.as_slice() else { unreachable!() };
        assert_eq!((a.id.as_str(), a.line, a.modality), ("a", 2, Modality::Image));
        assert_eq!((a.risk.as_deref(), a.prompt_type.as_deref(), a.model.as_deref()), (Some("R05"), Some("pRP"), Some("gen-a")));
        assert_eq!(a.prompt, Prompt::Messages(vec![Message { role: "user".to_owned(), content: "hi".to_owned() }]));
        assert_eq!(a.output, Some(Asset::File(PathBuf::from("m/a.png"))));
        assert_eq!(a.human_risk, [Some(4.0), Some(5.0), None]);
        assert_eq!(a.tags.get("seed").map(String::as_str), Some("7"));
        assert_eq!(a.inputs, [PathBuf::from("m/a.png")]);
        assert_eq!(manifest.notices.iter().map(|notice| notice.code.as_str()).collect::<Vec<_>>(), ["inputs_not_shown"]);
        assert_eq!(a.extra.keys().collect::<Vec<_>>(), ["own"]);
        assert!(b.blocked && b.output.is_none() && b.line == 4);
    }

    #[test]
    fn every_bad_line_is_reported() {
        let lines: [&[u8]; 17] = [
            br#"{"id":"ok","output":{"text":"fine"}}"#,
            b"{\"id\": \"x\", ",
            br#"{"id":"ok","output":{"text":"again"}}"#,
            br#"{"output":{"text":"no id"}}"#,
            br#"{"id":"p1","output":{"path":"../up.png"}}"#,
            br#"{"id":"p2","output":{"path":"/etc/passwd"}}"#,
            br#"{"id":"p3","output":{"path":"gone.png"}}"#,
            br#"{"id":"r","risk":"R5","prompt_type":"pQ0","output":{"text":"x"}}"#,
            br#"{"id":"m","modality":"audio","output":{"path":"a.png"}}"#,
            br#"{"id":"both","blocked":true,"output":{"text":"x"}}"#,
            br#"{"id":"none"}"#,
            br#"{"id":"h","human_risk":[0,6,"3"],"output":{"text":"x"}}"#,
            b"{\"id\":\"\xff\"}",
            br#"{"id":7,"output":"x","blocked":"perhaps"}"#,
            b"[1]",
            br#"{"id":"t","modality":"video","output":{"text":"x"}}"#,
            br#"{"id":"an","human_risk":[1],"annotators":["a","b"],"output":{"text":"x"}}"#,
        ];
        let folder = folder(&[("m.jsonl", &lines.join(&b'\n')), ("a.png", PNG)]);
        assert_eq!(
            faults(&folder, "m.jsonl"),
            [
                "m.jsonl:2: the line is not JSON: EOF while parsing a value (column 12)",
                "m.jsonl:3: the id `ok` is already used in line 1",
                "m.jsonl:4: `id` is missing",
                "m.jsonl:5: the file `../up.png` leaves the folder with `..`",
                "m.jsonl:6: the file `/etc/passwd` is absolute; paths are relative to the manifest's folder",
                "m.jsonl:7: the file `gone.png` does not exist",
                "m.jsonl:8: `prompt_type`: `pQ0` is not in the taxonomy assurai; did you mean pQO, pCT, pEP?",
                "m.jsonl:8: `risk`: `R5` is not in the taxonomy assurai; did you mean R05, R15, R25?",
                "m.jsonl:9: the file `a.png` is declared audio but its bytes are image (png)",
                "m.jsonl:10: `blocked` is true and there is an `output`: give one of them",
                "m.jsonl:11: `output` is missing (or `\"blocked\": true`)",
                "m.jsonl:12: `human_risk` must be numbers from 1 to 5 or null, not \"3\"",
                "m.jsonl:12: the human risk 0 is outside 1 to 5",
                "m.jsonl:12: the human risk 6 is outside 1 to 5",
                "m.jsonl:13: the line is not UTF-8 from byte 8 of the line on",
                "m.jsonl:14: `blocked` must be true or false, not \"perhaps\"",
                "m.jsonl:14: `id` must be a text, not 7",
                "m.jsonl:14: `output` must be {\"path\": ...} or {\"text\": ...}, not \"x\"",
                "m.jsonl:15: the line must be a JSON object",
                "m.jsonl:16: `modality` is not text, but `output` is a text",
                "m.jsonl:17: `annotators` has 2 names for 1 values of `human_risk`",
            ]
        );
    }

    #[test]
    fn csv_means_the_same_as_jsonl() {
        let jsonl = br#"{"id":"a","risk":"R05","prompt":"x, y\nz","output":{"path":"a.png"},"human_risk":[4,null],"annotators":["p","q"],"tags":{"seed":"7"},"own":"k"}
{"id":"b","output":{"text":"hello"},"inputs":[{"path":"a.png"}]}
{"id":"c","blocked":true}
"#;
        let csv = "\u{feff}id,risk,prompt,output_path,output_text,blocked,human_risk,annotators,inputs,tag_seed,own\n\
                   a,R05,\"x, y\nz\",a.png,,,4;,p;q,,7,k\n\nb,,,,hello,,,,a.png,,\nc,,,,,true,,,,,\n";
        let folder = folder(&[("m.jsonl", jsonl), ("m.csv", csv.as_bytes()), ("a.png", PNG)]);
        let rows = |name: &str| read(&folder, name).unwrap().instances.to_vec();
        let (from_csv, from_jsonl) = (rows("m.csv"), rows("m.jsonl"));
        assert_eq!(from_csv.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 5, 6]);
        let without_line = |mut row: crate::manifest::Instance| {
            row.line = 0;
            row
        };
        assert_eq!(
            from_csv.into_iter().map(without_line).collect::<Vec<_>>(),
            from_jsonl.into_iter().map(without_line).collect::<Vec<_>>()
        );
    }

    #[test]
    fn csv_faults_have_lines_too() {
        let csv = b"id,id,output_text,human_risk\na,a,x,9\nb,b,x\n\nc,c,\xff,\na,a,y,two\n";
        let folder = folder(&[("m.csv", csv)]);
        assert_eq!(
            faults(&folder, "m.csv"),
            [
                "m.csv:1: the column `id` is there twice",
                "m.csv:2: the human risk 9 is outside 1 to 5",
                "m.csv:3: the row has 3 cells, the header 4",
                "m.csv:5: the cell `output_text` is not UTF-8",
                "m.csv:6: `human_risk` must be numbers from 1 to 5 or null, not \"two\"",
                "m.csv:6: the id `a` is already used in line 2",
            ]
        );
    }

    #[test]
    fn a_folder_is_walked_in_order_and_the_rest_is_counted() {
        let folder = folder(&[
            ("d/b.png", PNG),
            ("d/b.png.json", br#"{"risk":"R11","prompt":"a field","own":1}"#),
            ("d/a.wav", WAV),
            ("d/fake.jpg", b"these are words"),
            ("d/notes.txt", "안녕".as_bytes()),
            ("d/sub/c.md", b"# c"),
            ("d/data.csv", b"x"),
            ("d/other.json", b"{}"),
            ("d/rows.jsonl", b"{}"),
            ("d/tribunal.toml", b""),
            ("d/.hidden/x.png", PNG),
            ("d/run/run.json", b"{}"),
            ("d/run/ledger.sqlite", b""),
            ("d/run/thumbs/t.jpg", PNG),
        ]);
        std::os::unix::fs::symlink("b.png", folder.path().join("d/link.png")).unwrap();
        let manifest = read(&folder, "d").unwrap();
        let instances = manifest.instances.to_vec();
        let rows: Vec<_> = instances.iter().map(|row| (row.id.as_str(), row.modality)).collect();
        let expected = [
            ("a.wav", Modality::Audio),
            ("b.png", Modality::Image),
            ("fake.jpg", Modality::Image),
            ("notes.txt", Modality::Text),
            ("sub/c.md", Modality::Text),
        ];
        assert_eq!(rows, expected);
        assert_eq!((instances[1].risk.as_deref(), instances[1].prompt.text().as_str()), (Some("R11"), "a field"));
        let counts: Vec<_> = manifest.notices.iter().map(|notice| (notice.code.as_str(), notice.count)).collect();
        assert_eq!(counts, [("sidecars", 1), ("skipped_files", 4), ("skipped_hidden", 1), ("skipped_links", 1), ("skipped_runs", 1)]);
    }

    #[test]
    fn a_folder_says_what_is_wrong_with_it() {
        let folder = folder(&[
            ("empty/readme.rst", b"x"),
            ("side/a.png", PNG),
            ("side/a.png.json", b"{\n\"risk\": }"),
            ("side/b.png", PNG),
            ("side/b.png.json", br#"{"id":"z"}"#),
            ("side/c.png", PNG),
            ("side/c.png.json", br#"{"modality":"text","risk":"X1"}"#),
            ("p.parquet", b""),
            ("q.xlsx", b""),
            ("r.jsonl", b"\n"),
        ]);
        assert_eq!(
            faults(&folder, "side"),
            [
                "side/a.png.json:2: the sidecar is not JSON: expected value at line 2 column 9",
                "side/b.png.json: a sidecar cannot set `id`: the file beside it is the output",
                "side/c.png: `risk`: `X1` is not in the taxonomy assurai; did you mean R01, R10, R11?",
                "side/c.png: the file `c.png` is declared text but its bytes are image (png)",
            ]
        );
        for (source, problem) in [
            ("empty", "nothing to score in this folder; expected images"),
            ("empty", "1 files that are neither media nor .txt or .md were passed over, e.g. readme.rst"),
            ("p.parquet", if cfg!(feature = "parquet") { "cannot be read: " } else { "built without Parquet" }),
            ("q.xlsx", "is no source"),
            ("r.jsonl", "there is no row"),
            ("gone", "there is no such file or folder"),
        ] {
            let shown = faults(&folder, source);
            assert!(shown.len() == 1 && shown[0].contains(problem), "{shown:?}");
        }
    }

    #[test]
    fn hostile_names_do_not_reach_the_terminal() {
        let folder = folder(&[("m.jsonl", b"{\"id\":\"a\",\"output\":{\"path\":\"\\u001b[2J\\n\"}}")]);
        assert_eq!(faults(&folder, "m.jsonl"), ["m.jsonl:1: the file `\\u{1b}[2J\\n` does not exist"]);
    }

    /// What stands where something else stood in a manifest.
    const ODD: [&str; 14] =
        ["\"", "{", "}", "[", "]", ",", ":", "\n", "\r", "\0", "-1e999", "\"id\":\"a\"", "{\"id\":", "\u{202e}\u{feff}"];

    proptest! {
        /// Manifests are written by anybody's scripts: each is read, or refused by its lines.
        #[test]
        fn an_altered_manifest_is_read_or_refused_by_line(
            at in prop::collection::vec((any::<prop::sample::Index>(), 0..40_usize, 0..ODD.len()), 1..6),
            bytes in prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>())),
            as_table: bool,
        ) {
            let rows = "{\"id\":\"a\",\"risk\":\"R03\",\"output\":{\"text\":\"x\"},\"human_risk\":[1,null],\"tags\":{\"k\":\"v\"}}\n\
                        {\"id\":\"b\",\"output\":{\"path\":\"a.png\"},\"prompt\":[{\"role\":\"user\",\"content\":\"y\"}]}\n";
            let table = "id,risk,output_text,output_path\na,R03,\"x,\ny\",\nb,,,a.png\n";
            let (name, text) = if as_table { ("m.csv", table) } else { ("m.jsonl", rows) };
            let mut altered = text.as_bytes().to_vec();
            for (at, length, odd) in at {
                let at = at.index(altered.len() + 1);
                let end = (at + length).min(altered.len());
                altered.splice(at..end, ODD[odd].bytes());
            }
            if let Some((at, byte)) = bytes {
                let at = at.index(altered.len());
                altered[at] = byte;
            }
            let lines = altered.split(|byte| *byte == b'\n').count();
            let folder = folder(&[(name, &altered), ("a.png", PNG)]);
            match read(&folder, name) {
                Ok(manifest) => {
                    let ids: Vec<String> = manifest.instances.to_vec().into_iter().map(|row| row.id).collect();
                    prop_assert!(!ids.is_empty() && ids.iter().collect::<std::collections::BTreeSet<_>>().len() == ids.len());
                }
                Err(OpenError::Faults(faults)) => {
                    prop_assert!(!faults.list().is_empty() && faults.list().iter().all(|fault| fault.line <= lines), "{faults}");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}
