//! Forms as files are uploaded in.

use crate::http::find;

/// One field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// As named.
    pub(super) name: String,
    /// Of a file.
    pub(super) file_name: Option<String>,
    /// Content.
    pub(super) bytes: Vec<u8>,
}

/// The fields of `body`; none when the content type names no boundary.
pub(super) fn fields(content_type: &str, body: &[u8]) -> Vec<Field> {
    let Some(boundary) = content_type.split("boundary=").nth(1) else { return Vec::new() };
    let mark = format!("--{}", boundary.split(';').next().unwrap_or_default().trim_matches('"'));
    let (mut fields, mut from) = (Vec::new(), find(body, mark.as_bytes(), 0));
    while let Some(start) = from.map(|at| at + mark.len()) {
        let end = find(body, format!("\r\n{mark}").as_bytes(), start);
        fields.extend(end.and_then(|end| field(&body[start..end])));
        from = end.map(|end| end + 2);
    }
    fields
}

fn field(part: &[u8]) -> Option<Field> {
    let end = find(part, b"\r\n\r\n", 0)?;
    let head = String::from_utf8_lossy(&part[..end]);
    let quoted = |name: &str| head.split_once(&format!(" {name}=\""))?.1.split('"').next().map(str::to_owned);
    Some(Field { name: quoted("name")?, file_name: quoted("filename"), bytes: part[end + 4..].to_vec() })
}

#[cfg(test)]
mod tests {
    use super::fields;

    #[test]
    fn fields_come_apart_byte_for_byte() {
        let body = b"--X\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--X\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\nContent-Type: x/y\r\n\r\n{\"a\":1}\n\r\n\r\n--X--\r\n";
        let fields = fields("multipart/form-data; boundary=X", body);
        assert_eq!(fields.len(), 2);
        assert_eq!((fields[0].name.as_str(), fields[0].bytes.as_slice()), ("purpose", &b"batch"[..]));
        assert_eq!((fields[1].file_name.as_deref(), fields[1].bytes.as_slice()), (Some("a.jsonl"), &b"{\"a\":1}\n\r\n"[..]));
        assert!(super::fields("text/plain", body).is_empty());
    }
}
