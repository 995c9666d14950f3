//! Files that are nobody else's business: the login, drafts, messages that
//! wait. They are readable by their owner only from the first byte on, and
//! there whole or not at all.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

/// Writes a file, through a temporary file beside it.
pub(super) fn write(path: &Path, content: &[u8]) -> std::io::Result<()> {
    place(path, content, |_| Ok(())).map(drop)
}

/// The same for a file that others must not take before the caller is done
/// with it: it is locked when they first see it.
pub(super) fn write_locked(path: &Path, content: &[u8]) -> std::io::Result<File> {
    place(path, content, File::lock)
}

fn place(
    path: &Path,
    content: &[u8],
    prepare: impl FnOnce(&File) -> std::io::Result<()>,
) -> std::io::Result<File> {
    let folder = path.parent().unwrap_or(Path::new("."));
    directory(folder)?;
    let temporary = folder.join(format!(".{}.{}", std::process::id(), random_name()));
    let written = (|| {
        let mut file = new_file(&temporary)?;
        prepare(&file)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        sync_directory(folder)?;
        Ok(file)
    })();
    if written.is_err() {
        // The error that matters is the one before.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// Reads a file of at most `most` bytes. Anything else that has a name, such
/// as a pipe, would keep the reader waiting for ever and is refused.
pub(super) fn read(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    is_file(path)?;
    let file = File::open(path)?;
    if file.metadata()?.len() > most {
        return Err(std::io::Error::other(format!(
            "it is larger than {} KiB",
            most / 1024
        )));
    }
    let mut content = Vec::new();
    file.take(most).read_to_end(&mut content)?;
    Ok(content)
}

/// Refuses what is no plain file, before it is opened.
pub(super) fn is_file(path: &Path) -> std::io::Result<()> {
    if std::fs::metadata(path)?.is_file() {
        Ok(())
    } else {
        Err(std::io::Error::other("it is not a file"))
    }
}

/// Creates a file that was not there, for its owner only.
pub(super) fn new_file(path: &Path) -> std::io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Creates a directory that only its owner can enter; one that is there
/// stays as it is.
pub(super) fn directory(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes what was created, renamed or removed in a directory survive a loss
/// of power.
pub(super) fn sync_directory(path: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        File::open(path)?.sync_all()?;
    }
    Ok(())
}

/// 128 random bits in hexadecimal: a name nobody else has.
pub(super) fn random_name() -> String {
    let mut bits = [0u8; 16];
    if getrandom::fill(&mut bits).is_err() {
        // Without randomness, the clock and the process are as good as it gets.
        let nanos = chrono::Utc::now().timestamp_nanos_opt().unwrap_or(0);
        bits[..8].copy_from_slice(&nanos.to_be_bytes());
        bits[8..12].copy_from_slice(&std::process::id().to_be_bytes());
    }
    bits.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_of_a_sane_size_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "text").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"text");
        assert!(read(&path, 3).is_err());
        assert!(read(directory.path(), 100).is_err());
        let pipe = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let error = read(&pipe, 100).unwrap_err().to_string();
        assert!(error.contains("not a file"), "{error}");
    }
}
