//! `summary.json` and `samplers.json`.

use serde::Serialize;

use super::format::{Error, Format, RunView};

pub(super) struct Json;

impl Format for Json {
    fn files(&self, run: &RunView) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let mut files = vec![("summary.json".to_owned(), pretty(run.summary)?)];
        if !run.strategies.is_empty() {
            files.push(("samplers.json".to_owned(), pretty(run.strategies)?));
        }
        Ok(files)
    }
}

fn pretty<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}
