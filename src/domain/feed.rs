//! Which messages are asked for, and a page of them.

use chrono::{DateTime, Utc};

use super::trend::{minute_after, minute_of};
use super::{ColdRead, Hashtag, Message, MessageId, UserName};

/// How many messages a page holds: 1 to 1000, 100 when nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FeedLimit(u16);

impl FeedLimit {
    /// The largest page.
    pub const MAX: u16 = 1000;

    /// A page of `limit` messages, if there can be one.
    pub fn new(limit: u16) -> Option<FeedLimit> {
        (1..=Self::MAX).contains(&limit).then_some(FeedLimit(limit))
    }

    /// The number of messages.
    pub fn get(self) -> usize {
        self.0.into()
    }
}

impl Default for FeedLimit {
    fn default() -> Self {
        FeedLimit(100)
    }
}

/// All conditions hold at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct FeedFilter {
    /// At or after this moment.
    pub from: Option<DateTime<Utc>>,
    /// Before this moment.
    pub to: Option<DateTime<Utc>>,
    /// Older than this message.
    pub cursor: Option<MessageId>,
    /// Written by one of these; by anybody, where there are none.
    pub users: Vec<UserName>,
    /// Carrying all of these, or with `any` at least one.
    pub hashtags: Vec<Hashtag>,
    /// One of the hashtags is enough.
    pub any: bool,
    /// Carrying none of these.
    pub without: Vec<Hashtag>,
    /// At most so many, the newest ones.
    pub limit: FeedLimit,
}

/// Names of which a message must have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group<'f> {
    /// Its user is one of these.
    Users(&'f [UserName]),
    /// One of its hashtags is one of these.
    Hashtags(&'f [Hashtag]),
}

/// Why a filter cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// An empty or backward range.
    #[error("from_date {} is not before to_date {}; swap them or leave one out", .from.to_rfc3339(), .to.to_rfc3339())]
    EmptyRange {
        /// The start given.
        from: DateTime<Utc>,
        /// The end given.
        to: DateTime<Utc>,
    },
    /// More hashtags than a message can carry.
    #[error("{0} hashtags are asked for at once; a message has at most 16")]
    TooManyHashtags(usize),
    /// More names than are looked for at once.
    #[error("{0} {1} are named at once; name at most 16")]
    TooMany(usize, &'static str),
    /// One way to combine hashtags, and none.
    #[error("any=true says that one of several hashtags is enough, and no hashtag is given")]
    AnyOfNone,
    /// A hashtag that is asked for and excluded.
    #[error("#{0} is asked for and excluded; leave one of both out")]
    Contradiction(Hashtag),
}

impl FeedFilter {
    /// Moves the dates out to whole minutes, as every range, folds repeated
    /// names and refuses what no message can match.
    ///
    /// # Errors
    /// [`FilterError`] names the range, the hashtag or the number of names.
    pub fn checked(mut self) -> Result<FeedFilter, FilterError> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            return Err(FilterError::EmptyRange { from, to });
        }
        let edge = |seconds| DateTime::from_timestamp(seconds, 0);
        self.from = self.from.and_then(|from| edge(minute_of(from)));
        self.to = self.to.and_then(|to| edge(minute_after(to)));
        if self.any && self.hashtags.is_empty() {
            return Err(FilterError::AnyOfNone);
        }
        self.hashtags = each_once(self.hashtags);
        self.users = each_once(self.users);
        self.without = each_once(self.without);
        let (wanted, most) = (self.hashtags.len(), super::MAX_HASHTAGS);
        if wanted > most {
            return Err(match self.any {
                true => FilterError::TooMany(wanted, "hashtags"),
                false => FilterError::TooManyHashtags(wanted),
            });
        }
        if self.users.len() > most {
            return Err(FilterError::TooMany(self.users.len(), "users"));
        }
        if self.without.len() > most {
            let excluded = self.without.len();
            return Err(FilterError::TooMany(excluded, "excluded hashtags"));
        }
        self.any &= wanted > 1;
        if !self.any
            && let Some(tag) = self.hashtags.iter().find(|tag| self.without.contains(tag))
        {
            return Err(FilterError::Contradiction(tag.clone()));
        }
        Ok(self)
    }

    /// What a message must have: one name of each group.
    pub fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        let users = Some(Group::Users(&self.users)).filter(|_| !self.users.is_empty());
        let together = match self.any {
            true => self.hashtags.len().max(1),
            false => 1,
        };
        let hashtags = self.hashtags.chunks(together).map(Group::Hashtags);
        users.into_iter().chain(hashtags)
    }

    /// How many names it has, excluded ones among them.
    pub fn names(&self) -> usize {
        self.users.len() + self.hashtags.len() + self.without.len()
    }

    /// Dates and cursor as one range of ids: from the first (inclusive) to
    /// the second (exclusive).
    pub fn id_range(&self) -> (MessageId, MessageId) {
        let low = self.from.map_or(MessageId::MIN, MessageId::first_at);
        let to = self.to.map_or(MessageId::MAX, MessageId::first_at);
        let high = self.cursor.map_or(to, |cursor| cursor.min(to));
        (low, high)
    }
}

