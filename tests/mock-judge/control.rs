//! What tests ask the mock, and what clients probe.

use serde_json::json;

use crate::dialect::Dialect;
use crate::failure::{Failure, Kind};
use crate::generate::authorised;
use crate::http::{Request, Response};
use crate::route::Route;
use crate::server::Server;

/// Answers what is about no verdict and no batch.
pub(crate) fn answer(server: &Server, route: Route, request: &Request) -> Response {
    match route {
        Route::Get => get(server, request),
        Route::Release => {
            server.store().release();
            Response::json(200, &json!({}))
        }
        Route::Verdict(_) | Route::Unknown => unknown(request),
    }
}

fn get(server: &Server, request: &Request) -> Response {
    let config = &server.config;
    match request.path.as_str() {
        "/_mock/calls" => Response::new(200, "application/json", server.ledger().calls()),
        "/_mock/bill" => Response::json(200, &json!(server.ledger().bill())),
        "/props" => Response::json(200, &json!({"modalities": config.modalities, "total_slots": 1, "model_path": config.model})),
        "/version" | "/api/version" => Response::json(200, &json!({"version": config.version})),
        "/health" => Response::json(200, &json!({"status": "ok"})),
        path if path.ends_with("/models") => models(server, request),
        _ => unknown(request),
    }
}

fn models(server: &Server, request: &Request) -> Response {
    if let Err(failure) = authorised(&server.config, Dialect::Chat, request) {
        return Response::json(failure.status, &Dialect::Chat.error(&failure));
    }
    let model = json!({"id": server.config.model, "object": "model", "created": 0, "owned_by": "mock"});
    Response::json(200, &json!({"object": "list", "data": [model]}))
}

fn unknown(request: &Request) -> Response {
    let failure = Failure::new(404, Kind::NotFound, format!("Invalid URL ({} {})", request.method, request.path));
    Response::json(404, &Dialect::Chat.error(&failure))
}
