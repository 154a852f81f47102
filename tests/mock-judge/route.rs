//! What a path asks for.

use crate::dialect::Dialect;

/// What a path asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// A verdict.
    Verdict(Dialect),
    /// A test's own question, or a probe.
    Get,
    /// A test lets batches end that are held.
    Release,
    /// Nothing that is known.
    Unknown,
}

/// By method and path, which has no query.
pub(crate) fn route(method: &str, path: &str) -> Route {
    match method {
        "POST" if path == "/_mock/release" => Route::Release,
        "POST" => verdict(path).map_or(Route::Unknown, Route::Verdict),
        "GET" => Route::Get,
        _ => Route::Unknown,
    }
}

fn verdict(path: &str) -> Option<Dialect> {
    let ends = |end: &str| path.ends_with(end);
    match path {
        _ if ends("/chat/completions") && path.contains("/openai/deployments/") => Some(Dialect::Azure),
        _ if ends("/chat/completions") => Some(Dialect::Chat),
        _ if ends("/responses") => Some(Dialect::Responses),
        _ if ends("/messages") => Some(Dialect::Anthropic),
        _ if ends(":generateContent") => Some(Dialect::Gemini),
        _ if ends("/api/chat") => Some(Dialect::Ollama),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tell_the_dialect() {
        for (path, dialect) in [
            ("/v1/chat/completions", Dialect::Chat),
            ("/v1beta/openai/chat/completions", Dialect::Chat),
            ("/openai/deployments/d/chat/completions", Dialect::Azure),
            ("/v1/responses", Dialect::Responses),
            ("/v1/messages", Dialect::Anthropic),
            ("/v1beta/models/gemini-x:generateContent", Dialect::Gemini),
            ("/api/chat", Dialect::Ollama),
        ] {
            assert_eq!(route("POST", path), Route::Verdict(dialect), "{path}");
        }
        assert_eq!((route("GET", "/version"), route("PUT", "/x"), route("POST", "/x")), (Route::Get, Route::Unknown, Route::Unknown));
    }
}
