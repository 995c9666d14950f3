//! The files of messages that wait: one each, named by their numbers in the
//! order of writing, and two locks. `numbers` is held for a moment to give out
//! a number, `turn` while messages are being sent. A file is locked by whoever
//! sends or drops its message; locks end with their process.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::cli::outbox::waiting::Waiting;
use crate::cli::{CliError, private, state};

/// More than this are not kept.
const MAX_WAITING: usize = 10_000;
/// A larger file is not one of ours.
const MAX_FILE: u64 = 1 << 20;
/// A larger number is not one of ours.
const MAX_NUMBER: u64 = 1 << 48;
/// Nobody takes so long to write a file.
const LEFTOVER: Duration = Duration::from_secs(3600);
/// Between two looks at a lock.
const POLL: Duration = Duration::from_millis(20);

/// The directory of the queue.
pub(crate) struct Store {
    directory: PathBuf,
}

/// A message in the queue.
pub(crate) struct Entry {
    /// What `dunder queue` calls it.
    pub number: u64,
    /// The message, or why its file cannot be read.
    pub waiting: Result<Waiting, String>,
}

/// A message that no other process can take.
pub(crate) struct Held {
    /// Its number.
    pub number: u64,
    path: PathBuf,
    _lock: File,
}

/// The right to send what waits.
pub(crate) struct Turn {
    _lock: File,
}

/// The right to give out numbers.
struct Numbers {
    lock: File,
}

impl Store {
    /// The queue, made if it is not there.
    ///
    /// # Errors
    /// The state directory cannot be used.
    pub fn open() -> Result<Store, CliError> {
        let directory = state::directory("queue")?;
        Ok(Store { directory })
    }

    /// The queue, if anything ever waited.
    pub fn existing() -> Option<Store> {
        let directory = state::path().ok()?.join("queue");
        directory.is_dir().then_some(Store { directory })
    }

    fn failed(&self, what: &str, error: &std::io::Error) -> CliError {
        CliError::Failed(format!(
            "cannot {what} in {}: {error}",
            self.directory.display()
        ))
    }

    /// Writes a message down behind all others, for good, and holds it.
    ///
    /// # Errors
    /// It cannot be written, or too many wait already.
    pub fn add(&self, waiting: &Waiting) -> Result<Held, CliError> {
        let failed = |error: std::io::Error| self.failed("keep the message", &error);
        let json = serde_json::to_vec_pretty(waiting).map_err(|error| failed(error.into()))?;
        let mut numbers = self.numbers().map_err(failed)?;
        self.sweep();
        let present = self.present()?;
        if present.len() >= MAX_WAITING {
            return Err(CliError::Failed(format!(
                "{MAX_WAITING} messages wait already, no more are kept; see 'dunder queue'"
            )));
        }
        let number = present.last().copied().max(numbers.last()).unwrap_or(0) + 1;
        if number > MAX_NUMBER {
            return Err(CliError::Failed(format!(
                "no number is left for another message; send or drop what waits, then remove {}",
                self.directory.join("numbers").display()
            )));
        }
        numbers.set(number).map_err(failed)?;
        let path = self.file(number);
        let lock = private::write_locked(&path, &json).map_err(failed)?;
        Ok(Held {
            number,
            path,
            _lock: lock,
        })
    }

    fn numbers(&self) -> std::io::Result<Numbers> {
        let lock = self.lock_file("numbers")?;
        lock.lock()?;
        Ok(Numbers { lock })
    }

