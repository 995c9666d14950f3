//! What dunder asks of a place that keeps messages, as a few small traits: a
//! part that only counts needs no place that also posts. One contract suite
//! runs over all of them for every backend (`tests/it/contract`).
//!
//! Whatever a method acknowledged is durable, and nothing is ever stored
//! twice. Absence is `Option`, never an error; what a backend cannot do yet
//! is [`StoreError::NotYet`].

mod archive;
mod counts;
mod error;
mod following;
mod lifecycle;
mod messages;
mod removal;
mod retention;
mod tokens;
mod transfer;

pub use archive::{ArchiveFile, ArchivedDay, ColdRead, Day, Manifest};
pub use counts::Counts;
pub use error::{PostError, StoreError};
pub use following::{Event, FollowFilter, Following, Passage, Position};
pub use lifecycle::{Lifecycle, NotReady, Version, Warning};
pub use messages::Messages;
pub use removal::{Deleter, Deletion, Removal, Tombstone};
pub use retention::{Boundary, Retention, Rule};
pub use tokens::Tokens;
pub use transfer::{Imported, Transfer};

/// A place that does all of it.
pub trait Store:
    Messages + Counts + Following + Removal + Manifest + Retention + Tokens + Transfer + Lifecycle
{
}

impl<T> Store for T where
    T: Messages
        + Counts
        + Following
        + Removal
        + Manifest
        + Retention
        + Tokens
        + Transfer
        + Lifecycle
        + ?Sized
{
}

/// The methods of a store, for those who have one of a known type.
pub mod prelude {
    pub use super::{
        Counts as _, Following as _, Lifecycle as _, Manifest as _, Messages as _, Removal as _,
        Retention as _, Tokens as _, Transfer as _,
    };
}
