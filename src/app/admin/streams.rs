//! What the operator's commands write, and to whom.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use crate::app::admin::AdminError;

/// A line of results; gives the exit code of a command that is done with it.
pub(crate) fn say(out: &mut dyn Write, line: &str) -> Result<u8, AdminError> {
    written(writeln!(out, "{line}").and_then(|()| out.flush())).map(|()| 0)
}

/// Output that nobody reads any more (`| head`) is not an error.
pub(crate) fn written(result: io::Result<()>) -> Result<(), AdminError> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(AdminError::io("cannot write the output")),
    }
}

/// Whether standard output is a person's.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// `-` for standard streams.
pub(crate) fn is_dash(path: &Path) -> bool {
    *path == *PathBuf::from("-")
}

/// Whether standard output is a file, so that nobody sees it grow.
pub(crate) fn is_file() -> bool {
    let duplicate = io::stdout().as_fd().try_clone_to_owned();
    let metadata = duplicate.and_then(|stream| File::from(stream).metadata());
    metadata.is_ok_and(|data| data.is_file())
}
