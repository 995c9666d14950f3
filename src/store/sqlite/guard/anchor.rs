//! Whether the file that is open is still the one at its path. A file that
//! was removed or replaced goes on taking writes, and all of them vanish with
//! its last user: nothing may be acknowledged into it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::domain::StoreError;

/// Device and inode: which file it is, whatever its name.
type Identity = (u64, u64);

/// Knows which file, and which log beside it, are open.
#[derive(Debug)]
pub(crate) struct Anchor {
    path: PathBuf,
    log_path: PathBuf,
    file: Option<Identity>,
    /// Made by the first transaction, and then the same until the last
    /// connection ends.
    log: Mutex<Option<Identity>>,
}

impl Anchor {
    /// Remembers the file that was just opened.
    pub(crate) fn of(path: &Path) -> Anchor {
        let mut log_path = path.as_os_str().to_owned();
        log_path.push("-wal");
        Anchor {
            path: path.to_owned(),
            log_path: log_path.into(),
            file: identity(path),
            log: Mutex::new(None),
        }
    }

    /// Two looks at the file system, no more.
    ///
    /// # Errors
    /// The file or its log is gone, or another one is in its place.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let lost = |path: &Path| {
            Err(StoreError::Unavailable(format!(
                "{} was removed or replaced while it was open; put it back, or start again with the file that is to be used",
                path.display()
            )))
        };
        if self.file.is_none() || identity(&self.path) != self.file {
            return lost(&self.path);
        }
        let now = identity(&self.log_path);
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        match *log {
            None => *log = now,
            known if known != now => return lost(&self.log_path),
            Some(_) => {}
        }
        Ok(())
    }
}

fn identity(path: &Path) -> Option<Identity> {
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}
