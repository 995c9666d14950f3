//! Whose archive it is: a file at its root names the store. Another store would
//! take files of the same days for left-overs of its own, and remove them.

use std::io::Write as _;

use super::Archived;
use super::files::FileError;
use crate::domain::StoreError;

/// The file. Spark and Hive pass over names that begin so.
const NAME: &str = "_dunder-store";
/// Digits of a store's name, and the end of the line.
const LENGTH: u64 = 33;

/// Whose archive a place has.
#[derive(Debug, PartialEq, Eq)]
pub enum Owner {
    /// Nobody has written there yet.
    Nobody,
    /// This store, or a copy of it.
    This,
    /// A store of this name.
    Another(String),
}

impl Archived {
    /// Looks whose archive it is, and changes nothing.
    ///
    /// # Errors
    /// The hot store, or the archive, which may be away.
    pub async fn owner(&self) -> Result<Owner, StoreError> {
        let ours = self.hot.identity().await?;
        let found = match self.cold.files.read(NAME, 0..LENGTH).await {
            Ok(bytes) => String::from_utf8_lossy(&bytes).trim().to_owned(),
            Err(FileError::Missing(_)) => return Ok(Owner::Nobody),
            Err(FileError::Damaged { .. }) => "unknown".to_owned(),
            Err(error) => return Err(error.into_error()),
        };
        Ok(match found == ours {
            true => Owner::This,
            false => Owner::Another(found),
        })
    }

    /// Before anything is written or removed: makes the archive this store's,
    /// where it is nobody's. Known from then on.
    pub(super) async fn claim(&self) -> Result<(), StoreError> {
        let claim = async || {
            let mut owner = self.owner().await?;
            if owner == Owner::Nobody {
                self.sign().await?;
                // Of two that sign at the same time one has to give way.
                owner = self.owner().await?;
            }
            match owner {
                Owner::This => Ok(()),
                Owner::Nobody => Err(FileError::Missing(NAME.to_owned()).into_error()),
                Owner::Another(store) => Err(StoreError::ArchiveAway(format!(
                    "it belongs to another store ({store}, by {NAME}); nothing is written there"
                ))),
            }
        };
        self.claimed.get_or_try_init(claim).await.copied()
    }

    async fn sign(&self) -> Result<(), StoreError> {
        let ours = self.hot.identity().await?;
        let away = |error| FileError::away(NAME, error).into_error();
        let mut spool = self.cold.files.spool().map_err(away)?;
        writeln!(spool.file, "{ours}").map_err(away)?;
        match self.cold.files.put(NAME, spool).await {
            // It may be the other one's, which is about to be seen.
            Ok(()) | Err(FileError::Away { .. }) => Ok(()),
            Err(error) => Err(error.into_error()),
        }
    }
}
