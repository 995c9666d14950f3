//! Answers kept for those who ask the same again: dashboards that poll a
//! trend, terminals that follow a feed. An answer is given out again only
//! while the store says that nothing at all has changed since before it was
//! made, so it is never older than what was acknowledged.

use bytes::Bytes;
use http_body_util::Full;
use hyper::StatusCode;
use hyper::body::Body;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::Context;
use super::error::ApiError;
use super::format::Format;
use super::response::{self, Answer};
use crate::domain::{Asked, FeedFilter, HashtagsFilter, TrendFilter, Version};

/// All answers together, in bytes.
const BYTES: u64 = 16 * 1024 * 1024;
/// A longer answer is somebody's who copies everything, and would only push
/// out the others.
const LONGEST: u64 = 512 * 1024;
/// About what an answer has.
const USUAL: u64 = 4 * 1024;
/// What an answer takes beside its bytes.
const OVERHEAD: u64 = 512;

/// What was asked, with relative dates resolved.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Question {
    /// A page.
    Feed(FeedFilter),
    /// Counts, with or without the empty buckets.
    Trend(TrendFilter, bool),
    /// The busiest hashtags.
    Hashtags(HashtagsFilter),
}

/// JSON bodies by their questions, bounded in bytes.
pub(super) struct Answers {
    held: Cache<Question, Held, Weight>,
    asked: Asked,
}

#[derive(Clone)]
struct Held {
    /// Of the store, before the answer was made.
    version: Version,
    body: Full<Bytes>,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Question, Held> for Weight {
    fn weight(&self, _: &Question, held: &Held) -> u64 {
        length(&held.body) + OVERHEAD
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
    /// The answer, if the store has not changed since.
    fn find(&self, question: &Question, version: Version) -> Option<Full<Bytes>> {
        let held = self.held.get(question)?;
        (held.version == version).then_some(held.body)
    }

    /// Keeps an answer that was made after the store had this version, when
    /// it was asked for before.
    fn keep(&self, question: Question, version: Version, body: &Full<Bytes>) {
        if length(body) <= LONGEST && self.asked.again(&question) {
            let body = body.clone();
            self.held.insert(question, Held { version, body });
        }
    }
}

fn length(body: &Full<Bytes>) -> u64 {
    body.size_hint().lower()
}

/// The answer to a question: what is kept, or else what `make` makes. Only
/// JSON is kept; drawings depend on the time.
pub(super) async fn answer(
    context: &Context,
    question: Question,
    format: Format,
    make: impl Future<Output = Result<Answer, ApiError>>,
) -> Result<Answer, ApiError> {
    let version = match format {
        // Before the answer is made: it may be newer than this, never older.
        Format::Json => context.store.version(),
        Format::Text(_) | Format::Csv | Format::Ndjson => None,
    };
    let Some(version) = version else {
        return make.await;
    };
    if let Some(body) = context.answers.find(&question, version) {
        return Ok(response::json(StatusCode::OK, body));
    }
    let answer = make.await?;
    context.answers.keep(question, version, answer.body());
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_asked_for_twice_is_given_again_to_that_question_and_version_alone() {
        let answers = Answers::default();
        let feed = Question::Feed(FeedFilter::default());
        let body = Full::new(Bytes::from_static(b"{}"));
        for kept in [false, true] {
            answers.keep(feed.clone(), Version(1), &body);
            assert_eq!(answers.find(&feed, Version(1)).is_some(), kept);
        }
        assert!(answers.find(&feed, Version(2)).is_none());
        let other = Question::Feed(FeedFilter {
            user: "ann".parse().ok(),
            ..FeedFilter::default()
        });
        assert!(answers.find(&other, Version(1)).is_none());
    }

    #[test]
    fn very_long_answers_are_not_kept() {
        let answers = Answers::default();
        let feed = Question::Feed(FeedFilter::default());
        for (length, kept) in [(LONGEST, true), (LONGEST + 1, false)] {
            let body = Full::new(Bytes::from(vec![b'x'; length as usize]));
            let version = Version(length);
            for _ in 0..2 {
                answers.keep(feed.clone(), version, &body);
            }
            assert_eq!(answers.find(&feed, version).is_some(), kept);
        }
    }
}
