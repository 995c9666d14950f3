//! Puts the counters of past months together that several writers have counted
//! side by side: a year of a hashtag is then as many rows as it has days,
//! however many servers there were, and they lie side by side where a database
//! keeps rows in the order they came.
//!
//! Rests on *counters are the messages, counted*: what is added up stays what
//! it was. Imports count on in the slots of writers, beside what was put
//! together, until the next time.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::sync::oneshot;
use tokio_postgres::types::ToSql;
use tracing::{debug, info, warn};

use super::conn::{Conn, Params, column, locked};
use super::migrate::random_name;
use super::months::MONTH;
use super::pool::Readers;
use super::read::get;
use super::retention;
use super::retry::Failure;
use super::sql;
use super::task::Task;
use crate::domain::{Job, StoreError};
use crate::store::batch::{Queue, jitter, writer_gone};

/// The slot of counters that were put together, which no writer has.
const SLOT: i64 = -4;
/// How long a month has to be over: clocks differ, and posts may be under way.
const REST: i64 = 2 * 86_400;
/// The widths whose counters are put together. Of minutes there are too many,
/// and few are asked for at once.
const LEVELS: [i64; 2] = [3_600, 86_400];
/// What is put together at once, and so lies side by side: the hours of a day,
/// of which lists of its hashtags read all, and the days of a month.
const SPANS: [i64; 2] = [86_400, MONTH];
/// Between two looks.
const PERIOD: Duration = Duration::from_secs(60 * 60);
/// How long the work is one server's, which says so again after a third of it.
const LEASE: Duration = Duration::from_secs(90);
/// What the work is called.
const WORK: &str = "compact counters";
/// Series in one transaction: a single one, or up to so many.
const FEW: usize = 1;
const MANY: usize = 64;
/// Rows in one transaction, more only of a single series.
const ROWS: i64 = 2_000;
/// Series that are looked up at once.
const PAGE: i64 = 10_000;
/// Pages of a span, at most: the rest is for the next time.
const MOST_LOOKS: usize = 1_000;

/// Some series of a span.
pub(super) struct Part {
    level: i64,
    from: i64,
    before: i64,
    series: Vec<String>,
    /// What they have to count for it to be done.
    only_of: Option<i64>,
}

impl Part {
    fn new(level: i64, span: &Range<i64>, series: Vec<String>) -> Part {
        Part {
            level,
            from: span.start,
            before: span.end,
            series,
            only_of: None,
        }
    }

    /// What tells whether a month is done: the days of all messages.
    fn of_all(month: i64) -> Part {
        let [.., days] = LEVELS;
        Part::new(days, &(month..month + MONTH), vec![String::new()])
    }

    fn size(&self) -> usize {
        if self.series.len() <= FEW { FEW } else { MANY }
    }

    /// As a statement about its shards is asked: level, from, before, series.
    fn params(&self) -> Vec<&(dyn ToSql + Sync)> {
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![&self.level, &self.from, &self.before];
        // Again and again the last one: a name twice is one.
        let padded = self
            .series
            .iter()
            .chain(self.series.last().into_iter().cycle());
        params.extend(
            padded
                .take(self.size())
                .map(|name| name as &(dyn ToSql + Sync)),
        );
        params
    }
}

/// What the work needs.
pub(super) struct Compaction {
    readers: Arc<Readers>,
    queue: Arc<Queue<Task>>,
    owner: String,
    /// When it was last said that the work is this server's.
    leased: Mutex<Option<Instant>>,
}

/// Looks for something to do, `first` after its start and then every hour; one
/// server of a cluster at a time.
pub(super) fn job(readers: &Arc<Readers>, queue: &Arc<Queue<Task>>, first: Duration) -> Job {
    let compaction = Arc::new(Compaction::new(readers, queue));
    Job::new("compacting counters", move || {
        let compaction = compaction.clone();
        async move {
            let mut pause = first;
            loop {
                tokio::time::sleep(jitter(pause)).await;
                pause = PERIOD;
                if compaction.queue.is_closed() {
                    return;
                }
                match compaction.round().await {
                    Ok(0) => {}
                    Ok(rows) => info!(rows, "counters of past months are put together"),
                    Err(error) if compaction.queue.is_closed() => debug!(%error, "stopped"),
                    Err(error) => {
                        warn!(%error, "counters were not put together; tried again in an hour");
                    }
                }
            }
        }
    })
}

impl Compaction {
    pub(super) fn new(readers: &Arc<Readers>, queue: &Arc<Queue<Task>>) -> Compaction {
        Compaction {
            readers: readers.clone(),
            queue: queue.clone(),
            owner: random_name(),
            leased: Mutex::default(),
        }
    }

    /// Does what there is to do, if it is this server's to do; how many rows
    /// went.
    async fn round(&self) -> Result<u64, StoreError> {
        if !self.lease().await? {
            return Ok(0);
        }
        let done = self.before(Utc::now().timestamp() - REST).await;
        let released = retention::release(&self.readers, WORK, &self.owner).await;
        let rows = done?;
        released.map(|()| rows)
    }

    async fn lease(&self) -> Result<bool, StoreError> {
        let asked = Instant::now();
        let taken = retention::lease(&self.readers, WORK, &self.owner, Utc::now() + LEASE).await?;
        if taken {
            *locked(&self.leased) = Some(asked);
        }
        Ok(taken)
    }

