//! Messages, what a person sends to become one, and the record that import
//! and export carry.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Utc};
use sha2::{Digest, Sha256};

use super::hashtag::steps;
use super::ink::is_blank;
use super::{Hashtag, HashtagError, MessageId, UserName, hashtags_in_text, shown};

/// The longest text, in bytes of UTF-8.
pub const MAX_TEXT_BYTES: usize = 8 * 1024;
/// The most hashtags a message can have.
pub const MAX_HASHTAGS: usize = 16;

/// The text of a message: not blank, at most 8 KiB, no NUL. Kept exactly.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageText(Arc<str>);

/// Why a text cannot be a message's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing that can be seen.
    #[error("the text {} is blank; write something", shown(.0))]
    Blank(String),
    /// More than 8 KiB.
    #[error("the text has {0} bytes; at most 8192 are allowed")]
    TooLong(usize),
    /// U+0000, which PostgreSQL cannot store.
    #[error("the text contains the character U+0000 at byte {0}; leave it out")]
    Nul(usize),
}

impl MessageText {
    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, to be held on to without a copy.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// A text read back from a store that only holds parsed ones.
    pub fn from_stored(text: &str) -> MessageText {
        MessageText(text.into())
    }
}

impl TryFrom<String> for MessageText {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(TextError::TooLong(text.len()));
        }
        if is_blank(&text) {
            return Err(TextError::Blank(text));
        }
        if let Some(at) = text.find('\0') {
            return Err(TextError::Nul(at));
        }
        Ok(MessageText(text.into()))
    }
}

/// A stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id; its time is the message's `created_at`.
    pub id: MessageId,
    /// Who wrote it.
    pub user: UserName,
    /// What was written.
    pub text: MessageText,
    /// Each once, in the order they were given.
    pub hashtags: Vec<Hashtag>,
}

impl Message {
    /// When the message was taken in.
    pub fn created_at(&self) -> DateTime<Utc> {
        self.id.created_at()
    }

    /// Whether another message says the same: all but the id.
    pub fn same_content(&self, other: &Message) -> bool {
        self.user == other.user
            && self.text == other.text
            && same_hashtags(&self.hashtags, &other.hashtags, self.text.as_str())
    }
}

/// Whether two lists say the same beside one text. Another version of the
/// program may have seen fewer of the hashtags that are written inside it.
fn same_hashtags(one: &[Hashtag], other: &[Hashtag], text: &str) -> bool {
    if one == other {
        return true;
    }
    let written = hashtags_in_text(text);
    let said = |tag: &&Hashtag| !written.contains(tag);
    let one_said = one.iter().filter(|tag| other.contains(tag) || said(tag));
    one_said.eq(other.iter().filter(|tag| one.contains(tag) || said(tag)))
}

/// A client's name for one post, so that a retry is not a second message:
/// 1 to 128 visible ASCII characters, per user.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Box<str>);

/// Not an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the Idempotency-Key {} is not 1 to 128 visible ASCII characters", shown(.0))]
pub struct KeyError(String);

impl IdempotencyKey {
    /// The key as sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fits {
            Ok(IdempotencyKey(text.into()))
        } else {
            Err(KeyError(text.to_owned()))
        }
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A message on its way in: everything but the id, which the writer assigns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Who writes.
    pub user: UserName,
    /// What is written.
    pub text: MessageText,
    /// Those given and those found in the text, each once.
    pub hashtags: Vec<Hashtag>,
    /// Set by clients that may send the same post again.
    pub idempotency_key: Option<IdempotencyKey>,
}

/// Why something cannot become a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// The text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// One of the hashtags.
    #[error(transparent)]
    Hashtag(#[from] HashtagError),
    /// More than 16 are given.
    #[error("{0} hashtags are given; a message has at most 16")]
    TooManyHashtags(usize),
}

impl Draft {
    /// Checks a text and the hashtags given beside it, and adds the hashtags
    /// written inside the text, as many as a message can have.
    ///
    /// # Errors
    /// The first fault found, as a sentence. What is written inside the text
    /// is none.
    pub fn new<S: AsRef<str>>(
        user: UserName,
        text: String,
        given: &[S],
    ) -> Result<Draft, DraftError> {
        let text = MessageText::try_from(text)?;
        let mut hashtags = distinct(given)?;
        for tag in hashtags_in_text(text.as_str()) {
            if hashtags.len() == MAX_HASHTAGS {
                break;
            }
            if !hashtags.contains(&tag) {
                hashtags.push(tag);
            }
        }
        Ok(Draft {
            user,
            text,
            hashtags,
            idempotency_key: None,
        })
    }

