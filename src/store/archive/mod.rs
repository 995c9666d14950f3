//! A store whose old messages are in an archive: plain Parquet files, one a
//! UTC day, in a directory or a bucket. It stands around another store, the
//! *hot* one, and reads both as one.
//!
//! Every step of moving leaves a state that reads right: a day's file is
//! written and read back, then the hot store names it (`Manifest`), then the
//! messages that are in it are evicted. What is in both is read once; what was
//! imported meanwhile stays hot until the day is written again; what was
//! deleted meanwhile is hidden, and the day is written without it.
//!
//! `schema` is the form of a file, `encode` writes it, `decode` reads its
//! footer and `group` its messages, `files` are where it is, `cold` keeps
//! footers and row groups, `scan` walks along `days` (`ahead` reads what comes
//! next), `traits` reads hot and cold as one (`passed_on` is what hot does
//! alone), `day` writes a day anew, `mover` decides which and when, `owner`
//! whose archive it is, and in `turn` imports and evictions wait for
//! each other.

mod ahead;
mod cold;
mod day;
mod days;
mod decode;
mod encode;
mod files;
mod group;
mod merge;
mod mover;
mod owner;
mod passed_on;
mod problems;
mod scan;
mod schema;
mod traits;
mod turn;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::Store;
use crate::store::OpenError;

use cold::Cold;
pub use files::ArchivePlace;
use files::{Files, Local, S3};
pub use mover::{Due, DueDay, Moved};
pub use owner::Owner;
use tokio::sync::OnceCell;
use turn::Turns;

/// How an archive is used.
#[derive(Debug, Clone)]
pub struct ArchiveOptions {
    /// Whether answers have what is in the archive.
    pub is_read: bool,
    /// How long one answer may read it.
    pub patience: Duration,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        ArchiveOptions {
            is_read: true,
            patience: Duration::from_secs(4),
        }
    }
}

/// A store with an archive.
pub struct Archived {
    hot: Arc<dyn Store>,
    cold: Arc<Cold>,
    options: ArchiveOptions,
    turns: Turns,
    /// Set once the archive is known to be this store's.
    claimed: OnceCell<()>,
}

impl Archived {
    /// Puts an archive behind a store. A bucket is not asked for anything yet.
    ///
    /// # Errors
    /// The directory cannot be made, or what the environment says of the bucket
    /// cannot be meant.
    pub fn open(
        hot: Arc<dyn Store>,
        place: &ArchivePlace,
        options: ArchiveOptions,
    ) -> Result<Archived, OpenError> {
        let files: Arc<dyn Files> = match place {
            ArchivePlace::Directory(path) => {
                let local = Local::open(path.clone());
                Arc::new(local.map_err(|source| OpenError::Io {
                    path: PathBuf::clone(path),
                    source,
                })?)
            }
            ArchivePlace::Bucket { bucket, prefix } => {
                let s3 = S3::open(bucket, prefix);
                Arc::new(s3.map_err(|error| OpenError::Settings(format!("archive.url: {error}")))?)
            }
        };
        Ok(Archived::over(hot, files, options))
    }

    fn over(hot: Arc<dyn Store>, files: Arc<dyn Files>, options: ArchiveOptions) -> Archived {
        let cold = Arc::new(Cold::new(files));
        Archived {
            hot,
            cold,
            options,
            turns: Turns::new(),
            claimed: OnceCell::new(),
        }
    }
}
