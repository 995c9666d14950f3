//! Query strings: the parameters each path takes, read strictly and written
//! back. An unknown, repeated or empty parameter is an error that names it: a
//! typo must never widen a query.

use std::borrow::Cow;

use super::parameter::{Kind, Parameter};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What may stand unencoded in a query value.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b':')
    .remove(b'@');
/// More parameters than any honest query has.
const MAX_PARAMETERS: usize = 64;

/// Why a query string was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Not a parameter of this path.
    #[error("unknown query parameter {name:?}; this path takes {}", list(.known))]
    Unknown {
        /// As sent, shortened.
        name: String,
        /// What there is.
        known: &'static [&'static str],
    },
    /// Given twice where one is meant.
    #[error("the query parameter {0} is given more than once; give it once")]
    Repeated(&'static str),
    /// Given without a value.
    #[error("the query parameter {0} is empty; give it a value or leave it out")]
    Empty(&'static str),
    /// Not percent-encoded UTF-8.
    #[error("the query contains {0:?}, which is not percent-encoded UTF-8")]
    Encoding(String),
    /// More than any honest query has.
    #[error("the query has more than 64 parameters")]
    TooMany,
}

fn list(names: &[&str]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// Declares a query type: its parameters once, for reading and writing.
macro_rules! query {
    ($(#[$meta:meta])* $name:ident {
        $($(#[doc = $one_doc:literal])* $one:ident: $one_kind:ident,)*
        $(; $($(#[doc = $many_doc:literal])* $many:ident: $many_kind:ident),+ $(,)?)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[doc = $one_doc])* pub $one: Option<String>,)*
            $($($(#[doc = $many_doc])* pub $many: Vec<String>,)+)?
        }

        impl $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($one),)* $($(stringify!($many)),+)?];

            /// What there is to ask for.
            pub const PARAMETERS: &'static [Parameter] = &[
                $(Parameter {
                    name: stringify!($one),
                    about: concat!($($one_doc),*),
                    kind: Kind::$one_kind,
                    is_repeated: false,
                },)*
                $($(Parameter {
                    name: stringify!($many),
                    about: concat!($($many_doc),*),
                    kind: Kind::$many_kind,
                    is_repeated: true,
                }),+)?
            ];

            /// Reads a query string (without `?`).
            ///
            /// # Errors
            /// [`QueryError`] names the parameter at fault.
            pub fn parse(query: &str) -> Result<$name, QueryError> {
                let mut parsed = $name::default();
                for (name, value) in pairs(query)? {
                    match &*name {
                        $(stringify!($one) => {
                            let value = present(stringify!($one), value)?;
                            if parsed.$one.replace(value).is_some() {
                                return Err(QueryError::Repeated(stringify!($one)));
                            }
                        })*
                        $($(stringify!($many) => parsed.$many.push(present(stringify!($many), value)?),)+)?
                        _ => return Err(QueryError::Unknown { name: short(&name), known: Self::NAMES }),
                    }
                }
                Ok(parsed)
            }

            /// The query string (without `?`) that reads back as this.
            pub fn to_query_string(&self) -> String {
                let mut query = String::new();
                $(if let Some(value) = &self.$one { push(&mut query, stringify!($one), value); })*
                $($(self.$many.iter().for_each(|value| push(&mut query, stringify!($many), value));)+)?
                query
            }
        }
    };
}

query! {
    /// The parameters of `GET /debug/pprof/profile` on the admin listener.
    ProfileQuery {
        /// 1 to 60; 10 without it.
        seconds: ProfileSeconds,
        /// `pprof` or `svg`.
        format: ProfileFormat,
    }
}

query! {
    /// The parameters of `GET /message`.
    FeedQuery {
        /// Inclusive; moved back to a whole minute.
        from_date: Date,
        /// Exclusive; moved forward to a whole minute.
        to_date: EndDate,
        /// 1 to 1000.
        limit: PageSize,
        /// A ULID: older than it.
        cursor: Ulid,
        /// A ULID: newer than it, oldest first.
        after: Ulid,
        /// `true`: any of the hashtags, instead of all.
        any: Flag,
        /// One message by its id; goes with no other filter.
        ulid: Ulid,
        /// `json`, `text`, `csv` or `ndjson`, instead of `Accept`.
        format: Format,
        /// Columns of a `text` answer.
        width: Width,
        ; /// All of these, or any.
        hashtag: Hashtag,
        /// None of these.
        not_hashtag: Hashtag,
        /// Messages of any of these.
        user_name: UserName,
    }
}

query! {
    /// The parameters of `GET /message/stream`.
    StreamQuery {
        /// A ULID: what is newer than it.
        after: Ulid,
        /// Inclusive; moved back to a whole minute.
        from_date: Date,
        /// 0 to 1000 messages before those to come; 0.
        last: PageSizeOrNone,
        /// `true`: any of the hashtags, instead of all.
        any: Flag,
        /// `sse`, `ndjson` or `text`, instead of `Accept`.
        format: StreamFormat,
        ; /// All of these, or any.
        hashtag: Hashtag,
        /// None of these.
        not_hashtag: Hashtag,
        /// Messages of any of these.
        user_name: UserName,
    }
}

query! {
    /// The parameters of `GET /trend`.
    TrendQuery {
        /// Inclusive; moved back to a whole minute.
        from_date: Date,
        /// Exclusive; moved forward to a whole minute.
        to_date: EndDate,
        /// The width of a bucket.
        aggregation: Interval,
        /// The zone whose days, weeks, months and hours are meant; UTC.
        tz: Zone,
        /// `true`: empty buckets too.
        fill: Flag,
        /// `json`, `text`, `csv` or `ndjson`, instead of `Accept`.
        format: TrendFormat,
        /// Columns of a `text` answer.
        width: Width,
        ; /// One series each.
        hashtag: Hashtag
    }
}

query! {
    /// The parameters of `GET /trend/hashtags`.
    HashtagsQuery {
        /// Inclusive; moved back to a whole minute.
        from_date: Date,
        /// Exclusive; moved forward to a whole minute.
        to_date: EndDate,
        /// 1 to 1000.
        limit: PageSize,
        /// Only hashtags that start so.
        prefix: Hashtag,
        /// `json`, `text`, `csv` or `ndjson`, instead of `Accept`.
        format: Format,
        /// Columns of a `text` answer.
        width: Width,
    }
}

query! {
    /// The parameters of `GET /user`.
    UsersQuery {
        /// Only names that start so.
        prefix: UserNamePrefix,
        /// 1 to 1000.
        limit: PageSize,
        /// `json`, `text`, `csv` or `ndjson`, instead of `Accept`.
        format: Format,
        /// Columns of a `text` answer.
        width: Width,
    }
}

query! {
    /// The parameters of `GET /message/ULID`.
    FormatQuery {
        /// `json`, `text`, `csv` or `ndjson`, instead of `Accept`.
        format: Format,
        /// Columns of a `text` answer.
        width: Width,
    }
}

/// Refuses every parameter: for paths that take none.
///
/// # Errors
/// [`QueryError`] names the first parameter.
pub fn refuse_parameters(query: &str) -> Result<(), QueryError> {
    match pairs(query)?.first() {
        Some((name, _)) => Err(QueryError::Unknown {
            name: short(name),
            known: &[],
        }),
        None => Ok(()),
    }
}

/// A name and its value.
type Pair<'q> = (Cow<'q, str>, Cow<'q, str>);

fn pairs(query: &str) -> Result<Vec<Pair<'_>>, QueryError> {
    let mut pairs = Vec::new();
    let mut rest = query;
    while !rest.is_empty() {
        let (part, after) = cut(rest, b'&').unwrap_or((rest, ""));
        rest = after;
        if part.is_empty() {
            continue;
        }
        if pairs.len() == MAX_PARAMETERS {
            return Err(QueryError::TooMany);
        }
        let (name, value) = cut(part, b'=').unwrap_or((part, ""));
        pairs.push((decode(name)?, decode(value)?));
    }
    Ok(pairs)
}

/// What is before and behind the first of an ASCII character. Byte by byte:
/// parameters are short.
fn cut(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|byte| byte == separator)?;
    Some((&text[..at], &text[at + 1..]))
}

fn decode(text: &str) -> Result<Cow<'_, str>, QueryError> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Ok(Cow::Borrowed(text));
    }
    let refused = || QueryError::Encoding(short(text));
    // A stray % would be kept as it is by the decoder; it is a mistake.
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let digits = rest.get(at + 1..at + 3).ok_or_else(refused)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(refused());
        }
        rest = &rest[at + 3..];
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    let decoded = decoded.map_err(|_| refused())?;
    Ok(Cow::Owned(decoded.into_owned()))
}

fn present(name: &'static str, value: Cow<'_, str>) -> Result<String, QueryError> {
    if value.is_empty() {
        Err(QueryError::Empty(name))
    } else {
        Ok(value.into_owned())
    }
}

fn push(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(name);
    query.push('=');
    query.extend(utf8_percent_encode(value, VALUE));
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_typo_is_refused_by_name_and_never_widens_a_query() {
        let error = FeedQuery::parse("hastag=a").unwrap_err().to_string();
        assert!(
            error.contains("\"hastag\"") && error.contains("hashtag"),
            "{error}"
        );
        assert_eq!(
            FeedQuery::parse("limit=1&limit=2"),
            Err(QueryError::Repeated("limit"))
        );
        assert_eq!(
            FeedQuery::parse("user_name="),
            Err(QueryError::Empty("user_name"))
        );
        assert_eq!(
            FeedQuery::parse("any=true&any=true"),
            Err(QueryError::Repeated("any"))
        );
        assert_eq!(
            FeedQuery::parse("user_name"),
            Err(QueryError::Empty("user_name"))
        );
        assert!(matches!(
            FeedQuery::parse("hashtag=%zz"),
            Err(QueryError::Encoding(_))
        ));
        assert!(matches!(
            FeedQuery::parse("hashtag=%ff"),
            Err(QueryError::Encoding(_))
        ));
        assert!(matches!(
            refuse_parameters("x=1"),
            Err(QueryError::Unknown { .. })
        ));
        assert_eq!(
            FeedQuery::parse(&"hashtag=a&".repeat(65)),
            Err(QueryError::TooMany)
        );
    }

    #[test]
    fn names_repeat_and_a_plus_is_a_blank() {
        let query = FeedQuery::parse("user_name=b&not_hashtag=c&user_name=a").unwrap();
        assert_eq!(query.user_name, ["b", "a"]);
        assert_eq!(query.not_hashtag, ["c"]);
        let query =
            FeedQuery::parse("hashtag=a&hashtag=%23B&from_date=2019-01-01T00:00:00+02:00").unwrap();
        assert_eq!(query.hashtag, ["a", "#B"]);
        assert_eq!(
            query.from_date.as_deref(),
            Some("2019-01-01T00:00:00 02:00")
        );
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(query: String) {
            let _ = FeedQuery::parse(&query);
            let _ = TrendQuery::parse(&query);
        }

        #[test]
        fn what_is_written_reads_back(date in ".+", users in proptest::collection::vec(".+", 0..3), tags in proptest::collection::vec(".+", 0..5)) {
            let query = FeedQuery { from_date: Some(date), user_name: users, hashtag: tags, ..FeedQuery::default() };
            let written = query.to_query_string();
            prop_assert!(written.is_ascii());
            prop_assert_eq!(FeedQuery::parse(&written), Ok(query));
        }
    }
}
