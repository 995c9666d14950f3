//! Trends and the busiest hashtags, answered from counters.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{HashtagCount, HashtagsFilter, Series, TrendFilter};

/// Counts messages.
#[async_trait]
pub trait Counts: Send + Sync {
    /// One series for each hashtag of the filter, in its order, or one of all
    /// messages.
    async fn trend(&self, filter: &TrendFilter) -> Result<Vec<Series>, StoreError>;

    /// The busiest hashtags, busiest first, then by name.
    async fn hashtags(&self, filter: &HashtagsFilter) -> Result<Vec<HashtagCount>, StoreError>;
}
