//! Writing the file anew from its rows, so that nothing else is in it.
//!
//! What is deleted is overwritten where it stands, but SQLite may have left a
//! copy in an unused part of a page when it moved rows between pages: seldom
//! since deleted rows are overwritten, for one message in ten before.

use std::path::Path;

use super::SqliteOptions;
use super::guard::log::Frames;
use super::open::{open_writer, refused};
use super::sql::Sql;
use crate::store::OpenError;

/// Rewrites the file, beside whoever uses it: they read on, and posts wait.
/// Needs room on the disk for the file twice more. Says whether the log is
/// empty afterwards; a long read of another program may keep it.
///
/// # Errors
/// The store cannot be opened for writing, or the disk is full.
pub fn vacuum(path: &Path) -> Result<bool, OpenError> {
    let connection = open_writer(path, &SqliteOptions::default())?;
    let rewrite = || {
        // As large as the store: not in memory.
        connection.pragma_update(None, "temp_store", "file")?;
        connection.execute_batch("vacuum")?;
        Frames::of(&connection, Sql::Truncate)
    };
    let frames = rewrite().map_err(|error| refused(path, &error))?;
    Ok(!frames.is_blocked)
}