    /// The message this becomes under an id.
    pub fn into_message(self, id: MessageId) -> Message {
        Message {
            id,
            user: self.user,
            text: self.text,
            hashtags: self.hashtags,
        }
    }

    /// Whether a stored message is what this would have become.
    pub fn matches(&self, message: &Message) -> bool {
        self.user == message.user
            && self.text == message.text
            && same_hashtags(&self.hashtags, &message.hashtags, self.text.as_str())
    }

    /// The id of this message when it was written at `created_at` and came
    /// without an id: the same content, time and key give the same id, so the
    /// same line is the same message however often it is imported.
    pub fn derived_id(&self, created_at: DateTime<Utc>) -> MessageId {
        let mut hash = Sha256::new();
        // Every part is preceded by its length: no two contents share bytes.
        let mut part = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        };
        part(self.user.as_str());
        part(self.text.as_str());
        self.hashtags.iter().for_each(|tag| part(tag.as_str()));
        hash.update(created_at.timestamp_millis().to_be_bytes());
        if let Some(key) = &self.idempotency_key {
            hash.update(key.as_str());
        }
        let digest = hash.finalize();
        let random = digest[..16]
            .iter()
            .fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
        MessageId::from_parts(created_at.timestamp_millis(), random)
    }
}

/// Hashtags, each once, in their order.
fn distinct<S: AsRef<str>>(given: &[S]) -> Result<Vec<Hashtag>, DraftError> {
    let mut hashtags: Vec<Hashtag> = Vec::with_capacity(given.len().min(MAX_HASHTAGS));
    // Of those that are too many only the number is wanted.
    let mut more = HashSet::new();
    for tag in given {
        let tag: Hashtag = tag.as_ref().parse()?;
        steps::count(hashtags.len());
        if hashtags.contains(&tag) {
            continue;
        }
        match hashtags.len() < MAX_HASHTAGS {
            true => hashtags.push(tag),
            false => drop(more.insert(tag)),
        }
    }
    match more.len() {
        0 => Ok(hashtags),
        more => Err(DraftError::TooManyHashtags(MAX_HASHTAGS + more)),
    }
}

/// A message with all that import and export carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The message, its id included.
    pub message: Message,
    /// The key it was posted under.
    pub idempotency_key: Option<IdempotencyKey>,
}

/// Why a record cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The id's time is not the record's.
    #[error("the id {id} says {}, created_at says {}; leave one of them out or make them agree", .id.created_at().to_rfc3339(), .created_at.to_rfc3339())]
    TimeMismatch {
        /// The id given.
        id: MessageId,
        /// The time given.
        created_at: DateTime<Utc>,
    },
    /// No id, or no date on the wire, is before 1970 or after 9999.
    #[error("created_at {} is outside what a message can have, the years 1970 to 9999", .0.to_rfc3339())]
    OutOfRange(DateTime<Utc>),
}

/// The last year of a message.
const LAST_YEAR: i32 = 9999;

