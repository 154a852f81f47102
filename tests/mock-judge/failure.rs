//! Honest refusals, before a dialect puts them into its own words.

use std::time::Duration;

use crate::fault::Fault;

/// What kind of refusal it is; dialects name kinds their own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No or a wrong key.
    Auth,
    /// No money.
    Quota,
    /// Too many requests.
    Rate,
    /// Too many bytes.
    TooLarge,
    /// The body makes no sense, or asks for too much.
    Invalid,
    /// A parameter that this server does not know.
    UnknownParameter,
    /// A content filter.
    Filter,
    /// No such thing.
    NotFound,
    /// The server's own failure.
    Server,
    /// Too many people want it.
    Overloaded,
}

/// How long to stay away, and how it is said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wait {
    /// Not at all.
    Unsaid,
    /// This header, word for word; nothing is promised by it.
    Literal(&'static str),
    /// `Retry-After` in whole seconds.
    Seconds(Duration),
    /// `Retry-After-Ms`.
    Ms(Duration),
    /// `Retry-After` as a date.
    Date(Duration),
    /// In the error body.
    Body(Duration),
}

/// A refusal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    /// HTTP status.
    pub(crate) status: u16,
    /// What kind it is.
    pub(crate) kind: Kind,
    /// In words.
    pub(crate) message: String,
    /// The parameter at fault.
    pub(crate) param: Option<String>,
    /// For a while.
    pub(crate) wait: Wait,
}

impl Failure {
    /// A refusal that names no parameter and no time.
    pub(crate) fn new(status: u16, kind: Kind, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), param: None, wait: Wait::Unsaid }
    }

    /// 400 in words.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, Kind::Invalid, message)
    }

    /// 429 in some form.
    pub(crate) fn rate(wait: Wait) -> Self {
        let seconds = match wait {
            Wait::Body(time) => format!(" Please try again in {:.3}s.", time.as_secs_f64()),
            _ => String::new(),
        };
        Self { wait, ..Self::new(429, Kind::Rate, format!("Rate limit reached.{seconds}")) }
    }

    /// What `fault` answers in place of the judge; `None` for faults of the reply itself or of the wire.
    pub(crate) fn of(fault: Fault) -> Option<Self> {
        let rate = |wait| Some(Self::rate(wait));
        let new = |status, kind, message: &str| Some(Self::new(status, kind, message));
        match fault {
            Fault::R429Seconds => rate(Wait::Seconds(Duration::from_secs(1))),
            Fault::R429Date => rate(Wait::Date(Duration::from_secs(2))),
            Fault::R429None => rate(Wait::Unsaid),
            Fault::R429Zero => rate(Wait::Literal("0")),
            Fault::R429Negative => rate(Wait::Literal("-5")),
            Fault::R429Huge => rate(Wait::Literal("1000000000")),
            Fault::Quota429 => new(429, Kind::Quota, "You exceeded your current quota, please check your plan and billing details."),
            Fault::Auth401 => new(401, Kind::Auth, "Incorrect API key provided."),
            Fault::Pay402 => new(402, Kind::Quota, "Insufficient credit balance."),
            Fault::TooLarge413 => new(413, Kind::TooLarge, "Request exceeds the maximum size."),
            Fault::E500 => new(500, Kind::Server, "The server had an error while processing your request."),
            Fault::E502 => new(502, Kind::Server, "Bad Gateway"),
            Fault::Redirect => new(302, Kind::Server, "Found"),
            Fault::E503 => new(503, Kind::Overloaded, "The engine is currently overloaded, please try again later."),
            Fault::E529 => new(529, Kind::Overloaded, "Overloaded"),
            Fault::ContentFilter400 => new(400, Kind::Filter, "The prompt was stopped by the content management policy."),
            _ => None,
        }
    }
}
