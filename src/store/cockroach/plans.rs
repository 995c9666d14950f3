//! Statements whose plans tests look at.

use tokio_postgres::types::Type;

use super::sql::List::{All, Hashtag, User};
use super::sql::{self, Parts, page_of_part};

/// The statements that read pages, for tests of their plans: of one list (of
/// a user or of a hashtag), of a part of one with the same and other hashtags
/// looked up, and where parts of a user's and a hashtag's list end.
pub fn page_statements() -> Vec<(&'static str, String, Vec<Type>)> {
    let of_a_user = Parts {
        lead: vec![User],
        hashtags: 2,
        ..Parts::default()
    };
    let of_a_hashtag = Parts {
        lead: vec![Hashtag],
        user: true,
        ..of_a_user.clone()
    };
    let of_two_users = Parts {
        lead: vec![User, User],
        any: vec![(Hashtag, 2)],
        without: 1,
        ..Parts::default()
    };
    let of_two_hashtags = Parts {
        lead: vec![Hashtag, Hashtag],
        any: vec![(User, 2)],
        ..Parts::default()
    };
    let of_all = Parts {
        lead: vec![All],
        without: 2,
        ..Parts::default()
    };
    let ends = sql::ends_of_parts(&[vec![User], vec![Hashtag], vec![Hashtag, Hashtag]]);
    [
        ("of a user", sql::page(User)),
        ("of a hashtag", sql::page(Hashtag)),
        ("of a user's part", page_of_part(&of_a_user)),
        ("of a hashtag's part", page_of_part(&of_a_hashtag)),
        ("of two users' part", page_of_part(&of_two_users)),
        ("of two hashtags' part", page_of_part(&of_two_hashtags)),
        ("of everybody's part", page_of_part(&of_all)),
        ("ends of parts", ends),
    ]
    .map(|(name, sql)| (name, sql.text.into_owned(), sql.types.into_owned()))
    .into()
}

/// The statement of a trend with long buckets between two hours or days, for
/// tests of its plan.
pub fn pieced_trend_statement(series: usize) -> String {
    sql::trend_in_pieces(series, false).text.into_owned()
}

/// The statements that take so many messages out of lists, and so many keys
/// away, for tests of their plans.
pub fn removal_statements(pairs: usize) -> [(&'static str, String, Vec<Type>); 2] {
    [
        ("places", sql::unlist(pairs)),
        ("keys", sql::forget_keys(pairs)),
    ]
    .map(|(name, sql)| (name, sql.text.into_owned(), sql.types.into_owned()))
}
