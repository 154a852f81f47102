//! The billing oracle: a line for every request, out before its reply.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::media::Media;

/// What is known of one request.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Line {
    /// 1, 2, ... in the order in which requests came in; 0 for those that ask for no verdict and are not counted.
    pub(crate) n: u64,
    /// Since the mock started; when the request's first byte was seen.
    pub(crate) t_ms: u64,
    /// By the path.
    pub(crate) dialect: Option<&'static str>,
    /// Without the query.
    pub(crate) path: String,
    /// Of the whole body; none when it was never read.
    pub(crate) body_sha256: Option<String>,
    /// Names of the body's fields, in order.
    pub(crate) params: Vec<String>,
    /// As found in the instructions.
    pub(crate) nonce: Option<String>,
    /// Of everything that the judge was told in words.
    pub(crate) text_sha256: Option<String>,
    /// In order.
    pub(crate) media: Vec<Media>,
    /// What is sent; none when no status is.
    pub(crate) status: Option<u16>,
    /// The fault that struck.
    pub(crate) fault: Option<&'static str>,
    /// Whether it costs something.
    pub(crate) billed: bool,
    /// Billed.
    pub(crate) input_tokens: u64,
    /// Billed.
    pub(crate) output_tokens: u64,
    /// Billed.
    pub(crate) cost_micro_usd: u64,
    /// Whether it came before a promised `Retry-After` had passed.
    pub(crate) early: bool,
    /// If so: age of the promise when it came. A few ms mean that it was under way already.
    pub(crate) gate_age_ms: Option<u64>,
    /// Of an item of a batch: the batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) batch: Option<String>,
    /// Of an item of a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) custom_id: Option<String>,
}

/// The sums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Bill {
    /// Lines, billed or not.
    pub(crate) requests: u64,
    /// Billed ones.
    pub(crate) billed: u64,
    /// Billed.
    pub(crate) input_tokens: u64,
    /// Billed.
    pub(crate) output_tokens: u64,
    /// Billed.
    pub(crate) cost_micro_usd: u64,
}

/// Lines so far, in memory and on disk.
#[derive(Debug)]
pub(crate) struct Ledger {
    file: Option<File>,
    lines: Vec<String>,
    bill: Bill,
}

impl Ledger {
    /// Appends to `path`, which a mock before this one may have begun.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, String> {
        let open =
            |path: &Path| File::options().create(true).append(true).open(path).map_err(|error| format!("{}: {error}", path.display()));
        Ok(Self { file: path.map(open).transpose()?, lines: Vec::new(), bill: Bill::default() })
    }

    /// One line. An oracle that cannot write must not go on serving.
    pub(crate) fn append(&mut self, line: &Line) {
        let text = serde_json::to_string(line).unwrap_or_default();
        if let Some(file) = &mut self.file
            && let Err(error) = file.write_all(format!("{text}\n").as_bytes())
        {
            let _ = writeln!(std::io::stderr(), "mock-judge: the ledger cannot be written: {error}");
            std::process::exit(2);
        }
        self.bill.requests += 1;
        self.bill.billed += u64::from(line.billed);
        self.bill.input_tokens += line.input_tokens;
        self.bill.output_tokens += line.output_tokens;
        self.bill.cost_micro_usd += line.cost_micro_usd;
        self.lines.push(text);
    }

    /// A JSON array of all lines of this process.
    pub(crate) fn calls(&self) -> String {
        format!("[{}]", self.lines.join(","))
    }

    /// Of this process.
    pub(crate) const fn bill(&self) -> Bill {
        self.bill
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_on_disk_at_once_and_sums_add_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bill.jsonl");
        let mut ledger = Ledger::open(Some(&path)).unwrap();
        for n in 1..=3 {
            ledger.append(&Line { n, billed: n != 2, input_tokens: if n == 2 { 0 } else { 10 }, cost_micro_usd: n, ..Line::default() });
            assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count() as u64, n);
        }
        assert_eq!(ledger.bill(), Bill { requests: 3, billed: 2, input_tokens: 20, output_tokens: 0, cost_micro_usd: 6 });
        let calls: serde_json::Value = serde_json::from_str(&ledger.calls()).unwrap();
        assert_eq!(calls[2]["n"], 3);
        assert!(Ledger::open(Some(&folder.path().join("no/such"))).is_err());
    }
}
