//! `summary.json` and `samplers.json`.

use serde::Serialize;

use super::format::{Error, Folder, Format, RunView};

pub(super) struct Json;

impl Format for Json {
    fn write(&self, run: &RunView, out: &mut Folder) -> Result<(), Error> {
        out.put("summary.json", &pretty(run.summary)?)?;
        if run.strategies.is_empty() { Ok(()) } else { out.put("samplers.json", &pretty(run.strategies)?) }
    }
}

fn pretty<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}
