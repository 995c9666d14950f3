//! What the hot store answers alone: counts, tokens, retention, the manifest,
//! its own state.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Archived;
use crate::domain::{
    ArchiveFile, ArchivedDay, Boundary, Counts, Day, Deleter, Deletion, HashtagCount,
    HashtagsFilter, Job, Lifecycle, Manifest, MessageId, NotReady, Record, Retention, Rule,
    SecretHash, Series, StoreError, Token, TokenId, Tokens, TrendFilter, Version, Warning,
};
use crate::metrics::Page;

#[async_trait]
impl Lifecycle for Archived {
    fn version(&self) -> Option<Version> {
        self.hot.version()
    }

    async fn check(&self) -> Result<Vec<Warning>, NotReady> {
        let mut warnings = self.hot.check().await?;
        let days = self.cold.problems.days();
        warnings.extend(days.into_iter().map(|day| Warning::Unreadable { day }));
        Ok(warnings)
    }

    fn jobs(&self) -> Vec<Job> {
        self.hot.jobs()
    }

    fn measure(&self, page: &mut Page) {
        self.hot.measure(page);
    }

    async fn close(&self) {
        self.hot.close().await;
    }
}

#[async_trait]
impl Counts for Archived {
    async fn trend(&self, filter: &TrendFilter) -> Result<Vec<Series>, StoreError> {
        self.hot.trend(filter).await
    }

    async fn recent_trend(
        &self,
        filter: &TrendFilter,
    ) -> Result<(Vec<Series>, Option<Duration>), StoreError> {
        self.hot.recent_trend(filter).await
    }

    async fn hashtags(&self, filter: &HashtagsFilter) -> Result<Vec<HashtagCount>, StoreError> {
        self.hot.hashtags(filter).await
    }
}

#[async_trait]
impl Tokens for Archived {
    async fn create_token(&self, token: Token, hash: SecretHash) -> Result<(), StoreError> {
        self.hot.create_token(token, hash).await
    }

    async fn token(&self, hash: SecretHash) -> Result<Option<Token>, StoreError> {
        self.hot.token(hash).await
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.hot.tokens().await
    }

    async fn revoke_token(
        &self,
        id: TokenId,
        now: DateTime<Utc>,
    ) -> Result<Option<Token>, StoreError> {
        self.hot.revoke_token(id, now).await
    }
}

#[async_trait]
impl Retention for Archived {
    async fn due(
        &self,
        rule: &Rule,
        after: Option<MessageId>,
        before: MessageId,
        limit: usize,
    ) -> Result<Vec<MessageId>, StoreError> {
        self.hot.due(rule, after, before, limit).await
    }

    async fn evict(&self, ids: Vec<MessageId>, by: Option<Rule>) -> Result<u64, StoreError> {
        self.hot.evict(ids, by).await
    }

    async fn boundaries(&self) -> Result<Vec<Boundary>, StoreError> {
        self.hot.boundaries().await
    }

    async fn lease(
        &self,
        work: &str,
        owner: &str,
        until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.hot.lease(work, owner, until).await
    }

    async fn release(&self, work: &str, owner: &str) -> Result<(), StoreError> {
        self.hot.release(work, owner).await
    }
}

#[async_trait]
impl Manifest for Archived {
    async fn identity(&self) -> Result<String, StoreError> {
        self.hot.identity().await
    }

    async fn archived_days(
        &self,
        from: Day,
        to: Day,
        limit: usize,
    ) -> Result<Vec<ArchivedDay>, StoreError> {
        self.hot.archived_days(from, to, limit).await
    }

    async fn begin_day(&self, day: Day) -> Result<ArchivedDay, StoreError> {
        self.hot.begin_day(day).await
    }

    async fn swap_day(
        &self,
        seen: &ArchivedDay,
        file: Option<&ArchiveFile>,
    ) -> Result<bool, StoreError> {
        self.hot.swap_day(seen, file).await
    }

    async fn forget_replaced(&self, day: Day, name: &str) -> Result<(), StoreError> {
        self.hot.forget_replaced(day, name).await
    }

    async fn unfinished_days(&self) -> Result<Vec<ArchivedDay>, StoreError> {
        self.hot.unfinished_days().await
    }

    async fn delete_archived(
        &self,
        records: Vec<Record>,
        deleter: Deleter,
        now: DateTime<Utc>,
    ) -> Result<Vec<Deletion>, StoreError> {
        self.hot.delete_archived(records, deleter, now).await
    }

    async fn deleted_of(&self, ids: Vec<MessageId>) -> Result<Vec<MessageId>, StoreError> {
        self.hot.deleted_of(ids).await
    }
}
