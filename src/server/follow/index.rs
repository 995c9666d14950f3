//! Who wants a message: followers by what they ask for, so that a post looks
//! at those alone who may want it.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use crate::domain::{FollowFilter, Hashtag, Message, UserName};

/// The number of a follower.
pub(crate) type Id = u64;

/// Each follower in as few lists as will do: that of the first hashtag asked
/// for, or those of all where any is enough; else those of the users; else
/// that of those who want everything.
#[derive(Default)]
pub(crate) struct Index {
    hashtags: HashMap<Hashtag, HashSet<Id>>,
    users: HashMap<UserName, HashSet<Id>>,
    everything: HashSet<Id>,
}

/// The hashtags whose lists a follower is in.
fn hashtags(filter: &FollowFilter) -> &[Hashtag] {
    let most = if filter.any { usize::MAX } else { 1 };
    &filter.hashtags[..most.min(filter.hashtags.len())]
}

impl Index {
    pub(crate) fn insert(&mut self, filter: &FollowFilter, id: Id) {
        for tag in hashtags(filter) {
            self.hashtags.entry(tag.clone()).or_default().insert(id);
        }
        if !filter.hashtags.is_empty() {
            return;
        }
        for user in &filter.users {
            self.users.entry(user.clone()).or_default().insert(id);
        }
        if filter.users.is_empty() {
            self.everything.insert(id);
        }
    }

    pub(crate) fn remove(&mut self, filter: &FollowFilter, id: Id) {
        for tag in hashtags(filter) {
            take_out(&mut self.hashtags, tag, id);
        }
        for user in &filter.users {
            take_out(&mut self.users, user, id);
        }
        self.everything.remove(&id);
    }

    /// Those who may want a message, some of them twice; what else they ask for
    /// is not looked at.
    pub(crate) fn candidates(&self, message: &Message) -> impl Iterator<Item = Id> {
        let hashtags = message.hashtags.iter();
        let hashtags = hashtags.filter_map(|tag| self.hashtags.get(tag));
        let user = self.users.get(&message.user);
        let lists = hashtags.chain(user).chain([&self.everything]);
        lists.flatten().copied()
    }
}

fn take_out<K: Hash + Eq>(lists: &mut HashMap<K, HashSet<Id>>, name: &K, id: Id) {
    if let Some(list) = lists.get_mut(name) {
        list.remove(&id);
        if list.is_empty() {
            lists.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Draft, MessageId};

    fn filter(users: &[&str], hashtags: &[&str], any: bool) -> FollowFilter {
        FollowFilter {
            users: users.iter().map(|user| user.parse().unwrap()).collect(),
            hashtags: hashtags.iter().map(|tag| tag.parse().unwrap()).collect(),
            any,
            ..FollowFilter::default()
        }
    }

    #[test]
    fn all_who_may_want_a_message_are_found_and_few_others() {
        let filters = [
            filter(&[], &[], false),
            filter(&["ann", "eve"], &[], false),
            filter(&["bob"], &[], false),
            filter(&[], &["a", "b"], false),
            filter(&[], &["c"], false),
            filter(&["bob"], &["b"], false),
            filter(&[], &["a", "b", "c"], true),
        ];
        let mut index = Index::default();
        for (id, filter) in (0..).zip(&filters) {
            index.insert(filter, id);
        }
        let found = |index: &Index, user: &str, tags: &[&str]| {
            let draft = Draft::new(user.parse().unwrap(), "text".to_owned(), tags).unwrap();
            let message = draft.into_message(MessageId::MIN);
            let mut found: Vec<Id> = index.candidates(&message).collect();
            found.sort_unstable();
            found
        };
        assert_eq!(found(&index, "ann", &["a", "b"]), [0, 1, 3, 5, 6, 6]);
        assert_eq!(found(&index, "bob", &["c"]), [0, 2, 4, 6]);
        assert_eq!(found(&index, "eve", &[]), [0, 1]);
        for (id, filter) in (0..).zip(&filters) {
            index.remove(filter, id);
        }
        assert_eq!(found(&index, "ann", &["a", "b"]), [0; 0]);
        assert!(index.hashtags.is_empty() && index.users.is_empty());
    }
}
