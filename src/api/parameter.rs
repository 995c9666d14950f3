//! What is said of a parameter of a query where the API is described.

/// A parameter, for those who describe the API.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name in a query.
    pub name: &'static str,
    /// What it does, from the comment at its field.
    pub about: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Whether it may be given more than once.
    pub is_repeated: bool,
}

/// What the value of a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// [`crate::domain::parse_date`].
    Date,
    /// A later one.
    EndDate,
    /// [`crate::domain::FeedLimit`].
    PageSize,
    /// The same, or 0.
    PageSizeOrNone,
    /// [`crate::domain::MessageId`].
    Ulid,
    /// `true` or `false`.
    Flag,
    /// A form of what is listed.
    Format,
    /// A form of what is counted over time.
    TrendFormat,
    /// A form of a stream.
    StreamFormat,
    /// Columns.
    Width,
    /// How long a profile is, and its form.
    ProfileSeconds,
    /// See there.
    ProfileFormat,
    /// [`crate::domain::Hashtag`], and the beginning of one.
    Hashtag,
    /// [`crate::domain::UserName`].
    UserName,
    /// The beginning of one.
    UserNamePrefix,
    /// [`crate::domain::Interval`].
    Interval,
    /// [`crate::domain::Zone`].
    Zone,
}
