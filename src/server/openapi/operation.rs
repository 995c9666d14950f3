//! What each line of the table of routes takes and answers.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::api::{
    Code, Envelope, FeedPage, FeedQuery, FollowPage, FormatQuery, Hashtags, HashtagsQuery, Health,
    Message, Parameter, PostBody, Ready, ShownMessage, StreamEvent, StreamQuery, TrendQuery,
    Trends, Users, UsersQuery, Whoami,
};

/// One request there is.
pub(crate) struct Operation {
    pub(super) id: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    /// What the summary does not say; may be empty.
    pub(super) description: &'static str,
    pub(super) query: &'static [Parameter],
    pub(super) headers: &'static [RequestHeader],
    pub(super) body: Option<Describe>,
    pub(super) success: Success,
    /// Beside those that its access brings.
    pub(super) refusals: &'static [Code],
}

/// Describes a type, and those that it names among the components.
pub(super) type Describe = fn(&mut SchemaGenerator) -> Schema;

/// What is answered when all is well.
pub(super) struct Success {
    pub(super) status: u16,
    pub(super) about: &'static str,
    pub(super) content: Content,
    pub(super) headers: &'static [AnswerHeader],
    pub(super) links: &'static [Link],
}

/// In which media types.
pub(super) enum Content {
    /// Nothing at all.
    Nothing,
    /// JSON.
    Json(Describe),
    /// JSON, or a form of [`crate::output::format::FORMATS`].
    Listing(Describe),
    /// A form of a stream; events are described.
    Stream(Describe),
    /// For people.
    Text,
}

/// A header that a request may have.
pub(super) enum RequestHeader {
    IdempotencyKey,
    LastEventId,
}

/// A header of a success, beside those that every answer has.
pub(super) enum AnswerHeader {
    Location,
    NextCursor,
    NextAfter,
    Deleted,
    Gaps,
    ArchiveFiles,
    ArchiveBytes,
    ArchiveMissing,
    AccelBuffering,
    Heartbeat,
}

/// Where an answer leads.
pub(super) struct Link {
    pub(super) name: &'static str,
    pub(super) operation: &'static str,
    /// A parameter there, and where in the answer's JSON its value is.
    pub(super) parameter: (&'static str, &'static str),
}

/// Groups of operations.
pub(super) const TAGS: [(&str, &str); 4] = [
    ("messages", "Posting, reading, following"),
    ("trends", "Counts over time"),
    ("users", "Who posts"),
    ("server", "The server itself"),
];

const NOTHING_BESIDE: Operation = Operation {
    id: "",
    tag: "server",
    summary: "",
    description: "",
    query: &[],
    headers: &[],
    body: None,
    success: Success {
        status: 200,
        about: "",
        content: Content::Nothing,
        headers: &[],
        links: &[],
    },
    refusals: &[],
};

/// What the admin listener answers is not part of the contract.
pub(crate) const UNDESCRIBED: Operation = NOTHING_BESIDE;

const fn ok(about: &'static str, content: Content) -> Success {
    Success {
        about,
        content,
        ..NOTHING_BESIDE.success
    }
}

fn of<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Schema {
    schemas.subschema_for::<T>()
}

/// What `GET /message` answers: a page, or one message, or what follows.
fn feed(schemas: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({ "anyOf": [
        of::<Envelope<FeedPage>>(schemas),
        of::<Envelope<ShownMessage>>(schemas),
        of::<Envelope<FollowPage>>(schemas),
    ]})
}

fn any_object(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({ "type": "object" })
}

pub(crate) const FEED: Operation = Operation {
    id: "listMessages",
    tag: "messages",
    summary: "A page of messages, newest first",
    description: "All filters must hold. With `after`: oldest first, each once, for those who ask again and again. With `ulid`: that one message.",
    query: FeedQuery::PARAMETERS,
    success: Success {
        headers: &[
            AnswerHeader::NextCursor,
            AnswerHeader::NextAfter,
            AnswerHeader::Deleted,
            AnswerHeader::Gaps,
            AnswerHeader::ArchiveFiles,
            AnswerHeader::ArchiveBytes,
            AnswerHeader::ArchiveMissing,
        ],
        links: &[Link {
            name: "nextPage",
            operation: "listMessages",
            parameter: ("cursor", "/data/next_cursor"),
        }],
        ..ok("The messages", Content::Listing(feed))
    },
    refusals: &[Code::InvalidParameter, Code::NotFound, Code::Gone],
    ..NOTHING_BESIDE
};

