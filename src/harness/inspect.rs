//! A folder for the Inspect framework, which then acts as the runner of the judge: `dataset.jsonl`, `media/`, `task.py`.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use serde_json::{Value, json};

use super::sample::{Error, Exported, Sample, SamplePart};

const TASK: &str = include_str!("inspect_task.py");

/// Writes the folder. Media are stored once each, by digest; the dataset names them relative to itself. The first sample that is an error ends it.
pub fn export<E: From<Error>>(out: &Path, samples: impl Iterator<Item = Result<Sample, E>>) -> Result<Exported, E> {
    let media = out.join("media");
    fs::create_dir_all(&media).map_err(Error::at(&media))?;
    let dataset = out.join("dataset.jsonl");
    let mut lines = BufWriter::new(fs::File::create(&dataset).map_err(Error::at(&dataset))?);
    let (mut count, mut stored) = (0, BTreeSet::new());
    for sample in samples {
        let line = line(&sample?, &media, &mut stored)?;
        writeln!(lines, "{line}").map_err(Error::at(&dataset))?;
        count += 1;
    }
    lines.flush().map_err(Error::at(&dataset))?;
    let task = out.join("task.py");
    fs::write(&task, TASK).map_err(Error::at(&task))?;
    Ok(Exported { samples: count, media: stored.len(), task })
}

fn line(sample: &Sample, media: &Path, stored: &mut BTreeSet<String>) -> Result<String, Error> {
    let mut content = vec![text(&sample.before)];
    for part in &sample.parts {
        content.push(text(&part.label));
        content.push(evidence(&sample.id, part, media, stored)?);
    }
    content.push(text(&sample.after));
    let mut metadata = sample.metadata.clone();
    metadata.insert("nonce".to_owned(), json!(sample.nonce));
    let row = json!({
        "id": sample.id,
        "input": [{"role": "system", "content": sample.system}, {"role": "user", "content": content}],
        "target": sample.target,
        "metadata": metadata,
    });
    Ok(serde_json::to_string(&row)?)
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn evidence(id: &str, part: &SamplePart, media: &Path, stored: &mut BTreeSet<String>) -> Result<Value, Error> {
    let extension = match part.mime.as_str() {
        "text/plain" => return Ok(text(&String::from_utf8_lossy(&part.bytes))),
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "audio/wav" => "wav",
        mime => return Err(Error::Part { id: id.to_owned(), mime: mime.to_owned() }),
    };
    let name = format!("{}.{extension}", part.sha256);
    if stored.insert(name.clone()) {
        let path = media.join(&name);
        fs::write(&path, &part.bytes).map_err(Error::at(&path))?;
    }
    let path = format!("media/{name}");
    Ok(match extension {
        "wav" => json!({"type": "audio", "audio": path, "format": "wav"}),
        _ => json!({"type": "image", "image": path}),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn part(mime: &str, digest: &str) -> SamplePart {
        SamplePart { mime: mime.into(), sha256: digest.repeat(32), bytes: "bytes".into(), label: "part 1".into() }
    }

    fn sample(parts: Vec<SamplePart>) -> Sample {
        let metadata = BTreeMap::from([("risk".to_owned(), json!("R05"))]);
        let text = |text: &str| text.to_owned();
        let nonce = text("00ff00ff00ff00ff");
        Sample { id: text("a"), system: text("S"), before: text("B"), parts, after: text("A"), nonce, target: String::new(), metadata }
    }

    #[test]
    fn parts_keep_their_order_and_media_are_stored_once() {
        let out = tempfile::tempdir().unwrap();
        let parts = vec![part("image/jpeg", "aa"), part("image/jpeg", "aa"), part("audio/wav", "bb"), part("text/plain", "cc")];
        let done = export::<Error>(out.path(), std::iter::once(Ok(sample(parts)))).unwrap();
        assert_eq!((done.samples, done.media), (1, 2));
        let row: Value = serde_json::from_str(&fs::read_to_string(out.path().join("dataset.jsonl")).unwrap()).unwrap();
        let content = row["input"][1]["content"].as_array().unwrap();
        let kinds: Vec<_> = content.iter().map(|part| part["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["text", "text", "image", "text", "image", "text", "audio", "text", "text", "text"]);
        assert!(out.path().join(content[2]["image"].as_str().unwrap()).is_file());
        assert_eq!((&row["metadata"]["nonce"], &content[8]["text"]), (&json!("00ff00ff00ff00ff"), &json!("bytes")));
    }

    #[test]
    fn a_part_without_a_place_is_an_error() {
        let out = tempfile::tempdir().unwrap();
        let refused = export::<Error>(out.path(), std::iter::once(Ok(sample(vec![part("video/mp4", "aa")]))));
        assert!(matches!(refused, Err(Error::Part { .. })));
    }
}
