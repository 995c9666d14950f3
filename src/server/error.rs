//! Everything a request can fail with. One exhaustive match gives each failure
//! its status, its code and the sentence a client sees; what only the log may
//! know stays in `Display`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use hyper::StatusCode;

use crate::api::time::format_seconds;
use crate::api::{Code, QueryError};
use crate::config::AuthMode;
use crate::domain::{
    DraftError, IdError, KeyError, MessageId, NotReady, PostError, StoreError, shown,
};

/// A failure of one request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The query string as a whole.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A value in the query string.
    #[error("{name}: {reason}")]
    Parameter { name: &'static str, reason: String },
    /// The id in the path.
    #[error(transparent)]
    Id(#[from] IdError),
    /// The body is not the JSON asked for.
    #[error("the body is not a message: {0}; send {{\"text\": \"…\", \"hashtags\": [\"…\"]}}")]
    Json(String),
    /// The body's values.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The Idempotency-Key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Any other header.
    #[error("{0}")]
    Header(String),
    /// No token, or none that names a user. Never says which.
    #[error("a valid token is needed: send it as 'Authorization: Bearer TOKEN'{}", match .0 {
        AuthMode::Name => "; the token is the base64 of your name",
        AuthMode::Token => "",
    })]
    Unauthorized(AuthMode),
    #[error("there is nothing at {}; GET / lists the paths", shown(.0))]
    PathNotFound(String),
    #[error("there is no message {0}")]
    MessageNotFound(MessageId),
    #[error("message {id} was deleted at {}", format_seconds(.deleted_at))]
    Gone {
        id: MessageId,
        deleted_at: DateTime<Utc>,
    },
    #[error(
        "message {0} is somebody else's: its author can delete it, or the operator of the server with 'dunder admin delete {0}'"
    )]
    NotTheirs(MessageId),
    #[error(
        "the Idempotency-Key was used for message {first}, which was deleted and is not posted again; use a new key for a new message"
    )]
    KeyOfDeleted { first: MessageId },
    #[error("{path} does not take {method}; it takes {allow}")]
    Method {
        path: String,
        method: String,
        allow: String,
    },
    #[error("the body did not arrive within {} seconds", .0.as_secs())]
    BodyTimeout(Duration),
    #[error("the body broke off: {0}")]
    BodyBroken(String),
    #[error("the body is larger than {0} bytes")]
    BodyTooLarge(usize),
    #[error("the transfer encoding {0} is not taken; send the body as it is, or chunked")]
    TransferEncoding(String),
    /// DNS rebinding, or a name that the server was not told.
    #[error(
        "this server is not {0}; use localhost or 127.0.0.1, or have its operator add the name to hosts"
    )]
    Misdirected(String),
    /// A page of another site.
    #[error(
        "this server does not answer pages of other sites; open its address itself, or use a token (auth.mode: token)"
    )]
    CrossSite,
    #[error("path and query are longer than {0} bytes; ask for less at once")]
    UriTooLong(usize),
    #[error(
        "the Idempotency-Key was used for message {first}, which says something else; use a new key for a new message"
    )]
    KeyReused { first: MessageId },
    #[error("too many requests; try again in {} seconds", retry_seconds(.0))]
    RateLimited(Duration),
    #[error("the server is busy; try again")]
    Overloaded,
    #[error(
        "{0} follow already, and no more can (limits.followers); try again, or ask for GET /message?after= from time to time"
    )]
    TooManyFollowers(usize),
    #[error("no answer was found within {} seconds; ask for less, or try again", .0.as_secs_f32())]
    QueryTimeout(Duration),
    /// The handler panicked; the log says where.
    #[error("a handler panicked")]
    Panicked,
    #[error(transparent)]
    Store(StoreError),
    /// Of the admin listener.
    #[error("{0}")]
    LogLevel(String),
    #[error("a profile is being taken already, one at a time; try again when it is done")]
    ProfileRuns,
    #[error("no profile can be taken: {0}")]
    Profile(String),
    #[error(
        "in {} seconds no processor worked, so there is nothing to draw; ask while there is something to do, or for longer", .0.as_secs()
    )]
    EmptyProfile(Duration),
    #[error(
        "the allocator (mimalloc) keeps no record of who allocated what; process_resident_memory_bytes of /metrics is all there is, and a build for valgrind's dhat or heaptrack says more"
    )]
    NoHeapProfile,
    #[error("the metrics could not be written")]
    Metrics,
    #[error(transparent)]
    NotReady(#[from] NotReady),
    #[error("an answer could not be encoded: {0}")]
    Encoding(#[from] serde_json::Error),
    #[error("an answer could not be drawn: {0}")]
    Drawing(#[from] tokio::task::JoinError),
}

impl ApiError {
    /// A value in the query string was refused.
    pub(crate) fn parameter(name: &'static str, reason: impl std::fmt::Display) -> ApiError {
        ApiError::Parameter {
            name,
            reason: reason.to_string(),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        // <https://www.rfc-editor.org/rfc/rfc9112#section-6.1>
        let is_unknown = matches!(
            self,
            ApiError::TransferEncoding(_)
                | ApiError::NoHeapProfile
                | ApiError::Store(StoreError::NotYet(_))
        );
        if is_unknown {
            return StatusCode::NOT_IMPLEMENTED;
        }
        StatusCode::from_u16(self.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub(crate) fn code(&self) -> Code {
        match self {
            ApiError::Query(QueryError::Unknown { .. }) => Code::UnknownParameter,
            ApiError::Query(
                QueryError::Repeated(_)
                | QueryError::Empty(_)
                | QueryError::Encoding(_)
                | QueryError::TooMany,
            )
            | ApiError::Parameter { .. }
            | ApiError::Id(_) => Code::InvalidParameter,
            ApiError::Json(_)
            | ApiError::Draft(_)
            | ApiError::LogLevel(_)
            | ApiError::BodyBroken(_) => Code::InvalidBody,
            ApiError::Key(_) | ApiError::Header(_) => Code::InvalidHeader,
            ApiError::Unauthorized(_) => Code::Unauthorized,
            ApiError::PathNotFound(_)
            | ApiError::MessageNotFound(_)
            | ApiError::Store(StoreError::ArchiveClosed(_)) => Code::NotFound,
            ApiError::Gone { .. } | ApiError::KeyOfDeleted { .. } => Code::Gone,
            ApiError::Method { .. } => Code::MethodNotAllowed,
            ApiError::BodyTimeout(_) => Code::RequestTimeout,
            ApiError::BodyTooLarge(_) => Code::BodyTooLarge,
            ApiError::TransferEncoding(_) | ApiError::NoHeapProfile => Code::InvalidRequest,
            ApiError::Misdirected(_) => Code::MisdirectedRequest,
            ApiError::CrossSite | ApiError::NotTheirs(_) => Code::Forbidden,
            ApiError::UriTooLong(_) => Code::UriTooLong,
            ApiError::KeyReused { .. } => Code::IdempotencyConflict,
            ApiError::RateLimited(_) => Code::RateLimited,
            ApiError::Overloaded
            | ApiError::TooManyFollowers(_)
            | ApiError::QueryTimeout(_)
            | ApiError::ProfileRuns
            | ApiError::EmptyProfile(_)
            | ApiError::NotReady(_) => Code::Unavailable,
            ApiError::Store(
                StoreError::Unavailable(_)
                | StoreError::TooSlow(_)
                | StoreError::Conflict(_)
                | StoreError::ArchiveAway(_),
            ) => Code::Unavailable,
            ApiError::Store(
                StoreError::NotYet(_) | StoreError::Corrupt(_) | StoreError::Unexpected(_),
            )
            | ApiError::Encoding(_)
            | ApiError::Metrics
            | ApiError::Profile(_)
            | ApiError::Drawing(_)
            | ApiError::Panicked => Code::Internal,
        }
    }

    /// What the client reads: `Display`, except where that is for the log.
    pub(crate) fn public_text(&self) -> String {
        match self {
            ApiError::Store(StoreError::Unavailable(_) | StoreError::Conflict(_)) => {
                "the store is not available right now; try again".to_owned()
            }
            ApiError::Store(error @ (StoreError::NotYet(_) | StoreError::ArchiveClosed(_))) => {
                error.to_string()
            }
            ApiError::Store(StoreError::ArchiveAway(_)) => {
                "a part of the archive that this needs cannot be read right now; try again, or tell the operator, whose log names the file".to_owned()
            }
            ApiError::Store(StoreError::TooSlow(_)) => {
                "the answer took longer than this server allows; try again, or ask for less at once"
                    .to_owned()
            }
            ApiError::NotReady(not) => format!("not ready: {}", not.reason),
            ApiError::Store(StoreError::Corrupt(_) | StoreError::Unexpected(_))
            | ApiError::Encoding(_)
            | ApiError::Metrics
            | ApiError::Profile(_)
            | ApiError::Drawing(_)
            | ApiError::Panicked => {
                "the server failed; its log says why, under this answer's X-Request-Id".to_owned()
            }
            ApiError::BodyBroken(_) => {
                "the body broke off before its end; send it whole".to_owned()
            }
            other => other.to_string(),
        }
    }

    /// Seconds after which trying again makes sense.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self {
            ApiError::RateLimited(wait) => Some(retry_seconds(wait)),
            // A place is free once somebody leaves, which takes longer.
            ApiError::TooManyFollowers(_) => Some(10),
            _ if self.status() == StatusCode::SERVICE_UNAVAILABLE => Some(1),
            _ => None,
        }
    }
}

fn retry_seconds(wait: &Duration) -> u64 {
    wait.as_secs() + 1
}

impl From<PostError> for ApiError {
    fn from(error: PostError) -> Self {
        match error {
            PostError::KeyReused { first } => ApiError::KeyReused { first },
            PostError::Deleted { first } => ApiError::KeyOfDeleted { first },
            PostError::Store(error) => ApiError::Store(error),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        ApiError::Store(error)
    }
}