    fn lock_file(&self, name: &str) -> std::io::Result<File> {
        let path = self.directory.join(name);
        match private::new_file(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        private::is_file(&path)?;
        File::options().read(true).write(true).open(path)
    }

    /// Removes what a process that was killed while writing left.
    fn sweep(&self) {
        let files = std::fs::read_dir(&self.directory).into_iter().flatten();
        for file in files.flatten() {
            let age = file.metadata().and_then(|file| file.modified());
            let is_old = age.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > LEFTOVER));
            if is_old && file.file_name().to_string_lossy().starts_with('.') {
                // It is in nobody's way.
                let _ = std::fs::remove_file(file.path());
            }
        }
    }

    fn file(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:08}.json"))
    }

    /// The numbers of all messages, in order.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn present(&self) -> Result<Vec<u64>, CliError> {
        let failed = |error: std::io::Error| self.failed("look for messages that wait", &error);
        let mut numbers = Vec::new();
        for file in std::fs::read_dir(&self.directory).map_err(failed)? {
            let name = file.map_err(failed)?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".json"));
            numbers.extend(number.and_then(given_out));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// A message; `None` when it is gone.
    pub fn entry(&self, number: u64) -> Option<Entry> {
        let waiting = match read(&self.file(number)) {
            Ok(waiting) => Ok(waiting),
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => Err(format!(
                "cannot read {}: {error}",
                self.file(number).display()
            )),
        };
        Some(Entry { number, waiting })
    }

    /// All messages, in order.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>, CliError> {
        let numbers = self.present()?;
        Ok(numbers.into_iter().filter_map(|n| self.entry(n)).collect())
    }

    /// Takes a message; `None` when it is gone or another process has it.
    ///
    /// # Errors
    /// The file cannot be locked.
    pub fn hold(&self, number: u64) -> Result<Option<Held>, CliError> {
        let path = self.file(number);
        let failed = |error: std::io::Error| {
            CliError::Failed(format!(
                "cannot take the message that waits in {}: {error}; make the file yours or move it away",
                path.display()
            ))
        };
        let opened = private::is_file(&path)
            .and_then(|()| File::options().read(true).write(true).open(&path));
        let lock = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // It may have been removed or replaced between opening and locking.
        Ok(is_at(&lock, &path).then_some(Held {
            number,
            path,
            _lock: lock,
        }))
    }

    /// Waits until no other process sends; `None` when `deadline` is over.
    ///
    /// # Errors
    /// The lock cannot be used.
    pub async fn turn(&self, deadline: Instant) -> Result<Option<Turn>, CliError> {
        let failed = |error: std::io::Error| self.failed("lock the queue", &error);
        let lock = self.lock_file("turn").map_err(failed)?;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Some(Turn { _lock: lock })),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) if Instant::now() + POLL >= deadline => {
                    return Ok(None);
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(POLL).await,
            }
        }
    }
}

impl Numbers {
    /// The number given out last, so that none is used twice.
    fn last(&mut self) -> Option<u64> {
        let mut text = String::new();
        self.lock.read_to_string(&mut text).ok()?;
        given_out(text.trim())
    }

    fn set(&mut self, number: u64) -> std::io::Result<()> {
        self.lock.rewind()?;
        self.lock.set_len(0)?;
        self.lock.write_all(format!("{number}\n").as_bytes())
    }
}

impl Held {
    /// The server has it, or the person does not want it any more.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(self) -> Result<(), CliError> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.failed("remove", &error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Writes down what became of it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn rewrite(&self, waiting: &Waiting) -> Result<(), CliError> {
        let json = serde_json::to_vec_pretty(waiting)
            .map_err(|error| self.failed("write", &error.into()))?;
        private::write(&self.path, &json).map_err(|error| self.failed("write", &error))
    }

    fn failed(&self, what: &str, error: &std::io::Error) -> CliError {
        CliError::Failed(format!("cannot {what} {}: {error}", self.path.display()))
    }
}

/// A number that can have been given out.
fn given_out(number: &str) -> Option<u64> {
    number.parse().ok().filter(|number| *number <= MAX_NUMBER)
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let there = std::fs::metadata(path).and_then(|there| Ok((there, file.metadata()?)));
    there.is_ok_and(|(there, here)| (there.dev(), there.ino()) == (here.dev(), here.ino()))
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

fn read(path: &Path) -> std::io::Result<Waiting> {
    Ok(serde_json::from_slice(&private::read(path, MAX_FILE)?)?)
}
