//! Files that are nobody else's business: the login, drafts, messages that
//! wait. They are readable by their owner only from the first byte on, and
//! there whole or not at all.

use std::fs::File;
use std::io::Write;
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
