//! Answers kept for those who ask the same again: dashboards that poll a
//! trend, terminals that follow a feed. An answer is given out again only
//! while the store says that nothing at all has changed since before it was
//! made, so it is never older than what was acknowledged.

use std::pin::Pin;

use bytes::Bytes;
use hyper::StatusCode;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::domain::{Asked, FeedFilter, HashtagsFilter, TrendFilter, Version};
use crate::server::Context;
use crate::server::error::ApiError;
use crate::server::handle::cold;
use crate::server::handle::format::Form;
use crate::server::response;
use crate::server::response::Answer;
use crate::server::response::body::AnswerBody;

/// All answers together, in bytes.
const BYTES: u64 = 16 * 1024 * 1024;
/// A longer answer is somebody's who copies everything, and would only push
/// out the others.
pub(crate) const LONGEST: u64 = 512 * 1024;
/// About what an answer has.
const USUAL: u64 = 4 * 1024;
/// What an answer takes beside its bytes.
const OVERHEAD: u64 = 512;

/// What was asked, with relative dates resolved.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    /// A page.
    Feed(FeedFilter),
    /// Counts, with or without the empty buckets.
    Trend(TrendFilter, bool),
    /// The busiest hashtags.
    Hashtags(HashtagsFilter),
}

/// JSON bodies by their questions, bounded in bytes.
pub(crate) struct Answers {
    held: Cache<Question, Held, Weight>,
    asked: Asked,
}

#[derive(Clone)]
struct Held {
    /// Of the store, before the answer was made.
    version: Version,
    body: Bytes,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Question, Held> for Weight {
    fn weight(&self, _: &Question, held: &Held) -> u64 {
        held.body.len() as u64 + OVERHEAD
    }
}

impl Default for Answers {
    fn default() -> Answers {
        let items = usize::try_from(BYTES / USUAL).unwrap_or(usize::MAX);
        Answers {
            held: Cache::with_weighter(items, BYTES, Weight),
            asked: Asked::default(),
        }
    }
}

impl Answers {
    /// The answer that is kept, of whatever version.
    fn find(&self, question: &Question) -> Option<Held> {
        self.held.get(question)
    }

    /// Whether a question without an answer was asked before.
    fn is_asked_again(&self, question: &Question) -> bool {
        self.asked.again(question)
    }

    /// Keeps an answer that was made after the store had this version.
    fn keep(&self, question: Question, version: Version, body: &Bytes) {
        if body.len() as u64 <= LONGEST {
            let body = body.clone();
            self.held.insert(question, Held { version, body });
        }
    }
}

/// Makes an answer.
pub(crate) type Making<'a> = Pin<Box<dyn Future<Output = Result<Answer, ApiError>> + Send + 'a>>;

/// The answer to a question: what is kept, or else what `make` makes. Only
/// JSON is kept; drawings depend on the time. What makes an answer is a large
/// future: it is not even begun where one is kept.
pub(crate) async fn answer<'a>(
    context: &Context,
    question: Question,
    form: Form,
    make: impl FnOnce() -> Making<'a>,
) -> Result<Answer, ApiError> {
    if !form.is_json() {
        return make().await;
    }
    let held = context.answers.find(&question);
    // Most questions are asked once: to keep their answers would push out the
    // others, and even to ask for the version costs a lock of the file.
    if held.is_none() && !context.answers.is_asked_again(&question) {
        return make().await;
    }
    // Before the answer is made: it may be newer than this, never older.
    let Some(version) = context.store.version() else {
        return make().await;
    };
    if let Some(held) = held.filter(|held| held.version == version) {
        let body = AnswerBody::shared(held.body);
        return Ok(response::of_type(StatusCode::OK, response::JSON, body));
    }
    let answer = make().await?;
    // What is made piece by piece is somebody's who copies everything, and what
    // is missing may be there the next time.
    let is_whole = !answer.headers().contains_key(cold::MISSING);
    if let Some(body) = answer.body().bytes().filter(|_| is_whole) {
        context.answers.keep(question, version, body);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_with_its_version_for_the_same_question_alone() {
        let answers = Answers::default();
        let feed = Question::Feed(FeedFilter::default());
        let other = Question::Feed(FeedFilter {
            users: vec!["ann".parse().unwrap()],
            ..FeedFilter::default()
        });
        let body = Bytes::from_static(b"{}");
        for version in [Version(1), Version(2)] {
            answers.keep(feed.clone(), version, &body);
            assert!(
                answers
                    .find(&feed)
                    .is_some_and(|held| held.version == version)
            );
        }
        assert!(answers.find(&other).is_none());
    }

    #[test]
    fn a_question_is_worth_an_answer_kept_from_the_second_time_on() {
        let answers = Answers::default();
        let feed = Question::Feed(FeedFilter::default());
        assert!(!answers.is_asked_again(&feed));
        assert!(answers.is_asked_again(&feed));
    }

    #[test]
    fn very_long_answers_are_not_kept() {
        let answers = Answers::default();
        let feed = Question::Feed(FeedFilter::default());
        for (length, kept) in [(LONGEST, true), (LONGEST + 1, false)] {
            let body = Bytes::from(vec![b'x'; length as usize]);
            let version = Version(length);
            answers.keep(feed.clone(), version, &body);
            let found = answers.find(&feed);
            assert_eq!(found.is_some_and(|held| held.version == version), kept);
        }
    }
}
