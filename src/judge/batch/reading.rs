//! What must be kept of a request to read its reply days later, without its media.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tribunal_media::{Digest, Modality, PartHeader};

use crate::judge::dialect::Dialect;
use crate::judge::{ReplyFormat, Task, Work};
use crate::prepare::{Part, Payload};
use crate::rubric::{Prompt, Shape};

/// Everything that decides how a reply is read: what it must look like, what it must echo, what it may point at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    dimensions: Vec<String>,
    evidence: bool,
    nonce: String,
    #[serde(default)]
    receipt: Option<String>,
    risk: Option<String>,
    modality: Modality,
    /// What was shown, for the span of the evidence and for receipts.
    parts: Vec<PartHeader>,
    /// How the shape of the reply was asked for.
    pub(super) format: Option<ReplyFormat>,
    /// What the server was taken to accept.
    pub(super) dialect: Dialect,
}

impl Reading {
    pub(super) fn of(work: &Work, format: Option<ReplyFormat>, dialect: Dialect) -> Self {
        let Work { task: _, prompt: _, shape, nonce, payload, receipt, risk, modality } = work;
        let Shape { dimensions, evidence, receipt: _ } = shape;
        Self {
            dimensions: dimensions.clone(),
            evidence: *evidence,
            nonce: nonce.clone(),
            receipt: receipt.clone(),
            risk: risk.clone(),
            modality: *modality,
            parts: payload.parts.iter().map(|part| part.header.clone()).collect(),
            format,
            dialect,
        }
    }

    /// The work without its words and its bytes, which no reply is read by.
    pub(super) fn work(&self, task: &Task) -> Work {
        let parts = self.parts.iter().map(|header| Part::new(header.clone(), Vec::new())).collect();
        Work {
            task: task.clone(),
            prompt: Prompt { system: String::new(), before: String::new(), labels: Vec::new(), after: String::new() },
            shape: Shape { dimensions: self.dimensions.clone(), evidence: self.evidence, receipt: self.receipt.is_some() },
            nonce: self.nonce.clone(),
            payload: Arc::new(Payload { parts_id: Digest::of(b""), parts }),
            receipt: self.receipt.clone(),
            risk: self.risk.clone(),
            modality: self.modality,
        }
    }
}
