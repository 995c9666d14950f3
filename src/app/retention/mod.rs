//! Keeping messages for as long as the settings say, and no longer: a job of
//! `dunder serve` that one server of a cluster runs at a time, and the same
//! once, for the operator.

mod job;

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::domain::{MessageId, Rule, Store, StoreError};

pub(crate) use job::job;

/// Messages evicted in one transaction: posts wait for it.
const STEP: usize = 200;
/// Ids counted at once.
const PAGE: usize = 10_000;
/// Ages are in whole minutes, as all that is counted.
const MINUTE: i64 = 60_000;

/// A rule, and up to where it evicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    /// Which messages.
    pub(crate) rule: Rule,
    /// How long they are kept.
    pub(crate) kept: Duration,
    /// Older ones go.
    pub(crate) before: MessageId,
}

/// What a rule would evict, or did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Messages.
    pub(crate) messages: u64,
    /// The first and the last of them.
    pub(crate) range: Option<(MessageId, MessageId)>,
}

impl Count {
    fn add(&mut self, ids: &[MessageId], messages: u64) {
        if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
            let from = self.range.map_or(*first, |(from, _)| from);
            self.range = Some((from, *last));
        }
        self.messages += messages;
    }
}

impl Due {
    /// The rules at a moment.
    pub(crate) fn at(rules: &[(Rule, Duration)], now: DateTime<Utc>) -> Vec<Due> {
        let due = |(rule, kept): &(Rule, Duration)| {
            let kept_millis = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
            let millis = now.timestamp_millis().saturating_sub(kept_millis).max(0);
            Due {
                rule: rule.clone(),
                kept: *kept,
                before: MessageId::from_parts(millis - millis % MINUTE, 0),
            }
        };
        rules.iter().map(due).collect()
    }

    /// What it would evict behind an id.
    pub(crate) async fn count(
        &self,
        store: &dyn Store,
        mut after: Option<MessageId>,
    ) -> Result<Count, StoreError> {
        let mut count = Count::default();
        loop {
            let ids = store.due(&self.rule, after, self.before, PAGE).await?;
            count.add(&ids, ids.len() as u64);
            if ids.len() < PAGE {
                return Ok(count);
            }
            after = ids.last().copied();
        }
    }

    /// Evicts some of what there is behind an id, which moves on; whether there
    /// was any.
    pub(crate) async fn step(
        &self,
        store: &dyn Store,
        after: &mut Option<MessageId>,
        count: &mut Count,
    ) -> Result<bool, StoreError> {
        let ids = store.due(&self.rule, *after, self.before, STEP).await?;
        let Some(last) = ids.last().copied() else {
            return Ok(false);
        };
        let begun = Instant::now();
        let evicted = store.evict(ids.clone(), Some(self.rule.clone())).await?;
        count.add(&ids, evicted);
        *after = Some(last);
        // As much time for posts.
        tokio::time::sleep(begun.elapsed()).await;
        Ok(true)
    }
}

/// Behind which id a rule has something to evict that was not here before, as
/// far as it is known.
pub(crate) async fn evicted_up_to(
    store: &dyn Store,
    rule: &Rule,
) -> Result<Option<MessageId>, StoreError> {
    let boundaries = store.boundaries().await?;
    let mut of_rule = boundaries.iter().filter(|one| one.rule == *rule);
    Ok(of_rule.next().map(|one| one.last))
}
