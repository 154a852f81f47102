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

/// Every problem in a source, sorted by file and line. `Display` gives one line for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Sorts them and drops repetitions.
    pub(super) fn new(mut faults: Vec<Fault>) -> Self {
        faults.sort();
        faults.dedup();
        Self(faults)
    }

    /// One problem with a whole file.
    pub(super) fn of_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self(vec![Fault { file: file.into(), line: 0, message: message.into() }])
    }

    /// The problems; never empty.
    pub fn list(&self) -> &[Fault] {
        &self.0
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
        let lines: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Faults {}
