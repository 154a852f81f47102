//! Numbers as plain text has them.

/// A level or a mean; a dash where there is none.
pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

/// What an interval's numbers are of.
pub(super) const fn mark(uncalibrated: bool, selected: bool) -> &'static str {
    match (uncalibrated, selected) {
        (true, _) => " (triage)",
        (false, true) => " (selected items)",
        (false, false) => "",
    }
}
