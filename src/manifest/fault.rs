//! What is wrong with a source, by file and line.

use std::fmt;

/// One problem in a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The file or folder, as the user named it.
    pub file: String,
    /// Line, from 1; 0 when the problem is the whole file.
    pub line: usize,
    /// What is wrong, and where it helps what would be right.
    pub message: String,
}

/// The problems in a source, sorted by file and line. `Display` gives one line for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    list: Vec<Fault>,
    more: usize,
}

impl Faults {
    /// Sorts them and drops repetitions; beyond them there are `more`.
    pub(super) fn new(mut list: Vec<Fault>, more: usize) -> Self {
        list.sort();
        list.dedup();
        Self { list, more }
    }

    /// One problem with a whole file.
    pub(super) fn of_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self { list: vec![Fault { file: file.into(), line: 0, message: message.into() }], more: 0 }
    }

    /// The problems, never none; of hundreds of thousands the first.
    pub fn list(&self) -> &[Fault] {
        &self.list
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names and values come from outside: no control character may reach a terminal or split a line.
        let message = printable(&self.message);
        match self.line {
            0 => write!(f, "{}: {message}", printable(&self.file)),
            line => write!(f, "{}:{line}: {message}", printable(&self.file)),
        }
    }
}

fn printable(text: &str) -> String {
    text.chars().flat_map(|char| if char.is_control() { char.escape_default().collect() } else { vec![char] }).collect()
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.list.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))?;
        if self.more > 0 { write!(f, "\nand {} more", self.more) } else { Ok(()) }
    }
}

impl std::error::Error for Faults {}
