//! `--position FILE`: where the next run goes on.
//!
//! The file holds one id. It is locked while it is used, so that two runs do
//! not do the same work, and written in place: 27 bytes, the same number each
//! time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::cli::{CliError, private};
use crate::domain::{MessageId, shown};

/// More than an id and what an editor may have put behind it.
const MOST: u64 = 1024;

/// A position that outlives the process.
pub(super) struct PositionFile {
    path: PathBuf,
    file: File,
    kept: Option<MessageId>,
}

impl PositionFile {
    /// Opens the file, or makes it; what is in it.
    ///
    /// # Errors
    /// It cannot be used, holds something else, or another dunder uses it.
    pub fn open(path: &Path) -> Result<PositionFile, CliError> {
        let failed = |why: &str| {
            CliError::Failed(format!(
                "cannot keep the position in {}: {why}",
                path.display()
            ))
        };
        if path.exists() {
            private::is_file(path).map_err(|error| failed(&error.to_string()))?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path);
        let file = file.map_err(|error| failed(&error.to_string()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(failed("another dunder is using it; end that one first"));
            }
            Err(TryLockError::Error(error)) => return Err(failed(&error.to_string())),
        }
        let mut text = String::new();
        let read = (&file).take(MOST).read_to_string(&mut text);
        read.map_err(|error| failed(&error.to_string()))?;
        let kept = match text.trim() {
            "" => None,
            id => Some(id.parse().map_err(|_| {
                failed(&format!(
                    "it holds {}, which is no message's id; empty it to begin anew",
                    shown(id)
                ))
            })?),
        };
        Ok(PositionFile {
            path: path.to_owned(),
            file,
            kept,
        })
    }

    /// The position that is kept.
    pub fn kept(&self) -> Option<MessageId> {
        self.kept
    }

    /// Keeps another position.
    ///
    /// # Errors
    /// The disk is full, for instance.
    pub fn keep(&mut self, position: MessageId) -> Result<(), CliError> {
        if self.kept == Some(position) {
            return Ok(());
        }
        let is_first = self.kept.is_none();
        let written = (|| {
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(format!("{position}\n").as_bytes())?;
            if is_first {
                // Later writes change no length, so a loss of power leaves
                // an older position at the worst.
                self.file.set_len(MessageId::CHARS as u64 + 1)?;
                self.file.sync_all()?;
            }
            Ok(())
        })();
        written.map_err(|error: std::io::Error| {
            CliError::Failed(format!(
                "cannot keep the position {position} in {}: {error}",
                self.path.display()
            ))
        })?;
        self.kept = Some(position);
        Ok(())
    }
}
