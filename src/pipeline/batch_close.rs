//! One result of a batch, from a file or from a server, to the end of its attempt and of every task that shares it.

use std::collections::BTreeMap;

use crate::judge::{BatchReply, JournalError, Judge, OutcomeName, Reading, ResultLine, Terms};
use crate::ledger::{Ledger, OpenRequest};

/// What results are closed with.
pub(super) struct Closing<'a> {
    pub(super) ledger: &'a Ledger,
    /// By the batch's number.
    pub(super) judges: &'a BTreeMap<i64, &'a Judge>,
    /// What the batches were packed under; of one that is not among them it is what its judge's terms are.
    pub(super) terms: &'a BTreeMap<i64, Terms>,
    /// Whether faulty replies are asked for again.
    pub(super) reasks: bool,
}

/// What one result came to.
pub(super) struct Taken {
    /// Tasks that ended.
    pub(super) ended: Vec<OutcomeName>,
    /// Whether the task stays pending.
    pub(super) again: bool,
    /// Whether that is because it was put off unexecuted.
    pub(super) put_off: bool,
    /// Why nothing more is to be asked, if so.
    pub(super) stop: Option<String>,
}

impl Closing<'_> {
    pub(super) async fn close(&self, request: &OpenRequest, reply: &BatchReply) -> Result<Taken, JournalError> {
        let judge = self.judges.get(&request.batch).ok_or_else(|| JournalError(format!("batch {} is not known", request.batch)))?;
        let reading: Reading =
            serde_json::from_str(&request.reading).map_err(|error| JournalError(format!("how a reply is read: {error}")))?;
        let sent = if reply.may_quote() { Some(self.ledger.recorded_body(request.reservation).await?) } else { None };
        let unquoted = sent.as_ref().map(|sent| reply.clone().of(sent));
        let reply = unquoted.as_ref().unwrap_or(reply);
        let line = ResultLine { reading: &reading, task: &request.task, past: &request.past, reply, sent: sent.as_deref() };
        let closed = judge.read_result(line, self.terms.get(&request.batch).unwrap_or(judge.terms()), self.reasks);
        let ended = self.ledger.close_request(request, closed.end, closed.outcome.as_ref()).await?;
        Ok(Taken { ended, again: closed.outcome.is_none(), put_off: closed.put_off, stop: closed.stop })
    }
}
