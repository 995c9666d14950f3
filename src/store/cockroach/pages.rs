//! Pages of messages. One filter is one list, read from its end. With several
//! the sparsest list leads: a part of it at a time, newest first, each of its
//! ids looked up in the others. So a page costs what the sparsest list has
//! between its messages, whatever the others hold, and memory for itself.

use std::time::Instant;

use tokio_postgres::types::ToSql;

use crate::domain::{FeedFilter, FeedPage, Hashtag, Message, StoreError, UserName};

use super::batch;
use super::conn::Params;
use super::pool::Readers;
use super::read::get;
use super::sql::{self, List};

/// How much of a list is looked through first, in pages.
const FIRST_PART: i64 = 4;
/// Each further part is so many times the one before it,
const GROWTH: i64 = 4;
/// and no longer than this: a statement ends in time to go on elsewhere.
const LONGEST_PART: i64 = 1 << 16;

/// A page of messages.
pub(super) async fn feed(readers: &Readers, filter: &FeedFilter) -> Result<FeedPage, StoreError> {
    let lists = lists(filter);
    let messages = match lists.as_slice() {
        [] => one(readers, filter, None).await?,
        [list] => one(readers, filter, Some(*list)).await?,
        several => Several::new(readers, filter, several).read().await?,
    };
    Ok(FeedPage::from_surplus(messages, filter.limit))
}

/// A list and whose it is.
type Named<'f> = (List, &'f str);

/// The lists that a page's messages are all in, each once.
fn lists(filter: &FeedFilter) -> Vec<Named<'_>> {
    let user = filter.user.as_ref().map(UserName::as_str);
    let mut lists: Vec<Named<'_>> = Vec::new();
    for tag in filter.hashtags.iter().map(Hashtag::as_str) {
        if !lists.contains(&(List::Hashtag, tag)) {
            lists.push((List::Hashtag, tag));
        }
    }
    lists.extend(user.map(|user| (List::User, user)));
    lists
}

async fn one(
    readers: &Readers,
    filter: &FeedFilter,
    list: Option<Named<'_>>,
) -> Result<Vec<Message>, StoreError> {
    let (low, high) = filter.id_range();
    let (low, high) = (low.to_string(), high.to_string());
    let limit = filter.limit.get() as i64 + 1;
    let statement = sql::page(list.map_or(List::All, |(list, _)| list));
    let mut params: Vec<&(dyn ToSql + Sync)> = vec![&low, &high, &limit];
    params.extend(list.iter().map(|(_, name)| name as &(dyn ToSql + Sync)));
    messages(readers, &statement, &params).await
}

async fn messages(
    readers: &Readers,
    statement: &sql::Sql,
    params: Params<'_>,
) -> Result<Vec<Message>, StoreError> {
    let rows = readers.query("read a page", statement, params).await?;
    let messages = rows.iter().map(|row| batch::message(row, 0));
    Ok(messages.collect::<Result<_, _>>()?)
}

/// A page of what is in several lists.
struct Several<'f> {
    readers: &'f Readers,
    lists: &'f [Named<'f>],
    low: String,
    high: String,
    wanted: usize,
    part: i64,
    /// Which list leads, and whether the next part is its last.
    lead: usize,
    ends: bool,
    started: Instant,
}

