//! What a task is asked: its requests, in whatever its server accepts by then.

use std::borrow::Cow;
use std::sync::Arc;

use tribunal_media::Digest;

use super::dialect::Dialect;
use super::request::{Request, verdict_id};
use super::wire::{Correction, Draft};
use super::{Judge, Why, Work, receipt};

/// Work as it is asked: with its canary, and the first attempt in the dialect that the settings alone decide, which gives the verdict its id.
#[derive(Debug)]
pub(super) struct Asked<'w> {
    pub(super) work: Cow<'w, Work>,
    pub(super) first: Request,
    pub(super) id: Digest,
}

/// The error is work that cannot be sent.
pub(super) fn first_request(judge: &Judge, work: &Work) -> Result<Request, Why> {
    let request = build(judge, work, Dialect::default(), None, 0)?;
    judge.check_size(&request, work)?;
    Ok(request)
}

impl Judge {
    /// The work as it is asked, and the id of its verdict. The error is work that cannot be sent.
    pub(super) fn asked<'w>(&self, work: &'w Work) -> Result<Asked<'w>, Why> {
        let work = receipt::plant(self.settings.receipt, work)?;
        let first = first_request(self, &work)?;
        let id = verdict_id(&first.body.recorded, &self.opened.endpoint, work.task.repeat);
        Ok(Asked { work, first, id })
    }
}

/// A request for `work`, the `turn`-th of its task in this process from 0.
pub(super) fn build(judge: &Judge, work: &Work, dialect: Dialect, correction: Option<&Correction>, turn: usize) -> Result<Request, Why> {
    let wire = &judge.opened.wire;
    let body = wire.body(&Draft { settings: &judge.settings, model: &judge.opened.model, work, dialect, correction })?;
    Ok(Request {
        task: work.task.clone(),
        nonce: work.nonce.clone(),
        turn,
        again: 0,
        digest: Digest::of(body.recorded.as_bytes()),
        max_tokens: dialect.max_tokens(judge.settings.first_max_tokens()),
        format: (!wire.ladder().is_empty()).then_some(dialect.format),
        body,
        payload: Arc::clone(&work.payload),
    })
}
