//! Where a report's pictures and sound go: into the page, or beside it.

use std::path::Path;

use base64_simd::STANDARD;

use crate::report::format::{Error, Folder};

/// The two forms of a report.
pub(super) enum Carrier<'a, 'b> {
    /// One file: media are data URIs.
    Page,
    /// A folder: media lie beside the page.
    Folder(&'a mut Folder<'b>),
}

impl Carrier<'_, '_> {
    /// Brings the file at `path` and says where the page finds it. `name` was made by us of hex digits and an extension.
    pub(super) fn carry(&mut self, (path, bytes): (&Path, &[u8]), folder: &str, mime: &str) -> Result<Option<String>, Error> {
        match self {
            Self::Page => Ok(Some(format!("data:{mime};base64,{}", STANDARD.encode_to_string(bytes)))),
            Self::Folder(out) => {
                let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| is_plain(name)) else { return Ok(None) };
                let name = format!("{folder}/{name}");
                out.bring(&name, path)?;
                Ok(Some(name))
            }
        }
    }
}

/// Means the same in a URL as on disk.
fn is_plain(name: &str) -> bool {
    !name.starts_with('.') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn names_are_urls_as_they_are() {
        assert!(is_plain("0a1b.jpg"));
        for name in ["../x.jpg", "a b.jpg", "a%2f.jpg", "javascript:x", ".jpg", "a\".jpg"] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
