//! What a server looks at before it lets a model see a request.

use serde_json::Value;

use crate::asked::Asked;
use crate::config::Config;
use crate::failure::{Failure, Kind};

/// Whether the body is short enough to be read.
pub(crate) fn size(config: &Config, bytes: usize) -> Result<(), Failure> {
    match config.max_body_bytes.filter(|&most| bytes > most) {
        Some(most) => Err(Failure::new(413, Kind::TooLarge, format!("Request of {bytes} bytes exceeds the maximum size of {most} bytes."))),
        None => Ok(()),
    }
}

/// Whether every parameter is known.
pub(crate) fn parameters(config: &Config, body: &Value) -> Result<(), Failure> {
    let unknown = config.refuses.iter().find(|name| carries(body, name));
    unknown.map_or(Ok(()), |name| {
        // Ollama's words and status, whatever the shape lacks.
        if name == "json_schema" && body["format"].is_object() {
            return Err(Failure::new(500, Kind::Server, "invalid JSON schema in format"));
        }
        let instead = if name == "max_tokens" { " Use 'max_completion_tokens' instead." } else { "" };
        let message = format!("Unsupported parameter: '{name}' is not supported with this model.{instead}");
        Err(Failure { param: Some(name.clone()), ..Failure::new(400, Kind::UnknownParameter, message) })
    })
}

/// A name at the top or within the two objects that hold parameters elsewhere; `json_schema` is the strict form of `response_format`, or of Ollama's `format`.
fn carries(body: &Value, name: &str) -> bool {
    if name == "json_schema" {
        return body["response_format"]["type"] == "json_schema" || body["format"].is_object();
    }
    let path = format!("/{}", name.replace('.', "/"));
    ["", "/generationConfig", "/options"].iter().any(|place| body.pointer(&format!("{place}{path}")).is_some())
}

/// Whether the pictures are few and small enough.
pub(crate) fn pictures(config: &Config, asked: &Asked) -> Result<(), Failure> {
    let pictures: Vec<_> = asked.media().filter(|media| media.kind == "image").collect();
    if let Some(most) = config.max_images.filter(|&most| pictures.len() > most) {
        return Err(Failure::invalid(format!("At most {most} image(s) may be provided in one prompt.")));
    }
    let bytes = pictures.iter().map(|media| media.base64_bytes).max().unwrap_or(0);
    if let Some(most) = config.max_image_bytes.filter(|&most| bytes > most) {
        return Err(Failure::invalid(format!("image exceeds the maximum size: {bytes} bytes > {most} bytes")));
    }
    let edge = pictures.iter().filter_map(|media| media.width.max(media.height)).max().unwrap_or(0);
    if let Some(most) = config.max_edge_px.filter(|&most| edge > most) {
        return Err(Failure::invalid(format!("At least one of the image dimensions exceeds the maximum allowed size: {most} pixels")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::asked::Part;
    use crate::media::Media;

    #[test]
    fn unknown_parameters_are_named() {
        let config: Config = serde_json::from_str(r#"{"refuses":["max_tokens","seed","output_config.format","json_schema"]}"#).unwrap();
        let named = |body: Value| parameters(&config, &body).err().and_then(|failure| failure.param);
        assert_eq!(named(json!({"max_tokens": 1})).as_deref(), Some("max_tokens"));
        assert_eq!(named(json!({"options": {"seed": 1}})).as_deref(), Some("seed"));
        assert_eq!(named(json!({"output_config": {"format": {}}})).as_deref(), Some("output_config.format"));
        assert_eq!(named(json!({"response_format": {"type": "json_schema"}})).as_deref(), Some("json_schema"));
        let ollama = parameters(&config, &json!({"format": {"type": "object"}})).unwrap_err();
        assert_eq!((ollama.status, ollama.message.as_str()), (500, "invalid JSON schema in format"));
        assert_eq!(named(json!({"format": "json"})), None);
        assert_eq!(named(json!({"max_completion_tokens": 1, "response_format": {"type": "json_object"}})), None);
    }

    #[test]
    fn pictures_are_counted_and_measured() {
        let picture = Media { kind: "image", width: Some(900), height: Some(2), base64_bytes: 50, ..Media::default() };
        let frame = Media { kind: "frame", ..picture.clone() };
        let asked = Asked { parts: [picture.clone(), picture, frame].map(Part::Media).to_vec(), ..Asked::default() };
        let says = |config: &str| pictures(&serde_json::from_str(config).unwrap(), &asked).err().map(|failure| failure.message);
        assert_eq!(says(r#"{"max_images":2,"max_image_bytes":50,"max_edge_px":900}"#), None);
        assert!(says(r#"{"max_images":1}"#).unwrap().starts_with("At most 1 image(s) may be provided"));
        assert!(says(r#"{"max_image_bytes":49}"#).is_some() && says(r#"{"max_edge_px":899}"#).is_some());
    }
}
