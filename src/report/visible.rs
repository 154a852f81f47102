//! Text from outside made safe to look at.

/// Replaces characters that move the cursor, change direction or cannot be seen by `<U+XXXX>`; newlines and tabs become spaces.
///
/// A file name or a judge's reply may carry terminal escapes, or bidi controls that make text read otherwise than it is.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' | '\r' => out.push(' '),
            c if hidden(c) => out.push_str(&format!("<U+{:04X}>", c as u32)),
            c => out.push(c),
        }
    }
    out
}

/// Like [`visible`], but lines stay lines.
pub(super) fn visible_lines(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n")
}

fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}')
        || matches!(c, '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_and_bidi_controls_show() {
        assert_eq!(visible("a\u{1b}[31m\u{202e}b\nc"), "a<U+001B>[31m<U+202E>b c");
        assert_eq!(visible_lines("a\r\nb\u{7}"), "a\nb<U+0007>");
        assert_eq!(visible("한국어 👩‍💻"), "한국어 👩‍💻"); // joiners inside emoji stay
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left(text in any::<String>()) {
            prop_assert!(!visible(&text).chars().any(hidden));
        }
    }
}
