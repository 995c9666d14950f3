//! Trends and the busiest hashtags, answered from counters.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{HashtagCount, HashtagsFilter, Series, TrendFilter};

/// Counts messages.
#[async_trait]
pub trait Counts: Send + Sync {
    /// One series for each hashtag of the filter, in its order, or one of all
    /// messages.
    async fn trend(&self, filter: &TrendFilter) -> Result<Vec<Series>, StoreError>;

    /// The same, perhaps as it was a moment ago, where the store was told to
    /// answer so: from a copy nearby. Says how long ago that is.
    async fn recent_trend(
        &self,
        filter: &TrendFilter,
    ) -> Result<(Vec<Series>, Option<Duration>), StoreError> {
        Ok((self.trend(filter).await?, None))
    }

    /// The busiest hashtags, busiest first, then by name.
    async fn hashtags(&self, filter: &HashtagsFilter) -> Result<Vec<HashtagCount>, StoreError>;
}
