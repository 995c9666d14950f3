//! Trends on the wire.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The answer to `GET /trend`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trends {
    /// Oldest first; in each bucket, hashtags in the order asked for.
    pub trends: Vec<TrendBucket>,
}

/// Messages in one bucket of one series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrendBucket {
    /// Inclusive, to the second.
    #[serde(with = "super::time::seconds")]
    #[schemars(with = "DateTime<Utc>")]
    pub from_date: DateTime<Utc>,
    /// Exclusive, to the second.
    #[serde(with = "super::time::seconds")]
    #[schemars(with = "DateTime<Utc>")]
    pub to_date: DateTime<Utc>,
    /// How many.
    pub count: u64,
    /// The series, only when hashtags were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub hashtag: Option<Arc<str>>,
}

/// The answer to `GET /trend/hashtags`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hashtags {
    /// Busiest first, then by name.
    pub hashtags: Vec<HashtagCount>,
}

/// How often a hashtag was used in a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HashtagCount {
    /// Without `#`.
    pub hashtag: String,
    /// Messages that carry it.
    pub count: u64,
}