    /// Puts the counters of months together that ended before a moment, in
    /// Unix seconds; how many rows went.
    pub(super) async fn before(&self, moment: i64) -> Result<u64, StoreError> {
        let end = moment - moment.rem_euclid(MONTH);
        let what = "look for counters to put together";
        // No message is older than the epoch.
        let params: Params<'_> = &[&0_i64, &end, &SLOT];
        let months = self.readers.query(what, &sql::SHARDED_MONTHS, params);
        let (mut gone, mut first_failure) = (0, Ok(()));
        for row in months.await? {
            match self.month(get(&row, 0)?).await {
                Ok(rows) => gone += rows,
                // The others are not kept from it.
                Err(error) => first_failure = first_failure.and(Err(error)),
            }
            self.extend().await?;
        }
        first_failure.map(|()| gone)
    }

    async fn month(&self, month: i64) -> Result<u64, StoreError> {
        let mut last = Part::of_all(month);
        last.only_of = Some(self.count(&last).await?);
        let mut gone = 0;
        for (level, span) in LEVELS.into_iter().zip(SPANS) {
            for from in (month..month + MONTH).step_by(span as usize) {
                gone += self.span(level, from..from + span).await?;
            }
        }
        // As long as this is to be done, so is the month: if something was
        // imported into it meanwhile, next time.
        Ok(gone + self.part(last).await?)
    }

    /// What writers count in a part.
    async fn count(&self, part: &Part) -> Result<i64, StoreError> {
        let statement = sql::shards(part.size());
        let what = "look for counters to put together";
        let params = part.params();
        let rows = self.readers.query(what, &statement, &params).await?;
        rows.iter().map(|row| get::<i64>(row, 2)).sum()
    }

    /// All series of a span, but not the days of all messages.
    async fn span(&self, level: i64, span: Range<i64>) -> Result<u64, StoreError> {
        let mut gone = 0;
        if level == LEVELS[0] {
            let all = vec![String::new()];
            gone += self.part(Part::new(level, &span, all)).await?;
        }
        for _ in 0..MOST_LOOKS {
            let params: Params<'_> = &[&level, &span.start, &span.end, &SLOT, &PAGE];
            let what = "look for counters to put together";
            let rows = self.readers.query(what, &sql::SHARDED_HASHTAGS, params);
            let rows = rows.await?;
            let named = rows.iter().map(|row| Ok((get(row, 0)?, get(row, 1)?)));
            let mut named: Vec<(String, i64)> = named.collect::<Result<_, StoreError>>()?;
            // Side by side as they are read.
            named.sort_unstable();
            for series in parts(named) {
                gone += self.part(Part::new(level, &span, series)).await?;
                self.extend().await?;
            }
            // What was put together is not found again.
            if (rows.len() as i64) < PAGE {
                break;
            }
        }
        Ok(gone)
    }

    /// Says from time to time that the work is this server's, where it is.
    async fn extend(&self) -> Result<(), StoreError> {
        let is_due = |leased: Instant| leased.elapsed() >= LEASE / 3;
        if !locked(&self.leased).is_some_and(is_due) || self.lease().await? {
            return Ok(());
        }
        let why = "the work was taken over by another server";
        Err(StoreError::Unavailable(why.to_owned()))
    }

    /// Hands a part to a writer, and then leaves the database to others for as
    /// long as it took.
    async fn part(&self, part: Part) -> Result<u64, StoreError> {
        let begun = Instant::now();
        let (reply, answer) = oneshot::channel();
        self.queue.hand(Task::Compact(part, reply)).await?;
        let gone = answer.await.map_err(|_| writer_gone())??;
        tokio::time::sleep(begun.elapsed()).await;
        Ok(gone)
    }
}

/// Series that fit into one transaction each time.
fn parts(named: Vec<(String, i64)>) -> Vec<Vec<String>> {
    let (mut parts, mut rows) = (Vec::<Vec<String>>::new(), 0);
    for (series, count) in named {
        rows += count;
        match parts.last_mut() {
            Some(part) if part.len() < MANY && rows <= ROWS => part.push(series),
            _ => {
                rows = count;
                parts.push(vec![series]);
            }
        }
    }
    parts
}

/// One attempt at a part, in one transaction; how many rows went.
pub(super) async fn attempt(conn: &Conn, part: &Part) -> Result<u64, Failure> {
    conn.batch(sql::BEGIN).await?;
    let params = part.params();
    let mut sums: BTreeMap<(String, i64), i64> = BTreeMap::new();
    for row in conn.query(&sql::shards(part.size()), &params).await? {
        let counter = (column(&row, 0)?, column(&row, 1)?);
        *sums.entry(counter).or_default() += column::<i64>(&row, 2)?;
    }
    if part
        .only_of
        .is_some_and(|count| count != sums.values().sum::<i64>())
    {
        conn.batch(sql::COMMIT).await?;
        return Ok(0);
    }
    let gone = conn
        .execute(&sql::drop_shards(part.size()), &params)
        .await?;
    let (counters, counts): (Vec<_>, Vec<i64>) = sums.into_iter().unzip();
    let (series, buckets): (Vec<String>, Vec<i64>) = counters.into_iter().unzip();
    let (levels, slots) = (vec![part.level; counts.len()], vec![SLOT; counts.len()]);
    let params: Params<'_> = &[&series, &levels, &buckets, &slots, &counts];
    conn.execute(&sql::ADD_COUNTS, params).await?;
    conn.batch(sql::COMMIT).await?;
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_few_series_and_few_rows_or_a_single_series() {
        let named = |counts: &[i64]| {
            let names = counts.iter().enumerate();
            names
                .map(|(n, count)| (format!("{n:02}"), *count))
                .collect()
        };
        let sizes = |counts: &[i64]| {
            let parts = parts(named(counts));
            parts.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&[30; 70]), [64, 6]);
        assert_eq!(sizes(&[9_000, 1, 1_999, 1, 1]), [1, 2, 2]);
    }
}
