//! Failures on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What every failure is: a sentence for a person, a code for a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// What was wrong, with which value, and what to do.
    pub error: String,
    /// Stable, for programs.
    pub code: Code,
}

/// The kinds of failure a program can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A body that is not the JSON asked for, or a value in it. 400.
    InvalidBody,
    /// A query parameter's value, or a ULID in the path. 400.
    InvalidParameter,
    /// A query parameter that the path does not take. 400.
    UnknownParameter,
    /// Not HTTP as the server speaks it. 400.
    InvalidRequest,
    /// A header's value. 400.
    InvalidHeader,
    /// The token is missing, malformed, unknown, expired or revoked. 401.
    Unauthorized,
    /// Not for whom, or where from, it was asked. 403.
    Forbidden,
    /// No such path, or no such message. 404.
    NotFound,
    /// The path takes other methods. 405.
    MethodNotAllowed,
    /// The body did not arrive in time. 408.
    RequestTimeout,
    /// The idempotency key was used for another message. 409.
    IdempotencyConflict,
    /// The message was deleted. 410.
    Gone,
    /// The body is larger than the server takes. 413.
    BodyTooLarge,
    /// The path and query are longer than the server takes. 414.
    UriTooLong,
    /// The headers are larger than the server takes. 431.
    HeadersTooLarge,
    /// The server is not called that. 421.
    MisdirectedRequest,
    /// Too many posts. 429.
    RateLimited,
    /// A defect; the log has the rest. 500.
    Internal,
    /// Not now; try again after `Retry-After`. 503.
    Unavailable,
    /// A code of a newer server.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

impl Code {
    /// The status that a server answers with it; 501 instead for what the
    /// server cannot do.
    pub fn status(self) -> u16 {
        match self {
            Code::InvalidBody
            | Code::InvalidParameter
            | Code::UnknownParameter
            | Code::InvalidRequest
            | Code::InvalidHeader => 400,
            Code::Unauthorized => 401,
            Code::Forbidden => 403,
            Code::NotFound => 404,
            Code::MethodNotAllowed => 405,
            Code::RequestTimeout => 408,
            Code::IdempotencyConflict => 409,
            Code::Gone => 410,
            Code::BodyTooLarge => 413,
            Code::UriTooLong => 414,
            Code::MisdirectedRequest => 421,
            Code::RateLimited => 429,
            Code::HeadersTooLarge => 431,
            Code::Internal | Code::Unknown => 500,
            Code::Unavailable => 503,
        }
    }
}
