//! Every statement that runs on CockroachDB, beside the migrations and what
//! `server.rs` starts a session with. They run unchanged on CockroachDB from
//! v19.1 and on PostgreSQL; what that takes is checked over the text of each
//! (`rules`).

mod compaction;
mod counts;
mod follow;
mod inspection;
#[cfg(test)]
mod listed;
mod manifest;
mod pages;
mod read;
mod refold;
mod regions;
mod removal;
mod retention;
#[cfg(test)]
mod rules;
mod schema;
mod slots;
mod tokens;
mod write;

use std::borrow::Cow;

use tokio_postgres::types::Type;

pub(super) use self::compaction::*;
pub(super) use self::counts::*;
pub(super) use self::follow::*;
pub(super) use self::inspection::*;
pub(super) use self::manifest::*;
pub(super) use self::pages::*;
pub(super) use self::read::*;
pub(super) use self::refold::*;
pub(super) use self::regions::*;
pub(super) use self::removal::*;
pub(super) use self::retention::*;
pub(super) use self::schema::*;
pub(super) use self::slots::*;
pub(super) use self::tokens::*;
pub(super) use self::write::*;

/// A statement and the types of its parameters.
pub(super) struct Sql {
    pub(super) text: Cow<'static, str>,
    pub(super) types: Cow<'static, [Type]>,
}

const TEXT: Type = Type::TEXT;
const TEXTS: Type = Type::TEXT_ARRAY;
const INT: Type = Type::INT8;
const INTS: Type = Type::INT8_ARRAY;

impl Sql {
    /// One whose text depends on what is asked for.
    fn composed(text: String, types: Vec<Type>) -> Sql {
        Sql {
            text: Cow::Owned(text),
            types: Cow::Owned(types),
        }
    }
}

/// Statements with a fixed text: `NAME (types of the parameters): text`. The
/// list of them is what the rules are checked over.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident ($($type:expr),*): $text:expr;)*) => {
        $(
            $(#[$doc])*
            pub(in crate::store::cockroach) static $name: Sql = Sql {
                text: std::borrow::Cow::Borrowed($text),
                types: std::borrow::Cow::Borrowed(&[$($type),*]),
            };
        )*
        /// All of them, by name.
        #[cfg(test)]
        pub(super) static FIXED: &[(&str, &Sql)] = &[$((stringify!($name), &$name)),*];
    };
}
use statements;
