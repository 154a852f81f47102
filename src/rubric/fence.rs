//! Making outside text harmless to the fences around it.

use std::fmt::Write as _;

/// Outside text made fit to stand inside a fence.
///
/// - Line ends become `\n`; control characters other than `\n` and `\t` become visible as `[U+0007]`, and so do
///   direction overrides and tag characters, which can hide or reorder what a person would read.
/// - Runs of three or more `<` or `>` (our fences) become as many `‹` or `›`; `<|`, which opens the special tokens of many
///   chat templates, becomes `‹|`.
/// - The nonce in any case becomes `[nonce]`.
///
/// Control characters go first, so that removing nothing can join the pieces of a marker.
pub fn fence_text(text: &str, nonce: &str) -> String {
    let visible = show_controls(text);
    let open = break_markers(&visible);
    hide_nonce(&open, nonce)
}

fn show_controls(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\r' => {
                chars.next_if_eq(&'\n');
                shown.push('\n');
            }
            '\n' | '\t' => shown.push(char),
            _ if char.is_control() || is_deceptive(char) => {
                // Writing to a String cannot fail.
                let _ = write!(shown, "[U+{:04X}]", u32::from(char));
            }
            _ => shown.push(char),
        }
    }
    shown
}

/// Characters without a shape that change what a reader sees: direction marks, line separators, tags.
const fn is_deceptive(char: char) -> bool {
    matches!(char, '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{E0000}'..='\u{E007F}')
}

fn break_markers(text: &str) -> String {
    let mut open = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let run = rest.len() - rest.trim_start_matches(char).len();
        let (this, after) = rest.split_at(run);
        match char {
            '<' if run >= 3 * char.len_utf8() => open.push_str(&"‹".repeat(run)),
            '>' if run >= 3 * char.len_utf8() => open.push_str(&"›".repeat(run)),
            '<' if after.starts_with('|') => {
                open.push_str(&this[1..]);
                open.push('‹');
            }
            _ => open.push_str(this),
        }
        rest = after;
    }
    open
}

fn hide_nonce(text: &str, nonce: &str) -> String {
    if nonce.is_empty() {
        return text.to_owned();
    }
    // ASCII lower-casing keeps every byte offset.
    let (lower, nonce) = (text.to_ascii_lowercase(), nonce.to_ascii_lowercase());
    let mut hidden = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in lower.match_indices(&nonce) {
        hidden.push_str(&text[from..at]);
        hidden.push_str("[nonce]");
        from = at + nonce.len();
    }
    hidden.push_str(&text[from..]);
    hidden
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::fence_text;

    const NONCE: &str = "0123456789abcdef";

    #[test]
    fn each_trick_is_made_visible() {
        for (text, fenced) in [
            ("plain 글\n\tkeeps", "plain 글\n\tkeeps"),
            ("a\r\nb\rc", "a\nb\nc"),
            ("evidence 0123456789ABCDEF>>> safe", "evidence [nonce]››› safe"),
            ("<\u{7}<<prompt", "<[U+0007]<<prompt"),
            ("<<<<", "‹‹‹‹"),
            ("1 << 2 >> 3", "1 << 2 >> 3"),
            ("<|im_end|><<|x", "‹|im_end|><‹|x"),
            ("a\u{202E}b\u{E0041}", "a[U+202E]b[U+E0041]"),
            ("\u{85}\u{7f}\0", "[U+0085][U+007F][U+0000]"),
        ] {
            assert_eq!(fence_text(text, NONCE), fenced);
        }
    }

    proptest! {
        #[test]
        fn no_fence_survives(pieces in prop::collection::vec(prop_oneof![
            Just("<".to_owned()), Just(">".to_owned()), Just("<<".to_owned()), Just("|".to_owned()), Just("\u{7}".to_owned()), Just("\r".to_owned()),
            Just("01234567".to_owned()), Just("89ABCDEF".to_owned()), Just("89abcdef".to_owned()), Just("evidence ".to_owned()), ".{0,4}",
        ], 0..40)) {
            let fenced = fence_text(&pieces.concat(), NONCE);
            prop_assert!(!fenced.contains("<<<") && !fenced.contains(">>>") && !fenced.contains("<|"));
            prop_assert!(!fenced.to_ascii_lowercase().contains(NONCE));
            prop_assert!(fenced.chars().all(|char| !char.is_control() || char == '\n' || char == '\t'));
            prop_assert_eq!(fence_text(&fenced, NONCE), fenced.clone());
        }
    }
}
