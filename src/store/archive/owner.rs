//! Whose archive it is: a file at its root names the store. Another store would
//! take files of the same days for left-overs of its own, and remove them.

use std::collections::HashSet;
use std::io::Write as _;

use super::Archived;
use super::files::{FileError, Name};
use crate::domain::StoreError;

/// The file. Spark and Hive pass over names that begin so.
const NAME: &str = "_dunder-store";
/// Digits of a store's name, and the end of the line.
const LENGTH: u64 = 33;
/// What a store is called that has no name there.
const UNKNOWN: &str = "unknown";

/// Whose archive a place has.
#[derive(Debug, PartialEq, Eq)]
pub enum Owner {
    /// Nobody has signed it: it is empty, or this store's from before.
    Nobody,
    /// This store, or a copy of it.
    This,
    /// A store of this name.
    Another(String),
}

impl Archived {
    /// Looks whose archive it is, and changes nothing there.
    ///
    /// # Errors
    /// The hot store, or the archive, which may be away.
    pub async fn owner(&self) -> Result<Owner, StoreError> {
        let ours = self.hot.identity().await?;
        let found = match self.cold.files.read(NAME, 0..LENGTH).await {
            Ok(bytes) => String::from_utf8_lossy(&bytes).trim().to_owned(),
            Err(FileError::Missing(_)) => return self.owner_by_files().await,
            Err(FileError::Damaged { .. }) => UNKNOWN.to_owned(),
            Err(error) => return Err(error.into_error()),
        };
        Ok(match found == ours {
            true => Owner::This,
            false => Owner::Another(found),
        })
    }

    /// Of an archive that nobody has signed: files are another store's, unless
    /// this one names some of them.
    async fn owner_by_files(&self) -> Result<Owner, StoreError> {
        let listed = self.cold.files.list(None).await;
        let listed = listed.map_err(FileError::into_error)?;
        let files = listed.iter().map(|file| file.name.as_str());
        let files: HashSet<&str> = files.filter(|name| name.parse::<Name>().is_ok()).collect();
        if files.is_empty() {
            return Ok(Owner::Nobody);
        }
        let days = self.all_days().await?;
        let mut named = days.iter().filter_map(|day| day.file.as_ref());
        Ok(match named.any(|file| files.contains(file.name.as_str())) {
            true => Owner::Nobody,
            false => Owner::Another(UNKNOWN.to_owned()),
        })
    }

    /// Before anything is written or removed: makes the archive this store's,
    /// where it is nobody's. Known from then on.
    pub(super) async fn claim(&self) -> Result<(), StoreError> {
        let claim = async || {
            let (mut owner, mut signed) = (self.owner().await?, Ok(()));
            if owner == Owner::Nobody {
                signed = self.sign().await;
                // Of two that sign at the same time one has to give way.
                owner = self.owner().await?;
            }
            match owner {
                Owner::This => Ok(()),
                Owner::Nobody => signed.and(Err(FileError::Missing(NAME.to_owned()).into_error())),
                Owner::Another(store) => Err(StoreError::ArchiveAway(format!(
                    "it belongs to another store ({store}, by {NAME}); nothing is written there"
                ))),
            }
        };
        self.claimed.get_or_try_init(claim).await.copied()
    }

    /// One that finds a signature fails: whose it is is looked at then.
    async fn sign(&self) -> Result<(), StoreError> {
        let ours = self.hot.identity().await?;
        let away = |error| FileError::away(NAME, error).into_error();
        let mut spool = self.cold.files.spool().map_err(away)?;
        writeln!(spool.file, "{ours}").map_err(away)?;
        let signed = self.cold.files.put_first(NAME, spool).await;
        signed.map_err(FileError::into_error)
    }
}
