//! Where an archive's files are: a directory, or a bucket of S3. A file is
//! written once, under a name that was never used, and never changed.

mod local;
mod name;
mod s3;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use tempfile::TempPath;

use crate::domain::StoreError;

pub(crate) use local::Local;
pub(crate) use name::{Name, folder};
pub(crate) use s3::S3;

/// Why a file was not read, written or removed. `Display` is for the log.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum FileError {
    /// There is no such file, though there should be.
    #[error("{0} is not there")]
    Missing(String),
    /// It is not what was written under this name.
    #[error("{name} is damaged or not dunder's: {why}")]
    Damaged {
        /// Which one.
        name: String,
        /// In what way.
        why: String,
    },
    /// The place of the files does not answer, or has no room.
    #[error("{name}: {why}")]
    Away {
        /// Which file it was about.
        name: String,
        /// What was said.
        why: String,
    },
    /// It may well be there: nobody waited for it to the end.
    #[error("{0} was not read in time")]
    Late(String),
}

impl FileError {
    pub(crate) fn away(name: &str, why: impl ToString) -> FileError {
        FileError::Away {
            name: name.to_owned(),
            why: why.to_string(),
        }
    }

    /// For whoever needed it.
    pub(crate) fn into_error(self) -> StoreError {
        match self {
            FileError::Late(_) => StoreError::TooSlow(self.to_string()),
            FileError::Missing(_) | FileError::Damaged { .. } | FileError::Away { .. } => {
                StoreError::ArchiveAway(self.to_string())
            }
        }
    }

    pub(crate) fn damaged(name: &str, why: impl ToString) -> FileError {
        FileError::Damaged {
            name: name.to_owned(),
            why: why.to_string(),
        }
    }
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Below the archive's root.
    pub(crate) name: String,
    /// Its length.
    pub(crate) bytes: u64,
}

/// A file that is written before it is put. Without a path nothing of it stays
/// when the program ends, however it does.
pub(crate) struct Spool {
    pub(crate) file: File,
    pub(crate) path: Option<TempPath>,
}

/// A place for files.
#[async_trait]
pub(crate) trait Files: Send + Sync {
    /// A part of a file.
    async fn read(&self, name: &str, range: Range<u64>) -> Result<Bytes, FileError>;

    /// A file to write into before it is put.
    fn spool(&self) -> io::Result<Spool>;

    /// Removes what programs that were killed had begun to write.
    async fn clear_spools(&self) -> Result<(), FileError> {
        Ok(())
    }

    /// Keeps a file under a name. It is durable once this returns.
    async fn put(&self, name: &str, file: Spool) -> Result<(), FileError>;

    /// The same under a name that others may want at the same time: one of them
    /// has it then.
    async fn put_first(&self, name: &str, file: Spool) -> Result<(), FileError> {
        self.put(name, file).await
    }

    /// Removes a file; one that is not there is no error.
    async fn remove(&self, name: &str) -> Result<(), FileError>;

    /// All files below a folder (`2026/11/30`), or all there are.
    async fn list(&self, folder: Option<&str>) -> Result<Vec<Listed>, FileError>;
}

/// What `archive.url` can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchivePlace {
    /// `file:///var/lib/dunder/archive`
    Directory(PathBuf),
    /// `s3://bucket/prefix`
    Bucket {
        /// The bucket's name.
        bucket: String,
        /// Before each name, without slashes around it; may be empty.
        prefix: String,
    },
}