impl<'f> Several<'f> {
    fn new(readers: &'f Readers, filter: &FeedFilter, lists: &'f [Named<'f>]) -> Several<'f> {
        let (low, high) = filter.id_range();
        let wanted = filter.limit.get() + 1;
        Several {
            readers,
            lists,
            low: low.to_string(),
            high: high.to_string(),
            wanted,
            part: wanted as i64 * FIRST_PART,
            lead: 0,
            ends: false,
            started: Instant::now(),
        }
    }

    async fn read(mut self) -> Result<Vec<Message>, StoreError> {
        let mut found = self.read_part(self.wanted).await?;
        while found.len() < self.wanted
            && self.advance(found.last().map(|m| m.id.to_string())).await?
        {
            found.extend(self.read_part(self.wanted - found.len()).await?);
        }
        Ok(found)
    }

    async fn read_part(&self, limit: usize) -> Result<Vec<Message>, StoreError> {
        let (lead, name) = self.lists[self.lead];
        let others = self.lists.iter().filter(|list| **list != (lead, name));
        let of = |wanted: List| {
            let of_list = others.clone().filter(move |(list, _)| *list == wanted);
            of_list.map(|(_, name)| *name).collect::<Vec<&str>>()
        };
        let (users, hashtags) = (of(List::User), of(List::Hashtag));
        let limit = limit as i64;
        let mut params: Vec<&(dyn ToSql + Sync)> =
            vec![&self.low, &self.high, &self.part, &limit, &name];
        let others = users.iter().chain(&hashtags);
        params.extend(others.map(|name| name as &(dyn ToSql + Sync)));
        let statement = sql::page_of_part(lead, !users.is_empty(), hashtags.len());
        messages(self.readers, &statement, &params).await
    }

    /// Goes on to the next part, below the `last` message that was found and
    /// led by whatever list is the sparsest here; false at the end.
    async fn advance(&mut self, last: Option<String>) -> Result<bool, StoreError> {
        if self.ends {
            return Ok(false);
        }
        if self.started.elapsed() > self.readers.limit() {
            let why = "a page of several filters took too long";
            return Err(StoreError::TooSlow(why.to_owned()));
        }
        let ends = self.ends_of_parts().await?;
        match &ends[self.lead] {
            Some(end) => self.high = start_of_next(end, last),
            None => return Ok(false),
        }
        self.lead = sparsest(&ends);
        self.ends = ends[self.lead].is_none();
        self.part = (self.part * GROWTH).min(LONGEST_PART.max(self.part));
        Ok(true)
    }

    /// The last id of each list's part here, where the list goes so far.
    async fn ends_of_parts(&self) -> Result<Vec<Option<String>>, StoreError> {
        let kinds: Vec<List> = self.lists.iter().map(|(list, _)| *list).collect();
        let before = self.part - 1;
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![&self.low, &self.high, &before];
        params.extend(
            self.lists
                .iter()
                .map(|(_, name)| name as &(dyn ToSql + Sync)),
        );
        let what = "look for the sparsest list";
        let statement = sql::ends_of_parts(&kinds);
        let mut ends = vec![None; self.lists.len()];
        for row in &self.readers.query(what, &statement, &params).await? {
            let number: i64 = get(row, 0)?;
            let end = usize::try_from(number).ok().and_then(|n| ends.get_mut(n));
            if let Some(end) = end {
                *end = Some(get(row, 1)?);
            }
        }
        Ok(ends)
    }
}

/// Where the part after one goes on, whose end was counted as `end` and whose
/// last message that is in all lists is `last`. It is counted after the part
/// was read: with what was posted in between it is further up, and what was
/// found already would be found again.
fn start_of_next(end: &str, last: Option<String>) -> String {
    match last {
        Some(last) if last.as_str() < end => last,
        _ => end.to_owned(),
    }
}

/// The list whose part reaches furthest back; one that ends before the part
/// does is the sparsest of all.
fn sparsest(ends: &[Option<String>]) -> usize {
    let first = ends.iter().enumerate().min_by(|(_, a), (_, b)| a.cmp(b));
    first.map_or(0, |(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_that_ends_or_reaches_furthest_back_leads() {
        let end = |id: &str| Some(id.to_owned());
        assert_eq!(sparsest(&[end("3"), end("1"), end("2")]), 1);
        assert_eq!(sparsest(&[end("3"), end("1"), None]), 2);
    }

    #[test]
    fn the_next_part_begins_below_all_that_was_found() {
        let found = |id: &str| Some(id.to_owned());
        assert_eq!(start_of_next("5", None), "5");
        assert_eq!(start_of_next("5", found("7")), "5");
        // Posts came in after the part was read.
        assert_eq!(start_of_next("5", found("3")), "3");
    }

    #[test]
    fn a_list_that_is_named_twice_is_one() {
        let tag: Hashtag = "a".parse().unwrap();
        let filter = FeedFilter {
            user: Some("a".parse().unwrap()),
            hashtags: vec![tag.clone(), tag],
            ..FeedFilter::default()
        };
        assert_eq!(lists(&filter), [(List::Hashtag, "a"), (List::User, "a")]);
    }
}
