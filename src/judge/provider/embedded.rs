//! The embedded triage: Open-NSFW, run here by `rten` on the tensors that the worker made.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use rten::Model;
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, NdTensorView};
use tribunal_media::Encoding;

use super::seam::{Opened, Provider, Reply};
use crate::judge::Settings;
use crate::judge::request::Request;
use crate::judge::retry::{Class, Fault};
use crate::judge::wire::{FrameScore, Scores, TRIAGE_MODEL, TRIAGE_SHA256, TriageWire, moment, triage_fingerprint};
use crate::prepare::{Part, Payload, sha256};

/// Pixels along each edge of the model's input.
const EDGE: usize = 224;
/// Mean of the training pictures, in BGR order (the model's own preprocessing).
const MEAN_BGR: [f32; 3] = [104.0, 117.0, 123.0];

struct Embedded {
    model: Arc<Model>,
}

/// Loads the model and checks that it is the one whose behaviour is known.
pub(super) fn open(settings: &Settings) -> Result<Opened, String> {
    let path = settings.path.as_deref().ok_or("path is missing: name the file open-nsfw.onnx; `make model` fetches it")?;
    let bytes = std::fs::read(path).map_err(|error| missing(path, &error))?;
    let sha256 = sha256(&bytes);
    if sha256 != TRIAGE_SHA256 {
        let known = TRIAGE_SHA256;
        return Err(format!("{} is another file (sha256 {sha256}, expected {known}); `make model` fetches the right one", path.display()));
    }
    let model = Model::load(bytes).map_err(|error| format!("cannot load {}: {error}", path.display()))?;
    Ok(Opened {
        provider: Box::new(Embedded { model: Arc::new(model) }),
        endpoint: "embedded:open-nsfw".to_owned(),
        account: None,
        model: TRIAGE_MODEL.to_owned(),
        fingerprint: triage_fingerprint(),
        wire: Box::new(TriageWire),
        authored: false,
        remote: false,
        live: false,
        lessons: Vec::new(),
        receipt: settings.receipt,
    })
}

fn missing(path: &Path, error: &std::io::Error) -> String {
    format!("cannot read the model {}: {error}; `make model` fetches it", path.display())
}

impl Provider for Embedded {
    fn exchange<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Reply, Fault>> {
        let (model, payload) = (Arc::clone(&self.model), Arc::clone(&request.payload));
        Box::pin(async move {
            let scores = tokio::task::spawn_blocking(move || classify(&model, &payload));
            scores.await.unwrap_or_else(|error| Err(failed(format!("the classifier stopped: {error}"))))
        })
    }
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Embedded")
    }
}

/// One run per frame: a batch would be no faster here and would need memory for all frames at once.
fn classify(model: &Model, payload: &Payload) -> Result<Reply, Fault> {
    let score = |part: &Part| Ok(FrameScore { t: moment(part), p: probability(model, part)? });
    let frames = payload.parts.iter().map(score).collect::<Result<Vec<_>, String>>().map_err(failed)?;
    let body = serde_json::to_string(&Scores { frames }).map_err(|error| failed(error.to_string()))?;
    Ok(Reply { status: 200, headers: BTreeMap::new(), body })
}

fn failed(message: String) -> Fault {
    Fault::new(Class::BadItem, "triage_failed", message)
}

/// The probability of "not safe for work". The training pipeline's JPEG round trip is left out: it moves scores by a few
/// percent, and the tensor has no better source than the decoded frame.
fn probability(model: &Model, part: &Part) -> Result<f64, String> {
    if part.header.encoding != Encoding::Rgb8 || part.bytes.len() != EDGE * EDGE * 3 {
        return Err(format!("expected {EDGE} x {EDGE} RGB8, got {} bytes of {:?}", part.bytes.len(), part.header.encoding));
    }
    let input = NdTensor::from_data([1, EDGE, EDGE, 3], bgr_minus_mean(&part.bytes));
    let output = model.run_one(input.into(), None).map_err(|error| error.to_string())?;
    let output: NdTensor<f32, 2> = output.try_into().map_err(|error| format!("unexpected output: {error:?}"))?;
    let output: NdTensorView<f32, 2> = output.view();
    let p = output.get([0, 1]).copied().map(f64::from).filter(|p| (0.0..=1.0).contains(p));
    p.ok_or_else(|| "the model gave no probability".to_owned())
}

fn bgr_minus_mean(rgb: &[u8]) -> Vec<f32> {
    let [b, g, r] = MEAN_BGR;
    rgb.chunks_exact(3).flat_map(|pixel| [f32::from(pixel[2]) - b, f32::from(pixel[1]) - g, f32::from(pixel[0]) - r]).collect()
}
