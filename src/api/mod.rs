//! The wire: what server and client say to each other, in one place, so that
//! the two cannot drift apart.
//!
//! Every success is an [`Envelope`], every failure an [`ErrorBody`]. Query
//! strings are read and written by [`query`]; what is read most is written by
//! [`json`].

mod error;
pub mod json;
mod message;
pub mod parameter;
pub mod query;
pub mod schema;
mod stream;
pub mod time;
mod trend;

pub use error::{Code, ErrorBody};
pub use message::{
    FeedPage, Health, Message, Missing, PostBody, Ready, ShownMessage, User, Users, Whoami,
};
pub use parameter::Parameter;
pub use query::{
    FeedQuery, FormatQuery, HashtagsQuery, QueryError, StreamQuery, TrendQuery, UsersQuery,
};
pub use stream::{FollowPage, Gap, HEARTBEAT_HEADER, StreamEvent};
pub use trend::{HashtagCount, Hashtags, TrendBucket, Trends};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What every success is wrapped in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}Answer")]
pub struct Envelope<T> {
    /// The answer.
    pub data: T,
}
