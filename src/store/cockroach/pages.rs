//! Pages of messages. One name is one list, read from its end; names of which
//! one is enough are lists that are read beside each other, as one. Of several
//! such the sparsest leads: a part of it at a time, newest first, each of its
//! ids looked up in the others. So a page costs what the sparsest has between
//! its messages, whatever the others hold, and memory for itself.

use std::time::Instant;

use tokio_postgres::types::ToSql;

use crate::domain::{FeedFilter, FeedPage, Group, Hashtag, Message, StoreError, UserName};

use super::batch;
use super::conn::Params;
use super::pool::Readers;
use super::read::get;
use super::sql::{self, List, Parts};

/// How much of a list is looked through first, in pages.
const FIRST_PART: i64 = 4;
/// Each further part is so many times the one before it,
const GROWTH: i64 = 4;
/// and no longer than this: a statement ends in time to go on elsewhere.
const LONGEST_PART: i64 = 1 << 16;

/// A page of messages.
pub(super) async fn feed(readers: &Readers, filter: &FeedFilter) -> Result<FeedPage, StoreError> {
    let groups = groups(filter);
    let messages = match groups.as_slice() {
        [one_list] if filter.without.is_empty() && one_list.len() == 1 => {
            one(readers, filter, one_list[0]).await?
        }
        _ => Several::new(readers, filter, &groups).read().await?,
    };
    Ok(FeedPage::from_surplus(messages, filter.limit))
}

/// A list and whose it is.
type Named<'f> = (List, &'f str);

/// The groups of lists that a page's messages are all in, each once: in one
/// list of a group at least.
fn groups(filter: &FeedFilter) -> Vec<Vec<Named<'_>>> {
    let mut groups: Vec<Vec<Named<'_>>> = Vec::new();
    let mut users = None;
    for group in filter.groups() {
        match group {
            Group::Users(names) => {
                let names = names.iter().map(UserName::as_str);
                users = Some(names.map(|name| (List::User, name)).collect());
            }
            Group::Hashtags(tags) => {
                let tags = tags.iter().map(Hashtag::as_str);
                let group = tags.map(|tag| (List::Hashtag, tag)).collect();
                if !groups.contains(&group) {
                    groups.push(group);
                }
            }
        }
    }
    groups.extend(users);
    if groups.is_empty() {
        groups.push(vec![(List::All, "")]);
    }
    groups
}

async fn one(
    readers: &Readers,
    filter: &FeedFilter,
    (list, name): Named<'_>,
) -> Result<Vec<Message>, StoreError> {
    let (low, high) = filter.id_range();
    let (low, high) = (low.to_string(), high.to_string());
    let limit = filter.limit.get() as i64 + 1;
    let statement = sql::page(list);
    let mut params: Vec<&(dyn ToSql + Sync)> = vec![&low, &high, &limit];
    if list != List::All {
        params.push(&name);
    }
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
    groups: &'f [Vec<Named<'f>>],
    without: Vec<&'f str>,
    low: String,
    high: String,
    wanted: usize,
    part: i64,
    /// Which group leads, and whether the next part is its last.
    lead: usize,
    ends: bool,
    started: Instant,
}

impl<'f> Several<'f> {
    fn new(
        readers: &'f Readers,
        filter: &'f FeedFilter,
        groups: &'f [Vec<Named<'f>>],
    ) -> Several<'f> {
        let (low, high) = filter.id_range();
        let wanted = filter.limit.get() + 1;
        // What leads is the page, where nothing else is asked.
        let is_alone = groups.len() == 1 && filter.without.is_empty();
        let parts = if is_alone { 1 } else { FIRST_PART };
        Several {
            readers,
            groups,
            without: filter.without.iter().map(Hashtag::as_str).collect(),
            low: low.to_string(),
            high: high.to_string(),
            wanted,
            part: wanted as i64 * parts,
            lead: 0,
            ends: is_alone,
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
        let lead = &self.groups[self.lead];
        let mut parts = Parts {
            lead: kinds(lead),
            without: self.without.len(),
            ..Parts::default()
        };
        let (mut users, mut hashtags, mut any) = (Vec::new(), Vec::new(), Vec::new());
        let others = self.groups.iter().enumerate();
        for (_, group) in others.filter(|(number, _)| *number != self.lead) {
            match group.as_slice() {
                [(List::User, name)] => users.push(*name),
                [(_, name)] => hashtags.push(*name),
                several => {
                    let kind = several.first().map_or(List::All, |(list, _)| *list);
                    parts.any.push((kind, several.len()));
                    any.extend(several.iter().map(|(_, name)| *name));
                }
            }
        }
        (parts.user, parts.hashtags) = (!users.is_empty(), hashtags.len());
        let names = names_of(lead).chain(&users).chain(&hashtags);
        let names = names.chain(&any).chain(&self.without);
        let limit = limit as i64;
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![&self.low, &self.high, &self.part, &limit];
        params.extend(names.map(|name| name as &(dyn ToSql + Sync)));
        messages(self.readers, &sql::page_of_part(&parts), &params).await
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

    /// The last id of each group's part here, where the group goes so far.
    async fn ends_of_parts(&self) -> Result<Vec<Option<String>>, StoreError> {
        let groups: Vec<Vec<List>> = self.groups.iter().map(|group| kinds(group)).collect();
        let before = self.part - 1;
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![&self.low, &self.high, &before, &self.part];
        let names = self.groups.iter().flat_map(|group| names_of(group));
        params.extend(names.map(|name| name as &(dyn ToSql + Sync)));
        let what = "look for the sparsest list";
        let statement = sql::ends_of_parts(&groups);
        let mut ends = vec![None; self.groups.len()];
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

/// What the lists of a group are.
fn kinds(group: &[Named<'_>]) -> Vec<List> {
    group.iter().map(|(list, _)| *list).collect()
}

/// Whose they are; the list of all messages is nobody's.
fn names_of<'a, 'f>(group: &'a [Named<'f>]) -> impl Iterator<Item = &'a &'f str> {
    let named = group.iter().filter(|(list, _)| *list != List::All);
    named.map(|(_, name)| name)
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
            users: vec!["a".parse().unwrap()],
            hashtags: vec![tag.clone(), tag],
            ..FeedFilter::default()
        };
        let (tag, user) = ((List::Hashtag, "a"), (List::User, "a"));
        assert_eq!(groups(&filter), [[tag], [user]]);
    }
}
