//! SVG as text. Whatever comes from outside is made visible and escaped here.

use crate::report::visible;

/// One picture that grows element by element.
pub(super) struct Svg(String);

impl Svg {
    /// As wide as its place and `height` pixels high. It is for the eye alone: the numbers stand beside it as text.
    pub(super) fn strip(class: &str, height: u32) -> Self {
        Self(format!("<svg class=\"{class}\" height=\"{height}\" aria-hidden=\"true\" focusable=\"false\">"))
    }

    /// A drawing of fixed proportions, told to screen readers by `label`: the word's key, and the word in the page's first language.
    pub(super) fn drawing(class: &str, (width, height): (u32, u32), label: (&str, &str)) -> Self {
        let (key, label) = (escaped(label.0), escaped(label.1));
        Self(format!("<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" data-label=\"{key}\" aria-label=\"{label}\">"))
    }

    /// An element without content.
    pub(super) fn leaf(&mut self, name: &str, attributes: &[(&str, String)]) -> &mut Self {
        self.open(name, attributes);
        self.0.truncate(self.0.len() - 1);
        self.0.push_str("/>");
        self
    }

    /// An element that says `text` when pointed at.
    pub(super) fn titled(&mut self, name: &str, attributes: &[(&str, String)], text: &str) -> &mut Self {
        self.open(name, attributes);
        self.0.push_str(&format!("<title>{}</title></{name}>", escaped(text)));
        self
    }

    /// A line of text.
    pub(super) fn text(&mut self, x: &str, y: &str, class: &str, text: &str) -> &mut Self {
        self.open("text", &[("class", class.to_owned()), ("x", x.to_owned()), ("y", y.to_owned())]);
        self.0.push_str(&format!("{}</text>", escaped(text)));
        self
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push_str("</svg>");
        self.0
    }

    fn open(&mut self, name: &str, attributes: &[(&str, String)]) {
        self.0.push_str(&format!("<{name}"));
        attributes.iter().for_each(|(key, value)| self.0.push_str(&format!(" {key}=\"{}\"", escaped(value))));
        self.0.push('>');
    }
}

/// At most two decimals, none that say nothing.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Svg, number};

    #[test]
    fn text_from_outside_stays_text() {
        let mut svg = Svg::strip("x", 10);
        svg.titled("rect", &[("class", "\"><script>".to_owned())], "</title><script>alert(1)</script>\u{202e}");
        svg.leaf("line", &[]).text("0", "0", "t", "<b>'");
        let text = svg.finish();
        assert!(!text.contains("<script") && !text.contains("<b>") && text.contains("&lt;U+202E&gt;"), "{text}");
        assert!(text.contains("<line/>") && text.ends_with("</text></svg>"));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([1.0, 1.25, 33.333, -0.001].map(number), ["1", "1.25", "33.33", "0"]);
    }
}
