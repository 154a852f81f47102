//! The results of a batch on their way down, line by line.

use super::http::fault;
use super::redact::Redactor;
use crate::judge::retry::Fault;

/// A line of results that is longer holds no verdict.
const MAX_LINE: usize = 4 << 20;

/// Lines as they come; no more than one is held.
pub(in crate::judge) struct Lines<'a> {
    response: reqwest::Response,
    redactor: &'a Redactor,
    buffer: Vec<u8>,
    /// The start of what is not yet given out.
    at: usize,
    /// Whether the rest of an overlong line is being passed over.
    overlong: bool,
    ended: bool,
}

impl<'a> Lines<'a> {
    /// The lines of a reply's body.
    pub(super) fn new(response: reqwest::Response, redactor: &'a Redactor) -> Self {
        Self { response, redactor, buffer: Vec::new(), at: 0, overlong: false, ended: false }
    }

    /// The next line, without its end. Overlong ones are passed over.
    pub(in crate::judge) async fn next(&mut self) -> Result<Option<String>, Fault> {
        loop {
            if let Some(end) = self.buffer[self.at..].iter().position(|&byte| byte == b'\n') {
                let line = self.text(self.at + end);
                self.at += end + 1;
                if !std::mem::take(&mut self.overlong) && end <= MAX_LINE {
                    return Ok(Some(line));
                }
                continue;
            }
            if self.ended {
                let rest = self.text(self.buffer.len());
                self.buffer.clear();
                self.at = 0;
                return Ok(Some(rest).filter(|rest| !rest.is_empty() && !self.overlong));
            }
            self.buffer.drain(..self.at);
            self.at = 0;
            if self.buffer.len() > MAX_LINE {
                self.buffer.clear();
                self.overlong = true;
            }
            match self.response.chunk().await.map_err(|error| fault(self.redactor, &error, true))? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => self.ended = true,
            }
        }
    }

    fn text(&self, end: usize) -> String {
        self.redactor.clean(String::from_utf8_lossy(&self.buffer[self.at..end]).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::file_body::FileBody;
    use super::{Lines, MAX_LINE, Redactor};

    #[tokio::test]
    async fn an_overlong_line_costs_no_other() {
        let redactor = Redactor::new(None);
        for (last, lines) in [("last", vec!["first", "next", "", "last"]), ("", vec!["first", "next", ""])] {
            let body = [b"first\n".to_vec(), vec![b'a'; 3 * MAX_LINE], format!("\nnext\n\n{last}").into_bytes()].concat();
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), body).unwrap();
            let body = FileBody::open(file.path(), String::new(), String::new(), None).unwrap();
            let response = reqwest::Response::from(axum::http::Response::new(reqwest::Body::wrap(body)));
            let (mut reader, mut read) = (Lines::new(response, &redactor), Vec::new());
            while let Some(line) = reader.next().await.unwrap() {
                read.push(line);
            }
            assert_eq!(read, lines);
        }
    }
}