pub(crate) const POST: Operation = Operation {
    id: "postMessage",
    tag: "messages",
    summary: "Post a message",
    description: "It is stored when this is answered. Hashtags inside the text count too.",
    headers: &[RequestHeader::IdempotencyKey],
    body: Some(of::<PostBody>),
    success: Success {
        status: 201,
        headers: &[AnswerHeader::Location],
        links: &[
            Link {
                name: "show",
                operation: "showMessage",
                parameter: ("ulid", "/data/id"),
            },
            Link {
                name: "delete",
                operation: "deleteMessage",
                parameter: ("ulid", "/data/id"),
            },
        ],
        ..ok(
            "The message as it was stored",
            Content::Json(of::<Envelope<Message>>),
        )
    },
    refusals: &[
        Code::InvalidBody,
        Code::InvalidHeader,
        Code::RequestTimeout,
        Code::IdempotencyConflict,
        Code::Gone,
        Code::BodyTooLarge,
    ],
    ..NOTHING_BESIDE
};

pub(crate) const STREAM: Operation = Operation {
    id: "followMessages",
    tag: "messages",
    summary: "Follow what is posted",
    description: "History from where it was asked for, oldest first, then an event `caught-up`, then what is stored as it is. It does not end. Server-sent events where `Accept` or `format` asks for them, else one event a line.",
    query: StreamQuery::PARAMETERS,
    headers: &[RequestHeader::LastEventId],
    success: Success {
        headers: &[AnswerHeader::AccelBuffering, AnswerHeader::Heartbeat],
        ..ok("Events without an end", Content::Stream(of::<StreamEvent>))
    },
    refusals: &[Code::InvalidParameter, Code::InvalidHeader, Code::NotFound],
    ..NOTHING_BESIDE
};

pub(crate) const SHOW: Operation = Operation {
    id: "showMessage",
    tag: "messages",
    summary: "One message",
    query: FormatQuery::PARAMETERS,
    success: ok(
        "The message",
        Content::Listing(of::<Envelope<ShownMessage>>),
    ),
    refusals: &[Code::InvalidParameter, Code::NotFound, Code::Gone],
    ..NOTHING_BESIDE
};

pub(crate) const DELETE: Operation = Operation {
    id: "deleteMessage",
    tag: "messages",
    summary: "Take a message of yours back",
    description: "It can be done again.",
    success: Success {
        status: 204,
        ..ok("It is deleted", Content::Nothing)
    },
    refusals: &[Code::InvalidParameter, Code::Forbidden, Code::NotFound],
    ..NOTHING_BESIDE
};

pub(crate) const TREND: Operation = Operation {
    id: "countMessages",
    tag: "trends",
    summary: "How many messages in each bucket of time",
    description: "Without dates: 60 buckets up to now. At most 10,000 buckets.",
    query: TrendQuery::PARAMETERS,
    success: ok(
        "The buckets, oldest first",
        Content::Listing(of::<Envelope<Trends>>),
    ),
    refusals: &[Code::InvalidParameter],
    ..NOTHING_BESIDE
};

pub(crate) const HASHTAGS: Operation = Operation {
    id: "listHashtags",
    tag: "trends",
    summary: "The busiest hashtags",
    description: "Of the last 7 days, where no date says otherwise.",
    query: HashtagsQuery::PARAMETERS,
    success: ok("The hashtags", Content::Listing(of::<Envelope<Hashtags>>)),
    refusals: &[Code::InvalidParameter],
    ..NOTHING_BESIDE
};

pub(crate) const USERS: Operation = Operation {
    id: "listUsers",
    tag: "users",
    summary: "User names by prefix",
    query: UsersQuery::PARAMETERS,
    success: ok("The users", Content::Listing(of::<Envelope<Users>>)),
    refusals: &[Code::InvalidParameter],
    ..NOTHING_BESIDE
};

pub(crate) const WHOAMI: Operation = Operation {
    id: "whoami",
    tag: "users",
    summary: "Whom the token names",
    success: ok("The user", Content::Json(of::<Envelope<Whoami>>)),
    ..NOTHING_BESIDE
};

pub(crate) const HELP: Operation = Operation {
    id: "help",
    summary: "A help for people, with examples for curl",
    success: ok("The help", Content::Text),
    ..NOTHING_BESIDE
};

pub(crate) const OPENAPI: Operation = Operation {
    id: "openapi",
    summary: "This document",
    success: ok("OpenAPI 3.1", Content::Json(any_object)),
    ..NOTHING_BESIDE
};

pub(crate) const HEALTHZ: Operation = Operation {
    id: "healthz",
    summary: "Whether the process answers",
    success: ok("It does", Content::Json(of::<Envelope<Health>>)),
    ..NOTHING_BESIDE
};

pub(crate) const READYZ: Operation = Operation {
    id: "readyz",
    summary: "Whether the server can serve",
    success: ok(
        "It can: the store answers",
        Content::Json(of::<Envelope<Ready>>),
    ),
    refusals: &[Code::Unavailable],
    ..NOTHING_BESIDE
};