impl Record {
    /// A draft with its time, and its id where it has one. The time may be in
    /// the future: posts are dated by the clock all the same.
    ///
    /// # Errors
    /// The time cannot be that of a message, or contradicts the id.
    pub fn new(
        draft: Draft,
        id: Option<MessageId>,
        created_at: DateTime<Utc>,
    ) -> Result<Record, RecordError> {
        let id = id.unwrap_or_else(|| draft.derived_id(created_at));
        if created_at.timestamp_millis() < 0 || created_at.year() > LAST_YEAR {
            return Err(RecordError::OutOfRange(created_at));
        }
        if id.millis() != created_at.timestamp_millis() {
            return Err(RecordError::TimeMismatch { id, created_at });
        }
        let idempotency_key = draft.idempotency_key.clone();
        Ok(Record {
            message: draft.into_message(id),
            idempotency_key,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn draft_of(text: &str, tags: &[String]) -> Result<Draft, DraftError> {
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        draft(text, &tags)
    }

    fn draft(text: &str, tags: &[&str]) -> Result<Draft, DraftError> {
        Draft::new("ann".parse().unwrap(), text.to_owned(), tags)
    }

    #[test]
    fn hashtags_are_folded_once_each_in_the_order_given() {
        let draft = draft("go #C and #b", &["B", "#a", "b"]).unwrap();
        let names: Vec<_> = draft.hashtags.iter().map(Hashtag::as_str).collect();
        assert_eq!(names, ["b", "a", "c"]);
    }

    #[test]
    fn blank_oversize_and_nul_texts_are_refused() {
        assert!(matches!(
            draft(" \n\u{3000}", &[]),
            Err(DraftError::Text(TextError::Blank(_)))
        ));
        assert!(matches!(
            draft("a\0", &[]),
            Err(DraftError::Text(TextError::Nul(1)))
        ));
        assert!(draft(&"x".repeat(MAX_TEXT_BYTES), &[]).is_ok());
        assert_eq!(
            draft(&"x".repeat(MAX_TEXT_BYTES + 1), &[]),
            Err(DraftError::Text(TextError::TooLong(8193)))
        );
    }

    #[test]
    fn seventeen_hashtags_given_are_too_many_and_repeats_count_once() {
        let mut given: Vec<String> = (0..16).map(|n| format!("t{n}")).collect();
        given.push("T3".to_owned());
        assert_eq!(draft_of("no more", &given).unwrap().hashtags.len(), 16);
        given.push("one".to_owned());
        let error = draft_of("no more", &given).unwrap_err();
        assert_eq!(error, DraftError::TooManyHashtags(17));
        given.extend((0..5_000).map(|n| format!("t{n}")));
        let error = draft_of("no more", &given).unwrap_err();
        assert_eq!(error, DraftError::TooManyHashtags(5_001));
    }

    #[test]
    fn hashtags_inside_a_text_never_refuse_it() {
        let given: Vec<String> = (0..15).map(|n| format!("t{n}")).collect();
        let draft = draft_of("#t3 #one #more", &given).unwrap();
        assert_eq!(draft.hashtags.len(), 16);
        assert_eq!(draft.hashtags[15].as_str(), "one");
        for text in [
            "#محمد_ﷺ".to_owned(),
            "#½price #coŀlegi #⑴テスト".to_owned(),
            format!("see #{}", "x".repeat(65)),
            "#\u{3164} #\u{202e}a #\u{301}".to_owned(),
        ] {
            assert_eq!(draft_of(&text, &[]).unwrap().text.as_str(), text);
        }
    }

    #[test]
    fn a_hashtag_given_costs_the_same_however_many_there_are() {
        let given = |most| (0..most).map(|n| format!("t{n}")).collect::<Vec<_>>();
        let (few, many) = (given(1_000), given(16_000));
        let steps = |given: &[String]| steps::of(|| draft_of("text", given).is_err());
        assert!(steps(&many) <= 17 * steps(&few));
    }

    proptest! {
        #[test]
        fn a_text_is_refused_for_itself_alone(text: String) {
            let refused = draft_of(&text, &[]).err();
            prop_assert!(matches!(refused, None | Some(DraftError::Text(_))));
        }
    }

    #[test]
    fn a_message_is_the_same_if_fewer_hashtags_were_seen_inside_its_text() {
        let text = "#a see „#b“ #c";
        let seen = draft(text, &["x", "b"]).unwrap();
        let id = MessageId::MIN;
        let with = |tags: &[&str]| Message {
            hashtags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
            ..seen.clone().into_message(id)
        };
        for (tags, same) in [
            (&["x", "b", "a", "c"][..], true),
            (&["x", "a", "c"], true),
            (&["x"], true),
            (&["b", "x", "a", "c"], false),
            (&["a", "b", "c"], false),
            (&["x", "b", "a", "c", "d"], false),
        ] {
            assert_eq!(seen.matches(&with(tags)), same, "{tags:?}");
            let message = seen.clone().into_message(id);
            assert_eq!(with(tags).same_content(&message), same, "{tags:?}");
        }
    }

    #[test]
    fn a_derived_id_depends_on_all_of_the_content_and_on_nothing_else() {
        let at = DateTime::from_timestamp(1_500_000_000, 0).unwrap();
        let id = draft("text", &["a"]).unwrap().derived_id(at);
        assert_eq!(id, draft("text", &["#A"]).unwrap().derived_id(at));
        assert_ne!(id, draft("texta", &[]).unwrap().derived_id(at));
        assert_ne!(id, draft("text", &[]).unwrap().derived_id(at));
        assert_eq!(id.created_at(), at);
    }
}
