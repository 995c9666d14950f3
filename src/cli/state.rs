//! What the client keeps between two commands without being told to: drafts,
//! messages that wait, and what a person has been told once. It lies under
//! `XDG_STATE_HOME`, for its owner only.

use std::path::{Path, PathBuf};

use super::{CliError, private};

/// The client's own directory; it need not exist yet.
///
/// # Errors
/// The system names no place for it.
pub(super) fn path() -> Result<PathBuf, CliError> {
    // Only Linux tells state from data.
    let base = dirs::state_dir().or_else(dirs::data_local_dir);
    let base = base.ok_or_else(|| {
        CliError::Failed("no state directory is known; set HOME or XDG_STATE_HOME".to_owned())
    })?;
    Ok(base.join("dunder"))
}

/// A directory of the client's, made if it is not there, closed to others
/// even if it was open.
///
/// # Errors
/// It cannot be made.
pub(super) fn directory(name: &str) -> Result<PathBuf, CliError> {
    let path = path()?.join(name);
    let made = private::directory(&path).and_then(|()| close(&path));
    made.map_err(|error| {
        CliError::Failed(format!(
            "cannot use the directory {}: {error}",
            path.display()
        ))
    })?;
    Ok(path)
}

#[cfg(unix)]
fn close(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if std::fs::metadata(path)?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o700))
}

#[cfg(not(unix))]
fn close(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Whether this is the first time that `what` is asked about, ever. Where
/// nothing can be remembered it is not: better to say nothing than to say it
/// every time.
pub(super) fn is_first_time(what: &str) -> bool {
    directory("told").is_ok_and(|told| private::new_file(&told.join(what)).is_ok())
}
