//! Numbers and warnings as plain text has them.

use super::summary::Warning;
use crate::stats::Basis;
use crate::taxonomy::Lang;

/// Warnings of one code that are said; the rest is counted.
const SAID: usize = 3;

/// A level or a mean; a dash where there is none.
pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

/// An interval in brackets; a dash where there is none.
pub(super) fn interval(ci95: Option<[f64; 2]>) -> String {
    ci95.map_or_else(|| "-".to_owned(), |[lo, hi]| format!("[{lo:.2}, {hi:.2}]"))
}

/// Behind an interval of few clusters, which is too narrow.
pub(super) fn few(basis: &Basis) -> &'static str {
    if basis.ci95_note.is_some() { "~" } else { "" }
}

/// What an interval's numbers are of.
pub(super) const fn mark(uncalibrated: bool, selected: bool) -> &'static str {
    match (uncalibrated, selected) {
        (true, _) => " (triage)",
        (false, true) => " (selected items)",
        (false, false) => "",
    }
}

/// Codes and messages: those of one code together, at the place of the first; of many the first ones, and how many more there are.
pub(super) fn said(warnings: &[Warning], lang: Lang) -> Vec<(&str, String)> {
    let mut codes: Vec<(&str, Vec<&Warning>)> = Vec::new();
    for warning in warnings {
        match codes.iter_mut().find(|(code, _)| *code == warning.code) {
            Some((_, alike)) => alike.push(warning),
            None => codes.push((&warning.code, vec![warning])),
        }
    }
    let mut said = Vec::new();
    for (code, alike) in codes {
        let shown = if alike.len() == SAID + 1 { alike.len() } else { SAID }; // a line for one more would be that one's place
        said.extend(alike.iter().take(shown).map(|warning| (code, warning.in_language(lang).to_owned())));
        let rest = alike.len().saturating_sub(shown);
        let more = match lang {
            Lang::En => format!("And {rest} more like these; summary.json has them all."),
            Lang::Ko => format!("같은 경고가 {rest}개 더 있습니다. 모두 summary.json에 있습니다."),
        };
        said.extend((rest > 0).then_some((code, more)));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_warnings_of_one_code_are_counted() {
        let warning = |code: &str, message: &str| Warning::new(code, [message.to_owned(), "말".to_owned()]);
        let mut warnings = vec![warning("one", "a"), warning("other", "b")];
        warnings.extend((0..5).map(|_| warning("one", "c")));
        let lines = said(&warnings, Lang::En);
        assert_eq!(lines.iter().map(|line| line.0).collect::<Vec<_>>(), ["one", "one", "one", "one", "other"]);
        assert_eq!((lines[0].1.as_str(), lines[3].1.as_str()), ("a", "And 3 more like these; summary.json has them all."));
        assert!(said(&warnings, Lang::Ko)[3].1.contains("3개"));
    }
}