/// Messages, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedPage {
    /// At most as many as asked for.
    pub messages: Vec<Message>,
    /// Behind which id to go on, when more may follow: the last message's, or
    /// an older one where so long a way had nothing on it that the store
    /// stopped; then there are fewer messages than were asked for.
    pub next_cursor: Option<MessageId>,
    /// What of it came out of an archive.
    pub cold: ColdRead,
}

impl FeedPage {
    /// A page out of one message more than was asked for: the surplus one
    /// only says that there is another page.
    pub fn from_surplus(mut messages: Vec<Message>, limit: FeedLimit) -> FeedPage {
        let next_cursor = cut(&mut messages, limit).map(|last| last.id);
        FeedPage {
            messages,
            next_cursor,
            cold: ColdRead::default(),
        }
    }

    /// The same of ids alone: those of the page, and the next cursor.
    pub fn split_surplus(
        mut ids: Vec<MessageId>,
        limit: FeedLimit,
    ) -> (Vec<MessageId>, Option<MessageId>) {
        let next_cursor = cut(&mut ids, limit).copied();
        (ids, next_cursor)
    }
}

/// Without repetitions, in order.
fn each_once<T: PartialEq>(names: Vec<T>) -> Vec<T> {
    let mut seen = Vec::with_capacity(names.len());
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

/// Cuts the surplus off; the last item that is left, when there was any.
fn cut<T>(items: &mut Vec<T>, limit: FeedLimit) -> Option<&T> {
    let more = items.len() > limit.get();
    items.truncate(limit.get());
    items.last().filter(|_| more)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(names: &[&str]) -> Vec<Hashtag> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn of(hashtags: &[&str], any: bool, without: &[&str]) -> FeedFilter {
        FeedFilter {
            hashtags: tags(hashtags),
            any,
            without: tags(without),
            ..FeedFilter::default()
        }
    }

    #[test]
    fn what_no_message_can_match_is_refused() {
        let refused = |filter: FeedFilter| filter.checked().unwrap_err();
        assert_eq!(refused(of(&[], true, &[])), FilterError::AnyOfNone);
        let both = refused(of(&["a", "b"], false, &["b"]));
        assert_eq!(both, FilterError::Contradiction("b".parse().unwrap()));
        let one = refused(of(&["b"], true, &["b"]));
        assert_eq!(one, FilterError::Contradiction("b".parse().unwrap()));
        let names: Vec<String> = (0..17).map(|n| format!("t{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for (any, without) in [(false, &[][..]), (true, &[]), (false, &names[..])] {
            let hashtags = if without.is_empty() { &names[..] } else { &[] };
            let error = refused(of(hashtags, any, without)).to_string();
            assert!(error.contains("17"), "{error}");
        }
    }

    #[test]
    fn any_of_one_is_that_one_and_an_excluded_one_of_several_is_left_out() {
        let one = of(&["a", "A"], true, &[]).checked().unwrap();
        assert_eq!(one, of(&["a"], false, &[]));
        let some = of(&["a", "b"], true, &["b"]);
        assert_eq!(some.clone().checked().unwrap(), some);
    }

    #[test]
    fn users_are_one_group_and_hashtags_one_each_or_one_together() {
        let mut filter = of(&["a", "b"], false, &["c"]);
        filter.users = vec!["ann".parse().unwrap(), "bob".parse().unwrap()];
        let groups: Vec<_> = filter.groups().collect();
        let (a, b) = (&filter.hashtags[..1], &filter.hashtags[1..]);
        let users = Group::Users(&filter.users);
        assert_eq!(groups, [users, Group::Hashtags(a), Group::Hashtags(b)]);
        filter.any = true;
        filter.users.clear();
        let groups: Vec<_> = filter.groups().collect();
        assert_eq!(groups, [Group::Hashtags(&filter.hashtags)]);
    }
}
